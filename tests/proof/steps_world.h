/* SPDX-License-Identifier: MIT */
/*
 * steps_world.h - one labyrinth of any size in a state that a call is to be measured in.
 *
 * Full rooms are written as they stand after everything was taken: leaf words, parents' full bits.  The leaves of
 * a large one are many views of one page-sized pattern, private to whoever writes; the tags are never
 * touched.  Single frames are then opened and taken by the core itself, so that their tags, hints and listings
 * are its own.
 */
#ifndef STEPS_WORLD_H
#define STEPS_WORLD_H

#include <sys/mman.h>
#include <unistd.h>

#include "room.h"
#include "machine.h"

#define CPUS 4u
#define WINDOW ((size_t)2 << 20) /* of one view of the pattern */

enum pattern { EMPTY, FULL, ONE_A_LEAF, EVERY_SECOND };

/* Watermarks; all 0: no pools. */
struct marks {
	uint64_t min, low, high;
};

static struct {
	struct labyrinth *lab;
	struct lab_room *room;
	char *map;
	size_t map_bytes, bytes;
	lab_word leaves; /* of the commons */
	unsigned int h, p;
} world;

static int pattern_file = -1; /* one window of leaves, as `pattern_kind` */
static enum pattern pattern_kind;

static void give_up(const char *what)
{
	perror(what);
	exit(1);
}

static void *mapped(size_t bytes)
{
	void *at =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED)
		give_up("mmap");
	return at;
}

/* ---- leaves ---- */

static lab_word pattern_word(enum pattern pattern, unsigned int word)
{
	switch (pattern) {
	case FULL:
		return LAB_ALL;
	case ONE_A_LEAF:
		return word == 3 ? LAB_ALL & ~((lab_word)1 << 21) : LAB_ALL;
	case EVERY_SECOND:
		return LAB_ALL / 3;
	default:
		return 0;
	}
}

static void write_leaves(lab_word *words, lab_word leaves, enum pattern pattern)
{
	lab_word i;

	for (i = 0; i < leaves * LAB_LEAF_WORDS; i++)
		words[i] = pattern_word(pattern, (unsigned int)(i % LAB_LEAF_WORDS));
}

static void make_pattern(enum pattern pattern)
{
	void *view;

	if (pattern_file >= 0 && pattern_kind == pattern)
		return;
	if (pattern_file < 0)
		pattern_file = memfd_create("leaves", 0);
	if (pattern_file < 0 || ftruncate(pattern_file, (off_t)WINDOW))
		give_up("memfd_create");
	view = mmap(NULL, WINDOW, PROT_READ | PROT_WRITE, MAP_SHARED, pattern_file, 0);
	if (view == MAP_FAILED)
		give_up("mmap");
	write_leaves(view, WINDOW / LAB_LINE, pattern);
	munmap(view, WINDOW);
	pattern_kind = pattern;
}

static void view_leaves(char *at, size_t bytes, enum pattern pattern)
{
	size_t done;

	make_pattern(pattern);
	for (done = 0; done < bytes; done += WINDOW)
		if (mmap(at + done, WINDOW, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE,
			 pattern_file, 0) == MAP_FAILED)
			give_up("mmap");
}

/* All leaves by a pattern; where that makes them full, nothing is listed. */
static void fill_leaves(const struct lab_tree *tree, enum pattern pattern)
{
	char *leaves = (char *)tree_leaf(tree, 0);
	size_t bytes = tree->leaves * LAB_LINE;
	unsigned int level;
	lab_word nodes = tree->leaves, i;

	if (pattern == EMPTY)
		return;
	if (bytes % WINDOW == 0 && (uintptr_t)leaves % 4096 == 0)
		view_leaves(leaves, bytes, pattern);
	else
		write_leaves((lab_word *)leaves, tree->leaves, pattern);
	for (level = 0; pattern == FULL && level < tree->height; level++) {
		nodes = (nodes + LAB_FANOUT - 1) >> LAB_FANOUT_SHIFT;
		for (i = 0; i < nodes; i++)
			*tree_parent(tree, level, i) = LAB_FULL & ~tree_absent(tree, level, i);
	}
}

/* ---- birth and end ---- */

static void world_close(void)
{
	if (world.map)
		munmap(world.map, world.map_bytes);
	world.map = NULL;
}

/* Born of this specification, its first room's leaves at the beginning of a page. */
static void world_born(const struct lab_spec *spec)
{
	size_t round = LAB_LINE - 1, leaves_at;
	const char *why = "";

	world_close();
	leaves_at =
		((sizeof(struct labyrinth) + round) & ~round) + ((sizeof(struct lab_room) + round) & ~round);
	world.bytes = lab_metadata_bytes(spec);
	world.map_bytes = world.bytes + 8192;
	world.map = mapped(world.map_bytes);
	if (lab_birth(spec, world.map + (4096 - leaves_at % 4096), world.bytes, &world.lab, NULL, &why)) {
		printf("FAIL steps: a world is not born: %s\n", why);
		exit(1);
	}
	world.lab->first_state = 2; /* what the first refusal of all costs more is measured apart */
	world.room = labyrinth_room(world.lab, 0);
	world.leaves = world.room->commons.leaves;
	world.h = world.room->commons.height;
	world.p = 0;
}

/* One room of so many leaves, its commons by a pattern. */
static void world_open(lab_word leaves, enum pattern pattern, const struct marks *marks)
{
	struct lab_room_spec room = { .name = "steps",
				      .zone = LAB_ZONE_NORMAL,
				      .frames = (uint64_t)leaves * LAB_LEAF_FRAMES };
	struct lab_spec spec = { .page_shift = 12, .cpus = CPUS, .rooms = &room, .room_count = 1 };

	if (marks) {
		room.min = marks->min;
		room.low = marks->low;
		room.high = marks->high;
	}
	world_born(&spec);
	fill_leaves(&world.room->commons, pattern);
}

/* ---- single frames and leaves ---- */

static lab_bit bit_at(lab_word leaf, unsigned int in_leaf)
{
	return leaf * LAB_LEAF_FRAMES + in_leaf;
}

/* Free frames that nobody holds, as a free does it. */
static void open_frames(lab_bit bit, unsigned int order)
{
	room_put(world.room, bit, order);
}

/* Taken from the commons by its number, for good; its tag is its taker's. */
static struct lab_page *take_frames(lab_bit bit, unsigned int order)
{
	struct lab_request request = LAB_REQUEST(LAB_GFP_KERNEL, order);
	struct lab_page *page = lab_alloc_at(world.lab, world.room->first_frame + bit, &request);

	if (lab_is_err(page)) {
		printf("FAIL steps: frame %" PRIuPTR ", order %u is not to be had: %d\n", bit, order,
		       lab_ptr_err(page));
		exit(1);
	}
	return page;
}

/* The word of the summary over a node, at a level. */
static uint32_t *summary_word(unsigned int level, lab_word child, unsigned int order)
{
	return &room_summary(world.room, level)[child >> LAB_FANOUT_SHIFT].none[order - 1];
}

/* Hint and summary on the way to a leaf know of no block, of no order. */
static void know_of_none(lab_word leaf)
{
	unsigned int level, order;

	room_note(world.room, leaf)->hint = 10;
	for (level = 0; level < world.h; level++)
		for (order = 1; order <= LAB_ORDER_MAX; order++)
			*summary_word(level, leaf >> (LAB_FANOUT_SHIFT * level), order) = (uint32_t)LAB_FULL;
}

/* Hint and summary say that blocks up to this order may be in a leaf. */
static void know_of(lab_word leaf, unsigned int most)
{
	unsigned int level, order;

	room_note(world.room, leaf)->hint = LAB_LEAF_ORDER - most;
	for (level = 0; level < world.h; level++)
		for (order = 1; order <= most; order++) {
			lab_word child = leaf >> (LAB_FANOUT_SHIFT * level);

			*summary_word(level, child, order) &= ~((uint32_t)1 << child % LAB_FANOUT);
		}
}

/* A full leaf as a caller leaves it that is stopped before it unlists it: listed, with all above it. */
static void list_full(lab_word leaf)
{
	unsigned int level;

	for (level = 0; level < world.h; level++) {
		lab_word child = leaf >> (LAB_FANOUT_SHIFT * level);

		*tree_parent(&world.room->commons, level, child >> LAB_FANOUT_SHIFT) &=
			~((lab_word)1 << child % LAB_FANOUT);
	}
}

/*
 * Leaf n of four that lie under different children of the root, in different cache lines at every level as far
 * as the tree has them; each the last below its child (the first, where searches come from the high end), so that
 * whoever passes it by comes to another child of the root.
 */
static lab_word leaf_apart(unsigned int n, bool from_high)
{
	unsigned int shift = LAB_FANOUT_SHIFT * (world.h - 1);
	lab_word children = world.leaves >> shift, child = n * (children / 4);

	return from_high ? (children - 1 - child) << shift : ((child + 1) << shift) - 1;
}

/*
 * A leaf whose summary nodes below the root's lie across two cache lines each (nodes have 36 bytes), from the first
 * orders on.
 */
static lab_word leaf_astride(void)
{
	lab_word node = 0;
	unsigned int level;

	for (level = 1; level < world.h; level++)
		node = node * LAB_FANOUT + 7;
	return node * LAB_FANOUT + 7;
}

/* Are the state's listings and hints what they must be at rest?  (Stale ones are made after this look.) */
static bool world_rests(void)
{
	lab_word leaf;

	if (world.leaves > ((lab_word)1 << 20) && !machine.long_form)
		return true; /* 64 TiB: tree by tree too long for a minute */
	return tree_holds(&world.room->commons, &leaf) == LAB_RULE_NONE;
}

#endif
