/* SPDX-License-Identifier: MIT */
/*
 * bench_subject.c - an allocator, made ready for the timed loops of `labyrinth bench`.
 *
 * Runs in workers only.  See bench_call.h for why every call goes through a volatile pointer.
 */
#define _GNU_SOURCE
#include "bench_call.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

void *(*volatile bench_malloc)(size_t size) = malloc;
void (*volatile bench_free)(void *address) = free;
void *(*volatile bench_lab_alloc)(struct labyrinth *lab, lab_gfp_t gfp, unsigned int order) = lab_alloc;
int (*volatile bench_lab_free)(struct labyrinth *lab, void *address, unsigned int order) = lab_free;
struct lab_page *(*volatile bench_lab_alloc_pages)(struct labyrinth *lab, lab_gfp_t gfp,
						   unsigned int order) = lab_alloc_pages;
int (*volatile bench_lab_free_pages)(struct labyrinth *lab, struct lab_page *page,
				     unsigned int order) = lab_free_pages;

/* The counters of frees that were refused. */
static const enum lab_counter refusals[] = {
	LAB_COUNT_DOUBLE, LAB_COUNT_ORDER, LAB_COUNT_BODY,  LAB_COUNT_FOREIGN,
	LAB_COUNT_USE,    LAB_COUNT_STALE, LAB_COUNT_RANGE,
};

static int open_labyrinth(const struct bench_land *land, enum lab_birth_kind birth, struct labyrinth **lab,
			  char *text)
{
	struct lab_user_room room = {
		.name = "bench",
		.kind = land->kind,
		.zone = LAB_ZONE_NORMAL,
		.size = land->bytes,
		.watermarks = land->watermarks,
	};
	struct lab_user_spec spec = { .birth = birth, .rooms = &room, .room_count = 1 };

	return lab_user_open(&spec, lab, text);
}

static bool open_own(const struct bench_land *land, struct bench_subject *subject,
		     struct bench_figures *figures)
{
	char text[LAB_ERROR_TEXT] = "", lazy_text[LAB_ERROR_TEXT] = "";

	if (!open_labyrinth(land, land->birth, &subject->lab, text))
		return true;
	if (land->birth == LAB_ARMED && !open_labyrinth(land, LAB_LAZY, &subject->lab, lazy_text)) {
		snprintf(figures->note, sizeof(figures->note), "labyrinth: lazy instead of armed: %s", text);
		return true;
	}
	bench_fail(figures, "no labyrinth: %s", text);
	return false;
}

bool bench_subject_open(const struct bench_job *job, const struct bench_land *land,
			struct bench_subject *subject, struct bench_figures *figures)
{
	/* Not from malloc: a peer's heap should hold nothing but what is measured. */
	void *pages = mmap(NULL, BENCH_PAGES_MAX * sizeof(void *), PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	memset(subject, 0, sizeof(*subject));
	if (pages == MAP_FAILED) {
		bench_fail(figures, "no memory for the list of pages: %s", strerror(errno));
		return false;
	}
	subject->pages = pages;
	subject->gfp = LAB_GFP_KERNEL;
	if (job->who == BENCH_FLOOR)
		subject->shape = BENCH_SHAPE_NONE;
	if (job->who != BENCH_LABYRINTH)
		return true;
	subject->shape = BENCH_SHAPE_VOID;
	return open_own(land, subject, figures);
}

void bench_subject_close(struct bench_subject *subject, struct bench_figures *figures)
{
	struct lab_stats stats;

	munmap(subject->pages, BENCH_PAGES_MAX * sizeof(void *));
	if (!subject->lab)
		return;
	if (lab_stats(subject->lab, &stats))
		bench_fail(figures, "lab_stats failed");
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]) && !*figures->error; i++) {
		uint64_t count = stats.counter[refusals[i]];

		if (count)
			bench_fail(figures, "%llu frees refused (%s)", (unsigned long long)count,
				   lab_counter_name(refusals[i]));
	}
	lab_user_close(subject->lab);
}
