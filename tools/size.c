/* SPDX-License-Identifier: MIT */
/*
 * size.c - `labyrinth size`: how many frames a client's contract needs.
 *
 * The period is rounded down and the times up to whole nanoseconds, so that what is printed is never too little.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <labyrinth.h>

#include "commands.h"
#include "duration.h"
#include "option.h"
#include "output.h"

static const char help[] =
	"Usage: labyrinth size --period TIME --hold TIME [OPTION]...\n"
	"How many frames must a contract guarantee, so that a client is never without one?\n"
	"\n"
	"  --period TIME    it takes a frame each TIME: 5.208us, 20ms (ns, us, ms, s; exact decimals)\n"
	"  --hold TIME      and has it back after TIME at the latest\n"
	"  --refill TIME    what is freed (or shredded) is there again after TIME at the latest; else at "
	"once (0)\n"
	"  --burst N        so many requests may come early at once; else none\n"
	"  --callers N      so many calls may be in progress at once; else 1\n"
	"  --page SIZE      4K (the default), 16K or 64K\n"
	"  --json           as JSON\n"
	"\n"
	"In any window of length t at most t / period (rounded down) + 1 + burst requests begin.\n"
	"Exit status: 0; 2 for a bad option: one line on standard error.\n";

struct wish {
	uint64_t period, hold, refill; /* ns */
	uint32_t burst, callers, page; /* page: KiB */
	const char *period_text, *hold_text, *refill_text;
	bool json, help;
};

enum { KEY_PERIOD = 256, KEY_HOLD, KEY_REFILL, KEY_BURST, KEY_CALLERS, KEY_PAGE, KEY_JSON };

static const struct option long_options[] = {
	{ "period", required_argument, NULL, KEY_PERIOD },
	{ "hold", required_argument, NULL, KEY_HOLD },
	{ "refill", required_argument, NULL, KEY_REFILL },
	{ "burst", required_argument, NULL, KEY_BURST },
	{ "callers", required_argument, NULL, KEY_CALLERS },
	{ "page", required_argument, NULL, KEY_PAGE },
	{ "json", no_argument, NULL, KEY_JSON },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static bool take_time(const char *name, enum duration_round round, const char **kept, uint64_t *ns)
{
	*kept = optarg;
	if (duration_parse(optarg, round, ns) && *ns <= INT64_MAX) /* JSON has no larger ones */
		return true;
	fprintf(stderr,
		"labyrinth size: --%s '%.80s': wants a time like 5.208us or 20ms (ns, us, ms, s; up to 292 "
		"years)\n",
		name, optarg);
	return false;
}

static bool take_count(const char *name, uint32_t least, uint32_t *count)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(optarg, &end, 10);
	*count = (uint32_t)value;
	if (*optarg >= '0' && *optarg <= '9' && !errno && !*end && value >= least && value <= UINT32_MAX)
		return true;
	fprintf(stderr, "labyrinth size: --%s '%.80s': wants a number from %u to %u\n", name, optarg, least,
		UINT32_MAX);
	return false;
}

static bool take_page(uint32_t *page)
{
	static const char *const names[] = { "4K", "16K", "64K" };
	unsigned int i;

	for (i = 0; i < 3; i++)
		if (!strcmp(optarg, names[i])) {
			*page = 4u << 2 * i;
			return true;
		}
	fprintf(stderr, "labyrinth size: --page '%.80s': wants 4K, 16K or 64K\n", optarg);
	return false;
}

static bool take(struct wish *wish, int key)
{
	switch (key) {
	case KEY_PERIOD:
		return take_time("period", DURATION_DOWN, &wish->period_text, &wish->period);
	case KEY_HOLD:
		return take_time("hold", DURATION_UP, &wish->hold_text, &wish->hold);
	case KEY_REFILL:
		return take_time("refill", DURATION_UP, &wish->refill_text, &wish->refill);
	case KEY_BURST:
		return take_count("burst", 0, &wish->burst);
	case KEY_CALLERS:
		return take_count("callers", 1, &wish->callers);
	case KEY_PAGE:
		return take_page(&wish->page);
	case KEY_JSON:
		wish->json = true;
		return true;
	default:
		return true;
	}
}

static bool check(const struct wish *wish)
{
	const char *missing = !wish->period_text ? "--period" : !wish->hold_text ? "--hold" : NULL;

	if (missing) {
		fprintf(stderr, "labyrinth size: wants %s (see labyrinth size --help)\n", missing);
		return false;
	}
	if (!wish->period)
		fprintf(stderr, "labyrinth size: --period '%.80s': is less than a nanosecond\n",
			wish->period_text);
	return wish->period != 0;
}

static bool parse(struct wish *wish, int argc, char **argv)
{
	int key;

	*wish = (struct wish){ .callers = 1, .page = 4 };
	optind = 0;
	while ((key = option_next(argc, argv, long_options)) != -1) {
		if (key == 'h') {
			wish->help = true;
			return true;
		}
		if (key == '?' || key == ':') {
			fprintf(stderr, "labyrinth size: %s '%.80s' (see labyrinth size --help)\n",
				key == ':' ? "a value is missing behind" : "unknown option",
				argv[optind - 1]);
			return false;
		}
		if (!take(wish, key))
			return false;
	}
	if (optind < argc) {
		fprintf(stderr, "labyrinth size: takes no '%.80s' (see labyrinth size --help)\n",
			argv[optind]);
		return false;
	}
	return check(wish);
}

/* In the largest unit that leaves a whole number or a tenth. */
static void print_weight(FILE *file, uint64_t kib)
{
	static const char *const units[] = { "KiB", "MiB", "GiB" };
	unsigned int unit = 0;
	uint64_t tenths = kib * 10;

	while (unit < 2 && tenths >= 10240) {
		tenths = (tenths + 1023) / 1024;
		unit++;
	}
	fprintf(file, "%" PRIu64, tenths / 10);
	if (tenths % 10)
		fprintf(file, ".%" PRIu64, tenths % 10);
	fprintf(file, " %s", units[unit]);
}

static void print_text(const struct wish *wish, uint32_t frames, FILE *file)
{
	uint64_t whole = (uint64_t)frames - 1 - wish->burst - wish->callers;

	fprintf(file, "%" PRIu32 " frames, ", frames);
	print_weight(file, (uint64_t)frames * wish->page);
	fprintf(file, " in pages of %" PRIu32 " KiB\n", wish->page);
	fprintf(file,
		"  (%s + %s) / %s, rounded down, + 1 + burst %" PRIu32 " + callers %" PRIu32 " = %" PRIu64
		" + 1 + %" PRIu32 " + %" PRIu32 " = %" PRIu32 "\n",
		wish->hold_text, wish->refill_text ? wish->refill_text : "0", wish->period_text, wish->burst,
		wish->callers, whole, wish->burst, wish->callers, frames);
	if (frames > LAB_CONTRACT_MAX)
		fprintf(file,
			"  A client can be guaranteed %u at most: hold them for less long, or use several "
			"clients.\n",
			LAB_CONTRACT_MAX);
}

static bool print_json(const struct wish *wish, uint32_t frames, FILE *file)
{
	json_t *root =
		json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b}", "frames", (json_int_t)frames,
			  "bytes", (json_int_t)frames * wish->page * 1024, "page_size",
			  (json_int_t)wish->page * 1024, "period_ns", (json_int_t)wish->period, "hold_ns",
			  (json_int_t)wish->hold, "refill_ns", (json_int_t)wish->refill, "burst",
			  (json_int_t)wish->burst, "callers", (json_int_t)wish->callers, "most_frames",
			  (json_int_t)LAB_CONTRACT_MAX, "possible", frames <= LAB_CONTRACT_MAX);
	bool fine = root && !json_dumpf(root, file, JSON_INDENT(2)) && fputc('\n', file) != EOF;

	json_decref(root);
	return fine;
}

int labyrinth_size(int argc, char **argv)
{
	char error[OUTPUT_ERROR_TEXT];
	struct output output;
	struct wish wish;
	uint32_t frames;
	bool fine;

	if (!parse(&wish, argc, argv))
		return 2;
	if (wish.help)
		return output_help("labyrinth size", help);
	frames = lab_contract_frames(wish.period, wish.hold, wish.refill, wish.burst, wish.callers);
	if (!frames) {
		fprintf(stderr, "labyrinth size: more than %u frames\n", UINT32_MAX);
		return 2;
	}
	fine = output_open(&output, "-", error);
	if (fine && !wish.json)
		print_text(&wish, frames, output.file);
	if (fine && wish.json && !print_json(&wish, frames, output.file)) {
		snprintf(error, sizeof(error), "out of memory");
		fine = false;
	}
	fine = fine && output_commit(&output, 1, error);
	output_close(&output);
	if (!fine)
		fprintf(stderr, "labyrinth size: %s\n", error);
	return fine ? 0 : 2;
}
