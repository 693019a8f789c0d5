/* SPDX-License-Identifier: MIT */
/*
 * test_user.c - the user-space home: births, what they refuse and why, fork, signal handlers, the default
 * labyrinth.
 */
#define _GNU_SOURCE
#include "../support/home.h"

#include <linux/capability.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>

/* ---- births ---- */

static void armed(void **state)
{
	struct lab_user_room room = memory_room(MIB(2));
	unsigned long locked = status("VmLck:");
	struct labyrinth *lab = opened(&room, LAB_ARMED);
	unsigned char present[512];
	char *first;
	unsigned int i;

	(void)state;
	assert_true(!MLOCK_IS_REAL || status("VmLck:") >= locked + 2048);
	first = lab_page_address(lab, lab_frame_page(lab, 0));
	assert_int_equal((uintptr_t)first % (512 * 4096), 0);
	assert_int_equal(mincore(first, 512 * 4096, present), 0);
	for (i = 0; i < 512; i++)
		assert_true(present[i] & 1);
	assert_true(lab_user_metadata_bytes(lab) > 0);
	for (i = 0; i <= LAB_ORDER_MAX; i++) {
		void *block = lab_alloc(lab, LAB_GFP_ATOMIC, i);

		assert_non_null(block);
		memset(block, 0x77, (size_t)4096 << i);
		assert_int_equal(lab_free(lab, block, i), 0);
	}
	assert_whole(lab);
	lab_user_close(lab);
	assert_int_equal(status("VmLck:"), locked);
}

/* A lazy birth touches a few pages however large it is: 64 MiB of memory, 1 TiB of numbers. */
static void lazy(void **state)
{
	struct lab_user_room small = memory_room(MIB(64));
	struct lab_user_room large = { .name = "numbers", .kind = LAB_ROOM_METADATA, .zone = LAB_ZONE_NORMAL,
				       .size = IS_64_BIT ? MIB(1 << 20) : MIB(4096) };
	struct labyrinth *lab;
	long before, first, second;
	char *page;

	(void)state;
	lab_user_close(opened(&small, LAB_LAZY)); /* what the program itself touches for the first time */
	before = minor_faults();
	lab = opened(&small, LAB_LAZY);
	first = minor_faults() - before;
	page = lab_alloc(lab, LAB_GFP_ATOMIC | LAB_ZERO, 0);
	assert_non_null(page);
	assert_int_equal(page[4095], 0);
	assert_whole(lab);
	lab_user_close(lab);
	before = minor_faults();
	lab = opened(&large, LAB_LAZY);
	second = minor_faults() - before;
	assert_true(first < 64);
	assert_true(second < 64);
	assert_int_equal(lab_page_frame(lab, alloc_ok(lab, LAB_GFP_ATOMIC, 9)) % 512, 0);
	assert_false(lab_is_err(lab_alloc_pages(lab, LAB_GFP_HIGHUSER_MOVABLE, 0)));
	lab_user_close(lab);
}

static void several_rooms(void **state)
{
	struct lab_user_room rooms[3] = { memory_room(MIB(1)), memory_room(MIB(3)), memory_room(MIB(8)) };
	struct lab_user_spec spec = { .birth = LAB_LAZY, .rooms = rooms, .room_count = 3, .page_size = 16384 };
	struct lab_room_stats stats;
	struct labyrinth *lab;
	unsigned int i;

	(void)state;
	rooms[1].zone = LAB_ZONE_DMA;
	rooms[1].first_frame = 1000; /* inside a leaf: its blocks are aligned nevertheless */
	rooms[2].zone = LAB_ZONE_MOVABLE;
	rooms[2].watermarks = true;
	assert_int_equal(lab_user_open(&spec, &lab, text), 0);
	for (i = 0; i < 3; i++) {
		uint64_t frame;
		char *address;

		assert_int_equal(lab_room_stats(lab, i, &stats), 0);
		assert_int_equal(stats.frames, rooms[i].size / 16384);
		for (frame = stats.first_frame; frame < stats.first_frame + stats.frames; frame += 63) {
			address = lab_page_address(lab, lab_frame_page(lab, frame));
			assert_int_equal((uintptr_t)address / 16384 % 512, frame % 512);
		}
	}
	assert_int_equal(stats.first_frame % 512, 0);
	assert_int_equal(stats.min, 32);
	assert_whole(lab);
	lab_user_close(lab);
	lab_user_close(NULL);
}

/* ---- refusals ---- */

static void assert_refused(const struct lab_user_room *room, const char *says)
{
	unsigned long mapped = status("VmSize:");
	struct labyrinth *lab;

	assert_true(open_one(room, LAB_LAZY, &lab) < 0);
	if (!strstr(text, says) || !strstr(text, "\"ours\""))
		print_error("says: %s\n", text);
	assert_non_null(strstr(text, says));
	assert_non_null(strstr(text, "\"ours\""));
	assert_null(lab);
	assert_int_equal(status("VmSize:"), mapped);
}

static void bad_rooms(void **state)
{
	struct lab_user_room room;

	(void)state;
	room = memory_room(0);
	assert_refused(&room, "size");
	room = memory_room(MIB(1) + 1);
	assert_refused(&room, "multiple of the page size");
	room = memory_room(MIB(1));
	room.kind = LAB_ROOM_HUGETLB;
	assert_refused(&room, "2 MiB");
	room.kind = (enum lab_room_kind)9;
	assert_refused(&room, "kind");
	room.kind = LAB_ROOM_METADATA;
	room.locked = true;
	assert_refused(&room, "cannot be locked");
	room = memory_room(MIB(1));
	room.node = 3; /* of one */
	assert_refused(&room, "node");
	room = memory_room(MIB(1));
	room.min = 200;
	room.low = 100;
	assert_refused(&room, "watermarks");
	room = memory_room(UINT64_MAX & ~(uint64_t)4095);
	assert_refused(&room, "");
}

static void bad_specifications(void **state)
{
	struct lab_user_room room = memory_room(MIB(1));
	struct lab_user_spec good = { .birth = LAB_LAZY, .rooms = &room, .room_count = 1 }, bad[5];
	struct labyrinth *lab;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(bad); i++)
		bad[i] = good;
	bad[0].birth = (enum lab_birth_kind)7;
	bad[1].page_size = 8192;
	bad[2].room_count = 0;
	bad[3].rooms = NULL;
	bad[4].nodes = LAB_NODES_MAX + 1;
	for (i = 0; i < COUNT_OF(bad); i++) {
		text[0] = '\0';
		assert_int_equal(lab_user_open(&bad[i], &lab, text), -LAB_EINVAL);
		assert_true(strlen(text) > 10);
		assert_int_equal(lab_user_open(&bad[i], &lab, NULL), -LAB_EINVAL);
	}
}

/* More huge pages than there can be. */
static void no_huge_pages(void **state)
{
	struct lab_user_room room = memory_room(IS_64_BIT ? MIB(1 << 20) : MIB(1024));

	(void)state;
	room.kind = LAB_ROOM_HUGETLB;
	assert_refused(&room, "huge pages");
	assert_non_null(strstr(text, "nr_hugepages"));
}

/* ---- locking, in a child that may not ---- */

static int forbid_locking(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	struct rlimit none = { 0, 0 };

	if (syscall(SYS_capget, &header, data) != 0)
		return 1;
	data[0].effective &= ~(1u << CAP_IPC_LOCK);
	data[0].permitted &= ~(1u << CAP_IPC_LOCK);
	if (syscall(SYS_capset, &header, data) != 0)
		return 2;
	return setrlimit(RLIMIT_MEMLOCK, &none) ? 3 : 0;
}

/* Refused with a sentence about this place, the call and the limit; nothing is left mapped or locked. */
static int refused_for_lock(const struct lab_user_room *room, enum lab_birth_kind birth, const char *place)
{
	unsigned long mapped = status("VmSize:");
	struct labyrinth *lab;
	int error = open_one(room, birth, &lab);

	if (error != -LAB_EPERM && error != -LAB_ENOMEM && error != -LAB_EAGAIN)
		return 1;
	if (lab)
		return 2;
	if (!strstr(text, place) || !strstr(text, "mlock") || !strstr(text, "RLIMIT_MEMLOCK is 0 bytes"))
		return 3;
	if (status("VmSize:") != mapped || status("VmLck:"))
		return 4;
	return 0;
}

static int lock_nothing(void)
{
	struct lab_user_room room = memory_room(MIB(1)), locked = room, both;
	struct labyrinth *lab;
	int step = forbid_locking();

	if (step)
		return step;
	step = MLOCK_IS_REAL ? refused_for_lock(&room, LAB_ARMED, "metadata") : 0;
	if (step)
		return 10 + step;
	locked.locked = true;
	step = refused_for_lock(&locked, LAB_LAZY, "room \"ours\"");
	if (step)
		return 20 + step;
	both = locked;
	both.prefaulted = true;
	step = MLOCK_IS_REAL ? refused_for_lock(&both, LAB_LAZY, "room \"ours\"") : 0;
	if (step)
		return 30 + step;
	/* What asks for no lock is born. */
	if (open_one(&room, LAB_LAZY, &lab))
		return 41;
	lab_user_close(lab);
	return 0;
}

/* A room's name is printable in a sentence, and cut with a mark. */
static void odd_names(void **state)
{
	struct lab_user_room room = memory_room(MIB(2) + 1);
	struct labyrinth *lab;
	char longer[200];

	(void)state;
	room.name = "a\nb\033[31m";
	assert_true(open_one(&room, LAB_LAZY, &lab) < 0);
	assert_non_null(strstr(text, "room \"a?b?[31m\": its size"));
	memset(longer, 'x', sizeof(longer));
	longer[199] = '\0';
	room.name = longer;
	assert_true(open_one(&room, LAB_LAZY, &lab) < 0);
	assert_non_null(strstr(text, "xxx...\": its size"));
}

/* RLIMIT_AS: the sentence says to what to raise it. */
static int little_space(void)
{
	struct lab_user_room room = memory_room((uint64_t)MIB(512));
	struct rlimit limit = { MIB(256), MIB(256) };
	struct labyrinth *lab;

	if (setrlimit(RLIMIT_AS, &limit) != 0)
		return 1;
	if (open_one(&room, LAB_LAZY, &lab) >= 0)
		return 2;
	return strstr(text, "RLIMIT_AS is 268435456 bytes: raise it to ") ? 0 : 3;
}

static void without_space(void **state)
{
	(void)state;
	/* (A sanitizer's own memory is far beyond any such limit.) */
	assert_int_equal(MLOCK_IS_REAL ? in_child(little_space) : 0, 0);
}

static void without_the_right_to_lock(void **state)
{
	(void)state;
	assert_int_equal(in_child(lock_nothing), 0);
}

/* ---- fork ---- */

static struct labyrinth *shared;
static struct lab_page *shared_page;

#define STEP(what)                      \
	do {                            \
		step++;                 \
		if (!(what))            \
			return step;    \
	} while (0)

static int forked_calls(void)
{
	struct lab_request request = LAB_REQUEST(LAB_GFP_ATOMIC, 0);
	struct lab_page *pages[2] = { shared_page, shared_page };
	struct lab_room_stats room_stats;
	struct lab_answer answer;
	struct lab_step steps[4];
	struct lab_audit audit;
	struct lab_stats stats;
	struct lab_ref ref = { 0, 0 };
	void *address = lab_page_address(shared, shared_page);
	int step = 0;

	STEP(lab_ptr_err(lab_alloc_pages(shared, LAB_GFP_ATOMIC, 0)) == -LAB_ECHILD);
	STEP(lab_ptr_err(lab_alloc_pages(shared, LAB_GFP_ATOMIC, 9)) == -LAB_ECHILD);
	STEP(lab_ptr_err(lab_alloc_request(shared, &request, &answer)) == -LAB_ECHILD);
	STEP(lab_ptr_err(lab_alloc_at(shared, 3, &request)) == -LAB_ECHILD);
	STEP(lab_alloc(shared, LAB_GFP_ATOMIC, 0) == NULL);
	STEP(lab_alloc_bulk(shared, LAB_GFP_ATOMIC, 2, pages) == -LAB_ECHILD);
	STEP(lab_free_pages(shared, shared_page, 0) == -LAB_ECHILD);
	STEP(lab_free_pages(shared, shared_page, 99) == -LAB_ECHILD);
	STEP(lab_free(shared, address, 0) == -LAB_ECHILD);
	STEP(lab_free_as(shared, shared_page, 0, 0, 0) == -LAB_ECHILD);
	STEP(lab_free_as(shared, shared_page, 0, LAB_OWNER_MAX + 1, 0) == -LAB_ECHILD);
	STEP(lab_free_ref(shared, ref, 0, 0) == -LAB_ECHILD);
	STEP(lab_free_bulk(shared, 2, pages) == 0);
	STEP(lab_split(shared, shared_page, 0) == -LAB_ECHILD);
	STEP(lab_frame_offline(shared, 3) == -LAB_ECHILD);
	STEP(lab_frame_online(shared, 3) == -LAB_ECHILD);
	STEP(lab_room_offline(shared, 0) == -LAB_ECHILD);
	STEP(lab_room_online(shared, 0) == -LAB_ECHILD);
	STEP(lab_route_show(shared, &request, steps, 4) == -LAB_ECHILD);
	STEP(lab_audit(shared, true, &audit) == -LAB_ECHILD);
	STEP(lab_stats(shared, &stats) == -LAB_ECHILD);
	STEP(lab_room_stats(shared, 0, &room_stats) == -LAB_ECHILD);
	STEP(lab_leaf_free(shared, 0, 0) == -LAB_ECHILD);
	return 0;
}

static int may_have_its_own(void)
{
	struct lab_user_room room = memory_room(MIB(1));
	struct labyrinth *lab;

	if (open_one(&room, LAB_LAZY, &lab))
		return 1;
	return lab_alloc(lab, LAB_GFP_ATOMIC, 0) ? 0 : 2;
}

static void child_is_refused(void **state)
{
	struct lab_user_room room = memory_room(MIB(4));
	unsigned int i;

	(void)state;
	shared = opened(&room, LAB_LAZY);
	shared_page = alloc_ok(shared, LAB_GFP_ATOMIC, 0);
	for (i = 0; i < 3; i++) {
		assert_int_equal(in_child(forked_calls), 0);
		assert_int_equal(lab_free_pages(shared, alloc_ok(shared, LAB_GFP_ATOMIC, 4), 4), 0);
	}
	assert_int_equal(in_child(may_have_its_own), 0);
	assert_int_equal(free_frames(shared, 0), 1023);
	assert_int_equal(lab_free_pages(shared, shared_page, 0), 0);
	assert_whole(shared);
	lab_user_close(shared);
}

/* ---- signal handlers ---- */

#define KEPT 64

static struct {
	struct lab_page *kept[KEPT];
	unsigned int order[KEPT];
	volatile unsigned int runs, wrong;
} handler;

/* Frees what an earlier run took, takes something of another order; both may interrupt a call. */
static void on_signal(int number)
{
	unsigned int i = handler.runs++ % KEPT, order = handler.runs % 5 ? 0 : handler.runs / 5 % (LAB_ORDER_MAX + 1);
	struct lab_page *page;

	(void)number;
	if (handler.kept[i] && lab_free_pages(shared, handler.kept[i], handler.order[i]))
		handler.wrong++;
	page = lab_alloc_pages(shared, LAB_GFP_ATOMIC, order);
	/* Order 0 is never refused: there are always frames. */
	if (lab_is_err(page) && !order)
		handler.wrong++;
	handler.kept[i] = lab_is_err(page) ? NULL : page;
	handler.order[i] = order;
}

/* One round of the interrupted one's work. */
static void work(struct lab_page **held, unsigned int *orders, unsigned int i)
{
	if (held[i])
		assert_int_equal(lab_free_pages(shared, held[i], orders[i]), 0);
	orders[i] = i % 7 ? 0 : i % (LAB_ORDER_MAX + 1);
	held[i] = lab_alloc_pages(shared, i % 2 ? LAB_GFP_ATOMIC : LAB_GFP_HIGHUSER_MOVABLE, orders[i]);
	if (lab_is_err(held[i])) {
		assert_true(orders[i] > 0);
		held[i] = NULL;
	}
}

static void handler_beside_calls(void **state)
{
	struct lab_user_room room = memory_room(MIB(128));
	struct sigaction action = { .sa_handler = on_signal };
	static struct lab_page *held[128];
	unsigned int orders[128] = { 0 }, i;
	pid_t child, parent = getpid();
	int how;

	(void)state;
	shared = opened(&room, LAB_LAZY);
	assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
	for (i = 0; i < 2000; i++) { /* between any two calls */
		raise(SIGALRM);
		work(held, orders, i % 128);
	}
	child = fork();
	if (child == 0) { /* and at any instruction: this one only knocks */
		for (i = 0; i < 5000; i++)
			kill(parent, SIGALRM);
		_exit(0);
	}
	for (i = 0; waitpid(child, &how, WNOHANG) == 0; i++)
		work(held, orders, i % 128);
	assert_int_equal(handler.wrong, 0);
	assert_true(handler.runs >= 2000);
	for (i = 0; i < 128; i++)
		if (held[i])
			assert_int_equal(lab_free_pages(shared, held[i], orders[i]), 0);
	for (i = 0; i < KEPT; i++)
		if (handler.kept[i])
			assert_int_equal(lab_free_pages(shared, handler.kept[i], handler.order[i]), 0);
	assert_int_equal(free_frames(shared, 0), MIB(128) / 4096);
	assert_whole(shared);
	signal(SIGALRM, SIG_DFL);
	lab_user_close(shared);
}

/* ---- the default labyrinth ---- */

static void default_labyrinth(void **state)
{
	struct labyrinth *lab;
	struct lab_page_info info;
	char *page;

	(void)state;
	setenv("LABYRINTH_DEFAULT_SIZE", "4M", 1);
	page = labyrinth_void_alloc_page_gfp_atomic_exclusive();
	assert_non_null(page);
	lab = lab_default();
	assert_non_null(lab);
	assert_ptr_equal(lab_default(), lab);
	memset(page, 3, 4096);
	assert_int_equal((uintptr_t)page % 4096, 0);
	assert_int_equal(lab_page_info(lab, lab_address_page(lab, page), &info), 0);
	assert_int_equal(info.owner, LAB_OWNER_EXCLUSIVE);
	assert_int_equal(info.order, 0);
	assert_int_equal(free_frames(lab, 0), 1023);
	assert_int_equal(lab_free(lab, page, 0), -LAB_EPERM);
	assert_int_equal(labyrinth_void_free_page_exclusive(page + 8), -LAB_ERANGE);
	assert_int_equal(labyrinth_void_free_page_exclusive(NULL), -LAB_ERANGE);
	assert_int_equal(labyrinth_void_free_page_exclusive(page), 0);
	assert_int_equal(labyrinth_void_free_page_exclusive(page), -LAB_EALREADY);
	page = lab_alloc(lab, LAB_GFP_ATOMIC, 0); /* not an exclusive one */
	assert_int_equal(labyrinth_void_free_page_exclusive(page), -LAB_EPERM);
	assert_int_equal(lab_free(lab, page, 0), 0);
	assert_whole(lab);
}

static void default_that_was_set(void **state)
{
	struct labyrinth *before = lab_default(), *numbers = born_plain(512);
	struct lab_user_room room = memory_room(4096);
	struct labyrinth *one = opened(&room, LAB_LAZY);
	void *page;

	(void)state;
	lab_set_default(one);
	assert_ptr_equal(lab_default(), one);
	page = labyrinth_void_alloc_page_gfp_atomic_exclusive();
	assert_non_null(page);
	assert_null(labyrinth_void_alloc_page_gfp_atomic_exclusive()); /* there is but one */
	assert_int_equal(labyrinth_void_free_page_exclusive(page), 0);
	/* Without memory behind it there is no address, and no frame is lost. */
	lab_set_default(numbers);
	assert_null(labyrinth_void_alloc_page_gfp_atomic_exclusive());
	assert_int_equal(free_frames(numbers, 0), 512);
	lab_set_default(NULL);
	assert_ptr_equal(lab_default(), before);
	lab_user_close(one);
	buried(numbers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(armed),
		cmocka_unit_test(lazy),
		cmocka_unit_test(several_rooms),
		cmocka_unit_test(bad_rooms),
		cmocka_unit_test(bad_specifications),
		cmocka_unit_test(no_huge_pages),
		cmocka_unit_test(odd_names),
		cmocka_unit_test(without_space),
		cmocka_unit_test(without_the_right_to_lock),
		cmocka_unit_test(child_is_refused),
		cmocka_unit_test(handler_beside_calls),
		cmocka_unit_test(default_labyrinth),
		cmocka_unit_test(default_that_was_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
