/* SPDX-License-Identifier: MIT */
/*
 * calls.h - what a fiber of a scene does: its calls, each recorded with when it began and ended.
 */
#ifndef CALLS_H
#define CALLS_H

#include "clients.h"
#include "keeper.h"
#include "secrets.h"

static uint64_t pooled_frame;	       /* POOLED_FRAME of this scene */
static struct lab_room_spec marks;
static unsigned int clock_now;

/* The first byte of each frame, where frames have memory: whoever holds it writes there. */
static unsigned char *memory;

static void took(struct lab_page *page, unsigned int order, bool clean)
{
	uint64_t frame = lab_page_frame(lab, page), i;

	for (i = 0; memory && i < (uint64_t)1 << order; i++) {
		if (clean && memory[(frame + i) << 12] && !fibers.wrong)
			fibers.wrong = "a frame that is not zero";
		memory[(frame + i) << 12] = 1;
	}
	for (i = 0; i < (uint64_t)1 << order; i++)
		if (holder[frame + i]++ && !fibers.wrong)
			fibers.wrong = "a frame given twice";
}

static int take(lab_gfp_t gfp, unsigned int order, struct record *r)
{
	struct lab_request request = LAB_REQUEST(gfp, order);
	struct lab_page *page;

	if (r->kind == OWN)
		request.owner = 7;
	if (r->kind == FROM)
		request.room = (int16_t)r->arg;
	page = r->kind == OWN || r->kind == FROM ? lab_alloc_request(lab, &request, NULL) :
						   lab_alloc_pages(lab, gfp, order);
	r->code = lab_ptr_err(page);
	if (r->code)
		return 0;
	took(page, order, gfp & LAB_ZERO);
	return 1 << order;
}

static int give(uint64_t frame, unsigned int order, struct record *r)
{
	bool twice = r->kind == GIVE_TWICE;
	unsigned int i;

	for (i = 0; i < 1u << order; i++) /* nobody else frees it: not held any more from here on */
		holder[frame + i] = twice ? 0 : (unsigned char)(holder[frame + i] - 1);
	r->code = lab_free_pages(lab, lab_frame_page(lab, frame), order);
	if (r->code && !twice)
		fibers.wrong = "a free was refused";
	return r->code ? 0 : -(1 << order);
}

static int bulk(unsigned int count)
{
	struct lab_page *pages[LAB_MACHINE_BITS];
	long n = lab_alloc_bulk(lab, LAB_GFP_KERNEL, count, pages), i;

	for (i = 0; i < n; i++)
		took(pages[i], 0, false);
	return n > 0 ? (int)n : 0;
}

static int give_bulk(uint64_t frame)
{
	struct lab_page *pages[2] = { lab_frame_page(lab, frame), lab_frame_page(lab, frame + 1) };

	holder[frame]--;
	holder[frame + 1]--;
	if (lab_free_bulk(lab, 2, pages) != 2)
		fibers.wrong = "a free was refused";
	return -2;
}

static lab_bit kept[FIBERS_MAX]; /* the frame that this fiber's keeper has in its hand */

/* What a keeper does (core/keeper.h). */
static void keep(enum op_kind kind, struct record *r)
{
	struct lab_room *room = labyrinth_room(lab, 0);
	lab_bit *frame = &kept[fibers.running];
	struct keeper_watch watch = { 0 };

	if (kind == REST)
		keeper_rest(room, &watch);
	if (kind == ZEROES)
		keeper_zero(lab, room, 0, 1);
	if (kind == KEEP) {
		*frame = keeper_take(room);
		r->got = *frame != LAB_NO_BIT;
		if (r->got) {
			took(room_page(room, *frame), 0, false);
			memory[*frame << 12] = 0;
		}
	} else if (kind == READY && *frame != LAB_NO_BIT) {
		holder[*frame]--;
		keeper_give(room, *frame);
		r->got = -1;
	}
}

/* The calls that scenes rarely make. */
static void call_other(const struct op *op, struct record *r)
{
	struct lab_request request = LAB_REQUEST(LAB_GFP_KERNEL, 0);
	uint64_t frame = op->arg == POOLED_FRAME ? pooled_frame : (uint64_t)op->arg;
	struct lab_page *page;
	struct lab_audit audit;

	switch (op->kind) {
	case AT:
		page = lab_alloc_at(lab, frame, &request);
		r->code = lab_ptr_err(page);
		r->got = !r->code;
		if (r->got)
			took(page, 0, false);
		break;
	case SPLIT:
		r->code = lab_split(lab, lab_frame_page(lab, 0), (unsigned int)op->arg);
		if (r->code)
			fibers.wrong = "a block could not be split";
		break;
	case AUDIT:
		if (lab_audit(lab, false, &audit))
			fibers.wrong = audit.text;
		break;
	case OFF:
		r->code = lab_frame_offline(lab, frame);
		break;
	case ON:
		if (scene->vault.is)
			vault_replaced(frame);
		r->code = lab_frame_online(lab, frame);
		vault.replaced[scene->vault.is ? frame : 0] = false;
		break;
	case CLOSE:
		r->code = lab_room_offline(lab, 0) < 0;
		break;
	case OPEN:
		r->code = lab_room_online(lab, 0);
		break;
	case REST:
	case KEEP:
	case READY:
	case ZEROES:
		keep(op->kind, r);
		break;
	default:
		if (!client_call(op, r) && !vault_call(op, r) && !keys_call(op))
			fibers.wrong = "a scene with a call that nobody makes";
	}
}

static void call(const struct op *op)
{
	static const lab_gfp_t gfp[] = { [TAKE] = LAB_GFP_KERNEL, [ATOMIC] = LAB_GFP_ATOMIC, [ALL] = LAB_MEMALLOC,
					 [CLEAN] = LAB_GFP_KERNEL | LAB_ZERO,
					 [OWN] = LAB_GFP_KERNEL };
	uint64_t half = marks.min - marks.min / 2;
	struct record *r = &record[records++];

	*r = (struct record){ .kind = op->kind, .arg = (unsigned int)op->arg, .began = clock_now++, .fiber = fibers.running, .floor = marks.min };
	switch (op->kind) {
	case TAKE:
	case ATOMIC:
	case ALL:
	case CLEAN:
	case OWN:
		r->floor = op->kind == ATOMIC ? half - half / 4 : op->kind == ALL ? 0 : marks.min;
		r->got = take(gfp[op->kind], 0, r);
		if (r->code && r->code != -LAB_ENOMEM && !(scene->again && r->code == -LAB_EAGAIN))
			fibers.wrong = "order 0 refused, but not as out of memory";
		break;
	case GIVE:
	case GIVE_TWICE:
		r->got = give((uint64_t)op->arg, 0, r);
		break;
	case GIVE_BLOCK:
		r->got = give((uint64_t)op->arg, MULTI, r);
		break;
	case GIVE_BULK:
		r->got = give_bulk((uint64_t)op->arg);
		break;
	case FROM:
		r->got = take(LAB_GFP_KERNEL, 0, r);
		break;
	case BLOCK:
		r->got = take(LAB_GFP_KERNEL, (unsigned int)op->arg, r);
		break;
	case BULK:
		r->got = bulk((unsigned int)op->arg);
		break;
	default:
		call_other(op, r);
	}
	schedule_point(NULL, ACCESS_END, "end");
	r->ended = clock_now++;
}

static void calls_of(int self)
{
	unsigned int i;

	for (i = 0; i < OPS_MAX && scene->op[self][i].kind != END; i++)
		if (scene->op[self][i].kind == PAUSE) {
			schedule_point(NULL, ACCESS_YIELD, "pause");
		} else {
			schedule_point(NULL, ACCESS_BEGIN, "begin");
			call(&scene->op[self][i]);
		}
}

#endif
