/* SPDX-License-Identifier: MIT */
/*
 * config_vault.h - a vault with strange numbers: refused, or all of it can be had once, comes back overwritten, and the audit is quiet.
 */
#ifndef FUZZ_CONFIG_VAULT_H
#define FUZZ_CONFIG_VAULT_H

#include <labyrinth/vault.h>

#include "config_spec.h"

#define VAULT_PAGES 64u
#define VAULT_BYTES ((size_t)1 << 20) /* of metadata: more than such a room needs */

static _Alignas(4096) char vault_memory[2 * VAULT_PAGES << 12];
static _Alignas(64) char vault_keys[LAB_KEYS_BYTES + 64];
static uint8_t vault_seed[32];

static inline void take_vault(struct bytes *in, struct hostile *to, struct lab_vault *vault)
{
	struct lab_room_spec *room = &to->rooms[0];
	unsigned int kind = take8(in);

	memset(to, 0, sizeof(*to));
	*room = (struct lab_room_spec){ .name = "vault", .memory = vault_memory, .vault = vault };
	room->zone = (enum lab_zone)sane_or(in, LAB_ZONE_OWN);
	room->frames = 1 + pick(in, VAULT_PAGES);
	room->first_frame = pick(in, 3) * 500;
	room->min = sane_or(in, 0);
	room->zeroed = sane_or(in, 0);
	room->lowmem_reserve[kind % LAB_ZONES] = sane_or(in, 0);
	take_holes(in, to, room, 0);
	*vault = (struct lab_vault){ .ram = kind & 1, .unnoticed = kind & 2, .deferred = kind & 4 };
	vault->guarantees = (uint32_t)sane_or(in, take8(in));
	vault->shred = (enum lab_shred)sane_or(in, kind / 8 % 2);
	vault->stride = (unsigned int)sane_or(in, kind / 16 % 3);
	vault->quarantine = (uint32_t)sane_or(in, kind & 64 ? pick(in, VAULT_PAGES + 2) : 0);
	to->spec = (struct lab_spec){ .page_shift = 12, .cpus = 1 + kind % 3, .rooms = to->rooms, .room_count = 1, .keys = vault_keys,
				      .seed = vault_seed };
	to->spec.processes = (unsigned int)sane_or(in, 0);
	if (take8(in) == 9)
		to->spec.keys = take8(in) % 2 ? NULL : vault_keys + 1 + pick(in, 63);
	if (take8(in) == 9)
		to->spec.seed = NULL;
	if (take8(in) == 9)
		room->memory = take8(in) % 2 ? NULL : vault_memory + 1 + pick(in, 4095);
}

static inline bool vault_faulty(const struct lab_spec *spec)
{
	const struct lab_room_spec *room = &spec->rooms[0];
	const struct lab_vault *vault = room->vault;
	unsigned int i;

	for (i = 0; i < LAB_ZONES; i++)
		if (room->lowmem_reserve[i])
			return true;
	if (room->zone != LAB_ZONE_OWN || room->min || room->zeroed || spec->processes)
		return true;
	if (vault->guarantees & ~LAB_GUARANTEES || (unsigned int)vault->shred > LAB_SHRED_ZERO || vault->stride > 2)
		return true;
	if (vault->ram && vault->deferred) /* what waits is not in RAM when the free returns */
		return true;
	if (vault->quarantine > 65536 || vault->quarantine >= rule_managed(room))
		return true;
	return !room->memory || !spec->keys || (uintptr_t)spec->keys % 64 || !spec->seed;
}

/* All of it, written to, freed, laundered; twice. */
static inline void use_vault(struct labyrinth *lab, const struct lab_spec *spec)
{
	struct lab_request request = LAB_REQUEST(LAB_GFP_ATOMIC, 0);
	uint64_t most = rule_managed(&spec->rooms[0]) - spec->rooms[0].vault->quarantine, n, turn;
	struct lab_page *pages[VAULT_PAGES + 1];
	struct lab_audit audit;
	unsigned int i;

	request.room = 0;
	for (turn = 0; turn < 2; turn++) {
		for (n = 0; n <= VAULT_PAGES && !lab_is_err(pages[n] = lab_alloc_request(lab, &request, NULL)); n++)
			memset(lab_page_address(lab, pages[n]), 0x5a, 4096);
		CHECK(n == most && lab_ptr_err(pages[n]) == -LAB_ENOMEM, "%" PRIu64 " pages of %" PRIu64 ", then %d", n, most,
		      lab_ptr_err(pages[n]));
		CHECK(!lab_audit(lab, true, &audit), "audit: %s", audit.text);
		for (i = 0; i < n; i++) {
			CHECK(lab_free_pages(lab, pages[i], 0) == -LAB_EPERM, "nobody's free");
			CHECK(!lab_free_as(lab, pages[i], 0, LAB_OWNER_EXCLUSIVE, 0), "its owner's free");
		}
		CHECK(lab_launder(lab, 0, UINT32_MAX) == (spec->rooms[0].vault->deferred ? n : 0), "what is laundered");
		for (i = 0; i < n; i++)
			CHECK(*(const uint64_t *)lab_page_address(lab, pages[i]) != UINT64_C(0x5a5a5a5a5a5a5a5a), "not overwritten");
		CHECK(!lab_audit(lab, true, &audit), "audit: %s", audit.text);
	}
	CHECK(lab_panic_shred(lab) == rule_managed(&spec->rooms[0]), "a panic");
}

static inline void fuzz_vault(struct bytes *in)
{
	static struct hostile hostile;
	static struct lab_vault vault;
	static _Alignas(64) char metadata[VAULT_BYTES];
	const char *why = NULL;
	struct labyrinth *lab;
	bool faulty;
	int error;

	take_vault(in, &hostile, &vault);
	memset(vault_seed, 7, sizeof(vault_seed));
	memset(vault_keys, 0, sizeof(vault_keys));
	memset(metadata, 0, sizeof(metadata));
	faulty = spec_faulty(&hostile.spec) || vault_faulty(&hostile.spec); /* in this order: holes may be nowhere */
	error = lab_birth(&hostile.spec, metadata, sizeof(metadata), &lab, NULL, &why);
	CHECK((error != 0) == faulty && (!error || why), "%s", error ? why : "born although it is wrong");
	if (error)
		return;
	CHECK(lab_metadata_bytes(&hostile.spec) <= sizeof(metadata), "so much metadata");
	CHECK(vault_seed[0] == 0 && vault_seed[31] == 0, "the seed is there still");
	CHECK((lab_room_guarantees(lab, 0) & LAB_SHREDDED) && !(lab_room_guarantees(lab, 0) & ~LAB_GUARANTEES), "its guarantees");
	use_vault(lab, &hostile.spec);
}

#endif
