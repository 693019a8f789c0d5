/* SPDX-License-Identifier: MIT */
/*
 * test_clients.c - opening, resizing, closing, quarantine: the edges, and two at once.
 */
#include "../support/clients.h"

static struct lab_client *inside(unsigned int owner)
{
	return labyrinth_client(lab, owner);
}

static void the_calculator_opens(void **state)
{
	struct lab_client_spec spec = client_spec(0, 0);
	unsigned int owner;

	(void)state;
	spec.name = "a name that is longer than what is kept of it";
	spec.period_ns = 100;
	spec.hold_ns = 1000;
	spec.refill_ns = 500;
	spec.burst = 3;
	owner = opened(&spec);
	assert_int_equal(stats_of(owner).frames, lab_contract_frames(100, 1000, 500, 3, 1));
	assert_int_equal(strlen(stats_of(owner).name), LAB_NAME_MAX - 1);
	assert_int_equal(lab_client_close(lab, owner, NULL), 0);
	spec.callers = 4;
	spec.name = NULL;
	owner = opened(&spec);
	assert_int_equal(stats_of(owner).frames, lab_contract_frames(100, 1000, 500, 3, 4));
	spec.hold_ns = UINT64_MAX; /* it does not fit */
	assert_int_equal(lab_client_open(lab, &spec, &owner, NULL), -LAB_EINVAL);
	assert_whole(lab);
}

static void what_cannot_be_opened(void **state)
{
	struct lab_client_spec spec = client_spec(1, 0);
	struct lab_client_fit fit;
	unsigned int owner;

	(void)state;
	spec.blocks = 9; /* contract_blocks is 8 */
	spec.block_order = 3;
	assert_int_equal(lab_client_open(lab, &spec, &owner, NULL), -LAB_EINVAL);
	spec.blocks = 1;
	spec.block_order = LAB_ORDER_MAX + 1;
	assert_int_equal(lab_client_open(lab, &spec, &owner, NULL), -LAB_EINVAL);
	spec.blocks = 0;
	assert_int_equal(lab_client_open(lab, &spec, &owner, NULL), -LAB_EINVAL);
	spec.block_order = 0;
	spec.room = 7;
	assert_int_equal(lab_client_open(lab, &spec, &owner, NULL), -LAB_ENXIO);
	spec.room = 0;
	spec.blocks = 8; /* 8 x 512 of 1,024 frames */
	spec.block_order = 9;
	assert_int_equal(lab_client_open(lab, &spec, &owner, &fit), -LAB_ENOSPC);
	assert_int_equal(fit.blocks, 2);
	spec.blocks = 2; /* then no single frame is left */
	assert_int_equal(lab_client_open(lab, &spec, &owner, &fit), -LAB_ENOSPC);
	assert_int_equal(fit.blocks, 2);
	assert_int_equal(fit.frames, 0);
	spec.frames = 600;
	spec.blocks = 8;
	spec.room = LAB_ROOM_ROUTE; /* neither room has all of it */
	assert_int_equal(lab_client_open(lab, &spec, &owner, &fit), -LAB_ENOSPC);
	assert_int_equal(fit.blocks, 7);
	spec.room = 0;
	assert_int_equal(lab_client_open(lab, &spec, &owner, &fit), -LAB_ENOSPC);
	assert_int_equal(fit.blocks, 2);
	assert_int_equal(fit.frames, 0); /* beside the blocks that fit */
	spec.block_order = 8;
	spec.blocks = 3;
	assert_int_equal(lab_client_open(lab, &spec, &owner, &fit), -LAB_ENOSPC);
	assert_int_equal(fit.blocks, 3);
	assert_int_equal(fit.frames, 256);
	spec.frames = 256;
	assert_int_equal(lab_client_open(lab, &spec, &owner, NULL), 0); /* what is said to fit does */
	assert_int_equal(lab_client_close(lab, owner, NULL), 0);
	lab_room_offline(lab, 0);
	lab_room_offline(lab, 1);
	spec = client_spec(1, 0);
	assert_int_equal(lab_client_open(lab, &spec, &owner, NULL), -LAB_ENOSPC);
	lab_room_online(lab, 0);
	lab_room_online(lab, 1);
	assert_whole(lab);
}

static void resized_at_the_edges(void **state)
{
	struct lab_client_spec none = client_spec(0, 0), some = client_spec(2, 4);
	unsigned int without = opened(&none), with = opened(&some);

	(void)state;
	assert_int_equal(lab_client_resize(lab, without, 1, NULL), -LAB_EINVAL);
	assert_int_equal(lab_client_resize(lab, without, 0, NULL), 0);
	assert_int_equal(lab_client_resize(lab, with, 5, NULL), -LAB_EINVAL); /* above its maximum */
	assert_int_equal(lab_client_resize(lab, with, 4, NULL), 0);
	inside(with)->resizing = 1; /* as if another were at it */
	assert_int_equal(lab_client_resize(lab, with, 3, NULL), -LAB_EALREADY);
	assert_int_equal(lab_client_close(lab, with, NULL), -LAB_EALREADY);
	assert_int_equal(lab_client_abandon(lab, with, NULL), -LAB_EALREADY);
	inside(with)->resizing = 0;
	assert_int_equal(lab_client_abandon(lab, with, NULL), 0);
	assert_int_equal(lab_client_abandon(lab, with, NULL), -LAB_EBADF);
	inside(with)->resizing = 1;
	assert_int_equal(lab_client_release(lab, with), -LAB_EALREADY);
	inside(with)->resizing = 0;
	assert_int_equal(lab_client_release(lab, with), 0);
	assert_whole(lab);
}

static void an_orphan_is_the_recoverers(void **state)
{
	struct lab_client_spec spec = client_spec(2, 4);
	unsigned int owner = opened(&spec);
	struct lab_page *page = asked(owner, 0, 0, LAB_FROM_CONTRACT);

	(void)state;
	inside(owner)->orphan = 1;
	assert_int_equal(lab_client_resize(lab, owner, 3, NULL), -LAB_EBADF);
	assert_int_equal(lab_client_close(lab, owner, NULL), -LAB_EBADF);
	assert_int_equal(lab_client_abandon(lab, owner, NULL), -LAB_EBADF);
	assert_int_equal(lab_page_offer(lab, page, owner), -LAB_EBADF);
	assert_int_equal(lab_page_withdraw(lab, page, owner), -LAB_EBADF);
	inside(owner)->orphan = 0;
	assert_int_equal(lab_client_abandon(lab, owner, NULL), 0);
	inside(owner)->orphan = 1;
	assert_int_equal(lab_client_release(lab, owner), -LAB_EBADF);
	inside(owner)->orphan = 0;
	assert_int_equal(lab_client_release(lab, owner), 0);
	inside(owner)->orphan = 1; /* closed, and the next search passes it by */
	for (spec.frames = 0; lab_client_open(lab, &spec, &owner, NULL) == 0;)
		assert_false(client_orphan(inside(owner)));
	assert_whole(lab);
}

static void many_out_are_named_in_part(void **state)
{
	struct lab_client_spec spec = client_spec(0, LAB_UNLIMITED);
	unsigned int owner = opened(&spec), other = opened(&spec), i;
	struct lab_page *page = NULL;
	struct lab_client_out out;

	(void)state;
	asked(other, 0, 0, LAB_FROM_COMMONS);
	for (i = 0; i < LAB_CLIENT_NAMED + 2; i++)
		page = asked(owner, 0, 0, LAB_FROM_COMMONS);
	assert_int_equal(lab_page_offer(lab, page, owner), 0);
	assert_int_equal(lab_client_close(lab, owner, &out), -LAB_EBUSY);
	assert_int_equal(out.frames, LAB_CLIENT_NAMED + 2);
	assert_int_equal(out.named, LAB_CLIENT_NAMED);
	assert_int_equal(lab_client_abandon(lab, owner, NULL), 0);
	assert_int_equal(lab_client_release(lab, owner), 0);
	owner = opened(&spec);
	page = asked(owner, 0, 0, LAB_FROM_COMMONS);
	assert_int_equal(lab_page_offer(lab, page, owner), 0);
	assert_int_equal(lab_client_close(lab, owner, &out), -LAB_EBUSY);
	assert_int_equal(out.named, 1);
	assert_int_equal(out.frame[0], lab_page_frame(lab, page));
	assert_int_equal(lab_page_withdraw(lab, page, owner), 0);
	assert_int_equal(lab_free_as(lab, page, 0, owner, 0), 0);
	assert_int_equal(lab_client_close(lab, owner, &out), 0);
	assert_int_equal(out.frames, 0);
	assert_whole(lab);
}

static void each_in_turn(void **state)
{
	struct lab_client_spec spec = client_spec(0, LAB_UNLIMITED);
	unsigned int first, second;

	(void)state;
	assert_int_equal(lab_client_next(lab, 0), 0);
	first = opened(&spec);
	second = opened(&spec);
	if (first > second) {
		unsigned int swap = first;

		first = second;
		second = swap;
	}
	assert_int_equal(lab_client_abandon(lab, second, NULL), 0);
	assert_int_equal(lab_client_next(lab, 0), first);
	assert_int_equal(lab_client_next(lab, first), second);
	assert_int_equal(lab_client_next(lab, second), 0);
}

static void before_birth(void **state)
{
	struct lab_client_spec spec = client_spec(0, 0);
	struct lab_client_stats stats;
	struct lab_first_refusal first;
	struct lab_refusal refusal;
	struct labyrinth *none;
	unsigned int owner;

	(void)state;
	none = zeroed(sizeof(*none));
	assert_int_equal(lab_client_open(none, &spec, &owner, NULL), -LAB_ENXIO);
	assert_int_equal(lab_client_resize(none, 65535, 0, NULL), -LAB_ENXIO);
	assert_int_equal(lab_client_close(none, 65535, NULL), -LAB_ENXIO);
	assert_int_equal(lab_client_abandon(none, 65535, NULL), -LAB_ENXIO);
	assert_int_equal(lab_client_release(none, 65535), -LAB_ENXIO);
	assert_int_equal(lab_client_stats(none, 65535, &stats), -LAB_ENXIO);
	assert_int_equal(lab_client_next(none, 0), 0);
	assert_int_equal(lab_page_offer(none, NULL, 65535), -LAB_ENXIO);
	assert_int_equal(lab_page_withdraw(none, NULL, 65535), -LAB_ENXIO);
	assert_int_equal(lab_page_hand_over(none, NULL, 0, 1, 2), -LAB_ENXIO);
	assert_int_equal(lab_refusals(none, &refusal, 1), 0);
	assert_int_equal(lab_first_refusal(none, &first), -LAB_ENXIO);
	free(none);
}

/* Charges as full as their fields are. */
static void full_fields(void **state)
{
	struct lab_client_spec spec = client_spec(0, LAB_UNLIMITED);
	unsigned int owner = opened(&spec);
	lab_word open = charge_of_state(LAB_CLIENT_OPEN);
	struct lab_page *block = asked(owner, 0, 4, LAB_FROM_COMMONS);
	lab_word charge = inside(owner)->charge;

	(void)state;
	inside(owner)->charge = open | ((((lab_word)1 << CHARGE_SINGLES_BITS) - 1));
	refused(owner, 0, 0, -LAB_EDQUOT);
	inside(owner)->charge = open | (((((lab_word)1 << CHARGE_OTHERS_BITS) - 1)) << CHARGE_OTHERS_SHIFT);
	refused(owner, 0, 3, -LAB_EDQUOT);
	inside(owner)->charge = charge + (((lab_word)1 << CHARGE_SINGLES_BITS) - 1);
	assert_int_equal(lab_split(lab, block, 4), -LAB_EDQUOT); /* it stays a block */
	inside(owner)->charge = charge;
	assert_int_equal(lab_free_as(lab, block, 4, owner, 0), 0);
	assert_int_equal(lab_client_close(lab, owner, NULL), 0);
	spec = client_spec(0, LAB_UNLIMITED);
	spec.blocks = 1;
	spec.block_order = 1;
	owner = opened(&spec);
	inside(owner)->charge = open | (((((lab_word)1 << CHARGE_BLOCKS_BITS) - 1)) << CHARGE_BLOCKS_SHIFT);
	refused(owner, 0, 1, -LAB_EDQUOT);
	inside(owner)->charge = open;
	assert_int_equal(lab_split(lab, asked(owner, 0, 0, LAB_FROM_COMMONS), 0), 0);
	assert_whole(lab);
}

static void of_the_same_birth(void **state)
{
	struct labyrinth *first = lab, *second = born_with(8, FRAMES, 100);
	struct lab_client *client = labyrinth_client(second, second->client_first + 3);

	(void)state;
	assert_true(lab_same_birth(first, second));
	client->pool[0].slots_at ^= 64;
	assert_false(lab_same_birth(first, second));
	client->pool[0].slots_at ^= 64;
	free(second);
}

static void specifications(void **state)
{
	struct lab_room_spec room = { .name = "normal", .zone = LAB_ZONE_NORMAL, .frames = 1024 };
	struct lab_spec spec = spec_of(&room, 1);
	struct lab_client_spec dma = { .gfp = LAB_DMA, .node = LAB_NODE_LOCAL, .room = LAB_ROOM_ROUTE };
	struct labyrinth *small, *none;
	const char *why = NULL;
	unsigned int owner;
	void *metadata;
	size_t bytes;

	(void)state;
	spec.clients = 1;
	small = born(&spec);
	assert_int_equal(lab_client_open(small, &dma, &owner, NULL), -LAB_ENXIO); /* no such zone */
	free(small);
	spec.processes = 2;
	bytes = lab_metadata_bytes(&spec);
	metadata = zeroed(bytes);
	assert_int_equal(lab_birth(&spec, metadata, bytes, &none, NULL, &why), -LAB_EINVAL); /* no identity word */
	assert_non_null(strstr(why, "identity"));
	free(metadata);
	if (!IS_64_BIT) {
		spec.processes = LAB_OWNER_MAX - 8; /* and one client */
		assert_int_equal(lab_metadata_bytes(&spec), 0);
	}
}

static void small_edges(void **state)
{
	struct lab_client_spec spec = client_spec(2, 0), blocks = client_spec(0, 0);
	unsigned int owner = opened(&spec), other;
	struct lab_page *page[4], *block;
	struct lab_refusal one;
	unsigned int i;

	(void)state;
	assert_int_equal(lab_client_resize(lab, owner, 4, NULL), 0); /* maximum 0: the contract's only */
	refused(owner, 0, 3, -LAB_EDQUOT);
	refused(owner, 0, 3, -LAB_EDQUOT);
	assert_int_equal(lab_refusals(lab, &one, 1), 1);
	assert_int_equal(one.sequence, 2);
	lab->memory[3].turn = 2 * (3 + LAB_REFUSALS_KEPT); /* a later one has the place already */
	refused(owner, 0, 3, -LAB_EDQUOT);
	assert_int_equal(lab->memory[3].turn, 2 * (3 + LAB_REFUSALS_KEPT));
	assert_int_equal(lab_page_withdraw(lab, (struct lab_page *)lab, owner), -LAB_EALREADY);
	blocks.blocks = 1;
	blocks.block_order = 2;
	blocks.maximum = LAB_UNLIMITED;
	other = opened(&blocks);
	block = asked(other, 0, 2, LAB_FROM_CONTRACT);
	assert_int_equal(lab_client_abandon(lab, other, NULL), 0); /* nothing is guaranteed then: it may be split */
	assert_int_equal(lab_split(lab, block, 2), 0);
	assert_int_equal(lab_client_release(lab, other), 0);
	blocks = client_spec(0, LAB_UNLIMITED);
	blocks.reserve_share = LAB_UNLIMITED;
	other = opened(&blocks);
	for (i = 0; i < 4; i++)
		page[i] = asked(other, 0, 0, LAB_FROM_COMMONS);
	for (i = 0; i < 4; i++)
		assert_int_equal(lab_page_offer(lab, page[i], other), 0);
	assert_int_equal(lab_page_withdraw(lab, page[1], other), 0);
	assert_int_equal(lab_page_offer(lab, page[1], other), 0); /* the newest, in a place before older ones */
	drain(lab, LAB_MEMALLOC, (int *)&i);
	assert_ptr_equal(asked(other, LAB_EXTRA_QUALITY, 0, LAB_FROM_OFFER), page[0]);
	assert_ptr_equal(asked(other, LAB_EXTRA_QUALITY, 0, LAB_FROM_OFFER), page[2]);
	block = lab_frame_page(lab, lab_page_frame(lab, page[0]));
	assert_int_equal(lab_frame_offline(lab, lab_page_frame(lab, block)), -LAB_EBUSY);
	assert_int_equal(lab_free_as(lab, block, 0, other, 0), 0); /* out of service; no contract to make up for */
	assert_int_equal(lab_contract_frames(1, UINT64_MAX, UINT64_MAX, 0, 1), 0);
	assert_int_equal(lab_contract_frames(1, 0, UINT64_MAX, 0, 1), 0);
	assert_whole(lab);
}

/* A share without a limit; a reserve that none is drawn from. */
static void large_blocks_go_out_of_service(void **state)
{
	struct lab_client_spec spec = client_spec(0, LAB_UNLIMITED);
	unsigned int owner;
	struct lab_page *block;

	(void)state;
	spec.frames = 1;
	owner = opened(&spec);
	block = asked(owner, 0, 3, LAB_FROM_COMMONS);
	assert_int_equal(lab_frame_offline(lab, lab_page_frame(lab, block)), -LAB_EBUSY);
	assert_int_equal(lab_free_as(lab, block, 3, owner, 0), 0);
	assert_int_equal(stats_of(owner).frames_in, 1);
	assert_whole(lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_calculator_opens, setup, teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_opened, setup, teardown),
		cmocka_unit_test_setup_teardown(resized_at_the_edges, setup, teardown),
		cmocka_unit_test_setup_teardown(an_orphan_is_the_recoverers, setup, teardown),
		cmocka_unit_test_setup_teardown(many_out_are_named_in_part, setup, teardown),
		cmocka_unit_test_setup_teardown(each_in_turn, setup, teardown),
		cmocka_unit_test(before_birth),
		cmocka_unit_test_setup_teardown(full_fields, setup, teardown),
		cmocka_unit_test(specifications),
		cmocka_unit_test_setup_teardown(of_the_same_birth, setup, teardown),
		cmocka_unit_test_setup_teardown(small_edges, setup, teardown),
		cmocka_unit_test_setup_teardown(large_blocks_go_out_of_service, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
