/* SPDX-License-Identifier: MIT */
/*
 * tree.c - take, give and the listing protocol over the leaves (DESIGN.md, "The tree").
 *
 * Nodes are numbered by level and index: level 0 are the leaves, node (l, i) has its bit in parent word
 * (l, i >> LAB_FANOUT_SHIFT) of the parent levels, which is node (l + 1, i >> LAB_FANOUT_SHIFT).
 * Nothing here recurses, loops without another call's step, or stops half way: a caller killed inside
 * leaves at most one full child listed, which the next searcher repairs.
 */
#include "tree.h"

/* How many leaves a search finds full, one after the other, before it leaves the word to its caller. */
#define TREE_TRIES_MAX 1024u

/* Where a node's bit is: its parent word and the bit's number there. */
static inline lab_word *node_parent(const struct lab_tree *tree, unsigned int level, lab_word index,
				    unsigned int *child)
{
	*child = (unsigned int)(index % LAB_FANOUT);
	if (level + 1u == tree->height)
		*child += tree->root_child; /* 0 but for trees that share a root */
	return tree_parent(tree, level, index >> LAB_FANOUT_SHIFT);
}

lab_word tree_absent(const struct lab_tree *tree, unsigned int level, lab_word index)
{
	lab_word last; /* number of the last child there is at this level */

	if (level + 1u == tree->height)
		return tree->root_absent;
	last = (tree->leaves - 1) >> (LAB_FANOUT_SHIFT * level);
	if (index != last >> LAB_FANOUT_SHIFT)
		return 0;
	return LAB_FULL & ~word_below((unsigned int)(last % LAB_FANOUT) + 1);
}

bool tree_full(const struct lab_tree *tree, unsigned int level, lab_word index)
{
	lab_word w;

	if (level == 0)
		return leaf_full(tree_leaf(tree, index));
	/* Partner: the fetch-and of a listing below that node. */
	w = load_seq(tree_parent(tree, level - 1, index));
	return ((w | tree_absent(tree, level - 1, index)) & LAB_FULL) == LAB_FULL;
}

/* Is the child full that an announcement in node (level, index)'s parent names? */
static bool announced_full(const struct lab_tree *tree, unsigned int level, lab_word index, unsigned int child)
{
	if (level + 1u == tree->height && tree->stride) {
		/* The root is shared: that child is the top of another tree. */
		ptrdiff_t distance = ((ptrdiff_t)child - tree->root_child) * tree->stride;
		const struct lab_tree *other = (const struct lab_tree *)((const char *)tree + distance);

		return tree_full(other, other->height - 1u, 0);
	}
	return tree_full(tree, level, (index & ~(lab_word)(LAB_FANOUT - 1)) + child);
}

#define LEVEL_NONE LAB_LEVELS_MAX

/*
 * Unlist node (level, index).  Ends when its bit is set, or when it is not full (any more), or when the
 * parents that became full by it are unlisted too.  Returns the level at which a committed node turned
 * out not to be full and must be listed again, or LEVEL_NONE.
 */
static unsigned int unlist(const struct lab_tree *tree, unsigned int level, lab_word index)
{
	while (level < tree->height) {
		unsigned int child;
		lab_word *parent = node_parent(tree, level, index, &child);
		lab_word w = load_seq(parent); /* partner: another's announcement or listing */
		int announced;

		if (!parent_lists(w, child))
			return LEVEL_NONE;
		announced = parent_announced(w);
		if (!tree_full(tree, level, index)) {
			if (announced == (int)child)
				cas_seq(parent, &w, parent_withdraw(w)); /* nothing to finish; a loss: done by another */
			return LEVEL_NONE;
		}
		if (announced != (int)child) {
			/* Announce, and finish for another what stands announced: it was full on this read, and
			 * nobody has listed it since or the CAS fails. */
			lab_word next = w;

			if (announced >= 0 && announced_full(tree, level, index, (unsigned int)announced))
				next = parent_commit(next, (unsigned int)announced);
			/* The announcement; partner: the parent load of a give (climb). */
			cas_seq(parent, &w, parent_announce(next, child));
			continue;
		}
		/* Commit: no give has touched this parent since it was announced (one would have withdrawn it). */
		if (!cas_seq(parent, &w, parent_commit(w, child)))
			continue;
		if (!tree_full(tree, level, index)) /* a wrapped sequence, or a give about to list it itself */
			return level;
		if (!tree_full(tree, level + 1, index >> LAB_FANOUT_SHIFT))
			return LEVEL_NONE;
		level++;
		index >>= LAB_FANOUT_SHIFT;
	}
	return LEVEL_NONE;
}

void tree_climb(const struct lab_tree *tree, lab_word leaf, unsigned int level)
{
	while (level < tree->height) {
		lab_word index = leaf >> (LAB_FANOUT_SHIFT * level);
		unsigned int child, again;
		lab_word *parent = node_parent(tree, level, index, &child);
		lab_word w = load_seq(parent); /* after the clear; partner: an announcement of this child */

		if (likely(parent_lists(w, child) && parent_announced(w) != (int)child)) {
			level++;
			continue;
		}
		/* List; withdraws any announcement, whose maker then looks again.  Partner: commit. */
		and_seq(parent, parent_list_mask(child));
		if (tree_full(tree, level, index)) { /* taken meanwhile by one that saw it unlisted */
			again = unlist(tree, level, index);
			if (again != LEVEL_NONE) {
				level = again;
				continue;
			}
		}
		level++;
	}
}

void tree_settle(const struct lab_tree *tree, lab_word leaf, unsigned int level)
{
	unsigned int again = unlist(tree, level, leaf >> (LAB_FANOUT_SHIFT * level));

	if (again != LEVEL_NONE)
		tree_climb(tree, leaf, again);
}

void tree_took(const struct lab_tree *tree, lab_word leaf)
{
	/* After the claim; partner: another's claim of the last bit in another word of the line. */
	if (leaf_full(tree_leaf(tree, leaf)))
		tree_settle(tree, leaf, 0);
}

lab_bit tree_take_leaf(const struct lab_tree *tree, lab_word leaf)
{
	lab_word *words = tree_leaf(tree, leaf);
	unsigned int i;

	for (i = 0; i < LAB_LEAF_WORDS; i++) {
		bool left;
		unsigned int bit = leaf_claim(&words[i], 0, &left);

		if (bit == LAB_WORD_BITS)
			continue;
		if (!left)
			tree_took(tree, leaf);
		return leaf * LAB_LEAF_FRAMES + i * LAB_WORD_BITS + bit;
	}
	tree_settle(tree, leaf, 0);
	return LAB_NO_BIT;
}

/* Which of the listed children to follow: at `near` or behind it, else any, as seen from that end. */
static unsigned int pick(lab_word listed, unsigned int near, enum lab_end end)
{
	lab_word behind = listed & (end == LAB_LOW_END ? LAB_ALL << near : word_below(near + 1));

	if (!behind)
		behind = listed;
	return end == LAB_LOW_END ? word_lowest(behind) : word_highest(behind);
}

/*
 * Walk down from node (level, 0) to a leaf.  LAB_NO_BIT: a node on the way was full; it has been taken
 * off its parent's list, so the next walk does not come this way.
 */
static lab_word descend(const struct lab_tree *tree, unsigned int level, lab_word from, enum lab_end end)
{
	lab_word index = 0;

	while (level-- > 0) {
		lab_word w = load_seq(tree_parent(tree, level, index)); /* partner: list, commit */
		lab_word listed = LAB_FULL & ~(w | tree_absent(tree, level, index));
		lab_word near = from >> (LAB_FANOUT_SHIFT * level);

		if (!listed) {
			tree_settle(tree, index << (LAB_FANOUT_SHIFT * (level + 1)), level + 1);
			return LAB_NO_BIT;
		}
		if (near >> LAB_FANOUT_SHIFT != index) /* off the way to `from`: the end decides */
			near = end == LAB_LOW_END ? 0 : LAB_FANOUT - 1;
		index = (index << LAB_FANOUT_SHIFT) + pick(listed, (unsigned int)(near % LAB_FANOUT), end);
	}
	return index;
}

lab_word tree_find(const struct lab_tree *tree, lab_word from, enum lab_end end, lab_word *proof)
{
	unsigned int tries;

	for (tries = 0; tries < TREE_TRIES_MAX; tries++) {
		lab_word root = load_seq(tree_root(tree)); /* the instant of a truthful none */
		lab_word leaf;

		if (root_empty(root, tree_children(tree))) {
			*proof = root;
			return LAB_NO_BIT;
		}
		leaf = descend(tree, tree->height, from, end);
		if (leaf != LAB_NO_BIT)
			return leaf;
	}
	*proof = 0;
	return LAB_NO_BIT;
}

lab_word tree_count(const struct lab_tree *tree, lab_word most)
{
	lab_word from = 0, n = 0, proof;

	while (n < most && from < tree->leaves) {
		lab_word leaf = tree_find(tree, from, LAB_LOW_END, &proof), before = n;
		unsigned int i;

		if (leaf == LAB_NO_BIT || leaf < from) /* none, or none behind */
			break;
		for (i = 0; i < LAB_LEAF_WORDS; i++)
			n += word_count(word_free(load_relaxed(&tree_leaf(tree, leaf)[i]))); /* a moment's figure */
		if (n == before)
			tree_settle(tree, leaf, 0);
		from = leaf + 1;
	}
	return n < most ? n : most;
}

lab_bit tree_take_below(const struct lab_tree *tree)
{
	lab_word leaf = descend(tree, tree->height - 1u, 0, LAB_LOW_END);

	return leaf == LAB_NO_BIT ? LAB_NO_BIT : tree_take_leaf(tree, leaf);
}

bool tree_take_at(const struct lab_tree *tree, lab_bit bit)
{
	bool left;

	if (!leaf_claim_mask(tree_word(tree, bit), (lab_word)1 << bit % LAB_WORD_BITS, &left))
		return false;
	if (!left)
		tree_took(tree, bit / LAB_LEAF_FRAMES);
	return true;
}

void tree_mend(const struct lab_tree *tree)
{
	lab_word count = tree->leaves, i;
	unsigned int level;

	for (level = 0; level < tree->height; level++) {
		for (i = 0; i < count; i++) {
			lab_word leaf = i << (LAB_FANOUT_SHIFT * level);

			if (tree_full(tree, level, i))
				tree_settle(tree, leaf, level);
			else if (!level)
				tree_climb(tree, leaf, 0);
		}
		count = (count + LAB_FANOUT - 1) >> LAB_FANOUT_SHIFT;
	}
}

enum lab_rule tree_holds(const struct lab_tree *tree, lab_word *leaf)
{
	unsigned int level;
	lab_word count = tree->leaves, i;

	for (level = 0; level < tree->height; level++) {
		for (i = 0; i < count; i++) {
			unsigned int child;
			lab_word w = load_relaxed(node_parent(tree, level, i, &child));

			*leaf = i << (LAB_FANOUT_SHIFT * level);
			if (tree_full(tree, level, i) == parent_lists(w, child))
				return parent_lists(w, child) ? LAB_RULE_STALE : LAB_RULE_LISTED;
		}
		count = (count + LAB_FANOUT - 1) >> LAB_FANOUT_SHIFT;
	}
	return LAB_RULE_NONE;
}
