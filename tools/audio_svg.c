/* SPDX-License-Identifier: MIT */
/*
 * audio_svg.c - how long allocations took, a strip for each contestant under one another.
 *
 * Both axes are logarithmic: across, the time of one allocation, twelve bins a decade; up, how many there were.
 * A vertical line is one sample time.
 */
#define _GNU_SOURCE
#include "audio_report.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define WIDTH 1130
#define MARGIN 36
#define LEFT 152 /* of the strips */
#define RIGHT 830 /* ... and their end; figures stand beyond */
#define HEAD 132
#define STRIP 92
#define BAR 66 /* the highest bar */
#define FOOT 74
#define DECADE_FIRST 1 /* 10 ns */
#define DECADES 7
#define BINS_A_DECADE 12
#define BINS (DECADES * BINS_A_DECADE)

static const char *const colour[AUDIO_WHOS] = {
	[AUDIO_CONTRACT] = "#2f9e8f", [AUDIO_ATOMIC] = "#d8672e",   [AUDIO_GLIBC] = "#5b6ee1",
	[AUDIO_JEMALLOC] = "#5b6ee1", [AUDIO_MIMALLOC] = "#5b6ee1", [AUDIO_TCMALLOC] = "#5b6ee1",
	[AUDIO_CONTROL] = "#8a94a0",
};

static const char *const what[AUDIO_WHOS] = {
	[AUDIO_CONTRACT] = "a client's contract",
	[AUDIO_ATOMIC] = "GFP_ATOMIC, no contract",
	[AUDIO_GLIBC] = "aligned_alloc",
	[AUDIO_JEMALLOC] = "aligned_alloc",
	[AUDIO_MIMALLOC] = "aligned_alloc",
	[AUDIO_TCMALLOC] = "aligned_alloc",
	[AUDIO_CONTROL] = "nothing allocated; idle for the contract's median",
};

/* What the chart shows; times beyond its ends stand in the first and the last bin. */
struct bins {
	uint64_t count[BINS];
	double decades; /* of the largest count, rounded up */
};

static double across(double ns)
{
	double place = (log10(ns < 1 ? 1 : ns) - DECADE_FIRST) / DECADES;

	return LEFT + (RIGHT - LEFT) * (place < 0 ? 0 : place > 1 ? 1 : place);
}

/* The smallest value of a histogram's bucket; its inverse is in replay_time.c. */
static double bucket_least(unsigned int bucket)
{
	unsigned int octave = bucket / HISTOGRAM_STEPS;

	if (octave < 2)
		return bucket;
	return ldexp(bucket % HISTOGRAM_STEPS + HISTOGRAM_STEPS, (int)octave - 1);
}

static void bins_fill(struct bins *bins, const struct histogram *histogram)
{
	uint64_t most = 1;

	memset(bins, 0, sizeof(*bins));
	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++) {
		double least = bucket_least(i);
		int bin = (int)floor((log10(least < 1 ? 1 : least) - DECADE_FIRST) * BINS_A_DECADE);

		bins->count[bin < 0 ? 0 : bin >= BINS ? BINS - 1 : bin] += histogram->bucket[i];
	}
	for (int i = 0; i < BINS; i++)
		most = bins->count[i] > most ? bins->count[i] : most;
	bins->decades = ceil(log10((double)most) + 0.01);
}

static void put_text(FILE *file, const char *class, const double at[2], const char *text)
{
	fprintf(file, "<text class=\"%s\" x=\"%.4g\" y=\"%.4g\">%s</text>\n", class, at[0], at[1], text);
}

static void put_bars(FILE *file, const struct bins *bins, const char *fill, int bottom)
{
	double width = (double)(RIGHT - LEFT) / BINS, height;

	fprintf(file, "<path fill=\"%s\" d=\"", fill);
	for (int i = 0; i < BINS; i++) {
		if (!bins->count[i])
			continue;
		/* One allocation can be seen: it stands a little above nothing. */
		height = BAR * (log10((double)bins->count[i]) + 0.3) / (bins->decades + 0.3);
		fprintf(file, "M%.5g %dh%.3gv-%.3gh-%.3gz", LEFT + i * width, bottom, width - 1, height,
			width - 1);
	}
	fputs("\"/>\n", file);
}

/* Counts at the left: 1, and the powers of ten of every second decade. */
static void put_counts(FILE *file, const struct bins *bins, int bottom)
{
	char text[64];

	for (int i = 0; i <= (int)bins->decades; i += 2) {
		double y = bottom - BAR * (i + 0.3) / (bins->decades + 0.3);

		snprintf(text, sizeof(text), i ? "10<tspan dy=\"-4\" font-size=\"8\">%d</tspan>" : "1", i);
		put_text(file, "m e", (double[]){ LEFT - 6, y + 4 }, text);
		fprintf(file, "<path stroke=\"#eceae4\" d=\"M%d %.5gH%d\"/>\n", LEFT, y, RIGHT);
	}
}

static void put_figures(FILE *file, const struct audio_result *result, int top)
{
	char text[160], syscalls[24] = "?", faults[24] = "?";

	if (result->syscalls >= 0)
		snprintf(syscalls, sizeof(syscalls), "%" PRId64, result->syscalls);
	if (result->faults >= 0)
		snprintf(faults, sizeof(faults), "%" PRId64, result->faults);
	snprintf(text, sizeof(text), "%" PRIu64 " failed, %" PRIu64 " late by the allocator", result->failed,
		 result->late_by_alloc);
	put_text(file, result->failed || result->late_by_alloc ? "s w" : "s g",
		 (double[]){ RIGHT + 20, top + 22 }, text);
	snprintf(text, sizeof(text), "%s system calls, %s page faults", syscalls, faults);
	put_text(file, "s", (double[]){ RIGHT + 20, top + 40 }, text);
	snprintf(text, sizeof(text), "p50 %" PRIu64 ", p99.9 %" PRIu64 ", max %" PRIu64 " ns",
		 histogram_at(&result->alloc_ns, 0.5), histogram_at(&result->alloc_ns, 0.999),
		 result->alloc_ns.max);
	put_text(file, "m", (double[]){ RIGHT + 20, top + 58 }, text);
	snprintf(text, sizeof(text), "%" PRIu64 " longer than a sample time by the wall clock",
		 result->misses);
	put_text(file, "m", (double[]){ RIGHT + 20, top + 73 }, text);
}

static void put_strip(FILE *file, const struct audio_report *report, int who, int top)
{
	const struct audio_result *result = audio_played(report, who);
	int bottom = top + STRIP - 12;
	struct bins bins;

	bins_fill(&bins, &result->alloc_ns);
	put_counts(file, &bins, bottom);
	put_bars(file, &bins, colour[who], bottom);
	fprintf(file, "<path stroke=\"#b9b5a9\" d=\"M%d %dH%d\"/>\n", LEFT, bottom, RIGHT);
	put_text(file, "b", (double[]){ MARGIN, top + 36 }, audio_names[who]);
	/* Under the name, as wide as it may be. */
	fprintf(file, "<text class=\"m\" x=\"%d\" y=\"%d\">%s</text>\n", LEFT + 8, bottom - BAR - 2,
		what[who]);
	put_figures(file, result, top);
}

static void put_axis(FILE *file, int top, int bottom)
{
	static const char *const names[DECADES + 1] = { "10 ns",  "100 ns", "1 us",  "10 us",
							"100 us", "1 ms",   "10 ms", "100 ms" };
	double sample = across(1e9 / AUDIO_RATE);

	for (int i = 0; i <= DECADES; i++) {
		double x = LEFT + (double)(RIGHT - LEFT) * i / DECADES;

		fprintf(file, "<path stroke=\"#eceae4\" d=\"M%.5g %dV%d\"/>\n", x, top, bottom);
		put_text(file, "m c", (double[]){ x, bottom + 16 }, names[i]);
	}
	fprintf(file, "<path stroke=\"#c24b2a\" stroke-dasharray=\"4 3\" d=\"M%.5g %dV%d\"/>\n", sample,
		top - 4, bottom);
	put_text(file, "m c r", (double[]){ sample, top - 8 }, "one sample time, 5.208 us");
	put_text(file, "m c", (double[]){ (LEFT + RIGHT) / 2, bottom + 36 },
		 "time of one allocation (both axes logarithmic; up: how many)");
}

static void put_head(FILE *file, const struct audio_report *report)
{
	const struct audio_result *contract = audio_played(report, AUDIO_CONTRACT);
	char text[320];

	put_text(file, "t", (double[]){ MARGIN, 48 },
		 "A page every 5.208 us, while others take all there is");
	snprintf(text, sizeof(text),
		 "%" PRIu64
		 " blocks of 192 kHz, 24 bits, %u channel%s; pages held %.0f ms, freed by another thread.  "
		 "Beside the contract the noise was refused %" PRIu64 " times.",
		 report->shared->blocks, report->shared->channels, report->shared->channels == 1 ? "" : "s",
		 (double)report->shared->hold_ns / (double)AUDIO_NS_PER_MS, contract->noise.refused);
	put_text(file, "s", (double[]){ MARGIN, 72 }, text);
	snprintf(text, sizeof(text), "The contract's samples came out %s.  Producer and device: %s, %s.",
		 report->identical ? "identical" : "CHANGED",
		 contract->fifo ? "SCHED_FIFO" : "not SCHED_FIFO",
		 contract->pinned ? "pinned" : "not pinned");
	put_text(file, "s", (double[]){ MARGIN, 92 }, text);
}

void audio_svg(FILE *file, const struct audio_report *report)
{
	int strips = 0, top = HEAD, height;

	for (int who = 0; who < AUDIO_WHOS; who++)
		strips += audio_played(report, who) != NULL;
	height = HEAD + strips * STRIP + FOOT;
	fprintf(file,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
		"height=\"%d\">\n"
		"<style>text{font-family:'DejaVu Sans',Verdana,Helvetica,Arial,sans-serif;fill:#22303c}"
		".t{font-size:24px;font-weight:bold}.b{font-size:15px;font-weight:bold}.s{font-size:12px}"
		".m{font-size:10px;fill:#6b7785}.e{text-anchor:end}.c{text-anchor:middle}.r{fill:#c24b2a}"
		".g{fill:#1d7a6d;font-weight:bold}.w{fill:#c24b2a;font-weight:bold}</style>\n"
		"<rect width=\"%d\" height=\"%d\" fill=\"#f7f5ef\"/>\n",
		WIDTH, height, WIDTH, height, WIDTH, height);
	put_head(file, report);
	put_axis(file, HEAD, HEAD + strips * STRIP - 12);
	for (int who = 0; who < AUDIO_WHOS; who++) {
		if (!audio_played(report, who))
			continue;
		put_strip(file, report, who, top);
		top += STRIP;
	}
	fputs("</svg>\n", file);
}
