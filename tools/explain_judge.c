/* SPDX-License-Identifier: MIT */
/*
 * explain_judge.c - Linux's rule over the numbers of a report (SPEC.md, "Rights"; kernels since 6.4).
 *
 * The zones of each node from the highest that the flags allow downwards.  A zone serves 2^k pages iff
 *
 *     free - (2^k - 1) - what this request may not use > floor of its right + lowmem_reserve[highest zone]
 *
 * and, for k > 0, a block of that order or a larger one is free, of a type that it may use.  What it may not use:
 * contiguous-memory pages unless it is movable, the high-order-atomic reserve unless it may not sleep or has HIGH.
 * All in pages; sums stop at 2^64 - 1.
 */
#include "explain.h"

#include <string.h>

#define NONE ZONE_KINDS

/* What kernels' zones can be, for a lowmem_reserve[] of that many entries; the likelier first. */
static const enum zone_kind layouts[][5] = {
	{ ZONE_DMA, ZONE_DMA32, ZONE_NORMAL, ZONE_MOVABLE, ZONE_DEVICE },
	{ ZONE_DMA, ZONE_NORMAL, ZONE_HIGHMEM, ZONE_MOVABLE, ZONE_DEVICE },
	{ ZONE_DMA, ZONE_DMA32, ZONE_NORMAL, ZONE_MOVABLE, NONE },
	{ ZONE_DMA, ZONE_NORMAL, ZONE_HIGHMEM, ZONE_MOVABLE, NONE },
	{ ZONE_DMA32, ZONE_NORMAL, ZONE_MOVABLE, ZONE_DEVICE, NONE },
	{ ZONE_DMA, ZONE_NORMAL, ZONE_MOVABLE, ZONE_DEVICE, NONE },
	{ ZONE_DMA, ZONE_DMA32, ZONE_NORMAL, ZONE_HIGHMEM, NONE },
	{ ZONE_DMA, ZONE_NORMAL, ZONE_MOVABLE, NONE, NONE },
	{ ZONE_DMA32, ZONE_NORMAL, ZONE_MOVABLE, NONE, NONE },
	{ ZONE_NORMAL, ZONE_HIGHMEM, ZONE_MOVABLE, NONE, NONE },
	{ ZONE_NORMAL, ZONE_MOVABLE, ZONE_DEVICE, NONE, NONE },
	{ ZONE_DMA, ZONE_NORMAL, ZONE_HIGHMEM, NONE, NONE },
	{ ZONE_DMA, ZONE_DMA32, ZONE_NORMAL, NONE, NONE },
	{ ZONE_NORMAL, ZONE_MOVABLE, NONE, NONE, NONE },
};
#define LAYOUTS (sizeof(layouts) / sizeof(layouts[0]))

/* Which entry is this zone's?  -1: it is not in the layout. */
static int layout_index(const enum zone_kind *layout, enum zone_kind kind)
{
	int i;

	for (i = 0; i < 5 && layout[i] != NONE; i++)
		if (layout[i] == kind)
			return i;
	return -1;
}

static unsigned int layout_length(const enum zone_kind *layout)
{
	unsigned int n = 0;

	while (n < 5 && layout[n] != NONE)
		n++;
	return n;
}

static bool kind_seen(const struct incident *incident, unsigned int node, enum zone_kind kind)
{
	unsigned int i;

	for (i = 0; i < incident->zones; i++)
		if (incident->zone[i].node == node && incident->zone[i].kind == kind)
			return true;
	return false;
}

/* A zone keeps nothing from itself and lower ones; entries rise only where its node has a zone. */
static bool layout_fits_zone(const struct incident *incident, const struct zone_report *zone,
			     const enum zone_kind *layout)
{
	int own = layout_index(layout, zone->kind);
	unsigned int j;

	if (own < 0 || (zone->reserves && zone->reserves != layout_length(layout)))
		return false;
	for (j = 0; j < zone->reserves; j++) {
		if ((int)j <= own && zone->reserve[j])
			return false;
		if ((int)j > own && zone->reserve[j] < zone->reserve[j - 1])
			return false;
		if ((int)j > own && zone->reserve[j] > zone->reserve[j - 1] &&
		    !kind_seen(incident, zone->node, layout[j]))
			return false;
	}
	return true;
}

static const enum zone_kind *layout_find(const struct incident *incident)
{
	unsigned int i, k;

	for (k = 0; k < LAYOUTS; k++) {
		for (i = 0; i < incident->zones; i++)
			if (!layout_fits_zone(incident, &incident->zone[i], layouts[k]))
				break;
		if (i == incident->zones)
			return layouts[k];
	}
	return NULL;
}

/* The highest zone of the flags; a zone that this kernel does not have counts as Normal. */
static enum zone_kind highest_zone(lab_gfp_t gfp, const enum zone_kind *layout)
{
	enum zone_kind kind = ZONE_NORMAL;

	if (gfp & LAB_DMA)
		kind = ZONE_DMA;
	else if (gfp & LAB_DMA32)
		kind = ZONE_DMA32;
	else if ((gfp & LAB_HIGHMEM) && (gfp & LAB_MOVABLE))
		kind = ZONE_MOVABLE;
	else if (gfp & LAB_HIGHMEM)
		kind = ZONE_HIGHMEM;
	return layout && layout_index(layout, kind) < 0 ? ZONE_NORMAL : kind;
}

static enum lab_right deepest_right(lab_gfp_t gfp)
{
	if ((gfp & LAB_MEMALLOC) && !(gfp & LAB_NOMEMALLOC))
		return LAB_RIGHT_ALL;
	if (!(gfp & LAB_HIGH))
		return LAB_RIGHT_MIN;
	return gfp & (LAB_DIRECT_RECLAIM | LAB_NOMEMALLOC) ? LAB_RIGHT_HIGH : LAB_RIGHT_ATOMIC;
}

static uint64_t sum(uint64_t a, uint64_t b)
{
	return a + b < a ? UINT64_MAX : a + b;
}

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* ---------------------------------------------------------------- one zone */

struct judging {
	const struct incident *incident;
	const enum zone_kind *layout; /* NULL: lowmem_reserve[] cannot be read */
	uint64_t page_kb;
	enum zone_kind highest;
	lab_gfp_t gfp;
};

static uint64_t pages(const struct judging *j, const struct zone_report *zone, enum zone_field field)
{
	return zone->kb[field] / j->page_kb;
}

static uint64_t zone_floor(const struct judging *j, const struct zone_report *zone, enum lab_right right)
{
	uint64_t min = pages(j, zone, FIELD_MIN), floor;

	if (right == LAB_RIGHT_ALL)
		return 0;
	if (right == LAB_RIGHT_MIN)
		return min;
	if (!j->incident->order) /* a single page with HIGH is not kept off by a boost */
		min = less(min, pages(j, zone, FIELD_BOOST));
	floor = min - min / 2;
	return right == LAB_RIGHT_ATOMIC ? floor - floor / 4 : floor;
}

static uint64_t zone_reserve(const struct judging *j, const struct zone_report *zone, struct zone_verdict *v)
{
	int index = j->layout ? layout_index(j->layout, j->highest) : -1;

	if (zone->reserves &&
	    !zone->reserve[zone->reserves -
			   1]) { /* they rise: none keeps anything, whatever they stand for */
		v->reserve_known = true;
		return 0;
	}
	v->reserve_known = index >= 0 && (unsigned int)index < zone->reserves;
	return v->reserve_known ? zone->reserve[index] : 0;
}

/* Which types of blocks this request may take. */
static uint8_t usable_types(const struct judging *j, enum lab_right right)
{
	uint8_t types = TYPE_UNMOVABLE | TYPE_MOVABLE | TYPE_RECLAIMABLE | TYPE_RESERVE;

	if (j->gfp & LAB_MOVABLE)
		types |= TYPE_CMA;
	if (right == LAB_RIGHT_ATOMIC || right == LAB_RIGHT_ALL)
		types |= TYPE_HIGHATOMIC;
	return types;
}

static int largest_block(const struct zone_report *zone, uint8_t types)
{
	int order;

	for (order = (int)zone->orders - 1; order >= 0; order--)
		if (zone->blocks[order] && (!zone->types[order] || (zone->types[order] & types)))
			return order;
	return -1;
}

static uint64_t highatomic(const struct judging *j, const struct zone_report *zone)
{
	if (zone->has & 1u << FIELD_FREE_HIGHATOMIC) /* the free part alone, where it is told */
		return pages(j, zone, FIELD_FREE_HIGHATOMIC);
	return pages(j, zone, FIELD_RESERVED_HIGHATOMIC);
}

static enum zone_says decide(const struct judging *j, const struct zone_report *zone, enum lab_right right,
			     const struct zone_verdict *v)
{
	uint64_t wanted = right == LAB_RIGHT_ALL ? 0 : sum(v->floor, v->reserve);
	uint64_t body = ((uint64_t)1 << j->incident->order) - 1, cma = 0;

	if (!(zone->has & 1u << FIELD_FREE) || (!(zone->has & 1u << FIELD_MIN) && right != LAB_RIGHT_ALL))
		return SAYS_UNKNOWN;
	if (less(v->usable, body) > wanted) {
		if (!v->reserve_known && zone->kind < j->highest && right != LAB_RIGHT_ALL)
			return SAYS_UNKNOWN;
		if (!j->incident->order || v->largest >= (int)j->incident->order)
			return SAYS_SERVES;
		return zone->orders > j->incident->order ? SAYS_TORN : SAYS_UNKNOWN;
	}
	if (!(j->gfp & LAB_MOVABLE))
		cma = pages(j, zone, FIELD_FREE_CMA);
	if (cma && less(sum(v->usable, cma), body) > wanted)
		return SAYS_CMA;
	if (less(v->free, body) > wanted && v->free > sum(v->usable, cma))
		return SAYS_HIGHATOMIC;
	return less(v->usable, body) > v->floor ? SAYS_RESERVE : SAYS_FLOOR;
}

static void judge_zone(const struct judging *j, unsigned int number, enum lab_right right,
		       struct zone_verdict *v)
{
	const struct zone_report *zone = &j->incident->zone[number];
	bool non_blocking = !(j->gfp & (LAB_DIRECT_RECLAIM | LAB_NOMEMALLOC));

	*v = (struct zone_verdict){ .zone = number, .largest = largest_block(zone, usable_types(j, right)) };
	v->free = v->usable = pages(j, zone, FIELD_FREE);
	if (!(j->gfp & LAB_MOVABLE))
		v->usable = less(v->usable, pages(j, zone, FIELD_FREE_CMA));
	if (right == LAB_RIGHT_MIN && !non_blocking)
		v->usable = less(v->usable, highatomic(j, zone));
	v->floor = zone_floor(j, zone, right);
	v->reserve = zone_reserve(j, zone, v);
	v->says = decide(j, zone, right, v);
}

/* ---------------------------------------------------------------- the walk */

static bool node_in(const struct node_list *list, unsigned int node)
{
	return !list->given || (list->bit[node / 8] >> node % 8 & 1);
}

/* A nodemask binds all; a cpuset binds who must stay in it. */
static bool node_allowed(const struct incident *incident, unsigned int node)
{
	bool cpuset = incident->gfp & LAB_HARDWALL && incident->gfp & LAB_DIRECT_RECLAIM;

	return node_in(&incident->nodemask, node) && (!cpuset || node_in(&incident->mems, node));
}

/* Does zone a come before b?  Nodes by number: the report does not say which was the nearest. */
static bool comes_before(const struct zone_report *a, const struct zone_report *b)
{
	return a->node != b->node ? a->node < b->node : a->kind > b->kind;
}

static void walk(const struct judging *j, struct verdict *verdict)
{
	const struct incident *incident = j->incident;
	unsigned int i, at;

	for (i = 0; i < incident->zones; i++) {
		const struct zone_report *zone = &incident->zone[i];

		if (zone->kind > j->highest || !node_allowed(incident, zone->node))
			continue;
		for (at = verdict->count++;
		     at && comes_before(zone, &incident->zone[verdict->walk[at - 1].zone]); at--)
			verdict->walk[at] = verdict->walk[at - 1];
		judge_zone(j, i, verdict->right, &verdict->walk[at]);
	}
}

/* The zone that tells most: one that nearly served, else the first of the walk whose numbers are there. */
static int decisive_zone(const struct verdict *verdict)
{
	static const enum zone_says telling[] = { SAYS_SERVES, SAYS_TORN, SAYS_CMA, SAYS_HIGHATOMIC };
	unsigned int i, k;

	for (k = 0; k < sizeof(telling) / sizeof(telling[0]); k++)
		for (i = 0; i < verdict->count; i++)
			if (verdict->walk[i].says == telling[k])
				return (int)i;
	for (i = 0; i < verdict->count; i++)
		if (verdict->walk[i].says != SAYS_UNKNOWN)
			return (int)i;
	return -1;
}

/* ---------------------------------------------------------------- what would have served it */

/* A zone outside the walk that serves with the same right: one of its own nodes' before others', then the fullest. */
static void remedy_elsewhere(const struct judging *j, struct verdict *verdict)
{
	struct judging higher = *j;
	struct zone_verdict v;
	unsigned int i;

	for (i = 0; i < j->incident->zones; i++) {
		const struct zone_report *zone = &j->incident->zone[i];
		bool same_node = node_allowed(j->incident, zone->node);

		if ((zone->kind <= j->highest && same_node) || zone->kind == ZONE_DEVICE)
			continue;
		higher.highest = zone->kind > j->highest ? zone->kind : j->highest;
		judge_zone(&higher, i, verdict->right, &v);
		if (v.says != SAYS_SERVES || (verdict->remedy[REMEDY_ZONE] && !same_node))
			continue;
		if (verdict->remedy[same_node ? REMEDY_ZONE : REMEDY_NODE] &&
		    v.usable <= verdict->other.usable)
			continue;
		verdict->other = v;
		verdict->remedy[REMEDY_ZONE] = same_node;
		verdict->remedy[REMEDY_NODE] = !same_node;
	}
}

static void remedy_right(const struct judging *j, struct verdict *verdict)
{
	struct zone_verdict v;
	unsigned int right, i;

	for (right = verdict->right + 1u; right < LAB_RIGHTS; right++)
		for (i = 0; i < verdict->count; i++) {
			judge_zone(j, verdict->walk[i].zone, (enum lab_right)right, &v);
			if (v.says != SAYS_SERVES)
				continue;
			verdict->remedy[REMEDY_RIGHT] = true;
			verdict->deeper = v;
			verdict->deeper_right = (enum lab_right)right;
			return;
		}
}

/* Torn apart, but there is a block of a type that only others may use. */
static bool block_of(const struct judging *j, const struct zone_verdict *v, uint8_t type)
{
	return v->says == SAYS_TORN &&
	       largest_block(&j->incident->zone[v->zone], type) >= (int)j->incident->order;
}

static void remedies(const struct judging *j, struct verdict *verdict)
{
	unsigned int i;
	bool any = false;

	for (i = 0; i < verdict->count; i++) {
		enum zone_says says = verdict->walk[i].says;

		verdict->remedy[REMEDY_LATER] |= says == SAYS_SERVES;
		verdict->remedy[REMEDY_SMALLER] |= says == SAYS_TORN;
		verdict->remedy[REMEDY_MOVABLE] |=
			says == SAYS_CMA || block_of(j, &verdict->walk[i], TYPE_CMA);
		verdict->remedy[REMEDY_HIGHATOMIC] |=
			says == SAYS_HIGHATOMIC || block_of(j, &verdict->walk[i], TYPE_HIGHATOMIC);
	}
	if (!verdict->remedy[REMEDY_LATER]) {
		remedy_elsewhere(j, verdict);
		remedy_right(j, verdict);
	}
	for (i = 0; i < REMEDY_NOTHING; i++)
		any |= verdict->remedy[i];
	verdict->remedy[REMEDY_NOTHING] = !any;
}

static uint64_t page_size_kb(const struct incident *incident)
{
	unsigned int i;

	for (i = 0; i < incident->zones; i++)
		if (incident->zone[i].first_kb && incident->zone[i].orders)
			return incident->zone[i].first_kb;
	return 4;
}

/* THISNODE names a node that the report does not; with several there is no telling which. */
static bool node_is_unsure(const struct incident *incident)
{
	unsigned int i;

	if (!(incident->gfp & LAB_THISNODE))
		return false;
	for (i = 1; i < incident->zones; i++)
		if (incident->zone[i].node != incident->zone[0].node)
			return true;
	return false;
}

void judge(const struct incident *incident, struct verdict *verdict)
{
	struct judging j = { .incident = incident, .layout = layout_find(incident), .gfp = incident->gfp };

	memset(verdict, 0, sizeof(*verdict));
	j.page_kb = verdict->page_kb = page_size_kb(incident);
	j.highest = verdict->highest = highest_zone(incident->gfp, j.layout);
	verdict->right = deepest_right(incident->gfp);
	verdict->may_sleep = incident->gfp & LAB_DIRECT_RECLAIM;
	verdict->movable = incident->gfp & LAB_MOVABLE;
	verdict->reserves_fit = j.layout != NULL;
	verdict->node_unsure = node_is_unsure(incident);
	verdict->decisive = -1;
	if (incident->constraint == CONSTRAINT_MEMCG) {
		verdict->remedy[REMEDY_LIMIT] = true;
		return;
	}
	if (!incident->has_order || !incident->has_gfp)
		return;
	walk(&j, verdict);
	verdict->decisive = decisive_zone(verdict);
	if (verdict->decisive >= 0)
		remedies(&j, verdict);
}
