/* SPDX-License-Identifier: MIT */
/*
 * tree.h - leaves of bits under levels of parent words; the listing protocol.
 *
 * On the way: room, pool -> tree -> leaf.  One tree serves a room's commons and, small, the slots of a
 * pool.  Modelled in models/tree.pml.
 *
 * Invariant L: for every bit whose give has returned and that nobody has taken since, every ancestor
 * lists its child.  At rest no full child is listed; each stopped call leaves at most one.
 *
 *              | take                        | give
 *    ----------+-----------------------------+--------------------------------------------
 *    take      | lock-free; the loser of a   | the take may miss a bit whose give has not
 *              | word's CAS looks again      | returned, never one whose give has
 *    give      |                             | wait-free clear; listing is lock-free
 *
 * Truthful none: a root whose children are all full, read once, proves that at that instant no bit was
 * free whose give had returned.
 */
#ifndef LAB_TREE_H
#define LAB_TREE_H

#include "leaf.h"

/* Where a search begins: from the low end or the high end of the tree. */
enum lab_end { LAB_LOW_END, LAB_HIGH_END };

static inline lab_word *tree_root(const struct lab_tree *tree)
{
	return tree_parent(tree, tree->height - 1u, 0);
}

/* Nothing to find under these children of a root (`among`: a bit a child)? */
static inline bool root_empty(lab_word root, lab_word among)
{
	return !(~root & among);
}

static inline lab_word tree_children(const struct lab_tree *tree)
{
	return LAB_FULL & ~tree->root_absent;
}

/*
 * Find a leaf that is listed: the first at leaf `from` or behind it, seen from that end (a preference: it
 * may be one before).  LAB_NO_BIT with *proof = the root word that says that there is none (a truthful
 * none), or with *proof = 0: too many nodes were found full one after the other, each by another call's
 * step.
 */
lab_word tree_find(const struct lab_tree *tree, lab_word from, enum lab_end end, lab_word *proof);

/* Take any bit of a leaf.  LAB_NO_BIT: it was full, and is unlisted now. */
lab_bit tree_take_leaf(const struct lab_tree *tree, lab_word leaf);

/* Take any bit below the tree's own top node, the child of a shared root.  LAB_NO_BIT: none found. */
lab_bit tree_take_below(const struct lab_tree *tree);

/* Take this bit.  False: it is taken. */
bool tree_take_at(const struct lab_tree *tree, lab_bit bit);

/* After a claim that left its word full: if the leaf is full now, unlist it. */
void tree_took(const struct lab_tree *tree, lab_word leaf);

/* List a leaf upwards, after bits of it were cleared. */
void tree_climb(const struct lab_tree *tree, lab_word leaf, unsigned int level);

/* Take a node that was found full off its parent's list, and what that fills above it. */
void tree_settle(const struct lab_tree *tree, lab_word leaf, unsigned int level);

/* Give a bit back. */
static inline void tree_give(const struct lab_tree *tree, lab_bit bit)
{
	/* Wait-free clear; partner: leaf_full() of whoever unlists this leaf. */
	and_seq(tree_word(tree, bit), ~((lab_word)1 << bit % LAB_WORD_BITS));
	tree_climb(tree, bit / LAB_LEAF_FRAMES, 0);
}

/* List what has something and unlist what has not, as who died had no time to.  Beside anybody; proportional to the tree. */
void tree_mend(const struct lab_tree *tree);

/* Free bits, counted as far as `most`: in listed leaves only, so bounded by `most` however large the tree. */
lab_word tree_count(const struct lab_tree *tree, lab_word most);

/* Children that do not exist under a parent word, as full bits. */
lab_word tree_absent(const struct lab_tree *tree, unsigned int level, lab_word index);

/* Is the node of this level (0: a leaf) full?  One load a parent word, one a word of a leaf. */
bool tree_full(const struct lab_tree *tree, unsigned int level, lab_word index);

/* What is broken in this tree, with nobody in a call: LAB_RULE_LISTED, LAB_RULE_STALE or none. */
enum lab_rule tree_holds(const struct lab_tree *tree, lab_word *leaf);

#endif
