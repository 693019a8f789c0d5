/* SPDX-License-Identifier: MIT */
/*
 * vault.c - `labyrinth vault`: what the memory of a vault can be on this machine, and who can still read it; made and tried, not looked up.
 */
#define _GNU_SOURCE
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "output.h"
#include "vault_look.h"

static const char help[] =
	"Usage: labyrinth vault [OPTION]...\n"
	"What can the memory of a vault truly be on this machine, for this user?  A small vault of each kind of memory\n"
	"and each set of guarantees is made and read back from the kernel; where it is refused: by which call, which limit,\n"
	"and what would help.  Then a page with a marker is held by another process, and each way to it is tried.\n"
	"\n"
	"  --times       also: what 16,384 pages cost to make, and a fork beside them\n"
	"  --json FILE   write everything that was found; - is standard output, and then nothing else is\n"
	"  --help\n"
	"\n"
	"Exit status: 0; 1 when this command lacked something to try all of it: not tried is said there, null in the JSON;\n"
	"2 for a bad option or file.  One line on standard error says why.\n";

enum { KEY_JSON = 256, KEY_TIMES };

static const struct option long_options[] = {
	{ "json", required_argument, NULL, KEY_JSON },
	{ "times", no_argument, NULL, KEY_TIMES },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

struct vault_options {
	const char *json;
	bool times, help;
};

static bool parse(struct vault_options *options, int argc, char **argv)
{
	int key;

	*options = (struct vault_options){ .json = NULL };
	optind = 0;
	while ((key = getopt_long(argc, argv, ":h", long_options, NULL)) != -1) {
		if (key == 'h') {
			options->help = true;
			return true;
		}
		if (key == '?' || key == ':') {
			fprintf(stderr, "labyrinth vault: %s '%.80s' (see labyrinth vault --help)\n",
				key == ':' ? "a value is missing behind" : "unknown option", argv[optind - 1]);
			return false;
		}
		if (key == KEY_TIMES)
			options->times = true;
		else
			options->json = optarg;
	}
	if (optind < argc)
		fprintf(stderr, "labyrinth vault: takes no '%.80s' (see labyrinth vault --help)\n", argv[optind]);
	return optind == argc;
}

static unsigned int count_bits(uint32_t bits)
{
	return (unsigned int)__builtin_popcount(bits);
}

/* The readers, at one vault. */
static void show(struct look *look, const struct look_kind *kind, unsigned int set)
{
	struct look_subject *subject = &look->subject[look->subjects++];
	struct look_holder holder;

	subject->memory = kind->memory;
	subject->required = look_bits(set);
	if (holder_start(&holder, kind->memory, subject->required, subject->why))
		look_read(subject, &holder);
}

/* Each kind twice: as bare as it comes, and with the most that it can be. */
static void show_kind(struct look *look, const struct look_kind *kind)
{
	unsigned int set, most = 0;

	if (!kind->trial[0].met)
		return;
	for (set = 1; set < LOOK_SETS; set++)
		if (kind->trial[set].met && count_bits(look_bits(set)) > count_bits(look_bits(most)))
			most = set;
	show(look, kind, 0);
	if (most)
		show(look, kind, most);
}

static void find(struct look *look)
{
	static const enum lab_vault_memory kinds[LOOK_KINDS] = { LAB_VAULT_ANONYMOUS, LAB_VAULT_SECRET, LAB_VAULT_HUGETLB };
	unsigned int i;

	for (i = 0; i < LOOK_KINDS; i++) {
		look->kind[i].memory = kinds[i];
		look_try_sets(&look->kind[i]);
		show_kind(look, &look->kind[i]);
	}
}

static bool write_findings(const struct look *look, struct output *outputs, char *error)
{
	if (outputs[0].file)
		look_print(look, outputs[0].file);
	if (outputs[1].file && !look_json(look, outputs[1].file)) {
		snprintf(error, OUTPUT_ERROR_TEXT, "out of memory");
		return false;
	}
	return output_commit(outputs, 2, error);
}

/* The exit status, of what has been written. */
static int judge_whole(const struct look *look)
{
	const char *untried = look_untried(look);

	if (untried)
		fprintf(stderr, "labyrinth vault: not all could be tried: %s\n", untried);
	return untried ? 1 : 0;
}

int labyrinth_vault(int argc, char **argv)
{
	struct output outputs[2] = { { .path = NULL }, { .path = NULL } }; /* the text; the JSON */
	char error[OUTPUT_ERROR_TEXT];
	struct vault_options options;
	struct look *look;
	bool fine = true;
	int status = 2;

	if (!parse(&options, argc, argv))
		return 2;
	if (options.help)
		return output_help("labyrinth vault", help);
	if (!options.json || strcmp(options.json, "-"))
		fine = output_open(&outputs[0], "-", error);
	if (fine && options.json)
		fine = output_open(&outputs[1], options.json, error);
	look = fine ? calloc(1, sizeof(*look)) : NULL;
	if (fine && !look) {
		snprintf(error, sizeof(error), "out of memory");
		fine = false;
	}
	if (fine) {
		find(look);
		if (options.times)
			look_time(look);
		fine = write_findings(look, outputs, error);
		status = fine ? judge_whole(look) : 2;
	}
	free(look);
	output_close(&outputs[0]);
	output_close(&outputs[1]);
	if (!fine)
		fprintf(stderr, "labyrinth vault: %s\n", error);
	return status;
}
