/* SPDX-License-Identifier: MIT */
/*
 * linux_differences.h - where Labyrinth answers otherwise than Linux, one by one.
 *
 * Each stands in SPEC.md, section 18 (tests/suites/linux.sh looks for the words given here), and each is brought
 * about: a function makes the place where the two differ and says whether they do.  An entry that is no longer
 * true fails, as does a difference that is not here (linux_decide.h).
 */
#ifndef LINUX_DIFFERENCES_H
#define LINUX_DIFFERENCES_H

#include "linux_decide.h"

/* ---- tools ---- */

/* One more room, by hand, of so many frames; its marks are 100, 120 and 140. */
static struct lab_room_spec *add_room(struct world *world, enum lab_zone zone, uint64_t frames)
{
	struct lab_room_spec *room = &world->rooms[world->spec.room_count];

	*room = (struct lab_room_spec){ .zone = zone, .first_frame = (uint64_t)world->spec.room_count << 14,
					.frames = frames, .min = 100, .low = 120, .high = 140 };
	world->spec.page_shift = 12;
	world->spec.cpus = 1;
	world->spec.room_count++;
	return room;
}

/* One room of NORMAL with so many frames free. */
static bool one_room(struct world *world, uint64_t free)
{
	add_room(world, LAB_ZONE_NORMAL, 2048);
	if (!world_open(world, world->name))
		return false;
	draw_down(world, 0, free);
	return !world->broken;
}

/* NORMAL, the first, and DMA32 behind it. */
static bool two_rooms(struct world *world, uint64_t normal, uint64_t dma32)
{
	add_room(world, LAB_ZONE_NORMAL, 1000);
	add_room(world, LAB_ZONE_DMA32, 1000);
	if (!world_open(world, world->name))
		return false;
	draw_down(world, 0, normal);
	draw_down(world, 1, dma32);
	return !world->broken;
}

/* What the labyrinth says, unjudged: the room, or an error. */
static int ask_in(struct world *world, lab_gfp_t gfp, unsigned int order, int room)
{
	struct lab_request request = LAB_REQUEST(gfp, order);
	struct lab_page *page;

	request.room = (int16_t)room;
	page = lab_alloc_request(world->lab, &request, NULL);
	machine.cases++;
	if (lab_is_err(page))
		return lab_ptr_err(page);
	room = world_take(world, page, &request);
	if (room >= 0)
		world_give(world, (unsigned int)room, world->frames[room].count - 1);
	return room;
}

static int ask(struct world *world, lab_gfp_t gfp, unsigned int order)
{
	return ask_in(world, gfp, order, LAB_ROOM_ROUTE);
}

/* What the model says: the zone, or -1. */
static int model_says(const struct world *world, struct linux_request request)
{
	struct linux_verdict verdict = linux_admit(&world->machine, &request);

	machine.cases++;
	return verdict.admitted ? (int)verdict.zone : -1;
}

static struct linux_request model_request(lab_gfp_t gfp, unsigned int order)
{
	return (struct linux_request){ .flags = flags_of_gfp(gfp), .order = order };
}

/* ---- rights that are not here ---- */

static bool differs_realtime(struct world *world)
{
	struct linux_request request = model_request(LAB_GFP_KERNEL, 0);
	bool ours, theirs, others;

	if (!one_room(world, 80)) /* below min, above half of it */
		return false;
	ours = ask(world, LAB_GFP_KERNEL, 0) == 0;
	others = model_says(world, request) == 0;
	request.realtime_task = true;
	theirs = model_says(world, request) == 0;
	return !ours && !others && theirs;
}

static bool differs_oom_victim(struct world *world)
{
	struct linux_request request = model_request(LAB_GFP_KERNEL, 0);
	bool ours, theirs, others;

	if (!one_room(world, 80))
		return false;
	ours = ask(world, LAB_GFP_KERNEL, 0) == 0;
	others = model_says(world, request) == 0;
	request.oom_victim = true;
	theirs = model_says(world, request) == 0;
	return !ours && !others && theirs;
}

/* Frames in high-order-atomic blocks do not count for requests without reserves. */
static bool differs_highatomic(struct world *world)
{
	struct linux_request request = model_request(LAB_GFP_KERNEL, 0);
	bool ours, theirs, others;

	if (!one_room(world, 105))
		return false;
	ours = ask(world, LAB_GFP_KERNEL, 0) == 0;
	others = model_says(world, request) == 0;
	world->machine.zone[0].free_highatomic = 10;
	theirs = model_says(world, request) == 0;
	return ours && others && !theirs;
}

/* ---- the walk ---- */

/* NORMAL between 37.5 % and 100 % of min, DMA32 above min: Linux's slow path stays in NORMAL. */
static bool differs_right_by_right(struct world *world)
{
	if (!two_rooms(world, 60, 110))
		return false;
	return ask(world, LAB_GFP_ATOMIC, 0) == 1 && model_says(world, model_request(LAB_GFP_ATOMIC, 0)) == 0;
}

/* NORMAL below 37.5 % of min, DMA32 above: Linux tries all at 37.5 % before it ignores the marks. */
static bool differs_memalloc_high(struct world *world)
{
	const lab_gfp_t gfp = LAB_GFP_ATOMIC | LAB_MEMALLOC;

	if (!two_rooms(world, 10, 60))
		return false;
	return ask(world, gfp, 0) == 0 && model_says(world, model_request(gfp, 0)) == 1;
}

/* Give back a single frame of a room that begins at frame 0. */
static void give_frame(struct world *world, uint64_t frame)
{
	world_give(world, 0, world->frames[0].where[frame]);
}

/* NORMAL has pairs only where pools keep some of the frames, DMA32 has whole ones. */
static bool differs_whole_block(struct world *world)
{
	uint64_t frame;

	if (!two_rooms(world, 0, 1000))
		return false;
	for (frame = 0; frame < 140; frame++) /* into the pools */
		give_frame(world, frame);
	for (frame = 500; frame < 600; frame += 2)
		give_frame(world, frame);
	return ask(world, LAB_GFP_KERNEL, 1) == 1 && model_says(world, model_request(LAB_GFP_KERNEL, 1)) == 0;
}

/* ---- flags, orders, rooms ---- */

static bool differs_mobility(struct world *world)
{
	const lab_gfp_t gfp = LAB_GFP_KERNEL | LAB_MOVABLE | LAB_RECLAIMABLE;

	if (!one_room(world, 1000))
		return false;
	return ask(world, gfp, 0) == -LAB_EINVAL && model_says(world, model_request(gfp, 0)) == 0;
}

static bool differs_modifiers(struct world *world)
{
	const struct linux_request request = model_request(LAB_GFP_KERNEL | LAB_DMA32 | LAB_HIGHMEM, 0);

	if (!two_rooms(world, 1000, 1000))
		return false;
	return ask(world, LAB_GFP_KERNEL | LAB_DMA32 | LAB_HIGHMEM, 0) == 1 &&
	       !linux_admit(&world->machine, &request).valid;
}

static bool differs_order(struct world *world)
{
	if (!one_room(world, 2048))
		return false;
	return ask(world, LAB_GFP_KERNEL, LAB_ORDER_MAX) == 0 &&
	       ask(world, LAB_GFP_KERNEL, LAB_ORDER_MAX + 1) == -LAB_EINVAL &&
	       model_says(world, model_request(LAB_GFP_KERNEL, LAB_ORDER_MAX + 1)) == 0;
}

static bool differs_nofail(struct world *world)
{
	const struct linux_request request = model_request(LAB_GFP_KERNEL | LAB_NOFAIL, 0);

	if (!one_room(world, 0))
		return false;
	return ask(world, LAB_GFP_KERNEL | LAB_NOFAIL, 0) == -LAB_ENOMEM && !linux_may_return_nothing(&request);
}

/* DMA32 keeps all it has from requests for NORMAL; but this one names the room. */
static bool differs_named_room(struct world *world)
{
	add_room(world, LAB_ZONE_NORMAL, 1000);
	add_room(world, LAB_ZONE_DMA32, 1000)->lowmem_reserve[LAB_ZONE_NORMAL] = 2000;
	if (!world_open(world, world->name))
		return false;
	draw_down(world, 0, 0);
	return ask(world, LAB_GFP_KERNEL, 0) == -LAB_ENOMEM && ask_in(world, LAB_GFP_KERNEL, 0, 1) == 1 &&
	       model_says(world, model_request(LAB_GFP_KERNEL, 0)) == -1;
}

/* Two rooms with 0 and 150 free over floors of 100: one zone of Linux's would have 150 over 200. */
static bool differs_rooms_of_a_zone(struct world *world)
{
	struct linux_machine one = { .page_shift = 12, .nodes = 1, .zones = 1 };
	struct linux_request request = model_request(LAB_GFP_KERNEL, 0);

	add_room(world, LAB_ZONE_NORMAL, 1000);
	add_room(world, LAB_ZONE_NORMAL, 1000);
	if (!world_open(world, world->name))
		return false;
	draw_down(world, 0, 0);
	draw_down(world, 1, 150);
	one.zone[0] = (struct linux_zone){ .kind = LINUX_NORMAL, .managed = 2000, .min = 200, .low = 240, .high = 280,
					   .free = world->machine.zone[0].free + world->machine.zone[1].free };
	return ask(world, LAB_GFP_KERNEL, 0) == 1 && !linux_admit(&one, &request).admitted;
}

/* ---- settings and limits ---- */

static bool differs_zero(struct world *world)
{
	struct lab_room_spec marks;

	add_room(world, LAB_ZONE_DMA32, 1 << 14)->min = LAB_MARK_LINUX;
	add_room(world, LAB_ZONE_NORMAL, 1 << 14)->min = LAB_MARK_LINUX;
	world->spec.rooms = world->rooms;
	describe_machine(world);
	world->machine.ratio[LINUX_DMA32] = 0;
	linux_setup(&world->machine);
	lab_linux_marks(&world->spec, 0, &marks);
	machine.cases++;
	return marks.lowmem_reserve[LAB_ZONE_NORMAL] == (1 << 14) / 256 &&
	       world->machine.zone[0].lowmem_reserve[LINUX_NORMAL] == 0;
}

/* Every odd frame free, pooled in this order; then the even one beside the last: the only pair is far behind. */
static bool differs_looks(struct world *world)
{
	struct lab_room_spec *room = add_room(world, LAB_ZONE_NORMAL, 10240);
	uint64_t frame;

	room->min = room->low = room->high = 5120;
	if (!world_open(world, world->name))
		return false;
	draw_down(world, 0, 0);
	for (frame = 1; frame < 10240; frame += 2)
		give_frame(world, frame);
	give_frame(world, 10238);
	return ask(world, LAB_MEMALLOC, 1) == -LAB_EAGAIN && ask(world, LAB_MEMALLOC, 0) == 0 &&
	       model_says(world, model_request(LAB_MEMALLOC, 1)) == 0;
}

/* min beyond what pools can hold: there the floor is 2^24 - 1. */
static bool differs_pool_limit(struct world *world)
{
	const uint64_t limit = ((uint64_t)1 << 24) - 1, min = limit + 100;
	struct lab_room_spec room = { .zone = LAB_ZONE_NORMAL, .frames = limit + 201, .min = min, .low = min + 10,
				      .high = min + 20 };
	struct lab_spec spec = { .page_shift = 12, .cpus = 1, .rooms = &room, .room_count = 1 };
	struct linux_request request = model_request(LAB_GFP_KERNEL, 0);
	struct linux_machine m = { .page_shift = 12, .nodes = 1, .zones = 1 };
	size_t bytes = lab_metadata_bytes(&spec);
	void *metadata = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct labyrinth *lab = NULL;

	m.zone[0] = (struct linux_zone){ .kind = LINUX_NORMAL, .managed = room.frames, .min = min, .low = room.low,
					 .high = room.high, .free = room.frames };
	if (metadata == MAP_FAILED || lab_birth(&spec, metadata, bytes, &lab, NULL, NULL)) {
		BROKEN(world, "no labyrinth of %" PRIu64 " frames", room.frames);
		return false;
	}
	while (!lab_is_err(lab_alloc_pages(lab, LAB_GFP_KERNEL, 0)))
		m.zone[0].free--;
	munmap(metadata, bytes);
	machine.cases += room.frames - m.zone[0].free;
	return m.zone[0].free == limit && !linux_admit(&m, &request).admitted;
}

/* ---- the list ---- */

static const struct {
	const char *name, *words; /* of SPEC.md, section 18 */
	bool (*differs)(struct world *);
} differences[] = {
	{ "realtime", "no real-time or out-of-memory rights", differs_realtime },
	{ "oom-victim", "no real-time or out-of-memory rights", differs_oom_victim },
	{ "highatomic", "no high-order-atomic reserve", differs_highatomic },
	{ "right-by-right", "A request with reserves walks min in all rooms, then 50 %", differs_right_by_right },
	{ "memalloc-high", "MEMALLOC ignores the marks right behind min", differs_memalloc_high },
	{ "whole-block", "A block that lies whole in a later room goes before one to be exchanged", differs_whole_block },
	{ "mobility", "MOVABLE + RECLAIMABLE is −EINVAL", differs_mobility },
	{ "modifiers", "Contradicting zone modifiers are not a bug: the stricter wins", differs_modifiers },
	{ "order", "Orders end at 9", differs_order },
	{ "nofail", "GFP_KERNEL and NOFAIL can fail", differs_nofail },
	{ "named-room", "A request that names its room is kept off by no lowmem reserve", differs_named_room },
	{ "rooms-of-a-zone", "several rooms of one zone, each with floors of its own", differs_rooms_of_a_zone },
	{ "zero", "0 in a specification means the default", differs_zero },
	{ "looks", "a block is refused with −EAGAIN although it exists", differs_looks },
	{ "pool-limit", "a floor beyond 2^24 − 1 frames is not kept", differs_pool_limit },
};

static void run_difference(unsigned int i)
{
	static struct world world;
	char name[64];
	bool differs;

	snprintf(name, sizeof(name), "difference-%s", differences[i].name);
	if (!machine_wants(name))
		return;
	world = (struct world){ .name = name };
	world_cpu = world_node = 0;
	random_begin(name);
	differs = differences[i].differs(&world);
	if (!differs && !world.broken)
		BROKEN(&world, "no longer a difference, or another one than listed");
	else
		printf("difference: %s | %s\n", differences[i].name, differences[i].words);
	world_close(&world);
}

static void run_differences(void)
{
	unsigned int i;

	for (i = 0; i < sizeof(differences) / sizeof(*differences); i++)
		run_difference(i);
}

#endif
