/* SPDX-License-Identifier: MIT */
/*
 * route.c - checking a request, and the rooms and rights that it gets.
 */
#include "port.h"
#include "route.h"

enum lab_right route_right(lab_gfp_t gfp)
{
	if (gfp & LAB_MEMALLOC && !(gfp & LAB_NOMEMALLOC))
		return LAB_RIGHT_ALL;
	if (!(gfp & LAB_HIGH))
		return LAB_RIGHT_MIN;
	return gfp & (LAB_DIRECT_RECLAIM | LAB_NOMEMALLOC) ? LAB_RIGHT_HIGH : LAB_RIGHT_ATOMIC;
}

int route_check(const struct labyrinth *lab, const struct lab_request *request)
{
	unsigned int owner = request->owner, use = request->use;

	if (request->gfp & ~LAB_FLAGS_ALL || request->order > LAB_ORDER_MAX)
		return -LAB_EINVAL;
	if (request->gfp & LAB_MOVABLE && request->gfp & LAB_RECLAIMABLE)
		return -LAB_EINVAL;
	if (owner > LAB_OWNER_MAX || use > LAB_USE_MAX)
		return -LAB_EINVAL;
	if (request->gfp & (LAB_EXTRA_QUALITY | LAB_RAW) && !labyrinth_client(lab, owner))
		return -LAB_EINVAL; /* a client's */
	if (request->node < LAB_NODE_LOCAL || request->node >= (int)lab->nodes)
		return -LAB_EINVAL;
	if (request->room < LAB_ROOM_ROUTE)
		return -LAB_EINVAL;
	if (request->room >= (int)lab->rooms)
		return -LAB_ENXIO;
	if (request->room < 0)
		return 0;
	if (load_relaxed(&labyrinth_room(lab, (unsigned int)request->room)->offline) & ROOM_PANICKED)
		return -LAB_ENXIO; /* from a contract or what was offered neither */
	/* A vault gives single pages. */
	return request->order && labyrinth_room(lab, (unsigned int)request->room)->vault_at ? -LAB_EINVAL : 0;
}

/* May the request have frames of this room? */
static bool room_suits(const struct labyrinth *lab, const struct lab_way *way, unsigned int number, int node)
{
	const struct lab_room *room = labyrinth_room(lab, number);

	if (way->request->gfp & LAB_THISNODE && way->request->room < 0 && (int)room->node != node)
		return false;
	return !way->memory || room->memory_at;
}

int route_find(const struct labyrinth *lab, const struct lab_request *request, bool memory, struct lab_way *way)
{
	const struct lab_route *route;
	struct lab_route one = { .rooms = 1 };
	int node = request->node, error = route_check(lab, request);
	unsigned int i;

	if (error)
		return error;
	if (node < 0)
		node = lab->nodes > 1 ? (int)(lab_port_node() % lab->nodes) : 0;
	way->request = request;
	way->zone = (uint8_t)route_zone(request->gfp);
	way->right = route_right(request->gfp);
	way->asker.cpu = lab_port_cpu();
	way->rooms = 0;
	way->memory = memory || request->gfp & LAB_ZERO;
	route_asker(request->gfp, &way->asker);
	route = &lab->route[node][way->zone];
	if (request->room >= 0) {
		one.room[0] = (uint8_t)request->room;
		route = &one;
		/* A named room is asked by its own right: nothing is kept from it for lower zones' sake. */
		if (labyrinth_room(lab, one.room[0])->zone < LAB_ZONES)
			way->zone = labyrinth_room(lab, one.room[0])->zone;
	}
	if (!route->rooms)
		return -LAB_ENXIO;
	for (i = 0; i < route->rooms; i++)
		if (room_suits(lab, way, route->room[i], node))
			way->room[way->rooms++] = route->room[i];
	if (!way->rooms)
		return way->memory ? -LAB_ENOTSUP : -LAB_ENXIO;
	return 0;
}

int lab_route_show(const struct labyrinth *lab, const struct lab_request *request, struct lab_step *steps,
		   unsigned int max)
{
	struct lab_way way;
	unsigned int right, i, n = 0;
	int error = labyrinth_alive(lab) ? route_find(lab, request, false, &way) : labyrinth_refusal(lab);

	if (error)
		return error;
	for (right = LAB_RIGHT_LOW; right <= way.right; right = route_next_right(&way, right))
		for (i = 0; i < way.rooms; i++) {
			const struct lab_room *room = labyrinth_room(lab, way.room[i]);

			if (load_relaxed(&room->offline))
				continue;
			if (n < max)
				steps[n] = (struct lab_step){ .room = way.room[i],
							      .right = (uint8_t)right,
							      .bands = route_bands(room, &way, (enum lab_right)right) };
			n++;
		}
	return (int)n;
}
