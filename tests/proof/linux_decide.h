/* SPDX-License-Identifier: MIT */
/*
 * linux_decide.h - one request put to both, and what of their answers must be alike.
 *
 * Whether a request is served must be what the model says, always.  From which room: Linux's own, but for two
 * differences that SPEC.md section 18 lists (linux_differences.h), and in these cases the room that SPEC.md's
 * walk gives, exactly.
 */
#ifndef LINUX_DECIDE_H
#define LINUX_DECIDE_H

#include "linux_world.h"

/* How often the listed differences of the walk were met. */
static uint64_t met_right_major, met_whole_block_first;

/* A step of SPEC.md's walk, said as a pass of the model over all zones. */
struct step {
	struct linux_request request;
	enum linux_pass pass;
	enum lab_right right;
};

/* All rooms at LOW, all at MIN, then one right after the other; MEMALLOC: at once without watermarks. */
static unsigned int walk_steps(const struct linux_request *request, struct step *steps)
{
	const unsigned int rights = LINUX_GFP_HIGH | LINUX_GFP_MEMALLOC;
	unsigned int n = 0;

	steps[n++] = (struct step){ *request, LINUX_PASS_FAST, LAB_RIGHT_LOW };
	steps[n] = (struct step){ *request, LINUX_PASS_SLOW, LAB_RIGHT_MIN };
	steps[n++].request.flags &= ~rights;
	if (linux_ignores_watermarks(request)) {
		steps[n++] = (struct step){ *request, LINUX_PASS_NOMARK, LAB_RIGHT_ALL };
		return n;
	}
	if (!(request->flags & LINUX_GFP_HIGH))
		return n;
	steps[n] = (struct step){ *request, LINUX_PASS_SLOW, LAB_RIGHT_HIGH };
	steps[n++].request.flags |= LINUX_GFP_NOMEMALLOC;
	if (linux_slow_rights(request).non_blocking)
		steps[n++] = (struct step){ *request, LINUX_PASS_SLOW, LAB_RIGHT_ATOMIC };
	return n;
}

/* The zones that would serve this step, a bit each. */
static uint32_t step_admits(const struct linux_machine *m, const struct step *step)
{
	uint32_t zones = 0;
	unsigned int i;

	for (i = 0; i < m->zones; i++)
		if (linux_zone_allowed(&m->zone[i], &step->request) &&
		    linux_zone_admits(&m->zone[i], &step->request, step->pass))
			zones |= (uint32_t)1 << i;
	return zones;
}

/* Of these zones, those that no other comes certainly before. */
static uint32_t foremost(const struct linux_machine *m, const struct linux_request *request, uint32_t zones)
{
	uint32_t first = zones;
	unsigned int i, k;

	for (i = 0; i < m->zones; i++)
		for (k = 0; zones >> i & 1 && k < m->zones; k++)
			if (zones >> k & 1 &&
			    linux_comes_before(m, request, &m->zone[k], &m->zone[i]))
				first &= ~((uint32_t)1 << i);
	return first;
}

/* Which of these rooms have a block of the order without touching a pool?  Asked of the labyrinth: Linux knows no pools. */
static uint32_t with_whole_block(const struct world *world, unsigned int order, uint32_t rooms)
{
	struct lab_room_stats stats;
	unsigned int i, k;
	uint32_t with = 0;

	for (i = 0; i < world->spec.room_count; i++) {
		if (!(rooms >> i & 1) || lab_room_stats(world->lab, i, &stats))
			continue;
		for (k = order; k <= LAB_ORDER_MAX; k++)
			if (stats.free_blocks[k])
				with |= (uint32_t)1 << i;
	}
	return with;
}

struct expectation {
	bool served;
	enum lab_right right;
	uint32_t rooms; /* one of these */
};

static struct expectation expect(const struct world *world, const struct linux_request *request)
{
	struct expectation expected = { 0 };
	uint32_t zones = 0, whole;
	struct step steps[4];
	unsigned int n = walk_steps(request, steps), i;

	for (i = 0; i < n && !zones; i++)
		zones = step_admits(&world->machine, &steps[i]);
	if (!zones)
		return expected;
	expected.served = true;
	expected.right = steps[i - 1].right;
	if (request->order && expected.right == LAB_RIGHT_LOW && zones & (zones - 1)) {
		whole = with_whole_block(world, request->order, zones);
		zones = whole ? whole : zones;
	}
	expected.rooms = foremost(&world->machine, request, zones);
	return expected;
}

static void tell(const struct world *world, const struct lab_request *request, const char *what, int room)
{
	const struct linux_zone *zone;
	unsigned int i;

	printf("  gfp %x, order %u, node %d: %s", request->gfp, request->order, request->node, what);
	printf(room < 0 ? " %d\n" : " room %d\n", room);
	for (i = 0; i < world->machine.zones; i++) {
		zone = &world->machine.zone[i];
		printf("  room %u: zone %u of node %u, %" PRIu64 " free of %" PRIu64 "; min %" PRIu64 ", low %" PRIu64
		       ", reserve %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
		       i, zone->kind, zone->node, zone->free, zone->managed, zone->min, zone->low,
		       zone->lowmem_reserve[0], zone->lowmem_reserve[1], zone->lowmem_reserve[2],
		       zone->lowmem_reserve[3], zone->lowmem_reserve[4]);
	}
}

/* The room is the one that SPEC.md's walk gives; is it Linux's too, or one of the listed differences? */
static void judge_room(struct world *world, const struct lab_request *request, const struct linux_verdict *verdict,
		       int room)
{
	struct linux_request model = linux_request_of(request);

	if (linux_pass_may_take(&world->machine, &model, verdict->pass, (unsigned int)room))
		return;
	if (verdict->pass == LINUX_PASS_SLOW && model.flags & LINUX_GFP_HIGH) {
		met_right_major++;
	} else if (verdict->pass == LINUX_PASS_FAST && request->order) {
		met_whole_block_first++;
	} else {
		BROKEN(world, "served from another room than Linux's, and this is no listed difference");
		tell(world, request, "served from", room);
	}
}

/* A refusal says why; alone, no single page is ever refused with "try again". */
static bool refusal_is_right(const struct world *world, const struct linux_request *request, int error)
{
	bool any = false;
	unsigned int i;

	for (i = 0; i < world->machine.zones; i++)
		any |= linux_zone_allowed(&world->machine.zone[i], request);
	if (!any)
		return error == -LAB_ENXIO;
	return error == -LAB_ENOMEM || (request->order && error == -LAB_ENOSPC);
}

/* A page was given, by whichever call: from where it should be?  `expected` is from before. */
static void judge_page(struct world *world, const struct lab_request *request, struct lab_page *page,
		       const struct expectation *expected)
{
	struct linux_request model = linux_request_of(request);
	struct linux_verdict verdict = linux_admit(&world->machine, &model);
	int room = room_of_frame(world, lab_page_frame(world->lab, page));

	machine.cases++;
	if (!verdict.admitted || !expected->served) {
		BROKEN(world, "served, Linux refuses");
		tell(world, request, "served from", room);
	} else if (room < 0 || !(expected->rooms >> room & 1)) {
		BROKEN(world, "served from room %d, by its right %u expected from one of %x", room, expected->right,
		       expected->rooms);
		tell(world, request, "served from", room);
	} else {
		judge_room(world, request, &verdict, room);
	}
	if (!world->broken)
		world_take(world, page, request);
}

static void judge_refusal(struct world *world, const struct lab_request *request, int error)
{
	struct linux_request model = linux_request_of(request);
	struct linux_verdict verdict = linux_admit(&world->machine, &model);

	machine.cases++;
	if (verdict.admitted)
		BROKEN(world, "refused by %d, Linux gives from zone %u at pass %u", error, verdict.zone, verdict.pass);
	else if (!refusal_is_right(world, &model, error))
		BROKEN(world, "refused by the wrong code %d", error);
	if (world->broken)
		tell(world, request, "refused", error);
}

/* Put a request to both; what is given is held afterwards, the last of its room.  The room, or -1. */
static int decide(struct world *world, const struct lab_request *request)
{
	struct linux_request model = linux_request_of(request);
	struct expectation expected = expect(world, &model);
	struct lab_answer answer;
	struct lab_page *page = lab_alloc_request(world->lab, request, &answer);
	int room;

	if (lab_is_err(page)) {
		judge_refusal(world, request, lab_ptr_err(page));
		return -1;
	}
	room = room_of_frame(world, lab_page_frame(world->lab, page));
	judge_page(world, request, page, &expected);
	if (!world->broken && (answer.room != room || answer.right != expected.right)) {
		BROKEN(world, "answered room %d by right %u, was room %d by right %u", answer.room, answer.right, room,
		       expected.right);
		tell(world, request, "served from", room);
	}
	return world->broken ? -1 : room;
}

#endif
