/* SPDX-License-Identifier: MIT */
/*
 * replay_claims.c - see replay_claims.h.
 *
 * What rooms and pools a request may have depends on nine of its flags, so all kinds of requests are asked
 * for once (lab_route_show, lab_room_stats), and a call looks its kind up.  Everything that calls change is
 * sequentially consistent: a mark must be seen by whoever began before it and is judged after it.
 */
#include "replay_claims.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define KINDS 512u /* zone modifiers, mobility, rights */
#define KIND_FLAGS                                                                                           \
	(LAB_DMA | LAB_HIGHMEM | LAB_DMA32 | LAB_MOVABLE | LAB_RECLAIMABLE | LAB_HIGH | LAB_MEMALLOC |       \
	 LAB_NOMEMALLOC | LAB_DIRECT_RECLAIM)
#define STEPS_MAX (LAB_ROOMS_MAX * LAB_RIGHTS)
#define KEEPS_MAX 64u /* far more than a room's floors, or the rights on a route */
#define KEEP_NONE 0xffu

_Static_assert(KIND_FLAGS == KINDS - 1, "a request's kind is its lowest flags");

/* Rooms counted together.  Changes: `sure` and `marks`, by every call. */
struct group {
	_Alignas(64) _Atomic int64_t sure;
	_Alignas(64) int64_t keep[KEEPS_MAX]; /* of all kinds of requests, ascending, without repeats */
	unsigned int keeps;
	uint32_t rooms; /* a bit each */
	_Alignas(64) _Atomic uint64_t marks[KEEPS_MAX]; /* how often less than that was left */
};

/* A kind of requests. */
struct kind {
	uint32_t rooms; /* that it may try, a bit each */
	int64_t keep[LAB_ZONES]; /* a room each */
	uint8_t number[CLAIMS_GROUPS_MAX]; /* of its keep in each group; KEEP_NONE: no claims there */
};

struct claims {
	struct group group[CLAIMS_GROUPS_MAX]; /* the rooms come first */
	unsigned int groups, rooms;
	struct kind kind[KINDS];
};

static unsigned int kind_of(const struct lab_request *request)
{
	return (unsigned int)(request->gfp & KIND_FLAGS);
}

/* ---------------------------------------------------------------- what a request must leave */

/* Slots of the pools that are not among these. */
static int64_t slots_outside(const struct lab_room_stats *stats, uint32_t bands)
{
	uint64_t slots = 0;
	unsigned int i;

	for (i = 0; i < stats->bands; i++)
		if (!(bands >> i & 1))
			slots += stats->band_frames[i];
	return (int64_t)slots;
}

/* Where this kind of requests may go, and what it must leave there. */
static void ask_kind(struct claims *claims, const struct labyrinth *lab, unsigned int number)
{
	struct lab_request request = LAB_REQUEST((lab_gfp_t)number, 0);
	struct kind *kind = &claims->kind[number];
	uint32_t bands[LAB_ZONES] = { 0 };
	struct lab_step steps[STEPS_MAX];
	struct lab_room_stats stats;
	unsigned int room;
	int count = lab_route_show(lab, &request, steps, STEPS_MAX), i;

	for (i = 0; i < count && i < (int)STEPS_MAX; i++) {
		room = (unsigned int)steps[i].room;
		kind->rooms |= (uint32_t)1 << room;
		bands[room] |= steps[i].bands;
	}
	for (room = 0; room < claims->rooms; room++)
		if (!lab_room_stats(lab, room, &stats))
			kind->keep[room] = slots_outside(&stats, bands[room]);
}

/* A group of these rooms, unless there is one. */
static void group_add(struct claims *claims, uint32_t rooms)
{
	unsigned int i = 0;

	while (i < claims->groups && claims->group[i].rooms != rooms)
		i++;
	if (i == claims->groups && rooms && claims->groups < CLAIMS_GROUPS_MAX)
		claims->group[claims->groups++].rooms = rooms;
}

/* What this kind must leave in a group, all of whose rooms it may try; else -1. */
static int64_t group_keep(const struct claims *claims, const struct group *group, const struct kind *kind)
{
	unsigned int room;
	int64_t keep = 0;

	if (group->rooms & ~kind->rooms)
		return -1;
	for (room = 0; room < claims->rooms; room++)
		keep += group->rooms >> room & 1 ? kind->keep[room] : 0;
	return keep;
}

/* Put a keep into its place in the group's list, unless it is there. */
static void keep_insert(struct group *group, int64_t keep)
{
	unsigned int at = group->keeps, i;

	while (at > 0 && group->keep[at - 1] > keep)
		at--;
	if ((at > 0 && group->keep[at - 1] == keep) || group->keeps == KEEPS_MAX)
		return;
	for (i = group->keeps++; i > at; i--)
		group->keep[i] = group->keep[i - 1];
	group->keep[at] = keep;
}

static uint8_t keep_number(const struct group *group, int64_t keep)
{
	unsigned int i = 0;

	while (i < group->keeps && group->keep[i] != keep)
		i++;
	return i < group->keeps ? (uint8_t)i : KEEP_NONE;
}

/* The keeps of all kinds in a group. */
static void group_fill(struct claims *claims, unsigned int number)
{
	struct group *group = &claims->group[number];
	unsigned int i;
	int64_t keep;

	for (i = 0; i < KINDS; i++) {
		keep = group_keep(claims, group, &claims->kind[i]);
		if (keep >= 0)
			keep_insert(group, keep);
	}
	for (i = 0; i < KINDS; i++) /* the list stays as it is from here on */
		claims->kind[i].number[number] =
			keep_number(group, group_keep(claims, group, &claims->kind[i]));
}

struct claims *claims_new(const struct machine *machine, const struct labyrinth *lab)
{
	struct claims *claims = aligned_alloc(64, sizeof(*claims));
	unsigned int i;

	if (!claims)
		return NULL;
	memset(claims, 0, sizeof(*claims));
	claims->rooms = machine->rooms;
	for (i = 0; i < machine->rooms; i++)
		group_add(claims, (uint32_t)1 << i);
	for (i = 0; i < KINDS; i++) {
		ask_kind(claims, lab, i);
		group_add(claims, claims->kind[i].rooms);
	}
	for (i = 0; i < claims->groups; i++)
		group_fill(claims, i);
	return claims;
}

void claims_delete(struct claims *claims)
{
	free(claims);
}

int64_t claims_keep(const struct claims *claims, const struct lab_request *request, unsigned int room)
{
	const struct kind *kind = &claims->kind[kind_of(request)];

	return kind->rooms >> room & 1 ? kind->keep[room] : -1;
}

/* ---------------------------------------------------------------- calls */

/* Take frames off before a call.  Returns what is left; every keep that this undercuts is marked. */
static int64_t take_off(struct group *group, uint32_t frames)
{
	int64_t left = atomic_fetch_sub(&group->sure, (int64_t)frames) - (int64_t)frames;
	unsigned int i;

	for (i = group->keeps; i > 0 && group->keep[i - 1] > left; i--)
		atomic_fetch_add(&group->marks[i - 1], 1);
	return left;
}

bool claims_begin(struct claims *claims, const struct lab_request *request, struct claim *claim)
{
	const struct kind *kind = &claims->kind[kind_of(request)];
	unsigned int i, number;
	struct group *group;
	int64_t left;

	*claim = (struct claim){ .frames = claims_reach(request->order), .kind = (uint16_t)kind_of(request) };
	for (i = 0; i < claims->groups; i++) {
		group = &claims->group[i];
		number = kind->number[i];
		if (!(group->rooms & kind->rooms))
			continue;
		/* First: a mark that is not in it belongs to a call that takes off later, or has gone on. */
		if (number != KEEP_NONE)
			claim->marks[i] = atomic_load(&group->marks[number]);
		left = take_off(group, claim->frames);
		if (!request->order && number != KEEP_NONE && left >= group->keep[number])
			claim->held |= (uint16_t)(1u << i);
	}
	return claim->held != 0;
}

bool claims_held(const struct claims *claims, const struct claim *claim)
{
	const struct kind *kind = &claims->kind[claim->kind];
	unsigned int i;

	for (i = 0; i < claims->groups; i++)
		if (claim->held >> i & 1 &&
		    atomic_load(&claims->group[i].marks[kind->number[i]]) == claim->marks[i])
			return true;
	return false;
}

void claims_end(struct claims *claims, const struct claim *claim, unsigned int room, uint32_t frames)
{
	uint32_t rooms = claims->kind[claim->kind].rooms,
		 from = room < claims->rooms ? (uint32_t)1 << room : 0;
	struct group *group;
	unsigned int i;

	for (i = 0; i < claims->groups; i++) {
		group = &claims->group[i];
		if (group->rooms & rooms)
			atomic_fetch_add(&group->sure,
					 (int64_t)claim->frames - (group->rooms & from ? frames : 0));
	}
}

void claims_freed(struct claims *claims, unsigned int room, uint64_t frames)
{
	unsigned int i;

	for (i = 0; i < claims->groups; i++)
		if (claims->group[i].rooms >> room & 1)
			atomic_fetch_add(&claims->group[i].sure, (int64_t)frames);
}

int64_t claims_sure(const struct claims *claims, unsigned int room)
{
	return atomic_load(&claims->group[room].sure);
}
