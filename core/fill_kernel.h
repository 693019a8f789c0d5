/* SPDX-License-Identifier: MIT */
/*
 * fill_kernel.h - what a fill kernel is: a way to overwrite memory, and to take the digest of what stands in it.
 *
 * Below fill.c (which has the portable kernel, and chooses) and the files with kernels of one machine.  A kernel knows
 * nothing but the memory and the key that it is handed: no state, no allocation, no operation that others see, but its stores.  Any context in
 * which its vector registers may be used (in a signal handler the kernel has saved them; in an interrupt handler
 * of a kernel of one's own somebody must, or chacha20 of a build without vector registers is the one to take).
 *
 * The memory is aligned to 64 bytes (a page is) and a multiple of FILL_GRAIN long, at most 2^38 bytes; nothing before
 * or behind it is touched, and all of it is written: the compiler may not drop the stores, whatever it knows of what follows.
 */
#ifndef LAB_FILL_KERNEL_H
#define LAB_FILL_KERNEL_H

#include <labyrinth.h>

#include "atomic.h"
#include "word.h"

#define FILL_GRAIN 512u
#define FILL_SEED_BYTES 32u
#define FILL_KEY_BYTES 176u

/*
 * A key as its kernel wants it: expanded.  Nobody else looks inside; but any bytes that nobody can guess are a key,
 * also a mixture of two keys (keys.c), whatever the kernel.
 *
 * Others may write a key while a kernel reads it, word by word.  So a kernel reads each word once, whole, and keeps it in registers, or in
 * a copy that it wipes.
 */
struct fill_key {
	uint8_t bytes[FILL_KEY_BYTES] __attribute__((aligned(16)));
};

typedef lab_word fill_key_word __attribute__((may_alias));

_Static_assert(FILL_KEY_BYTES % sizeof(lab_word) == 0, "a key is of words");

static inline void fill_key_copy(struct fill_key *copy, const struct fill_key *key)
{
	const fill_key_word *from = (const fill_key_word *)key->bytes;
	fill_key_word *to = (fill_key_word *)copy->bytes;
	unsigned int i;

	for (i = 0; i < FILL_KEY_BYTES / sizeof(*from); i++)
		to[i] = load_relaxed(&from[i]); /* behind the load of the epoch; partner: key_put() before the epoch's move (keys.c) */
}

/*
 * The keystream.  AES-128 in counter mode: block i of a call, 16 bytes at 16 i, is the cipher of
 *
 *      0                             8                            15
 *     +-----------------------------+-------------------------------+
 *     |  nonce, low byte first      |  i, low byte first            |
 *     +-----------------------------+-------------------------------+
 *
 * and the same by all AES kernels.  ChaCha20 (RFC 8439): block i, 64 bytes at 64 i, has the block counter i and the
 * 96-bit nonce: the nonce, low byte first, then four zero bytes.
 *
 * The digest is that of the 64-bit words in memory, low byte first: word i rotated left by i mod 64, all of them
 * exclusive-or.  So a single flipped bit flips a single bit of it; all kernels agree.
 */
struct lab_fill {
	const char *name; /* "vaes-512", "vaes-256", "aes-ni", "chacha20" */
	bool past_caches; /* random_ram and zero_ram do what they say; else they are random and zero */
	void (*expand)(struct fill_key *key, const uint8_t *seed);
	/* No two calls with one key have the same nonce.  Returns the digest of what it wrote. */
	uint64_t (*random)(void *memory, size_t bytes, const struct fill_key *key, uint64_t nonce);
	/* The same past the caches, and fenced: in no cache of any CPU when it returns, but written to RAM. */
	uint64_t (*random_ram)(void *memory, size_t bytes, const struct fill_key *key, uint64_t nonce);
	uint64_t (*zero)(void *memory, size_t bytes); /* returns 0, the digest of zeros */
	uint64_t (*zero_ram)(void *memory, size_t bytes);
	uint64_t (*digest)(const void *memory, size_t bytes);
};

/* The digest out of its sums: each the exclusive-or of all words whose place is the same modulo 64. */
static inline uint64_t fill_fold(const uint64_t sum[64])
{
	uint64_t digest = sum[0];
	unsigned int i;

	for (i = 1; i < 64; i++)
		digest ^= sum[i] << i | sum[i] >> (64 - i);
	return digest;
}

/* To the compiler: somebody may read what stands at `p` and behind it, and may have changed any memory. */
#define FILL_BARRIER(p) __asm__ volatile("" : : "r"(p) : "memory")

/* Overwrite what was secret in a variable of one's own. */
#define FILL_WIPE(p, bytes)                                                                                  \
	do {                                                                                                 \
		__builtin_memset((p), 0, (bytes));                                                             \
		FILL_BARRIER(p);                                                                             \
	} while (0)

#if defined(__x86_64__)
/* The kernels of x86-64 (fill_x86.c) that this machine can run, as bits: 1 << enum fill_x86. */
enum fill_x86 {
	FILL_VAES_512,
	FILL_VAES_256,
	FILL_AES_NI,
	FILL_X86_KERNELS,
};
extern const struct lab_fill fill_x86_kernel[FILL_X86_KERNELS];

/* What cpuid and xgetbv say, as they do it. */
struct fill_x86_cpu {
	uint32_t leaf1_ecx, leaf7_ebx, leaf7_ecx;
	uint64_t xcr0; /* 0: there is no xgetbv */
};
unsigned int fill_x86_usable(const struct fill_x86_cpu *cpu);
unsigned int fill_x86_here(void);
#endif

#endif
