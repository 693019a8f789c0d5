/* SPDX-License-Identifier: MIT */
/*
 * audit.c - every invariant, as a predicate that reports the first broken rule.
 *
 * Beside running callers only what holds at every instant may be reported: a tag is read, then the bit,
 * then the tag again; an unchanged tag (its generation moves with every free) was there all the while.
 */
#include "account.h"
#include "room.h"
#include "page.h"
#include "vault.h"

static const char *const rule_text[] = {
	[LAB_RULE_NONE] = "all rules hold",
	[LAB_RULE_TAG] = "a free bit whose tag is not free, or a tag that cannot be",
	[LAB_RULE_LOST] = "a taken frame that nobody accounts for",
	[LAB_RULE_OVERLAP] = "a frame owned twice: inside a block, and by itself",
	[LAB_RULE_LISTED] = "a node that is not full is not listed by its parent",
	[LAB_RULE_STALE] = "a full node is listed by its parent",
	[LAB_RULE_HINT] = "an order hint stands below the truth",
	[LAB_RULE_POOL] = "a pool's slot, its trees and its frame's tag disagree",
	[LAB_RULE_CLIENT] = "a client's contract, offers or charge and the tags disagree",
	[LAB_RULE_VAULT] = "a vault's laundry or quarantine names a frame that is not there",
	[LAB_RULE_HEADER] = "the labyrinth's description is damaged",
};

static bool bit_taken(const struct lab_room *room, lab_bit bit)
{
	return load_seq(tree_word(&room->commons, bit)) >> bit % LAB_WORD_BITS & 1;
}

/* The block around a frame that is not a head: its head's tag, 0: none. */
static lab_word covering_tag(const struct lab_room *room, lab_bit bit)
{
	unsigned int order;

	for (order = 1; order <= LAB_ORDER_MAX; order++) {
		lab_bit head = bit & ~(((lab_bit)1 << order) - 1);
		lab_word tag = load_acquire(&room_page(room, head)->tag);

		if (head != bit && (tag_state(tag) == LAB_OWNED || tag_state(tag) == LAB_KEPT || tag_state(tag) == LAB_SHREDDING) &&
		    tag_order(tag) >= order)
			return tag;
	}
	return 0;
}

/* Is the frame really in the slot that its tag names? */
static bool pool_keeps(const struct lab_room *room, lab_bit bit, lab_word tag)
{
	const struct lab_pool *pool;

	if (!room->bands || tag_slot(tag) >= room->slots)
		return false;
	pool = &room->pool[pool_of(room, tag_slot(tag))];
	return load_relaxed(pool_slot(pool, tag_slot(tag) - pool->first_slot)) == bit;
}

/* One frame: its rule, and what it is. */
static enum lab_rule frame_holds(const struct lab_room *room, lab_bit bit, bool quiet, struct lab_audit *audit)
{
	const lab_word *tag_at = &room_page(room, bit)->tag;
	lab_word tag = load_acquire(tag_at), cover;
	bool taken = bit_taken(room, bit);

	if (!tag_holds(tag) || (tag_state(tag) == LAB_SHREDDING && !room->shreds) || (tag_state(tag) == LAB_SHARED && !room->vault_at))
		return LAB_RULE_TAG;
	if (!taken && tag_state(tag) != LAB_FREE)
		return load_acquire(tag_at) == tag ? LAB_RULE_TAG : LAB_RULE_NONE;
	cover = covering_tag(room, bit);
	if (!taken) {
		audit->free++;
		/* The head unchanged around another look at the bit: it was the block's all the while. */
		return cover && !bit_taken(room, bit) && covering_tag(room, bit) == cover ? LAB_RULE_OVERLAP : LAB_RULE_NONE;
	}
	switch (tag_state(tag)) {
	case LAB_OWNED:
		audit->owned++;
		/* Both unchanged on a second look, so both stood at one instant. */
		if (cover && load_acquire(tag_at) == tag && covering_tag(room, bit) == cover &&
		    load_acquire(tag_at) == tag)
			return LAB_RULE_OVERLAP;
		return LAB_RULE_NONE;
	case LAB_POOLED:
		audit->pooled++;
		return quiet && !pool_keeps(room, bit, tag) ? LAB_RULE_POOL : LAB_RULE_NONE;
	case LAB_KEPT:
		audit->kept++;
		return LAB_RULE_NONE;
	case LAB_SHARED:
		audit->owned++;
		return LAB_RULE_NONE;
	case LAB_SHREDDING:
		audit->shredding++;
		return LAB_RULE_NONE;
	case LAB_OFFLINE:
		audit->offline++;
		return LAB_RULE_NONE;
	default:
		if (tag_state(cover) == LAB_KEPT)
			audit->kept++;
		else if (cover)
			audit->owned++;
		else
			audit->in_hand++;
		return !cover && quiet ? LAB_RULE_LOST : LAB_RULE_NONE;
	}
}

static enum lab_rule frames_hold(const struct lab_room *room, bool quiet, struct lab_audit *audit)
{
	lab_bit bit;

	for (bit = room->lead; bit < room->lead + room->frames; bit++) {
		enum lab_rule rule = frame_holds(room, bit, quiet, audit);

		audit->frame = room->first_frame + bit;
		if (rule != LAB_RULE_NONE)
			return rule;
	}
	return LAB_RULE_NONE;
}

/* What waits to be overwritten, and what is in quarantine, is being shredded by its tag: an owner's, and nobody's. */
static enum lab_rule vault_holds(const struct lab_room *room, struct lab_audit *audit)
{
	const struct lab_strongroom *vault = room_strongroom(room);
	lab_word slot, where = 0, there[2] = { 0 }; /* what stands there and what should, as sums */
	lab_bit bit;

	for (bit = room->lead; vault && vault->ring && bit < room->lead + room->frames; bit++)
		if ((load_acquire(&room_page(room, bit)->tag) & (LAB_TAG_STATE | LAB_TAG_OWNER)) == LAB_SHREDDING) {
			there[0] += bit;
			there[1] += bit * bit;
		}
	for (bit = room->lead; vault && bit < room->lead + room->frames; bit++)
		if (!(load_seq(tree_word(&vault->laundry, bit)) >> bit % LAB_WORD_BITS & 1) &&
		    tag_state(load_acquire(&room_page(room, bit)->tag)) != LAB_SHREDDING) {
			audit->frame = room->first_frame + bit;
			return LAB_RULE_VAULT;
		}
	for (slot = 0; vault && slot < vault->ring; slot++) {
		bit = load_acquire(vault_slot(vault, slot));
		audit->frame = room->first_frame + bit;
		if (bit - room->lead >= room->frames ||
		    (load_acquire(&room_page(room, bit)->tag) & (LAB_TAG_STATE | LAB_TAG_OWNER)) != LAB_SHREDDING)
			return LAB_RULE_VAULT;
		there[0] -= bit;
		there[1] -= bit * bit;
	}
	if (there[0] || there[1]) /* one twice, another not */
		return LAB_RULE_VAULT;
	return vault ? tree_holds(&vault->laundry, &where) : LAB_RULE_NONE;
}

/* What holds only while nobody is in a call. */
static enum lab_rule rest_holds(const struct lab_room *room, struct lab_audit *audit)
{
	lab_word where = 0;
	enum lab_rule rule = tree_holds(&room->commons, &where);
	unsigned int i;

	audit->frame = room->first_frame + where * LAB_LEAF_FRAMES;
	if (rule != LAB_RULE_NONE)
		return rule;
	if (!hint_holds(room, &where)) {
		audit->frame = room->first_frame + where * LAB_LEAF_FRAMES;
		return LAB_RULE_HINT;
	}
	for (i = 0; i < room->bands; i++) {
		if (!pool_holds(room, i, &where)) {
			audit->frame = room->first_frame + where;
			return LAB_RULE_POOL;
		}
		rule = tree_holds(&room->pool[i].have, &where);
		if (rule == LAB_RULE_NONE)
			rule = tree_holds(&room->pool[i].lack, &where);
		if (rule != LAB_RULE_NONE)
			return rule;
	}
	return vault_holds(room, audit);
}

static bool header_holds(const struct labyrinth *lab)
{
	unsigned int i;

	if (lab->magic != LAB_MAGIC || !lab->rooms || lab->rooms > LAB_ROOMS_MAX || !lab->nodes ||
	    lab->nodes > LAB_NODES_MAX)
		return false;
	for (i = 0; i < lab->rooms; i++) {
		const struct lab_room *room;

		if (lab->span[i].room_at <= 0 || (size_t)lab->span[i].room_at + sizeof(*room) > lab->bytes)
			return false;
		room = labyrinth_room(lab, i);
		if (room->bands > LAB_BANDS_MAX || room->managed > room->frames || !room->commons.height ||
		    room->commons.height > LAB_LEVELS_MAX || room->lead + room->frames != room->commons.bits ||
		    lab->span[i].tags_at + (ptrdiff_t)lab->span[i].tags_bytes > (ptrdiff_t)lab->bytes)
			return false;
	}
	return true;
}

static enum lab_rule room_holds(const struct lab_room *room, bool quiet, struct lab_audit *audit)
{
	enum lab_rule rule = frames_hold(room, quiet, audit);

	if (rule == LAB_RULE_NONE && quiet)
		rule = rest_holds(room, audit);
	return rule;
}

int lab_audit(const struct labyrinth *lab, bool quiet, struct lab_audit *audit)
{
	unsigned int i;

	*audit = (struct lab_audit){ .room = -1, .text = rule_text[LAB_RULE_NONE] };
	if (!labyrinth_alive(lab))
		return labyrinth_refusal(lab);
	if (!header_holds(lab))
		audit->broken = LAB_RULE_HEADER;
	for (i = 0; audit->broken == LAB_RULE_NONE && i < lab->rooms; i++) {
		audit->room = (int)i;
		audit->broken = room_holds(labyrinth_room(lab, i), quiet, audit);
	}
	if (audit->broken == LAB_RULE_NONE && quiet && !accounts_hold(lab))
		audit->broken = LAB_RULE_CLIENT;
	audit->text = rule_text[audit->broken];
	return audit->broken == LAB_RULE_NONE ? 0 : -LAB_EINVAL;
}
