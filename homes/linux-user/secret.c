/* SPDX-License-Identifier: MIT */
/*
 * secret.c - blocks that end at a guard page: alloc, free, toggles.  See secret.h; set-up is in secret_open.c.
 *
 * The free: note won -> page writable -> canary looked at -> note gone -> lab_free_as(), which shreds.  The note goes first, since the next
 * owner of the page writes it anew.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "secret.h"

_Static_assert(LAB_EILSEQ == EILSEQ || EILSEQ == 88 /* mips */ || EILSEQ == 122 /* sparc */, "Linux's value");

int secret_protect(const struct lab_secret *secret, uint64_t index, enum secret_access access)
{
	static const int protection[] = { PROT_READ | PROT_WRITE, PROT_READ, PROT_NONE };
	int before = errno, error;

	error = mprotect(secret_page(secret, index), secret->page, protection[access]) ? -errno : 0;
	errno = before; /* a signal handler may be the caller */
	return error;
}

int secret_refused(const struct lab_secret *secret)
{
	struct lab_stats stats;

	return lab_stats(secret->lab, &stats);
}

size_t lab_secret_most(const struct lab_secret *secret)
{
	return secret->page - SECRET_CANARY;
}

uint64_t lab_secret_damaged(const struct lab_secret *secret)
{
	return __atomic_load_n(&secret->damaged, __ATOMIC_RELAXED);
}

/* ---- the canary ---- */

static void canary_write(const struct lab_secret *secret, char *block)
{
	memcpy(block - SECRET_CANARY, secret->canary, SECRET_CANARY);
}

/* In the same time wherever they differ. */
static bool canary_holds(const struct lab_secret *secret, const char *block)
{
	const volatile uint8_t *found = (const volatile uint8_t *)block - SECRET_CANARY;
	uint8_t differs = 0;
	unsigned int i;

	for (i = 0; i < SECRET_CANARY; i++)
		differs |= (uint8_t)(found[i] ^ secret->canary[i]);
	return !differs;
}

/* ---- alloc ---- */

static void *refuse(int error)
{
	errno = error;
	return NULL;
}

void *lab_secret_alloc(struct lab_secret *secret, size_t size)
{
	struct lab_request request = LAB_REQUEST(LAB_GFP_ATOMIC | LAB_EXCLUSIVE, 0);
	struct lab_page *page;
	uint64_t index;
	char *block;

	if (!size)
		return refuse(EINVAL);
	if (size > lab_secret_most(secret))
		return refuse(EMSGSIZE);
	request.room = (int16_t)secret->room;
	request.owner = (uint16_t)secret->owner;
	page = lab_alloc_request(secret->lab, &request, NULL);
	if (lab_is_err(page))
		return refuse(-lab_ptr_err(page));
	index = lab_page_frame(secret->lab, page) - secret->first_frame;
	block = (char *)lab_page_address(secret->lab, page) + secret->page - size;
	canary_write(secret, block);
	/* The page is ours alone, and so is its note; release: the canary, for whoever frees it. */
	__atomic_store_n(&secret->note[index], (uint32_t)size, __ATOMIC_RELEASE);
	return block;
}

/* ---- a block that is out ---- */

/* Which frame's, by an address in its page.  0, or -ERANGE and what the labyrinth itself refuses. */
static int find(const struct lab_secret *secret, const void *block, struct lab_page **page, uint64_t *index)
{
	struct lab_page_info info;

	if (!lab_room_guarantees(secret->lab, secret->room)) /* not to be called: before anything of it is touched */
		return secret_refused(secret);
	*page = lab_address_page(secret->lab, block);
	if (!*page || lab_page_info(secret->lab, *page, &info) || info.room != (int16_t)secret->room)
		return -ERANGE;
	*index = info.frame - secret->first_frame;
	return 0;
}

/* Its note, won: *note as it was.  0, or -EALREADY, -EINVAL, -EBUSY; then nothing is changed. */
static int win(struct lab_secret *secret, const char *block, uint64_t index, uint32_t *note)
{
	uint32_t *at = &secret->note[index];

	*note = __atomic_load_n(at, __ATOMIC_ACQUIRE); /* partner: the alloc's release */
	do {
		if (!*note)
			return -EALREADY;
		if (*note & NOTE_BUSY)
			return -EBUSY;
		if (block != secret_page(secret, index) + secret->page - (*note & NOTE_SIZE))
			return -EINVAL;
		/* Of two calls at one block one gets through. */
	} while (!__atomic_compare_exchange_n(at, note, *note | NOTE_BUSY, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
	return 0;
}

/* Ours no longer; partner: the next win. */
static void let_go(struct lab_secret *secret, uint64_t index, uint32_t note)
{
	__atomic_store_n(&secret->note[index], note, __ATOMIC_RELEASE);
}

int lab_secret_free(struct lab_secret *secret, void *block)
{
	struct lab_page *page;
	uint64_t index;
	uint32_t note;
	bool holds;
	int error;

	if (!block)
		return 0;
	error = find(secret, block, &page, &index);
	if (!error)
		error = win(secret, block, index, &note);
	if (error)
		return error;
	if (note_access(note) != SECRET_READWRITE && (error = secret_protect(secret, index, SECRET_READWRITE)) != 0) {
		let_go(secret, index, note);
		return error;
	}
	/* After a panic it is the library that has overwritten it. */
	holds = canary_holds(secret, block) || __atomic_load_n(&secret->ended, __ATOMIC_SEQ_CST);
	let_go(secret, index, 0);
	error = lab_free_as(secret->lab, page, 0, secret->owner, 0);
	if (error) {
		let_go(secret, index, note_with(note, SECRET_READWRITE)); /* still its owner's */
		return error;
	}
	if (holds)
		return 0;
	__atomic_fetch_add(&secret->damaged, 1, __ATOMIC_RELAXED); /* a count */
	return -LAB_EILSEQ;
}

static int toggle(struct lab_secret *secret, void *block, enum secret_access access)
{
	struct lab_page *page;
	uint64_t index;
	uint32_t note;
	int error = find(secret, block, &page, &index);

	if (!error)
		error = win(secret, block, index, &note);
	if (error)
		return error;
	if (__atomic_load_n(&secret->ended, __ATOMIC_SEQ_CST))
		error = -ENXIO; /* whatever is to be shredded must stay writable */
	else if (note_access(note) != access)
		error = secret_protect(secret, index, access);
	let_go(secret, index, error ? note : note_with(note, access));
	return error;
}

int lab_secret_noaccess(struct lab_secret *secret, void *block)
{
	return toggle(secret, block, SECRET_NOACCESS);
}

int lab_secret_readonly(struct lab_secret *secret, void *block)
{
	return toggle(secret, block, SECRET_READONLY);
}

int lab_secret_readwrite(struct lab_secret *secret, void *block)
{
	return toggle(secret, block, SECRET_READWRITE);
}

uint64_t lab_secret_panic(struct lab_secret *secret)
{
	uint64_t i;

	if (secret_refused(secret))
		return 0;
	__atomic_store_n(&secret->ended, 1, __ATOMIC_SEQ_CST); /* before any note is looked at; partner: the toggle's load */
	for (i = 0; i < secret->frames; i++) {
		uint32_t note = __atomic_load_n(&secret->note[i], __ATOMIC_SEQ_CST);

		if (note & NOTE_BUSY || note_access(note) != SECRET_READWRITE)
			secret_protect(secret, i, SECRET_READWRITE);
	}
	return lab_panic_shred(secret->lab);
}
