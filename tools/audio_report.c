/* SPDX-License-Identifier: MIT */
/*
 * audio_report.c - see audio_report.h; the picture is in audio_svg.c.
 */
#define _GNU_SOURCE
#include "audio_report.h"

#include <inttypes.h>
#include <string.h>

#include <jansson.h>

#include "../homes/linux-user/vault.h"

/* Every page from a vault, and none left as it was. */
static bool audio_exclusive(const struct audio_result *contract)
{
	return contract->guarantees & LAB_SHREDDED && !contract->elsewhere && !contract->left;
}

bool audio_kept(const struct audio_report *report)
{
	const struct audio_result *contract = audio_played(report, AUDIO_CONTRACT);

	return contract && report->identical && !contract->failed && !contract->late_by_alloc &&
	       !contract->damaged && !contract->misfreed && contract->blocks == report->shared->blocks &&
	       (!report->shared->exclusive || audio_exclusive(contract));
}

/* ---------------------------------------------------------------- JSON */

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

/* What is not known is null, never 0. */
static json_t *number_or_null(int64_t value)
{
	return value < 0 ? json_null() : json_integer((json_int_t)value);
}

static json_t *json_times(const struct histogram *histogram)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "p50", number(histogram_at(histogram, 0.5)), "p99",
			 number(histogram_at(histogram, 0.99)), "p999",
			 number(histogram_at(histogram, 0.999)), "p9999",
			 number(histogram_at(histogram, 0.9999)), "max", number(histogram->max));
}

static json_t *json_noise(const struct audio_report *report, const struct audio_noise_counts *noise)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "threads", number(report->shared->noise),
			 "allocs", number(noise->allocs), "refused", number(noise->refused), "frees",
			 number(noise->frees), "drains", number(noise->drains), "damaged",
			 number(noise->damaged), "misfreed", number(noise->misfreed));
}

static json_t *json_result(const struct audio_report *report, const struct audio_result *result)
{
	json_t *object = json_pack(
		"{s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:s}", "blocks", number(result->blocks), "failed",
		number(result->failed), "late_by_alloc", number(result->late_by_alloc), "late_by_tries",
		number(result->late_by_tries), "syscalls", number_or_null(result->syscalls), "faults",
		number_or_null(result->faults), "syscalls_by", audio_method_names[result->syscalls_by],
		"faults_by", audio_method_names[result->faults_by]);
	json_t *more =
		json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "tries_max", number(result->tries_max),
			  "tries_bound", result->tries_bound ? number(result->tries_bound) : json_null(),
			  "damaged", number(result->damaged), "misfreed", number(result->misfreed),
			  "alloc_ns", json_times(&result->alloc_ns), "misses", number(result->misses),
			  "behind", number(result->behind));
	json_t *rest = json_pack("{s:o, s:o, s:f, s:b, s:b, s:b, s:o}", "waits", number(result->waits),
				 "held_most", number(result->held_most), "seconds", result->seconds, "fifo",
				 result->fifo, "pinned", result->pinned, "locked", result->locked, "noise",
				 json_noise(report, &result->noise));
	char names[VAULT_NAMES_TEXT];
	int failed = !object || !more || !rest || json_object_update(object, more) ||
		     json_object_update(object, rest);

	if (!failed && *result->birth)
		failed = json_object_set_new(object, "memory", json_string(result->birth));
	if (!failed && result->contract_frames)
		failed = json_object_set_new(object, "contract_frames", number(result->contract_frames)) ||
			 json_object_set_new(object, "from_contract", number(result->contract_answers)) ||
			 json_object_set_new(object, "from_commons", number(result->commons_answers));
	if (!failed && result->guarantees)
		failed = json_object_set_new(object, "guarantees", json_string(vault_names(result->guarantees, names))) ||
			 json_object_set_new(object, "elsewhere", number(result->elsewhere)) ||
			 json_object_set_new(object, "left", number(result->left));
	json_decref(more);
	json_decref(rest);
	if (!failed)
		return object;
	json_decref(object);
	return NULL;
}

static json_t *json_head(const struct audio_report *report)
{
	const struct audio_shared *shared = report->shared;

	return json_pack("{s:s?, s:s?, s:i, s:i, s:o, s:o, s:f, s:f, s:i, s:b, s:b}", "in", report->in, "out",
			 report->out, "rate", (int)AUDIO_RATE, "bits", 24, "channels",
			 number(shared->channels), "blocks", number(shared->blocks), "seconds",
			 (double)shared->blocks / AUDIO_RATE, "hold_ms",
			 (double)shared->hold_ns / (double)AUDIO_NS_PER_MS, "cpus", (int)report->cpus,
			 "exclusive", (int)shared->exclusive, "identical", report->identical);
}

bool audio_json(FILE *file, const struct audio_report *report)
{
	const struct audio_result *contract = audio_played(report, AUDIO_CONTRACT);
	json_t *root = json_head(report), *absent = json_object();
	bool fine = root && absent;

	for (int who = 0; who < AUDIO_WHOS && fine; who++) {
		if (audio_played(report, who))
			fine = !json_object_set_new(root, audio_names[who],
						    json_result(report, audio_played(report, who)));
		else if (*report->absent[who])
			fine = !json_object_set_new(absent, audio_names[who],
						    json_string(report->absent[who]));
	}
	if (fine && contract)
		fine = !json_object_set_new(root, "noise", json_noise(report, &contract->noise));
	fine = fine && !json_object_set(root, "absent", absent);
	fine = fine && !json_dumpf(root, file, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) &&
	       fputc('\n', file) != EOF;
	json_decref(root);
	json_decref(absent);
	return fine;
}

/* ---------------------------------------------------------------- the table */

static void known(char *text, size_t size, int64_t value)
{
	if (value < 0)
		snprintf(text, size, "?");
	else
		snprintf(text, size, "%" PRId64, value);
}

static void table_line(FILE *file, const char *name, const struct audio_result *result)
{
	char syscalls[24], faults[24];

	known(syscalls, sizeof(syscalls), result->syscalls);
	known(faults, sizeof(faults), result->faults);
	fprintf(file,
		"%-9s %9" PRIu64 " %8" PRIu64 " %8" PRIu64 " %8s %8s %6" PRIu64 " %6" PRIu64 " %7" PRIu64
		" %8" PRIu64 " %9" PRIu64 " %7" PRIu64 "\n",
		name, result->blocks, result->failed, result->late_by_alloc, syscalls, faults,
		histogram_at(&result->alloc_ns, 0.5), histogram_at(&result->alloc_ns, 0.99),
		histogram_at(&result->alloc_ns, 0.999), histogram_at(&result->alloc_ns, 0.9999),
		result->alloc_ns.max, result->misses);
}

static void table_foot(FILE *file, const struct audio_report *report)
{
	const struct audio_result *contract = audio_played(report, AUDIO_CONTRACT);
	char names[VAULT_NAMES_TEXT];

	fprintf(file,
		"The noise beside the contract: %" PRIu64 " blocks had, %" PRIu64
		" refused, nothing left %" PRIu64 " times.\n",
		contract->noise.allocs, contract->noise.refused, contract->noise.drains);
	fprintf(file,
		"The contract: %" PRIu64 " frames, %" PRIu64
		" on their way at most; the samples came out %s.\n",
		contract->contract_frames, contract->held_most, report->identical ? "identical" : "CHANGED");
	fprintf(file,
		"late: by the allocator (tries beyond the bound, a system call, a fault).  misses: longer "
		"than a sample "
		"time by the clock\non the wall; those of the control are the machine's own.  Threads %s, "
		"%s; memory %s.\n",
		contract->pinned ? "pinned" : "not pinned (one CPU, or not permitted)",
		contract->fifo ? "SCHED_FIFO" : "not SCHED_FIFO (one CPU, or not permitted)",
		!strcmp(contract->birth, "armed") ? "locked" : "touched, not locked (RLIMIT_MEMLOCK)");
	if (report->shared->exclusive)
		fprintf(file, "Exclusive pages: %s; %" PRIu64 " from elsewhere, %" PRIu64 " left as they were.\n",
			*vault_names(contract->guarantees, names) ? names : "none", contract->elsewhere, contract->left);
	if (contract->syscalls < 0)
		fputs("System calls could not be counted here: late does not know of them.\n", file);
}

void audio_table(FILE *file, const struct audio_report *report)
{
	const struct audio_shared *shared = report->shared;

	fprintf(file,
		"%" PRIu64 " blocks of %" PRIu32 " channel%s, one every 5.208 us; each page held %.0f ms\n\n",
		shared->blocks, shared->channels, shared->channels == 1 ? "" : "s",
		(double)shared->hold_ns / (double)AUDIO_NS_PER_MS);
	fprintf(file, "%-9s %9s %8s %8s %8s %8s %6s %6s %7s %8s %9s %7s\n", "", "blocks", "failed", "late",
		"syscalls", "faults", "p50", "p99", "p99.9", "p99.99", "max ns", "misses");
	for (int who = 0; who < AUDIO_WHOS; who++)
		if (audio_played(report, who))
			table_line(file, audio_names[who], audio_played(report, who));
	fputc('\n', file);
	for (int who = 0; who < AUDIO_WHOS; who++)
		if (*report->absent[who])
			fprintf(file, "SKIP %s: %s\n", audio_names[who], report->absent[who]);
	table_foot(file, report);
}
