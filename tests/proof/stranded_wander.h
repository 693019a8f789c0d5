/* SPDX-License-Identifier: MIT */
/*
 * stranded_wander.h - the only free frame goes from one place to another and back while a request looks for
 * it, at any three of its atomic operations: first one more is freed, then the old one is taken, so that at
 * every instant one is free.  The request has to get one.
 */
#ifndef STRANDED_WANDER_H
#define STRANDED_WANDER_H

#include "stranded_stopped.h"

#define MOVES 3u
#define MOVES_MOST 20u

/* place: the two between which it goes. */
static const struct world wander_worlds[] = {
	{ "rooms", 2, 1, 2, false, { { .name = "low", .zone = LAB_ZONE_DMA32, .frames = 64 },
				     { .name = "high", .zone = LAB_ZONE_NORMAL, .first_frame = 512, .frames = 64 } },
	  { 5, 520, NOWHERE } },
	{ "three-rooms", 2, 1, 3, false, { { .name = "low", .zone = LAB_ZONE_DMA, .frames = 64 },
					   { .name = "mid", .zone = LAB_ZONE_DMA32, .first_frame = 512, .frames = 64 },
					   { .name = "high", .zone = LAB_ZONE_NORMAL, .first_frame = 1024, .frames = 64 } },
	  { 5, 1030, NOWHERE } },
	{ "words", 2, 1, 1, false, { { .name = "words", .zone = LAB_ZONE_NORMAL, .frames = 512 } }, { 70, 300, NOWHERE } },
	{ "leaves", 2, 1, 1, false, { { .name = "leaves", .zone = LAB_ZONE_NORMAL, .frames = 1536 } }, { 5, 1100, NOWHERE } },
	{ "levels", 2, 1, 1, false, { { .name = "levels", .zone = LAB_ZONE_NORMAL, .frames = 17408 } },
	  { 5, 17000, NOWHERE } },
	{ "pools", 2, 1, 2, false, { { MARKED(DMA32, 0, 64, 8, 10, 12) }, { MARKED(NORMAL, 512, 64, 8, 10, 12) } },
	  { 5, 520, NOWHERE } },
};
#define WANDER_WORLDS (sizeof(wander_worlds) / sizeof(*wander_worlds))

static const struct act seekers[] = {
	{ "alloc", brings_nothing, does_take, LAB_MEMALLOC, 0, 1, false, false },
	{ "alloc-movable", brings_nothing, does_take, LAB_MEMALLOC | LAB_MOVABLE, 0, 1, false, false },
	{ "alloc-cold", brings_nothing, does_take, LAB_MEMALLOC | LAB_COLD, 0, 1, false, false },
	{ "bulk", brings_nothing, does_bulk, LAB_MEMALLOC, 0, 1, false, false },
};

/* From place `from` to the other one.  False: it was not there any more. */
static bool wander_move(unsigned int from)
{
	struct taker thief = { .call = CALL_AT, .gfp = LAB_MEMALLOC, .cpu = 1, .frame = stage.world->place[from] };
	struct got got;

	this_cpu = 1;
	must(lab_free_pages(stage.lab, page_at(stage.world->place[!from]), 0), "a free");
	loosen(stage.world->place[!from], 1);
	take(&thief, &got);
	if (!got.error)
		fasten(thief.frame, 1);
	return !got.error;
}

/* With so many moves, before these operations.  Returns how many of them were made. */
static unsigned int wander_play(const struct scene *scene, const unsigned int *stop, unsigned int most)
{
	struct actor *actor = &actors[0];
	unsigned int at = scene->stop[0], moves = 0;

	stage_base();
	memset(&actor->got, 0, sizeof(actor->got));
	actor->cpu = actor->gives = 0;
	this_cpu = 1;
	bring(stage.world->place[at], 1);
	for (actor_start(actor, stop[0]); !actor->done && moves < most;) {
		if (!wander_move(at))
			break;
		at = !at;
		if (++moves < most)
			actor_run(actor, stop[moves]);
	}
	if (!actor->done)
		actor_run(actor, NEVER);
	machine.cases++;
	if (actor->got.error || !actor_settle(actor))
		machine_fail(scene->name, "%u moves, before its operations %u, %u, %u..: answered %d", moves, stop[0], stop[1],
			     stop[2], actor->got.error);
	if ((stop[0] + stop[1] + stop[2]) % 64 == 0)
		stage_check(scene->name);
	return moves;
}

/* Every three places in its way, in ascending order. */
static void wander_all(const struct scene *scene)
{
	unsigned int stop[MOVES], moves;

	for (stop[0] = 1;; stop[0]++) {
		moves = 1;
		for (stop[1] = stop[0] + 1; moves > 0 && machine.failures < 20; stop[1]++) {
			moves = 2;
			for (stop[2] = stop[1] + 1; moves > 1; stop[2]++) {
				moves = wander_play(scene, stop, MOVES);
				if (moves < MOVES)
					break;
			}
			if (moves < 2)
				break;
		}
		if (moves == 0 || machine.failures >= 20)
			return;
	}
}

/* More moves, at random. */
static void wander_often(const struct scene *scene)
{
	unsigned int runs = machine.long_form ? 1000000 : 5000, stop[MOVES_MOST], i;

	random_state = machine.seed * 0x9e3779b97f4a7c15u | 1;
	while (runs-- && machine.failures < 20) {
		for (i = 0; i < MOVES_MOST; i++)
			stop[i] = (i ? stop[i - 1] : 0) + 1 + (unsigned int)rnd(runs & 1 ? 8 : 40);
		wander_play(scene, stop, MOVES_MOST);
	}
}

static void wander_of(const struct world *world)
{
	struct scene scene = { .name = case_name };
	unsigned int a;
	bool open = false;

	for (a = 0; a < 2 * sizeof(seekers) / sizeof(*seekers); a++) {
		scene.stop[0] = a & 1; /* where it is first */
		snprintf(case_name, sizeof(case_name), "wander/%s/%s/from-%u", world->name, seekers[a / 2].name, a & 1);
		if (!wanted(case_name))
			continue;
		if (!open)
			stage_open(world);
		open = true;
		actors[0].act = &seekers[a / 2];
		wander_all(&scene);
		wander_often(&scene);
	}
	if (open)
		stage_close();
}

#endif
