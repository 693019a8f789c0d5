/* SPDX-License-Identifier: MIT */
/*
 * keys.h - the keys that pages are shredded with: destroyed after a batch, so that no keystream can be made again.
 *
 * Any context, any number of callers at once, nested in the middle of each other; no waiting (keys.c has the argument, models/keys.pml
 * the protocol).  A structure has one kernel for all its life.  The keys stand in memory that a forked child finds wiped (the home
 * sees to that), and that is in no dump.  All zero, as it is born or wiped: there is no key.
 */
#ifndef LAB_KEYS_H
#define LAB_KEYS_H

#include "fill.h"
#include "word.h"

#define KEYS_BATCH 64u /* pages that one key overwrites */

/*
 * Who may do what at the same time: anybody anything, but keys_destroy() (there).
 *
 *     epoch   moved by compare-and-swap; 0: no key
 *     next    only added to
 *     stir    only added to: what came from outside, which goes into each new key
 *     slot    [epoch & 1] is the present key, the other will be the next; written word by word, each a store of something that
 *             nobody can guess and that is stored nowhere else nor ever again
 */
struct lab_keys {
	lab_word epoch;
	lab_word next; /* the next nonce */
	lab_word stir[FILL_SEED_BYTES / sizeof(lab_word)];
	struct fill_key slot[2] __attribute__((aligned(64)));
} __attribute__((aligned(64)));

/*
 * From 32 bytes of the OS's randomness, which are wiped.  The first time they are the key; from then on they go into the next one, and all
 * after it, with what those are derived from: bytes that somebody knows do no harm.
 */
void keys_seed(struct lab_keys *keys, const struct lab_fill *fill, uint8_t *seed);

/*
 * Overwrite a page (aligned; `bytes`: a multiple of FILL_GRAIN; `ram`: past the caches), with a nonce that no other call has had.
 * Returns the digest.  Where there is no key it is overwritten with zeros.
 */
uint64_t keys_shred(struct lab_keys *keys, const struct lab_fill *fill, void *page, size_t bytes, bool ram);

/*
 * Forget them all: nothing that was written with them can be made again.  A keys_shred() that is under way at this instant overwrites its
 * page all the same, but maybe with what can be guessed.
 */
void keys_destroy(struct lab_keys *keys);

#endif
