/* SPDX-License-Identifier: MIT */
/*
 * steps_calls.h - the calls that are measured, and this test's own home.
 */
#ifndef STEPS_CALLS_H
#define STEPS_CALLS_H

#include "steps_judge.h"

#define BULK_PAGES 32u

/* ---- the home: one node, CPU 0 unless said otherwise; not counted ---- */

static unsigned int cpu_now;

UNCOUNTED unsigned int lab_port_cpu(void)
{
	return cpu_now;
}

UNCOUNTED unsigned int lab_port_node(void)
{
	return 0;
}

UNCOUNTED struct labyrinth *lab_port_default(void)
{
	return NULL;
}

/* ---- calls ---- */

static struct {
	lab_gfp_t gfp;
	unsigned int order;
	struct lab_page *page;
	struct lab_ref ref;
	uint64_t frame;
	struct lab_page *pages[BULK_PAGES];
	long result;
} call;

UNCOUNTED static void call_alloc(void *unused)
{
	(void)unused;
	call.page = lab_alloc_pages(world.lab, call.gfp, call.order);
	call.result = lab_ptr_err(call.page);
}

UNCOUNTED static void call_alloc_at(void *unused)
{
	struct lab_request request = LAB_REQUEST(call.gfp, call.order);

	(void)unused;
	call.page = lab_alloc_at(world.lab, call.frame, &request);
	call.result = lab_ptr_err(call.page);
}

UNCOUNTED static void call_free(void *unused)
{
	(void)unused;
	call.result = lab_free_pages(world.lab, call.page, call.order);
}

UNCOUNTED static void call_free_ref(void *unused)
{
	(void)unused;
	call.result = lab_free_ref(world.lab, call.ref, call.order, 0);
}

UNCOUNTED static void call_request(void *unused)
{
	struct lab_request request = LAB_REQUEST(call.gfp, call.order);
	struct lab_answer answer;

	(void)unused;
	request.room = 0;
	call.page = lab_alloc_request(world.lab, &request, &answer);
	call.result = lab_ptr_err(call.page);
}

UNCOUNTED static void call_split(void *unused)
{
	(void)unused;
	call.result = lab_split(world.lab, call.page, call.order);
}

UNCOUNTED static void call_bulk(void *unused)
{
	(void)unused;
	call.result = lab_alloc_bulk(world.lab, call.gfp, BULK_PAGES, call.pages);
}

UNCOUNTED static void call_free_bulk(void *unused)
{
	(void)unused;
	call.result = (long)lab_free_bulk(world.lab, BULK_PAGES, call.pages);
}

/* ---- measuring ---- */

/* The scene, measured and judged; the call must answer `expect`. */
static void measure(void (*function)(void *), long expect)
{
	struct cost cost =
		count_call(function, world.lab, world.bytes, 2 * scene_bound(INSTRUCTIONS, world.h, world.p));

	if (call.result != expect)
		machine_fail(scene.name, "answered %ld, not %ld", call.result, expect);
	judge(&cost);
}

/* The same where the scene is asked for; else only the call, for what comes after it. */
static void measure_if(bool wanted, void (*function)(void *), long expect)
{
	if (wanted)
		measure(function, expect);
	else
		function(NULL);
}

/* Is the state that the scene begins in one at rest? */
static void at_rest(void)
{
	if (!world_rests())
		machine_fail(scene.name, "the state before the call is broken");
}

/* Which of a CPU's hints requests with these flags use. */
static unsigned int hint_of(lab_gfp_t gfp)
{
	return gfp & LAB_COLD ? LAB_COLD_HINT : (unsigned int)(gfp >> 3) & 3;
}

/* From which end they search. */
static bool from_high(lab_gfp_t gfp)
{
	return !(gfp & LAB_MOVABLE) != !(gfp & LAB_COLD);
}

static void point_at(lab_bit bit)
{
	room_cpu(world.room, 0)->near[hint_of(call.gfp)] = bit + 1;
}

/* Leaf n of four far apart, in the order in which these requests meet them; and one before them that is full. */
static lab_word leaf_met(unsigned int n)
{
	return leaf_apart(n, from_high(call.gfp));
}

static lab_word leaf_full_near(void)
{
	return from_high(call.gfp) ? leaf_met(0) - 1 : leaf_met(0) + 1;
}

/* Watermarks that make five pools. */
static const struct marks five_marks = { 100, 150, 200 };

/* Kinds of requests: all ways through the gate and the walk. */
static const struct {
	const char *name;
	lab_gfp_t gfp;
} kinds[] = {
	{ "ATOMIC", LAB_GFP_ATOMIC },
	{ "KERNEL", LAB_GFP_KERNEL },
	{ "HIGHUSER_MOVABLE", LAB_GFP_HIGHUSER_MOVABLE },
	{ "KERNEL + RECLAIMABLE", LAB_GFP_KERNEL | LAB_RECLAIMABLE },
	{ "KERNEL + MEMALLOC", LAB_GFP_KERNEL | LAB_MEMALLOC },
	{ "ATOMIC + COLD", LAB_GFP_ATOMIC | LAB_COLD },
	{ "ATOMIC + EXCLUSIVE", LAB_GFP_ATOMIC | LAB_EXCLUSIVE },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))
#define PLAIN_KINDS 5u /* of them take the fast half */

/* A scene's state, by a kind of request. */
static const char *state_of(unsigned int kind, const char *state)
{
	static char name[96];

	call.gfp = kinds[kind].gfp;
	call.order = 0;
	snprintf(name, sizeof(name), "%s (%s)", state, kinds[kind].name);
	return name;
}

#endif
