/* SPDX-License-Identifier: MIT */
/*
 * test_duration.c - times as people write them, to the last digit; rounded only to the side that was asked for.
 */
#include "../support/room.h"
#include "duration.h"

static void assert_ns(const char *text, uint64_t down, uint64_t up)
{
	uint64_t ns = 0;

	assert_true(duration_parse(text, DURATION_DOWN, &ns));
	assert_int_equal(ns, down);
	assert_true(duration_parse(text, DURATION_UP, &ns));
	assert_int_equal(ns, up);
}

static void exact(void **state)
{
	(void)state;
	assert_ns("5.208us", 5208, 5208);
	assert_ns("20ms", 20000000, 20000000);
	assert_ns("0s", 0, 0);
	assert_ns("0", 0, 0); /* of any unit */
	assert_ns("5.208\xc2\xb5s", 5208, 5208);
	assert_ns("5.208\xce\xbcs", 5208, 5208);
	assert_ns("0.1s", 100000000, 100000000); /* no binary number is that */
	assert_ns("1.000000001s", 1000000001, 1000000001);
	assert_ns("007.50ns", 7, 8);
	assert_ns("18446744073709551615ns", UINT64_MAX, UINT64_MAX);
	assert_ns("18446744073.709551615s", UINT64_MAX, UINT64_MAX);
}

static void rounded(void **state)
{
	(void)state;
	assert_ns("5.2083333us", 5208, 5209);
	assert_ns("0.3ns", 0, 1);
	assert_ns("1.0000000000000000000000000000000000001s", 1000000000, 1000000001);
	assert_ns("1.0000000000000000000000000000000000000s", 1000000000, 1000000000);
}

static void refused(void **state)
{
	static const char *const bad[] = { "", "5", "00", "0.", "0.0", "us", "5\xc2s", "5\xb5s", ".5us", "5.us", "5 us", "-5us", "+5us", "5,2us", "5us ", "5e3us", "0x5us",
					   "5m", "5.2.1us", "18446744073709551616ns", "18446744073.709551616s", "99999999999999999999999s",
					   "nans", "infs" };
	uint64_t ns;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(bad); i++)
		if (duration_parse(bad[i], DURATION_DOWN, &ns))
			fail_msg("'%s' was taken for a time", bad[i]);
	assert_false(duration_parse("18446744073709551615.5ns", DURATION_UP, &ns));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exact),
		cmocka_unit_test(rounded),
		cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
