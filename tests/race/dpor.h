/* SPDX-License-Identifier: MIT */
/*
 * dpor.h - every interleaving, each class of equivalent ones at least once.
 *
 * Two schedules are equivalent if one becomes the other by swapping neighbours that do not depend on each other:
 * operations on different words, two loads, two additions.  Dynamic partial-order reduction (Flanagan and
 * Godefroid, POPL 2005) with sleep sets: wherever an operation of one fiber turns out to race with an earlier one of
 * another, a schedule in which it comes first is run too: one that begins with the first event behind the earlier one
 * that does not depend on it (a source set: Abdulla and others, POPL 2014; with the racing fiber itself in its place,
 * and sleep sets, classes are missed).  Fibers never wait here, so every fiber that has not ended can run at each step.
 *
 * The beginning and the end of a call count as dependent if the one is of another fiber's call: what had returned
 * before what began is part of what is judged.
 */
#ifndef DPOR_H
#define DPOR_H

#include "explore.h"

struct dpor_node {
	struct pending next[FIBERS_MAX];
	struct pending event; /* what was done here */
	uint16_t clock[FIBERS_MAX]; /* of it: the last event (+ 1) of each fiber that comes before it */
	uint8_t chosen, backtrack, done, sleep, enabled;
};

static struct {
	struct dpor_node node[STEPS_MAX];
	unsigned int prefix; /* nodes whose choice stands */
	uint16_t clock[FIBERS_MAX][FIBERS_MAX];
	bool blocked;
} dpor;

static inline bool dpor_dependent(const struct pending *a, const struct pending *b)
{
	if (a->at != b->at)
		return false;
	if (!a->at) /* of a call */
		return (a->access == ACCESS_BEGIN && b->access == ACCESS_END) ||
		       (a->access == ACCESS_END && b->access == ACCESS_BEGIN);
	return a->access == ACCESS_WRITE || b->access == ACCESS_WRITE || a->access != b->access;
}

static uint8_t dpor_sleep(unsigned int depth)
{
	const struct dpor_node *above = &dpor.node[depth - 1];
	uint8_t sleep = 0, candidates = above->sleep | above->done;
	int q;

	for (q = 0; q < FIBERS_MAX; q++)
		if (candidates >> q & 1 && q != above->chosen && !dpor_dependent(&above->next[q], &above->event))
			sleep |= (uint8_t)(1 << q);
	return sleep;
}

/* Which earlier events race with what `self` is about to do: there must also begin what leads to it without them. */
static void dpor_races(unsigned int depth, int self)
{
	const struct pending *next = &dpor.node[depth].next[self];
	unsigned int i, k;

	for (i = depth; i-- > 0;) {
		struct dpor_node *node = &dpor.node[i];

		if (node->chosen == self || !dpor_dependent(&node->event, next) || i < dpor.clock[self][node->chosen])
			continue;
		for (k = i + 1; k < depth && dpor.node[k].clock[node->chosen] > i; k++)
			; /* comes after event i */
		node->backtrack |= (uint8_t)(1 << (k < depth ? dpor.node[k].chosen : self));
	}
}

/* The event has been done: its place in the order of dependence. */
static void dpor_settle(unsigned int depth)
{
	struct dpor_node *node = &dpor.node[depth];
	int self = node->chosen, f;
	unsigned int i;

	node->event = fibers.done;
	for (i = 0; i < depth; i++)
		if (dpor.node[i].chosen != self && dpor_dependent(&dpor.node[i].event, &node->event))
			for (f = 0; f < FIBERS_MAX; f++)
				if (dpor.node[i].clock[f] > dpor.clock[self][f])
					dpor.clock[self][f] = dpor.node[i].clock[f];
	dpor.clock[self][self] = (uint16_t)(depth + 1);
	memcpy(node->clock, dpor.clock[self], sizeof(node->clock));
}

/* Where the last execution is left: the clocks as they stood there. */
static void dpor_resume(unsigned int depth)
{
	unsigned int i;

	memset(dpor.clock, 0, sizeof(dpor.clock));
	for (i = 0; i < depth; i++)
		memcpy(dpor.clock[dpor.node[i].chosen], dpor.node[i].clock, sizeof(dpor.node[i].clock));
}

static int dpor_pick(unsigned int enabled)
{
	unsigned int depth = fibers.step;
	struct dpor_node *node = &dpor.node[depth];
	int f;

	if (depth + 1 < dpor.prefix) { /* as the last time */
		explore.enabled[depth] = (unsigned char)(enabled | (unsigned int)explore_default(enabled) << 4);
		return node->chosen;
	}
	if (depth == 0 || depth + 1 == dpor.prefix)
		dpor_resume(depth);
	else
		dpor_settle(depth - 1);
	explore.enabled[depth] = (unsigned char)(enabled | (unsigned int)explore_default(enabled) << 4);
	if (depth >= dpor.prefix) {
		unsigned int awake;

		node->sleep = depth ? dpor_sleep(depth) : 0;
		node->done = 0;
		node->enabled = (uint8_t)enabled;
		for (f = 0; f < FIBERS_MAX; f++)
			node->next[f] = fibers.fiber[f].next;
		awake = enabled & ~(unsigned int)node->sleep;
		if (!awake) {
			dpor.blocked = true; /* all that could follow has been seen elsewhere */
			return -1;
		}
		f = explore_default(enabled);
		node->chosen = (uint8_t)(awake >> f & 1 ? f : __builtin_ctz(awake));
		node->backtrack = (uint8_t)(1 << node->chosen);
	}
	dpor_races(depth, node->chosen);
	return node->chosen;
}

/* What was played, as deviations from what goes on by itself. */
static inline void dpor_deviations(void)
{
	unsigned int i;

	explore.count = 0;
	for (i = 0; i < fibers.step && explore.count < DEVIATIONS_MAX; i++)
		if (explore.ran[i] != explore.enabled[i] >> 4)
			explore.deviation[explore.count++] = (struct deviation){ i, explore.ran[i] };
}

/* All of them, or the first `limit` executions.  True: all. */
static bool dpor_explore(uint64_t limit, bool (*play)(void))
{
	dpor.prefix = 0;
	while (limit-- > 0) {
		unsigned int depth;

		dpor.blocked = false;
		if (!play())
			return false;
		for (depth = fibers.step; depth-- > 0;) {
			struct dpor_node *node = &dpor.node[depth];
			unsigned int more;

			node->done |= (uint8_t)(1 << node->chosen);
			more = node->backtrack & node->enabled & ~(unsigned int)(node->done | node->sleep);
			if (!more)
				continue;
			node->chosen = (uint8_t)__builtin_ctz(more);
			dpor.prefix = depth + 1;
			break;
		}
		if (depth == (unsigned int)-1)
			return true;
	}
	return false;
}

#endif
