/* SPDX-License-Identifier: MIT */
/*
 * marker.h - the secrets of the remanence rig: marks that are told from anything else, wherever they are found.
 *
 * A page is filled with 64 markers of 64 bytes, each eight words.  A word is its own number under a key of the run, mixed so that it
 * can be unmixed:
 *
 *     number:  page << 9 | marker in the page << 3 | word in the marker          word = mix(number + key)
 *
 * Of 2^64 words only as many are marks as there are words in the pages: 512 pages leave one in 2^46 to chance, and a whole marker eight
 * times so.  They are composed word by word where they are to lie, so no whole one is ever anywhere else; the key is drawn anew for each
 * run, so neither is one in a program's text or in the initial file system.
 */
#ifndef REMANENCE_MARKER_H
#define REMANENCE_MARKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MARKER_PAGE 4096u
#define MARKER_WORDS 8u
#define MARKERS_A_PAGE (MARKER_PAGE / (MARKER_WORDS * 8))
#define WORDS_A_PAGE (MARKER_PAGE / 8)

#define MARKER_FACTOR 0xd6e8feb86659fd93u /* odd, so it has an inverse */

static inline uint64_t marker_fold(uint64_t word)
{
	return word ^ word >> 32; /* is its own inverse */
}

static inline uint64_t marker_mix(uint64_t word)
{
	return marker_fold(marker_fold(marker_fold(word) * MARKER_FACTOR) * MARKER_FACTOR);
}

/* By Newton: each step doubles the bits that are right; an odd number is its own inverse in the lowest three. */
static inline uint64_t marker_inverse(void)
{
	uint64_t inverse = MARKER_FACTOR;
	unsigned int i;

	for (i = 0; i < 5; i++)
		inverse *= 2 - MARKER_FACTOR * inverse;
	return inverse;
}

static inline uint64_t marker_unmix(uint64_t word, uint64_t inverse)
{
	return marker_fold(marker_fold(marker_fold(word) * inverse) * inverse);
}

/* The key of one case of a run, so that what an earlier case left is not found in a later one. */
static inline uint64_t marker_key(uint64_t seed, uint64_t number)
{
	return marker_mix(seed ^ marker_mix(number + 1));
}

static inline uint64_t marker_word(uint64_t key, uint64_t number)
{
	return marker_mix(number + key);
}

/* Fill a page, word by word. */
static inline void marker_write(volatile uint64_t *page, uint64_t key, uint64_t number)
{
	uint64_t i;

	for (i = 0; i < WORDS_A_PAGE; i++)
		page[i] = marker_word(key, number * WORDS_A_PAGE + i);
}

/* Is the page as it was filled? */
static inline bool marker_stands(const volatile uint64_t *page, uint64_t key, uint64_t number)
{
	uint64_t i;

	for (i = 0; i < WORDS_A_PAGE; i++)
		if (page[i] != marker_word(key, number * WORDS_A_PAGE + i))
			return false;
	return true;
}

#endif
