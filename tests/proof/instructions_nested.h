/* SPDX-License-Identifier: MIT */
/*
 * instructions_nested.h - what the handler does in the middle of a call: allocates and frees in every way, and
 * holds each answer against the truth of that very instant.
 */
#ifndef INSTRUCTIONS_NESTED_H
#define INSTRUCTIONS_NESTED_H

#include "instructions_world.h"

enum manner { BY_PAGE, BY_OWNER, BY_REF, BY_ADDRESS, BY_BULK };

static const struct class {
	const char *name;
	lab_gfp_t gfp;
	enum manner manner;
	unsigned char owner, use;
} classes[] = {
	{ "atomic", LAB_GFP_ATOMIC, BY_PAGE, 0, 0 },
	{ "nowait", LAB_GFP_NOWAIT, BY_ADDRESS, 0, 0 },
	{ "kernel", LAB_GFP_KERNEL, BY_PAGE, 0, 0 },
	{ "memalloc", LAB_MEMALLOC, BY_REF, 0, 0 },
	{ "dma", LAB_DMA | LAB_GFP_ATOMIC, BY_PAGE, 0, 0 },
	{ "movable", LAB_GFP_HIGHUSER_MOVABLE, BY_REF, 0, 0 },
	{ "reclaimable", LAB_GFP_KERNEL | LAB_RECLAIMABLE, BY_PAGE, 0, 0 },
	{ "cold", LAB_GFP_ATOMIC | LAB_COLD, BY_PAGE, 0, 0 },
	{ "owner", LAB_GFP_ATOMIC, BY_OWNER, 77, 9 },
	{ "exclusive", LAB_GFP_KERNEL | LAB_EXCLUSIVE, BY_OWNER, LAB_OWNER_EXCLUSIVE, 0 },
	{ "nomemalloc", LAB_GFP_ATOMIC | LAB_NOMEMALLOC, BY_PAGE, 0, 0 },
	{ "bulk", LAB_GFP_ATOMIC, BY_BULK, 0, 0 },
};
#define CLASSES ((unsigned int)(sizeof(classes) / sizeof(*classes)))
#define ORDERS (LAB_ORDER_MAX + 1)
#define COMBINATIONS (CLASSES * ORDERS)
#define ACTIONS 5u
#define WAYS (ACTIONS * COMBINATIONS)

/* What the outer call allows: frames of it that may be half given, hidden until its give returns. */
static uint64_t outer_gives;

/* Blocks that are out at this moment, all of one class. */
static struct {
	struct lab_page *page[MANY_MOST];
	unsigned char order[MANY_MOST];
	const struct class *class[MANY_MOST];
	unsigned int count;
} nested;

/* Is this refusal true? */
static void check_refusal(const char *who, unsigned int order, long code, const struct look *look)
{
	switch (look->error ? 0 : code) {
	case 0:
		if (code != look->error)
			FAIL("%s, order %u: %ld instead of %d", who, order, code, look->error);
		break;
	case -LAB_ENOMEM:
		if (look->eligible > outer_gives)
			FAIL("%s, order %u: out of memory, but %" PRIu64 " frames are free to it", who, order, look->eligible);
		if (look->tentative)
			FAIL("%s, order %u: out of memory, but a call may give back", who, order);
		break;
	case -LAB_ENOSPC:
		/* (While a call is stopped behind its claim of the very last frame this is said too, not ENOMEM.) */
		if (!order || (look->whole >= (int)order && !outer_gives))
			FAIL("%s, order %u: no such block, but one of order %d is free", who, order, look->whole);
		break;
	case -LAB_EAGAIN:
		if (!look->tentative)
			FAIL("%s, order %u: try again, but nobody has frames to give back", who, order);
		break;
	default:
		FAIL("%s, order %u: %ld", who, order, code);
	}
}

static void keep(struct lab_page *page, unsigned int order, const struct class *class)
{
	mark_page(page, order, NESTED);
	nested.page[nested.count] = page;
	nested.order[nested.count] = (unsigned char)order;
	nested.class[nested.count++] = class;
}

static void nested_bulk(const struct class *class, unsigned int count)
{
	struct lab_request request = LAB_REQUEST(class->gfp, 0);
	struct lab_page *pages[MANY_MOST];
	struct look look = look_for(&request);
	long got = lab_alloc_bulk(lab, class->gfp, count, pages), i;

	for (i = 0; i < got; i++)
		keep(pages[i], 0, class);
	if (got > 0 && (uint64_t)got > look.eligible)
		FAIL("nested %s: %ld of %" PRIu64 " frames", class->name, got, look.eligible);
	if (got >= 0 && got < (long)count && (uint64_t)got + outer_gives < look.eligible)
		FAIL("nested %s: only %ld of %" PRIu64 " frames", class->name, got, look.eligible);
	if (got < 0)
		check_refusal(class->name, 0, got, &look);
}

/* A page of the contract, and back: one of its two may be the outer call's, so this cannot fail. */
static void nested_client(void)
{
	struct lab_request request = LAB_REQUEST(LAB_GFP_ATOMIC, 0);
	struct lab_page *page;

	request.owner = (uint16_t)client;
	request.room = 0;
	page = lab_alloc_request(lab, &request, NULL);
	if (lab_is_err(page) || lab_free_as(lab, page, 0, client, 0))
		FAIL("nested: refused with %d within the contract", lab_ptr_err(page));
}

/* A page of the vault, and back. */
static void nested_vault(void)
{
	const char *wrong = vault_now(lab);

	if (!wrong)
		wrong = vault_take_and_free(lab);
	if (!wrong)
		wrong = vault_now(lab);
	if (wrong)
		FAIL("nested: %s", wrong);
}

/* Allocate, and judge the answer.  What is got is kept. */
static void nested_take(const struct class *class, unsigned int order)
{
	struct lab_request request = LAB_REQUEST(class->gfp, order);
	struct lab_page *page;
	struct look look;
	void *address;

	if (class->manner == BY_BULK) {
		nested_bulk(class, 1 + 3 * order);
		return;
	}
	nested_client();
	nested_vault();
	look = look_for(&request);
	request.owner = class->gfp & LAB_EXCLUSIVE ? 0 : class->owner;
	request.use = class->use;
	if (class->manner == BY_OWNER) {
		page = lab_alloc_request(lab, &request, NULL);
	} else if (class->manner == BY_ADDRESS && ground->memory) {
		address = lab_alloc(lab, class->gfp, order);
		if (address)
			page = lab_address_page(lab, address);
		else /* says no code: judged by the weakest that it can mean */
			page = (struct lab_page *)(intptr_t)(look.tentative ? -LAB_EAGAIN : order ? -LAB_ENOSPC : -LAB_ENOMEM);
	} else {
		page = lab_alloc_pages(lab, class->gfp, order);
	}
	if (lab_is_err(page)) {
		check_refusal(class->name, order, lab_ptr_err(page), &look);
		return;
	}
	if (look.eligible < (uint64_t)1 << order)
		FAIL("nested %s, order %u: granted out of %" PRIu64 " frames", class->name, order, look.eligible);
	keep(page, order, class);
}

static void expect(const char *what, unsigned int order, long code, long right)
{
	if (code != right)
		FAIL("nested %s, order %u: %ld instead of %ld", what, order, code, right);
}

/* Free a block in its class's manner, after a free or two that must be refused. */
static void nested_give(struct lab_page *page, unsigned int order, const struct class *class)
{
	struct lab_ref ref = { 0 };

	mark_page(page, order, NOBODY);
	switch (class->manner) {
	case BY_OWNER:
		expect("free by nobody", order, lab_free_pages(lab, page, order), -LAB_EPERM);
		expect("free of another use", order, lab_free_as(lab, page, order, class->owner, class->use + 1u),
		       -LAB_EPROTOTYPE);
		expect("free by its owner", order, lab_free_as(lab, page, order, class->owner, class->use), 0);
		break;
	case BY_REF:
		expect("handle", order, lab_page_ref(lab, page, &ref), 0);
		expect("free by handle", order, lab_free_ref(lab, ref, order, 0), 0);
		expect("free by stale handle", order, lab_free_ref(lab, ref, order, 0), -LAB_ESTALE);
		break;
	case BY_ADDRESS:
		expect("free of another order", order, lab_free_pages(lab, page, order ^ 1), -LAB_EMSGSIZE);
		expect("free by address", order,
		       ground->memory ? lab_free(lab, lab_page_address(lab, page), order) : lab_free_pages(lab, page, order), 0);
		break;
	default:
		expect("free", order, lab_free_pages(lab, page, order), 0);
		expect("second free", order, lab_free_pages(lab, page, order), -LAB_EALREADY);
	}
}

static void nested_give_all(void)
{
	struct lab_page *pages[MANY_MOST];
	unsigned int n = nested.count, i;

	nested.count = 0;
	if (n && nested.class[0]->manner == BY_BULK) {
		for (i = 0; i < n; i++) {
			pages[i] = nested.page[i];
			mark_page(pages[i], 0, NOBODY);
		}
		expect("bulk free", n, (long)lab_free_bulk(lab, n, pages), n);
		return;
	}
	for (i = 0; i < n; i++)
		nested_give(nested.page[i], nested.order[i], nested.class[i]);
}

/* A page of ours becomes free; how many frames more that are. */
static unsigned int nested_give_victim(unsigned int which)
{
	uint64_t frame;

	if (!victim(which, &frame) || world.holder[frame] != OURS)
		return 0;
	mark(frame, 0, NOBODY);
	expect("free of a page of ours", 0, lab_free_pages(lab, lab_frame_page(lab, frame), 0), 0);
	return 1;
}

/* What is done at one instant.  True: everything is back where it was.  *more: frames that became free. */
static bool inject(unsigned int turn, uint64_t *more)
{
	const struct class *class = &classes[turn / ORDERS % CLASSES];
	unsigned int order = turn % ORDERS;

	switch ((turn + turn / COMBINATIONS) % ACTIONS) {
	case 0: /* take and give */
		nested_take(class, order);
		nested_give_all();
		return true;
	case 1: /* take and keep */
		nested_take(class, order);
		return false;
	case 2: /* give, take and keep */
		*more = nested_give_victim(turn / ACTIONS);
		nested_take(class, order);
		return false;
	case 3: /* take, keep and give another: it has moved */
		nested_take(class, order);
		*more = nested_give_victim(turn / ACTIONS);
		return false;
	default: /* take, give a page of ours and what was taken, take again and keep */
		nested_take(class, order);
		*more = nested_give_victim(turn / ACTIONS);
		nested_give_all();
		nested_take(class, order);
		return false;
	}
}

#endif
