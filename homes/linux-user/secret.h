/* SPDX-License-Identifier: MIT */
/*
 * secret.h - what secret.c (blocks) and secret_open.c (set-up) share.
 *
 * A note a frame of the room says what is out and how it is mapped: 0: nothing; else its size, its access, and whether a call is at it.
 * Only who wins the note by compare-and-swap touches canary and protection; notes are kept outside the pages, where no overrun reaches them.
 */
#ifndef LAB_HOME_SECRET_H
#define LAB_HOME_SECRET_H

#include <labyrinth/secret.h>

#define SECRET_CANARY 16u

#define NOTE_SIZE 0xffffffu /* up to a page of 64 KiB */
#define NOTE_ACCESS_SHIFT 24u
#define NOTE_ACCESS (3u << NOTE_ACCESS_SHIFT)
#define NOTE_BUSY (1u << 31)

enum secret_access {
	SECRET_READWRITE,
	SECRET_READONLY,
	SECRET_NOACCESS,
};

struct lab_secret {
	struct labyrinth *lab;
	bool own; /* `lab` is closed with this */
	unsigned int room, owner;
	size_t page;  /* bytes of one */
	size_t bytes; /* of this mapping */
	uint64_t first_frame, frames;
	uint64_t damaged __attribute__((aligned(8)));
	uint32_t ended; /* lab_secret_panic() has been called */
	uint8_t canary[SECRET_CANARY];
	uint32_t note[]; /* a frame each */
};

static inline enum secret_access note_access(uint32_t note)
{
	return (enum secret_access)((note & NOTE_ACCESS) >> NOTE_ACCESS_SHIFT);
}

static inline uint32_t note_with(uint32_t note, enum secret_access access)
{
	return (note & ~(NOTE_ACCESS | NOTE_BUSY)) | (uint32_t)access << NOTE_ACCESS_SHIFT;
}

/* Where the memory of a frame of the room begins. */
static inline char *secret_page(const struct lab_secret *secret, uint64_t index)
{
	return lab_page_address(secret->lab, lab_frame_page(secret->lab, secret->first_frame + index));
}

/* mprotect of a page: 0, or -errno. */
int secret_protect(const struct lab_secret *secret, uint64_t index, enum secret_access access);
/* 0, or why this process may not call the labyrinth (-ECHILD, -ENXIO). */
int secret_refused(const struct lab_secret *secret);

#endif
