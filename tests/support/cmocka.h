/* SPDX-License-Identifier: MIT */
/*
 * cmocka.h - as much of cmocka as the tests use, in one header.
 *
 * For builds that have no cmocka to link: Debian's cross compilers bring libc only.  Same names, same
 * output, so the harness reads both alike.  Everywhere else the real one is used.
 */
#ifndef LAB_SMALL_CMOCKA_H
#define LAB_SMALL_CMOCKA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uintmax_t LargestIntegralType;
typedef void (*CMUnitTestFunction)(void **state);
typedef int (*CMFixtureFunction)(void **state);

struct CMUnitTest {
	const char *name;
	CMUnitTestFunction test_func;
	CMFixtureFunction setup_func, teardown_func;
	void *initial_state;
};

#define cmocka_unit_test(f) { #f, f, NULL, NULL, NULL }
#define cmocka_unit_test_setup(f, setup) { #f, f, setup, NULL, NULL }
#define cmocka_unit_test_teardown(f, teardown) { #f, f, NULL, teardown, NULL }
#define cmocka_unit_test_setup_teardown(f, setup, teardown) { #f, f, setup, teardown, NULL }
#define cmocka_unit_test_prestate(f, state) { #f, f, NULL, NULL, state }

static jmp_buf small_leave; /* out of the running test: 1 failed, 2 skipped */

static inline void small_end(int how)
{
	longjmp(small_leave, how);
}

__attribute__((format(printf, 3, 4), noreturn, unused)) static void small_fail(const char *file, int line,
									       const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "[  ERROR   ] --- ");
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n[   LINE   ] --- %s:%d: error: Failure!\n", file, line);
	va_end(args);
	small_end(1);
	abort();
}

#define fail() small_fail(__FILE__, __LINE__, "fail()")
#define fail_msg(...) small_fail(__FILE__, __LINE__, __VA_ARGS__)
#define skip() small_end(2)
#define print_message(...) printf(__VA_ARGS__)
#define print_error(...) fprintf(stderr, __VA_ARGS__)

#define assert_true(c)                                                                              \
	do {                                                                                        \
		if (!(c))                                                                           \
			small_fail(__FILE__, __LINE__, "%s", #c);                                   \
	} while (0)
#define assert_false(c)                                                                             \
	do {                                                                                        \
		if (c)                                                                              \
			small_fail(__FILE__, __LINE__, "not: %s", #c);                              \
	} while (0)
/* As in cmocka, both sides are compared as the largest unsigned integers. */
#define small_compare(a, op, b, text)                                                               \
	do {                                                                                        \
		uintmax_t small_a = (uintmax_t)(a), small_b = (uintmax_t)(b);                       \
                                                                                                    \
		if (!(small_a op small_b))                                                          \
			small_fail(__FILE__, __LINE__, "%s %s %s: %#jx, %#jx", #a, text, #b, small_a, \
				   small_b);                                                        \
	} while (0)
#define assert_int_equal(a, b) small_compare(a, ==, b, "==")
#define assert_int_not_equal(a, b) small_compare(a, !=, b, "!=")
#define assert_ptr_equal(a, b) small_compare((uintptr_t)(a), ==, (uintptr_t)(b), "==")
#define assert_ptr_not_equal(a, b) small_compare((uintptr_t)(a), !=, (uintptr_t)(b), "!=")
#define assert_null(p) small_compare((uintptr_t)(p), ==, 0, "==")
#define assert_non_null(p) small_compare((uintptr_t)(p), !=, 0, "!=")
#define assert_in_range(v, low, high)                                                               \
	do {                                                                                        \
		small_compare(v, >=, low, ">=");                                                    \
		small_compare(v, <=, high, "<=");                                                   \
	} while (0)
#define assert_return_code(rc, error)                                                               \
	do {                                                                                        \
		if ((long long)(rc) < 0)                                                            \
			small_fail(__FILE__, __LINE__, "%s < 0: %s", #rc, strerror(error));         \
	} while (0)
#define small_string(a, op, b, text)                                                                \
	do {                                                                                        \
		const char *small_a = (a), *small_b = (b);                                          \
                                                                                                    \
		if (!(strcmp(small_a, small_b) op 0))                                               \
			small_fail(__FILE__, __LINE__, "\"%s\" %s \"%s\"", small_a, text, small_b); \
	} while (0)
#define assert_string_equal(a, b) small_string(a, ==, b, "==")
#define assert_string_not_equal(a, b) small_string(a, !=, b, "!=")
#define assert_memory_equal(a, b, n) assert_true(!memcmp(a, b, n))
#define assert_memory_not_equal(a, b, n) assert_true(memcmp(a, b, n))

#define cmocka_run_group_tests(tests, setup, teardown)                                              \
	small_run(#tests, tests, sizeof(tests) / sizeof((tests)[0]), setup, teardown)
#define cmocka_run_group_tests_name(name, tests, setup, teardown)                                   \
	small_run(name, tests, sizeof(tests) / sizeof((tests)[0]), setup, teardown)

/* 0 passed, 1 failed, 2 skipped. */
__attribute__((unused)) static int small_run_one(const struct CMUnitTest *test, void *group_state)
{
	static void *state; /* must outlive the longjmp */
	volatile int how;

	state = test->initial_state ? test->initial_state : group_state;
	printf("[ RUN      ] %s\n", test->name);
	fflush(stdout);
	how = setjmp(small_leave);
	if (!how) {
		if (test->setup_func && test->setup_func(&state))
			small_end(1);
		test->test_func(&state);
	}
	if (test->teardown_func && test->teardown_func(&state) && !how)
		how = 1;
	printf("%s %s\n", how == 0 ? "[       OK ]" : how == 2 ? "[  SKIPPED ]" : "[  FAILED  ]", test->name);
	fflush(stdout);
	return how;
}

__attribute__((unused)) static int small_run(const char *group, const struct CMUnitTest *tests, size_t count,
					     CMFixtureFunction setup, CMFixtureFunction teardown)
{
	void *state = NULL;
	int failed = 0;
	size_t i;

	printf("[==========] Running %zu test(s).\n", count);
	if (setup && setup(&state)) {
		printf("[  FAILED  ] %s\n", group);
		return 1;
	}
	for (i = 0; i < count; i++)
		failed += small_run_one(&tests[i], state) == 1;
	if (teardown && teardown(&state))
		failed++;
	printf("[==========] %zu test(s) run, %d failed.\n", count, failed);
	return failed;
}

#endif
