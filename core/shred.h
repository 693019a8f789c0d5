/* SPDX-License-Identifier: MIT */
/*
 * shred.h - a block of a room overwritten, as the room wants it.
 */
#ifndef LAB_SHRED_H
#define LAB_SHRED_H

#include "layout.h"

/* Overwrite 2^order frames.  Returns their digest: of one, as shred_digest() says it; of several, those of each together (exclusive-or). */
uint64_t shred_block(const struct labyrinth *lab, const struct lab_room *room, lab_bit bit, unsigned int order);

/* Keys from 32 bytes of the OS's randomness, which are wiped. */
void shred_seed(const struct labyrinth *lab, uint8_t *seed);

/* The digest of what stands in a frame now. */
uint64_t shred_digest(const struct labyrinth *lab, const struct lab_room *room, lab_bit bit);

#endif
