/* SPDX-License-Identifier: MIT */
/*
 * complain.c - errors of set-up in one sentence: which room, which call, which limit.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "home.h"

#define NAME_TEXT 48u

long long home_read_number(const char *path, const char *key)
{
	FILE *file = fopen(path, "re");
	long long value = -1;
	char line[256];

	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, key, strlen(key)) != 0)
			continue;
		if (sscanf(line + strlen(key), "%lld", &value) == 1)
			break;
	}
	if (file)
		fclose(file);
	return value;
}

/* What a limit would have to be: so many bytes beside what this process has; rounded up to the KiB that ulimit counts in. */
static unsigned long long needed(const char *has, uint64_t bytes)
{
	long long had = home_read_number("/proc/self/status", has);

	return (bytes + 1023) / 1024 * 1024 + (had > 0 ? (unsigned long long)had * 1024 : 0);
}

static void limit_text(const char *what, uint64_t bytes, char *text, size_t size)
{
	struct rlimit limit;

	text[0] = '\0';
	if (strncmp(what, "mlock", 5) == 0 && getrlimit(RLIMIT_MEMLOCK, &limit) == 0) {
		if (limit.rlim_cur == RLIM_INFINITY)
			snprintf(text, size, " (RLIMIT_MEMLOCK is unlimited)");
		else if (limit.rlim_cur < needed("VmLck:", bytes))
			snprintf(text, size, " (RLIMIT_MEMLOCK is %llu bytes: raise it to %llu or more, or grant CAP_IPC_LOCK)",
				 (unsigned long long)limit.rlim_cur, needed("VmLck:", bytes));
		else
			snprintf(text, size, " (RLIMIT_MEMLOCK would allow it)");
	} else if (strncmp(what, "mmap of huge pages", 18) == 0) {
		snprintf(text, size, " (reserve 2 MiB pages in /proc/sys/vm/nr_hugepages)");
	} else if (strncmp(what, "mmap", 4) == 0 && getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
		   limit.rlim_cur < needed("VmSize:", bytes)) {
		snprintf(text, size, " (RLIMIT_AS is %llu bytes: raise it to %llu or more)", (unsigned long long)limit.rlim_cur,
			 needed("VmSize:", bytes));
	}
}

/* A name as it may stand in a sentence and on a terminal: printable ASCII, else '?'; a long one is cut, with "..." for a mark. */
static void name_text(const char *name, char *text)
{
	size_t length = strnlen(name, NAME_TEXT), i;
	bool cut = length == NAME_TEXT;

	length = cut ? NAME_TEXT - 4 : length;
	for (i = 0; i < length; i++)
		text[i] = name[i];
	for (i = 0; i < length; i++)
		if (text[i] < ' ' || text[i] > '~') /* escapes would reach a terminal */
			text[i] = '?';
	memcpy(text + length, "...", 4);
	if (!cut)
		text[length] = '\0';
}

/* `rest`: what it is about where it is about no room, and about no memory file. */
static void place_text(const struct lab_complaint *to, const char *rest, char *text, size_t size)
{
	char name[NAME_TEXT + 4];

	if (to->room) {
		name_text(to->room, name);
		snprintf(text, size, "room \"%s\"", name);
	} else {
		snprintf(text, size, "%s", to->file ? "memory file" : rest);
	}
}

int complain(const struct lab_complaint *to, const char *what, uint64_t bytes)
{
	int error = errno;
	char limit[128], place[64], of[40] = "";

	if (to->text) {
		limit_text(what, bytes, limit, sizeof(limit));
		place_text(to, "metadata", place, sizeof(place));
		if (bytes)
			snprintf(of, sizeof(of), " of %llu bytes", (unsigned long long)bytes);
		snprintf(to->text, LAB_ERROR_TEXT, "%s: %s%s failed: %s%s", place, what, of, strerror(error), limit);
	}
	return error ? -error : -EINVAL;
}

int complain_plainly(const struct lab_complaint *to, const char *sentence)
{
	char place[64];

	if (to->text) {
		place_text(to, "specification", place, sizeof(place));
		/* (A longer one is cut.) */
		snprintf(to->text, LAB_ERROR_TEXT, "%s: %.*s", place, (int)(LAB_ERROR_TEXT - strlen(place)), sentence);
	}
	return -EINVAL;
}
