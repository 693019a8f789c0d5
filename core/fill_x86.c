/* SPDX-License-Identifier: MIT */
/*
 * fill_x86.c - the fill kernels of x86-64: AES-128 in counter mode, by VAES on 512 and on 256 bits, and by AES-NI.
 *
 * Below fill.c, which asks fill_x86_here() before it hands one out.  The counter blocks are drawn in fill_kernel.h.  Each kernel works
 * on eight vectors at once, which hides the latency of a round; the digest is summed up in registers (512 bits), or in an array,
 * as the vectors are made: memory is never read.
 *
 * What is left behind: nothing of the key.  Round keys stand in vector registers, which are cleared at the end; where
 * they do not all fit they are read in each round from a copy on the stack, which is wiped.
 */
#include "fill_kernel.h"

#if defined(__x86_64__)

#define _MM_MALLOC_H_INCLUDED 1 /* gcc's header would want libc's otherwise */
#include <immintrin.h>

#define IN_512 __attribute__((target("sse4.1,aes,avx2,vaes,avx512f,avx512vl")))
#define IN_256 __attribute__((target("sse4.1,aes,avx2,vaes")))
#define IN_128 __attribute__((target("sse4.1,aes")))
#define INLINE static inline __attribute__((always_inline))

#define EIGHT(each) each(0) each(1) each(2) each(3) each(4) each(5) each(6) each(7)
#define MIDDLE(each) each(1) each(2) each(3) each(4) each(5) each(6) each(7) each(8) each(9)

/* Past the caches.  (Not by intrinsics: a compiler may merge those with the ordinary stores beside them, into ordinary ones.) */
#define STREAM_128(to, vector) __asm__ volatile("movntdq %1, %0" : "=m"(*(to)) : "x"(vector))
#define STREAM_WIDE(to, vector) __asm__ volatile("vmovntdq %1, %0" : "=m"(*(to)) : "v"(vector))

/* ---- keys ---- */

INLINE IN_128 __m128i round_key(__m128i key, __m128i assist)
{
	key = _mm_xor_si128(key, _mm_slli_si128(key, 4));
	key = _mm_xor_si128(key, _mm_slli_si128(key, 8));
	return _mm_xor_si128(key, _mm_shuffle_epi32(assist, 0xff));
}

/* No key, nor a block of keystream, stays in a register. */
#define LOW_16 "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"
#define HIGH_16 "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25", "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31"

INLINE __attribute__((target("avx512f,avx512vl"))) void clear_high(void)
{
#define CLEAR(n) "vpxord %%xmm" #n ", %%xmm" #n ", %%xmm" #n "\n\t"
	__asm__ volatile(CLEAR(16) CLEAR(17) CLEAR(18) CLEAR(19) CLEAR(20) CLEAR(21) CLEAR(22) CLEAR(23) CLEAR(24)
			 CLEAR(25) CLEAR(26) CLEAR(27) CLEAR(28) CLEAR(29) CLEAR(30) CLEAR(31) : : : HIGH_16);
#undef CLEAR
}

INLINE IN_128 void clear_128(void)
{
#define CLEAR(n) "pxor %%xmm" #n ", %%xmm" #n "\n\t"
	__asm__ volatile(EIGHT(CLEAR) CLEAR(8) CLEAR(9) CLEAR(10) CLEAR(11) CLEAR(12) CLEAR(13) CLEAR(14) CLEAR(15) : : : LOW_16);
#undef CLEAR
#ifdef __AVX512VL__ /* the whole build may use them, so the compiler does here, too */
	clear_high();
#endif
}

INLINE IN_256 void clear_256(void)
{
	__asm__ volatile("vzeroall" : : : LOW_16);
#ifdef __AVX512VL__
	clear_high();
#endif
}

INLINE IN_512 void clear_512(void)
{
	clear_high();
	__asm__ volatile("vzeroall" : : : LOW_16);
}

/* FIPS-197, 5.2.  AES-128 uses the first half of the seed. */
static IN_128 void expand(struct fill_key *key, const uint8_t *seed)
{
	__m128i *round = (__m128i *)key->bytes;
	__m128i now = _mm_loadu_si128((const __m128i *)seed);

	_mm_store_si128(round, now);
#define EXPAND(n, constant)                                                                                  \
	now = round_key(now, _mm_aeskeygenassist_si128(now, constant));                                      \
	_mm_store_si128(round + (n), now);
	EXPAND(1, 0x01)
	EXPAND(2, 0x02)
	EXPAND(3, 0x04)
	EXPAND(4, 0x08)
	EXPAND(5, 0x10)
	EXPAND(6, 0x20)
	EXPAND(7, 0x40)
	EXPAND(8, 0x80)
	EXPAND(9, 0x1b)
	EXPAND(10, 0x36)
#undef EXPAND
	FILL_BARRIER(key);
	clear_128();
}

/* ---- VAES, 512 bits ---- */

/* A round key, four times; read once, as fill_key_copy() does.  (With AVX a load of 16 aligned bytes is one access: the makers' manuals.) */
INLINE IN_512 __m512i key_512(const struct fill_key *key, unsigned int round)
{
	__m128i once;

	__asm__ volatile("vmovdqa %1, %0" : "=x"(once) : "m"(*((const __m128i *)key->bytes + round)));
	return _mm512_broadcast_i32x4(once);
}

INLINE IN_512 uint64_t fold_512(const __m512i *sum)
{
	__m512i all = sum[0];
	__m256i half;
	__m128i quarter;

	/* Vector k of each eight began at word 8 k. */
#define ROTATE(k) all = _mm512_xor_si512(all, _mm512_rol_epi64(sum[k], 8 * (k)));
	ROTATE(1) ROTATE(2) ROTATE(3) ROTATE(4) ROTATE(5) ROTATE(6) ROTATE(7)
#undef ROTATE
	all = _mm512_rolv_epi64(all, _mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0));
	half = _mm256_xor_si256(_mm512_castsi512_si256(all), _mm512_extracti64x4_epi64(all, 1));
	quarter = _mm_xor_si128(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
	return (uint64_t)_mm_cvtsi128_si64(quarter) ^ (uint64_t)_mm_extract_epi64(quarter, 1);
}

INLINE IN_512 uint64_t random_512_to(void *memory, size_t bytes, const struct fill_key *key, uint64_t nonce, bool ram)
{
	const __m512i step = _mm512_set_epi64(4, 0, 4, 0, 4, 0, 4, 0);
	const long long n = (long long)nonce;
	__m512i counter = _mm512_set_epi64(3, n, 2, n, 1, n, 0, n);
	__m512i *to = memory, *end = (__m512i *)((char *)memory + bytes);
	__m512i sum[8], block[8], first, last, middle[10];
	uint64_t digest;

#define KEY(r) middle[r] = key_512(key, r);
	first = key_512(key, 0);
	MIDDLE(KEY)
	last = key_512(key, 10);
#undef KEY
#define START(k) sum[k] = _mm512_setzero_si512();
	EIGHT(START)
#undef START
	for (; to != end; to += 8) {
#define COUNT(k)                                                                                             \
	block[k] = _mm512_xor_si512(counter, first);                                                         \
	counter = _mm512_add_epi64(counter, step);
		EIGHT(COUNT)
#undef COUNT
#define CIPHER(k) block[k] = _mm512_aesenc_epi128(block[k], now);
#define ROUND(r)                                                                                             \
	{                                                                                                    \
		const __m512i now = middle[r];                                                               \
		EIGHT(CIPHER)                                                                                \
	}
		MIDDLE(ROUND)
#undef ROUND
#undef CIPHER
#define PUT(k)                                                                                               \
	block[k] = _mm512_aesenclast_epi128(block[k], last);                                                 \
	sum[k] = _mm512_xor_si512(sum[k], block[k]);                                                         \
	if (ram)                                                                                             \
		STREAM_WIDE(to + (k), block[k]);                                                     \
	else                                                                                                 \
		_mm512_store_si512(to + (k), block[k]);
		EIGHT(PUT)
#undef PUT
	}
	if (ram)
		_mm_sfence();
	FILL_BARRIER(memory);
	digest = fold_512(sum);
	clear_512();
	return digest;
}

static IN_512 uint64_t random_512(void *memory, size_t bytes, const struct fill_key *key, uint64_t nonce)
{
	return random_512_to(memory, bytes, key, nonce, false);
}

static IN_512 uint64_t random_ram_512(void *memory, size_t bytes, const struct fill_key *key, uint64_t nonce)
{
	return random_512_to(memory, bytes, key, nonce, true);
}

static IN_512 uint64_t digest_512(const void *memory, size_t bytes)
{
	const __m512i *from = memory, *end = (const __m512i *)((const char *)memory + bytes);
	__m512i sum[8];

#define START(k) sum[k] = _mm512_setzero_si512();
	EIGHT(START)
#undef START
	for (; from != end; from += 8) {
#define ADD(k) sum[k] = _mm512_xor_si512(sum[k], _mm512_load_si512(from + (k)));
		EIGHT(ADD)
#undef ADD
	}
	return fold_512(sum);
}

/* ---- VAES, 256 bits ---- */

/* Eight vectors at `to`, from `counter` on, which moves.  The keys are read in each round: sixteen registers do not hold them too. */
INLINE IN_256 void eight_256(__m256i *to, const __m128i *round, __m256i *counter, __m256i *sum, bool ram)
{
	const __m256i step = _mm256_set_epi64x(2, 0, 2, 0);
	__m256i block[8], now = _mm256_broadcastsi128_si256(_mm_load_si128(round));

#define COUNT(k)                                                                                             \
	block[k] = _mm256_xor_si256(*counter, now);                                                          \
	*counter = _mm256_add_epi64(*counter, step);
	EIGHT(COUNT)
#undef COUNT
#define CIPHER(k) block[k] = _mm256_aesenc_epi128(block[k], now);
#define ROUND(r)                                                                                             \
	now = _mm256_broadcastsi128_si256(_mm_load_si128(round + (r)));                                      \
	EIGHT(CIPHER)
	MIDDLE(ROUND)
#undef ROUND
#undef CIPHER
	now = _mm256_broadcastsi128_si256(_mm_load_si128(round + 10));
#define LAST(k) block[k] = _mm256_aesenclast_epi128(block[k], now);
	EIGHT(LAST)
#undef LAST
#define ADD(k) sum[k] = _mm256_xor_si256(sum[k], block[k]);
	EIGHT(ADD)
#undef ADD
#define PUT(k)                                                                                               \
	if (ram)                                                                                             \
		STREAM_WIDE(to + (k), block[k]);                                                     \
	else                                                                                                 \
		_mm256_store_si256(to + (k), block[k]);
	EIGHT(PUT)
#undef PUT
}

INLINE IN_256 uint64_t random_256_to(void *memory, size_t bytes, const struct fill_key *key, uint64_t nonce, bool ram)
{
	const long long n = (long long)nonce;
	__m256i counter = _mm256_set_epi64x(1, n, 0, n);
	__m256i *to = memory, *end = (__m256i *)((char *)memory + bytes);
	union {
		__m256i vector[16];
		uint64_t word[64];
	} sum;
	struct fill_key own;
	unsigned int at = 0;
	uint64_t digest;

	fill_key_copy(&own, key);
	FILL_BARRIER(&own); /* as for the sums below */
	__builtin_memset(&sum, 0, sizeof(sum));
	for (; to != end; to += 8, at ^= 8) {
		eight_256(to, (const __m128i *)own.bytes, &counter, sum.vector + at, ram);
		FILL_BARRIER(&sum); /* there, and in no copy that would stay behind */
	}
	if (ram)
		_mm_sfence();
	FILL_BARRIER(memory);
	digest = fill_fold(sum.word);
	FILL_WIPE(&sum, sizeof(sum));
	FILL_WIPE(&own, sizeof(own));
	clear_256();
	return digest;
}

static IN_256 uint64_t random_256(void *memory, size_t bytes, const struct fill_key *key, uint64_t nonce)
{
	return random_256_to(memory, bytes, key, nonce, false);
}

static IN_256 uint64_t random_ram_256(void *memory, size_t bytes, const struct fill_key *key, uint64_t nonce)
{
	return random_256_to(memory, bytes, key, nonce, true);
}

/* (As fast as with 512 bits.) */
static IN_256 uint64_t zero_256(void *memory, size_t bytes)
{
	const __m256i none = _mm256_setzero_si256();
	__m256i *to = memory, *end = (__m256i *)((char *)memory + bytes);

	for (; to != end; to += 8) {
#define PUT(k) _mm256_store_si256(to + (k), none);
		EIGHT(PUT)
#undef PUT
	}
	FILL_BARRIER(memory);
	return 0;
}

static IN_256 uint64_t digest_256(const void *memory, size_t bytes)
{
	union {
		__m256i vector[16];
		uint64_t word[64];
	} sum;
	unsigned int half;

	for (half = 0; half < 2; half++) {
		const __m256i *from = (const __m256i *)memory + 8 * half;
		const __m256i *end = (const __m256i *)((const char *)memory + bytes) + 8 * half;
		__m256i *at = sum.vector + 8 * half, part[8];

#define START(k) part[k] = _mm256_setzero_si256();
		EIGHT(START)
#undef START
		for (; from != end; from += 16) {
#define ADD(k) part[k] = _mm256_xor_si256(part[k], _mm256_load_si256(from + (k)));
			EIGHT(ADD)
#undef ADD
		}
#define KEEP(k) at[k] = part[k];
		EIGHT(KEEP)
#undef KEEP
	}
	return fill_fold(sum.word);
}

/* ---- AES-NI ---- */

INLINE IN_128 void eight_128(__m128i *to, const __m128i *round, __m128i *counter, __m128i *sum, bool ram)
{
	const __m128i step = _mm_set_epi64x(1, 0);
	__m128i block[8], now = _mm_load_si128(round);

#define COUNT(k)                                                                                             \
	block[k] = _mm_xor_si128(*counter, now);                                                             \
	*counter = _mm_add_epi64(*counter, step);
	EIGHT(COUNT)
#undef COUNT
#define CIPHER(k) block[k] = _mm_aesenc_si128(block[k], now);
#define ROUND(r)                                                                                             \
	now = _mm_load_si128(round + (r));                                                                   \
	EIGHT(CIPHER)
	MIDDLE(ROUND)
#undef ROUND
#undef CIPHER
	now = _mm_load_si128(round + 10);
#define LAST(k) block[k] = _mm_aesenclast_si128(block[k], now);
	EIGHT(LAST)
#undef LAST
#define ADD(k) sum[k] = _mm_xor_si128(sum[k], block[k]);
	EIGHT(ADD)
#undef ADD
#define PUT(k)                                                                                               \
	if (ram)                                                                                             \
		STREAM_128(to + (k), block[k]);                                                        \
	else                                                                                                 \
		_mm_store_si128(to + (k), block[k]);
	EIGHT(PUT)
#undef PUT
}

INLINE IN_128 uint64_t random_128_to(void *memory, size_t bytes, const struct fill_key *key, uint64_t nonce, bool ram)
{
	__m128i counter = _mm_set_epi64x(0, (long long)nonce);
	__m128i *to = memory, *end = (__m128i *)((char *)memory + bytes);
	union {
		__m128i vector[32];
		uint64_t word[64];
	} sum;
	struct fill_key own;
	unsigned int at = 0;
	uint64_t digest;

	fill_key_copy(&own, key);
	FILL_BARRIER(&own); /* as for the sums below */
	__builtin_memset(&sum, 0, sizeof(sum));
	for (; to != end; to += 8, at = (at + 8) % 32) {
		eight_128(to, (const __m128i *)own.bytes, &counter, sum.vector + at, ram);
		FILL_BARRIER(&sum); /* there, and in no copy that would stay behind */
	}
	if (ram)
		_mm_sfence();
	FILL_BARRIER(memory);
	digest = fill_fold(sum.word);
	FILL_WIPE(&sum, sizeof(sum));
	FILL_WIPE(&own, sizeof(own));
	clear_128();
	return digest;
}

static IN_128 uint64_t random_128(void *memory, size_t bytes, const struct fill_key *key, uint64_t nonce)
{
	return random_128_to(memory, bytes, key, nonce, false);
}

static IN_128 uint64_t random_ram_128(void *memory, size_t bytes, const struct fill_key *key, uint64_t nonce)
{
	return random_128_to(memory, bytes, key, nonce, true);
}

static uint64_t zero_128(void *memory, size_t bytes)
{
	const __m128i none = _mm_setzero_si128();
	__m128i *to = memory, *end = (__m128i *)((char *)memory + bytes);

	for (; to != end; to += 8) {
#define PUT(k) _mm_store_si128(to + (k), none);
		EIGHT(PUT)
#undef PUT
	}
	FILL_BARRIER(memory);
	return 0;
}

/* (A line is sent when it is full: wider vectors are not faster here.) */
static uint64_t zero_ram_128(void *memory, size_t bytes)
{
	const __m128i none = _mm_setzero_si128();
	__m128i *to = memory, *end = (__m128i *)((char *)memory + bytes);

	for (; to != end; to += 8) {
#define PUT(k) STREAM_128(to + (k), none);
		EIGHT(PUT)
#undef PUT
	}
	_mm_sfence();
	FILL_BARRIER(memory);
	return 0;
}

static uint64_t digest_128(const void *memory, size_t bytes)
{
	union {
		__m128i vector[32];
		uint64_t word[64];
	} sum;
	unsigned int quarter;

	for (quarter = 0; quarter < 4; quarter++) {
		const __m128i *from = (const __m128i *)memory + 8 * quarter;
		const __m128i *end = (const __m128i *)((const char *)memory + bytes) + 8 * quarter;
		__m128i *at = sum.vector + 8 * quarter, part[8];

#define START(k) part[k] = _mm_setzero_si128();
		EIGHT(START)
#undef START
		for (; from != end; from += 32) {
#define ADD(k) part[k] = _mm_xor_si128(part[k], _mm_load_si128(from + (k)));
			EIGHT(ADD)
#undef ADD
		}
#define KEEP(k) at[k] = part[k];
		EIGHT(KEEP)
#undef KEEP
	}
	return fill_fold(sum.word);
}

const struct lab_fill fill_x86_kernel[FILL_X86_KERNELS] = {
	[FILL_VAES_512] = { "vaes-512", true, expand, random_512, random_ram_512, zero_256, zero_ram_128, digest_512 },
	[FILL_VAES_256] = { "vaes-256", true, expand, random_256, random_ram_256, zero_256, zero_ram_128, digest_256 },
	[FILL_AES_NI] = { "aes-ni", true, expand, random_128, random_ram_128, zero_128, zero_ram_128, digest_128 },
};

#endif
