/* SPDX-License-Identifier: MIT */
/*
 * guest_machine.h - the guest's machine as its programs see it: reports, page tables, memory, the few files of the kernel.
 *
 * Whatever cannot be done ends the program with a sentence on the pipe to the first process: a scene that was not set up as it should be
 * proves nothing.
 */
#ifndef GUEST_MACHINE_H
#define GUEST_MACHINE_H

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define SELF "/proc/self/exe"
#define REPORT_FD 3 /* of a subject's program: to the first process */
#define HUGE ((size_t)2 << 20)

/* One line to the first process: facts NAME=VALUE, "ready", or "broken: WHY". */
static inline void report(const char *form, ...) __attribute__((format(printf, 1, 2)));
static inline void report(const char *form, ...)
{
	char line[512];
	va_list rest;
	int length;

	va_start(rest, form);
	length = vsnprintf(line, sizeof(line) - 1, form, rest);
	va_end(rest);
	if (length < 0 || length >= (int)sizeof(line) - 1)
		length = (int)sizeof(line) - 2;
	line[length++] = '\n';
	if (write(REPORT_FD, line, (size_t)length) != length)
		_exit(1);
}

#define broken(...) (report("broken: " __VA_ARGS__), _exit(1))

/* Forever: until the first process ends us. */
static inline void rest(void)
{
	for (;;)
		pause();
}

static inline bool put(const char *file, const char *text)
{
	int fd = open(file, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return done;
}

/* A figure of /proc/meminfo, in bytes. */
static inline size_t meminfo(const char *name)
{
	FILE *file = fopen("/proc/meminfo", "re");
	size_t length = strlen(name), kilobytes = 0;
	char line[128];

	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, name, length) && line[length] == ':')
			kilobytes = strtoul(line + length + 1, NULL, 10);
	if (file)
		fclose(file);
	return kilobytes << 10;
}

/* ---- where pages are ---- */

#define PAGE_PRESENT ((uint64_t)1 << 63)
#define PAGE_SWAPPED ((uint64_t)1 << 62)
#define PAGE_FRAME (((uint64_t)1 << 55) - 1)

/* The kernel's words for `count` pages: where they lie. */
static inline void pages_look(void *const *pages, size_t count, uint64_t *words)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	size_t i;

	for (i = 0; i < count; i++)
		if (pread(fd, words + i, 8, (off_t)((uintptr_t)pages[i] / 4096 * 8)) != 8)
			broken("pagemap cannot be read: %s", strerror(errno));
	close(fd);
}

static inline size_t pages_swapped(const uint64_t *words, size_t count)
{
	size_t i, swapped = 0;

	for (i = 0; i < count; i++)
		swapped += (words[i] & PAGE_SWAPPED) != 0;
	return swapped;
}

/* How many are in memory before and after, in another frame. */
static inline size_t pages_moved(const uint64_t *before, const uint64_t *after, size_t count)
{
	size_t i, moved = 0;

	for (i = 0; i < count; i++)
		moved += before[i] & after[i] & PAGE_PRESENT && (before[i] & PAGE_FRAME) != (after[i] & PAGE_FRAME);
	return moved;
}

/* ---- other programs ---- */

/* Run this program again with one argument, and wait.  Without a fork's copy of what we hold: the C library makes it with CLONE_VM. */
static inline int run_self(const char *what)
{
	char *words[] = { (char *)"guest", (char *)what, NULL };
	char *none[] = { NULL };
	int status;
	pid_t child;

	if (posix_spawn(&child, SELF, NULL, NULL, words, none) || waitpid(child, &status, 0) != child)
		broken("%s cannot be started", what);
	return status;
}

/* ---- memory with holes ---- */

struct holes {
	char *memory;
	size_t size;
};

/* Most of what is free, each page touched, and every second one given back: free memory in single pages. */
static inline void holes_make(struct holes *holes)
{
	size_t i;

	holes->size = meminfo("MemAvailable") / 100 * 75 & ~(size_t)8191;
	holes->memory = mmap(NULL, holes->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (holes->memory == MAP_FAILED)
		broken("no memory to make holes in: %s", strerror(errno));
	for (i = 0; i < holes->size; i += 8192)
		madvise(holes->memory + i, 4096, MADV_DONTNEED);
}

/* What is left of it, but one page of sixteen: there is room to move to. */
static inline void holes_widen(struct holes *holes)
{
	size_t i;

	for (i = 4096; i < holes->size; i += 8192)
		if (i / 8192 % 8)
			madvise(holes->memory + i, 4096, MADV_DONTNEED);
}

static inline void holes_end(struct holes *holes)
{
	munmap(holes->memory, holes->size);
}

#endif
