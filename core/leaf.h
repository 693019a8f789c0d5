/* SPDX-License-Identifier: MIT */
/*
 * leaf.h - 512 bits, one cache line: claiming and clearing them.
 *
 * On the way: tree -> leaf -> frame.  Called by tree.c and room.c only.  Leaf words are changed by
 * read-modify-write only, sequentially consistent: a claim must be ordered before the look at the
 * line's other words and the parents (tree.c, "unlist"), a clear before the parent loads ("climb").
 *
 * Progress: a failed compare-and-swap is another caller's success in the same word.
 */
#ifndef LAB_LEAF_H
#define LAB_LEAF_H

#include "atomic.h"
#include "layout.h"

/*
 * Full?  The words are read one after the other.  Partner: the clear in a give, which is followed by
 * its parent loads (climb), so that either this sees the clear or the giver sees what we announced.
 */
static inline bool leaf_full(const lab_word *leaf)
{
	unsigned int i;

	for (i = 0; i < LAB_LEAF_WORDS; i++)
		if (load_seq(&leaf[i]) != LAB_TAKEN)
			return false;
	return true;
}

/*
 * Claim one free bit of a word, at `from` or after it, going round.  Returns the bit's number, or
 * LAB_WORD_BITS: full.  *left tells whether the word has free bits still.
 */
static inline unsigned int leaf_claim(lab_word *word, unsigned int from, bool *left)
{
	lab_word old = load_relaxed(word); /* only a first guess for the compare-and-swap */

	while (old != LAB_TAKEN) {
		unsigned int bit = word_free_from(old, from);
		lab_word taken = old | (lab_word)1 << bit;

		if (likely(cas_seq(word, &old, taken))) { /* the claim; partner: the clear of a give */
			*left = taken != LAB_TAKEN;
			return bit;
		}
	}
	return LAB_WORD_BITS;
}

/* Claim an aligned run of 2^order <= LAB_WORD_BITS bits of a word: its first bit, or LAB_WORD_BITS. */
static inline unsigned int leaf_claim_run(lab_word *word, unsigned int order, bool *left)
{
	lab_word old = load_relaxed(word); /* only a first guess */
	lab_word runs;

	while ((runs = word_runs(old, order)) != 0) {
		unsigned int bit = word_lowest(runs);
		lab_word taken = old | word_ones(order) << bit;

		if (cas_seq(word, &old, taken)) { /* the claim of the whole run at once */
			*left = taken != LAB_TAKEN;
			return bit;
		}
	}
	return LAB_WORD_BITS;
}

/* Claim exactly these bits of a word, all or none of them. */
static inline bool leaf_claim_mask(lab_word *word, lab_word mask, bool *left)
{
	lab_word old = load_relaxed(word); /* only a first guess */

	while (!(old & mask))
		if (cas_seq(word, &old, old | mask)) { /* the claim of all of them at once */
			*left = (old | mask) != LAB_TAKEN;
			return true;
		}
	return false;
}

/* The largest order of a free aligned run in a leaf, -1: none.  No snapshot (hint.h makes it safe). */
int leaf_order(const lab_word *leaf);

#endif
