/* SPDX-License-Identifier: MIT */
/*
 * vault.c - a vault's memory from the wish to the proof: which kind, made, armed, pinned, and then looked at.
 *
 * The calls' answers are not what decides: a filter may answer 0 to a call that it does not pass on.  What counts is vault_truth().
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>

#include "vault.h"

static const char *const guarantee_names[] = { "LOCKED",  "PINNED",   "NODUMP",	      "NOFORK",
					       "GUARDED", "SHREDDED", "SHREDDED_RAM", "SHREDDED_KILLED" };

char *vault_names(uint32_t guarantees, char *text)
{
	size_t length = 0;
	unsigned int i;

	text[0] = '\0';
	for (i = 0; i < 8; i++)
		if (guarantees >> i & 1)
			length += (size_t)snprintf(text + length, VAULT_NAMES_TEXT - length, "%s%s", length ? " " : "",
						   guarantee_names[i]);
	return text;
}

const char *vault_kind_name(enum lab_vault_memory kind)
{
	static const char *const names[] = { "any", "anonymous", "secret", "hugetlb" };

	return names[kind];
}

const char *vault_never(enum lab_vault_memory kind, uint32_t guarantees)
{
	if (kind == LAB_VAULT_HUGETLB && guarantees & LAB_GUARDED)
		return "LAB_GUARDED: a guard page cannot stand inside a huge page (LAB_VAULT_ANONYMOUS and LAB_VAULT_SECRET have them)";
	if (kind != LAB_VAULT_SECRET && guarantees & LAB_SHREDDED_KILLED)
		return "LAB_SHREDDED_KILLED: the kernel clears what a killed process had only where it is memfd_secret's (LAB_VAULT_SECRET)";
	return NULL;
}

static int prove(const struct vault_want *want, struct vault_memory *made, const struct lab_complaint *to)
{
	uint32_t required = want->guarantees & VAULT_OF_MEMORY;

	errno = 0;
	made->guarantees = vault_truth(made);
	if (!(required & ~made->guarantees))
		return 0;
	if (errno)
		return vault_complain(to, "reading back from /proc/self and a pipe", made->bytes, VAULT_BY_NOTHING);
	return vault_complain_of(to, required & ~made->guarantees);
}

/* All of it is touched: more than there is would end in SIGBUS, or with the program killed, after a long time. */
static int fits_machine(const struct vault_want *want, enum lab_vault_memory kind, const struct lab_complaint *to)
{
	bool stays = kind != LAB_VAULT_ANONYMOUS || want->guarantees & (LAB_LOCKED | LAB_PINNED);
	char sentence[LAB_ERROR_TEXT];
	struct sysinfo machine;
	uint64_t has;

	if (sysinfo(&machine) != 0)
		return 0;
	has = ((uint64_t)machine.totalram + (stays ? 0 : machine.totalswap)) * machine.mem_unit;
	if (want->frames <= has / want->page)
		return 0;
	snprintf(sentence, sizeof(sentence), "%llu bytes are wanted, and this machine has %llu%s", (unsigned long long)(want->frames * want->page),
		 (unsigned long long)has, stays ? "" : " with its swap");
	complain_plainly(to, sentence);
	return -ENOMEM;
}

static int map_kind(const struct vault_want *want, enum lab_vault_memory kind, struct vault_memory *made,
		    const struct lab_complaint *to)
{
	const char *never = vault_never(kind, want->guarantees);
	uint64_t most = (uint64_t)SIZE_MAX / 4 / want->page;
	int error;

	if (never) {
		complain_plainly(to, never);
		return -EOPNOTSUPP;
	}
	if (!want->frames || want->frames > most)
		return complain_plainly(to, "its size does not fit into the address space");
	*made = (struct vault_memory){ .kind = kind, .page = want->page, .frames = want->frames };
	made->stride = want->guarantees & LAB_GUARDED ? 2 : 1;
	error = fits_machine(want, kind, to);
	if (!error)
		error = vault_back(want, made, to);
	if (!error)
		error = vault_arm(want, made, to);
	if (!error && want->guarantees & LAB_PINNED && kind != LAB_VAULT_SECRET)
		error = vault_pin(made, to);
	if (!error)
		error = prove(want, made, to);
	if (error)
		vault_unmap(made, true);
	return error;
}

int vault_map(const struct vault_want *want, struct vault_memory *made, const struct lab_complaint *to)
{
	static const enum lab_vault_memory order[] = { LAB_VAULT_ANONYMOUS, LAB_VAULT_SECRET, LAB_VAULT_HUGETLB };
	struct lab_complaint quiet = { .text = NULL };
	const struct lab_complaint *heard = to;
	int error, first = 0;
	unsigned int i;

	*made = (struct vault_memory){ 0 };
	if (want->memory != LAB_VAULT_ANY)
		return map_kind(want, want->memory, made, to);
	for (i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		if (vault_never(order[i], want->guarantees))
			continue;
		/* The sentence is about the first that could have been: the one to be mended. */
		error = map_kind(want, order[i], made, heard);
		if (!error)
			break;
		first = first ? first : error;
		heard = &quiet;
	}
	if (made->map && to->text)
		to->text[0] = '\0';
	return made->map ? 0 : first;
}

/*
 * The program may have taken access away from a page, or the page.  False: it is not there any more.  (Another answer may be a
 * filter's: then it is written to as it is.)
 */
static bool made_writable(const struct vault_memory *made, char *frame)
{
	bool huge = made->kind == LAB_VAULT_HUGETLB;

	return mprotect(huge ? made->map : frame, huge ? made->bytes : made->page, PROT_READ | PROT_WRITE) == 0 || errno != ENOMEM;
}

/* Each frame, before its physical memory goes back to the kernel. */
static void overwrite(struct vault_memory *made)
{
	uint64_t i;

	for (i = 0; made->armed && i < made->frames; i++) {
		char *frame = made->base + i * vault_step(made);

		if (made_writable(made, frame))
			explicit_bzero(frame, made->page);
	}
}

void vault_unmap(struct vault_memory *made, bool owner)
{
	if (owner)
		overwrite(made);
	if (made->map && (owner || !(made->guarantees & LAB_NOFORK)))
		munmap(made->map, made->bytes);
	vault_unpin(made, owner);
	*made = (struct vault_memory){ 0 };
}
