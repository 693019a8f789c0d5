/* SPDX-License-Identifier: MIT */
/*
 * room.c - taking frames and blocks of a room's commons, and putting them back.
 */
#include "room.h"

/* How many leaves a search passes by although they have free frames. */
#define ROOM_SKIPS_MAX 3u
/* With so many free frames another CPU is about done with freeing into a leaf. */
#define ROOM_EMPTIED (LAB_LEAF_FRAMES / 8 * 7)
/* How often a search for a block, or for a leaf, finds its find gone. */
#define ROOM_TRIES_MAX 1024u

/* Counts in the low half word, sequence above them.  Partner: the loads of room_empty() around the roots'. */
unsigned int room_raise(struct lab_room *room)
{
	/* Either count serves, for it is this one that we lower.  Partner: the recoverer, who turns to the other. */
	unsigned int raised = load_seq(&room->raising);

	add_seq(&room->tentative, ROOM_RAISED + ((lab_word)1 << raised));
	return raised;
}

void room_lower(struct lab_room *room, unsigned int raised)
{
	add_seq(&room->tentative, -((lab_word)1 << raised));
}

bool room_empty(const struct lab_room *room, uint32_t among, struct lab_proof *seen)
{
	seen->tentative = load_seq(&room->tentative);
	seen->commons = load_seq(&room->commons_root.word);
	seen->have = load_seq(&room->have_root.word);
	return !(seen->tentative & LAB_TENTATIVE_COUNTS) && load_seq(&room->tentative) == seen->tentative &&
	       root_empty(seen->commons, tree_children(&room->commons)) && root_empty(seen->have, among);
}

/* ---- one frame ---- */

static uint16_t asker_tenant(const struct lab_room *room, const struct lab_asker *asker)
{
	return (uint16_t)(((asker->cpu & room->cpu_mask) + 1u) << 2 | asker->slot);
}

/* Does another CPU, or another mobility, take its frames from this leaf just now?  All hints. */
static bool leaf_foreign(const struct lab_room *room, const struct lab_asker *asker, lab_word leaf)
{
	unsigned int tenant = load_relaxed(&room_note(room, leaf)->tenant);
	lab_word near;

	if (!tenant || tenant == asker_tenant(room, asker))
		return false;
	near = load_relaxed(&room_cpu(room, (tenant >> 2) - 1u)->near[tenant % LAB_HINTS]);
	return near && (near - 1) / LAB_LEAF_FRAMES == leaf;
}

/*
 * Better not this leaf?  Two CPUs in one leaf pay for each request with the transfer of its cache line
 * (DESIGN.md, "Where CPUs take from"); where leaves are few, keeping huge pages whole comes first.
 */
static bool leaf_unattractive(const struct lab_room *room, const struct lab_asker *asker, lab_word leaf)
{
	const lab_word *words = tree_leaf(&room->commons, leaf);
	unsigned int freer = load_relaxed(&room_note(room, leaf)->freer), free = 0, i;

	if (room->commons.leaves >= room->plenty && leaf_foreign(room, asker, leaf))
		return true;
	if (!freer || freer == (asker->cpu & room->cpu_mask) + 1u ||
	    load_relaxed(&room_note(room, leaf)->tenant) != asker_tenant(room, asker))
		return false;
	for (i = 0; i < LAB_LEAF_WORDS; i++)
		free += word_count(word_free(load_relaxed(&words[i])));
	return free < ROOM_EMPTIED; /* ours till now, and that CPU is freeing its frames */
}

/* The other words of the leaf that the hint names. */
static lab_bit take_near_leaf(struct lab_room *room, struct lab_cpu *cpu, unsigned int slot)
{
	lab_word near = load_relaxed(&cpu->near[slot]);
	const struct lab_tree *tree = &room->commons;
	unsigned int i, first;

	if (!near)
		return LAB_NO_BIT;
	first = (unsigned int)((near - 1) / LAB_WORD_BITS % LAB_LEAF_WORDS);
	for (i = 1; i < LAB_LEAF_WORDS; i++) {
		unsigned int word = (first + i) % LAB_LEAF_WORDS;
		lab_word leaf = (near - 1) / LAB_LEAF_FRAMES;
		bool left;
		unsigned int bit = leaf_claim(&tree_leaf(tree, leaf)[word], 0, &left);

		if (bit == LAB_WORD_BITS)
			continue;
		if (!left)
			tree_took(tree, leaf);
		bit += word * LAB_WORD_BITS;
		store_relaxed(&cpu->near[slot], leaf * LAB_LEAF_FRAMES + bit + 1);
		return leaf * LAB_LEAF_FRAMES + bit;
	}
	return LAB_NO_BIT;
}

lab_bit room_take(struct lab_room *room, const struct lab_asker *asker, lab_word *proof)
{
	struct lab_cpu *cpu = room_cpu(room, asker->cpu);
	lab_word last = room->commons.leaves - 1;
	lab_word from = asker->end == LAB_LOW_END ? 0 : last;
	unsigned int skips = 0, tries;
	lab_bit bit = room_take_near(&room->commons, tree_leaf(&room->commons, 0), load_relaxed(&cpu->near[asker->slot]));

	if (bit == LAB_NO_BIT)
		bit = take_near_leaf(room, cpu, asker->slot);
	for (tries = 0; bit == LAB_NO_BIT && tries < ROOM_TRIES_MAX; tries++) {
		lab_word leaf = tree_find(&room->commons, from, asker->end, proof);

		if (leaf == LAB_NO_BIT)
			return LAB_NO_BIT;
		if (skips < ROOM_SKIPS_MAX && leaf_unattractive(room, asker, leaf)) {
			skips++;
			if (asker->end == LAB_LOW_END)
				from = leaf < last ? leaf + 1 : 0;
			else
				from = leaf ? leaf - 1 : last;
			continue;
		}
		bit = tree_take_leaf(&room->commons, leaf);
		if (bit == LAB_NO_BIT)
			continue;
		store_relaxed(&room_note(room, leaf)->tenant, asker_tenant(room, asker));
		store_relaxed(&cpu->near[asker->slot], bit + 1);
	}
	if (bit == LAB_NO_BIT)
		*proof = 0;
	return bit;
}

/* ---- blocks ---- */

/* A run within one word; words that are broken already come first. */
static lab_bit take_run(struct lab_room *room, lab_word leaf, unsigned int order)
{
	lab_word *words = tree_leaf(&room->commons, leaf);
	unsigned int i;

	for (i = 0; i < 2 * LAB_LEAF_WORDS; i++) {
		unsigned int word = i % LAB_LEAF_WORDS, bit;
		bool left;

		if (i < LAB_LEAF_WORDS && !load_relaxed(&words[word])) /* a preference only */
			continue;
		bit = leaf_claim_run(&words[word], order, &left);
		if (bit == LAB_WORD_BITS)
			continue;
		if (!left)
			tree_took(&room->commons, leaf);
		return leaf * LAB_LEAF_FRAMES + word * LAB_WORD_BITS + bit;
	}
	return LAB_NO_BIT;
}

/*
 * These whole words, in ascending order.  On conflict what was taken is put back by the ordinary give;
 * the caller has raised `tentative`.
 */
static bool take_words(struct lab_room *room, lab_bit bit, unsigned int order)
{
	lab_word *word = tree_word(&room->commons, bit);
	unsigned int words = 1u << (order - LAB_WORD_ORDER), i;
	bool left;

	for (i = 0; i < words; i++)
		if (!leaf_claim_mask(&word[i], LAB_TAKEN, &left))
			break;
	if (i == words) {
		tree_took(&room->commons, bit / LAB_LEAF_FRAMES);
		return true;
	}
	while (i-- > 0) {
		room_touch(room, bit + (lab_bit)i * LAB_WORD_BITS, LAB_WORD_ORDER);
		room_put(room, bit + (lab_bit)i * LAB_WORD_BITS, LAB_WORD_ORDER);
	}
	return false;
}

/* A run of several words of one leaf. */
static lab_bit take_word_run(struct lab_room *room, lab_word leaf, unsigned int order)
{
	lab_bit bit = leaf * LAB_LEAF_FRAMES, end = bit + LAB_LEAF_FRAMES;

	for (; bit < end; bit += (lab_bit)1 << order) {
		unsigned int raised;
		bool got;

		if (!hint_run_free(room, bit, order)) /* nothing is taken where it would be given back */
			continue;
		raised = room_raise(room);
		got = take_words(room, bit, order);
		room_lower(room, raised);
		if (got)
			return bit;
	}
	return LAB_NO_BIT;
}

static lab_bit take_block_in(struct lab_room *room, lab_word leaf, unsigned int order)
{
	return order <= LAB_WORD_ORDER ? take_run(room, leaf, order) : take_word_run(room, leaf, order);
}

lab_bit room_take_block(struct lab_room *room, const struct lab_asker *asker, unsigned int order,
			bool *complete)
{
	unsigned int tries;
	lab_bit bit;

	*complete = false;
	for (tries = 0; tries < ROOM_TRIES_MAX; tries++) {
		lab_word leaf = hint_search(room, order, asker->end);

		if (leaf == LAB_NO_BIT) {
			*complete = true;
			return LAB_NO_BIT;
		}
		bit = take_block_in(room, leaf, order);
		if (bit != LAB_NO_BIT)
			return bit;
		hint_lower(room, leaf);
	}
	return LAB_NO_BIT;
}

bool room_take_at(struct lab_room *room, lab_bit bit, unsigned int order)
{
	unsigned int raised;
	bool left, got;

	if (order <= LAB_WORD_ORDER) {
		lab_word mask = word_ones(order) << bit % LAB_WORD_BITS;

		got = leaf_claim_mask(tree_word(&room->commons, bit), mask, &left);
		if (got && !left)
			tree_took(&room->commons, bit / LAB_LEAF_FRAMES);
		return got;
	}
	if (!hint_run_free(room, bit, order))
		return false;
	raised = room_raise(room);
	got = take_words(room, bit, order);
	room_lower(room, raised);
	return got;
}

/* ---- back ---- */

/* Raise the leaf's hint for each aligned run that these cleared bits of one word make up. */
static void raise_runs(struct lab_room *room, lab_bit base, lab_word mask)
{
	while (mask) {
		unsigned int bit = word_lowest(mask), order = 0;

		while (order < LAB_WORD_ORDER && !(bit >> order & 1) &&
		       (mask >> bit & word_ones(order + 1)) == word_ones(order + 1))
			order++;
		hint_raise(room, base + bit, order);
		mask &= ~(word_ones(order) << bit);
	}
}

void room_clear(struct lab_room *room, lab_word *word, lab_bit first, lab_word mask)
{
	/* Wait-free clear, after the tags; partner: leaf_full() of whoever unlists this leaf. */
	and_seq(word, ~mask);
	tree_climb(&room->commons, first / LAB_LEAF_FRAMES, 0);
	/* The usual case: as high as can be, and nobody lowers it.  After the clear, as in hint_raise(). */
	if (likely(!(load_seq(&room_note(room, first / LAB_LEAF_FRAMES)->hint) & (HINT_LOW | HINT_ANNOUNCED))))
		return;
	raise_runs(room, first & ~(lab_bit)(LAB_WORD_BITS - 1), mask);
}

/* Clear frames of one leaf. */
static void clear_frames(struct lab_room *room, lab_bit bit, lab_word count)
{
	unsigned int words = (unsigned int)(count / LAB_WORD_BITS), i;

	if (words > 1 && !(count & (count - 1))) {
		for (i = 0; i < words; i++) /* wait-free clears, as in room_clear(); one listing for all */
			and_seq(tree_word(&room->commons, bit) + i, (lab_word)0);
		tree_climb(&room->commons, bit / LAB_LEAF_FRAMES, 0);
		hint_raise(room, bit, LAB_WORD_ORDER + word_lowest(words));
		return;
	}
	while (count) {
		unsigned int at = (unsigned int)(bit % LAB_WORD_BITS);
		unsigned int n = LAB_WORD_BITS - at;

		if (n > count)
			n = (unsigned int)count;
		room_clear(room, tree_word(&room->commons, bit), bit, word_below(n) << at);
		bit += n;
		count -= n;
	}
}

/*
 * A free and a draw that overlap may miss each other: then the frame is in the commons and the slot is
 * empty, until the next free fills it or the frame is taken.  Nobody moves it: a frame that is free never
 * leaves everybody's reach, not even on its way to where it should have gone (DESIGN.md, "Nobody moves").
 */
void room_put(struct lab_room *room, lab_bit bit, unsigned int order)
{
	lab_bit end = bit + ((lab_bit)1 << order);

	if (unlikely(pool_lacks(room)))
		while (bit < end && pool_fill(room, bit))
			bit++;
	if (bit < end)
		clear_frames(room, bit, end - bit);
}
