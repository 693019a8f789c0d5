/* SPDX-License-Identifier: MIT */
/*
 * audio_subject.h - one contestant's allocator: pages for the stream, blocks for the noise.
 */
#ifndef TOOLS_AUDIO_SUBJECT_H
#define TOOLS_AUDIO_SUBJECT_H

#include <labyrinth.h>

#include "audio.h"

struct audio_subject {
	enum audio_who who;
	struct labyrinth *lab; /* NULL: not of a labyrinth */
	struct labyrinth *noise_lab; /* where the noise is: the same; the control's noise has one too */
	unsigned int owner; /* the client with the contract; 0: none */
	unsigned int noise_owner; /* of some of the noise; 0: none */
	int vault; /* the room that the stream's exclusive pages come from; -1: they are not exclusive */
	uint64_t elsewhere; /* pages of another room, though they should have been exclusive */
	unsigned int tries_bound; /* 0: none published */
	uint64_t noise_bytes; /* as much is there to be taken */
	char *pages; /* the control's, in turn: as many as can be on their way, and one more */
	uint64_t page_count, next;
	const struct stopwatch *watch; /* the control's */
	uint64_t idle_ticks; /* so long it does nothing instead: as long as the contract's median */
};

/* A page or a block that somebody has. */
struct audio_block {
	void *address;
	struct lab_page *page; /* NULL: not of a labyrinth */
};

/* False: result->error. */
bool audio_subject_open(struct audio_subject *subject, const struct audio_shared *shared,
			struct audio_result *result);
void audio_subject_close(struct audio_subject *subject, struct audio_result *result);

/* A page for the stream; false: none.  `tries`: how many it took (0 where that is not told). */
bool audio_take(struct audio_subject *subject, struct audio_block *block, unsigned int *tries);
/* False: the allocator would not have it back. */
bool audio_give(const struct audio_subject *subject, const struct audio_block *block);

#endif
