/* SPDX-License-Identifier: MIT */
/*
 * instructions_calls.h - the public operations that instructions.c runs, each with a place to work on.
 *
 * A call writes what it was told into world.answer.  Everything that it changes lies in the labyrinth or in
 * `world`, so that it can be gone through again from any of its instructions.
 */
#ifndef INSTRUCTIONS_CALLS_H
#define INSTRUCTIONS_CALLS_H

#include "instructions_world.h"

enum type {
	TAKE,	   /* a block, wherever it is */
	TAKE_AT,   /* the block at a place */
	TAKE_MANY,
	GIVE,	   /* the block at a place, which is held */
	GIVE_MANY,
	STILL,	   /* nothing changes hands */
	LEAVE,	   /* a frame out of service */
	RETURN,
	CLOSE,	   /* a room */
	OPEN,
};

/* In which states in the short form (in the long one: in all). */
enum where {
	FLAT,	  /* those whose tree has one level */
	TALL_TOO,
	GUSTY,	  /* these too, and gusts (instructions_storms.h) */
	FEW,	  /* those that say `slow`: thousands of instructions */
};

struct op {
	const char *name;
	enum type type;
	void (*call)(const struct op *op);
	unsigned char order;
	lab_gfp_t gfp;
	int32_t at; /* place: relative to the furniture; - 1 - n: frame n; or a count */
	enum where where;
};

/* ---- taking ---- */

static void took(struct lab_page *page)
{
	world.answer.code = lab_ptr_err(page);
	world.answer.page[0] = page;
	world.answer.pages = world.answer.code ? 0 : 1;
}

static void call_pages(const struct op *op)
{
	took(lab_alloc_pages(lab, op->gfp, op->order));
}

/* What the request of this operation is, as far as its way and rights go. */
static struct lab_request op_request(const struct op *op)
{
	struct lab_request request = LAB_REQUEST(op->gfp, op->order);

	return request;
}

static void call_request(const struct op *op)
{
	struct lab_request request = op_request(op);
	struct lab_answer answer;

	request.owner = 9;
	request.use = 5;
	took(lab_alloc_request(lab, &request, &answer));
	world.answer.seen[0] = (uint64_t)(answer.room + 1);
}

/* NULL says no code: for a block it is as good as "no such block", which is the weaker claim. */
static void took_address(void *address, unsigned int order)
{
	took(address ? lab_address_page(lab, address) :
		       (struct lab_page *)(intptr_t)(order ? -LAB_ENOSPC : -LAB_ENOMEM));
}

static void call_address(const struct op *op)
{
	took_address(lab_alloc(lab, op->gfp, op->order), op->order);
}

static void call_exclusive(const struct op *op)
{
	took_address(labyrinth_void_alloc_page_gfp_atomic_exclusive(), op->order);
}

static void call_at(const struct op *op)
{
	struct lab_request request = op_request(op);

	took(lab_alloc_at(lab, frame_at(op->at), &request));
}

static void call_bulk(const struct op *op)
{
	world.answer.code = lab_alloc_bulk(lab, op->gfp, (size_t)op->at, world.answer.page);
	world.answer.pages = world.answer.code > 0 ? (unsigned int)world.answer.code : 0;
}

/* ---- giving ---- */

static void call_free(const struct op *op)
{
	world.answer.code = lab_free_pages(lab, page_at(op->at), op->order);
}

static void call_free_address(const struct op *op)
{
	world.answer.code = lab_free(lab, lab_page_address(lab, page_at(op->at)), op->order);
}

static void call_free_as(const struct op *op)
{
	world.answer.code = lab_free_as(lab, page_at(op->at), op->order, OWNER, USE);
}

static void call_free_ref(const struct op *op)
{
	struct lab_ref ref;

	world.answer.code = lab_page_ref(lab, page_at(op->at), &ref);
	if (!world.answer.code)
		world.answer.code = lab_free_ref(lab, ref, op->order, 0);
}

static void call_free_stale(const struct op *op)
{
	struct lab_ref ref;

	world.answer.code = lab_page_ref(lab, page_at(op->at), &ref);
	ref.generation--;
	if (!world.answer.code)
		world.answer.code = lab_free_ref(lab, ref, op->order, 0);
}

static void call_free_exclusive(const struct op *op)
{
	world.answer.code = labyrinth_void_free_page_exclusive(lab_page_address(lab, page_at(op->at)));
}

static void call_free_bulk(const struct op *op)
{
	struct lab_page *pages[BULK_END - BULK];
	int32_t i;

	for (i = BULK; i < BULK_END; i++)
		pages[i - BULK] = page_at(i);
	world.answer.code = (long)lab_free_bulk(lab, (size_t)op->order, pages);
}

/* A page of the client's contract, and back: no state of the room, and nobody, may refuse it. */
static void call_client(const struct op *op)
{
	struct lab_request request = op_request(op);
	struct lab_page *page;

	request.owner = (uint16_t)client;
	request.room = 0;
	page = lab_alloc_request(lab, &request, NULL);
	world.answer.code = lab_ptr_err(page);
	if (!world.answer.code)
		world.answer.code = lab_free_as(lab, page, 0, client, 0);
	if (world.answer.code)
		FAIL("refused with %ld within the contract", world.answer.code);
}

/* A page of the vault, and back.  In a room of its own: what is free elsewhere is as it was. */
static void call_vault(const struct op *op)
{
	const char *wrong = vault_take_and_free(lab);

	(void)op;
	world.answer.code = wrong != NULL;
	if (wrong)
		FAIL("%s", wrong);
}

/* ---- the rest ---- */

static void call_split(const struct op *op)
{
	world.answer.code = lab_split(lab, page_at(op->at), op->order);
}

static void call_offline(const struct op *op)
{
	world.answer.code = lab_frame_offline(lab, frame_at(op->at));
}

static void call_online(const struct op *op)
{
	world.answer.code = lab_frame_online(lab, frame_at(op->at));
}

static void call_close(const struct op *op)
{
	world.answer.code = lab_room_offline(lab, (unsigned int)op->at);
}

static void call_open(const struct op *op)
{
	world.answer.code = lab_room_online(lab, (unsigned int)op->at);
}

static void call_info(const struct op *op)
{
	struct lab_page_info info = { 0 };

	world.answer.code = lab_page_info(lab, page_at(op->at), &info);
	world.answer.seen[0] = info.frame;
	world.answer.seen[1] = info.generation;
	world.answer.seen[2] = info.owner;
	world.answer.seen[3] = info.use;
	world.answer.seen[4] = info.order;
	world.answer.seen[5] = info.state;
	world.answer.seen[6] = info.poisoned;
	world.answer.seen[7] = (uint64_t)info.room;
}

static void call_ref(const struct op *op)
{
	struct lab_ref ref = { 0 };

	world.answer.code = lab_page_ref(lab, page_at(op->at), &ref);
	world.answer.seen[0] = ref.frame;
	world.answer.seen[1] = ref.generation;
}

static void call_names(const struct op *op)
{
	struct lab_page *page = lab_frame_page(lab, frame_at(op->at));
	void *address = lab_page_address(lab, page);

	world.answer.seen[0] = lab_page_frame(lab, page);
	world.answer.seen[1] = (uintptr_t)address;
	world.answer.seen[2] = address ? (uintptr_t)lab_address_page(lab, address) : 0;
	world.answer.code = lab_page_physical(lab, page, &world.answer.seen[3]);
}

static void call_route(const struct op *op)
{
	struct lab_request request = op_request(op);
	struct lab_step steps[16];
	unsigned int i;

	world.answer.code = lab_route_show(lab, &request, steps, 16);
	for (i = 0; i < (unsigned int)world.answer.code && i < 16; i++)
		world.answer.seen[i] = (uint64_t)steps[i].room << 40 | (uint64_t)steps[i].right << 32 | steps[i].bands;
}

static void call_stats(const struct op *op)
{
	(void)op;
	world.answer.code = lab_stats(lab, &world.out.all);
}

static void call_room_stats(const struct op *op)
{
	world.answer.code = lab_room_stats(lab, (unsigned int)op->at, &world.out.room);
}

static void call_leaf(const struct op *op)
{
	world.answer.code = lab_leaf_free(lab, 0, ground->base == LEAF && ground->rooms == 1 ? (uint64_t)op->at : 0);
}

static void call_audit(const struct op *op)
{
	(void)op;
	world.answer.code = lab_audit(lab, false, &world.out.audit);
}

/* ---- the table ---- */

#define KERNEL LAB_GFP_KERNEL

static const struct op ops[] = {
	{ "alloc-kernel", TAKE, call_pages, 0, KERNEL, 0, GUSTY },
	{ "alloc-atomic", TAKE, call_pages, 0, LAB_GFP_ATOMIC, 0, TALL_TOO },
	{ "alloc-memalloc", TAKE, call_pages, 0, LAB_MEMALLOC, 0, FLAT },
	{ "alloc-movable", TAKE, call_pages, 0, LAB_GFP_HIGHUSER_MOVABLE, 0, FLAT },
	{ "alloc-dma", TAKE, call_pages, 0, LAB_DMA | LAB_GFP_NOWAIT, 0, FLAT },
	{ "alloc-wrong", TAKE, call_pages, 0, LAB_MOVABLE | LAB_RECLAIMABLE, 0, FLAT },
	{ "alloc-1", TAKE, call_pages, 1, KERNEL, 0, FLAT },
	{ "alloc-3", TAKE, call_pages, 3, KERNEL, 0, FLAT },
	{ "alloc-3-atomic", TAKE, call_pages, 3, LAB_GFP_ATOMIC, 0, FLAT },
	{ "alloc-4-memalloc", TAKE, call_pages, 4, LAB_MEMALLOC, 0, FLAT },
	{ "alloc-6", TAKE, call_pages, 6, KERNEL, 0, FLAT },
	{ "alloc-7", TAKE, call_pages, 7, KERNEL, 0, FLAT },
	{ "alloc-8-memalloc", TAKE, call_pages, 8, LAB_MEMALLOC, 0, FLAT },
	{ "alloc-9", TAKE, call_pages, 9, KERNEL, 0, FLAT },
	{ "alloc-10", TAKE, call_pages, 10, KERNEL, 0, FLAT },
	{ "request-cold", TAKE, call_request, 0, KERNEL | LAB_COLD, 0, FLAT },
	{ "request-2-reclaimable", TAKE, call_request, 2, KERNEL | LAB_RECLAIMABLE, 0, FLAT },
	{ "request-zero", TAKE, call_request, 0, LAB_GFP_ATOMIC | LAB_ZERO, 0, FEW },
	{ "address", TAKE, call_address, 0, KERNEL, 0, FLAT },
	{ "address-3", TAKE, call_address, 3, LAB_GFP_ATOMIC, 0, FLAT },
	{ "exclusive", TAKE, call_exclusive, 0, LAB_GFP_ATOMIC, 0, FLAT },
	{ "at", TAKE_AT, call_at, 0, KERNEL, INNER, FLAT },
	{ "at-3", TAKE_AT, call_at, 3, KERNEL, INNER, FLAT },
	{ "at-7", TAKE_AT, call_at, 7, KERNEL, 256, FLAT },
	{ "at-pooled", TAKE_AT, call_at, 0, KERNEL, -2, FLAT },
	{ "at-3-pooled", TAKE_AT, call_at, 3, LAB_GFP_ATOMIC, -1, FLAT },
	{ "at-9-pooled", TAKE_AT, call_at, 9, KERNEL, -1, FEW },
	{ "at-out", TAKE_AT, call_at, 0, KERNEL, OUT, FLAT },
	{ "at-nowhere", TAKE_AT, call_at, 0, KERNEL, 1 << 20, FLAT },
	{ "client", STILL, call_client, 0, LAB_GFP_ATOMIC, 0, FLAT },
	{ "vault", STILL, call_vault, 0, LAB_GFP_NOWAIT, 0, FEW },
	{ "bulk-3", TAKE_MANY, call_bulk, 0, KERNEL, 3, FLAT },
	{ "bulk-64", TAKE_MANY, call_bulk, 0, LAB_GFP_ATOMIC, 64, FLAT },
	{ "free", GIVE, call_free, 0, 0, SINGLE, GUSTY },
	{ "free-1", GIVE, call_free, 1, 0, BLOCK_1, FLAT },
	{ "free-3", GIVE, call_free, 3, 0, BLOCK_3, TALL_TOO },
	{ "free-6", GIVE, call_free, 6, 0, BLOCK_6, FLAT },
	{ "free-7", GIVE, call_free, 7, 0, BLOCK_7, TALL_TOO },
	{ "free-8", GIVE, call_free, 8, 0, -1 - 256, FLAT },
	{ "free-9", GIVE, call_free, 9, 0, -1, FLAT },
	{ "free-first", GIVE, call_free, 3, 0, -1, TALL_TOO },
	{ "free-address", GIVE, call_free_address, 0, 0, SINGLE, FLAT },
	{ "free-as", GIVE, call_free_as, 0, 0, OWNED, FLAT },
	{ "free-ref", GIVE, call_free_ref, 0, 0, HANDLED, FLAT },
	{ "free-exclusive", GIVE, call_free_exclusive, 0, 0, EXCLUSIVE, FLAT },
	{ "free-bad", GIVE, call_free, 0, 0, BAD, FLAT },
	{ "free-3-bad", GIVE, call_free, 3, 0, BAD_BLOCK, FLAT },
	{ "free-bulk", GIVE_MANY, call_free_bulk, BULK_END - BULK, 0, BULK, FLAT },
	{ "free-wrong-order", STILL, call_free, 1, 0, SINGLE, FLAT },
	{ "free-body", STILL, call_free, 0, 0, BLOCK_3 + 5, FLAT },
	{ "free-foreign", STILL, call_free, 0, 0, OWNED, FLAT },
	{ "free-stale", STILL, call_free_stale, 0, 0, HANDLED, FLAT },
	{ "free-twice", STILL, call_free, 0, 0, OUT, FLAT },
	{ "free-nowhere", STILL, call_free, 0, 0, 1 << 20, FLAT },
	{ "split-3", STILL, call_split, 3, 0, BLOCK_3, FLAT },
	{ "split-7", STILL, call_split, 7, 0, BLOCK_7, FLAT },
	{ "split-wrong", STILL, call_split, 6, 0, BLOCK_7, FLAT },
	{ "offline-held", STILL, call_offline, 0, 0, SINGLE, FLAT },
	{ "offline-body", STILL, call_offline, 0, 0, BLOCK_7 + 9, FLAT },
	{ "offline-inner", LEAVE, call_offline, 0, 0, INNER + 2, FLAT },
	{ "offline-first", LEAVE, call_offline, 0, 0, -2, FLAT },
	{ "online", RETURN, call_online, 0, 0, OUT, TALL_TOO },
	{ "online-not-out", STILL, call_online, 0, 0, SINGLE, FLAT },
	{ "room-offline", CLOSE, call_close, 0, 0, 0, FEW },
	{ "room-online", OPEN, call_open, 0, 0, 0, FLAT },
	{ "page-info", STILL, call_info, 0, 0, OWNED, FLAT },
	{ "page-ref", STILL, call_ref, 0, 0, HANDLED, FLAT },
	{ "names", STILL, call_names, 0, 0, SINGLE, FLAT },
	{ "route-show", STILL, call_route, 0, LAB_GFP_ATOMIC, 0, FLAT },
	{ "stats", STILL, call_stats, 0, 0, 0, FLAT },
	{ "room-stats", STILL, call_room_stats, 0, 0, 0, FEW },
	{ "leaf-free", STILL, call_leaf, 0, 0, 1, FLAT },
	{ "audit", STILL, call_audit, 0, 0, 0, FEW },
};
#define OPS (sizeof(ops) / sizeof(*ops))

/* How many frames are in it at most. */
static uint64_t op_frames(const struct op *op)
{
	switch (op->type) {
	case TAKE_MANY:
		return (uint64_t)op->at;
	case GIVE_MANY:
		return op->order;
	case TAKE:
	case TAKE_AT:
	case GIVE:
	case LEAVE:
	case RETURN:
		return op->order > LAB_ORDER_MAX ? 0 : (uint64_t)1 << op->order;
	default:
		return 0;
	}
}

/* Can it be done only once? */
static bool op_once(const struct op *op)
{
	return op->type == GIVE || op->type == GIVE_MANY || op->type == LEAVE || op->type == RETURN || op->call == call_split;
}

/* Frames that the call gives are nobody's from here on. */
static void op_lets_go(const struct op *op)
{
	int32_t i;

	if (op->type == GIVE)
		mark(frame_at(op->at), op->order, NOBODY);
	for (i = BULK; op->type == GIVE_MANY && i < BULK_END; i++)
		mark(frame_at(i), 0, NOBODY);
}

/* Is this frame one that the call gives? */
static bool op_gives(const struct op *op, uint64_t frame)
{
	uint64_t first = frame_at(op->at);

	if (op->call == call_vault)
		return frame >= VAULT_FIRST;
	if (op->type == GIVE_MANY)
		return frame - first < (uint64_t)(BULK_END - BULK);
	return (op->type == GIVE || op->type == RETURN) && frame - first < (uint64_t)1 << op->order;
}

/* Has this state what the operation works on? */
static bool op_possible(const struct op *op)
{
	struct lab_page_info info;

	if (op->type == OPEN)
		return state->closed;
	if (op->call == call_free_address || op->call == call_free_exclusive || op->call == call_address ||
	    op->call == call_exclusive)
		return ground->memory;
	if (op->type != GIVE)
		return true;
	return !lab_page_info(lab, page_at(op->at), &info) && info.state == LAB_OWNED && info.order == op->order;
}

#endif
