/* SPDX-License-Identifier: MIT */
/*
 * stats.c - what a labyrinth holds, counted bit by bit beside running callers: each figure is that of a
 * moment, and no figure ever admits or refuses a request.
 */
#include "exchange.h"
#include "page.h"

void *memset(void *, int, size_t);
void *memcpy(void *, const void *, size_t);

const char *lab_counter_name(enum lab_counter counter)
{
	static const char *const name[LAB_COUNTERS] = {
		"nomem",  "nospc", "again", "invalid", "fallback", "band",  "reserve",
		"double", "order", "body",  "foreign", "use",	   "stale", "range",   "offlined", "quota", "shared", "corrupt",
	};

	return (unsigned int)counter < LAB_COUNTERS ? name[counter] : NULL;
}

int lab_stats(const struct labyrinth *lab, struct lab_stats *stats)
{
	unsigned int i;

	if (!labyrinth_alive(lab))
		return labyrinth_refusal(lab);
	stats->rooms = lab->rooms;
	stats->page_shift = lab->page_shift;
	stats->metadata_bytes = lab->bytes;
	for (i = 0; i < LAB_COUNTERS; i++)
		stats->counter[i] = load_relaxed(&lab->counter[i]);
	return 0;
}

/* A leaf as a buddy allocator would count it: free aligned blocks, each in the largest it belongs to. */
static void count_leaf(const lab_word *leaf, struct lab_room_stats *stats)
{
	unsigned int run = 0, i;

	for (i = 0; i < LAB_LEAF_WORDS; i++) {
		lab_word free = word_free(load_relaxed(&leaf[i]));
		int order;

		stats->free_commons += word_count(free);
		run = free == LAB_TAKEN ? run + 1 : 0;
		for (order = LAB_WORD_ORDER; order >= 0; order--) {
			lab_word heads = word_runs(~free, (unsigned int)order);

			stats->free_blocks[order] += word_count(heads);
			for (; heads; heads &= heads - 1)
				free &= ~(word_ones((unsigned int)order) << word_lowest(heads));
		}
		/* Two free neighbours make one of the next order. */
		for (order = LAB_WORD_ORDER; run && !((i + 1) & ((2u << (order - LAB_WORD_ORDER)) - 1)) &&
					    run >= 2u << (order - LAB_WORD_ORDER) && order < (int)LAB_LEAF_ORDER;
		     order++) {
			stats->free_blocks[order] -= 2;
			stats->free_blocks[order + 1]++;
		}
	}
}

static void count_bands(const struct lab_room *room, struct lab_room_stats *stats)
{
	unsigned int i;

	stats->bands = room->bands;
	for (i = 0; i < room->bands; i++) {
		stats->band_floor[i] = room->pool[i].floor;
		stats->band_frames[i] = room->pool[i].slots;
		stats->band_free[i] = pool_count(&room->pool[i]);
		stats->free_pooled += stats->band_free[i];
	}
}

int lab_room_stats(const struct labyrinth *lab, unsigned int number, struct lab_room_stats *stats)
{
	const struct lab_room *room;
	lab_word leaf;

	if (!labyrinth_alive(lab))
		return labyrinth_refusal(lab);
	if (number >= lab->rooms)
		return -LAB_ENXIO;
	room = labyrinth_room(lab, number);
	memset(stats, 0, sizeof(*stats));
	memcpy(stats->name, room->name, sizeof(stats->name));
	stats->zone = room->zone;
	stats->node = room->node;
	stats->online = !load_relaxed(&room->offline);
	stats->keeper_wanted = load_relaxed(&room->keeper);
	stats->first_frame = room->first_frame + room->lead;
	stats->frames = room->frames;
	stats->managed = room->managed;
	stats->min = room->min;
	stats->low = room->low;
	stats->high = room->high;
	for (leaf = 0; leaf < room->commons.leaves; leaf++) {
		uint64_t whole = stats->free_blocks[LAB_LEAF_ORDER];

		count_leaf(tree_leaf(&room->commons, leaf), stats);
		if (stats->free_blocks[LAB_LEAF_ORDER] > whole ||
		    (room->bands && exchange_unused(room, leaf * LAB_LEAF_FRAMES, LAB_LEAF_ORDER)))
			stats->leaves_unused++;
	}
	stats->leaves_whole = stats->free_blocks[LAB_LEAF_ORDER];
	count_bands(room, stats);
	if (room->zeroed) {
		stats->zeroed = stats->band_frames[room->bands - 1u];
		stats->zeroed_free = stats->band_free[room->bands - 1u];
	}
	return 0;
}

int lab_leaf_free(const struct labyrinth *lab, unsigned int number, uint64_t leaf)
{
	const struct lab_room *room;
	unsigned int i;
	int n = 0;

	if (!labyrinth_alive(lab))
		return labyrinth_refusal(lab);
	if (number >= lab->rooms)
		return -LAB_ENXIO;
	room = labyrinth_room(lab, number);
	if (leaf >= room->commons.leaves)
		return -LAB_ERANGE;
	for (i = 0; i < LAB_LEAF_WORDS; i++)
		n += (int)word_count(word_free(load_relaxed(&tree_leaf(&room->commons, (lab_word)leaf)[i])));
	return n;
}
