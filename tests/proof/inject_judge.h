/* SPDX-License-Identifier: MIT */
/*
 * inject_judge.h - what answers are true: those that some order of the calls explains, by a plain model.
 *
 * The model knows of each frame what it is, and how many are free in each room; a right is a floor under that
 * count, as Linux has it.  It knows nothing of trees, hints or pools.  Each call is one deed (a bulk call: one a
 * page), at an instant between its beginning and its end.  Only a run that has no such order is judged again
 * with what SPEC.md ("What is not linearizable") and CAVEATS.md except: see where `lenient` stands.
 */
#ifndef INJECT_JUDGE_H
#define INJECT_JUDGE_H

#include "inject_world.h"

enum what { IS_FREE, IS_HELD, IS_BODY, IS_OUT };

struct model_frame {
	uint8_t what, order, use;
	uint8_t others; /* who share it with its owner */
	bool bad;	/* goes out when it is freed */
	bool freed;	/* since the start */
	bool pooled;	/* at the start */
	uint16_t owner;
};

enum deed_kind { DID_TAKE, DID_BULK, WAS_REFUSED, DID_GIVE, MAY_GIVE, DID_SPLIT, DID_OFF, DID_ON, DID_CLOSE, DID_OPEN,
		 DID_LAUNDER, DID_SHARE, DID_SHRED, DID_PANIC };

struct deed {
	const struct record *r;
	enum deed_kind kind;
	uint64_t frame;
	int code;
};

#define DEEDS_MAX 24u

static struct model_frame model[FRAMES_MAX];
static int64_t model_free[ROOMS];
static bool model_closed[ROOMS];
static struct deed deed[DEEDS_MAX];
static unsigned int deeds;
static int alone[CALLS_MAX]; /* what each call of the scene answers alone */
/* Allow what SPEC.md and CAVEATS.md except; first every run is tried without. */
static bool lenient;

static unsigned int room_of_frame(uint64_t frame)
{
	return frame >= scene->first + scene->frames;
}

static uint64_t room_first(unsigned int room)
{
	return room ? scene->first + scene->frames : scene->first;
}

static uint64_t room_frames(unsigned int room)
{
	return room ? scene->second : scene->frames;
}

/* The state at the start, as the tags say it. */
static void model_make(void)
{
	uint64_t end = scene->first + scene->frames + scene->second, frame, i;
	struct lab_room_stats stats;
	struct lab_page_info info;

	memset(model_free, 0, sizeof(model_free));
	for (i = 0; i < ROOMS; i++)
		model_closed[i] = !lab_room_stats(lab, (unsigned int)i, &stats) && !stats.online;
	for (frame = scene->first; frame < end; frame++)
		model[frame] = (struct model_frame){ .what = IS_FREE };
	for (frame = scene->first; frame < end; frame++) {
		lab_page_info(lab, lab_frame_page(lab, frame), &info);
		model_free[0] -= info.state == LAB_SHREDDING; /* free, but nobody can have it yet */
		if (info.state == LAB_OFFLINE)
			model[frame].what = IS_OUT;
		model[frame].pooled = info.state == LAB_POOLED;
		if (info.state != LAB_OWNED)
			continue;
		for (i = 1; i < (uint64_t)1 << info.order; i++)
			model[frame + i].what = IS_BODY;
		model[frame] = (struct model_frame){ .what = IS_HELD, .order = info.order, .use = info.use,
						     .owner = info.owner, .bad = info.poisoned };
	}
	if (scene->intruded)
		model[scene->intruded].what = IS_OUT; /* whoever is to be given it will see that */
	for (frame = scene->first; frame < end; frame++)
		model_free[room_of_frame(frame)] += model[frame].what == IS_FREE;
}

/* ---- rights ---- */

static bool room_allowed(const struct call *call, unsigned int room)
{
	if (call->in)
		return call->in - 1 == room;
	return room || !(call->gfp & LAB_DMA32);
}

static int64_t floor_of(const struct call *call, unsigned int room)
{
	int64_t min = room ? scene->min_second : scene->min, half = min - min / 2;

	if (call->kind == OFF || call->gfp & LAB_MEMALLOC)
		return 0;
	if (!(call->gfp & LAB_HIGH) && call->kind != EXCLUSIVE)
		return min;
	return call->gfp & (LAB_DIRECT_RECLAIM | LAB_NOMEMALLOC) ? half : half - half / 4;
}

static bool overlap(const struct record *a, const struct record *b)
{
	return a != b && (!b->ended || a->began < b->ended) && (!a->ended || b->began < a->ended);
}

static bool gives(const struct record *r)
{
	return r->call->kind >= GIVE && r->call->kind < SPLIT;
}

static bool changes(const struct record *r)
{
	return r->call->kind < AUDIT;
}

/*
 * A free and a draw that overlap may miss each other (core/room.c, "Nobody moves it"): then the frame is in
 * the commons where by Linux's count it would have gone to the reserve, one frame a pair.
 */
static int64_t slack(void)
{
	unsigned int i, k;
	int64_t n = 0;

	for (i = 0; lenient && (scene->min || scene->min_second) && i < records; i++)
		for (k = 0; k < records && gives(&record[i]); k++)
			if (!gives(&record[k]) && overlap(&record[i], &record[k])) {
				n++;
				break;
			}
	return n;
}

/* May the call have frames in its hand that it gives back? */
static bool tentative(const struct call *call)
{
	return call->order > LAB_WORD_ORDER || ((scene->min || scene->min_second) &&
	       (call->order || call->kind == AT || call->kind == OFF) && (call->kind < GIVE || call->kind == OFF));
}

/* Does a call overlap this one (that may have frames in its hand)?  For what is excepted. */
static bool beside(const struct record *r, bool tentative_only)
{
	unsigned int i;

	for (i = 0; lenient && i < records; i++)
		if (overlap(r, &record[i]) && changes(&record[i]) && (!tentative_only || tentative(record[i].call)))
			return true;
	return false;
}

/* Does any call beside this one take, or give, frames of this block? */
static bool touched(const struct record *r, uint64_t frame, unsigned int order)
{
	unsigned int i;

	for (i = 0; i < deeds; i++)
		if ((deed[i].r == r || overlap(r, deed[i].r)) &&
		    deed[i].frame < frame + ((uint64_t)1 << order) &&
		    frame < deed[i].frame + ((uint64_t)1 << deed[i].r->call->order))
			return true;
	return false;
}

/* Does that call stand still, half way, for a while of this one?  (Not if it ran from its beginning to its end then.) */
static bool stopped_beside(const struct record *r, const struct record *other)
{
	bool whole = other->began > r->began && other->ended && (!r->ended || other->ended < r->ended);

	return overlap(r, other) && !whole;
}

/*
 * Stopped while it raises a leaf's hint a free hides blocks there, also such as others have freed there since; stopped
 * while it lowers one a search for a block does, for a moment that whole part of the room (CAVEATS.md, "A stopped
 * caller"; hint.h).
 */
static bool hidden(const struct record *r, uint64_t frame)
{
	unsigned int i;

	for (i = 0; lenient && i < deeds; i++)
		if (stopped_beside(r, deed[i].r) &&
		    ((gives(deed[i].r) && deed[i].frame / LAB_LEAF_FRAMES == frame / LAB_LEAF_FRAMES) ||
		     (deed[i].r->call->kind < GIVE && deed[i].r->call->order)))
			return true;
	return false;
}

/*
 * Is there a block that this request must have found?  Alone: any, in the commons or kept by pools, that
 * leaves the floor.  Beside others: one that nobody touched, in a room without pools.
 */
static bool block_there(const struct record *r)
{
	bool others = beside(r, false);
	uint64_t block = (uint64_t)1 << r->call->order, frame, i;
	unsigned int room;

	for (room = 0; room < ROOMS; room++) {
		uint64_t end = room_first(room) + room_frames(room);

		if (!room_frames(room) || !room_allowed(r->call, room) || model_closed[room])
			continue;
		if (model_free[room] - (int64_t)block < floor_of(r->call, room))
			continue;
		if (others && (scene->min || scene->min_second))
			continue;
		for (frame = (room_first(room) + block - 1) & ~(block - 1); frame + block <= end; frame += block) {
			for (i = 0; i < block && model[frame + i].what == IS_FREE; i++)
				;
			if (i == block && !(others && (touched(r, frame, r->call->order) || hidden(r, frame))))
				return true;
		}
	}
	return false;
}

/*
 * Frames of blocks that calls beside this one are freeing just now.  While such a free stands between its clear and
 * its listing, a hint may lead to some of them, and the rest is not listed yet: invariant L is of frees that have
 * returned.  (Of a single frame nothing is left, so there it makes no difference.)
 */
static int64_t half_given(const struct record *r, unsigned int room)
{
	int64_t n = 0;
	uint64_t k;
	unsigned int i;

	for (i = 0; lenient && i < deeds; i++)
		for (k = 0; gives(deed[i].r) && !deed[i].code && stopped_beside(r, deed[i].r) &&
			    k < (uint64_t)1 << deed[i].r->call->order; k++)
			n += room_of_frame(deed[i].frame) == room && model[deed[i].frame + k].what == IS_FREE;
	return n;
}

static bool none_eligible(const struct record *r)
{
	unsigned int room;

	for (room = 0; room < ROOMS; room++)
		if (room_frames(room) && room_allowed(r->call, room) && !model_closed[room] &&
		    model_free[room] - half_given(r, room) > floor_of(r->call, room))
			return false;
	return true;
}

/* Frame by frame: is a block at this place free? */
static bool all_free(uint64_t frame, unsigned int order)
{
	uint64_t i;

	for (i = 0; i < (uint64_t)1 << order; i++)
		if (model[frame + i].what != IS_FREE)
			return false;
	return true;
}

static bool any_out(uint64_t frame, unsigned int order)
{
	uint64_t i;

	for (i = 0; i < (uint64_t)1 << order; i++)
		if (model[frame + i].what == IS_OUT)
			return true;
	return false;
}

/* Are there free frames that nobody can have yet?  Which they are changes with each free; the model knows how many. */
static bool holds_back(void)
{
	return scene->ring || scene->deferred;
}

/* A refusal of an allocation, at this instant. */
static bool refused_truly(const struct deed *d)
{
	const struct call *call = d->r->call;
	bool pools = scene->min || scene->min_second;
	unsigned int room = room_of_frame(d->frame);

	switch (d->code) {
	case 0: /* a bulk call that ended early: why, it does not say */
		return none_eligible(d->r) || beside(d->r, true);
	case -LAB_ENOMEM:
		return none_eligible(d->r);
	case -LAB_ENOSPC: /* the end of a look, not an instant */
		return call->order && !block_there(d->r);
	case -LAB_EAGAIN:
		if (!call->order)
			return beside(d->r, true);
		return beside(d->r, false) && !block_there(d->r);
	case -LAB_EBUSY: /* exchanges, and blocks of several words, are taken piece by piece */
		if (any_out(d->frame, call->order) && !beside(d->r, false))
			return false;
		return holds_back() || !all_free(d->frame, call->order) || model_closed[room] ||
		       model_free[room] - (1 << call->order) < floor_of(call, room) ||
		       (beside(d->r, false) && (pools || call->order > LAB_WORD_ORDER)) || beside(d->r, true);
	case -LAB_ENXIO: /* after a panic */
		if (scene->vault && model_closed[0])
			return true;
		return call >= scene->call && call < scene->call + CALLS_MAX && d->code == alone[call - scene->call];
	case -LAB_EHWPOISON: /* a report, not a decision */
		return any_out(d->frame, call->order) || beside(d->r, false);
	default:
		return call >= scene->call && call < scene->call + CALLS_MAX && d->code == alone[call - scene->call];
	}
}

/* ---- frees ---- */

/* What this free must answer at this instant. */
static int give_answer(const struct deed *d)
{
	const struct call *call = d->r->call;
	const struct model_frame *m = &model[d->frame];
	unsigned int owner = call->kind == GIVE_EXCLUSIVE ? LAB_OWNER_EXCLUSIVE : call->owner;

	if (d->frame >= scene->first + scene->frames + scene->second)
		return -LAB_ERANGE;
	/* A handle that was good at the start, or one of another generation. */
	if (call->kind == GIVE_REF && (m->freed || alone[call - scene->call] == -LAB_ESTALE))
		return -LAB_ESTALE;
	if (m->what != IS_HELD)
		return m->what == IS_BODY ? -LAB_ENOTBLK : -LAB_EALREADY;
	if (call->kind != SPLIT && m->owner != owner)
		return -LAB_EPERM;
	if (m->others)
		return -LAB_EBUSY;
	if (m->order != call->order)
		return -LAB_EMSGSIZE;
	if (call->use && call->use != m->use)
		return -LAB_EPROTOTYPE;
	return 0;
}

static int off_answer(const struct deed *d)
{
	switch (model[d->frame].what) {
	case IS_FREE:
		return 0;
	case IS_HELD:
		return -LAB_EBUSY;
	case IS_OUT:
		return -LAB_EALREADY;
	default:
		return -LAB_EAGAIN;
	}
}

#endif
