/* SPDX-License-Identifier: MIT */
/*
 * replay_held.c - see replay_held.h.
 *
 * Open addressing with linear probing, never more than half full; removal shifts back what follows, so
 * there are no tombstones and the table of blocks is as large as the most blocks held at once need.
 */
#include "replay_held.h"

#include <stdlib.h>
#include <string.h>

#define LEAF_ORDER 9u
#define LEAF_WORDS 8u
#define FIRST_BUCKETS ((size_t)1 << 12)

struct leaf {
	uint64_t key; /* number of the leaf + 1; 0: empty */
	uint64_t word[2][LEAF_WORDS];
};

struct held {
	struct held_block *blocks; /* frame 0: an empty bucket (no kernel gives frame 0) */
	size_t block_buckets, block_count;
	struct leaf *leaves;
	size_t leaf_buckets, leaf_count;
	uint64_t frames;
};

static size_t hash(uint64_t key, size_t buckets)
{
	return (size_t)(key * 0x9e3779b97f4a7c15u >> 20) & (buckets - 1);
}

struct held *held_new(void)
{
	struct held *held = calloc(1, sizeof(*held));

	if (!held)
		return NULL;
	held->block_buckets = FIRST_BUCKETS;
	held->leaf_buckets = FIRST_BUCKETS;
	held->blocks = calloc(FIRST_BUCKETS, sizeof(*held->blocks));
	held->leaves = calloc(FIRST_BUCKETS, sizeof(*held->leaves));
	if (held->blocks && held->leaves)
		return held;
	held_delete(held);
	return NULL;
}

void held_delete(struct held *held)
{
	if (!held)
		return;
	free(held->blocks);
	free(held->leaves);
	free(held);
}

/* ---------------------------------------------------------------- leaves */

static size_t leaf_bucket(const struct leaf *leaves, size_t buckets, uint64_t key)
{
	size_t i = hash(key, buckets);

	while (leaves[i].key && leaves[i].key != key)
		i = (i + 1) & (buckets - 1);
	return i;
}

static bool leaves_grow(struct held *held)
{
	size_t buckets = held->leaf_buckets * 2, i;
	struct leaf *leaves;

	if (held->leaf_count * 2 < held->leaf_buckets)
		return true;
	leaves = calloc(buckets, sizeof(*leaves));
	if (!leaves)
		return false;
	for (i = 0; i < held->leaf_buckets; i++)
		if (held->leaves[i].key)
			leaves[leaf_bucket(leaves, buckets, held->leaves[i].key)] = held->leaves[i];
	free(held->leaves);
	held->leaves = leaves;
	held->leaf_buckets = buckets;
	return true;
}

static struct leaf *leaf_of(struct held *held, uint64_t frame)
{
	uint64_t key = (frame >> LEAF_ORDER) + 1;
	struct leaf *leaf = &held->leaves[leaf_bucket(held->leaves, held->leaf_buckets, key)];

	if (!leaf->key) {
		leaf->key = key;
		held->leaf_count++;
	}
	return leaf;
}

/* The words and the mask of a block inside its leaf. */
static uint64_t block_mask(uint64_t frame, unsigned int order, unsigned int *first, unsigned int *words)
{
	*first = (unsigned int)(frame >> 6) % LEAF_WORDS;
	*words = order > 6 ? 1u << (order - 6) : 1;
	return order >= 6 ? UINT64_MAX : (((uint64_t)1 << (1u << order)) - 1) << (frame & 63);
}

unsigned int held_count(const struct held *held, uint64_t frame, unsigned int order, enum held_map map)
{
	uint64_t key = (frame >> LEAF_ORDER) + 1, mask;
	const struct leaf *leaf = &held->leaves[leaf_bucket(held->leaves, held->leaf_buckets, key)];
	unsigned int first, words, i, count = 0;

	if (!leaf->key)
		return 0;
	mask = block_mask(frame, order, &first, &words);
	for (i = first; i < first + words; i++)
		count += (unsigned int)__builtin_popcountll(leaf->word[map][i] & mask);
	return count;
}

static void leaf_set(struct held *held, uint64_t frame, unsigned int order, bool now)
{
	struct leaf *leaf = leaf_of(held, frame);
	unsigned int first, words, i;
	uint64_t mask = block_mask(frame, order, &first, &words);

	for (i = first; i < first + words; i++) {
		leaf->word[HELD_EVER][i] |= mask;
		if (now)
			leaf->word[HELD_NOW][i] |= mask;
		else
			leaf->word[HELD_NOW][i] &= ~mask;
	}
}

/* ---------------------------------------------------------------- blocks */

static size_t block_bucket(const struct held_block *blocks, size_t buckets, uint64_t frame)
{
	size_t i = hash(frame, buckets);

	while (blocks[i].frame && blocks[i].frame != frame)
		i = (i + 1) & (buckets - 1);
	return i;
}

static bool blocks_grow(struct held *held)
{
	size_t buckets = held->block_buckets * 2, i;
	struct held_block *blocks;

	if (held->block_count * 2 < held->block_buckets)
		return true;
	blocks = calloc(buckets, sizeof(*blocks));
	if (!blocks)
		return false;
	for (i = 0; i < held->block_buckets; i++)
		if (held->blocks[i].frame)
			blocks[block_bucket(blocks, buckets, held->blocks[i].frame)] = held->blocks[i];
	free(held->blocks);
	held->blocks = blocks;
	held->block_buckets = buckets;
	return true;
}

bool held_put(struct held *held, const struct held_block *block)
{
	if (!blocks_grow(held) || !leaves_grow(held))
		return false;
	held->blocks[block_bucket(held->blocks, held->block_buckets, block->frame)] = *block;
	held->block_count++;
	held->frames += (uint64_t)1 << block->order;
	leaf_set(held, block->frame, block->order, true);
	return true;
}

bool held_find(const struct held *held, uint64_t frame, unsigned int order, struct held_block *block)
{
	uint64_t head;
	size_t i;

	for (; order <= LEAF_ORDER; order++) {
		head = frame & ~(((uint64_t)1 << order) - 1);
		i = block_bucket(held->blocks, held->block_buckets, head);
		*block = held->blocks[i];
		if (block->frame && block->order >= order)
			return true;
	}
	return false;
}

void held_remove(struct held *held, uint64_t frame)
{
	size_t mask = held->block_buckets - 1, hole, i, home;

	hole = block_bucket(held->blocks, held->block_buckets, frame);
	leaf_set(held, frame, held->blocks[hole].order, false);
	held->frames -= (uint64_t)1 << held->blocks[hole].order;
	held->block_count--;
	for (i = (hole + 1) & mask; held->blocks[i].frame; i = (i + 1) & mask) {
		home = hash(held->blocks[i].frame, held->block_buckets);
		if (((i - home) & mask) < ((i - hole) & mask))
			continue; /* its home lies behind the hole: it may not go there */
		held->blocks[hole] = held->blocks[i];
		hole = i;
	}
	memset(&held->blocks[hole], 0, sizeof(held->blocks[hole]));
}

uint64_t held_frames(const struct held *held)
{
	return held->frames;
}
