/* SPDX-License-Identifier: MIT */
/*
 * inject_world.h - a labyrinth in some state, kept as a snapshot; and the public calls, recorded.
 */
#ifndef INJECT_WORLD_H
#define INJECT_WORLD_H

#include <labyrinth.h>

#include "frame.h"
#include "inject_engine.h"
#include "keeper.h"
#include "machine.h"

#define FRAMES_MAX (40u * 512u)
#define METADATA_MAX (512u * 1024u)
#define ROOMS 2u
#define RECORDS_MAX 8u
#define PAGES_MAX 64u
#define CALLS_MAX 40u

enum call_kind {
	/* take */
	TAKE,	 /* lab_alloc_pages */
	ADDRESS, /* lab_alloc */
	REQUEST, /* lab_alloc_request: owner, use, room */
	AT,	 /* lab_alloc_at: frame */
	BULK,	 /* lab_alloc_bulk: count */
	EXCLUSIVE,
	/* give */
	GIVE,	      /* lab_free_pages */
	GIVE_ADDRESS, /* lab_free */
	GIVE_AS,      /* lab_free_as: owner, use */
	GIVE_REF,     /* lab_free_ref: a handle made at the start */
	GIVE_BULK,    /* lab_free_bulk: count pages from frame on */
	GIVE_EXCLUSIVE,
	/* others */
	SPLIT,
	OFF,
	ON,
	CLOSE, /* room */
	OPEN,
	LAUNDER, /* lab_launder: count */
	SHARE,	 /* by a handle made at the start */
	UNSHARE,
	SHRED, /* lab_shred_now: owner */
	PANIC,
	/* that only look */
	AUDIT,
	LOOK, /* every other call that only reads */
	KEEP, /* a keeper's pass over the first room: what it takes, it gives back */
};

/* Which frame, where it is not said by its number: the n-th that is so at the start. */
#define POOLED(n) (-1000 - (n))
#define HELD(n) (-2000 - (n))
#define LAST_FREE -3000
#define NOWHERE -3001 /* no frame of this labyrinth */
#define INNERMOST -3002 /* the frame in the innermost pool's first slot */

struct call {
	const char *name;
	enum call_kind kind;
	lab_gfp_t gfp;
	unsigned int order;
	int frame;
	unsigned int owner, use, count;
	unsigned int in; /* 0: by its route; else the number of its room + 1 */
};

struct scene {
	const char *name;
	unsigned int frames, second; /* of the two rooms; 0: there is no second one */
	unsigned int first;	     /* frame */
	unsigned int min;	     /* of the first room */
	unsigned int min_second;
	unsigned int zeroed; /* slots for zeroed frames in the first room */
	enum lab_zone zone;  /* of the first room; 0: NORMAL */
	bool memory;	     /* behind the first room */
	bool holes;	     /* frames first + 7 .. first + 9 */
	bool keys;	     /* what LAB_OWNER_EXCLUSIVE frees is overwritten */
	bool vault;	     /* the first room is one */
	unsigned int ring;   /* its quarantine */
	bool deferred;	     /* what is freed there is in the laundry first */
	unsigned int intruded; /* a free frame there that somebody writes to at the start; 0: none */
	bool all_pairs;	     /* of the other calls at each point */
	bool all_parks;	     /* one other call, and another to be parked: at all places */
	bool no_pairs;	     /* others run singly: large rooms, long calls */
	void (*prepare)(void);
	struct call call[CALLS_MAX];
};

/* What a call did. */
struct record {
	const struct call *call;
	unsigned int began, ended; /* on one clock for all; ended 0: has not */
	int code;		   /* 0, or the refusal */
	long count;		   /* of a bulk call; how many were laundered, or share the page */
	uint64_t frame[PAGES_MAX]; /* what it took, or was to give */
};

static struct labyrinth *lab;
static const struct scene *scene;
static char metadata[METADATA_MAX] __attribute__((aligned(4096))), snapshot[METADATA_MAX];
static char memory[64 * 4096] __attribute__((aligned(4096))), memory_snapshot[sizeof(memory)];
static char keys[LAB_KEYS_BYTES] __attribute__((aligned(64))), keys_snapshot[LAB_KEYS_BYTES];
static size_t metadata_bytes;
static struct record record[RECORDS_MAX];
static unsigned int records, clock_now;
static uint64_t frame_at[CALLS_MAX]; /* of the scene's calls */
static struct lab_ref ref_at[CALLS_MAX];
static const struct call *under_test;
static const char *wrong; /* with the run, as the calls themselves see it */

/* ---- this test's own port ---- */

unsigned int lab_port_cpu(void)
{
	return engine.cpu;
}

unsigned int lab_port_node(void)
{
	return 0;
}

/* ---- contents ---- */

/* What an owner of exclusive pages left in one of them: nobody else may find it there. */
#define MARK UINT64_C(0x5ec2e75ec2e75ec2)

static uint64_t *contents(uint64_t frame)
{
	return (uint64_t *)(void *)(memory + (frame - scene->first) * 4096);
}

static void mark(uint64_t frame, unsigned int order)
{
	uint64_t i;

	for (i = 0; i < (uint64_t)1 << order; i++)
		contents(frame + i)[0] = contents(frame + i)[511] = MARK;
}

static bool is_marked(uint64_t frame, unsigned int order)
{
	uint64_t i;

	for (i = 0; i < (uint64_t)1 << order; i++)
		if (contents(frame + i)[0] == MARK || contents(frame + i)[511] == MARK)
			return true;
	return false;
}

/* ---- calls ---- */

static struct lab_request request_of(const struct call *call)
{
	struct lab_request request = LAB_REQUEST(call->gfp, call->order);

	request.owner = (uint16_t)call->owner;
	request.use = (uint8_t)call->use;
	request.room = (int16_t)((int)call->in - 1);
	return request;
}

/* NULL says no more than that: as for order 0 it must be, and above it may be. */
static struct lab_page *refusal_of(const struct call *call)
{
	return (struct lab_page *)(intptr_t)(call->order ? -LAB_ENOSPC : -LAB_ENOMEM);
}

static void do_take(const struct call *call, uint64_t frame, struct record *r)
{
	struct lab_request request = request_of(call);
	struct lab_page *page;
	void *address = NULL;

	switch (call->kind) {
	case TAKE:
		page = lab_alloc_pages(lab, call->gfp, call->order);
		break;
	case REQUEST:
		page = lab_alloc_request(lab, &request, NULL);
		break;
	case AT:
		page = lab_alloc_at(lab, frame, &request);
		break;
	default:
		address = call->kind == ADDRESS ? lab_alloc(lab, call->gfp, call->order) :
						  labyrinth_void_alloc_page_gfp_atomic_exclusive();
		page = address ? lab_address_page(lab, address) : refusal_of(call);
	}
	r->code = lab_ptr_err(page);
	if (!r->code)
		r->frame[0] = lab_page_frame(lab, page);
	if (address && lab_page_address(lab, page) != address)
		wrong = "an address that is not its page's";
	if (scene->keys && !r->code && is_marked(r->frame[0], call->order))
		wrong = "a page given with what its last owner wrote";
}

static int do_give(const struct call *call, uint64_t frame, struct lab_ref ref)
{
	struct lab_page *page = lab_frame_page(lab, frame);

	switch (call->kind) {
	case GIVE:
		return lab_free_pages(lab, page, call->order);
	case GIVE_ADDRESS:
		return lab_free(lab, lab_page_address(lab, page), call->order);
	case GIVE_AS:
		return lab_free_as(lab, page, call->order, call->owner, call->use);
	case GIVE_REF:
		return lab_free_ref(lab, ref, call->order, call->owner);
	default:
		return labyrinth_void_free_page_exclusive(lab_page_address(lab, page));
	}
}

static void do_bulk(const struct call *call, uint64_t frame, struct record *r)
{
	struct lab_page *pages[PAGES_MAX];
	unsigned int i;

	for (i = 0; i < call->count; i++) {
		r->frame[i] = frame + i;
		pages[i] = lab_frame_page(lab, frame + i);
	}
	if (call->kind == GIVE_BULK) {
		r->count = (long)lab_free_bulk(lab, call->count, pages);
		return;
	}
	r->count = lab_alloc_bulk(lab, call->gfp, call->count, pages);
	r->code = r->count < 0 ? (int)r->count : 0;
	for (i = 0; (long)i < r->count; i++)
		r->frame[i] = lab_page_frame(lab, pages[i]);
}

/* Calls that read: whatever they say is of some instant, and they change nothing. */
static void do_look(uint64_t frame)
{
	struct lab_request request = LAB_REQUEST(LAB_GFP_ATOMIC, 0);
	struct lab_step steps[LAB_RIGHTS * ROOMS];
	struct lab_page *page = lab_frame_page(lab, frame);
	struct lab_room_stats stats;
	struct lab_page_info info;
	struct lab_stats all;
	struct lab_ref ref;

	if (lab_page_info(lab, page, &info) || info.frame != frame || info.state > (scene->keys ? LAB_SHARED : LAB_OFFLINE))
		wrong = "a tag that cannot be read";
	if (lab_page_ref(lab, page, &ref) == 0 && ref.frame != frame)
		wrong = "a handle to another frame";
	if (lab_stats(lab, &all) || lab_room_stats(lab, 0, &stats) || stats.free_commons > stats.frames ||
	    stats.free_pooled > stats.frames)
		wrong = "more is free than there is";
	if (lab_leaf_free(lab, 0, 0) < 0 || lab_leaf_free(lab, 0, 0) > 512 ||
	    lab_leaf_free(lab, 0, 1000) != -LAB_ERANGE)
		wrong = "the free frames of a leaf";
	lab_set_default(lab);
	/* In a room of the program's own there is no route. */
	if (lab_route_show(lab, &request, steps, LAB_RIGHTS * ROOMS) < (scene->zone == LAB_ZONE_OWN ? -LAB_ENXIO : 0))
		wrong = "no steps to show";
}

static void do_keep(void)
{
	struct lab_request request = LAB_REQUEST(LAB_GFP_ATOMIC, 0);
	struct lab_room *room = labyrinth_room(lab, 0);
	struct keeper_watch watch = { .demand = (uint64_t)20 << 16 };

	if (keeper_needs(lab, &request) > room->slots + 1)
		wrong = "a request needs more frames than pools take";
	if (keeper_look(room, &watch, 0) && !keeper_missing(room, &watch))
		keeper_rest(room, &watch);
	watch.demand = 0;
	keeper_rest(room, &watch);
	keeper_tidy(room, &watch, 4);
	keeper_zero(lab, room, KEEPER_SPARE, 2);
}

/* Of vaults only. */
static void do_vault(const struct call *call, struct lab_ref ref, struct record *r)
{
	if (call->kind == LAUNDER)
		r->count = lab_launder(lab, 0, call->count);
	else if (call->kind == SHARE || call->kind == UNSHARE)
		r->count = call->kind == SHARE ? lab_page_share(lab, ref) : lab_page_unshare(lab, ref);
	else if (call->kind == SHRED)
		r->code = lab_shred_now(lab, lab_frame_page(lab, r->frame[0]), call->owner);
	else if (call->kind == PANIC)
		lab_panic_shred(lab);
	if (r->count < 0)
		r->code = (int)r->count;
}

static void do_call(const struct call *call)
{
	bool listed = call >= scene->call && call < scene->call + CALLS_MAX;
	uint64_t frame = listed ? frame_at[call - scene->call] : (uint64_t)call->frame;
	struct lab_ref none = { 0 };
	struct record *r = &record[records++];
	struct lab_audit audit;

	*r = (struct record){ .call = call, .began = ++clock_now };
	r->frame[0] = frame;
	if (call->kind == BULK || call->kind == GIVE_BULK)
		do_bulk(call, frame, r);
	else if (call->kind < GIVE)
		do_take(call, frame, r);
	else if (call->kind < SPLIT)
		r->code = do_give(call, frame, listed ? ref_at[call - scene->call] : none);
	else if (call->kind == SPLIT)
		r->code = lab_split(lab, lab_frame_page(lab, frame), call->order);
	else if (call->kind == OFF)
		r->code = lab_frame_offline(lab, frame);
	else if (call->kind == ON)
		r->code = lab_frame_online(lab, frame);
	else if (call->kind == CLOSE)
		r->code = lab_room_offline(lab, call->in - 1) < 0;
	else if (call->kind == OPEN)
		r->code = lab_room_online(lab, call->in - 1);
	else if (call->kind < AUDIT)
		do_vault(call, listed ? ref_at[call - scene->call] : none, r);
	else if (call->kind == AUDIT && lab_audit(lab, false, &audit))
		wrong = audit.text;
	else if (call->kind == LOOK)
		do_look(frame);
	else if (call->kind == KEEP)
		do_keep();
	r->ended = ++clock_now;
}

/* ---- states ---- */

static bool frame_free(uint64_t frame)
{
	struct lab_page_info info;
	struct lab_request request = LAB_REQUEST(LAB_GFP_KERNEL, 0);

	if (lab_page_info(lab, lab_frame_page(lab, frame), &info) || info.state != LAB_FREE)
		return false;
	if (lab_is_err(lab_alloc_at(lab, frame, &request))) /* inside a block */
		return false;
	return !lab_free_pages(lab, lab_frame_page(lab, frame), 0);
}

/* Which frame a call of the scene means. */
static uint64_t find_frame(int said)
{
	uint64_t frame, end = scene->first + scene->frames + scene->second;
	enum lab_state state = said > HELD(0) ? LAB_POOLED : LAB_OWNED;
	int n = said > HELD(0) ? POOLED(0) - said : HELD(0) - said;
	struct lab_page_info info;

	if (said >= 0)
		return (uint64_t)said;
	if (said == NOWHERE)
		return end + 100000;
	if (said == INNERMOST)
		return labyrinth_room(lab, 0)->first_frame + *pool_slot(&labyrinth_room(lab, 0)->pool[0], 0);
	for (frame = end; said == LAST_FREE && frame-- > scene->first;)
		if (frame_free(frame))
			return frame;
	for (frame = scene->first; frame < end; frame++)
		if (!lab_page_info(lab, lab_frame_page(lab, frame), &info) && info.state == state && !info.order &&
		    n-- == 0)
			return frame;
	printf("FAIL %s: there is no frame %d\n", scene->name, said);
	exit(1);
}

static void scene_birth(const struct scene *made)
{
	struct lab_hole hole = { .first_frame = made->first + 7, .frames = 3 };
	struct lab_room_spec room[ROOMS] = {
		{ .name = "one", .zone = made->zone ? made->zone : LAB_ZONE_NORMAL, .first_frame = made->first,
		  .frames = made->frames, .min = made->min, .memory = made->memory ? memory : NULL,
		  .zeroed = made->zeroed },
		{ .name = "two", .zone = LAB_ZONE_DMA32, .first_frame = made->first + made->frames,
		  .frames = made->second, .min = made->min_second },
	};
	struct lab_spec spec = { .page_shift = 12, .cpus = 2, .rooms = room, .room_count = made->second ? 2 : 1 };
	struct lab_vault vault = { .quarantine = made->ring, .deferred = made->deferred };
	uint8_t seed[32];

	if (made->holes) {
		room[0].holes = &hole;
		room[0].hole_count = 1;
	}
	if (made->keys) {
		memset(keys, 0, sizeof(keys));
		memset(seed, 0x5a, sizeof(seed));
		spec.keys = keys;
		spec.seed = seed;
	}
	if (made->vault)
		room[0].vault = &vault;
	metadata_bytes = lab_metadata_bytes(&spec);
	if (!metadata_bytes || metadata_bytes > METADATA_MAX ||
	    made->frames + made->second + made->first > FRAMES_MAX) {
		printf("FAIL %s: too large\n", made->name);
		exit(1);
	}
	memset(metadata, 0, metadata_bytes);
	if (lab_birth(&spec, metadata, metadata_bytes, &lab, NULL, NULL)) {
		printf("FAIL %s: not born\n", made->name);
		exit(1);
	}
}

static bool by_handle(const struct call *call)
{
	return call->kind == GIVE_REF || call->kind == SHARE || call->kind == UNSHARE;
}

/* Born, and prepared or not. */
static void scene_make(const struct scene *made, bool prepared)
{
	unsigned int i;

	scene = made;
	engine_reset();
	scene_birth(made);
	lab_set_default(lab);
	if (prepared && made->prepare)
		made->prepare();
	if (prepared && made->intruded)
		contents(made->intruded)[100] ^= 1;
	for (i = 0; prepared && i < CALLS_MAX && made->call[i].name; i++) {
		frame_at[i] = find_frame(made->call[i].frame);
		if (by_handle(&made->call[i]) && lab_page_ref(lab, lab_frame_page(lab, frame_at[i]), &ref_at[i]))
			ref_at[i] = (struct lab_ref){ .frame = frame_at[i], .generation = 77 };
	}
	memcpy(snapshot, metadata, metadata_bytes);
	memcpy(memory_snapshot, memory, sizeof(memory));
	memcpy(keys_snapshot, keys, sizeof(keys));
}

static void scene_again(void)
{
	memcpy(metadata, snapshot, metadata_bytes);
	if (scene->keys) {
		memcpy(memory, memory_snapshot, scene->frames * 4096u);
		memcpy(keys, keys_snapshot, sizeof(keys));
	}
	records = clock_now = 0;
	wrong = NULL;
}

#endif
