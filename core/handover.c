/* SPDX-License-Identifier: MIT */
/*
 * handover.c - a page goes from one client to another.
 *
 * In one step: the tag's owner changes by compare-and-swap.  What the giver gives away would be missing to its contract for ever, so
 * the receiver pays with a page that it could have had itself, before that step; after it the payment goes where a free of the giver's
 * would put it (models/contract.pml, mutant UNPAID).  In between the payment is nobody's, in the caller's hand; both clients are charged
 * until the end, so that neither can be closed, or released, meanwhile.
 */
#include "page.h"
#include "retag.h"
#include "service.h"

/* Who gives, who gets; NULL: an owner that is no client.  The page is in this room. */
struct handover {
	struct lab_client *giver, *receiver;
	unsigned int order, room;
	struct lab_page *payment; /* NULL: none is wanted */
	uint32_t debt;		  /* what the receiver has borrowed, for the page came from a reserve */
};

static bool client_open(const struct lab_client *client)
{
	return !client || charge_state(load_seq(&client->charge)) == LAB_CLIENT_OPEN;
}

/*
 * Would a free of this page go into the giver's contract?  Then that wants one in return.  (Its room stands still: written before the
 * client is open, and after nothing of it is out.)
 */
static bool wants_payment(const struct handover *way)
{
	unsigned int which = way->giver ? contract_pool(way->giver, way->order) : LAB_CONTRACT_POOLS;

	return which != LAB_CONTRACT_POOLS && way->giver->room == (int)way->room && load_seq(&way->giver->guarantee[which]);
}

/*
 * A page of the same room that the receiver could have had; its charge becomes that of the page handed over.  Out of the receiver's own
 * contract, too: the page handed over, once freed, goes back there.
 */
static int pay(struct labyrinth *lab, struct handover *way, unsigned int to)
{
	struct lab_request request = LAB_REQUEST(LAB_GFP_NOWAIT, way->order);

	request.owner = (uint16_t)to;
	request.room = (int16_t)way->room;
	return service_take(lab, &request, &way->payment);
}

/* All that the receiver must have before. */
static int prepare(struct labyrinth *lab, struct handover *way, unsigned int to)
{
	uint32_t frames = 1u << way->order;
	int error = 0;

	if (wants_payment(way))
		return pay(lab, way, to);
	if (way->receiver)
		error = client_charge(way->receiver, way->order);
	if (!error && way->giver && way->receiver && load_seq(&way->giver->debt_of[way->room])) {
		if (client_borrow(way->receiver, frames)) {
			way->debt = frames;
		} else {
			client_uncharge(way->receiver, way->order);
			error = -LAB_EDQUOT;
		}
	}
	return error;
}

/* A page in our hand goes where a free by this client, or by nobody, would put it. */
static void put(struct labyrinth *lab, struct lab_client *client, struct lab_page *page, unsigned int order)
{
	struct lab_room *room = labyrinth_room(lab, (unsigned int)page_room(lab, page));
	lab_bit bit = (lab_bit)(page - room_page(room, 0));

	room_touch(room, bit, order);
	if (client)
		client_put(lab, client, room, bit, order);
	else
		room_put(room, bit, order);
}

static void undo(struct labyrinth *lab, struct handover *way)
{
	if (way->payment) {
		put(lab, way->receiver, way->payment, way->order);
	} else if (way->receiver) {
		client_unborrow(way->receiver, way->debt);
		client_uncharge(way->receiver, way->order);
	}
}

/* The page has changed hands: the giver's contract is made whole, its charge ends. */
static void settle(struct labyrinth *lab, struct handover *way)
{
	uint32_t owed;

	if (way->payment) {
		put(lab, way->giver, way->payment, way->order);
		return;
	}
	owed = way->giver ? client_repay(way->giver, way->room, 1u << way->order) : 0;
	if (way->debt && owed)
		client_owes(way->receiver, way->room, owed);
	if (way->debt > owed)
		client_unborrow(way->receiver, way->debt - owed);
	if (way->giver)
		client_uncharge(way->giver, way->order);
}

static int page_hand_over_inside(struct labyrinth *lab, struct lab_page *page, unsigned int order, unsigned int from, unsigned int to)
{
	const struct retag change = { .order = order, .owner = from, .state = LAB_OWNED, .to = to, .next = true };
	struct handover way = { .order = order };
	int error;

	if (from > LAB_OWNER_MAX || to > LAB_OWNER_MAX || order > LAB_ORDER_MAX || from == to)
		return -LAB_EINVAL;
	error = retag_refused(lab, page, order, from); /* before anything is paid */
	if (error)
		return error;
	way.giver = labyrinth_client(lab, from);
	way.receiver = labyrinth_client(lab, to);
	way.room = (unsigned int)page_room(lab, page);
	if (!to && labyrinth_room(lab, way.room)->vault_at)
		return -LAB_EINVAL; /* a vault's page is somebody's: a free by nobody would not overwrite it */
	if (!client_open(way.giver) || !client_open(way.receiver))
		return -LAB_EBADF; /* what is in quarantine stays there */
	error = prepare(lab, &way, to);
	if (error)
		return error;
	error = retag(lab, page, &change);
	if (error)
		undo(lab, &way);
	else
		settle(lab, &way);
	return error;
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
