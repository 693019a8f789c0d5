/* SPDX-License-Identifier: MIT */
/*
 * output.h - files that appear whole or not at all.
 *
 * An output is collected in memory.  output_check() says early whether the file could be written;
 * output_commit() writes all of them beside their places and renames them only when every one is done.
 */
#ifndef TOOLS_OUTPUT_H
#define TOOLS_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define OUTPUT_ERROR_TEXT 384u

struct output {
	char *path; /* "-": standard output */
	FILE *file; /* write here; NULL: nothing to be written */
	char *text;
	size_t size;
	char *beside; /* while committing */
};

/* False: `error` (OUTPUT_ERROR_TEXT bytes) names the file and says why; nothing was left behind. */
bool output_open(struct output *output, const char *path, char *error);
bool output_commit(struct output *outputs, size_t count, char *error);
/* Forget it, committed or not. */
void output_close(struct output *output);

/* Write out what stands in a stream.  False: it failed, now or before; standard output's first reason is kept for output_printed(). */
bool output_flush(FILE *file);
/* Is all that was printed on standard output there?  False: `error`, as above. */
bool output_printed(char *error);
/* Print this and be done: the exit status, 0, or 2 and a line on standard error that begins with `who`. */
int output_help(const char *who, const char *text);

#endif
