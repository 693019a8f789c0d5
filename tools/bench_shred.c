/* SPDX-License-Identifier: MIT */
/*
 * bench_shred.c - shred_random, shred_ram, shred_keys, shred_zero, shred_zero_ram, shred_digest: overwriting a page, and its digest.
 *
 * Runs in workers only.  A mode is a kernel of the core's (core/fill.h), each that this machine can run; the page is hot.
 * The floor is the C library's memset of the same page.
 */
#include "bench_call.h"
#include "../core/keys.h"

#include <string.h>

#define SHREDS 20000u

enum shred_kind {
	SHRED_RANDOM,
	SHRED_RAM,
	SHRED_ZERO,
	SHRED_ZERO_RAM,
	SHRED_DIGEST,
	SHRED_KEYS,
};

/* What one loop needs; `fill` NULL: memset. */
struct shred {
	enum shred_kind kind;
	const struct lab_fill *fill;
	struct fill_key key;
	struct lab_keys keys;
	void *page;
};

static uint64_t once(struct shred *shred, uint64_t nonce)
{
	const struct lab_fill *fill = shred->fill;

	if (!fill) {
		memset(shred->page, (int)nonce, BENCH_PAGE);
		FILL_BARRIER(shred->page);
		return 0;
	}
	switch (shred->kind) {
	case SHRED_RANDOM:
		return fill->random(shred->page, BENCH_PAGE, &shred->key, nonce);
	case SHRED_RAM:
		return fill->random_ram(shred->page, BENCH_PAGE, &shred->key, nonce);
	case SHRED_ZERO:
		return fill->zero(shred->page, BENCH_PAGE);
	case SHRED_ZERO_RAM:
		return fill->zero_ram(shred->page, BENCH_PAGE);
	case SHRED_KEYS:
		return keys_shred(&shred->keys, fill, shred->page, BENCH_PAGE, false);
	default:
		return fill->digest(shred->page, BENCH_PAGE);
	}
}

static double run(struct shred *shred, uint64_t count)
{
	double start = bench_cpu_ns();
	uint64_t sum = 0;

	for (uint64_t i = 0; i < count; i++)
		sum += once(shred, i);
	FILL_BARRIER(&sum);
	return (bench_cpu_ns() - start) / (double)count;
}

/* A quarter unmeasured first, as with the other loops. */
static void measure(struct shred *shred, const char *mode, struct bench_figures *figures)
{
	run(shred, SHREDS / 4);
	bench_figure_add(figures, mode, run(shred, SHREDS));
}

static void shreds(const struct bench_job *job, enum shred_kind kind, struct bench_figures *figures)
{
	static uint8_t page[BENCH_PAGE] __attribute__((aligned(BENCH_PAGE)));
	uint8_t seed[FILL_SEED_BYTES] = { 1 }; /* a measurement is no secret */
	struct shred shred = { .kind = kind, .page = page };

	if (job->who == BENCH_FLOOR) {
		measure(&shred, "memset", figures);
		return;
	}
	for (unsigned int n = 0; (shred.fill = fill_nth(n)) != NULL; n++) {
		if ((kind == SHRED_RAM || kind == SHRED_ZERO_RAM) && !shred.fill->past_caches)
			continue;
		shred.fill->expand(&shred.key, seed);
		if (kind == SHRED_KEYS) {
			memset(&shred.keys, 0, sizeof(shred.keys));
			keys_seed(&shred.keys, shred.fill, seed);
		}
		measure(&shred, shred.fill->name, figures);
	}
}

const char *bench_shred_no_ram(void)
{
	return fill_best()->past_caches ? NULL : "no kernel of this machine writes past the caches";
}

void bench_shred_random(const struct bench_job *job, struct bench_figures *figures)
{
	shreds(job, SHRED_RANDOM, figures);
}

void bench_shred_ram(const struct bench_job *job, struct bench_figures *figures)
{
	shreds(job, SHRED_RAM, figures);
}

void bench_shred_keys(const struct bench_job *job, struct bench_figures *figures)
{
	shreds(job, SHRED_KEYS, figures);
}

void bench_shred_zero(const struct bench_job *job, struct bench_figures *figures)
{
	shreds(job, SHRED_ZERO, figures);
}

void bench_shred_zero_ram(const struct bench_job *job, struct bench_figures *figures)
{
	shreds(job, SHRED_ZERO_RAM, figures);
}

void bench_shred_digest(const struct bench_job *job, struct bench_figures *figures)
{
	shreds(job, SHRED_DIGEST, figures);
}
