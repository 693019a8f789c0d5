/* SPDX-License-Identifier: MIT */
/*
 * complain.c - errors of set-up in one sentence: which room, which call, which limit.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "home.h"

static void limit_text(const char *what, char *text, size_t size)
{
	struct rlimit limit;

	text[0] = '\0';
	if (strncmp(what, "mlock", 5) == 0 && getrlimit(RLIMIT_MEMLOCK, &limit) == 0) {
		if (limit.rlim_cur == RLIM_INFINITY)
			snprintf(text, size, " (RLIMIT_MEMLOCK is unlimited)");
		else
			snprintf(text, size, " (RLIMIT_MEMLOCK is %llu bytes: raise it, or grant CAP_IPC_LOCK)",
				 (unsigned long long)limit.rlim_cur);
	} else if (strncmp(what, "mmap of huge pages", 18) == 0) {
		snprintf(text, size, " (reserve 2 MiB pages in /proc/sys/vm/nr_hugepages)");
	} else if (strncmp(what, "mmap", 4) == 0 && getrlimit(RLIMIT_AS, &limit) == 0 &&
		   limit.rlim_cur != RLIM_INFINITY) {
		snprintf(text, size, " (RLIMIT_AS is %llu bytes)", (unsigned long long)limit.rlim_cur);
	}
}

/* `rest`: what it is about where it is about no room, and about no memory file. */
static void place_text(const struct lab_complaint *to, const char *rest, char *text, size_t size)
{
	if (to->room)
		snprintf(text, size, "room \"%s\"", to->room);
	else
		snprintf(text, size, "%s", to->file ? "memory file" : rest);
}

int complain(const struct lab_complaint *to, const char *what, uint64_t bytes)
{
	int error = errno;
	char limit[112], place[64], of[40] = "";

	if (to->text) {
		limit_text(what, limit, sizeof(limit));
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
		snprintf(to->text, LAB_ERROR_TEXT, "%s: %s", place, sentence);
	}
	return -EINVAL;
}
