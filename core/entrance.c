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
#include "search.h"

/* What only the slow half looks at. */
#define ENTRANCE_SLOW (LAB_ZERO | LAB_THISNODE | LAB_EXCLUSIVE | LAB_COLD | ~LAB_FLAGS_ALL)

void *memset(void *, int, size_t);

/* ---- for a client ---- */

/* The room and the bit, without a walk. */
static void found(struct labyrinth *lab, struct lab_find *find, unsigned int room, enum lab_source source)
{
	find->room = labyrinth_room(lab, room);
	find->answer.room = (int16_t)room;
	find->answer.source = (uint8_t)source;
	find->answer.band = -1;
	find->zeroed = false;
}

/* Which of its pools serves this request, if the contract lies on the way; LAB_CONTRACT_POOLS: none. */
static unsigned int contract_for(const struct lab_client *client, const struct lab_way *way)
{
	unsigned int i;

	for (i = 0; i < way->rooms && way->room[i] != client->room; i++)
		;
	return i == way->rooms ? LAB_CONTRACT_POOLS : contract_pool(client, way->request->order);
}

static bool draw_contract(struct labyrinth *lab, struct lab_client *client, unsigned int which, struct lab_find *find)
{
	unsigned int tries = 0;

	if (which == LAB_CONTRACT_POOLS)
		return false;
	find->bit = contract_draw(client, which, &tries, &find->contract);
	find->answer.rounds = (uint16_t)(tries < UINT16_MAX ? tries : UINT16_MAX);
	if (find->bit == LAB_NO_BIT)
		return false;
	found(lab, find, (unsigned int)client->room, LAB_FROM_CONTRACT);
	return true;
}

/* Do deeper rights than everybody's reach any pools on this way? */
static bool reserves_reach(const struct labyrinth *lab, const struct lab_way *way, enum lab_right right)
{
	unsigned int i;

	for (i = 0; right > LAB_RIGHT_MIN && i < way->rooms; i++) {
		const struct lab_room *room = labyrinth_room(lab, way->room[i]);

		if (route_bands(room, way, right) != route_bands(room, way, LAB_RIGHT_MIN))
			return true;
	}
	return false;
}

/* The way, down to min; then, as far as its share goes, with what right it has beyond. */
static int search_shared(struct labyrinth *lab, struct lab_client *client, struct lab_way *way, struct lab_find *find)
{
	uint32_t frames = 1u << way->request->order;
	enum lab_right right = way->request->gfp & LAB_EXTRA_QUALITY ? LAB_RIGHT_ALL : way->right;
	int error;

	way->right = right < LAB_RIGHT_MIN ? right : LAB_RIGHT_MIN;
	error = search(lab, way, find);
	if (!error || !reserves_reach(lab, way, right))
		return error;
	if (!client_borrow(client, frames))
		return -LAB_EDQUOT;
	way->right = right;
	error = search(lab, way, find);
	if (error || find->answer.right <= LAB_RIGHT_MIN || find->answer.band < 0)
		client_unborrow(client, frames); /* not from the reserves after all */
	else
		client_owes(client, (unsigned int)find->answer.room, frames);
	return error;
}

/*
 * Its contract, then the way.  The contract was empty before the walk: while its root is the same word it was so during the
 * walk too, and a refusal is true of both.  Else all of it again; each turn is a free of the same client.
 */
static int search_all(struct labyrinth *lab, struct lab_client *client, struct lab_way *way, struct lab_find *find)
{
	unsigned int which = find->apart ? LAB_CONTRACT_POOLS : contract_for(client, way), round;
	enum lab_right right = way->right;
	int error = -LAB_EAGAIN;

	for (round = 0; round < LAB_ROUNDS_MAX; round++) {
		if (draw_contract(lab, client, which, find))
			return 0;
		way->right = right;
		error = way->request->gfp & LAB_RAW ? -LAB_ENOMEM : search_shared(lab, client, way, find);
		if (error != -LAB_ENOMEM || which == LAB_CONTRACT_POOLS || contract_root(client, which) == find->contract)
			return error;
	}
	return -LAB_EAGAIN;
}

/* What it offered as a last resort, where that lies on the way.  It is charged already. */
static bool use_offer(struct labyrinth *lab, struct lab_client *client, const struct lab_way *way, struct lab_find *find)
{
	struct lab_page *page;
	uint32_t rooms = 0;
	unsigned int i;

	if (way->request->order || !(way->request->gfp & LAB_EXTRA_QUALITY) || way->request->gfp & LAB_RAW)
		return false;
	for (i = 0; i < way->rooms; i++)
		rooms |= (uint32_t)1 << way->room[i];
	page = client_oldest(lab, client, rooms);
	if (!page)
		return false;
	found(lab, find, (unsigned int)page_room(lab, page), LAB_FROM_OFFER);
	find->bit = (lab_bit)(page - room_page(find->room, 0));
	/* Ours; another generation, so that old handles are stale. */
	store_release(&page->tag, tag_next(load_relaxed(&page->tag), LAB_KEPT));
	return true;
}

/* Its contract, then the commons and its share of the reserves, then what it offered. */
static int search_for(struct labyrinth *lab, struct lab_client *client, struct lab_way *way, struct lab_find *find)
{
	unsigned int order = way->request->order;
	int error = client_charge(client, order);

	if (error) {
		find->maximum = error == -LAB_EDQUOT;
		return find->maximum && use_offer(lab, client, way, find) ? 0 : error;
	}
	error = search_all(lab, client, way, find);
	if (!error)
		return 0;
	if (use_offer(lab, client, way, find))
		error = 0;
	client_uncharge(client, order); /* refused; or answered with a page that was charged already */
	return error;
}

static void count_client(struct lab_client *client, const struct lab_find *find, int error)
{
	if (!error)
		add_relaxed(&client->answered[find->answer.source], 1); /* a figure; orders nothing */
	else
		add_relaxed(error == -LAB_EDQUOT ? &client->refused_quota : &client->refused, 1);
}

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

static lab_word request_tag(const struct lab_request *request)
{
	struct lab_request stamped = *request;

	if (request->gfp & LAB_EXCLUSIVE && !request->owner)
		stamped.owner = LAB_OWNER_EXCLUSIVE;
	return tag_owned(&stamped);
}

static struct lab_page *deliver(struct labyrinth *lab, const struct lab_request *request, struct lab_find *find)
{
	struct lab_room *room = find->room;
	struct lab_page *page = entrance_stamp(room_page(room, find->bit), request_tag(request));

	if (request->gfp & LAB_ZERO && !find->zeroed)
		memset(room_memory(room) + ((size_t)(find->bit - room->lead) << lab->page_shift), 0,
		       (size_t)1 << (lab->page_shift + request->order));
	return page;
}

int entrance_take(struct labyrinth *lab, const struct lab_request *request, bool contract, struct lab_page **page)
{
	struct lab_find find = { .answer = { .room = -1, .band = -1 } };
	struct lab_client *client = labyrinth_client(lab, request->owner);
	struct lab_way way;
	int error = route_find(lab, request, false, &way);

	if (error)
		return error;
	find.apart = !contract;
	error = client ? search_for(lab, client, &way, &find) : search(lab, &way, &find);
	if (!error) {
		*page = room_page(find.room, find.bit);
		/* In our hand: nobody's, whatever it was kept as. */
		store_release(&(*page)->tag, tag_next(load_relaxed(&(*page)->tag), LAB_FREE));
	}
	return error;
}

static struct lab_page *request_page(struct labyrinth *lab, const struct lab_request *request, bool memory,
				     struct lab_answer *answer)
{
	struct lab_find find = { .answer = { .room = -1, .band = -1 } };
	struct lab_client *client = NULL;
	struct lab_page *page = NULL;
	struct lab_way way;
	lab_word *count;
	int error = process_enter(lab, &count);

	if (!error)
		error = route_find(lab, request, memory, &way);
	if (!error) {
		client = labyrinth_client(lab, request->owner);
		error = client ? search_for(lab, client, &way, &find) : search(lab, &way, &find);
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
		count_client(client, &find, error);
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
	find->room = labyrinth_room(lab, (unsigned int)page_room(lab, page));
	find->bit = (lab_bit)(page - room_page(find->room, 0));
	if (request->gfp & LAB_ZERO && !find->room->memory_at)
		return -LAB_ENOTSUP;
	if (load_relaxed(&find->room->offline))
		return -LAB_EBUSY;
	if (room_take_at(find->room, find->bit, request->order) || claim_pooled(lab, find, request))
		return 0;
	for (; frame <= last; frame++, page++)
		if (tag_state(load_acquire(&page->tag)) == LAB_OFFLINE) /* a report, not a decision */
			return -LAB_EHWPOISON;
	return -LAB_EBUSY;
}

/* The request has been checked. */
static struct lab_page *alloc_at(struct labyrinth *lab, uint64_t frame, const struct lab_request *request)
{
	struct lab_client *client = labyrinth_client(lab, request->owner);
	struct lab_find find = { .answer = { .band = -1 } };
	int error = client ? client_charge(client, request->order) : 0;

	if (error)
		return entrance_refuse(error);
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
