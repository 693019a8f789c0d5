/* SPDX-License-Identifier: MIT */
/*
 * buddy.h - a textbook binary buddy allocator, the yardstick for fragmentation.
 *
 * Not a part of Labyrinth: `labyrinth replay` gives the same requests to this one and to a labyrinth,
 * and compares how many huge pages each leaves whole.  It decides as Linux's page allocator does where
 * a textbook speaks: orders 0 to 10, a LIFO list of free blocks an order, the smallest block that
 * suffices is split, the lower half goes on, a freed block coalesces as far as its buddies are free.
 *
 * Single-threaded.  It keeps no record of what is allocated: a block may be freed in pieces, and
 * freeing what is free already stops the program.
 */
#ifndef LABYRINTH_BENCH_BUDDY_H
#define LABYRINTH_BENCH_BUDDY_H

#include <stdint.h>

#define BUDDY_ORDER_MAX 10u

struct buddy;

/* All `frames` (1 .. 2^32 - 2) free; NULL: too many, or no memory (9 bytes a frame). */
struct buddy *buddy_new(uint64_t frames);
void buddy_delete(struct buddy *buddy);

/* The first frame of the block, or -1: no such block, or an order above BUDDY_ORDER_MAX. */
int64_t buddy_alloc(struct buddy *buddy, unsigned int order);

/* Just this block (frame a multiple of 2^order).  0, or -1 where it is not wholly free. */
int buddy_alloc_at(struct buddy *buddy, uint64_t frame, unsigned int order);

void buddy_free(struct buddy *buddy, uint64_t frame, unsigned int order);

/* How many aligned blocks of this order are wholly free; a larger free block counts as several. */
uint64_t buddy_huge_free(const struct buddy *buddy, unsigned int order);

#endif
