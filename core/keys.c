/* SPDX-License-Identifier: MIT */
/*
 * keys.c - one key after the other, each destroyed when its batch is over (fast key erasure).
 *
 * Whoever has the last nonce of a batch makes the next key: out of keystream of the present one, at a nonce that no page
 * has.  It writes it into the other slot, moves the epoch there, and then overwrites the old slot with *filler*, more of the
 * same keystream.  From a key one cannot get back to the one before.
 *
 * No (key, nonce) twice.  Nonces come from one counter that is never set back: unique over all keys, whatever a caller then
 * finds in a slot.  Those with the highest bit make keys, and have the maker's own nonce below it; the others overwrite
 * pages.  (64 bits do not overflow.  With 32-bit words the epoch is the upper half: a caller would have to stand still while 2^32
 * others pass and the epoch does not move.)
 *
 * Nobody waits.  A maker that is stopped before it has moved the epoch leaves the present key in use: the batch is longer, the nonces
 * go on, and whoever has the last nonce of the next KEYS_BATCH tries.  So several may make a key at once; one moves the epoch, and the
 * others have written their words into a slot for nothing: into the next one, the present one or the old one, for time has gone on.
 * That does no harm, because
 *  - no two makers write the same: each one's key and filler come from a nonce of its own;
 *  - each word is stored once, and never read in order to be stored.  So a word that an epoch's callers have used is in one place
 *    only, in that epoch's slot; whoever overwrites it makes an end of it.  The mover does, after the move; should it be stopped
 *    there for good, the next maker does, with the next key.
 *  - a mixture of words of several makers is a key like any other: every word of it was drawn from keystream (AES takes any round
 *    keys; ChaCha20's are plain bytes).  Likewise what a caller finds that was stopped between its look at the epoch and
 *    its copy of the slot: a newer key, filler, or part of each, and never a constant.
 * What is left of a destroyed key is in the hands of callers that began before: in their kernel's registers, or in its copy, which it wipes.
 * Of filler: it stands where it is until the next key is written there, and what a late caller overwrites with it is as safe from then on.
 */
#include "keys.h"
#include "atomic.h"

#define KEYS_MAKING (UINT64_C(1) << 63) /* the nonces that make keys */

/* The keystream that a key is made of. */
union making {
	uint8_t bytes[FILL_GRAIN];
	struct {
		lab_word seed[FILL_SEED_BYTES / sizeof(lab_word)];
		struct fill_key filler;
	} of;
} __attribute__((aligned(64)));

_Static_assert(sizeof(((union making *)0)->of) <= FILL_GRAIN, "a grain of keystream is enough");

static uint64_t nonce_of(lab_word epoch, lab_word count)
{
	uint64_t upper = sizeof(lab_word) == sizeof(uint64_t) ? 0 : (uint64_t)epoch << 32;

	return (upper | count) & ~KEYS_MAKING;
}

static void key_put(struct fill_key *slot, const struct fill_key *key)
{
	const fill_key_word *from = (const fill_key_word *)key->bytes;
	fill_key_word *to = (fill_key_word *)slot->bytes;
	unsigned int i;

	for (i = 0; i < FILL_KEY_BYTES / sizeof(*from); i++)
		store_relaxed(&to[i], from[i]); /* each once; partner: as above, and whoever comes late takes any */
}

static struct fill_key *key_slot(struct lab_keys *keys, lab_word epoch)
{
	return &keys->slot[epoch & 1];
}

/* The epoch after this one: in the other slot, and not 0. */
static lab_word epoch_after(lab_word epoch)
{
	return epoch + 1 ? epoch + 1 : 2;
}

/* The next key, if nobody else is faster.  `count`: the caller's, so that no other makes the same. */
static void keys_make(struct lab_keys *keys, const struct lab_fill *fill, lab_word count)
{
	lab_word epoch = load_acquire(&keys->epoch); /* the words of its key are there; partner: the move below */
	lab_word old = epoch;
	union making made;
	struct fill_key key;
	unsigned int i;

	if (!epoch)
		return;
	fill->random(&made, sizeof(made), key_slot(keys, epoch), nonce_of(epoch, count) | KEYS_MAKING);
	for (i = 0; i < sizeof(made.of.seed) / sizeof(made.of.seed[0]); i++)
		made.of.seed[i] += load_relaxed(&keys->stir[i]); /* now or in the next key; partner: keys_seed() */
	fill->expand(&key, (const uint8_t *)made.of.seed);
	key_put(key_slot(keys, epoch_after(epoch)), &key);
	/* Behind the key's words, before the filler's; partner: the loads of the epoch. */
	if (cas_acq_rel(&keys->epoch, &old, epoch_after(epoch)))
		key_put(key_slot(keys, epoch), &made.of.filler);
	FILL_WIPE(&made, sizeof(made));
	FILL_WIPE(&key, sizeof(key));
}

/* There is none yet.  Whether it is the first now. */
static bool keys_first(struct lab_keys *keys, const struct lab_fill *fill, const uint8_t *seed)
{
	lab_word none = 0;
	struct fill_key key;
	bool first;

	fill->expand(&key, seed);
	key_put(key_slot(keys, 1), &key);
	first = cas_acq_rel(&keys->epoch, &none, (lab_word)1); /* behind the key's words; partner: the loads of the epoch */
	FILL_WIPE(&key, sizeof(key));
	return first;
}

void keys_seed(struct lab_keys *keys, const struct lab_fill *fill, uint8_t *seed)
{
	lab_word part;
	unsigned int i;

	/* A guess only: if there is one the seed goes into the next; partner: whoever moves it. */
	if (load_acquire(&keys->epoch) || !keys_first(keys, fill, seed)) {
		for (i = 0; i < FILL_SEED_BYTES / sizeof(part); i++) {
			__builtin_memcpy(&part, seed + i * sizeof(part), sizeof(part));
			add_relaxed(&keys->stir[i], part); /* nothing is lost; partner: whoever makes a key */
		}
		FILL_WIPE(&part, sizeof(part));
		keys_make(keys, fill, add_relaxed(&keys->next, (lab_word)1)); /* as in keys_shred() */
	}
	FILL_WIPE(seed, FILL_SEED_BYTES);
}

uint64_t keys_shred(struct lab_keys *keys, const struct lab_fill *fill, void *page, size_t bytes, bool ram)
{
	lab_word epoch = load_acquire(&keys->epoch); /* the words of its key are there; partner: its move */
	lab_word count = add_relaxed(&keys->next, (lab_word)1); /* unique is all that it must be; partner: the others' */
	uint64_t digest;

	if (unlikely(!epoch))
		return ram ? fill->zero_ram(page, bytes) : fill->zero(page, bytes);
	digest = (ram ? fill->random_ram : fill->random)(page, bytes, key_slot(keys, epoch), nonce_of(epoch, count));
	if (unlikely(count % KEYS_BATCH == KEYS_BATCH - 1))
		keys_make(keys, fill, count);
	return digest;
}

void keys_destroy(struct lab_keys *keys)
{
	static const struct fill_key none;
	unsigned int i;

	store_release(&keys->epoch, (lab_word)0); /* no maker moves it any more; partner: its compare-and-swap */
	key_put(&keys->slot[0], &none);
	key_put(&keys->slot[1], &none);
	for (i = 0; i < sizeof(keys->stir) / sizeof(keys->stir[0]); i++)
		store_relaxed(&keys->stir[i], (lab_word)0); /* nor anything of what came from outside; partner: none */
	FILL_BARRIER(keys);
}
