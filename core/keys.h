/* SPDX-License-Identifier: MIT */
/*
 * keys.h - the keys that pages are shredded with: destroyed after a batch, so that no keystream can be made again.
 *
 * Any context, any number of callers at once, no waiting.  The keys stand in memory that a forked child finds wiped (the home sees to
 * that), and that is in no dump.
 */
#ifndef LAB_KEYS_H
#define LAB_KEYS_H

#include "fill.h"

#define KEYS_BATCH 64u /* pages that one key overwrites */

struct lab_keys; /* (defined here, in keys.h, by who writes keys.c) */

/* From 32 bytes of the OS's randomness, which are wiped. */
void keys_seed(struct lab_keys *keys, const struct lab_fill *fill, uint8_t *seed);

/* Overwrite a page (`ram`: past the caches), with a nonce that no other call has had with that key.  Returns the digest. */
uint64_t keys_shred(struct lab_keys *keys, const struct lab_fill *fill, void *page, size_t bytes, bool ram);

/* Forget them all: nothing that was written with them can be made again. */
void keys_destroy(struct lab_keys *keys);

#endif
