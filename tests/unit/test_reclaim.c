/* SPDX-License-Identifier: MIT */
/*
 * test_reclaim.c - shrinkers, the keeper by hand and as a thread, fork.  (Waiting: test_wait.c.)
 *
 * No test depends on how fast anything is: passes are made by hand with a time that the test says; where a thread
 * must come to a state, it has a minute for it.
 */
#define _GNU_SOURCE
#include "../support/reclaim.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <time.h>

#include "layout.h"

/* ---- the keeper ---- */

/* Falls to low; the shrinkers are asked, the lowest priority first; high; then nobody is. */
static void low_to_high(void **state)
{
	(void)state;
	assert_int_equal(lab_shrinker_register(lab, &second), 0);
	assert_int_equal(lab_shrinker_register(lab, &first), 0);
	fill_cache(&two, 500);
	fill_cache(&one, FRAMES - 500 - 150);
	assert_int_equal(lab_keeper_pass(keeper, MS), 0);
	assert_int_equal(one.calls + two.calls, 0);
	assert_int_equal(figures().falls, 0);
	fill_cache(&one, 20); /* 130 are free: 70 below high, of which 50 stood there the last time */
	one.most = 100;
	assert_int_equal(lab_keeper_pass(keeper, MS), 70 + 49); /* the demand seen last decays a little */
	assert_int_equal(free_frames(lab, 0), 130 + 70 + 49);
	assert_int_equal(one.number, 1);
	assert_int_equal(two.number, 2);
	assert_int_equal(two.asked, 19);
	assert_int_equal(figures().falls, 1);
	assert_int_equal(figures().recovered, 1);
	assert_int_equal(figures().freed, 119);
	assert_int_equal(figures().room[0].boost, 49);
	assert_int_equal(lab_keeper_pass(keeper, MS), 0);
	assert_int_equal(asked_in_all, 2);
	assert_int_equal(figures().passes, 3);
	assert_int_equal(labyrinth_room(lab, 0)->keeper, 0);
}

/* Many little steps of a shrinker: each pass ends, and the next one goes on. */
static void little_by_little(void **state)
{
	unsigned int passes;

	(void)state;
	assert_int_equal(lab_shrinker_register(lab, &first), 0);
	fill_cache(&one, FRAMES - 100);
	one.most = 1;
	for (passes = 0; !figures().recovered; passes++)
		assert_int_equal(lab_keeper_pass(keeper, 0), 8);
	assert_int_equal(passes, (100 + 100) / 8); /* to high, and the 100 of the boost */
	assert_int_equal(figures().room[0].reclaiming, false);
}

/* Nobody has anything: asked again after a pause, each twice as long; said so; and over at once when somebody comes. */
static void no_progress(void **state)
{
	uint64_t pause = 0;
	unsigned int i, calls;

	(void)state;
	assert_int_equal(lab_shrinker_register(lab, &first), 0);
	fill_cache(&two, FRAMES - 100);
	for (i = 1; i <= 20; i++) {
		assert_int_equal(lab_keeper_pass(keeper, pause), 0);
		assert_int_equal(one.calls, i);
		assert_true(figures().room[0].stuck && figures().room[0].reclaiming);
		assert_int_equal(figures().stuck, i);
		assert_true(figures().room[0].pause_ns == (pause ? 2 * pause : 2 * MS) ||
			    figures().room[0].pause_ns == LAB_KEEPER_PAUSE_MAX);
		pause = figures().room[0].pause_ns;
		calls = one.calls;
		assert_int_equal(lab_keeper_pass(keeper, pause / 4), 0);
		assert_int_equal(lab_keeper_pass(keeper, pause / 4), 0);
		assert_int_equal(one.calls, calls); /* not yet */
		lab_keeper_pass(keeper, pause / 4);
	}
	assert_int_equal(pause, LAB_KEEPER_PAUSE_MAX);
	calls = one.calls;
	assert_int_equal(lab_shrinker_register(lab, &second), 0);
	assert_true(lab_keeper_pass(keeper, 0) >= 100);
	assert_int_equal(one.calls, calls + 1);
	assert_false(figures().room[0].stuck);
	assert_int_equal(figures().recovered, 1);
}

/* Frees of others end a fall too. */
static void recovers_by_itself(void **state)
{
	(void)state;
	fill_cache(&one, FRAMES - 100);
	lab_keeper_pass(keeper, 0);
	assert_true(figures().room[0].stuck);
	shrink_cache(&one, 200);
	lab_keeper_pass(keeper, 0);
	assert_int_equal(figures().recovered, 1);
	assert_false(figures().room[0].stuck || figures().room[0].reclaiming);
	assert_int_equal(labyrinth_room(lab, 0)->keeper, 0);
}

/* A shrinker's own requests do not come back to it; nor may it change what is being walked. */
static struct {
	unsigned int calls;
	int registered, unregistered, oom, stopped, started;
	long passed;
	struct lab_page *page;
	bool frees;
} nested;

static long shrink_nested(void *arg, long frames)
{
	struct lab_keeper *another;

	(void)arg;
	nested.calls++;
	nested.page = lab_user_alloc_wait(lab, &patient, LAB_FOREVER, NULL);
	nested.registered = lab_shrinker_register(lab, &second);
	nested.unregistered = lab_shrinker_unregister(lab, &first);
	nested.oom = lab_oom_register(lab, NULL, NULL);
	nested.stopped = lab_keeper_stop(keeper);
	nested.started = lab_keeper_start(lab, NULL, &another);
	nested.passed = lab_keeper_pass(keeper, 0);
	figures();
	return nested.frees ? shrink_cache(&one, frames) : 0;
}

static const struct lab_shrinker nesting = { .name = "nested", .shrink = shrink_nested };

static void within_a_shrinker(void **state)
{
	struct lab_page *page;

	(void)state;
	memset(&nested, 0, sizeof(nested));
	assert_int_equal(lab_shrinker_register(lab, &nesting), 0);
	fill_cache(&one, FRAMES - 100);
	lab_keeper_pass(keeper, 0);
	assert_int_equal(nested.calls, 1);
	assert_int_equal(lab_ptr_err(nested.page), -LAB_ENOMEM);
	assert_int_equal(nested.registered, -LAB_EBUSY);
	assert_int_equal(nested.unregistered, -LAB_EBUSY);
	assert_int_equal(nested.oom, -LAB_EBUSY);
	assert_int_equal(nested.stopped, -LAB_EBUSY);
	assert_int_equal(nested.started, -LAB_EBUSY);
	assert_int_equal(nested.passed, -LAB_EBUSY);
	nested.frees = true;
	page = lab_user_alloc_wait(lab, &patient, LAB_FOREVER, NULL);
	assert_false(lab_is_err(page));
	assert_int_equal(nested.calls, 2);
	assert_int_equal(lab_ptr_err(nested.page), -LAB_ENOMEM);
}

/* ---- lists ---- */

static void registering(void **state)
{
	static struct lab_shrinker many[LAB_SHRINKERS_MAX];
	struct lab_shrinker empty = { .name = "empty" };
	struct lab_keeper *another;
	unsigned int i;

	(void)state;
	assert_int_equal(lab_shrinker_register(lab, &empty), -LAB_EINVAL);
	assert_int_equal(lab_shrinker_unregister(lab, &first), -LAB_EALREADY);
	assert_int_equal(lab_shrinker_register(lab, &first), 0);
	assert_int_equal(lab_shrinker_register(lab, &first), -LAB_EALREADY);
	assert_int_equal(lab_shrinker_unregister(lab, &first), 0);
	assert_int_equal(lab_shrinker_unregister(lab, &first), -LAB_EALREADY);
	for (i = 0; i < LAB_SHRINKERS_MAX; i++) {
		many[i] = first;
		many[i].priority = (int)(i % 7);
		assert_int_equal(lab_shrinker_register(lab, &many[i]), 0);
	}
	assert_int_equal(lab_shrinker_register(lab, &second), -LAB_ENOBUFS);
	for (i = 0; i < LAB_SHRINKERS_MAX; i++)
		assert_int_equal(lab_shrinker_unregister(lab, &many[i]), 0);
	assert_int_equal(lab_keeper_start(lab, NULL, &another), -LAB_EALREADY);
	assert_null(another);
	assert_int_equal(lab_keeper_stop(keeper), 0);
	assert_int_equal(lab_keeper_start(lab, &(struct lab_keeper_spec){ .period_ns = 100 }, &keeper), -LAB_EINVAL);
	assert_int_equal(lab_keeper_start(lab, &(struct lab_keeper_spec){ .by_hand = true }, &keeper), 0);
	assert_int_equal(figures().passes, 0);
	assert_int_equal(lab_keeper_stop(keeper), 0);
}

/* ---- the thread ---- */

/* Within a minute. */
static void until(bool (*reached)(void))
{
	time_t end = time(NULL) + 60;

	while (!reached() && time(NULL) < end)
		usleep(1000);
	assert_true(reached());
}

static bool three_passes(void)
{
	return figures().passes >= 3;
}

static bool recovered(void)
{
	return figures().recovered >= 1;
}

static bool all_zeroed(void)
{
	return figures().zeroed >= 100;
}

/* The thread: polls, reclaims, zeroes, gets no signals, and ends with the labyrinth. */
static void by_itself(void **state)
{
	struct lab_user_room room = marked_room();
	sigset_t before, during;
	int i;

	(void)state;
	lab_user_close(lab); /* and with it the keeper by hand */
	room.zeroed = 100;
	lab = opened(&room, LAB_LAZY);
	pthread_sigmask(SIG_SETMASK, NULL, &before);
	assert_int_equal(lab_keeper_start(lab, NULL, &keeper), 0);
	pthread_sigmask(SIG_SETMASK, NULL, &during);
	for (i = 1; i < 32; i++)
		assert_int_equal(sigismember(&before, i), sigismember(&during, i));
	assert_int_equal(lab_shrinker_register(lab, &first), 0);
	until(three_passes);
	until(all_zeroed);
	fill_cache(&one, FRAMES - 140);
	until(recovered);
	assert_true(free_frames(lab, 0) >= 200);
	assert_int_equal(lab_keeper_stop(keeper), 0);
	assert_int_equal(lab_keeper_start(lab, &(struct lab_keeper_spec){ .no_tidying = true }, &keeper), 0);
	until(three_passes);
	assert_int_equal(figures().mended, 0);
}

/* ---- fork, and labyrinths of other kinds ---- */

static int child(void)
{
	struct lab_keeper_stats stats;
	struct lab_keeper *another;

	if (lab_keeper_stats(keeper, &stats) != -LAB_ECHILD || lab_keeper_stop(keeper) != -LAB_ECHILD ||
	    lab_keeper_pass(keeper, 0) != -LAB_ECHILD)
		return 1;
	if (lab_keeper_start(lab, NULL, &another) != -LAB_ECHILD)
		return 2;
	if (lab_shrinker_register(lab, &second) != -LAB_ECHILD || lab_shrinker_unregister(lab, &first) != -LAB_ECHILD ||
	    lab_oom_register(lab, NULL, NULL) != -LAB_ECHILD)
		return 3;
	if (lab_ptr_err(lab_user_alloc_wait(lab, &patient, LAB_FOREVER, NULL)) != -LAB_ECHILD)
		return 4;
	lab_user_close(lab);
	return 0;
}

static void forked(void **state)
{
	(void)state;
	assert_int_equal(lab_shrinker_register(lab, &first), 0);
	assert_int_equal(in_child(child), 0);
	assert_int_equal(lab_keeper_pass(keeper, 0), 0);
}

LAB_DEFINE_SLOTS(fixed, 1 << 20, 140, .min = 20, .low = 30, .high = 40, .zeroed = 100);

/* In a child a labyrinth in static memory is its own: it starts a keeper of its own. */
static int child_with_its_own(void)
{
	struct lab_keeper *another;
	struct lab_keeper_stats stats;
	int error;

	if (lab_keeper_stop(keeper) != -LAB_ECHILD)
		return 1;
	if (lab_keeper_start(fixed, NULL, &another) || lab_shrinker_register(fixed, &second))
		return 2;
	drain(fixed, LAB_GFP_KERNEL, &error);
	do {
		if (lab_keeper_stats(another, &stats))
			return 3;
	} while (!stats.falls);
	return lab_shrinker_unregister(fixed, &second) || lab_keeper_stop(another) ? 4 : 0;
}

static void in_static_memory(void **state)
{
	struct lab_keeper *handed = keeper;

	(void)state;
	assert_int_equal(lab_keeper_start(fixed, NULL, &keeper), 0);
	assert_int_equal(lab_shrinker_register(fixed, &first), 0);
	until(three_passes);
	until(all_zeroed);
	assert_int_equal(in_child(child_with_its_own), 0);
	assert_int_equal(lab_shrinker_unregister(fixed, &first), 0);
	assert_int_equal(lab_keeper_stop(keeper), 0);
	keeper = handed;
}

static void unborn(void **state)
{
	static struct lab_define_line nothing[256];
	struct labyrinth *none = (struct labyrinth *)nothing;
	struct lab_user_room room = { .name = "ours", .kind = LAB_ROOM_METADATA, .zone = LAB_ZONE_NORMAL, .size = MIB(1),
				      .zeroed = 4 };
	struct lab_keeper *never;

	(void)state;
	assert_int_equal(lab_keeper_start(none, NULL, &never), -LAB_ENXIO);
	assert_int_equal(lab_shrinker_register(none, &first), -LAB_ENXIO);
	assert_int_equal(lab_oom_register(none, NULL, NULL), -LAB_ENXIO);
	assert_int_equal(open_one(&room, LAB_LAZY, &none), -EINVAL);
	assert_non_null(strstr(text, "no zeroed frames"));
	room = memory_room(MIB(1));
	room.zeroed = 257;
	assert_int_equal(open_one(&room, LAB_LAZY, &none), -EINVAL);
	assert_non_null(strstr(text, "more zeroed frames"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(low_to_high, setup, teardown),
		cmocka_unit_test_setup_teardown(little_by_little, setup, teardown),
		cmocka_unit_test_setup_teardown(no_progress, setup, teardown),
		cmocka_unit_test_setup_teardown(recovers_by_itself, setup, teardown),
		cmocka_unit_test_setup_teardown(within_a_shrinker, setup, teardown),
		cmocka_unit_test_setup_teardown(registering, setup, teardown),
		cmocka_unit_test_setup_teardown(by_itself, setup, teardown),
		cmocka_unit_test_setup_teardown(forked, setup, teardown),
		cmocka_unit_test_setup_teardown(in_static_memory, setup, teardown),
		cmocka_unit_test(unborn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
