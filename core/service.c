/* SPDX-License-Identifier: MIT */
/*
 * service.c - a client's request: from its contract, the way, its share of the reserves, what it offered.
 */
#include "page.h"
#include "service.h"

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

	way->right = LAB_RIGHT_MIN; /* everybody's */
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
	unsigned int which = contract_for(client, way), round;
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

int service(struct labyrinth *lab, struct lab_client *client, struct lab_way *way, struct lab_find *find)
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

void service_count(struct lab_client *client, const struct lab_find *find, int error)
{
	if (!error)
		add_relaxed(&client->answered[find->answer.source], 1); /* a figure; orders nothing */
	else
		add_relaxed(error == -LAB_EDQUOT ? &client->refused_quota : &client->refused, 1);
}

int service_take(struct labyrinth *lab, const struct lab_request *request, struct lab_page **page)
{
	struct lab_client *client = labyrinth_client(lab, request->owner);
	struct lab_find find;
	struct lab_way way;
	int error = route_find(lab, request, false, &way);

	find_begin(&find);
	if (!error)
		error = client ? service(lab, client, &way, &find) : search(lab, &way, &find);
	if (!error) {
		*page = room_page(find.room, find.bit);
		/* In our hand: nobody's, whatever it was kept as. */
		store_release(&(*page)->tag, tag_next(load_relaxed(&(*page)->tag), LAB_FREE));
	}
	return error;
}
