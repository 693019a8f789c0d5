/* SPDX-License-Identifier: MIT */
/*
 * linux_machines.h - random machines: nodes, zones, sizes, holes, distances, settings, marks by hand.
 */
#ifndef LINUX_MACHINES_H
#define LINUX_MACHINES_H

#include "linux_world.h"

/* Rooms one behind the other, a zone of a node at most once; somewhere there is lowmem. */
static void random_rooms(struct world *world, unsigned int size_bits)
{
	struct lab_spec *spec = &world->spec;
	uint64_t frame = rnd(2) ? rnd(5000) : 0;
	unsigned int node, zone, sure = (unsigned int)rnd(3);

	for (node = 0; node < spec->nodes; node++)
		for (zone = 0; zone < LAB_ZONES && spec->room_count < LAB_ROOMS_MAX; zone++) {
			struct lab_room_spec *room = &world->rooms[spec->room_count];

			if (rnd(2) && !(node == 0 && zone == sure))
				continue;
			*room = (struct lab_room_spec){ .zone = (enum lab_zone)zone, .node = node,
							.first_frame = frame, .frames = rnd_size(size_bits) };
			frame += room->frames + (rnd(2) ? rnd(3000) : 0);
			spec->room_count++;
		}
}

static void random_holes(struct world *world, unsigned int room)
{
	struct lab_room_spec *spec = &world->rooms[room];
	uint64_t at = spec->first_frame, left = spec->frames;

	spec->holes = world->holes[room];
	while (spec->hole_count < HOLES_MAX && left > 2 && !rnd(2)) {
		struct lab_hole *hole = &world->holes[room][spec->hole_count++];

		hole->first_frame = at + rnd(left - 1);
		left -= hole->first_frame - at;
		hole->frames = 1 + rnd(left / 2);
		if (hole->frames >= left)
			hole->frames = left - 1;
		at = hole->first_frame + hole->frames;
		left -= hole->frames;
		if (!hole->frames)
			spec->hole_count--;
	}
}

static void random_distances(struct world *world)
{
	unsigned int nodes = world->spec.nodes, i, k;

	if (nodes < 2 || !rnd(4))
		return;
	for (i = 0; i < nodes; i++)
		for (k = 0; k < nodes; k++)
			world->distance[i * nodes + k] = (uint8_t)(i == k ? 10 : 11 + rnd(rnd(2) ? 3 : 200));
	world->spec.distance = world->distance;
}

/* Marks as Linux's; what the administrator may set is random. */
static void random_settings(struct world *world, uint64_t usual_kbytes)
{
	struct lab_spec *spec = &world->spec;
	unsigned int i;

	switch (rnd(4)) {
	case 0:
		spec->min_free_kbytes = 0;
		break;
	case 1:
		spec->min_free_kbytes = 1 + rnd(64);
		break;
	case 2:
		spec->min_free_kbytes = 1 + rnd(usual_kbytes);
		break;
	default:
		spec->min_free_kbytes = rnd_size(40);
	}
	spec->watermark_scale = rnd(4) ? (unsigned int)rnd(rnd(2) ? 3001 : 100) : 0;
	for (i = 0; i < LAB_ZONES; i++)
		spec->lowmem_ratio[i] = rnd(3) ? 0 : rnd(2) ? (unsigned int)rnd_size(10) : (unsigned int)rnd_size(31);
}

static void random_frame(struct world *world, unsigned int nodes)
{
	static const unsigned int shifts[] = { 12, 12, 14, 16 };

	world->spec = (struct lab_spec){ .page_shift = shifts[rnd(4)], .cpus = 1u << rnd(3), .rooms = world->rooms,
					 .nodes = 1 + (unsigned int)rnd(nodes) };
}

/* By hand: any marks that are in order, and any reserves. */
static void random_marks(struct lab_room_spec *room)
{
	uint64_t managed = managed_frames(room), most = managed > 1 ? rnd_size(12) % managed : 0;
	unsigned int zone;

	room->high = most;
	room->low = rnd(room->high + 1);
	room->min = rnd(room->low + 1);
	for (zone = 0; zone < LAB_ZONES; zone++)
		if (zone > (unsigned int)room->zone && rnd(2))
			room->lowmem_reserve[zone] = rnd(4) ? rnd(managed + managed / 4 + 2) : 1 + rnd(3);
}

/* A machine for decisions: small, with floors everywhere. */
static void random_world(struct world *world)
{
	unsigned int i, by_hand = (unsigned int)rnd(3);

	random_frame(world, 3);
	random_rooms(world, 12);
	random_distances(world);
	random_settings(world, 4000);
	for (i = 0; i < world->spec.room_count; i++) {
		random_holes(world, i);
		if (by_hand == 2 || (by_hand == 1 && rnd(2)))
			random_marks(&world->rooms[i]);
		else
			world->rooms[i].min = LAB_MARK_LINUX;
	}
}

#endif
