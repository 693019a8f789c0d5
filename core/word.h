/* SPDX-License-Identifier: MIT */
/*
 * word.h - the geometry, and pure functions on single words.  Nothing here touches memory.
 *
 * A *leaf* is 512 frames = one cache line of bitmap words (8 of 64 bits, 16 of 32).  A set bit is a
 * taken frame, so zero-filled metadata means "all free".
 *
 * A *parent word* stands over up to LAB_FANOUT children:
 *
 *     63            38 37     32 31                             0
 *    +----------------+---------+--------------------------------+
 *    |    sequence    | clearing|              full              |
 *    +----------------+---------+--------------------------------+
 *     moves with every  child+1   a bit a child: 1 = not listed,
 *     announcement      announced 0 = listed (may have something)
 *                       as full,
 *                       0 = none
 *
 * (32 bits: full 8, clearing 4, sequence 20.)
 *
 * LAB_WORD_ORDER, LAB_ORDER_MAX (words a leaf) and LAB_FANOUT_SHIFT with LAB_CLEARING_BITS may be defined smaller
 * before: for tests, which then reach in few steps what takes thousands otherwise.  Where a word has fewer
 * frames than bits, the bits above stay clear.
 */
#ifndef LAB_WORD_H
#define LAB_WORD_H

#include <labyrinth.h>

typedef uintptr_t lab_word;

#define LAB_ALL (~(lab_word)0)

#if UINTPTR_MAX > 0xffffffffu
#define LAB_MACHINE_BITS 64u
#else
#define LAB_MACHINE_BITS 32u
#endif
#ifndef LAB_WORD_ORDER
#define LAB_WORD_ORDER (LAB_MACHINE_BITS == 64 ? 6u : 5u)
#define LAB_FANOUT_SHIFT (LAB_MACHINE_BITS == 64 ? 5u : 3u)
#define LAB_CLEARING_BITS (LAB_FANOUT_SHIFT + 1)
#define LAB_GEOMETRY_NATIVE 1
#elif !defined(LAB_FANOUT_SHIFT) || !defined(LAB_CLEARING_BITS)
#error "a geometry is defined as a whole"
#endif

#define LAB_WORD_BITS (1u << LAB_WORD_ORDER)
#define LAB_TAKEN (LAB_ALL >> (LAB_MACHINE_BITS - LAB_WORD_BITS)) /* a word without a free frame */
#define LAB_LEAF_ORDER LAB_ORDER_MAX
#define LAB_LEAF_FRAMES (1u << LAB_LEAF_ORDER)
#define LAB_LEAF_WORDS (LAB_LEAF_FRAMES / LAB_WORD_BITS)
#define LAB_FANOUT (1u << LAB_FANOUT_SHIFT)
#define LAB_FULL (((lab_word)1 << LAB_FANOUT) - 1)
#define LAB_CLEARING_SHIFT LAB_FANOUT
#define LAB_CLEARING ((((lab_word)1 << LAB_CLEARING_BITS) - 1) << LAB_CLEARING_SHIFT)
#define LAB_SEQUENCE_ONE ((lab_word)1 << (LAB_FANOUT + LAB_CLEARING_BITS))

_Static_assert(LAB_FANOUT < (1u << LAB_CLEARING_BITS), "child + 1 fits in clearing");
#ifdef LAB_GEOMETRY_NATIVE
_Static_assert(LAB_LEAF_WORDS * sizeof(lab_word) == 64, "a leaf is a cache line");
#endif

static inline unsigned int word_lowest(lab_word w) /* w != 0 */
{
	return (unsigned int)__builtin_ctzl(w);
}

static inline unsigned int word_highest(lab_word w) /* w != 0 */
{
	return LAB_MACHINE_BITS - 1 - (unsigned int)__builtin_clzl(w);
}

static inline unsigned int word_count(lab_word w)
{
	/* In parallel, by hand: without a popcount instruction the builtin is a library call. */
	w -= w >> 1 & LAB_ALL / 3;
	w = (w & LAB_ALL / 15 * 3) + (w >> 2 & LAB_ALL / 15 * 3);
	w = (w + (w >> 4)) & LAB_ALL / 255 * 15;
	return (unsigned int)(w * (LAB_ALL / 255) >> (LAB_MACHINE_BITS - 8));
}

/* The free frames of a word, as ones. */
static inline lab_word word_free(lab_word w)
{
	return ~w & LAB_TAKEN;
}

/* 2^order ones, order <= LAB_WORD_ORDER. */
static inline lab_word word_ones(unsigned int order)
{
	return order >= LAB_WORD_ORDER ? LAB_TAKEN : ((lab_word)1 << (1u << order)) - 1;
}

/* The lowest `n` bits, 0 <= n <= LAB_MACHINE_BITS. */
static inline lab_word word_below(unsigned int n)
{
	return n >= LAB_MACHINE_BITS ? LAB_ALL : ((lab_word)1 << n) - 1;
}

/* A one wherever an aligned run of 2^order may begin. */
static inline lab_word word_heads(unsigned int order)
{
	static const lab_word heads[] = {
		LAB_ALL,       LAB_ALL / 0x3,    LAB_ALL / 0xf,	       LAB_ALL / 0xff,
		LAB_ALL / 0xffff, LAB_ALL / 0xffffffffu, 1,
	};

	return heads[order];
}

/* A one at each place where an aligned run of 2^order zero bits of `w` begins. */
static inline lab_word word_runs(lab_word w, unsigned int order)
{
	lab_word free = word_free(w);
	unsigned int i;

	for (i = 0; i < order; i++)
		free &= free >> (1u << i);
	return free & word_heads(order);
}

/* The largest order of a free aligned run, -1: the word is full. */
static inline int word_order(lab_word w)
{
	int order = -1;

	while (order < (int)LAB_WORD_ORDER && word_runs(w, (unsigned int)(order + 1)))
		order++;
	return order;
}

/* The first free bit at `from` or after it, going round; w != LAB_TAKEN. */
static inline unsigned int word_free_from(lab_word w, unsigned int from)
{
	lab_word free = word_free(w), after = free & LAB_ALL << from;

	return word_lowest(after ? after : free);
}

/* ---- parent words ---- */

static inline bool parent_lists(lab_word w, unsigned int child)
{
	return !(w >> child & 1);
}

/* The announced child, -1: none. */
static inline int parent_announced(lab_word w)
{
	return (int)((w & LAB_CLEARING) >> LAB_CLEARING_SHIFT) - 1;
}

static inline lab_word parent_withdraw(lab_word w)
{
	return w & ~LAB_CLEARING;
}

static inline lab_word parent_announce(lab_word w, unsigned int child)
{
	return (parent_withdraw(w) | (lab_word)(child + 1) << LAB_CLEARING_SHIFT) + LAB_SEQUENCE_ONE;
}

static inline lab_word parent_commit(lab_word w, unsigned int child)
{
	return parent_withdraw(w) | (lab_word)1 << child;
}

/* The mask to and with, that lists a child and withdraws whatever is announced. */
static inline lab_word parent_list_mask(unsigned int child)
{
	return ~((lab_word)1 << child | LAB_CLEARING);
}

#endif
