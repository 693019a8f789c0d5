/* SPDX-License-Identifier: MIT */
/*
 * witness.c - see witness.h.  As refusals are remembered (record.c): a place each, claimed by its turn.
 */
#include "atomic.h"
#include "witness.h"

_Static_assert(sizeof(struct lab_intrusion) % sizeof(uint64_t) == 0, "copied word by word");

/* Word by word, so that a torn copy is one of whole words, each ordered after or before the `turn` beside it. */
static void copy_words(struct lab_intrusion *to, const struct lab_intrusion *from)
{
	lab_word *into = (lab_word *)(void *)to;
	const lab_word *out = (const lab_word *)(const void *)from;
	size_t i;

	for (i = 0; i < sizeof(*to) / sizeof(lab_word); i++)
		store_release(&into[i], load_acquire(&out[i])); /* partner: the same of whoever reads, or writes */
}

void witness_intrusion(struct lab_strongroom *vault, const struct lab_intrusion *intrusion)
{
	lab_word sequence = add_relaxed(&vault->witnessed, 1) + 1; /* a place of one's own, until it comes round again */
	struct lab_witness *witness = &vault->witness[sequence % LAB_WITNESSES];
	lab_word turn = load_relaxed(&witness->turn);

	/* The claim: odd while it is written.  Lost, or odd already: another writes here, and keeps the place; or a later one has it. */
	if (turn & 1 || turn > 2 * sequence || !cas_seq(&witness->turn, &turn, 2 * sequence - 1))
		return;
	copy_words(&witness->intrusion, intrusion);
	store_release(&witness->turn, 2 * sequence); /* partner: the loads around a reader's copy */
}

static unsigned int list_of(const struct lab_strongroom *vault, struct lab_intrusion *list, unsigned int max)
{
	lab_word last = load_seq(&vault->witnessed), sequence;
	unsigned int n = 0;

	for (sequence = last; sequence && last - sequence < LAB_WITNESSES && n < max; sequence--) {
		const struct lab_witness *witness = &vault->witness[sequence % LAB_WITNESSES];

		if (load_acquire(&witness->turn) != 2 * sequence)
			continue;
		copy_words(&list[n], &witness->intrusion);
		if (load_seq(&witness->turn) == 2 * sequence) /* partner: the claim of who overwrites it */
			n++;
	}
	return n;
}

unsigned int lab_intrusions(const struct labyrinth *lab, unsigned int number, struct lab_intrusion *list, unsigned int max)
{
	const struct lab_strongroom *vault;

	if (!labyrinth_alive(lab) || number >= lab->rooms)
		return 0;
	vault = room_strongroom(labyrinth_room(lab, number));
	return vault ? list_of(vault, list, max) : 0;
}
