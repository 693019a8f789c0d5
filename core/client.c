/* SPDX-License-Identifier: MIT */
/*
 * client.c - the charge of a client, and where its pages go when they are freed.
 */
#include "client.h"
#include "page.h"
#include "port.h"

/* Does the word have place for this unit, so that no field runs into the next? */
static bool charge_has_place(lab_word charge, lab_word unit)
{
	return (charge & CHARGE_COUNTS) + unit <= CHARGE_COUNTS &&
	       CHARGE_FIELD(charge, SINGLES) + CHARGE_FIELD(unit, SINGLES) < (lab_word)1 << CHARGE_SINGLES_BITS &&
	       CHARGE_FIELD(charge, BLOCKS) + CHARGE_FIELD(unit, BLOCKS) < (lab_word)1 << CHARGE_BLOCKS_BITS &&
	       CHARGE_FIELD(charge, OTHERS) + CHARGE_FIELD(unit, OTHERS) < (lab_word)1 << CHARGE_OTHERS_BITS;
}

/* What is guaranteed and not out: a request beyond the contract leaves room for it. */
static uint64_t charge_unclaimed(const struct lab_client *client, lab_word charge)
{
	uint64_t frames = load_seq(&client->guarantee[0]), blocks = load_seq(&client->guarantee[1]); /* partner: contract_shrink() */
	uint64_t singles_out = CHARGE_FIELD(charge, SINGLES), blocks_out = CHARGE_FIELD(charge, BLOCKS);

	return (frames > singles_out ? frames - singles_out : 0) +
	       ((blocks > blocks_out ? blocks - blocks_out : 0) << client->block_order);
}

static bool charge_fits(const struct lab_client *client, lab_word charge, unsigned int order)
{
	lab_word after = charge + charge_unit(client, order);

	if (!charge_has_place(charge, charge_unit(client, order)))
		return false;
	if (!order && CHARGE_FIELD(after, SINGLES) <= load_seq(&client->guarantee[0]))
		return true;
	if (order && order == client->block_order && CHARGE_FIELD(after, BLOCKS) <= load_seq(&client->guarantee[1]))
		return true;
	return client->maximum == LAB_UNLIMITED ||
	       charge_frames(client, after) + charge_unclaimed(client, after) <= client->maximum;
}

int client_charge(struct lab_client *client, unsigned int order)
{
	lab_word charge = load_seq(&client->charge); /* the instant of a truthful -EDQUOT */

	do {
		if (charge_state(charge) != LAB_CLIENT_OPEN)
			return -LAB_EBADF;
		if (!charge_fits(client, charge, order))
			return -LAB_EDQUOT;
		/* Before the look into the contract; partner: the close, which wants to find nothing charged. */
	} while (!cas_seq(&client->charge, &charge, charge + charge_unit(client, order)));
	return 0;
}

void client_uncharge(struct lab_client *client, unsigned int order)
{
	add_seq(&client->charge, -charge_unit(client, order)); /* after the page is back; partner: as above */
}

bool client_splits(struct lab_client *client, unsigned int order)
{
	lab_word charge = load_seq(&client->charge), singles = (lab_word)1 << order;

	if (!order)
		return true;
	if (order == client->block_order && load_seq(&client->guarantee[1]))
		return false;
	do {
		if (!charge_has_place(charge, singles))
			return false;
		/* More singles before there are any; partner: the charges of others. */
	} while (!cas_seq(&client->charge, &charge, charge + singles - charge_unit(client, order)));
	return true;
}

void client_unsplits(struct lab_client *client, unsigned int order)
{
	if (order)
		add_seq(&client->charge, charge_unit(client, order) - ((lab_word)1 << order)); /* as above */
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

void client_repay(struct lab_client *client, uint32_t frames)
{
	lab_word debt = load_relaxed(&client->debt), less;

	do {
		if (!debt)
			return;
		less = debt < frames ? debt : frames;
	} while (!cas_seq(&client->debt, &debt, debt - less)); /* partner: borrow */
}

void client_put(struct labyrinth *lab, struct lab_client *client, const struct lab_room *from, lab_bit bit, unsigned int order)
{
	unsigned int which = contract_pool(client, order);
	struct lab_room *room = (struct lab_room *)(uintptr_t)from;

	if (which == LAB_CONTRACT_POOLS || client->room < 0 || labyrinth_room(lab, (unsigned int)client->room) != room ||
	    !contract_fill(lab, client, which, bit))
		room_put(room, bit, order);
	client_repay(client, 1u << order);
	client_uncharge(client, order);
}

void client_lost(struct labyrinth *lab, struct lab_client *client, unsigned int order)
{
	const struct lab_asker asker = { .cpu = lab_port_cpu(), .end = LAB_LOW_END };
	struct lab_room *room;
	lab_word proof;
	lab_bit bit;

	if (!order && client->room >= 0 && load_relaxed(&client->guarantee[0])) {
		room = labyrinth_room(lab, (unsigned int)client->room);
		bit = room_take(room, &asker, &proof);
		if (bit != LAB_NO_BIT && !contract_fill(lab, client, 0, bit)) {
			room_touch(room, bit, 0);
			room_put(room, bit, 0);
		}
	}
	client_repay(client, 1u << order);
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
