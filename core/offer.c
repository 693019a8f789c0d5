/* SPDX-License-Identifier: MIT */
/*
 * offer.c - what a client offers as a last resort: a few pages, the oldest used first.
 *
 * A place of the list: 0 is empty, 1 being filled, else the page (its distance from the labyrinth).  Who swaps a page out of it
 * has it; its tag is KEPT from before it is in the list until then, so that no free can reach it.
 */
#include "client.h"
#include "retag.h"

static lab_word offer_word(const struct labyrinth *lab, const struct lab_page *page)
{
	return (lab_word)((const char *)page - (const char *)lab);
}

/* An empty place, ours now; LAB_CLIENT_OFFERS: none. */
static unsigned int take_place(struct lab_client *client)
{
	unsigned int i;

	for (i = 0; i < LAB_CLIENT_OFFERS; i++) {
		lab_word none = 0;

		if (cas_acq_rel(&client->offer[i], &none, OFFER_MAKING)) /* the claim of the place */
			break;
	}
	return i;
}

static int page_offer_inside(struct labyrinth *lab, struct lab_page *page, unsigned int owner)
{
	struct lab_client *client;
	lab_word age;
	unsigned int i;
	int error;

	client = labyrinth_client(lab, owner);
	if (!client || client_orphan(client))
		return -LAB_EBADF;
	i = take_place(client);
	if (i == LAB_CLIENT_OFFERS)
		return -LAB_ENOBUFS;
	error = retag(lab, page, &(struct retag){ .owner = owner, .state = LAB_KEPT, .to = owner });
	if (error) {
		store_release(&client->offer[i], (lab_word)0);
		return error;
	}
	age = add_seq(&client->offers, 1);
	store_relaxed(&client->offer_age[i], age); /* a preference only */
	store_release(&client->offer[i], offer_word(lab, page)); /* partner: whoever swaps it out */
	return 0;
}

int lab_page_offer(struct labyrinth *lab, struct lab_page *page, unsigned int owner)
{
	lab_word *count;
	int error = process_enter(lab, &count);

	if (unlikely(error))
		return error;
	error = page_offer_inside(lab, page, owner);
	process_leave(count);
	return error;
}

static int page_withdraw_inside(struct labyrinth *lab, struct lab_page *page, unsigned int owner)
{
	struct lab_client *client;
	unsigned int i;

	client = labyrinth_client(lab, owner);
	if (!client || client_orphan(client))
		return -LAB_EBADF;
	for (i = 0; i < LAB_CLIENT_OFFERS; i++) {
		lab_word word = offer_word(lab, page);

		if (word <= OFFER_MAKING || load_relaxed(&client->offer[i]) != word)
			continue;
		if (!cas_acq_rel(&client->offer[i], &word, (lab_word)0)) /* the claim, as in client_oldest() */
			continue;
		/* Ours; partner: the acquire load of a free. */
		store_release(&page->tag, (load_relaxed(&page->tag) & ~LAB_TAG_STATE) | LAB_OWNED); /* its use and owner stay */
		return 0;
	}
	return -LAB_EALREADY;
}

int lab_page_withdraw(struct labyrinth *lab, struct lab_page *page, unsigned int owner)
{
	lab_word *count;
	int error = process_enter(lab, &count);

	if (unlikely(error))
		return error;
	error = page_withdraw_inside(lab, page, owner);
	process_leave(count);
	return error;
}
