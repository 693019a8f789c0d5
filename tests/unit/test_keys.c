/* SPDX-License-Identifier: MIT */
/*
 * test_keys.c - the keys of vaults: nonces, batches, and that a key whose batch is over stands nowhere any more.
 *
 * A kernel of the test's own records with what (key, nonce) it was called, and can call back into keys_shred() from its middle, as
 * an interrupt would.
 */
#include "../support/room.h"
#include "keys.h"

#include <pthread.h>
#include <signal.h>
#include <sys/time.h>

#define PAGE 4096u
#define MAKING (UINT64_C(1) << 63)
#define KEY_WORDS (FILL_KEY_BYTES / 8)
#define USES 400000u

struct use {
	uint64_t key[KEY_WORDS], nonce;
};

static struct use *uses;
static unsigned int used;
static struct lab_keys keys;
static uint8_t page[PAGE] __attribute__((aligned(4096)));
static unsigned int zeroed_pages, past_caches;
static void (*in_random)(uint64_t nonce), (*in_expand)(void);

static uint64_t mixed(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static void noting_expand(struct fill_key *key, const uint8_t *seed)
{
	uint64_t word[FILL_SEED_BYTES / 8], to[KEY_WORDS];
	unsigned int i;

	memcpy(word, seed, sizeof(word));
	for (i = 0; i < KEY_WORDS; i++)
		to[i] = mixed(word[i % 4] + i * UINT64_C(0x9e3779b97f4a7c15));
	memcpy(key->bytes, to, sizeof(to));
	if (in_expand)
		in_expand();
}

/* A keystream that depends on every word of the key. */
static uint64_t noting_random(void *memory, size_t bytes, const struct fill_key *key, uint64_t nonce)
{
	struct use *use = &uses[__atomic_fetch_add(&used, 1, __ATOMIC_RELAXED)];
	uint64_t sum = mixed(nonce), *word = memory;
	size_t i;

	memcpy(use->key, key->bytes, sizeof(use->key));
	use->nonce = nonce;
	if (in_random)
		in_random(nonce);
	for (i = 0; i < KEY_WORDS; i++)
		sum = mixed(sum + use->key[i]);
	for (i = 0; i < (bytes < 1024 ? bytes : 64) / 8; i++) /* the first of a page are enough */
		word[i] = mixed(sum + i);
	return nonce;
}

static uint64_t noting_random_ram(void *memory, size_t bytes, const struct fill_key *key, uint64_t nonce)
{
	past_caches++;
	return noting_random(memory, bytes, key, nonce);
}

static uint64_t noting_zero(void *memory, size_t bytes)
{
	zeroed_pages++;
	memset(memory, 0, bytes);
	return 0;
}

static uint64_t noting_zero_ram(void *memory, size_t bytes)
{
	past_caches++;
	return noting_zero(memory, bytes);
}

static const struct lab_fill noting = { .name = "noting",
					.expand = noting_expand,
					.random = noting_random,
					.random_ram = noting_random_ram,
					.zero = noting_zero,
					.zero_ram = noting_zero_ram };

static void begin(uint64_t first)
{
	uint8_t seed[FILL_SEED_BYTES];
	unsigned int i;

	memset(&keys, 0, sizeof(keys));
	used = zeroed_pages = past_caches = 0;
	in_random = NULL;
	in_expand = NULL;
	for (i = 0; i < sizeof(seed); i++)
		seed[i] = (uint8_t)next_random(&first);
	keys_seed(&keys, &noting, seed);
	for (i = 0; i < sizeof(seed); i++)
		assert_int_equal(seed[i], 0); /* wiped */
}

static void shred(void)
{
	keys_shred(&keys, &noting, page, PAGE, false);
}

/* Does any word of this key stand anywhere in the structure? */
static bool stands(const uint64_t *key)
{
	uint64_t word;
	size_t at;
	unsigned int i;

	for (at = 0; at < sizeof(keys); at += 8) {
		memcpy(&word, (const char *)&keys + at, sizeof(word));
		for (i = 0; i < KEY_WORDS && word; i++)
			if (key[i] == word)
				return true;
	}
	return false;
}

/* None of the keys used so far, however it was put together. */
static void assert_forgotten(void)
{
	unsigned int i;

	for (i = 0; i < used; i++)
		if (!i || memcmp(uses[i].key, uses[i - 1].key, sizeof(uses[i].key)))
			assert_false(stands(uses[i].key));
}

static int by_nonce(const void *a, const void *b)
{
	const struct use *first = a, *second = b;

	return (first->nonce > second->nonce) - (first->nonce < second->nonce);
}

/* No nonce twice, whatever the key, and no key with a word that was never written.  How many keys were made goes to *made. */
static void assert_unique(unsigned int *made)
{
	unsigned int i, word;

	assert_true(used <= USES);
	qsort(uses, used, sizeof(*uses), by_nonce);
	for (i = *made = 0; i < used; i++) {
		for (word = 0; word < KEY_WORDS; word++)
			assert_true(uses[i].key[word] != 0); /* nothing that anybody could guess */
		if (i)
			assert_true(uses[i].nonce != uses[i - 1].nonce);
		*made += uses[i].nonce >= MAKING;
	}
}

static void batches(void **state)
{
	unsigned int batch, i, made;
	const struct use *use;

	(void)state;
	begin(1);
	for (batch = 0; batch < 20; batch++) {
		use = &uses[used];
		for (i = 0; i < KEYS_BATCH; i++) {
			assert_int_equal(used, batch * (KEYS_BATCH + 1) + i);
			shred();
			assert_memory_equal(uses[used - 1].key, use->key, sizeof(use->key));
			if (i < KEYS_BATCH - 1)
				assert_true(stands(use->key));
		}
		/* One call more has made the next key. */
		assert_int_equal(used, (batch + 1) * (KEYS_BATCH + 1));
		assert_true(uses[used - 1].nonce & MAKING);
		assert_forgotten();
	}
	assert_unique(&made);
	assert_int_equal(made, 20);
}

/* Without a key: zeros.  So it is before the first seed, in a forked child, and at the end. */
static void without_a_key(void **state)
{
	static const struct lab_keys none;
	unsigned int i;

	(void)state;
	begin(2);
	memset(&keys, 0, sizeof(keys));
	memset(page, 1, sizeof(page));
	for (i = 0; i < 2 * KEYS_BATCH; i++)
		assert_true(keys_shred(&keys, &noting, page, PAGE, false) == 0);
	assert_int_equal(zeroed_pages, 2 * KEYS_BATCH);
	assert_int_equal(page[PAGE - 1], 0);
	assert_int_equal(past_caches, 0);
	keys_shred(&keys, &noting, page, PAGE, true);
	assert_int_equal(past_caches, 1);
	assert_int_equal(used, 0);
	begin(2);
	for (i = 0; i < KEYS_BATCH + 5; i++)
		keys_shred(&keys, &noting, page, PAGE, true);
	assert_int_equal(past_caches, KEYS_BATCH + 5);
	keys_destroy(&keys);
	assert_forgotten();
	assert_memory_equal(keys.slot, none.slot, sizeof(none.slot));
	assert_memory_equal(keys.stir, none.stir, sizeof(none.stir));
	shred();
	assert_int_equal(zeroed_pages, 1);
}

static void destroy_when_made(uint64_t nonce)
{
	if (nonce & MAKING)
		keys_destroy(&keys);
}

static void destroy_at_the_last(uint64_t nonce)
{
	if (!(nonce & MAKING) && (uint32_t)nonce == KEYS_BATCH - 1) /* (32-bit words: the epoch stands above) */
		keys_destroy(&keys);
}

/* Destroyed in the middle of a call: no key is made any more, or it is not put in use. */
static void destroyed_meanwhile(void **state)
{
	void (*const hooks[])(uint64_t nonce) = { destroy_when_made, destroy_at_the_last };
	unsigned int i, which;

	(void)state;
	for (which = 0; which < COUNT_OF(hooks); which++) {
		begin(9);
		in_random = hooks[which];
		for (i = 0; i < KEYS_BATCH; i++)
			shred();
		assert_int_equal(used, KEYS_BATCH + (which == 0));
		assert_true(keys.epoch == 0);
		assert_forgotten();
		shred();
		assert_int_equal(zeroed_pages, 1);
	}
}

/* A second seed goes into the next key, with what that is derived from. */
static void seeds(void **state)
{
	uint8_t seed[FILL_SEED_BYTES];
	uint64_t key[3][KEY_WORDS];
	unsigned int i, which;

	(void)state;
	for (which = 0; which < 3; which++) {
		begin(3);
		shred();
		memcpy(key[0], uses[0].key, sizeof(key[0]));
		memset(seed, 0, sizeof(seed));
		seed[FILL_SEED_BYTES - 1] = (uint8_t)which;
		keys_seed(&keys, &noting, seed);
		for (i = 0; i < sizeof(seed); i++)
			assert_int_equal(seed[i], 0);
		assert_false(stands(uses[0].key)); /* at once */
		shred();
		memcpy(key[which], uses[used - 1].key, sizeof(key[0]));
		for (i = 0; i < which; i++)
			assert_memory_not_equal(key[which], key[i], sizeof(key[0]));
	}
	/* Somebody else's first seed came first. */
	begin(4);
	shred();
	keys.epoch = 0;
	memset(seed, 7, sizeof(seed));
	keys_seed(&keys, &noting, seed);
	assert_true(keys.epoch == 1);
	shred();
	assert_memory_not_equal(uses[1].key, uses[0].key, sizeof(key[0]));
}

/* ---- interrupted in the middle ---- */

static unsigned int depth;

/* From the middle of each page's overwriting: two more pages; from the making of a key: batches of them. */
static void nested(uint64_t nonce)
{
	unsigned int i;

	if (depth == 3 || used > USES / 2)
		return;
	depth++;
	for (i = 0; i < (nonce & MAKING ? 2 * KEYS_BATCH + 7 : 2); i++)
		shred();
	depth--;
}

static void nested_in_expand(void)
{
	nested(MAKING);
}

static void nested_callers(void **state)
{
	unsigned int i, made;

	(void)state;
	begin(5);
	in_random = nested;
	for (i = 0; i < 150; i++)
		shred();
	in_random = NULL;
	in_expand = nested_in_expand;
	for (i = 0; i < 3 * KEYS_BATCH; i++)
		shred();
	in_expand = NULL;
	for (i = 0; i < 2 * KEYS_BATCH || keys.next % KEYS_BATCH; i++) /* the rests of those that came late, too */
		shred();
	assert_forgotten();
	assert_unique(&made);
	assert_true(made > 100);
}

/* The first seed interrupted by another first seed: both count. */
static void seed_in_seed(void)
{
	uint8_t seed[FILL_SEED_BYTES] = { 3 };

	in_expand = NULL;
	keys_seed(&keys, &noting, seed);
}

static void nested_seeds(void **state)
{
	uint8_t seed[FILL_SEED_BYTES] = { 4 };
	uint64_t stirred = 0;
	unsigned int i;

	(void)state;
	begin(6);
	memset(&keys, 0, sizeof(keys));
	in_expand = seed_in_seed;
	keys_seed(&keys, &noting, seed);
	assert_true(keys.epoch == 2); /* one was the first key, the other went into the next */
	for (i = 0; i < COUNT_OF(keys.stir); i++)
		stirred += keys.stir[i];
	assert_true(stirred == 4);
}

/* The epoch goes round without ever being 0, and stays in step with the slots. */
static void epoch_round(void **state)
{
	uint64_t key[KEY_WORDS];
	unsigned int i;

	(void)state;
	begin(7);
	memcpy(key, keys.slot[1].bytes, sizeof(key));
	keys.epoch = (lab_word)-1;
	for (i = 0; i < KEYS_BATCH; i++)
		shred();
	assert_memory_equal(uses[0].key, key, sizeof(key));
	assert_true(keys.epoch == 2);
	assert_forgotten();
	memcpy(key, keys.slot[0].bytes, sizeof(key));
	shred();
	assert_memory_equal(uses[used - 1].key, key, sizeof(key));
}

/* ---- threads, and a signal handler in each ---- */

#define THREADS 4u
#define EACH 60000u

static void on_signal(int number)
{
	static _Thread_local uint8_t own[PAGE] __attribute__((aligned(64)));

	(void)number;
	if (__atomic_load_n(&used, __ATOMIC_RELAXED) < USES - 100000)
		keys_shred(&keys, &noting, own, PAGE, false);
}

static pthread_barrier_t together;

static void *shredder(void *argument)
{
	uint8_t *own = zeroed(PAGE);
	unsigned int i;

	pthread_barrier_wait(&together);
	for (i = 0; i < EACH; i++) {
		keys_shred(&keys, &noting, own, PAGE, false);
		if (i % 5000 == 17) {
			uint8_t seed[FILL_SEED_BYTES] = { (uint8_t)i };

			keys_seed(&keys, &noting, seed);
		}
	}
	free(own);
	return argument;
}

static void threads_and_signals(void **state)
{
	const struct itimerval often = { { 0, 100 }, { 0, 100 } }, never = { { 0, 0 }, { 0, 0 } };
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	pthread_t threads[THREADS];
	unsigned int i, made;

	(void)state;
	begin(8);
	assert_int_equal(pthread_barrier_init(&together, NULL, THREADS), 0);
	assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, shredder, NULL), 0);
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	pthread_barrier_destroy(&together);
	assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
	for (i = 0; i < 2 * KEYS_BATCH || keys.next % KEYS_BATCH; i++)
		shred();
	assert_forgotten();
	assert_true(used > THREADS * EACH);
	assert_unique(&made);
	assert_true(made >= THREADS * EACH / KEYS_BATCH);
}

/* ---- the real kernels ---- */

static void really(void **state)
{
	static struct lab_keys real;
	uint8_t seed[FILL_SEED_BYTES] = { 1 }, before[64];
	const struct lab_fill *fill;
	unsigned int n, i;

	(void)state;
	for (n = 0; (fill = fill_nth(n)) != NULL; n++) {
		memset(&real, 0, sizeof(real));
		memset(before, 0, sizeof(before));
		keys_seed(&real, fill, seed);
		for (i = 0; i < 3 * KEYS_BATCH; i++) {
			assert_true(keys_shred(&real, fill, page, PAGE, i % 2) == fill->digest(page, PAGE));
			assert_memory_not_equal(page, before, sizeof(before));
			memcpy(before, page, sizeof(before));
		}
		keys_destroy(&real);
	}
}

#if defined(__OPTIMIZE__) && defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define LOOK_BEHIND 1
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#undef LOOK_BEHIND
#endif
#endif
#endif

#if defined(LOOK_BEHIND)
#define STACK_WORDS 2048u

static struct lab_keys watched;
static uint64_t secret[2][KEY_WORDS], registers[32];
static size_t secret_words;

static __attribute__((noinline)) void stack_cleaned(void)
{
	volatile uint64_t words[STACK_WORDS + 256];
	unsigned int i;

	for (i = 0; i < COUNT_OF(words); i++)
		words[i] = 0;
}

static bool is_secret(uint64_t word)
{
	unsigned int slot, i;

	for (slot = 0; slot < 2; slot++)
		for (i = 0; i < secret_words; i++)
			if (word && secret[slot][i] == word)
				return true;
	return false;
}

/* What calls that have returned left below us. */
static __attribute__((noinline)) unsigned int secrets_below(void)
{
	const volatile uint64_t *stack = (const volatile uint64_t *)((uintptr_t)__builtin_frame_address(0) & ~(uintptr_t)7);
	unsigned int i, found = 0;

	for (i = 0; i < STACK_WORDS; i++)
		found += is_secret(*--stack);
	for (i = 0; i < COUNT_OF(registers); i++)
		found += is_secret(registers[i]);
	return found;
}

static __attribute__((noinline)) void shred_and_look(const struct lab_fill *fill, bool ram)
{
	memcpy(secret[0], watched.slot[0].bytes, sizeof(secret[0]));
	memcpy(secret[1], watched.slot[1].bytes, sizeof(secret[1]));
	stack_cleaned();
	keys_shred(&watched, fill, page, PAGE, ram);
#define KEEP(n) "movdqu %%xmm" #n ", 16*" #n "(%0)\n\t"
	__asm__ volatile(KEEP(0) KEEP(1) KEEP(2) KEEP(3) KEEP(4) KEEP(5) KEEP(6) KEEP(7) KEEP(8) KEEP(9) KEEP(10) KEEP(11)
				 KEEP(12) KEEP(13) KEEP(14) KEEP(15)
			 : : "r"(registers) : "memory");
#undef KEEP
}

/* Neither on the stack nor in a register stands a word of a key after a page was shredded, nor after a new key was made. */
static void nothing_left_behind(void **state)
{
	uint8_t seed[FILL_SEED_BYTES];
	const struct lab_fill *fill;
	uint64_t random = 99;
	unsigned int n, i;

	(void)state;
	for (n = 0; (fill = fill_nth(n)) != NULL; n++) {
		secret_words = strcmp(fill->name, "chacha20") ? KEY_WORDS : FILL_SEED_BYTES / 8;
		memset(&watched, 0, sizeof(watched));
		for (i = 0; i < sizeof(seed); i++)
			seed[i] = (uint8_t)next_random(&random);
		keys_seed(&watched, fill, seed);
		for (i = 0; i < 3 * KEYS_BATCH; i++) {
			shred_and_look(fill, i % 2);
			assert_int_equal(secrets_below(), 0);
			memcpy(secret[0], watched.slot[0].bytes, sizeof(secret[0])); /* what was made meanwhile */
			memcpy(secret[1], watched.slot[1].bytes, sizeof(secret[1]));
			if (i % KEYS_BATCH == KEYS_BATCH - 1)
				assert_int_equal(secrets_below(), 0);
		}
	}
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(batches),
		cmocka_unit_test(without_a_key),
		cmocka_unit_test(destroyed_meanwhile),
		cmocka_unit_test(seeds),
		cmocka_unit_test(nested_callers),
		cmocka_unit_test(nested_seeds),
		cmocka_unit_test(epoch_round),
		cmocka_unit_test(threads_and_signals),
		cmocka_unit_test(really),
#if defined(LOOK_BEHIND)
		cmocka_unit_test(nothing_left_behind),
#endif
	};

	uses = calloc(USES, sizeof(*uses));
	return uses ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
