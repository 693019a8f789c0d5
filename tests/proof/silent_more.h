/* SPDX-License-Identifier: MIT */
/*
 * silent_more.h - the other kinds: all frames of all rooms and the refusals at their end, what is refused and
 * why, conversions and figures, several nodes, Linux's names; and everything at random.
 */
#ifndef SILENT_MORE_H
#define SILENT_MORE_H

#include "silent_kinds.h"
#include "silent_vault.h"

/* Every frame of a room, its memory touched if it has some. */
static uint64_t take_all(unsigned int room)
{
	struct lab_request request = LAB_REQUEST(LAB_MEMALLOC, 0);
	struct lab_page *page;
	uint64_t n = 0;
	void *address;

	request.room = (int16_t)room;
	while (!lab_is_err(page = lab_alloc_request(lab, &request, NULL)) && n < HELD) {
		held[n++] = page;
		address = lab_page_address(lab, page);
		if (address)
			touch(address, 0);
	}
	expect("the end of a room", lab_ptr_err(page), -LAB_ENOMEM);
	return n;
}

static uint64_t kind_sweep(uint64_t n)
{
	static const uint64_t frames[ROOMS] = { MEMORY_FRAMES, OWN_FRAMES, NUMBERS_FRAMES };
	uint64_t i = 0, j, count;
	unsigned int room = 0;

	while (i < n) {
		count = take_all(room);
		expect("all frames of a room", (long)count, (long)frames[room]);
		for (j = 0; j < count; j++)
			expect("free_pages", lab_free_pages(lab, held[j], 0), 0);
		i += 3 * count + 1;
		room = (room + 1) % ROOMS;
	}
	return i;
}

/* With nothing left in the room that is asked. */
static uint64_t kind_none(uint64_t n)
{
	uint64_t count = take_all(OWN), i, j;
	struct lab_request request = LAB_REQUEST(0, 0);

	request.room = OWN;
	for (i = 0; i < n; i++) {
		request.gfp = some_flags() & ~LAB_THISNODE;
		request.order = (uint8_t)rnd(10);
		expect("none", lab_ptr_err(lab_alloc_request(lab, &request, NULL)), -LAB_ENOMEM);
	}
	for (j = 0; j < count; j++)
		expect("free_pages", lab_free_pages(lab, held[j], 0), 0);
	return i + 2 * count + 1;
}

/* With every other frame in use there is no block. */
static uint64_t kind_no_block(uint64_t n)
{
	uint64_t count = take_all(OWN), i, j;
	struct lab_request request = LAB_REQUEST(0, 1);

	for (j = 0; j < count; j++)
		if (lab_page_frame(lab, held[j]) & 1)
			expect("free_pages", lab_free_pages(lab, held[j], 0), 0);
	request.room = OWN;
	for (i = 0; i < n; i++) {
		request.order = (uint8_t)(1 + rnd(9));
		expect("no block", lab_ptr_err(lab_alloc_request(lab, &request, NULL)), -LAB_ENOSPC);
	}
	for (j = 0; j < count; j++)
		if (!(lab_page_frame(lab, held[j]) & 1))
			expect("free_pages", lab_free_pages(lab, held[j], 0), 0);
	return i + 2 * count + 1;
}

static uint64_t kind_invalid(uint64_t n)
{
	struct lab_request request = LAB_REQUEST(0, 0);
	uint64_t i;

	for (i = 0; i < n; i += 6) {
		expect("order 10", lab_ptr_err(lab_alloc_pages(lab, 0, 10)), -LAB_EINVAL);
		expect("unknown flag", lab_ptr_err(lab_alloc_pages(lab, LAB_FLAGS_ALL + 1, 0)), -LAB_EINVAL);
		expect("two mobilities", (long)(lab_alloc(lab, LAB_MOVABLE | LAB_RECLAIMABLE, 0) != NULL), 0);
		expect("no room", lab_ptr_err(lab_alloc_pages(lab, LAB_DMA, 0)), -LAB_ENXIO);
		request.node = 5;
		expect("no node", lab_ptr_err(lab_alloc_request(lab, &request, NULL)), -LAB_EINVAL);
		request.node = LAB_NODE_LOCAL;
		request.room = 9;
		expect("no such room", lab_ptr_err(lab_alloc_request(lab, &request, NULL)), -LAB_ENXIO);
		request.room = LAB_ROOM_ROUTE;
	}
	return i;
}

static uint64_t kind_refused_frees(uint64_t n)
{
	struct lab_request request = LAB_REQUEST(LAB_GFP_KERNEL, 3);
	struct lab_page *page, *body;
	uint64_t i;

	request.owner = 9;
	request.use = 4;
	page = lab_alloc_request(lab, &request, NULL);
	if (!got("alloc_request", page))
		return 1;
	body = lab_frame_page(lab, lab_page_frame(lab, page) + 1);
	for (i = 0; i < n; i += 9) {
		expect("owner", lab_free_pages(lab, page, 3), -LAB_EPERM);
		expect("order", lab_free_as(lab, page, 2, 9, 0), -LAB_EMSGSIZE);
		expect("order 10", lab_free_as(lab, page, 10, 9, 0), -LAB_EMSGSIZE);
		expect("use", lab_free_as(lab, page, 3, 9, 5), -LAB_EPROTOTYPE);
		expect("body", lab_free_pages(lab, body, 0), -LAB_ENOTBLK);
		expect("no page", lab_free_pages(lab, NULL, 0), -LAB_ERANGE);
		expect("no address", lab_free(lab, &lab, 0), -LAB_ERANGE);
		expect("free already", lab_free_pages(lab, lab_frame_page(lab, MEMORY_FRAMES - 1), 0), -LAB_EALREADY);
		expect("split", lab_split(lab, body, 0), -LAB_ENOTBLK);
	}
	expect("free_as", lab_free_as(lab, page, 3, 9, 4), 0);
	return i + 2;
}

static uint64_t kind_conversions(uint64_t n)
{
	struct lab_page_info info;
	uint64_t i, physical;

	for (i = 0; i < n; i += 8) {
		uint64_t frame = rnd(MEMORY_FRAMES);
		struct lab_page *page = lab_frame_page(lab, frame);
		void *address = lab_page_address(lab, page);

		expect("page_frame", (long)lab_page_frame(lab, page), (long)frame);
		expect("address_page", lab_address_page(lab, address) == page, 1);
		expect("page_info", lab_page_info(lab, page, &info), 0);
		expect("page_physical", lab_page_physical(lab, page, &physical), -LAB_ENOTSUP);
		expect("frame of no page", (long)lab_page_frame(lab, (struct lab_page *)&i), -1);
		expect("page of no address", lab_address_page(lab, &i) == NULL, 1);
	}
	return i;
}

static uint64_t kind_figures(uint64_t n)
{
	struct lab_request request = LAB_REQUEST(LAB_GFP_ATOMIC, 0);
	struct lab_step steps[32];
	struct lab_stats stats;
	uint64_t i;

	for (i = 0; i < n; i += 5) {
		expect("stats", lab_stats(lab, &stats), 0);
		expect("leaf_free", lab_leaf_free(lab, OWN, 0), OWN_FRAMES);
		expect("route_show", lab_route_show(lab, &request, steps, 32), 8);
		expect("default", lab_default() == usual, 1);
		expect("counter_name", lab_counter_name(LAB_COUNT_NOMEM) != NULL && lab_user_metadata_bytes(lab) > 0, 1);
	}
	return i;
}

/* These read everything: a thousandth of the calls. */
static uint64_t kind_audits(uint64_t n)
{
	struct lab_room_stats stats;
	struct lab_audit audit;
	uint64_t i;

	for (i = 0; i < n / 1000; i += 2) {
		expect("room_stats", lab_room_stats(lab, (unsigned int)rnd(ROOMS), &stats), 0);
		expect("audit", lab_audit(lab, i & 1, &audit), 0);
	}
	return i;
}

static uint64_t kind_nodes(uint64_t n)
{
	struct lab_request request = LAB_REQUEST(0, 0);
	uint64_t i;

	for (i = 0; i < n; i += 2) {
		struct lab_page *page;

		request.gfp = some_flags() & ~LAB_DMA32;
		request.order = (uint8_t)rnd(5);
		request.node = (int16_t)((int)rnd(3) - 1);
		page = rnd(2) ? lab_alloc_request(nodes, &request, NULL) : lab_alloc_pages(nodes, request.gfp, request.order);
		if (got("alloc of a node", page))
			expect("free_pages", lab_free_pages(nodes, page, request.order), 0);
	}
	return i;
}

/* ---- clients ---- */

#define CONTRACT 16u
static unsigned int client[2];

/* Before the cage: the first with a contract, the second without. */
static void open_clients(void)
{
	struct lab_client_spec spec = { .name = "silent", .node = LAB_NODE_LOCAL, .room = LAB_ROOM_ROUTE, .frames = CONTRACT, .blocks = 1,
					.block_order = 4, .maximum = CONTRACT + 16 };

	expect("client_open", lab_client_open(guarded, &spec, &client[0], NULL), 0);
	spec = (struct lab_client_spec){ .node = LAB_NODE_LOCAL, .room = LAB_ROOM_ROUTE, .maximum = LAB_UNLIMITED };
	expect("client_open", lab_client_open(guarded, &spec, &client[1], NULL), 0);
}

static struct lab_page *ask(unsigned int owner, lab_gfp_t gfp, unsigned int order)
{
	struct lab_request request = LAB_REQUEST(gfp, order);

	request.owner = (uint16_t)owner;
	return lab_alloc_request(guarded, &request, NULL);
}

static uint64_t kind_clients(uint64_t n)
{
	struct lab_page *page[CONTRACT], *block;
	struct lab_refusal refusal;
	struct lab_client_stats stats;
	uint64_t i;
	unsigned int k;

	for (i = 0; i < n; i += 2 * CONTRACT + 9) {
		for (k = 0; k < CONTRACT; k++)
			if (!got("a client's page", page[k] = ask(client[0], LAB_GFP_ATOMIC | LAB_RAW, 0)))
				return i;
		expect("beyond the contract", lab_ptr_err(ask(client[0], LAB_RAW, 0)), -LAB_EDQUOT);
		if (got("a client's block", block = ask(client[0], LAB_GFP_ATOMIC, 4)))
			expect("free_as", lab_free_as(guarded, block, 4, client[0], 0), 0);
		expect("hand_over", lab_page_hand_over(guarded, page[0], 0, client[0], client[1]), 0);
		expect("free_as", lab_free_as(guarded, page[0], 0, client[1], 0), 0);
		expect("offer", lab_page_offer(guarded, page[1], client[0]), 0);
		expect("withdraw", lab_page_withdraw(guarded, page[1], client[0]), 0);
		expect("client_stats", lab_client_stats(guarded, client[0], &stats), 0);
		expect("refusals", lab_refusals(guarded, &refusal, 1), 1);
		for (k = 1; k < CONTRACT; k++)
			expect("free_as", lab_free_as(guarded, page[k], 0, client[0], 0), 0);
	}
	return i;
}

static uint64_t kind_linux(uint64_t n)
{
	struct page *page, *array[20];
	uint64_t i, j;

	for (i = 0; i < n; i += 48) {
		page = alloc_pages(GFP_KERNEL, 2);
		if (page) {
			split_page(page, 2);
			for (j = 0; j < 4; j++)
				__free_page(page + j);
		}
		free_page(get_zeroed_page(GFP_ATOMIC));
		free_pages_exact(alloc_pages_exact(9000, GFP_NOWAIT), 9000);
		for (j = 0; j < 20; j++)
			array[j] = NULL;
		expect("alloc_pages_bulk", (long)alloc_pages_bulk(GFP_NOWAIT, 20, array), 20);
		for (j = 0; j < 20; j++)
			__free_page(array[j]);
		page = virt_to_page(labyrinth_void_alloc_page_gfp_atomic_exclusive());
		expect("exclusive", labyrinth_void_free_page_exclusive(page_address(page)), 0);
		expect("pfn_to_page", pfn_to_page(page_to_pfn(page)) == page, 1);
	}
	return i;
}

/* All of it, in small portions. */
static uint64_t kind_mixed(uint64_t n)
{
	static kind_run *const some[] = { kind_single, kind_address, kind_blocks, kind_request, kind_exclusive, kind_refs,
					  kind_bulk, kind_at, kind_split, kind_invalid, kind_refused_frees, kind_conversions,
					  kind_figures, kind_nodes, kind_linux };
	uint64_t i = 0;

	while (i < n)
		i += some[rnd(sizeof(some) / sizeof(*some))](1 + rnd(20));
	return i;
}

static const struct kind {
	const char *name;
	kind_run *run;
} kinds[] = {
	{ "alloc_pages", kind_single },	   { "alloc", kind_address },
	{ "blocks", kind_blocks },	   { "block-addresses", kind_block_addresses },
	{ "alloc_request", kind_request }, { "zero", kind_zero },
	{ "exclusive", kind_exclusive },   { "refs", kind_refs },
	{ "bulk", kind_bulk },		   { "alloc_at", kind_at },
	{ "split", kind_split },	   { "frame_offline", kind_service },
	{ "room_offline", kind_rooms },	   { "every-frame", kind_sweep },
	{ "none", kind_none },		   { "no-block", kind_no_block },
	{ "invalid", kind_invalid },	   { "refused-frees", kind_refused_frees },
	{ "conversions", kind_conversions }, { "figures", kind_figures },
	{ "audits", kind_audits },	   { "nodes", kind_nodes },
	{ "linux", kind_linux },	   { "clients", kind_clients },
	{ "mixed", kind_mixed },	   { "vault", kind_vault },
	{ "vault-client", kind_vault_client }, { "vault-laundry", kind_vault_laundry },
	{ "vault-secret", kind_vault_secret }, { "vault-calls", kind_vault_calls },
	{ "vault-noticed", kind_vault_noticed }, { "vault-panic", kind_panic },
};
#define KINDS (sizeof(kinds) / sizeof(*kinds))

#endif
