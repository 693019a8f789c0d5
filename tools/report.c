/* SPDX-License-Identifier: MIT */
/*
 * report.c - see report.h.
 *
 * One list of figures serves both: its key is the JSON member, its label the row of the table.  All
 * counts of frames are frames of 4 KiB, all times nanoseconds unless the name says otherwise.
 */
#include "report_figures.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#define AT(member) offsetof(struct report, member)

const struct figure report_figures[] = {
	{ FIGURE_SECTION, NULL, "Trace", 0, ALWAYS },
	{ FIGURE_COUNT, "events", "events used", AT(events), ALWAYS },
	{ FIGURE_COUNT, "allocs", "  allocations", AT(plan.allocs), ALWAYS },
	{ FIGURE_COUNT, NULL, "    that must not sleep", AT(plan.atomic_allocs), ALWAYS },
	{ FIGURE_COUNT, "frees", "  frees", AT(plan.frees), ALWAYS },
	{ FIGURE_COUNT, "frees_unmatched", "    of what was live before", AT(plan.frees_unmatched), ALWAYS },
	{ FIGURE_COUNT, "frees_lost", "    of what had been freed already", AT(plan.frees_lost), IF_ANY },
	{ FIGURE_FRAMES, "live_at_start", "live at the start", AT(plan.start_frames), ALWAYS },
	{ FIGURE_FRAMES, "peak_frames", "peak", AT(plan.peak_frames), ALWAYS },
	{ FIGURE_COUNT, "lines", NULL, AT(lines.lines), ALWAYS },
	{ FIGURE_COUNT, "comments", NULL, AT(lines.comments), ALWAYS },
	{ FIGURE_COUNT, "duplicates", "duplicate events", AT(lines.duplicates), IF_ANY },
	{ FIGURE_COUNT, "other_events", "other events", AT(lines.others), IF_ANY },
	{ FIGURE_COUNT, "lost", "events lost by the recording", AT(lines.lost), IF_ANY },
	{ FIGURE_COUNT, "lost_marks", NULL, AT(lines.lost_marks), ALWAYS },
	{ FIGURE_COUNT, "failed_requests", "requests the kernel failed", AT(lines.failed_requests), IF_ANY },
	{ FIGURE_COUNT, "unknown_flags", "unknown flag names", AT(lines.unknown_flags), IF_ANY },
	{ FIGURE_COUNT, "realloc_while_held", "allocated again while held", AT(plan.realloc_while_held),
	  IF_ANY },
	{ FIGURE_COUNT, "pieces", "frees of a part of a block", AT(plan.pieces), IF_ANY },
	{ FIGURE_COUNT, "merged", "frees of several blocks at once", AT(plan.merged), IF_ANY },
	{ FIGURE_COUNT, "too_large", "left out: above order 9", AT(plan.too_large), IF_ANY },
	{ FIGURE_COUNT, "unparsed", "lines not understood", AT(lines.unparsed), ALWAYS },
	{ FIGURE_COUNT, "first_unparsed", "  the first is line", AT(lines.first_unparsed), IF_ANY },

	{ FIGURE_COUNT, "threads", NULL, AT(threads), ALWAYS },
	{ FIGURE_SECTION, NULL, "Threads", 0, MANY },
	{ FIGURE_COUNT, NULL, "threads at once", AT(threads), MANY },
	{ FIGURE_COUNT, "events_idle", "events that ask for nothing", AT(events_idle), MANY | IF_ANY },
	{ FIGURE_COUNT, "calls", "calls", AT(run.threads.calls), MANY },
	{ FIGURE_COUNT, "waits", "  that waited for an allocation", AT(run.threads.waits), MANY },
	{ FIGURE_MS, "elapsed_ms", "all of them, with every check", AT(run.threads.elapsed_ms), MANY },

	{ FIGURE_SECTION, NULL, "Answers", 0, ALWAYS },
	{ FIGURE_COUNT, "refused", "refused", AT(run.counts.refused), ALWAYS },
	{ FIGURE_COUNT, NULL, "  no frame left for its right", AT(run.counts.refused_nomem), IF_ANY },
	{ FIGURE_COUNT, NULL, "  no block of its order", AT(run.counts.refused_nospc), IF_ANY },
	{ FIGURE_COUNT, NULL, "  flags that contradict", AT(run.counts.refused_invalid), IF_ANY },
	{ FIGURE_COUNT, NULL, "  other", AT(run.counts.refused_other), IF_ANY },
	{ FIGURE_COUNT, "refused_sleeping", "  might have slept for it", AT(run.counts.refused_sleeping),
	  IF_ANY },
	{ FIGURE_COUNT, "refused_nonsleeping", "  must not sleep", AT(run.counts.refused_nonsleeping),
	  IF_ANY },
	{ FIGURE_COUNT, "refused_atomic_order0", "  GFP_ATOMIC, one page",
	  AT(run.counts.refused_atomic_order0), ALWAYS },
	{ FIGURE_COUNT, "refused_unproven", "  one page, not known to be free",
	  AT(run.counts.refused_unproven), MANY },
	{ FIGURE_COUNT, "again", "unclear answers (-EAGAIN)", AT(run.counts.again), MANY },
	{ FIGURE_COUNT, "claimed", "asked while a page was surely free", AT(run.counts.claimed), MANY },
	{ FIGURE_COUNT, "reserve_allocs", "from bands and reserves", AT(run.counts.reserve_allocs), ALWAYS },
	{ FIGURE_COUNT, "band_allocs", "  from the bands above min", AT(run.counts.band_allocs), IF_ANY },
	{ FIGURE_COUNT, "reserve_only_allocs", "  from the reserves in min",
	  AT(run.counts.reserve_only_allocs), IF_ANY },
	{ FIGURE_COUNT, "fallbacks", "from another room than the first", AT(run.counts.fallbacks), ALWAYS },
	{ FIGURE_COUNT, "frees_of_refused", "frees of what was refused", AT(run.counts.frees_of_refused),
	  IF_ANY },
	{ FIGURE_FRAMES, "live_at_end", "live at the end", AT(run.counts.live_at_end), ALWAYS },
	{ FIGURE_COUNT, "start_moved", "live at the start, placed elsewhere", AT(run.counts.start_moved),
	  IF_ANY },
	{ FIGURE_COUNT, "start_refused", "live at the start, no room for it", AT(run.counts.start_refused),
	  IF_ANY },

	{ FIGURE_SECTION, NULL, "Promises (all must be 0)", 0, ALWAYS },
	{ FIGURE_BROKEN, "double_given", "frames given twice", AT(run.counts.double_given), ALWAYS },
	{ FIGURE_BROKEN, "refused_while_free", "refused while one was free",
	  AT(run.counts.refused_while_free), ALWAYS },
	{ FIGURE_BROKEN, "again", "unclear answers (-EAGAIN)", AT(run.counts.again), ONE },
	{ FIGURE_BROKEN, "again_while_free", "unclear while one was free", AT(run.counts.again_while_free),
	  MANY },
	{ FIGURE_BROKEN, "misplaced", "answers out of place", AT(run.counts.misplaced), ALWAYS },
	{ FIGURE_BROKEN, "free_errors", "frees refused", AT(run.counts.free_errors), ALWAYS },
	{ FIGURE_BROKEN, "frames_lost", "frames lost", AT(run.threads.lost), MANY },
	{ FIGURE_BROKEN, "claims_unsettled", "frames miscounted by the checker", AT(run.threads.unsettled),
	  MANY },
	{ FIGURE_BROKEN, "audit_broken", "rules broken at the end (audit)", AT(run.threads.audit_broken),
	  MANY },

	{ FIGURE_SECTION, NULL, "Time of a call, least of three rounds (p50 / p99 / p99.9 / max)", 0, ONE },
	{ FIGURE_TIMES, "alloc_ns", "allocation", AT(run.alloc), ONE },
	{ FIGURE_TIMES, "free_ns", "free", AT(run.free), ONE },
	{ FIGURE_MS, "allocator_ms", "all calls together", AT(run.allocator_ms), ONE },

	{ FIGURE_SECTION, NULL, "Huge pages of 2 MiB left whole", 0, ALWAYS },
	{ FIGURE_COUNT, "huge_free_at_peak", "at the peak", AT(run.huge.at_peak), ONE },
	{ FIGURE_BUDDY, "buddy_huge_free_at_peak", "  by a buddy allocator", AT(run.buddy.at_peak), ALWAYS },
	{ FIGURE_COUNT, "huge_free_possible_at_peak", "  the most that could be", AT(huge_possible_at_peak),
	  ONE },
	{ FIGURE_COUNT, "huge_free", "at the end", AT(run.huge.at_end), ALWAYS },
	{ FIGURE_BUDDY, "buddy_huge_free", "  by a buddy allocator", AT(run.buddy.at_end), ALWAYS },
	{ FIGURE_COUNT, "huge_free_possible", "  the most that could be", AT(huge_possible), ALWAYS },
	{ FIGURE_BUDDY, "buddy_refused", "refused by the buddy allocator", AT(run.counts.buddy_refused),
	  ALWAYS },

	{ FIGURE_SECTION, NULL, "Machine", 0, ALWAYS },
	{ FIGURE_FRAMES, "memory_frames", "memory", AT(memory_frames), ALWAYS },
	{ FIGURE_BYTES, "metadata_bytes", "metadata", AT(run.metadata_bytes), ALWAYS },
};
const size_t report_figure_count = sizeof(report_figures) / sizeof(report_figures[0]);

void report_derive(struct report *report)
{
	uint64_t frames = report->machine.frames, live = report->run.counts.live_at_end;

	report->events = report->plan.allocs + report->plan.frees;
	report->events_idle = report->events - report->run.threads.events;
	report->memory_frames = frames;
	report->huge_possible = (frames - live) >> LAB_ORDER_MAX;
	live = report->plan.peak_frames < frames ? report->plan.peak_frames : frames;
	report->huge_possible_at_peak = (frames - live) >> LAB_ORDER_MAX;
}

/* ---------------------------------------------------------------- JSON */

/* A tenth is more than is known of a nanosecond, a thousandth of a millisecond. */
static json_t *json_rounded(double value, double steps)
{
	return json_real((double)(int64_t)(value * steps + 0.5) / steps);
}

static json_t *json_times(const struct run_times *times)
{
	json_t *object = json_object();

	json_object_set_new(object, "p50", json_rounded(times->p50, 10));
	json_object_set_new(object, "p99", json_rounded(times->p99, 10));
	json_object_set_new(object, "p999", json_rounded(times->p999, 10));
	json_object_set_new(object, "max", json_rounded(times->max, 10));
	json_object_set_new(object, "max_any", json_rounded(times->max_any, 10));
	json_object_set_new(object, "calls", json_integer((json_int_t)times->calls));
	return object;
}

static json_t *json_rooms(const struct run_result *run)
{
	json_t *rooms = json_array(), *room;
	unsigned int i;

	for (i = 0; i < run->rooms; i++) {
		room = json_object();
		json_object_set_new(room, "name", json_string(run->room[i].name));
		json_object_set_new(room, "frames", json_integer((json_int_t)run->room[i].frames));
		json_object_set_new(room, "min", json_integer((json_int_t)run->room[i].min));
		json_object_set_new(room, "low", json_integer((json_int_t)run->room[i].low));
		json_object_set_new(room, "high", json_integer((json_int_t)run->room[i].high));
		json_array_append_new(rooms, room);
	}
	return rooms;
}

static json_t *json_reasons(const struct run_counts *counts)
{
	json_t *object = json_object();

	json_object_set_new(object, "no_frame", json_integer((json_int_t)counts->refused_nomem));
	json_object_set_new(object, "no_block", json_integer((json_int_t)counts->refused_nospc));
	json_object_set_new(object, "invalid", json_integer((json_int_t)counts->refused_invalid));
	json_object_set_new(object, "other", json_integer((json_int_t)counts->refused_other));
	return object;
}

static json_t *json_threads(const struct run_threads *threads)
{
	json_t *list = json_array(), *object;
	const struct run_thread *thread;

	for (thread = threads->thread; thread < threads->thread + threads->count; thread++) {
		object = json_object();
		json_object_set_new(object, "events", json_integer((json_int_t)thread->events));
		json_object_set_new(object, "calls", json_integer((json_int_t)thread->calls));
		json_object_set_new(object, "waits", json_integer((json_int_t)thread->waits));
		json_object_set_new(object, "refused", json_integer((json_int_t)thread->refused));
		json_object_set_new(object, "again", json_integer((json_int_t)thread->again));
		json_array_append_new(list, object);
	}
	return list;
}

static json_t *json_figure(const struct report *report, const struct figure *figure)
{
	switch (figure->kind) {
	case FIGURE_TIMES:
		return json_times(times_at(report, figure));
	case FIGURE_MS:
		return json_rounded(ms_at(report, figure), 1000);
	default:
		return json_integer((json_int_t)count_at(report, figure));
	}
}

static json_t *json_name(const char *name)
{
	json_t *string = json_string(name);

	return string ? string : json_string("(not UTF-8)");
}

static json_t *json_report(const struct report *report)
{
	json_t *object = json_object();
	const struct figure *figure;

	json_object_set_new(object, "trace", json_name(report->trace));
	json_object_set_new(object, "format", json_string(report->format));
	json_object_set_new(object, "full_size", json_boolean(report->machine.full_size));
	json_object_set_new(object, "cpus", json_integer((json_int_t)report->machine.cpus));
	json_object_set_new(object, "locked", json_boolean(!report->machine.lazy));
	for (figure = report_figures; figure < report_figures + report_figure_count; figure++)
		if (figure->key && figure_fits(report, figure) &&
		    (figure->kind != FIGURE_BUDDY || report->buddy))
			json_object_set_new(object, figure->key, json_figure(report, figure));
	json_object_set_new(object, "refused_by_reason", json_reasons(&report->run.counts));
	if (report->threads > 1) {
		json_object_set_new(object, "per_thread", json_threads(&report->run.threads));
		json_object_set_new(object, "audit", json_string(report->run.threads.audit));
	} else {
		json_object_set_new(object, "passes_agree", json_boolean(report->run.passes_agree));
	}
	json_object_set_new(object, "rooms", json_rooms(&report->run));
	if (report->map)
		json_object_set_new(object, "map", json_name(report->map));
	return object;
}

bool report_json(FILE *file, const struct report *reports, size_t count)
{
	json_t *whole = count == 1 ? json_report(reports) : json_array();
	bool fine;
	size_t i;

	for (i = 0; count > 1 && i < count; i++)
		json_array_append_new(whole, json_report(&reports[i]));
	fine = whole && !json_dumpf(whole, file, JSON_INDENT(2) | JSON_REAL_PRECISION(12)) &&
	       fputc('\n', file) != EOF;
	json_decref(whole);
	return fine && !fflush(file);
}
