/* SPDX-License-Identifier: MIT */
/*
 * duration.c - see duration.h.  Digit by digit: a floating-point number would round as it likes.
 */
#include "duration.h"

#include <string.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static uint64_t unit_ns(const char *unit)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = { { "ns", 1 },
		      { "us", 1000 },
		      { "\xc2\xb5s", 1000 }, /* the micro sign, in UTF-8 */
		      { "\xce\xbcs", 1000 }, /* the Greek letter */
		      { "ms", 1000000 },
		      { "s", 1000000000 } };
	unsigned int i;

	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (!strcmp(unit, units[i].name))
			return units[i].ns;
	return 0;
}

/* *sum += digit * unit, where it fits. */
static bool add(uint64_t *sum, unsigned int digit, uint64_t unit)
{
	return !__builtin_add_overflow(*sum, digit * unit, sum);
}

bool duration_parse(const char *text, enum duration_round round, uint64_t *ns)
{
	const char *point = text + strspn(text, "0123456789"), *unit = point, *at;
	uint64_t whole = 0, sum = 0, scale;
	bool more = false; /* less than a nanosecond was left over */

	if (!strcmp(text, "0")) /* of any unit */
		unit = "ns";
	if (*point == '.') {
		unit = point + 1 + strspn(point + 1, "0123456789");
		if (unit == point + 1)
			return false;
	}
	scale = unit_ns(unit);
	if (point == text || !scale)
		return false;
	for (at = text; at < point; at++)
		if (__builtin_mul_overflow(whole, 10, &whole) || !add(&whole, (unsigned int)(*at - '0'), 1))
			return false;
	if (__builtin_mul_overflow(whole, scale, &sum))
		return false;
	for (at = point; *at == '.' || is_digit(*at); at++) {
		if (!is_digit(*at))
			continue; /* the point */
		scale /= 10;
		if (!add(&sum, (unsigned int)(*at - '0'), scale))
			return false;
		more |= !scale && *at != '0';
	}
	if (more && round == DURATION_UP && !add(&sum, 1, 1))
		return false;
	*ns = sum;
	return true;
}
