/* SPDX-License-Identifier: MIT */
/*
 * inject_race.h - what a word of the metadata is, and other calls that want just what the call under test wants.
 */
#ifndef INJECT_RACE_H
#define INJECT_RACE_H

#include "inject_verdict.h"
#include "pool.h"

#define RACES 1000000u /* ids from here on */
#define RACE_KINDS 2u

enum word_kind { LEAF_WORD, HAVE_WORD, LACK_WORD, TAG_WORD, TAKE_ROOT, LACK_ROOT, OTHER_WORD };

struct word {
	enum word_kind kind;
	struct lab_room *room;
	struct lab_pool *pool;
	lab_word index; /* of its first bit in the tree; of its frame's bit */
};

static bool in_leaves(const struct lab_tree *tree, const volatile void *at, struct word *word, enum word_kind kind)
{
	size_t distance = (uintptr_t)at - (uintptr_t)tree_leaf(tree, 0);

	if (distance >= tree->leaves * sizeof(lab_word) * LAB_LEAF_WORDS)
		return false;
	word->kind = kind;
	word->index = distance / sizeof(lab_word) * LAB_WORD_BITS;
	return true;
}

static bool in_room(struct lab_room *room, const volatile void *at, struct word *word)
{
	size_t tag = (uintptr_t)at - (uintptr_t)room_page(room, 0);
	const struct lab_summary *top = room_summary(room, room->commons.height - 1u);
	unsigned int i;

	word->room = room;
	if (at == &room->commons_root.word || at == &room->have_root.word ||
	    (uintptr_t)at - (uintptr_t)top < sizeof(*top)) {
		word->kind = TAKE_ROOT;
		return true;
	}
	word->kind = LACK_ROOT;
	if (at == &room->lack_root.word || in_leaves(&room->commons, at, word, LEAF_WORD))
		return true;
	for (i = 0; i < room->bands; i++) {
		word->pool = &room->pool[i];
		if (in_leaves(&word->pool->have, at, word, HAVE_WORD) ||
		    in_leaves(&word->pool->lack, at, word, LACK_WORD))
			return true;
	}
	word->kind = TAG_WORD;
	word->index = tag / sizeof(struct lab_page);
	return tag < room->commons.bits * sizeof(struct lab_page);
}

static struct word word_is(const volatile void *at)
{
	struct word word = { .kind = OTHER_WORD };
	unsigned int i;

	for (i = 0; i < ROOMS && room_frames(i); i++)
		if (in_room(labyrinth_room(lab, i), at, &word))
			return word;
	word.kind = OTHER_WORD;
	return word;
}

/* The first, or last, bit that the compare-and-swap is about to set; LAB_WORD_BITS: none. */
static unsigned int bit_wanted(bool last)
{
	lab_word mask = (lab_word)engine.swap->value & ~*(const lab_word *)engine.swap->at;

	return !mask ? LAB_WORD_BITS : last ? word_highest(mask) : word_lowest(mask);
}

/* A frame that is held all the while, for who needs one to give: the last single one. */
static uint64_t spare_frame(void)
{
	uint64_t frame = scene->first + scene->frames + scene->second;

	while (frame-- > scene->first)
		if (model[frame].what == IS_HELD && !model[frame].order && !model[frame].owner && !model[frame].bad)
			return frame;
	return scene->first;
}

static struct call race_call;

/* Another call that takes the bit, slot or tag that is about to be taken; `how`: which of two such calls. */
static void do_race(unsigned int how)
{
	struct word word = word_is(engine.swap->at);
	uint64_t frame;
	unsigned int bit;
	lab_word tag;

	if (word.kind > TAG_WORD)
		return;
	race_call = (struct call){ .name = "race", .kind = AT, .gfp = LAB_MEMALLOC };
	if (word.kind == TAG_WORD) {
		tag = room_page(word.room, word.index)->tag;
		race_call.kind = how ? OFF : GIVE_AS;
		race_call.order = tag_order(tag) * !how;
		race_call.owner = tag_owner(tag);
		frame = word.room->first_frame + word.index;
	} else {
		bit = bit_wanted(how && word.kind == LEAF_WORD);
		if (bit == LAB_WORD_BITS)
			return;
		frame = word.room->first_frame + word.index + bit;
		if (word.kind == HAVE_WORD) {
			frame = word.room->first_frame + *pool_slot(word.pool, word.index + bit);
			race_call.kind = how ? OFF : AT;
		} else if (word.kind == LACK_WORD) {
			frame = spare_frame();
			race_call.kind = GIVE;
		}
	}
	race_call.frame = (int)frame;
	do_call(&race_call);
}

/* ---- chased ---- */

static struct {
	uint64_t frame; /* in the chaser's hand; NONE */
	uint64_t takes;
} chaser;
#define NONE UINT64_MAX

static void chaser_gives(void)
{
	unsigned int owner = scene->vault ? LAB_OWNER_EXCLUSIVE : 0;

	if (chaser.frame != NONE && lab_free_as(lab, lab_frame_page(lab, chaser.frame), 0, owner, 0))
		wrong = "the chaser's free was refused";
	chaser.frame = NONE;
}

/*
 * What is about to be taken is taken; and before the call looks again whether there is anything, it is given
 * back.  For slots that lack a frame the other way round.
 */
static void chase_word(const volatile void *at)
{
	struct lab_request request = LAB_REQUEST(LAB_MEMALLOC, 0);
	struct word word = word_is(at);
	struct lab_page *page = NULL;
	lab_bit bit;

	engine.cpu = 1;
	if (word.kind == TAKE_ROOT && under_test->kind < GIVE)
		chaser_gives();
	if (word.kind == LACK_ROOT && under_test->kind >= GIVE && chaser.frame == NONE)
		page = lab_alloc_pages(lab, LAB_MEMALLOC, 0);
	if (engine.swap && (bit = bit_wanted(false)) != LAB_WORD_BITS) {
		bit += word.index;
		if (word.kind == HAVE_WORD)
			bit = *pool_slot(word.pool, bit);
		if (word.kind == LACK_WORD)
			chaser_gives();
		else if (word.kind < LACK_WORD && chaser.frame == NONE && under_test->kind < GIVE)
			page = lab_alloc_at(lab, word.room->first_frame + bit, &request);
	}
	if (page && !lab_is_err(page)) {
		chaser.frame = lab_page_frame(lab, page);
		chaser.takes++;
	}
	engine.cpu = 0;
}

#endif
