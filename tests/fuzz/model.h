/* SPDX-License-Identifier: MIT */
/*
 * model.h - an oracle that knows every frame of a small labyrinth: what each is, what each room has free, and,
 * by SPEC.md's rules alone, which room, right and pool answers a request, or with which code it is refused.
 */
#ifndef FUZZ_MODEL_H
#define FUZZ_MODEL_H

#include <labyrinth.h>

#include "bytes.h"
#include "rules.h"

#define ROOMS_MAX 3u
#define FRAMES_USUAL 1536u /* of a room */
#define FRAMES_MAX 17408u /* of one with two levels of parents: most of it is a hole */
#define HELD_MAX (ROOMS_MAX * FRAMES_USUAL)
#define ARENA_BYTES ((size_t)4 << 20)
#define UNKNOWN (-1)

enum { FREE, HEAD, BODY, OUT, HOLE };

struct frame {
	uint8_t state;
	bool poisoned;
	uint16_t held; /* of a HEAD: where in held[] */
	uint32_t generation; /* never less */
};

struct model_room {
	struct rule_marks marks;
	struct lab_page *first; /* the page of its first frame */
	uint64_t free, managed;
	bool closed;
	int keeper; /* 0, 1, UNKNOWN */
	struct frame frame[FRAMES_MAX];
};

struct held {
	struct lab_page *page;
	uint64_t frame;
	unsigned int room;
	uint32_t generation;
	uint16_t owner;
	uint8_t order, use;
};

static struct {
	struct labyrinth *lab;
	struct lab_spec spec;
	struct lab_room_spec rooms[ROOMS_MAX];
	struct lab_hole holes[ROOMS_MAX][2];
	uint8_t distance[4];
	unsigned int held_count;
	uint64_t counter[LAB_COUNTERS];
	unsigned int cpu, node; /* where the caller is */
	uint32_t identity;
	char *arena_end; /* memory of rooms lies below, down from the end */
	struct held held[HELD_MAX]; /* from here on: zeroed only as far as they are used */
	struct model_room room[ROOMS_MAX];
} model;

/* ---- the home ---- */

unsigned int lab_port_cpu(void);
unsigned int lab_port_node(void);
struct labyrinth *lab_port_default(void);

unsigned int lab_port_cpu(void)
{
	return model.cpu;
}

unsigned int lab_port_node(void)
{
	return model.node;
}

struct labyrinth *lab_port_default(void)
{
	return NULL;
}

/* ---- places ---- */

static int room_at(uint64_t frame)
{
	unsigned int i;

	for (i = 0; i < model.spec.room_count; i++)
		if (frame - model.rooms[i].first_frame < model.rooms[i].frames)
			return (int)i;
	return -1;
}

static struct frame *frame_at(uint64_t frame) /* of a room */
{
	unsigned int room = (unsigned int)room_at(frame);

	return &model.room[room].frame[frame - model.rooms[room].first_frame];
}

/* The frame whose page this is; false: none. */
static bool locate(const void *page, uint64_t *frame)
{
	unsigned int i;

	for (i = 0; i < model.spec.room_count; i++) {
		uintptr_t distance = (uintptr_t)page - (uintptr_t)model.room[i].first;

		if (distance / sizeof(void *) < model.rooms[i].frames && distance % sizeof(void *) == 0) {
			*frame = model.rooms[i].first_frame + distance / sizeof(void *);
			return true;
		}
	}
	return false;
}

static struct lab_page *page_at(uint64_t frame) /* of a room */
{
	unsigned int room = (unsigned int)room_at(frame);

	return (struct lab_page *)((uintptr_t)model.room[room].first +
				   (frame - model.rooms[room].first_frame) * sizeof(void *));
}

static char *address_at(uint64_t frame) /* of a room; NULL: no memory */
{
	unsigned int room = (unsigned int)room_at(frame);
	char *memory = model.rooms[room].memory;

	return memory ? memory + ((frame - model.rooms[room].first_frame) << model.spec.page_shift) : NULL;
}

/* ---- frames taken and given ---- */

static struct lab_page_info info_of(uint64_t frame)
{
	struct lab_page_info info;

	CHECK(!lab_page_info(model.lab, page_at(frame), &info) && info.frame == frame, "frame %" PRIu64, frame);
	return info;
}

/* A frame that is handed out carries its number at both ends until it comes back. */
static void memory_mark(uint64_t frame, unsigned int order)
{
	uint64_t end = frame + ((uint64_t)1 << order);
	char *page;

	for (; frame < end && (page = address_at(frame)); frame++) {
		memcpy(page, &frame, sizeof(frame));
		memcpy(page + ((size_t)1 << model.spec.page_shift) - sizeof(frame), &frame, sizeof(frame));
	}
}

static void memory_check(uint64_t frame, unsigned int order, bool zero)
{
	uint64_t end = frame + ((uint64_t)1 << order), head, tail;
	char *page;

	for (; frame < end && (page = address_at(frame)); frame++) {
		memcpy(&head, page, sizeof(head));
		memcpy(&tail, page + ((size_t)1 << model.spec.page_shift) - sizeof(tail), sizeof(tail));
		CHECK(head == (zero ? 0 : frame) && tail == head, "the memory of frame %" PRIu64 ": %" PRIx64, frame, head);
	}
}

static void model_take(uint64_t frame, unsigned int order)
{
	struct model_room *room = &model.room[room_at(frame)];
	uint64_t n = (uint64_t)1 << order, i;

	CHECK(!(frame & (n - 1)), "frame %" PRIu64 " of order %u is not aligned", frame, order);
	CHECK(room_at(frame + n - 1) == room_at(frame), "a block across rooms");
	for (i = 0; i < n; i++) {
		CHECK(frame_at(frame + i)->state == FREE, "frame %" PRIu64 " is given, and was not free", frame + i);
		frame_at(frame + i)->state = i ? BODY : HEAD;
	}
	room->free -= n;
}

/* One frame back where it belongs: the innermost pool that lacks one, or the commons. */
static void model_put(uint64_t frame)
{
	struct model_room *room = &model.room[room_at(frame)];
	room->free++;
	frame_at(frame)->state = FREE;
}

static void model_give(uint64_t frame, unsigned int order)
{
	struct frame *head = frame_at(frame);
	uint64_t i;

	head->generation++;
	CHECK(info_of(frame).generation == head->generation, "the generation after a free");
	if (head->poisoned) { /* only heads are marked */
		head->poisoned = false;
		head->state = OUT;
		model.counter[LAB_COUNT_OFFLINED]++;
	}
	for (i = head->state == OUT; i < (uint64_t)1 << order; i++)
		model_put(frame + i);
}

/* A frame goes for which nobody asked by right: offline, and what an exchange draws. */
static void model_draw_unsaid(struct model_room *room)
{
	int band = rule_band(&room->marks, room->free--);

	if (band >= 0 && room->marks.floor[band] < room->marks.low)
		room->keeper = UNKNOWN;
}

/* ---- what a request will be answered ---- */

struct guess {
	int error, also; /* a refusal with one of these (negative); 0: served */
	unsigned int room, right, fallback;
	int band;
};

struct way {
	uint8_t room[ROOMS_MAX];
	unsigned int rooms, zone;
};

static int refused_by(struct guess *guess, int error, int also)
{
	guess->error = -error;
	guess->also = also ? -also : -error;
	return -1;
}

static bool suits(const struct lab_request *request, unsigned int room, bool memory, unsigned int node)
{
	if (request->gfp & LAB_THISNODE && request->room < 0 && model.rooms[room].node != node)
		return false;
	return !memory || model.rooms[room].memory;
}

/* The rooms that a request may try; -1: it is refused by itself. */
static int guess_way(const struct lab_request *request, bool memory, struct way *way, struct guess *guess)
{
	unsigned int nodes = model.spec.nodes ? model.spec.nodes : 1, n, i;
	unsigned int node = request->node < 0 ? model.node % nodes : (unsigned int)request->node;
	uint8_t route[ROOMS_MAX];
	bool any = false;

	if (request->gfp & (~LAB_FLAGS_ALL | LAB_EXTRA_QUALITY | LAB_RAW) || /* (the two are a client's) */
	    request->order > LAB_ORDER_MAX ||
	    (request->gfp & LAB_MOVABLE && request->gfp & LAB_RECLAIMABLE) || request->node < -1 ||
	    request->node >= (int)nodes || request->room < -1)
		return refused_by(guess, LAB_EINVAL, request->room >= (int)model.spec.room_count ? LAB_ENXIO : 0);
	if (request->room >= (int)model.spec.room_count)
		return refused_by(guess, LAB_ENXIO, 0);
	way->zone = rule_zone(request->gfp);
	n = 1;
	if (request->room < 0) {
		n = rule_route(&model.spec, node, way->zone, route);
	} else {
		route[0] = (uint8_t)request->room;
		way->zone = model.rooms[request->room].zone;
	}
	for (way->rooms = i = 0; i < n; i++) {
		any |= suits(request, route[i], false, node);
		if (suits(request, route[i], memory || request->gfp & LAB_ZERO, node))
			way->room[way->rooms++] = route[i];
	}
	if (!n || (!any && !(memory || request->gfp & LAB_ZERO)))
		return refused_by(guess, LAB_ENXIO, 0);
	if (!way->rooms)
		return refused_by(guess, LAB_ENOTSUP, any ? 0 : LAB_ENXIO);
	return 0;
}

/* Is there an aligned block of free frames, of the commons only or whoever keeps them? */
static bool has_block(unsigned int number, unsigned int order, bool commons)
{
	const struct model_room *room = &model.room[number];
	uint64_t first = model.rooms[number].first_frame, end = first + model.rooms[number].frames;
	uint64_t n = (uint64_t)1 << order, frame, i;

	commons = commons && room->marks.bands;
	for (frame = (first + n - 1) & ~(n - 1); frame + n <= end; frame += n) {
		for (i = 0; i < n && room->frame[frame - first + i].state == FREE; i++)
			if (commons && info_of(frame + i).state == LAB_POOLED)
				break;
		if (i == n)
			return true;
	}
	return false;
}

/* Has this room something for it at this right?  `whole`: a block that lies in the commons. */
static bool admits(const struct way *way, unsigned int number, const struct lab_request *request, unsigned int right)
{
	const struct model_room *room = &model.room[number];
	uint64_t n = (uint64_t)1 << request->order;

	return !room->closed && room->free >= n && room->free - n >= rule_floor(&room->marks, right, way->zone);
}

/* Something at this right?  Blocks: those of the commons of all rooms first, then exchanged ones. */
static bool guess_right(const struct way *way, const struct lab_request *request, struct guess *guess)
{
	unsigned int i, number;
	uint64_t n = (uint64_t)1 << request->order;

	guess->band = -1;
	for (i = 0; request->order && guess->right == LAB_RIGHT_LOW && i < way->rooms; i++) {
		guess->room = way->room[i];
		guess->fallback = i;
		if (!model.room[guess->room].closed && has_block(guess->room, request->order, true))
			return true;
	}
	for (i = 0; i < way->rooms; i++) {
		number = way->room[i];
		if (!admits(way, number, request, guess->right) || (request->order && !has_block(number, request->order, false)))
			continue;
		guess->room = number;
		guess->fallback = i;
		guess->band = rule_band(&model.room[number].marks, model.room[number].free - n + 1);
		return true;
	}
	return false;
}

static struct guess predict(const struct lab_request *request, bool memory)
{
	struct guess guess = { .error = 0 };
	struct lab_request one = *request;
	enum lab_right deepest = rule_right(request->gfp);
	struct way way;
	unsigned int i;

	if (guess_way(request, memory, &way, &guess))
		return guess;
	for (guess.right = LAB_RIGHT_LOW; guess.right <= (unsigned int)deepest; guess.right++) {
		if (deepest == LAB_RIGHT_ALL && guess.right > LAB_RIGHT_MIN)
			guess.right = LAB_RIGHT_ALL; /* its steps below min are one */
		if (guess_right(&way, request, &guess))
			return guess;
	}
	refused_by(&guess, LAB_ENOMEM, 0);
	one.order = 0;
	for (i = 0; i < way.rooms; i++)
		if (request->order && admits(&way, way.room[i], &one, deepest))
			refused_by(&guess, LAB_ENOSPC, 0);
	return guess;
}

static struct guess predict_at(uint64_t frame, const struct lab_request *request)
{
	uint64_t n = request->order <= LAB_ORDER_MAX ? (uint64_t)1 << request->order : 1, i;
	struct guess guess = { .band = -1 };
	struct way way = { .rooms = 0 };
	int number = room_at(frame);
	bool free = true, out = false, used = false;

	guess_way(request, false, &way, &guess);
	if (guess.error == -LAB_EINVAL || (guess.error == -LAB_ENXIO && request->room >= (int)model.spec.room_count))
		return guess;
	guess.error = 0; /* its route does not matter */
	if (frame & (n - 1)) {
		refused_by(&guess, LAB_EINVAL, number < 0 ? LAB_ERANGE : 0);
		return guess;
	}
	if (number < 0 || room_at(frame + n - 1) != number) {
		refused_by(&guess, LAB_ERANGE, 0);
		return guess;
	}
	for (i = 0; i < n; i++) {
		free &= frame_at(frame + i)->state == FREE;
		out |= frame_at(frame + i)->state == OUT || frame_at(frame + i)->state == HOLE;
		used |= frame_at(frame + i)->state == HEAD || frame_at(frame + i)->state == BODY;
	}
	way.zone = model.rooms[number].zone;
	guess.room = (unsigned int)number;
	guess.right = rule_right(request->gfp);
	if (request->gfp & LAB_ZERO && !model.rooms[number].memory)
		refused_by(&guess, LAB_ENOTSUP, 0);
	else if (!free || !admits(&way, guess.room, request, guess.right))
		refused_by(&guess, out ? LAB_EHWPOISON : LAB_EBUSY, used || model.room[number].closed ? LAB_EBUSY : 0);
	return guess;
}

#endif
