/* SPDX-License-Identifier: MIT */
/*
 * clients.c - opening, resizing and closing clients.  Set-up: from a task, one at a time for a client.
 */
#include "client.h"
#include "entrance.h"
#include "page.h"
#include "port.h"

void *memset(void *, int, size_t);

/* ---- opening ---- */

static int check(const struct labyrinth *lab, const struct lab_client_spec *spec, uint32_t frames)
{
	uint64_t kept;
	struct lab_request request = { .gfp = spec->gfp, .order = spec->block_order, .node = spec->node, .room = spec->room };

	if (frames > lab->contract_frames || spec->blocks > lab->contract_blocks)
		return -LAB_EINVAL;
	if (spec->blocks ? !spec->block_order || spec->block_order > LAB_ORDER_MAX : spec->block_order)
		return -LAB_EINVAL;
	kept = frames + ((uint64_t)spec->blocks << spec->block_order);
	if (spec->maximum && spec->maximum < kept)
		return -LAB_EINVAL;
	return route_check(lab, &request);
}

/* What the specification guarantees in single frames; UINT32_MAX: it does not fit. */
static uint32_t frames_of(const struct lab_client_spec *spec)
{
	uint32_t frames;

	if (spec->frames || !spec->period_ns)
		return spec->frames;
	frames = lab_contract_frames(spec->period_ns, spec->hold_ns, spec->refill_ns, spec->burst, spec->callers ? spec->callers : 1);
	return frames ? frames : UINT32_MAX;
}

/* A client that is closed becomes ours; NULL: all are open. */
static struct lab_client *take_client(struct labyrinth *lab, unsigned int *owner)
{
	lab_word turn = add_relaxed(&lab->client_turn, 1); /* so that a number is not used again at once */
	unsigned int i;

	for (i = 0; i < lab->clients; i++) {
		lab_word closed = 0;

		*owner = lab->client_first + (unsigned int)((turn + i) % lab->clients);
		if (client_orphan(labyrinth_client(lab, *owner)))
			continue;
		/* The claim; partner: the end of close_quiet(). */
		if (cas_seq(&labyrinth_client(lab, *owner)->charge, &closed, charge_of_state(LAB_CLIENT_BUSY) + process_mark(lab)))
			return labyrinth_client(lab, *owner);
	}
	return NULL;
}

static void describe(struct lab_client *client, const struct lab_client_spec *spec)
{
	unsigned int i;

	memset(client->name, 0, sizeof(client->name));
	for (i = 0; spec->name && spec->name[i] && i < LAB_NAME_MAX - 1; i++)
		client->name[i] = spec->name[i];
	client->maximum = spec->maximum;
	client->share = spec->reserve_share;
	client->callers = spec->callers ? spec->callers : 1;
	client->block_order = spec->block_order;
	client->priority = spec->priority;
	client->room = -1;
	store_relaxed(&client->debt, (lab_word)0);
	for (i = 0; i < LAB_ROOMS_MAX; i++)
		store_relaxed(&client->debt_of[i], (lab_word)0);
	for (i = 0; i <= LAB_FROM_OFFER; i++)
		store_relaxed(&client->answered[i], (lab_word)0);
	store_relaxed(&client->refused, (lab_word)0);
	store_relaxed(&client->refused_quota, (lab_word)0);
}

/* The guaranteed pages out of one room, or nothing; *fit becomes the most that a room had, both at once. */
static bool furnish_from(struct labyrinth *lab, struct lab_client *client, const uint32_t wanted[LAB_CONTRACT_POOLS],
			 struct lab_client_fit *fit)
{
	uint32_t blocks = contract_enlarge(lab, client, 1, wanted[1]), frames; /* first: single frames are found anywhere */
	unsigned int which;

	if (blocks < wanted[1]) /* none are kept: the frames that fit are those beside the blocks that do */
		blocks = contract_enlarge(lab, client, 1, blocks);
	frames = contract_enlarge(lab, client, 0, wanted[0]);
	if (blocks == wanted[1] && frames == wanted[0])
		return true;
	for (which = 0; which < LAB_CONTRACT_POOLS; which++)
		contract_shrink(lab, client, which, load_seq(&client->guarantee[which]));
	if (blocks >= fit->blocks) {
		fit->frames = blocks > fit->blocks || frames > fit->frames ? frames : fit->frames;
		fit->blocks = blocks;
	}
	return false;
}

static int furnish(struct labyrinth *lab, struct lab_client *client, const struct lab_client_spec *spec,
		   const uint32_t wanted[LAB_CONTRACT_POOLS], struct lab_client_fit *fit)
{
	const struct lab_request request = { .gfp = spec->gfp, .node = spec->node, .room = spec->room };
	struct lab_way way;
	unsigned int i;
	int error = route_find(lab, &request, false, &way);

	if (error || (!wanted[0] && !wanted[1]))
		return error;
	for (i = 0; i < way.rooms; i++) {
		client->room = way.room[i];
		if (furnish_from(lab, client, wanted, fit))
			return 0;
	}
	client->room = -1;
	return -LAB_ENOSPC;
}

static int client_open_inside(struct labyrinth *lab, const struct lab_client_spec *spec, unsigned int *owner, struct lab_client_fit *fit)
{
	struct lab_client_fit unused, *most = fit ? fit : &unused;
	uint32_t wanted[LAB_CONTRACT_POOLS];
	struct lab_client *client;
	int error;

	*most = (struct lab_client_fit){ 0 };
	wanted[0] = frames_of(spec);
	wanted[1] = spec->blocks;
	error = check(lab, spec, wanted[0]);
	if (error)
		return error;
	client = take_client(lab, owner);
	if (!client)
		return -LAB_EUSERS;
	describe(client, spec);
	client->process = (uint16_t)process_mark(lab);
	error = furnish(lab, client, spec, wanted, most);
	/* The last of it; partner: whoever charges this client, or opens the next. */
	add_seq(&client->charge, charge_of_state(error ? LAB_CLIENT_CLOSED : LAB_CLIENT_OPEN) - charge_of_state(LAB_CLIENT_BUSY) -
					 process_mark(lab));
	return error;
}

int lab_client_open(struct labyrinth *lab, const struct lab_client_spec *spec, unsigned int *owner, struct lab_client_fit *fit)
{
	lab_word *count;
	int error = process_enter(lab, &count);

	if (unlikely(error))
		return error;
	error = client_open_inside(lab, spec, owner, fit);
	process_leave(count);
	return error;
}

/* What the contract is short of, because pages went out of service: empty slots for which nothing is out. */
static void top_up(struct labyrinth *lab, struct lab_client *client)
{
	unsigned int which;

	for (which = 0; which < LAB_CONTRACT_POOLS; which++) {
		uint32_t guaranteed = load_seq(&client->guarantee[which]);
		lab_word charge = load_seq(&client->charge);
		uint64_t out = which ? CHARGE_FIELD(charge, BLOCKS) : CHARGE_FIELD(charge, SINGLES);

		/* (One too many is no harm: then a free finds nothing to fill.) */
		while (contract_count(client, which) + out < guaranteed && contract_refill(lab, client, which))
			;
	}
}

static int client_resize_inside(struct labyrinth *lab, unsigned int owner, uint32_t frames, struct lab_client_fit *fit)
{
	struct lab_client *client;
	uint32_t now, got = 0, none = 0;
	int error = 0;

	client = labyrinth_client(lab, owner);
	if (!client || client_orphan(client) || charge_state(load_seq(&client->charge)) != LAB_CLIENT_OPEN)
		return -LAB_EBADF;
	if (frames > lab->contract_frames || (client->room < 0 && frames))
		return -LAB_EINVAL;
	if (client->maximum && frames + ((uint64_t)load_seq(&client->guarantee[1]) << client->block_order) > client->maximum)
		return -LAB_EINVAL;
	if (!cas_acq_rel(&client->resizing, &none, 1u + (uint32_t)process_mark(lab))) /* one at a time */
		return -LAB_EALREADY;
	if (charge_state(load_seq(&client->charge)) != LAB_CLIENT_OPEN)
		error = -LAB_EBADF; /* closed just now */
	now = load_seq(&client->guarantee[0]);
	if (error)
		frames = now;
	if (frames < now)
		error = contract_shrink(lab, client, 0, now - frames) == now - frames ? 0 : -LAB_EAGAIN;
	if (frames > now && !client_has_room(client, frames)) {
		error = -LAB_EDQUOT;
	} else if (frames > now) {
		got = contract_enlarge(lab, client, 0, frames - now);
		error = got == frames - now ? 0 : -LAB_ENOSPC;
	}
	if (!error)
		top_up(lab, client);
	if (fit)
		*fit = (struct lab_client_fit){ now + got, load_seq(&client->guarantee[1]) };
	store_release(&client->resizing, 0u);
	return error;
}

int lab_client_resize(struct labyrinth *lab, unsigned int owner, uint32_t frames, struct lab_client_fit *fit)
{
	lab_word *count;
	int error = process_enter(lab, &count);

	if (unlikely(error))
		return error;
	error = client_resize_inside(lab, owner, frames, fit);
	process_leave(count);
	return error;
}

/* ---- closing ---- */

/* Out: the owner's to free, or (not asked for when it is to be freed) others' too, or on its way back. */
static bool tag_out(lab_word tag, bool let_go)
{
	return tag_state(tag) == LAB_OWNED || (!let_go && (tag_state(tag) == LAB_SHARED || tag_state(tag) == LAB_SHREDDING));
}

/* What stands with this owner's number in the rooms; with `let_go` it is freed, else counted and named. */
static uint64_t each_page(struct labyrinth *lab, unsigned int owner, bool let_go, struct lab_client_out *out)
{
	uint64_t frames = 0;
	unsigned int i;

	for (i = 0; i < lab->rooms; i++) {
		struct lab_room *room = labyrinth_room(lab, i);
		lab_bit bit;

		for (bit = room->lead; bit < room->lead + room->frames; bit++) {
			struct lab_page *page = room_page(room, bit);
			lab_word tag = load_acquire(&page->tag);

			if (!tag_out(tag, let_go) || tag_owner(tag) != owner)
				continue;
			if (let_go && lab_free_as(lab, page, tag_order(tag), owner, 0))
				continue; /* freed by another just now */
			frames += tag_state(tag) == LAB_SHARED ? 1 : (uint64_t)1 << tag_order(tag);
			if (out && out->named < LAB_CLIENT_NAMED)
				out->frame[out->named++] = room->first_frame + bit;
		}
	}
	return frames;
}

static void name_pages(struct labyrinth *lab, unsigned int owner, struct lab_client_out *out)
{
	unsigned int i;

	if (!out)
		return;
	*out = (struct lab_client_out){ 0 };
	if (!owner)
		return; /* nothing is out */
	out->frames = each_page(lab, owner, false, out);
	for (i = 0; i < LAB_CLIENT_OFFERS; i++) { /* offered pages are the client's still */
		lab_word word = load_acquire(&labyrinth_client(lab, owner)->offer[i]);

		if (word <= OFFER_MAKING)
			continue;
		out->frames++;
		if (out->named < LAB_CLIENT_NAMED)
			out->frame[out->named++] = lab_page_frame(lab, (struct lab_page *)((char *)lab + word));
	}
}

/*
 * With nothing charged: from this state to CLOSED, its guarantee given back.  False: something is charged.  Ends the caller's
 * `resizing`, before the client can be another's.
 */
static bool close_quiet(struct labyrinth *lab, struct lab_client *client, enum lab_client_state from)
{
	lab_word quiet = charge_of_state(from);
	unsigned int which;

	/* The claim: nobody is in a call, and nobody gets in; partner: client_charge(). */
	if (!cas_seq(&client->charge, &quiet, charge_of_state(LAB_CLIENT_BUSY) + process_mark(lab))) {
		store_release(&client->resizing, 0u);
		return false;
	}
	for (which = 0; which < LAB_CONTRACT_POOLS; which++) /* every slot is in a tree now: all of it goes */
		contract_shrink(lab, client, which, load_seq(&client->guarantee[which]));
	client->room = -1;
	store_release(&client->resizing, 0u);
	/* The last of it. */
	add_seq(&client->charge, charge_of_state(LAB_CLIENT_CLOSED) - charge_of_state(LAB_CLIENT_BUSY) - process_mark(lab));
	return true;
}

static int client_close_inside(struct labyrinth *lab, unsigned int owner, struct lab_client_out *out)
{
	struct lab_client *client;
	uint32_t none = 0;
	bool closed;

	client = labyrinth_client(lab, owner);
	if (!client || client_orphan(client) || charge_state(load_seq(&client->charge)) != LAB_CLIENT_OPEN)
		return -LAB_EBADF;
	if (!cas_acq_rel(&client->resizing, &none, 1u + (uint32_t)process_mark(lab)))
		return -LAB_EALREADY;
	closed = close_quiet(lab, client, LAB_CLIENT_OPEN);
	name_pages(lab, closed ? 0 : owner, out);
	return closed ? 0 : -LAB_EBUSY;
}

int lab_client_close(struct labyrinth *lab, unsigned int owner, struct lab_client_out *out)
{
	lab_word *count;
	int error = process_enter(lab, &count);

	if (unlikely(error))
		return error;
	error = client_close_inside(lab, owner, out);
	process_leave(count);
	return error;
}

static int client_abandon_inside(struct labyrinth *lab, unsigned int owner, struct lab_client_out *out)
{
	lab_word charge, to = charge_of_state(LAB_CLIENT_QUARANTINED) - charge_of_state(LAB_CLIENT_OPEN);
	struct lab_client *client;
	uint32_t none = 0;
	unsigned int which;

	client = labyrinth_client(lab, owner);
	if (!client || client_orphan(client))
		return -LAB_EBADF;
	if (!cas_acq_rel(&client->resizing, &none, 1u + (uint32_t)process_mark(lab)))
		return -LAB_EALREADY;
	charge = load_seq(&client->charge);
	do {
		if (charge_state(charge) != LAB_CLIENT_OPEN) {
			store_release(&client->resizing, 0u);
			return -LAB_EBADF;
		}
	} while (!cas_seq(&client->charge, &charge, charge + to)); /* nobody gets in; partner: client_charge() */
	for (which = 0; which < LAB_CONTRACT_POOLS; which++) /* what is in callers' hands just now stays until the release */
		contract_shrink(lab, client, which, load_seq(&client->guarantee[which]));
	store_release(&client->resizing, 0u);
	name_pages(lab, owner, out);
	return 0;
}

int lab_client_abandon(struct labyrinth *lab, unsigned int owner, struct lab_client_out *out)
{
	lab_word *count;
	int error = process_enter(lab, &count);

	if (unlikely(error))
		return error;
	error = client_abandon_inside(lab, owner, out);
	process_leave(count);
	return error;
}

static int client_release_inside(struct labyrinth *lab, unsigned int owner)
{
	struct lab_client *client;
	struct lab_page *page;
	uint32_t none = 0;
	bool closed;

	client = labyrinth_client(lab, owner);
	if (!client || client_orphan(client) || charge_state(load_seq(&client->charge)) != LAB_CLIENT_QUARANTINED)
		return -LAB_EBADF;
	if (!cas_acq_rel(&client->resizing, &none, 1u + (uint32_t)process_mark(lab)))
		return -LAB_EALREADY;
	if (charge_state(load_seq(&client->charge)) != LAB_CLIENT_QUARANTINED) { /* released, and another's, just now */
		store_release(&client->resizing, 0u);
		return -LAB_EBADF;
	}
	while ((page = client_oldest(lab, client, UINT32_MAX))) /* ours; partner: the acquire load of the free below */
		store_release(&page->tag, (load_relaxed(&page->tag) & ~LAB_TAG_STATE) | LAB_OWNED);
	each_page(lab, owner, true, NULL);
	closed = close_quiet(lab, client, LAB_CLIENT_QUARANTINED);
	return closed ? 0 : -LAB_EBUSY;
}

int lab_client_release(struct labyrinth *lab, unsigned int owner)
{
	lab_word *count;
	int error = process_enter(lab, &count);

	if (unlikely(error))
		return error;
	error = client_release_inside(lab, owner);
	process_leave(count);
	return error;
}

/* ---- looks ---- */

unsigned int lab_client_next(const struct labyrinth *lab, unsigned int after)
{
	unsigned int owner = after < lab->client_first ? lab->client_first : after + 1;

	if (!labyrinth_alive(lab))
		return 0;
	for (; owner - lab->client_first < lab->clients; owner++) {
		enum lab_client_state state = charge_state(load_seq(&labyrinth_client(lab, owner)->charge));

		if (state == LAB_CLIENT_OPEN || state == LAB_CLIENT_QUARANTINED)
			return owner;
	}
	return 0;
}

int lab_client_stats(const struct labyrinth *lab, unsigned int owner, struct lab_client_stats *stats)
{
	const struct lab_client *client;
	lab_word charge;

	if (!labyrinth_alive(lab))
		return labyrinth_refusal(lab);
	client = labyrinth_client(lab, owner);
	charge = client ? load_seq(&client->charge) : 0;
	if (charge_state(charge) != LAB_CLIENT_OPEN && charge_state(charge) != LAB_CLIENT_QUARANTINED)
		return -LAB_EBADF;
	*stats = (struct lab_client_stats){
		.quarantined = charge_state(charge) == LAB_CLIENT_QUARANTINED,
		.priority = client->priority,
		.block_order = client->block_order,
		.room = client->room,
		.frames = load_seq(&client->guarantee[0]),
		.blocks = load_seq(&client->guarantee[1]),
		.frames_in = contract_count(client, 0),
		.blocks_in = contract_count(client, 1),
		.maximum = client->maximum,
		.reserve_share = client->share,
		.charge = charge_frames(client, charge),
		.debt = load_seq(&client->debt),
		.contract = load_relaxed(&client->answered[LAB_FROM_CONTRACT]),
		.commons = load_relaxed(&client->answered[LAB_FROM_COMMONS]) + load_relaxed(&client->answered[LAB_FROM_BAND]),
		.reserve = load_relaxed(&client->answered[LAB_FROM_RESERVE]),
		.fallback = load_relaxed(&client->answered[LAB_FROM_OFFER]),
		.refused_quota = load_relaxed(&client->refused_quota),
		.refused = load_relaxed(&client->refused),
	};
	__builtin_memcpy(stats->name, client->name, sizeof(stats->name));
	return 0;
}
