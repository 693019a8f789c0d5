/* SPDX-License-Identifier: MIT */
/*
 * machine.h - what every machine of the proof suite shares: options, failures that say how to rerun them,
 * and the last line, from which the suite makes its table.
 *
 *     PROGRAM [--long] [--seed N] [--only TEXT]
 *
 * --long: hours rather than a minute; --only: cases with this text in their name.
 */
#ifndef MACHINE_H
#define MACHINE_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
	const char *program;
	bool long_form;
	uint64_t seed;
	const char *only;
	const char *usage; /* options of its own */
	uint64_t cases, failures;
} machine = { .seed = 1 };

static inline void machine_begin(int argc, char **argv)
{
	char *end;
	int i;

	machine.program = argv[0];
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--long")) {
			machine.long_form = true;
		} else if (!strcmp(argv[i], "--seed") && i + 1 < argc) {
			machine.seed = strtoull(argv[++i], &end, 0);
			if (*end || end == argv[i]) {
				fprintf(stderr, "%s: not a seed: %s\n", argv[0], argv[i]);
				exit(2);
			}
		} else if (!strcmp(argv[i], "--only") && i + 1 < argc) {
			machine.only = argv[++i];
		} else {
			fprintf(stderr, "usage: %s [--long] [--seed N] [--only TEXT]%s\n", argv[0],
				machine.usage ? machine.usage : "");
			exit(2);
		}
	}
}

/* Is this case asked for? */
static inline bool machine_wants(const char *name)
{
	return !machine.only || strstr(name, machine.only);
}

/* A failure: which case, why, and how to see it again. */
static inline __attribute__((format(printf, 2, 3))) void machine_fail(const char *name, const char *why, ...)
{
	va_list arguments;

	machine.failures++;
	printf("FAIL %s: ", name);
	va_start(arguments, why);
	vprintf(why, arguments);
	va_end(arguments);
	printf("; again: '%s' --seed %" PRIu64 " --only '%s'\n", machine.program, machine.seed, name);
}

/* The last line, and the exit status.  `promise`: as in DESIGN.md, "P1 P6"; `name`: of the machine. */
static inline int machine_end(const char *promise, const char *name)
{
	if (!machine.cases && !machine.failures) {
		printf("FAIL %s: no case ran\n", name);
		return 3; /* not a failure that a planted bug could cause */
	}
	printf("machine: %s | %s | %" PRIu64 "\n", promise, name, machine.cases);
	return machine.failures != 0;
}

#endif
