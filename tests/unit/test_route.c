/* SPDX-License-Identifier: MIT */
/*
 * test_route.c - from flags to zones and rights, from a request to its rooms.
 */
#include "../support/room.h"
#include "route.h"

/* Down to how many thousandths of min: the rules of Linux's slow path, written once more. */
static unsigned int thousandths(lab_gfp_t gfp)
{
	bool reserves = gfp & LAB_HIGH, may_sleep = gfp & LAB_DIRECT_RECLAIM;
	unsigned int floor = 1000;

	if (gfp & LAB_MEMALLOC && !(gfp & LAB_NOMEMALLOC))
		return 0;
	if (reserves)
		floor -= floor / 2;
	if (reserves && !may_sleep && !(gfp & LAB_NOMEMALLOC))
		floor -= floor / 4;
	return floor;
}

static void right_of_every_combination(void **state)
{
	static const unsigned int floor[LAB_RIGHTS] = { 9999, 1000, 500, 375, 0 };
	lab_gfp_t gfp;

	(void)state;
	for (gfp = 0; gfp < (lab_gfp_t)1 << 16; gfp++)
		assert_int_equal(floor[route_right(gfp)], thousandths(gfp));
	for (gfp = 1; gfp <= LAB_FLAGS_ALL; gfp <<= 1) /* no other flag has a say */
		if (!(gfp & (LAB_HIGH | LAB_MEMALLOC | LAB_NOMEMALLOC | LAB_DIRECT_RECLAIM)))
			assert_int_equal(route_right(LAB_HIGH | gfp), LAB_RIGHT_ATOMIC);
	assert_int_equal(route_right(LAB_GFP_ATOMIC), LAB_RIGHT_ATOMIC);
	assert_int_equal(route_right(LAB_GFP_NOWAIT), LAB_RIGHT_MIN);
	assert_int_equal(route_right(LAB_GFP_KERNEL), LAB_RIGHT_MIN);
	assert_int_equal(route_right(LAB_GFP_KERNEL | LAB_HIGH), LAB_RIGHT_HIGH);
	assert_int_equal(route_right(LAB_GFP_KERNEL | LAB_MEMALLOC), LAB_RIGHT_ALL);
}

static void zone_of_every_combination(void **state)
{
	lab_gfp_t gfp;

	(void)state;
	for (gfp = 0; gfp < 256; gfp++) {
		unsigned int zone = LAB_ZONE_NORMAL;

		if (gfp & LAB_HIGHMEM)
			zone = gfp & LAB_MOVABLE ? LAB_ZONE_MOVABLE : LAB_ZONE_HIGHMEM;
		if (gfp & LAB_DMA32)
			zone = LAB_ZONE_DMA32;
		if (gfp & LAB_DMA)
			zone = LAB_ZONE_DMA;
		assert_int_equal(route_zone(gfp), zone);
	}
	assert_int_equal(route_zone(LAB_GFP_KERNEL | LAB_MOVABLE), LAB_ZONE_NORMAL);
	assert_int_equal(route_zone(LAB_GFP_HIGHUSER_MOVABLE), LAB_ZONE_MOVABLE);
}

/* ---- routes ---- */

enum { DMA, DMA32, NORMAL, MOVABLE, NORMAL_1, MOVABLE_1, NORMAL_2, OWN, ROOMS };

/* Seen from node 0 the next is 2, from 1 it is 0, from 2 both are alike. */
static const uint8_t distances[9] = { 10, 30, 20, 20, 10, 30, 40, 40, 10 };

static struct labyrinth *machine(const uint8_t *distance)
{
	static const enum lab_zone zone[ROOMS] = { LAB_ZONE_DMA,    LAB_ZONE_DMA32,   LAB_ZONE_NORMAL, LAB_ZONE_MOVABLE,
						   LAB_ZONE_NORMAL, LAB_ZONE_MOVABLE, LAB_ZONE_NORMAL, LAB_ZONE_OWN };
	static const unsigned int node[ROOMS] = { 0, 0, 0, 0, 1, 1, 2, 2 };
	struct lab_room_spec rooms[ROOMS] = { { 0 } };
	struct lab_spec spec = spec_of(rooms, ROOMS);
	unsigned int i;

	for (i = 0; i < ROOMS; i++)
		rooms[i] = (struct lab_room_spec){ .name = "room", .zone = zone[i], .node = node[i], .frames = 512,
						   .first_frame = 512 * (uint64_t)i };
	rooms[DMA].min = rooms[NORMAL].min = 20;
	rooms[DMA].low = rooms[NORMAL].low = 30;
	rooms[DMA].high = rooms[NORMAL].high = 40;
	rooms[DMA].lowmem_reserve[LAB_ZONE_NORMAL] = 100;
	spec.nodes = 3;
	spec.distance = distance;
	return born(&spec);
}

/* The rooms of a request's first round, ended by -1, must be these. */
static void assert_route(const struct labyrinth *lab, lab_gfp_t gfp, int node, const int *expected)
{
	struct lab_request request = LAB_REQUEST(gfp, 0);
	struct lab_step steps[64];
	int n, i;

	request.node = (int16_t)node;
	n = lab_route_show(lab, &request, steps, 64);
	assert_true(n > 0);
	for (i = 0; i < n && steps[i].right == LAB_RIGHT_LOW; i++)
		assert_int_equal(steps[i].room, expected[i]);
	assert_int_equal(expected[i], -1);
}

static void by_zone_and_distance(void **state)
{
	static const int normal_0[] = { NORMAL, DMA32, DMA, NORMAL_2, NORMAL_1, -1 };
	static const int normal_1[] = { NORMAL_1, NORMAL, DMA32, DMA, NORMAL_2, -1 };
	static const int normal_2[] = { NORMAL_2, NORMAL, DMA32, DMA, NORMAL_1, -1 };
	static const int movable_0[] = { MOVABLE, NORMAL, DMA32, DMA, NORMAL_2, MOVABLE_1, NORMAL_1, -1 };
	static const int movable_1[] = { MOVABLE_1, NORMAL_1, MOVABLE, NORMAL, DMA32, DMA, NORMAL_2, -1 };
	static const int dma32_2[] = { DMA32, DMA, -1 };
	static const int dma_1[] = { DMA, -1 };
	struct labyrinth *lab = machine(distances);

	(void)state;
	assert_route(lab, LAB_GFP_KERNEL, 0, normal_0);
	assert_route(lab, LAB_GFP_KERNEL, 1, normal_1);
	assert_route(lab, LAB_GFP_KERNEL, 2, normal_2);
	assert_route(lab, LAB_GFP_HIGHUSER, 1, normal_1); /* there is no highmem */
	assert_route(lab, LAB_GFP_HIGHUSER_MOVABLE, 0, movable_0);
	assert_route(lab, LAB_GFP_HIGHUSER_MOVABLE, 1, movable_1);
	assert_route(lab, LAB_GFP_KERNEL | LAB_MOVABLE, 1, normal_1);
	assert_route(lab, LAB_GFP_KERNEL | LAB_DMA32, 2, dma32_2);
	assert_route(lab, LAB_GFP_ATOMIC | LAB_DMA, 1, dma_1);
	buried(lab);
	lab = machine(NULL); /* all remote nodes alike: by number */
	assert_route(lab, LAB_GFP_KERNEL, 1, normal_1);
	assert_route(lab, LAB_GFP_KERNEL, 2, normal_2);
	buried(lab);
}

static void this_node(void **state)
{
	static const int normal_1[] = { NORMAL_1, -1 }, normal_2[] = { NORMAL_2, -1 };
	static const int movable_0[] = { MOVABLE, NORMAL, DMA32, DMA, -1 };
	struct labyrinth *lab = machine(distances);
	struct lab_request request = LAB_REQUEST(LAB_GFP_KERNEL | LAB_THISNODE | LAB_DMA, 0);

	(void)state;
	assert_route(lab, LAB_GFP_KERNEL | LAB_THISNODE, 1, normal_1);
	assert_route(lab, LAB_GFP_HIGHUSER_MOVABLE | LAB_THISNODE, 2, normal_2);
	assert_route(lab, LAB_GFP_HIGHUSER_MOVABLE | LAB_THISNODE, 0, movable_0);
	request.node = 2; /* no such room there */
	assert_int_equal(lab_route_show(lab, &request, NULL, 0), -LAB_ENXIO);
	assert_int_equal(lab_ptr_err(lab_alloc_request(lab, &request, NULL)), -LAB_ENXIO);
	/* Exhausted is not absent. */
	request = (struct lab_request)LAB_REQUEST(LAB_GFP_KERNEL | LAB_THISNODE, 0);
	request.node = 1;
	while (!lab_is_err(lab_alloc_request(lab, &request, NULL)))
		;
	assert_int_equal(lab_ptr_err(lab_alloc_request(lab, &request, NULL)), -LAB_ENOMEM);
	assert_int_equal(free_frames(lab, NORMAL_1), 0);
	assert_int_equal(free_frames(lab, NORMAL_2), 512);
	buried(lab);
}

/* A room of one's own is on no route, and reached by its number. */
static void own_room(void **state)
{
	struct labyrinth *lab = machine(distances);
	struct lab_request request = LAB_REQUEST(LAB_GFP_ATOMIC | LAB_THISNODE, 0);
	struct lab_step steps[8];
	struct lab_answer answer;

	(void)state;
	request.room = OWN;
	request.node = 0; /* a named room is nowhere else */
	assert_int_equal(lab_route_show(lab, &request, steps, 8), 4);
	assert_int_equal(steps[0].room, OWN);
	assert_int_equal(steps[3].right, LAB_RIGHT_ATOMIC);
	assert_false(lab_is_err(lab_alloc_request(lab, &request, &answer)));
	assert_int_equal(answer.room, OWN);
	assert_int_equal(free_frames(lab, OWN), 511);
	request.room = LAB_ROOM_ROUTE;
	request.gfp = LAB_GFP_KERNEL;
	while (!lab_is_err(lab_alloc_request(lab, &request, &answer)))
		assert_true(answer.room != OWN);
	assert_int_equal(free_frames(lab, OWN), 511);
	buried(lab);
}

/* ---- steps ---- */

/* The pools of a room that stand on this floor or higher. */
static uint32_t pools_from(const struct labyrinth *lab, unsigned int room, uint64_t floor)
{
	struct lab_room_stats stats;
	uint32_t bands = 0;
	unsigned int i;

	assert_int_equal(lab_room_stats(lab, room, &stats), 0);
	for (i = 0; i < stats.bands; i++)
		if (stats.band_floor[i] >= floor)
			bands |= (uint32_t)1 << i;
	return bands;
}

static void assert_step(const struct lab_step *step, int room, enum lab_right right, uint32_t bands)
{
	assert_int_equal(step->room, room);
	assert_int_equal(step->right, right);
	assert_int_equal(step->bands, bands);
}

static void right_by_right(void **state)
{
	struct labyrinth *lab = machine(distances);
	struct lab_request request = LAB_REQUEST(LAB_GFP_ATOMIC | LAB_THISNODE, 0);
	struct lab_step steps[16];

	(void)state;
	request.node = 0; /* NORMAL, DMA32 (no watermarks), DMA (keeps 100 from NORMAL) */
	assert_int_equal(lab_route_show(lab, &request, steps, 16), 12);
	assert_step(&steps[0], NORMAL, LAB_RIGHT_LOW, pools_from(lab, NORMAL, 30));
	assert_step(&steps[1], DMA32, LAB_RIGHT_LOW, 0);
	assert_step(&steps[2], DMA, LAB_RIGHT_LOW, pools_from(lab, DMA, 130));
	assert_step(&steps[3], NORMAL, LAB_RIGHT_MIN, pools_from(lab, NORMAL, 20));
	assert_step(&steps[5], DMA, LAB_RIGHT_MIN, pools_from(lab, DMA, 120));
	assert_step(&steps[6], NORMAL, LAB_RIGHT_HIGH, pools_from(lab, NORMAL, 10));
	assert_step(&steps[9], NORMAL, LAB_RIGHT_ATOMIC, pools_from(lab, NORMAL, 8));
	assert_step(&steps[11], DMA, LAB_RIGHT_ATOMIC, pools_from(lab, DMA, 108));
	request.gfp = LAB_GFP_KERNEL | LAB_THISNODE;
	assert_int_equal(lab_route_show(lab, &request, steps, 16), 6);
	request.gfp = LAB_GFP_KERNEL | LAB_HIGH | LAB_THISNODE;
	assert_int_equal(lab_route_show(lab, &request, steps, 16), 9);
	request.gfp = LAB_MEMALLOC | LAB_THISNODE; /* the whole reserve at once */
	assert_int_equal(lab_route_show(lab, &request, steps, 16), 9);
	assert_step(&steps[6], NORMAL, LAB_RIGHT_ALL, pools_from(lab, NORMAL, 0));
	assert_step(&steps[8], DMA, LAB_RIGHT_ALL, pools_from(lab, DMA, 0));
	/* A DMA request is kept from nothing in DMA. */
	request.gfp = LAB_GFP_ATOMIC | LAB_DMA;
	assert_int_equal(lab_route_show(lab, &request, steps, 16), 4);
	assert_step(&steps[0], DMA, LAB_RIGHT_LOW, pools_from(lab, DMA, 30));
	assert_step(&steps[3], DMA, LAB_RIGHT_ATOMIC, pools_from(lab, DMA, 8));
	buried(lab);
}

static void show_less_than_all(void **state)
{
	struct labyrinth *lab = machine(distances);
	struct lab_request request = LAB_REQUEST(LAB_GFP_ATOMIC | LAB_THISNODE, 0);
	struct lab_step steps[3];

	(void)state;
	request.node = 0;
	steps[2].room = 77;
	assert_int_equal(lab_route_show(lab, &request, steps, 2), 12);
	assert_int_equal(steps[1].room, DMA32);
	assert_int_equal(steps[2].room, 77);
	request.gfp |= (lab_gfp_t)1 << 24;
	assert_int_equal(lab_route_show(lab, &request, steps, 2), -LAB_EINVAL);
	buried(lab);
}

/* A closed room is not tried, so it is no step. */
static void closed_rooms_are_no_steps(void **state)
{
	struct labyrinth *lab = machine(distances);
	struct lab_request request = LAB_REQUEST(LAB_GFP_KERNEL | LAB_THISNODE, 0);
	struct lab_step steps[16];

	(void)state;
	request.node = 0;
	assert_int_equal(lab_room_offline(lab, DMA32), 0);
	assert_int_equal(lab_route_show(lab, &request, steps, 16), 4);
	assert_int_equal(steps[0].room, NORMAL);
	assert_int_equal(steps[1].room, DMA);
	assert_int_equal(lab_room_online(lab, DMA32), 0);
	assert_int_equal(lab_route_show(lab, &request, steps, 16), 6);
	buried(lab);
}

/* Rooms are fallen back to in the order shown, and the counters say so. */
static void taken_as_shown(void **state)
{
	struct labyrinth *lab = machine(distances);
	struct lab_request request = LAB_REQUEST(LAB_GFP_KERNEL, 0);
	struct lab_step steps[16];
	struct lab_answer answer;
	int n, at = 0;

	(void)state;
	request.node = 1;
	n = lab_route_show(lab, &request, steps, 16);
	while (!lab_is_err(lab_alloc_request(lab, &request, &answer))) {
		/* Each answer stands at the step of the one before or behind it. */
		while (at < n && (steps[at].room != answer.room || steps[at].right != answer.right))
			at++;
		assert_true(at < n);
		assert_int_equal(answer.fallback, at % (n / 2));
		if (answer.band >= 0)
			assert_true(steps[at].bands >> answer.band & 1);
	}
	assert_int_equal(answer.room, -1);
	assert_int_equal(free_frames(lab, NORMAL), 20);
	assert_int_equal(free_frames(lab, NORMAL_1) + free_frames(lab, NORMAL_2) + free_frames(lab, DMA32), 0);
	/* Where roots have few children (32 bits), what is kept from other zones has one floor: low's. */
	assert_int_equal(free_frames(lab, DMA), IS_64_BIT ? 120 : 130);
	assert_int_equal(counted(lab, LAB_COUNT_FALLBACK), 512 + 512 + (512 - 20) + (512 - (IS_64_BIT ? 120 : 130)));
	buried(lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(right_of_every_combination),
		cmocka_unit_test(zone_of_every_combination),
		cmocka_unit_test(by_zone_and_distance),
		cmocka_unit_test(this_node),
		cmocka_unit_test(own_room),
		cmocka_unit_test(right_by_right),
		cmocka_unit_test(show_less_than_all),
		cmocka_unit_test(closed_rooms_are_no_steps),
		cmocka_unit_test(taken_as_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
