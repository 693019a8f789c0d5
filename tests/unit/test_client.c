/* SPDX-License-Identifier: MIT */
/*
 * test_client.c - clients: what a contract gives and what ends it, limits, shares, offers, handing over, refusals remembered.
 */
#include "../support/clients.h"

static void contract_holds_when_all_is_drained(void **state)
{
	struct lab_client_spec spec = client_spec(600, 0);
	static struct lab_page *mine[600], *others[FRAMES + 1024];
	unsigned int owner = opened(&spec), n, i, round;

	(void)state;
	assert_whole(lab);
	n = drain_all(others);
	assert_int_equal(n, FRAMES + 1024 - 600);
	for (round = 0; round < 3; round++) {
		for (i = 0; i < 600; i++)
			mine[i] = asked(owner, 0, 0, LAB_FROM_CONTRACT);
		refused(owner, 0, 0, -LAB_EDQUOT);
		refused(owner, LAB_MEMALLOC, 3, -LAB_EDQUOT);
		assert_whole(lab);
		assert_int_equal(lab_client_close(lab, owner, NULL), -LAB_EBUSY);
		for (i = 0; i < 600; i++)
			assert_int_equal(lab_free_as(lab, mine[i], 0, owner, 0), 0);
	}
	assert_int_equal(stats_of(owner).contract, 1800);
	assert_int_equal(stats_of(owner).frames_in, 600);
	assert_int_equal(lab_client_close(lab, owner, NULL), 0);
	refused(owner, 0, 0, -LAB_EBADF);
	assert_int_equal(free_frames(lab, 0) + free_frames(lab, 1), 600);
	for (i = 0; i < n; i++)
		assert_int_equal(lab_free_pages(lab, others[i], 0), 0);
	assert_whole(lab);
}

static void beyond_the_contract_up_to_the_maximum(void **state)
{
	struct lab_client_spec spec = client_spec(2, 5);
	unsigned int owner = opened(&spec), i;
	struct lab_page *page[5];

	(void)state;
	for (i = 0; i < 5; i++)
		page[i] = asked(owner, 0, 0, i < 2 ? LAB_FROM_CONTRACT : LAB_FROM_COMMONS);
	refused(owner, 0, 0, -LAB_EDQUOT);
	assert_int_equal(counted(lab, LAB_COUNT_QUOTA), 1);
	assert_int_equal(lab_free_as(lab, page[4], 0, owner, 0), 0); /* into the contract, wherever it came from */
	assert_int_equal(stats_of(owner).frames_in, 1);
	asked(owner, 0, 0, LAB_FROM_CONTRACT);
	assert_whole(lab);
}

static void unclaimed_guarantees_count(void **state)
{
	struct lab_client_spec spec = client_spec(4, 16);
	unsigned int owner;

	(void)state;
	spec.blocks = 1;
	spec.block_order = 3;
	owner = opened(&spec); /* 4 + 8 guaranteed of 16: 4 are left for everything else */
	asked(owner, 0, 2, LAB_FROM_COMMONS);
	refused(owner, 0, 2, -LAB_EDQUOT);
	asked(owner, 0, 3, LAB_FROM_CONTRACT);
	refused(owner, 0, 3, -LAB_EDQUOT);
	asked(owner, 0, 0, LAB_FROM_CONTRACT);
	assert_int_equal(stats_of(owner).charge, 13);
	assert_whole(lab);
}

static void blocks_are_guaranteed(void **state)
{
	struct lab_client_spec spec = client_spec(0, 0);
	static struct lab_page *others[FRAMES + 1024];
	struct lab_page *block[8];
	unsigned int owner, i, round;

	(void)state;
	spec.blocks = 8;
	spec.block_order = 9;
	spec.gfp = 0;
	spec.maximum = 0;
	spec.frames = 0;
	spec.blocks = 4;
	owner = opened(&spec);
	assert_whole(lab);
	drain_all(others);
	for (round = 0; round < 2; round++) {
		for (i = 0; i < 4; i++)
			block[i] = asked(owner, 0, 9, LAB_FROM_CONTRACT);
		refused(owner, 0, 9, -LAB_EDQUOT);
		for (i = 0; i < 4; i++)
			assert_int_equal(lab_free_as(lab, block[i], 9, owner, 0), 0);
		assert_whole(lab);
	}
	assert_int_equal(lab_client_close(lab, owner, NULL), 0);
	assert_int_equal(free_frames(lab, 1), 4 * 512);
}

static void opening_is_refused_with_what_would_fit(void **state)
{
	struct lab_client_spec spec = client_spec(600, 0);
	struct lab_client_fit fit;
	unsigned int owner[8], i, none;

	(void)state;
	spec.gfp = LAB_DMA; /* 1024 frames */
	owner[0] = opened(&spec);
	assert_int_equal(lab_client_open(lab, &spec, &none, &fit), -LAB_ENOSPC);
	assert_int_equal(fit.frames, 424);
	spec.frames = (uint32_t)fit.frames;
	owner[1] = opened(&spec);
	assert_int_equal(lab_client_open(lab, &spec, &none, &fit), -LAB_ENOSPC);
	assert_int_equal(fit.frames, 0);
	spec.gfp = 0;
	spec.frames = 1;
	for (i = 2; i < 8; i++)
		owner[i] = opened(&spec);
	assert_int_equal(lab_client_open(lab, &spec, &none, NULL), -LAB_EUSERS);
	assert_whole(lab);
	for (i = 0; i < 8; i++)
		assert_int_equal(lab_client_close(lab, owner[i], NULL), 0);
	assert_int_equal(lab_client_next(lab, 0), 0);
	spec.frames = 601;
	assert_int_equal(lab_client_open(lab, &spec, &none, NULL), -LAB_EINVAL);
	spec = client_spec(10, 9);
	assert_int_equal(lab_client_open(lab, &spec, &none, NULL), -LAB_EINVAL);
	spec = client_spec(0, 0);
	spec.blocks = 1;
	assert_int_equal(lab_client_open(lab, &spec, &none, NULL), -LAB_EINVAL);
	assert_whole(lab);
}

static void guarantees_touch_no_reserve(void **state)
{
	struct lab_client_spec spec = client_spec(600, 0);
	struct lab_client_fit fit;
	unsigned int owner, error;
	int got;

	(void)state;
	drain(lab, 0, &got); /* down to min, both rooms */
	assert_int_equal(got, -LAB_ENOMEM);
	error = (unsigned int)-lab_client_open(lab, &spec, &owner, &fit);
	assert_int_equal(error, LAB_ENOSPC);
	assert_int_equal(free_frames(lab, 1), 100);
}

static void resized_while_frames_are_out(void **state)
{
	struct lab_client_spec spec = client_spec(10, LAB_UNLIMITED);
	unsigned int owner = opened(&spec), i;
	struct lab_page *page[10];
	struct lab_client_fit fit;

	(void)state;
	for (i = 0; i < 10; i++)
		page[i] = asked(owner, 0, 0, LAB_FROM_CONTRACT);
	assert_int_equal(lab_client_resize(lab, owner, 4, &fit), 0);
	assert_int_equal(stats_of(owner).frames, 4);
	assert_int_equal(lab_client_resize(lab, owner, 7, NULL), 0);
	assert_int_equal(stats_of(owner).frames_in, 3);
	for (i = 0; i < 10; i++)
		assert_int_equal(lab_free_as(lab, page[i], 0, owner, 0), 0);
	assert_int_equal(stats_of(owner).frames_in, 7);
	assert_whole(lab);
	spec.gfp = LAB_DMA;
	assert_int_equal(lab_client_resize(lab, owner, 600, NULL), 0);
	assert_int_equal(lab_client_resize(lab, owner, 0, NULL), 0);
	assert_int_equal(lab_client_resize(lab, owner, 601, NULL), -LAB_EINVAL);
	assert_whole(lab);
	assert_int_equal(lab_client_close(lab, owner, NULL), 0);
	assert_int_equal(lab_client_resize(lab, owner, 1, NULL), -LAB_EBADF);
}

static void closing_names_what_is_out(void **state)
{
	struct lab_client_spec spec = client_spec(4, LAB_UNLIMITED);
	unsigned int owner = opened(&spec);
	struct lab_page *one = asked(owner, 0, 0, LAB_FROM_CONTRACT), *two = asked(owner, 0, 3, LAB_FROM_COMMONS);
	struct lab_client_out out;

	(void)state;
	assert_int_equal(lab_client_close(lab, owner, &out), -LAB_EBUSY);
	assert_int_equal(out.frames, 9);
	assert_int_equal(out.named, 2);
	assert_true(out.frame[0] == lab_page_frame(lab, one) || out.frame[1] == lab_page_frame(lab, one));
	assert_int_equal(lab_client_abandon(lab, owner, &out), 0);
	assert_int_equal(out.frames, 9);
	refused(owner, 0, 0, -LAB_EBADF);
	assert_true(stats_of(owner).quarantined);
	assert_int_equal(stats_of(owner).frames_in, 0);
	assert_whole(lab);
	assert_int_equal(lab_free_as(lab, two, 3, owner, 0), 0); /* a late one */
	assert_int_equal(lab_client_release(lab, owner), 0);
	assert_int_equal(free_frames(lab, 0) + free_frames(lab, 1), FRAMES + 1024);
	assert_int_equal(lab_client_release(lab, owner), -LAB_EBADF);
	assert_whole(lab);
}

static void shares_of_the_reserves(void **state)
{
	struct lab_client_spec spec = client_spec(0, LAB_UNLIMITED);
	unsigned int greedy, modest, i;
	struct lab_page *page[20];
	int error;

	(void)state;
	spec.reserve_share = 10;
	greedy = opened(&spec);
	modest = opened(&spec);
	drain(lab, 0, &error);
	for (i = 0; i < 10; i++)
		page[i] = asked(greedy, LAB_GFP_ATOMIC, 0, LAB_FROM_RESERVE);
	refused(greedy, LAB_GFP_ATOMIC, 0, -LAB_EDQUOT);
	assert_int_equal(stats_of(greedy).debt, 10);
	for (i = 0; i < 10; i++)
		asked(modest, LAB_GFP_ATOMIC, 0, LAB_FROM_RESERVE);
	refused(greedy, 0, 0, -LAB_ENOMEM); /* no right to them at all */
	assert_int_equal(lab_free_as(lab, page[3], 0, greedy, 0), 0);
	assert_int_equal(stats_of(greedy).debt, 9);
	asked(greedy, LAB_EXTRA_QUALITY, 0, LAB_FROM_RESERVE); /* a share whatever the flags */
	refused(greedy, LAB_EXTRA_QUALITY, 0, -LAB_EDQUOT);
	assert_whole(lab);
}

static void extra_quality_ends_with_the_oldest_offer(void **state)
{
	struct lab_client_spec spec = client_spec(1, LAB_UNLIMITED);
	unsigned int owner = opened(&spec), i;
	struct lab_page *offer[3], *got;
	struct lab_ref ref;
	int error;

	(void)state;
	asked(owner, 0, 0, LAB_FROM_CONTRACT);
	for (i = 0; i < 3; i++)
		offer[i] = asked(owner, 0, 0, LAB_FROM_COMMONS);
	assert_int_equal(lab_page_ref(lab, offer[0], &ref), 0);
	for (i = 0; i < 3; i++)
		assert_int_equal(lab_page_offer(lab, offer[i], owner), 0);
	assert_int_equal(lab_page_offer(lab, offer[0], owner), -LAB_EALREADY);
	assert_int_equal(lab_free_as(lab, offer[1], 0, owner, 0), -LAB_EALREADY);
	drain(lab, LAB_MEMALLOC, &error);
	assert_whole(lab);
	refused(owner, LAB_MEMALLOC, 0, -LAB_EDQUOT); /* no share of the reserves */
	refused(owner, LAB_EXTRA_QUALITY | LAB_RAW, 0, -LAB_ENOMEM);
	assert_int_equal(lab_page_withdraw(lab, offer[1], owner), 0);
	assert_int_equal(lab_page_withdraw(lab, offer[1], owner), -LAB_EALREADY);
	got = asked(owner, LAB_EXTRA_QUALITY, 0, LAB_FROM_OFFER);
	assert_ptr_equal(got, offer[0]);
	assert_int_equal(lab_free_ref(lab, ref, 0, owner), -LAB_ESTALE);
	assert_ptr_equal(asked(owner, LAB_EXTRA_QUALITY, 0, LAB_FROM_OFFER), offer[2]);
	refused(owner, LAB_EXTRA_QUALITY, 0, -LAB_EDQUOT);
	assert_int_equal(stats_of(owner).charge, 4);
	assert_whole(lab);
	assert_int_equal(lab_free_as(lab, offer[1], 0, owner, 0), 0);
	asked(owner, LAB_RAW, 0, LAB_FROM_CONTRACT);
	assert_int_equal(lab_ptr_err(lab_alloc_pages(lab, LAB_EXTRA_QUALITY, 0)), -LAB_EINVAL);
	assert_int_equal(lab_ptr_err(lab_alloc_pages(lab, LAB_RAW, 0)), -LAB_EINVAL);
}

static void an_offer_serves_at_the_maximum_and_on_the_way_only(void **state)
{
	struct lab_client_spec spec = client_spec(0, 2);
	unsigned int owner = opened(&spec);
	struct lab_page *low = asked(owner, LAB_DMA, 0, LAB_FROM_COMMONS), *high = asked(owner, 0, 0, LAB_FROM_COMMONS);

	(void)state;
	assert_int_equal(lab_page_offer(lab, high, owner), 0);
	assert_int_equal(lab_page_offer(lab, low, owner), 0);
	refused(owner, 0, 0, -LAB_EDQUOT);
	assert_ptr_equal(asked(owner, LAB_EXTRA_QUALITY | LAB_DMA, 0, LAB_FROM_OFFER), low); /* the other is older, and no DMA */
	refused(owner, LAB_EXTRA_QUALITY | LAB_DMA, 0, -LAB_EDQUOT);
	assert_ptr_equal(asked(owner, LAB_EXTRA_QUALITY, 0, LAB_FROM_OFFER), high);
	assert_int_equal(stats_of(owner).charge, 2);
	assert_whole(lab);
}

static void offers_are_few(void **state)
{
	struct lab_client_spec spec = client_spec(0, LAB_UNLIMITED);
	unsigned int owner = opened(&spec), i;
	struct lab_page *page = NULL;

	(void)state;
	for (i = 0; i <= LAB_CLIENT_OFFERS; i++) {
		page = asked(owner, 0, 0, LAB_FROM_COMMONS);
		assert_int_equal(lab_page_offer(lab, page, owner), i < LAB_CLIENT_OFFERS ? 0 : -LAB_ENOBUFS);
	}
	assert_int_equal(lab_free_as(lab, page, 0, owner, 0), 0);
	assert_int_equal(lab_client_abandon(lab, owner, NULL), 0);
	assert_int_equal(lab_client_release(lab, owner), 0);
	assert_int_equal(free_frames(lab, 0) + free_frames(lab, 1), FRAMES + 1024);
	assert_whole(lab);
}

static void handed_over_and_paid(void **state)
{
	struct lab_client_spec giver = client_spec(1, 0), receiver = client_spec(0, 2);
	unsigned int from = opened(&giver), to = opened(&receiver);
	struct lab_page *page = asked(from, 0, 0, LAB_FROM_CONTRACT), *more;
	struct lab_ref ref;
	int error;

	(void)state;
	assert_int_equal(lab_page_ref(lab, page, &ref), 0);
	assert_int_equal(lab_page_hand_over(lab, page, 0, to, from), -LAB_EPERM);
	assert_whole(lab);
	assert_int_equal(lab_page_hand_over(lab, page, 0, from, to), 0);
	assert_int_equal(lab_free_as(lab, page, 0, from, 0), -LAB_EPERM);
	assert_int_equal(lab_free_ref(lab, ref, 0, to), -LAB_ESTALE);
	assert_int_equal(stats_of(from).charge, 0);
	assert_int_equal(stats_of(to).charge, 1);
	assert_int_equal(stats_of(from).frames_in, 1); /* the guarantee is whole */
	drain(lab, 0, &error); /* what the receiver could have */
	more = asked(from, 0, 0, LAB_FROM_CONTRACT);
	assert_int_equal(lab_page_hand_over(lab, more, 0, from, to), -LAB_ENOMEM); /* nothing to pay with */
	assert_int_equal(stats_of(from).charge, 1);
	assert_whole(lab);
	assert_int_equal(lab_free_as(lab, page, 0, to, 0), 0);
	assert_int_equal(lab_page_hand_over(lab, page, 0, from, to), -LAB_EALREADY);
	assert_int_equal(lab_page_hand_over(lab, more, 0, from, to), 0);
	assert_int_equal(stats_of(from).frames_in, 1);
	assert_whole(lab);
}

static void other_calls_are_charged(void **state)
{
	struct lab_client_spec spec = client_spec(0, 4);
	unsigned int owner = opened(&spec), i;
	struct lab_request request = LAB_REQUEST(0, 1);
	struct lab_page *block;

	(void)state;
	request.owner = (uint16_t)owner;
	block = lab_alloc_at(lab, 4096 + 2048, &request);
	assert_int_equal(lab_ptr_err(block), 0);
	assert_int_equal(stats_of(owner).charge, 2);
	assert_int_equal(lab_ptr_err(lab_alloc_at(lab, 4096 + 2048, &request)), -LAB_EBUSY);
	assert_int_equal(stats_of(owner).charge, 2);
	request.order = 2;
	assert_int_equal(lab_ptr_err(lab_alloc_at(lab, 4096 + 2052, &request)), -LAB_EDQUOT);
	assert_int_equal(lab_split(lab, block, 1), 0);
	assert_int_equal(stats_of(owner).charge, 2);
	assert_whole(lab);
	for (i = 0; i < 2; i++)
		assert_int_equal(lab_free_as(lab, block + i, 0, owner, 0), 0);
	assert_int_equal(stats_of(owner).charge, 0);
	assert_int_equal(lab_client_close(lab, owner, NULL), 0);
	spec = client_spec(0, 0);
	spec.blocks = spec.block_order = 2;
	owner = opened(&spec);
	assert_int_equal(lab_split(lab, asked(owner, 0, 2, LAB_FROM_CONTRACT), 2), -LAB_EDQUOT); /* it would go missing */
	assert_whole(lab);
}

static void poisoned_frames_of_a_contract_are_replaced(void **state)
{
	struct lab_client_spec spec = client_spec(1, 0);
	unsigned int owner = opened(&spec);
	struct lab_page *page = asked(owner, 0, 0, LAB_FROM_CONTRACT);

	(void)state;
	assert_int_equal(lab_frame_offline(lab, lab_page_frame(lab, page)), -LAB_EBUSY);
	assert_int_equal(lab_page_offer(lab, page, owner), -LAB_EHWPOISON);
	assert_int_equal(lab_free_as(lab, page, 0, owner, 0), 0);
	assert_int_equal(stats_of(owner).frames_in, 1);
	assert_ptr_not_equal(asked(owner, 0, 0, LAB_FROM_CONTRACT), page);
	assert_whole(lab);
}

static void refusals_are_remembered(void **state)
{
	struct lab_client_spec spec = client_spec(0, 1);
	struct lab_refusal list[LAB_REFUSALS_KEPT];
	struct lab_first_refusal first;
	unsigned int owner, i;
	int error;

	(void)state;
	spec.reserve_share = 1;
	owner = opened(&spec);
	assert_int_equal(lab_refusals(lab, list, LAB_REFUSALS_KEPT), 0);
	assert_int_equal(lab_first_refusal(lab, &first), -LAB_ENODATA);
	drain(lab, 0, &error);
	assert_int_equal(lab_refusals(lab, list, LAB_REFUSALS_KEPT), 1);
	assert_int_equal(list[0].error, -LAB_ENOMEM);
	assert_int_equal(list[0].room, 1);
	assert_int_equal(list[0].remedy, LAB_REMEDY_RIGHT);
	assert_int_equal(list[0].remedy_right, LAB_RIGHT_HIGH);
	assert_int_equal(list[0].floor, 100);
	assert_int_equal(lab_first_refusal(lab, &first), 0);
	assert_int_equal(first.refusal.sequence, 1);
	assert_false(first.room[1].commons);
	assert_int_equal(first.room[1].bands, 7);
	asked(owner, LAB_MEMALLOC | LAB_EXTRA_QUALITY, 0, LAB_FROM_RESERVE);
	for (i = 0; i < 100; i++)
		refused(owner, 0, 0, -LAB_EDQUOT);
	refused(owner, LAB_NOWARN, 0, -LAB_EDQUOT); /* asked not to be remembered */
	assert_int_equal(lab_refusals(lab, list, LAB_REFUSALS_KEPT), LAB_REFUSALS_KEPT);
	assert_int_equal(list[0].sequence, 101);
	assert_int_equal(list[0].remedy, LAB_REMEDY_QUOTA);
	assert_int_equal(list[LAB_REFUSALS_KEPT - 1].sequence, 101 - LAB_REFUSALS_KEPT + 1);
}

/* A larger share is only told to help where there is something to be had with it. */
static void a_share_of_nothing(void **state)
{
	struct lab_client_spec spec = client_spec(0, LAB_UNLIMITED);
	struct lab_refusal last;
	unsigned int owner;
	int error;

	(void)state;
	spec.reserve_share = 0;
	owner = opened(&spec);
	drain(lab, 0, &error);
	refused(owner, LAB_MEMALLOC, 0, -LAB_EDQUOT);
	assert_int_equal(lab_refusals(lab, &last, 1), 1);
	assert_int_equal(last.remedy, LAB_REMEDY_SHARE);
	drain(lab, LAB_MEMALLOC, &error);
	refused(owner, LAB_MEMALLOC, 0, -LAB_EDQUOT);
	assert_int_equal(lab_refusals(lab, &last, 1), 1);
	assert_int_equal(last.remedy, LAB_REMEDY_NONE);
}

static void a_share_binds_whatever_else_is_freed(void **state)
{
	struct lab_client_spec spec = client_spec(4, LAB_UNLIMITED);
	struct lab_page *own[4], *low, *reserve;
	unsigned int owner, other, i;
	struct lab_request at = LAB_REQUEST(LAB_MEMALLOC, 0);
	int error;

	(void)state;
	spec.reserve_share = 1;
	owner = opened(&spec);
	spec.frames = 0;
	other = opened(&spec);
	for (i = 0; i < 4; i++)
		own[i] = asked(owner, 0, 0, LAB_FROM_CONTRACT);
	low = asked(owner, LAB_DMA, 0, LAB_FROM_COMMONS);
	drain(lab, 0, &error);
	reserve = asked(owner, LAB_GFP_ATOMIC, 0, LAB_FROM_RESERVE);
	assert_int_equal(lab_free_as(lab, own[0], 0, owner, 0), 0); /* into the contract: no reserve has got anything */
	assert_int_equal(lab_free_as(lab, low, 0, owner, 0), 0);    /* another room's */
	assert_int_equal(stats_of(owner).debt, 1);
	asked(owner, LAB_GFP_ATOMIC, 0, LAB_FROM_CONTRACT);
	asked(owner, LAB_GFP_ATOMIC | LAB_DMA, 0, LAB_FROM_COMMONS);
	refused(owner, LAB_GFP_ATOMIC, 0, -LAB_EDQUOT);
	at.owner = (uint16_t)owner;
	for (i = 0; i < FRAMES; i++)
		assert_true(lab_is_err(lab_alloc_at(lab, 4096 + i, &at))); /* no way round */
	assert_int_equal(lab_page_hand_over(lab, reserve, 0, owner, owner), -LAB_EINVAL);
	assert_int_equal(lab_free_as(lab, reserve, 0, owner, 0), 0); /* the contract was empty: it stays ours */
	assert_int_equal(stats_of(owner).debt, 1);
	for (i = 1; i < 4; i++)
		assert_int_equal(lab_free_as(lab, own[i], 0, owner, 0), 0);
	assert_int_equal(stats_of(owner).debt, 1);
	(void)other;
	assert_whole(lab);
}

static void a_debt_goes_with_the_page(void **state)
{
	struct lab_client_spec spec = client_spec(0, LAB_UNLIMITED);
	unsigned int from, to, none;
	struct lab_page *page;
	int error;

	(void)state;
	spec.reserve_share = 1;
	from = opened(&spec);
	to = opened(&spec);
	spec.reserve_share = 0;
	none = opened(&spec);
	drain(lab, 0, &error);
	page = asked(from, LAB_GFP_ATOMIC, 0, LAB_FROM_RESERVE);
	assert_int_equal(lab_page_hand_over(lab, page, 0, from, none), -LAB_EDQUOT);
	assert_int_equal(lab_page_hand_over(lab, page, 0, from, to), 0);
	assert_int_equal(stats_of(from).debt, 0);
	assert_int_equal(stats_of(to).debt, 1);
	assert_whole(lab);
	assert_int_equal(lab_free_as(lab, page, 0, to, 0), 0);
	assert_int_equal(stats_of(to).debt, 0);
	assert_whole(lab);
}

static void payment_of_another_room_is_not_from_the_contract(void **state)
{
	struct lab_client_spec giver = client_spec(1, LAB_UNLIMITED), receiver = client_spec(1, LAB_UNLIMITED);
	unsigned int from = opened(&giver), to = opened(&receiver);
	struct lab_page *page = asked(from, LAB_DMA, 0, LAB_FROM_COMMONS);
	int error;

	(void)state;
	assert_int_equal(lab_page_hand_over(lab, page, 0, from, to), 0);
	assert_int_equal(lab_free_as(lab, page, 0, to, 0), 0);
	assert_int_equal(stats_of(to).frames_in, 1);
	assert_int_equal(stats_of(from).frames_in, 1);
	drain(lab, LAB_MEMALLOC, &error);
	asked(to, 0, 0, LAB_FROM_CONTRACT);
	asked(from, 0, 0, LAB_FROM_CONTRACT);
	assert_whole(lab);
}

static void what_went_out_of_service_is_made_up_for(void **state)
{
	struct lab_client_spec spec = client_spec(1, 0);
	static struct lab_page *others[FRAMES + 1024];
	unsigned int owner, n, i;
	struct lab_page *page;

	(void)state;
	owner = opened(&spec);
	page = asked(owner, 0, 0, LAB_FROM_CONTRACT);
	n = drain_all(others);
	lab_frame_offline(lab, lab_page_frame(lab, page));
	assert_int_equal(lab_free_as(lab, page, 0, owner, 0), 0);
	assert_int_equal(stats_of(owner).frames_in, 0); /* there is nothing */
	for (i = 0; i < n; i++)
		assert_int_equal(lab_free_pages(lab, others[i], 0), 0);
	assert_int_equal(lab_client_resize(lab, owner, 1, NULL), 0);
	assert_int_equal(stats_of(owner).frames_in, 1);
	assert_whole(lab);
}

static void hostile_numbers(void **state)
{
	static const unsigned int bad[] = { 0, 1, 7, LAB_OWNER_MAX + 1, LAB_OWNER_MAX + 2, 200000000, UINT32_MAX };
	struct lab_client_spec spec = client_spec(1, 8);
	unsigned int owner = opened(&spec), i;
	struct lab_page *page = asked(owner, 0, 2, LAB_FROM_COMMONS);
	struct lab_client_stats stats;
	struct lab_request request = LAB_REQUEST(0, 0);

	(void)state;
	for (i = 0; i < COUNT_OF(bad); i++) {
		assert_int_equal(lab_client_stats(lab, bad[i], &stats), -LAB_EBADF);
		assert_int_equal(lab_client_resize(lab, bad[i], 1, NULL), -LAB_EBADF);
		assert_int_equal(lab_client_close(lab, bad[i], NULL), -LAB_EBADF);
		assert_int_equal(lab_client_abandon(lab, bad[i], NULL), -LAB_EBADF);
		assert_int_equal(lab_client_release(lab, bad[i]), -LAB_EBADF);
		assert_int_equal(lab_page_offer(lab, page, bad[i]), -LAB_EBADF);
		assert_int_equal(lab_page_withdraw(lab, page, bad[i]), -LAB_EBADF);
	}
	assert_int_equal(lab_client_resize(lab, owner, 8, NULL), -LAB_EDQUOT); /* four frames are out beyond it */
	assert_int_equal(lab_client_resize(lab, owner, 4, NULL), 0);
	request.owner = (uint16_t)owner;
	request.use = 5;
	page = lab_alloc_request(lab, &request, NULL);
	assert_int_equal(lab_page_offer(lab, page, owner), 0);
	assert_int_equal(lab_page_withdraw(lab, page, owner), 0);
	assert_int_equal(lab_free_as(lab, page, 0, owner, 5), 0); /* its use is what it was */
	spec.blocks = 1;
	spec.block_order = 200;
	assert_int_equal(lab_client_open(lab, &spec, &owner, NULL), -LAB_EINVAL);
	assert_whole(lab);
}

static void a_place_that_another_writes_to_is_left(void **state)
{
	struct lab_refusal list[LAB_REFUSALS_KEPT];

	(void)state;
	lab->memory[2].turn = 2 * LAB_REFUSALS_KEPT + 1; /* as if it had been stopped there */
	lab->memory[2].refusal.error = 1;
	while (lab->refusals < 3)
		lab_alloc_pages(lab, LAB_GFP_ATOMIC | LAB_DMA, 0);
	assert_int_equal(lab_refusals(lab, list, LAB_REFUSALS_KEPT), 2);
	assert_int_equal(list[0].sequence, 3);
	assert_int_equal(list[1].sequence, 1);
	assert_int_equal(lab->memory[2].refusal.error, 1);
}

static void a_thousand_clients(void **state)
{
	static unsigned int owner[1000];
	static struct lab_page *page[1000][8];
	uint64_t seed = 4711;
	unsigned int i, n, at, left = 1000;
	const uint64_t frames = 40000;

	(void)state;
	if (!IS_64_BIT)
		skip(); /* owner numbers of 6 bits */
	free(lab);
	lab = born_with(1000, frames, 1000);
	for (i = 0; i < 1000; i++) {
		struct lab_client_spec spec = client_spec((uint32_t)(next_random(&seed) % 8), 8);

		owner[i] = opened(&spec);
	}
	assert_whole(lab);
	for (n = 0; n < 1000 * 8; n++) { /* each to its maximum, in any order */
		i = (unsigned int)(next_random(&seed) % 1000);
		for (at = 0; at < 8 && page[i][at]; at++)
			;
		if (at == 8) {
			refused(owner[i], 0, 0, -LAB_EDQUOT);
			continue;
		}
		page[i][at] = ask(owner[i], 0, 0, NULL);
		assert_int_equal(lab_ptr_err(page[i][at]), 0);
	}
	assert_whole(lab);
	while (left) {
		i = (unsigned int)(next_random(&seed) % 1000);
		if (!owner[i])
			continue;
		for (at = 0; at < 8 && page[i][at]; at++)
			assert_int_equal(lab_free_as(lab, page[i][at], 0, owner[i], 0), 0);
		assert_int_equal(lab_client_close(lab, owner[i], NULL), 0);
		owner[i] = 0;
		left--;
	}
	assert_whole(lab);
	assert_int_equal(free_frames(lab, 0) + free_frames(lab, 1), frames + 1024);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(contract_holds_when_all_is_drained, setup, teardown),
		cmocka_unit_test_setup_teardown(beyond_the_contract_up_to_the_maximum, setup, teardown),
		cmocka_unit_test_setup_teardown(unclaimed_guarantees_count, setup, teardown),
		cmocka_unit_test_setup_teardown(blocks_are_guaranteed, setup, teardown),
		cmocka_unit_test_setup_teardown(opening_is_refused_with_what_would_fit, setup, teardown),
		cmocka_unit_test_setup_teardown(guarantees_touch_no_reserve, setup, teardown),
		cmocka_unit_test_setup_teardown(resized_while_frames_are_out, setup, teardown),
		cmocka_unit_test_setup_teardown(closing_names_what_is_out, setup, teardown),
		cmocka_unit_test_setup_teardown(shares_of_the_reserves, setup, teardown),
		cmocka_unit_test_setup_teardown(extra_quality_ends_with_the_oldest_offer, setup, teardown),
		cmocka_unit_test_setup_teardown(an_offer_serves_at_the_maximum_and_on_the_way_only, setup, teardown),
		cmocka_unit_test_setup_teardown(offers_are_few, setup, teardown),
		cmocka_unit_test_setup_teardown(handed_over_and_paid, setup, teardown),
		cmocka_unit_test_setup_teardown(other_calls_are_charged, setup, teardown),
		cmocka_unit_test_setup_teardown(poisoned_frames_of_a_contract_are_replaced, setup, teardown),
		cmocka_unit_test_setup_teardown(refusals_are_remembered, setup, teardown),
		cmocka_unit_test_setup_teardown(a_share_of_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(a_share_binds_whatever_else_is_freed, setup, teardown),
		cmocka_unit_test_setup_teardown(a_debt_goes_with_the_page, setup, teardown),
		cmocka_unit_test_setup_teardown(payment_of_another_room_is_not_from_the_contract, setup, teardown),
		cmocka_unit_test_setup_teardown(what_went_out_of_service_is_made_up_for, setup, teardown),
		cmocka_unit_test_setup_teardown(hostile_numbers, setup, teardown),
		cmocka_unit_test_setup_teardown(a_place_that_another_writes_to_is_left, setup, teardown),
		cmocka_unit_test_setup_teardown(a_thousand_clients, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
