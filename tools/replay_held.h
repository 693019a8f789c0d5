/* SPDX-License-Identifier: MIT */
/*
 * replay_held.h - which blocks a trace holds at a moment, by the kernel's own frame numbers.
 *
 * Two hash tables: blocks by their first frame, and per 512 frames a bitmap of those held and of those
 * ever seen.  Memory is bounded by the number of events, whatever frame numbers they name.
 */
#ifndef TOOLS_REPLAY_HELD_H
#define TOOLS_REPLAY_HELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HELD_NO_SLOT UINT32_MAX

struct held_block {
	uint64_t frame;
	uint32_t slot;
	uint16_t offset; /* of the slot's block */
	uint8_t order;
	bool singles; /* its slot's block was split: 2^order single pages */
};

struct held;

struct held *held_new(void);
void held_delete(struct held *held);

enum held_map {
	HELD_NOW,
	HELD_EVER, /* now or before */
};

/* How many of the 2^order frames from `frame` (order <= 9, aligned) are in this map. */
unsigned int held_count(const struct held *held, uint64_t frame, unsigned int order, enum held_map map);

/* Put a block (its frames: none held).  False: out of memory. */
bool held_put(struct held *held, const struct held_block *block);

/* The block that holds `frame`, which has at least `order`; false: none. */
bool held_find(const struct held *held, uint64_t frame, unsigned int order, struct held_block *block);

/* Remove the block that begins at `frame`, which is there. */
void held_remove(struct held *held, uint64_t frame);

/* Frames held in all. */
uint64_t held_frames(const struct held *held);

#endif
