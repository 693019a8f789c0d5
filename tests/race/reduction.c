/* SPDX-License-Identifier: MIT */
/*
 * reduction.c - is the explorer to be trusted?  Small random programs, every interleaving by brute force, and by
 * reduction (dpor.h): both must see the same outcomes.  And weak memory (weak.h) must show what C11 allows, and
 * nothing that it forbids, of the well-known litmus tests.
 */
#include "../proof/machine.h"
#include "dpor.h"

#define WORDS 3
#define OPS 4
#define OUTCOMES_MAX 20000

enum toy { TOY_LOAD, TOY_STORE, TOY_CAS, TOY_ADD, TOY_AND, TOY_KINDS };

static struct {
	enum toy kind;
	unsigned int word, value;
} program[FIBERS_MAX][OPS];
static unsigned int length[FIBERS_MAX];
static uintptr_t word[WORDS], saw[FIBERS_MAX][OPS];
static unsigned int there;
static bool framed; /* with the beginning and the end of a call */
static uint64_t plays;

static struct outcomes {
	uint64_t hash[OUTCOMES_MAX];
	unsigned int count;
} *outcomes;

static void toy_body(int self)
{
	unsigned int i;

	if (framed)
		schedule_point(NULL, ACCESS_BEGIN, "begin");
	for (i = 0; i < length[self]; i++) {
		uintptr_t *at = &word[program[self][i].word], value = program[self][i].value, old = 0;

		switch (program[self][i].kind) {
		case TOY_LOAD:
			saw[self][i] = load_seq(at);
			break;
		case TOY_STORE:
			store_relaxed(at, value);
			break;
		case TOY_CAS:
			saw[self][i] = cas_seq(at, &old, value) ? 1000 : old;
			break;
		case TOY_ADD:
			add_seq(at, value);
			break;
		default:
			and_seq(at, value);
		}
	}
	if (framed)
		schedule_point(NULL, ACCESS_END, "end");
}

static void note_outcome(void)
{
	const unsigned char *bytes[] = { (unsigned char *)word, (unsigned char *)saw };
	size_t size[] = { sizeof(word), sizeof(saw) }, i;
	uint64_t hash = 0xcbf29ce484222325u;
	unsigned int k;

	for (k = 0; k < 2; k++)
		for (i = 0; i < size[k]; i++)
			hash = (hash ^ bytes[k][i]) * 0x100000001b3u;
	for (k = 0; k < outcomes->count; k++)
		if (outcomes->hash[k] == hash)
			return;
	if (outcomes->count < OUTCOMES_MAX)
		outcomes->hash[outcomes->count++] = hash;
}

static bool toy_play(int (*pick)(unsigned int))
{
	memset(word, 0, sizeof(word));
	memset(saw, 0, sizeof(saw));
	plays++;
	if (explore_run(there, toy_body, pick))
		note_outcome();
	return plays < 3000000;
}

static bool play_bounded(void)
{
	return toy_play(explore_pick);
}

static bool play_reduced(void)
{
	return toy_play(dpor_pick);
}

static bool same_outcomes(const struct outcomes *a, const struct outcomes *b)
{
	unsigned int i, k;

	for (i = 0; i < a->count; i++) {
		for (k = 0; k < b->count && b->hash[k] != a->hash[i]; k++)
			;
		if (k == b->count)
			return false;
	}
	return a->count == b->count;
}

static void compare(unsigned int number, uint64_t *brute, uint64_t *reduced)
{
	static struct outcomes all, few;
	unsigned int f, i;

	there = number % 3 ? 7 : 3;
	framed = number % 16 == 0 || there == 3;
	for (f = 0; f < FIBERS_MAX; f++) {
		length[f] = there == 7 ? 1 + (unsigned int)rnd(3) : 2 + (unsigned int)rnd(3);
		for (i = 0; i < length[f]; i++) {
			program[f][i].kind = (enum toy)rnd(TOY_KINDS);
			program[f][i].word = (unsigned int)rnd(WORDS);
			program[f][i].value = 1 + (unsigned int)rnd(3);
		}
	}
	all.count = few.count = 0;
	outcomes = &all;
	explore.count = 0;
	plays = 0;
	explore_bounded(DEVIATIONS_MAX, 0, play_bounded);
	*brute += plays;
	outcomes = &few;
	plays = 0;
	if (!dpor_explore(1000000, play_reduced))
		machine_fail("reduction", "program %u: did not come to an end", number);
	*reduced += plays;
	if (!same_outcomes(&all, &few))
		machine_fail("reduction", "program %u: %u outcomes by brute force, %u by reduction", number, all.count,
			     few.count);
	machine.cases++;
}

/* ---- litmus tests ---- */

static unsigned int litmus;
static uintptr_t x, y, z;
static unsigned int seen[FIBERS_MAX]; /* what each fiber read, two digits of base 4 */

/* What is written to x before y is published, what is read of x behind it; store buffering; two observers. */
static void litmus_body(int self)
{
	switch (litmus * 4 + (unsigned int)self) {
	case 0: /* message passing, relaxed: may be missed */
		store_relaxed(&x, 1);
		store_relaxed(&y, 1);
		break;
	case 4: /* released and acquired: may not */
	case 8:
		store_relaxed(&x, 1);
		store_release(&y, 1);
		break;
	case 1:
	case 9: /* released, but read relaxed */
		seen[1] = (unsigned int)load_relaxed(&y) * 4;
		seen[1] += (unsigned int)load_relaxed(&x);
		break;
	case 5:
		seen[1] = (unsigned int)load_acquire(&y) * 4;
		seen[1] += (unsigned int)load_relaxed(&x);
		break;
	case 12: /* store buffering, release and acquire: both may miss */
		and_release(&x, 0);
		seen[0] = (unsigned int)load_acquire(&y);
		break;
	case 13:
		and_release(&y, 0);
		seen[1] = (unsigned int)load_acquire(&x);
		break;
	case 16: /* the same, sequentially consistent: not both */
		and_seq(&x, 0);
		seen[0] = (unsigned int)load_seq(&y);
		break;
	case 17:
		and_seq(&y, 0);
		seen[1] = (unsigned int)load_seq(&x);
		break;
	case 20: /* a release sequence goes on through another's addition */
		store_relaxed(&x, 1);
		store_release(&y, 1);
		break;
	case 21:
		add_relaxed(&y, 1);
		break;
	case 22:
		seen[2] = load_acquire(&y) == 2 ? 4 : 0;
		seen[2] += (unsigned int)load_relaxed(&x);
		break;
	default:
		break;
	}
}

static const struct {
	const char *name;
	unsigned int start, there;
	bool allowed;
} litmus_tests[] = {
	{ "message passing, relaxed", 0, 3, true },
	{ "message passing, release and acquire", 0, 3, false },
	{ "message passing, release and relaxed", 0, 3, true },
	{ "store buffering, release and acquire", 1, 3, true },
	{ "store buffering, sequentially consistent", 1, 3, false },
	{ "release sequence through an addition", 0, 7, false },
};
static bool litmus_seen;

static bool play_litmus(void)
{
	bool start = litmus_tests[litmus].start;

	x = y = start;
	z = 0;
	memset(seen, 0, sizeof(seen));
	explore_run(litmus_tests[litmus].there, litmus_body, explore_pick);
	machine.cases++;
	/* Message passing: y new, x old.  Store buffering: both read the old value. */
	if (start)
		litmus_seen |= seen[0] && seen[1];
	else if (litmus == 5) /* fiber 1's addition came behind fiber 0's store */
		litmus_seen |= seen[2] == 4 && y == 2;
	else
		litmus_seen |= seen[1] == 4;
	return true;
}

static void litmus_all(void)
{
	weak.on = true;
	for (litmus = 0; litmus < sizeof(litmus_tests) / sizeof(*litmus_tests); litmus++) {
		litmus_seen = false;
		explore.count = 0;
		explore.random = false;
		explore_bounded(5, 0, play_litmus);
		if (litmus_seen != litmus_tests[litmus].allowed)
			machine_fail(litmus_tests[litmus].name, "%s", litmus_seen ? "seen, but forbidden" : "allowed, but not seen");
		else
			printf("ok %s: %s\n", litmus_tests[litmus].name, litmus_seen ? "seen, as allowed" : "not seen, as forbidden");
	}
	weak.on = false;
}

int main(int argc, char **argv)
{
	uint64_t brute = 0, reduced = 0;
	unsigned int i;

	machine_begin(argc, argv);
	explore.state = machine.seed * 0x9e3779b97f4a7c15u | 1;
	litmus_all();
	for (i = 0; i < (machine.long_form ? 20000u : 1500u); i++)
		compare(i, &brute, &reduced);
	printf("%u programs: %" PRIu64 " schedules by brute force, %" PRIu64 " by reduction, the same outcomes\n", i, brute,
	       reduced);
	return machine_end("-", "the explorer itself");
}
