/* SPDX-License-Identifier: MIT */
/*
 * estate.c - returning what dead processes owned.
 */
#include "estate.h"

/* The process, + 1, that a client in this state belongs to; 0: nobody's. */
static lab_word client_process(const struct lab_client *client)
{
	lab_word charge = load_seq(&client->charge); /* partner: the claim of a closed client */

	switch (charge_state(charge)) {
	case LAB_CLIENT_CLOSED:
		return 0;
	case LAB_CLIENT_BUSY:
		return charge & CHARGE_COUNTS;
	default:
		return client->process;
	}
}

static struct lab_client *client_number(const struct labyrinth *lab, unsigned int i)
{
	return labyrinth_client(lab, lab->client_first + i);
}

static bool client_gone(const struct labyrinth *lab, const struct lab_client *client, const bool *gone)
{
	lab_word process = client_process(client) - 1;

	return process < lab->processes && gone[process];
}

void estate_abandon(struct labyrinth *lab, const bool *gone)
{
	const lab_word to = charge_of_state(LAB_CLIENT_QUARANTINED) - charge_of_state(LAB_CLIENT_OPEN);
	unsigned int i;

	for (i = 0; i < lab->clients; i++) {
		struct lab_client *client = client_number(lab, i);
		lab_word charge;

		if (!client_gone(lab, client, gone))
			continue;
		or_seq(&client->orphan, 1u); /* nobody else opens, closes or changes it; partner: client_orphan() */
		and_seq(&client->orphan, (uint32_t)client_gone(lab, client, gone)); /* closed, and another's, before that? */
		charge = load_seq(&client->charge);
		while (client_orphan(client) && charge_state(charge) == LAB_CLIENT_OPEN)
			if (cas_seq(&client->charge, &charge, charge + to)) /* nobody gets in; partner: client_charge() */
				break;
	}
}

/* Is this owner number a dead process's, or its client's? */
static bool owner_gone(const struct labyrinth *lab, unsigned int owner, const bool *gone)
{
	const struct lab_client *client = labyrinth_client(lab, owner);

	if (client)
		return client_gone(lab, client, gone);
	return owner - lab->owner_first < lab->processes && gone[owner - lab->owner_first];
}

uint64_t estate_return(struct labyrinth *lab, const bool *gone)
{
	uint64_t pages = 0;
	unsigned int i;
	lab_bit bit;

	for (i = 0; i < lab->rooms; i++) {
		const struct lab_room *room = labyrinth_room(lab, i);

		for (bit = room->lead; bit < room->lead + room->frames; bit++) {
			/* Partner: the stamp; the free claims it, of this generation. */
			lab_word tag = load_acquire(&room_page(room, bit)->tag);

			if (tag_state(tag) == LAB_OWNED && owner_gone(lab, tag_owner(tag), gone))
				pages += !lab_free_ref(lab, (struct lab_ref){ room->first_frame + bit, tag_generation(tag) }, tag_order(tag), tag_owner(tag));
		}
	}
	return pages;
}

/* ---- clients ---- */

/* Pages that are kept for them, in whatever slot, offer or dead hand: by their tags. */
static void return_kept(struct labyrinth *lab, const bool *gone)
{
	unsigned int i;
	lab_bit bit;

	for (i = 0; i < lab->rooms; i++) {
		struct lab_room *room = labyrinth_room(lab, i);

		for (bit = room->lead; bit < room->lead + room->frames; bit++) {
			lab_word *tag_at = &room_page(room, bit)->tag;
			lab_word tag = load_acquire(tag_at);

			if (tag_state(tag) != LAB_KEPT || !owner_gone(lab, tag_owner(tag), gone))
				continue;
			room_touch(room, bit, tag_order(tag));
			if (cas_acq_rel(tag_at, &tag, tag_next(tag, LAB_FREE))) /* ours, and not by accident another's */
				room_put(room, bit, tag_order(tag));
		}
	}
}

/* Every slot absent: its word 0, and it in neither tree. */
static void wipe_pool(struct lab_pool *pool)
{
	lab_bit slot;

	for (slot = 0; slot < pool->slots; slot++) {
		store_relaxed(pool_slot(pool, slot), (lab_word)0);
		or_seq(tree_word(&pool->have, slot), (lab_word)1 << slot % LAB_WORD_BITS);
		or_seq(tree_word(&pool->lack, slot), (lab_word)1 << slot % LAB_WORD_BITS);
	}
	tree_mend(&pool->have);
	tree_mend(&pool->lack);
}

static void wipe_client(struct lab_client *client)
{
	unsigned int i;

	for (i = 0; i < LAB_CONTRACT_POOLS; i++) {
		wipe_pool(&client->pool[i]);
		store_relaxed(&client->guarantee[i], 0u);
	}
	for (i = 0; i < LAB_CLIENT_OFFERS; i++)
		store_relaxed(&client->offer[i], (lab_word)0);
	store_relaxed(&client->debt, (lab_word)0);
	for (i = 0; i < LAB_ROOMS_MAX; i++)
		store_relaxed(&client->debt_of[i], (lab_word)0);
	client->room = -1;
	store_release(&client->resizing, 0u);
	store_release(&client->charge, charge_of_state(LAB_CLIENT_CLOSED)); /* partner: who opens the next */
	and_seq(&client->orphan, 0u); /* the last of it */
}

/* What a dead one was about with a living one's client. */
static void let_go(const struct labyrinth *lab, struct lab_client *client, const bool *gone)
{
	uint32_t resizing = load_seq(&client->resizing);

	if (resizing > 1 && resizing - 2 < lab->processes && gone[resizing - 2])
		cas_acq_rel(&client->resizing, &resizing, 0u); /* nobody living is at it */
	if (charge_state(load_seq(&client->charge)) == LAB_CLIENT_CLOSED)
		and_seq(&client->orphan, 0u); /* closed just before it was called one */
}

unsigned int estate_close(struct labyrinth *lab, const bool *gone)
{
	unsigned int i, n = 0;

	return_kept(lab, gone);
	for (i = 0; i < lab->clients; i++)
		if (client_gone(lab, client_number(lab, i), gone)) {
			wipe_client(client_number(lab, i));
			n++;
		} else {
			let_go(lab, client_number(lab, i), gone);
		}
	return n;
}

bool estate_release(struct labyrinth *lab, const bool *gone)
{
	unsigned int i;
	bool all = true;

	for (i = 0; i < lab->clients; i++)
		if (client_gone(lab, client_number(lab, i), gone)) {
			and_seq(&client_number(lab, i)->orphan, 0u); /* ours: this process lives */
			all &= !lab_client_release(lab, lab->client_first + i);
		}
	return all;
}
