/* SPDX-License-Identifier: MIT */
/*
 * test_recover.c - what a dead process had comes back, instant by instant.
 */
#include "../support/recover.h"

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
		cmocka_unit_test(nobody_dead),
		cmocka_unit_test(one_process),
		cmocka_unit_test(owned),
		cmocka_unit_test(leaving),
		cmocka_unit_test(taken),
		cmocka_unit_test(several),
		cmocka_unit_test(half_freed),
		cmocka_unit_test(untold),
		cmocka_unit_test(tentative),
		cmocka_unit_test(tentative_twice),
		cmocka_unit_test(clients),
		cmocka_unit_test(client_half_open),
		cmocka_unit_test(client_leaves),
		cmocka_unit_test(damaged),
		cmocka_unit_test(refused),
		cmocka_unit_test(left_behind),
		cmocka_unit_test(a_large_room),
		cmocka_unit_test(a_resize_that_died),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
