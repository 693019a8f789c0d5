/* SPDX-License-Identifier: MIT */
/*
 * test_shared.c - several processes on one labyrinth: opening, attaching, what is refused, leases, death.
 */
#define _GNU_SOURCE
#include "../support/home.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>

#include "home.h"
#include "page.h"
#include "room.h"

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static struct lab_user_room shared_room(uint64_t size)
{
	return (struct lab_user_room){ .name = "ours", .kind = LAB_ROOM_SHARED, .zone = LAB_ZONE_NORMAL, .size = size,
				       .watermarks = true };
}

static struct labyrinth *open_shared(unsigned int processes)
{
	struct lab_user_room room = shared_room(MIB(4));
	struct lab_user_spec spec = { .birth = LAB_LAZY, .rooms = &room, .room_count = 1, .processes = processes };
	struct labyrinth *lab = NULL;

	if (lab_user_open(&spec, &lab, text))
		print_error("%s\n", text);
	assert_non_null(lab);
	return lab;
}

/* Attached by a descriptor of its own, which is closed again. */
static struct labyrinth *attached(struct labyrinth *lab)
{
	int fd = lab_user_share(lab);
	struct labyrinth *other = NULL;

	assert_true(fd >= 0);
	if (lab_attach(fd, &other, text))
		print_error("%s\n", text);
	close(fd);
	return other;
}

/* This attachment is dead, as far as the kernel tells others; nothing is tidied up. */
static void dies(struct labyrinth *lab)
{
	lease_end(home_of(lab)->share.lease);
}

/* ---- one labyrinth, several addresses ---- */

static void two_views(void **state)
{
	struct labyrinth *lab = open_shared(0), *other = attached(lab);
	char *here, *there;
	uint64_t all = free_frames(lab, 0);
	struct lab_page *page;
	unsigned int order;

	(void)state;
	assert_non_null(other);
	assert_ptr_not_equal(lab, other);
	assert_int_equal(lab_user_metadata_bytes(lab), lab_user_metadata_bytes(other));
	here = lab_alloc(lab, LAB_GFP_ATOMIC | LAB_ZERO, 0);
	assert_non_null(here);
	memcpy(here, "minotaur", 9);
	page = lab_frame_page(other, lab_page_frame(lab, lab_address_page(lab, here)));
	there = lab_page_address(other, page);
	assert_ptr_not_equal(here, there);
	assert_string_equal(there, "minotaur");
	assert_int_equal(lab_free(other, there + 1, 0), -LAB_ERANGE);
	assert_int_equal(lab_free(other, here, 0), -LAB_ERANGE);
	assert_int_equal(lab_free(other, there, 0), 0);
	assert_int_equal(lab_free(lab, here, 0), -LAB_EALREADY);
	for (order = 0; order <= LAB_ORDER_MAX; order++) {
		here = lab_alloc(other, LAB_GFP_ATOMIC, order);
		assert_non_null(here);
		assert_int_equal((uintptr_t)here % ((uintptr_t)4096 << order), 0);
		memset(here, 0x55, (size_t)4096 << order);
		assert_int_equal(lab_free(other, here, order), 0);
	}
	assert_int_equal(free_frames(other, 0), all);
	assert_whole(other);
	assert_int_equal(lab_detach(lab), 0); /* who made it may go first */
	here = lab_alloc(other, LAB_GFP_ATOMIC, 0);
	assert_non_null(here);
	assert_int_equal(lab_free(other, here, 0), 0);
	lab_user_close(other);
}

/* Rooms that begin inside a leaf, with holes, on 64 KiB pages; one without memory. */
static void shapes(void **state)
{
	const struct lab_hole hole = { 1030, 5 };
	struct lab_user_room rooms[] = {
		{ .name = "odd", .kind = LAB_ROOM_SHARED, .zone = LAB_ZONE_DMA, .size = 100 << 16, .first_frame = 1001, .holes = &hole,
		  .hole_count = 1 },
		{ .name = "numbers", .kind = LAB_ROOM_METADATA, .zone = LAB_ZONE_NORMAL, .size = 1000 << 16 },
		{ .name = "more", .kind = LAB_ROOM_SHARED, .zone = LAB_ZONE_NORMAL, .size = 3 << 16 },
	};
	struct lab_user_spec spec = { .birth = LAB_LAZY, .rooms = rooms, .room_count = 3, .page_size = 65536, .processes = 2 };
	struct labyrinth *lab, *other;
	uint64_t frame;

	(void)state;
	assert_int_equal(lab_user_open(&spec, &lab, text), 0);
	other = attached(lab);
	assert_non_null(other);
	for (frame = 1001; frame < 1101; frame++) {
		uintptr_t address = (uintptr_t)lab_page_address(other, lab_frame_page(other, frame));

		assert_int_equal(address / 65536 % 512, frame % 512);
		*(uint64_t *)address = frame;
		assert_int_equal(*(uint64_t *)lab_page_address(lab, lab_frame_page(lab, frame)), frame);
	}
	assert_null(lab_page_address(other, lab_frame_page(other, 1600)));
	assert_null(attached(lab)); /* two places, both taken */
	assert_non_null(strstr(text, "all places"));
	assert_whole(lab);
	assert_int_equal(lab_detach(other), 0);
	other = attached(lab);
	assert_non_null(other);
	assert_int_equal(lab_detach(other), 0);
	assert_int_equal(lab_detach(lab), 0);
}

static void armed(void **state)
{
	struct lab_user_room room = shared_room(MIB(2));
	struct lab_user_spec spec = { .birth = LAB_ARMED, .rooms = &room, .room_count = 1 };
	unsigned long locked = status("VmLck:");
	struct labyrinth *lab, *other;

	(void)state;
	if (lab_user_open(&spec, &lab, text) != 0 && geteuid() != 0)
		skip();
	other = attached(lab);
	assert_non_null(other);
	assert_true(!MLOCK_IS_REAL || status("VmLck:") >= locked + 2 * 2048);
	lab_user_close(other);
	lab_user_close(lab);
	assert_int_equal(status("VmLck:"), locked);
}

/* Two nodes with their distances, and as many holes as a description can hold, or one more. */
static void described(void **state)
{
	static struct lab_hole holes[SHARE_HOLES_MAX + 1];
	const uint8_t distance[4] = { 10, 21, 21, 10 };
	struct lab_user_room rooms[] = { shared_room(MIB(64)), shared_room(MIB(4)) };
	struct lab_user_spec spec = { .birth = LAB_LAZY, .rooms = rooms, .room_count = 2, .nodes = 2, .distance = distance };
	struct labyrinth *lab = NULL, *other;
	unsigned int i;

	(void)state;
	for (i = 0; i <= SHARE_HOLES_MAX; i++)
		holes[i] = (struct lab_hole){ 2 * i + 1, 1 };
	rooms[0].watermarks = false;
	rooms[1].node = 1;
	rooms[0].holes = holes;
	rooms[0].hole_count = SHARE_HOLES_MAX + 1;
	assert_int_equal(lab_user_open(&spec, &lab, text), -EINVAL);
	assert_non_null(strstr(text, "2048 holes"));
	rooms[0].hole_count = SHARE_HOLES_MAX;
	assert_int_equal(lab_user_open(&spec, &lab, text), 0);
	other = attached(lab);
	assert_non_null(other);
	assert_int_equal(free_frames(other, 0), MIB(64) / 4096 - SHARE_HOLES_MAX);
	assert_whole(other);
	assert_int_equal(lab_detach(other), 0);
	assert_int_equal(lab_detach(lab), 0);
}

/* ---- what is refused ---- */

static void refused_specifications(void **state)
{
	struct lab_user_room rooms[2] = { shared_room(MIB(4)), memory_room(MIB(2)) };
	struct lab_user_spec spec = { .birth = LAB_LAZY, .rooms = rooms, .room_count = 2 };
	struct labyrinth *lab = NULL;

	(void)state;
	assert_int_equal(lab_user_open(&spec, &lab, text), -EINVAL);
	assert_non_null(strstr(text, "room \"ours\": beside shared rooms"));
	rooms[0] = memory_room(MIB(2));
	spec.room_count = 1;
	spec.processes = 2;
	assert_int_equal(lab_user_open(&spec, &lab, text), -EINVAL);
	assert_non_null(strstr(text, "LAB_ROOM_SHARED"));
	rooms[0] = shared_room(MIB(4));
	spec.processes = LAB_PROCESSES_MAX + 1;
	assert_int_equal(lab_user_open(&spec, &lab, text), -EINVAL);
	assert_non_null(strstr(text, "processes are at most 256"));
	assert_null(lab);
}

static void private_ones(void **state)
{
	struct lab_user_room room = memory_room(MIB(2));
	struct labyrinth *lab = opened(&room, LAB_LAZY);
	struct lab_recovered found;

	(void)state;
	assert_int_equal(lab_user_share(lab), -EINVAL);
	assert_int_equal(lab_detach(lab), -EINVAL);
	assert_int_equal(lab_user_recover(lab, 10, &found, text), -EINVAL);
	assert_int_equal(lab_process_owner(lab), 0);
	lab_user_close(lab);
}

static void assert_refused(int fd, const char *part)
{
	struct labyrinth *lab = NULL;

	text[0] = '\0';
	assert_true(lab_attach(fd, &lab, text) < 0);
	assert_null(lab);
	if (!strstr(text, part))
		print_error("\"%s\" does not say \"%s\"\n", text, part);
	assert_non_null(strstr(text, part));
	close(fd);
}

/* A memory file of these bytes, sealed so. */
static int file_of(const void *bytes, size_t count, int seals)
{
	int fd = memfd_create("other", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)count), 0);
	if (bytes)
		assert_int_equal(pwrite(fd, bytes, count, 0), (ssize_t)count);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

/* The whole file of a small labyrinth: description, metadata; its memory is none. */
static char *whole_file(size_t *bytes, size_t *metadata)
{
	struct lab_user_room rooms[] = { { .name = "numbers", .kind = LAB_ROOM_METADATA, .zone = LAB_ZONE_NORMAL, .size = MIB(4),
					   .min = 10, .low = 20, .high = 30 },
					 { .name = "one", .kind = LAB_ROOM_SHARED, .zone = LAB_ZONE_DMA, .size = MIB(1) } };
	struct lab_user_spec spec = { .birth = LAB_LAZY, .cpus = 2, .rooms = rooms, .room_count = 2, .processes = 2,
				      .clients = 2, .contract_frames = 10 };
	struct labyrinth *lab;
	char *copy;
	int fd;

	assert_int_equal(lab_user_open(&spec, &lab, text), 0);
	fd = lab_user_share(lab);
	*bytes = (size_t)lseek(fd, 0, SEEK_END);
	*metadata = lab_user_metadata_bytes(lab);
	lab_process_arrive(lab, 0, 0); /* nobody is there, in the copies */
	copy = malloc(*bytes);
	assert_non_null(copy);
	assert_int_equal(pread(fd, copy, *bytes, 0), (ssize_t)*bytes);
	close(fd);
	lab_user_close(lab);
	return copy;
}

static void refused_descriptors(void **state)
{
	size_t bytes, metadata;
	char *file = whole_file(&bytes, &metadata), path[] = "/tmp/labyrinth-test-XXXXXX";
	struct labyrinth *lab;
	int ends[2], fd;

	(void)state;
	(void)metadata;
	assert_refused(-1, "memory file: the descriptor is not open");
	assert_int_equal(pipe(ends), 0);
	close(ends[1]);
	assert_refused(ends[0], "not a sealed memory file");
	fd = mkstemp(path);
	unlink(path);
	assert_int_equal(write(fd, file, bytes), (ssize_t)bytes);
	assert_refused(fd, "not a sealed memory file");
	assert_refused(open("/dev/zero", O_RDWR), "not a sealed memory file");
	assert_refused(file_of(file, bytes, 0), "not a sealed memory file");
	assert_refused(file_of(file, bytes, F_SEAL_SHRINK | F_SEAL_SEAL), "not a sealed memory file"); /* it may grow */
	assert_refused(file_of(file, bytes, F_SEAL_GROW | F_SEAL_SEAL), "not a sealed memory file");
	assert_refused(file_of(file, bytes, F_SEAL_SHRINK | F_SEAL_GROW), "not a sealed memory file");
	assert_refused(file_of(file, bytes, SEALS | F_SEAL_WRITE), "mmap of the memory file");
	assert_refused(file_of(NULL, 0, SEALS), "without a labyrinth");
	assert_refused(file_of(file, 4096, SEALS), "without a labyrinth");
	assert_refused(file_of(NULL, bytes, SEALS), "no labyrinth's memory file");
	assert_refused(file_of(file, bytes - 65536, SEALS), "another size");
	fd = memfd_create("other", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(write(fd, file, bytes) + write(fd, file, 65536), (ssize_t)bytes + 65536);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, SEALS), 0);
	assert_refused(fd, "another size");
	/* And the copy as it is, is a labyrinth. */
	fd = file_of(file, bytes, SEALS);
	assert_int_equal(lab_attach(fd, &lab, text), 0);
	close(fd);
	assert_whole(lab);
	lab_user_close(lab);
	free(file);
}

/* One byte is another: refused, or of no importance.  (`file`: all of it but the rooms' memory.) */
static bool flipped(char *file, size_t filled, size_t bytes, size_t at)
{
	int fd = memfd_create("other", MFD_CLOEXEC | MFD_ALLOW_SEALING), error;
	struct labyrinth *lab = NULL;

	file[at] ^= (char)(1 << at % 8);
	assert_int_equal(pwrite(fd, file, filled, 0), (ssize_t)filled);
	file[at] ^= (char)(1 << at % 8);
	assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, SEALS), 0);
	error = lab_attach(fd, &lab, text);
	close(fd);
	if (error) {
		assert_null(lab);
		assert_true(text[0] != '\0');
		return false;
	}
	assert_whole(lab);
	lab_free_pages(lab, lab_alloc_pages(lab, LAB_GFP_ATOMIC, 0), 0);
	lab_user_close(lab);
	return true;
}

static void flipped_bytes(void **state)
{
	size_t bytes, metadata, at, harmless = 0;
	char *file = whole_file(&bytes, &metadata);
	const size_t filled = SHARE_HEADER_BYTES + metadata;
	const size_t head = offsetof(struct share_header, room) + 3 * sizeof(struct share_room);
	const struct labyrinth *lab = (const struct labyrinth *)(file + SHARE_HEADER_BYTES);
	unsigned int i;

	(void)state;
	for (at = 0; at < head; at++)
		harmless += flipped(file, filled, bytes, at);
	assert_in_range(harmless, 0, 30);
	/* What birth writes once, every byte of it: refused. */
	for (at = 0; at < offsetof(struct labyrinth, epoch); at++)
		assert_false(flipped(file, filled, bytes, SHARE_HEADER_BYTES + at));
	for (i = 0; i < 2; i++) {
		size_t room = SHARE_HEADER_BYTES + (size_t)lab->span[i].room_at;

		for (at = offsetof(struct lab_room, commons); at < sizeof(struct lab_room); at += i ? 7 : 1)
			assert_false(flipped(file, filled, bytes, room + at));
	}
	for (i = 0; i < lab->clients; i++) {
		size_t client = SHARE_HEADER_BYTES + (size_t)lab->clients_at + i * sizeof(struct lab_client);

		for (at = offsetof(struct lab_client, pool); at < sizeof(struct lab_client); at += i ? 7 : 1)
			assert_false(flipped(file, filled, bytes, client + at));
	}
	free(file);
}

/* ---- processes ---- */

/* What the child is asked to do with the parent's labyrinth, and with its own attachment. */
static struct labyrinth *parents;

static int child_calls(void)
{
	struct labyrinth *own;
	void *page;

	if (lab_alloc(parents, LAB_GFP_ATOMIC, 0))
		return 1;
	if (lab_ptr_err(lab_alloc_pages(parents, LAB_GFP_ATOMIC, 0)) != -LAB_ECHILD)
		return 2;
	if (lab_user_share(parents) != -EINVAL)
		return 3;
	own = NULL;
	if (lab_attach(home_of(parents)->share.fd, &own, NULL))
		return 4;
	page = lab_alloc(own, LAB_GFP_ATOMIC, 0);
	if (!page || lab_free(own, page, 0))
		return 5;
	lab_user_close(parents); /* only this map of it goes */
	page = lab_alloc(own, LAB_GFP_ATOMIC, 3);
	if (!page || lab_free(own, page, 3))
		return 6;
	return lab_detach(own) ? 7 : 0;
}

static void forked(void **state)
{
	struct lab_recovered found;

	(void)state;
	parents = open_shared(3);
	assert_int_equal(in_child(child_calls), 0);
	assert_int_equal(lab_process_at(parents, 0), (uint32_t)getpid());
	assert_int_equal(lab_user_recover(parents, 10, &found, text), 0);
	assert_int_equal(found.processes, 0);
	lab_user_close(parents);
}

/* It owns pages, has one in its hand, and a child of its own that outlives it. */
static int child_owns_and_dies(void)
{
	const struct lab_asker asker = { 0 };
	struct lab_request request = LAB_REQUEST(LAB_GFP_ATOMIC, 0);
	struct labyrinth *own;
	lab_word *count, proof;
	unsigned int i;

	if (lab_attach(home_of(parents)->share.fd, &own, NULL))
		return 1;
	request.owner = (uint16_t)lab_process_owner(own);
	for (i = 0; i < 10; i++)
		if (lab_is_err(lab_alloc_request(own, &request, NULL)))
			return 2;
	if (process_enter(own, &count) || room_take(labyrinth_room(own, 0), &asker, &proof) == LAB_NO_BIT)
		return 3;
	if (fork() == 0) {
		usleep(300000);
		_exit(0);
	}
	raise(SIGKILL);
	return 4;
}

static void killed(void **state)
{
	struct lab_recovered found;
	uint64_t all;
	pid_t child;
	int how;

	(void)state;
	parents = open_shared(3);
	all = free_frames(parents, 0);
	child = fork();
	if (child == 0)
		_exit(child_owns_and_dies());
	assert_int_equal(waitpid(child, &how, 0), child);
	assert_true(WIFSIGNALED(how));
	assert_int_equal(free_frames(parents, 0), all - 11);
	assert_int_equal(lab_user_recover(parents, 1000, &found, text), 0);
	assert_int_equal(found.processes, 1);
	assert_int_equal(found.owned, 10);
	assert_int_equal(found.frames, 1);
	assert_int_equal(free_frames(parents, 0), all);
	assert_whole(parents);
	lab_user_close(parents);
}

/* Stopped is not dead: nothing is taken from it.  Killed then, it is. */
static void stopped(void **state)
{
	struct lab_recovered found;
	struct labyrinth *other;
	int go[2];
	char byte;
	pid_t child;

	(void)state;
	parents = open_shared(3);
	assert_int_equal(pipe(go), 0);
	child = fork();
	if (child == 0) {
		lab_word *count;

		if (lab_attach(home_of(parents)->share.fd, &other, NULL) || process_enter(other, &count) ||
		    !room_take_at(labyrinth_room(other, 0), 700, 0) || write(go[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(go[0], &byte, 1), 1);
	assert_int_equal(kill(child, SIGSTOP), 0);
	other = attached(parents);
	dies(other); /* so that there is something to recover */
	assert_int_equal(lab_user_recover(parents, 20, &found, text), -EAGAIN);
	assert_non_null(strstr(text, "stays in a call"));
	assert_int_equal(lab_page_info(parents, lab_frame_page(parents, 700), &(struct lab_page_info){ 0 }), 0);
	assert_int_equal(found.frames, 0);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	assert_int_equal(lab_user_recover(parents, 1000, &found, text), 0);
	assert_int_equal(found.processes, 2);
	assert_int_equal(found.frames, 1);
	assert_whole(parents);
	close(go[0]);
	close(go[1]);
	lab_user_close(parents);
}

/* A place of a dead process is not given away before it is recovered. */
static void places(void **state)
{
	struct labyrinth *lab = open_shared(2), *other = attached(lab), *none;
	struct lab_recovered found;

	(void)state;
	assert_non_null(other);
	dies(other);
	none = attached(lab);
	assert_null(none);
	assert_non_null(strstr(text, "lab_user_recover()"));
	assert_int_equal(lab_user_recover(lab, 10, &found, text), 0);
	assert_int_equal(found.processes, 1);
	none = attached(lab);
	assert_non_null(none);
	lab_user_close(none);
	*home_of(other)->identity = 0; /* its lease is gone already */
	lab_user_close(other);
	lab_user_close(lab);
}

/* Two recover at once: the second is told so.  The program closes our descriptor: it is told, and nobody seems dead. */
static void at_once(void **state)
{
	struct labyrinth *lab = open_shared(3), *other = attached(lab);
	struct lab_recovered found;
	int own = lease_open(home_of(lab)->share.fd), fd = home_of(lab)->share.fd;

	(void)state;
	assert_true(lease_take(own, LEASE_RECOVERY));
	assert_int_equal(lab_user_recover(lab, 10, &found, text), -EBUSY);
	close(own);
	assert_int_equal(lab_user_recover(lab, 10, &found, text), 0);
	close(fd);
	assert_int_equal(lab_user_recover(lab, 10, &found, text), -EBADF);
	assert_int_equal(lab_user_share(lab), -EBADF);
	own = open("/dev/null", O_RDWR);
	assert_int_equal(dup2(own, fd), fd);
	if (own != fd)
		close(own);
	assert_int_equal(lab_user_share(lab), -EBADF);
	assert_int_equal(lab_user_recover(other, 10, &found, text), 0);
	assert_int_equal(found.processes, 0);
	lab_user_close(other);
	lab_user_close(lab);
	assert_int_equal(fcntl(fd, F_GETFD), 0); /* and the other file is the program's still */
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_views),	 cmocka_unit_test(shapes),		cmocka_unit_test(armed),
		cmocka_unit_test(private_ones),	 cmocka_unit_test(refused_specifications), cmocka_unit_test(refused_descriptors),
		cmocka_unit_test(flipped_bytes), cmocka_unit_test(forked),		cmocka_unit_test(killed),
		cmocka_unit_test(described),
		cmocka_unit_test(stopped),	 cmocka_unit_test(places),		cmocka_unit_test(at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
