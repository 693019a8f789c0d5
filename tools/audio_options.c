/* SPDX-License-Identifier: MIT */
/*
 * audio_options.c - see audio_options.h.
 */
#define _GNU_SOURCE
#include "audio_options.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "option.h"

#define SECONDS 5u
#define SECONDS_MAX 3600u
#define HOLD_MS 20u
#define NOISE 2u

static const char help[] =
	"Usage: labyrinth audio [OPTION]... [IN.wav OUT.wav]\n"
	"Pass a stream of 24-bit samples at 192 kHz through pages that are allocated as they are needed, one "
	"every\n"
	"5.2 us, and freed by another thread, while others take all the memory that they can get.\n"
	"\n"
	"IN.wav is played whole; OUT.wav is then the same in samples and format.  Without them a signal is "
	"made.\n"
	"The stream is played once by a client with a contract, then by plain GFP_ATOMIC requests, by the "
	"mallocs\n"
	"that are installed, and by nobody (the control).\n"
	"\n"
	"  --seconds N     how long a made signal is (5), and how much of IN.wav the others play\n"
	"  --hold MS       how long the device keeps a page (20)\n"
	"  --noise N       threads of noise (2); 0 to 16\n"
	"  --exclusive     the contract's pages come from a vault: overwritten when they are freed\n"
	"  --beside LIST   who else plays: atomic,glibc,jemalloc,mimalloc,tcmalloc,control (all that are "
	"here); none\n"
	"  --json FILE     write all figures; - is standard output, and then nothing else is\n"
	"  --svg FILE      draw how long allocations took\n"
	"  --progress, --no-progress\n"
	"  --help\n"
	"\n"
	"Exit status: 0 when the contract's samples came out identical and none of its requests failed or "
	"was late\n"
	"by the allocator; else 1; 2 for a bad option or file: one line on standard error, and no file is "
	"written;\n"
	"or where standard output cannot be written, when the files are there.\n";

enum option_key {
	OPTION_SECONDS = 256,
	OPTION_HOLD,
	OPTION_NOISE,
	OPTION_EXCLUSIVE,
	OPTION_BESIDE,
	OPTION_JSON,
	OPTION_SVG,
	OPTION_PROGRESS,
	OPTION_NO_PROGRESS,
};

static const struct option long_options[] = {
	{ "seconds", required_argument, NULL, OPTION_SECONDS },
	{ "hold", required_argument, NULL, OPTION_HOLD },
	{ "noise", required_argument, NULL, OPTION_NOISE },
	{ "exclusive", no_argument, NULL, OPTION_EXCLUSIVE },
	{ "beside", required_argument, NULL, OPTION_BESIDE },
	{ "json", required_argument, NULL, OPTION_JSON },
	{ "svg", required_argument, NULL, OPTION_SVG },
	{ "progress", no_argument, NULL, OPTION_PROGRESS },
	{ "no-progress", no_argument, NULL, OPTION_NO_PROGRESS },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

struct range {
	const char *name;
	uint64_t least, most;
};

static bool take_number(const struct range *range, uint64_t *value, char *error)
{
	char *end;

	errno = 0;
	*value = strtoull(optarg, &end, 10);
	if (*optarg >= '0' && *optarg <= '9' && !*end && !errno && *value >= range->least &&
	    *value <= range->most)
		return true;
	snprintf(error, AUDIO_ERROR_TEXT, "--%s '%.80s': wants a number from %llu to %llu", range->name,
		 optarg, (unsigned long long)range->least, (unsigned long long)range->most);
	return false;
}

/* The longest hold for which a contract can be had. */
static uint64_t hold_most(void)
{
	uint64_t ms = 1;

	while (audio_contract_frames((ms + 1) * AUDIO_NS_PER_MS))
		ms++;
	return ms;
}

static bool take_names(uint32_t *whos, char *error)
{
	const char *name = optarg;
	size_t length;
	int who;

	*whos = UINT32_C(1) << AUDIO_CONTRACT;
	if (!strcmp(optarg, "none"))
		return true;
	for (;; name += length + 1) {
		length = strcspn(name, ",");
		for (who = 0; who < AUDIO_WHOS; who++)
			if (strlen(audio_names[who]) == length && !strncmp(audio_names[who], name, length))
				break;
		if (who == AUDIO_WHOS) {
			snprintf(error, AUDIO_ERROR_TEXT,
				 "--beside: there is no '%.*s' (see labyrinth audio --help)",
				 length < 80 ? (int)length : 80, name);
			return false;
		}
		*whos |= UINT32_C(1) << who;
		if (!name[length])
			return true;
	}
}

static bool take_option(struct audio_options *options, int key, char *error)
{
	uint64_t value = 0;
	bool fine = true;

	switch (key) {
	case OPTION_SECONDS:
		return take_number(&(struct range){ "seconds", 1, SECONDS_MAX }, &options->seconds, error);
	case OPTION_HOLD:
		return take_number(&(struct range){ "hold", 1, hold_most() }, &options->hold_ms, error);
	case OPTION_NOISE:
		fine = take_number(&(struct range){ "noise", 0, AUDIO_NOISE_MAX }, &value, error);
		options->noise = (unsigned int)value;
		return fine;
	case OPTION_EXCLUSIVE:
		options->exclusive = true;
		return true;
	case OPTION_BESIDE:
		return take_names(&options->whos, error);
	case OPTION_JSON:
		options->json = optarg;
		return true;
	case OPTION_SVG:
		options->svg = optarg;
		return true;
	default:
		options->progress = key == OPTION_PROGRESS ? PROGRESS_YES : PROGRESS_NO;
		return true;
	}
}

bool audio_same_file(const char *one, const char *other)
{
	struct stat first, second;
	char *one_copy, *other_copy;
	bool same = false;

	if (!strcmp(one, other))
		return true;
	if (!stat(one, &first) && !stat(other, &second))
		return S_ISREG(first.st_mode) && first.st_dev == second.st_dev &&
		       first.st_ino == second.st_ino;
	/* One is not there yet: the same name in the same folder? */
	one_copy = strdup(one);
	other_copy = strdup(other);
	if (one_copy && other_copy && !strcmp(basename(one_copy), basename(other_copy))) {
		strcpy(one_copy, one);
		strcpy(other_copy, other);
		same = !stat(dirname(one_copy), &first) && !stat(dirname(other_copy), &second) &&
		       first.st_dev == second.st_dev && first.st_ino == second.st_ino;
	}
	free(one_copy);
	free(other_copy);
	return same;
}

/* No two of the files may be one. */
static bool check_files(const struct audio_options *options, char *error)
{
	const struct {
		const char *path, *name;
	} files[] = { { options->in, "IN.wav" },
		      { options->out, "OUT.wav" },
		      { options->json, "--json" },
		      { options->svg, "--svg" } };
	const size_t count = sizeof(files) / sizeof(files[0]);

	for (size_t i = 0; i < count; i++) {
		if (files[i].path && i != 2 && !strcmp(files[i].path, "-")) {
			snprintf(error, AUDIO_ERROR_TEXT, "%s wants the name of a file", files[i].name);
			return false;
		}
		for (size_t k = i + 1; k < count; k++) {
			if (!files[i].path || !files[k].path ||
			    !audio_same_file(files[i].path, files[k].path))
				continue;
			snprintf(error, AUDIO_ERROR_TEXT, "%s and %s are the same file", files[i].name,
				 files[k].name);
			return false;
		}
	}
	return true;
}

static void unknown_option(int key, const char *word, char *error)
{
	const char letter[] = { '-', (char)optopt, '\0' };

	/* getopt has not moved on where letters are left in the word. */
	if (key == '?' && optopt > 0 && optopt < OPTION_SECONDS)
		word = letter;
	snprintf(error, AUDIO_ERROR_TEXT, "%s '%.80s' (see labyrinth audio --help)",
		 key == ':' ? "a value is missing behind" : "unknown option", word);
}

enum audio_parsed audio_options_parse(struct audio_options *options, int argc, char **argv, char *error)
{
	int key;

	*options = (struct audio_options){ .seconds = SECONDS,
					   .hold_ms = HOLD_MS,
					   .noise = NOISE,
					   .whos = (UINT32_C(1) << AUDIO_WHOS) - 1,
					   .progress = PROGRESS_AUTO };
	opterr = 0;
	optind = 0;
	while ((key = option_next(argc, argv, long_options)) != -1) {
		if (key == 'h') {
			fputs(help, stdout);
			return AUDIO_HELP;
		}
		if (key == '?' || key == ':')
			unknown_option(key, argv[optind - 1], error);
		if (key == '?' || key == ':' || !take_option(options, key, error))
			return AUDIO_BAD;
	}
	if (argc - optind != 0 && argc - optind != 2) {
		snprintf(error, AUDIO_ERROR_TEXT,
			 "wants IN.wav and OUT.wav, or neither (see labyrinth audio --help)");
		return AUDIO_BAD;
	}
	if (optind < argc) {
		options->in = argv[optind];
		options->out = argv[optind + 1];
	}
	return check_files(options, error) ? AUDIO_FINE : AUDIO_BAD;
}
