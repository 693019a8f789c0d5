/* SPDX-License-Identifier: MIT */
/*
 * steps_vaults.h - a vault's page taken (looked at), freed (overwritten), put into the quarantine, the laundry or a contract.
 *
 * With the portable fill kernel, ChaCha20: the home's choice is put aside (--wrap), so that instructions are those of one kernel on every
 * machine.  Atomic operations and cache lines are the same with all of them.  Of lines, those of the keys count as metadata, and the
 * page's own do not.  A vault's memory must be there, so rooms of one and of two levels are measured; in the second, frames are many views
 * of a window of zeros, and shredding is by zeros.
 */
#ifndef STEPS_VAULTS_H
#define STEPS_VAULTS_H

#include "fill.h"
#include "steps_clients.h"

#define VAULT_LEAVES_MOST 1024u
#define VAULT_QUARANTINE 64u

const struct lab_fill *__wrap_fill_best(void);

/* How often a page was looked at: how many instructions one look takes is the compiler's. */
static unsigned int looks;

UNCOUNTED static uint64_t counted_digest(const void *memory, size_t bytes)
{
	looks++;
	return fill_nth_of(0, 0)->digest(memory, bytes);
}

UNCOUNTED const struct lab_fill *__wrap_fill_best(void)
{
	static struct lab_fill counted;

	if (!counted.name) { /* at birth: copied beside what is counted */
		counted = *fill_nth_of(0, 0);
		counted.digest = counted_digest;
	}
	return &counted;
}

static char vault_keys[LAB_KEYS_BYTES] __attribute__((aligned(64)));

UNCOUNTED static void call_vault(void *unused)
{
	struct lab_request request = LAB_REQUEST(LAB_GFP_ATOMIC, 0);

	(void)unused;
	request.room = 0;
	request.owner = (uint16_t)client;
	call.page = lab_alloc_request(world.lab, &request, NULL);
	call.result = lab_ptr_err(call.page);
}

UNCOUNTED static void call_vault_free(void *unused)
{
	(void)unused;
	call.result = lab_free_as(world.lab, call.page, 0, client ? client : LAB_OWNER_EXCLUSIVE, 0);
}

/* Memory for a vault of so many leaves: its own, or views of zeros; the one before goes. */
static char *vault_memory(lab_word leaves, bool own)
{
	static char *memory;
	static size_t bytes;
	static int zeros = -1;
	size_t done;

	if (memory)
		munmap(memory, bytes);
	bytes = leaves * LAB_LEAF_FRAMES << 12;
	memory = mapped(bytes);
	if (zeros < 0)
		zeros = memfd_create("zeros", 0);
	if (zeros < 0 || ftruncate(zeros, (off_t)WINDOW))
		give_up("memfd_create");
	for (done = 0; !own && done < bytes; done += WINDOW)
		if (mmap(memory + done, WINDOW, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, zeros, 0) == MAP_FAILED)
			give_up("mmap");
	count.page = (uintptr_t)memory;
	count.page_end = count.page + bytes;
	count.keys = (uintptr_t)vault_keys;
	count.keys_end = count.keys + sizeof(vault_keys);
	return memory;
}

/* A vault, all of it free or none; `contract`: and a client with so many frames. */
static void open_vault(lab_word leaves, const struct lab_vault *vault, enum pattern pattern, uint32_t contract)
{
	static uint8_t seed[FILL_SEED_BYTES];
	struct lab_vault own = *vault;
	struct lab_room_spec room = { .name = "steps", .zone = LAB_ZONE_OWN, .frames = (uint64_t)leaves * LAB_LEAF_FRAMES, .vault = &own };
	struct lab_spec spec = { .page_shift = 12, .cpus = CPUS, .rooms = &room, .room_count = 1, .keys = vault_keys, .seed = seed,
				 .clients = 2, .contract_frames = LAB_CONTRACT_MAX };
	struct lab_client_spec theirs = { .node = LAB_NODE_LOCAL, .room = 0, .frames = contract };

	if (leaves > 32)
		own.shred = LAB_SHRED_ZERO;
	memset(vault_keys, 0, sizeof(vault_keys));
	room.memory = vault_memory(leaves, own.shred == LAB_SHRED_RANDOM);
	world_born(&spec);
	client = 0;
	call.gfp = LAB_GFP_ATOMIC;
	if (contract && lab_client_open(world.lab, &theirs, &client, NULL))
		machine_fail(scene.name, "no client of %u frames", contract);
	fill_leaves(&world.room->commons, pattern);
}

static void measure_take(void)
{
	looks = 0;
	measure(call_vault, 0);
	if (looks > 1) /* (where pages are zeros, none) */
		machine_fail(scene.name, "the page is looked at %u times", looks);
}

/* The last free frame, where this CPU does not know of it. */
static lab_bit open_last(void)
{
	lab_bit bit = bit_at(leaf_met(3), 200);

	open_frames(bit, 0);
	point_at(bit_at(leaf_full_near(), 200));
	return bit;
}

/* The last of a contract; then the first back into it. */
static void vault_contract(lab_word leaves, uint32_t frames)
{
	static const struct lab_vault plain;
	static char state[64];
	uint32_t i;

	snprintf(state, sizeof(state), "%u guaranteed, the last", frames);
	if (scene_wanted(VAULT_CONTRACT, state, false)) {
		open_vault(leaves, &plain, EMPTY, frames);
		for (i = 1; i < frames; i++)
			call_vault(NULL);
		measure_take();
	}
	snprintf(state, sizeof(state), "%u guaranteed, all out", frames);
	if (scene_wanted(VAULT_BACK, state, false)) {
		open_vault(leaves, &plain, EMPTY, frames);
		for (i = 0; i < frames; i++)
			call_vault(NULL);
		measure(call_vault_free, 0);
	}
}

static void vault_takes(lab_word leaves)
{
	static const struct lab_vault plain;

	if (scene_wanted(VAULT_ALLOC, "empty room", true)) {
		open_vault(leaves, &plain, EMPTY, 0);
		measure_take();
	}
	if (scene_wanted(VAULT_ALLOC, "last frame, searched for", false)) {
		open_vault(leaves, &plain, FULL, 0);
		open_last();
		measure_take();
	}
	if (scene_wanted(VAULT_CONTRACT, "64 guaranteed, none out", true)) {
		open_vault(leaves, &plain, EMPTY, 64);
		measure_take();
	}
	vault_contract(leaves, 1);
	vault_contract(leaves, 513);
}

/* A page that its owner frees, in a vault that is otherwise full; its leaf is unknown to all above it. */
static void give_first(lab_word leaves, enum row row, const struct lab_vault *vault, const char *state)
{
	lab_bit bit;

	if (!scene_wanted(row, state, false))
		return;
	open_vault(leaves, vault, FULL, 0);
	bit = bit_at(leaf_apart(0, false), 200);
	open_frames(bit, 0);
	call.page = take_frames(bit, 0);
	know_of_none(bit / LAB_LEAF_FRAMES);
	measure(call_vault_free, 0);
}

static void give_usual(lab_word leaves, enum row row, const struct lab_vault *vault, uint32_t contract)
{
	if (!scene_wanted(row, "empty room", true))
		return;
	open_vault(leaves, vault, EMPTY, contract);
	call_vault(NULL);
	measure(call_vault_free, 0);
}

/* The 64th page that is overwritten with a key: its caller makes the next one. */
static void next_key(lab_word leaves)
{
	static const struct lab_vault plain;
	unsigned int i;

	if (leaves > 32 || !scene_wanted(VAULT_FREE, "empty room, the next key made", false))
		return;
	open_vault(leaves, &plain, EMPTY, 0);
	for (i = 0; i < 63; i++) { /* at birth, whole batches */
		call_vault(NULL);
		call_vault_free(NULL);
	}
	call_vault(NULL);
	scene_extra(NEXT_KEY, 1);
	measure(call_vault_free, 0);
}

static void vault_gives(lab_word leaves)
{
	static const struct lab_vault plain, quarantine = { .quarantine = VAULT_QUARANTINE }, laundry = { .deferred = true };

	give_usual(leaves, VAULT_FREE, &plain, 0);
	give_first(leaves, VAULT_FREE, &plain, "first free frame");
	give_usual(leaves, VAULT_RING, &quarantine, 0);
	give_first(leaves, VAULT_RING, &quarantine, "first free frame");
	give_usual(leaves, VAULT_LAUNDRY, &laundry, 0);
	give_first(leaves, VAULT_LAUNDRY, &laundry, "first frame in it");
	give_usual(leaves, VAULT_BACK, &plain, 64);
	next_key(leaves);
}

static void vaults(lab_word leaves)
{
	if (leaves > VAULT_LEAVES_MOST || !scene.tree_whole)
		return;
	vault_takes(leaves);
	vault_gives(leaves);
	count.page = count.page_end = count.keys = count.keys_end = 0;
	client = 0;
}

#endif
