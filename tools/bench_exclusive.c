/* SPDX-License-Identifier: MIT */
/*
 * bench_exclusive.c - pair_exclusive and its rows: exclusive pages, and libsodium's and OpenSSL's beside them; pair_secret: blocks that end
 * at a guard, and what toggling them costs.
 *
 * Runs in workers only.  Modes of Labyrinth:
 *
 *     pair      lab_alloc_request() and lab_free_as() of one page, again and again
 *     fill      the bare kernel on a hot page, no keys and no allocator: what shredding is held against
 *     shred     the core's shredding of a hot page, keys and their destruction included
 *     digest    what noticing costs at the allocation
 *     free, launder   where a free leaves the shredding to the laundry: the free alone, then each page's laundering
 *     toggle, readonly   a block made noaccess and readwrite again; readonly and readwrite again: two system calls
 */
#define _GNU_SOURCE
#include "bench_call.h"
#include "../core/keys.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#include <labyrinth/secret.h>

#define PAGES 1024u
#define PAIRS 20000u
#define SLOW_PAIRS 2000u /* libsodium's make ten system calls each */
#define BATCH 256u
#define SECURE_BYTES ((size_t)4 << 20)
#define WHOLE (LAB_LOCKED | LAB_NODUMP | LAB_NOFORK | LAB_GUARDED)

static int open_vault(const struct lab_user_room *like, struct labyrinth **lab, char *text)
{
	struct lab_user_room room = *like;
	struct lab_user_spec spec = { .birth = LAB_ARMED, .rooms = &room, .room_count = 1 };

	room.name = "vault";
	room.kind = LAB_ROOM_VAULT;
	room.zone = LAB_ZONE_OWN;
	room.size = (uint64_t)PAGES * BENCH_PAGE;
	room.guarantees = WHOLE;
	return lab_user_open(&spec, lab, text);
}

/* ---- can it be had here? ---- */

static const char *missing(enum lab_vault_memory memory)
{
	static char text[LAB_ERROR_TEXT];
	struct lab_user_room room = { .vault_memory = memory };
	struct labyrinth *lab;

	if (open_vault(&room, &lab, text))
		return text;
	lab_user_close(lab);
	return NULL;
}

const char *bench_exclusive_missing(void)
{
	return missing(LAB_VAULT_ANONYMOUS);
}

const char *bench_exclusive_secret_missing(void)
{
	return missing(LAB_VAULT_SECRET);
}

/* ---- the peers: libraries that were preloaded ---- */

struct peer {
	void *(*take)(size_t size);
	void (*give)(void *address);
	void *(*secure_take)(size_t size, const char *file, int line);
	void (*secure_give)(void *address, size_t size, const char *file, int line);
};

/* A function of the preloaded library, in `at`. */
static bool find(const char *name, void *at, struct bench_figures *figures)
{
	void *found = dlsym(RTLD_DEFAULT, name);

	memcpy(at, &found, sizeof(found));
	if (!found)
		bench_fail(figures, "there is no %s()", name);
	return found;
}

static bool open_sodium(struct peer *peer, struct bench_figures *figures)
{
	int (*init)(void);

	if (!find("sodium_init", &init, figures) || !find("sodium_malloc", &peer->take, figures) ||
	    !find("sodium_free", &peer->give, figures))
		return false;
	if (init() >= 0)
		return true;
	bench_fail(figures, "sodium_init() failed");
	return false;
}

static bool open_openssl(struct peer *peer, struct bench_figures *figures)
{
	int (*init)(size_t size, size_t least);

	if (!find("CRYPTO_secure_malloc_init", &init, figures) || !find("CRYPTO_secure_malloc", &peer->secure_take, figures) ||
	    !find("CRYPTO_secure_clear_free", &peer->secure_give, figures))
		return false;
	if (init(SECURE_BYTES, 16) == 1)
		return true;
	bench_fail(figures, "CRYPTO_secure_malloc_init() failed, or could not lock its memory");
	return false;
}

/* False: one could not be had. */
static bool peer_pairs(const struct peer *peer, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		void *page = peer->take ? peer->take(BENCH_PAGE) : peer->secure_take(BENCH_PAGE, __FILE__, __LINE__);

		if (!page)
			return false;
		if (peer->give)
			peer->give(page);
		else
			peer->secure_give(page, BENCH_PAGE, __FILE__, __LINE__);
	}
	return true;
}

static void run_peer(const struct bench_job *job, struct bench_figures *figures)
{
	unsigned int count = job->who == BENCH_SODIUM ? SLOW_PAIRS : PAIRS;
	struct peer peer = { 0 };
	double start;

	if (job->who == BENCH_SODIUM ? !open_sodium(&peer, figures) : !open_openssl(&peer, figures))
		return;
	if (!peer_pairs(&peer, count / 4))
		bench_fail(figures, "no page");
	start = bench_cpu_ns();
	if (!peer_pairs(&peer, count))
		bench_fail(figures, "no page");
	bench_figure_add(figures, "pair", (bench_cpu_ns() - start) / count);
}

/* ---- Labyrinth ---- */

static struct lab_page *(*volatile vault_take)(struct labyrinth *lab, const struct lab_request *request,
						struct lab_answer *answer) = lab_alloc_request;
static int (*volatile vault_give)(struct labyrinth *lab, struct lab_page *page, unsigned int order, unsigned int owner,
				  unsigned int use) = lab_free_as;

/* False: one was refused. */
static bool pairs(struct labyrinth *lab, unsigned int count)
{
	struct lab_request request = LAB_REQUEST(LAB_GFP_ATOMIC | LAB_EXCLUSIVE, 0);

	request.room = 0;
	for (unsigned int i = 0; i < count; i++) {
		struct lab_page *page = vault_take(lab, &request, NULL);

		if (lab_is_err(page) || vault_give(lab, page, 0, LAB_OWNER_EXCLUSIVE, 0))
			return false;
	}
	return true;
}

/* The whole of a row, or none of it: less than what it is named after is not measured under its name. */
static bool open_row(const struct lab_user_room *like, struct labyrinth **lab, struct bench_figures *figures)
{
	const uint32_t promised = WHOLE | LAB_SHREDDED;
	char text[LAB_ERROR_TEXT] = "";

	if (open_vault(like, lab, text)) {
		bench_fail(figures, "no vault: %s", text);
		return false;
	}
	if ((lab_room_guarantees(*lab, 0) & promised) == promised)
		return true;
	bench_fail(figures, "the vault is less than LOCKED NODUMP NOFORK GUARDED SHREDDED");
	lab_user_close(*lab);
	return false;
}

static void measure_pairs(struct labyrinth *lab, struct bench_figures *figures)
{
	bool fine = pairs(lab, PAIRS / 4);
	double start = bench_cpu_ns();

	fine = fine && pairs(lab, PAIRS);
	bench_figure_add(figures, "pair", (bench_cpu_ns() - start) / PAIRS);
	if (!fine)
		bench_fail(figures, "a pair was refused");
}

enum bare {
	BARE_FILL,
	BARE_ZERO,
	BARE_SHRED,
	BARE_DIGEST,
};

/* A hot page by the kernel that the core uses here, without an allocator. */
static double bare(enum bare what, unsigned int count)
{
	static uint8_t page[BENCH_PAGE] __attribute__((aligned(BENCH_PAGE)));
	static struct lab_keys keys;
	const struct lab_fill *fill = fill_best();
	uint8_t seed[FILL_SEED_BYTES] = { 1 }; /* a measurement is no secret */
	struct fill_key key;
	uint64_t sum = 0;
	double start;

	fill->expand(&key, seed);
	memset(&keys, 0, sizeof(keys));
	keys_seed(&keys, fill, seed);
	start = bench_cpu_ns();
	for (unsigned int i = 0; i < count; i++) {
		if (what == BARE_FILL)
			sum += fill->random(page, BENCH_PAGE, &key, i);
		else if (what == BARE_ZERO)
			sum += fill->zero(page, BENCH_PAGE);
		else if (what == BARE_SHRED)
			sum += keys_shred(&keys, fill, page, BENCH_PAGE, false);
		else
			sum += fill->digest(page, BENCH_PAGE);
	}
	FILL_BARRIER(&sum);
	return (bench_cpu_ns() - start) / count;
}

static void add_bare(const char *mode, enum bare what, struct bench_figures *figures)
{
	bare(what, PAIRS / 4);
	bench_figure_add(figures, mode, bare(what, PAIRS));
}

static void run_pairs(const struct bench_job *job, const struct lab_user_room *like, struct bench_figures *figures)
{
	struct labyrinth *lab;

	if (job->who != BENCH_LABYRINTH) {
		run_peer(job, figures);
		return;
	}
	if (!open_row(like, &lab, figures))
		return;
	measure_pairs(lab, figures);
	if (like->shred == LAB_SHRED_ZERO) {
		add_bare("fill", BARE_ZERO, figures);
	} else {
		add_bare("fill", BARE_FILL, figures);
		add_bare("shred", BARE_SHRED, figures);
	}
	if (!like->unnoticed)
		add_bare("digest", BARE_DIGEST, figures);
	lab_user_close(lab);
}

void bench_pair_exclusive(const struct bench_job *job, struct bench_figures *figures)
{
	run_pairs(job, &(struct lab_user_room){ .vault_memory = LAB_VAULT_ANONYMOUS }, figures);
}

void bench_pair_exclusive_zero(const struct bench_job *job, struct bench_figures *figures)
{
	run_pairs(job, &(struct lab_user_room){ .vault_memory = LAB_VAULT_ANONYMOUS, .shred = LAB_SHRED_ZERO }, figures);
}

void bench_pair_exclusive_secret(const struct bench_job *job, struct bench_figures *figures)
{
	run_pairs(job, &(struct lab_user_room){ .vault_memory = LAB_VAULT_SECRET }, figures);
}

void bench_pair_exclusive_quiet(const struct bench_job *job, struct bench_figures *figures)
{
	run_pairs(job, &(struct lab_user_room){ .vault_memory = LAB_VAULT_ANONYMOUS, .unnoticed = true }, figures);
}

/* A batch out, freed, laundered; the times of the last two are added up. */
static bool batch(struct labyrinth *lab, double *freed, double *laundered)
{
	struct lab_request request = LAB_REQUEST(LAB_GFP_ATOMIC | LAB_EXCLUSIVE, 0);
	struct lab_page *page[BATCH];
	double start;
	bool fine = true;

	request.room = 0;
	for (unsigned int i = 0; i < BATCH; i++) {
		page[i] = vault_take(lab, &request, NULL);
		if (lab_is_err(page[i]))
			return false;
	}
	start = bench_cpu_ns();
	for (unsigned int i = 0; i < BATCH; i++)
		fine &= !vault_give(lab, page[i], 0, LAB_OWNER_EXCLUSIVE, 0);
	*freed += bench_cpu_ns() - start;
	start = bench_cpu_ns();
	fine &= lab_launder(lab, 0, BATCH) == BATCH;
	*laundered += bench_cpu_ns() - start;
	return fine;
}

void bench_pair_exclusive_deferred(const struct bench_job *job, struct bench_figures *figures)
{
	const struct lab_user_room like = { .vault_memory = LAB_VAULT_ANONYMOUS, .deferred = true };
	double freed = 0, laundered = 0;
	struct labyrinth *lab;
	bool fine;

	(void)job;
	if (!open_row(&like, &lab, figures))
		return;
	fine = batch(lab, &freed, &laundered);
	freed = laundered = 0;
	for (unsigned int i = 0; i < PAIRS / BATCH; i++)
		fine = fine && batch(lab, &freed, &laundered);
	if (!fine)
		bench_fail(figures, "a page was refused, or not laundered");
	bench_figure_add(figures, "free", freed / (PAIRS / BATCH * BATCH));
	bench_figure_add(figures, "launder", laundered / (PAIRS / BATCH * BATCH));
	lab_user_close(lab);
}

/* ---- blocks ---- */

static int mappings(void)
{
	FILE *file = fopen("/proc/self/maps", "re");
	int count = 0, c;

	while (file && (c = getc(file)) != EOF)
		count += c == '\n';
	if (file)
		fclose(file);
	return count;
}

static bool secret_pairs(struct lab_secret *secret, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		void *block = lab_secret_alloc(secret, lab_secret_most(secret));

		if (!block || lab_secret_free(secret, block))
			return false;
	}
	return true;
}

static bool toggles(struct lab_secret *secret, void *block, int (*toggle)(struct lab_secret *secret, void *block), unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		if (toggle(secret, block) || lab_secret_readwrite(secret, block))
			return false;
	return true;
}

/* The calls of a round trip, and how many mappings the toggled page makes. */
static bool measure_toggles(struct lab_secret *secret, struct bench_figures *figures)
{
	void *block = lab_secret_alloc(secret, 32), *last;
	int before = mappings(), split;
	double start;
	bool fine;

	last = lab_secret_alloc(secret, 32);
	fine = block && last && toggles(secret, block, lab_secret_noaccess, SLOW_PAIRS / 4);
	start = bench_cpu_ns();
	fine = fine && toggles(secret, block, lab_secret_noaccess, SLOW_PAIRS);
	bench_figure_add(figures, "toggle", (bench_cpu_ns() - start) / SLOW_PAIRS);
	start = bench_cpu_ns();
	fine = fine && toggles(secret, block, lab_secret_readonly, SLOW_PAIRS);
	bench_figure_add(figures, "readonly", (bench_cpu_ns() - start) / SLOW_PAIRS);
	fine = fine && !lab_secret_noaccess(secret, last);
	split = mappings() - before;
	snprintf(figures->note, sizeof(figures->note), "a page that is noaccess: %d mappings more", split);
	return fine && !lab_secret_free(secret, block) && !lab_secret_free(secret, last);
}

void bench_pair_secret(const struct bench_job *job, struct bench_figures *figures)
{
	const struct lab_secret_spec spec = { .memory = LAB_VAULT_ANONYMOUS };
	char text[LAB_ERROR_TEXT] = "";
	struct lab_secret *secret;
	double start;
	bool fine;

	if (job->who != BENCH_LABYRINTH) {
		run_peer(job, figures);
		return;
	}
	if (lab_secret_open(&spec, &secret, text)) {
		bench_fail(figures, "no secrets: %s", text);
		return;
	}
	fine = secret_pairs(secret, PAIRS / 4);
	start = bench_cpu_ns();
	fine = fine && secret_pairs(secret, PAIRS);
	bench_figure_add(figures, "pair", (bench_cpu_ns() - start) / PAIRS);
	if (!measure_toggles(secret, figures) || !fine)
		bench_fail(figures, "a block was refused");
	lab_secret_close(secret);
}
