/* SPDX-License-Identifier: MIT */
/*
 * instructions.c - every public operation, interrupted and stopped at each of its instructions.
 *
 *     instructions [--long] [--seed N] [--only 'OPERATION/STATE/BOUNDARY WHAT']
 *
 * Boundaries are numbered from 0; what happens there:
 *   inject-N  the handler allocates and frees, on the same CPU, in the Nth of all ways (instructions_nested.h)
 *   stop      other CPUs take all there is, give it back, and take it all again: exactly what is free, every
 *             refusal true.  The call may as well be dead.  Then it goes on.
 *   keep      others take all there is, keep it, and the call goes on
 *   storm-N   (no boundary) the handler allocates or frees at each of the boundaries of one run
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
#include "instructions_judge.h"

/* In the short form, behind so many instructions of a call only each so manyth boundary. */
#define ALL_BOUNDARIES 1500u
#define THEN_EACH 13u

static unsigned int passes; /* ways to inject at each boundary */
static uint64_t thinned;    /* boundaries left out */

static void run_op(void *unused)
{
	(void)unused;
	pair.op->call(pair.op);
}

/* ---- one thing at one boundary ---- */

static bool chosen(uint64_t boundary)
{
	return machine.long_form || boundary < ALL_BOUNDARIES || boundary % THEN_EACH == 0;
}

static void do_inject(unsigned int turn)
{
	uint64_t held = world.holder[frame_at(victims[turn % VICTIMS])];

	seen.neutral = inject(turn);
	seen.more = held != world.holder[frame_at(victims[turn % VICTIMS])];
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
	judge_obtained(others.first);
	seen.neutral = false;
}

/* Which of all ways it is that thing `number` happens in at a boundary. */
static unsigned int turn_at(uint64_t boundary, unsigned int number)
{
	return (unsigned int)((machine.seed * 31 + boundary + number * pair.length) % (4 * COMBINATIONS));
}

/* Is this to be done?  Its name is left in case_name. */
static bool wanted_at(uint64_t boundary, unsigned int number)
{
	static const char *const what[] = { "stop", "keep" };

	snprintf(case_name, sizeof(case_name), "%s/%s/%05" PRIu64 " %s-%u", pair.op->name, state->name, boundary,
		 number < passes ? "inject" : what[number - passes], turn_at(boundary, number));
	return machine_wants(case_name);
}

static bool start(uint64_t boundary, unsigned int *number)
{
	unsigned int turn;

	if (!chosen(boundary)) {
		thinned++;
		return false;
	}
	while (*number < passes + 2 && !wanted_at(boundary, *number))
		++*number;
	if (*number >= passes + 2)
		return false;
	turn = turn_at(boundary, *number);
	machine.cases++;
	nested.count = 0;
	others.count = 0;
	seen = seen_first;
	seen_now();
	if (*number < passes)
		do_inject(turn);
	else if (*number == passes)
		do_stop(turn);
	else
		do_keep(turn);
	seen_now();
	return true;
}

static void end(void)
{
	if (others.count)
		others_do(others_give_all, others.turn);
	judge_end();
}

/* ---- all boundaries of one call, one branch after the other ---- */

static void count_nothing(const ucontext_t *at, uint64_t instruction, void *data)
{
	(void)at;
	(void)instruction;
	(void)data;
}

static void through(void)
{
	rewind_all();
	op_lets_go(pair.op);
	pair.any = false;
	branch_run(run_op, start, end);
	case_place = 0;
	snprintf(case_name, sizeof(case_name), "%s/%s/", pair.op->name, state->name);
	if (world.answer.code != pair.usual.code || memcmp(metadata, metadata_usual, metadata_bytes))
		FAIL("the trunk ended otherwise than an undisturbed run: %ld", world.answer.code);
}

static uint64_t length_of(void)
{
	uint64_t length;

	rewind_all();
	op_lets_go(pair.op);
	branch.branching = false;
	branch.call = run_op;
	length = stepper_run(branch_call, NULL, count_nothing, NULL);
	rewind_all();
	return length;
}

/* ---- storms ---- */

enum storm { NEUTRAL, COMES, GOES, STORMS };

static struct {
	enum storm kind;
	unsigned int turn;
	uint64_t budget, end; /* instructions: with calls in between, and in all */
	uint64_t longest, cap;
} storm;

static void storm_visit(const ucontext_t *at, uint64_t instruction, void *data)
{
	const struct class *class = &classes[storm.turn / ORDERS % CLASSES];
	unsigned int order = storm.turn % ORDERS;

	(void)data;
	case_place = (uintptr_t)at->uc_mcontext.gregs[REG_RIP];
	if (instruction == storm.end) {
		FAIL("it has not ended after %" PRIu64 " instructions, %" PRIu64 " of them alone", storm.end,
		     storm.end - storm.budget);
		exit(1);
	}
	if (instruction >= storm.budget)
		return;
	seen_now();
	if (storm.kind == NEUTRAL || (instruction & 1) == (storm.kind == GOES))
		nested_take(class, order);
	if (storm.kind == NEUTRAL || (instruction & 1) != (storm.kind == GOES))
		nested_give_all();
	seen_now();
}

/*
 * What an order-0 call needs at most is 64 walks, a block 4; nothing else walks.  Storms give up after as many
 * instructions; then the call is alone, and once that long is its bound.
 */
static void blow(unsigned int turn, uint64_t longest)
{
	uint64_t rounds = pair.op->type == TAKE || pair.op->type == TAKE_MANY ? pair.op->order ? LAB_BLOCK_ROUNDS_MAX : LAB_ROUNDS_MAX : 2;
	const struct class *class;
	uint64_t n;

	storm.kind = (enum storm)(turn % STORMS);
	storm.turn = turn / STORMS;
	class = &classes[storm.turn / ORDERS % CLASSES];
	storm.budget = rounds * longest;
	storm.end = storm.budget + 2 * longest;
	rewind_all();
	op_lets_go(pair.op);
	nested.count = others.count = 0;
	seen = seen_first;
	seen.stormy = true;
	seen.neutral = storm.kind == NEUTRAL;
	seen.in_hand = class->manner != BY_BULK && (storm.turn % ORDERS > LAB_WORD_ORDER || (pair.pools && storm.turn % ORDERS));
	if (storm.kind == GOES)
		seen.more = nested_give_victim(turn);
	machine.cases++;
	branch.branching = false;
	branch.call = run_op;
	n = stepper_run(branch_call, NULL, storm_visit, NULL);
	if (n > storm.longest)
		storm.longest = n;
	judge_end();
}

static void storms(unsigned int index, uint64_t longest)
{
	unsigned int count = machine.long_form ? STORMS * 40 : pair.length > 4 * ALL_BOUNDARIES ? 1 : STORMS, i;

	for (i = 0; i < count; i++) {
		unsigned int turn = (unsigned int)((machine.seed + index * 7 + i / STORMS) % COMBINATIONS * STORMS + i % STORMS);

		snprintf(case_name, sizeof(case_name), "%s/%s/storm-%u", pair.op->name, state->name, turn);
		if (machine_wants(case_name))
			blow(turn, longest);
	}
}

/* ---- all pairs ---- */

static bool pair_wanted(const char *name)
{
	return !machine.only || strstr(name, machine.only) || strstr(machine.only, name) || !strchr(machine.only, '/');
}

/* Prepared, if the state has what the operation needs. */
static bool pair_ready(const struct op *op, unsigned int number)
{
	state = &states[number];
	if (!machine.long_form && ((op->where == FEW && !state->slow) || (state->ground == HIGH && op->where != TALL_TOO)))
		return false;
	set_up(&states[number]);
	snprintf(case_name, sizeof(case_name), "%s/%s/", op->name, state->name);
	case_place = 0;
	if (!op_possible(op))
		return false;
	pair_begin(op, run_op);
	return true;
}

static void perform(unsigned int index)
{
	const struct op *op = &ops[index];
	uint64_t length[STATES] = { 0 }, longest = 0, cases = machine.cases;
	char name[64];
	unsigned int i;

	for (i = 0; i < STATES; i++) {
		snprintf(name, sizeof(name), "%s/%s/", op->name, states[i].name);
		if (!pair_wanted(op->name) && !strstr(machine.only, op->name))
			continue;
		if (!pair_ready(op, i))
			continue;
		pair.length = length[i] = length_of();
		longest = length[i] > longest ? length[i] : longest;
		passes = machine.long_form ? 4 * COMBINATIONS : (unsigned int)((COMBINATIONS + length[i] - 1) / length[i]);
		if (pair_wanted(name))
			through();
	}
	for (i = 0; i < STATES; i++) {
		snprintf(name, sizeof(name), "%s/%s/", op->name, states[i].name);
		if (!length[i] || !pair_wanted(name) || !pair_ready(op, i))
			continue;
		pair.length = length[i];
		storms(index * (unsigned int)STATES + i, longest);
	}
	if (machine.cases > cases)
		printf("%-24s %8" PRIu64 " cases, %6" PRIu64 " instructions at most\n", op->name, machine.cases - cases, longest);
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
	if (thinned)
		printf("thinned: %" PRIu64 " boundaries of calls of more than %u instructions\n", thinned, ALL_BOUNDARIES);
	return machine_end(PROMISES, MACHINE);
}

#endif
