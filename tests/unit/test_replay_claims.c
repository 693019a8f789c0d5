/* SPDX-License-Identifier: MIT */
/*
 * test_replay_claims.c - the arithmetic behind "refused while one was free" under threads: what a request must
 * leave, when a claim is given, what undercuts it; then threads on allocators that answer truly, and on one
 * that does not.  And the marks by which a frame given twice is seen.
 */
#include "../support/room.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "replay_claims.h"
#include "replay_owners.h"

/* A machine of so many frames, of the shape of one of 12 GiB; `zones` as the command line has them. */
static struct labyrinth *opened(struct machine *machine, uint64_t frames, const char *zones)
{
	struct machine_need need = { .highest_frame = ((uint64_t)12 << 18) - 1, .peak_frames = frames, .cpus = 2 };
	struct machine_wish wish;
	char error[MACHINE_ERROR_TEXT] = "";
	struct labyrinth *lab;

	machine_wish_default(&wish);
	if (zones)
		assert_true(machine_parse_zones(&wish, zones, error));
	wish.memory_frames = frames;
	assert_true(machine_plan(machine, &wish, &need, error));
	lab = machine_open(machine, error);
	if (!lab)
		print_error("%s\n", error);
	assert_non_null(lab);
	lab_user_cpu_override = 0;
	return lab;
}

/* ---------------------------------------------------------------- what must be left */

/* Every kind of request, one after the other until it is refused, leaves just its keep in each room. */
static void keeps_are_what_a_drain_leaves(void **state)
{
	unsigned int kind, room, invalid = 0;

	(void)state;
	for (kind = 0; kind < 512; kind++) {
		struct machine machine;
		struct labyrinth *lab = opened(&machine, 4096, NULL);
		struct claims *claims = claims_new(&machine, lab);
		struct lab_request request = LAB_REQUEST((lab_gfp_t)kind, 0);
		int error = 0;

		assert_non_null(claims);
		assert_int_equal(machine.rooms, 3);
		drain(lab, (lab_gfp_t)kind, &error);
		invalid += error == -LAB_EINVAL;
		assert_true(error == -LAB_EINVAL || error == -LAB_ENOMEM);
		for (room = 0; room < machine.rooms; room++) {
			uint64_t frames = room_frames(&machine.room[room]);
			int64_t keep = claims_keep(claims, &request, room);

			if (keep < 0 || (uint64_t)keep > frames)
				keep = (int64_t)frames;
			assert_int_equal(free_frames(lab, room), keep);
			assert_true(error != -LAB_EINVAL || claims_keep(claims, &request, room) == -1);
		}
		claims_delete(claims);
		lab_user_close(lab);
	}
	assert_int_equal(invalid, 128); /* MOVABLE and RECLAIMABLE at once */
}

/* ---------------------------------------------------------------- when a claim is held */

struct scene {
	struct machine machine;
	struct labyrinth *lab;
	struct claims *claims;
	int64_t keep; /* of `kernel` */
};

static const struct lab_request kernel = { .gfp = LAB_GFP_KERNEL, .node = LAB_NODE_LOCAL, .room = LAB_ROOM_ROUTE };
static const struct lab_request atomic = { .gfp = LAB_GFP_ATOMIC, .node = LAB_NODE_LOCAL, .room = LAB_ROOM_ROUTE };
static const struct lab_request block = { .gfp = LAB_GFP_KERNEL, .order = 3, .node = LAB_NODE_LOCAL,
					  .room = LAB_ROOM_ROUTE };

static void scene_open(struct scene *scene, const char *zones)
{
	scene->lab = opened(&scene->machine, 8192, zones);
	scene->claims = claims_new(&scene->machine, scene->lab);
	assert_non_null(scene->claims);
	scene->keep = claims_keep(scene->claims, &kernel, 0);
}

static void scene_close(struct scene *scene)
{
	claims_delete(scene->claims);
	lab_user_close(scene->lab);
}

static void a_claim_needs_one_more_than_the_keep(void **state)
{
	struct scene scene;
	struct claim claim, other;

	(void)state;
	scene_open(&scene, "normal=REST");
	assert_true(scene.keep > 0);
	assert_true(claims_keep(scene.claims, &atomic, 0) > 0);
	assert_true(claims_keep(scene.claims, &atomic, 0) < scene.keep);

	claims_freed(scene.claims, 0, (uint64_t)scene.keep);
	assert_false(claims_begin(scene.claims, &kernel, &claim));
	assert_false(claims_held(scene.claims, &claim));
	assert_true(claims_begin(scene.claims, &atomic, &other)); /* it may go deeper */
	assert_true(claims_held(scene.claims, &other));
	claims_end(scene.claims, &claim, 1, 0);
	assert_int_equal(claims_sure(scene.claims, 0), scene.keep - 1);
	claims_end(scene.claims, &other, 0, 1);
	assert_int_equal(claims_sure(scene.claims, 0), scene.keep - 1);

	claims_freed(scene.claims, 0, 3);
	assert_true(claims_begin(scene.claims, &kernel, &claim));
	assert_true(claims_begin(scene.claims, &kernel, &other)); /* the last one above the keep */
	assert_true(claims_held(scene.claims, &claim));
	assert_true(claims_held(scene.claims, &other));
	claims_end(scene.claims, &claim, 0, 1);
	claims_end(scene.claims, &other, 1, 0);
	assert_int_equal(claims_sure(scene.claims, 0), scene.keep + 1);
	scene_close(&scene);
}

/* Who begins without a claim may take what others have claimed: then nothing is known of those any more. */
static void undercut_claims_are_lost(void **state)
{
	struct scene scene;
	struct claim claim, deeper, undercut;

	(void)state;
	scene_open(&scene, "normal=REST");
	claims_freed(scene.claims, 0, (uint64_t)scene.keep + 2);
	assert_true(claims_begin(scene.claims, &kernel, &claim));
	assert_true(claims_begin(scene.claims, &atomic, &deeper));
	assert_false(claims_begin(scene.claims, &kernel, &undercut));
	assert_false(claims_held(scene.claims, &claim));
	assert_true(claims_held(scene.claims, &deeper)); /* its keep is not reached yet */
	claims_end(scene.claims, &undercut, 1, 0);
	claims_freed(scene.claims, 0, 100);
	assert_false(claims_held(scene.claims, &claim)); /* for good */
	claims_end(scene.claims, &claim, 1, 0);
	claims_end(scene.claims, &deeper, 1, 0);
	assert_int_equal(claims_sure(scene.claims, 0), scene.keep + 102);
	scene_close(&scene);
}

/* A block has up to nine frames in its hands, whatever it gets; it has no claim of its own. */
static void blocks_take_off_what_they_may_hold(void **state)
{
	struct scene scene;
	struct claim claim, blocks;

	(void)state;
	scene_open(&scene, "normal=REST");
	claims_freed(scene.claims, 0, (uint64_t)scene.keep + 10);
	assert_true(claims_begin(scene.claims, &kernel, &claim));
	assert_false(claims_begin(scene.claims, &block, &blocks));
	assert_false(claims_held(scene.claims, &blocks));
	assert_true(claims_held(scene.claims, &claim));
	assert_int_equal(claims_sure(scene.claims, 0), scene.keep);
	claims_end(scene.claims, &blocks, 0, 8);
	assert_int_equal(claims_sure(scene.claims, 0), scene.keep + 1);
	assert_false(claims_begin(scene.claims, &block, &blocks));
	assert_false(claims_held(scene.claims, &claim));
	claims_end(scene.claims, &blocks, 1, 0);
	claims_end(scene.claims, &claim, 0, 1);
	assert_int_equal(claims_sure(scene.claims, 0), scene.keep + 1);
	scene_close(&scene);
}

/* Three rooms: the frame above the keeps may lie in any of them, and be counted in one or in all together. */
static void rooms_count_by_themselves_and_together(void **state)
{
	static const struct lab_request low = { .gfp = LAB_GFP_KERNEL | LAB_DMA32, .node = LAB_NODE_LOCAL,
						.room = LAB_ROOM_ROUTE };
	struct scene scene;
	struct claim claim, other;
	unsigned int room;

	(void)state;
	scene_open(&scene, NULL);
	assert_int_equal(scene.machine.rooms, 3);
	assert_int_equal(claims_keep(scene.claims, &low, 2), -1);
	for (room = 0; room < 3; room++)
		claims_freed(scene.claims, room, (uint64_t)claims_keep(scene.claims, &kernel, room));
	assert_false(claims_begin(scene.claims, &kernel, &claim));
	claims_end(scene.claims, &claim, 3, 0);
	claims_freed(scene.claims, 1, 1);
	assert_true(claims_begin(scene.claims, &kernel, &claim)); /* in the room, and together */
	/* A request that cannot reach room 2 undercuts room 1, and the sum. */
	assert_true(claims_begin(scene.claims, &low, &other));
	assert_false(claims_held(scene.claims, &claim));
	claims_end(scene.claims, &other, 1, 1);
	claims_end(scene.claims, &claim, 3, 0);
	for (room = 0; room < 3; room++)
		assert_int_equal(claims_sure(scene.claims, room), claims_keep(scene.claims, &kernel, room));

	/* Two in room 2, one of them above its keep: undercut there, and the claim on the sum is still held. */
	claims_freed(scene.claims, 2, 1);
	assert_true(claims_begin(scene.claims, &kernel, &claim));
	claims_freed(scene.claims, 1, 1);
	assert_true(claims_begin(scene.claims, &kernel, &other));
	assert_true(claims_held(scene.claims, &claim));
	claims_end(scene.claims, &other, 2, 1);
	claims_end(scene.claims, &claim, 1, 1);
	scene_close(&scene);
}

/* ---------------------------------------------------------------- by threads */

enum { THREADS = 4, CALLS = 60000 };

/* An allocator that is one counter: free frames, of which a request must leave its keep. */
static struct ideal {
	struct claims *claims;
	_Atomic int64_t free;
	int64_t keep[2]; /* of `kernel`, of `atomic` */
	unsigned int lie_every; /* every so many requests are refused whatever is free; 0: none */
	_Atomic uint64_t refused, proven_false, lies, claimed;
} ideal;

/* Take up to `frames`, leaving `keep`; how many. */
static int64_t ideal_take(int64_t frames, int64_t keep)
{
	int64_t free = atomic_load(&ideal.free), got;

	do {
		got = free - keep < frames ? free - keep : frames;
		if (got <= 0)
			return 0;
	} while (!atomic_compare_exchange_weak(&ideal.free, &free, free - got));
	return got;
}

static void ideal_one(uint64_t *random, int64_t *held)
{
	const struct lab_request *request = next_random(random) % 2 ? &kernel : &atomic;
	struct claim claim;
	bool lie = ideal.lie_every && next_random(random) % ideal.lie_every == 0;
	int64_t got = 0;

	atomic_fetch_add(&ideal.claimed, claims_begin(ideal.claims, request, &claim));
	if (next_random(random) % 16 == 0)
		sched_yield(); /* to whoever might take what is claimed */
	if (!lie)
		got = ideal_take(1, ideal.keep[request == &atomic]);
	if (!got) {
		atomic_fetch_add(&ideal.refused, 1);
		atomic_fetch_add(&ideal.lies, lie);
		atomic_fetch_add(&ideal.proven_false, claims_held(ideal.claims, &claim));
	}
	claims_end(ideal.claims, &claim, got ? 0 : 1, (uint32_t)got);
	*held += got;
}

/* A block holds some for a while and gets all of its eight, or puts them back. */
static void ideal_block(int64_t *held)
{
	struct claim claim;
	int64_t got, more;

	claims_begin(ideal.claims, &block, &claim);
	got = ideal_take(5, ideal.keep[0]);
	sched_yield(); /* with some in its hand */
	more = ideal_take(4, ideal.keep[0]);
	if (got + more < 8) {
		atomic_fetch_add(&ideal.free, got + more);
		got = 0;
	} else {
		atomic_fetch_add(&ideal.free, got + more - 8);
		got = 8;
	}
	claims_end(ideal.claims, &claim, got ? 0 : 1, (uint32_t)got);
	*held += got;
}

static void *ideal_thread(void *data)
{
	uint64_t random = (uint64_t)(uintptr_t)data * 0x9e3779b97f4a7c15u;
	int64_t held = 0, back;
	unsigned int i;

	for (i = 0; i < CALLS; i++) {
		if (next_random(&random) % 64 == 0)
			ideal_block(&held);
		else if (next_random(&random) % 8 < 5)
			ideal_one(&random, &held);
		back = held < 3 ? held : 3;
		if (next_random(&random) % 4)
			continue;
		atomic_fetch_add(&ideal.free, back);
		claims_freed(ideal.claims, 0, (uint64_t)back);
		held -= back;
	}
	atomic_fetch_add(&ideal.free, held);
	claims_freed(ideal.claims, 0, (uint64_t)held);
	return NULL;
}

static void ideal_play(int64_t above, unsigned int lie_every)
{
	struct scene scene;
	pthread_t thread[THREADS];
	uintptr_t i;
	int64_t free;

	scene_open(&scene, "normal=REST");
	free = scene.keep + above;
	ideal = (struct ideal){ .claims = scene.claims, .lie_every = lie_every };
	ideal.keep[0] = scene.keep;
	ideal.keep[1] = claims_keep(scene.claims, &atomic, 0);
	atomic_store(&ideal.free, free);
	claims_freed(scene.claims, 0, (uint64_t)free);
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, ideal_thread, (void *)(i + 1)), 0);
	for (i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(atomic_load(&ideal.free), free);
	assert_int_equal(claims_sure(scene.claims, 0), free);
	print_message("%lld above the keep: %llu claims, %llu refused, %llu of them lies, %llu proven false\n",
		      (long long)above, (unsigned long long)ideal.claimed, (unsigned long long)ideal.refused,
		      (unsigned long long)ideal.lies, (unsigned long long)ideal.proven_false);
	scene_close(&scene);
}

static void a_true_refusal_is_never_called_false(void **state)
{
	static const int64_t above[] = { 0, 1, 4, 20, 200 };
	unsigned int i;

	(void)state;
	for (i = 0; i < COUNT_OF(above); i++) {
		ideal_play(above[i], 0);
		assert_int_equal(ideal.proven_false, 0);
		assert_true(ideal.claimed > 0);
	}
	assert_true(ideal.refused > 0);
}

static void a_lie_is_seen(void **state)
{
	(void)state;
	ideal_play(10000000, 100); /* nothing is ever short */
	assert_true(ideal.lies > 0);
	assert_int_equal(ideal.proven_false, ideal.lies);
	ideal_play(60, 100); /* often short: some lies cannot be told from the truth */
	assert_in_range(ideal.proven_false, 1, ideal.lies);
}

/* ---------------------------------------------------------------- marks */

static void two_holders_are_seen(void **state)
{
	struct machine machine;
	struct labyrinth *lab = opened(&machine, 8192, NULL);
	struct owners *owners = owners_new(&machine);
	uint64_t first = machine.room[1].first_frame, end = first + room_frames(&machine.room[1]);
	unsigned int room = 99;

	(void)state;
	assert_int_equal(owners_take(owners, first + 8, 3, 1, &room), OWNERS_FINE);
	assert_int_equal(room, 1);
	assert_int_equal(owners_held(owners, 1), 8);
	assert_int_equal(owners_take(owners, first + 15, 0, 2, &room), OWNERS_TWICE);
	assert_int_equal(owners_give(owners, first + 12, 2), 1);
	assert_int_equal(owners_take(owners, first + 15, 0, 2, &room), OWNERS_FINE);
	assert_int_equal(owners_take(owners, first, 4, 3, &room), OWNERS_TWICE);
	assert_int_equal(owners_held(owners, 1), 16);
	assert_int_equal(owners_held(owners, 0) + owners_held(owners, 2), 0);
	assert_int_equal(owners_take(owners, first + 1, 1, 4, &room), OWNERS_MISPLACED);
	assert_int_equal(room, OWNERS_NO_ROOM);
	assert_int_equal(owners_take(owners, UINT64_MAX, 0, 4, &room), OWNERS_MISPLACED);
	assert_int_equal(owners_take(owners, end - 1, 0, 4, &room), OWNERS_FINE);
	assert_int_equal(owners_take(owners, (uint64_t)1 << 40, 0, 4, &room), OWNERS_MISPLACED);
	assert_int_equal(owners_give(owners, (uint64_t)1 << 40, 0), OWNERS_NO_ROOM);
	owners_delete(owners);
	lab_user_close(lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_are_what_a_drain_leaves),
		cmocka_unit_test(a_claim_needs_one_more_than_the_keep),
		cmocka_unit_test(undercut_claims_are_lost),
		cmocka_unit_test(blocks_take_off_what_they_may_hold),
		cmocka_unit_test(rooms_count_by_themselves_and_together),
		cmocka_unit_test(a_true_refusal_is_never_called_false),
		cmocka_unit_test(a_lie_is_seen),
		cmocka_unit_test(two_holders_are_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
