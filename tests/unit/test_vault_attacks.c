/* SPDX-License-Identifier: MIT */
/*
 * test_vault_attacks.c - vaults against an adversary: pages handed to nobody, panics beside calls and undone, writes made so that they
 * are not noticed, calls stopped in the middle (by --wrap), and at the end anything at random.
 */
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../support/vault.h"
#include "leaf.h"

#include <labyrinth/user.h>

/* ---- standing in the middle ---- */

static void (*at_refusal)(void);
struct exit_claim;
int __real_exit_refusal(struct labyrinth *lab, const struct lab_room *room, lab_bit bit, const struct exit_claim *claim);
int __wrap_exit_refusal(struct labyrinth *lab, const struct lab_room *room, lab_bit bit, const struct exit_claim *claim);
int __wrap_exit_refusal(struct labyrinth *lab, const struct lab_room *room, lab_bit bit, const struct exit_claim *claim)
{
	void (*hook)(void) = at_refusal;

	at_refusal = NULL;
	if (hook)
		hook();
	return __real_exit_refusal(lab, room, bit, claim);
}

static void (*at_intrusion)(void);
void __real_witness_intrusion(struct lab_strongroom *vault, const struct lab_intrusion *intrusion);
void __wrap_witness_intrusion(struct lab_strongroom *vault, const struct lab_intrusion *intrusion);
void __wrap_witness_intrusion(struct lab_strongroom *vault, const struct lab_intrusion *intrusion)
{
	void (*hook)(void) = at_intrusion;

	at_intrusion = NULL;
	if (hook)
		hook();
	__real_witness_intrusion(vault, intrusion);
}

static unsigned char *key_page;
static int keys_left = -1;
int __real_munmap(void *at, size_t bytes);
int __wrap_munmap(void *at, size_t bytes);
int __wrap_munmap(void *at, size_t bytes)
{
	unsigned int i;

	if (at == key_page && key_page)
		for (keys_left = 0, i = 64; i < 64 + LAB_KEYS_BYTES; i++)
			keys_left += key_page[i] != 0;
	return __real_munmap(at, bytes);
}

/* ---- 1: handed to nobody, freed by nobody ---- */

static void to_nobody(bool unnoticed, int how)
{
	static char before[4096];
	struct lab_page *page, *next;

	begin(&(struct lab_vault){ .unnoticed = unnoticed });
	memset(before, MARK, 4096);
	page = take(5);
	memset(contents(page), MARK, 4096);
	if (!lab_page_hand_over(world.lab, page, 0, 5, 0)) {
		if (how == 0)
			assert_int_equal(lab_free_pages(world.lab, page, 0), 0);
		else if (how == 1)
			assert_int_equal(lab_free(world.lab, contents(page), 0), 0);
		else
			assert_int_equal(lab_free_bulk(world.lab, 1, &page), 1);
	} else {
		give(page, 5);
	}
	next = take(6);
	assert_int_equal(equal_words(contents(next), before), 0); /* the next taker reads the last one's secret */
	assert_int_equal(how_often(LAB_COUNT_CORRUPT), 0);
	end();
}

static void nobody_pages(void **state) { (void)state; to_nobody(true, 0); }
static void nobody_address(void **state) { (void)state; to_nobody(true, 1); }
static void nobody_bulk(void **state) { (void)state; to_nobody(true, 2); }
static void nobody_noticed(void **state) { (void)state; to_nobody(false, 0); }

/* ---- 2: after the panic ---- */

static void panic_contract(void **state)
{
	struct lab_page *page;
	unsigned int one;

	(void)state;
	begin(&(struct lab_vault){ .unnoticed = true });
	one = client_with(5, 10);
	assert_int_equal(lab_panic_shred(world.lab), FRAMES);
	page = ask(one, LAB_GFP_ATOMIC);
	assert_true(lab_is_err(page)); /* closed: nothing more is given */
	end();
}

static void panic_contract_noticing(void **state)
{
	unsigned int one;

	(void)state;
	begin(&(struct lab_vault){ 0 });
	one = client_with(5, 10);
	assert_int_equal(lab_panic_shred(world.lab), FRAMES);
	assert_true(lab_is_err(ask(one, LAB_GFP_ATOMIC)));
	assert_int_equal(how_often(LAB_COUNT_CORRUPT), 0);
	end();
}

static void panic_quarantine(void **state)
{
	struct lab_page *page[10];
	unsigned int i;

	(void)state;
	begin(&(struct lab_vault){ .quarantine = 5 });
	for (i = 0; i < 10; i++)
		page[i] = take(5);
	assert_int_equal(lab_panic_shred(world.lab), FRAMES);
	for (i = 0; i < 10; i++)
		give(page[i], 5);
	assert_int_equal(how_often(LAB_COUNT_CORRUPT), 0); /* sound frames */
	end();
}

static void panic_online(void **state)
{
	struct lab_page *page;

	(void)state;
	begin(&(struct lab_vault){ 0 });
	assert_int_equal(lab_panic_shred(world.lab), FRAMES);
	if (!lab_room_online(world.lab, VAULT)) {
		page = ask(5, LAB_GFP_ATOMIC);
		assert_int_equal(how_often(LAB_COUNT_CORRUPT), 0);
		assert_false(lab_is_err(page));
	}
	end();
}

static void panic_twice(void **state)
{
	static char before[4096];
	struct lab_page *page;

	(void)state;
	begin(&(struct lab_vault){ .unnoticed = true });
	memset(before, MARK, 4096);
	assert_int_equal(lab_panic_shred(world.lab), FRAMES);
	if (!lab_room_online(world.lab, VAULT)) {
		page = take(5); /* in service again; and another panic */
		memset(contents(page), MARK, 4096);
		lab_panic_shred(world.lab);
		assert_int_equal(equal_words(contents(page), before), 0);
	}
	end();
}

/* Open again after a panic, it would notice nothing any more. */
static void panic_notices(void **state)
{
	struct lab_page *page;

	(void)state;
	begin(&(struct lab_vault){ 0 });
	assert_int_equal(lab_panic_shred(world.lab), FRAMES);
	if (!lab_room_online(world.lab, VAULT)) {
		page = take(5);
		give(page, 5);
		contents(page)[9] ^= 1;
		take(5);
		assert_int_equal(how_often(LAB_COUNT_CORRUPT), 1);
	}
	end();
}

static void panic_now(void) { assert_int_equal(lab_panic_shred(world.lab), FRAMES); }

/* A panic while a request notices a write, which makes it look for another page: it is given none. */
static void panic_between_pages(void **state)
{
	struct lab_page *page;
	unsigned int one, i;

	(void)state;
	for (i = 0; i < 2; i++) {
		begin(&(struct lab_vault){ 0 });
		one = i ? client_with(3, 5) : 5;
		page = take(one);
		give(page, one);
		contents(page)[9] ^= 1;
		at_intrusion = panic_now;
		assert_int_equal(lab_ptr_err(ask(one, LAB_GFP_ATOMIC)), -LAB_ENXIO);
		assert_null(at_intrusion);
		assert_int_equal(info_of(page).state, LAB_OFFLINE);
		assert_int_equal(how_often(LAB_COUNT_CORRUPT), 1);
		if (i)
			assert_int_equal(lab_client_close(world.lab, one, NULL), 0); /* nothing is charged to it */
		end();
	}
}

/* ---- 3: shared a moment ago ---- */

static struct lab_ref their;
static void leave_it(void) { assert_int_equal(lab_page_unshare(world.lab, their), 1); }

static void unshared_meanwhile(void **state)
{
	struct lab_page *page;
	int error;

	(void)state;
	begin(&(struct lab_vault){ 0 });
	page = take(5);
	lab_page_ref(world.lab, page, &their);
	assert_int_equal(lab_page_share(world.lab, their), 2);
	at_refusal = leave_it;
	error = lab_shred_now(world.lab, page, 5);
	if (at_refusal) /* nobody looks twice */
		at_refusal = NULL, leave_it();
	assert_int_equal(info_of(page).state, LAB_OWNED);
	assert_true(error == -LAB_EBUSY || !error); /* -EALREADY: "it is not allocated" */
	give(page, 5);
	end();
}

static int stop;
static void *sharer(void *none)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		struct lab_ref ref = their; /* torn or old: refused */

		if (lab_page_share(world.lab, ref) == 2)
			lab_page_unshare(world.lab, ref);
	}
	return none;
}

static void free_beside_unshare(void **state)
{
	struct lab_page *page;
	pthread_t thread;
	unsigned int wrong = 0, right = 0;
	uint64_t i;

	(void)state;
	begin(&(struct lab_vault){ .unnoticed = true });
	page = take(5);
	lab_page_ref(world.lab, page, &their);
	assert_int_equal(pthread_create(&thread, NULL, sharer, NULL), 0);
	for (i = 0; i < 300000 && !wrong; i++) {
		int error = lab_free_as(world.lab, page, 0, 5, 0);

		if (error == -LAB_EALREADY) /* it is allocated, and ours */
			wrong++;
		if (error)
			continue;
		right++;
		page = take(5);
		lab_page_ref(world.lab, page, &their);
	}
	stop = 1;
	pthread_join(thread, NULL);
	print_message("   %u refusals \"double free\" of a page that is ours, after %llu tries, %u frees\n", wrong, (unsigned long long)i, right);
	assert_int_equal(wrong, 0);
	give(page, 5);
	end();
}

/* ---- 4: a page of zeros, filled evenly ---- */

static void zeros_filled(void **state)
{
	struct lab_page *page;

	(void)state;
	begin(&(struct lab_vault){ .shred = LAB_SHRED_ZERO });
	page = take(5);
	give(page, 5);
	memset(contents(page), 0x41, 4096); /* a late write of the whole page; 1024 bytes do, too */
	take(5);
	assert_int_equal(how_often(LAB_COUNT_CORRUPT), 1);
	end();
}

static void zeros_twice(void **state)
{
	struct lab_page *page;

	(void)state;
	begin(&(struct lab_vault){ .shred = LAB_SHRED_ZERO });
	page = take(5);
	give(page, 5);
	contents(page)[8] = contents(page)[8 + 512] = 1; /* two bits */
	take(5);
	assert_int_equal(how_often(LAB_COUNT_CORRUPT), 1);
	end();
}

/* ---- 5: what is promised ---- */

/* SHREDDED_RAM: "written to RAM, past the caches, before the free returns"; what waits for a launderer is not. */
static void deferred_ram(void **state)
{
	(void)state;
	describe(&(struct lab_vault){ .ram = true, .deferred = true });
	assert_int_equal(lab_metadata_bytes(&world.spec), 0);
	drop();
}

static void offline_dirty(void **state)
{
	static char before[4096];
	struct lab_page *page;

	(void)state;
	begin(&(struct lab_vault){ .deferred = true });
	memset(before, MARK, 4096);
	page = take(5);
	memset(contents(page), MARK, 4096);
	give(page, 5);
	assert_int_equal(equal_words(contents(page), before), 512);
	assert_int_not_equal(lab_room_offline(world.lab, VAULT), 0); /* "0: empty" */
	lab_launder(world.lab, VAULT, 9);
	assert_int_equal(lab_room_offline(world.lab, VAULT), 0);
	end();
}

static void contract_of_blocks(void **state)
{
	const struct lab_client_spec spec = { .name = "b", .node = LAB_NODE_LOCAL, .room = VAULT, .blocks = 2, .block_order = 3 };
	struct lab_request request = LAB_REQUEST(LAB_GFP_ATOMIC, 3);
	unsigned int owner = 0;
	int error;

	(void)state;
	describe(&(struct lab_vault){ 0 });
	world.spec.contract_blocks = 4;
	world.lab = born(&world.spec);
	world.room = labyrinth_room(world.lab, VAULT);
	error = lab_client_open(world.lab, &spec, &owner, NULL);
	if (!error) { /* then they are there for it */
		request.room = VAULT;
		request.owner = (uint16_t)owner;
		assert_int_equal(lab_ptr_err(lab_alloc_request(world.lab, &request, NULL)), 0);
	}
	assert_int_equal(error, -LAB_EINVAL);
	end();
}

static void close_names_shared(void **state)
{
	struct lab_client_out out;
	struct lab_page *page;
	struct lab_ref ref;
	unsigned int one;

	(void)state;
	begin(&(struct lab_vault){ 0 });
	one = client_with(0, 3);
	page = take(one);
	lab_page_ref(world.lab, page, &ref);
	lab_page_share(world.lab, ref);
	assert_int_equal(lab_client_close(world.lab, one, &out), -LAB_EBUSY);
	assert_int_equal(out.frames, 1);
	end();
}

/* ---- 6: the laundry, where a launderer has stopped ---- */

static void launder_stopped(void **state)
{
	struct lab_page *page[FRAMES];
	struct lab_strongroom *vault;
	unsigned int i;
	bool left;

	(void)state;
	begin(&(struct lab_vault){ .deferred = true });
	for (i = 0; i < FRAMES; i++)
		page[i] = take(5);
	give(lab_frame_page(world.lab, 3), 5);   /* leaf 0 */
	give(lab_frame_page(world.lab, 600), 5); /* leaf 1 */
	vault = vault_of(world.room);
	/* A launderer claims frame 3 and stops before it has taken the leaf off the list (tree_take_leaf(), before tree_took()). */
	leaf_claim(tree_word(&vault->laundry, 3), 3, &left);
	assert_int_equal(lab_launder(world.lab, VAULT, 10), 1); /* frame 600 waits */
	(void)page;
	drop();
}

/* ---- 7: keys behind a close ---- */

static void keys_behind(void **state)
{
	static char error[4096];
	struct lab_user_room room = { .name = "v", .kind = LAB_ROOM_VAULT, .zone = LAB_ZONE_OWN, .size = 64 << 12, .guarantees = LAB_SHREDDED };
	struct lab_user_spec spec = { .rooms = &room, .room_count = 1, .birth = LAB_ARMED };
	struct lab_request request = LAB_REQUEST(LAB_GFP_ATOMIC, 0);
	struct labyrinth *lab;
	struct lab_page *page;
	int e = lab_user_open(&spec, &lab, error);

	(void)state;
	if (e)
		print_message("%s\n", error);
	assert_int_equal(e, 0);
	request.room = 0;
	page = lab_alloc_request(lab, &request, NULL);
	assert_false(lab_is_err(page));
	assert_int_equal(lab_free_as(lab, page, 0, 1, 0), 0);
	key_page = (unsigned char *)lab + lab->identity_at;
	lab_user_close(lab);
	print_message("   %d bytes of the keys left in the page that is unmapped\n", keys_left);
	assert_int_equal(keys_left, 0);
}

/* ---- 8: what is left on stacks ---- */

#include <signal.h>
#include <sys/time.h>
#include "keys.h"

#define STACK_BYTES (256u << 10)
static volatile sig_atomic_t ticks;
static void tick(int number) { (void)number; ticks++; }

static void *shredder(void *rounds)
{
	unsigned int i;

	for (i = 0; i < *(unsigned int *)rounds; i++)
		give(take(5), 5);
	return NULL;
}

/* How many round keys (16 bytes) of the present keys stand on this stack? */
static unsigned int keys_on(const unsigned char *stack)
{
	const struct lab_keys *keys = (const struct lab_keys *)world.keys;
	unsigned int slot, part, n = 0;
	size_t at;

	for (slot = 0; slot < 2; slot++)
		for (part = 0; part < FILL_KEY_BYTES; part += 16)
			for (at = 0; at + 16 <= STACK_BYTES; at += 8)
				n += !memcmp(stack + at, keys->slot[slot].bytes + part, 16);
	return n;
}

static void stack_after(bool signals)
{
	struct itimerval often = { { 0, 200 }, { 0, 200 } }, never = { { 0, 0 }, { 0, 0 } };
	unsigned char *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned int rounds = signals ? 20 : 10, tries, found = 0;
	struct sigaction action = { .sa_handler = tick };
	pthread_attr_t attr;
	pthread_t thread;

	begin(&(struct lab_vault){ .unnoticed = true });
	pthread_attr_init(&attr);
	pthread_attr_setstack(&attr, stack, STACK_BYTES);
	sigaction(SIGALRM, &action, NULL);
	for (tries = 0; tries < (signals ? 3000u : 1u) && !found; tries++) {
		if (signals)
			setitimer(ITIMER_REAL, &often, NULL);
		if (signals) {
			sigset_t set;

			sigemptyset(&set);
			sigaddset(&set, SIGALRM);
			assert_int_equal(pthread_create(&thread, &attr, shredder, &rounds), 0);
			pthread_sigmask(SIG_BLOCK, &set, NULL);
			pthread_join(thread, NULL);
			setitimer(ITIMER_REAL, &never, NULL);
			pthread_sigmask(SIG_UNBLOCK, &set, NULL);
		} else {
			assert_int_equal(pthread_create(&thread, &attr, shredder, &rounds), 0);
			pthread_join(thread, NULL);
		}
		found = keys_on(stack);
	}
	print_message("   %u round keys on the stack after %u tries, %d ticks\n", found, tries, (int)ticks);
	assert_int_equal(found, 0);
	end();
}

static void stack_quiet(void **state)
{
	(void)state;
#if !defined(__OPTIMIZE__)
	skip(); /* without optimization compilers keep all that they have on the stack (CAVEATS) */
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	skip(); /* instrumented code keeps copies of its own */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
	skip();
#endif
#endif
	stack_after(false);
}

static void soak(void **state)
{
	struct lab_page *page[300] = { NULL };
	unsigned int owner[300], who[4], i, n;
	unsigned int seed = 4711, written = 0;

	(void)state;
	for (n = 0; n < 4; n++) {
		begin(&(struct lab_vault){ .quarantine = n & 1 ? 9 : 0, .deferred = n >> 1 });
		who[0] = client_with(8, 60);
		who[1] = client_with(0, 20);
		who[2] = 5;
		who[3] = LAB_OWNER_EXCLUSIVE;
		memset(page, 0, sizeof(page));
		for (i = 0; i < 20000; i++) {
			unsigned int k = (unsigned int)rand_r(&seed) % 300, what = (unsigned int)rand_r(&seed) % 100;
			struct lab_ref ref;

			if (!page[k]) {
				owner[k] = who[what & 3];
				page[k] = ask(owner[k], LAB_GFP_ATOMIC | (what & 8 ? LAB_ZERO : 0));
				if (lab_is_err(page[k]))
					page[k] = NULL;
				else
					memset(contents(page[k]), (int)k, 64);
			} else if (what < 50) {
				assert_int_equal(contents(page[k])[5], (char)k);
				give(page[k], owner[k]);
				page[k] = NULL;
			} else if (what < 60) {
				unsigned int to = who[rand_r(&seed) & 3];

				if (!lab_page_hand_over(world.lab, page[k], 0, owner[k], to))
					owner[k] = to;
			} else if (what < 70) {
				assert_int_equal(lab_page_ref(world.lab, page[k], &ref), 0);
				assert_int_equal(lab_page_share(world.lab, ref), 2);
				assert_int_equal(lab_free_as(world.lab, page[k], 0, owner[k], 0), -LAB_EBUSY);
				assert_int_equal(lab_page_unshare(world.lab, ref), 1);
			} else if (what < 75) {
				if (!lab_page_offer(world.lab, page[k], owner[k]))
					assert_int_equal(lab_page_withdraw(world.lab, page[k], owner[k]), 0);
			} else if (what < 76) {
				lab_frame_offline(world.lab, lab_page_frame(world.lab, page[k])); /* when it is freed */
			} else if (what < 77 && written < 40) { /* written to while it is nobody's */
				struct lab_page *any = lab_frame_page(world.lab, (unsigned int)rand_r(&seed) % FRAMES);

				if (info_of(any).state == LAB_FREE || info_of(any).state == LAB_KEPT)
					contents(any)[77] ^= 1, written++;
			} else if (what < 80) {
				lab_launder(world.lab, VAULT, what);
			} else if (what < 82) {
				lab_frame_online(world.lab, (unsigned int)rand_r(&seed) % FRAMES);
			} else if (what < 84) {
				lab_client_resize(world.lab, who[what & 1], (unsigned int)rand_r(&seed) % 10, NULL);
			} else {
				assert_int_equal(lab_shred_now(world.lab, page[k], owner[k]), 0);
				memset(contents(page[k]), (int)k, 64);
			}
			if (i % 100 == 0)
				assert_whole(world.lab);
		}
		for (i = 0; i < 300; i++)
			if (page[i])
				give(page[i], owner[i]);
		lab_launder(world.lab, VAULT, UINT32_MAX);
		assert_int_equal(lab_client_close(world.lab, who[0], NULL), 0);
		assert_int_equal(lab_client_close(world.lab, who[1], NULL), 0);
		end();
	}
}

/* A frame twice in the quarantine: it would come out twice. */
static void audit_twice(void **state)
{
	struct lab_strongroom *vault;
	struct lab_audit audit;
	lab_word was;

	(void)state;
	begin(&(struct lab_vault){ .quarantine = 5 });
	vault = vault_of(world.room);
	was = *vault_slot(vault, 1);
	*vault_slot(vault, 1) = *vault_slot(vault, 0);
	lab_audit(world.lab, true, &audit);
	*vault_slot(vault, 1) = was;
	assert_int_equal(audit.broken, LAB_RULE_VAULT);
	end();
}

/* Right: a room that begins within a leaf, with guards. */
static void lead_and_guards(void **state)
{
	struct lab_page *page;
	unsigned int i;

	(void)state;
	describe(&(struct lab_vault){ .stride = 2, .quarantine = 3 });
	world.rooms[VAULT].first_frame = 4096 + 37;
	world.lab = born(&world.spec);
	world.room = labyrinth_room(world.lab, VAULT);
	for (i = 0; i < FRAMES - 3; i++) {
		char *at;

		page = take(5);
		at = lab_page_address(world.lab, page);
		assert_ptr_equal(at, world.memory + 8192 * (lab_page_frame(world.lab, page) - 4096 - 37));
		assert_ptr_equal(lab_address_page(world.lab, at + 4095), page);
		assert_null(lab_address_page(world.lab, at + 4096));
		assert_int_equal(lab_free(world.lab, at, 0), -LAB_EPERM);
		assert_int_equal(lab_free(world.lab, at + 1, 0), -LAB_ERANGE);
		assert_int_equal(lab_free(world.lab, at + 4096, 0), -LAB_ERANGE);
		assert_int_equal(lab_free(world.lab, at, 99), -LAB_EMSGSIZE);
		assert_int_equal(lab_free_as(world.lab, page, 1u << 31, 5, 0), -LAB_EMSGSIZE);
	}
	assert_int_equal(lab_free(world.lab, world.memory - 8192, 0), -LAB_ERANGE);
	assert_int_equal(lab_free(world.lab, world.memory + 8192 * FRAMES, 0), -LAB_ERANGE);
	assert_int_equal(lab_free_as(world.lab, room_page(world.room, 3), 0, 5, 0), -LAB_ERANGE);
	assert_int_equal(lab_shred_now(world.lab, room_page(world.room, 3), 5), -LAB_ERANGE);
	assert_int_equal(lab_shred_now(world.lab, (struct lab_page *)((char *)page + 1), 5), -LAB_ERANGE);
	assert_int_equal(lab_page_share(world.lab, (struct lab_ref){ UINT64_MAX, 0 }), -LAB_ERANGE);
	assert_int_equal(lab_free_ref(world.lab, (struct lab_ref){ UINT64_MAX, 0 }, 0, 5), -LAB_ERANGE);
	assert_int_equal(lab_launder(world.lab, UINT32_MAX, 1), 0);
	for (i = 0; i < FRAMES; i++)
		lab_free_as(world.lab, lab_frame_page(world.lab, 4096 + 37 + i), 0, 5, 0);
	assert_int_equal(free_frames(world.lab, VAULT), FRAMES - 3);
	end();
}

/* Right: an exclusive block made into single pages. */
static void split_exclusive(void **state)
{
	static char before[4096];
	struct lab_page *page;
	struct lab_ref ref;
	char *address;
	unsigned int i;

	(void)state;
	begin(&(struct lab_vault){ 0 });
	memset(before, MARK, 4096);
	page = lab_alloc_pages(world.lab, LAB_GFP_ATOMIC | LAB_EXCLUSIVE, 3);
	address = lab_page_address(world.lab, page);
	memset(address, MARK, 8 * 4096);
	assert_int_equal(lab_split(world.lab, page, 3), 0);
	for (i = 0; i < 8; i++) {
		struct lab_page *one = page + i;

		assert_int_equal(lab_free_bulk(world.lab, 1, &one), 0);
		assert_int_equal(lab_free(world.lab, address + 4096 * i, 0), -LAB_EPERM);
		assert_int_equal(lab_page_ref(world.lab, one, &ref), 0);
		assert_int_equal(lab_free_ref(world.lab, ref, 0, LAB_OWNER_EXCLUSIVE), 0);
		assert_int_equal(equal_words(address + 4096 * i, before), 0);
	}
	end();
}

static void *churn(void *none)
{
	struct lab_page *page[8];
	unsigned int i;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		for (i = 0; i < 8; i++)
			page[i] = ask(5, LAB_GFP_ATOMIC);
		for (i = 0; i < 8; i++)
			if (!lab_is_err(page[i]))
				give(page[i], 5);
	}
	return none;
}

static void panic_beside(void **state)
{
	pthread_t thread[2];
	unsigned int i, round;

	(void)state;
	for (round = 0; round < 200; round++) {
		begin(&(struct lab_vault){ .quarantine = 20 });
		stop = 0;
		for (i = 0; i < 2; i++)
			assert_int_equal(pthread_create(&thread[i], NULL, churn, NULL), 0);
		usleep(300);
		assert_int_equal(lab_panic_shred(world.lab), FRAMES);
		usleep(300);
		stop = 1;
		for (i = 0; i < 2; i++)
			pthread_join(thread[i], NULL);
		assert_int_equal(how_often(LAB_COUNT_CORRUPT), 0);
		end();
	}
}

/* Nobody attacks what is not there. */
static void refused_on_32_bits(void **state)
{
	(void)state;
	describe(&(struct lab_vault){ 0 });
	assert_int_equal(lab_metadata_bytes(&world.spec), 0);
	free(world.memory);
	free(world.ordinary);
	free(world.keys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_pages), cmocka_unit_test(nobody_address), cmocka_unit_test(nobody_bulk), cmocka_unit_test(nobody_noticed),
		cmocka_unit_test(panic_contract), cmocka_unit_test(panic_contract_noticing), cmocka_unit_test(panic_quarantine),
		cmocka_unit_test(panic_online), cmocka_unit_test(panic_twice), cmocka_unit_test(panic_notices), cmocka_unit_test(panic_between_pages),
		cmocka_unit_test(unshared_meanwhile),
		cmocka_unit_test(free_beside_unshare), cmocka_unit_test(zeros_filled), cmocka_unit_test(zeros_twice),
		cmocka_unit_test(deferred_ram), cmocka_unit_test(offline_dirty), cmocka_unit_test(contract_of_blocks),
		cmocka_unit_test(close_names_shared), cmocka_unit_test(launder_stopped), cmocka_unit_test(keys_behind),
		cmocka_unit_test(stack_quiet),
		cmocka_unit_test(soak), cmocka_unit_test(audit_twice), cmocka_unit_test(lead_and_guards), cmocka_unit_test(panic_beside), cmocka_unit_test(split_exclusive),
	};
	const struct CMUnitTest narrow[] = { cmocka_unit_test(refused_on_32_bits) };

	if (!IS_64_BIT) /* no vaults there */
		return cmocka_run_group_tests(narrow, NULL, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
