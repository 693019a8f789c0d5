/* SPDX-License-Identifier: MIT */
/*
 * vault_readers.c - each way to another process's page, tried on the holder of a marked one.
 *
 * "Reads" is said only when the marker was seen, "cannot" only when the attempt was made and failed, or, of a core, when the kernel says
 * that it leaves the mapping out.  Whoever looks is this process: with its user's rights, and an ancestor of the holder.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vault_look.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

#define PIECE ((size_t)1 << 20)

static void say(struct look_seen *seen, enum look_sight sight, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void say(struct look_seen *seen, enum look_sight sight, const char *format, ...)
{
	va_list list;

	seen->sight = sight;
	va_start(list, format);
	vsnprintf(seen->how, sizeof(seen->how), format, list);
	va_end(list);
}

/* ---- cores ---- */

static bool marked_file(const struct look_holder *holder, int fd)
{
	char *piece = malloc(PIECE + LOOK_MARKER);
	size_t kept = 0;
	bool found = false;
	ssize_t n;

	while (piece && !found && (n = read(fd, piece + kept, PIECE)) > 0) {
		size_t there = kept + (size_t)n;

		found = holder_marked(holder, piece, there);
		kept = there < LOOK_MARKER ? there : LOOK_MARKER - 1;
		memmove(piece, piece + there - kept, kept);
	}
	free(piece);
	return found;
}

/* Any file in the holder's folder; -1: none, 0: without the marker, 1: with it. */
static int marked_core(const struct look_holder *holder)
{
	DIR *folder = opendir(holder->folder);
	struct dirent *entry;
	int answer = -1, fd;

	while (folder && answer < 1 && (entry = readdir(folder))) {
		if (entry->d_name[0] == '.')
			continue;
		fd = openat(dirfd(folder), entry->d_name, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		answer = marked_file(holder, fd);
		close(fd);
	}
	if (folder)
		closedir(folder);
	return answer;
}

/* Has the mapping of the holder's page this flag, in its smaps? */
static bool holder_flagged(const struct look_holder *holder, const char *flag)
{
	char path[64], line[512];
	unsigned long from, to;
	bool ours = false, found = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/smaps", (int)holder->pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			ours = (uintptr_t)holder->page >= from && (uintptr_t)holder->page < to;
		else if (ours && !strncmp(line, "VmFlags:", 8))
			found = strstr(line, flag) != NULL;
	}
	if (file)
		fclose(file);
	return found;
}

/* The first line of a file. */
static void first_line(const char *path, char *text, int size)
{
	FILE *file = fopen(path, "re");

	if (!file || !fgets(text, size, file))
		text[0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	if (file)
		fclose(file);
}

/* The holder ends by this. */
static void read_core(struct look_holder *holder, struct look_seen *seen)
{
	bool left_out = holder_flagged(holder, " dd");
	char pattern[256], filter[64], path[64];
	int how = 0, found;

	first_line("/proc/sys/kernel/core_pattern", pattern, sizeof(pattern));
	snprintf(path, sizeof(path), "/proc/%d/coredump_filter", (int)holder->pid);
	first_line(path, filter, sizeof(filter));
	if (strchr(pattern, '/') || pattern[0] == '|' || !pattern[0]) {
		say(seen, left_out ? SIGHT_CANNOT : SIGHT_UNTESTED,
		    left_out ? "its mapping has the flag dd in smaps; no core was made: kernel.core_pattern is \"%.60s\""
			     : "kernel.core_pattern is \"%.60s\": what it makes is not looked for; coredump_filter is 0x%s, and its mapping has not the flag dd",
		    pattern, filter);
		holder_end(holder);
		return;
	}
	holder_ask(holder, ORDER_ABORT);
	waitid(P_PID, (id_t)holder->pid, &(siginfo_t){ 0 }, WEXITED | WNOWAIT);
	found = marked_core(holder);
	how = holder_end(holder);
	if (found < 0)
		say(seen, SIGHT_UNTESTED, "SIGABRT left no core (%s): is the hard limit of RLIMIT_CORE 0?", WCOREDUMP(how) ? "elsewhere" : "none made");
	else if (found)
		say(seen, SIGHT_READS, "the marker stands in the core of a SIGABRT");
	else
		say(seen, SIGHT_CANNOT, "the marker is not in the core of a SIGABRT%s", left_out ? " (flag dd)" : "");
}

/* ---- other processes ---- */

static void read_mem(struct look_holder *holder, struct look_seen *seen)
{
	char path[64], bytes[LOOK_MARKER];
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)holder->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		say(seen, SIGHT_UNTESTED, "open: %s", strerror(errno));
		return;
	}
	n = pread(fd, bytes, sizeof(bytes), (off_t)(uintptr_t)holder->page);
	if (n == LOOK_MARKER && holder_marked(holder, bytes, sizeof(bytes)))
		say(seen, SIGHT_READS, "pread");
	else
		say(seen, SIGHT_CANNOT, "pread: %s", n < 0 ? strerror(errno) : "something else");
	close(fd);
	explicit_bzero(bytes, sizeof(bytes));
}

static void read_readv(struct look_holder *holder, struct look_seen *seen)
{
	char bytes[LOOK_MARKER];
	struct iovec here = { bytes, sizeof(bytes) }, there = { holder->page, sizeof(bytes) };
	ssize_t n = process_vm_readv(holder->pid, &here, 1, &there, 1, 0);

	if (n == LOOK_MARKER && holder_marked(holder, bytes, sizeof(bytes)))
		say(seen, SIGHT_READS, "it answers %zd", n);
	else if (n < 0 && errno != EFAULT)
		say(seen, SIGHT_UNTESTED, "%s", strerror(errno));
	else
		say(seen, SIGHT_CANNOT, "%s", n < 0 ? strerror(errno) : "something else");
	explicit_bzero(bytes, sizeof(bytes));
}

/* A page of a descriptor, by mapping and by reading. */
static bool marked_descriptor(const struct look_holder *holder, int fd)
{
	char *map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	char bytes[LOOK_MARKER];
	bool found = false;

	if (map != MAP_FAILED) {
		struct iovec here = { bytes, sizeof(bytes) };
		int ends[2];

		/* By write(2): what cannot be read gives an error, not a signal. */
		if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0) {
			if (write(ends[1], map, LOOK_MARKER) == LOOK_MARKER && readv(ends[0], &here, 1) == LOOK_MARKER)
				found = holder_marked(holder, bytes, sizeof(bytes));
			close(ends[0]);
			close(ends[1]);
		}
		munmap(map, 4096);
	}
	if (!found && pread(fd, bytes, sizeof(bytes), 0) == LOOK_MARKER)
		found = holder_marked(holder, bytes, sizeof(bytes));
	explicit_bzero(bytes, sizeof(bytes));
	return found;
}

static void read_descriptors(struct look_holder *holder, struct look_seen *seen)
{
	int self = (int)syscall(SYS_pidfd_open, holder->pid, 0), fd, got;
	unsigned int fetched = 0;
	int refused = 0;
	bool found = false;

	if (self < 0) {
		say(seen, SIGHT_UNTESTED, "pidfd_open: %s", strerror(errno));
		return;
	}
	for (fd = 0; fd < 1024 && !found; fd++) {
		got = (int)syscall(SYS_pidfd_getfd, self, fd, 0);
		if (got < 0) {
			refused = errno == EBADF ? refused : errno;
			continue;
		}
		fetched++;
		found = marked_descriptor(holder, got);
		close(got);
	}
	close(self);
	if (refused)
		say(seen, SIGHT_UNTESTED, "pidfd_getfd: %s", strerror(refused));
	else
		say(seen, found ? SIGHT_READS : SIGHT_CANNOT, "%u descriptors fetched, mapped and read: %s", fetched,
		    found ? "it is in one" : "it is in none");
}

static void read_map_files(struct look_holder *holder, struct look_seen *seen)
{
	char path[96];
	unsigned long from, to;
	struct dirent *entry;
	DIR *folder;
	int fd = -1;

	snprintf(path, sizeof(path), "/proc/%d/map_files", (int)holder->pid);
	folder = opendir(path);
	if (!folder) {
		say(seen, SIGHT_UNTESTED, "opendir: %s", strerror(errno));
		return;
	}
	say(seen, SIGHT_CANNOT, "no file stands behind it");
	while ((entry = readdir(folder))) {
		if (sscanf(entry->d_name, "%lx-%lx", &from, &to) != 2 || (uintptr_t)holder->page < from || (uintptr_t)holder->page >= to)
			continue;
		fd = openat(dirfd(folder), entry->d_name, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			say(seen, errno == EPERM || errno == EACCES ? SIGHT_UNTESTED : SIGHT_CANNOT, "open: %s", strerror(errno));
		else
			say(seen, marked_descriptor(holder, fd) ? SIGHT_READS : SIGHT_CANNOT, "opened, mapped and read");
		if (fd >= 0)
			close(fd);
	}
	closedir(folder);
}

static void read_child(struct look_holder *holder, struct look_seen *seen)
{
	switch (holder_ask(holder, ORDER_FORK)) {
	case ANSWER_READ:
		say(seen, SIGHT_READS, "a forked child reads it");
		break;
	case ANSWER_KILLED:
		say(seen, SIGHT_CANNOT, "a forked child is killed by SIGSEGV");
		break;
	case ANSWER_OTHER:
		say(seen, SIGHT_CANNOT, "a forked child sees something else there");
		break;
	default:
		say(seen, SIGHT_UNTESTED, "no child could be forked");
	}
}

static void read_swap(struct look_holder *holder, struct look_seen *seen)
{
	switch (holder_ask(holder, ORDER_PAGEOUT)) {
	case ANSWER_LOCKED:
		say(seen, SIGHT_CANNOT, "MADV_PAGEOUT is refused: it is locked, or huge");
		break;
	case ANSWER_SWAPPED:
		say(seen, SIGHT_READS, "MADV_PAGEOUT has taken it out of RAM");
		break;
	case ANSWER_STAYED:
		say(seen, SIGHT_UNTESTED, "MADV_PAGEOUT is allowed, but it stayed: is there swap?");
		break;
	default:
		say(seen, SIGHT_UNTESTED, "MADV_PAGEOUT (Linux 5.4) is not to be had");
	}
}

void look_read(struct look_subject *subject, struct look_holder *holder)
{
	subject->guarantees = holder->guarantees;
	read_mem(holder, &subject->seen[READER_MEM]);
	read_readv(holder, &subject->seen[READER_READV]);
	read_descriptors(holder, &subject->seen[READER_DESCRIPTORS]);
	read_map_files(holder, &subject->seen[READER_MAP_FILES]);
	read_child(holder, &subject->seen[READER_CHILD]);
	read_swap(holder, &subject->seen[READER_SWAP]);
	say(&subject->seen[READER_RAM], SIGHT_UNTESTED, "%s",
	    subject->guarantees & LAB_SHREDDED_KILLED ?
		    "freed RAM can only be seen from outside this machine; the kernel clears memfd_secret's pages when it frees them" :
		    "freed RAM can only be seen from outside this machine; the kernel does not promise to clear this when it frees it");
	read_core(holder, &subject->seen[READER_CORE]);
}
