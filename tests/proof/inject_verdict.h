/* SPDX-License-Identifier: MIT */
/*
 * inject_verdict.h - a run judged: some order of the calls gives these answers, the labyrinth is whole and is
 * as that order leaves it.
 */
#ifndef INJECT_VERDICT_H
#define INJECT_VERDICT_H

#include "inject_judge.h"

#define BULK_SINGLE 3 /* pages of a bulk call that are judged one by one */
#define BLOCK_MAX (1u << LAB_ORDER_MAX)

static long model_given;  /* by bulk frees */
static int64_t model_below; /* frames granted below the floor: as many as slack() at most */

static void model_set(uint64_t frame, unsigned int order, struct model_frame head, enum what body)
{
	uint64_t i;

	for (i = 0; i < (uint64_t)1 << order; i++) {
		model[frame + i].what = (uint8_t)body;
		model[frame + i].bad = false;
	}
	head.freed = model[frame].freed | head.freed;
	head.pooled = model[frame].pooled;
	model[frame] = head;
}

static bool apply_take(const struct deed *d)
{
	const struct call *call = d->r->call;
	unsigned int order = call->order, room = room_of_frame(d->frame);
	struct model_frame head = { .what = IS_HELD, .order = (uint8_t)order, .use = (uint8_t)call->use,
				    .owner = (uint16_t)call->owner };

	if (call->kind == EXCLUSIVE || ((call->gfp & LAB_EXCLUSIVE || (scene->vault && !room)) && !call->owner))
		head.owner = LAB_OWNER_EXCLUSIVE;
	if (!all_free(d->frame, order) || (call->kind != AT && !room_allowed(call, room)))
		return false;
	if (model_free[room] - (1 << order) < floor_of(call, room)) {
		model_below += 1 << order;
		if (model_below > slack())
			return false;
	}
	model_set(d->frame, order, head, IS_BODY);
	model_free[room] -= 1 << order;
	return true;
}

/*
 * Is this frame on its way, in the hand of a call beside?  A free first claims the tag and then clears the bit; an
 * allocation first claims the bit and then writes the tag; a split is not one step to others than the block's holder
 * (SPEC.md).  In between the frame is neither allocated nor free.
 */
static bool on_its_way(const struct deed *d)
{
	unsigned int i;

	for (i = 0; lenient && i < deeds; i++) {
		bool moves = gives(deed[i].r) || deed[i].kind == DID_SPLIT || deed[i].kind == DID_TAKE;

		if (moves && !deed[i].code && overlap(d->r, deed[i].r) &&
		    d->frame - deed[i].frame < (uint64_t)1 << deed[i].r->call->order)
			return true;
	}
	return false;
}

/* Many pages of a bulk call: a word of frames, taken at once. */
static bool apply_bulk(const struct deed *d)
{
	struct model_frame head = { .what = IS_HELD };
	long i;

	for (i = 0; i < d->r->count; i++) {
		if (!all_free(d->r->frame[i], 0))
			return false;
		model_set(d->r->frame[i], 0, head, IS_BODY);
		model_free[room_of_frame(d->r->frame[i])]--;
	}
	return true;
}

static bool apply_give(const struct deed *d)
{
	unsigned int room = room_of_frame(d->frame), order = model[d->frame].order;
	struct model_frame head = { .what = IS_FREE, .freed = true };

	if ((d->code == -LAB_EALREADY || d->code == -LAB_ESTALE) && on_its_way(d))
		return true;
	if (give_answer(d) != d->code)
		return d->kind == MAY_GIVE; /* it was refused, then */
	if (d->code)
		return true;
	model_given += d->kind == MAY_GIVE;
	model_free[room] += scene->deferred ? 0 : 1 << order;
	if (model[d->frame].bad && !scene->deferred) { /* (there it leaves when it is laundered) */
		head.what = IS_OUT;
		model_free[room]--;
	}
	model_set(d->frame, order, head, IS_FREE);
	return true;
}

static bool apply_split(const struct deed *d)
{
	struct model_frame single = model[d->frame];
	unsigned int order = single.order;
	uint64_t i;

	if (d->code == -LAB_EALREADY && on_its_way(d))
		return true;
	if (give_answer(d) != d->code || d->code)
		return give_answer(d) == d->code;
	single.order = 0;
	for (i = 0; i < (uint64_t)1 << order; i++) {
		single.bad = !i && model[d->frame].bad;
		model_set(d->frame + i, 0, single, IS_BODY);
	}
	return true;
}

static bool apply_share(const struct deed *d)
{
	struct model_frame *m = &model[d->frame];
	bool more = d->r->call->kind == SHARE;

	if ((d->code == -LAB_EALREADY || d->code == -LAB_ESTALE) && on_its_way(d))
		return true;
	if (m->freed)
		return d->code == -LAB_ESTALE;
	if (m->what != IS_HELD || (!more && !m->others))
		return d->code == -LAB_EALREADY;
	m->others = (uint8_t)(more ? m->others + 1 : m->others - 1);
	return d->r->count == 1 + m->others;
}

static bool apply_off(const struct deed *d)
{
	struct model_frame *m = &model[d->frame];

	if (d->code == -LAB_EAGAIN && (beside(d->r, false) || (holds_back() && m->what == IS_FREE)))
		return true; /* on its way between two hands, or held back */
	if (off_answer(d) != d->code)
		return false;
	if (!d->code) {
		m->what = IS_OUT;
		model_free[room_of_frame(d->frame)]--;
	}
	m->bad |= d->code == -LAB_EBUSY;
	return true;
}

static bool apply_on(const struct deed *d)
{
	struct model_frame *m = &model[d->frame];

	if (d->code == -LAB_ERANGE)
		return scene->holes && d->frame - scene->first - 7 < 3;
	if (d->code != (m->what == IS_OUT ? 0 : -LAB_EALREADY))
		return false;
	if (!d->code) {
		m->what = IS_FREE;
		m->freed = true;
		model_free[room_of_frame(d->frame)]++;
	}
	return true;
}

/* Can this deed be the next one?  Then the model is as it leaves it. */
static bool apply(const struct deed *d)
{
	switch (d->kind) {
	case DID_TAKE:
		return apply_take(d);
	case DID_BULK:
		return apply_bulk(d);
	case WAS_REFUSED:
		return refused_truly(d);
	case DID_GIVE:
	case MAY_GIVE:
		return apply_give(d);
	case DID_SPLIT:
		return apply_split(d);
	case DID_OFF:
		return apply_off(d);
	case DID_ON:
		return apply_on(d);
	case DID_SHARE:
		return apply_share(d);
	case DID_SHRED:
		return d->code == give_answer(d) || (d->code == -LAB_EALREADY && on_its_way(d));
	case DID_PANIC:
		model_closed[0] = true;
		return true;
	case DID_LAUNDER:
		model_free[0]++;
		return true;
	default:
		model_closed[d->r->call->in - 1] = d->kind == DID_CLOSE;
		return !d->code;
	}
}

/* ---- the end ---- */

static bool frame_ends_so(uint64_t frame)
{
	const struct model_frame *m = &model[frame];
	struct lab_page_info info;

	lab_page_info(lab, lab_frame_page(lab, frame), &info);
	switch (m->what) {
	case IS_HELD:
		if (m->others) /* (SHARED says no order) */
			return info.state == LAB_SHARED && info.owner == m->owner && info.poisoned == m->bad;
		return info.state == LAB_OWNED && info.order == m->order && info.owner == m->owner &&
		       info.use == m->use && info.poisoned == m->bad;
	case IS_OUT:
		return info.state == LAB_OFFLINE;
	case IS_BODY:
		return info.state == LAB_FREE;
	default:
		return info.state == LAB_FREE || info.state == LAB_POOLED || (holds_back() && info.state == LAB_SHREDDING);
	}
}

static int64_t free_at_end[ROOMS];

/* Is the labyrinth as this order of the deeds leaves it?  Pages of a bulk free: were so many freed? */
static bool ends_so(void)
{
	unsigned int i, room;
	long given = 0;
	uint64_t k;

	for (i = 0; i < records; i++)
		given += record[i].call->kind == GIVE_BULK ? record[i].count : 0;
	if (given != model_given)
		return false;
	for (room = 0; room < ROOMS; room++)
		if (room_frames(room) && free_at_end[room] != model_free[room])
			return false;
	for (i = 0; i < deeds; i++)
		for (k = 0; deed[i].code != -LAB_ERANGE && k < (uint64_t)1 << deed[i].r->call->order; k++)
			if (deed[i].kind != WAS_REFUSED && deed[i].kind < DID_CLOSE &&
			    !frame_ends_so(deed[i].frame + k))
				return false;
	return true;
}

/* What a deed may change of the model, for going back: its block, or a leaf. */
struct undo {
	struct model_frame frame[BLOCK_MAX];
	uint64_t first, frames;
	int64_t free[ROOMS];
	bool closed[ROOMS];
	long given;
	int64_t below;
};

static void undo_keep(struct undo *undo, const struct deed *d)
{
	uint64_t end = scene->first + scene->frames + scene->second;

	undo->first = d->frame < end ? d->frame : scene->first;
	undo->frames = d->kind == DID_BULK ? LAB_LEAF_FRAMES : (uint64_t)1 << d->r->call->order;
	if (undo->frames > end - undo->first)
		undo->frames = end - undo->first;
	memcpy(undo->frame, &model[undo->first], undo->frames * sizeof(*model));
	memcpy(undo->free, model_free, sizeof(model_free));
	memcpy(undo->closed, model_closed, sizeof(model_closed));
	undo->given = model_given;
	undo->below = model_below;
}

static void undo_all(const struct undo *undo)
{
	memcpy(&model[undo->first], undo->frame, undo->frames * sizeof(*model));
	memcpy(model_free, undo->free, sizeof(model_free));
	memcpy(model_closed, undo->closed, sizeof(model_closed));
	model_given = undo->given;
	model_below = undo->below;
}

/* Is there an order of the deeds, each between its call's beginning and end, that explains everything? */
static bool explained(unsigned int done)
{
	struct undo undo;
	unsigned int i, k;

	if (done == (1u << deeds) - 1)
		return ends_so();
	for (i = 0; i < deeds; i++) {
		bool possible = !(done >> i & 1);

		for (k = 0; k < deeds && possible; k++)
			/* That one had returned before this began, or is of the same bulk call and before it. */
			if (!(done >> k & 1) && (deed[k].r->ended < deed[i].r->began || (k < i && deed[k].r == deed[i].r)))
				possible = false;
		if (!possible)
			continue;
		undo_keep(&undo, &deed[i]);
		if (apply(&deed[i]) && explained(done | 1u << i)) {
			undo_all(&undo);
			return true;
		}
		undo_all(&undo);
	}
	return false;
}

static void add_deed(const struct record *r, enum deed_kind kind, uint64_t frame, int code)
{
	if (deeds < DEEDS_MAX)
		deed[deeds++] = (struct deed){ .r = r, .kind = kind, .frame = frame, .code = code };
}

static void add_deeds(const struct record *r)
{
	static const enum deed_kind kinds[] = { [SPLIT] = DID_SPLIT, [OFF] = DID_OFF, [ON] = DID_ON,
						[CLOSE] = DID_CLOSE, [OPEN] = DID_OPEN, [SHARE] = DID_SHARE,
						[UNSHARE] = DID_SHARE, [SHRED] = DID_SHRED, [PANIC] = DID_PANIC };
	long i;

	switch (r->call->kind) {
	case BULK:
		if (r->count > BULK_SINGLE)
			add_deed(r, DID_BULK, r->frame[0] & ~(uint64_t)(LAB_LEAF_FRAMES - 1), 0);
		for (i = 0; i < r->count && r->count <= BULK_SINGLE; i++)
			add_deed(r, DID_TAKE, r->frame[i], 0);
		if (r->count < (long)r->call->count)
			add_deed(r, WAS_REFUSED, r->frame[0], r->code);
		break;
	case GIVE_BULK:
		for (i = 0; i < (long)r->call->count; i++)
			add_deed(r, MAY_GIVE, r->frame[i], 0);
		break;
	case LAUNDER:
		for (i = 0; i < r->count; i++)
			add_deed(r, DID_LAUNDER, scene->first, 0);
		break;
	case AUDIT:
	case LOOK:
	case KEEP:
		break;
	default:
		if (r->call->kind < GIVE)
			add_deed(r, r->code ? WAS_REFUSED : DID_TAKE, r->frame[0], r->code);
		else if (r->call->kind < SPLIT)
			add_deed(r, DID_GIVE, r->frame[0], r->code);
		else
			add_deed(r, kinds[r->call->kind], r->frame[0], r->code);
	}
}

static uint64_t excepted; /* runs that only exceptions explain */

static bool explained_or_excepted(void)
{
	lenient = false;
	if (explained(0))
		return true;
	lenient = true;
	excepted++;
	return explained(0);
}

/* Is there still a frame that seems free, and will be seen to be written to? */
static bool intrusion_unseen(void)
{
	struct lab_page_info info;

	return scene->intruded && !lab_page_info(lab, lab_frame_page(lab, scene->intruded), &info) && info.state == LAB_FREE;
}

static bool any_marked(void)
{
	return is_marked(scene->first, 4); /* a vault of sixteen frames */
}

/* NULL, or what is wrong with the run that has just ended. */
static const char *verdict(void)
{
	struct lab_room_stats stats;
	struct lab_audit audit;
	unsigned int i;

	if (wrong)
		return wrong;
	for (i = 0; i < ROOMS && room_frames(i); i++) {
		if (lab_room_stats(lab, i, &stats))
			return "no statistics";
		free_at_end[i] = (int64_t)(stats.free_commons + stats.free_pooled);
	}
	free_at_end[0] -= intrusion_unseen();
	for (i = 0; i < records; i++)
		if (record[i].call->kind == PANIC && any_marked())
			return "a panic is over, and a page stands as it was";
	if (lab_audit(lab, true, &audit))
		return audit.text;
	model_given = model_below = 0;
	for (deeds = i = 0; i < records; i++)
		add_deeds(&record[i]);
	if (deeds == DEEDS_MAX)
		return "more deeds than DEEDS_MAX";
	return explained_or_excepted() ? NULL : "no order of the calls gives these answers and this end";
}

#endif
