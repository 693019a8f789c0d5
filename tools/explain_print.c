/* SPDX-License-Identifier: MIT */
/*
 * explain_print.c - an incident for people, and for programs (JSON).
 */
#include "explain.h"

#include <inttypes.h>

static const char *const field_names[FIELDS] = { "free_kb",
						 "boost_kb",
						 "min_kb",
						 "low_kb",
						 "high_kb",
						 "reserved_highatomic_kb",
						 "free_highatomic_kb",
						 "present_kb",
						 "managed_kb",
						 "free_pcp_kb",
						 "free_cma_kb" };

static void print_who(const char *name, const struct incident *incident, FILE *file)
{
	fprintf(file, "%s:%" PRIu64 ": %s: %s", name, incident->line, kind_words(incident->kind),
		*incident->task ? incident->task : "(name missing)");
	if (incident->pid >= 0)
		fprintf(file, ", pid %" PRId64, incident->pid);
	if (incident->cpu >= 0)
		fprintf(file, ", CPU %" PRId64, incident->cpu);
	if (incident->has_order)
		fprintf(file, ", order %u", incident->order);
	fputc('\n', file);
}

static void print_field(const struct zone_report *zone, enum zone_field field, FILE *file)
{
	if (zone->has & 1u << field)
		fprintf(file, " %10" PRIu64, zone->kb[field]);
	else
		fprintf(file, " %10s", "-");
}

static uint64_t in_kb(const struct verdict *verdict, uint64_t pages)
{
	return pages > UINT64_MAX / verdict->page_kb ? UINT64_MAX : pages * verdict->page_kb;
}

static void print_zone(const struct incident *incident, const struct verdict *verdict,
		       const struct zone_verdict *v, FILE *file)
{
	const struct zone_report *zone = &incident->zone[v->zone];

	fprintf(file, "    node %-3u %-8s", zone->node, zone_name(zone->kind));
	print_field(zone, FIELD_FREE, file);
	print_field(zone, FIELD_MIN, file);
	print_field(zone, FIELD_LOW, file);
	print_field(zone, FIELD_HIGH, file);
	if (zone->has & 1u << FIELD_MIN || verdict->right == LAB_RIGHT_ALL)
		fprintf(file, " %10" PRIu64, in_kb(verdict, v->floor));
	else
		fprintf(file, " %10s", "-");
	if (v->reserve_known)
		fprintf(file, " %10" PRIu64, in_kb(verdict, v->reserve));
	else
		fprintf(file, " %10s", "-");
	if (zone->orders && v->largest >= 0)
		fprintf(file, "   order %-2d", v->largest);
	else
		fprintf(file, "   %-8s", zone->orders ? "none" : "-");
	fprintf(file, "       %s\n", says_words(v->says));
}

/* What lies beside: not in the count of free pages, or not for everybody. */
static void print_beside(const struct incident *incident, const struct verdict *verdict, FILE *file)
{
	static const struct {
		enum zone_field field;
		const char *what;
	} beside[] = { { FIELD_BOOST, "boost (within min)" },
		       { FIELD_RESERVED_HIGHATOMIC, "kept for atomic blocks" },
		       { FIELD_FREE_CMA, "free in contiguous-memory areas" },
		       { FIELD_FREE_PCP, "in per-CPU lists, out of others' reach" } };
	unsigned int i, k;

	for (i = 0; i < verdict->count; i++)
		for (k = 0; k < sizeof(beside) / sizeof(beside[0]); k++) {
			const struct zone_report *zone = &incident->zone[verdict->walk[i].zone];

			if (zone->kb[beside[k].field])
				fprintf(file, "    node %u %s: %" PRIu64 " kB %s\n", zone->node,
					zone_name(zone->kind), zone->kb[beside[k].field], beside[k].what);
		}
}

static void print_constraint(const struct incident *incident, FILE *file)
{
	static const char *const words[] = { "", "its memory control group", "its cpuset",
					     "its memory policy" };

	if (incident->constraint)
		fprintf(file, "  bound:   by %s\n", words[incident->constraint]);
	else if (incident->nodemask.given)
		fprintf(file, "  bound:   by a nodemask\n");
}

void incident_print(const char *name, const struct incident *incident, const struct verdict *verdict,
		    FILE *file)
{
	char text[WORDS_MAX];
	unsigned int i;

	print_who(name, incident, file);
	if (incident->has_gfp) {
		flags_words(incident, verdict, text);
		fprintf(file, "  flags:   %s: %s\n", incident->flags, text);
	}
	print_constraint(incident, file);
	if (verdict->count) {
		fprintf(file, "  way, kB: %10s %10s %10s %10s %10s %10s %10s   %s\n", "", "free", "min", "low",
			"high", "its floor", "+ reserve", "largest block");
		for (i = 0; i < verdict->count; i++)
			print_zone(incident, verdict, &verdict->walk[i], file);
		print_beside(incident, verdict, file);
	}
	sentence_words(incident, verdict, text);
	fprintf(file, "  verdict: %s\n", text);
	for (i = 0; i < REMEDIES; i++)
		if (verdict->remedy[i]) {
			remedy_words(incident, verdict, (enum remedy)i, text);
			fprintf(file, "  would have served it: %s\n", text);
		}
	for (i = 0; missing_words(incident, verdict, i, text); i++)
		fprintf(file, "  missing: %s\n", text);
}

/* ---------------------------------------------------------------- JSON */

static json_t *types_json(uint8_t types)
{
	static const char letters[] = "UMEHCIR";
	char text[sizeof(letters)];
	unsigned int i, n = 0;

	for (i = 0; letters[i]; i++)
		if (types >> i & 1)
			text[n++] = letters[i];
	text[n] = '\0';
	return json_string(text);
}

/* JSON's whole numbers end at 2^63 - 1. */
static json_t *number_json(uint64_t value)
{
	return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

static json_t *zone_json(const struct incident *incident, const struct verdict *verdict,
			 const struct zone_verdict *v)
{
	const struct zone_report *zone = &incident->zone[v->zone];
	json_t *root = json_object(), *list;
	unsigned int i;

	json_object_set_new(root, "node", json_integer(zone->node));
	json_object_set_new(root, "zone", json_string(zone_name(zone->kind)));
	for (i = 0; i < FIELDS; i++)
		if (zone->has >> i & 1)
			json_object_set_new(root, field_names[i], number_json(zone->kb[i]));
	list = json_array();
	for (i = 0; i < zone->reserves; i++)
		json_array_append_new(list, number_json(zone->reserve[i]));
	json_object_set_new(root, "lowmem_reserve", list);
	list = json_array();
	for (i = 0; i < zone->orders; i++)
		json_array_append_new(list, json_pack("{s:i, s:o, s:o}", "order", (int)i, "count",
						      number_json(zone->blocks[i]), "types",
						      types_json(zone->types[i])));
	json_object_set_new(root, "blocks", list);
	json_object_set_new(root, "floor_kb", number_json(in_kb(verdict, v->floor)));
	json_object_set_new(root, "reserve_kb",
			    v->reserve_known ? number_json(in_kb(verdict, v->reserve)) : json_null());
	json_object_set_new(root, "usable_kb", number_json(in_kb(verdict, v->usable)));
	json_object_set_new(root, "largest_order", json_integer(v->largest));
	json_object_set_new(root, "says", json_string(says_words(v->says)));
	return root;
}

static void request_json(json_t *root, const struct incident *incident, const struct verdict *verdict)
{
	static const char *const constraints[] = { "none", "memcg", "cpuset", "memory_policy" };

	json_object_set_new(root, "line", number_json(incident->line));
	json_object_set_new(root, "kind", json_string(kind_words(incident->kind)));
	json_object_set_new(root, "task", json_string(incident->task));
	json_object_set_new(root, "pid", incident->pid < 0 ? json_null() : json_integer(incident->pid));
	json_object_set_new(root, "cpu", incident->cpu < 0 ? json_null() : json_integer(incident->cpu));
	json_object_set_new(root, "order", incident->has_order ? json_integer(incident->order) : json_null());
	json_object_set_new(root, "flags", incident->has_gfp ? json_string(incident->flags) : json_null());
	json_object_set_new(root, "may_sleep", json_boolean(verdict->may_sleep));
	json_object_set_new(root, "movable", json_boolean(verdict->movable));
	json_object_set_new(root, "right", json_string(right_words(verdict->right)));
	json_object_set_new(root, "highest_zone", json_string(zone_name(verdict->highest)));
	json_object_set_new(root, "constraint", json_string(constraints[incident->constraint]));
}

json_t *incident_json(const struct incident *incident, const struct verdict *verdict)
{
	json_t *root = json_object(), *list = json_array();
	char text[WORDS_MAX];
	unsigned int i;

	request_json(root, incident, verdict);
	for (i = 0; i < verdict->count; i++)
		json_array_append_new(list, zone_json(incident, verdict, &verdict->walk[i]));
	json_object_set_new(root, "walk", list);
	json_object_set_new(root, "stopped_at",
			    verdict->decisive < 0 ? json_null() : json_integer(verdict->decisive));
	sentence_words(incident, verdict, text);
	json_object_set_new(root, "verdict", json_string(text));
	list = json_array();
	for (i = 0; i < REMEDIES; i++)
		if (verdict->remedy[i]) {
			remedy_words(incident, verdict, (enum remedy)i, text);
			json_array_append_new(list, json_pack("{s:s, s:s}", "remedy",
							      remedy_name((enum remedy)i), "text", text));
		}
	json_object_set_new(root, "remedies", list);
	list = json_array();
	for (i = 0; missing_words(incident, verdict, i, text); i++)
		json_array_append_new(list, json_string(text));
	json_object_set_new(root, "missing", list);
	return root;
}
