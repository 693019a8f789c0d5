/* SPDX-License-Identifier: MIT */
/*
 * vault_matrix.c - every set of guarantees, of one kind of memory: a small vault of each is made, read back, and taken down.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "vault_look.h"

uint32_t look_bits(unsigned int set)
{
	return (set & 31) | (set & 32 ? LAB_SHREDDED_KILLED : 0);
}

bool look_is_largest(const struct look_kind *kind, unsigned int set)
{
	unsigned int other;

	for (other = 0; other < LOOK_SETS; other++)
		if (other != set && (other & set) == set && kind->trial[other].met)
			return false;
	return kind->trial[set].met;
}

bool look_is_smallest_refused(const struct look_kind *kind, unsigned int set)
{
	unsigned int bit;

	for (bit = 1; bit < LOOK_SETS; bit <<= 1)
		if (set & bit && !kind->trial[set & ~bit].met)
			return false;
	return !kind->trial[set].met;
}

bool look_has(const struct look_kind *kind, uint32_t bit)
{
	unsigned int set;

	for (set = 0; set < LOOK_SETS; set++)
		if (kind->trial[set].met && kind->trial[set].guarantees & bit)
			return true;
	return false;
}

void look_plain(char *why)
{
	char *sentence = strstr(why, ": ");

	if (sentence)
		memmove(why, sentence + 2, strlen(sentence + 2) + 1);
}

void look_limit(int error, const char *what, char *text)
{
	bool files = error == EMFILE;
	struct rlimit limit;

	if ((files || error == EAGAIN) && getrlimit(files ? RLIMIT_NOFILE : RLIMIT_NPROC, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
		snprintf(text, LAB_ERROR_TEXT, "%s: %s (%s is %llu: raise it)", what, strerror(error), files ? "RLIMIT_NOFILE" : "RLIMIT_NPROC",
			 (unsigned long long)limit.rlim_cur);
	else
		snprintf(text, LAB_ERROR_TEXT, "%s: %s%s", what, strerror(error), error == EAGAIN ? " (is pids.max of its control group reached?)" : "");
}

const char *look_untried(const struct look *look)
{
	unsigned int i, set;

	for (i = 0; i < look->subjects; i++)
		if (look->subject[i].why[0])
			return look->subject[i].why;
	for (i = 0; i < LOOK_KINDS; i++)
		for (set = 0; set < LOOK_SETS; set++)
			if (look->kind[i].trial[set].untried)
				return look->kind[i].trial[set].why;
	for (i = 0; i < look->times; i++)
		if (!look->time[i].why[0] && look->time[i].fork_ms < 0)
			return "no process could be forked beside a vault";
	return NULL;
}

static bool something_pinned(void)
{
	FILE *file = fopen("/proc/self/status", "re");
	unsigned long long kib = 0;
	char line[256];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "VmPin: %llu kB", &kib) == 1)
			break;
	if (file)
		fclose(file);
	return kib != 0;
}

/* The kernel gives back pinned memory a moment after it was unmapped; reserved huge pages are few. */
static void await_unpinned(void)
{
	static const struct timespec moment = { .tv_nsec = 2000000 };
	unsigned int i;

	for (i = 0; i < 500 && something_pinned(); i++)
		nanosleep(&moment, NULL);
}

static void try_set(enum lab_vault_memory memory, unsigned int set, struct look_trial *trial)
{
	struct vault_want want = { .frames = LOOK_FRAMES, .page = 4096, .guarantees = look_bits(set), .memory = memory };
	struct lab_complaint to = { .text = trial->why };
	struct vault_memory made;
	int error;

	memset(trial, 0, sizeof(*trial));
	error = vault_map(&want, &made, &to);
	if (error) {
		look_plain(trial->why);
		trial->untried = error == -EMFILE || error == -ENFILE; /* to look takes descriptors; a vault has none */
		if (trial->untried)
			look_limit(-error, "a file of /proc, a pipe or a ring", trial->why);
		return;
	}
	trial->guarantees = vault_truth(&made); /* once more: the machine's word, not what was kept of it */
	trial->met = !(look_bits(set) & ~trial->guarantees);
	if (!trial->met)
		snprintf(trial->why, sizeof(trial->why), "it was given, but when looked at again it is not so");
	vault_unmap(&made, true);
	if (memory == LAB_VAULT_HUGETLB)
		await_unpinned();
}

void look_try_sets(struct look_kind *kind)
{
	unsigned int set;

	for (set = 0; set < LOOK_SETS; set++)
		try_set(kind->memory, set, &kind->trial[set]);
}
