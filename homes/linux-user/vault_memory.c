/* SPDX-License-Identifier: MIT */
/*
 * vault_memory.c - a vault's address space and what is behind it: frames, guard pages, locks, the kernel's advice.
 *
 * Guard pages are markers (Linux 6.13: MADV_GUARD_INSTALL) where the memory is anonymous and the kernel has them: the whole vault stays
 * one mapping, and a fork that leaves it out costs nothing.  They must be there before the memory is locked.  Elsewhere a guard page is
 * a mapping without access between mappings of a frame each: two a frame, and vm.max_map_count bounds them.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vault.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MLOCK_ONFAULT
#define MLOCK_ONFAULT 1
#endif
#ifndef MAP_HUGE_2MB
#define MAP_HUGE_2MB (21 << 26)
#endif
#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447 /* the same number on every machine */
#endif
#ifndef PR_GET_MEMORY_MERGE
#define PR_GET_MEMORY_MERGE 68
#endif

#define VAULT_HUGE_BYTES ((size_t)2 << 20)

/* ---- address space ---- */

/* A frame is aligned as its size: pages larger than the kernel's are mapped with room to spare, which is given back at once. */
static int trim(struct vault_memory *made, size_t spare, const struct lab_complaint *to)
{
	char *map = made->map;
	size_t lead = (made->page - (uintptr_t)map % made->page) % made->page;

	if (!spare)
		return 0;
	if (lead && munmap(map, lead) != 0)
		return vault_complain(to, "munmap", lead, VAULT_BY_MAPPINGS);
	made->map = map + lead;
	made->bytes -= lead;
	if (spare > lead && munmap(map + lead + made->bytes - (spare - lead), spare - lead) != 0)
		return vault_complain(to, "munmap", spare - lead, VAULT_BY_MAPPINGS);
	made->bytes -= spare - lead;
	return 0;
}

static int reserve(struct vault_memory *made, int protection, int flags, const struct lab_complaint *to)
{
	bool guarded = made->stride == 2, huge = made->kind == LAB_VAULT_HUGETLB;
	size_t bytes = (size_t)made->frames * vault_step(made) + (guarded ? made->page : 0), step = (size_t)sysconf(_SC_PAGESIZE);
	size_t spare = huge || made->page <= step ? 0 : made->page - step;
	void *map;
	int error;

	if (huge)
		bytes = (bytes + VAULT_HUGE_BYTES - 1) & ~(VAULT_HUGE_BYTES - 1);
	map = mmap(NULL, bytes + spare, protection, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
	if (map == MAP_FAILED)
		return vault_complain(to, huge ? "mmap of huge pages" : "mmap", bytes, huge ? VAULT_BY_HUGE : VAULT_BY_SPACE);
	made->map = map;
	made->bytes = bytes + spare;
	error = trim(made, spare, to);
	if (error)
		return error;
	made->base = (char *)made->map + (guarded ? made->page : 0);
	return 0;
}

/* Markers in every guard page; false: this kernel, or this memory, has none. */
static bool install_markers(const struct vault_memory *made)
{
	uint64_t i;

	for (i = 0; i <= made->frames; i++) {
		char *guard = made->base - made->page + i * vault_step(made);

		if (madvise(guard, made->page, MADV_GUARD_INSTALL) == 0)
			continue;
		/* A program under mlockall(MCL_FUTURE): locked is for afterwards. */
		if (i || errno != EINVAL || munlock(made->map, made->bytes) != 0 ||
		    madvise(guard, made->page, MADV_GUARD_INSTALL) != 0)
			return false;
	}
	return true;
}

static int protect_guards(const struct vault_memory *made, const struct lab_complaint *to)
{
	uint64_t i;

	for (i = 0; i <= made->frames; i++)
		if (mprotect(made->base - made->page + i * vault_step(made), made->page, PROT_NONE) != 0)
			return vault_complain(to, "mprotect of guard pages", made->bytes, VAULT_BY_MAPPINGS);
	return 0;
}

/* A process may have asked that equal pages be merged (KSM): not these. */
static int unmerge(const struct vault_memory *made, const struct lab_complaint *to)
{
	if (prctl(PR_GET_MEMORY_MERGE, 0, 0, 0, 0) != 1 || madvise(made->map, made->bytes, MADV_UNMERGEABLE) == 0)
		return 0;
	return vault_complain(to, "madvise(MADV_UNMERGEABLE)", made->bytes, VAULT_BY_NOTHING);
}

static int back_anonymous(struct vault_memory *made, const struct lab_complaint *to)
{
	int error = reserve(made, PROT_READ | PROT_WRITE, made->stride == 2 ? MAP_NORESERVE : 0, to);

	if (!error)
		error = unmerge(made, to);
	if (error || made->stride == 1)
		return error;
	made->markers = install_markers(made);
	return made->markers ? 0 : protect_guards(made, to);
}

/* ---- memfd_secret ---- */

static int map_secrets(struct vault_memory *made, int fd, const struct lab_complaint *to)
{
	size_t all = (size_t)made->frames * made->page;
	uint64_t i, step = made->stride == 1 ? made->frames : 1; /* a mapping for all of them, or one each */
	void *map;
	int error;

	error = reserve(made, PROT_NONE, MAP_NORESERVE, to);
	if (error)
		return error;
	for (i = 0; i < made->frames; i += step) {
		map = mmap(made->base + i * vault_step(made), (size_t)step * made->page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
			   (off_t)(i * made->page));
		if (map == MAP_FAILED)
			break;
	}
	if (i >= made->frames)
		return 0;
	error = errno;
	munmap(made->map, made->bytes); /* what is locked by it is not to be counted twice */
	made->map = NULL;
	errno = error;
	return vault_complain(to, "mmap of secret memory", all, error == EAGAIN ? VAULT_BY_MEMLOCK : VAULT_BY_MAPPINGS);
}

/* The mappings hold it; the descriptor is closed at once, so that nobody can fetch or inherit it. */
static int back_secret(struct vault_memory *made, const struct lab_complaint *to)
{
	size_t all = (size_t)made->frames * made->page;
	int fd = (int)syscall(SYS_memfd_secret, O_CLOEXEC);
	int error;

	if (fd < 0)
		return vault_complain(to, "memfd_secret", all, VAULT_BY_SECRETS);
	if (ftruncate(fd, (off_t)all) != 0)
		error = vault_complain(to, "ftruncate of secret memory", all, VAULT_BY_NOTHING);
	else
		error = map_secrets(made, fd, to);
	close(fd);
	return error;
}

int vault_back(const struct vault_want *want, struct vault_memory *made, const struct lab_complaint *to)
{
	(void)want;
	if (made->kind == LAB_VAULT_SECRET)
		return back_secret(made, to);
	if (made->kind == LAB_VAULT_HUGETLB)
		return reserve(made, PROT_READ | PROT_WRITE, MAP_HUGETLB | MAP_HUGE_2MB, to);
	return back_anonymous(made, to);
}

/* ---- arming ---- */

/* Locked as it is touched.  One mapping at once; where guard pages lie between, frame by frame: these are not counted. */
static int lock_frames(const struct vault_memory *made, const struct lab_complaint *to)
{
	size_t all = (size_t)made->frames * made->page;
	uint64_t i;
	int error;

	if (made->kind != LAB_VAULT_ANONYMOUS) /* hugetlb is never swapped; memfd_secret is locked by birth */
		return 0;
	if (made->stride == 1 || made->markers) {
		if (syscall(SYS_mlock2, made->map, made->bytes, MLOCK_ONFAULT) != 0)
			return vault_complain(to, "mlock2(MLOCK_ONFAULT)", made->bytes, VAULT_BY_MEMLOCK);
		return 0;
	}
	for (i = 0; i < made->frames; i++)
		if (syscall(SYS_mlock2, made->base + i * vault_step(made), made->page, MLOCK_ONFAULT) != 0) {
			error = errno;
			syscall(SYS_munlock, made->map, made->bytes); /* not to be counted twice */
			errno = error;
			return vault_complain(to, "mlock2(MLOCK_ONFAULT)", all, VAULT_BY_MEMLOCK);
		}
	return 0;
}

/* Make every page present and writable. */
static int touch_frames(struct vault_memory *made, const struct lab_complaint *to)
{
	size_t step = (size_t)sysconf(_SC_PAGESIZE), at;
	uint64_t i;

	/* The kernel's own touching tells when memory is short; it enters neither guard pages nor secret memory. */
	if (made->stride == 1 && made->kind != LAB_VAULT_SECRET && madvise(made->map, made->bytes, MADV_POPULATE_WRITE) != 0 &&
	    (errno == ENOMEM || errno == EHWPOISON))
		return vault_complain(to, "madvise(MADV_POPULATE_WRITE)", made->bytes, VAULT_BY_SPACE);
	for (i = 0; i < made->frames; i++)
		for (at = 0; at < made->page; at += step)
			*(volatile char *)(made->base + i * vault_step(made) + at) = 0;
	made->armed = true;
	return 0;
}

int vault_arm(const struct vault_want *want, struct vault_memory *made, const struct lab_complaint *to)
{
	int error = want->guarantees & LAB_LOCKED ? lock_frames(made, to) : 0;

	if (!error)
		error = touch_frames(made, to);
	if (error)
		return error;
	if (want->guarantees & LAB_NODUMP && made->kind != LAB_VAULT_SECRET && madvise(made->map, made->bytes, MADV_DONTDUMP) != 0)
		return vault_complain(to, "madvise(MADV_DONTDUMP)", made->bytes, VAULT_BY_NOTHING);
	if (want->guarantees & LAB_NOFORK && madvise(made->map, made->bytes, MADV_DONTFORK) != 0)
		return vault_complain(to, "madvise(MADV_DONTFORK)", made->bytes, VAULT_BY_NOTHING);
	return 0;
}
