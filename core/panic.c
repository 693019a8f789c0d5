/* SPDX-License-Identifier: MIT */
/*
 * panic.c - live pages overwritten: one by its owner, or all of them.
 */
#include "exit.h"
#include "fill.h"
#include "page.h"
#include "shred.h"
#include "vault.h"

int lab_shred_now(struct labyrinth *lab, struct lab_page *page, unsigned int owner)
{
	const struct exit_claim claim = { .match = exit_match(0, owner & LAB_OWNER_MAX) };
	struct lab_room *room;
	lab_word tag;
	lab_bit bit;
	int number;

	if (!labyrinth_alive(lab))
		return labyrinth_refusal(lab);
	number = page ? page_room(lab, page) : -1;
	if (number < 0)
		return exit_count(lab, LAB_COUNT_RANGE, -LAB_ERANGE);
	room = labyrinth_room(lab, (unsigned int)number);
	bit = (lab_bit)(page - room_page(room, 0));
	if (!room->vault_at)
		return -LAB_ENOTSUP;
	if (owner > LAB_OWNER_MAX)
		return exit_count(lab, LAB_COUNT_FOREIGN, -LAB_EPERM);
	tag = load_acquire(&page->tag);
	if (!exit_fits(&claim, tag)) /* its owner says that it is; who lies frees it meanwhile */
		return exit_shared(&claim, tag) ? exit_count(lab, LAB_COUNT_SHARED, -LAB_EBUSY) : exit_refusal(lab, room, bit, &claim);
	shred_block(lab, room, bit, 0);
	return 0;
}

uint64_t lab_panic_shred(struct labyrinth *lab)
{
	uint64_t done = 0;
	unsigned int i;

	if (!labyrinth_alive(lab))
		return 0;
	for (i = 0; i < lab->rooms; i++)
		if (labyrinth_room(lab, i)->vault_at)
			or_seq(&labyrinth_room(lab, i)->offline, ROOM_PANICKED); /* first of all: nothing more is given */
	for (i = 0; i < lab->rooms; i++) {
		struct lab_room *room = labyrinth_room(lab, i);
		struct lab_strongroom *vault = room_strongroom(room);
		lab_word next;

		/* A frame each, by its turn; orders nothing. */
		while (vault && (next = add_relaxed(&vault->panic, 1)) < room->frames) {
			if (load_relaxed(&room_page(room, room->lead + next)->tag) == LAB_TAG_HOLE) /* there is no such frame */
				continue;
			shred_block(lab, room, room->lead + next, 0);
			done++;
		}
	}
	return done;
}

void lab_vault_seed(struct labyrinth *lab, uint8_t *seed)
{
	if (labyrinth_alive(lab) && lab->keys_at)
		shred_seed(lab, seed);
	FILL_WIPE(seed, FILL_SEED_BYTES); /* a forked child's, too, whom it serves for nothing */
}
