/* SPDX-License-Identifier: MIT */
/*
 * stranded_given.h - what calls with frames in their hands leave behind: a large block that met a conflict half
 * way and gives its frames back; draws, fills and exchanges that stand still in a room with reserves, while a
 * frame is put back, and afterwards.
 */
#ifndef STRANDED_GIVEN_H
#define STRANDED_GIVEN_H

#include "stranded_stopped.h"

/* ---- a conflict ---- */

static const struct act large_acts[] = {
	{ "take-9", brings_its_frames, does_take, K, 9, 1, false, true },
	{ "take-9-movable", brings_its_frames, does_take, K | LAB_MOVABLE, 9, 1, false, true },
	{ "take-8", brings_its_frames, does_take, K, 8, 1, false, true },
	{ "take-7", brings_its_frames, does_take, K, 7, 1, false, true },
	{ "at-9", brings_its_frames, does_take_at, K, 9, 1, false, true },
	{ "bulk", brings_its_frames, does_bulk, K, 0, 1, false, false },
};

/* What the call that met the conflict has given back, and what it never had: all of it, for everybody. */
static void conflict_takers(const char *name)
{
	struct taker taker = { .call = CALL_PAGES, .gfp = K, .cpu = 1 };
	unsigned int mobility;

	stage_keep(actors[0].frame);
	for (mobility = 0; mobility < 5; mobility++)
		for (taker.order = 0; taker.order <= 9; taker.order++) {
			stage_back();
			taker.gfp = K | mobilities[mobility];
			try_blocks(name, "after a conflict", &taker, actors[0].frame);
		}
	stage_back();
	taker = (struct taker){ .call = CALL_BULK64, .gfp = K };
	try_all(name, "after a conflict", &taker);
}

/* The actor stops, a frame of its block is taken, it goes on.  False: it had ended before. */
static bool conflict_play(struct scene *scene)
{
	struct taker thief = { .call = CALL_AT, .gfp = K, .cpu = 1, .frame = scene->frame };
	struct actor *actor = &actors[0];
	struct got got;

	stage_base();
	actor->frame = 600;
	actor->cpu = actor->gives = 0;
	memset(&actor->got, 0, sizeof(actor->got));
	actor->act->prepare(actor);
	actor_start(actor, scene->stop[0]);
	if (actor->done)
		return false;
	take(&thief, &got);
	if (!got.error)
		fasten(scene->frame, 1);
	actor_run(actor, NEVER);
	if (!answer_possible(scene, actor, true))
		scene_fail(scene, actor->act->name, "answered what cannot be", actor->got.error);
	if (!actor_settle(actor))
		scene_fail(scene, actor->act->name, "was given what was in use", 0);
	stage_check(scene->name);
	conflict_takers(scene->name);
	return true;
}

static void conflicts(void)
{
	static const uint64_t victims[] = { 0, 63, 70, 127, 128, 300, 511 };
	struct scene scene = { .name = case_name, .count = 1 };
	unsigned int n, rest;
	bool open = false;

	for (n = 0; n < 7 * sizeof(large_acts) / sizeof(*large_acts); n++) {
		rest = n;
		scene.frame = 512 + victims[digit(&rest, 7)];
		snprintf(case_name, sizeof(case_name), "conflict/%s/at-%" PRIu64, large_acts[rest].name, scene.frame);
		if (!wanted(case_name))
			continue;
		if (!open)
			stage_open(&stop_worlds[1]);
		open = true;
		actors[0].act = &large_acts[rest];
		for (scene.stop[0] = 1; machine.failures < 20 && conflict_play(&scene); scene.stop[0]++)
			;
	}
	if (open)
		stage_close();
}

/* ---- calls that stand still in a room with reserves ---- */

static const struct world marked = { "pools", 2, 1, 1, false, { { MARKED(NORMAL, 0, 512, 8, 10, 12) } }, { 320, 340, NOWHERE } };
#define POOLED 104u	/* frames from here on are free before, as many as the case says */
#define PUT_BACK 300u

static void offers_pooled(struct actor *actor)
{
	if (stage.loose[POOLED])
		actor->frame = POOLED;
	else
		brings_its_frames(actor);
}

static const struct act pool_acts[] = {
	{ "take", brings_nothing, does_take, K, 0, 1, false, false },
	{ "take-atomic", brings_nothing, does_take, LAB_GFP_ATOMIC, 0, 1, false, false },
	{ "take-all", brings_nothing, does_take, LAB_MEMALLOC, 0, 1, false, false },
	{ "free", holds_its_frames, does_free, 0, 0, 1, true, false },
	{ "bulk-free", holds_three, does_free_bulk, 0, 0, 1, true, false },
#define POOL_ACTS_IN_PAIRS 5
	{ "bulk", brings_nothing, does_bulk, LAB_GFP_ATOMIC, 0, 1, false, false },
	{ "online", holds_offline, does_online, 0, 0, 1, true, false },
	{ "offline", offers_pooled, does_offline, 0, 0, 1, false, true },
	{ "at", offers_pooled, does_take_at, LAB_GFP_ATOMIC, 0, 1, false, true },
	{ "block", brings_nothing, does_take, LAB_MEMALLOC, 1, 1, false, true },
	{ "block-atomic", brings_nothing, does_take, LAB_GFP_ATOMIC, 2, 1, false, true },
	{ "block-at", offers_pooled, does_take_at, LAB_MEMALLOC, 3, 1, false, true },
};
#define POOL_ACTS (sizeof(pool_acts) / sizeof(*pool_acts))

/* At most so many of the frames that were free may be in its hand. */
static uint64_t hand_of(const struct actor *actor)
{
	const struct taker taker = { .call = CALL_PAGES, .gfp = actor->act->gfp };

	if (actor->act->own)
		return 0;
	if (actor->act->call == does_bulk)
		return due_to(&taker);
	if (actor->act->order || actor->act->tentative)
		return ((uint64_t)1 << actor->act->order) + 1;
	return due_to(&taker) ? 1 : 0;
}

static bool pools_set(const struct scene *scene, uint64_t before, uint64_t *hand)
{
	uint64_t first = 0;
	unsigned int i;

	stage_base();
	this_cpu = 0;
	bring(POOLED, before);
	scene->path->prepare(PUT_BACK, 0);
	for (i = 0; i < scene->count; i++) {
		actors[i].frame = marked.place[i];
		actors[i].cpu = i;
		actors[i].gives = 0;
		memset(&actors[i].got, 0, sizeof(actors[i].got));
		actors[i].act->prepare(&actors[i]);
	}
	for (i = 0; i < scene->count; i++) {
		actor_start(&actors[i], scene->stop[i]);
		if (actors[i].done)
			return false;
	}
	this_cpu = 1;
	for (*hand = i = 0; i < scene->count && !scene->then; i++)
		*hand += hand_of(&actors[i]);
	scene->path->put(PUT_BACK, 0, &first);
	loosen(PUT_BACK, 1);
	if (!scene->then)
		return true;
	*hand = hand_of(&actors[0]);
	actor_run(&actors[0], scene->then);
	return !actors[0].done;
}

/* Whoever has a right to one of the frames that are in nobody's hand has it at once. */
static void pools_takers(const struct scene *scene, uint64_t hand)
{
	static const enum call calls[] = { CALL_PAGES, CALL_BULK1 };
	bool tentative = actors[0].act->tentative || (scene->count > 1 && actors[1].act->tentative);
	struct taker taker = { .call = CALL_PAGES };
	unsigned int i;
	struct got got;

	stage.range[0].at = 0;
	stage.range[0].bytes = stage.bytes;
	stage.range[1].bytes = 0;
	stage_copy(stage.shot, stage.metadata);
	for (i = 0; i < 7; i++) {
		taker.call = calls[(i + scene->stop[0]) % 2];
		taker.gfp = all_rights[i];
		taker.cpu = i;
		if (i)
			stage_back();
		machine.cases++;
		take(&taker, &got);
		if (got.error ? stage.loose_in[0] > hand + floor_due(&taker, 0) : !were_loose(&got, 0))
			complain(scene->name, "others stand still", &taker, "a free frame was not given at once", got.error);
		if (got.error && got.error != -LAB_ENOMEM && !tentative)
			complain(scene->name, "others stand still", &taker, "refused by another code than none", got.error);
	}
	stage_back();
}

/*
 * All at rest again: MEMALLOC has everything, and the others what is due to them.  (A call that overlapped
 * another may have left a slot empty and a frame further out, so it may be more; DESIGN.md, "Nobody moves".)
 */
static void pools_rest(const struct scene *scene)
{
	struct taker taker = { .call = CALL_PAGES };
	uint64_t due, n;
	unsigned int i;
	struct got got;

	stage_check(scene->name);
	stage_copy(stage.shot, stage.metadata);
	for (i = 0; i < 7; i++) {
		if (i)
			stage_back();
		taker.gfp = all_rights[i];
		taker.cpu = i;
		due = due_to(&taker);
		for (n = 0, take(&taker, &got); !got.error && n < 64; take(&taker, &got))
			n++;
		if (n < due || n > due + 4 * scene->count || (n > due && floor_due(&taker, 0) == 0))
			complain(scene->name, "when all had ended", &taker, "fewer or more frames than are due",
				 (long)n - (long)due);
	}
}

static bool pools_play(const struct scene *scene, uint64_t before)
{
	unsigned int i;
	uint64_t hand;

	if (!pools_set(scene, before, &hand))
		return false;
	pools_takers(scene, hand);
	for (i = 0; i < scene->count; i++) {
		struct actor *actor = &actors[scene->stop[0] & 1 ? scene->count - 1 - i : i];

		actor_run(actor, NEVER);
		if (!answer_possible(scene, actor, true))
			scene_fail(scene, actor->act->name, "answered what cannot be", actor->got.error);
	}
	for (i = 0; i < scene->count; i++)
		if (!actor_settle(&actors[i]))
			scene_fail(scene, actors[i].act->name, "was given what was in use", 0);
	pools_rest(scene);
	return true;
}

/* A number of free frames at which one right ends, or its neighbour. */
static bool edge(uint64_t count)
{
	return machine.long_form || count == 0 || count == 3 || count == 4 || count == 8 || count == 9 || count == 12;
}

/* One actor, which goes on a little after the frame was put back. */
static void pools_later(struct scene *scene, uint64_t before)
{
	if (!machine.long_form && (!edge(before) || actors[0].act->tentative))
		return;
	for (scene->stop[0] = 1; machine.failures < 20; scene->stop[0]++) {
		for (scene->then = scene->stop[0] + 1; machine.failures < 20 && pools_play(scene, before); scene->then++)
			;
		if (scene->then == scene->stop[0] + 1)
			break;
	}
	scene->then = 0;
}

/* One actor, with each path; two, by one path. */
static void pools_stops(struct scene *scene, uint64_t before)
{
	static const char *const ways[] = { "free_pages", "free_bulk", "frame_online" };
	unsigned int way;

	scene->stop[1] = 0;
	for (way = 0; scene->count == 1 && way < 3; way++) {
		scene->path = path_of(ways[way]);
		for (scene->stop[0] = 1; machine.failures < 20 && pools_play(scene, before); scene->stop[0]++)
			;
	}
	scene->path = path_of("free_pages");
	if (scene->count == 1) {
		pools_later(scene, before);
		return;
	}
	for (scene->stop[0] = 1;; scene->stop[0]++) {
		for (scene->stop[1] = 1; machine.failures < 20 && pools_play(scene, before); scene->stop[1]++)
			;
		if (actors[0].done || machine.failures >= 20)
			return;
	}
}

static void stopped_in_pools(void)
{
	struct scene scene = { .name = case_name };
	unsigned int n, rest, a, b;
	bool open = false;

	for (n = 0; n < 14 * POOL_ACTS * (POOL_ACTS_IN_PAIRS + 1); n++) {
		rest = n;
		b = digit(&rest, POOL_ACTS_IN_PAIRS + 1);
		a = digit(&rest, POOL_ACTS);
		snprintf(case_name, sizeof(case_name), "stopped/pools/%s/%s/%u-free", pool_acts[a].name,
			 b ? pool_acts[b - 1].name : "nobody", rest);
		if (!wanted(case_name) || (b && (a >= POOL_ACTS_IN_PAIRS || !edge(rest))))
			continue;
		if (!open)
			stage_open(&marked);
		open = true;
		scene.count = b ? 2 : 1;
		actors[0].act = &pool_acts[a];
		actors[1].act = b ? &pool_acts[b - 1] : NULL;
		pools_stops(&scene, rest);
	}
	if (open)
		stage_close();
}

#endif
