/* SPDX-License-Identifier: MIT */
/*
 * test_wait.c - waiting for frames: shrinkers, naps, the end of the time, out of memory.  How fast anything is makes no
 * difference.
 */
#define _GNU_SOURCE
#include "../support/reclaim.h"

#include <pthread.h>
#include <sched.h>

static bool oom_answer;
static unsigned int oom_calls;

static bool out_of_memory(void *arg, const struct lab_request *request)
{
	struct cache *cache = arg;

	oom_calls++;
	assert_true(request == &patient);
	assert_int_equal(lab_ptr_err(lab_user_alloc_wait(lab, request, LAB_FOREVER, NULL)), -LAB_ENOMEM); /* not again */
	if (cache)
		shrink_cache(cache, 1);
	return oom_answer;
}

static void waits_and_gives_up(void **state)
{
	struct lab_answer answer;
	uint64_t tries;

	(void)state;
	fill_cache(&two, FRAMES - 100);
	patient.gfp = LAB_GFP_ATOMIC;
	assert_int_equal(lab_ptr_err(lab_user_alloc_wait(lab, &patient, 0, &answer)), -LAB_EINVAL);
	patient.gfp = LAB_GFP_KERNEL;
	assert_int_equal(lab_shrinker_register(lab, &first), 0);
	assert_int_equal(lab_ptr_err(lab_user_alloc_wait(lab, &patient, 0, &answer)), -LAB_ENOMEM);
	assert_int_equal(answer.room, -1);
	assert_true(one.calls > 0);
	tries = counted(lab, LAB_COUNT_NOMEM);
	assert_int_equal(lab_ptr_err(lab_user_alloc_wait(lab, &patient, 20 * MS, NULL)), -LAB_ENOMEM);
	assert_true(counted(lab, LAB_COUNT_NOMEM) - tries < 40); /* naps grow: however slow, so many at most */
	patient.gfp |= LAB_NORETRY;
	one.calls = 0;
	assert_int_equal(lab_ptr_err(lab_user_alloc_wait(lab, &patient, LAB_FOREVER, NULL)), -LAB_ENOMEM);
	assert_int_equal(one.calls, 1);
	patient.order = LAB_ORDER_MAX + 1;
	assert_int_equal(lab_ptr_err(lab_user_alloc_wait(lab, &patient, LAB_FOREVER, NULL)), -LAB_EINVAL); /* at once */
	assert_int_equal(one.calls, 1);
}

/* What stands in the way of the request is asked for, and no more is freed than it takes. */
static void shrinkers_serve_at_once(void **state)
{
	struct lab_answer answer;
	struct lab_page *page;

	(void)state;
	assert_int_equal(lab_shrinker_register(lab, &first), 0);
	assert_int_equal(lab_shrinker_register(lab, &second), 0);
	fill_cache(&one, FRAMES - 90); /* 10 below min */
	fill_cache(&two, 90);
	page = lab_user_alloc_wait(lab, &patient, LAB_FOREVER, &answer);
	assert_false(lab_is_err(page));
	assert_int_equal(answer.room, 0);
	assert_int_equal(one.asked, 101);
	assert_int_equal(two.calls, 0);
	assert_int_equal(free_frames(lab, 0), 100);
	assert_int_equal(figures().shrinks, 1);
	assert_int_equal(lab_free_pages(lab, page, 0), 0);
	one.pages = 0; /* nothing to free any more: the next one is asked in the same round */
	fill_cache(&two, 1);
	patient.gfp |= LAB_NORETRY;
	page = lab_user_alloc_wait(lab, &patient, LAB_FOREVER, &answer);
	assert_false(lab_is_err(page));
	assert_int_equal(two.asked, 1);
}

static void out_of_memory_once(void **state)
{
	(void)state;
	oom_calls = 0;
	fill_cache(&one, FRAMES - 100);
	assert_int_equal(lab_oom_register(lab, out_of_memory, NULL), 0);
	oom_answer = false;
	assert_int_equal(lab_ptr_err(lab_user_alloc_wait(lab, &patient, MS, NULL)), -LAB_ENOMEM);
	assert_int_equal(oom_calls, 1);
	oom_answer = true; /* by mistake: it has freed nothing */
	assert_int_equal(lab_ptr_err(lab_user_alloc_wait(lab, &patient, MS, NULL)), -LAB_ENOMEM);
	assert_int_equal(oom_calls, 2);
	patient.gfp = LAB_GFP_KERNEL | LAB_NORETRY;
	assert_int_equal(lab_ptr_err(lab_user_alloc_wait(lab, &patient, MS, NULL)), -LAB_ENOMEM);
	patient.gfp = LAB_GFP_KERNEL | LAB_RETRY_MAYFAIL;
	assert_int_equal(lab_ptr_err(lab_user_alloc_wait(lab, &patient, MS, NULL)), -LAB_ENOMEM);
	assert_int_equal(oom_calls, 2); /* neither of them asks */
	assert_int_equal(lab_oom_register(lab, out_of_memory, &one), 0);
	patient.gfp = LAB_GFP_KERNEL | LAB_NOFAIL;
	assert_false(lab_is_err(lab_user_alloc_wait(lab, &patient, MS, NULL)));
	assert_int_equal(oom_calls, 3);
	assert_false(lab_is_err(lab_user_alloc_wait(lab, &patient, LAB_FOREVER, NULL)));
	assert_int_equal(oom_calls, 4);
	assert_int_equal(lab_oom_register(lab, NULL, NULL), 0);
	assert_int_equal(lab_ptr_err(lab_user_alloc_wait(lab, &patient, MS, NULL)), -LAB_ENOMEM);
}

static void *waiter(void *arg)
{
	*(struct lab_page **)arg = lab_user_alloc_wait(lab, &patient, LAB_FOREVER, NULL);
	return NULL;
}

/* A frame that anybody frees ends the wait. */
static void served_by_a_free(void **state)
{
	struct lab_page *page = NULL;
	uint64_t refused;
	pthread_t thread;

	(void)state;
	fill_cache(&one, FRAMES - 100);
	refused = counted(lab, LAB_COUNT_NOMEM);
	assert_int_equal(pthread_create(&thread, NULL, waiter, &page), 0);
	while (counted(lab, LAB_COUNT_NOMEM) < refused + 3)
		sched_yield();
	shrink_cache(&one, 1);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_false(lab_is_err(page));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(waits_and_gives_up, setup, teardown),
		cmocka_unit_test_setup_teardown(shrinkers_serve_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(out_of_memory_once, setup, teardown),
		cmocka_unit_test_setup_teardown(served_by_a_free, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
