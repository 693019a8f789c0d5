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
	{ FIGURE_SECTION, NULL, "Trace", 0, false },
	{ FIGURE_COUNT, "events", "events used", AT(events), false },
	{ FIGURE_COUNT, "allocs", "  allocations", AT(plan.allocs), false },
	{ FIGURE_COUNT, NULL, "    that must not sleep", AT(plan.atomic_allocs), false },
	{ FIGURE_COUNT, "frees", "  frees", AT(plan.frees), false },
	{ FIGURE_COUNT, "frees_unmatched", "    of what was live before", AT(plan.frees_unmatched), false },
	{ FIGURE_COUNT, "frees_lost", "    of what had been freed already", AT(plan.frees_lost), true },
	{ FIGURE_FRAMES, "live_at_start", "live at the start", AT(plan.start_frames), false },
	{ FIGURE_FRAMES, "peak_frames", "peak", AT(plan.peak_frames), false },
	{ FIGURE_COUNT, "lines", NULL, AT(lines.lines), false },
	{ FIGURE_COUNT, "comments", NULL, AT(lines.comments), false },
	{ FIGURE_COUNT, "duplicates", "duplicate events", AT(lines.duplicates), true },
	{ FIGURE_COUNT, "other_events", "other events", AT(lines.others), true },
	{ FIGURE_COUNT, "lost", "events lost by the recording", AT(lines.lost), true },
	{ FIGURE_COUNT, "lost_marks", NULL, AT(lines.lost_marks), false },
	{ FIGURE_COUNT, "failed_requests", "requests the kernel failed", AT(lines.failed_requests), true },
	{ FIGURE_COUNT, "unknown_flags", "unknown flag names", AT(lines.unknown_flags), true },
	{ FIGURE_COUNT, "realloc_while_held", "allocated again while held", AT(plan.realloc_while_held),
	  true },
	{ FIGURE_COUNT, "pieces", "frees of a part of a block", AT(plan.pieces), true },
	{ FIGURE_COUNT, "merged", "frees of several blocks at once", AT(plan.merged), true },
	{ FIGURE_COUNT, "too_large", "left out: above order 9", AT(plan.too_large), true },
	{ FIGURE_COUNT, "unparsed", "lines not understood", AT(lines.unparsed), false },
	{ FIGURE_COUNT, "first_unparsed", "  the first is line", AT(lines.first_unparsed), true },

	{ FIGURE_SECTION, NULL, "Answers", 0, false },
	{ FIGURE_COUNT, "refused", "refused", AT(run.counts.refused), false },
	{ FIGURE_COUNT, NULL, "  no frame left for its right", AT(run.counts.refused_nomem), true },
	{ FIGURE_COUNT, NULL, "  no block of its order", AT(run.counts.refused_nospc), true },
	{ FIGURE_COUNT, NULL, "  flags that contradict", AT(run.counts.refused_invalid), true },
	{ FIGURE_COUNT, NULL, "  other", AT(run.counts.refused_other), true },
	{ FIGURE_COUNT, "refused_sleeping", "  might have slept for it", AT(run.counts.refused_sleeping),
	  true },
	{ FIGURE_COUNT, "refused_nonsleeping", "  must not sleep", AT(run.counts.refused_nonsleeping), true },
	{ FIGURE_COUNT, "refused_atomic_order0", "  GFP_ATOMIC, one page",
	  AT(run.counts.refused_atomic_order0), false },
	{ FIGURE_COUNT, "reserve_allocs", "from bands and reserves", AT(run.counts.reserve_allocs), false },
	{ FIGURE_COUNT, "band_allocs", "  from the bands above min", AT(run.counts.band_allocs), true },
	{ FIGURE_COUNT, "reserve_only_allocs", "  from the reserves in min",
	  AT(run.counts.reserve_only_allocs), true },
	{ FIGURE_COUNT, "fallbacks", "from another room than the first", AT(run.counts.fallbacks), false },
	{ FIGURE_COUNT, "frees_of_refused", "frees of what was refused", AT(run.counts.frees_of_refused),
	  true },
	{ FIGURE_FRAMES, "live_at_end", "live at the end", AT(run.counts.live_at_end), false },
	{ FIGURE_COUNT, "start_moved", "live at the start, placed elsewhere", AT(run.counts.start_moved),
	  true },
	{ FIGURE_COUNT, "start_refused", "live at the start, no room for it", AT(run.counts.start_refused),
	  true },

	{ FIGURE_SECTION, NULL, "Promises (all must be 0)", 0, false },
	{ FIGURE_BROKEN, "double_given", "frames given twice", AT(run.counts.double_given), false },
	{ FIGURE_BROKEN, "refused_while_free", "refused while one was free",
	  AT(run.counts.refused_while_free), false },
	{ FIGURE_BROKEN, "again", "unclear answers (-EAGAIN)", AT(run.counts.again), false },
	{ FIGURE_BROKEN, "misplaced", "answers out of place", AT(run.counts.misplaced), false },
	{ FIGURE_BROKEN, "free_errors", "frees refused", AT(run.counts.free_errors), false },

	{ FIGURE_SECTION, NULL, "Time of a call, least of three rounds (p50 / p99 / p99.9 / max)", 0, false },
	{ FIGURE_TIMES, "alloc_ns", "allocation", AT(run.alloc), false },
	{ FIGURE_TIMES, "free_ns", "free", AT(run.free), false },
	{ FIGURE_MS, "allocator_ms", "all calls together", AT(run.allocator_ms), false },

	{ FIGURE_SECTION, NULL, "Huge pages of 2 MiB left whole", 0, false },
	{ FIGURE_COUNT, "huge_free_at_peak", "at the peak", AT(run.huge.at_peak), false },
	{ FIGURE_BUDDY, "buddy_huge_free_at_peak", "  by a buddy allocator", AT(run.buddy.at_peak), false },
	{ FIGURE_COUNT, "huge_free_possible_at_peak", "  the most that could be", AT(huge_possible_at_peak),
	  false },
	{ FIGURE_COUNT, "huge_free", "at the end", AT(run.huge.at_end), false },
	{ FIGURE_BUDDY, "buddy_huge_free", "  by a buddy allocator", AT(run.buddy.at_end), false },
	{ FIGURE_COUNT, "huge_free_possible", "  the most that could be", AT(huge_possible), false },
	{ FIGURE_BUDDY, "buddy_refused", "refused by the buddy allocator", AT(run.counts.buddy_refused),
	  false },

	{ FIGURE_SECTION, NULL, "Machine", 0, false },
	{ FIGURE_FRAMES, "memory_frames", "memory", AT(memory_frames), false },
	{ FIGURE_BYTES, "metadata_bytes", "metadata", AT(run.metadata_bytes), false },
};
const size_t report_figure_count = sizeof(report_figures) / sizeof(report_figures[0]);

void report_derive(struct report *report)
{
	uint64_t frames = report->machine.frames, live = report->run.counts.live_at_end;

	report->events = report->plan.allocs + report->plan.frees;
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
		if (figure->key && (figure->kind != FIGURE_BUDDY || report->buddy))
			json_object_set_new(object, figure->key, json_figure(report, figure));
	json_object_set_new(object, "refused_by_reason", json_reasons(&report->run.counts));
	json_object_set_new(object, "passes_agree", json_boolean(report->run.passes_agree));
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
