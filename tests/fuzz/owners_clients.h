/* SPDX-License-Identifier: MIT */
/*
 * owners_clients.h - clients opened, resized, closed, abandoned: owners.c's calls about clients.
 */
#ifndef FUZZ_OWNERS_CLIENTS_H
#define FUZZ_OWNERS_CLIENTS_H

#include "owners_calls.h"

/* An open client, or a number that is none's. */
static struct client *any_client(struct bytes *in)
{
	return &model.client[pick(in, CLIENTS)];
}

static bool spec_faulty(const struct lab_client_spec *spec)
{
	uint64_t kept = spec->frames + ((uint64_t)spec->blocks << spec->block_order);

	if (spec->frames > CONTRACT_FRAMES || spec->blocks > 2 || (spec->blocks && spec->room == VAULT)) /* a vault gives single pages */
		return true;
	if (spec->blocks ? !spec->block_order || spec->block_order > LAB_ORDER_MAX : spec->block_order)
		return true;
	return spec->maximum && spec->maximum < kept;
}

static void opened(const struct lab_client_spec *spec, unsigned int owner)
{
	struct client *client = client_of(0);
	struct lab_client_stats stats;
	unsigned int i;

	CHECK(is_number_of_client(owner) && !client_of(owner), "client %u is open already", owner);
	for (i = 0; i < CLIENTS; i++)
		if (!model.client[i].owner)
			client = &model.client[i];
	CHECK(client, "more clients than there may be");
	CHECK(!lab_client_stats(model.lab, owner, &stats), "no statistics");
	CHECK(stats.room == (spec->frames || spec->blocks ? spec->room < 0 ? (int)PLAIN : spec->room : -1), "a contract of room %d", stats.room);
	*client = (struct client){ .owner = (uint16_t)owner, .exact = true, .room = stats.room, .frames = spec->frames, .blocks = spec->blocks,
				   .maximum = spec->maximum, .block_order = spec->block_order };
}

static void op_open(struct bytes *in)
{
	static const uint32_t maxima[] = { 0, 8, 12, 30, 100, LAB_UNLIMITED, LAB_UNLIMITED, LAB_UNLIMITED };
	unsigned int kind = take8(in), owner = 0, n = 0, i;
	struct lab_client_spec spec = { .name = "fuzz", .node = LAB_NODE_LOCAL, .reserve_share = LAB_UNLIMITED };
	struct lab_client_fit fit = { 77, 77 };
	int error;

	spec.room = (int16_t)(kind & 1 ? VAULT : kind & 2 ? PLAIN : LAB_ROOM_ROUTE);
	spec.maximum = maxima[kind / 4 % 8];
	spec.frames = pick(in, CONTRACT_FRAMES + 2);
	if (kind & 32) {
		spec.blocks = pick(in, 4);
		spec.block_order = (uint8_t)(1 + pick(in, 3));
	}
	if (kind & 64)
		spec.reserve_share = pick(in, 10);
	error = lab_client_open(model.lab, &spec, &owner, &fit);
	SHOW("  client %u: room %d, %u frames, %u blocks of order %u, maximum %u, share %u: %d\n", owner, spec.room, spec.frames, spec.blocks,
	     spec.block_order, spec.maximum, spec.reserve_share, error);
	find_corrupt();
	for (i = 0; i < CLIENTS; i++)
		n += model.client[i].owner != 0;
	if (!error) {
		CHECK(!spec_faulty(&spec) && n < CLIENTS, "opened although it is wrong");
		opened(&spec, owner);
		return;
	}
	if (spec_faulty(&spec)) {
		CHECK(error == -LAB_EINVAL, "a client that cannot be: %d", error);
		return;
	}
	if (n == CLIENTS) {
		CHECK(error == -LAB_EUSERS, "one client more than there may be: %d", error);
		return;
	}
	CHECK(error == -LAB_ENOSPC || (model.panicked && spec.room == VAULT) || (spec.blocks && spec.room == VAULT),
	      "opening a client: %d", error);
	if (error != -LAB_ENOSPC)
		return;
	CHECK(fit.frames <= spec.frames && fit.blocks <= spec.blocks && (fit.frames < spec.frames || fit.blocks < spec.blocks),
	      "refused for what would fit: %" PRIu64 " %" PRIu64, fit.frames, fit.blocks);
	spec.frames = (uint32_t)fit.frames;
	spec.blocks = (uint32_t)fit.blocks;
	spec.block_order = spec.blocks ? spec.block_order : 0;
	error = lab_client_open(model.lab, &spec, &owner, &fit);
	CHECK(!error, "what is said to fit does not: %d", error);
	opened(&spec, owner);
}

static void op_resize(struct bytes *in)
{
	struct client *client = any_client(in);
	uint32_t frames = pick(in, CONTRACT_FRAMES + 2);
	struct lab_client_fit fit = { 77, 77 };
	int error = lab_client_resize(model.lab, client->owner, frames, &fit);

	SHOW("  client %u to %u frames: %d\n", client->owner, frames, error);
	find_corrupt();
	if (!client->owner || client->quarantined) {
		CHECK(error == -LAB_EBADF, "a client that is not there is resized: %d", error);
		return;
	}
	CHECK(error == -LAB_EINVAL || fit.frames <= CONTRACT_FRAMES, "fits: %" PRIu64, fit.frames);
	switch (error) {
	case 0:
		CHECK(frames <= CONTRACT_FRAMES && (!frames || client->room >= 0), "resized although it is wrong");
		client->frames = frames;
		return;
	case -LAB_EINVAL:
		CHECK(frames > CONTRACT_FRAMES || client->room < 0 ||
			      (client->maximum && frames + ((uint64_t)client->blocks << client->block_order) > client->maximum),
		      "refused, and nothing is wrong");
		return;
	case -LAB_EDQUOT:
		CHECK(client->maximum && client->maximum != LAB_UNLIMITED && frames > client->frames, "a quota of nobody's");
		return;
	case -LAB_ENOSPC:
		CHECK(frames > client->frames && fit.frames < frames && fit.frames >= client->frames, "%u frames, %" PRIu64 " fit", frames,
		      fit.frames);
		return;
	default:
		CHECK(false, "a client is resized: %d", error);
	}
}

static void op_close(struct bytes *in)
{
	struct client *client = any_client(in);
	struct lab_client_out out = { .frames = 77 };
	uint64_t has = client->owner ? out_of(client).frames : 0;
	int error = lab_client_close(model.lab, client->owner, &out);

	if (!client->owner || client->quarantined) {
		CHECK(error == -LAB_EBADF, "a client that is not there is closed: %d", error);
		return;
	}
	CHECK(error == (has ? -LAB_EBUSY : 0), "closed with %" PRIu64 " frames out: %d", has, error);
	CHECK(out.frames == has && (out.named == LAB_CLIENT_NAMED || out.named <= has), "%" PRIu64 " frames are out, it says %" PRIu64, has,
	      out.frames);
	if (!error)
		*client = (struct client){ 0 };
}

/* What it had goes back, but for what it shares, and what waits. */
static void release(struct client *client)
{
	unsigned int room, i;
	uint64_t left;
	int error = lab_client_release(model.lab, client->owner);

	find_corrupt();
	for (room = VAULT; room < ROOMS; room++)
		for (i = 0; i < model.rooms[room].frames; i++) {
			struct frame *frame = &model.frame[room][i];

			if (frame->state != HEAD || frame->owner != client->owner || frame->sharers > 1)
				continue;
			model_give(room, i, room == VAULT && model.vault.deferred);
		}
	all_inexact();
	left = out_of(client).frames;
	CHECK(error == (left ? -LAB_EBUSY : 0), "released with %" PRIu64 " frames left: %d", left, error);
	if (!error)
		*client = (struct client){ 0 };
}

static void op_abandon(struct bytes *in)
{
	struct client *client = any_client(in);
	struct lab_client_out out = { .frames = 77 };
	uint64_t has = client->owner ? out_of(client).frames : 0;
	int error;

	if (client->owner && client->quarantined) {
		release(client);
		return;
	}
	error = lab_client_abandon(model.lab, client->owner, &out);
	CHECK(error == (client->owner ? 0 : -LAB_EBADF), "abandoned: %d", error);
	if (error)
		return;
	CHECK(out.frames == has, "%" PRIu64 " frames are out, it says %" PRIu64, has, out.frames);
	client->quarantined = true;
	client->exact = false;
}

/* With nothing out: all of them. */
static void close_clients(void)
{
	unsigned int i;
	int error;

	for (i = 0; i < CLIENTS; i++) {
		struct client *client = &model.client[i];

		if (!client->owner)
			continue;
		error = client->quarantined ? lab_client_release(model.lab, client->owner) : lab_client_close(model.lab, client->owner, NULL);
		CHECK(!error, "client %u has nothing out, and is not closed: %d", client->owner, error);
		*client = (struct client){ 0 };
	}
}

#endif
