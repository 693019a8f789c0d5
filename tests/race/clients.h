/* SPDX-License-Identifier: MIT */
/*
 * clients.h - what fibers do for a client in a scene, and what is expected of it: within the contract nobody is refused.
 *
 * Two clients: the first has the scene's contract, the second none.  Each fiber holds at most one page of the first's.
 */
#ifndef CLIENTS_H
#define CLIENTS_H

#include "vaults.h"

static unsigned int client[2];
static uint64_t held_by[FIBERS_MAX]; /* the frame + 1 that a fiber has taken for the client; 0: none */
static uint64_t offered_frame;

static int fiber_of(const struct record *r)
{
	return r->fiber;
}

/* More in the fibers' hands than the maximum?  (A page that is handed over leaves a hand before its fiber knows.) */
static bool beyond_maximum(void)
{
	unsigned int i, held = 0;

	for (i = 0; i < FIBERS_MAX; i++) {
		if (scene->op[i][1].kind == HAND_OVER || scene->op[i][0].kind == RESIZE)
			return false;
		held += held_by[i] != 0;
	}
	return held > scene->contract + scene->beyond + scene->offered;
}

/* A frame taken, for good or until the fiber's next CLIENT_GIVE. */
static int client_take(struct record *r)
{
	struct lab_request request = LAB_REQUEST(LAB_GFP_NOWAIT, 0);
	struct lab_answer answer;
	struct lab_page *page;

	request.owner = (uint16_t)client[0];
	if (scene->vault.is)
		request.room = 0;
	if (r->kind == CLIENT_LAST)
		request.gfp |= LAB_EXTRA_QUALITY;
	page = lab_alloc_request(lab, &request, &answer);
	r->code = lab_ptr_err(page);
	if (r->code && r->code != -LAB_EDQUOT && r->code != -LAB_ENOMEM && !(r->code == -LAB_EAGAIN && scene->again) && !(r->code == -LAB_EBADF && scene->closes))
		fibers.wrong = "a client refused, but neither for its maximum nor for want of memory";
	if (r->code)
		return 0;
	held_by[fiber_of(r)] = lab_page_frame(lab, page) + 1;
	vault_took(lab_page_frame(lab, page));
	if (holder[held_by[fiber_of(r)] - 1]++)
		fibers.wrong = "a frame given twice";
	if (beyond_maximum())
		fibers.wrong = "more out than the maximum";
	return 0;
}

static void client_give(struct record *r)
{
	uint64_t frame = held_by[fiber_of(r)] - 1;

	r->idle = !held_by[fiber_of(r)];
	if (r->idle)
		return; /* it was refused one */
	held_by[fiber_of(r)] = 0;
	holder[frame]--;
	r->code = lab_free_as(lab, lab_frame_page(lab, frame), 0, client[0], 0);
	if (r->code)
		fibers.wrong = "a client's free was refused";
	vault_gave(frame);
	r->got = 0;
}

static void client_hand_over(struct record *r)
{
	if (!held_by[fiber_of(r)])
		return;
	r->code = lab_page_hand_over(lab, lab_frame_page(lab, held_by[fiber_of(r)] - 1), 0, client[0], client[1]);
	if (!r->code)
		held_by[fiber_of(r)] = 0; /* the other client's for good */
	else if (r->code != -LAB_ENOMEM)
		fibers.wrong = "a page could not be handed over, but not for want of memory";
}

/* Another client, opened and closed, if there is a number for it. */
static void client_anew(struct record *r)
{
	struct lab_client_spec spec = { .node = LAB_NODE_LOCAL, .room = LAB_ROOM_ROUTE };
	unsigned int owner;

	r->code = lab_client_open(lab, &spec, &owner, NULL);
	if (r->code && r->code != -LAB_EUSERS)
		fibers.wrong = "a client could not be opened";
	if (!r->code && lab_client_close(lab, owner, NULL))
		fibers.wrong = "a client with nothing out could not be closed";
}

static uint64_t shared_frame;

/* Of those who would free it or hand it over, one does. */
static void shared_call(const struct op *op, struct record *r)
{
	struct lab_page *page = lab_frame_page(lab, shared_frame);

	if (op->kind == GIVE_SHARED)
		r->code = lab_free_as(lab, page, 0, client[0], 0);
	else
		r->code = lab_page_hand_over(lab, page, 0, client[0], op->arg ? 7 : client[1]);
	if (!r->code && holder[shared_frame]++ > 1)
		fibers.wrong = "a page both freed and handed over";
	if (!r->code && op->kind == GIVE_SHARED)
		vault_gave(shared_frame);
	if (r->code && r->code != -LAB_EALREADY && r->code != -LAB_EPERM && r->code != -LAB_ENOMEM)
		fibers.wrong = "refused, but not because another has had it";
}

static bool client_call(const struct op *op, struct record *r)
{
	switch (op->kind) {
	case CLIENT_TAKE:
	case CLIENT_LAST:
		client_take(r);
		return true;
	case CLIENT_GIVE:
		client_give(r);
		return true;
	case HAND_OVER:
		client_hand_over(r);
		return true;
	case RESIZE:
		r->code = lab_client_resize(lab, client[0], (uint32_t)op->arg, NULL);
		return true;
	case CLIENT_CLOSE:
		r->code = lab_client_close(lab, client[0], NULL);
		if (r->code && r->code != -LAB_EBUSY && r->code != -LAB_EALREADY)
			fibers.wrong = "a client neither closed nor busy";
		return true;
	case HAND_SHARED:
	case GIVE_SHARED:
		shared_call(op, r);
		return true;
	case RELEASE:
		r->code = lab_client_release(lab, client[0]);
		if (r->code && r->code != -LAB_EBADF && r->code != -LAB_EBUSY && r->code != -LAB_EALREADY)
			fibers.wrong = "a client neither released nor busy";
		return true;
	case CLIENT_ANEW:
		client_anew(r);
		return true;
	case WITHDRAW:
		r->code = lab_page_withdraw(lab, lab_frame_page(lab, offered_frame), client[0]);
		if (!r->code && holder[offered_frame]++)
			fibers.wrong = "an offered page withdrawn that another has";
		return true;
	default:
		return false;
	}
}

/* ---- the judge's part ---- */

/* When what this call took was back for certain (a free has returned); the call's own end where it was refused. */
static unsigned int charged_until(unsigned int i)
{
	unsigned int k;

	if (record[i].code)
		return record[i].ended;
	for (k = i + 1; k < records; k++) {
		if (record[k].fiber != record[i].fiber || (record[k].kind != CLIENT_GIVE && record[k].kind != HAND_OVER))
			continue;
		if (record[k].kind == CLIENT_GIVE || !record[k].code)
			return record[k].ended;
	}
	return UINT32_MAX;
}

static bool is_client_take(const struct record *r)
{
	return r->kind == CLIENT_TAKE || r->kind == CLIENT_LAST;
}

static bool explained(unsigned int done, unsigned int kept, unsigned int common);
static unsigned int free_beside(void);

/* A refusal needs as many other charges as the contract has frames, each overlapping the call. */
static void judge_clients(void)
{
	unsigned int i, k, least = scene->contract, others;

	for (i = 0; i < records; i++)
		if (record[i].kind == RESIZE && scene->op[record[i].fiber][0].arg < (int)least)
			least = (unsigned int)scene->op[record[i].fiber][0].arg;
	for (i = 0; i < records; i++) {
		if (!is_client_take(&record[i]) || !record[i].code || record[i].code == -LAB_EBADF)
			continue;
		for (others = k = 0; k < records; k++)
			if (k != i && is_client_take(&record[k]) && record[k].began < record[i].ended &&
			    charged_until(k) > record[i].began)
				others++;
		if (others < least)
			fibers.wrong = "refused within the contract";
	}
	if (scene->truthful && !explained(0, scene->contract, free_beside()))
		fibers.wrong = "no order of the calls explains a client's refusal";
}

/*
 * Is there an order of the calls that explains each -ENOMEM: an instant at which neither the contract (`kept` pages of it are there) nor
 * the commons had any?  Where a page goes, or comes from, either will do.
 */
static bool explained(unsigned int done, unsigned int kept, unsigned int common)
{
	unsigned int i, k;

	if (done == (1u << records) - 1)
		return true;
	for (i = 0; i < records; i++) {
		const struct record *r = &record[i];
		unsigned int now = done | 1u << i;
		bool possible = !(done >> i & 1), none = r->code == -LAB_ENOMEM;

		for (k = 0; k < records && possible; k++)
			if (!(done >> k & 1) && record[k].ended < r->began)
				possible = false;
		if (!possible)
			continue;
		if (r->kind == CLIENT_TAKE && (r->code ? !(none && (kept || common)) && explained(now, kept, common) :
							 (kept && explained(now, kept - 1, common)) ||
								 (common && explained(now, kept, common - 1))))
			return true;
		if (r->kind == CLIENT_GIVE && (r->idle ? explained(now, kept, common) :
							 (kept < scene->contract && explained(now, kept + 1, common)) ||
								 explained(now, kept, common + 1)))
			return true;
		if (r->kind == TAKE && (r->code ? !(none && common) && explained(now, kept, common) :
						  common && explained(now, kept, common - 1)))
			return true;
	}
	return false;
}

static unsigned int free_beside(void)
{
	unsigned int n = 0;

	while (scene->free[n] >= 0)
		n++;
	return n;
}

/* ---- a scene's clients ---- */

static void clients_open(void)
{
	struct lab_client_spec spec = { .node = LAB_NODE_LOCAL, .room = LAB_ROOM_ROUTE, .frames = scene->contract,
					.maximum = scene->contract + scene->beyond };
	struct lab_request request = LAB_REQUEST(LAB_GFP_KERNEL, 0);
	struct lab_page *page;

	if (scene->vault.is)
		spec.room = request.room = 0;
	spec.maximum += scene->offered;
	spec.reserve_share = LAB_UNLIMITED;
	if (lab_client_open(lab, &spec, &client[0], NULL))
		exit(1);
	spec.frames = 0;
	spec.maximum = LAB_UNLIMITED;
	if (lab_client_open(lab, &spec, &client[1], NULL))
		exit(1);
	if (!scene->offered && !scene->shared)
		return;
	request.owner = (uint16_t)client[0];
	page = lab_alloc_request(lab, &request, NULL);
	offered_frame = shared_frame = lab_page_frame(lab, page);
	if (lab_is_err(page) || (scene->offered && lab_page_offer(lab, page, client[0])) ||
	    (scene->abandoned && lab_client_abandon(lab, client[0], NULL)))
		exit(1);
}

#endif
