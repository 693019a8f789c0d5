/* SPDX-License-Identifier: MIT */
/*
 * test_size.c - how many frames a contract needs: by hand, at the edges of 64 bits, and against an adversary.
 *
 * The adversary plays a client of small numbers, in whole ticks, by every admissible schedule: each state that
 * can be reached is visited, so there is no schedule, however long, that was left out.  Within a tick events come
 * in any order.  It wins where a request finds more frames charged than the contract has.  With as many frames as
 * lab_contract_frames() says it must never win, with one fewer always.
 *
 * DESIGN.md, "How many frames a contract needs", has the model that is played here.
 */
#include "../support/room.h"

#define TICKS_MAX 8u	      /* hold + refill */
#define TABLE ((size_t)1 << 20) /* states */

struct rules {
	unsigned int period, back, burst, callers; /* back: hold + refill */
};

/* A moment: what the rules need to know of all that was before. */
struct moment {
	uint8_t ahead;		   /* how far beyond one a period requests have run, in ticks */
	uint8_t calls;		   /* in progress */
	uint8_t out[TICKS_MAX + 1]; /* frames that are back in that many ticks at the latest */
};

static struct {
	struct moment *queue, *table;
	bool *used;
	size_t queued, taken;
} search;

static unsigned int charge(const struct moment *m)
{
	unsigned int sum = m->calls, i;

	for (i = 0; i <= TICKS_MAX; i++)
		sum += m->out[i];
	return sum;
}

static void visit(const struct moment *m)
{
	const unsigned char *bytes = (const unsigned char *)m;
	uint64_t hash = 0xcbf29ce484222325u;
	size_t at, i;

	for (i = 0; i < sizeof(*m); i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3u;
	for (at = (hash ^ hash >> 29) % TABLE; search.used[at]; at = (at + 1) % TABLE)
		if (!memcmp(&search.table[at], m, sizeof(*m)))
			return;
	search.used[at] = true;
	search.table[at] = search.queue[search.queued++] = *m;
	assert_true(search.queued < TABLE / 2);
}

/*
 * May a request begin?  Each one moves `ahead` on by a period and each tick takes one off, so it is the time until
 * requests so far would be due at one a period; `burst` may be early.  (test_window: the same as counting in windows.)
 */
static bool may_begin(const struct rules *r, unsigned int ahead)
{
	return ahead <= r->burst * r->period;
}

/* Every event that may come next.  True: a request began, and there was no frame for it. */
static bool step(const struct rules *r, const struct moment *m, unsigned int frames)
{
	struct moment next = *m;
	unsigned int i;

	if (m->calls < r->callers && may_begin(r, m->ahead)) {
		next.ahead = (uint8_t)(m->ahead + r->period);
		next.calls++;
		if (charge(&next) > frames)
			return true;
		visit(&next);
	}
	if (m->calls) { /* a call in progress takes its frame */
		next = *m;
		next.calls--;
		next.out[r->back]++;
		visit(&next);
	}
	for (i = 0; i <= r->back; i++) /* a frame comes back, before it must */
		if (m->out[i]) {
			next = *m;
			next.out[i]--;
			visit(&next);
		}
	if (!m->out[0]) { /* a tick passes, once those are back that must be */
		next = *m;
		next.ahead = m->ahead ? (uint8_t)(m->ahead - 1) : 0;
		memmove(next.out, next.out + 1, TICKS_MAX);
		next.out[TICKS_MAX] = 0;
		visit(&next);
	}
	return false;
}

static bool adversary_wins(const struct rules *r, unsigned int frames)
{
	static const struct moment nothing;

	memset(search.used, 0, TABLE * sizeof(*search.used));
	search.queued = search.taken = 0;
	visit(&nothing);
	while (search.taken < search.queued) {
		struct moment m = search.queue[search.taken++];

		if (step(r, &m, frames))
			return true;
	}
	return false;
}

/* All rules whose search ends in a moment: the number of states grows with what can be out. */
static void tight_for_all_small_numbers(void **state)
{
	unsigned int hold, refill, played = 0, needed;
	struct rules r;

	(void)state;
	search.queue = malloc(TABLE * sizeof(*search.queue));
	search.table = malloc(TABLE * sizeof(*search.table));
	search.used = malloc(TABLE * sizeof(*search.used));
	assert_true(search.queue && search.table && search.used);
	for (r.period = 1; r.period <= 4; r.period++)
		for (hold = 0; hold <= 4; hold++)
			for (refill = 0; hold + refill <= 6 && refill <= 3; refill++)
				for (r.burst = 0; r.burst <= 2; r.burst++)
					for (r.callers = 1; r.callers <= 3; r.callers++) {
						r.back = hold + refill;
						needed = lab_contract_frames(r.period, hold, refill, r.burst, r.callers);
						if (needed > 10) /* more states than are worth waiting for */
							continue;
						if (adversary_wins(&r, needed) || !adversary_wins(&r, needed - 1))
							fail_msg("period %u hold %u refill %u burst %u callers %u: not %u",
								 r.period, hold, refill, r.burst, r.callers, needed);
						played++;
					}
	free(search.queue);
	free(search.table);
	free(search.used);
	print_message("%u sets of rules played\n", played);
	assert_true(played > 500);
}

/* In any window of length t, ends included, floor(t / period) + 1 + burst at most. */
static bool windows_hold(const struct rules *r, const unsigned int *begun, unsigned int count)
{
	unsigned int i, j;

	for (i = 0; i < count; i++)
		for (j = i; j < count; j++)
			if (j - i + 1 > (begun[j] - begun[i]) / r->period + 1 + r->burst)
				return false;
	return true;
}

static bool steps_hold(const struct rules *r, const unsigned int *begun, unsigned int count)
{
	unsigned int ahead = 0, i, passed;

	for (i = 0; i < count; i++) {
		passed = i ? begun[i] - begun[i - 1] : 0;
		ahead = ahead > passed ? ahead - passed : 0;
		if (!may_begin(r, ahead))
			return false;
		ahead += r->period;
	}
	return true;
}

/* The adversary's one number is the model's count in all windows, for every sequence of six requests. */
static void the_window_is_what_is_played(void **state)
{
	unsigned int begun[6] = { 0 }, code, rest, i;
	struct rules r = { 0 };

	(void)state;
	for (r.period = 1; r.period <= 4; r.period++)
		for (r.burst = 0; r.burst <= 3; r.burst++)
			for (code = 0; code < 6 * 6 * 6 * 6 * 6; code++) {
				for (i = 1, rest = code; i < 6; i++, rest /= 6)
					begun[i] = begun[i - 1] + rest % 6;
				assert_int_equal(windows_hold(&r, begun, 6), steps_hold(&r, begun, 6));
			}
}

static void by_hand(void **state)
{
	(void)state;
	/* Sound at 192 kHz, held 20 ms, back after 10 ms: 30,000,000 / 5,208 = 5,760.4 */
	assert_int_equal(lab_contract_frames(5208, 20000000, 10000000, 64, 1), 5760 + 1 + 64 + 1);
	/* Back at the very moment of the next request: either may come first. */
	assert_int_equal(lab_contract_frames(10, 30, 0, 0, 1), 3 + 1 + 1);
	assert_int_equal(lab_contract_frames(10, 29, 0, 0, 1), 2 + 1 + 1);
	assert_int_equal(lab_contract_frames(10, 25, 5, 0, 1), 5); /* the rests make one whole */
	assert_int_equal(lab_contract_frames(10, 25, 4, 0, 1), 4);
	assert_int_equal(lab_contract_frames(10, 0, 0, 0, 0), 2);  /* no caller: one */
	assert_int_equal(lab_contract_frames(10, 0, 0, 0, 4), 5);
	assert_int_equal(lab_contract_frames(0, 1, 1, 0, 1), 0);
}

static void at_the_edges(void **state)
{
	const uint64_t all = UINT64_MAX;

	(void)state;
	assert_int_equal(lab_contract_frames(all, all, all, 0, 1), 2 + 1 + 1);
	assert_int_equal(lab_contract_frames(all, all - 1, 0, 0, 1), 0 + 1 + 1);
	assert_int_equal(lab_contract_frames(all, all - 1, 1, 0, 1), 1 + 1 + 1);
	assert_int_equal(lab_contract_frames(all, all - 1, all - 1, 0, 1), 1 + 1 + 1);
	assert_int_equal(lab_contract_frames(1, all, all, 0, 1), 0);
	assert_int_equal(lab_contract_frames(1, all, 1, 0, 1), 0); /* their sum is 0 in 64 bits */
	assert_int_equal(lab_contract_frames(1, UINT32_MAX - 2u, 0, 0, 1), UINT32_MAX);
	assert_int_equal(lab_contract_frames(1, UINT32_MAX - 1u, 0, 0, 1), 0);
	assert_int_equal(lab_contract_frames(1, 0, 0, UINT32_MAX, UINT32_MAX), 0);
	assert_int_equal(lab_contract_frames(1, 0, 0, UINT32_MAX - 2u, 1), UINT32_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_hand),
		cmocka_unit_test(at_the_edges),
		cmocka_unit_test(the_window_is_what_is_played),
		cmocka_unit_test(tight_for_all_small_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
