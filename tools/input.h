/* SPDX-License-Identifier: MIT */
/*
 * input.h - lines of text from a file or standard input, plain or xz, in bounded memory.
 *
 * The lowest layer of the trace reader: it knows nothing of traces.  Whatever it is fed - a device that
 * never ends, a line of a gigabyte, an archive that asks for a huge dictionary - it holds one buffer.
 */
#ifndef TOOLS_INPUT_H
#define TOOLS_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INPUT_LINE_MAX 16384u /* longer lines are skipped and told as INPUT_LONG */
#define INPUT_ERROR_TEXT 256u

struct input;

enum input_result {
	INPUT_ERROR = -1, /* `error` says why, without the name of the file */
	INPUT_END,
	INPUT_LINE,
	INPUT_LONG, /* there was a line, too long to be shown */
};

/* Open `path`, or standard input for "-".  NULL: `error` (INPUT_ERROR_TEXT bytes) says why. */
struct input *input_open(const char *path, char *error);

/* The next line, NUL-terminated in the reader's own buffer (valid until the next call), without '\n'. */
enum input_result input_line(struct input *in, char **line, size_t *length);

/* Why INPUT_ERROR was returned. */
const char *input_error(const struct input *in);

/* Bytes of text handed out or skipped so far. */
uint64_t input_text_bytes(const struct input *in);

/* How much of the file was read: 0 .. 1, or negative where its size is not known. */
double input_progress(const struct input *in);

void input_close(struct input *in);

#endif
