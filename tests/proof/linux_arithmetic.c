/* SPDX-License-Identifier: MIT */
/*
 * linux_arithmetic.c - the machine "Linux's arithmetic": watermarks and admission against a model of Linux's
 * rules that was written without a look at Labyrinth (linux_model.h).
 *
 *     setup-*        min, low, high and lowmem reserves of random machines and of the edges
 *     edges-*        random machines, each zone brought to exactly at, one above, one below a floor; there every
 *                    class of flags, every set of zones, node and order is put to both
 *     walk-*         random sequences of allocations and frees, singly and in bulk, with frames out of service
 *     difference-*   what Linux does otherwise: listed, and each shown to be so still
 *
 * A case counted is a figure, or an admission decision, that both gave.  Alone, no floor is ever off by one,
 * whatever reserves are out: order 0 is never told "try again", and blocks only as listed.
 */
#include "linux_differences.h"
#include "linux_machines.h"

/* ---- setup: figures ---- */

static void compare_figure(struct world *world, unsigned int room, const char *what, uint64_t ours, uint64_t theirs)
{
	machine.cases++;
	if (ours != theirs && !world->broken)
		BROKEN(world, "room %u (zone %u, node %u, %" PRIu64 " managed): %s is %" PRIu64 ", Linux's %" PRIu64, room,
		       world->rooms[room].zone, world->rooms[room].node, managed_frames(&world->rooms[room]), what, ours,
		       theirs);
}

static void compare_setup(struct world *world)
{
	static const char *const reserve[] = { "reserve for DMA", "reserve for DMA32", "reserve for NORMAL",
					       "reserve for HIGHMEM", "reserve for MOVABLE" };
	struct lab_room_spec marks;
	unsigned int i, k;

	world->spec.rooms = world->rooms;
	describe_machine(world);
	for (i = 0; i < world->spec.room_count && !world->broken; i++) {
		const struct linux_zone *zone = &world->machine.zone[i];

		lab_linux_marks(&world->spec, i, &marks);
		compare_figure(world, i, "min", marks.min, zone->min);
		compare_figure(world, i, "low", marks.low, zone->low);
		compare_figure(world, i, "high", marks.high, zone->high);
		for (k = 0; k < LAB_ZONES; k++)
			compare_figure(world, i, reserve[k], marks.lowmem_reserve[k],
				       zone->lowmem_reserve[kind_of_zone((enum lab_zone)k)]);
	}
}

/* What /proc/zoneinfo of a running Linux (6.18, x86-64) showed: the model is no invention, nor are we. */
static void setup_known(struct world *world)
{
	static const uint64_t shown[3][8] = {
		{ 23, 28, 33, 0, 3019, 10571, 10571, 10571 },
		{ 4818, 6022, 7226, 0, 0, 7552, 7552, 7552 },
		{ 12053, 15066, 18079, 0, 0, 0, 0, 0 },
	};
	static const uint64_t managed[3] = { 3840, 772917, 1933312 };
	unsigned int i, k;

	world->spec = (struct lab_spec){ .page_shift = 12, .cpus = 1, .room_count = 3, .min_free_kbytes = 67584 };
	for (i = 0; i < 3; i++)
		world->rooms[i] = (struct lab_room_spec){ .zone = (enum lab_zone)i, .first_frame = (uint64_t)i << 24,
							  .frames = managed[i], .min = LAB_MARK_LINUX };
	compare_setup(world);
	for (i = 0; i < 3; i++) {
		const struct linux_zone *zone = &world->machine.zone[i];
		const uint64_t figures[3] = { zone->min, zone->low, zone->high };

		for (k = 0; k < 8; k++)
			compare_figure(world, i, "what was shown", shown[i][k],
				       k < 3 ? figures[k] : zone->lowmem_reserve[k - 3]);
	}
}

/* ---- setup: machines ---- */

static void setup_random(struct world *world)
{
	unsigned int i;

	random_frame(world, 4);
	random_rooms(world, (unsigned int)rnd(41)); /* up to all that a room may have */
	random_settings(world, 300000);
	for (i = 0; i < world->spec.room_count; i++) {
		random_holes(world, i);
		world->rooms[i].min = LAB_MARK_LINUX;
	}
	compare_setup(world);
}

/* ---- edges ---- */

/* A floor of this zone, for some class of flags and zones, and as many frames above it as some order needs. */
static uint64_t random_edge(const struct linux_zone *zone)
{
	uint64_t half = zone->min - zone->min / 2;
	uint64_t floors[] = { 0, half - half / 4, half, zone->min, zone->low, zone->high };
	uint64_t edge = floors[rnd(6)] + (rnd(2) ? zone->lowmem_reserve[rnd(LINUX_KINDS)] : 0);

	if (rnd(2))
		edge += ((uint64_t)1 << rnd(10)) - 1;
	edge += rnd(3);
	return edge ? edge - 1 : 0;
}

static void give_up(struct world *world, unsigned int room, uint64_t target)
{
	struct frames *frames = &world->frames[room];

	while (world->machine.zone[room].free < target && frames->count && !world->broken)
		world_give(world, room, (unsigned int)rnd(frames->count));
}

/* The frames of a random aligned run, as far as they are held singly. */
static void give_run(struct world *world, unsigned int room, uint64_t target)
{
	struct frames *frames = &world->frames[room];
	uint64_t n = (uint64_t)1 << rnd(10), first = rnd(frames->span) / n * n, i;

	for (i = first; i < first + n && i < frames->span && world->machine.zone[room].free < target; i++) {
		uint32_t which = frames->where[i];

		if (which < frames->count && frames->held[which].frame == frames->base + i && !world->broken)
			world_give(world, room, which);
	}
}

/* Bring a room to so many free frames: in one piece, in runs, or scattered. */
static void drive(struct world *world, unsigned int room, uint64_t target)
{
	unsigned int runs;

	switch (rnd(4)) {
	case 0:
		give_up(world, room, UINT64_MAX);
		break;
	case 1:
		draw_down(world, room, 0);
		for (runs = 0; runs < 40; runs++)
			give_run(world, room, target);
		break;
	default:
		break;
	}
	draw_down(world, room, target);
	give_up(world, room, target);
}

/* Flags that admission has nothing to do with. */
static lab_gfp_t decoration(void)
{
	static const lab_gfp_t flags = LAB_KSWAPD_RECLAIM | LAB_IO | LAB_FS | LAB_NORETRY | LAB_RETRY_MAYFAIL | LAB_NOFAIL |
				       LAB_COMP | LAB_NOWARN | LAB_HARDWALL | LAB_WRITE | LAB_ACCOUNT | LAB_COLD |
				       LAB_EXCLUSIVE;

	return rnd(2) ? flags & (lab_gfp_t)rnd(LAB_FLAGS_ALL) : 0;
}

static const lab_gfp_t zone_sets[] = {
	0, LAB_DMA, LAB_DMA32, LAB_HIGHMEM, LAB_MOVABLE, LAB_MOVABLE | LAB_DMA, LAB_MOVABLE | LAB_DMA32,
	LAB_HIGHMEM | LAB_MOVABLE,
};

/* HIGH, MEMALLOC, NOMEMALLOC and DIRECT_RECLAIM in all combinations. */
static lab_gfp_t rights_of(unsigned int number)
{
	return (number & 1 ? LAB_HIGH : 0) | (number & 2 ? LAB_MEMALLOC : 0) | (number & 4 ? LAB_NOMEMALLOC : 0) |
	       (number & 8 ? LAB_DIRECT_RECLAIM : 0);
}

/* Decide, and give back what was given: the count is at its edge again. */
static void decide_and_return(struct world *world, const struct lab_request *request)
{
	int room = decide(world, request);

	if (room >= 0)
		world_give(world, (unsigned int)room, world->frames[room].count - 1);
}

static void every_class(struct world *world, unsigned int order)
{
	unsigned int set, rights, node, this;

	for (set = 0; set < sizeof(zone_sets) / sizeof(*zone_sets); set++)
		for (rights = 0; rights < 16; rights++)
			for (node = 0; node < 2 * world->machine.nodes; node++) {
				struct lab_request request = LAB_REQUEST(zone_sets[set] | rights_of(rights), order);

				this = node / 2;
				request.gfp |= decoration() | (node & 1 ? LAB_THISNODE : 0);
				if (!(request.gfp & LAB_MOVABLE) && !rnd(4))
					request.gfp |= LAB_RECLAIMABLE;
				world_cpu = (unsigned int)rnd(world->spec.cpus);
				world_node = rnd(2) ? this : (unsigned int)rnd(world->machine.nodes);
				request.node = (int16_t)(world_node == this && rnd(2) ? LAB_NODE_LOCAL : (int)this);
				if (!world->broken)
					decide_and_return(world, &request);
			}
}

static void edges(struct world *world)
{
	unsigned int state, room, order;

	random_world(world);
	if (!world_open(world, world->name))
		return;
	for (state = 0; state < 12 && !world->broken; state++) {
		for (room = 0; room < world->machine.zones && !world->broken; room++)
			if (rnd(4))
				drive(world, room, random_edge(&world->machine.zone[room]));
		for (order = 0; order <= LAB_ORDER_MAX; order++)
			if (order < 2 || rnd(3))
				every_class(world, order);
	}
}

/* A machine of 1 GiB as Linux would set it up: DMA's 16 MiB keep 1008 frames from all others, DMA32's min is 1008. */
static void edges_of_1_gib(struct world *world)
{
	unsigned int state, order;

	world->spec = (struct lab_spec){ .page_shift = 12, .cpus = 4, .room_count = 2, .nodes = 1 };
	world->rooms[0] = (struct lab_room_spec){ .zone = LAB_ZONE_DMA, .frames = 4096, .min = LAB_MARK_LINUX };
	world->rooms[1] = (struct lab_room_spec){ .zone = LAB_ZONE_DMA32, .first_frame = 4096, .frames = 258048,
						  .min = LAB_MARK_LINUX };
	if (!world_open(world, world->name))
		return;
	for (state = 0; state < 12 && !world->broken; state++) {
		drive(world, 0, random_edge(&world->machine.zone[0]));
		drive(world, 1, random_edge(&world->machine.zone[1]));
		for (order = 0; order <= LAB_ORDER_MAX; order++)
			every_class(world, order);
	}
}

/* ---- walks ---- */

static struct lab_request random_request(const struct world *world)
{
	unsigned int order = rnd(3) ? 0 : (unsigned int)rnd(LAB_ORDER_MAX + 1);
	struct lab_request request = LAB_REQUEST(rights_of((unsigned int)rnd(16)) | decoration(), order);

	request.gfp |= zone_sets[rnd(sizeof(zone_sets) / sizeof(*zone_sets))];
	if (!rnd(8))
		request.gfp |= LAB_THISNODE;
	if (rnd(2))
		request.node = (int16_t)rnd(world->machine.nodes);
	request.owner = (uint16_t)(rnd(4) ? 0 : rnd(LAB_OWNER_MAX + 1));
	return request;
}

/* Many at once: as if one after the other. */
static void walk_bulk(struct world *world)
{
	struct lab_page *pages[100];
	struct lab_request request = random_request(world);
	long count = (long)rnd(101), n, i;

	request = LAB_REQUEST(request.gfp, 0); /* bulk takes flags only */
	n = lab_alloc_bulk(world->lab, request.gfp, (size_t)count, pages);
	for (i = 0; i < n && !world->broken; i++) {
		struct linux_request model = linux_request_of(&request);
		struct expectation expected = expect(world, &model);

		judge_page(world, &request, pages[i], &expected);
	}
	if (n < count && !world->broken && n > 0)
		judge_refusal(world, &request, -LAB_ENOMEM);
	else if (n < 0 && !world->broken)
		judge_refusal(world, &request, (int)n);
}

/* The plain call, whose fast half knows no route. */
static void walk_plain(struct world *world)
{
	struct lab_request request = random_request(world);
	struct linux_request model;
	struct expectation expected;
	struct lab_page *page;

	request = LAB_REQUEST(request.gfp, rnd(2) ? 0 : request.order);
	model = linux_request_of(&request);
	expected = expect(world, &model);
	page = lab_alloc_pages(world->lab, request.gfp, request.order);
	if (lab_is_err(page))
		judge_refusal(world, &request, lab_ptr_err(page));
	else
		judge_page(world, &request, page, &expected);
}

/* A free frame goes out of service and comes back a while later: Linux counts it as it counts a used one. */
static void walk_offline(struct world *world, uint64_t *out, unsigned int *outs, unsigned int most)
{
	unsigned int room = (unsigned int)rnd(world->machine.zones), which;
	const struct frames *frames = &world->frames[room];
	struct held one = { .frame = frames->base + rnd(frames->span) };
	int error = 0;

	if (*outs && (rnd(2) || *outs == most)) {
		which = (unsigned int)rnd(*outs);
		one.frame = out[which];
		out[which] = out[--*outs];
		room = (unsigned int)room_of_frame(world, one.frame);
		error = lab_frame_online(world->lab, one.frame);
		frames_set(world, room, &one, true);
	} else if (frames_free(world, room, &one)) {
		out[(*outs)++] = one.frame;
		error = lab_frame_offline(world->lab, one.frame);
		frames_set(world, room, &one, false);
	}
	if (error)
		BROKEN(world, "frame %" PRIu64 " in or out of service: %d", one.frame, error);
}

static void walk_free(struct world *world)
{
	unsigned int room = (unsigned int)rnd(world->machine.zones);

	if (world->frames[room].count)
		world_give(world, room, (unsigned int)rnd(world->frames[room].count));
}

static void walk(struct world *world)
{
	unsigned int step, fullness = 40, outs = 0;
	struct lab_request request;
	uint64_t out[32];

	random_world(world);
	if (!world_open(world, world->name))
		return;
	for (step = 0; step < 60000 && !world->broken; step++) {
		unsigned int what = (unsigned int)rnd(100);

		if (step % 2048 == 0) /* waves: towards empty, about even, towards full */
			fullness = 25 + (unsigned int)rnd(3) * 20;
		world_cpu = (unsigned int)rnd(world->spec.cpus);
		world_node = (unsigned int)rnd(world->machine.nodes);
		request = random_request(world);
		if (what < fullness)
			decide(world, &request);
		else if (what < 70)
			walk_free(world);
		else if (what < 73)
			walk_bulk(world);
		else if (what < 76)
			walk_offline(world, out, &outs, 32);
		else if (what < 80 + fullness / 8)
			walk_plain(world);
		else
			walk_free(world);
	}
}

/* ---- all of it ---- */

static void run(const char *name, void (*body)(struct world *))
{
	static struct world world;

	if (!machine_wants(name))
		return;
	world = (struct world){ .name = name };
	world_cpu = world_node = 0;
	random_begin(name);
	body(&world);
	world_close(&world);
}

static void run_many(const char *stem, unsigned int count, void (*body)(struct world *))
{
	char name[64];
	unsigned int i;

	for (i = 0; i < count && machine.failures < 20; i++) {
		snprintf(name, sizeof(name), "%s-%u", stem, i);
		run(name, body);
	}
}

int main(int argc, char **argv)
{
	unsigned int times = 1;

	machine_begin(argc, argv);
	if (machine.long_form)
		times = 50;
	run("setup-known", setup_known);
	run_many("setup-random", 30000 * times, setup_random);
	run_many("edges", 100 * times, edges);
	run("edges-of-1-gib", edges_of_1_gib);
	run_many("walk", 60 * times, walk);
	printf("from another room than Linux's, as listed: %" PRIu64 " by the walk right by right, %" PRIu64
	       " for a whole block's sake\n",
	       met_right_major, met_whole_block_first);
	run_differences();
	return machine_end("P2 P5", "Linux's arithmetic");
}
