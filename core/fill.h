/* SPDX-License-Identifier: MIT */
/*
 * fill.h - overwriting a page, and the digest of what stands in it.
 *
 * A fill kernel overwrites with a keystream (AES-128 in counter mode, or ChaCha20) or zeros, and returns the digest of what it wrote:
 * each 64-bit word, rotated left by its place, all of them exclusive-or; so every single flipped bit changes it, and all kernels agree.
 */
#ifndef LAB_FILL_H
#define LAB_FILL_H

#include <labyrinth.h>

/* A key as a kernel wants it: expanded.  Nobody but its kernel looks inside. */
struct fill_key {
	uint8_t bytes[176] __attribute__((aligned(16)));
};

#define FILL_SEED_BYTES 32u

struct lab_fill {
	const char *name; /* "vaes-512", "vaes-256", "aes-ni", "chacha20" */
	void (*expand)(struct fill_key *key, const uint8_t *seed);
	/* `bytes`: a multiple of 4096.  No two calls with one key have the same nonce. */
	uint64_t (*random)(void *memory, size_t bytes, const struct fill_key *key, uint64_t nonce);
	/* The same past the caches, and fenced: in RAM when it returns (where the kernel can; else as above). */
	uint64_t (*random_ram)(void *memory, size_t bytes, const struct fill_key *key, uint64_t nonce);
	uint64_t (*zero)(void *memory, size_t bytes);
	uint64_t (*zero_ram)(void *memory, size_t bytes);
	uint64_t (*digest)(const void *memory, size_t bytes);
};

/* The best kernel of this machine; chosen once, at the first call (from then on the same).  Never NULL: chacha20 is everywhere. */
const struct lab_fill *fill_best(void);

/* All that this build has and this machine can run, the best first; NULL behind the last. */
const struct lab_fill *fill_nth(unsigned int n);

#endif
