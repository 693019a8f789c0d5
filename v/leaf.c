/* SPDX-License-Identifier: MIT */
/*
 * leaf.c - what a leaf's words hold together.
 */
#include "leaf.h"

int leaf_order(const lab_word *leaf)
{
	unsigned int run = 0; /* wholly free words in a row, ending here */
	int order = -1;
	unsigned int i;

	for (i = 0; i < LAB_LEAF_WORDS; i++) {
		lab_word w = load_seq(&leaf[i]); /* partner: the clear of a give (hint.c, "lower") */
		unsigned int words = 1;
		int here = word_order(w);

		run = w ? 0 : run + 1;
		/* An aligned run of 2, 4, 8.. words that ends at word i. */
		while (words * 2 <= run && (i + 1) % (words * 2) == 0) {
			words *= 2;
			here++;
		}
		if (here > order)
			order = here;
	}
	return order;
}
