/* SPDX-License-Identifier: MIT */
/*
 * plan.c - laying out a room: its trees, tags, hints and pools; then filling its pools and punching its
 * holes.  Runs before anybody else can reach the labyrinth.
 */
#include "marks.h"
#include "plan.h"

/* A room has plenty of leaves from so many a CPU on: then CPUs keep out of each other's (room.c). */
#define PLENTY_LEAVES 64u

size_t plan_take(struct plan *plan, size_t bytes)
{
	size_t at = plan->at;

	plan->at += (bytes + LAB_LINE - 1) & ~(size_t)(LAB_LINE - 1);
	return at;
}

/* The distance from a structure of the metadata to a place in it. */
static ptrdiff_t distance(const struct plan *plan, const void *from, size_t to)
{
	return plan->base + to - (const char *)from;
}

/*
 * A tree of `bits` bits.  Its topmost parent word is `root`, which other trees may share: then this one
 * is the root's child `child`, else `child` is -1 and the root has as many children as needed.
 */
static void plan_tree(struct plan *plan, struct lab_tree *tree, lab_word bits, int child)
{
	lab_word leaves = (bits + LAB_LEAF_FRAMES - 1) / LAB_LEAF_FRAMES, nodes = leaves;
	size_t at = plan_take(plan, leaves * LAB_LINE);
	unsigned int height = 0;

	if (plan->base) {
		tree->bits = bits;
		tree->leaves = leaves;
		tree->leaves_at = distance(plan, tree, at);
	}
	while (nodes > (child < 0 ? (lab_word)LAB_FANOUT : 1)) {
		nodes = (nodes + LAB_FANOUT - 1) >> LAB_FANOUT_SHIFT;
		at = plan_take(plan, nodes * sizeof(lab_word));
		if (plan->base)
			tree->level_at[height] = distance(plan, tree, at);
		height++;
	}
	if (!plan->base)
		return;
	tree->height = (uint8_t)(height + 1);
	tree->root_child = (uint8_t)(child < 0 ? 0 : child);
	tree->stride = child < 0 ? 0 : (ptrdiff_t)sizeof(struct lab_pool);
	tree->root_absent = LAB_FULL & ~word_below((unsigned int)nodes);
}

static void tree_hang(struct lab_tree *tree, lab_word *root)
{
	tree->level_at[tree->height - 1] = (char *)root - (char *)tree;
}

/* Take bits first .. end - 1 for good, or until somebody gives them. */
static void tree_fill(const struct lab_tree *tree, lab_bit first, lab_bit end)
{
	while (first < end) {
		unsigned int at = (unsigned int)(first % LAB_WORD_BITS);
		unsigned int n = LAB_WORD_BITS - at;

		if (n > end - first)
			n = (unsigned int)(end - first);
		or_seq(tree_word(tree, first), word_below(n) << at);
		first += n;
		if (first % LAB_LEAF_FRAMES == 0 || first == end)
			tree_took(tree, (first - 1) / LAB_LEAF_FRAMES);
	}
}

/* ---- pools ---- */

static void plan_pools(struct plan *plan, struct lab_room *room, const uint64_t *floor, unsigned int bands)
{
	struct lab_pool none, *pool;
	unsigned int i;

	for (i = 0; i < bands; i++) {
		lab_word slots = (lab_word)(floor[i + 1] - floor[i]);
		size_t at;

		pool = plan->base ? &room->pool[i] : &none;
		plan_tree(plan, &pool->have, slots, (int)i);
		plan_tree(plan, &pool->lack, slots, (int)i);
		at = plan_take(plan, slots * sizeof(lab_word));
		if (!plan->base)
			continue;
		pool->slots_at = distance(plan, pool, at);
		pool->slots = slots;
		pool->floor = (lab_word)floor[i];
		pool->first_slot = (lab_word)floor[i]; /* a pool begins where the one inside it ends */
		tree_hang(&pool->have, &room->have_root.word);
		tree_hang(&pool->lack, &room->lack_root.word);
		pool->have.root_absent = pool->lack.root_absent = LAB_FULL & ~word_below(bands);
	}
}

/* The outermost pool is that of the zeroed frames: empty until a keeper fills it, and beside what frees look at. */
static void plan_zeroed(struct lab_room *room)
{
	struct lab_pool *pool = &room->pool[room->bands - 1u];

	room->zeroed = (uint32_t)1 << (room->bands - 1u);
	tree_hang(&pool->lack, &room->zero_lack);
	or_seq(&room->lack_root.word, (lab_word)room->zeroed); /* never listed there */
	tree_fill(&pool->have, 0, pool->have.leaves * LAB_LEAF_FRAMES);
	tree_fill(&pool->lack, pool->slots, pool->lack.leaves * LAB_LEAF_FRAMES);
}

/*
 * Every slot gets a frame, from the room's low end upwards, where unmovable frames gather and break leaves
 * anyway; nothing lacks.
 */
static void fill_pools(struct lab_room *room)
{
	lab_bit frame = room->lead;
	unsigned int i;
	lab_bit slot;

	for (i = 0; i < room->bands && !(room->zeroed >> i & 1); i++) {
		struct lab_pool *pool = &room->pool[i];

		for (slot = 0; slot < pool->slots; slot++) {
			/* There are at least as many frames that are no holes as slots. */
			while (load_relaxed(tree_word(&room->commons, frame)) >> frame % LAB_WORD_BITS & 1)
				frame++;
			tree_fill(&room->commons, frame, frame + 1);
			*pool_slot(pool, slot) = frame;
			room_page(room, frame)->tag = tag_pooled(0, pool->first_slot + slot);
		}
		tree_fill(&pool->have, pool->slots, pool->have.leaves * LAB_LEAF_FRAMES);
		tree_fill(&pool->lack, 0, pool->lack.leaves * LAB_LEAF_FRAMES);
	}
}

/* ---- the room ---- */

static void entitle(struct lab_room *room, const struct lab_room_spec *marks)
{
	unsigned int right, zone, i;

	for (right = 0; right < LAB_RIGHTS; right++)
		for (zone = 0; zone < LAB_ZONES; zone++)
			for (i = 0; i < room->bands; i++)
				if (room->zeroed >> i & 1 || room->pool[i].floor >= marks_floor(marks, (enum lab_right)right, zone))
					room->entitled[right][zone] |= (uint32_t)1 << i;
}

static void punch_holes(struct lab_room *room, const struct lab_room_spec *marks)
{
	lab_word trailing = room->lead + room->frames;
	size_t i;
	lab_bit bit;

	tree_fill(&room->commons, 0, room->lead);
	tree_fill(&room->commons, trailing, room->commons.leaves * LAB_LEAF_FRAMES);
	for (i = 0; i < marks->hole_count; i++) {
		lab_bit first = (lab_bit)(marks->holes[i].first_frame - room->first_frame);
		lab_bit end = first + (lab_bit)marks->holes[i].frames;

		tree_fill(&room->commons, first, end);
		for (bit = first; bit < end; bit++)
			room_page(room, bit)->tag = LAB_TAG_HOLE;
	}
}

static void describe(struct lab_room *room, const struct lab_room_spec *marks, const struct lab_spec *spec)
{
	unsigned int i;

	for (i = 0; marks->name && marks->name[i] && i < LAB_NAME_MAX - 1; i++)
		room->name[i] = marks->name[i];
	room->lead = (lab_word)(marks->first_frame % LAB_LEAF_FRAMES);
	room->first_frame = marks->first_frame - room->lead;
	room->frames = (lab_word)marks->frames;
	room->managed = (lab_word)marks_managed(marks);
	if (marks->memory)
		room->memory_at = (uintptr_t)marks->memory - (uintptr_t)room + 1;
	room->zone = (uint8_t)marks->zone;
	room->node = (uint8_t)marks->node;
	room->physical_known = marks->physical_known;
	room->min = marks->min;
	room->low = marks->low;
	room->high = marks->high;
	room->step_shift = (uint8_t)(spec->page_shift + (marks->vault && marks->vault->stride == 2));
	room->shreds = marks->memory && spec->keys;
}

static lab_word cpus_rounded(unsigned int cpus)
{
	lab_word n = 1;

	while (n < cpus)
		n *= 2;
	return n;
}

/* ---- vaults ---- */

/* What a vault has beside its room; the last frames that are no holes stand in quarantine. */
static void plan_vault(struct plan *plan, struct lab_room *room, lab_word bits, const struct lab_vault *spec)
{
	struct lab_strongroom counted = { 0 }, *vault;
	size_t at, traces, ring;
	lab_bit frame;
	lab_word slot;

	if (!spec)
		return;
	at = plan_take(plan, sizeof(struct lab_strongroom));
	vault = plan->base ? (struct lab_strongroom *)(plan->base + at) : &counted;
	plan_tree(plan, &vault->laundry, bits, -1);
	traces = plan_take(plan, bits * sizeof(struct lab_trace));
	ring = plan_take(plan, spec->quarantine * sizeof(lab_word));
	if (!plan->base)
		return;
	room->vault_at = (char *)vault - (char *)room;
	vault->traces_at = distance(plan, vault, traces);
	vault->ring_at = distance(plan, vault, ring);
	vault->ring = spec->quarantine;
	tree_hang(&vault->laundry, &vault->laundry_root.word);
	tree_fill(&vault->laundry, 0, vault->laundry.leaves * LAB_LEAF_FRAMES);
	frame = room->lead + room->frames;
	for (slot = 0; slot < vault->ring; slot++) {
		do
			frame--;
		while (load_relaxed(tree_word(&room->commons, frame)) >> frame % LAB_WORD_BITS & 1);
		tree_fill(&room->commons, frame, frame + 1);
		((lab_word *)(plan->base + ring))[slot] = frame;
		room_page(room, frame)->tag = LAB_SHREDDING;
	}
}

size_t plan_room(struct plan *plan, const struct lab_spec *spec, const struct lab_room_spec *marks)
{
	uint64_t floor[LAB_BANDS_MAX + 1];
	unsigned int bands = marks_floors(marks, marks_managed(marks), floor), level = 0;
	lab_word bits = (lab_word)(marks->first_frame % LAB_LEAF_FRAMES + marks->frames);
	lab_word nodes = (bits + LAB_LEAF_FRAMES - 1) / LAB_LEAF_FRAMES, cpus = cpus_rounded(spec->cpus);
	size_t at = plan_take(plan, sizeof(struct lab_room)), notes, tags, lines, summary, touched = 0, doubted = 0;
	struct lab_room counted = { 0 };
	struct lab_room *room = plan->base ? (struct lab_room *)(plan->base + at) : &counted;

	if (marks->zeroed) {
		floor[bands + 1] = floor[bands] + marks->zeroed;
		bands++;
	}
	plan_tree(plan, &room->commons, bits, -1);
	notes = plan_take(plan, nodes * sizeof(struct lab_note));
	lines = plan_take(plan, cpus * sizeof(struct lab_cpu));
	do { /* a summary beside each parent word */
		nodes = (nodes + LAB_FANOUT - 1) >> LAB_FANOUT_SHIFT;
		summary = plan_take(plan, nodes * sizeof(struct lab_summary));
		if (plan->base)
			room->summary_at[level] = distance(plan, room, summary);
		level++;
	} while (nodes > 1);
	plan_pools(plan, room, floor, bands);
	tags = plan_take(plan, bits * sizeof(struct lab_page));
	if (spec->processes) {
		lab_word words = marks_words(bits) + marks_words((lab_word)floor[bands]);

		touched = plan_take(plan, words * sizeof(lab_word));
		doubted = plan_take(plan, words * sizeof(lab_word));
	}
	if (!plan->base) {
		plan_vault(plan, NULL, bits, marks->vault);
		return at;
	}
	tree_hang(&room->commons, &room->commons_root.word);
	describe(room, marks, spec);
	room->notes_at = distance(plan, room, notes);
	room->cpus_at = distance(plan, room, lines);
	room->tags_at = distance(plan, room, tags);
	if (spec->processes) {
		room->touched_at = distance(plan, room, touched);
		room->doubted_at = distance(plan, room, doubted);
	}
	room->cpu_mask = (uint32_t)cpus - 1;
	room->plenty = cpus * PLENTY_LEAVES;
	room->bands = (uint8_t)bands;
	room->slots = (lab_word)floor[bands];
	punch_holes(room, marks);
	if (marks->zeroed)
		plan_zeroed(room);
	fill_pools(room);
	entitle(room, marks);
	plan_vault(plan, room, bits, marks->vault);
	return at;
}

/* ---- clients ---- */

/* A contract's pool with so many slots, all of them absent: in neither tree. */
static void plan_contract(struct plan *plan, struct lab_client *client, unsigned int which, lab_word slots)
{
	struct lab_pool none, *pool = client ? &client->pool[which] : &none;
	size_t at;

	plan_tree(plan, &pool->have, slots, -1);
	plan_tree(plan, &pool->lack, slots, -1);
	at = plan_take(plan, slots * sizeof(lab_word));
	if (!client)
		return;
	pool->slots_at = distance(plan, pool, at);
	pool->slots = slots;
	tree_hang(&pool->have, &client->root[which][0].word);
	tree_hang(&pool->lack, &client->root[which][1].word);
	tree_fill(&pool->have, 0, pool->have.leaves * LAB_LEAF_FRAMES);
	tree_fill(&pool->lack, 0, pool->lack.leaves * LAB_LEAF_FRAMES);
}

void plan_clients(struct plan *plan, const struct lab_spec *spec, struct labyrinth *lab)
{
	size_t at = plan_take(plan, spec->clients * sizeof(struct lab_client));
	unsigned int i;

	if (lab) {
		lab->clients = spec->clients;
		lab->client_first = LAB_OWNER_MAX + 1 - spec->clients;
		lab->clients_at = (ptrdiff_t)at;
		lab->contract_frames = spec->contract_frames;
		lab->contract_blocks = spec->contract_blocks;
	}
	for (i = 0; i < spec->clients; i++) {
		struct lab_client *client = lab ? labyrinth_client(lab, lab->client_first + i) : NULL;

		plan_contract(plan, client, 0, spec->contract_frames);
		plan_contract(plan, client, 1, spec->contract_blocks);
	}
}
