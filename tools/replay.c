/* SPDX-License-Identifier: MIT */
/*
 * replay.c - `labyrinth replay`: a real kernel's recorded page requests, answered by a labyrinth.
 *
 *     text -> trace.c -> events -> replay_plan.c -> calls -> replay_run.c (checked, timed, plain passes,
 *          or replay_threads.c) -> report.c (JSON), report_table.c, map_svg.c
 *
 * Outputs are collected and written at the very end: after an error nothing has been written.
 */
#define _GNU_SOURCE
#include "replay.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "map_svg.h"
#include "output.h"
#include "replay_options.h"
#include "report.h"

#define ERROR_TEXT 640u
#define READING_PART 0.4 /* of a trace's progress */

struct replay {
	struct replay_options options;
	struct report *reports;
	struct output *outputs; /* the JSON, then a map each trace */
	size_t output_count;
	struct progress progress;
	bool lazy_told;
	char error[ERROR_TEXT];
};

static bool replay_fail(struct replay *replay, const char *why)
{
	if (why != replay->error)
		snprintf(replay->error, sizeof(replay->error), "%s", why);
	return false;
}

/* ---------------------------------------------------------------- where output goes */

/* The name of a trace without its path. */
static const char *trace_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!strcmp(path, "-"))
		return "standard input";
	return slash && slash[1] ? slash + 1 : path;
}

/* ... and without its endings, for the name of its picture. */
static void trace_stem(const char *path, char *stem, size_t size)
{
	const char *name = strcmp(path, "-") ? trace_name(path) : "stdin";

	snprintf(stem, size, "%.*s", (int)strcspn(name, "."), name);
}

/* FILE.svg for one trace, FILE-TRACE.svg for several (FILE-TRACE-2.svg where two are called alike). */
static char *map_path(const struct replay *replay, int number)
{
	const struct replay_options *options = &replay->options;
	size_t length = strlen(options->map);
	char stem[96], other[96], count[16] = "", *path;
	const char *ending = "";
	int i;

	if (options->trace_count == 1)
		return strdup(options->map);
	if (length > 4 && !strcasecmp(options->map + length - 4, ".svg")) {
		length -= 4;
		ending = options->map + length;
	}
	trace_stem(options->traces[number], stem, sizeof(stem));
	for (i = 0; i < number; i++) {
		trace_stem(options->traces[i], other, sizeof(other));
		if (!strcmp(stem, other))
			snprintf(count, sizeof(count), "-%d", number + 1);
	}
	if (asprintf(&path, "%.*s-%s%s%s", (int)length, options->map, stem, count, ending) < 0)
		return NULL;
	return path;
}

/* Writing there would destroy a recording. */
static bool is_a_trace(struct replay *replay, const char *path)
{
	struct stat there, trace;
	int i;

	if (!strcmp(path, "-") || stat(path, &there))
		return false;
	for (i = 0; i < replay->options.trace_count; i++) {
		if (stat(replay->options.traces[i], &trace) || trace.st_dev != there.st_dev || trace.st_ino != there.st_ino)
			continue;
		snprintf(replay->error, sizeof(replay->error), "%s is one of the traces: it is not overwritten", path);
		return true;
	}
	return false;
}

static bool open_outputs(struct replay *replay)
{
	const struct replay_options *options = &replay->options;
	char error[OUTPUT_ERROR_TEXT], *path;
	bool fine = true;
	int i;

	replay->reports = calloc((size_t)options->trace_count, sizeof(*replay->reports));
	replay->outputs = calloc((size_t)options->trace_count + 1, sizeof(*replay->outputs));
	if (!replay->reports || !replay->outputs)
		return replay_fail(replay, "out of memory");
	replay->output_count = 1;
	if (options->json && is_a_trace(replay, options->json))
		return false;
	if (options->json && !output_open(&replay->outputs[0], options->json, error))
		return replay_fail(replay, error);
	for (i = 0; options->map && i < options->trace_count && fine; i++) {
		path = map_path(replay, i);
		if (path && is_a_trace(replay, path)) {
			free(path);
			return false;
		}
		fine = path && output_open(&replay->outputs[replay->output_count++], path, error);
		if (!fine)
			replay_fail(replay, path ? error : "out of memory");
		free(path);
	}
	return fine;
}

/* ---------------------------------------------------------------- one trace */

static void show_reading(struct replay *replay, const struct trace *trace)
{
	double part = trace_progress(trace);

	if (part >= 0)
		progress_show(&replay->progress, part * READING_PART);
}

/* All events of an open trace, as a plan.  NULL: replay->error. */
static struct plan *read_events(struct replay *replay, struct trace *trace, const char *path)
{
	struct plan_maker *maker = plan_maker_new();
	struct trace_event event;
	unsigned int count = 0;
	int got = maker ? 1 : -1;

	if (!maker)
		replay_fail(replay, "out of memory");
	while (maker && (got = trace_next(trace, &event)) > 0) {
		if (plan_maker_feed(maker, &event) < 0) {
			snprintf(replay->error, sizeof(replay->error), "%.200s: %s", path,
				 plan_maker_error(maker));
			plan_maker_delete(maker);
			return NULL;
		}
		if (++count % 8192 == 0)
			show_reading(replay, trace);
	}
	if (!got)
		return plan_maker_finish(maker);
	if (maker)
		replay_fail(replay, trace_error(trace));
	plan_maker_delete(maker);
	return NULL;
}

static struct plan *read_trace(struct replay *replay, const char *path, struct report *report)
{
	char error[TRACE_ERROR_TEXT];
	struct trace *trace = trace_open(path, replay->options.strict, error);
	struct plan *plan;

	if (!trace) {
		replay_fail(replay, error);
		return NULL;
	}
	plan = read_events(replay, trace, path);
	report->lines = *trace_counts(trace);
	report->format = trace_format(trace);
	trace_close(trace);
	return plan;
}

/* What run_all() calls back with. */
struct running {
	struct replay *replay;
	struct report *report;
	struct output *map; /* NULL: none wanted */
};

static bool draw_map(const struct labyrinth *lab, void *data)
{
	struct running *running = data;
	const struct report *report = running->report;
	char title[160], subtitle[256];

	if (!running->map)
		return true;
	snprintf(title, sizeof(title), "%.120s, replayed", trace_name(report->trace));
	snprintf(subtitle, sizeof(subtitle),
		 "The labyrinth after %llu allocations and %llu frees%s. At the peak %llu frames were live, "
		 "now %llu.",
		 (unsigned long long)report->plan.allocs, (unsigned long long)report->plan.frees,
		 report->machine.full_size ? "" : ", on a smaller machine of the recorded one's shape",
		 (unsigned long long)report->plan.peak_frames, (unsigned long long)report->plan.end_frames);
	return map_svg(running->map->file, lab, title, subtitle) ||
	       replay_fail(running->replay, "out of memory while drawing the map");
}

static void show_running(double part, void *data)
{
	struct running *running = data;

	progress_show(&running->replay->progress, READING_PART + (1 - READING_PART) * part);
}

static void tell_lazy(struct replay *replay, const struct machine *machine)
{
	if (!machine->lazy || replay->lazy_told)
		return;
	replay->lazy_told = true;
	progress_clear(&replay->progress);
	fprintf(stderr, "labyrinth replay: not locked in memory: %s\n", machine->why_lazy);
}

static bool run_plan(struct replay *replay, const struct plan *plan, struct running *running)
{
	struct report *report = running->report;
	struct machine_need need = { plan->counts.highest_frame, plan->counts.peak_frames,
				     plan->counts.cpus };
	struct run run = { .plan = plan,
			   .machine = &report->machine,
			   .buddy = replay->options.buddy,
			   .threads = replay->options.threads,
			   .at_end = draw_map,
			   .progress = show_running,
			   .data = running };

	if (need.cpus > 4096)
		need.cpus = 4096;
	report->plan = plan->counts;
	report->buddy = replay->options.buddy;
	report->threads = replay->options.threads;
	if (!machine_plan(&report->machine, &replay->options.machine, &need, run.error) || !run_all(&run)) {
		if (*run.error)
			snprintf(replay->error, sizeof(replay->error), "%.200s: %s", report->trace,
				 run.error);
		return false;
	}
	tell_lazy(replay, &report->machine);
	report->run = run.result;
	report_derive(report);
	return true;
}

static bool replay_trace(struct replay *replay, int number)
{
	struct report *report = &replay->reports[number];
	struct running running = { replay, report, NULL };
	struct plan *plan;
	bool fine;

	report->trace = replay->options.traces[number];
	progress_begin(&replay->progress, replay->options.progress, trace_name(report->trace));
	if (replay->options.map) {
		running.map = &replay->outputs[1 + number];
		report->map = running.map->path;
	}
	plan = read_trace(replay, report->trace, report);
	if (!plan)
		return false;
	fine = run_plan(replay, plan, &running);
	plan_delete(plan);
	progress_clear(&replay->progress);
	return fine;
}

/* ---------------------------------------------------------------- all of them */

static bool replay_all(struct replay *replay)
{
	size_t count = (size_t)replay->options.trace_count;
	char error[OUTPUT_ERROR_TEXT];
	int i;

	if (!open_outputs(replay))
		return false;
	for (i = 0; i < replay->options.trace_count; i++)
		if (!replay_trace(replay, i))
			return false;
	if (replay->options.json && !report_json(replay->outputs[0].file, replay->reports, count))
		return replay_fail(replay, "out of memory");
	if (!output_commit(replay->outputs, replay->output_count, error))
		return replay_fail(replay, error);
	if (!replay->options.json || strcmp(replay->options.json, "-"))
		report_table(stdout, replay->reports, count);
	return output_printed(error) || replay_fail(replay, error);
}

int labyrinth_replay(int argc, char **argv)
{
	struct replay replay = { 0 };
	enum options_result parsed = replay_options_parse(&replay.options, argc, argv, replay.error);
	int status = parsed == OPTIONS_HELP && output_printed(replay.error) ? 0 : 2;
	size_t i;
	int n;

	if (parsed == OPTIONS_FINE && replay_all(&replay)) {
		status = 0;
		for (n = 0; n < replay.options.trace_count; n++)
			status |= run_broken(&replay.reports[n].run);
	}
	if (status == 2) {
		progress_clear(&replay.progress);
		fprintf(stderr, "labyrinth replay: %s\n", replay.error);
	}
	for (i = 0; i < replay.output_count; i++)
		output_close(&replay.outputs[i]);
	free(replay.outputs);
	free(replay.reports);
	if (run_stopped_by()) /* all is tidied up: end by that signal, as whoever waits for us expects */
		raise(run_stopped_by());
	return status;
}
