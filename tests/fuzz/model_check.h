/* SPDX-License-Identifier: MIT */
/*
 * model_check.h - the whole labyrinth beside the whole model: audits, statistics, counters, every tag, every name
 * of every frame.
 */
#ifndef FUZZ_MODEL_CHECK_H
#define FUZZ_MODEL_CHECK_H

#include "model.h"

struct seen { /* of a room, by its tags */
	uint64_t commons, pooled, owned, offline;
	uint8_t bit[FRAMES_MAX]; /* 1: free in the commons */
};

static void check_frame(unsigned int number, uint64_t i, struct seen *seen)
{
	uint64_t frame = model.rooms[number].first_frame + i;
	struct frame *known = &model.room[number].frame[i];
	struct lab_page_info info = info_of(frame);

	CHECK(info.room == (int)number, "frame %" PRIu64 " in room %d", frame, info.room);
	CHECK((int32_t)(info.generation - known->generation) >= 0, "frame %" PRIu64 " is of an earlier generation", frame);
	CHECK(known->state != HEAD || info.generation == known->generation, "frame %" PRIu64 ": another generation", frame);
	known->generation = info.generation;
	seen->bit[i] = known->state == FREE && info.state == LAB_FREE;
	seen->commons += seen->bit[i];
	switch (known->state) {
	case FREE:
		seen->pooled += info.state == LAB_POOLED;
		CHECK(info.state == LAB_FREE || info.state == LAB_POOLED, "free frame %" PRIu64 ": %u", frame, info.state);
		break;
	case HEAD:
	case BODY:
		seen->owned++;
		CHECK(info.state == (known->state == HEAD ? LAB_OWNED : LAB_FREE), "used frame %" PRIu64 ": %u", frame, info.state);
		CHECK(info.poisoned == known->poisoned, "frame %" PRIu64 " is marked, or should be", frame);
		break;
	default:
		seen->offline++;
		CHECK(info.state == LAB_OFFLINE, "frame %" PRIu64 " is out: %u", frame, info.state);
	}
}

/* A page, a number, an address, a physical address: each leads to the others. */
static void check_names(unsigned int number, uint64_t i)
{
	uint64_t frame = model.rooms[number].first_frame + i, physical = 1;
	struct lab_page *page = page_at(frame);
	char *address = address_at(frame);
	int error = lab_page_physical(model.lab, page, &physical);

	CHECK(lab_frame_page(model.lab, frame) == page && lab_page_frame(model.lab, page) == frame, "frame %" PRIu64, frame);
	CHECK(lab_page_address(model.lab, page) == address, "the address of frame %" PRIu64, frame);
	CHECK(!address || lab_address_page(model.lab, address + 1) == page, "the page of frame %" PRIu64, frame);
	CHECK(error == (model.rooms[number].physical_known ? 0 : -LAB_ENOTSUP), "physical: %d", error);
	CHECK(error || physical == frame << model.spec.page_shift, "physical %" PRIu64, physical);
}

/* Free blocks as a buddy allocator counts them, leaf by leaf. */
static void check_blocks(unsigned int number, const struct seen *seen, const struct lab_room_stats *stats)
{
	uint64_t first = model.rooms[number].first_frame, count[LAB_ORDER_MAX + 1] = { 0 }, i = 0, k;

	while (i < model.rooms[number].frames) {
		unsigned int order = 0;
		bool whole = true;

		if (!seen->bit[i]) {
			i++;
			continue;
		}
		while (whole && order < LAB_ORDER_MAX && !((first + i) >> order & 1) &&
		       i + ((uint64_t)2 << order) <= model.rooms[number].frames) {
			for (k = (uint64_t)1 << order; k < (uint64_t)2 << order; k++)
				whole &= seen->bit[i + k];
			order += whole;
		}
		count[order]++;
		i += (uint64_t)1 << order;
	}
	for (i = 0; i <= LAB_ORDER_MAX; i++)
		CHECK(stats->free_blocks[i] == count[i], "room %u: %" PRIu64 " of order %u, should be %" PRIu64, number,
		      stats->free_blocks[i], (unsigned int)i, count[i]);
	CHECK(stats->leaves_whole == count[LAB_ORDER_MAX], "whole leaves");
}

static void check_leaves(unsigned int number, const struct seen *seen, const struct lab_room_stats *stats)
{
	uint64_t first = model.rooms[number].first_frame, lead = first % 512, unused = 0, leaf, k;
	uint64_t leaves = (lead + model.rooms[number].frames + 511) / 512;

	for (leaf = 0; leaf < leaves; leaf++) {
		uint64_t free = 0, nobody = 0;

		for (k = 0; k < 512; k++) {
			uint64_t i = leaf * 512 + k - lead; /* before the first: a huge number */

			free += i < model.rooms[number].frames && seen->bit[i];
			nobody += i < model.rooms[number].frames && model.room[number].frame[i].state == FREE;
		}
		unused += nobody == 512;
		CHECK(lab_leaf_free(model.lab, number, leaf) == (int)free, "leaf %" PRIu64, leaf);
	}
	CHECK(lab_leaf_free(model.lab, number, leaves) == -LAB_ERANGE, "a leaf behind the last");
	CHECK(stats->leaves_unused == unused, "leaves unused: %" PRIu64 ", should be %" PRIu64, stats->leaves_unused, unused);
}

static void check_bands(unsigned int number, const struct lab_room_stats *stats)
{
	const struct model_room *room = &model.room[number];
	const struct rule_marks *marks = &room->marks;
	unsigned int i;

	CHECK(stats->bands == marks->bands, "room %u: %u pools, should be %u", number, stats->bands, marks->bands);
	for (i = 0; i < marks->bands; i++) {
		uint64_t frames = marks->floor[i + 1] - marks->floor[i];
		uint64_t above = room->free > marks->floor[i] ? room->free - marks->floor[i] : 0;

		CHECK(stats->band_floor[i] == marks->floor[i] && stats->band_frames[i] == frames, "room %u, pool %u", number, i);
		/* Nested: a pool lacks nothing while a frame is free further out. */
		CHECK(stats->band_free[i] == (above < frames ? above : frames),
		      "room %u, pool %u on %" PRIu64 " holds %" PRIu64 " of %" PRIu64 ", %" PRIu64 " are free", number, i,
		      marks->floor[i], stats->band_free[i], frames, room->free);
	}
}

static void check_room(unsigned int number, struct seen *seen)
{
	struct model_room *room = &model.room[number];
	const struct lab_room_spec *spec = &model.rooms[number];
	struct lab_room_stats stats;
	uint64_t i;

	memset(seen, 0, sizeof(*seen));
	for (i = 0; i < spec->frames; i++) {
		check_frame(number, i, seen);
		if (i % 16 == 0 || i + 1 == spec->frames)
			check_names(number, i);
	}
	CHECK(!lab_room_stats(model.lab, number, &stats), "no statistics");
	CHECK(stats.frames == spec->frames && stats.first_frame == spec->first_frame && stats.managed == room->managed &&
		      stats.zone == spec->zone && stats.node == spec->node,
	      "room %u is not the one that was born", number);
	CHECK(stats.online != room->closed, "room %u is open, or closed", number);
	CHECK(stats.min == room->marks.min && stats.low == room->marks.low && stats.high == room->marks.high,
	      "room %u: marks %" PRIu64 " %" PRIu64 " %" PRIu64, number, stats.min, stats.low, stats.high);
	CHECK(stats.free_commons == seen->commons && stats.free_pooled == seen->pooled &&
		      seen->commons + seen->pooled == room->free,
	      "room %u: %" PRIu64 " + %" PRIu64 " free, by tags %" PRIu64 " + %" PRIu64 ", should be %" PRIu64, number,
	      stats.free_commons, stats.free_pooled, seen->commons, seen->pooled, room->free);
	CHECK(room->keeper == UNKNOWN || room->keeper == (int)stats.keeper_wanted, "room %u: the keeper's flag is %d",
	      number, (int)stats.keeper_wanted);
	room->keeper = stats.keeper_wanted;
	check_bands(number, &stats);
	check_blocks(number, seen, &stats);
	check_leaves(number, seen, &stats);
}

static void check_counters(void)
{
	struct lab_stats stats;
	unsigned int i;

	CHECK(!lab_stats(model.lab, &stats), "no statistics");
	CHECK(stats.rooms == model.spec.room_count && stats.page_shift == model.spec.page_shift, "another labyrinth");
	for (i = 0; i < LAB_COUNTERS; i++)
		CHECK(stats.counter[i] == model.counter[i], "counter %s is %" PRIu64 ", should be %" PRIu64,
		      lab_counter_name((enum lab_counter)i), stats.counter[i], model.counter[i]);
}

static void check_everything(void)
{
	static struct seen seen;
	struct lab_audit audit;
	uint64_t commons = 0, pooled = 0, owned = 0, offline = 0;
	unsigned int i;

	CHECK(!lab_audit(model.lab, true, &audit) && audit.broken == LAB_RULE_NONE, "audit: %s, room %d, frame %" PRIu64,
	      audit.text, audit.room, audit.frame);
	check_counters();
	for (i = 0; i < model.spec.room_count; i++) {
		check_room(i, &seen);
		commons += seen.commons;
		pooled += seen.pooled;
		owned += seen.owned;
		offline += seen.offline;
	}
	CHECK(audit.free == commons && audit.pooled == pooled && audit.owned == owned && audit.offline == offline &&
		      !audit.in_hand,
	      "the audit counts %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64, audit.free, audit.pooled, audit.owned,
	      audit.offline);
	for (i = 0; i < model.held_count; i++)
		memory_check(model.held[i].frame, model.held[i].order, false);
}

#endif
