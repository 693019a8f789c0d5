/* SPDX-License-Identifier: MIT */
/*
 * vault.h - exclusive pages on their way out and in: overwritten before anybody else can reach them, and looked at before they are given
 * again.
 *
 *     free    OWNED -> SHREDDING, by the claim of the free (exit.c) -> [laundry] -> overwritten -> [quarantine] -> FREE, put back
 *     alloc   found -> its digest is as it was left -> stamped; else it stays out of service
 */
#ifndef LAB_CORE_VAULT_H
#define LAB_CORE_VAULT_H

#include "atomic.h"
#include "frame.h"

/* Is what this owner frees here overwritten? */
static inline bool vault_shreds(const struct labyrinth *lab, const struct lab_span *span, unsigned int owner)
{
	return lab->keys_at && (labyrinth_vault(lab, (unsigned int)(span - lab->span)) || (owner == LAB_OWNER_EXCLUSIVE && span->memory_at));
}

/* A page of a vault whose tag we have made SHREDDING: all the rest of its free. */
void vault_freed(struct labyrinth *lab, struct lab_room *room, lab_bit bit);

/*
 * A page that was found for a request, in our hand.  False: somebody has written to it while it was free; it is out of service, and
 * remembered.  (Ordinary rooms: true.)
 */
bool vault_sound(struct labyrinth *lab, struct lab_room *room, lab_bit bit);

/* A frame in our hand is overwritten, whatever stands in it. */
void vault_overwrite(struct labyrinth *lab, struct lab_room *room, lab_bit bit);

/* At birth: what the specification says of it; every frame overwritten. */
void vault_open(struct labyrinth *lab, struct lab_room *room, const struct lab_vault *spec);

/* Of a vault. */
static inline struct lab_strongroom *vault_of(const struct lab_room *room)
{
	return (struct lab_strongroom *)((char *)(uintptr_t)room + room->vault_at);
}

static inline struct lab_trace *vault_trace(const struct lab_strongroom *vault, lab_bit bit)
{
	return (struct lab_trace *)((char *)(uintptr_t)vault + vault->traces_at) + bit;
}

static inline lab_word *vault_slot(const struct lab_strongroom *vault, lab_word slot)
{
	return (lab_word *)((char *)(uintptr_t)vault + vault->ring_at) + slot;
}

#endif
