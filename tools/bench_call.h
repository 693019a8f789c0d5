/* SPDX-License-Identifier: MIT */
/*
 * bench_call.h - how the timed loops of `labyrinth bench` call an allocator.
 *
 * Each contestant is called in the same shape: its address is loaded from a volatile pointer and
 * called, and its answer is tested once.  The compiler can then neither drop a malloc/free pair (which
 * the C standard allows, and clang does) nor inline one contestant and not the other.  `shape` is a
 * constant wherever these are used, so that no loop decides anything at run time.
 */
#ifndef LABYRINTH_TOOLS_BENCH_CALL_H
#define LABYRINTH_TOOLS_BENCH_CALL_H

#include <labyrinth.h>
#include <labyrinth/user.h>

#include "bench.h"

#define BENCH_INLINE static inline __attribute__((always_inline))
#define BENCH_PAGE 4096u
#define BENCH_PAGES_MAX 1000000u /* how many a subject's `pages` has room for */

enum bench_shape {
	BENCH_SHAPE_MALLOC, /* malloc(4096), free */
	BENCH_SHAPE_VOID, /* lab_alloc, lab_free */
	BENCH_SHAPE_PAGE, /* lab_alloc_pages, lab_free_pages */
	BENCH_SHAPE_NONE, /* no allocator: what the loop alone costs */
};

/* One allocator, ready to be called. */
struct bench_subject {
	enum bench_shape shape;
	struct labyrinth *lab; /* NULL: not Labyrinth */
	lab_gfp_t gfp;
	void **pages; /* room for what a loop holds at a time; zero-filled, touched, not from malloc */
};

extern void *(*volatile bench_malloc)(size_t size);
extern void (*volatile bench_free)(void *address);
extern void *(*volatile bench_lab_alloc)(struct labyrinth *lab, lab_gfp_t gfp, unsigned int order);
extern int (*volatile bench_lab_free)(struct labyrinth *lab, void *address, unsigned int order);
extern struct lab_page *(*volatile bench_lab_alloc_pages)(struct labyrinth *lab, lab_gfp_t gfp,
							  unsigned int order);
extern int (*volatile bench_lab_free_pages)(struct labyrinth *lab, struct lab_page *page, unsigned int order);

/* The page, or NULL in every shape. */
BENCH_INLINE void *bench_take(enum bench_shape shape, const struct bench_subject *subject)
{
	struct lab_page *page;

	switch (shape) {
	case BENCH_SHAPE_VOID:
		return bench_lab_alloc(subject->lab, subject->gfp, 0);
	case BENCH_SHAPE_PAGE:
		page = bench_lab_alloc_pages(subject->lab, subject->gfp, 0);
		return lab_is_err(page) ? NULL : page;
	case BENCH_SHAPE_NONE:
		return subject->pages;
	default:
		return bench_malloc(BENCH_PAGE);
	}
}

/* Refusals are not tested here but counted by the labyrinth: see bench_subject_close(). */
BENCH_INLINE void bench_give(enum bench_shape shape, const struct bench_subject *subject, void *page)
{
	switch (shape) {
	case BENCH_SHAPE_VOID:
		bench_lab_free(subject->lab, page, 0);
		break;
	case BENCH_SHAPE_PAGE:
		bench_lab_free_pages(subject->lab, page, 0);
		break;
	case BENCH_SHAPE_NONE:
		break;
	default:
		bench_free(page);
	}
}

/* What the subject lives on, where it is Labyrinth. */
struct bench_land {
	uint64_t bytes;
	enum lab_room_kind kind;
	enum lab_birth_kind birth;
	bool watermarks; /* as Linux computes them: with pools that each request and free must heed */
};

/*
 * The subject of a job: malloc as this process has it, or a labyrinth of one room.  Where the memory
 * cannot be locked (an ordinary user's limit) an armed one is replaced by a lazy one, and a note says
 * so.  False: figures->error says why.
 */
bool bench_subject_open(const struct bench_job *job, const struct bench_land *land,
			struct bench_subject *subject, struct bench_figures *figures);
/* Ends it; a free that was refused on the way is an error. */
void bench_subject_close(struct bench_subject *subject, struct bench_figures *figures);

#endif
