/* SPDX-License-Identifier: MIT */
/*
 * vault_look.h - `labyrinth vault`: what the memory of a vault can be on this machine, and who can still read it.
 *
 *     vault.c          options, the order of things, outputs
 *     vault_matrix.c   every set of guarantees of every kind of memory, made and read back
 *     vault_holder.c   a process that holds a page with a marker, and does what it is told
 *     vault_readers.c  each way to that page, tried
 *     vault_times.c    what it costs
 *     vault_report.c   as text, as JSON
 */
#ifndef TOOLS_VAULT_LOOK_H
#define TOOLS_VAULT_LOOK_H

#include <stdio.h>
#include <sys/types.h>

#include "../homes/linux-user/vault.h"

#define LOOK_KINDS 3u
#define LOOK_SETS 64u /* of the six bits that memory can have */
#define LOOK_FRAMES 4u
#define LOOK_MARKER 64u /* bytes */
#define LOOK_SUBJECTS (2 * LOOK_KINDS)
#define LOOK_TEXT 200u
#define LOOK_TIMES 6u

struct look_trial {
	bool met;
	bool untried; /* not for want of the guarantees: this command itself lacked something */
	uint32_t guarantees; /* as read back */
	char why[LAB_ERROR_TEXT]; /* not met: the sentence */
};

struct look_kind {
	enum lab_vault_memory memory;
	struct look_trial trial[LOOK_SETS];
};

enum look_reader {
	READER_CORE,
	READER_MEM,
	READER_READV,
	READER_DESCRIPTORS,
	READER_MAP_FILES,
	READER_CHILD,
	READER_SWAP,
	READER_RAM,
	READERS,
};

enum look_sight {
	SIGHT_UNTESTED,
	SIGHT_READS,
	SIGHT_CANNOT,
};

struct look_seen {
	enum look_sight sight;
	char how[LOOK_TEXT];
};

/* A vault as it is shown to the readers. */
struct look_subject {
	enum lab_vault_memory memory;
	uint32_t required;
	uint32_t guarantees; /* as read back */
	char why[LAB_ERROR_TEXT]; /* "": it was shown to them */
	struct look_seen seen[READERS];
};

struct look_time {
	enum lab_vault_memory memory; /* LAB_VAULT_ANY: no vault at all */
	uint32_t guarantees;
	unsigned int frames;
	double made_ms, fork_ms; /* fork_ms below 0: no process could be made */
	char why[LAB_ERROR_TEXT]; /* "": it was made */
};

struct look {
	struct look_kind kind[LOOK_KINDS];
	struct look_subject subject[LOOK_SUBJECTS];
	unsigned int subjects;
	struct look_time time[LOOK_TIMES];
	unsigned int times; /* 0: not asked for */
};

/* The bits of a set's number. */
uint32_t look_bits(unsigned int set);
/* Is no set met that has this one within it? */
bool look_is_largest(const struct look_kind *kind, unsigned int set);
/* Is every smaller set met? */
bool look_is_smallest_refused(const struct look_kind *kind, unsigned int set);
void look_try_sets(struct look_kind *kind);
/* Is this bit true of any that was made? */
bool look_has(const struct look_kind *kind, uint32_t bit);
/* What stands before a home's sentence, the place that it is about, taken off. */
void look_plain(char *why);
/* What went wrong with this error, and the limit of a process that is behind it; LAB_ERROR_TEXT bytes. */
void look_limit(int error, const char *what, char *text);
/* The first thing that could not be tried: why; NULL: all was. */
const char *look_untried(const struct look *look);

/* A child that holds a vault with a marker in its first page. */
struct look_holder {
	pid_t pid;
	int orders, answers; /* pipes */
	uint64_t seed;
	char folder[64]; /* its working directory, for its core */
	char *page;	 /* an address of the holder's */
	uint32_t guarantees;
};

enum look_order {
	ORDER_FORK = 'f',    /* let a child look: LOOK_ANSWER_... */
	ORDER_PAGEOUT = 'p', /* ask that the page be swapped out */
	ORDER_ABORT = 'a',   /* end by SIGABRT, with a core */
};
enum look_answer {
	ANSWER_READ = 'r',
	ANSWER_KILLED = 'k',
	ANSWER_OTHER = 'o', /* there, but another's */
	ANSWER_LOCKED = 'l',
	ANSWER_SWAPPED = 's',
	ANSWER_STAYED = 't',
	ANSWER_NONE = 0,
};

/* False: `error` (LAB_ERROR_TEXT bytes) says why. */
bool holder_start(struct look_holder *holder, enum lab_vault_memory memory, uint32_t guarantees, char *error);
/* What it answers. */
char holder_ask(const struct look_holder *holder, enum look_order order);
/* Let it end by itself, or kill it; its folder goes.  Its wait status is returned. */
int holder_end(struct look_holder *holder);
/* Does the marker stand in these bytes? */
bool holder_marked(const struct look_holder *holder, const char *bytes, size_t size);

/* Every way, tried on one vault.  The holder dies of it. */
void look_read(struct look_subject *subject, struct look_holder *holder);

void look_time(struct look *look);

const char *reader_name(enum look_reader reader);
void look_print(const struct look *look, FILE *file);
bool look_json(const struct look *look, FILE *file);

#endif
