/* SPDX-License-Identifier: MIT */
/*
 * fill.c - the fill kernel of every machine, ChaCha20 (RFC 8439), and the choice among those that are here.
 *
 * Four blocks are made side by side, in vectors of the compiler's: on a machine without vector registers that is ordinary code.
 */
#include "fill.h"
#include "atomic.h"

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define LITTLE_32(w) __builtin_bswap32(w)
#define LITTLE_64(w) __builtin_bswap64(w)
#else
#define LITTLE_32(w) (w)
#define LITTLE_64(w) (w)
#endif

#define SIDE 4u /* blocks side by side */
#define BLOCK_WORDS 16u

typedef uint32_t four __attribute__((vector_size(4 * SIDE)));

#define ROLL(v, n) ((v) << (n) | (v) >> (32 - (n)))
#define QUARTER(a, b, c, d)                                                                                  \
	a += b, d ^= a, d = ROLL(d, 16);                                                                     \
	c += d, b ^= c, b = ROLL(b, 12);                                                                     \
	a += b, d ^= a, d = ROLL(d, 8);                                                                      \
	c += d, b ^= c, b = ROLL(b, 7)

/* Twenty rounds. */
static inline __attribute__((always_inline)) void rounds(four *x)
{
	unsigned int i;

	for (i = 0; i < 10; i++) {
		QUARTER(x[0], x[4], x[8], x[12]);
		QUARTER(x[1], x[5], x[9], x[13]);
		QUARTER(x[2], x[6], x[10], x[14]);
		QUARTER(x[3], x[7], x[11], x[15]);
		QUARTER(x[0], x[5], x[10], x[15]);
		QUARTER(x[1], x[6], x[11], x[12]);
		QUARTER(x[2], x[7], x[8], x[13]);
		QUARTER(x[3], x[4], x[9], x[14]);
	}
}

/* Four blocks, of which x[i] has word i of each. */
static __attribute__((noinline)) void four_blocks(four *x, const uint32_t *state, uint32_t counter)
{
	const four counters = (four){ 0, 1, 2, 3 } + counter, none = { 0 };
	four at[BLOCK_WORDS];
	unsigned int i;

	for (i = 0; i < BLOCK_WORDS; i++)
		at[i] = i == 12 ? counters : none + state[i];
	rounds(at);
	for (i = 0; i < BLOCK_WORDS; i++)
		x[i] = at[i] + (i == 12 ? counters : none + state[i]);
}

/* To memory, in the order of memory.  Returns their part of the digest; `place`: how many words stand before them. */
static uint64_t put_blocks(uint64_t *to, const four *x, unsigned int place)
{
	unsigned int side, i;
	uint64_t digest = 0;

	for (side = 0; side < SIDE; side++)
		for (i = 0; i < BLOCK_WORDS; i += 2, place++) {
			uint64_t word = (uint64_t)x[i + 1][side] << 32 | x[i][side];
			unsigned int by = place % 64;

			*to++ = LITTLE_64(word);
			digest ^= word << by | word >> (-by % 64);
		}
	return digest;
}

static __attribute__((noinline)) uint64_t chacha20(void *memory, size_t bytes, const struct fill_key *key, uint64_t nonce)
{
	uint32_t state[BLOCK_WORDS] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 }; /* "expand 32-byte k" */
	uint32_t counter, blocks = (uint32_t)(bytes / (4 * BLOCK_WORDS));
	uint64_t *to = memory, digest = 0;
	four x[BLOCK_WORDS];
	unsigned int i;

	for (i = 0; i < 8; i++) {
		__builtin_memcpy(&state[4 + i], key->bytes + 4 * i, sizeof(state[0]));
		state[4 + i] = LITTLE_32(state[4 + i]);
	}
	state[13] = (uint32_t)nonce;
	state[14] = (uint32_t)(nonce >> 32);
	for (counter = 0; counter != blocks; counter += SIDE, to += SIDE * BLOCK_WORDS / 2) {
		four_blocks(x, state, counter);
		digest ^= put_blocks(to, x, counter * (BLOCK_WORDS / 2));
	}
	FILL_BARRIER(memory);
	FILL_WIPE(state, sizeof(state));
	FILL_WIPE(x, sizeof(x));
	return digest;
}

/* What the compiler has put on the stack of chacha20() and four_blocks() on its own account: in the place of their frames. */
static __attribute__((noinline)) void wipe_below(void)
{
	uint8_t frames[1536];

	FILL_WIPE(frames, sizeof(frames));
}

static uint64_t chacha20_random(void *memory, size_t bytes, const struct fill_key *key, uint64_t nonce)
{
	struct fill_key own;
	uint64_t digest;

	fill_key_copy(&own, key);
	FILL_BARRIER(&own); /* there, and in no copy that would stay behind */
	digest = chacha20(memory, bytes, &own, nonce);
	FILL_WIPE(&own, sizeof(own));
	wipe_below();
	return digest;
}

static void chacha20_expand(struct fill_key *key, const uint8_t *seed)
{
	unsigned int i;

	for (i = 0; i < FILL_SEED_BYTES; i += sizeof(uint64_t)) {
		__builtin_memcpy(key->bytes + i, seed + i, sizeof(uint64_t));
		FILL_BARRIER(key); /* word by word: nothing stays in a vector register, which nobody would clear */
	}
	__builtin_memset(key->bytes + FILL_SEED_BYTES, 0, FILL_KEY_BYTES - FILL_SEED_BYTES); /* not used */
}

static uint64_t plain_zero(void *memory, size_t bytes)
{
	FILL_WIPE(memory, bytes);
	return 0;
}

static uint64_t plain_digest(const void *memory, size_t bytes)
{
	const uint64_t *word = memory, *end = word + bytes / sizeof(*word);
	uint64_t sum[64] = { 0 };
	unsigned int i;

	for (; word != end; word += 64)
		for (i = 0; i < 64; i++)
			sum[i] ^= LITTLE_64(word[i]);
	return fill_fold(sum);
}

static const struct lab_fill chacha20_kernel = {
	.name = "chacha20",
	.expand = chacha20_expand,
	.random = chacha20_random,
	.random_ram = chacha20_random,
	.zero = plain_zero,
	.zero_ram = plain_zero,
	.digest = plain_digest,
};

/* ---- the choice ---- */

const struct lab_fill *fill_nth_of(unsigned int usable, unsigned int n)
{
#if defined(__x86_64__)
	unsigned int i;

	for (i = 0; i < FILL_X86_KERNELS; i++)
		if (usable >> i & 1 && n-- == 0)
			return &fill_x86_kernel[i];
#else
	(void)usable;
#endif
	return n == 0 ? &chacha20_kernel : NULL;
}

const struct lab_fill *fill_nth(unsigned int n)
{
#if defined(__x86_64__)
	return fill_nth_of(fill_x86_here(), n);
#else
	return fill_nth_of(0, n);
#endif
}

const struct lab_fill *fill_best(void)
{
	static const struct lab_fill *best;
	/* What is pointed at is constant, and all choose the same: neither order nor partner. */
	const struct lab_fill *chosen = __atomic_load_n(&best, __ATOMIC_RELAXED);

	if (unlikely(!chosen)) {
		chosen = fill_nth(0);
		__atomic_store_n(&best, chosen, __ATOMIC_RELAXED);
	}
	return chosen;
}
