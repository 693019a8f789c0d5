/* SPDX-License-Identifier: MIT */
/*
 * stranded_actors.h - calls that can be stopped before each of their atomic operations, for as long as the
 * test likes, and sent on again: what a preempted or killed caller is to the others.
 *
 * Each is a fiber with a stack of its own; all else is in the metadata, which the test may put back to what it
 * was when the fiber was stopped.
 */
#ifndef STRANDED_ACTORS_H
#define STRANDED_ACTORS_H

#include <limits.h>
#include <ucontext.h>

#include "stranded_paths.h"

#define ACTORS 2u
#define NEVER UINT_MAX
#define GIVING 2 /* in stage.loose: on its way; whoever gets it may have it */

struct actor;

struct act {
	const char *name;
	void (*prepare)(struct actor *actor);
	void (*call)(struct actor *actor);
	lab_gfp_t gfp;
	unsigned int order;  /* of what it takes or gives */
	unsigned int leaves; /* as many must there be */
	bool own;	     /* takes no more than it brought */
	bool tentative;	     /* others may be told -EAGAIN */
};

struct actor {
	const struct act *act;
	uint64_t frame; /* about which it is */
	unsigned int cpu;
	unsigned int stop, count; /* before which atomic operation; how many it has made */
	bool done;
	/* What it gives: runs of 2^act->order frames.  What it was given. */
	uint64_t give[3];
	unsigned int gives;
	struct got got;
	ucontext_t context;
	char stack[32 * 1024];
};

static struct actor actors[ACTORS];
static struct actor *running;
static ucontext_t outside;

static inline void actor_pause(void)
{
	struct actor *actor = running;

	if (!actor || ++actor->count != actor->stop)
		return;
	running = NULL;
	swapcontext(&actor->context, &outside);
}

static inline void actor_entry(void)
{
	running->act->call(running);
	running->done = true;
	running = NULL;
}

/* Go on, to the next stop or to the end. */
static inline void actor_run(struct actor *actor, unsigned int stop)
{
	actor->stop = stop;
	this_cpu = actor->cpu;
	running = actor;
	stranded_pause = actor_pause;
	swapcontext(&outside, &actor->context);
	stranded_pause = NULL;
	running = NULL;
}

/* With the world as it should be before: start, and stop before that operation (or end). */
static inline void actor_start(struct actor *actor, unsigned int stop)
{
	actor->count = 0;
	actor->done = false;
	getcontext(&actor->context);
	actor->context.uc_stack.ss_sp = actor->stack;
	actor->context.uc_stack.ss_size = sizeof(actor->stack);
	actor->context.uc_link = &outside;
	makecontext(&actor->context, actor_entry, 0);
	actor_run(actor, stop);
}

/* ---- before ---- */

static inline void bring(uint64_t frame, uint64_t count)
{
	uint64_t i;

	for (i = 0; i < count; i++)
		must(lab_free_pages(stage.lab, page_at(frame + i), 0), "a free before");
	loosen(frame, count);
}

static void brings_nothing(struct actor *actor)
{
	(void)actor;
}

static void brings_its_frames(struct actor *actor)
{
	actor->frame &= ~(((uint64_t)1 << actor->act->order) - 1);
	bring(actor->frame, (uint64_t)1 << actor->act->order);
}

/* An order hint that is too high. */
static void brings_a_hint(struct actor *actor)
{
	struct lab_request request = LAB_REQUEST(LAB_MEMALLOC, 0);
	uint64_t first = actor->frame & ~(((uint64_t)1 << actor->act->order) - 1), i, end = first + ((uint64_t)1 << actor->act->order);

	for (i = first; i < end; i++)
		must(lab_free_pages(stage.lab, page_at(i), 0), "a free before");
	for (i = first; i < end; i++)
		must(lab_ptr_err(lab_alloc_at(stage.lab, i, &request)), "alloc_at before");
}

static void brings_some(struct actor *actor)
{
	bring(actor->frame, 3);
}

static inline void will_give(struct actor *actor, uint64_t frame)
{
	actor->give[actor->gives++] = frame;
	memset(stage.loose + frame, GIVING, (size_t)1 << actor->act->order);
}

static void holds_its_frames(struct actor *actor)
{
	actor->frame &= ~(((uint64_t)1 << actor->act->order) - 1);
	if (actor->act->order)
		reshape(actor->frame, actor->act->order, 0, 0);
	will_give(actor, actor->frame);
}

static void holds_three(struct actor *actor)
{
	will_give(actor, actor->frame);
	will_give(actor, actor->frame + 1);
	will_give(actor, actor->frame ^ 8);
}

static void holds_offline(struct actor *actor)
{
	as_offline(actor->frame, 0);
	will_give(actor, actor->frame);
}

static void holds_block(struct actor *actor)
{
	reshape(actor->frame & ~(uint64_t)7, 3, 0, 0);
}

/* ---- the calls ---- */

static void does_take(struct actor *actor)
{
	struct taker taker = { .call = CALL_REQUEST, .gfp = actor->act->gfp, .cpu = actor->cpu, .order = actor->act->order };

	if (!(actor->act->gfp & LAB_COLD))
		taker.call = CALL_PAGES; /* by the fast half */
	take(&taker, &actor->got);
}

static void does_bulk(struct actor *actor)
{
	struct taker taker = { .call = CALL_BULK64, .gfp = actor->act->gfp, .cpu = actor->cpu };

	take(&taker, &actor->got);
}

static void does_take_at(struct actor *actor)
{
	struct taker taker = { .call = CALL_AT, .gfp = actor->act->gfp, .cpu = actor->cpu, .order = actor->act->order,
			       .frame = actor->frame };

	take(&taker, &actor->got);
}

static void does_free(struct actor *actor)
{
	actor->got.error = lab_free_pages(stage.lab, page_at(actor->frame), actor->act->order);
}

static void does_free_bulk(struct actor *actor)
{
	struct lab_page *page[3];
	unsigned int i;

	for (i = 0; i < 3; i++)
		page[i] = page_at(actor->give[i]);
	actor->got.error = lab_free_bulk(stage.lab, 3, page) == 3 ? 0 : -LAB_EALREADY;
}

static void does_online(struct actor *actor)
{
	actor->got.error = lab_frame_online(stage.lab, actor->frame);
}

static void does_offline(struct actor *actor)
{
	actor->got.error = lab_frame_offline(stage.lab, actor->frame);
	if (!actor->got.error) {
		actor->got.frame[0] = actor->frame;
		actor->got.count = 1;
	}
}

static void does_split(struct actor *actor)
{
	actor->got.error = lab_split(stage.lab, page_at(actor->frame & ~(uint64_t)7), 3);
}

static void does_look(struct actor *actor)
{
	struct lab_room_stats stats;
	struct lab_audit audit;

	actor->got.error = lab_room_stats(stage.lab, 0, &stats);
	if (lab_audit(stage.lab, false, &audit))
		actor->got.error = -LAB_EINVAL;
}

/* ---- after ---- */

/* It has ended: into the books with what it took and gave.  False: what it took was not to be had. */
static inline bool actor_settle(struct actor *actor)
{
	uint64_t size = (uint64_t)1 << actor->act->order, i, j;
	bool right = were_loose(&actor->got, actor->act->order);
	long n;

	for (n = 0; right && n < actor->got.count; n++)
		fasten(actor->got.frame[n], size);
	for (i = 0; !actor->got.error && i < actor->gives; i++)
		for (j = actor->give[i]; j < actor->give[i] + size; j++) {
			stage.loose_in[room_at(j)]++; /* if it has been taken already, that was counted then */
			if (stage.loose[j] == GIVING)
				stage.loose[j] = 1;
		}
	return right;
}

#endif
