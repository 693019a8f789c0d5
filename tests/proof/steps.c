/* SPDX-License-Identifier: MIT */
/*
 * steps.c - P3, bounded: what every call costs, counted one instruction at a time.
 *
 *     steps [--long] [--seed N] [--only TEXT]
 *     steps --spec
 *
 * In rooms of one to five levels (64 MiB to 64 TiB, their metadata mapped and hardly touched), each call is made in
 * each state that SPEC.md's section 15 speaks of, and its instructions, its atomic read-modify-writes and the cache
 * lines that it touches are counted (steps_count.h) and compared with the published bounds (steps_bounds.h): that of
 * the room's height, that of five levels, and a level's price from each height to the next.  RMW and lines do not
 * depend on the compiler, and every bound of theirs that says so must be reached by some state.  Then the same with
 * others at work between the instructions (steps_beside.h).  --only: scenes with this text in their name, "CALL:
 * STATE, SIZE".  --spec prints the bounds as SPEC.md has them.
 */
#define _GNU_SOURCE
#include "machine.h"
#include "stepper.h"
#include "steps_bounds.h"

#ifdef STEPPER_WORKS
#include "steps_beside.h"
#include "steps_clients.h"
#include "steps_many.h"
#include "steps_single.h"
#include "steps_vaults.h"

static const struct {
	const char *name;
	lab_word leaves;
	unsigned int h, rank;
} sizes[] = {
	{ "64 MiB", 32, 1, ENDS },       { "1 GiB", 512, 2, BETWEEN },    { "2 GiB", 1024, 2, WHOLE },
	{ "32 GiB", 16384, 3, BETWEEN }, { "64 GiB", 32768, 3, WHOLE },   { "1 TiB", 524288, 4, BETWEEN },
	{ "2 TiB", 1048576, 4, WHOLE },  { "64 TiB", 33554432, 5, ENDS },
};

static void measure_size(lab_word leaves)
{
	singles_alloc(leaves);
	singles_refused(leaves);
	singles_free(leaves);
	pools(leaves);
	clients(leaves);
	vaults(leaves);
	if (size_from(WHOLE)) {
		blocks(leaves);
		many(leaves);
	}
	beside(leaves);
	world_close();
}

static int measure_all(void)
{
	size_t i;

	count_begin();
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]) && !machine.failures; i++) {
		uint64_t cases = machine.cases, failures = machine.failures;

		scene.size = sizes[i].name;
		scene.rank = sizes[i].rank;
		scene.tree_whole = sizes[i].rank != BETWEEN;
		measure_size(sizes[i].leaves);
		printf("%s, h = %u: %" PRIu64 " calls measured, %" PRIu64 " failures\n", sizes[i].name,
		       sizes[i].h, machine.cases - cases, machine.failures - failures);
	}
	if (machine.failures)
		puts("(larger rooms are not measured then)");
	judge_all();
	return machine_end("P3", "steps");
}
#else
static int measure_all(void)
{
	puts("skipped: single steps need x86-64");
	return 77;
}
#endif

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--spec")) {
		print_spec();
		return 0;
	}
	machine_begin(argc, argv);
	return measure_all();
}
