/* SPDX-License-Identifier: MIT */
/*
 * owners_calls.h - requests, frees and what may be done with a page that one has: owners.c's calls about pages.
 */
#ifndef FUZZ_OWNERS_CALLS_H
#define FUZZ_OWNERS_CALLS_H

#include "owners_model.h"

/* Nobody, whoever has exclusive pages, some owner, a client's number whether it is open or not. */
static unsigned int any_owner(struct bytes *in)
{
	unsigned int kind = take8(in);

	if (kind < 160)
		return LAB_OWNER_MAX - kind % CLIENTS;
	return kind < 200 ? LAB_OWNER_EXCLUSIVE : kind < 230 ? 0 : 7;
}

/* A page that somebody has, from here on; NULL: nobody has any. */
static struct frame *any_page(struct bytes *in, unsigned int *room, unsigned int *i)
{
	unsigned int begin = take16(in), n = 0;

	for (*room = VAULT; *room < ROOMS; ++*room)
		n += (unsigned int)model.rooms[*room].frames;
	for (begin %= n; n--; begin = (begin + 1) % (unsigned int)(model.rooms[VAULT].frames + model.rooms[PLAIN].frames)) {
		*room = begin < model.rooms[VAULT].frames ? VAULT : PLAIN;
		*i = *room == VAULT ? begin : begin - (unsigned int)model.rooms[VAULT].frames;
		if (model.frame[*room][*i].state == HEAD)
			return &model.frame[*room][*i];
	}
	return NULL;
}

/* ---- requests ---- */

/* Is it within its client's contract?  Then it must be served. */
static bool within_contract(const struct client *client, const struct lab_request *request)
{
	struct out out;

	if (!client || client->quarantined || !client->exact || client->room < 0)
		return false;
	if (request->room >= 0 ? request->room != client->room : client->room != PLAIN)
		return false;
	out = out_of(client);
	if (request->order)
		return request->order == client->block_order && out.blocks < client->blocks;
	return out.singles < client->frames;
}

static void refused(const struct lab_request *request, int error)
{
	const struct client *client = client_of(request->owner);
	bool named = is_number_of_client(request->owner), vault = request->room == VAULT;
	struct lab_room_stats stats;

	CHECK(error != -LAB_EAGAIN, "alone, and to be tried again");
	CHECK(!within_contract(client, request) || (vault && model.panicked), "within the contract of %u: %d", request->owner, error);
	CHECK((error == -LAB_EBADF) == (named && (!client || client->quarantined)) || error == -LAB_EINVAL || error == -LAB_ENOTSUP,
	      "client %u: %d", request->owner, error);
	CHECK(error != -LAB_EDQUOT || (client && client->maximum != LAB_UNLIMITED) || (client && model.rooms[PLAIN].min), "a quota of nobody's");
	if (error != -LAB_ENOMEM || request->order || request->gfp & LAB_RAW)
		return;
	/* None is free, but for those that this call has found written to. */
	CHECK(!lab_room_stats(model.lab, vault ? VAULT : PLAIN, &stats) && !stats.free_commons, "%" PRIu64 " are free, and none is given",
	      stats.free_commons);
}

static void served(const struct lab_request *request, const struct lab_answer *answer, const struct lab_page *page)
{
	bool exclusive = request->gfp & LAB_EXCLUSIVE || request->room == VAULT;
	unsigned int owner = request->owner ? request->owner : exclusive ? LAB_OWNER_EXCLUSIVE : 0, room, i;
	const struct client *client = client_of(owner);
	struct lab_page_info info;

	CHECK(locate(page, &room, &i), "no page");
	CHECK(request->room < 0 ? room == PLAIN : room == (unsigned int)request->room, "a page of room %u, of %d was asked", room, request->room);
	CHECK(room != VAULT || (!request->order && !model.panicked), "a block of a vault, or a page after a panic");
	CHECK(!is_number_of_client(owner) || (client && !client->quarantined), "client %u is not there, and is served", owner);
	if (answer->source == LAB_FROM_OFFER) {
		struct frame *frame = &model.frame[room][i];

		CHECK(frame->state == HEAD && frame->offered && frame->owner == owner, "what nobody offered");
		CHECK(frame->shredded || request->gfp & LAB_ZERO || memory_marked(room, i), "what was offered has changed");
		*frame = (struct frame){ .state = FREE };
	}
	info = info_of(room, i);
	CHECK(info.state == LAB_OWNED && info.owner == owner && info.order == request->order, "its tag: state %u, owner %u, order %u", info.state,
	      info.owner, info.order);
	model_take(room, i, request->order, owner, request->gfp & LAB_ZERO);
	/* (A guarantee that became smaller leaves out what is out.) */
	if (client && client->maximum != LAB_UNLIMITED && answer->source != LAB_FROM_OFFER)
		CHECK(out_of(client).frames <= (client->maximum ? client->maximum :
								  client->frames + ((uint64_t)client->blocks << client->block_order)),
		      "client %u has more than its maximum", owner);
}

static void op_request(struct bytes *in)
{
	static const lab_gfp_t kinds[] = { LAB_GFP_ATOMIC, LAB_GFP_NOWAIT, LAB_GFP_KERNEL, LAB_GFP_KERNEL | LAB_MEMALLOC };
	unsigned int kind = take8(in), more = take8(in);
	struct lab_request request = LAB_REQUEST(kinds[kind % 4], 0);
	struct lab_answer answer = { .room = -7 };
	struct lab_page *page;

	request.owner = (uint16_t)any_owner(in);
	request.room = (int16_t)(kind & 4 ? LAB_ROOM_ROUTE : kind & 8 ? PLAIN : VAULT);
	request.order = more < 200 ? 0 : more % 4;
	request.gfp |= kind & 16 ? LAB_EXTRA_QUALITY : 0;
	request.gfp |= (kind & 96) == 32 ? LAB_ZERO : (kind & 96) == 64 ? LAB_EXCLUSIVE : 0;
	request.gfp |= (kind & 176) == 176 ? LAB_RAW : 0;
	page = lab_alloc_request(model.lab, &request, &answer);
	SHOW("  of %u, gfp %x, order %u, room %d: %d, source %u, frame %" PRIu64 "\n", request.owner, request.gfp, request.order, request.room,
	     lab_ptr_err(page), answer.source, lab_page_frame(model.lab, page));
	find_corrupt();
	if (lab_is_err(page))
		refused(&request, lab_ptr_err(page));
	else
		served(&request, &answer, page);
}

/* The page of a frame that is named. */
static void op_request_at(struct bytes *in)
{
	unsigned int kind = take8(in), room = kind & 1 ? PLAIN : VAULT, i = pick(in, (unsigned int)model.rooms[room].frames), n, k;
	struct lab_request request = LAB_REQUEST(kind & 2 ? LAB_GFP_ATOMIC : LAB_GFP_KERNEL, kind & 4 ? kind >> 3 & 3 : 0);
	const struct client *client;
	struct lab_page *page;
	bool free = true;
	int error;

	request.owner = (uint16_t)any_owner(in);
	n = 1u << request.order;
	i &= ~(n - 1);
	page = lab_alloc_at(model.lab, number_of(room, i), &request);
	error = lab_ptr_err(page);
	SHOW("  frame %" PRIu64 " of %u, order %u: %d\n", number_of(room, i), request.owner, request.order, error);
	find_corrupt();
	for (k = 0; k < n; k++)
		free &= i + k < model.rooms[room].frames && model.frame[room][i + k].state == FREE;
	client = client_of(request.owner);
	if (!error) {
		CHECK(page == page_of(room, i) && free, "frame %u is given, and is not free", i);
		CHECK(room != VAULT || !request.order, "a block of a vault");
		CHECK(!is_number_of_client(request.owner) || (client && !client->quarantined), "a client that is not there is served");
		model_take(room, i, request.order, request.owner ? request.owner : room == VAULT ? LAB_OWNER_EXCLUSIVE : 0, false);
		return;
	}
	CHECK(error != -LAB_EAGAIN && (error == -LAB_EBADF) == (is_number_of_client(request.owner) && (!client || client->quarantined)),
	      "frame %u for %u: %d", i, request.owner, error);
	CHECK(error != -LAB_EHWPOISON || !free, "frame %u is free, and said to be out of service", i);
}

/* A seed from outside is taken, and wiped. */
static void op_seed(struct bytes *in)
{
	uint8_t seed[32];
	unsigned int i;

	memset(seed, (int)take8(in) | 1, sizeof(seed));
	lab_vault_seed(model.lab, seed);
	for (i = 0; i < sizeof(seed); i++)
		CHECK(!seed[i], "the seed is there still");
}

/* ---- frees ---- */

/* Its owner frees it.  An offered one is taken back first, a shared one is its owner's alone again. */
static void give_back(unsigned int room, unsigned int i)
{
	struct frame *frame = &model.frame[room][i];
	int error;

	CHECK(frame->shredded || memory_marked(room, i), "frame %u: not what its owner wrote", i);
	if (frame->offered)
		CHECK(!lab_page_withdraw(model.lab, page_of(room, i), frame->owner), "what is offered is not to be had back");
	frame->offered = false;
	for (; frame->sharers > 1; frame->sharers--)
		CHECK(lab_page_unshare(model.lab, ref_of(room, i)) == frame->sharers - 1, "one less");
	error = lab_free_as(model.lab, page_of(room, i), frame->order, frame->owner, 0);
	CHECK(!error, "frame %u of room %u: its owner's free: %d", i, room, error);
	if (frame->poisoned)
		all_inexact();
	model_give(room, i, room == VAULT && model.vault.deferred);
}

static void op_free(struct bytes *in)
{
	unsigned int room, i, kind;
	struct frame was;
	int error, want;

	if (!any_page(in, &room, &i))
		return;
	kind = take8(in);
	was = model.frame[room][i];
	if (kind < 128 && (was.offered || was.sharers > 1)) { /* not as it stands */
		error = lab_free_ref(model.lab, ref_of(room, i), was.order, was.owner);
		want = was.offered ? -LAB_EALREADY : -LAB_EBUSY;
		CHECK(error == want, "a page that is offered or shared is freed: %d, not %d", error, want);
		return;
	}
	give_back(room, i);
	error = lab_free_ref(model.lab, (struct lab_ref){ number_of(room, i), was.generation }, was.order, was.owner);
	CHECK(error == -LAB_ESTALE || error == -LAB_EALREADY, "a second free: %d", error);
	error = lab_free_as(model.lab, page_of(room, i), was.order, was.owner, 0);
	CHECK(error == -LAB_EALREADY, "a second free by its page: %d", error);
}

static void op_free_wrongly(struct bytes *in)
{
	unsigned int room, i, owner, kind;
	struct frame *frame = any_page(in, &room, &i);
	int error;

	if (!frame)
		return;
	owner = any_owner(in);
	kind = take8(in);
	if (kind % 4 == 0) {
		struct lab_ref ref = ref_of(room, i);

		ref.generation -= 1 + kind / 4;
		error = lab_free_ref(model.lab, ref, frame->order, frame->owner);
		CHECK(error == -LAB_ESTALE || error == -LAB_EALREADY, "a free by an old handle: %d", error);
	} else if (kind % 4 == 1 && owner != frame->owner) {
		error = lab_free_as(model.lab, page_of(room, i), frame->order, owner, 0);
		CHECK(error == (frame->offered ? -LAB_EALREADY : -LAB_EPERM), "another's free: %d", error);
	} else if (kind % 4 == 2) {
		error = lab_free_as(model.lab, page_of(room, i), frame->order + 1u, frame->owner, 0);
		CHECK(error == -LAB_EMSGSIZE || ((frame->offered || frame->sharers > 1) && error), "a free of another order: %d", error);
	} else if (frame->owner) {
		error = lab_free_pages(model.lab, page_of(room, i), frame->order);
		CHECK(error == (frame->offered ? -LAB_EALREADY : -LAB_EPERM), "nobody's free: %d", error);
	}
}

/* ---- what may be done with a page ---- */

static void op_share(struct bytes *in)
{
	unsigned int room, i;
	struct frame *frame = any_page(in, &room, &i);
	long n;

	if (!frame)
		return;
	n = lab_page_share(model.lab, ref_of(room, i));
	CHECK(n == (room != VAULT      ? -LAB_ENOTSUP :
		    frame->offered     ? -LAB_EALREADY :
		    frame->sharers == 17 ? -LAB_EOVERFLOW :
					 frame->sharers + 1),
	      "a page of %u is shared: %ld", frame->sharers, n);
	frame->sharers += n > 0;
}

static void op_unshare(struct bytes *in)
{
	unsigned int room, i;
	struct frame *frame = any_page(in, &room, &i);
	long n;

	if (!frame)
		return;
	n = lab_page_unshare(model.lab, ref_of(room, i));
	CHECK(n == (room != VAULT ? -LAB_ENOTSUP : frame->sharers < 2 ? -LAB_EALREADY : frame->sharers - 1), "one of %u less: %ld",
	      frame->sharers, n);
	frame->sharers -= n > 0;
}

static void op_shred_now(struct bytes *in)
{
	unsigned int room, i, owner;
	struct frame *frame = any_page(in, &room, &i);
	int error;

	if (!frame)
		return;
	owner = take8(in) % 4 ? frame->owner : any_owner(in);
	error = lab_shred_now(model.lab, page_of(room, i), owner);
	CHECK(error == (room != VAULT		? -LAB_ENOTSUP :
			frame->offered		? -LAB_EALREADY :
			owner != frame->owner	? -LAB_EPERM :
			frame->sharers > 1	? -LAB_EBUSY :
						  0),
	      "a live page is shredded: %d", error);
	if (error)
		return;
	check_overwritten(room, i);
	frame->shredded = true;
}

static void op_hand_over(struct bytes *in)
{
	unsigned int room, i, to;
	struct client *giver, *receiver;
	struct frame *frame = any_page(in, &room, &i);
	int error;

	if (!frame)
		return;
	to = any_owner(in);
	error = lab_page_hand_over(model.lab, page_of(room, i), frame->order, frame->owner, to);
	SHOW("  frame %" PRIu64 ", order %u, of %u to %u: %d\n", number_of(room, i), frame->order, frame->owner, to, error);
	find_corrupt();
	giver = client_of(frame->owner);
	receiver = client_of(to);
	CHECK(error != -LAB_EAGAIN, "alone, and to be tried again");
	if (to == frame->owner)
		CHECK(error == -LAB_EINVAL, "to oneself: %d", error);
	else if (frame->offered)
		CHECK(error == -LAB_EALREADY, "what is offered is handed over: %d", error);
	else if (frame->sharers > 1)
		CHECK(error == -LAB_EBUSY, "what is shared is handed over: %d", error);
	else if (room == VAULT && !to)
		CHECK(error == -LAB_EINVAL, "a vault's page to nobody: %d", error);
	else if ((giver && giver->quarantined) || (is_number_of_client(to) && (!receiver || receiver->quarantined)))
		CHECK(error == -LAB_EBADF, "out of quarantine, or to a client that is not there: %d", error);
	else
		CHECK(!error || giver || receiver, "between two owners who are no clients: %d", error);
	if (error)
		return;
	frame->owner = (uint16_t)to;
	frame->generation = info_of(room, i).generation;
}

/* A block becomes single pages, its owner's all of them. */
static void op_split(struct bytes *in)
{
	unsigned int room, i, k;
	const struct client *client;
	struct frame *frame = any_page(in, &room, &i);
	bool guaranteed;
	int error;

	if (!frame)
		return;
	client = client_of(frame->owner);
	guaranteed = frame->order && client && !client->quarantined && client->blocks && frame->order == client->block_order;
	error = lab_split(model.lab, page_of(room, i), frame->order);
	if (frame->offered || frame->sharers > 1)
		CHECK(error == (frame->offered ? -LAB_EALREADY : -LAB_EPERM) || error == -LAB_EBUSY, "offered or shared, and split: %d", error);
	else
		CHECK(error == (guaranteed ? -LAB_EDQUOT : 0), "a block of order %u is split: %d", frame->order, error);
	for (k = 1; !error && k < 1u << frame->order; k++) {
		struct frame *part = &model.frame[room][i + k];

		*part = (struct frame){ .state = HEAD, .owner = frame->owner, .sharers = 1, .generation = info_of(room, i + k).generation };
	}
	if (!error)
		frame->order = 0;
}

static void op_offer(struct bytes *in)
{
	unsigned int room, i;
	struct frame *frame = any_page(in, &room, &i);
	int error;

	if (!frame)
		return;
	error = lab_page_offer(model.lab, page_of(room, i), frame->owner);
	if (!client_of(frame->owner))
		CHECK(error == -LAB_EBADF, "offered by no client: %d", error);
	else if (frame->offered || frame->order || frame->sharers > 1)
		CHECK(error, "offered, and not to be had");
	else if (frame->poisoned)
		CHECK(error == -LAB_EHWPOISON || error == -LAB_ENOBUFS, "a marked page is offered: %d", error);
	else
		CHECK(!error || error == -LAB_ENOBUFS, "a page of one's own is offered: %d", error);
	frame->offered |= !error;
	if (!error)
		frame->generation = info_of(room, i).generation;
}

static void op_withdraw(struct bytes *in)
{
	unsigned int room, i;
	struct frame *frame = any_page(in, &room, &i);
	int error;

	if (!frame)
		return;
	error = lab_page_withdraw(model.lab, page_of(room, i), frame->owner);
	CHECK(error == (!client_of(frame->owner) ? -LAB_EBADF : frame->offered ? 0 : -LAB_EALREADY), "taken back: %d", error);
	if (!error)
		frame->offered = false;
	frame->generation = info_of(room, i).generation;
}

#endif
