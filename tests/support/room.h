/* SPDX-License-Identifier: MIT */
/*
 * room.h - what the unit tests of the core share: small labyrinths, born and buried, and a few looks at
 * them.  A test file includes this first.
 */
#ifndef LAB_TEST_ROOM_H
#define LAB_TEST_ROOM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <labyrinth.h>

#define COUNT_OF(list) (sizeof(list) / sizeof((list)[0]))
#define IS_64_BIT (UINTPTR_MAX > 0xffffffffu)

/* The home's way to say which CPU this thread is on; tests that look at places say 0. */
extern _Thread_local int lab_user_cpu_override;

/* Zero-filled memory as lab_birth() wants it; free() it. */
static inline void *zeroed(size_t bytes)
{
	void *memory = NULL;

	bytes = (bytes + 4095) & ~(size_t)4095;
	assert_int_equal(posix_memalign(&memory, 65536, bytes), 0);
	memset(memory, 0, bytes);
	return memory;
}

static inline struct lab_spec spec_of(const struct lab_room_spec *rooms, unsigned int count)
{
	return (struct lab_spec){ .page_shift = 12, .cpus = 4, .rooms = rooms, .room_count = count };
}

/* A labyrinth of this specification; its metadata begins where it does. */
static inline struct labyrinth *born(const struct lab_spec *spec)
{
	size_t bytes = lab_metadata_bytes(spec);
	struct labyrinth *lab = NULL;
	const char *why = "";
	int which = -1;

	lab_user_cpu_override = 0;
	assert_true(bytes > 0);
	if (lab_birth(spec, zeroed(bytes), bytes, &lab, &which, &why))
		print_error("room %d: %s\n", which, why);
	assert_non_null(lab);
	return lab;
}

/* One room without memory and watermarks. */
static inline struct labyrinth *born_plain(uint64_t frames)
{
	struct lab_room_spec room = { .name = "plain", .zone = LAB_ZONE_NORMAL, .frames = frames };
	struct lab_spec spec = spec_of(&room, 1);

	return born(&spec);
}

/* One room with watermarks: pools of 38, 12, 50 (reserves of min 100), 50 and 50 frames. */
#define MARKED_FRAMES 4096u
static inline struct labyrinth *born_marked(void)
{
	struct lab_room_spec room = { .name = "marked", .zone = LAB_ZONE_NORMAL, .frames = MARKED_FRAMES,
				      .min = 100, .low = 150, .high = 200 };
	struct lab_spec spec = spec_of(&room, 1);

	return born(&spec);
}

/* No rule is broken, with nobody in a call. */
static inline void assert_whole(const struct labyrinth *lab)
{
	struct lab_audit audit;

	if (lab_audit(lab, true, &audit))
		print_error("room %d, frame %llu: %s\n", audit.room, (unsigned long long)audit.frame, audit.text);
	assert_int_equal(audit.broken, LAB_RULE_NONE);
	assert_int_equal(lab_audit(lab, false, &audit), 0);
}

/* The last look at a labyrinth, and its end. */
static inline void buried(struct labyrinth *lab)
{
	assert_whole(lab);
	free(lab);
}

static inline uint64_t counted(const struct labyrinth *lab, enum lab_counter counter)
{
	struct lab_stats stats;

	assert_int_equal(lab_stats(lab, &stats), 0);
	return stats.counter[counter];
}

static inline uint64_t free_frames(const struct labyrinth *lab, unsigned int room)
{
	struct lab_room_stats stats;

	assert_int_equal(lab_room_stats(lab, room, &stats), 0);
	return stats.free_commons + stats.free_pooled;
}

static inline struct lab_page *alloc_ok(struct labyrinth *lab, lab_gfp_t gfp, unsigned int order)
{
	struct lab_page *page = lab_alloc_pages(lab, gfp, order);

	assert_int_equal(lab_ptr_err(page), 0);
	assert_non_null(page);
	return page;
}

/* Take single frames until one is refused; how many; *error is the refusal. */
static inline uint64_t drain(struct labyrinth *lab, lab_gfp_t gfp, int *error)
{
	struct lab_page *page;
	uint64_t n = 0;

	while (!lab_is_err(page = lab_alloc_pages(lab, gfp, 0)))
		n++;
	*error = lab_ptr_err(page);
	return n;
}

/* The same numbers each time. */
static inline uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

#endif
