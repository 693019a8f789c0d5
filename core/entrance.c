/* SPDX-License-Identifier: MIT */
/*
 * entrance.c - allocation.
 *
 * First on the way.  The fast half takes an order-0 frame from the word that this CPU's hint names in the
 * first room of the route; everything else walks the whole route, right by right, and on failure proves
 * that there was none, or says that it could not.
 */
#include "client.h"
#include "entrance.h"
#include "exchange.h"
#include "page.h"
#include "port.h"
#include "record.h"
#include "service.h"
#include "vault.h"

/* What only the slow half looks at. */
#define SOUND_TRIES_MAX 16u

#define ENTRANCE_SLOW (LAB_ZERO | LAB_THISNODE | LAB_EXCLUSIVE | LAB_COLD | ~LAB_FLAGS_ALL)

void *memset(void *, int, size_t);

/* ---- what is found ---- */

static void count_success(struct labyrinth *lab, struct lab_find *find)
{
	bool band = find->answer.right <= LAB_RIGHT_MIN;

	if (find->answer.fallback)
		labyrinth_count(lab, LAB_COUNT_FALLBACK, 1);
	/* (The zeroed pool is as good as the commons.) */
	if (find->answer.band < 0 || find->room->zeroed >> find->answer.band & 1)
		return;
	labyrinth_count(lab, band ? LAB_COUNT_BAND : LAB_COUNT_RESERVE, 1);
	find->answer.source = band ? LAB_FROM_BAND : LAB_FROM_RESERVE;
}

static void count_refusal(struct labyrinth *lab, int error)
{
	switch (error) {
	case -LAB_ENOMEM:
		labyrinth_count(lab, LAB_COUNT_NOMEM, 1);
		break;
	case -LAB_ENOSPC:
		labyrinth_count(lab, LAB_COUNT_NOSPC, 1);
		break;
	case -LAB_EAGAIN:
		labyrinth_count(lab, LAB_COUNT_AGAIN, 1);
		break;
	case -LAB_EDQUOT:
		labyrinth_count(lab, LAB_COUNT_QUOTA, 1);
		break;
	default:
		labyrinth_count(lab, LAB_COUNT_INVALID, 1);
	}
}

static lab_word request_tag(const struct lab_request *request, bool vault)
{
	bool exclusive = (request->gfp & LAB_EXCLUSIVE || vault) && !request->owner;

	return tag_owned(request, exclusive ? LAB_OWNER_EXCLUSIVE : request->owner);
}

static struct lab_page *deliver(struct labyrinth *lab, const struct lab_request *request, struct lab_find *find)
{
	struct lab_room *room = find->room;
	struct lab_page *page = entrance_stamp(room_page(room, find->bit), request_tag(request, labyrinth_vault(lab, (unsigned int)find->answer.room)));

	if (request->gfp & LAB_ZERO && !find->zeroed)
		memset(room_frame(room, find->bit), 0, (size_t)1 << (lab->page_shift + request->order));
	return page;
}

/*
 * What is found, looked at: a frame of a vault that was written to while it was free stays out, and all begins anew; each turn is such a
 * frame's, which comes to nobody again.
 */
static int find_sound(struct labyrinth *lab, const struct lab_request *request, struct lab_way *way, struct lab_find *find)
{
	struct lab_client *client = labyrinth_client(lab, request->owner);
	unsigned int tries;
	int error;

	for (tries = 0; tries < SOUND_TRIES_MAX; tries++) {
		error = client ? service(lab, client, way, find) : search(lab, way, find);
		if (error || likely(!labyrinth_vault(lab, (unsigned int)find->answer.room)) || find->answer.source == LAB_FROM_OFFER ||
		    vault_sound(lab, find->room, find->bit))
			return error;
		if (client)
			client_lost(lab, client, find->room, 0);
		find_begin(find);
		error = route_find(lab, request, way->memory, way);
		if (error)
			return error;
	}
	return -LAB_EAGAIN;
}

static struct lab_page *request_page(struct labyrinth *lab, const struct lab_request *request, bool memory,
				     struct lab_answer *answer)
{
	struct lab_client *client = NULL;
	struct lab_page *page = NULL;
	struct lab_find find;
	struct lab_way way;
	lab_word *count;
	int error = process_enter(lab, &count);

	find_begin(&find);
	if (!error)
		error = route_find(lab, request, memory, &way);
	if (!error) {
		client = labyrinth_client(lab, request->owner);
		error = find_sound(lab, request, &way, &find);
		if (error && error != -LAB_EBADF && !(request->gfp & LAB_NOWARN))
			record_refusal(lab, &way, error, find.maximum);
	}
	if (!error) {
		count_success(lab, &find);
		page = deliver(lab, request, &find);
	} else if (labyrinth_alive(lab)) {
		count_refusal(lab, error);
	}
	if (client)
		service_count(client, &find, error);
	process_leave(count);
	if (answer)
		*answer = find.answer;
	return error ? entrance_refuse(error) : page;
}

struct lab_page *lab_alloc_request(struct labyrinth *lab, const struct lab_request *request,
				   struct lab_answer *answer)
{
	return request_page(lab, request, false, answer);
}

/* Apart, so that the fast half needs no stack. */
static __attribute__((noinline)) struct lab_page *alloc_slowly(struct labyrinth *lab, lab_gfp_t gfp, unsigned int order,
							       bool memory)
{
	struct lab_request request = LAB_REQUEST(gfp, order > LAB_ORDER_MAX ? LAB_ORDER_MAX + 1 : order);

	return request_page(lab, &request, memory, NULL);
}

/* The fast half: an order-0 frame by this CPU's hint in the first room of the route, or LAB_NO_BIT. */
static inline lab_bit alloc_fast(struct labyrinth *lab, const struct lab_span *gate, lab_gfp_t gfp)
{
	struct lab_room *room = span_room(lab, gate);
	unsigned int slot = (unsigned int)(gfp >> 3) & 3;
	lab_word near;

	if (unlikely(gfp & ENTRANCE_SLOW || !labyrinth_alone(lab) || !gate->open))
		return LAB_NO_BIT;
	if (unlikely(slot == LAB_COLD_HINT || load_relaxed(&room->offline)))
		return LAB_NO_BIT; /* both mobilities at once: refused by the slow half */
	near = load_relaxed(&span_cpu(lab, gate, lab_port_cpu())->near[slot]);
	return room_take_near(&room->commons, span_word(lab, gate, 0), near);
}

static inline const struct lab_span *alloc_gate(const struct labyrinth *lab, lab_gfp_t gfp)
{
	if (likely(!(gfp & (LAB_DMA | LAB_DMA32 | LAB_HIGHMEM))))
		return &lab->gate[LAB_ZONE_NORMAL]; /* without a look at the table */
	return &lab->gate[route_zone(gfp)];
}

static inline struct lab_page *stamp_fast(struct labyrinth *lab, const struct lab_span *gate, lab_bit bit)
{
	struct lab_page *page = span_page(lab, gate, bit);

	return entrance_stamp(page, LAB_OWNED);
}

struct lab_page *lab_alloc_pages(struct labyrinth *lab, lab_gfp_t gfp, unsigned int order)
{
	const struct lab_span *gate = alloc_gate(lab, gfp);
	lab_bit bit = order ? LAB_NO_BIT : alloc_fast(lab, gate, gfp);

	if (unlikely(bit == LAB_NO_BIT))
		return alloc_slowly(lab, gfp, order, false);
	return stamp_fast(lab, gate, bit);
}

void *lab_alloc(struct labyrinth *lab, lab_gfp_t gfp, unsigned int order)
{
	const struct lab_span *gate = alloc_gate(lab, gfp);
	struct lab_page *page;
	lab_bit bit;

	if (likely(!order && gate->memory_at)) {
		bit = alloc_fast(lab, gate, gfp);
		if (likely(bit != LAB_NO_BIT)) {
			stamp_fast(lab, gate, bit);
			return span_address(lab, gate, (uintptr_t)bit << lab->page_shift);
		}
	}
	page = alloc_slowly(lab, gfp, order, true);
	return unlikely(lab_is_err(page)) ? NULL : lab_page_address(lab, page);
}

/* ---- a given frame ---- */

/* The block, where pools keep some of it: paid for with what the request could have had. */
static bool claim_pooled(const struct labyrinth *lab, struct lab_find *find, const struct lab_request *request)
{
	bool client = labyrinth_client(lab, request->owner); /* (without a share of the reserves here) */
	enum lab_right right = client ? LAB_RIGHT_MIN : route_right(request->gfp);
	unsigned int zone = find->room->zone < LAB_ZONES ? find->room->zone : LAB_ZONE_NORMAL;
	struct lab_payer payer = { .among = find->room->entitled[right][zone], .drawn = -1 };
	struct lab_asker asker = { .cpu = lab_port_cpu() };

	route_asker(request->gfp, &asker);
	payer.asker = &asker;
	if (!exchange_at(find->room, &payer, find->bit, request->order))
		return false;
	find->answer.band = (int16_t)payer.drawn;
	find->answer.right = (uint8_t)right;
	return true;
}

/* Claim the block at this frame: 0, or the code of what stands in the way. */
static int claim_at(struct labyrinth *lab, uint64_t frame, const struct lab_request *request,
		    struct lab_find *find)
{
	uint64_t last = frame + ((uint64_t)1 << request->order) - 1;
	struct lab_page *page = lab_frame_page(lab, frame);

	if (frame & (last - frame))
		return -LAB_EINVAL;
	if (!page || page_room(lab, page) != page_room(lab, lab_frame_page(lab, last)))
		return -LAB_ERANGE;
	find->answer.room = (int16_t)page_room(lab, page);
	find->room = labyrinth_room(lab, (unsigned int)find->answer.room);
	find->bit = (lab_bit)(page - room_page(find->room, 0));
	if (request->gfp & LAB_ZERO && !find->room->memory_at)
		return -LAB_ENOTSUP;
	if (load_relaxed(&find->room->offline))
		return -LAB_EBUSY;
	if (request->order && labyrinth_vault(lab, (unsigned int)find->answer.room))
		return -LAB_EINVAL;
	if (room_take_at(find->room, find->bit, request->order) || claim_pooled(lab, find, request))
		return !labyrinth_vault(lab, (unsigned int)find->answer.room) || vault_sound(lab, find->room, find->bit) ? 0 : -LAB_EHWPOISON;
	for (; frame <= last; frame++, page++)
		if (tag_state(load_acquire(&page->tag)) == LAB_OFFLINE) /* a report, not a decision */
			return -LAB_EHWPOISON;
	return -LAB_EBUSY;
}

/* The request has been checked. */
static struct lab_page *alloc_at(struct labyrinth *lab, uint64_t frame, const struct lab_request *request)
{
	struct lab_client *client = labyrinth_client(lab, request->owner);
	struct lab_find find;
	int error = client ? client_charge(client, request->order) : 0;

	if (error)
		return entrance_refuse(error);
	find_begin(&find);
	error = claim_at(lab, frame, request, &find);
	if (error && client)
		client_uncharge(client, request->order);
	return error ? entrance_refuse(error) : deliver(lab, request, &find);
}

struct lab_page *lab_alloc_at(struct labyrinth *lab, uint64_t frame, const struct lab_request *request)
{
	struct lab_page *page;
	lab_word *count;
	int error = process_enter(lab, &count);

	error = error ? error : route_check(lab, request);
	page = error ? entrance_refuse(error) : alloc_at(lab, frame, request);
	process_leave(count);
	return page;
}
