/* SPDX-License-Identifier: MIT */
/*
 * replay_options.c - see replay_options.h.
 */
#define _GNU_SOURCE
#include "replay_options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "option.h"
#include "replay_schedule.h"

static const char help[] =
	"Usage: labyrinth replay [OPTION]... TRACE...\n"
	"Answer a kernel's recorded page requests with a labyrinth, and check every answer.\n"
	"\n"
	"TRACE is the text of `perf script`, of ftrace's trace file or of `trace-cmd report` with the "
	"events\n"
	"kmem:mm_page_alloc and kmem:mm_page_free, plain or .xz; - is standard input.\n"
	"\n"
	"  --memory SIZE|FACTORx   the machine's memory: 2G, 512M, or 1.05x of the trace's peak (a smaller\n"
	"                          machine of the same shape); else as much as the recorded one had\n"
	"  --zones LIST            where its zones end: dma=16M,dma32=4G,normal=REST (the default)\n"
	"  --min-free-kbytes N     as Linux's sysctl; else computed as Linux does\n"
	"  --cpus N                CPUs of the machine; else those of the trace\n"
	"  --threads N             1 (the default) to 64. From 2 on: threads at once on one labyrinth, events by\n"
	"                          their CPU, as fast as they go; a free waits for its allocation; no call is\n"
	"                          timed\n"
	"  --buddy                 give the same requests to a buddy allocator, and compare huge pages\n"
	"  --json FILE             write all figures; - is standard output, and then nothing else is\n"
	"  --map FILE.svg          draw the labyrinth at the end of the trace (several traces: "
	"FILE-TRACE.svg)\n"
	"  --strict                a line that is not understood is an error\n"
	"  --progress, --no-progress\n"
	"  --help\n"
	"\n"
	"Exit status: 0; 1 when a promise was broken (a frame given twice or lost, a refusal while one was\n"
	"free, an unclear answer); 2 for a bad option or trace: one line on standard error, and no file is\n"
	"written; or where standard output cannot be written, when the files are there.\n";

enum option_key {
	OPTION_ZONES = 256,
	OPTION_MEMORY,
	OPTION_CPUS,
	OPTION_JSON,
	OPTION_MAP,
	OPTION_STRICT,
	OPTION_MIN_FREE,
	OPTION_BUDDY,
	OPTION_THREADS,
	OPTION_PROGRESS,
	OPTION_NO_PROGRESS,
};

static const struct option long_options[] = {
	{ "zones", required_argument, NULL, OPTION_ZONES },
	{ "memory", required_argument, NULL, OPTION_MEMORY },
	{ "cpus", required_argument, NULL, OPTION_CPUS },
	{ "json", required_argument, NULL, OPTION_JSON },
	{ "map", required_argument, NULL, OPTION_MAP },
	{ "strict", no_argument, NULL, OPTION_STRICT },
	{ "min-free-kbytes", required_argument, NULL, OPTION_MIN_FREE },
	{ "threads", required_argument, NULL, OPTION_THREADS },
	{ "buddy", no_argument, NULL, OPTION_BUDDY },
	{ "progress", no_argument, NULL, OPTION_PROGRESS },
	{ "no-progress", no_argument, NULL, OPTION_NO_PROGRESS },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

/* A whole number in [1, most]. */
static bool parse_count(const char *text, uint64_t most, uint64_t *value)
{
	unsigned long long parsed;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	parsed = strtoull(text, &end, 10);
	*value = parsed;
	return !errno && !*end && parsed >= 1 && parsed <= most;
}

static bool count_option(const char *name, uint64_t most, uint64_t *value, char *error)
{
	if (parse_count(optarg, most, value))
		return true;
	snprintf(error, OPTIONS_ERROR_TEXT, "--%s '%.80s': wants a number from 1 to %llu", name, optarg,
		 (unsigned long long)most);
	return false;
}

static bool take_option(struct replay_options *options, int key, char *error)
{
	uint64_t value = 0;

	switch (key) {
	case OPTION_ZONES:
		return machine_parse_zones(&options->machine, optarg, error);
	case OPTION_MEMORY:
		return machine_parse_memory(&options->machine, optarg, error);
	case OPTION_CPUS:
		if (!count_option("cpus", 4096, &value, error))
			return false;
		options->machine.cpus = (unsigned int)value;
		return true;
	case OPTION_THREADS:
		if (!count_option("threads", SCHEDULE_THREADS_MAX, &value, error))
			return false;
		options->threads = (unsigned int)value;
		return true;
	case OPTION_MIN_FREE:
		return count_option("min-free-kbytes", (uint64_t)1 << 32, &options->machine.min_free_kbytes,
				    error);
	case OPTION_JSON:
		options->json = optarg;
		return true;
	case OPTION_MAP:
		options->map = optarg;
		return true;
	case OPTION_STRICT:
		options->strict = true;
		return true;
	case OPTION_BUDDY:
		options->buddy = true;
		return true;
	default:
		options->progress = key == OPTION_PROGRESS ? PROGRESS_YES : PROGRESS_NO;
		return true;
	}
}

static const char *check_options(const struct replay_options *options)
{
	int i, inputs = 0;

	if (!options->trace_count)
		return "wants a trace (see labyrinth replay --help)";
	for (i = 0; i < options->trace_count; i++)
		inputs += !strcmp(options->traces[i], "-");
	if (inputs > 1)
		return "standard input can be read only once";
	if (options->map && !strcmp(options->map, "-"))
		return "--map wants the name of a file";
	if (options->map && options->json && !strcmp(options->map, options->json))
		return "--map and --json name the same file";
	if (options->buddy && options->threads > 1)
		return "--buddy plays one order of calls: not together with --threads";
	return NULL;
}

static void unknown_option(int key, const char *word, char *error)
{
	const char letter[] = { '-', (char)optopt, '\0' };

	/* getopt has not moved on where letters are left in the word. */
	if (key == '?' && optopt > 0 && optopt < OPTION_ZONES)
		word = letter;
	snprintf(error, OPTIONS_ERROR_TEXT, "%s '%.80s' (see labyrinth replay --help)",
		 key == ':' ? "a value is missing behind" : "unknown option", word);
}

enum options_result replay_options_parse(struct replay_options *options, int argc, char **argv, char *error)
{
	const char *why;
	int key;

	*options = (struct replay_options){ .progress = PROGRESS_AUTO, .threads = 1 };
	machine_wish_default(&options->machine);
	optind = 0;
	while ((key = option_next(argc, argv, long_options)) != -1) {
		if (key == 'h') {
			fputs(help, stdout);
			return OPTIONS_HELP;
		}
		if (key == '?' || key == ':')
			unknown_option(key, argv[optind - 1], error);
		if (key == '?' || key == ':' || !take_option(options, key, error))
			return OPTIONS_BAD;
	}
	options->traces = argv + optind;
	options->trace_count = argc - optind;
	why = check_options(options);
	if (why)
		snprintf(error, OPTIONS_ERROR_TEXT, "%s", why);
	return why ? OPTIONS_BAD : OPTIONS_FINE;
}
