/* SPDX-License-Identifier: MIT */
/*
 * steps_judge.h - one measured call against the published bounds.
 *
 * A scene is a call, a state and a size.  It fails where the call answers otherwise than it must, where it costs
 * more than the bound of its own h (and p), more than that of five levels, or where from one height to the next
 * it grows by more than a level's price.
 */
#ifndef STEPS_JUDGE_H
#define STEPS_JUDGE_H

#include "steps_bounds.h"
#include "steps_count.h"
#include "steps_world.h"

#define H_MAX 5u
#define P_MAX 4u
#define STATES_MAX 1024u
#define EXTRAS 2u

static const char *const metric_name[METRICS] = { "RMW", "cache lines", "instructions" };

/* What a state costs at each height, for the growth from one to the next. */
static struct {
	char name[96];
	enum row row;
	bool usual;
	uint64_t cost[H_MAX + 1][METRICS];
} states[STATES_MAX];
static unsigned int state_count;

static struct {
	char name[160]; /* row, state, size */
	const char *size;
	bool tree_whole; /* the size is 32^h leaves: these are compared with each other */
	enum { ENDS, WHOLE, BETWEEN } rank; /* smallest and largest; the others of 32^h leaves; the rest */
	enum row row;
	const char *state;
	bool usual;
	struct extra {
		enum row row;
		unsigned int times;
	} extra[EXTRAS];
	unsigned int extras;
} scene;

/* The worst seen of scenes without extras, and of one extra what it added to its call's published worst. */
static uint64_t worst[ROWS][2][H_MAX + 1][P_MAX + 1][METRICS];
static uint64_t most_others, most_stack;

/* Sizes of this rank and those before it; in the long form, all. */
static bool size_from(unsigned int rank)
{
	return machine.long_form || (unsigned int)scene.rank <= rank;
}

/* Is this scene asked for? */
static bool scene_wanted(enum row row, const char *state, bool usual)
{
	scene.row = row;
	scene.state = state;
	scene.usual = usual;
	scene.extras = 0;
	snprintf(scene.name, sizeof(scene.name), "%s: %s, %s", bounds[row].call, state, scene.size);
	return machine_wants(scene.name);
}

static void scene_extra(enum row row, unsigned int times)
{
	scene.extra[scene.extras++] = (struct extra){ row, times };
}

static const struct price *scene_price(unsigned int metric)
{
	return scene.usual ? &bounds[scene.row].usual[metric] : &bounds[scene.row].worst[metric];
}

static unsigned int scene_bound(unsigned int metric, unsigned int h, unsigned int p)
{
	unsigned int bound = price_at(scene_price(metric), h, p), i;

	for (i = 0; i < scene.extras; i++)
		bound += scene.extra[i].times * price_at(&bounds[scene.extra[i].row].worst[metric], h, p);
	return bound;
}

static void judge_growth(const uint64_t *cost)
{
	unsigned int i, metric;
	char grows[160]; /* all sizes are needed to see it again */

	snprintf(grows, sizeof(grows), "%s: %s", bounds[scene.row].call, scene.state);
	for (i = 0; i < state_count; i++)
		if (states[i].row == scene.row && states[i].usual == scene.usual &&
		    !strcmp(states[i].name, scene.state))
			break;
	if (i == STATES_MAX) {
		machine_fail(scene.name, "more than %u states", STATES_MAX);
		return;
	}
	if (i == state_count) {
		state_count++;
		snprintf(states[i].name, sizeof(states[i].name), "%s", scene.state);
		states[i].row = scene.row;
		states[i].usual = scene.usual;
	}
	for (metric = 0; metric < METRICS; metric++) {
		uint64_t before = states[i].cost[world.h - 1][metric];
		unsigned int level = scene_bound(metric, 1, 0) - scene_bound(metric, 0, 0);

		states[i].cost[world.h][metric] = cost[metric];
		if (before && cost[metric] > before + level)
			machine_fail(grows,
				     "%s grow by %" PRIu64 " from h = %u to %u, at most %u are published",
				     metric_name[metric], cost[metric] - before, world.h - 1, world.h, level);
	}
}

static void remember_worst(const uint64_t *cost)
{
	enum row row = scene.extras ? scene.extra[0].row : scene.row;
	unsigned int metric, times = scene.extras ? scene.extra[0].times : 1;

	for (metric = 0; metric < METRICS && scene.extras < 2; metric++) {
		uint64_t *seen = &worst[row][scene.usual][world.h][world.p][metric];
		uint64_t alone = scene.extras ? price_at(scene_price(metric), world.h, world.p) : 0;
		uint64_t own = cost[metric] > alone ? (cost[metric] - alone) / times : 0;

		if (own > *seen)
			*seen = own;
	}
}

/* For whoever sets bounds: each scene as it is measured. */
static void show(const struct cost *seen)
{
	if (!getenv("STEPS_SHOW"))
		return;
	printf("@ %d %d %u %u %d %u", (int)scene.row, scene.usual, world.h, world.p,
	       scene.extras ? (int)scene.extra[0].row : -1, scene.extras ? scene.extra[0].times : 0);
	printf(" %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %s\n", seen->rmw, seen->lines,
	       seen->instructions, seen->others, seen->stack, scene.name);
}

static unsigned int stack_bound(void)
{
	return scene.row >= VAULT_ALLOC && scene.row <= VAULT_BACK ? STACK_VAULT : STACK_MOST;
}

static void judge(const struct cost *seen)
{
	const uint64_t cost[METRICS] = { seen->rmw, seen->lines, seen->instructions };
	unsigned int metric;

	machine.cases++;
	show(seen);
	if (count.lost)
		machine_fail(scene.name,
			     "an instruction was not understood, or more lines touched than can be noted");
	count.lost = false;
	for (metric = 0; metric < METRICS; metric++) {
		unsigned int bound = scene_bound(metric, world.h, world.p);

		if (cost[metric] > bound || cost[metric] > scene_bound(metric, H_MAX, P_MAX))
			machine_fail(scene.name, "%" PRIu64 " %s, at most %u are published", cost[metric],
				     metric_name[metric], bound);
	}
	if (seen->stack > stack_bound())
		machine_fail(scene.name, "%" PRIu64 " bytes of stack, at most %u are published", seen->stack,
			     stack_bound());
	if (seen->others > OTHERS_MOST)
		machine_fail(scene.name,
			     "%" PRIu64 " cache lines that are not metadata, at most %u are published",
			     seen->others, OTHERS_MOST);
	if (seen->others > most_others)
		most_others = seen->others;
	if (seen->stack > most_stack && stack_bound() == STACK_MOST)
		most_stack = seen->stack;
	if (scene.tree_whole)
		judge_growth(cost);
	remember_worst(cost);
}

/* ---- at the end ---- */

/* The most that a row has cost at a height, usually or at worst. */
static uint64_t most_seen(enum row row, unsigned int h, unsigned int metric)
{
	uint64_t most = 0;
	unsigned int usual, p;

	for (usual = 0; usual < 2; usual++)
		for (p = 0; p <= P_MAX; p++)
			if (worst[row][usual][h][p][metric] > most)
				most = worst[row][usual][h][p][metric];
	return most;
}

/* Is each bound that must be reached reached, at every height that was measured? */
static void judge_reached(enum row row, unsigned int h)
{
	unsigned int metric;

	for (metric = RMW; metric < (unsigned int)bounds[row].reached; metric++) {
		unsigned int bound = price_at(&bounds[row].worst[metric], h, 0);
		uint64_t seen = most_seen(row, h, metric);

		if (seen && seen < bound)
			machine_fail(bounds[row].call,
				     "h = %u: %u %s are published, no state needs more than %" PRIu64, h,
				     bound, metric_name[metric], seen);
	}
}

static void print_seen(enum row row, unsigned int h, unsigned int p)
{
	const uint64_t *seen = worst[row][0][h][p];
	unsigned int metric;

	if (!seen[RMW] && !seen[INSTRUCTIONS])
		return;
	printf("  %-40s %u %u ", bounds[row].call, h, p);
	for (metric = 0; metric < METRICS; metric++)
		printf(" %" PRIu64 "/%u", seen[metric], price_at(&bounds[row].worst[metric], h, p));
	putchar('\n');
}

/* The worst seen, beside what is published. */
static void judge_all(void)
{
	unsigned int row, h, p;

	puts("worst seen / published, by h and p: RMW, cache lines, instructions");
	for (row = 0; row < ROWS; row++)
		for (h = 1; h <= H_MAX; h++) {
			for (p = 0; p <= P_MAX; p++)
				print_seen((enum row)row, h, p);
			if (!machine.only)
				judge_reached((enum row)row, h);
		}
	printf("and at most %" PRIu64 " cache lines that are not metadata, %" PRIu64 " bytes of stack\n",
	       most_others, most_stack);
}

#endif
