/* SPDX-License-Identifier: MIT */
/*
 * vault.h - the memory of vaults: made so that what was required of it is true, looked at, or refused.
 *
 *     vault.c         the order of things; what a kind of memory can be
 *     vault_memory.c  address space, frames and guard pages; locked, touched, kept out of dumps and forks
 *     vault_pin.c     physical memory that may not move
 *     vault_truth.c   what the kernel says that it is: nothing here is believed because it was asked for
 *     vault_refuse.c  why not, in one sentence
 *     vault_room.c    a room of a labyrinth that is a vault
 *
 * Set-up, all of it: system calls, /proc, the heap.  Once made, its pages are used without a system call and without a fault.
 */
#ifndef LAB_HOME_VAULT_H
#define LAB_HOME_VAULT_H

#include <labyrinth/vault.h>

#include "home.h"

/* What memory can be; the shredding of frees is the core's. */
#define VAULT_OF_MEMORY (LAB_LOCKED | LAB_PINNED | LAB_NODUMP | LAB_NOFORK | LAB_GUARDED | LAB_SHREDDED_KILLED)
#define VAULT_NAMES_TEXT 96u
#define VAULT_QUARANTINE_MAX 65536u

struct vault_want {
	uint64_t frames;
	size_t page; /* bytes of a frame: a multiple of the kernel's page */
	uint32_t guarantees; /* required */
	enum lab_vault_memory memory;
};

/* Frames, a guard page before the first and behind each:  map -> [guard][frame 0][guard][frame 1] ... [guard]; or frames only. */
/* 0, or an error with a sentence in the complaint; then nothing is left mapped or open. */
int vault_map(const struct vault_want *want, struct vault_memory *made, const struct lab_complaint *to);
/* Give it back.  `owner`: not a forked child, which has its own, or nothing, at these addresses; then the frames are overwritten first. */
void vault_unmap(struct vault_memory *made, bool owner);
/* Which bits of VAULT_OF_MEMORY hold, read back from the kernel; 0 with errno where /proc does not tell. */
uint32_t vault_truth(const struct vault_memory *made);

/* NULL, or why this kind of memory is never like that, wherever it runs. */
const char *vault_never(enum lab_vault_memory kind, uint32_t guarantees);
const char *vault_kind_name(enum lab_vault_memory kind);
/* "LOCKED PINNED"; VAULT_NAMES_TEXT bytes; returns text. */
char *vault_names(uint32_t guarantees, char *text);

static inline size_t vault_step(const struct vault_memory *made)
{
	return made->page * made->stride;
}

/* ---- vault_room.c ---- */

/* What is said of a vault fits together; of another room nothing is said that only a vault has.  0, or -EINVAL. */
int vault_check(const struct lab_user_room *room, const struct lab_complaint *to);
/* rooms[].vault for those that are, in `vaults` (LAB_ROOMS_MAX), before their memory is known. */
void vault_describe(const struct lab_user_spec *spec, struct lab_room_spec *rooms, struct lab_vault *vaults);
/* Map one, into home->vault[], home->vault_spec[] and home->spec[]. */
int vault_map_room(struct lab_home *home, const struct lab_user_spec *spec, unsigned int number, const struct lab_complaint *to);

/* ---- among these files ---- */

int vault_back(const struct vault_want *want, struct vault_memory *made, const struct lab_complaint *to);
int vault_arm(const struct vault_want *want, struct vault_memory *made, const struct lab_complaint *to);
int vault_pin(struct vault_memory *made, const struct lab_complaint *to);
void vault_unpin(struct vault_memory *made, bool owner);

/* What limits a call, for the sentence; `errno` is looked at. */
enum vault_limit {
	VAULT_BY_NOTHING,
	VAULT_BY_SPACE,	   /* RLIMIT_AS, overcommit */
	VAULT_BY_MEMLOCK,  /* RLIMIT_MEMLOCK of the process */
	VAULT_BY_PINS,	   /* ... of the user, for what is pinned */
	VAULT_BY_MAPPINGS, /* vm.max_map_count */
	VAULT_BY_HUGE,	   /* vm.nr_hugepages */
	VAULT_BY_SECRETS,  /* secretmem.enable */
	VAULT_BY_RINGS,	   /* kernel.io_uring_disabled, RLIMIT_NOFILE */
};
/* Would RLIMIT_MEMLOCK allow so many pinned bytes if nobody else of this user had pinned?  `errno` stays. */
bool vault_pins_fit(uint64_t bytes);
/* "CALL of N bytes failed: WHY (LIMIT)"; returns -errno. */
int vault_complain(const struct lab_complaint *to, const char *call, uint64_t bytes, enum vault_limit by);
/* The kernel said yes to every call, and shows otherwise; returns -EOPNOTSUPP. */
int vault_complain_of(const struct lab_complaint *to, uint32_t missing);

#endif
