/* SPDX-License-Identifier: MIT */
/*
 * vault_pin.c - memory that stays where it is: registered as buffers of an io_uring, which pins its physical pages for good.
 *
 * Nothing is ever submitted to the ring; it is made by two system calls, so no library is wanted for it.  Its one purpose is to hold
 * the pages, and it must hold them as long as the vault is mapped and no longer: it lives by a mapping of a page of it, which a
 * forked child does not inherit.  Its descriptor is closed at once, or a child, or whoever fetches descriptors, could read and write
 * the registered pages through it.  For the moment in between it is born disabled, and restricted so that it could never be used.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/io_uring.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "vault.h"

#define BUFFERS_MAX 16384u /* of a ring */
#define BUFFER_BYTES_MAX ((size_t)1 << 30)
#define WAIT_MS_MAX 512u

/* In how many pieces: a guard page cannot be pinned, so each frame stands alone; else as large as may be. */
static size_t piece_bytes(const struct vault_memory *made)
{
	return made->stride == 2 ? made->page : BUFFER_BYTES_MAX;
}

static uint64_t piece_count(const struct vault_memory *made)
{
	if (made->stride == 2)
		return made->frames;
	return ((uint64_t)made->frames * made->page + BUFFER_BYTES_MAX - 1) / BUFFER_BYTES_MAX;
}

/* The pieces from `first` on, at most a ring's. */
static unsigned int list_pieces(const struct vault_memory *made, uint64_t first, struct iovec *list)
{
	size_t all = (size_t)made->frames * made->page, size = piece_bytes(made);
	uint64_t count = piece_count(made);
	unsigned int n = 0;

	for (; n < BUFFERS_MAX && first + n < count; n++) {
		size_t at = (size_t)(first + n) * size;

		list[n].iov_base = made->base + at * made->stride;
		list[n].iov_len = all - at < size ? all - at : size;
	}
	return n;
}

/* A ring that can do nothing, or -1 with errno. */
static int open_ring(void)
{
	struct io_uring_params parameters = { .flags = IORING_SETUP_R_DISABLED };
	struct io_uring_restriction only = { .opcode = IORING_RESTRICTION_REGISTER_OP, .register_op = IORING_REGISTER_BUFFERS };
	int fd = (int)syscall(SYS_io_uring_setup, 1, &parameters); /* close-on-exec by birth */
	int error;

	if (fd >= 0 && syscall(SYS_io_uring_register, fd, IORING_REGISTER_RESTRICTIONS, &only, 1) < 0) {
		error = errno;
		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

/*
 * The kernel lets go of a closed vault's pins a moment later, and until then they count against the user's limit.  Is it worth a wait, then
 * waited: 1 ms, 2, 4 ... 512, a second in all.
 */
static bool waited(unsigned int *ms, uint64_t bytes)
{
	if (errno != ENOMEM || *ms > WAIT_MS_MAX || !vault_pins_fit(bytes))
		return false;
	usleep(*ms * 1000);
	*ms *= 2;
	return true;
}

/* One ring's worth of pieces, held by a page of it, mapped at *keep. */
static int pin_list(const struct vault_memory *made, struct iovec *list, unsigned int n, void **keep, const struct lab_complaint *to)
{
	size_t bytes = (size_t)made->frames * made->page, page = (size_t)sysconf(_SC_PAGESIZE);
	unsigned int ms = 1;
	int fd, error = 0;

	do {
		fd = open_ring();
	} while (fd < 0 && waited(&ms, bytes));
	if (fd < 0)
		return vault_complain(to, "io_uring_setup for pinning", bytes, VAULT_BY_RINGS);
	while ((error = syscall(SYS_io_uring_register, fd, IORING_REGISTER_BUFFERS, list, n) < 0) != 0 && waited(&ms, bytes))
		;
	if (error) {
		error = vault_complain(to, "io_uring_register(IORING_REGISTER_BUFFERS)", bytes, VAULT_BY_PINS);
	} else if ((*keep = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, IORING_OFF_SQ_RING)) == MAP_FAILED) {
		error = vault_complain(to, "mmap of a pinning ring", page, VAULT_BY_MAPPINGS);
	} else if (madvise(*keep, page, MADV_DONTFORK) != 0) {
		error = vault_complain(to, "madvise(MADV_DONTFORK) of a pinning ring", page, VAULT_BY_NOTHING);
		munmap(*keep, page);
	}
	close(fd);
	return error;
}

int vault_pin(struct vault_memory *made, const struct lab_complaint *to)
{
	uint64_t count = piece_count(made);
	unsigned int rings = (unsigned int)((count + BUFFERS_MAX - 1) / BUFFERS_MAX);
	struct iovec *list = calloc(count < BUFFERS_MAX ? count : BUFFERS_MAX, sizeof(*list));
	int error = 0;

	made->pins = calloc(rings, sizeof(*made->pins));
	if (!list || !made->pins)
		error = vault_complain(to, "malloc", BUFFERS_MAX * sizeof(*list), VAULT_BY_SPACE);
	for (; !error && made->rings < rings; made->rings++) {
		uint64_t first = (uint64_t)made->rings * BUFFERS_MAX;

		error = pin_list(made, list, list_pieces(made, first, list), &made->pins[made->rings], to);
	}
	free(list);
	return error;
}

/* A forked child has no rings, only their addresses. */
void vault_unpin(struct vault_memory *made, bool owner)
{
	unsigned int i;

	for (i = 0; owner && i < made->rings; i++)
		munmap(made->pins[i], (size_t)sysconf(_SC_PAGESIZE));
	free(made->pins);
	made->pins = NULL;
	made->rings = 0;
}
