/* SPDX-License-Identifier: MIT */
/*
 * bytes.h - what the fuzzers share: reading decisions out of an input, and saying what is wrong.
 *
 * An input that has ended reads as zeros: a shorter one is a simpler one.
 */
#ifndef FUZZ_BYTES_H
#define FUZZ_BYTES_H

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The fuzzer keeps the input of whatever aborts, and says where. */
#define CHECK(what, ...)                                                                                     \
	do {                                                                                                 \
		if (!(what)) {                                                                               \
			fprintf(stderr, "FAIL %s:%d: %s: ", __FILE__, __LINE__, #what);                      \
			fprintf(stderr, __VA_ARGS__);                                                        \
			fputc('\n', stderr);                                                                 \
			abort();                                                                             \
		}                                                                                            \
	} while (0)

/* FUZZ_SHOW=1 with one input: what it does is told on standard error. */
static inline bool showing(void)
{
	static int show = -1;

	if (show < 0)
		show = getenv("FUZZ_SHOW") != NULL;
	return show;
}

#define SHOW(...) (showing() ? (void)fprintf(stderr, __VA_ARGS__) : (void)0)

struct bytes {
	const uint8_t *at, *end;
};

static inline bool bytes_left(const struct bytes *in)
{
	return in->at < in->end;
}

static inline unsigned int take8(struct bytes *in)
{
	return in->at < in->end ? *in->at++ : 0;
}

static inline unsigned int take16(struct bytes *in)
{
	unsigned int low = take8(in);

	return low | take8(in) << 8;
}

static inline uint64_t take64(struct bytes *in)
{
	uint64_t value = 0;
	unsigned int i;

	for (i = 0; i < 64; i += 8)
		value |= (uint64_t)take8(in) << i;
	return value;
}

/* One of n, n <= 65536. */
static inline unsigned int pick(struct bytes *in, unsigned int n)
{
	return (n > 256 ? take16(in) : take8(in)) % n;
}

/* A number as somebody hostile would choose it. */
static inline uint64_t take_number(struct bytes *in)
{
	unsigned int kind = take8(in);
	uint64_t power = (uint64_t)1 << kind / 4 % 64;

	switch (kind % 4) {
	case 0:
		return take8(in);
	case 1:
		return kind < 128 ? take16(in) : take64(in);
	case 2:
		return power + take8(in) - 128; /* around a power of two */
	default:
		return kind < 128 ? power : UINT64_MAX - take8(in);
	}
}

#endif
