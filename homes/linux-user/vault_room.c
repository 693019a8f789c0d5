/* SPDX-License-Identifier: MIT */
/*
 * vault_room.c - a room of a labyrinth that is a vault: its specification checked, put for the core, and its memory made.
 */
#define _GNU_SOURCE
#include "vault.h"

int vault_check(const struct lab_user_room *room, const struct lab_complaint *to)
{
	if (room->kind != LAB_ROOM_VAULT) {
		if (room->guarantees || room->vault_memory || room->quarantine || room->deferred || room->unnoticed || room->shred)
			return complain_plainly(to, "guarantees, vault_memory, quarantine, deferred, unnoticed and shred are for rooms of kind LAB_ROOM_VAULT");
		return 0;
	}
	if (room->zone != LAB_ZONE_OWN)
		return complain_plainly(to, "a vault's zone is LAB_ZONE_OWN");
	if (room->watermarks || room->min || room->low || room->high || room->zeroed)
		return complain_plainly(to, "a vault has no watermarks and no zeroed frames");
	if (room->bind || room->locked || room->prefaulted)
		return complain_plainly(to, "a vault is not bound to a node; it is always prefaulted, and locked by LAB_LOCKED in guarantees");
	if (room->guarantees & ~LAB_GUARANTEES)
		return complain_plainly(to, "no such guarantee");
	if ((unsigned int)room->vault_memory > LAB_VAULT_HUGETLB)
		return complain_plainly(to, "no such memory for a vault");
	if ((unsigned int)room->shred > LAB_SHRED_ZERO)
		return complain_plainly(to, "no such way to shred");
	if (room->quarantine > VAULT_QUARANTINE_MAX)
		return complain_plainly(to, "65536 pages are in quarantine at most");
	return 0;
}

static uint32_t required(const struct lab_user_spec *spec, const struct lab_user_room *room)
{
	return room->guarantees | (spec->birth == LAB_ARMED ? LAB_LOCKED : 0);
}

void vault_describe(const struct lab_user_spec *spec, struct lab_room_spec *rooms, struct lab_vault *vaults)
{
	unsigned int i;

	for (i = 0; i < spec->room_count; i++) {
		const struct lab_user_room *from = &spec->rooms[i];

		if (from->kind != LAB_ROOM_VAULT)
			continue;
		vaults[i] = (struct lab_vault){
			.guarantees = required(spec, from) & VAULT_OF_MEMORY,
			.shred = from->shred,
			.ram = (from->guarantees & LAB_SHREDDED_RAM) != 0,
			.unnoticed = from->unnoticed,
			.deferred = from->deferred,
			.stride = from->guarantees & LAB_GUARDED ? 2 : 1,
			.quarantine = from->quarantine,
		};
		rooms[i].vault = &vaults[i];
	}
}

int vault_map_room(struct lab_home *home, const struct lab_user_spec *spec, unsigned int number, const struct lab_complaint *to)
{
	const struct lab_user_room *room = &spec->rooms[number];
	struct vault_memory *made = &home->vault[number];
	struct lab_vault *vault = &home->vault_spec[number];
	struct vault_want want = {
		.frames = home->spec[number].frames,
		.page = spec->page_size ? spec->page_size : 4096,
		.guarantees = required(spec, room),
		.memory = room->vault_memory,
	};
	int error = vault_map(&want, made, to);

	if (error)
		return error;
	*vault = *home->spec[number].vault; /* as vault_describe() has put it; from here on in the home's own notes */
	vault->guarantees = made->guarantees;
	home->spec[number].vault = vault;
	home->spec[number].memory = made->base;
	return 0;
}
