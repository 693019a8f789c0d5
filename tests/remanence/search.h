/* SPDX-License-Identifier: MIT */
/*
 * search.h - find the markers of one case (marker.h) in a piece of memory.
 *
 * Looks at every aligned word.  A marker counts when its eight words stand in their order; words of it that stand otherwise are
 * counted apart ("stray"): a register that an interrupt has saved is such a word, and so is what a half-done overwriting leaves.
 */
#ifndef REMANENCE_SEARCH_H
#define REMANENCE_SEARCH_H

#include <stdlib.h>
#include "marker.h"

struct search {
	uint64_t key, inverse, words; /* of which key; so many words were written at most */
	uint8_t *seen;		      /* a bit a marker: distinct ones are counted once */
	uint64_t copies;	      /* whole markers, wherever they lie */
	uint64_t markers;	      /* of these, different ones */
	uint64_t pages;		      /* of these, different pages */
	uint64_t stray;		      /* words outside of whole markers */
};

static inline bool search_begin(struct search *search, uint64_t key, uint64_t pages)
{
	*search = (struct search){ .key = key, .inverse = marker_inverse(), .words = pages * WORDS_A_PAGE };
	search->seen = calloc(1, pages * MARKERS_A_PAGE / 8 + 1);
	return search->seen;
}

/* The number of a word, or `words` where it is none. */
static inline uint64_t search_number(const struct search *search, uint64_t word)
{
	uint64_t number = marker_unmix(word, search->inverse) - search->key;

	return number < search->words ? number : search->words;
}

static inline bool search_whole(const struct search *search, const uint64_t *at, uint64_t number)
{
	unsigned int i;

	if (number % MARKER_WORDS)
		return false;
	for (i = 1; i < MARKER_WORDS; i++)
		if (at[i] != marker_word(search->key, number + i))
			return false;
	return true;
}

static inline void search_found(struct search *search, uint64_t number)
{
	uint64_t marker = number / MARKER_WORDS, page = number / WORDS_A_PAGE;
	bool first = true;
	uint64_t i;

	search->copies++;
	if (search->seen[marker / 8] >> marker % 8 & 1)
		return;
	for (i = 0; i < MARKERS_A_PAGE / 8; i++)
		first = first && !search->seen[page * (MARKERS_A_PAGE / 8) + i];
	search->seen[marker / 8] |= (uint8_t)(1u << marker % 8);
	search->markers++;
	search->pages += first;
}

/* `count` words at `memory`; a marker that goes beyond them is not whole. */
static inline void search_through(struct search *search, const uint64_t *memory, uint64_t count)
{
	uint64_t i = 0, number;

	while (i < count) {
		/* Most of a fresh machine is zero.  (Could zero be a word of a marker?  For one key in 2^46: then that marker is missed.) */
		number = memory[i] ? search_number(search, memory[i]) : search->words;
		if (number == search->words) {
			i++;
		} else if (count - i >= MARKER_WORDS && search_whole(search, memory + i, number)) {
			search_found(search, number);
			i += MARKER_WORDS;
		} else {
			search->stray++;
			i++;
		}
	}
}

static inline void search_end(struct search *search)
{
	free(search->seen);
	search->seen = NULL;
}

#endif
