/* SPDX-License-Identifier: MIT */
/*
 * test_handover.c - pages handed over between clients, with and without contracts, to and from owners that are none; what is refused
 * changes nothing.
 */
#include "../support/clients.h"

#define PLAIN 7u /* an owner that is no client */
#define CLIENTS 8u /* as born: theirs are the highest numbers */

static void what_is_refused(void **state)
{
	struct lab_client_spec spec = client_spec(1, LAB_UNLIMITED), none = client_spec(0, 1);
	unsigned int from = opened(&spec), to = opened(&none), quarantined = opened(&none);
	struct lab_page *page = asked(from, 0, 0, LAB_FROM_CONTRACT), *theirs;

	(void)state;
	theirs = asked(quarantined, 0, 0, LAB_FROM_COMMONS);
	assert_int_equal(lab_client_abandon(lab, quarantined, NULL), 0);
	assert_int_equal(lab_page_hand_over(lab, page, LAB_ORDER_MAX + 1, from, to), -LAB_EINVAL);
	assert_int_equal(lab_page_hand_over(lab, page, 0, LAB_OWNER_MAX + 1, to), -LAB_EINVAL);
	assert_int_equal(lab_page_hand_over(lab, page, 0, from, LAB_OWNER_MAX + 1), -LAB_EINVAL);
	assert_int_equal(lab_page_hand_over(lab, page, 1, from, to), -LAB_EMSGSIZE);
	assert_int_equal(lab_page_hand_over(lab, NULL, 0, from, to), -LAB_ERANGE);
	assert_int_equal(lab_page_hand_over(lab, page, 0, from, quarantined), -LAB_EBADF);
	assert_int_equal(lab_page_hand_over(lab, page, 0, from, LAB_OWNER_MAX), -LAB_EBADF); /* a client's, closed */
	assert_int_equal(lab_page_hand_over(lab, theirs, 0, quarantined, to), -LAB_EBADF);
	asked(to, 0, 0, LAB_FROM_COMMONS);
	assert_int_equal(lab_page_hand_over(lab, page, 0, from, to), -LAB_EDQUOT); /* its maximum */
	assert_int_equal(lab_page_offer(lab, NULL, from), -LAB_ERANGE);
	assert_int_equal(stats_of(from).charge, 1);
	assert_int_equal(stats_of(to).charge, 1);
	spec.frames = 0;
	from = opened(&spec);
	page = asked(from, 0, 0, LAB_FROM_COMMONS);
	assert_int_equal(lab_page_hand_over(lab, page, 0, from, to), -LAB_EDQUOT); /* unpaid, too */
	assert_whole(lab);
}

static void to_and_from_others(void **state)
{
	struct lab_client_spec spec = client_spec(1, LAB_UNLIMITED), none = client_spec(0, LAB_UNLIMITED);
	unsigned int with = opened(&spec), without = opened(&none);
	struct lab_page *page = asked(with, 0, 0, LAB_FROM_CONTRACT), *block = asked(with, 0, 3, LAB_FROM_COMMONS);

	(void)state;
	assert_int_equal(lab_page_hand_over(lab, page, 0, with, PLAIN), 0); /* paid for by nobody in particular */
	assert_int_equal(stats_of(with).frames_in, 1);
	assert_int_equal(lab_page_hand_over(lab, page, 0, PLAIN, LAB_OWNER_MAX - CLIENTS), 0); /* the highest that is no client's */
	assert_int_equal(lab_page_hand_over(lab, page, 0, LAB_OWNER_MAX - CLIENTS, without), 0);
	assert_int_equal(lab_page_hand_over(lab, page, 0, without, PLAIN), 0);
	assert_int_equal(lab_free_as(lab, page, 0, PLAIN, 0), 0);
	assert_int_equal(lab_page_hand_over(lab, block, 3, with, without), 0); /* no blocks are guaranteed: unpaid */
	assert_int_equal(stats_of(with).charge, 0);
	assert_int_equal(stats_of(without).charge, 8);
	assert_int_equal(lab_free_as(lab, block, 3, without, 0), 0);
	assert_whole(lab);
}

/* Paid out of the receiver's own contract, for a page of the same room. */
static void paid_from_a_contract(void **state)
{
	struct lab_client_spec spec = client_spec(1, 0), roomy = client_spec(1, LAB_UNLIMITED);
	unsigned int from = opened(&roomy), to = opened(&spec);
	struct lab_page *page = asked(from, 0, 0, LAB_FROM_CONTRACT);

	(void)state;
	assert_int_equal(lab_page_hand_over(lab, page, 0, from, to), 0);
	assert_int_equal(stats_of(to).frames_in, 0);
	assert_int_equal(lab_free_as(lab, page, 0, to, 0), 0);
	assert_int_equal(stats_of(to).frames_in, 1);
	assert_whole(lab);
}

/* The page is freed, or marked bad, between the look and the change: by its tag, as if another had been there. */
static void lost_after_paying(void **state)
{
	struct lab_client_spec spec = client_spec(1, LAB_UNLIMITED), none = client_spec(0, LAB_UNLIMITED);
	unsigned int from = opened(&spec), to = opened(&none);
	struct lab_page *page = asked(from, 0, 0, LAB_FROM_CONTRACT);

	(void)state;
	assert_int_equal(lab_frame_offline(lab, lab_page_frame(lab, page)), -LAB_EBUSY);
	assert_int_equal(lab_page_hand_over(lab, page, 0, from, to), 0); /* its mark goes along */
	assert_int_equal(lab_free_as(lab, page, 0, to, 0), 0);
	assert_int_equal(stats_of(from).frames_in, 1);
	assert_whole(lab);
}

static void a_debt_of_part_of_a_block(void **state)
{
	struct lab_client_spec spec = client_spec(0, LAB_UNLIMITED);
	unsigned int from, to;
	struct lab_page *page, *block;
	int error;

	(void)state;
	spec.reserve_share = 16;
	from = opened(&spec);
	to = opened(&spec);
	block = asked(from, 0, 3, LAB_FROM_COMMONS);
	drain(lab, 0, &error);
	page = asked(from, LAB_GFP_ATOMIC, 0, LAB_FROM_RESERVE);
	assert_int_equal(stats_of(from).debt, 1);
	assert_int_equal(lab_page_hand_over(lab, block, 3, from, to), 0); /* takes all the debt there is along: one of eight */
	assert_int_equal(stats_of(from).debt, 0);
	assert_int_equal(stats_of(to).debt, 1);
	assert_int_equal(lab_free_as(lab, block, 3, to, 0), 0);
	assert_int_equal(lab_free_as(lab, page, 0, from, 0), 0);
	assert_int_equal(stats_of(to).debt, 0);
	assert_whole(lab);
}

/* The giver's contract is of one room, and the page of another's reserves: its contract lacks nothing, and the debt goes along. */
static void of_another_room(void **state)
{
	struct lab_client_spec giver = client_spec(1, LAB_UNLIMITED), none = client_spec(0, LAB_UNLIMITED);
	unsigned int from, without_share, to;
	struct lab_page *kept, *page;
	int error;

	(void)state;
	giver.room = 0;
	giver.reserve_share = 16;
	from = opened(&giver);
	without_share = opened(&none);
	none.reserve_share = 16;
	to = opened(&none);
	kept = asked(from, 0, 0, LAB_FROM_CONTRACT);
	drain(lab, 0, &error);
	page = asked(from, LAB_GFP_ATOMIC, 0, LAB_FROM_RESERVE);
	assert_int_equal(lab_page_hand_over(lab, page, 0, from, without_share), -LAB_EDQUOT);
	assert_int_equal(stats_of(from).debt, 1);
	assert_int_equal(lab_page_hand_over(lab, page, 0, from, to), 0);
	assert_int_equal(stats_of(from).debt, 0);
	assert_int_equal(stats_of(to).debt, 1);
	assert_int_equal(lab_free_as(lab, kept, 0, from, 0), 0);
	assert_int_equal(stats_of(from).frames_in, 1);
	assert_int_equal(lab_free_as(lab, page, 0, to, 0), 0);
	assert_int_equal(stats_of(to).debt, 0);
	assert_whole(lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(to_and_from_others, setup, teardown),
		cmocka_unit_test_setup_teardown(paid_from_a_contract, setup, teardown),
		cmocka_unit_test_setup_teardown(lost_after_paying, setup, teardown),
		cmocka_unit_test_setup_teardown(a_debt_of_part_of_a_block, setup, teardown),
		cmocka_unit_test_setup_teardown(of_another_room, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
