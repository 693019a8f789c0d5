/* SPDX-License-Identifier: MIT */
/*
 * replay_run.h - a plan played on labyrinths: once watched, then timed.
 *
 * Passes, each on a fresh labyrinth of the same machine; one thread, so all give the same answers:
 *
 *   1. checked  every answer is seen by the oracle (and, if wanted, by a buddy allocator beside it);
 *   2. timed    a clock around each call, three rounds.  Rounds are equal but for what disturbs them
 *               (interrupts, other guests), so a call's time is the least of its three; the largest
 *               single reading is kept too (`max_any`);
 *   3. plain    no clock inside, three rounds: allocator_ms is the fastest of them.  It holds the loop and
 *               its reads of the plan as well, so it errs upwards.
 *
 * Or, with several threads, one pass of them all at once on one labyrinth, every answer seen by
 * replay_claims.c and replay_owners.c; then no two runs are alike, and nothing is timed but the whole.
 */
#ifndef TOOLS_REPLAY_RUN_H
#define TOOLS_REPLAY_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "replay_machine.h"
#include "replay_plan.h"
#include "replay_schedule.h"

/* Counts of 64 bits only: those of several threads are added up. */
struct run_counts {
	uint64_t refused, again; /* again: -EAGAIN, not in `refused` */
	uint64_t refused_nomem; /* none free for its right */
	uint64_t refused_nospc; /* frames free, but no block of the order */
	uint64_t refused_invalid; /* flags that contradict each other */
	uint64_t refused_other;
	uint64_t refused_sleeping, refused_nonsleeping;
	uint64_t refused_atomic_order0; /* GFP_ATOMIC's rights, a single page */
	uint64_t refused_while_free, double_given;
	uint64_t again_while_free; /* -EAGAIN for one page that was surely free; several threads only */
	uint64_t claimed; /* calls for one page that began with a claim (replay_claims.h); likewise */
	uint64_t refused_unproven; /* refusals of one page without a claim to the end; likewise */
	uint64_t misplaced; /* answers that are no block of this machine */
	uint64_t free_errors; /* frees of held blocks that were refused */
	uint64_t band_allocs; /* from the bands between min and high */
	uint64_t reserve_only_allocs; /* from the reserves inside min */
	uint64_t reserve_allocs; /* both */
	uint64_t fallbacks; /* not from the first room of the route */
	uint64_t frees_of_refused; /* frees left out, for the allocation was refused */
	uint64_t start_moved; /* live from the start, at another frame than its own */
	uint64_t start_refused; /* ... and not at all */
	uint64_t live_at_end; /* frames */
	uint64_t buddy_refused;
};

/* A room as the labyrinth made it. */
struct run_room {
	char name[LAB_NAME_MAX];
	uint64_t frames, min, low, high;
};

struct run_huge {
	uint64_t at_peak, at_end;
};

struct run_times {
	double p50, p99, p999, max; /* ns */
	double max_any;
	uint64_t calls;
};

/* What a thread did. */
struct run_thread {
	uint64_t events, calls; /* events whose calls it made */
	uint64_t refused, again, waits;
};

/* Of a run by several threads; else all 0. */
struct run_threads {
	uint64_t count;
	struct run_thread thread[SCHEDULE_THREADS_MAX];
	uint64_t calls, events; /* of all threads; an event that asks for no call is nobody's */
	uint64_t waits; /* frees and splits that had to wait for what they are of */
	uint64_t audit_broken; /* 1: the audit at the end found a broken rule */
	char audit[160]; /* which; "ok" */
	uint64_t lost; /* frames neither held nor free at the end, or both */
	uint64_t unsettled; /* frames by which the claims' count is wrong at the end: the checker's own */
	double elapsed_ms; /* from the first call to the last */
};

struct run_result {
	struct run_counts counts;
	struct run_threads threads;
	struct run_huge huge, buddy; /* wholly free blocks of 512 frames; buddy: with run.buddy */
	struct run_times alloc, free;
	double allocator_ms;
	bool passes_agree; /* the same calls got the same frames in each pass */
	uint64_t metadata_bytes;
	struct run_room room[LAB_ZONES];
	unsigned int rooms;
};

struct run {
	const struct plan *plan;
	struct machine *machine;
	bool buddy; /* play it on a flat buddy allocator too; one thread only */
	unsigned int threads; /* 0, 1: the three passes; up to SCHEDULE_THREADS_MAX: so many at once */
	/* Called with the labyrinth as it is at the end of the checked pass; may be NULL. */
	bool (*at_end)(const struct labyrinth *lab, void *data);
	/* Called now and then: how much is done, 0 .. 1; may be NULL. */
	void (*progress)(double part, void *data);
	void *data;
	struct run_result result;
	char error[MACHINE_ERROR_TEXT];
};

/* False: run->error says why. */
bool run_all(struct run *run);

/* The signal that ended a run by several threads, which then failed; 0: none did. */
int run_stopped_by(void);

/* A promise was broken: a frame given twice, a refusal without reason, an unclear answer, a frame lost. */
bool run_broken(const struct run_result *result);

#endif
