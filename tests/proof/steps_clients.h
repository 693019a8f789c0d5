/* SPDX-License-Identifier: MIT */
/*
 * steps_clients.h - a client's frame out of its contract and back into it; its refusal.
 */
#ifndef STEPS_CLIENTS_H
#define STEPS_CLIENTS_H

#include "steps_pools.h"

static unsigned int client;

UNCOUNTED static void call_client(void *unused)
{
	struct lab_request request = LAB_REQUEST(call.gfp, 0);
	struct lab_answer answer;

	(void)unused;
	request.owner = (uint16_t)client;
	call.page = lab_alloc_request(world.lab, &request, &answer);
	call.result = lab_ptr_err(call.page);
}

UNCOUNTED static void call_client_free(void *unused)
{
	(void)unused;
	call.result = lab_free_as(world.lab, call.page, 0, client, 0);
}

/* A client that is guaranteed so many frames, and has none beyond, in an otherwise full room. */
static void open_client(lab_word leaves, uint32_t frames)
{
	struct lab_room_spec room = { .name = "steps", .zone = LAB_ZONE_NORMAL, .frames = (uint64_t)leaves * LAB_LEAF_FRAMES };
	struct lab_spec spec = { .page_shift = 12, .cpus = CPUS, .rooms = &room, .room_count = 1, .clients = 4,
				 .contract_frames = LAB_CONTRACT_MAX };
	struct lab_client_spec contract = { .node = LAB_NODE_LOCAL, .room = LAB_ROOM_ROUTE, .frames = frames };

	world_born(&spec);
	call.gfp = LAB_GFP_ATOMIC;
	if (lab_client_open(world.lab, &contract, &client, NULL))
		machine_fail(scene.name, "no client of %u frames", frames);
}

static void client_out(uint32_t frames)
{
	while (frames--)
		call_client(NULL);
}

static void client_scenes(lab_word leaves, uint32_t frames)
{
	static char state[64];
	bool usual = frames == 64;

	snprintf(state, sizeof(state), "%u guaranteed, none out", frames);
	if (scene_wanted(CLIENT_ALLOC, state, usual)) {
		open_client(leaves, frames);
		measure(call_client, 0);
	}
	snprintf(state, sizeof(state), "%u guaranteed, the last", frames);
	if (scene_wanted(CLIENT_ALLOC, state, false)) {
		open_client(leaves, frames);
		client_out(frames - 1);
		measure(call_client, 0);
	}
	snprintf(state, sizeof(state), "%u guaranteed, all out", frames);
	if (scene_wanted(CLIENT_FREE, state, usual)) {
		open_client(leaves, frames);
		client_out(frames);
		measure(call_client_free, 0);
	}
	snprintf(state, sizeof(state), "%u guaranteed, one out", frames);
	if (scene_wanted(CLIENT_FREE, state, false)) {
		open_client(leaves, frames);
		client_out(1);
		measure(call_client_free, 0);
	}
	snprintf(state, sizeof(state), "%u guaranteed, all are out", frames);
	if (scene_wanted(CLIENT_REFUSED, state, true)) {
		open_client(leaves, frames);
		client_out(frames);
		measure(call_client, -LAB_EDQUOT);
	}
}

static void clients(lab_word leaves)
{
	static const uint32_t frames[] = { 1, 64, 513, LAB_CONTRACT_MAX };
	unsigned int i;

	for (i = 0; i < sizeof(frames) / sizeof(*frames); i++)
		if (frames[i] < leaves * LAB_LEAF_FRAMES)
			client_scenes(leaves, frames[i]);
}

#endif
