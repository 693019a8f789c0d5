/* SPDX-License-Identifier: MIT */
/*
 * vault_report.c - what `labyrinth vault` has found, as text and as JSON.
 */
#define _GNU_SOURCE
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#include <jansson.h>

#include "vault_look.h"

#define FORK_TEXT 32u

const char *reader_name(enum look_reader reader)
{
	static const char *const names[] = { "core dump",     "/proc/PID/mem", "process_vm_readv", "pidfd_getfd",
					     "map_files", "forked child",  "swap",	       "RAM after SIGKILL" };

	return names[reader];
}

static const char *sight_name(enum look_sight sight)
{
	return sight == SIGHT_READS ? "reads" : sight == SIGHT_CANNOT ? "cannot" : "not tested";
}

/* How a bit was looked at, of this kind of memory. */
static const char *way(enum lab_vault_memory memory, uint32_t bit)
{
	switch (bit) {
	case LAB_LOCKED:
		return memory == LAB_VAULT_HUGETLB ? "smaps: flag ht (huge pages are never swapped), all of it resident"
						   : "smaps: flag lo, all of it resident";
	case LAB_PINNED:
		return memory == LAB_VAULT_SECRET ? "smaps: it is secretmem's, all of it resident"
						  : "smaps: the ring that holds it is mapped; status: VmPin; all of it resident";
	case LAB_NODUMP:
		return "smaps: flag dd";
	case LAB_NOFORK:
		return "smaps: flag dc";
	case LAB_GUARDED:
		return "write(2) from the byte before and the byte behind each page: EFAULT";
	default:
		return "smaps: it is secretmem's, which the kernel clears when it frees it";
	}
}

static const char *set_text(uint32_t bits, char *text)
{
	return bits ? vault_names(bits, text) : "nothing";
}

/* ---- text ---- */

static void print_machine(FILE *file)
{
	struct utsname name;
	struct rlimit limit;

	uname(&name);
	fprintf(file, "%s %s, %s; ", name.sysname, name.release, name.machine);
	if (getrlimit(RLIMIT_MEMLOCK, &limit) || limit.rlim_cur == RLIM_INFINITY)
		fputs("RLIMIT_MEMLOCK unlimited\n", file);
	else
		fprintf(file, "RLIMIT_MEMLOCK %llu bytes\n", (unsigned long long)limit.rlim_cur);
}

/* The reason stands behind the bits; where it begins with the only one that it is about, that is said once. */
static void print_refused(const struct look_kind *kind, unsigned int set, FILE *file)
{
	const struct look_trial *trial = &kind->trial[set];
	char text[VAULT_NAMES_TEXT];
	const char *names = look_bits(set) ? vault_names(look_bits(set), text) : "had at all", *why = trial->why;
	size_t length = strlen(names);

	if (!strncmp(why, "LAB_", 4) && !strncmp(why + 4, names, length) && !strncmp(why + 4 + length, ": ", 2))
		why += 4 + length + 2;
	fprintf(file, "  %s  %s: %s\n", trial->untried ? "not tried" : "cannot be", names, why);
}

static void print_kind(const struct look_kind *kind, FILE *file)
{
	char text[VAULT_NAMES_TEXT];
	unsigned int set;

	fprintf(file, "\n%s\n", vault_kind_name(kind->memory));
	for (set = 0; set < LOOK_SETS; set++)
		if (look_is_largest(kind, set))
			fprintf(file, "  can be     %s\n", set_text(kind->trial[set].guarantees, text));
	for (set = 0; set < LOOK_SETS; set++)
		if (look_is_smallest_refused(kind, set))
			print_refused(kind, set, file);
}

/* Has a kind before this one been looked at in the same way? */
static bool way_told(const struct look *look, unsigned int kind, uint32_t bit)
{
	const char *here = way(look->kind[kind].memory, bit);
	unsigned int i;

	for (i = 0; i < kind; i++)
		if (look_has(&look->kind[i], bit) && !strcmp(way(look->kind[i].memory, bit), here))
			return true;
	return false;
}

/* Of what was there to be looked at. */
static void print_ways(const struct look *look, FILE *file)
{
	char text[VAULT_NAMES_TEXT];
	unsigned int i, set;

	fputs("\nHow it was looked at, besides the calls' answers\n", file);
	for (set = 1; set < LOOK_SETS; set <<= 1) {
		const char *name = vault_names(look_bits(set), text);

		for (i = 0; i < LOOK_KINDS; i++) {
			if (!look_has(&look->kind[i], look_bits(set)) || way_told(look, i, look_bits(set)))
				continue;
			fprintf(file, "  %-16s%s\n", name, way(look->kind[i].memory, look_bits(set)));
			name = "";
		}
	}
}

static void print_subject(const struct look_subject *subject, FILE *file)
{
	char text[VAULT_NAMES_TEXT];
	unsigned int i;

	fprintf(file, "\n%s, %s\n", vault_kind_name(subject->memory),
		set_text(subject->why[0] ? subject->required : subject->guarantees, text));
	if (subject->why[0]) {
		fprintf(file, "  not tried          %s\n", subject->why);
		return;
	}
	for (i = 0; i < READERS; i++)
		fprintf(file, "  %-19s%-12s%s\n", reader_name(i), sight_name(subject->seen[i].sight), subject->seen[i].how);
}

static const char *fork_text(const struct look_time *time, char text[FORK_TEXT])
{
	if (time->fork_ms < 0)
		return "-";
	snprintf(text, FORK_TEXT, "%.3f", time->fork_ms);
	return text;
}

static void print_times(const struct look *look, FILE *file)
{
	char text[VAULT_NAMES_TEXT], forked[FORK_TEXT];
	unsigned int i;

	fprintf(file, "\nWhat %u pages cost, in ms: to make, and a fork beside them (median)\n", look->time[0].frames);
	for (i = 0; i < look->times; i++) {
		const struct look_time *time = &look->time[i];

		if (time->why[0])
			fprintf(file, "  %-10s %s: %s\n", vault_kind_name(time->memory), set_text(time->guarantees, text), time->why);
		else if (time->memory == LAB_VAULT_ANY)
			fprintf(file, "  %8s %8s  no vault\n", "", fork_text(time, forked));
		else
			fprintf(file, "  %8.1f %8s  %s, %s\n", time->made_ms, fork_text(time, forked), vault_kind_name(time->memory),
				set_text(time->guarantees, text));
	}
}

void look_print(const struct look *look, FILE *file)
{
	unsigned int i;

	print_machine(file);
	fprintf(file, "\nWhat the memory of a vault can be here: all %u sets of each kind made (%u pages), and read back\n", LOOK_SETS, LOOK_FRAMES);
	for (i = 0; i < LOOK_KINDS; i++)
		print_kind(&look->kind[i], file);
	print_ways(look, file);
	fputs("\nWho can still read a page of it: tried by this user, an ancestor of who holds it\n", file);
	for (i = 0; i < look->subjects; i++)
		print_subject(&look->subject[i], file);
	if (look->times)
		print_times(look, file);
}

/* ---- JSON ---- */

static json_t *json_bits(uint32_t bits)
{
	json_t *list = json_array();
	char text[VAULT_NAMES_TEXT];
	unsigned int i;

	for (i = 0; list && i < 8; i++)
		if (bits >> i & 1 && json_array_append_new(list, json_string(vault_names(1u << i, text)))) {
			json_decref(list);
			return NULL;
		}
	return list;
}

static json_t *json_trial(const struct look_kind *kind, unsigned int set)
{
	const struct look_trial *trial = &kind->trial[set];
	json_t *object = json_pack("{s:o, s:o}", "required", json_bits(look_bits(set)), "met",
				   trial->untried ? json_null() : json_boolean(trial->met));
	int bad = trial->met ? json_object_set_new(object, "guarantees", json_bits(trial->guarantees))
			     : json_object_set_new(object, "why", json_string(trial->why));

	if (trial->met)
		bad |= json_object_set_new(object, "largest", json_boolean(look_is_largest(kind, set)));
	if (bad)
		json_decref(object);
	return bad ? NULL : object;
}

static json_t *json_kind(const struct look_kind *kind)
{
	json_t *sets = json_array(), *ways = json_object();
	char text[VAULT_NAMES_TEXT];
	unsigned int set;
	int bad = 0;

	for (set = 0; set < LOOK_SETS; set++)
		bad |= json_array_append_new(sets, json_trial(kind, set));
	for (set = 1; set < LOOK_SETS; set <<= 1)
		bad |= json_object_set_new(ways, vault_names(look_bits(set), text),
					   look_has(kind, look_bits(set)) ? json_string(way(kind->memory, look_bits(set))) : json_null());
	if (bad) {
		json_decref(sets);
		json_decref(ways);
		return NULL;
	}
	return json_pack("{s:s, s:o, s:o}", "memory", vault_kind_name(kind->memory), "sets", sets, "looked_at", ways);
}

static json_t *json_subject(const struct look_subject *subject)
{
	json_t *list;
	unsigned int i;
	int bad = 0;

	if (subject->why[0])
		return json_pack("{s:s, s:o, s:n, s:n, s:s}", "memory", vault_kind_name(subject->memory), "required",
				 json_bits(subject->required), "guarantees", "readers", "why", subject->why);
	list = json_array();
	for (i = 0; i < READERS; i++)
		bad |= json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "reader", reader_name(i), "result",
							     sight_name(subject->seen[i].sight), "how", subject->seen[i].how));
	if (bad) {
		json_decref(list);
		return NULL;
	}
	return json_pack("{s:s, s:o, s:o}", "memory", vault_kind_name(subject->memory), "guarantees", json_bits(subject->guarantees), "readers",
			 list);
}

static json_t *json_time(const struct look_time *time)
{
	if (time->why[0])
		return json_pack("{s:s, s:o, s:s}", "memory", vault_kind_name(time->memory), "guarantees", json_bits(time->guarantees), "why",
				 time->why);
	return json_pack("{s:s, s:o, s:i, s:f, s:o}", "memory", time->memory == LAB_VAULT_ANY ? "none" : vault_kind_name(time->memory),
			 "guarantees", json_bits(time->guarantees), "pages", (int)time->frames, "made_ms", time->made_ms, "fork_ms",
			 time->fork_ms < 0 ? json_null() : json_real(time->fork_ms));
}

bool look_json(const struct look *look, FILE *file)
{
	json_t *kinds = json_array(), *subjects = json_array(), *times = json_array(), *root;
	struct utsname name;
	unsigned int i;
	int bad = 0;
	bool fine;

	uname(&name);
	for (i = 0; i < LOOK_KINDS; i++)
		bad |= json_array_append_new(kinds, json_kind(&look->kind[i]));
	for (i = 0; i < look->subjects; i++)
		bad |= json_array_append_new(subjects, json_subject(&look->subject[i]));
	for (i = 0; i < look->times; i++)
		bad |= json_array_append_new(times, json_time(&look->time[i]));
	root = json_pack("{s:s, s:s, s:i, s:o, s:o, s:o}", "kernel", name.release, "machine", name.machine, "pages", (int)LOOK_FRAMES, "memory", kinds,
			 "vaults", subjects, "times", times);
	fine = !bad && root && !json_dumpf(root, file, JSON_INDENT(2)) && fputc('\n', file) != EOF;
	json_decref(root);
	return fine;
}
