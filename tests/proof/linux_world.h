/* SPDX-License-Identifier: MIT */
/*
 * linux_world.h - a labyrinth and, beside it, what Linux would know of the same machine: plain counts of free
 * frames and of free blocks, kept here frame by frame, never asked of the labyrinth.
 */
#ifndef LINUX_WORLD_H
#define LINUX_WORLD_H

#include <sys/mman.h>

#include <labyrinth.h>

#include "../../core/port.h"
#include "linux_model.h"
#include "machine.h"

#define HOLES_MAX 3u

struct held {
	struct lab_page *page;
	uint64_t frame;
	uint16_t owner;
	uint8_t order;
};

/* The frames of a room: how many are free in each aligned block of each order, and who is held. */
struct frames {
	uint64_t base, span; /* from a multiple of the largest block on */
	uint16_t *free_in[LINUX_ORDERS];
	uint64_t whole[LINUX_ORDERS];
	struct held *held;
	uint32_t *where; /* by frame of the head: its place in held */
	unsigned int count;
};

struct world {
	const char *name; /* of the case */
	bool broken;
	struct lab_spec spec;
	struct lab_room_spec rooms[LAB_ROOMS_MAX];
	struct lab_hole holes[LAB_ROOMS_MAX][HOLES_MAX];
	uint8_t distance[LAB_NODES_MAX * LAB_NODES_MAX];
	struct labyrinth *lab;
	void *metadata;
	size_t bytes;
	struct linux_machine machine; /* zone i is room i */
	struct frames frames[LAB_ROOMS_MAX];
};

#define BROKEN(world, ...)                                                                                   \
	do {                                                                                                 \
		(world)->broken = true;                                                                      \
		machine_fail((world)->name, __VA_ARGS__);                                                    \
	} while (0)

/* ---- the port: which CPU and node the caller is on, the tests say ---- */

static unsigned int world_cpu, world_node;

unsigned int lab_port_cpu(void)
{
	return world_cpu;
}

unsigned int lab_port_node(void)
{
	return world_node;
}

struct labyrinth *lab_port_default(void)
{
	return NULL;
}

/* ---- chance ---- */

static uint64_t random_state;

static uint64_t rnd(uint64_t below)
{
	uint64_t z = random_state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	z ^= z >> 31;
	return below ? z % below : 0;
}

/* A case has its own numbers, whichever cases run beside it. */
static void random_begin(const char *name)
{
	random_state = machine.seed * 0x2545f4914f6cdd1du;
	for (; *name; name++)
		random_state = (random_state ^ (unsigned char)*name) * 0x100000001b3u;
}

/* 1 .. 2^bits, each power of two as likely as another */
static uint64_t rnd_size(unsigned int bits)
{
	return rnd((uint64_t)1 << rnd(bits + 1)) + 1;
}

/* ---- the same machine in Linux's words ---- */

static enum linux_zone_kind kind_of_zone(enum lab_zone zone)
{
	static const enum linux_zone_kind kind[LAB_ZONES] = {
		[LAB_ZONE_DMA] = LINUX_DMA,	    [LAB_ZONE_DMA32] = LINUX_DMA32,
		[LAB_ZONE_NORMAL] = LINUX_NORMAL,   [LAB_ZONE_HIGHMEM] = LINUX_HIGHMEM,
		[LAB_ZONE_MOVABLE] = LINUX_MOVABLE,
	};

	return kind[zone];
}

/* Flags that Linux's admission does not look at have no name in the model. */
static unsigned int flags_of_gfp(lab_gfp_t gfp)
{
	static const struct {
		lab_gfp_t gfp;
		unsigned int flag;
	} names[] = {
		{ LAB_DMA, LINUX_GFP_DMA },
		{ LAB_DMA32, LINUX_GFP_DMA32 },
		{ LAB_HIGHMEM, LINUX_GFP_HIGHMEM },
		{ LAB_MOVABLE, LINUX_GFP_MOVABLE },
		{ LAB_RECLAIMABLE, LINUX_GFP_RECLAIMABLE },
		{ LAB_HIGH, LINUX_GFP_HIGH },
		{ LAB_MEMALLOC, LINUX_GFP_MEMALLOC },
		{ LAB_NOMEMALLOC, LINUX_GFP_NOMEMALLOC },
		{ LAB_DIRECT_RECLAIM, LINUX_GFP_DIRECT_RECLAIM },
		{ LAB_THISNODE, LINUX_GFP_THISNODE },
		{ LAB_NOFAIL, LINUX_GFP_NOFAIL },
	};
	unsigned int flags = 0, i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (gfp & names[i].gfp)
			flags |= names[i].flag;
	return flags;
}

static struct linux_request linux_request_of(const struct lab_request *request)
{
	return (struct linux_request){
		.flags = flags_of_gfp(request->gfp),
		.order = request->order,
		.node = request->node < 0 ? world_node : (unsigned int)request->node,
	};
}

static uint64_t managed_frames(const struct lab_room_spec *room)
{
	uint64_t frames = room->frames;
	size_t i;

	for (i = 0; i < room->hole_count; i++)
		frames -= room->holes[i].frames;
	return frames;
}

/* Linux's machine for this specification, its marks computed by the model or given by hand. */
static void describe_machine(struct world *world)
{
	static const unsigned int usual[LINUX_KINDS] = { 256, 256, 32, 0, 0 };
	const struct lab_spec *spec = &world->spec;
	struct linux_machine *m = &world->machine;
	unsigned int i, k;

	m->page_shift = spec->page_shift;
	m->min_free_kbytes = spec->min_free_kbytes;
	m->watermark_scale = spec->watermark_scale ? spec->watermark_scale : 10;
	m->nodes = spec->nodes ? spec->nodes : 1;
	m->zones = spec->room_count;
	for (i = 0; i < LAB_ZONES; i++)
		m->ratio[kind_of_zone((enum lab_zone)i)] = spec->lowmem_ratio[i] ? spec->lowmem_ratio[i] : usual[i];
	for (i = 0; i < m->nodes; i++)
		for (k = 0; k < m->nodes; k++)
			m->distance[i][k] = spec->distance ? spec->distance[i * m->nodes + k] : 20;
	for (i = 0; i < m->zones; i++) {
		m->zone[i].kind = kind_of_zone(spec->rooms[i].zone);
		m->zone[i].node = spec->rooms[i].node;
		m->zone[i].managed = managed_frames(&spec->rooms[i]);
	}
	linux_setup(m);
	for (i = 0; i < m->zones; i++) {
		const struct lab_room_spec *room = &spec->rooms[i];

		if (room->min == LAB_MARK_LINUX)
			continue;
		m->zone[i].min = room->min;
		m->zone[i].low = room->low;
		m->zone[i].high = room->high;
		for (k = 0; k < LAB_ZONES; k++)
			m->zone[i].lowmem_reserve[kind_of_zone((enum lab_zone)k)] = room->lowmem_reserve[k];
	}
}

/* ---- frames ---- */

/* The block at this frame becomes free, or is so no more. */
static void frames_set(struct world *world, unsigned int room, const struct held *block, bool free)
{
	struct frames *frames = &world->frames[room];
	struct linux_zone *zone = &world->machine.zone[room];
	uint64_t at = block->frame - frames->base, n = (uint64_t)1 << block->order, i;
	unsigned int order;

	for (order = 0; order < LINUX_ORDERS; order++) {
		uint16_t *free_in = frames->free_in[order] + (at >> order), size = (uint16_t)(1u << order);

		if (order <= block->order) {
			for (i = 0; i < n >> order; i++)
				free_in[i] = free ? size : 0;
			frames->whole[order] += free ? n >> order : -(n >> order);
		} else {
			frames->whole[order] -= *free_in == size;
			*free_in = (uint16_t)(free ? *free_in + n : *free_in - n);
			frames->whole[order] += *free_in == size;
		}
		zone->block[order] = frames->whole[order] > 0;
	}
	zone->free += free ? n : -n;
}

static bool frames_free(const struct world *world, unsigned int room, const struct held *block)
{
	const struct frames *frames = &world->frames[room];

	return frames->free_in[block->order][(block->frame - frames->base) >> block->order] == 1u << block->order;
}

/* Which room has this frame?  -1: none. */
static int room_of_frame(const struct world *world, uint64_t frame)
{
	unsigned int i;

	for (i = 0; i < world->spec.room_count; i++)
		if (frame - world->rooms[i].first_frame < world->rooms[i].frames)
			return (int)i;
	return -1;
}

static bool in_hole(const struct lab_room_spec *room, uint64_t frame)
{
	size_t i;

	for (i = 0; i < room->hole_count; i++)
		if (frame - room->holes[i].first_frame < room->holes[i].frames)
			return true;
	return false;
}

static void frames_open(struct world *world, unsigned int room)
{
	const struct lab_room_spec *spec = &world->rooms[room];
	struct frames *frames = &world->frames[room];
	uint64_t most = (uint64_t)1 << (LINUX_ORDERS - 1), frame;
	unsigned int order;

	frames->base = spec->first_frame / most * most;
	frames->span = (spec->first_frame + spec->frames - frames->base + most - 1) / most * most;
	for (order = 0; order < LINUX_ORDERS; order++)
		frames->free_in[order] = calloc(frames->span >> order, sizeof(uint16_t));
	frames->held = calloc(frames->span, sizeof(struct held));
	frames->where = calloc(frames->span, sizeof(uint32_t));
	for (frame = spec->first_frame; frame < spec->first_frame + spec->frames; frame++)
		if (!in_hole(spec, frame))
			frames_set(world, room, &(struct held){ .frame = frame }, true);
}

/* ---- life and death ---- */

static bool world_open(struct world *world, const char *name)
{
	const char *why = "";
	int which = -1;
	unsigned int i;

	world->name = name;
	world->spec.rooms = world->rooms;
	describe_machine(world);
	world->bytes = lab_metadata_bytes(&world->spec);
	world->metadata = mmap(NULL, world->bytes ? world->bytes : 64, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (world->metadata == MAP_FAILED ||
	    lab_birth(&world->spec, world->metadata, world->bytes, &world->lab, &which, &why)) {
		BROKEN(world, "no labyrinth: room %d: %s", which, why);
		return false;
	}
	for (i = 0; i < world->spec.room_count; i++)
		frames_open(world, i);
	return true;
}

/* Whole to the end?  Then gone. */
static void world_close(struct world *world)
{
	struct lab_audit audit;
	unsigned int i, order;

	if (world->lab && !world->broken && lab_audit(world->lab, true, &audit))
		BROKEN(world, "the audit: %s, room %d, frame %" PRIu64, audit.text, audit.room, audit.frame);
	for (i = 0; i < world->spec.room_count; i++) {
		for (order = 0; order < LINUX_ORDERS; order++)
			free(world->frames[i].free_in[order]);
		free(world->frames[i].held);
		free(world->frames[i].where);
	}
	if (world->metadata && world->metadata != MAP_FAILED)
		munmap(world->metadata, world->bytes ? world->bytes : 64);
	*world = (struct world){ 0 };
}

/* ---- what is held ---- */

/* What was given: which frames, and were they free?  -1: they were not. */
static int world_take(struct world *world, struct lab_page *page, const struct lab_request *request)
{
	struct held block = { .page = page, .order = request->order };
	struct frames *frames;
	int room;

	block.frame = lab_page_frame(world->lab, page);
	block.owner = request->gfp & LAB_EXCLUSIVE && !request->owner ? LAB_OWNER_EXCLUSIVE : request->owner;
	room = room_of_frame(world, block.frame);
	if (room < 0 || block.frame & (((uint64_t)1 << block.order) - 1) ||
	    !frames_free(world, (unsigned int)room, &block)) {
		BROKEN(world, "frame %" PRIu64 " of order %u was not free", block.frame, block.order);
		return -1;
	}
	frames = &world->frames[room];
	frames->where[block.frame - frames->base] = frames->count;
	frames->held[frames->count++] = block;
	frames_set(world, (unsigned int)room, &block, false);
	return room;
}

static void world_give(struct world *world, unsigned int room, unsigned int which)
{
	struct frames *frames = &world->frames[room];
	struct held block = frames->held[which];
	int error = block.owner ? lab_free_as(world->lab, block.page, block.order, block.owner, 0) :
				  lab_free_pages(world->lab, block.page, block.order);

	if (error)
		BROKEN(world, "free of frame %" PRIu64 ": %d", block.frame, error);
	frames->held[which] = frames->held[--frames->count];
	frames->where[frames->held[which].frame - frames->base] = which;
	frames_set(world, room, &block, true);
}

/* One frame of this very room, whatever its marks: how the tests bring about what they want to see. */
static bool world_draw(struct world *world, unsigned int room)
{
	struct lab_request request = LAB_REQUEST(LAB_MEMALLOC, 0);
	struct lab_page *page;

	request.room = (int16_t)room;
	page = lab_alloc_request(world->lab, &request, NULL);
	if (lab_is_err(page)) {
		BROKEN(world, "room %u, with %" PRIu64 " free, refuses MEMALLOC: %d", room,
		       world->machine.zone[room].free, lab_ptr_err(page));
		return false;
	}
	return world_take(world, page, &request) == (int)room;
}

/* ... until only so many are free. */
static void draw_down(struct world *world, unsigned int room, uint64_t target)
{
	while (world->machine.zone[room].free > target && !world->broken)
		if (!world_draw(world, room))
			return;
}

#endif
