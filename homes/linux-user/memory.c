/* SPDX-License-Identifier: MIT */
/*
 * memory.c - the memory behind rooms: mapped, bound, touched and locked as asked, or an error.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/mempolicy.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "home.h"
#include "vault.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MLOCK_ONFAULT
#define MLOCK_ONFAULT 1
#endif
#ifndef MAP_HUGE_2MB
#define MAP_HUGE_2MB (21 << 26)
#endif

#define HUGE_BYTES ((size_t)2 << 20)
#define BLOCK_FRAMES ((size_t)1 << LAB_ORDER_MAX)

/* Make every page present and writable; what stands there stays. */
static int touch(char *base, size_t bytes, const struct lab_complaint *to)
{
	size_t step = (size_t)sysconf(_SC_PAGESIZE), i;

	if (madvise(base, bytes, MADV_POPULATE_WRITE) == 0)
		return 0;
	if (errno != EINVAL) /* EINVAL: a kernel before 5.14 */
		return complain(to, "madvise(MADV_POPULATE_WRITE)", bytes);
	for (i = 0; i < bytes; i += step) {
		/* By an atomic: another process may be at work there. */
		__atomic_fetch_or(base + i, 0, __ATOMIC_RELAXED);
	}
	return 0;
}

int home_arm(void *base, size_t bytes, const struct lab_complaint *to)
{
	if (mlock(base, bytes) != 0)
		return complain(to, "mlock", bytes);
	return touch(base, bytes, to);
}

static int bind_to_node(void *base, size_t bytes, unsigned int node, const struct lab_complaint *to)
{
	unsigned long mask[LAB_NODES_MAX / (8 * sizeof(unsigned long)) + 1] = { 0 };

	mask[node / (8 * sizeof(unsigned long))] |= 1UL << node % (8 * sizeof(unsigned long));
	if (syscall(SYS_mbind, base, bytes, MPOL_BIND, mask, 8 * sizeof(mask) + 1, 0) != 0)
		return complain(to, "mbind to its NUMA node", bytes);
	return 0;
}

int home_prepare_room(const struct lab_user_spec *spec, const struct lab_user_room *room, void *base,
		      const struct lab_complaint *to)
{
	size_t bytes = (size_t)room->size;
	int error = 0;

	if (room->bind)
		error = bind_to_node(base, bytes, room->node, to);
	if (error)
		return error;
	if (spec->birth == LAB_ARMED)
		return home_arm(base, bytes, to);
	if (room->locked && !room->prefaulted && syscall(SYS_mlock2, base, bytes, MLOCK_ONFAULT) != 0)
		return complain(to, "mlock2(MLOCK_ONFAULT)", bytes);
	if (room->locked && room->prefaulted && mlock(base, bytes) != 0)
		return complain(to, "mlock", bytes);
	return room->prefaulted ? touch(base, bytes, to) : 0;
}

int home_map_room(struct lab_home *home, const struct lab_user_spec *spec, unsigned int number,
		  const struct lab_complaint *to)
{
	const struct lab_user_room *room = &spec->rooms[number];
	size_t page = spec->page_size ? spec->page_size : 4096, align = BLOCK_FRAMES * page;
	size_t lead = (size_t)(home->spec[number].first_frame % BLOCK_FRAMES) * page;
	bool huge = room->kind == LAB_ROOM_HUGETLB;
	int flags = MAP_PRIVATE | MAP_ANONYMOUS;
	size_t bytes;
	char *base;

	if (room->kind == LAB_ROOM_METADATA)
		return 0;
	if (room->kind == LAB_ROOM_VAULT)
		return vault_map_room(home, spec, number, to);
	if (room->size > SIZE_MAX - 2 * align)
		return complain_plainly(to, "its size does not fit into the address space");
	bytes = (size_t)room->size + (huge && align == HUGE_BYTES && !lead ? 0 : align);
	if (huge)
		bytes = (bytes + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1);
	flags |= huge ? MAP_HUGETLB | MAP_HUGE_2MB : 0;
	if (spec->birth == LAB_LAZY && !huge)
		flags |= MAP_NORESERVE;
	base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
	if (base == MAP_FAILED)
		return complain(to, huge ? "mmap of huge pages" : "mmap", bytes);
	home->memory[number].base = base;
	home->memory[number].bytes = bytes;
	/* Frame 0 of a leaf is aligned as a block of the largest order is. */
	base += (align - ((uintptr_t)base + align - lead) % align) % align;
	home->spec[number].memory = base;
	return home_prepare_room(spec, room, base, to);
}
