/* SPDX-License-Identifier: MIT */
/*
 * client.c - the charge of a client, and where its pages go when they are freed.
 */
#include "client.h"
#include "page.h"

/* Does the word have place for this unit, so that no field runs into the next? */
static bool charge_has_place(lab_word charge, lab_word unit)
{
	return (charge & CHARGE_COUNTS) + unit <= CHARGE_COUNTS && /* (the topmost field) */
	       CHARGE_FIELD(charge, SINGLES) + CHARGE_FIELD(unit, SINGLES) < (lab_word)1 << CHARGE_SINGLES_BITS &&
	       CHARGE_FIELD(charge, BLOCKS) + CHARGE_FIELD(unit, BLOCKS) < (lab_word)1 << CHARGE_BLOCKS_BITS;
}

/* What is guaranteed and not out: a request beyond the contract leaves room for it. */
static uint64_t charge_unclaimed(const struct lab_client *client, lab_word charge, const uint32_t guarantee[])
{
	uint64_t singles = CHARGE_FIELD(charge, SINGLES), blocks = CHARGE_FIELD(charge, BLOCKS);

	return (guarantee[0] > singles ? guarantee[0] - singles : 0) +
	       ((guarantee[1] > blocks ? guarantee[1] - blocks : 0) << client->block_order);
}

static bool charge_fits(const struct lab_client *client, lab_word charge, unsigned int order, const uint32_t guarantee[])
{
	lab_word after = charge + charge_unit(client, order);

	if (!charge_has_place(charge, charge_unit(client, order)))
		return false;
	if (!order && CHARGE_FIELD(after, SINGLES) <= guarantee[0])
		return true;
	if (order && order == client->block_order && CHARGE_FIELD(after, BLOCKS) <= guarantee[1])
		return true;
	return client->maximum == LAB_UNLIMITED ||
	       charge_frames(client, after) + charge_unclaimed(client, after, guarantee) <= client->maximum;
}

static void load_guarantee(const struct lab_client *client, uint32_t guarantee[])
{
	guarantee[0] = load_seq(&client->guarantee[0]); /* partner: contract_shrink() */
	guarantee[1] = load_seq(&client->guarantee[1]);
}

int client_charge(struct lab_client *client, unsigned int order)
{
	uint32_t guarantee[LAB_CONTRACT_POOLS], again[LAB_CONTRACT_POOLS];
	lab_word charge, now;

	load_guarantee(client, guarantee);
	charge = load_seq(&client->charge);
	for (;;) { /* each turn but the last: another has charged, uncharged or resized */
		if (charge_state(charge) != LAB_CLIENT_OPEN)
			return -LAB_EBADF;
		if (charge_fits(client, charge, order, guarantee)) {
			/* Before the look into the contract; partner: the close, which wants to find nothing charged. */
			if (cas_seq(&client->charge, &charge, charge + charge_unit(client, order)))
				return 0;
		} else { /* all of it unchanged on a second look: then it was so at one instant */
			load_guarantee(client, again);
			now = load_seq(&client->charge);
			if (now == charge && again[0] == guarantee[0] && again[1] == guarantee[1])
				return -LAB_EDQUOT;
			charge = now;
		}
		load_guarantee(client, guarantee);
	}
}

bool client_has_room(const struct lab_client *client, uint32_t frames)
{
	uint32_t guarantee[LAB_CONTRACT_POOLS];
	lab_word charge = load_seq(&client->charge);

	load_guarantee(client, guarantee);
	guarantee[0] = frames;
	return !client->maximum || client->maximum == LAB_UNLIMITED ||
	       charge_frames(client, charge) + charge_unclaimed(client, charge, guarantee) <= client->maximum;
}

void client_uncharge(struct lab_client *client, unsigned int order)
{
	add_seq(&client->charge, -charge_unit(client, order)); /* after the page is back; partner: as above */
}

bool client_splits(struct lab_client *client, struct lab_page *page, lab_word tag)
{
	lab_word charge = load_seq(&client->charge), singles = (lab_word)1 << tag_order(tag);
	bool guaranteed = tag_order(tag) == client->block_order && load_seq(&client->guarantee[1]);

	if (!tag_order(tag))
		return true; /* nothing to split */
	do {
		if (guaranteed || !charge_has_place(charge, singles)) {
			store_release(&page->tag, tag); /* in our hand since the claim */
			return false;
		}
		/* More singles before there are any; partner: the charges of others. */
	} while (!cas_seq(&client->charge, &charge, charge + singles - charge_unit(client, tag_order(tag))));
	return true;
}

bool client_borrow(struct lab_client *client, uint32_t frames)
{
	lab_word debt = load_seq(&client->debt);

	do {
		if (client->share != LAB_UNLIMITED && debt + frames > client->share)
			return false;
	} while (!cas_seq(&client->debt, &debt, debt + frames)); /* the claim of a share; partner: repay */
	return true;
}

void client_unborrow(struct lab_client *client, uint32_t frames)
{
	add_seq(&client->debt, -(lab_word)frames); /* ours since the claim */
}

void client_owes(struct lab_client *client, unsigned int room, uint32_t frames)
{
	add_seq(&client->debt_of[room], frames); /* partner: repay */
}

uint32_t client_repay(struct lab_client *client, unsigned int room, uint32_t frames)
{
	lab_word debt = load_relaxed(&client->debt_of[room]), less;

	do {
		if (!debt)
			return 0;
		less = debt < frames ? debt : frames;
	} while (!cas_seq(&client->debt_of[room], &debt, debt - less)); /* so much is ours to take off the sum */
	client_unborrow(client, (uint32_t)less);
	return (uint32_t)less;
}

static unsigned int room_number(const struct labyrinth *lab, const struct lab_room *room)
{
	unsigned int i = 0;

	while (labyrinth_room(lab, i) != room)
		i++;
	return i;
}

void client_put(struct labyrinth *lab, struct lab_client *client, struct lab_room *room, lab_bit bit, unsigned int order)
{
	unsigned int which = contract_pool(client, order), number = room_number(lab, room);

	if (which == LAB_CONTRACT_POOLS || client->room != (int)number || !contract_fill(lab, client, which, bit)) {
		room_put(room, bit, order);
		client_repay(client, number, 1u << order); /* it has gone to where the reserves are filled from */
	}
	client_uncharge(client, order);
}

void client_lost(struct labyrinth *lab, struct lab_client *client, struct lab_room *room, unsigned int order)
{
	unsigned int which = contract_pool(client, order), number = room_number(lab, room);

	if (which != LAB_CONTRACT_POOLS && client->room == (int)number)
		contract_refill(lab, client, which);
	client_repay(client, number, 1u << order);
	client_uncharge(client, order);
}

/* ---- offers (offer.c) ---- */

static struct lab_page *offer_page(const struct labyrinth *lab, lab_word word)
{
	return (struct lab_page *)((char *)(uintptr_t)lab + word);
}

struct lab_page *client_oldest(struct labyrinth *lab, struct lab_client *client, uint32_t rooms)
{
	for (;;) { /* each try in vain: another has had an offer */
		unsigned int oldest = LAB_CLIENT_OFFERS, i;
		lab_word word = 0;

		for (i = 0; i < LAB_CLIENT_OFFERS; i++) {
			lab_word here = load_acquire(&client->offer[i]);

			if (here <= OFFER_MAKING || !(rooms >> page_room(lab, offer_page(lab, here)) & 1))
				continue;
			if (oldest != LAB_CLIENT_OFFERS &&
			    load_relaxed(&client->offer_age[i]) - load_relaxed(&client->offer_age[oldest]) < LAB_ALL / 2)
				continue;
			oldest = i;
			word = here;
		}
		if (oldest == LAB_CLIENT_OFFERS)
			return NULL;
		if (cas_acq_rel(&client->offer[oldest], &word, (lab_word)0)) /* the claim of the page */
			return offer_page(lab, word);
	}
}

unsigned int client_offered(const struct lab_client *client)
{
	unsigned int n = 0, i;

	for (i = 0; i < LAB_CLIENT_OFFERS; i++)
		n += load_relaxed(&client->offer[i]) > OFFER_MAKING;
	return n;
}
