/* SPDX-License-Identifier: MIT */
/*
 * test_recover.c - what a dead process had comes back, instant by instant; what a living one has does not.
 *
 * One process plays them all: who calls is the second identity word.
 */
#include <ucontext.h>

#include "../support/room.h"

#include "client.h"
#include "page.h"
#include "room.h"

#define PROCESSES 5u
#define HERE 4u /* who recovers */

static struct {
	uint32_t *identity;
	struct labyrinth *lab;
	struct lab_room *room;
	uint64_t frames; /* free ones, with nobody in a call */
	bool dead[PROCESSES];
	unsigned int asks, waits;
	void (*meanwhile)(void); /* at each wait */
	struct lab_recovered found;
} world;

static void be(unsigned int process)
{
	world.identity[1] = process;
}

static void begin_rooms(const struct lab_room_spec *rooms, unsigned int count)
{
	struct lab_spec spec = spec_of(rooms, count);
	unsigned int i;
	size_t bytes;
	char *memory;

	memset(&world, 0, sizeof(world));
	lab_user_cpu_override = 0;
	spec.processes = PROCESSES;
	spec.clients = 3;
	spec.contract_frames = 20;
	spec.contract_blocks = 4;
	bytes = lab_metadata_bytes(&spec);
	assert_true(bytes > 0);
	memory = zeroed(64 + bytes);
	world.identity = (uint32_t *)(void *)memory;
	spec.identity = world.identity;
	assert_int_equal(lab_birth(&spec, memory + 64, bytes, &world.lab, NULL, NULL), 0);
	world.identity[0] = LAB_IDENTITY_SHARED;
	world.room = labyrinth_room(world.lab, 0);
	for (i = 0; i < PROCESSES; i++)
		lab_process_arrive(world.lab, i, 100 + i);
	be(HERE);
	world.frames = free_frames(world.lab, 0);
}

/* Pools of 38, 12, 50, 50 and 50 frames, and a commons. */
static void begin(void)
{
	const struct lab_room_spec room = { .name = "shared", .zone = LAB_ZONE_NORMAL, .frames = MARKED_FRAMES, .min = 100,
					    .low = 150, .high = 200 };

	begin_rooms(&room, 1);
}

static void end(void)
{
	assert_whole(world.lab);
	free(world.identity);
}

static bool is_dead(void *home, unsigned int process)
{
	(void)home;
	world.asks++;
	return world.dead[process];
}

static bool wait_once(void *home)
{
	(void)home;
	if (world.meanwhile)
		world.meanwhile();
	return world.waits++ < 100;
}

static int recover(void)
{
	const struct lab_survey survey = { .dead = is_dead, .wait = wait_once };

	be(HERE);
	return lab_recover(world.lab, &survey, &world.found);
}

/* This process enters a call, and dies in it. */
static void dies_inside(unsigned int process)
{
	lab_word *count;

	be(process);
	assert_int_equal(process_enter(world.lab, &count), 0);
	assert_non_null(count);
	world.dead[process] = true;
}

/* All is free again that was. */
static void assert_returned(void)
{
	assert_int_equal(recover(), 0);
	assert_int_equal(world.found.doubtful, 0);
	assert_int_equal(free_frames(world.lab, 0), world.frames);
	assert_whole(world.lab);
}

static lab_bit take(void)
{
	const struct lab_asker asker = { 0 };
	lab_word proof;
	lab_bit bit = room_take(world.room, &asker, &proof);

	assert_true(bit != LAB_NO_BIT);
	return bit;
}

static bool bit_is_set(lab_bit bit)
{
	return *tree_word(&world.room->commons, bit) >> bit % LAB_WORD_BITS & 1;
}

/* ---- presence ---- */

static void calls_are_counted(void **state)
{
	struct lab_presence *line;
	struct lab_page *page, *pages[4];
	unsigned int i;

	(void)state;
	begin();
	line = process_presence(world.lab, HERE, 0);
	page = alloc_ok(world.lab, LAB_GFP_ATOMIC, 0);
	assert_int_equal(lab_free_pages(world.lab, page, 0), 0);
	assert_int_equal(lab_free_pages(world.lab, page, 0), -LAB_EALREADY);
	page = alloc_ok(world.lab, LAB_GFP_ATOMIC, 8);
	assert_int_equal(lab_split(world.lab, page, 8), 0);
	for (i = 0; i < 256; i++)
		assert_int_equal(lab_free_pages(world.lab, page + i, 0), 0);
	assert_int_equal(lab_alloc_bulk(world.lab, LAB_GFP_ATOMIC, 4, pages), 4);
	assert_int_equal(lab_free_bulk(world.lab, 4, pages), 4);
	assert_int_equal(lab_frame_offline(world.lab, 4000), 0);
	assert_int_equal(lab_frame_online(world.lab, 4000), 0);
	assert_int_equal(line->count[0] | line->count[1], 0);
	world.identity[0] = 0;
	assert_int_equal(lab_ptr_err(lab_alloc_pages(world.lab, LAB_GFP_ATOMIC, 0)), -LAB_ECHILD);
	assert_int_equal(lab_free_pages(world.lab, page, 0), -LAB_ECHILD);
	world.identity[0] = LAB_IDENTITY_SHARED;
	be(PROCESSES); /* no such place */
	assert_int_equal(lab_ptr_err(lab_alloc_pages(world.lab, LAB_GFP_ATOMIC, 0)), -LAB_ECHILD);
	be(HERE);
	end();
}

static void nobody_dead(void **state)
{
	(void)state;
	begin();
	assert_int_equal(recover(), 0);
	assert_int_equal(world.found.processes, 0);
	assert_int_equal(world.waits, 0);
	end();
}

static void one_process(void **state)
{
	struct labyrinth *lab = born_plain(64);
	const struct lab_survey survey = { .dead = is_dead, .wait = wait_once };

	(void)state;
	assert_int_equal(lab_recover(lab, &survey, &world.found), -LAB_ENOTSUP);
	assert_int_equal(lab_process_owner(lab), 0);
	assert_int_equal(lab_process_leave(lab), -LAB_ENOTSUP);
	buried(lab);
}

/* ---- what the dead own ---- */

static void owned(void **state)
{
	struct lab_request mine = LAB_REQUEST(LAB_GFP_ATOMIC, 0), block = LAB_REQUEST(LAB_GFP_ATOMIC, 3);
	struct lab_page *nobodys, *other;

	(void)state;
	begin();
	be(1);
	mine.owner = block.owner = (uint16_t)lab_process_owner(world.lab);
	assert_true(mine.owner > LAB_OWNER_EXCLUSIVE);
	assert_false(lab_is_err(lab_alloc_request(world.lab, &mine, NULL)));
	assert_false(lab_is_err(lab_alloc_request(world.lab, &block, NULL)));
	nobodys = alloc_ok(world.lab, LAB_GFP_ATOMIC, 0);
	be(2);
	mine.owner = (uint16_t)lab_process_owner(world.lab);
	other = lab_alloc_request(world.lab, &mine, NULL);
	world.dead[1] = true;
	assert_int_equal(recover(), 0);
	assert_int_equal(world.found.owned, 2);
	assert_int_equal(world.found.processes, 1);
	assert_int_equal(lab_process_at(world.lab, 1), 0);
	assert_int_equal(lab_process_at(world.lab, 2), 102);
	assert_int_equal(free_frames(world.lab, 0), world.frames - 2);
	assert_int_equal(lab_free_as(world.lab, other, 0, mine.owner, 0), 0);
	assert_int_equal(lab_free_pages(world.lab, nobodys, 0), 0);
	end();
}

static void leaving(void **state)
{
	struct lab_request mine = LAB_REQUEST(LAB_GFP_ATOMIC, 2);

	(void)state;
	begin();
	be(3);
	mine.owner = (uint16_t)lab_process_owner(world.lab);
	assert_false(lab_is_err(lab_alloc_request(world.lab, &mine, NULL)));
	assert_int_equal(lab_process_leave(world.lab), 0);
	assert_int_equal(lab_process_at(world.lab, 3), 0);
	assert_int_equal(free_frames(world.lab, 0), world.frames);
	end();
}

/* ---- what was in a dead hand ---- */

static void taken(void **state)
{
	(void)state;
	begin();
	dies_inside(0);
	take();
	take();
	assert_returned();
	assert_int_equal(world.found.frames, 2);
	end();
}

/* Two died in their calls, one of them outside any: all at once. */
static void several(void **state)
{
	(void)state;
	begin();
	dies_inside(0);
	take();
	dies_inside(1);
	assert_true(room_take_at(world.room, 1024, 6));
	world.dead[2] = true;
	assert_returned();
	assert_int_equal(world.found.frames, 65);
	assert_int_equal(world.found.processes, 3);
	end();
}

/* A free that has claimed the tag, of a page and of a block half of which it has given. */
static void half_freed(void **state)
{
	struct lab_page *page, *block;
	lab_bit bit;

	(void)state;
	begin();
	page = alloc_ok(world.lab, LAB_GFP_ATOMIC, 0);
	block = alloc_ok(world.lab, LAB_GFP_ATOMIC, 9);
	dies_inside(0);
	page->tag = tag_next(page->tag, LAB_FREE);
	block->tag = tag_next(block->tag, LAB_FREE);
	bit = (lab_bit)(block - room_page(world.room, 0));
	and_seq(tree_word(&world.room->commons, bit), (lab_word)0); /* and nothing said */
	assert_returned();
	assert_int_equal(world.found.frames, 513 - LAB_WORD_BITS);
	end();
}

/* All frames are out; a free clears its bit, and dies before it says so. */
static void untold(void **state)
{
	struct lab_request request = LAB_REQUEST(LAB_MEMALLOC, 0);
	struct lab_page *page = NULL;
	unsigned int n = 0;
	lab_bit bit;

	(void)state;
	begin();
	request.owner = (uint16_t)lab_process_owner(world.lab);
	while (!lab_is_err(page = lab_alloc_request(world.lab, &request, NULL)))
		n++;
	assert_int_equal(n, world.frames);
	page = lab_frame_page(world.lab, 3000);
	bit = (lab_bit)(page - room_page(world.room, 0));
	dies_inside(0);
	page->tag = tag_next(page->tag, LAB_FREE);
	and_seq(tree_word(&world.room->commons, bit), ~((lab_word)1 << bit % LAB_WORD_BITS));
	be(HERE);
	assert_int_equal(lab_ptr_err(lab_alloc_request(world.lab, &request, NULL)), -LAB_ENOMEM);
	assert_int_equal(recover(), 0);
	assert_ptr_equal(lab_alloc_request(world.lab, &request, NULL), page);
	assert_int_equal(lab_process_leave(world.lab), 0);
	assert_int_equal(free_frames(world.lab, 0), world.frames);
	end();
}

/* A block's words, with the announcement that they may come back. */
static void tentative(void **state)
{
	struct lab_page *pages;
	int error;

	(void)state;
	begin();
	dies_inside(0);
	room_raise(world.room);
	assert_true(leaf_claim_mask(tree_word(&world.room->commons, 2048), LAB_TAKEN, &(bool){ false }));
	be(HERE);
	pages = lab_alloc_pages(world.lab, LAB_GFP_ATOMIC, 9);
	assert_false(lab_is_err(pages));
	assert_int_equal(lab_free_pages(world.lab, pages, 9), 0);
	assert_int_equal(recover(), 0);
	assert_int_equal(world.found.raised, 1);
	assert_int_equal(world.room->tentative & LAB_TENTATIVE_COUNTS, 0);
	assert_int_equal(free_frames(world.lab, 0), world.frames);
	/* "None" can be proven again. */
	while (!lab_is_err(pages = lab_alloc_pages(world.lab, LAB_MEMALLOC, 0)))
		;
	error = lab_ptr_err(pages);
	assert_int_equal(error, -LAB_ENOMEM);
	free(world.identity);
}

/* In either count, whichever was in use. */
static void tentative_twice(void **state)
{
	unsigned int i;

	(void)state;
	begin();
	for (i = 0; i < 3; i++) {
		dies_inside(i);
		room_raise(world.room);
		world.room->raising = LAB_TENTATIVE_SHIFT - world.room->raising;
		room_raise(world.room);
	}
	assert_returned();
	assert_int_equal(world.found.raised, 6);
	assert_int_equal(world.room->tentative & LAB_TENTATIVE_COUNTS, 0);
	end();
}

/* ---- pools ---- */

enum instant {
	DRAW_TAKEN,	/* the slot is taken, its frame not yet out */
	DRAW_OUT,	/* the slot lacks a frame; it is not yet stamped */
	FILL_TAKEN,	/* an empty slot is taken */
	FILL_WRITTEN,	/* and names the frame */
	FILL_TAGGED,	/* and the frame names it */
	SWAP_CLAIMED,
	SWAP_WRITTEN,	/* the slot names the payment */
	SWAP_PAID,	/* which names it */
	SWAP_OUT,	/* the frame is out, the slot still in hand */
	SWAP_PAID_POOLED, /* SWAP_WRITTEN, where the payment was drawn from another pool */
	RELEASED,	/* claimed, out, the slot not yet lacking */
	INSTANTS,
};

/* The innermost pool's first frame, its slot in our hand. */
static lab_bit claim_first(struct lab_pool *pool)
{
	lab_bit frame = *pool_slot(pool, 0);

	assert_true(pool_claim(world.room, frame));
	return frame;
}

static void fill_until(struct lab_pool *pool, enum instant instant)
{
	lab_bit frame = take(), slot;
	struct lab_page *page = room_page(world.room, frame);

	slot = tree_take_below(&pool->lack);
	assert_true(slot != LAB_NO_BIT);
	if (instant >= FILL_WRITTEN)
		*pool_slot(pool, slot) = frame;
	if (instant >= FILL_TAGGED)
		page->tag = tag_pooled(page->tag, pool->first_slot + slot);
}

static void swap_until(struct lab_pool *pool, enum instant instant)
{
	lab_bit frame = claim_first(pool), paid;
	struct lab_page *page = room_page(world.room, frame);
	lab_word slot = tag_slot(page->tag);
	lab_word proof;
	int band;

	if (instant == SWAP_CLAIMED)
		return;
	paid = instant == SWAP_PAID_POOLED ? pool_draw(world.room, UINT32_MAX, &band, &proof) : take();
	*pool_slot(pool, slot - pool->first_slot) = paid;
	if (instant == SWAP_PAID || instant == SWAP_OUT)
		room_page(world.room, paid)->tag = tag_pooled(room_page(world.room, paid)->tag, slot);
	if (instant == SWAP_OUT)
		page->tag = tag_next(page->tag, LAB_FREE);
}

static void die_at(enum instant instant)
{
	struct lab_pool *pool = &world.room->pool[0];
	lab_bit frame, slot;
	lab_word proof;
	int band;

	switch (instant) {
	case DRAW_TAKEN:
		assert_true(tree_take_below(&pool->have) != LAB_NO_BIT);
		break;
	case DRAW_OUT:
		assert_true(pool_draw(world.room, 1, &band, &proof) != LAB_NO_BIT);
		break;
	case FILL_TAKEN:
	case FILL_WRITTEN:
	case FILL_TAGGED:
		fill_until(pool, instant);
		break;
	case RELEASED:
		frame = claim_first(pool);
		slot = tag_slot(room_page(world.room, frame)->tag);
		assert_int_equal(slot, 0);
		room_page(world.room, frame)->tag = tag_next(room_page(world.room, frame)->tag, LAB_FREE);
		break;
	default:
		swap_until(pool, instant);
	}
}

/* At each instant of a pool's operations: nothing is lost, and with everything back every pool is full again. */
static void pools(void **state)
{
	enum instant instant;
	unsigned int i;

	(void)state;
	for (instant = DRAW_TAKEN; instant < INSTANTS; instant++) {
		struct lab_page *out;

		begin();
		be(1);
		out = NULL;
		if (instant >= FILL_TAKEN && instant <= FILL_TAGGED) {
			lab_word proof;
			int band;
			lab_bit bit = pool_draw(world.room, 1, &band, &proof);

			out = room_page(world.room, bit);
		}
		dies_inside(0);
		die_at(instant);
		if (out) {
			be(1);
			out->tag = (out->tag & LAB_TAG_GENERATION) | LAB_OWNED;
		}
		assert_int_equal(recover(), 0);
		assert_int_equal(world.found.doubtful, 0);
		if (out)
			assert_int_equal(lab_free_pages(world.lab, out, 0), 0);
		assert_int_equal(free_frames(world.lab, 0), world.frames);
		assert_whole(world.lab);
		for (i = 0; i < world.room->bands; i++)
			assert_int_equal(pool_count(&world.room->pool[i]), world.room->pool[i].slots);
		end();
	}
}

/* A slot's last frame is still unstamped in one dead hand, the slot, to be filled again, in another. */
static void pool_between_two(void **state)
{
	struct lab_pool *pool;
	lab_word proof;
	int band;

	(void)state;
	begin();
	pool = &world.room->pool[0];
	dies_inside(0);
	assert_true(pool_draw(world.room, 1, &band, &proof) != LAB_NO_BIT);
	dies_inside(1);
	fill_until(pool, FILL_TAKEN);
	assert_returned();
	end();
}

/* ---- clients ---- */

static unsigned int client_of(unsigned int process)
{
	const struct lab_client_spec spec = { .name = "theirs", .node = LAB_NODE_LOCAL, .room = LAB_ROOM_ROUTE, .frames = 10, .blocks = 2,
					      .block_order = 4, .maximum = LAB_UNLIMITED, .reserve_share = LAB_UNLIMITED };
	unsigned int owner = 0;

	be(process);
	assert_int_equal(lab_client_open(world.lab, &spec, &owner, NULL), 0);
	return owner;
}

static struct lab_page *client_takes(unsigned int owner, lab_gfp_t gfp, unsigned int order)
{
	struct lab_request request = LAB_REQUEST(gfp, order);
	struct lab_page *page;

	request.owner = (uint16_t)owner;
	page = lab_alloc_request(world.lab, &request, NULL);
	assert_false(lab_is_err(page));
	return page;
}

/* Singles, blocks, an offered page, charges of calls that never ended, a slot in its hand, half a resize: all of it goes. */
static void clients(void **state)
{
	unsigned int owner, others, tries = 0, i;
	lab_word proof;
	struct lab_client *client;
	struct lab_page *page;

	(void)state;
	begin();
	others = client_of(2);
	client_takes(others, LAB_GFP_ATOMIC, 0);
	owner = client_of(1);
	client = labyrinth_client(world.lab, owner);
	for (i = 0; i < 12; i++)
		page = client_takes(owner, LAB_GFP_ATOMIC, 0);
	assert_int_equal(lab_page_offer(world.lab, page, owner), 0);
	client_takes(owner, LAB_GFP_ATOMIC, 4);
	dies_inside(1);
	assert_int_equal(client_charge(client, 4), 0);
	assert_true(contract_draw(client, 1, &tries, &proof) != LAB_NO_BIT);
	assert_int_equal(client_charge(client, 0), 0);
	assert_true(tree_take_at(&client->pool[0].lack, 3));
	client->resizing = 1;
	client->guarantee[0]--;
	assert_int_equal(recover(), 0);
	assert_int_equal(world.found.clients, 1);
	assert_int_equal(world.found.owned, 12);
	assert_int_equal(client->charge | client->debt | client->resizing | client->guarantee[0] | client->guarantee[1], 0);
	assert_int_equal(free_frames(world.lab, 0), world.frames - 10 - 32);
	assert_whole(world.lab);
	/* The number can be another's; the other client has not noticed. */
	be(3);
	for (i = 0; i < 2; i++)
		client_takes(client_of(3), LAB_GFP_ATOMIC, 0);
	client_takes(others, LAB_GFP_ATOMIC, 4);
	end();
}

/* Dead while it opened one, or closed one. */
static void client_half_open(void **state)
{
	unsigned int owner;
	struct lab_client *client;

	(void)state;
	begin();
	owner = client_of(0);
	client = labyrinth_client(world.lab, owner);
	client->charge = charge_of_state(LAB_CLIENT_BUSY) + process_mark(world.lab);
	assert_int_equal(contract_shrink(world.lab, client, 0, 4), 4);
	dies_inside(0);
	assert_returned();
	assert_int_equal(world.found.clients, 1);
	end();
}

/* A process that leaves closes its clients, unless somebody is at them. */
static void client_leaves(void **state)
{
	struct lab_client *client;
	unsigned int owner;

	(void)state;
	begin();
	owner = client_of(0);
	client = labyrinth_client(world.lab, owner);
	client_takes(owner, LAB_GFP_ATOMIC, 0);
	assert_int_equal(client_charge(client, 0), 0); /* by a call of another process, say */
	assert_int_equal(lab_process_leave(world.lab), -LAB_EAGAIN);
	assert_int_equal(lab_process_at(world.lab, 0), 100);
	client_uncharge(client, 0);
	assert_int_equal(lab_process_leave(world.lab), 0);
	assert_int_equal(lab_process_at(world.lab, 0), 0);
	assert_int_equal(free_frames(world.lab, 0), world.frames);
	end();
}

/* ---- what the living have ---- */

static lab_word *live_count;

/* A living process stays in its call: nothing of what is in doubt is touched, the dead one's frame included. */
static void stopped(void **state)
{
	lab_bit bit;

	(void)state;
	begin();
	dies_inside(0);
	take();
	be(2);
	assert_int_equal(process_enter(world.lab, &live_count), 0);
	bit = take();
	assert_int_equal(recover(), -LAB_EAGAIN);
	assert_int_equal(world.found.waiting, 2);
	assert_int_equal(world.found.frames, 0);
	assert_int_equal(world.found.processes, 0);
	assert_int_equal(free_frames(world.lab, 0), world.frames - 2);
	assert_int_equal(world.room->recovering, 0);
	/* It goes on: stamps, and leaves. */
	be(2);
	room_page(world.room, bit)->tag |= LAB_OWNED;
	process_leave(live_count);
	world.waits = 0;
	assert_int_equal(recover(), 0);
	assert_int_equal(world.found.frames, 1);
	assert_int_equal(world.found.processes, 1);
	assert_int_equal(free_frames(world.lab, 0), world.frames - 1);
	assert_int_equal(lab_free_pages(world.lab, room_page(world.room, bit), 0), 0);
	end();
}

/* It dies while it is waited for: another round has what it had. */
static void dies_meanwhile(void)
{
	world.dead[2] = true;
}

static void dead_meanwhile(void **state)
{
	(void)state;
	begin();
	dies_inside(0);
	take();
	be(2);
	assert_int_equal(process_enter(world.lab, &live_count), 0);
	take();
	world.meanwhile = dies_meanwhile;
	assert_returned();
	assert_int_equal(world.found.frames, 2);
	assert_int_equal(world.found.processes, 2);
	end();
}

/*
 * The frame passes from one living hand to another between the two looks, by a put-back that leaves no trace in its tag: the
 * second, too, is seen with it in hand.
 */
static struct {
	unsigned int step;
	lab_bit bit;
	lab_word *first, *second;
} pass;

static void passes(void)
{
	switch (pass.step++) {
	case 0: /* the first grace period: let it pass, with the frame in another call's hand */
		be(2);
		assert_int_equal(process_enter(world.lab, &pass.second), 0);
		process_leave(pass.first);
		break;
	case 1: /* ... and again: now the second one has been there on the first look */
		be(2);
		assert_int_equal(process_enter(world.lab, &pass.first), 0);
		room_touch(world.room, pass.bit, 0);
		room_put(world.room, pass.bit, 0);
		process_leave(pass.second);
		assert_true(room_take_at(world.room, pass.bit, 0));
		break;
	default:
		break;
	}
	be(HERE);
}

static void passed_on(void **state)
{
	(void)state;
	begin();
	world.dead[0] = true; /* somebody, so that there is something to do */
	memset(&pass, 0, sizeof(pass));
	pass.bit = 3333;
	be(2);
	assert_int_equal(process_enter(world.lab, &pass.first), 0);
	assert_true(room_take_at(world.room, pass.bit, 0));
	world.meanwhile = passes;
	recover();
	assert_true(pass.step >= 2);
	assert_int_equal(world.found.frames, 0);
	/* It is in the hand of a living call still. */
	assert_true(bit_is_set(pass.bit));
	be(2);
	room_put(world.room, pass.bit, 0);
	process_leave(pass.first);
	world.waits = 0;
	world.meanwhile = NULL;
	assert_returned();
	end();
}

/*
 * As in passed_on(), but the first hand is that of a call that empties a contract's slot: the client that gives its guarantee back
 * stands just before the frame is free, on a stack of its own (room_put() is wrapped by the linker).
 */
void __real_room_put(struct lab_room *room, lab_bit bit, unsigned int order);
void __wrap_room_put(struct lab_room *room, lab_bit bit, unsigned int order);

static struct {
	ucontext_t test, call;
	char stack[1 << 16];
	unsigned int owner, step;
	bool inside, over;
	lab_bit bit;
	lab_word *first, *second;
} resizer;

void __wrap_room_put(struct lab_room *room, lab_bit bit, unsigned int order)
{
	if (resizer.inside) {
		resizer.inside = false;
		resizer.bit = bit;
		assert_int_equal(swapcontext(&resizer.call, &resizer.test), 0);
	}
	__real_room_put(room, bit, order);
}

static void resizes(void)
{
	be(1);
	if (lab_client_resize(world.lab, resizer.owner, 0, NULL))
		abort(); /* another stack: cmocka's assertions jump */
	resizer.over = true;
}

static void empties(void)
{
	switch (resizer.step++) {
	case 0: /* the first grace period: it passes, with the frame between the contract and the room */
		be(1);
		resizer.inside = true;
		assert_int_equal(getcontext(&resizer.call), 0);
		resizer.call.uc_stack.ss_sp = resizer.stack;
		resizer.call.uc_stack.ss_size = sizeof(resizer.stack);
		resizer.call.uc_link = &resizer.test;
		makecontext(&resizer.call, resizes, 0);
		assert_int_equal(swapcontext(&resizer.test, &resizer.call), 0);
		assert_false(resizer.over);
		be(2);
		process_leave(resizer.first);
		break;
	case 1: /* the second: the frame is free, and at once in another living hand */
		be(2);
		assert_int_equal(process_enter(world.lab, &resizer.second), 0);
		be(1);
		assert_int_equal(swapcontext(&resizer.test, &resizer.call), 0);
		assert_true(resizer.over);
		assert_true(room_take_at(world.room, resizer.bit, 0));
		break;
	default:
		break;
	}
	be(HERE);
}

static void emptied_between(void **state)
{
	struct lab_client_spec spec = { .node = LAB_NODE_LOCAL, .room = LAB_ROOM_ROUTE, .frames = 1, .maximum = LAB_UNLIMITED };

	(void)state;
	begin();
	world.dead[0] = true;
	memset(&resizer, 0, sizeof(resizer));
	be(1);
	assert_int_equal(lab_client_open(world.lab, &spec, &resizer.owner, NULL), 0);
	be(2);
	assert_int_equal(process_enter(world.lab, &resizer.first), 0);
	world.meanwhile = empties;
	recover();
	assert_true(resizer.step >= 2);
	assert_int_equal(world.found.frames, 0);
	assert_true(bit_is_set(resizer.bit)); /* in the living hand still */
	be(2);
	room_put(world.room, resizer.bit, 0);
	process_leave(resizer.second);
	be(1);
	assert_int_equal(lab_client_close(world.lab, resizer.owner, NULL), 0);
	world.waits = 0;
	world.meanwhile = NULL;
	assert_returned();
	end();
}

/* On the first look a frame is in a living hand with its slot; on the second, out of it, in another's.  Only the slot was marked. */
static struct {
	unsigned int step;
	lab_bit frame;
	lab_word *first, *with, *out;
} claimed;

static void claims_and_draws(void)
{
	struct lab_pool *pool = &world.room->pool[0];

	switch (claimed.step++) {
	case 0:
		be(1);
		assert_int_equal(process_enter(world.lab, &claimed.with), 0);
		assert_true(pool_claim(world.room, claimed.frame));
		process_leave(claimed.first);
		break;
	case 1:
		be(2);
		assert_int_equal(process_enter(world.lab, &claimed.out), 0);
		pool_unclaim(world.room, claimed.frame);
		process_leave(claimed.with);
		assert_true(tree_take_at(&pool->have, 0)); /* a draw of just this one */
		slot_touch(world.room, pool->first_slot);
		tree_give(&pool->lack, 0);
		break;
	default:
		break;
	}
	be(HERE);
}

static void with_its_slot(void **state)
{
	struct lab_page *page;

	(void)state;
	begin();
	world.dead[0] = true;
	memset(&claimed, 0, sizeof(claimed));
	claimed.frame = *pool_slot(&world.room->pool[0], 0);
	page = room_page(world.room, claimed.frame);
	be(2);
	assert_int_equal(process_enter(world.lab, &claimed.first), 0);
	world.meanwhile = claims_and_draws;
	recover();
	assert_true(claimed.step >= 2);
	assert_int_equal(world.found.frames, 0);
	assert_int_equal(tag_state(page->tag), LAB_POOLED);
	assert_true(bit_is_set(claimed.frame));
	be(2);
	page->tag = (page->tag & LAB_TAG_GENERATION) | LAB_OWNED; /* the stamp */
	process_leave(claimed.out);
	assert_int_equal(lab_free_pages(world.lab, page, 0), 0);
	world.waits = 0;
	world.meanwhile = NULL;
	assert_returned();
	end();
}

/*
 * A dead hand has put its frame into a slot and not let go of the slot.  The recoverer does, and before it comes to the frame
 * a living call has drawn it.
 */
void __real_tree_climb(const struct lab_tree *tree, lab_word leaf, unsigned int level);
void __wrap_tree_climb(const struct lab_tree *tree, lab_word leaf, unsigned int level);

static struct {
	unsigned int step;
	bool ready;
	lab_bit frame, slot;
	lab_word *filler, *drawer;
} refilled;

/* The end of each give of a slot. */
void __wrap_tree_climb(const struct lab_tree *tree, lab_word leaf, unsigned int level)
{
	struct lab_pool *pool;

	__real_tree_climb(tree, leaf, level);
	if (!refilled.ready)
		return;
	refilled.ready = false;
	pool = &world.room->pool[0];
	assert_ptr_equal(tree, &pool->have);
	be(2);
	assert_int_equal(process_enter(world.lab, &refilled.drawer), 0);
	assert_true(tree_take_at(&pool->have, refilled.slot)); /* a draw of just this one */
	slot_touch(world.room, pool->first_slot + refilled.slot);
	tree_give(&pool->lack, refilled.slot);
	be(HERE);
}

static void tags_and_dies(void)
{
	struct lab_pool *pool = &world.room->pool[0];
	struct lab_page *page = room_page(world.room, refilled.frame);

	switch (refilled.step++) {
	case 0: /* the first grace period: it passes, with frame and slot in the filler's hand */
		be(1);
		assert_int_equal(process_enter(world.lab, &refilled.drawer), 0);
		process_leave(refilled.filler);
		break;
	case 1: /* the second: it goes on, and dies */
		page->tag = tag_pooled(page->tag, pool->first_slot + refilled.slot);
		world.dead[1] = true;
		refilled.ready = true;
		break;
	default:
		break;
	}
	be(HERE);
}

static void refilled_by_the_dead(void **state)
{
	struct lab_pool *pool;
	struct lab_page *page, *out;
	lab_word proof;
	int band;

	(void)state;
	begin();
	world.dead[0] = true;
	memset(&refilled, 0, sizeof(refilled));
	pool = &world.room->pool[0];
	be(2);
	out = room_page(world.room, pool_draw(world.room, 1, &band, &proof));
	out->tag = (out->tag & LAB_TAG_GENERATION) | LAB_OWNED;
	refilled.frame = take();
	page = room_page(world.room, refilled.frame);
	refilled.slot = tree_take_below(&pool->lack);
	*pool_slot(pool, refilled.slot) = refilled.frame;
	be(1);
	assert_int_equal(process_enter(world.lab, &refilled.filler), 0);
	world.meanwhile = tags_and_dies;
	recover();
	assert_true(refilled.step >= 2);
	assert_false(refilled.ready);
	assert_int_equal(world.found.frames, 0);
	assert_true(bit_is_set(refilled.frame)); /* the living drawer's */
	be(2);
	page->tag = (page->tag & LAB_TAG_GENERATION) | LAB_OWNED; /* the stamp */
	process_leave(refilled.drawer);
	assert_int_equal(lab_free_pages(world.lab, page, 0), 0);
	assert_int_equal(lab_free_pages(world.lab, out, 0), 0);
	world.waits = 0;
	world.meanwhile = NULL;
	assert_returned();
	end();
}

/*
 * A call that read the epoch long ago, and entered by a parity that is not in use now.  It has looked whether anybody recovers before
 * somebody did, and will not mark what it lets go.
 */
static lab_word *stale_count;
static lab_bit stale_bit = 3210;

static void stale_lets_go(void)
{
	lab_word *count;

	if (!stale_count)
		return;
	be(3);
	assert_int_equal(process_enter(world.lab, &count), 0);
	room_clear(world.room, tree_word(&world.room->commons, stale_bit), stale_bit, (lab_word)1 << stale_bit % LAB_WORD_BITS);
	process_leave(stale_count);
	stale_count = NULL;
	assert_true(room_take_at(world.room, stale_bit, 0));
	be(HERE);
}

static void stale_entry(void **state)
{
	(void)state;
	begin();
	world.dead[0] = true;
	stale_count = &process_presence(world.lab, 2, 0)->count[~world.lab->epoch & 1];
	add_seq(stale_count, (lab_word)1);
	assert_true(room_take_at(world.room, stale_bit, 0));
	world.meanwhile = stale_lets_go;
	recover();
	assert_null(stale_count);
	assert_int_equal(world.found.frames, 0);
	assert_true(bit_is_set(stale_bit));
	room_put(world.room, stale_bit, 0);
	end();
}

/* Its call never ends. */
static void stale_and_stopped(void **state)
{
	(void)state;
	begin();
	world.dead[0] = true;
	stale_count = &process_presence(world.lab, 2, 0)->count[~world.lab->epoch & 1];
	add_seq(stale_count, (lab_word)1);
	assert_int_equal(recover(), -LAB_EAGAIN);
	assert_int_equal(world.found.waiting, 2);
	process_leave(stale_count);
	stale_count = NULL;
	world.waits = 0;
	assert_returned();
	end();
}

/* ---- what does not stand still, what is damaged ---- */

/* A living process that is in one call after the other, and marks a frame and a slot each time. */
static struct {
	lab_bit frame, slot;
	lab_word *count;
	bool settles; /* ... but in the end it gives the slot back */
} restless;

static void moves(void)
{
	lab_word *count;

	be(2);
	assert_int_equal(process_enter(world.lab, &count), 0);
	room_touch(world.room, restless.frame, 0);
	slot_touch(world.room, restless.slot);
	if (restless.settles && world.waits) {
		tree_give(&world.room->pool[0].have, restless.slot);
		restless.settles = false;
	}
	process_leave(restless.count);
	restless.count = count;
	be(HERE);
}

static void restless_ones(void **state)
{
	(void)state;
	for (restless.settles = false;; restless.settles = true) {
		bool settles = restless.settles;

		begin();
		world.dead[0] = true;
		be(2);
		assert_int_equal(process_enter(world.lab, &restless.count), 0);
		restless.frame = take();
		restless.slot = tree_take_below(&world.room->pool[0].have);
		world.meanwhile = moves;
		assert_int_equal(recover(), 0);
		assert_int_equal(world.found.doubtful, settles ? 1 : 3); /* (the slot's own frame is with it) */
		assert_int_equal(world.found.frames + world.found.slots, 0);
		assert_int_equal(world.lab->unsettled, 1);
		assert_int_equal(world.found.processes, 1); /* what the dead had, was nothing of these */
		/* With that process dead, too, it is all over; nobody else need die for it. */
		world.meanwhile = NULL;
		world.dead[2] = true;
		assert_returned();
		assert_int_equal(world.lab->unsettled, 0);
		end();
		if (settles)
			break;
	}
}

/* A slot number that no pool has, a slot that names no frame: nothing is followed. */
static void damaged(void **state)
{
	struct lab_page *page;
	lab_bit slot, frame;

	(void)state;
	begin();
	dies_inside(0);
	frame = take();
	page = room_page(world.room, frame);
	page->tag = tag_pooled(page->tag, world.room->slots);
	slot = tree_take_below(&world.room->pool[0].have);
	*pool_slot(&world.room->pool[0], slot) = LAB_ALL / 2;
	assert_int_equal(recover(), 0);
	assert_int_equal(world.found.slots, 1);
	assert_int_equal(world.found.frames, 1); /* whose slot it was: it has filled it again */
	assert_true(*pool_slot(&world.room->pool[0], slot) < world.room->commons.bits);
	assert_int_equal(free_frames(world.lab, 0), world.frames - 1);
	free(world.identity);
}

static void refused(void **state)
{
	(void)state;
	begin();
	assert_int_equal(lab_process_at(world.lab, PROCESSES), 0);
	world.identity[0] = 0;
	assert_int_equal(recover(), -LAB_ECHILD);
	assert_int_equal(lab_process_leave(world.lab), -LAB_ECHILD);
	assert_int_equal(lab_process_owner(world.lab), 0);
	world.identity[0] = LAB_IDENTITY_SHARED;
	end();
}

/* A recoverer that died with the flag up, with marks and doubts everywhere: the next one is not misled. */
static void left_behind(void **state)
{
	lab_word words, i;

	(void)state;
	begin();
	world.room->recovering = 1;
	world.lab->unsettled = 1;
	words = marks_words(world.room->commons.bits) + marks_words(world.room->slots);
	for (i = 0; i < words; i++)
		room_touched(world.room)[i] = room_doubted(world.room)[i] = LAB_ALL;
	dies_inside(0);
	take();
	assert_true(tree_take_below(&world.room->pool[1].have) != LAB_NO_BIT);
	assert_returned();
	assert_int_equal(world.found.frames, 1);
	assert_int_equal(world.found.slots, 1);
	assert_int_equal(world.room->recovering, 0);
	assert_int_equal(world.lab->unsettled, 0);
	end();
}

/* Two levels of parents; calls that name what is no page of theirs. */
static void a_large_room(void **state)
{
	const struct lab_room_spec room = { .name = "large", .zone = LAB_ZONE_NORMAL, .frames = (LAB_FANOUT + 2) * LAB_LEAF_FRAMES };
	struct lab_page *page;

	(void)state;
	begin_rooms(&room, 1);
	page = alloc_ok(world.lab, LAB_GFP_KERNEL, 0);
	assert_int_equal(lab_split(world.lab, page, LAB_ORDER_MAX + 1), -LAB_EMSGSIZE);
	assert_int_equal(lab_split(world.lab, lab_frame_page(world.lab, room.frames - 1), 3), -LAB_EALREADY); /* it would end behind the room */
	dies_inside(1);
	assert_int_equal(recover(), 0);
	assert_int_equal(lab_free_pages(world.lab, page, 0), 0);
	end();
}

/* A dead one had begun to resize a living one's client, and another living one is at it. */
static void a_resize_that_died(void **state)
{
	struct lab_client_spec spec = { .node = LAB_NODE_LOCAL, .room = LAB_ROOM_ROUTE, .frames = 2, .maximum = LAB_UNLIMITED };
	unsigned int owner[2], i;

	(void)state;
	begin();
	for (i = 0; i < 2; i++)
		assert_int_equal(lab_client_open(world.lab, &spec, &owner[i], NULL), 0);
	labyrinth_client(world.lab, owner[0])->resizing = 2 + 1;
	labyrinth_client(world.lab, owner[1])->resizing = 2 + 2;
	world.dead[1] = true;
	assert_int_equal(recover(), 0);
	assert_int_equal(labyrinth_client(world.lab, owner[0])->resizing, 0);
	assert_int_equal(labyrinth_client(world.lab, owner[1])->resizing, 2 + 2);
	labyrinth_client(world.lab, owner[1])->resizing = 1000; /* damage: nobody's */
	world.dead[1] = true;
	lab_process_arrive(world.lab, 1, 100);
	assert_int_equal(recover(), 0);
	labyrinth_client(world.lab, owner[1])->resizing = 0;
	for (i = 0; i < 2; i++)
		assert_int_equal(lab_client_close(world.lab, owner[i], NULL), 0);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_are_counted),
		cmocka_unit_test(a_large_room),
		cmocka_unit_test(a_resize_that_died), cmocka_unit_test(nobody_dead),	cmocka_unit_test(one_process),
		cmocka_unit_test(owned),	     cmocka_unit_test(leaving),		cmocka_unit_test(taken),
		cmocka_unit_test(several),	     cmocka_unit_test(half_freed),	cmocka_unit_test(untold),
		cmocka_unit_test(tentative),	     cmocka_unit_test(tentative_twice), cmocka_unit_test(pools),
		cmocka_unit_test(pool_between_two),  cmocka_unit_test(stopped),		cmocka_unit_test(dead_meanwhile),
		cmocka_unit_test(passed_on),	     cmocka_unit_test(left_behind),	cmocka_unit_test(clients),
		cmocka_unit_test(client_half_open),  cmocka_unit_test(client_leaves),
		cmocka_unit_test(stale_entry),	     cmocka_unit_test(stale_and_stopped), cmocka_unit_test(restless_ones),
		cmocka_unit_test(damaged),	     cmocka_unit_test(refused),
		cmocka_unit_test(emptied_between),   cmocka_unit_test(with_its_slot),
		cmocka_unit_test(refilled_by_the_dead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
