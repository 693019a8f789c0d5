/* SPDX-License-Identifier: MIT */
/*
 * guest_subjects.h - whose pages hold the secrets: four ways to keep them, each with what it promises itself.
 *
 *     malloc            malloc(4096), and free() without wiping: the control of every scene
 *     mlock-wipe        mmap, mlock, and wiped before munmap: what careful programs do by hand
 *     libsodium         sodium_malloc, sodium_free
 *     labyrinth         a vault: locked, pinned, guarded, out of dumps and forks, shredded (guest_vault.h)
 *     labyrinth-secret  the same in memory that the kernel itself clears when its process is killed
 */
#ifndef GUEST_SUBJECTS_H
#define GUEST_SUBJECTS_H

#include <sodium.h>
#include "guest_machine.h"

struct subject {
	const char *name;
	void (*open)(size_t pages);
	void *(*take)(void);
	void (*give)(void *page);
	size_t (*panic)(void); /* in a handler: overwrite all; how many */
	uint32_t promises; /* LAB_* of labyrinth/vault.h, truly met; known once open */
};

/* ---- malloc ---- */

static inline void plain_open(size_t pages)
{
	(void)pages;
}

static inline void *plain_take(void)
{
	return malloc(4096);
}

/* ---- mmap, mlock, wiped ---- */

static char *careful_memory;
static size_t careful_next, careful_left, careful_size;

/* At a huge page's boundary, so that a collapse may want it. */
static inline void careful_open(size_t pages)
{
	size_t size = (pages * 4096 + HUGE - 1) / HUGE * HUGE;
	char *reserved = mmap(NULL, size + HUGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (reserved == MAP_FAILED)
		broken("no addresses: %s", strerror(errno));
	careful_memory = (char *)(((uintptr_t)reserved + HUGE - 1) / HUGE * HUGE);
	careful_size = size;
	careful_left = pages;
	if (mprotect(careful_memory, size, PROT_READ | PROT_WRITE) || mlock(careful_memory, size))
		broken("mlock of %zu bytes: %s", size, strerror(errno));
}

static inline void *careful_take(void)
{
	return careful_memory + 4096 * careful_next++;
}

/* The last one unmaps all, so that what is left is nobody's memory. */
static inline void careful_give(void *page)
{
	explicit_bzero(page, 4096);
	if (!--careful_left)
		munmap(careful_memory, careful_size);
}

/* ---- libsodium ---- */

static inline void sodium_open(size_t pages)
{
	(void)pages;
	if (sodium_init() < 0)
		broken("libsodium cannot be initialised");
}

/* Its pages end at a guard page, so 4096 bytes begin at a page. */
static inline void *sodium_take(void)
{
	return sodium_malloc(4096);
}

#ifdef REMANENCE_VAULT
#include "guest_vault.h"
#else
/* This tree's headers have no vaults yet: each scene says so, and fails. */
static inline void vault_absent(size_t pages)
{
	(void)pages;
	broken("the headers of this tree have no LAB_ROOM_VAULT");
}
#define vault_open vault_absent
#define vault_open_secret vault_absent
#define vault_take plain_take
#define vault_give free
#define vault_panic NULL
#endif

static struct subject subjects[] = {
	{ .name = "malloc", .open = plain_open, .take = plain_take, .give = free },
	{ .name = "mlock-wipe", .open = careful_open, .take = careful_take, .give = careful_give },
	{ .name = "libsodium", .open = sodium_open, .take = sodium_take, .give = sodium_free },
	{ .name = "labyrinth", .open = vault_open, .take = vault_take, .give = vault_give, .panic = vault_panic },
	{ .name = "labyrinth-secret", .open = vault_open_secret, .take = vault_take, .give = vault_give, .panic = vault_panic },
};

static inline struct subject *subject_named(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(subjects) / sizeof(*subjects); i++)
		if (!strcmp(subjects[i].name, name))
			return subjects + i;
	return NULL;
}

#endif
