/* SPDX-License-Identifier: MIT */
/*
 * inject_sites.h - the end of inject.c: was every atomic operation of the core reached by every injection that
 * it can have?
 */
#ifndef INJECT_SITES_H
#define INJECT_SITES_H

#include "inject.h"
#include "machine.h"

#define SITES_MAX 500u

extern struct inject_site __start_inject_sites[], __stop_inject_sites[];

#define PROCESSES "several processes: killed and stopped at every instruction by tests/proof/killed.c"
#define CLIENTS "clients: all interleavings of their calls are run by tests/race/interleave.c"

/* What no injection can reach, and why. */
static const struct {
	const char *file, *function; /* NULL: all of them */
	const char *why;
} beyond_reach[] = {
	{ "plan.c", NULL, "birth: nobody else can reach the labyrinth yet (births_refused() refuses there)" },
	{ "birth.c", "lab_birth", "birth" },
	{ "hint.c", "hint_holds", "quiet audits: their caller promises that nobody else is in a call" },
	{ "tree.c", "tree_holds", "quiet audits" },
	{ "pool.c", "pool_holds", "quiet audits" },
	{ "pool.c", "bit_clear", "quiet audits" },
	{ "audit.c", "pool_keeps", "quiet audits" },
	{ "client.c", NULL, CLIENTS },
	{ "client.h", NULL, CLIENTS },
	{ "clients.c", NULL, CLIENTS },
	{ "contract.c", NULL, CLIENTS },
	{ "handover.c", NULL, CLIENTS },
	{ "service.c", NULL, CLIENTS },
	{ "retag.c", NULL, CLIENTS },
	{ "offer.c", NULL, CLIENTS },
	{ "contract.h", NULL, CLIENTS },
	{ "audit.c", "vault_holds", "quiet audits" },
	{ "keys.c", NULL, "keys: tests/unit/test_keys.c, from threads and from signal handlers" },
	{ "fill_kernel.h", NULL, "a key read, by kernels that are not the best here: the same" },
	{ "fill.c", NULL, "the choice of a kernel" },
	{ "witness.c", NULL, "what was noticed, remembered: as refusals are" },
	{ "account.c", NULL, "quiet audits" },
	{ "process.h", NULL, PROCESSES },
	{ "recover.c", NULL, PROCESSES },
	{ "estate.c", NULL, PROCESSES },
	{ "record.c", NULL, "refusals remembered: tests/race/clients.c, and tests/unit/test_client.c for 32 writers at once" },
};

static struct inject_site site[SITES_MAX];
static unsigned int sites;

static const char *base_name(const char *file)
{
	const char *slash = strrchr(file, '/');

	return slash ? slash + 1 : file;
}

/* A header's functions are compiled into many files: each place in the source counts once. */
static void sites_merge(void)
{
	const struct inject_site *s;
	unsigned int i;

	for (s = __start_inject_sites; s < __stop_inject_sites; s++) {
		for (i = 0; i < sites; i++)
			if (site[i].line == s->line && site[i].kind == s->kind &&
			    !strcmp(base_name(site[i].file), base_name(s->file)))
				break;
		if (i == SITES_MAX) {
			printf("FAIL more sites than SITES_MAX\n");
			exit(1);
		}
		if (i == sites)
			site[sites++] = (struct inject_site){ .file = s->file, .line = s->line, .kind = s->kind };
		if (s->function)
			site[i].function = s->function;
		site[i].delayed += s->delayed;
		site[i].refused += s->refused;
		site[i].lost += s->lost;
	}
}

static bool excused(const struct inject_site *s)
{
	unsigned int i;

	for (i = 0; i < sizeof(beyond_reach) / sizeof(*beyond_reach); i++)
		if (!strcmp(base_name(s->file), beyond_reach[i].file) &&
		    (!beyond_reach[i].function || (s->function && !strcmp(s->function, beyond_reach[i].function))))
			return true;
	return false;
}

static void sites_judge(void)
{
	static const char *const kinds[] = { "load", "store", "compare-and-swap", "fetch-and-change" };
	unsigned int i, swaps = 0, excuses = 0;

	sites_merge();
	for (i = 0; i < sites; i++) {
		const struct inject_site *s = &site[i];
		bool swap = s->kind == INJECT_CAS;

		if (excused(s)) {
			excuses++;
			continue;
		}
		swaps += swap;
		if (s->delayed && (!swap || (s->refused && s->lost)))
			continue;
		printf("FAIL site %s:%u %s (%s): delayed %" PRIu64 ", refused %" PRIu64 ", lost %" PRIu64 "\n",
		       base_name(s->file), s->line, s->function ? s->function : "?", kinds[s->kind], s->delayed,
		       s->refused, s->lost);
		machine.failures++;
	}
	printf("%u sites, %u of them compare-and-swaps that a call makes; %u elsewhere\n", sites,
	       swaps, excuses);
}

#endif
