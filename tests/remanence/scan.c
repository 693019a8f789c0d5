/* SPDX-License-Identifier: MIT */
/*
 * scan.c - look through a machine's memory, or its disk, from outside, for the markers of one case.
 *
 *     scan SEED CASE PAGES FILE...      (SEED in hexadecimal)
 *
 * Prints a line a file: how many copies of whole markers, how many different ones, of how many pages, how many stray words, and how
 * many bytes were looked at.  Exit status 1 where a file cannot be read, 2 for wrong arguments.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "search.h"

static bool number(const char *text, int base, uint64_t *value)
{
	char *end;

	*value = strtoull(text, &end, base);
	return *text && !*end;
}

static bool scan(const char *name, uint64_t key, uint64_t pages)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	struct search search;
	struct stat about;
	const uint64_t *memory;

	if (fd < 0 || fstat(fd, &about) || about.st_size < (off_t)MARKER_PAGE) {
		fprintf(stderr, "scan: %s: cannot be read, or is smaller than a page\n", name);
		return false;
	}
	memory = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (memory == MAP_FAILED || !search_begin(&search, key, pages)) {
		fprintf(stderr, "scan: %s: no memory to look at it\n", name);
		return false;
	}
	search_through(&search, memory, (uint64_t)about.st_size / 8);
	printf("copies=%" PRIu64 " markers=%" PRIu64 " pages=%" PRIu64 " stray=%" PRIu64 " bytes=%" PRIu64 "\n", search.copies,
	       search.markers, search.pages, search.stray, (uint64_t)about.st_size / 8 * 8);
	search_end(&search);
	munmap((void *)memory, (size_t)about.st_size);
	return true;
}

int main(int argc, char **argv)
{
	uint64_t seed, which, pages;
	int i;

	if (argc < 5 || !number(argv[1], 16, &seed) || !number(argv[2], 10, &which) || !number(argv[3], 10, &pages) || !pages ||
	    pages > 1u << 20) {
		fprintf(stderr, "usage: scan SEED CASE PAGES FILE...\n");
		return 2;
	}
	for (i = 4; i < argc; i++)
		if (!scan(argv[i], marker_key(seed, which), pages))
			return 1;
	return 0;
}
