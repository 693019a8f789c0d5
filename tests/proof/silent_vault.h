/* SPDX-License-Identifier: MIT */
/*
 * silent_vault.h - exclusive pages in the cage: taken, written to, shared, overwritten, freed, laundered, noticed; and all at once.
 *
 * Three vaults of one armed labyrinth: one as a program wants it (locked, in no dump, in no child, guarded, shredded, noticing), with a
 * quarantine and a client's contract; the same with its shredding deferred; and one of memfd_secret, where the kernel gives that.
 */
#ifndef SILENT_VAULT_H
#define SILENT_VAULT_H

#include "silent_kinds.h"

#define VAULT_FRAMES 96u
#define VAULT_KEPT 8u /* in quarantine; and in the contract */
#define VAULT_OWNER 7u
#define VAULT_USUAL (LAB_LOCKED | LAB_NODUMP | LAB_NOFORK | LAB_GUARDED | LAB_SHREDDED)

enum { USUAL, LAUNDRY, SECRET, VAULTS };

static struct labyrinth *vaults;
static unsigned int vault_count, vault_client;

/* Before the cage: armed, the first so many.  The last one's error and reason otherwise. */
static int open_vaults_of(unsigned int count, char *text)
{
	const struct lab_user_room rooms[VAULTS] = {
		{ .name = "usual", .kind = LAB_ROOM_VAULT, .zone = LAB_ZONE_OWN, .size = VAULT_FRAMES << 12, .guarantees = VAULT_USUAL,
		  .vault_memory = LAB_VAULT_ANONYMOUS, .quarantine = VAULT_KEPT },
		{ .name = "laundry", .kind = LAB_ROOM_VAULT, .zone = LAB_ZONE_OWN, .size = VAULT_FRAMES << 12,
		  .guarantees = VAULT_USUAL, .vault_memory = LAB_VAULT_ANONYMOUS, .deferred = true },
		{ .name = "secret", .kind = LAB_ROOM_VAULT, .zone = LAB_ZONE_OWN, .size = VAULT_FRAMES << 12, .guarantees = VAULT_USUAL,
		  .vault_memory = LAB_VAULT_SECRET },
	};
	const struct lab_user_spec spec = { .birth = LAB_ARMED, .rooms = rooms, .room_count = count, .clients = 1,
					    .contract_frames = VAULT_KEPT };
	const struct lab_client_spec client = { .name = "silent", .node = LAB_NODE_LOCAL, .room = USUAL, .frames = VAULT_KEPT,
						.maximum = VAULT_KEPT + 8 };
	int error = lab_user_open(&spec, &vaults, text);

	if (error)
		return error;
	vault_count = count;
	expect("client_open, in a vault", lab_client_open(vaults, &client, &vault_client, NULL), 0);
	expect("guarantees", (long)(lab_room_guarantees(vaults, USUAL) & VAULT_USUAL), VAULT_USUAL);
	return 0;
}

static void open_vaults(void)
{
	char text[LAB_ERROR_TEXT];

	if (!open_vaults_of(VAULTS, text))
		return;
	printf("without memfd_secret: %s\n", text);
	fflush(stdout);
	if (!open_vaults_of(SECRET, text))
		return;
	snprintf(cage->wrong, sizeof(cage->wrong), "%.150s", text);
	_exit(strstr(text, "lock") ? CANNOT : 1);
}

static struct lab_page *vault_ask(unsigned int room, unsigned int owner)
{
	struct lab_request request = LAB_REQUEST(LAB_GFP_ATOMIC, 0);

	request.room = (int16_t)room;
	request.owner = (uint16_t)owner;
	return lab_alloc_request(vaults, &request, NULL);
}

/* All of it, as its owner would. */
static void vault_write(struct lab_page *page)
{
	volatile uint64_t *word = lab_page_address(vaults, page);
	unsigned int i;

	if (!word)
		wrong("a vault's page without memory", 0);
	for (i = 0; word && i < 512; i++)
		word[i] = 0x5a5a5a5a5a5a5a5au;
}

static uint64_t vault_pairs(unsigned int room, unsigned int owner, uint64_t n)
{
	struct lab_page *page;
	uint64_t i;

	for (i = 0; room < vault_count && i < n; i += 2) {
		if (!got("a vault's page", page = vault_ask(room, owner)))
			return i;
		if (rnd(8) == 0)
			vault_write(page);
		expect("free_as, a vault's", lab_free_as(vaults, page, 0, owner, 0), 0);
		if (room == LAUNDRY && i % VAULT_FRAMES == 0)
			lab_launder(vaults, LAUNDRY, VAULT_FRAMES);
	}
	lab_launder(vaults, LAUNDRY, VAULT_FRAMES);
	return i;
}

static uint64_t kind_vault(uint64_t n)
{
	return vault_pairs(USUAL, VAULT_OWNER, n);
}

static uint64_t kind_vault_client(uint64_t n)
{
	return vault_pairs(USUAL, vault_client, n);
}

static uint64_t kind_vault_laundry(uint64_t n)
{
	return vault_pairs(LAUNDRY, VAULT_OWNER, n);
}

static uint64_t kind_vault_secret(uint64_t n)
{
	return vault_pairs(SECRET, VAULT_OWNER, n);
}

/* A page's life, with every refusal on its way. */
static uint64_t kind_vault_calls(uint64_t n)
{
	static uint8_t seed[32];
	struct lab_page *page;
	struct lab_ref ref;
	uint64_t i;

	for (i = 0; i < n; i += 12) {
		unsigned int room = (unsigned int)rnd(vault_count);

		if (!got("a vault's page", page = vault_ask(room, VAULT_OWNER)))
			return i;
		vault_write(page);
		expect("page_ref", lab_page_ref(vaults, page, &ref), 0);
		expect("share", lab_page_share(vaults, ref), 2);
		expect("free of what is shared", lab_free_ref(vaults, ref, 0, VAULT_OWNER), -LAB_EBUSY);
		expect("unshare", lab_page_unshare(vaults, ref), 1);
		expect("unshare again", lab_page_unshare(vaults, ref), -LAB_EALREADY);
		expect("shred_now, another's", lab_shred_now(vaults, page, VAULT_OWNER + 1), -LAB_EPERM);
		expect("shred_now", lab_shred_now(vaults, page, VAULT_OWNER), 0);
		expect("free, another's", lab_free_as(vaults, page, 0, VAULT_OWNER + 1, 0), -LAB_EPERM);
		expect("free_ref", lab_free_ref(vaults, ref, 0, VAULT_OWNER), 0);
		expect("a free again", lab_free_as(vaults, page, 0, VAULT_OWNER, 0), -LAB_EALREADY);
		if (room == LAUNDRY)
			expect("launder", lab_launder(vaults, LAUNDRY, 2), 1);
		if (rnd(64) == 0)
			lab_vault_seed(vaults, seed);
	}
	return i;
}

/* Written to while it was free: seen, and back into service. */
static uint64_t kind_vault_noticed(uint64_t n)
{
	struct lab_intrusion seen;
	struct lab_page *page, *other;
	uint64_t i;

	for (i = 0; i < n; i += 6) {
		if (!got("a vault's page", page = vault_ask(LAUNDRY, VAULT_OWNER)))
			return i;
		expect("free_as", lab_free_as(vaults, page, 0, VAULT_OWNER, 0), 0);
		expect("launder", lab_launder(vaults, LAUNDRY, 2), 1);
		((volatile char *)lab_page_address(vaults, page))[rnd(4096)] ^= 1;
		if (!got("a vault's other page", other = vault_ask(LAUNDRY, VAULT_OWNER)))
			return i;
		expect("intrusions", (long)lab_intrusions(vaults, LAUNDRY, &seen, 1), 1);
		expect("the frame written to", (long)seen.frame, (long)lab_page_frame(vaults, page));
		expect("frame_online", lab_frame_online(vaults, seen.frame), 0);
		expect("free_as", lab_free_as(vaults, other, 0, VAULT_OWNER, 0), 0);
		expect("launder", lab_launder(vaults, LAUNDRY, 2), 1);
	}
	return i;
}

/* The last kind of all: from then on vaults give nothing. */
static uint64_t kind_panic(uint64_t n)
{
	uint64_t i, all = (uint64_t)vault_count * VAULT_FRAMES;
	struct lab_page *page = vault_ask(USUAL, VAULT_OWNER);

	if (got("a vault's page", page))
		vault_write(page);
	expect("panic", (long)lab_panic_shred(vaults), (long)all);
	for (i = 0; i < n; i += 2) {
		expect("panic again", (long)lab_panic_shred(vaults), 0);
		expect("after a panic", lab_ptr_err(vault_ask((unsigned int)rnd(vault_count), VAULT_OWNER)), -LAB_ENXIO);
	}
	return i + 2;
}

#endif
