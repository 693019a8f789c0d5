/* SPDX-License-Identifier: MIT */
/*
 * operations_free.h - frees, right and wrong, splits, frames out of service: operations.c's other half.
 */
#ifndef FUZZ_OPERATIONS_FREE_H
#define FUZZ_OPERATIONS_FREE_H

#include "model.h"

#define STALE_MAX 8u

static struct lab_ref stale[STALE_MAX]; /* handles of what was freed */
static unsigned int stale_next;
static struct lab_page *stranger; /* of another labyrinth */

/* ---- what a free is answered ---- */

struct claim {
	const void *page;
	unsigned int order, owner, use;
	bool by_ref;
	uint32_t generation;
};

/* SPEC 12, in the order of causes. */
static int free_code(const struct claim *claim)
{
	const struct held *held;
	uint64_t frame;

	if (claim->order > LAB_ORDER_MAX)
		return -LAB_EMSGSIZE;
	if (!locate(claim->page, &frame))
		return -LAB_ERANGE;
	if (claim->by_ref && info_of(frame).generation != claim->generation)
		return -LAB_ESTALE;
	if (frame_at(frame)->state != HEAD)
		return frame_at(frame)->state == BODY ? -LAB_ENOTBLK : -LAB_EALREADY;
	held = &model.held[frame_at(frame)->held];
	if (held->owner != claim->owner)
		return -LAB_EPERM;
	if (held->order != claim->order)
		return -LAB_EMSGSIZE;
	return claim->use && held->use != claim->use ? -LAB_EPROTOTYPE : 0;
}

static void count_refused_free(int error)
{
	static const struct {
		int error;
		enum lab_counter counter;
	} counts[] = { { LAB_EALREADY, LAB_COUNT_DOUBLE }, { LAB_EMSGSIZE, LAB_COUNT_ORDER },
		       { LAB_ENOTBLK, LAB_COUNT_BODY },	   { LAB_EPERM, LAB_COUNT_FOREIGN },
		       { LAB_EPROTOTYPE, LAB_COUNT_USE },  { LAB_ESTALE, LAB_COUNT_STALE },
		       { LAB_ERANGE, LAB_COUNT_RANGE } };
	unsigned int i;

	for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		if (-counts[i].error == error) {
			model.counter[counts[i].counter]++;
			return;
		}
	CHECK(false, "a free answered %d", error);
}

static void forget(uint64_t frame)
{
	unsigned int at = frame_at(frame)->held;
	struct held *held = &model.held[at];

	memory_check(frame, held->order, false);
	stale[stale_next++ % STALE_MAX] = (struct lab_ref){ frame, held->generation };
	*held = model.held[--model.held_count];
	if (at < model.held_count)
		frame_at(held->frame)->held = (uint16_t)at;
}

/* A free was answered with `error`; it must have been `want`. */
static void freed(const struct claim *claim, int error, int want)
{
	uint64_t frame = UINT64_MAX;

	locate(claim->page, &frame);
	SHOW("free of frame %" PRIu64 ", order %u, owner %u, use %u: %d\n", frame, claim->order, claim->owner, claim->use, error);
	CHECK(error == want, "a free of order %u, owner %u, use %u answered %d, not %d (frame %" PRIu64 ")", claim->order,
	      claim->owner, claim->use, error, want, frame);
	if (error) {
		count_refused_free(error);
		return;
	}
	forget(frame);
	model_give(frame, claim->order);
}

/* ---- one free ---- */

static void free_by_page(struct claim claim, unsigned int how)
{
	struct lab_page *page = (struct lab_page *)(uintptr_t)claim.page;
	int want, error;

	if (how % 4 == 0) {
		claim.owner = claim.use = 0;
		want = free_code(&claim);
		error = lab_free_pages(model.lab, page, claim.order);
		freed(&claim, error, want);
	} else if (how % 4 == 1) {
		claim.owner = claim.use = claim.order = 0;
		want = free_code(&claim);
		CHECK(lab_free_bulk(model.lab, 1, &page) == (want == 0), "a bulk free, which should answer %d", want);
		freed(&claim, want, want);
	} else {
		want = free_code(&claim);
		error = lab_free_as(model.lab, page, claim.order, claim.owner, claim.use);
		if (claim.owner > LAB_OWNER_MAX || claim.use > LAB_USE_MAX) /* cannot be: EPERM at once, or its other cause */
			want = error == -LAB_EPERM ? error : want;
		freed(&claim, error, want);
	}
}

static void free_by_ref(struct claim claim, uint64_t frame)
{
	int want, error;

	claim.page = room_at(frame) < 0 ? NULL : page_at(frame);
	claim.by_ref = true;
	claim.use = 0;
	want = free_code(&claim);
	error = lab_free_ref(model.lab, (struct lab_ref){ frame, claim.generation }, claim.order, claim.owner);
	if (claim.owner > LAB_OWNER_MAX)
		want = error == -LAB_EPERM ? error : want;
	freed(&claim, error, want);
}

/* The page that begins at this address; NULL: none. */
static struct lab_page *page_of_address(const void *address)
{
	unsigned int i;

	for (i = 0; i < model.spec.room_count; i++) {
		uintptr_t distance = (uintptr_t)address - (uintptr_t)model.rooms[i].memory;

		if (model.rooms[i].memory && distance < model.rooms[i].frames << model.spec.page_shift &&
		    !(distance & (((uintptr_t)1 << model.spec.page_shift) - 1)))
			return page_at(model.rooms[i].first_frame + (distance >> model.spec.page_shift));
	}
	return NULL;
}

static void free_by_address(unsigned int order, void *address)
{
	struct claim claim = { .page = page_of_address(address), .order = order };
	int want = free_code(&claim), error = lab_free(model.lab, address, order);

	freed(&claim, error, want);
}

/* ---- as an input says ---- */

static void op_free(struct bytes *in)
{
	unsigned int i = take16(in), how = take8(in);
	struct held *held;

	if (!model.held_count)
		return;
	held = &model.held[i % model.held_count];
	if (how % 4 == 0)
		free_by_ref((struct claim){ .order = held->order, .owner = held->owner, .generation = held->generation },
			    held->frame);
	else if (how % 4 == 1 && !held->owner && address_at(held->frame))
		free_by_address(held->order, address_at(held->frame));
	else
		free_by_page((struct claim){ .page = held->page, .order = held->order, .owner = held->owner, .use = held->use },
			     held->owner || held->order ? 2 : how / 4);
}

/* Every n-th of what is held. */
static void op_free_many(struct bytes *in)
{
	unsigned int step = 1 + pick(in, 8), i;
	struct held *held;

	for (i = model.held_count; i-- > 0;) {
		held = &model.held[i];
		if (i % step == 0)
			free_by_page((struct claim){ .page = held->page, .order = held->order, .owner = held->owner }, 2);
	}
}

/* A page as somebody confused would name it. */
static const void *any_page(struct bytes *in)
{
	const struct held *held = model.held_count ? &model.held[take16(in) % model.held_count] : NULL;
	const struct model_room *room = &model.room[pick(in, model.spec.room_count)];
	const char *base = held ? (const char *)held->page : (const char *)room->first;
	unsigned int kind = take8(in);

	switch (kind % 16) {
	case 0 ... 7:
		return base;
	case 8 ... 10:
		return base + 8 * (kind / 16); /* a frame behind it: perhaps of its block */
	case 11:
		return base + kind / 16 % 8; /* inside a tag */
	case 12:
		return (const char *)room->first + ((int)take16(in) - 4096) * 8; /* of the room, or before, or behind */
	case 13:
		return (const void *)(uintptr_t)take64(in);
	case 14:
		return kind & 16 ? NULL : (const void *)((const char *)model.lab + take16(in));
	default:
		return kind & 16 ? (const void *)stranger : (const void *)(uintptr_t)-(intptr_t)take8(in);
	}
}

static void op_free_wrongly(struct bytes *in)
{
	struct claim claim = { .page = any_page(in) };
	unsigned int how = take8(in), what = take8(in), twist = what < 192 ? 1u << what % 4 : what, far = what & 64;
	const struct lab_ref *old = &stale[how / 8 % STALE_MAX];
	uint64_t frame = 0;

	if (locate(claim.page, &frame) && frame_at(frame)->state == HEAD) {
		const struct held *held = &model.held[frame_at(frame)->held];

		claim = (struct claim){ .page = claim.page, .order = held->order, .owner = held->owner, .use = held->use,
					.generation = held->generation };
	}
	if (twist & 1)
		claim.order = far ? take16(in) << 8 : take8(in) % 16;
	if (twist & 2)
		claim.owner = take16(in) + (far ? 0x10000u : 0);
	if (twist & 4)
		claim.use = take8(in) + (far ? 0x100u : 0);
	if (twist & 8)
		claim.generation -= 1 + far;
	switch (how % 8) {
	case 0:
		claim.generation = old->generation;
		free_by_ref(claim, old->frame);
		return;
	case 1:
		free_by_ref(claim, far ? take64(in) : frame);
		return;
	case 2:
		free_by_address(claim.order, (void *)(uintptr_t)take64(in));
		return;
	case 3:
		frame = (uintptr_t)arena + ((uint64_t)take16(in) << (far ? 12 : 4)) - (how & 8 ? 65536 : 0);
		free_by_address(claim.order, (void *)(uintptr_t)frame);
		return;
	default:
		free_by_page(claim, how & 128 ? how / 8 : 2);
	}
}

static void op_free_bulk(struct bytes *in)
{
	struct lab_page *pages[80];
	size_t count = pick(in, 80), i, want = 0;
	unsigned int from = take16(in), kind = take8(in);

	for (i = 0; i < count; i++) {
		pages[i] = model.held_count ? model.held[(from + i) % model.held_count].page : NULL;
		if (kind & 1 && i == count / 2)
			pages[i] = (struct lab_page *)(uintptr_t)any_page(in);
	}
	if (kind & 2 && count > 2)
		pages[count - 1] = pages[0]; /* twice */
	i = lab_free_bulk(model.lab, count, pages);
	for (size_t k = 0; k < count; k++) {
		struct claim claim = { .page = pages[k] };
		int code = free_code(&claim);

		want += !code;
		freed(&claim, code, code);
	}
	CHECK(i == want, "a bulk free freed %zu, should %zu", i, want);
}

static void op_split(struct bytes *in)
{
	const void *page = any_page(in);
	unsigned int order = take8(in), i, also;
	struct claim claim = { .page = page };
	struct held whole;
	uint64_t frame;
	int want, error;

	if (locate(page, &frame) && frame_at(frame)->state == HEAD) {
		whole = model.held[frame_at(frame)->held];
		claim.owner = whole.owner;
		order = order < 200 ? whole.order : order;
	}
	claim.order = order % 16;
	want = free_code(&claim);
	also = claim.order > LAB_ORDER_MAX && !locate(page, &frame); /* both at once */
	error = lab_split(model.lab, (struct lab_page *)(uintptr_t)page, claim.order);
	CHECK(error == want || (also && error == -LAB_ERANGE), "a split of order %u answered %d, not %d", claim.order, error, want);
	if (error) {
		count_refused_free(error);
		return;
	}
	for (i = 1; i < 1u << whole.order; i++) {
		struct frame *part = frame_at(frame + i);

		part->state = HEAD;
		part->held = (uint16_t)model.held_count;
		part->generation = info_of(frame + i).generation;
		model.held[model.held_count++] = (struct held){ .page = page_at(frame + i), .frame = frame + i, .room = whole.room,
								.owner = whole.owner, .use = whole.use,
								.generation = part->generation };
	}
	model.held[frame_at(frame)->held].order = 0;
	for (i = 0; i < 1u << whole.order; i++) {
		struct lab_page_info info = info_of(frame + i);

		CHECK(info.state == LAB_OWNED && !info.order && info.owner == whole.owner && info.use == whole.use &&
			      info.poisoned == frame_at(frame + i)->poisoned,
		      "page %u of a split block", i);
	}
}

#endif
