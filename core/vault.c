/* SPDX-License-Identifier: MIT */
/*
 * vault.c - see vault.h; models/vault.pml.
 *
 * Between the claim of a free and the end of the overwriting the tag says SHREDDING, and the frame's bit is set: nobody can find it, nobody
 * else touches tag or memory.  Whoever is killed there leaves it so for good, out of reach.  Nobody takes it over: the
 * one before may only be slow, and would write into what has become another's page.
 */
#include "client.h"
#include "shred.h"
#include "vault.h"
#include "witness.h"

/* ---- noticing ---- */

static void remember(struct labyrinth *lab, struct lab_room *room, lab_bit bit, uint64_t found)
{
	struct lab_strongroom *vault = vault_of(room);
	const struct lab_trace *trace = vault_trace(vault, bit);
	const struct lab_intrusion intrusion = {
		.frame = room->first_frame + bit,
		.generation = tag_generation(load_relaxed(&room_page(room, bit)->tag)),
		.owner = trace->owner,
		.expected = trace->digest,
		.found = found,
	};

	witness_intrusion(vault, &intrusion);
	add_relaxed(&lab->counter[LAB_COUNT_CORRUPT], 1);
}

bool vault_sound(struct labyrinth *lab, struct lab_room *room, lab_bit bit)
{
	struct lab_page *page = room_page(room, bit);
	uint64_t found;

	if (!room->vault_at || !vault_of(room)->noticing)
		return true;
	found = shred_digest(lab, room, bit);
	if (likely(found == vault_trace(vault_of(room), bit)->digest)) /* written before the frame was let go; partner: our claim of it */
		return true;
	if (load_relaxed(&vault_of(room)->panic)) /* overwritten by us, beside its digest; nothing is given any more */
		return true;
	remember(lab, room, bit, found);
	store_release(&page->tag, tag_become(load_relaxed(&page->tag), LAB_OFFLINE)); /* its bit stays set: nobody's again */
	return false;
}

void vault_overwrite(struct labyrinth *lab, struct lab_room *room, lab_bit bit)
{
	if (room->vault_at)
		vault_trace(vault_of(room), bit)->digest = shred_block(lab, room, bit, 0); /* ours; published with the frame */
}

/* ---- the way out ---- */

/* Into the quarantine, and the frame that has been there longest out of it.  LAB_NO_BIT: that was written to. */
static lab_bit quarantine(struct labyrinth *lab, struct lab_room *room, lab_bit bit)
{
	struct lab_strongroom *vault = vault_of(room);
	lab_word turn = add_relaxed(&vault->turn, 1); /* a slot in its turn; orders nothing */

	lab_word *slot = vault_slot(vault, turn % vault->ring), out = load_relaxed(slot);

	/*
	 * Release what we wrote to the frame, acquire what another wrote to the one that comes out; partner: the same of the other.  A
	 * failure: the ring has come round meanwhile, another's step.
	 */
	while (!cas_acq_rel(slot, &out, bit))
		;
	return vault_sound(lab, room, out) ? out : LAB_NO_BIT;
}

/* Out of the owner's hand: where a free of an ordinary page would put it. */
static void put(struct labyrinth *lab, struct lab_room *room, lab_bit bit, struct lab_client *client)
{
	struct lab_page *page = room_page(room, bit);

	store_release(&page->tag, tag_become(load_relaxed(&page->tag), LAB_FREE)); /* before it is anybody's */
	if (client)
		client_put(lab, client, room, bit, 0);
	else /* nothing lacks it: a vault has no pools */
		room_clear(room, tree_word(&room->commons, bit), bit, (lab_word)1 << bit % LAB_WORD_BITS);
}

/* A page of a vault, overwritten: SHREDDING, its owner's still. */
static void leave(struct labyrinth *lab, struct lab_room *room, lab_bit bit)
{
	struct lab_strongroom *vault = vault_of(room);
	struct lab_page *page = room_page(room, bit);
	lab_word tag = load_relaxed(&page->tag); /* nobody else's while it is SHREDDING */
	struct lab_client *client = labyrinth_client(lab, tag_owner(tag));

	vault_trace(vault, bit)->owner = tag_owner(tag);
	if (tag & LAB_TAG_POISONED) {
		store_release(&page->tag, tag_become(tag, LAB_OFFLINE));
		add_relaxed(&lab->counter[LAB_COUNT_OFFLINED], 1);
		bit = LAB_NO_BIT;
	} else if (vault->ring) {
		store_release(&page->tag, tag_become(tag, LAB_SHREDDING)); /* nobody's */
		bit = quarantine(lab, room, bit);
	}
	if (bit != LAB_NO_BIT)
		put(lab, room, bit, client);
	else if (client)
		client_lost(lab, client, room, 0);
}

void vault_freed(struct labyrinth *lab, struct lab_room *room, lab_bit bit)
{
	struct lab_strongroom *vault = vault_of(room);

	if (vault->deferred) {
		tree_give(&vault->laundry, bit); /* the launderer's from now on */
		return;
	}
	vault_overwrite(lab, room, bit);
	leave(lab, room, bit);
}

unsigned int lab_launder(struct labyrinth *lab, unsigned int number, unsigned int most)
{
	struct lab_strongroom *vault;
	struct lab_room *room;
	unsigned int n;

	if (!labyrinth_alive(lab) || number >= lab->rooms)
		return 0;
	room = labyrinth_room(lab, number);
	if (!room->vault_at)
		return 0;
	vault = vault_of(room);
	for (n = 0; n < most;) {
		lab_word proof, leaf = tree_find(&vault->laundry, 0, LAB_LOW_END, &proof);
		lab_bit bit;

		if (leaf == LAB_NO_BIT)
			break;
		bit = tree_take_leaf(&vault->laundry, leaf);
		if (bit == LAB_NO_BIT) /* this leaf's last is another's, who launders it: it is off the list now */
			continue;
		vault_overwrite(lab, room, bit);
		leave(lab, room, bit);
		n++;
	}
	return n;
}

uint32_t lab_room_guarantees(const struct labyrinth *lab, unsigned int room)
{
	const struct lab_room *vault;

	if (!labyrinth_alive(lab) || room >= lab->rooms)
		return 0;
	vault = labyrinth_room(lab, room);
	return vault->vault_at ? vault_of(vault)->guarantees : 0;
}

/* ---- birth ---- */

void vault_open(struct labyrinth *lab, struct lab_room *room, const struct lab_vault *spec)
{
	struct lab_strongroom *vault = vault_of(room);
	lab_bit bit;

	vault->zeros = spec->shred == LAB_SHRED_ZERO;
	vault->ram = spec->ram;
	vault->noticing = !spec->unnoticed;
	vault->deferred = spec->deferred;
	vault->guarantees = (spec->guarantees & ~LAB_SHREDDED_RAM) | LAB_SHREDDED | (spec->ram ? LAB_SHREDDED_RAM : 0);
	for (bit = room->lead; bit < room->lead + room->frames; bit++)
		if (tag_state(room_page(room, bit)->tag) != LAB_OFFLINE) /* a hole has no memory */
			vault_overwrite(lab, room, bit);
}
