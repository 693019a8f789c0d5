/* SPDX-License-Identifier: MIT */
/*
 * stranded_stopped.h - a frame put back while one or two other calls stand still, before any of their atomic
 * operations: it is had at once all the same.  Then they go on: their answers are possible ones, nothing is
 * lost, and what is left is had at once again.
 */
#ifndef STRANDED_STOPPED_H
#define STRANDED_STOPPED_H

#include "stranded_actors.h"

#define K LAB_GFP_KERNEL
#define KC (LAB_GFP_KERNEL | LAB_COLD | LAB_MOVABLE)

/* name, before, call, flags, order, leaves, own, tentative */
static const struct act acts[] = {
	{ "look", brings_nothing, does_take, K, 0, 1, false, false },
	{ "look-movable", brings_nothing, does_take, K | LAB_MOVABLE, 0, 1, false, false },
	{ "take", brings_its_frames, does_take, K, 0, 1, true, false },
	{ "free", holds_its_frames, does_free, 0, 0, 1, true, false },
	{ "block-look", brings_a_hint, does_take, K, 3, 1, false, false },
	{ "bulk-free", holds_three, does_free_bulk, 0, 0, 1, true, false },
	{ "take-at", brings_its_frames, does_take_at, K, 0, 1, true, false },
#define ACTS_IN_PAIRS 7
	{ "look-cold", brings_nothing, does_take, KC, 0, 1, false, false },
	{ "bulk-take", brings_some, does_bulk, K, 0, 1, false, false },
	{ "block-take", brings_its_frames, does_take, K, 3, 1, false, false },
	{ "block-at", brings_its_frames, does_take_at, K, 5, 1, false, false },
	{ "block-free", holds_its_frames, does_free, 0, 5, 1, true, false },
	{ "offline", brings_its_frames, does_offline, 0, 0, 1, false, false },
	{ "online", holds_offline, does_online, 0, 0, 1, true, false },
	{ "split", holds_block, does_split, 0, 0, 1, true, false },
	{ "statistics", brings_nothing, does_look, 0, 0, 1, false, false },
	{ "large-take", brings_its_frames, does_take, K, 9, 3, false, true },
	{ "large-take-8", brings_its_frames, does_take, K, 8, 3, false, true },
	{ "large-at", brings_its_frames, does_take_at, K, 7, 3, false, true },
	{ "large-free", holds_its_frames, does_free, 0, 9, 3, true, false },
};
#define ACTS (sizeof(acts) / sizeof(*acts))

/* `place`: what the actors are about, two of them; then where frames are put. */
static const struct world stop_worlds[] = {
	{ "word", 2, 1, 1, false, { { .name = "word", .zone = LAB_ZONE_NORMAL, .frames = 64 } }, { 5, 20, 40, NOWHERE } },
	{ "leaves", 2, 1, 1, false, { { .name = "leaves", .zone = LAB_ZONE_NORMAL, .frames = 1536 } },
	  { 517, 530, 550, 700, 40, NOWHERE } },
	{ "levels", 2, 1, 1, false, { { .name = "levels", .zone = LAB_ZONE_NORMAL, .frames = 17408 } },
	  { 16389, 17000, 16420, 17100, 40, NOWHERE } },
};
#define STOP_WORLDS (sizeof(stop_worlds) / sizeof(*stop_worlds))

/* One case: who stands where, what is put where, by which path. */
struct scene {
	const char *name;
	unsigned int count; /* of actors */
	unsigned int stop[ACTORS];
	unsigned int then; /* after the frame was put back the first goes on to here; 0: it stands still */
	uint64_t frame; /* put back */
	unsigned int order; /* of what is put back */
	const struct path *path;
};

static inline const struct path *path_of(const char *name)
{
	const struct path *path = paths;

	while (strcmp(path->name, name))
		path++;
	return path;
}

static void scene_fail(const struct scene *scene, const char *who, const char *what, int answer)
{
	static uint64_t said;

	if (said++ < 20)
		machine_fail(scene->name, "stopped at %u and %u, then %u: %s %s (%d)", scene->stop[0], scene->stop[1],
			     scene->then, who, what, answer);
	else
		machine.failures++;
}

/* Everything up to the stop, and the frame put back.  False: an actor has ended before that. */
static inline bool scene_set(const struct scene *scene)
{
	uint64_t first = 0;
	unsigned int i;

	stage_base();
	this_cpu = 0;
	scene->path->prepare(scene->frame, scene->order);
	for (i = 0; i < scene->count; i++) {
		actors[i].frame = stage.world->place[i];
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
	loosen(scene->frame, scene->path->put(scene->frame, scene->order, &first));
	if (scene->then)
		actor_run(&actors[0], scene->then);
	return !actors[0].done;
}

/* May this actor have answered so? */
static inline bool answer_possible(const struct scene *scene, const struct actor *actor, bool disturbed)
{
	bool all_own = !disturbed, tentative = false;
	unsigned int i;

	for (i = 0; i < scene->count; i++) {
		all_own &= actors[i].act->own;
		tentative |= actors[i].act->tentative;
	}
	switch (actor->got.error) {
	case 0:
		return true;
	case -LAB_ENOMEM:
		return !all_own || !actor->act->own;
	case -LAB_EAGAIN:
		return tentative || actor->act->order || actor->act->call == does_offline;
	case -LAB_ENOSPC:
		return actor->act->order > 0;
	case -LAB_EBUSY: /* another has its frame */
		return (disturbed || scene->count > 1) &&
		       (actor->act->call == does_take_at || actor->act->call == does_offline);
	default:
		return false;
	}
}

/* The actors go on to their ends, the later first or last; then all is as their answers say. */
static inline void scene_end(const struct scene *scene, bool disturbed)
{
	struct taker rest = { .call = CALL_PAGES, .gfp = LAB_MEMALLOC };
	unsigned int i, turned = scene->stop[0] & 1, every = (scene->count > 1 ? 8 : 1) * (stage.bytes > 100000 ? 4 : 1);

	for (i = 0; i < scene->count; i++) {
		struct actor *actor = &actors[turned ? scene->count - 1 - i : i];

		actor_run(actor, NEVER);
		if (!actor->done || !answer_possible(scene, actor, disturbed))
			scene_fail(scene, actor->act->name, "went on and answered what cannot be", actor->got.error);
	}
	for (i = 0; i < scene->count; i++)
		if (!actor_settle(&actors[i]))
			scene_fail(scene, actors[i].act->name, "was given what was in use", (int)actors[i].got.frame[0]);
	if (machine.long_form || (scene->stop[0] + 3 * scene->stop[1]) % every == 0)
		stage_check(scene->name); /* reads every tag */
	try_all(scene->name, "when all had ended", &rest);
}

/* Takers while the actors stand still. */
static inline void scene_takers(const struct scene *scene, unsigned int count)
{
	/* The first few are for pairs. */
	static const struct taker takers[] = {
		{ .call = CALL_PAGES, .gfp = K, .cpu = 0 },
		{ .call = CALL_REQUEST, .gfp = K | LAB_COLD, .cpu = 1 },
		{ .call = CALL_AT, .gfp = K, .cpu = 1 },
		{ .call = CALL_PAGES, .gfp = K | LAB_MOVABLE, .cpu = 1 },
		{ .call = CALL_BULK64, .gfp = K, .cpu = 0 },
		{ .call = CALL_PAGES, .gfp = LAB_GFP_ATOMIC | LAB_RECLAIMABLE, .cpu = 1 },
		{ .call = CALL_NAMED, .gfp = LAB_MEMALLOC, .cpu = 3 },
		{ .call = CALL_REQUEST, .gfp = KC, .cpu = 0 },
		{ .call = CALL_BULK1, .gfp = K | LAB_MOVABLE, .cpu = 1 },
		{ .call = CALL_BULK64, .gfp = K | LAB_COLD, .cpu = 2 },
	};
	unsigned int i;
	struct got got;

	for (i = 0; i < sizeof(takers) / sizeof(*takers) && i < count; i++) {
		struct taker taker = takers[i];

		taker.frame = scene->frame;
		taker.order = scene->order;
		if (taker.order && (taker.call == CALL_BULK64 || taker.call == CALL_BULK1))
			continue;
		if (scene->then && taker.call == CALL_AT) /* the actor may have that very frame by then */
			continue;
		if (i)
			stage_back();
		machine.cases++;
		take(&taker, &got);
		if (got.error || !were_loose(&got, taker.order))
			complain(scene->name, got.error ? "others stand still" : "others stand still; given what was in use",
				 &taker, "a free frame was not given at once", got.error);
	}
	stage_back();
}

/* At this stop: every taker, then the end, once with the frame there and once with it taken.  False: too far. */
static inline bool scene_play(const struct scene *scene, unsigned int takers)
{
	struct taker first = { .call = CALL_PAGES, .gfp = K, .cpu = 1 };
	struct got got;

	if (!scene_set(scene))
		return false;
	stage.range[0].at = 0;
	stage.range[0].bytes = stage.bytes;
	stage.range[1].bytes = 0;
	stage_copy(stage.shot, stage.metadata);
	scene_takers(scene, takers);
	scene_end(scene, false);
	scene_set(scene);
	take(&first, &got);
	if (!got.error && were_loose(&got, 0))
		fasten(got.frame[0], 1);
	scene_end(scene, true);
	return true;
}

static inline void stopped_alone(struct scene *scene, const char *path)
{
	scene->count = 1;
	scene->path = path_of(path);
	scene->stop[1] = 0;
	for (scene->stop[0] = 1; machine.failures < 20 && scene_play(scene, UINT_MAX); scene->stop[0]++)
		;
}

/* One that takes no more than it brought goes on a little after the frame was put back: one is still there. */
static inline void stopped_later(struct scene *scene)
{
	scene->count = 1;
	scene->path = path_of("free_pages");
	scene->stop[1] = 0;
	for (scene->stop[0] = 1; actors[0].act->own && machine.failures < 20; scene->stop[0]++) {
		for (scene->then = scene->stop[0] + 1; machine.failures < 20 && scene_play(scene, 4); scene->then++)
			;
		if (scene->then == scene->stop[0] + 1)
			break;
	}
	scene->then = 0;
}

/* The same with a block, for takers of that order.  Not in the leaf of a free that stands still (CAVEATS.md). */
static inline void stopped_blocks(struct scene *scene)
{
	uint64_t place = scene->frame;

	if (actors[0].act->call == does_free || actors[0].act->call == does_free_bulk || actors[0].act->call == does_online)
		return;
	for (scene->order = 1; scene->order <= 9; scene->order += 2) {
		uint64_t size = (uint64_t)1 << scene->order;

		scene->frame = place & ~(size - 1);
		if (stage.world->place[0] / 32 * 32 < scene->frame + size && scene->frame <= (stage.world->place[0] | 31))
			break; /* the actor's own frames would be in it */
		stopped_alone(scene, "block");
	}
	scene->frame = place;
	scene->order = 0;
}

static inline void stopped_pair(struct scene *scene)
{
	unsigned int step = machine.long_form || stage.bytes < 100000 ? 1 : 3;

	scene->count = 2;
	scene->path = path_of("free_pages");
	for (scene->stop[0] = 1;; scene->stop[0] += step) {
		for (scene->stop[1] = 1 + scene->stop[0] % step; machine.failures < 20 && scene_play(scene, 3); scene->stop[1] += step)
			;
		if (actors[0].done || machine.failures >= 20)
			return;
	}
}

/* Is there a whole leaf for the first actor, apart from where the frame is put?  (Audits: of small rooms.) */
static inline bool act_fits(const struct act *act, const struct world *world, uint64_t frame)
{
	if (act->call == does_look)
		return world->room[0].frames < LEAF;
	return act->leaves == 1 || (world->room[0].frames > LEAF && frame / LEAF != world->place[0] / LEAF);
}

/* These actors (the second: nobody), the frame at this place. */
static inline void stopped_case(struct scene *scene, const struct act *first, const struct act *second)
{
	static const char *const ways[] = { "free_pages", "free_bulk", "frame_online" };
	unsigned int way;

	actors[0].act = first;
	actors[1].act = second;
	if (second) {
		stopped_pair(scene);
		return;
	}
	for (way = 0; way < 3; way++)
		stopped_alone(scene, ways[way]);
	stopped_later(scene);
	stopped_blocks(scene);
}

static inline void stopped_of(const struct world *world)
{
	struct scene scene = { .name = case_name };
	unsigned int n, rest, a, b;
	bool open = false;

	for (n = 0; n < (PLACES_MOST - 2) * ACTS * (ACTS_IN_PAIRS + 1); n++) {
		rest = n;
		b = digit(&rest, ACTS_IN_PAIRS + 1);
		a = digit(&rest, ACTS);
		scene.frame = world->place[2 + rest];
		if (scene.frame == NOWHERE)
			break;
		snprintf(case_name, sizeof(case_name), "stopped/%s/%s/%s/put-at-%" PRIu64, world->name, acts[a].name,
			 b ? acts[b - 1].name : "nobody", scene.frame);
		if (!wanted(case_name) || (b && a >= ACTS_IN_PAIRS) || !act_fits(&acts[a], world, scene.frame))
			continue;
		if (!open)
			stage_open(world);
		open = true;
		stopped_case(&scene, &acts[a], b ? &acts[b - 1] : NULL);
	}
	if (open)
		stage_close();
}

#endif
