/* SPDX-License-Identifier: MIT */
/*
 * test_secret.c - blocks that end at a guard page: where they lie, canaries, toggles, what is refused, what is left behind.
 */
#define _GNU_SOURCE
#include "../support/vault_memory.h"

#include <labyrinth/secret.h>
#include <pthread.h>

#define BLOCKS 16u

static struct lab_secret *opened_secret(const struct lab_secret_spec *spec)
{
	struct lab_secret *secret;

	text[0] = '\0';
	if (lab_secret_open(spec, &secret, text)) {
		print_message("%s\n", text);
		/* As root a refusal is a mistake, but of what not every kernel has. */
		assert_true(geteuid() != 0 || strstr(text, "memfd_secret"));
		skip();
	}
	return secret;
}

static struct lab_secret *small_secret(void)
{
	return opened_secret(&(struct lab_secret_spec){ .blocks = BLOCKS });
}

/* A labyrinth of one's own: an ordinary room, then a vault. */
static struct labyrinth *lab_with(const struct lab_user_room *vault)
{
	const struct lab_user_room rooms[] = { memory_room(MIB(2)), *vault };
	struct lab_user_spec spec = { .birth = LAB_LAZY, .rooms = rooms, .room_count = 2 };
	struct labyrinth *lab;

	if (lab_user_open(&spec, &lab, text)) {
		print_error("%s\n", text);
		fail();
	}
	return lab;
}

static struct lab_user_room vault_room(uint32_t guarantees)
{
	return (struct lab_user_room){ .name = "vault", .kind = LAB_ROOM_VAULT, .zone = LAB_ZONE_OWN, .size = BLOCKS * PAGE, .guarantees = guarantees };
}

static bool write_faults(char *address)
{
	struct sigaction action = { .sa_handler = on_fault }, before;
	bool fault;

	sigaction(SIGSEGV, &action, &before);
	fault = sigsetjmp(past_the_fault, 1) != 0;
	if (!fault)
		*(volatile char *)address ^= 1;
	sigaction(SIGSEGV, &before, NULL);
	if (!fault)
		*(volatile char *)address ^= 1;
	return fault;
}

static bool all_bytes(const char *block, size_t size, char byte)
{
	size_t i;

	for (i = 0; i < size; i++)
		if (block[i] != byte)
			return false;
	return true;
}

static char *page_of(char *block)
{
	return (char *)((uintptr_t)block & ~(uintptr_t)(PAGE - 1));
}

/* ---- where a block lies ---- */

static void ends_at_the_guard(void **state)
{
	static const size_t sizes[] = { 1, 15, 16, 17, 32, 1000, 4079, 4080 };
	struct lab_secret *secret = small_secret();
	unsigned int i;

	(void)state;
	assert_int_equal(lab_secret_most(secret), 4080);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t size = sizes[i];
		char *block = lab_secret_alloc(secret, size);

		assert_non_null(block);
		assert_int_equal(((uintptr_t)block + size) % PAGE, 0);
		memset(block, 0x5a, size);
		assert_true(all_bytes(block, size, 0x5a));
		assert_true(faults(block + size));
		assert_true(faults(page_of(block) - 1));
		assert_int_equal(lab_secret_free(secret, block), 0);
	}
	lab_secret_close(secret);
}

static void shredded_at_free(void **state)
{
	struct lab_secret *secret = small_secret();
	char *block = lab_secret_alloc(secret, 4080);
	unsigned int same = 0, i;

	(void)state;
	memset(block, 0x5a, 4080);
	assert_int_equal(lab_secret_free(secret, block), 0);
	for (i = 0; i < 4080; i++)
		same += block[i] == 0x5a;
	assert_true(same < 100); /* one in 256, of noise */
	lab_secret_close(secret);
}

static void sizes_refused(void **state)
{
	struct lab_secret *secret = small_secret();

	(void)state;
	errno = 0;
	assert_null(lab_secret_alloc(secret, 0));
	assert_int_equal(errno, EINVAL);
	assert_null(lab_secret_alloc(secret, 4081));
	assert_int_equal(errno, EMSGSIZE);
	assert_null(lab_secret_alloc(secret, SIZE_MAX));
	assert_int_equal(errno, EMSGSIZE);
	lab_secret_close(secret);
}

static void as_many_as_there_are(void **state)
{
	struct lab_secret *secret = small_secret();
	char *block[BLOCKS];
	unsigned int i, k;

	(void)state;
	for (i = 0; i < BLOCKS; i++) {
		block[i] = lab_secret_alloc(secret, 100 + i);
		assert_non_null(block[i]);
		memset(block[i], (int)i + 1, 100 + i);
	}
	assert_null(lab_secret_alloc(secret, 1));
	assert_int_equal(errno, ENOMEM);
	for (i = 0; i < BLOCKS; i++) {
		assert_true(all_bytes(block[i], 100 + i, (char)(i + 1)));
		for (k = 0; k < i; k++)
			assert_ptr_not_equal(page_of(block[i]), page_of(block[k]));
	}
	for (i = 0; i < BLOCKS; i++)
		assert_int_equal(lab_secret_free(secret, block[i]), 0);
	assert_int_equal(lab_secret_damaged(secret), 0);
	lab_secret_close(secret);
}

/* ---- the canary ---- */

/* Each byte, each time with one bit: noticed, shredded all the same, and the page is given again. */
static void canary_looked_at(void **state)
{
	struct lab_secret *secret = small_secret();
	unsigned int i;

	(void)state;
	for (i = 1; i <= 16; i++) {
		char *block = lab_secret_alloc(secret, 64);

		assert_non_null(block);
		memset(block, 0x5a, 64);
		block[-(int)i] ^= (char)(1 << i % 8);
		assert_int_equal(lab_secret_free(secret, block), -LAB_EILSEQ);
		assert_false(all_bytes(block, 64, 0x5a));
		assert_int_equal(lab_secret_damaged(secret), i);
		assert_int_equal(lab_secret_free(secret, block), -EALREADY);
	}
	for (i = 0; i < BLOCKS; i++)
		assert_non_null(lab_secret_alloc(secret, 64)); /* none was lost */
	lab_secret_close(secret);
}

/* ---- frees that are refused ---- */

static void refused_frees(void **state)
{
	struct lab_secret *secret = small_secret();
	char *block = lab_secret_alloc(secret, 100), ours[8];

	(void)state;
	memset(block, 0x5a, 100);
	assert_int_equal(lab_secret_free(secret, NULL), 0);
	assert_int_equal(lab_secret_free(secret, ours), -ERANGE);
	assert_int_equal(lab_secret_free(secret, block + 1), -EINVAL);
	assert_int_equal(lab_secret_free(secret, page_of(block)), -EINVAL);
	assert_int_equal(lab_secret_free(secret, block + 100), -ERANGE); /* the guard */
	assert_int_equal(lab_secret_readonly(secret, block + 1), -EINVAL);
	assert_int_equal(lab_secret_noaccess(secret, ours), -ERANGE);
	assert_true(all_bytes(block, 100, 0x5a));
	assert_int_equal(lab_secret_free(secret, block), 0);
	assert_int_equal(lab_secret_free(secret, block), -EALREADY);
	assert_int_equal(lab_secret_noaccess(secret, block), -EALREADY);
	lab_secret_close(secret);
}

/* ---- toggles ---- */

static void toggled(void **state)
{
	struct lab_secret *secret = small_secret();
	char *block = lab_secret_alloc(secret, 100), *other = lab_secret_alloc(secret, 100);

	(void)state;
	memset(block, 0x5a, 100);
	memset(other, 0x77, 100);
	assert_int_equal(lab_secret_readonly(secret, block), 0);
	assert_true(all_bytes(block, 100, 0x5a));
	assert_true(write_faults(block) && write_faults(block - 16));
	assert_int_equal(lab_secret_noaccess(secret, block), 0);
	assert_true(faults(block) && faults(page_of(block)));
	assert_true(all_bytes(other, 100, 0x77) && !write_faults(other));
	assert_int_equal(lab_secret_readonly(secret, block), 0);
	assert_true(all_bytes(block, 100, 0x5a));
	assert_int_equal(lab_secret_readwrite(secret, block), 0);
	assert_int_equal(lab_secret_readwrite(secret, block), 0);
	assert_false(write_faults(block));
	assert_int_equal(lab_secret_free(secret, block), 0);
	assert_int_equal(lab_secret_free(secret, other), 0);
	lab_secret_close(secret);
}

/* Freed while nobody may touch it, or only read: shredded, sound, and writable for the next one. */
static void freed_while_toggled(void **state)
{
	struct lab_secret *secret = small_secret();
	unsigned int i, round;

	(void)state;
	for (round = 0; round < 4; round++) {
		for (i = 0; i < BLOCKS; i++) {
			char *block = lab_secret_alloc(secret, 100);

			assert_non_null(block);
			assert_false(write_faults(block));
			memset(block, 0x5a, 100);
			assert_int_equal(round % 2 ? lab_secret_readonly(secret, block) : lab_secret_noaccess(secret, block), 0);
			assert_int_equal(lab_secret_free(secret, block), 0);
			assert_false(faults(block) || write_faults(block)); /* (what it writes it takes back) */
			assert_false(all_bytes(block, 100, 0x5a));
		}
	}
	lab_secret_close(secret);
}

/* Split, and whole again: what a toggle costs in mappings. */
static void mappings(void **state)
{
	struct lab_secret *secret = small_secret();
	char *block = lab_secret_alloc(secret, 100);
	unsigned int before = lines_of("/proc/self/maps"), split;

	(void)state;
	assert_int_equal(lab_secret_noaccess(secret, block), 0);
	split = lines_of("/proc/self/maps");
	assert_in_range(split, before ? before - 2 : 0, before + 2);
	assert_int_equal(lab_secret_readwrite(secret, block), 0);
	assert_int_equal(lines_of("/proc/self/maps"), before);
	assert_int_equal(lab_secret_free(secret, block), 0);
	lab_secret_close(secret);
}

/* More than vm.max_map_count bears: refused, and nothing has changed; what was toggled is freed all the same. */
static void too_many_mappings(void **state)
{
	enum { MANY = 34000 };
	struct lab_secret *secret = opened_secret(&(struct lab_secret_spec){ .blocks = MANY, .guarantees = LAB_NODUMP });
	char **block = calloc(MANY, sizeof(*block));
	unsigned int i, at = 0;
	int error = 0;

	(void)state;
	for (i = 0; i < MANY; i++) {
		block[i] = lab_secret_alloc(secret, 100);
		assert_non_null(block[i]);
		block[i][0] = 0x5a;
	}
	for (; at < MANY && !error; at++)
		error = lab_secret_noaccess(secret, block[at]);
	assert_true(error == -ENOMEM || error == 0); /* (the limit may have been raised) */
	if (error) {
		at--;
		assert_int_equal(block[at][0], 0x5a);
		block[at][1] = 1;
		assert_true(faults(block[at - 1]));
	}
	for (i = 0; i < MANY; i++)
		assert_int_equal(lab_secret_free(secret, block[i]), 0);
	free(block);
	lab_secret_close(secret);
}

/* ---- two at one block ---- */

struct twin {
	struct lab_secret *secret;
	void **block;
	pthread_barrier_t *barrier;
	unsigned int freed, others;
};

#define ROUNDS 2000u

static void *free_each(void *argument)
{
	struct twin *twin = argument;
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		int error;

		pthread_barrier_wait(twin->barrier);
		error = lab_secret_free(twin->secret, *twin->block);
		twin->freed += !error;
		twin->others += error && error != -EALREADY && error != -EBUSY;
		pthread_barrier_wait(twin->barrier);
	}
	return NULL;
}

/* Of two frees of one block just one gets through, toggled or not. */
static void one_of_two_frees(void **state)
{
	struct lab_secret *secret = small_secret();
	pthread_barrier_t barrier;
	void *block = NULL;
	struct twin twin[2] = { { secret, &block, &barrier, 0, 0 }, { secret, &block, &barrier, 0, 0 } };
	pthread_t thread[2];
	unsigned int i;

	(void)state;
	pthread_barrier_init(&barrier, NULL, 3);
	for (i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, free_each, &twin[i]), 0);
	for (i = 0; i < ROUNDS; i++) {
		block = lab_secret_alloc(secret, 100);
		assert_non_null(block);
		if (i % 4 == 0)
			assert_int_equal(lab_secret_noaccess(secret, block), 0);
		pthread_barrier_wait(&barrier);
		pthread_barrier_wait(&barrier);
	}
	for (i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(twin[0].freed + twin[1].freed, ROUNDS);
	assert_int_equal(twin[0].others + twin[1].others, 0);
	pthread_barrier_destroy(&barrier);
	lab_secret_close(secret);
}

/* ---- opening and closing ---- */

static void closed_with_blocks_out(void **state)
{
	struct lab_user_room room = vault_room(LAB_NODUMP | LAB_GUARDED);
	struct labyrinth *lab = lab_with(&room);
	struct lab_secret *secret = opened_secret(&(struct lab_secret_spec){ .lab = lab, .room = 1 });
	char *block[3];
	struct lab_audit audit;
	unsigned int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		block[i] = lab_secret_alloc(secret, 500);
		memset(block[i], 0x5a, 500);
	}
	assert_int_equal(lab_secret_noaccess(secret, block[1]), 0);
	assert_int_equal(lab_secret_readonly(secret, block[2]), 0);
	lab_secret_close(secret);
	for (i = 0; i < 3; i++)
		assert_false(all_bytes(block[i], 500, 0x5a));
	assert_int_equal(lab_audit(lab, true, &audit), 0);
	assert_int_equal(audit.owned, 0);
	lab_user_close(lab);
	lab_secret_close(NULL);
}

static void refused_rooms(void **state)
{
	struct lab_user_room room = vault_room(LAB_NODUMP);
	struct labyrinth *lab = lab_with(&room);
	struct lab_secret *secret;

	(void)state;
	assert_int_equal(lab_secret_open(&(struct lab_secret_spec){ .lab = lab }, &secret, text), -EINVAL);
	assert_non_null(strstr(text, "LAB_ROOM_VAULT"));
	assert_int_equal(lab_secret_open(&(struct lab_secret_spec){ .lab = lab, .room = 1 }, &secret, text), -EINVAL);
	assert_non_null(strstr(text, "room \"vault\": secrets need LAB_GUARDED"));
	assert_int_equal(lab_secret_open(&(struct lab_secret_spec){ .lab = lab, .room = 2 }, &secret, text), -EINVAL);
	assert_int_equal(lab_secret_open(&(struct lab_secret_spec){ .room = 1 }, &secret, text), -EINVAL);
	assert_int_equal(lab_secret_open(&(struct lab_secret_spec){ .blocks = UINT64_MAX / 4096 }, &secret, NULL), -EINVAL);
	lab_user_close(lab);
}

/* Zeros where the vault shreds with zeros; an owner of one's own; memfd_secret. */
static void other_vaults(void **state)
{
	struct lab_user_room room = vault_room(LAB_GUARDED);
	struct lab_secret *secret;
	struct labyrinth *lab;
	struct lab_page *page;
	char *block;

	(void)state;
	room.shred = LAB_SHRED_ZERO;
	lab = lab_with(&room);
	secret = opened_secret(&(struct lab_secret_spec){ .lab = lab, .room = 1, .owner = 7 });
	block = lab_secret_alloc(secret, 4080);
	assert_true(all_bytes(block, 4080, 0));
	page = lab_address_page(lab, page_of(block));
	assert_int_equal(lab_free_as(lab, page, 0, LAB_OWNER_EXCLUSIVE, 0), -EPERM);
	assert_int_equal(lab_secret_free(secret, block), 0);
	lab_secret_close(secret);
	lab_user_close(lab);
	secret = opened_secret(&(struct lab_secret_spec){ .blocks = BLOCKS, .memory = LAB_VAULT_SECRET });
	block = lab_secret_alloc(secret, 33);
	memset(block, 0x5a, 33);
	assert_int_equal(lab_secret_noaccess(secret, block), 0);
	assert_true(faults(block));
	assert_int_equal(lab_secret_free(secret, block), 0);
	lab_secret_close(secret);
}

/* Without vaults there are no secrets. */
static void refused_on_32_bits(void **state)
{
	static const enum lab_vault_memory kinds[] = { LAB_VAULT_ANONYMOUS, LAB_VAULT_SECRET };
	struct lab_secret *secret;
	unsigned int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		assert_int_equal(lab_secret_open(&(struct lab_secret_spec){ .blocks = BLOCKS, .memory = kinds[i] }, &secret, text), -EINVAL);
		assert_non_null(strstr(text, "a vault needs tags of 64 bits"));
	}
}

/* ---- others ---- */

/* Others share the page: not freed, and its canary and access stay as they were. */
static void shared_page(void **state)
{
	struct lab_user_room room = vault_room(LAB_GUARDED);
	struct labyrinth *lab = lab_with(&room);
	struct lab_secret *secret = opened_secret(&(struct lab_secret_spec){ .lab = lab, .room = 1 });
	char *block = lab_secret_alloc(secret, 100);
	struct lab_ref ref;

	(void)state;
	memset(block, 0x5a, 100);
	assert_int_equal(lab_page_ref(lab, lab_address_page(lab, page_of(block)), &ref), 0);
	assert_int_equal(lab_page_share(lab, ref), 2);
	assert_int_equal(lab_secret_free(secret, block), -EBUSY);
	assert_true(all_bytes(block, 100, 0x5a));
	assert_int_equal(lab_page_unshare(lab, ref), 1);
	assert_int_equal(lab_secret_free(secret, block), 0);
	lab_secret_close(secret);
	lab_user_close(lab);
}

static void forked_child(void **state)
{
	struct lab_secret *secret = small_secret();
	char *block = lab_secret_alloc(secret, 100);
	int status;
	pid_t child;

	(void)state;
	memset(block, 0x5a, 100);
	child = fork();
	if (!child) {
		bool good = lab_secret_free(secret, block) == -ECHILD && lab_secret_noaccess(secret, block) == -ECHILD;

		good = good && !lab_secret_alloc(secret, 10) && errno == ECHILD && lab_secret_panic(secret) == 0;
		lab_secret_close(secret);
		_exit(good ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_true(all_bytes(block, 100, 0x5a));
	assert_int_equal(lab_secret_free(secret, block), 0);
	lab_secret_close(secret);
}

/* The program's own shredding of a whole page takes its canary, too: the free says so, as the header does. */
static void shredded_by_hand(void **state)
{
	struct lab_user_room room = vault_room(LAB_GUARDED);
	struct labyrinth *lab = lab_with(&room);
	struct lab_secret *secret = opened_secret(&(struct lab_secret_spec){ .lab = lab, .room = 1 });
	char *block = lab_secret_alloc(secret, 16);

	(void)state;
	assert_int_equal(lab_shred_now(lab, lab_address_page(lab, block), LAB_OWNER_EXCLUSIVE), 0);
	assert_int_equal(lab_secret_free(secret, block), -LAB_EILSEQ);
	assert_int_equal(lab_secret_damaged(secret), 1);
	lab_secret_close(secret);
	lab_user_close(lab);
}

/* One at a time of a room; again once it is closed. */
static void one_of_a_room(void **state)
{
	struct lab_user_room room = vault_room(LAB_GUARDED);
	struct labyrinth *lab = lab_with(&room);
	struct lab_secret_spec spec = { .lab = lab, .room = 1 };
	struct lab_secret *first, *second;

	(void)state;
	assert_int_equal(lab_secret_open(&spec, &first, text), 0);
	assert_int_equal(lab_secret_open(&spec, &second, text), -EBUSY);
	assert_non_null(strstr(text, "room \"vault\": its secrets are open already"));
	lab_secret_close(first);
	assert_int_equal(lab_secret_open(&spec, &second, text), 0);
	lab_secret_close(second);
	lab_user_close(lab);
}

static void panic(void **state)
{
	struct lab_secret *secret = small_secret();
	char *block[3];
	unsigned int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		block[i] = lab_secret_alloc(secret, 500);
		memset(block[i], 0x5a, 500);
	}
	assert_int_equal(lab_secret_noaccess(secret, block[1]), 0);
	assert_int_equal(lab_secret_readonly(secret, block[2]), 0);
	assert_int_equal(lab_secret_panic(secret), BLOCKS);
	for (i = 0; i < 3; i++)
		assert_false(all_bytes(block[i], 500, 0x5a));
	assert_null(lab_secret_alloc(secret, 10));
	assert_int_equal(lab_secret_noaccess(secret, block[0]), -ENXIO);
	/* It was the library that wrote in front of them: no alarm. */
	for (i = 0; i < 3; i++)
		assert_int_equal(lab_secret_free(secret, block[i]), 0);
	assert_int_equal(lab_secret_damaged(secret), 0);
	lab_secret_close(secret);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends_at_the_guard),
		cmocka_unit_test(shredded_at_free),
		cmocka_unit_test(sizes_refused),
		cmocka_unit_test(as_many_as_there_are),
		cmocka_unit_test(canary_looked_at),
		cmocka_unit_test(refused_frees),
		cmocka_unit_test(toggled),
		cmocka_unit_test(freed_while_toggled),
		cmocka_unit_test(mappings),
		cmocka_unit_test(too_many_mappings),
		cmocka_unit_test(one_of_two_frees),
		cmocka_unit_test(closed_with_blocks_out),
		cmocka_unit_test(refused_rooms),
		cmocka_unit_test(other_vaults),
		cmocka_unit_test(shared_page),
		cmocka_unit_test(forked_child),
		cmocka_unit_test(one_of_a_room),
		cmocka_unit_test(shredded_by_hand),
		cmocka_unit_test(panic),
	};
	const struct CMUnitTest narrow[] = { cmocka_unit_test(refused_on_32_bits) };

	if (!IS_64_BIT)
		return cmocka_run_group_tests(narrow, NULL, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
