/* SPDX-License-Identifier: MIT */
/*
 * input.c - see input.h.
 *
 * raw bytes -> (xz decoder, where the magic says so) -> text buffer -> lines.  The buffer is as large as
 * two of the longest lines, so that a line always lies in it in one piece.
 */
#define _POSIX_C_SOURCE 200809L
#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <lzma.h>

#define RAW_BYTES ((size_t)64 << 10)
#define TEXT_BYTES ((size_t)128 << 10)
#define XZ_MEMORY_LIMIT ((uint64_t)256 << 20) /* xz -9e needs 65 MiB */
#define LONG_LINE_LIMIT ((uint64_t)2 << 30) /* an endless line ends here, with an error */

_Static_assert(TEXT_BYTES > 2 * INPUT_LINE_MAX, "a line lies in the buffer in one piece");

struct input {
	int fd;
	bool opened; /* fd is ours to close */
	bool detected; /* the first bytes were looked at */
	bool xz; /* text comes through the decoder */
	bool raw_ended; /* read() said end of file */
	bool ended; /* no more text will come */
	lzma_stream stream;
	uint64_t raw_read, raw_size; /* raw_size 0: not known */
	uint64_t text_bytes;
	size_t raw_from, raw_to; /* the part of raw[] not yet turned into text */
	size_t text_from, text_to; /* the part of text[] not yet handed out */
	char error[INPUT_ERROR_TEXT];
	uint8_t raw[RAW_BYTES];
	char text[TEXT_BYTES + 1]; /* + 1: room for the NUL of a last line without '\n' */
};

static const uint8_t xz_magic[6] = { 0xfd, '7', 'z', 'X', 'Z', 0 };

static bool input_fail(struct input *in, const char *why)
{
	snprintf(in->error, sizeof(in->error), "%s", why);
	return false;
}

struct input *input_open(const char *path, char *error)
{
	struct input *in = calloc(1, sizeof(*in));
	struct stat st;

	if (!in) {
		snprintf(error, INPUT_ERROR_TEXT, "out of memory");
		return NULL;
	}
	in->stream = (lzma_stream)LZMA_STREAM_INIT;
	in->opened = strcmp(path, "-") != 0;
	in->fd = in->opened ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
	if (in->fd < 0 || fstat(in->fd, &st) < 0) {
		snprintf(error, INPUT_ERROR_TEXT, "%s", strerror(errno));
		input_close(in);
		return NULL;
	}
	if (S_ISDIR(st.st_mode)) {
		snprintf(error, INPUT_ERROR_TEXT, "%s", strerror(EISDIR));
		input_close(in);
		return NULL;
	}
	if (S_ISREG(st.st_mode) && st.st_size > 0)
		in->raw_size = (uint64_t)st.st_size;
	return in;
}

/* Fill raw[] from the file. */
static bool raw_fill(struct input *in)
{
	ssize_t got;

	if (in->raw_from) {
		memmove(in->raw, in->raw + in->raw_from, in->raw_to - in->raw_from);
		in->raw_to -= in->raw_from;
		in->raw_from = 0;
	}
	do
		got = read(in->fd, in->raw + in->raw_to, RAW_BYTES - in->raw_to);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return input_fail(in, strerror(errno));
	in->raw_ended = got == 0;
	in->raw_to += (size_t)got;
	in->raw_read += (uint64_t)got;
	return true;
}

/* Look at the first bytes: is it xz?  A pipe may bring them one by one. */
static bool input_detect(struct input *in)
{
	while (!in->raw_ended && in->raw_to < sizeof(xz_magic))
		if (!raw_fill(in))
			return false;
	in->detected = true;
	in->xz = in->raw_to >= sizeof(xz_magic) && !memcmp(in->raw, xz_magic, sizeof(xz_magic));
	if (in->xz && lzma_stream_decoder(&in->stream, XZ_MEMORY_LIMIT, LZMA_CONCATENATED) != LZMA_OK)
		return input_fail(in, "out of memory");
	return true;
}

static const char *xz_error(lzma_ret ret)
{
	switch (ret) {
	case LZMA_BUF_ERROR:
		return "the xz data end too early";
	case LZMA_MEMLIMIT_ERROR:
		return "its xz dictionary needs more than 256 MiB";
	case LZMA_MEM_ERROR:
		return "out of memory";
	case LZMA_OPTIONS_ERROR:
		return "xz options that this program does not know";
	default:
		return "the xz data are damaged";
	}
}

static bool text_decode(struct input *in)
{
	lzma_ret ret;

	in->stream.next_in = in->raw + in->raw_from;
	in->stream.avail_in = in->raw_to - in->raw_from;
	in->stream.next_out = (uint8_t *)in->text + in->text_to;
	in->stream.avail_out = TEXT_BYTES - in->text_to;
	ret = lzma_code(&in->stream, in->raw_ended ? LZMA_FINISH : LZMA_RUN);
	in->raw_from = in->raw_to - in->stream.avail_in;
	in->text_to = TEXT_BYTES - in->stream.avail_out;
	if (ret == LZMA_STREAM_END)
		in->ended = true;
	else if (ret == LZMA_BUF_ERROR && !in->raw_ended)
		return true; /* wants more input, which the next round brings */
	else if (ret != LZMA_OK)
		return input_fail(in, xz_error(ret));
	return true;
}

static void text_copy(struct input *in)
{
	size_t part = in->raw_to - in->raw_from;

	if (part > TEXT_BYTES - in->text_to)
		part = TEXT_BYTES - in->text_to;
	memcpy(in->text + in->text_to, in->raw + in->raw_from, part);
	in->raw_from += part;
	in->text_to += part;
	in->ended = in->raw_ended && in->raw_from == in->raw_to;
}

/* Bring at least one more byte of text, or the end. */
static bool text_fill(struct input *in)
{
	size_t had;

	if (in->text_from) {
		memmove(in->text, in->text + in->text_from, in->text_to - in->text_from);
		in->text_to -= in->text_from;
		in->text_from = 0;
	}
	had = in->text_to;
	if (!in->detected && !input_detect(in))
		return false;
	while (in->text_to == had && !in->ended) {
		if (in->raw_from == in->raw_to && !in->raw_ended && !raw_fill(in))
			return false;
		if (!in->xz)
			text_copy(in);
		else if (!text_decode(in))
			return false;
	}
	return true;
}

/* Throw away text up to and with the next '\n'. */
static enum input_result line_skip(struct input *in)
{
	uint64_t skipped = 0;
	char *newline;

	for (;;) {
		newline = memchr(in->text + in->text_from, '\n', in->text_to - in->text_from);
		if (newline)
			break;
		skipped += in->text_to - in->text_from;
		in->text_bytes += in->text_to - in->text_from;
		in->text_from = in->text_to;
		if (in->ended)
			return INPUT_LONG;
		if (skipped > LONG_LINE_LIMIT) {
			input_fail(in, "a line of more than 2 GiB");
			return INPUT_ERROR;
		}
		if (!text_fill(in))
			return INPUT_ERROR;
	}
	in->text_bytes += (size_t)(newline + 1 - (in->text + in->text_from));
	in->text_from = (size_t)(newline + 1 - in->text);
	return INPUT_LONG;
}

enum input_result input_line(struct input *in, char **line, size_t *length)
{
	size_t looked = 0, there;
	char *newline = NULL;

	for (;;) {
		there = in->text_to - in->text_from;
		if (there > looked)
			newline = memchr(in->text + in->text_from + looked, '\n', there - looked);
		if (newline || in->ended)
			break;
		if (there > INPUT_LINE_MAX)
			return line_skip(in);
		looked = there;
		if (!text_fill(in))
			return INPUT_ERROR;
	}
	if (!newline && !there)
		return INPUT_END;
	*line = in->text + in->text_from;
	*length = newline ? (size_t)(newline - *line) : there;
	if (*length > INPUT_LINE_MAX)
		return line_skip(in);
	(*line)[*length] = '\0';
	in->text_bytes += *length + (newline ? 1 : 0);
	in->text_from += *length + (newline ? 1 : 0);
	return INPUT_LINE;
}

const char *input_error(const struct input *in)
{
	return in->error;
}

uint64_t input_text_bytes(const struct input *in)
{
	return in->text_bytes;
}

double input_progress(const struct input *in)
{
	if (!in->raw_size)
		return -1;
	return in->raw_read >= in->raw_size ? 1 : (double)in->raw_read / (double)in->raw_size;
}

void input_close(struct input *in)
{
	if (!in)
		return;
	lzma_end(&in->stream);
	if (in->opened && in->fd >= 0)
		close(in->fd);
	free(in);
}
