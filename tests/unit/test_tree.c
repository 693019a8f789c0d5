/* SPDX-License-Identifier: MIT */
/*
 * test_tree.c - taking, giving and listing in trees of each height, alone and under a shared root; and
 * what tree_holds() says of damage.  The races are in tests/race; here each state is made by hand.
 */
#include "../support/room.h"
#include "pool.h"

#define LEVELS 3

/* A tree alone, in memory of its own, with wholly free leaves. */
struct grown {
	struct lab_tree tree;
	lab_word level[LEVELS][2 * LAB_FANOUT * LAB_FANOUT];
	lab_word leaf[] __attribute__((aligned(64)));
};

static struct grown *grow(lab_word leaves)
{
	struct grown *grown = zeroed(sizeof(*grown) + leaves * 64);
	struct lab_tree *tree = &grown->tree;
	lab_word nodes = leaves;

	tree->leaves = leaves;
	tree->bits = leaves * LAB_LEAF_FRAMES;
	tree->leaves_at = (char *)grown->leaf - (char *)tree;
	do {
		tree->root_absent = nodes <= LAB_FANOUT ? LAB_FULL & ~word_below((unsigned int)nodes) : 0;
		tree->level_at[tree->height] = (char *)grown->level[tree->height] - (char *)tree;
		tree->height++;
		nodes = (nodes + LAB_FANOUT - 1) / LAB_FANOUT;
	} while (nodes > 1);
	return grown;
}

static void assert_tree_holds(const struct lab_tree *tree)
{
	lab_word leaf;

	assert_int_equal(tree_holds(tree, &leaf), LAB_RULE_NONE);
}

static void fill_leaf(const struct lab_tree *tree, lab_word leaf)
{
	while (tree_take_leaf(tree, leaf) != LAB_NO_BIT)
		;
}

/* Leaves of trees of height 1, 2 and 3: full fan-out, and one more than the height below has. */
static const lab_word sizes[] = { 1, 2, LAB_FANOUT, LAB_FANOUT + 1, 3 * LAB_FANOUT, LAB_FANOUT * LAB_FANOUT,
				  LAB_FANOUT * LAB_FANOUT + 1 };

static void heights(void **state)
{
	static const unsigned int height[] = { 1, 1, 1, 2, 2, 2, 3 };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(sizes); i++) {
		struct grown *grown = grow(sizes[i]);

		assert_int_equal(grown->tree.height, height[i]);
		assert_ptr_equal(tree_root(&grown->tree), grown->level[height[i] - 1]);
		assert_tree_holds(&grown->tree);
		free(grown);
	}
}

static void absent_children(void **state)
{
	struct grown *grown = grow(LAB_FANOUT * LAB_FANOUT + 1);

	(void)state;
	/* The last parent of each level below the root has one child; all others have all. */
	assert_true(tree_absent(&grown->tree, 0, 0) == 0);
	assert_true(tree_absent(&grown->tree, 0, LAB_FANOUT - 1) == 0);
	assert_true(tree_absent(&grown->tree, 0, LAB_FANOUT) == (LAB_FULL & ~(lab_word)1));
	assert_true(tree_absent(&grown->tree, 1, 0) == 0);
	assert_true(tree_absent(&grown->tree, 1, 1) == (LAB_FULL & ~(lab_word)1));
	assert_true(tree_absent(&grown->tree, 2, 0) == (LAB_FULL & ~(lab_word)3));
	assert_true(tree_children(&grown->tree) == 3);
	/* A node whose only child is full is full. */
	assert_false(tree_full(&grown->tree, 1, LAB_FANOUT));
	fill_leaf(&grown->tree, LAB_FANOUT * LAB_FANOUT);
	assert_true(tree_full(&grown->tree, 1, LAB_FANOUT));
	assert_true(tree_full(&grown->tree, 2, 1));
	assert_false(parent_lists(*tree_root(&grown->tree), 1));
	assert_true(parent_lists(*tree_root(&grown->tree), 0));
	assert_tree_holds(&grown->tree);
	free(grown);
}

/* Every bit once, then a truthful none, then back in another order. */
static void take_all_give_all(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(sizes); i++) {
		enum lab_end end = i % 2 ? LAB_HIGH_END : LAB_LOW_END;
		struct grown *grown = grow(sizes[i]);
		const struct lab_tree *tree = &grown->tree;
		lab_word n, leaf, proof = 1, bit;

		for (n = 0; n < tree->bits; n++) {
			lab_word expected = n / LAB_LEAF_FRAMES;

			leaf = tree_find(tree, end == LAB_LOW_END ? 0 : tree->leaves - 1, end, &proof);
			assert_true(leaf == (end == LAB_LOW_END ? expected : tree->leaves - 1 - expected));
			bit = tree_take_leaf(tree, leaf);
			assert_true(bit == leaf * LAB_LEAF_FRAMES + n % LAB_LEAF_FRAMES);
		}
		assert_true(tree_find(tree, 0, end, &proof) == LAB_NO_BIT);
		assert_true(proof == *tree_root(tree) && proof != 0);
		assert_true(root_empty(proof, tree_children(tree)));
		assert_true(tree_full(tree, tree->height, 0));
		assert_tree_holds(tree);
		for (n = 0; n < tree->bits; n++)
			tree_give(tree, (n * 7919 + 5) % tree->bits); /* a prime: each bit once */
		assert_true((*tree_root(tree) & LAB_FULL) == 0);
		assert_tree_holds(tree);
		free(grown);
	}
}

/* One bit given into a full tree, anywhere, is found at once; taken, the tree is full again. */
static void one_bit_in_a_full_tree(void **state)
{
	struct grown *grown = grow(LAB_FANOUT * LAB_FANOUT + 1);
	const struct lab_tree *tree = &grown->tree;
	uint64_t seed = 99;
	lab_word leaf, proof;
	unsigned int i;

	(void)state;
	for (leaf = 0; leaf < tree->leaves; leaf++)
		fill_leaf(tree, leaf);
	for (i = 0; i < 500; i++) {
		lab_bit bit = (lab_bit)next_random(&seed) % tree->bits;
		lab_word from = (lab_word)next_random(&seed) % tree->leaves;

		tree_give(tree, bit);
		assert_tree_holds(tree);
		assert_true(tree_find(tree, from, (enum lab_end)(i % 2), &proof) == bit / LAB_LEAF_FRAMES);
		assert_true(tree_take_leaf(tree, bit / LAB_LEAF_FRAMES) == bit);
		assert_tree_holds(tree);
		assert_true(tree_find(tree, from, LAB_LOW_END, &proof) == LAB_NO_BIT);
	}
	free(grown);
}

static void preferred_leaf(void **state)
{
	struct grown *grown = grow(3 * LAB_FANOUT);
	const struct lab_tree *tree = &grown->tree;
	lab_word from, proof, last = tree->leaves - 1;

	(void)state;
	for (from = 0; from <= last; from++) {
		assert_true(tree_find(tree, from, LAB_LOW_END, &proof) == from);
		assert_true(tree_find(tree, from, LAB_HIGH_END, &proof) == from);
	}
	fill_leaf(tree, 5);
	fill_leaf(tree, 0);
	fill_leaf(tree, last);
	assert_true(tree_find(tree, 5, LAB_LOW_END, &proof) == 6);
	assert_true(tree_find(tree, 5, LAB_HIGH_END, &proof) == 4);
	assert_true(tree_find(tree, 0, LAB_LOW_END, &proof) == 1);
	/* Nothing behind it: a preference, not a bound. */
	assert_true(tree_find(tree, last, LAB_LOW_END, &proof) < last);
	assert_true(tree_find(tree, 0, LAB_HIGH_END, &proof) > 0);
	free(grown);
}

static void take_at(void **state)
{
	struct grown *grown = grow(2);
	const struct lab_tree *tree = &grown->tree;
	lab_bit bit;

	(void)state;
	for (bit = 0; bit < LAB_LEAF_FRAMES; bit += 2)
		assert_true(tree_take_at(tree, bit));
	assert_false(tree_take_at(tree, 8));
	assert_true(parent_lists(*tree_root(tree), 0));
	for (bit = 1; bit < LAB_LEAF_FRAMES; bit += 2)
		assert_true(tree_take_at(tree, bit));
	/* Who takes the last one takes the leaf off the list. */
	assert_false(parent_lists(*tree_root(tree), 0));
	assert_true(tree_take_leaf(tree, 0) == LAB_NO_BIT);
	assert_tree_holds(tree);
	free(grown);
}

/* ---- what stopped callers leave ---- */

/* A caller took the last bit of a leaf and was stopped before it unlisted it. */
static void stale_listing_is_repaired(void **state)
{
	struct grown *grown = grow(LAB_FANOUT + 1);
	const struct lab_tree *tree = &grown->tree;
	lab_word leaf, proof;

	(void)state;
	memset(tree_leaf(tree, 3), 0xff, 64);
	assert_int_equal(tree_holds(tree, &leaf), LAB_RULE_STALE);
	assert_true(leaf == 3);
	assert_true(tree_find(tree, 3, LAB_LOW_END, &proof) == 3);
	assert_true(tree_take_leaf(tree, 3) == LAB_NO_BIT);
	assert_tree_holds(tree);
	assert_true(tree_find(tree, 3, LAB_LOW_END, &proof) == 4);
	/* Stopped between two levels: a parent full, and listed above. */
	memset(tree_leaf(tree, LAB_FANOUT), 0xff, 64);
	*tree_parent(tree, 0, 1) |= 1;
	assert_int_equal(tree_holds(tree, &leaf), LAB_RULE_STALE);
	assert_true(leaf == LAB_FANOUT);
	assert_true(tree_find(tree, LAB_FANOUT, LAB_LOW_END, &proof) == 0);
	assert_tree_holds(tree);
	/* The lot of them stale: a search repairs its way to a truthful none. */
	memset(tree_leaf(tree, 0), 0xff, LAB_FANOUT * 64);
	while ((leaf = tree_find(tree, 0, LAB_LOW_END, &proof)) != LAB_NO_BIT)
		assert_true(tree_take_leaf(tree, leaf) == LAB_NO_BIT);
	assert_true(proof != 0);
	assert_tree_holds(tree);
	free(grown);
}

/*
 * More full nodes that are still listed than one search repairs, each left by a stopped caller: it says so, and
 * does not say that there is nothing.
 */
static void too_many_stale_listings(void **state)
{
	lab_word parents = 1025, nodes = parents, children = 0, words = 0, proof = 1;
	struct lab_tree *tree = zeroed(sizeof(*tree) + 2 * 1025 * sizeof(lab_word));
	lab_word *level = (lab_word *)(void *)(tree + 1), *first = level;

	(void)state;
	tree->leaves = parents * LAB_FANOUT; /* never looked at: their parents list none of them */
	for (; tree->height < LAB_LEVELS_MAX && (!tree->height || nodes > 1); tree->height++) {
		children = nodes;
		nodes = tree->height ? (nodes + LAB_FANOUT - 1) / LAB_FANOUT : parents;
		tree->level_at[tree->height] = (char *)(level + words) - (char *)tree;
		words += nodes;
	}
	assert_true(words <= 2 * 1025);
	tree->root_absent = LAB_FULL & ~word_below((unsigned int)children);
	for (nodes = 0; nodes < parents; nodes++)
		first[nodes] = LAB_FULL;
	assert_true(tree_find(tree, 0, LAB_LOW_END, &proof) == LAB_NO_BIT);
	assert_true(proof == 0);
	assert_true(tree_find(tree, 0, LAB_LOW_END, &proof) == LAB_NO_BIT);
	assert_true(root_empty(proof, tree_children(tree)) && proof != 0);
	free(tree);
}

/* Announced by one that was stopped: whoever unlists another child finishes it, if it is still full. */
static void announcements_are_finished(void **state)
{
	struct grown *grown = grow(LAB_FANOUT);
	const struct lab_tree *tree = &grown->tree;
	lab_word *root = tree_root(tree);

	(void)state;
	memset(tree_leaf(tree, 1), 0xff, 64);
	memset(tree_leaf(tree, 2), 0xff, 64);
	*root = parent_announce(*root, 1);
	tree_settle(tree, 2, 0);
	assert_false(parent_lists(*root, 1));
	assert_false(parent_lists(*root, 2));
	assert_int_equal(parent_announced(*root), -1);
	assert_tree_holds(tree);
	/* Announced, but not full any more: it stays listed. */
	memset(tree_leaf(tree, 4), 0xff, 64);
	*root = parent_announce(*root, 3);
	tree_settle(tree, 4, 0);
	assert_true(parent_lists(*root, 3));
	assert_false(parent_lists(*root, 4));
	assert_int_equal(parent_announced(*root), -1);
	/* One's own: committed if full, withdrawn if not. */
	memset(tree_leaf(tree, 5), 0xff, 64);
	*root = parent_announce(*root, 5);
	tree_settle(tree, 5, 0);
	assert_false(parent_lists(*root, 5));
	*root = parent_announce(*root, 6);
	tree_settle(tree, 6, 0);
	assert_true(parent_lists(*root, 6));
	assert_int_equal(parent_announced(*root), -1);
	assert_tree_holds(tree);
	free(grown);
}

/* A give withdraws the announcement of its leaf, so that it cannot be committed any more. */
static void give_disturbs_announcement(void **state)
{
	struct grown *grown = grow(LAB_FANOUT + 1);
	const struct lab_tree *tree = &grown->tree;
	lab_word *parent = tree_parent(tree, 0, 0), before;

	(void)state;
	memset(tree_leaf(tree, 7), 0xff, 64);
	*parent = before = parent_announce(*parent, 7);
	tree_give(tree, 7 * LAB_LEAF_FRAMES + 100);
	assert_int_equal(parent_announced(*parent), -1);
	assert_true(parent_lists(*parent, 7));
	/* One of another child is none of its business. */
	*parent = before = parent_announce(*parent, 8);
	assert_true(tree_take_at(tree, 9 * LAB_LEAF_FRAMES));
	tree_give(tree, 9 * LAB_LEAF_FRAMES);
	assert_true(*parent == before);
	assert_tree_holds(tree);
	free(grown);
}

/* Nothing is announced for a leaf that has free bits, whatever its caller thought. */
static void took_but_not_full(void **state)
{
	struct grown *grown = grow(2);

	(void)state;
	assert_true(tree_take_at(&grown->tree, 0));
	tree_took(&grown->tree, 0);
	assert_true(*tree_root(&grown->tree) == 0);
	tree_settle(&grown->tree, 0, 0);
	assert_true(*tree_root(&grown->tree) == 0);
	free(grown);
}

/* ---- damage ---- */

static void damage_is_found(void **state)
{
	struct grown *grown = grow(LAB_FANOUT * LAB_FANOUT + 1);
	const struct lab_tree *tree = &grown->tree;
	lab_word place[3] = { LAB_FANOUT + 3, 2 * LAB_FANOUT, LAB_FANOUT * LAB_FANOUT }, leaf;
	unsigned int level;

	(void)state;
	for (level = 0; level < 3; level++) {
		lab_word index = place[level] >> (LAB_FANOUT_SHIFT * level);
		lab_word *parent = tree_parent(tree, level, index >> LAB_FANOUT_SHIFT);
		lab_word bit = (lab_word)1 << index % LAB_FANOUT;

		*parent ^= bit;
		assert_int_equal(tree_holds(tree, &leaf), LAB_RULE_LISTED);
		assert_true(leaf == place[level]);
		*parent ^= bit;
		assert_tree_holds(tree);
	}
	/* Whatever stands where there is no child is of no interest. */
	*tree_root(tree) |= LAB_FULL & ~(lab_word)3;
	*tree_parent(tree, 0, LAB_FANOUT) |= LAB_FULL & ~(lab_word)1;
	assert_tree_holds(tree);
	assert_true(tree_find(tree, tree->leaves - 1, LAB_LOW_END, &leaf) == tree->leaves - 1);
	free(grown);
}

/* ---- trees under one root ---- */

static void forest_shares_its_root(void **state)
{
	struct labyrinth *lab = born_marked();
	struct lab_room *room = labyrinth_room(lab, 0);
	static const lab_word pool_sizes[5] = { 38, 12, 50, 50, 50 };
	unsigned int i, slots = 0;

	(void)state;
	assert_int_equal(room->bands, 5);
	for (i = 0; i < room->bands; i++) {
		const struct lab_tree *have = &room->pool[i].have;

		assert_ptr_equal(tree_root(have), &room->have_root.word);
		assert_ptr_equal(tree_root(&room->pool[i].lack), &room->lack_root.word);
		assert_int_equal(have->root_child, i);
		assert_true(tree_children(have) == word_below(5));
		assert_true(room->pool[i].slots == pool_sizes[i]);
	}
	/* Taking one tree empty takes it off the root, and no other. */
	while (tree_take_below(&room->pool[2].have) != LAB_NO_BIT)
		slots++;
	assert_int_equal(slots, 50);
	assert_true((room->have_root.word & LAB_FULL & word_below(5)) == 4);
	assert_true(root_empty(room->have_root.word, 4));
	assert_false(root_empty(room->have_root.word, 5));
	for (i = 0; i < slots; i++)
		tree_give(&room->pool[2].have, i);
	assert_true((room->have_root.word & word_below(5)) == 0);
	for (i = 0; i < room->bands; i++)
		assert_tree_holds(&room->pool[i].have);
	buried(lab);
}

/* An announcement of another tree of the forest is judged by that tree. */
static void forest_finishes_announcements(void **state)
{
	struct labyrinth *lab = born_marked();
	struct lab_room *room = labyrinth_room(lab, 0);
	lab_word *root = &room->have_root.word;
	unsigned int i;

	(void)state;
	for (i = 1; i < 4; i++) {
		while (tree_take_below(&room->pool[i].have) != LAB_NO_BIT)
			;
		assert_false(parent_lists(*root, i));
	}
	*root = parent_announce(*root & ~(lab_word)6, 2); /* 1 and 2 listed again, 2 announced */
	tree_settle(&room->pool[1].have, 0, room->pool[1].have.height - 1u);
	assert_true((*root & word_below(5)) == 14);
	*root = parent_announce(*root & ~(lab_word)2, 4); /* 4 has frames */
	tree_settle(&room->pool[1].have, 0, room->pool[1].have.height - 1u);
	assert_true((*root & word_below(5)) == 14);
	assert_int_equal(parent_announced(*root), -1);
	for (i = 0; i < room->bands; i++)
		assert_tree_holds(&room->pool[i].have);
	free(lab); /* its slots are in our hand */
}

/* A pool of several levels hangs on the same root. */
static void tall_tree_in_a_forest(void **state)
{
	struct lab_room_spec spec_room = { .name = "tall", .frames = 60000, .zone = LAB_ZONE_NORMAL,
					   .min = 2, .low = 3, .high = 40000 };
	struct lab_spec spec = spec_of(&spec_room, 1);
	struct labyrinth *lab = born(&spec);
	struct lab_room *room = labyrinth_room(lab, 0);
	struct lab_pool *pool = &room->pool[room->bands - 1u];
	lab_word n = 0, i;

	(void)state;
	assert_true(pool->slots > 4000 && pool->have.height > 1);
	while (tree_take_below(&pool->have) != LAB_NO_BIT)
		n++;
	assert_true(n == pool->slots);
	assert_false(parent_lists(room->have_root.word, room->bands - 1u));
	assert_tree_holds(&pool->have);
	for (i = 0; i < n; i++)
		tree_give(&pool->have, n - 1 - i);
	buried(lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heights),
		cmocka_unit_test(absent_children),
		cmocka_unit_test(take_all_give_all),
		cmocka_unit_test(one_bit_in_a_full_tree),
		cmocka_unit_test(preferred_leaf),
		cmocka_unit_test(take_at),
		cmocka_unit_test(stale_listing_is_repaired),
		cmocka_unit_test(too_many_stale_listings),
		cmocka_unit_test(announcements_are_finished),
		cmocka_unit_test(give_disturbs_announcement),
		cmocka_unit_test(took_but_not_full),
		cmocka_unit_test(damage_is_found),
		cmocka_unit_test(forest_shares_its_root),
		cmocka_unit_test(forest_finishes_announcements),
		cmocka_unit_test(tall_tree_in_a_forest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
