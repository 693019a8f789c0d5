/* SPDX-License-Identifier: MIT */
/*
 * bulk.c - many single pages at once: one atomic operation claims, or clears, up to a word of frames.
 *
 * Not linearizable as a whole; every page of it is, alone.
 */
#include "entrance.h"
#include "page.h"
#include "port.h"

/* Claim up to `count` free bits of a word at once; the claimed ones, 0: it was full. */
static lab_word claim_many(lab_word *word, size_t count, bool *left)
{
	lab_word old = load_relaxed(word); /* only a first guess */

	while (old != LAB_TAKEN) {
		lab_word free = word_free(old), mask = 0;
		size_t n = 0;

		if (word_count(free) <= count) {
			mask = free;
		} else {
			for (; n < count; n++, free &= free - 1)
				mask |= free & -free;
		}
		if (cas_seq(word, &old, old | mask)) { /* the claim of all of them; partner: the clears of gives */
			*left = (old | mask) != LAB_TAKEN;
			return mask;
		}
	}
	return 0;
}

/* From the word that this CPU's hint names; returns how many pages were written. */
static size_t bulk_near(struct lab_room *room, const struct lab_asker *asker, size_t count, struct lab_page **pages)
{
	lab_word near = load_relaxed(&room_cpu(room, asker->cpu)->near[asker->slot]), mask;
	lab_bit base = (near - 1) & ~(lab_bit)(LAB_WORD_BITS - 1);
	size_t n = 0;
	bool left;

	if (!near)
		return 0;
	mask = claim_many(tree_word(&room->commons, base), count, &left);
	if (mask && !left)
		tree_took(&room->commons, base / LAB_LEAF_FRAMES);
	for (; mask; mask &= mask - 1)
		pages[n++] = entrance_stamp(room_page(room, base + word_lowest(mask)), LAB_OWNED);
	return n;
}

static long alloc_bulk(struct labyrinth *lab, lab_gfp_t gfp, size_t count, struct lab_page **pages)
{
	struct lab_request request = LAB_REQUEST(gfp, 0);
	struct lab_page *page = NULL;
	struct lab_way way;
	size_t n = 0;

	/* What needs more than a claim and a stamp goes page by page. */
	if (route_find(lab, &request, false, &way) || gfp & (LAB_ZERO | LAB_EXCLUSIVE))
		way.rooms = 0;
	while (n < count) {
		size_t got = 0;

		if (way.rooms && !load_relaxed(&labyrinth_room(lab, way.room[0])->offline))
			got = bulk_near(labyrinth_room(lab, way.room[0]), &way.asker, count - n, pages + n);
		n += got;
		if (got)
			continue;
		page = lab_alloc_request(lab, &request, NULL); /* moves the hint to a word with free frames */
		if (lab_is_err(page))
			break;
		pages[n++] = page;
	}
	return n || !count ? (long)n : lab_ptr_err(page);
}

long lab_alloc_bulk(struct labyrinth *lab, lab_gfp_t gfp, size_t count, struct lab_page **pages)
{
	lab_word *inside;
	long n = process_enter(lab, &inside);

	if (likely(!n))
		n = alloc_bulk(lab, gfp, count, pages);
	process_leave(inside);
	return n;
}

/* ---- free ---- */

/* Frames of one word, claimed and about to be cleared together. */
struct bulk_word {
	struct lab_room *room;
	lab_bit base;
	lab_word mask;
};

static void bulk_flush(struct bulk_word *word)
{
	struct lab_room *room = word->room;

	if (word->mask) {
		room_clear(room, tree_word(&room->commons, word->base), word->base, word->mask);
		cpu_warm(room_cpu(room, lab_port_cpu()), word->base + word_lowest(word->mask));
	}
	word->mask = 0;
}

/*
 * Claim one page whose free needs nothing but its bit cleared.  False: it is for the ordinary free, as are all where other
 * processes are.
 */
static bool bulk_claim(struct labyrinth *lab, struct lab_page *page, struct bulk_word *word)
{
	int number = page_room(lab, page);
	struct lab_room *room;
	lab_word tag;
	lab_bit bit;

	if (number < 0 || !labyrinth_alone(lab))
		return false;
	room = labyrinth_room(lab, (unsigned int)number);
	if (pool_lacks(room))
		return false; /* a pool wants the frame */
	tag = load_acquire(&page->tag); /* partner: the stamp of the allocation */
	if ((tag & (LAB_TAG_STATE | LAB_TAG_ORDER | LAB_TAG_OWNER | LAB_TAG_POISONED)) != LAB_OWNED)
		return false;
	if (!cas_acq_rel(&page->tag, &tag, tag_next(tag, LAB_FREE))) /* the claim, exact */
		return false;
	bit = (lab_bit)(page - room_page(room, 0));
	if (word->mask && (word->room != room || word->base != (bit & ~(lab_bit)(LAB_WORD_BITS - 1))))
		bulk_flush(word);
	word->room = room;
	word->base = bit & ~(lab_bit)(LAB_WORD_BITS - 1);
	word->mask |= (lab_word)1 << bit % LAB_WORD_BITS;
	return true;
}

size_t lab_free_bulk(struct labyrinth *lab, size_t count, struct lab_page *const *pages)
{
	struct bulk_word word = { 0 };
	size_t i, freed = 0;

	if (unlikely(!labyrinth_alive(lab)))
		return 0;
	for (i = 0; i < count; i++)
		if (bulk_claim(lab, pages[i], &word) || !lab_free_pages(lab, pages[i], 0))
			freed++;
	bulk_flush(&word);
	return freed;
}
