/* SPDX-License-Identifier: MIT */
/*
 * output.c - see output.h.
 */
#define _GNU_SOURCE
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool output_fail(const struct output *output, char *error)
{
	snprintf(error, OUTPUT_ERROR_TEXT, "cannot write %.256s: %s",
		 strcmp(output->path, "-") ? output->path : "standard output", strerror(errno));
	return false;
}

/* Pipes and devices are written to as they are; only a regular file can be replaced. */
static bool written_directly(const char *path)
{
	struct stat st;

	return !strcmp(path, "-") || (!stat(path, &st) && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode));
}

/* A new file beside `path`, open for writing.  -1: errno. */
static int open_beside(const char *path, char **beside)
{
	mode_t mask;
	int fd;

	if (asprintf(beside, "%s.XXXXXX", path) < 0) {
		*beside = NULL;
		errno = ENOMEM;
		return -1;
	}
	fd = mkostemp(*beside, O_CLOEXEC);
	if (fd < 0) {
		free(*beside);
		*beside = NULL;
		return -1;
	}
	mask = umask(0);
	umask(mask);
	fchmod(fd, 0666 & ~mask);
	return fd;
}

/* Could it be written?  Tried, and the trial removed. */
static bool output_check(struct output *output, char *error)
{
	struct stat st;
	char *beside;
	int fd;

	if (written_directly(output->path))
		return true;
	if (!stat(output->path, &st) && S_ISDIR(st.st_mode)) {
		errno = EISDIR;
		return output_fail(output, error);
	}
	if (!*output->path) {
		snprintf(error, OUTPUT_ERROR_TEXT, "cannot write a file whose name is empty");
		return false;
	}
	fd = open_beside(output->path, &beside);
	if (fd < 0)
		return output_fail(output, error);
	close(fd);
	unlink(beside);
	free(beside);
	return true;
}

bool output_open(struct output *output, const char *path, char *error)
{
	struct stat st;
	bool link = strcmp(path, "-") && !lstat(path, &st) && S_ISLNK(st.st_mode);
	char *real = link ? realpath(path, NULL) : NULL; /* the file itself is replaced, not the link */

	*output = (struct output){ .path = real ? real : strdup(path) };
	if (output->path)
		output->file = open_memstream(&output->text, &output->size);
	if (output->file)
		return output_check(output, error);
	snprintf(error, OUTPUT_ERROR_TEXT, "out of memory");
	return false;
}

static bool write_all(int fd, const char *text, size_t size)
{
	ssize_t part;

	while (size) {
		part = write(fd, text, size);
		if (part < 0 && errno == EINTR)
			continue;
		if (part < 0)
			return false;
		text += part;
		size -= (size_t)part;
	}
	return true;
}

/* Write the text beside its place, or, where that cannot be (`direct`), to it. */
static bool output_write(struct output *output, bool direct, char *error)
{
	bool to_stdout, fine;
	int fd;

	if (!output->file || direct != written_directly(output->path))
		return true;
	to_stdout = !strcmp(output->path, "-");
	if (fflush(output->file) || ferror(output->file)) {
		errno = ENOMEM;
		return output_fail(output, error);
	}
	if (to_stdout)
		fd = STDOUT_FILENO;
	else
		fd = direct ? open(output->path, O_WRONLY | O_CLOEXEC)
			    : open_beside(output->path, &output->beside);
	if (fd < 0)
		return output_fail(output, error);
	fine = write_all(fd, output->text, output->size);
	if (!fine)
		output_fail(output, error);
	if (!to_stdout && close(fd) && fine)
		fine = output_fail(output, error);
	return fine;
}

bool output_commit(struct output *outputs, size_t count, char *error)
{
	bool fine = true;
	size_t i;

	for (i = 0; i < count && fine; i++)
		fine = output_write(&outputs[i], false, error);
	for (i = 0; i < count && fine; i++)
		fine = output_write(&outputs[i], true, error);
	for (i = 0; i < count; i++) {
		if (!outputs[i].beside)
			continue;
		if (fine && rename(outputs[i].beside, outputs[i].path))
			fine = output_fail(&outputs[i], error);
		if (!fine)
			unlink(outputs[i].beside);
		free(outputs[i].beside);
		outputs[i].beside = NULL;
	}
	return fine;
}

void output_close(struct output *output)
{
	if (output->file)
		fclose(output->file);
	free(output->text);
	free(output->path);
	*output = (struct output){ 0 };
}

/* Why standard output failed first: a stream keeps that it failed, not why. */
static int printed_error;

bool output_flush(FILE *file)
{
	errno = 0;
	if (!fflush(file) && !ferror(file))
		return true;
	if (file == stdout && !printed_error)
		printed_error = errno;
	return false;
}

bool output_printed(char *error)
{
	if (output_flush(stdout))
		return true;
	snprintf(error, OUTPUT_ERROR_TEXT, "cannot write standard output%s%s", printed_error ? ": " : "",
		 printed_error ? strerror(printed_error) : ""); /* what nobody flushed here has no reason any more */
	return false;
}

int output_help(const char *who, const char *text)
{
	char error[OUTPUT_ERROR_TEXT];

	fputs(text, stdout);
	if (output_printed(error))
		return 0;
	fprintf(stderr, "%s: %s\n", who, error);
	return 2;
}
