/* SPDX-License-Identifier: MIT */
/*
 * secrets.h - the keys of vaults alone, in a scene: with a kernel of this test's own, which remembers what it was asked for.
 *
 * No key is used twice with one nonce; no part of a key can be guessed; and when all calls are over nothing is left of a key that
 * there is another for.
 */
#ifndef SECRETS_H
#define SECRETS_H

#include "clients.h"

#define SECRETS_MAX 32u

static struct {
	struct lab_keys keys;
	struct fill_key first; /* the key at the start */
	struct {
		struct fill_key key;
		uint64_t nonce;
	} used[SECRETS_MAX];
	unsigned int count;
} secrets;

typedef uint64_t secret_word __attribute__((may_alias));
#define SECRET_WORDS (FILL_KEY_BYTES / sizeof(secret_word))

static uint64_t secret_mix(uint64_t x)
{
	x = (x ^ x >> 31) * UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
	return x ^ x >> 32;
}

static void secret_expand(struct fill_key *key, const uint8_t *seed)
{
	secret_word *to = (secret_word *)key->bytes;
	const secret_word *from = (const secret_word *)seed;
	size_t i;

	for (i = 0; i < SECRET_WORDS; i++)
		to[i] = secret_mix(from[i % (FILL_SEED_BYTES / sizeof(*from))] + i + 1);
}

static uint64_t secret_fill(void *memory, size_t bytes, const struct fill_key *key, uint64_t nonce)
{
	struct fill_key own;
	const secret_word *word = (const secret_word *)own.bytes;
	secret_word *to = memory;
	uint64_t sum = nonce;
	size_t i;

	fill_key_copy(&own, key); /* word by word, and others' steps in between */
	for (i = 0; i < SECRET_WORDS; i++) {
		if (!word[i])
			fibers.wrong = "a key that anybody can guess";
		sum = secret_mix(sum + word[i]);
	}
	for (i = 0; i < secrets.count; i++)
		if (secrets.used[i].nonce == nonce && !memcmp(&secrets.used[i].key, &own, sizeof(own)))
			fibers.wrong = "a key used twice with one nonce";
	if (secrets.count < SECRETS_MAX) {
		secrets.used[secrets.count].key = own;
		secrets.used[secrets.count++].nonce = nonce;
	}
	for (i = 0; i < bytes / sizeof(*to); i++)
		to[i] = secret_mix(sum + i);
	return 0;
}

static uint64_t secret_zero(void *page, size_t bytes)
{
	memset(page, 0, bytes);
	fibers.wrong = "overwritten with zeros, though there is a key";
	return 0;
}

static const struct lab_fill secret_kernel = { .name = "secrets", .expand = secret_expand, .random = secret_fill,
					       .random_ram = secret_fill, .zero = secret_zero, .zero_ram = secret_zero };

static bool keys_call(const struct op *op)
{
	uint64_t page[FILL_GRAIN / sizeof(uint64_t)] __attribute__((aligned(64)));
	uint8_t seed[FILL_SEED_BYTES] __attribute__((aligned(16)));

	if (op->kind == KEYS_SHRED) {
		keys_shred(&secrets.keys, &secret_kernel, page, sizeof(page), false);
	} else if (op->kind == KEYS_SEED) {
		memset(seed, 0x77, sizeof(seed));
		keys_seed(&secrets.keys, &secret_kernel, seed);
	} else {
		return false;
	}
	return true;
}

/* Before each schedule: there is a key, and two nonces are left of its batch. */
static void keys_begin(void)
{
	uint8_t seed[FILL_SEED_BYTES] __attribute__((aligned(16)));

	memset(&secrets, 0, sizeof(secrets));
	memset(seed, 0x33, sizeof(seed));
	keys_seed(&secrets.keys, &secret_kernel, seed);
	secrets.keys.next = KEYS_BATCH - 2;
	secrets.first = secrets.keys.slot[secrets.keys.epoch & 1];
}

/* Is a word of the first key left, though it is not the present one? */
static void judge_keys(void)
{
	const secret_word *first = (const secret_word *)secrets.first.bytes;
	size_t i, k, slot;

	for (slot = 0; slot < 2 && secrets.keys.epoch != 1; slot++)
		for (i = 0; i < SECRET_WORDS; i++)
			for (k = 0; k < SECRET_WORDS; k++)
				if (((const secret_word *)secrets.keys.slot[slot].bytes)[i] == first[k])
					fibers.wrong = "a key is over, and part of it is left";
	if (secrets.keys.next > KEYS_BATCH && secrets.keys.epoch == 1)
		fibers.wrong = "a batch is over, and there is no other key";
}

#endif
