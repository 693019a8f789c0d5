/* SPDX-License-Identifier: MIT */
/*
 * instructions_storms.h - one run of a call in which the handler allocates and frees at all boundaries, or at many
 * of them; and how long the call may take then.
 *
 * An order-0 request walks 64 times at most (LAB_ROUNDS_MAX), a block 4 times, and nothing else walks; each walk again
 * is charged to another's step.  So a storm lasts for as many of the call's longest undisturbed runs, over all
 * states, as it may walk.  Then the call is alone, and must end within two more of these.
 */
#ifndef INSTRUCTIONS_STORMS_H
#define INSTRUCTIONS_STORMS_H

#include "instructions_branch.h"
#include "instructions_judge.h"

/*
 * In the short form: every boundary of calls for single frames; of others, behind SOME_BOUNDARIES, only each so
 * manyth; none behind the last numbers.  (`slow` states are gone through more closely and deeper.)  Stop and keep by
 * turns; storms on long calls at their beginning only.
 */
#define ALL_BOUNDARIES 2000u
#define SOME_BOUNDARIES 600u
#define THEN_EACH 31u
#define THEN_EACH_SLOW 13u
#define NONE_BEHIND 3500u
#define NONE_BEHIND_SLOW 12000u
#define STORM_DEPTH 1000u

static void run_op(void *unused)
{
	(void)unused;
	pair.op->call(pair.op);
}

enum storm_kind {
	NEUTRAL, /* at each boundary: take, and give back */
	COMES,	 /* take at the even ones, give at the odd ones */
	GOES,	 /* the other way round, with one page more that is free */
	KINDS,
	GUST = KINDS, /* take or give a frame at boundaries drawn by lot, as whatever class and CPU */
};

static struct {
	enum storm_kind kind;
	const struct class *class;
	unsigned int order;
	uint64_t random;
	uint64_t budget, end; /* instructions: with calls in between, and in all (UINT64_MAX: no matter) */
	uint64_t steps;	      /* of all storms */
} storm;

static unsigned int storm_lot(unsigned int below)
{
	storm.random ^= storm.random << 13;
	storm.random ^= storm.random >> 7;
	storm.random ^= storm.random << 17;
	return (unsigned int)((storm.random >> 33) % below);
}

static void storm_gust(void)
{
	if (storm_lot(8))
		return;
	this_cpu = storm_lot(4);
	seen_now();
	if (nested.count)
		nested_give_all();
	else
		nested_take(&classes[storm_lot(CLASSES)], 0);
	seen_now();
	this_cpu = 0;
}

static void storm_blow(uint64_t instruction)
{
	bool gives = (instruction & 1) == (storm.kind == COMES);

	seen_now();
	if (storm.kind == NEUTRAL || !gives)
		nested_take(storm.class, storm.order);
	if (storm.kind == NEUTRAL || gives)
		nested_give_all();
	seen_now();
}

static void storm_visit(const ucontext_t *at, uint64_t instruction, void *data)
{
	(void)data;
	case_place = (uintptr_t)at->uc_mcontext.gregs[REG_RIP];
	if (instruction == storm.end) {
		FAIL("it has not ended after %" PRIu64 " instructions, the last %" PRIu64 " of them alone", storm.end,
		     storm.end - storm.budget);
		exit(1);
	}
	if (instruction == storm.budget && storm.end == UINT64_MAX)
		branch_let_go(at);
	if (instruction >= storm.budget)
		return;
	if (storm.kind == GUST)
		storm_gust();
	else
		storm_blow(instruction);
}

/* How long it may last.  In the short form few order-0 requests are kept walking to the last round. */
static void storm_limits(uint64_t longest)
{
	bool takes = pair.op->type == TAKE || pair.op->type == TAKE_MANY;
	bool fully = machine.long_form || (pair.op->where == GUSTY && state->slow && !pair.pools);
	uint64_t rounds = !takes ? 2 : pair.op->order || !fully ? LAB_BLOCK_ROUNDS_MAX : LAB_ROUNDS_MAX;

	storm.budget = rounds * longest;
	storm.end = storm.budget + 2 * longest;
	if (!machine.long_form && longest > NONE_BEHIND) { /* its length is not known */
		storm.budget = STORM_DEPTH;
		storm.end = UINT64_MAX;
	}
}

static void storm_run(unsigned int combination, bool more)
{
	uint64_t gives = outer_gives;
	unsigned int i;

	storm.class = &classes[combination / ORDERS];
	storm.order = combination % ORDERS;
	rewind_all();
	op_lets_go(pair.op);
	nested.count = others.count = 0;
	twice = NOT_TWICE;
	seen = seen_first;
	seen.stormy = true;
	seen.neutral = storm.kind == NEUTRAL;
	seen.in_hand = storm.kind != GUST && storm.class->manner != BY_BULK && (storm.order > LAB_WORD_ORDER || (pair.pools && storm.order));
	if (pair.tentative || pair.op->order > LAB_WORD_ORDER)
		outer_gives += LAB_WORD_BITS; /* what a conflict puts back */
	for (i = 0; more && i < VICTIMS && !seen.more; i++)
		seen.more = nested_give_victim((unsigned int)(storm.random >> 33) + i);
	machine.cases++;
	branch.branching = false;
	branch.call = run_op;
	storm.steps += stepper_run(branch_call, NULL, storm_visit, NULL);
	judge_end();
	outer_gives = gives;
}

static bool storm_named(const char *what, unsigned int number)
{
	snprintf(case_name, sizeof(case_name), "%s/%s/%s-%03u", pair.op->name, state->name, what, number);
	return machine_wants(case_name);
}

/* `index`: of the pair; `longest`: of the operation's runs in all states. */
static void storms(unsigned int index, uint64_t longest)
{
	unsigned int count = KINDS * (machine.long_form ? 40 : 1), i;
	unsigned int gusts = machine.long_form ? 100 : pair.op->where == GUSTY ? 8 : 0;

	storm_limits(longest);
	for (i = 0; i < count; i++) {
		if (!machine.long_form && longest > SOME_BOUNDARIES && i % KINDS != index % KINDS)
			continue; /* one kind of the three */
		storm.kind = (enum storm_kind)(i % KINDS);
		if (storm_named("storm", i))
			storm_run((unsigned int)(machine.seed + index * 7 + i / KINDS) % COMBINATIONS, storm.kind == GOES);
	}
	storm.kind = GUST;
	for (i = 0; i < gusts; i++) {
		storm.random = (machine.seed * 4096 + index) * 256 + i + 1;
		storm.random *= 0x9e3779b97f4a7c15u;
		if (storm_named("gust", i)) /* mostly with one frame more free */
			storm_run(0, i & 3);
	}
}

#endif
