/* SPDX-License-Identifier: MIT */
/*
 * instructions.c - every public operation, interrupted and stopped at each of its instructions.
 *
 *     instructions [--long] [--seed N] [--only 'OPERATION/STATE/BOUNDARY WHAT']
 *
 * Boundaries are numbered from 0; what happens there:
 *   inject-N  the handler allocates and frees, on the same CPU, in the Nth of all ways (instructions_nested.h)
 *   give      the handler frees pages, and they stay free (short form: in calls that change nothing)
 *   watch     the same, and during the next 32 instructions what is free must be in everybody's reach (short form:
 *             one allocation and one free, in some states)
 *   twice     the handler makes the same call
 *   stop      other CPUs take all there is, give it back, and take it all again: exactly what is free, every
 *             refusal true.  The call may as well be dead.  Then it goes on.
 *   keep      others take all there is, keep it, and the call goes on
 *   storm-N, gust-N   (no boundary) the handler allocates or frees at each of the boundaries of one run, or at many;
 *             with an --only that names a state, only where that says storm or gust
 * Afterwards the call's own answer must be true (instructions_judge.h), and a quiet audit clean.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "machine.h"
#include "stepper.h"

#define PROMISES "P1 P2 P3 P6"
#define MACHINE "every instruction"

#ifndef STEPPER_WORKS

int main(void)
{
	puts("SKIP " MACHINE ": it steps with the trap flag of x86-64 Linux");
	return 77;
}

#else

#include "instructions_symbols.h"
#include "instructions_branch.h"
#include "instructions_storms.h"

static unsigned int pass; /* how often the boundaries were gone through; the first time for all there is to be done */
static bool met[WAYS]; /* the ways to inject that this pair has seen */
static uint64_t thinned, cut; /* boundaries left out, calls not gone through to their end */

/* ---- one thing at one boundary ---- */

static bool chosen(uint64_t boundary)
{
	const struct op *op = pair.op;
	bool many = op->order || op->type == TAKE_MANY || op->where == FEW;

	if (op->call == call_vault && !machine.long_form)
		return boundary % THEN_EACH == 0 || !place_fills(case_place);
	if (machine.long_form || boundary < (many ? SOME_BOUNDARIES : ALL_BOUNDARIES))
		return true;
	return boundary % (state->slow ? THEN_EACH_SLOW : THEN_EACH) == 0;
}

static void do_inject(unsigned int turn)
{
	seen.neutral = inject(turn, &seen.more);
}

/* Pages of ours become free, and stay so. */
static void do_give_up(void)
{
	unsigned int i;

	for (i = 0; i < VICTIMS; i++)
		seen.more += nested_give_victim(i);
	seen.neutral = false;
}

/* The very same call: of two frees of one page only one may succeed. */
static void do_twice(void)
{
	struct answer outer = world.answer;

	pair.op->call(pair.op);
	twice = world.answer.code;
	world.answer = outer;
	seen.neutral = false;
}

static void do_stop(unsigned int turn)
{
	others_do(others_drain_twice, turn);
	judge_obtained(others.first);
	judge_obtained_again();
}

static void do_keep(unsigned int turn)
{
	others_do(others_drain_once, turn);
	others.keeps = true;
	judge_obtained(others.first);
	seen.neutral = false;
}

#define WATCHED 32u

enum what { INJECT, GIVE_UP, WATCH, TWICE, STOP, KEEP, WHATS };

/* Which of all ways it is to happen in. */
static unsigned int turn_at(uint64_t boundary)
{
	return (unsigned int)((machine.seed * 31 + boundary + pass * (pair.length + pass)) % WAYS);
}

/* Is this to be done?  Its name is left in case_name. */
static bool wanted_at(uint64_t boundary, unsigned int what)
{
	static const char *const name[] = { "inject", "give", "watch", "twice", "stop", "keep" };

	if (what == INJECT)
		met[turn_at(boundary)] = true;
	else if (pass || (what == TWICE && !op_once(pair.op)))
		return false;
	else if (what == GIVE_UP && !machine.long_form && pair.op->type != STILL)
		return false;
	else if (what == WATCH && !machine.long_form && (pair.op->where != GUSTY || !state->near))
		return false;
	else if (what >= STOP && !machine.long_form && (boundary & 1) != (what == KEEP))
		return false;
	snprintf(case_name, sizeof(case_name), "%s/%s/%05" PRIu64 " %s-%u", pair.op->name, state->name, boundary,
		 name[what], turn_at(boundary));
	return machine_wants(case_name);
}

static bool start(uint64_t boundary, unsigned int *what)
{
	unsigned int turn = turn_at(boundary);

	if (!chosen(boundary)) {
		thinned += !pass;
		return false;
	}
	while (*what < WHATS && !wanted_at(boundary, *what))
		++*what;
	if (*what == WHATS)
		return false;
	machine.cases++;
	nested.count = 0;
	others.count = 0;
	others.keeps = false;
	twice = NOT_TWICE;
	seen = seen_first;
	seen_now();
	if (*what == INJECT)
		do_inject(turn);
	else if (*what == GIVE_UP || *what == WATCH)
		do_give_up();
	else if (*what == TWICE)
		do_twice();
	else if (*what == STOP)
		do_stop(turn);
	else
		do_keep(turn);
	seen_now();
	check_listed();
	branch.watched = *what == WATCH ? WATCHED : 0;
	return true;
}

static void end(void)
{
	/* Kept till now: what the call has given back meanwhile was not to be had by others, so theirs was no proof. */
	if (others.keeps && others.refusal == -LAB_ENOMEM && others.first < pair.free_before && world.answer.code < 0)
		FAIL("others were told out of memory, with %" PRIu64 " of %" PRIu64 " frames, and the call gave back the rest",
		     others.first, pair.free_before);
	if (others.count)
		others_do(others_give_all, others.turn);
	judge_end();
}

/* ---- all boundaries of one call, one branch after the other ---- */

static void through_once(void)
{
	uint64_t length;

	rewind_all();
	op_lets_go(pair.op);
	pair.any = false;
	branch.watch = check_listed;
	length = branch_run(run_op, start, end, pair.depth);
	case_place = 0;
	snprintf(case_name, sizeof(case_name), "%s/%s/", pair.op->name, state->name);
	if (world.answer.code != pair.usual.code || memcmp(metadata, metadata_usual, metadata_bytes))
		FAIL("the trunk ended otherwise than an undisturbed run: %ld", world.answer.code);
	if (pair.any && !machine.only && length <= pair.depth && pair.last != pair.free_after)
		FAIL("others could have %" PRIu64 " frames behind its end, not %" PRIu64, pair.last, pair.free_after);
	if (pass && length != pair.length)
		FAIL("%" PRIu64 " instructions, and %" PRIu64 " before", length, pair.length);
	pair.length = length;
}

/* Every order in every class; in the long form each of them in every way. */
static bool all_met(void)
{
	unsigned int i, k, ways;

	for (i = 0; i < COMBINATIONS; i++) {
		for (ways = 0, k = i; k < WAYS; k += COMBINATIONS)
			ways += met[k];
		if (ways < (machine.long_form ? ACTIONS : 1))
			return false;
	}
	return true;
}

static void through(void)
{
	memset(met, 0, sizeof(met));
	for (pass = 0; !all_met(); pass++)
		through_once();
	cut += pair.length > pair.depth;
}

/* ---- all pairs ---- */

/* Might a case whose name begins so be asked for? */
static bool begins_wanted(const char *name)
{
	static const char *const anywhere[] = { "inject", "give", "watch", "twice", "stop", "keep", "storm", "gust" };
	unsigned int i;

	for (i = 0; machine.only && i < sizeof(anywhere) / sizeof(*anywhere); i++)
		if (!strncmp(machine.only, anywhere[i], strlen(anywhere[i])))
			return true;
	return !machine.only || strstr(name, machine.only) || strstr(machine.only, name);
}

/* Prepared, if the state has what the operation needs. */
static bool pair_ready(const struct op *op, const struct state *in)
{
	if (!machine.long_form && ((op->where == FEW && !in->slow) || (in->ground == HIGH && op->where != TALL_TOO && op->where != GUSTY)))
		return false;
	set_up(in);
	snprintf(case_name, sizeof(case_name), "%s/%s/", op->name, in->name);
	case_place = 0;
	if (!op_possible(op))
		return false;
	pair_begin(op, run_op);
	pair.depth = machine.long_form ? UINT64_MAX : in->slow ? NONE_BEHIND_SLOW : NONE_BEHIND;
	return true;
}

/* All boundaries of an operation in all states that have what it needs, then its storms. */
static void perform(unsigned int index)
{
	const struct op *op = &ops[index];
	uint64_t length[STATES] = { 0 }, longest = 0, cases = machine.cases, steps = storm.steps;
	/* How long a storm may last is known from all states. */
	bool stormy = !machine.only || !strchr(machine.only, '/') || strstr(machine.only, "storm") ||
		      strstr(machine.only, "gust");
	char name[64];
	unsigned int i;

	for (i = 0; i < STATES; i++) {
		snprintf(name, sizeof(name), "%s/%s%s", op->name, stormy ? "" : states[i].name, stormy ? "" : "/");
		if (!begins_wanted(name) || !pair_ready(op, &states[i]))
			continue;
		through();
		length[i] = pair.length;
		longest = length[i] > longest ? length[i] : longest;
	}
	for (i = 0; stormy && i < STATES; i++) {
		if (!length[i] || !pair_ready(op, &states[i]))
			continue;
		pair.length = length[i];
		storms(index * (unsigned int)STATES + i, longest);
	}
	if (machine.cases > cases)
		printf("%-24s %8" PRIu64 " cases, %6" PRIu64 " instructions at most%s, %" PRIu64 " in storms\n", op->name,
		       machine.cases - cases, longest, longest > NONE_BEHIND && !machine.long_form ? " (cut)" : "",
		       storm.steps - steps);
}

static void stuck(int signal)
{
	(void)signal;
	machine_fail(case_name, "it does not end [at %s]", place_name(case_place));
	_exit(1);
}

int main(int argc, char **argv)
{
	unsigned int i;

	machine_begin(argc, argv);
	signal(SIGTERM, stuck);
	symbols_read();
	memory = mmap(NULL, MEMORY_FRAMES << 12, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	others_begin();
	for (i = 0; i < OPS; i++)
		perform(i);
	if (thinned || cut)
		printf("thinned: %" PRIu64 " boundaries of calls for blocks, of bulk and of long calls left out; %" PRIu64
		       " such calls not gone through to their end\n", thinned, cut);
	return machine_end(PROMISES, MACHINE);
}

#endif
