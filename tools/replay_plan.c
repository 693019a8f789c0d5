/* SPDX-License-Identifier: MIT */
/*
 * replay_plan.c - see replay_plan.h.
 *
 * While the trace is read, slots of starts and of allocations grow side by side: starts are numbered
 * from 0, allocations from START_SLOTS; finish() moves the allocations down behind the starts.
 */
#include "replay_plan.h"

#include <stdlib.h>
#include <string.h>

#include "replay_held.h"

#define START_SLOTS 0x80000000u /* slots from here on are allocations, until finish() */

struct plan_maker {
	struct plan *plan;
	struct held *held;
	size_t op_room, start_room;
	size_t large_room, large_count;
	uint64_t *large; /* blocks above LAB_ORDER_MAX that are held: frame << 5 | order */
	uint32_t allocs;
	size_t events;
	int64_t net, net_peak; /* frames held beyond those from the start */
	const char *error;
};

static int maker_fail(struct plan_maker *maker, const char *why)
{
	maker->error = why;
	return -1;
}

/* Make room for one more element.  NULL: out of memory (the old array stays). */
static void *grow(void *array, size_t count, size_t *room, size_t size)
{
	size_t more = *room ? *room * 2 : 1024;
	void *grown;

	if (count < *room)
		return array;
	grown = realloc(array, more * size);
	if (grown)
		*room = more;
	return grown;
}

static int add_op(struct plan_maker *maker, const struct plan_op *op)
{
	struct plan *plan = maker->plan;
	struct plan_op *ops = grow(plan->ops, plan->op_count, &maker->op_room, sizeof(*ops));

	if (!ops)
		return maker_fail(maker, "out of memory");
	plan->ops = ops;
	ops[plan->op_count++] = *op;
	return 0;
}

/* A free of a held block (or of a part that is a block of its own by now); it leaves the tables. */
static int add_free(struct plan_maker *maker, const struct held_block *block, uint16_t cpu)
{
	struct plan_op op = {
		.slot = block->slot, .offset = block->offset, .order = block->order, .cpu = cpu
	};

	op.kind = block->singles && block->order ? PLAN_FREE_SINGLES : PLAN_FREE;
	held_remove(maker->held, block->frame);
	maker->net -= (int64_t)1 << block->order;
	return add_op(maker, &op);
}

/* ---------------------------------------------------------------- live from the start */

/* A block whose first event is its free: it was live when the recording began. */
static int add_start(struct plan_maker *maker, uint64_t frame, unsigned int order, uint16_t cpu)
{
	struct held_block block = { .frame = frame, .order = (uint8_t)order };
	struct plan *plan = maker->plan;
	struct plan_start *starts =
		grow(plan->starts, plan->start_count, &maker->start_room, sizeof(*starts));

	if (!starts)
		return maker_fail(maker, "out of memory");
	plan->starts = starts;
	block.slot = (uint32_t)plan->start_count;
	starts[plan->start_count++] = (struct plan_start){ .frame = frame, .order = (uint8_t)order };
	plan->counts.start_frames += (uint64_t)1 << order;
	if (!held_put(maker->held, &block))
		return maker_fail(maker, "out of memory");
	/* It was held all the time: add_free() takes it off the sum that never had it. */
	return add_free(maker, &block, cpu);
}

/* Free what the trace did not allocate: frames never seen were live; frames seen lost an event. */
static int free_unmatched(struct plan_maker *maker, const struct trace_event *event)
{
	uint64_t frame, end = event->frame + ((uint64_t)1 << event->order);
	unsigned int seen = held_count(maker->held, event->frame, event->order, HELD_EVER);

	maker->plan->counts.frees_unmatched++;
	if (!seen)
		return add_start(maker, event->frame, event->order, event->cpu);
	maker->plan->counts.frees_lost++;
	for (frame = event->frame; frame < end && seen < 1u << event->order; frame++) {
		if (held_count(maker->held, frame, 0, HELD_EVER))
			continue;
		if (add_start(maker, frame, 0, event->cpu) < 0)
			return -1;
	}
	return 0;
}

/* ---------------------------------------------------------------- pieces */

/* Cut a held block down to the part of `order` at `frame`; the other parts stay held. */
static int cut_block(struct plan_maker *maker, struct held_block *block, const struct trace_event *event)
{
	struct plan_op split = {
		.slot = block->slot, .kind = PLAN_SPLIT, .order = block->order, .cpu = event->cpu
	};
	struct held_block half;

	if (!block->singles && add_op(maker, &split) < 0)
		return -1;
	block->singles = true;
	held_remove(maker->held, block->frame);
	while (block->order > event->order) {
		block->order--;
		half = *block;
		half.frame += (uint64_t)1 << block->order;
		half.offset = (uint16_t)(half.offset + (1u << block->order));
		if (event->frame >= half.frame) {
			struct held_block swap = half;

			half = *block;
			*block = swap;
		}
		if (!held_put(maker->held, &half))
			return maker_fail(maker, "out of memory");
	}
	return held_put(maker->held, block) ? 0 : maker_fail(maker, "out of memory");
}

/* Free every block that lies inside [frame, frame + 2^order).  Returns how many, or -1. */
static int free_inside(struct plan_maker *maker, uint64_t frame, unsigned int order, uint16_t cpu)
{
	uint64_t end = frame + ((uint64_t)1 << order);
	struct held_block block;
	int count = 0;

	while (frame < end) {
		if (!held_find(maker->held, frame, 0, &block)) {
			frame++;
			continue;
		}
		frame = block.frame + ((uint64_t)1 << block.order);
		count++;
		if (add_free(maker, &block, cpu) < 0)
			return -1;
	}
	return count;
}

/* ---------------------------------------------------------------- blocks above LAB_ORDER_MAX */

/* The held large block that overlaps [frame, frame + 2^order); there are few.  -1: none. */
static ptrdiff_t find_large(const struct plan_maker *maker, uint64_t frame, unsigned int order)
{
	uint64_t first, end = frame + ((uint64_t)1 << order);
	size_t i;

	for (i = 0; i < maker->large_count; i++) {
		first = maker->large[i] >> 5;
		if (first < end && frame < first + ((uint64_t)1 << (maker->large[i] & 31)))
			return (ptrdiff_t)i;
	}
	return -1;
}

/*
 * Leave out what is too large for a labyrinth, and later frees of it, whole or in pieces.  1: it was.
 */
static int skip_large(struct plan_maker *maker, const struct trace_event *event)
{
	ptrdiff_t at = maker->large_count ? find_large(maker, event->frame, event->order) : -1;
	uint64_t *large;

	if (event->kind == TRACE_FREE && at >= 0) {
		if (event->order == (maker->large[at] & 31))
			maker->large[at] = maker->large[--maker->large_count];
	} else if (at >= 0) {
		maker->large[at] =
			maker->large[--maker->large_count]; /* its frees are lost, or were pieces */
		return skip_large(maker, event);
	} else if (event->order <= LAB_ORDER_MAX) {
		return 0;
	} else if (event->kind == TRACE_ALLOC) {
		large = grow(maker->large, maker->large_count, &maker->large_room, sizeof(*large));
		if (!large || maker->large_count >= 4096)
			return maker_fail(maker, large ? "too many blocks above the largest order"
						       : "out of memory");
		maker->large = large;
		large[maker->large_count++] = event->frame << 5 | event->order;
	}
	maker->plan->counts.too_large++;
	return 1;
}

/* ---------------------------------------------------------------- events */

static int feed_alloc(struct plan_maker *maker, const struct trace_event *event)
{
	struct held_block block = { .frame = event->frame, .order = event->order };
	struct plan_op op = {
		.kind = PLAN_ALLOC, .gfp = event->gfp, .order = event->order, .cpu = event->cpu
	};

	maker->plan->counts.allocs++;
	maker->plan->counts.atomic_allocs += !(event->gfp & LAB_DIRECT_RECLAIM);
	if (held_count(maker->held, event->frame, event->order, HELD_NOW)) {
		maker->plan->counts.realloc_while_held++;
		if (free_inside(maker, event->frame, event->order, event->cpu) < 0)
			return -1;
	}
	op.slot = block.slot = START_SLOTS + maker->allocs++;
	if (!held_put(maker->held, &block))
		return maker_fail(maker, "out of memory");
	maker->net += (int64_t)1 << event->order;
	return add_op(maker, &op);
}

static int feed_free(struct plan_maker *maker, const struct trace_event *event)
{
	struct held_block block;
	unsigned int count, held;

	maker->plan->counts.frees++;
	held = held_count(maker->held, event->frame, event->order, HELD_NOW);
	if (!held)
		return free_unmatched(maker, event);
	if (held_find(maker->held, event->frame, event->order, &block)) {
		maker->plan->counts.pieces += block.singles || block.order != event->order;
		if (block.order != event->order && cut_block(maker, &block, event) < 0)
			return -1;
		return add_free(maker, &block, event->cpu);
	}
	maker->plan->counts.merged++;
	count = 1u << event->order;
	if (free_inside(maker, event->frame, event->order, event->cpu) < 0)
		return -1;
	/* What was not held is looked at as if it had been freed alone. */
	return held < count && held_count(maker->held, event->frame, event->order, HELD_EVER) < count
		       ? free_unmatched(maker, event)
		       : 0;
}

int plan_maker_feed(struct plan_maker *maker, const struct trace_event *event)
{
	struct plan_counts *counts = &maker->plan->counts;
	uint64_t last = event->frame + ((uint64_t)1 << event->order) - 1;
	size_t ops = maker->plan->op_count;
	int ret;

	if (++maker->events > PLAN_EVENTS_MAX)
		return maker_fail(maker, "more than 33 million events: cut the recording");
	if (event->cpu >= counts->cpus)
		counts->cpus = event->cpu + 1u;
	if (last > counts->highest_frame)
		counts->highest_frame = last;
	ret = skip_large(maker, event);
	if (ret)
		return ret < 0 ? -1 : 0;
	ret = event->kind == TRACE_ALLOC ? feed_alloc(maker, event) : feed_free(maker, event);
	if (maker->plan->op_count > ops)
		maker->plan->ops[ops].event = true;
	if (maker->net > maker->net_peak) {
		maker->net_peak = maker->net;
		counts->peak_op = maker->plan->op_count - 1;
	}
	return ret;
}

const char *plan_maker_error(const struct plan_maker *maker)
{
	return maker->error;
}

struct plan_maker *plan_maker_new(void)
{
	struct plan_maker *maker = calloc(1, sizeof(*maker));

	if (!maker)
		return NULL;
	maker->plan = calloc(1, sizeof(*maker->plan));
	maker->held = held_new();
	if (maker->plan && maker->held)
		return maker;
	plan_maker_delete(maker);
	return NULL;
}

struct plan *plan_maker_finish(struct plan_maker *maker)
{
	struct plan *plan = maker->plan;
	size_t i;

	for (i = 0; i < plan->op_count; i++)
		if (plan->ops[i].slot >= START_SLOTS)
			plan->ops[i].slot = plan->ops[i].slot - START_SLOTS + (uint32_t)plan->start_count;
	plan->slots = (uint32_t)plan->start_count + maker->allocs;
	plan->counts.peak_frames = plan->counts.start_frames + (uint64_t)maker->net_peak;
	plan->counts.end_frames = held_frames(maker->held);
	maker->plan = NULL;
	plan_maker_delete(maker);
	return plan;
}

void plan_maker_delete(struct plan_maker *maker)
{
	if (!maker)
		return;
	plan_delete(maker->plan);
	held_delete(maker->held);
	free(maker->large);
	free(maker);
}

void plan_delete(struct plan *plan)
{
	if (!plan)
		return;
	free(plan->ops);
	free(plan->starts);
	free(plan);
}
