/* SPDX-License-Identifier: MIT */
/*
 * test_fill.c - the fill kernels: known answers, one keystream and one digest for all, nothing left out, nothing left behind.
 */
#include "../support/room.h"
#include "fill.h"

#include <sys/mman.h>

#define PAGE 4096u
#define WORDS (PAGE / 8)

static uint8_t *page, *other; /* each between two pages that cannot be touched */
static const uint8_t seed[FILL_SEED_BYTES] = { 9, 8, 7, 6, 5, 4, 3, 2, 1 };

static uint8_t *guarded(size_t bytes)
{
	uint8_t *memory = mmap(NULL, bytes + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(memory != MAP_FAILED);
	assert_int_equal(mprotect(memory + PAGE, bytes, PROT_READ | PROT_WRITE), 0);
	return memory + PAGE;
}

static bool is_aes(const struct lab_fill *fill)
{
	return strcmp(fill->name, "chacha20") != 0;
}

static const struct lab_fill *chacha20(void)
{
	unsigned int n = 0;

	while (fill_nth(n + 1))
		n++;
	assert_string_equal(fill_nth(n)->name, "chacha20");
	return fill_nth(n);
}

static uint64_t plain_digest(const uint8_t *memory, size_t bytes)
{
	uint64_t digest = 0, word;
	size_t i;
	unsigned int byte;

	for (i = 0; i < bytes / 8; i++) {
		for (word = 0, byte = 8; byte-- > 0;)
			word = word << 8 | memory[8 * i + byte];
		digest ^= i % 64 ? word << i % 64 | word >> (64 - i % 64) : word;
	}
	return digest;
}

static void from_hex(uint8_t *to, const char *hex)
{
	unsigned int value;

	for (; *hex; hex += 2) {
		assert_int_equal(sscanf(hex, "%2x", &value), 1);
		*to++ = (uint8_t)value;
	}
}

static void exclusive_or(uint8_t *to, const uint8_t *with)
{
	unsigned int i;

	for (i = 0; i < 16; i++)
		to[i] ^= with[i];
}

/* The first block of a call with nonce 0 is the cipher of zeros; with the block in the first round key: of the block. */
static void cipher_is(const struct lab_fill *fill, const char *key_hex, const char *plain_hex, const char *cipher_hex)
{
	uint8_t half[FILL_SEED_BYTES] = { 0 }, plain[16], cipher[16];
	struct fill_key key;

	from_hex(half, key_hex);
	from_hex(plain, plain_hex);
	from_hex(cipher, cipher_hex);
	fill->expand(&key, half);
	exclusive_or(key.bytes, plain);
	fill->random(page, PAGE, &key, 0);
	assert_memory_equal(page, cipher, 16);
}

static void aes_known_answers(void **state)
{
	static const char *const counter[][2] = { /* SP 800-38A, F.5.1: counter block, output block */
		{ "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff", "ec8cdf7398607cb0f2d21675ea9ea1e4" },
		{ "f0f1f2f3f4f5f6f7f8f9fafbfcfdff00", "362b7c3c6773516318a077d7fc5073ae" },
		{ "f0f1f2f3f4f5f6f7f8f9fafbfcfdff01", "6a2cc3787889374fbeb4c81b17ba6c44" },
		{ "f0f1f2f3f4f5f6f7f8f9fafbfcfdff02", "e89c399ff0f198c6d40a31db156cabfe" },
	};
	const struct lab_fill *fill;
	struct fill_key key;
	uint8_t half[FILL_SEED_BYTES] = { 0 }, last[16];
	unsigned int n, i;

	(void)state;
	for (n = 0; (fill = fill_nth(n)) != NULL; n++) {
		if (!is_aes(fill))
			continue;
		/* FIPS-197: A.1, the last round key; C.1. */
		from_hex(half, "2b7e151628aed2a6abf7158809cf4f3c");
		from_hex(last, "d014f9a8c9ee2589e13f0cc8b6630ca6");
		fill->expand(&key, half);
		assert_memory_equal(key.bytes, half, 16);
		assert_memory_equal(key.bytes + 160, last, 16);
		cipher_is(fill, "000102030405060708090a0b0c0d0e0f", "00112233445566778899aabbccddeeff",
			  "69c4e0d86a7b0430d8cdb78070b4c55a");
		for (i = 0; i < COUNT_OF(counter); i++)
			cipher_is(fill, "2b7e151628aed2a6abf7158809cf4f3c", counter[i][0], counter[i][1]);
	}
}

/* Block i is the cipher of the nonce and i, low bytes first. */
static void aes_counter_blocks(void **state)
{
	const uint64_t nonce = UINT64_C(0xfedcba9876543210);
	const struct lab_fill *fill;
	struct fill_key key, changed;
	uint8_t block[16];
	unsigned int n, i, byte;

	(void)state;
	for (n = 0; (fill = fill_nth(n)) != NULL; n++) {
		if (!is_aes(fill))
			continue;
		fill->expand(&key, seed);
		fill->random(page, PAGE, &key, nonce);
		for (i = 0; i < PAGE / 16; i++) {
			for (byte = 0; byte < 8; byte++) {
				block[byte] = (uint8_t)(nonce >> 8 * byte);
				block[8 + byte] = (uint8_t)((uint64_t)i >> 8 * byte);
			}
			changed = key;
			exclusive_or(changed.bytes, block);
			fill->random(other, FILL_GRAIN, &changed, 0);
			assert_memory_equal(page + 16 * i, other, 16);
		}
	}
}

/* RFC 8439, 2.3, plainly. */
static void chacha20_block(uint8_t *to, const uint8_t *key, uint32_t counter, const uint8_t *nonce)
{
	static const uint8_t at[8][4] = { { 0, 4, 8, 12 }, { 1, 5, 9, 13 }, { 2, 6, 10, 14 }, { 3, 7, 11, 15 },
					  { 0, 5, 10, 15 }, { 1, 6, 11, 12 }, { 2, 7, 8, 13 }, { 3, 4, 9, 14 } };
	static const unsigned int turns[4] = { 16, 12, 8, 7 };
	uint8_t bytes[64] = "expand 32-byte k";
	uint32_t x[16], first[16];
	unsigned int i, step;

	memcpy(bytes + 16, key, 32);
	for (i = 0; i < 4; i++)
		bytes[48 + i] = (uint8_t)(counter >> 8 * i);
	memcpy(bytes + 52, nonce, 12);
	for (i = 0; i < 16; i++)
		x[i] = first[i] = bytes[4 * i] | (uint32_t)bytes[4 * i + 1] << 8 | (uint32_t)bytes[4 * i + 2] << 16 |
				  (uint32_t)bytes[4 * i + 3] << 24;
	for (i = 0; i < 80; i++) {
		uint32_t *a = &x[at[i % 8][0]], *b = &x[at[i % 8][1]], *c = &x[at[i % 8][2]], *d = &x[at[i % 8][3]];

		for (step = 0; step < 4; step++) {
			uint32_t *sum = step % 2 ? c : a, *with = step % 2 ? d : b, *turned = step % 2 ? b : d;

			*sum += *with;
			*turned ^= *sum;
			*turned = *turned << turns[step] | *turned >> (32 - turns[step]);
		}
	}
	for (i = 0; i < 64; i++)
		to[i] = (uint8_t)((x[i / 4] + first[i / 4]) >> 8 * (i % 4));
}

static void chacha20_known_answers(void **state)
{
	uint8_t key_bytes[32], nonce_bytes[12], expected[64];
	const struct lab_fill *fill = chacha20();
	struct fill_key key;
	unsigned int i;

	(void)state;
	/* RFC 8439, 2.3.2: block 1. */
	from_hex(key_bytes, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
	from_hex(nonce_bytes, "000000090000004a00000000");
	from_hex(expected, "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e"
			   "d2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e");
	fill->expand(&key, key_bytes);
	fill->random(page, PAGE, &key, UINT64_C(0x4a00000009000000));
	assert_memory_equal(page + 64, expected, 64);
	for (i = 0; i < PAGE / 64; i++) {
		chacha20_block(expected, key_bytes, i, nonce_bytes);
		assert_memory_equal(page + 64 * i, expected, 64);
	}
}

/* Every kernel of a cipher writes the same, past the caches too; all of it, and nothing else. */
static void one_keystream(void **state)
{
	uint8_t key_bytes[FILL_SEED_BYTES], *whole = guarded(2 * PAGE), *again = guarded(2 * PAGE);
	uint64_t random = 5, nonce, digest;
	const struct lab_fill *fill;
	struct fill_key key;
	unsigned int n, round, i;
	size_t bytes, at;

	(void)state;
	for (round = 0; round < 300; round++) {
		bytes = round % 3 == 0 ? FILL_GRAIN : round % 3 * PAGE;
		for (i = 0; i < sizeof(key_bytes); i++)
			key_bytes[i] = (uint8_t)next_random(&random);
		nonce = next_random(&random);
		for (n = 0; (fill = fill_nth(n)) != NULL; n++) {
			fill->expand(&key, key_bytes);
			if (!n || !is_aes(fill))
				fill->random(whole, bytes, &key, nonce);
			memset(again, (int)round, 2 * PAGE);
			digest = fill->random(again, bytes, &key, nonce);
			assert_memory_equal(again, whole, bytes);
			assert_true(digest == plain_digest(whole, bytes));
			memset(again, (int)round, 2 * PAGE);
			assert_true(fill->random_ram(again, bytes, &key, nonce) == digest);
			assert_memory_equal(again, whole, bytes);
			for (at = bytes; at < 2 * PAGE; at++) /* up to the guard, where there is room before it */
				assert_int_equal(again[at], round & 255);
		}
	}
	munmap(whole - PAGE, 4 * PAGE);
	munmap(again - PAGE, 4 * PAGE);
}

static void zeros(void **state)
{
	const struct lab_fill *fill;
	unsigned int n, i;

	(void)state;
	for (n = 0; (fill = fill_nth(n)) != NULL; n++) {
		memset(page, 0xa5, PAGE);
		assert_true(fill->zero(page, PAGE) == 0);
		for (i = 0; i < PAGE; i++)
			assert_int_equal(page[i], 0);
		memset(page, 0x5a, PAGE);
		assert_true(fill->zero_ram(page, PAGE) == 0);
		for (i = 0; i < PAGE; i++)
			assert_int_equal(page[i], 0);
		assert_true(fill->digest(page, PAGE) == 0);
	}
}

static void digests(void **state)
{
	const struct lab_fill *fill;
	uint64_t random = 77, before;
	unsigned int n, i, bit;

	(void)state;
	for (i = 0; i < PAGE; i++)
		page[i] = (uint8_t)next_random(&random);
	for (n = 0; (fill = fill_nth(n)) != NULL; n++) {
		before = plain_digest(page, PAGE);
		assert_true(fill->digest(page, PAGE) == before);
		assert_true(fill->digest(page, FILL_GRAIN) == plain_digest(page, FILL_GRAIN));
		for (bit = 0; bit < 8 * PAGE; bit++) {
			page[bit / 8] = (uint8_t)(page[bit / 8] ^ 1u << bit % 8);
			/* Bit b of word i: bit b + i of the digest. */
			assert_true((fill->digest(page, PAGE) ^ before) == UINT64_C(1) << (bit + bit / 64) % 64);
			page[bit / 8] = (uint8_t)(page[bit / 8] ^ 1u << bit % 8);
		}
	}
}

#if defined(__x86_64__)
static void which_are_usable(void **state)
{
	const uint32_t aes = UINT32_C(1) << 25 | UINT32_C(1) << 19 | UINT32_C(1) << 9, avx2 = UINT32_C(1) << 5,
		       avx512 = UINT32_C(1) << 16 | UINT32_C(1) << 31, vaes = UINT32_C(1) << 9;
	const struct {
		struct fill_x86_cpu cpu;
		unsigned int usable;
	} cases[] = {
		{ { 0, 0, 0, 0 }, 0 },
		{ { aes, 0, 0, 0 }, 4 },
		{ { aes & ~(UINT32_C(1) << 25), avx2 | avx512, vaes, 0xe7 }, 0 },
		{ { aes, avx2 | avx512, vaes, 0 }, 4 },   /* the OS keeps no wide registers */
		{ { aes, avx2 | avx512, vaes, 3 }, 4 },
		{ { aes, avx2 | avx512, vaes, 7 }, 6 },
		{ { aes, avx2 | avx512, vaes, 0x67 }, 6 }, /* not all of them */
		{ { aes, avx2 | avx512, vaes, 0xe7 }, 7 },
		{ { aes, avx2 | UINT32_C(1) << 16, vaes, 0xe7 }, 6 },
		{ { aes, avx512, vaes, 0xe7 }, 4 },
		{ { aes, avx2 | avx512, 0, 0xe7 }, 4 },
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < COUNT_OF(cases); i++)
		assert_int_equal(fill_x86_usable(&cases[i].cpu), cases[i].usable);
	assert_string_equal(fill_nth_of(7, 0)->name, "vaes-512");
	assert_string_equal(fill_nth_of(6, 0)->name, "vaes-256");
	assert_string_equal(fill_nth_of(5, 1)->name, "aes-ni");
	assert_string_equal(fill_nth_of(4, 0)->name, "aes-ni");
	assert_string_equal(fill_nth_of(4, 1)->name, "chacha20");
	assert_null(fill_nth_of(4, 2));
	assert_string_equal(fill_nth_of(0, 0)->name, "chacha20");
}

/* The instructions of this kernel are here, says the compiler's own look at the machine. */
static void none_that_traps(void **state)
{
	unsigned int here = fill_x86_here();

	(void)state;
	if (here & 1u << FILL_VAES_512)
		assert_true(__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl"));
	if (here & 1u << FILL_VAES_256)
		assert_true(__builtin_cpu_supports("avx2"));
	if (here & 1u << FILL_AES_NI)
		assert_true(__builtin_cpu_supports("sse4.1"));
}
#endif

static void the_choice(void **state)
{
	const struct lab_fill *best = fill_best();
	unsigned int n, i;

	(void)state;
	assert_true(best == fill_nth(0));
	assert_true(fill_best() == best);
	chacha20(); /* the last one */
	for (n = 0; fill_nth(n); n++)
		for (i = 0; i < n; i++)
			assert_true(strcmp(fill_nth(n)->name, fill_nth(i)->name) != 0);
	assert_null(fill_nth(n));
	assert_null(fill_nth(n + 1));
	assert_false(fill_nth(n - 1)->past_caches);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(aes_known_answers),
		cmocka_unit_test(aes_counter_blocks),
		cmocka_unit_test(chacha20_known_answers),
		cmocka_unit_test(one_keystream),
		cmocka_unit_test(zeros),
		cmocka_unit_test(digests),
#if defined(__x86_64__)
		cmocka_unit_test(which_are_usable),
		cmocka_unit_test(none_that_traps),
#endif
		cmocka_unit_test(the_choice),
	};

	page = guarded(PAGE);
	other = guarded(PAGE);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
