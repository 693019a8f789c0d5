/* SPDX-License-Identifier: MIT */
/*
 * bench_report.c - what `labyrinth bench` shows: medians, a JSON object a line, a table for people.
 */
#include "bench.h"
#include "output.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

static int compare(const void *a, const void *b)
{
	const double *first = a, *second = b;

	return (*first > *second) - (*first < *second);
}

void bench_series_settle(struct bench_series *series)
{
	unsigned int middle = series->rounds / 2;

	qsort(series->ns, series->rounds, sizeof(*series->ns), compare);
	series->min = series->ns[0];
	series->median = series->ns[middle];
	if (series->rounds % 2 == 0)
		series->median = (series->ns[middle - 1] + series->ns[middle]) / 2;
}

int bench_json_line(FILE *file, const struct bench_series *series)
{
	json_t *object = json_pack("{s:s, s:s, s:s, s:f, s:f, s:i, s:i}", /* in the order of writing */
				   "bench", series->bench->name, "who", bench_peers[series->who].name, "mode",
				   series->mode, "ns", series->median, "min", series->min, "rounds",
				   (int)series->rounds, "threads", (int)series->bench->threads);
	int failed = -1;

	if (object && !json_dumpf(object, file, JSON_COMPACT | JSON_REAL_PRECISION(7)) &&
	    fputc('\n', file) != EOF && output_flush(file))
		failed = 0;
	json_decref(object);
	return failed;
}

void bench_json_lack(FILE *file, const struct bench *bench, const char *why)
{
	json_t *object = json_pack("{s:s, s:s, s:n, s:n, s:n, s:i, s:i, s:s}", "bench", bench->name, "who", bench_peers[BENCH_LABYRINTH].name,
				   "mode", "ns", "min", "rounds", 0, "threads", (int)bench->threads, "why", why);

	if (object && !json_dumpf(object, file, JSON_COMPACT) && fputc('\n', file) != EOF)
		output_flush(file);
	json_decref(object);
}

/* What a line is compared with: Labyrinth in the same mode where it has that one, else its first. */
static const struct bench_series *yardstick(const struct bench_series *series, size_t count, const char *mode)
{
	const struct bench_series *first = NULL;

	for (size_t i = 0; i < count; i++) {
		if (series[i].who != BENCH_LABYRINTH)
			continue;
		if (!first)
			first = &series[i];
		if (!strcmp(series[i].mode, mode))
			return &series[i];
	}
	return first;
}

void bench_table_head(FILE *file)
{
	fprintf(file, "%-23s %-10s %-8s %10s %10s %12s\n", "bench", "who", "mode", "ns", "min",
		"x labyrinth");
}

void bench_table(FILE *file, const struct bench_series *series, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct bench_series *own = yardstick(series, count, series[i].mode);

		fprintf(file, "%-23s %-10s %-8s %10.2f %10.2f", i ? "" : series[i].bench->name,
			bench_peers[series[i].who].name, series[i].mode, series[i].median, series[i].min);
		if (own && own->median > 0)
			fprintf(file, " %12.2f\n", series[i].median / own->median);
		else
			fprintf(file, " %12s\n", "-");
	}
	output_flush(file);
}
