/* SPDX-License-Identifier: MIT */
/*
 * handover.c - a page goes from one client to another.
 *
 * In one step: the tag's owner changes by compare-and-swap.  What the giver gives away would be missing to its contract for ever, so
 * the receiver pays with a page that it could have had itself, before that step; after it the payment goes where a free of the giver's
 * would put it (models/contract.pml, mutant UNPAID).
 */
#include "client.h"
#include "entrance.h"
#include "exit.h"

/* Does the giver's contract want a page of this order in return? */
static bool wants_payment(const struct lab_client *giver, unsigned int order)
{
	unsigned int which = giver ? contract_pool(giver, order) : LAB_CONTRACT_POOLS;

	return which != LAB_CONTRACT_POOLS && load_seq(&giver->guarantee[which]);
}

/* A page of the giver's room that the receiver could have had; its charge becomes that of the page handed over. */
static struct lab_page *pay(struct labyrinth *lab, const struct lab_client *giver, unsigned int order, unsigned int to)
{
	struct lab_request request = LAB_REQUEST(LAB_GFP_NOWAIT, order);

	request.owner = (uint16_t)to;
	request.room = giver->room;
	return lab_alloc_request(lab, &request, NULL);
}

/* The payment becomes the giver's, who frees it: into its contract, if that lacks one. */
static void settle(struct labyrinth *lab, struct lab_page *payment, unsigned int order, const struct exit_change *change)
{
	const struct exit_change back = { .order = order, .owner = change->to, .state = LAB_OWNED, .to = change->owner };

	if (!exit_retag(lab, payment, &back)) /* ours: nothing but a mark of poison can be in the way, and that stays */
		lab_free_as(lab, payment, order, change->owner, 0);
}

static int page_hand_over_inside(struct labyrinth *lab, struct lab_page *page, unsigned int order, unsigned int from, unsigned int to)
{
	const struct exit_change change = { .order = order, .owner = from, .state = LAB_OWNED, .to = to, .next = true };
	struct lab_client *giver, *receiver;
	struct lab_page *payment = NULL;
	int error;

	if (from > LAB_OWNER_MAX || to > LAB_OWNER_MAX || order > LAB_ORDER_MAX)
		return -LAB_EINVAL;
	error = exit_refuses(lab, page, order, from); /* before anything is paid */
	if (error)
		return error;
	giver = labyrinth_client(lab, from);
	receiver = labyrinth_client(lab, to);
	if (wants_payment(giver, order)) {
		payment = pay(lab, giver, order, to);
		error = lab_ptr_err(payment);
	} else if (receiver) {
		error = client_charge(receiver, order);
	}
	if (error)
		return error;
	error = exit_retag(lab, page, &change);
	if (error) {
		if (payment)
			lab_free_as(lab, payment, order, to, 0);
		else if (receiver)
			client_uncharge(receiver, order);
		return error;
	}
	if (payment) {
		settle(lab, payment, order, &change);
	} else if (giver) {
		client_repay(giver, 1u << order);
		client_uncharge(giver, order);
	}
	return 0;
}

int lab_page_hand_over(struct labyrinth *lab, struct lab_page *page, unsigned int order, unsigned int from, unsigned int to)
{
	lab_word *count;
	int error = process_enter(lab, &count);

	if (unlikely(error))
		return error;
	error = page_hand_over_inside(lab, page, order, from, to);
	process_leave(count);
	return error;
}
