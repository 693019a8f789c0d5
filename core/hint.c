/* SPDX-License-Identifier: MIT */
/*
 * hint.c - raising, lowering and searching the order hints (DESIGN.md, "Orders above 0").
 */
#include "hint.h"

bool hint_run_free(const struct lab_room *room, lab_bit bit, unsigned int order)
{
	const lab_word *word = tree_word(&room->commons, bit & ~(((lab_word)1 << order) - 1));
	unsigned int i;

	if (order < LAB_WORD_ORDER) {
		lab_word mask = word_ones(order) << (bit & ~(((lab_word)1 << order) - 1)) % LAB_WORD_BITS;

		return !(load_seq(word) & mask); /* after the give's clear; partner: another give's clear */
	}
	for (i = 0; i < 1u << (order - LAB_WORD_ORDER); i++)
		if (load_seq(&word[i])) /* as above */
			return false;
	return true;
}

/* ---- the summary ---- */

static uint32_t *summary_none(const struct lab_room *room, unsigned int level, lab_word child, unsigned int order)
{
	return &room_summary(room, level)[child >> LAB_FANOUT_SHIFT].none[order - 1];
}

static uint32_t child_bit(lab_word child)
{
	return (uint32_t)1 << child % LAB_FANOUT;
}

/* Has node (level, index) no block of this order, as far as hints and summary below it say? */
static bool node_none(const struct lab_room *room, unsigned int level, lab_word index, unsigned int order)
{
	uint32_t none;

	if (level == 0) /* partner: the compare-and-swap of a raise */
		return hint_order(load_seq(&room_note(room, index)->hint)) < (int)order;
	/* Partner: the fetch-and of summary_some(). */
	none = load_seq(&room_summary(room, level - 1)[index].none[order - 1]);
	return ((none | tree_absent(&room->commons, level - 1, index)) & LAB_FULL) == LAB_FULL;
}

/* A leaf may hold blocks of this order: say so at every level. */
static void summary_some(struct lab_room *room, lab_word leaf, unsigned int order)
{
	unsigned int level;

	for (level = 0; level < room->commons.height; level++, leaf >>= LAB_FANOUT_SHIFT) {
		uint32_t *none = summary_none(room, level, leaf, order);

		if (load_seq(none) & child_bit(leaf)) /* after the raise; partner: summary_none_left() */
			and_seq(none, ~child_bit(leaf));
	}
}

/* Node (level, index) has no such block: say so, upwards as far as that empties nodes. */
static void summary_none_left(struct lab_room *room, unsigned int level, lab_word index, unsigned int order)
{
	for (; level < room->commons.height; level++, index >>= LAB_FANOUT_SHIFT) {
		uint32_t *none = summary_none(room, level, index, order);

		or_seq(none, child_bit(index)); /* then look again; partner: summary_some() after a raise */
		if (!node_none(room, level, index, order)) {
			and_seq(none, ~child_bit(index));
			return;
		}
		if (!node_none(room, level + 1, index >> LAB_FANOUT_SHIFT, order))
			return;
	}
}

/* ---- a leaf's hint ---- */

void hint_raise(struct lab_room *room, lab_bit bit, unsigned int known)
{
	lab_word leaf = bit / LAB_LEAF_FRAMES;
	uint32_t *hint = &room_note(room, leaf)->hint;
	uint32_t old = load_seq(hint); /* after the clear; partner: the announcement in hint_lower() */
	int least = (int)known;

	for (;;) {
		int was = hint_order(old), order = was > least ? was : least;

		while (order < (int)LAB_LEAF_ORDER && hint_run_free(room, bit, (unsigned int)(order + 1)))
			order++;
		/* A give disturbs the announcement that stands, so that what is being lowered is read again; once:
		 * who announces after that reads what was cleared.  (Else give and searcher undo each other for ever.) */
		if (order == was && (least < 0 || !(old & HINT_ANNOUNCED)))
			return;
		if (!cas_seq(hint, &old, hint_with(old, order)))
			continue;
		for (; order > was && order > 0; order--)
			summary_some(room, leaf, (unsigned int)order);
		least = -1; /* said; from here on as anybody */
		old = load_seq(hint); /* again: is more completed now? */
	}
}

void hint_mend(struct lab_room *room, lab_word leaf)
{
	int order = leaf_order(tree_leaf(&room->commons, leaf));
	lab_bit bit = leaf * LAB_LEAF_FRAMES, end = bit + LAB_LEAF_FRAMES;

	for (; order >= 0 && bit < end; bit += (lab_bit)1 << order)
		if (hint_run_free(room, bit, (unsigned int)order)) {
			hint_raise(room, bit, (unsigned int)order);
			break;
		}
	for (order = hint_order(hint_now(room, leaf)); order > 0; order--)
		summary_some(room, leaf, (unsigned int)order);
}

void hint_lower(struct lab_room *room, lab_word leaf)
{
	uint32_t *hint = &room_note(room, leaf)->hint;
	uint32_t old = hint_now(room, leaf);
	/* What another has announced is finished for it: two searchers do not undo each other. */
	uint32_t announced = old & HINT_ANNOUNCED ? old : hint_announce(old);
	int order, was = hint_order(old);

	if (announced != old && !cas_seq(hint, &old, announced)) /* another's step: the searcher looks again */
		return;
	order = leaf_order(tree_leaf(&room->commons, leaf)); /* after the announcement; partner: a give's clear */
	if (order > was)
		order = was; /* whoever completed it raises it */
	if (!cas_seq(hint, &announced, hint_with(announced, order)))
		return;
	/* Every order above: also what another lowered and has not yet said in the summary. */
	for (was = (int)LAB_LEAF_ORDER; was > order && was > 0; was--)
		if (!(load_seq(summary_none(room, 0, leaf, (unsigned int)was)) & child_bit(leaf)))
			summary_none_left(room, 0, leaf, (unsigned int)was);
}

lab_word hint_search(struct lab_room *room, unsigned int order, enum lab_end end)
{
	const struct lab_tree *tree = &room->commons;
	unsigned int level = tree->height;
	lab_word index = 0;

	while (level > 0) {
		uint32_t none = load_seq(&room_summary(room, level - 1)[index].none[order - 1]);
		lab_word some = LAB_FULL & ~(none | tree_absent(tree, level - 1, index));

		if (!some && level == tree->height)
			return LAB_NO_BIT;
		if (!some) {
			/* Stale above: repair, and begin again at the top. */
			summary_none_left(room, level, index, order);
			level = tree->height;
			index = 0;
			continue;
		}
		index = (index << LAB_FANOUT_SHIFT) + (end == LAB_LOW_END ? word_lowest(some) : word_highest(some));
		level--;
	}
	return index;
}

bool hint_tidy(struct lab_room *room, lab_word leaf)
{
	bool stale = hint_order(load_relaxed(&room_note(room, leaf)->hint)) > leaf_order(tree_leaf(&room->commons, leaf));
	unsigned int level, order;

	if (stale)
		hint_lower(room, leaf);
	for (level = 0; level < room->commons.height; level++, leaf >>= LAB_FANOUT_SHIFT) {
		for (order = 1; order <= LAB_LEAF_ORDER; order++) {
			if (load_seq(summary_none(room, level, leaf, order)) & child_bit(leaf) ||
			    !node_none(room, level, leaf, order))
				continue;
			summary_none_left(room, level, leaf, order);
			stale = true;
		}
		if (leaf % LAB_FANOUT) /* a parent is looked at with its first child */
			break;
	}
	return stale;
}

bool hint_holds(const struct lab_room *room, lab_word *leaf)
{
	unsigned int order, level;

	for (*leaf = 0; *leaf < room->commons.leaves; ++*leaf) {
		int truth = leaf_order(tree_leaf(&room->commons, *leaf));

		if (hint_order(load_relaxed(&room_note(room, *leaf)->hint)) < truth)
			return false;
		for (order = 1; (int)order <= truth; order++)
			for (level = 0; level < room->commons.height; level++) {
				lab_word child = *leaf >> (LAB_FANOUT_SHIFT * level);

				if (load_relaxed(summary_none(room, level, child, order)) & child_bit(child))
					return false;
			}
	}
	return true;
}
