/* SPDX-License-Identifier: MIT */
/*
 * explain.c - `labyrinth explain`: refused page requests in a kernel's log, or in a labyrinth's own report, explained.
 */
#define _GNU_SOURCE
#include "explain.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "input.h"
#include "option.h"
#include "output.h"

static const char help[] =
	"Usage: labyrinth explain [--json] [FILE|-]\n"
	"Why was a page request refused?  Which floor of which zone, and what would have served it.\n"
	"\n"
	"FILE is a Linux kernel's log (dmesg, journalctl -k, syslog; plain or .xz; - or nothing: standard "
	"input) with\n"
	"\"page allocation failure\", \"page allocation stalls\" or \"invoked oom-killer\" in it, or what\n"
	"lab_user_report() wrote.\n"
	"\n"
	"  --json    an array, an object a refusal\n"
	"  --help\n"
	"\n"
	"Exit status: 0; 2 for a bad option, or a file that cannot be read or has nothing to explain.\n";

struct explaining {
	const char *name; /* of the file, as printed */
	bool json;
	struct output output;
	json_t *list;
	uint64_t found, bad; /* explained; lines of ours that are damaged */
	bool own_open; /* a first refusal that waits for its rooms */
	uint64_t own_line;
	struct own_refusal own;
};

static void explained(struct explaining *e)
{
	if (e->found++ && !e->json)
		fputc('\n', e->output.file);
}

static void incident_done(const struct incident *incident, void *context)
{
	struct explaining *e = context;
	static struct verdict verdict; /* large; one at a time */

	judge(incident, &verdict);
	explained(e);
	if (e->json)
		json_array_append_new(e->list, incident_json(incident, &verdict));
	else
		incident_print(e->name, incident, &verdict, e->output.file);
}

static void own_done(struct explaining *e)
{
	if (!e->own_open)
		return;
	e->own_open = false;
	explained(e);
	if (e->json)
		json_array_append_new(e->list, own_json(e->own_line, &e->own));
	else
		own_print(e->name, e->own_line, &e->own, e->output.file);
}

/* True: it was a line of a labyrinth's report. */
static bool own_take(struct explaining *e, const char *text, uint64_t number)
{
	struct own_refusal next = e->own;
	enum own_line kind = own_parse(text, &next);

	if (kind == OWN_NONE)
		return false;
	if ((kind == OWN_ROOM || kind == OWN_VAULT) && e->own_open) {
		e->own = next;
		return true;
	}
	own_done(e);
	if (kind == OWN_REFUSAL) {
		if (!next.first)
			own_inherit(&next, &e->own);
		e->own = next;
		e->own_line = number;
		e->own_open = true;
	} else {
		e->own.vaults = 0; /* whose report goes on behind it is not known */
		e->bad++;
	}
	return true;
}

/* Read it all.  False: `error` says why not. */
static bool read_all(struct explaining *e, const char *path, char *error)
{
	struct input *in = input_open(path, error);
	struct explain_reader *reader = in ? reader_new(incident_done, e) : NULL;
	enum input_result result = INPUT_ERROR;
	uint64_t number = 0;
	size_t length;
	bool prefixed, orphans;
	char *line;

	if (in && !reader)
		snprintf(error, INPUT_ERROR_TEXT, "out of memory");
	while (reader && (result = input_line(in, &line, &length)) > INPUT_END) {
		number++;
		if (result == INPUT_LINE && !own_take(e, prefix_skip(line, &prefixed), number))
			reader_line(reader, line, number);
	}
	if (reader && result == INPUT_ERROR)
		snprintf(error, INPUT_ERROR_TEXT, "%s", input_error(in));
	orphans = reader && reader_end(reader);
	own_done(e);
	input_close(in);
	if (!reader || result == INPUT_ERROR)
		return false;
	if (!e->found)
		snprintf(error, INPUT_ERROR_TEXT, "%s",
			 orphans  ? "memory figures, but no report's first line (page allocation failure, "
				    "invoked oom-killer)"
			 : e->bad ? "a labyrinth's refusals, but no line of them is whole"
				  : "no page allocation failure, oom-killer report or labyrinth's refusal in "
				    "it");
	return e->found != 0;
}

static bool write_all(struct explaining *e, char *error)
{
	if (e->json &&
	    (json_dumpf(e->list, e->output.file, JSON_INDENT(2)) || fputc('\n', e->output.file) == EOF)) {
		snprintf(error, OUTPUT_ERROR_TEXT, "out of memory");
		return false;
	}
	if (!e->json && e->bad)
		fprintf(e->output.file,
			"\n%" PRIu64 " damaged lines of a labyrinth's report were left out.\n", e->bad);
	return output_commit(&e->output, 1, error);
}

static int explain(struct explaining *e, const char *path)
{
	char error[OUTPUT_ERROR_TEXT > INPUT_ERROR_TEXT ? OUTPUT_ERROR_TEXT : INPUT_ERROR_TEXT];
	bool fine = true, read = false;

	e->name = strcmp(path, "-") ? path : "standard input";
	e->list = json_array();
	fine = output_open(&e->output, "-", error);
	if (fine) {
		read = read_all(e, path, error);
		fine = read && write_all(e, error);
	}
	if (!fine && !read)
		fprintf(stderr, "labyrinth explain: %.200s: %s\n", e->name, error);
	else if (!fine)
		fprintf(stderr, "labyrinth explain: %s\n", error);
	output_close(&e->output);
	json_decref(e->list);
	return fine ? 0 : 2;
}

int labyrinth_explain(int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' },
						 { "help", no_argument, NULL, 'h' },
						 { NULL, 0, NULL, 0 } };
	struct explaining e = { 0 };
	int key;

	optind = 0;
	while ((key = option_next(argc, argv, options)) != -1) {
		if (key == 'h')
			return output_help("labyrinth explain", help);
		if (key != 'j') {
			fprintf(stderr,
				"labyrinth explain: unknown option '%.80s' (see labyrinth explain --help)\n",
				argv[optind - 1]);
			return 2;
		}
		e.json = true;
	}
	if (argc - optind > 1) {
		fprintf(stderr, "labyrinth explain: takes one file (see labyrinth explain --help)\n");
		return 2;
	}
	return explain(&e, optind < argc ? argv[optind] : "-");
}
