/* SPDX-License-Identifier: MIT */
/*
 * keeper.c - one pass of a keeper, piece by piece.
 */
#include "keeper.h"
#include "port.h"

void *memset(void *, int, size_t);

/* Time beyond this makes no difference: what is left of a demand is nothing then. */
#define ELAPSED_SHIFT (30u + KEEPER_DECAY_SHIFT)

/* The pools that stand below a mark, as a set. */
static uint32_t pools_below(const struct lab_room *room, uint64_t mark)
{
	uint32_t set = 0;
	unsigned int i;

	for (i = 0; i < room->bands; i++)
		if (room->pool[i].floor < mark)
			set |= (uint32_t)1 << i;
	return set & ~room->zeroed;
}

static bool lacks_below(const struct lab_room *room, uint64_t mark)
{
	/* Partner: the fetch-and with which a draw lists its empty slot. */
	return !root_empty(load_seq(&room->lack_root.word), pools_below(room, mark));
}

/* Frames that these pools lack: none, by one load, or counted, a moment's figure. */
static lab_word lacking(const struct lab_room *room, uint32_t among)
{
	lab_word root = load_seq(&room->lack_root.word), n = 0; /* partner: as above */
	unsigned int i;

	for (i = 0; i < room->bands; i++)
		if (~root & among & (lab_word)1 << i)
			n += pool_lacking(&room->pool[i]);
	return n;
}

/* ---- when, and how much ---- */

static void decay(struct keeper_watch *watch, uint64_t elapsed)
{
	uint64_t most = (uint64_t)1 << ELAPSED_SHIFT;

	if (elapsed > most)
		elapsed = most;
	/* demand x elapsed / 2^33 ns; a demand is at most 2^24 frames, so 2^40 here */
	watch->demand -= watch->demand * (elapsed >> 10) >> (ELAPSED_SHIFT - 10);
}

bool keeper_look(const struct lab_room *room, struct keeper_watch *watch, uint64_t elapsed)
{
	bool told = load_relaxed(&room->keeper); /* polled: what is missed now is seen the next time */
	lab_word lacked = lacking(room, pools_below(room, room->high));
	uint64_t drawn = lacked > watch->lacked ? lacked - watch->lacked : 0, fell = room->high - room->low + 1;

	/* It has been below low since, whatever has been freed meanwhile. */
	if (told && !watch->fallen && watch->lacked + drawn < fell)
		drawn = fell - watch->lacked;
	if (drawn > LAB_SLOTS_MAX) /* marks beyond what pools can hold */
		drawn = LAB_SLOTS_MAX;
	decay(watch, elapsed);
	if (drawn << 16 > watch->demand)
		watch->demand = drawn << 16;
	watch->lacked = lacked;
	watch->fallen = told;
	/* The list beside the flag: who was stopped between the two has not set it. */
	return told || lacks_below(room, room->low);
}

lab_word keeper_missing(const struct lab_room *room, const struct keeper_watch *watch)
{
	uint32_t below = pools_below(room, room->high);
	lab_word missing = lacking(room, below), want = keeper_boost(watch);
	lab_word have = tree_count(&room->commons, want);
	unsigned int i;

	/* What stands above high counts, whoever it is kept for: where it takes all, the commons never has any. */
	for (i = 0; i < room->bands && have < want; i++)
		if (!(below >> i & 1))
			have += pool_count(&room->pool[i]);
	return missing + (have < want ? want - have : 0);
}

bool keeper_rest(struct lab_room *room, struct keeper_watch *watch)
{
	/* Clear, then look.  Partner: pool_tell(), which sets it after the listing: either this reads what it set, and
	 * then sees what was listed, or it is set again.  (A fetch-and, not a store, so that it reads.) */
	and_seq(&room->keeper, (uint32_t)0);
	watch->lacked = lacking(room, pools_below(room, room->high));
	watch->fallen = lacks_below(room, room->high);
	if (watch->fallen)
		store_relaxed(&room->keeper, 1); /* not yet; nobody waits for it */
	return !watch->fallen;
}

/* ---- tidying ---- */

/* Does somebody take its frames from this leaf just now?  A hint.  Then its hints are left as high as they are,
 * for a free next to a low one has to raise it. */
static bool leaf_in_use(const struct lab_room *room, lab_word leaf)
{
	unsigned int tenant = load_relaxed(&room_note(room, leaf)->tenant);
	lab_word near;

	if (!tenant)
		return false;
	near = load_relaxed(&room_cpu(room, (tenant >> 2) - 1u)->near[tenant % LAB_HINTS]);
	return near && (near - 1) / LAB_LEAF_FRAMES == leaf;
}

unsigned int keeper_tidy(struct lab_room *room, struct keeper_watch *watch, unsigned int leaves)
{
	unsigned int mended = 0;

	if (leaves > room->commons.leaves)
		leaves = (unsigned int)room->commons.leaves;
	for (; leaves; leaves--) {
		lab_word leaf = watch->leaf < room->commons.leaves ? watch->leaf : 0;

		watch->leaf = leaf + 1;
		if (leaf_in_use(room, leaf))
			continue;
		if (tree_full(&room->commons, 0, leaf)) /* unlisted already, but for one that was stopped */
			tree_settle(&room->commons, leaf, 0);
		mended += hint_tidy(room, leaf);
	}
	return mended;
}

/* ---- zeroed frames ---- */

lab_bit keeper_take(struct lab_room *room)
{
	struct lab_asker asker = { .cpu = lab_port_cpu() };
	lab_word proof;

	route_asker(LAB_COLD | LAB_MOVABLE, &asker); /* not what a CPU keeps warm; from the low end, where leaves are broken */
	return room_take(room, &asker, &proof);
}

bool keeper_give(struct lab_room *room, lab_bit frame)
{
	room_touch(room, frame, 0);
	/* What a pool lacks goes first, as with any frame that comes back.  (Who draws meanwhile is as a draw that overlaps
	 * a free: DESIGN.md, "Nobody moves".) */
	if (!pool_lacks(room) && pool_fill_zeroed(room, frame))
		return true;
	room_put(room, frame, 0);
	return false;
}

unsigned int keeper_zero(struct labyrinth *lab, struct lab_room *room, lab_word keep, unsigned int most)
{
	unsigned int n = 0;
	lab_word have, *count;

	if (!pool_lacks_zeroed(room) || pool_lacks(room) || load_relaxed(&room->offline) || process_enter(lab, &count))
		return 0;
	have = tree_count(&room->commons, keep + most);
	for (; n < most && keep + n < have && pool_lacks_zeroed(room); n++) {
		lab_bit frame = keeper_take(room);

		if (frame == LAB_NO_BIT)
			break;
		memset(room_frame(room, frame), 0, (size_t)1 << lab->page_shift);
		if (!keeper_give(room, frame))
			break;
	}
	process_leave(count);
	return n;
}

/* ---- for those who wait ---- */

lab_word keeper_needs(const struct labyrinth *lab, const struct lab_request *request)
{
	struct lab_way way;
	lab_word least = 0;
	unsigned int i;

	if (route_find(lab, request, false, &way))
		return 0;
	for (i = 0; i < way.rooms; i++) {
		const struct lab_room *room = labyrinth_room(lab, way.room[i]);
		uint32_t inside = (uint32_t)word_below(room->bands) & ~route_bands(room, &way, way.right);
		lab_word needs = lacking(room, inside & ~room->zeroed) + ((lab_word)1 << request->order);

		if (!load_relaxed(&room->offline) && (!least || needs < least))
			least = needs;
	}
	return least;
}
