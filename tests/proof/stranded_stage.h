/* SPDX-License-Identifier: MIT */
/*
 * stranded_stage.h - small labyrinths in which every frame is in use, and what the test itself knows of
 * them: which frames are loose, and, by SPEC.md alone, who may have how many of them.
 *
 * Metadata holds no addresses of its own, so a state is kept and brought back by copying bytes.
 */
#ifndef STRANDED_STAGE_H
#define STRANDED_STAGE_H

#include <labyrinth.h>

#include "layout.h"
#include "machine.h"
#include "stranded_hook.h"

#define ROOMS_MOST 4u
#define PLACES_MOST 8u
#define FRAMES_MOST 1048576u
#define LEAF 512u

void (*stranded_pause)(void);

struct world {
	const char *name;
	unsigned int cpus, nodes, rooms;
	bool memory; /* the rooms have some */
	struct lab_room_spec room[ROOMS_MOST];
	uint64_t place[PLACES_MOST]; /* frames, ending with NOWHERE */
};
#define NOWHERE UINT64_MAX

static struct {
	const struct world *world;
	struct labyrinth *lab;
	char *metadata, *base, *shot; /* in use; all frames taken; as kept last */
	size_t bytes;
	char *memory;
	struct {
		size_t at, bytes;
	} range[2]; /* of the metadata: what a case can change */
	unsigned char loose[FRAMES_MOST]; /* a byte a frame */
	uint64_t loose_in[ROOMS_MOST], end; /* one after the last frame of all */
	bool closed[ROOMS_MOST];
} stage;

/* ---- this test's own port ---- */

static unsigned int this_cpu, this_node;

unsigned int lab_port_cpu(void)
{
	return this_cpu;
}

unsigned int lab_port_node(void)
{
	return this_node;
}

struct labyrinth *lab_port_default(void)
{
	return NULL;
}

/* Is this case asked for?  After many failures no more is tried. */
static inline bool wanted(const char *name)
{
	return machine_wants(name) && machine.failures < 20;
}

/* The next digit of a number of mixed radix: every combination by one counter. */
static inline unsigned int digit(unsigned int *number, unsigned int radix)
{
	unsigned int value = *number % radix;

	*number /= radix;
	return value;
}

static uint64_t random_state;

static inline uint64_t rnd(uint64_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % below;
}

/* ---- states ---- */

static inline struct lab_page *page_at(uint64_t frame)
{
	return lab_frame_page(stage.lab, frame);
}

static inline unsigned int room_at(uint64_t frame)
{
	unsigned int i = 0;

	while (i + 1 < stage.world->rooms && frame - stage.world->room[i].first_frame >= stage.world->room[i].frames)
		i++;
	return i;
}

static inline struct lab_room *inside(unsigned int room)
{
	return labyrinth_room(stage.lab, room);
}

static inline lab_bit bit_of(uint64_t frame)
{
	return (lab_bit)(frame - inside(room_at(frame))->first_frame);
}

static inline void loosen(uint64_t frame, uint64_t count)
{
	for (stage.loose_in[room_at(frame)] += count; count--; frame++)
		stage.loose[frame] = 1;
}

static inline void fasten(uint64_t frame, uint64_t count)
{
	for (stage.loose_in[room_at(frame)] -= count; count--; frame++)
		stage.loose[frame] = 0;
}

/* Back to "every frame is in use, singly". */
static inline void stage_base(void)
{
	memcpy(stage.metadata, stage.base, stage.bytes);
	memset(stage.loose, 0, stage.end);
	memset(stage.loose_in, 0, sizeof(stage.loose_in));
	memset(stage.closed, 0, sizeof(stage.closed));
}

static inline void stage_copy(char *to, const char *from)
{
	unsigned int i;

	for (i = 0; i < 2; i++)
		memcpy(to + stage.range[i].at, from + stage.range[i].at, stage.range[i].bytes);
}

/*
 * Keep this state, to come back to with stage_back() after calls about the leaf of this frame.  (Of a large
 * room's tags only that leaf's are kept: calls change no others while all else is in use.)
 */
static inline void stage_keep(uint64_t frame)
{
	struct lab_room *room = inside(room_at(frame));
	size_t tags = (size_t)((char *)room_page(room, 0) - stage.metadata);

	stage.range[0].at = 0;
	stage.range[0].bytes = stage.bytes;
	stage.range[1].bytes = 0;
	if (stage.world->rooms == 1 && stage.bytes > 100000) {
		lab_bit first = bit_of(frame) / LEAF * LEAF;

		stage.range[0].bytes = tags; /* the last part of the only room */
		stage.range[1].at = tags + first * sizeof(struct lab_page);
		stage.range[1].bytes = LEAF * sizeof(struct lab_page);
		if (first + LEAF > room->commons.bits)
			stage.range[1].bytes = (room->commons.bits - first) * sizeof(struct lab_page);
	}
	stage_copy(stage.shot, stage.metadata);
}

static inline void stage_back(void)
{
	stage_copy(stage.metadata, stage.shot);
}

/* Take every frame of a room, whatever its flags would say. */
static inline void stage_drain(unsigned int room)
{
	struct lab_request request = LAB_REQUEST(LAB_MEMALLOC, 0);
	struct lab_page *page;
	uint64_t n = 0;

	request.room = (int16_t)room;
	for (;;) {
		this_cpu = (unsigned int)(n / 7); /* hints of all CPUs go everywhere */
		request.gfp = LAB_MEMALLOC | (n % 3 == 1 ? LAB_MOVABLE : n % 3 == 2 ? LAB_RECLAIMABLE : 0);
		page = lab_alloc_request(stage.lab, &request, NULL);
		if (lab_is_err(page))
			break;
		n++;
	}
	if (lab_ptr_err(page) != -LAB_ENOMEM || n != inside(room)->managed)
		machine_fail(stage.world->name, "draining room %u gave %" PRIu64 " frames, then %d", room, n, lab_ptr_err(page));
}

static inline void stage_open(const struct world *world)
{
	static struct lab_room_spec room[ROOMS_MOST];
	struct lab_spec spec = { .page_shift = 12, .cpus = world->cpus, .rooms = room, .room_count = world->rooms,
				 .nodes = world->nodes };
	const char *why = "";
	unsigned int i;

	stage.world = world;
	memcpy(room, world->room, sizeof(room));
	stage.memory = NULL;
	if (world->memory) {
		stage.memory = aligned_alloc(2u << 20, (size_t)4 << 20);
		room[0].memory = stage.memory;
	}
	stage.bytes = lab_metadata_bytes(&spec);
	stage.metadata = aligned_alloc(64, stage.bytes);
	stage.base = malloc(stage.bytes);
	stage.shot = malloc(stage.bytes);
	if (!stage.metadata || !stage.base || !stage.shot)
		exit(2);
	memset(stage.metadata, 0, stage.bytes);
	if (lab_birth(&spec, stage.metadata, stage.bytes, &stage.lab, NULL, &why)) {
		fprintf(stderr, "%s: %s\n", world->name, why);
		exit(2);
	}
	for (i = 0; i < world->rooms; i++)
		stage_drain(i);
	stage.end = room[world->rooms - 1].first_frame + room[world->rooms - 1].frames;
	if (inside(0)->commons.leaves > 30) /* in a large room order hints are brought down to the truth */
		lab_alloc_pages(stage.lab, LAB_MEMALLOC, 1);
	memcpy(stage.base, stage.metadata, stage.bytes);
	stage_base();
	if (!lab_is_err(lab_alloc_pages(stage.lab, LAB_MEMALLOC, 0)))
		machine_fail(world->name, "a frame was left");
}

static inline void stage_close(void)
{
	free(stage.memory);
	free(stage.metadata);
	free(stage.base);
	free(stage.shot);
}

/* No rule broken, every loose frame there, and no other. */
static inline void stage_check(const char *name)
{
	uint64_t loose = 0;
	struct lab_audit audit;
	unsigned int i;

	for (i = 0; i < stage.world->rooms; i++)
		loose += stage.loose_in[i];
	if (lab_audit(stage.lab, true, &audit))
		machine_fail(name, "room %d, frame %" PRIu64 ": %s", audit.room, audit.frame, audit.text);
	else if (audit.free + audit.pooled != loose || audit.in_hand)
		machine_fail(name, "%" PRIu64 " frames free, %" PRIu64 " in a hand; %" PRIu64 " were loose",
			     audit.free + audit.pooled, audit.in_hand, loose);
}

#endif
