/* SPDX-License-Identifier: MIT */
/*
 * account.c - see account.h.
 */
#include "account.h"
#include "client.h"

/* What the tags of all rooms say of an owner; owner 0: of all clients together. */
static void client_pages(const struct labyrinth *lab, unsigned int owner, lab_word *charge, uint64_t *kept)
{
	const struct lab_client *client;
	unsigned int i;
	lab_bit bit;

	*charge = 0;
	*kept = 0;
	for (i = 0; i < lab->rooms; i++) {
		const struct lab_room *room = labyrinth_room(lab, i);

		for (bit = room->lead; bit < room->lead + room->frames; bit++) {
			lab_word tag = load_relaxed(&room_page(room, bit)->tag);

			client = labyrinth_client(lab, tag_owner(tag));
			if (!client || (owner && tag_owner(tag) != owner))
				continue;
			if (tag_state(tag) == LAB_SHARED)
				*charge += charge_unit(client, 0);
			if (tag_state(tag) == LAB_OWNED || tag_state(tag) == LAB_SHREDDING)
				*charge += charge_unit(client, tag_order(tag));
			if (tag_state(tag) == LAB_KEPT)
				*kept += (uint64_t)1 << tag_order(tag);
		}
	}
}

/* Is one client's charge what its pages say, field by field?  Those closed have none: the sum of all tells. */
static bool client_holds(const struct labyrinth *lab, unsigned int owner, lab_word *sum, uint64_t *kept)
{
	const struct lab_client *client = labyrinth_client(lab, owner);
	lab_word charge = load_seq(&client->charge) & CHARGE_COUNTS, pages;
	uint64_t contract = 0, here;
	unsigned int which;
	lab_bit bit;

	for (which = 0; which < LAB_CONTRACT_POOLS; which++) {
		if (!contract_holds(lab, owner, which, &bit))
			return false;
		contract += (uint64_t)contract_count(client, which) << (which ? client->block_order : 0);
	}
	*kept += contract + client_offered(client);
	*sum += charge - client_offered(client);
	if (!charge)
		return !client->debt;
	client_pages(lab, owner, &pages, &here);
	return charge == pages + client_offered(client) && here == contract + client_offered(client);
}

bool accounts_hold(const struct labyrinth *lab)
{
	uint64_t kept = 0, tags;
	lab_word sum = 0, pages;
	unsigned int i;

	if (!lab->clients)
		return true;
	for (i = 0; i < lab->clients; i++)
		if (!client_holds(lab, lab->client_first + i, &sum, &kept))
			return false;
	client_pages(lab, 0, &pages, &tags);
	return sum == pages && kept == tags;
}
