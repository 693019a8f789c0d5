/* SPDX-License-Identifier: MIT */
/*
 * vault_truth.c - what a vault's memory is, by what the kernel shows of it now.
 *
 *     LOCKED           every mapping of its frames has the flag lo (or is of hugetlb or secretmem, which are never swapped; Linux 6.1 shows no
 *                      lo of the latter), and all frames are resident
 *     NODUMP, NOFORK   the flags dd, dc
 *     PINNED           secretmem's mapping; or the pinning rings are mapped and so much is pinned (VmPin), and all frames are resident
 *     GUARDED          a write(2) from the byte before and the byte behind each frame fails with EFAULT
 *     SHREDDED_KILLED  secretmem's mapping
 *
 * Resident is measured by Rss, which anybody may read (pagemap not).  Locked: in smaps is a share where others have the page too.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vault.h"

/* What the mappings of the frames have in common. */
struct sight {
	uint64_t frames; /* in mappings that can be read and written */
	uint64_t resident; /* bytes in these */
	bool locked, nodump, nofork, huge, secret;
	unsigned int rings;
};

static bool has_flag(const char *flags, const char *flag)
{
	const char *at = strstr(flags, flag);

	return at && at[-1] == ' ' && (at[2] == ' ' || at[2] == '\n');
}

/* How many whole frames lie between two addresses. */
static uint64_t frames_between(const struct vault_memory *made, uintptr_t from, uintptr_t to)
{
	uintptr_t base = (uintptr_t)made->base, step = vault_step(made);
	uint64_t first, last;

	if (to <= base)
		return 0;
	first = from <= base ? 0 : (from - base + step - 1) / step;
	if (to - base < made->page)
		return 0;
	last = (to - base - made->page) / step + 1;
	last = last < made->frames ? last : made->frames;
	return last > first ? last - first : 0;
}

/* The first line of a mapping: is it one of the frames'? */
static bool see_mapping(const struct vault_memory *made, const char *line, struct sight *sight)
{
	unsigned long from, to;
	char access[5];
	uint64_t frames;
	unsigned int i;

	if (sscanf(line, "%lx-%lx %4s", &from, &to, access) != 3)
		return false;
	for (i = 0; i < made->rings; i++)
		sight->rings += (uintptr_t)made->pins[i] == from && strstr(line, "anon_inode:[io_uring]");
	frames = access[0] == 'r' && access[1] == 'w' ? frames_between(made, from, to) : 0;
	sight->frames += frames;
	if (frames)
		sight->secret &= strstr(line, "/secretmem") != NULL;
	return frames != 0;
}

/* A further line of a mapping of frames. */
static void see_line(const char *line, struct sight *sight)
{
	unsigned long long kib;

	if (sscanf(line, "Rss: %llu kB", &kib) == 1 || sscanf(line, "Private_Hugetlb: %llu kB", &kib) == 1 ||
	    sscanf(line, "Shared_Hugetlb: %llu kB", &kib) == 1)
		sight->resident += kib * 1024;
	if (strncmp(line, "VmFlags:", 8) != 0)
		return;
	sight->locked &= has_flag(line, "lo");
	sight->nodump &= has_flag(line, "dd");
	sight->nofork &= has_flag(line, "dc");
	sight->huge &= has_flag(line, "ht");
}

static bool look(const struct vault_memory *made, struct sight *sight)
{
	FILE *file = fopen("/proc/self/smaps", "re");
	char *line = NULL;
	bool ours = false;
	size_t size = 0;

	if (!file)
		return false;
	*sight = (struct sight){ .locked = true, .nodump = true, .nofork = true, .huge = true, .secret = true };
	while (getline(&line, &size, file) > 0) {
		if ((*line >= '0' && *line <= '9') || (*line >= 'a' && *line <= 'f')) /* the other lines begin with a capital */
			ours = see_mapping(made, line, sight);
		else if (ours)
			see_line(line, sight);
	}
	free(line);
	fclose(file);
	return true;
}

/* Bytes that the kernel counts as pinned for this process. */
static uint64_t pinned_bytes(void)
{
	FILE *file = fopen("/proc/self/status", "re");
	unsigned long long kib = 0;
	char line[256];

	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "VmPin: %llu kB", &kib) == 1)
			break;
	fclose(file);
	return kib * 1024;
}

static bool unreadable(int pipe, const char *address, int *error)
{
	if (write(pipe, address, 1) >= 0)
		return false;
	*error = errno == EFAULT ? 0 : errno;
	return !*error;
}

/* Is each byte beside a frame out of reach?  The kernel copies it as the program would read it; nothing faults here. */
static bool guards_hold(const struct vault_memory *made)
{
	bool hold = made->stride == 2;
	int ends[2], error = 0;
	uint64_t i;

	if (!hold || pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
		return false;
	for (i = 0; hold && i < made->frames; i++) {
		const char *frame = made->base + i * vault_step(made);

		hold = unreadable(ends[1], frame - 1, &error) && unreadable(ends[1], frame + made->page, &error);
	}
	close(ends[0]);
	close(ends[1]);
	errno = error; /* why one cannot know */
	return hold;
}

uint32_t vault_truth(const struct vault_memory *made)
{
	uint64_t all = made->frames * made->page;
	uint32_t truth = 0;
	struct sight sight;
	bool still;

	if (!made->map || !look(made, &sight))
		return 0;
	if (sight.frames != made->frames) {
		errno = 0;
		return 0;
	}
	still = sight.resident >= all;
	truth |= (sight.locked || sight.huge || sight.secret) && still ? LAB_LOCKED : 0;
	truth |= sight.nodump ? LAB_NODUMP : 0;
	truth |= sight.nofork ? LAB_NOFORK : 0;
	truth |= sight.secret ? LAB_SHREDDED_KILLED : 0;
	if (still && (sight.secret || (made->rings && sight.rings == made->rings && pinned_bytes() >= all)))
		truth |= LAB_PINNED;
	errno = 0;
	if (guards_hold(made))
		truth |= LAB_GUARDED;
	return truth;
}
