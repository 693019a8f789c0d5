/* SPDX-License-Identifier: MIT */
/*
 * explain_parse.c - one line's fields.  The formats are those of Linux 2.6 to 7.x.
 *
 *     TASK: page allocation failure: order:N, mode:0x...(NAMES), nodemask=...,cpuset=...,mems_allowed=...
 *     TASK: page allocation failure. order:N, mode:0x...
 *     TASK: page allocation stalls for Nms, order:N, mode:0x...(NAMES), nodemask=...
 *     TASK invoked oom-killer: gfp_mask=0x...(NAMES), order=N, oom_score_adj=N
 *     CPU: N PID: N Comm: TASK ...
 *     [Node N ]DMA32 free:NkB boost:NkB min:NkB ...
 *     lowmem_reserve[]: N N N N N
 *     [Node N ]DMA32: N*4kB (UME) N*8kB ... = NkB
 */
#include "explain.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "gfp_names.h"

static const char *const zone_names[ZONE_KINDS] = {
	"DMA", "DMA32", "Normal", "HighMem", "Movable", "Device"
};

const char *zone_name(enum zone_kind kind)
{
	return zone_names[kind];
}

/* Digits at *at, moved on.  False: none there, or more than 64 bits (counted). */
static bool number_take(const char **at, uint64_t *value, unsigned int *too_large)
{
	const char *from = *at;
	bool fits = true;

	for (*value = 0; isdigit((unsigned char)**at); ++*at)
		fits = fits && !__builtin_mul_overflow(*value, 10, value) &&
		       !__builtin_add_overflow(*value, (uint64_t)(**at - '0'), value);
	*too_large += !fits;
	return fits && *at != from;
}

/* What stands behind `key`, blanks passed by; a key begins a word.  NULL: it is not there. */
static const char *key_find(const char *text, const char *key)
{
	const char *at = text;

	while ((at = strstr(at, key))) {
		const char *behind = at + strlen(key);

		if (at == text || !(isalnum((unsigned char)at[-1]) || at[-1] == '_'))
			return behind + strspn(behind, " ");
		at = behind;
	}
	return NULL;
}

static bool key_number(const char *text, const char *key, uint64_t *value, unsigned int *too_large)
{
	const char *at = key_find(text, key);

	return at && number_take(&at, value, too_large);
}

/* "[Node N ]DMA32" at the line's start; *after is what comes behind it. */
static bool zone_head(const char *text, unsigned int *node, enum zone_kind *kind, const char **after)
{
	unsigned int too_large = 0, i;
	uint64_t value = 0;
	size_t length;

	if (!strncmp(text, "Node ", 5)) {
		text += 5;
		if (!number_take(&text, &value, &too_large) || value >= EXPLAIN_NODES_MAX || *text++ != ' ')
			return false;
	}
	*node = (unsigned int)value;
	length = strcspn(text, " :");
	for (i = 0; i < ZONE_KINDS; i++)
		if (strlen(zone_names[i]) == length && !strncmp(text, zone_names[i], length)) {
			*kind = (enum zone_kind)i;
			*after = text + length;
			return true;
		}
	return false;
}

static enum line_class classify_zone(const char *text)
{
	enum zone_kind kind;
	const char *after;
	unsigned int node;

	if (!zone_head(text, &node, &kind, &after))
		return CLASS_OTHER;
	if (!strncmp(after, " free:", 6))
		return CLASS_ZONE;
	if (!strcmp(after, ":") || !strcmp(after, ": empty"))
		return CLASS_BLOCKS;
	if (!strncmp(after, ": ", 2) && isdigit((unsigned char)after[2]))
		return after[2 + strspn(after + 2, "0123456789")] == '*' ? CLASS_BLOCKS : CLASS_OTHER;
	return CLASS_OTHER;
}

enum line_class line_classify(const char *text)
{
	const char *found = strstr(text, ": page allocation ");

	if (found && (!strncmp(found + 18, "failure:", 8) || !strncmp(found + 18, "failure.", 8) ||
		      !strncmp(found + 18, "stalls for ", 11)))
		return CLASS_HEADER;
	if (strstr(text, " invoked oom-killer:"))
		return CLASS_HEADER;
	if (!strncmp(text, "CPU: ", 5) || !strncmp(text, "Pid: ", 5))
		return CLASS_CPU;
	if (!strncmp(text, "Mem-Info:", 9) || !strncmp(text, "Mem-info:", 9))
		return CLASS_MEM_INFO;
	if (!strncmp(text, "lowmem_reserve[]:", 17))
		return CLASS_RESERVE;
	if (!strncmp(text, "oom-kill:constraint=", 20) || !strncmp(text, "memory: usage ", 14) ||
	    !strncmp(text, "Memory cgroup out of memory", 27) || strstr(text, "cpuset=") ||
	    (!strncmp(text, "Task in ", 8) && strstr(text, "as a result of limit of")))
		return CLASS_CONSTRAINT;
	return classify_zone(text);
}

/* ---------------------------------------------------------------- wrapped lines */

/* Is this word one of such a line's? */
static bool word_whole(enum line_class class, const char *word, size_t length)
{
	const char *colon = memchr(word, ':', length);
	size_t digits = strspn(word, "0123456789");

	if (!length)
		return false;
	if (class == CLASS_RESERVE)
		return digits >= length;
	if (class == CLASS_BLOCKS)
		return (length > 2 && !strncmp(word + length - 2, "kB", 2)) ||
		       (*word == '(' && word[length - 1] == ')') || *word == '=';
	if (!colon)
		return word[length - 1] == '?' || (length == 2 && !strncmp(word, "no", 2)) ||
		       (length == 3 && !strncmp(word, "yes", 3));
	digits = strspn(colon + 1, "0123456789");
	word = colon + 1 + digits;
	return digits && length >= 2 && (!strncmp(word, "kB", 2) || !strncmp(word, "KB", 2));
}

/* "pages_scanned:0" has no unit: whole where it stands between others, perhaps cut at the end of a piece. */
static bool word_plain(const char *word, size_t length)
{
	const char *colon = memchr(word, ':', length);

	return colon && colon + 1 < word + length &&
	       colon + 1 + strspn(colon + 1, "0123456789") == word + length;
}

bool line_ends_whole(enum line_class class, const char *before)
{
	const char *word = strrchr(before, ' ');

	word = word ? word + 1 : before;
	if (class == CLASS_HEADER)
		return false;
	return word_whole(class, word, strlen(word));
}

/* A head is whole once it has an order, and flags with both brackets or none. */
static bool header_whole(const char *before)
{
	const char *flags = strstr(before, "mode:"), *mask = strstr(before, "gfp_mask="), *open;

	flags = flags ? flags : mask;
	open = flags ? strchr(flags, '(') : NULL;
	return flags && (strstr(before, "order:") || strstr(before, "order=")) &&
	       (!open || strchr(open, ')')) && before[strlen(before) - 1] != ',';
}

/* Old kernels' heads end with a number; it goes on where flags' names, or a comma, follow more of its digits. */
static bool number_continues(const char *before, const char *text)
{
	size_t digits = strspn(text, "0123456789abcdef");

	return isxdigit((unsigned char)before[strlen(before) - 1]) &&
	       (text[digits] == '(' || text[digits] == ',');
}

bool line_continues(enum line_class class, const char *before, const char *text)
{
	const char *word = text;
	unsigned int whole = 0, words = 0, broken = 0;
	size_t length;

	if (class == CLASS_HEADER)
		return !header_whole(before) || number_continues(before, text);
	for (; *word; word += length + strspn(word + length, " ")) {
		length = strcspn(word, " ");
		words++;
		if (word_whole(class, word, length))
			whole++;
		else if (words > 1 && word[length] &&
			 !word_plain(word, length)) /* the first and the last may be cut */
			broken++;
	}
	if (words == 1 && !whole) /* the end of a word that was cut */
		return !line_ends_whole(class, before);
	return whole && !broken;
}

bool line_is_piece(enum line_class class, const char *text)
{
	size_t length;

	if (class != CLASS_RESERVE && class != CLASS_BLOCKS)
		return false;
	for (; *text; text += length + strspn(text + length, " ")) {
		length = strcspn(text, " ");
		if (!word_whole(class, text, length))
			return false;
	}
	return true;
}

bool line_is_node(const char *text)
{
	size_t digits;

	if (strncmp(text, "Node ", 5))
		return false;
	digits = strspn(text + 5, "0123456789");
	return digits && digits < 8 && !text[5 + digits];
}

/* ---------------------------------------------------------------- the head */

static void copy_printable(char *to, size_t size, const char *from, size_t length)
{
	size_t i;

	if (length > size - 1)
		length = size - 1;
	for (i = 0; i < length; i++)
		to[i] = isprint((unsigned char)from[i]) ? from[i] : '?';
	to[length] = '\0';
}

static void parse_flags(struct incident *incident, const char *text)
{
	const char *flags = strstr(text, "mode:"), *open, *end;
	size_t length;
	char *stop;
	uint64_t number;

	flags = flags ? flags + 5 : (flags = strstr(text, "gfp_mask=")) ? flags + 9 : NULL;
	if (!flags || strncmp(flags, "0x", 2) || !isxdigit((unsigned char)flags[2]))
		return;
	number = strtoull(flags, &stop, 16);
	open = *stop == '(' ? stop : NULL;
	end = open ? strchr(open, ')') : NULL;
	incident->has_gfp = true;
	length = end ? (size_t)(end + 1 - flags) : strcspn(flags, " ,");
	copy_printable(incident->flags, sizeof(incident->flags), flags, length);
	if (end && end == open + 1 && !number) { /* no flag at all: there is no name for that */
		incident->gfp = 0;
	} else if (end) {
		incident->gfp = gfp_parse(open + 1, (size_t)(end - open - 1), &incident->gfp_unknown);
	} else if (open) { /* the names were cut off: the number, as kernels that print names count */
		incident->gfp_cut = true;
		incident->gfp = gfp_parse(flags, (size_t)(stop - flags), &incident->gfp_unknown);
	} else {
		incident->gfp_number_only = true;
		incident->gfp = gfp_old_number(number);
	}
}

/* "0-1,3": the nodes; "(null)", nothing, or what is none: not given. */
static void parse_nodes(struct node_list *list, const char *at, unsigned int *too_large)
{
	uint64_t first, last;

	while (number_take(&at, &first, too_large)) {
		last = first;
		if (*at == '-' && at++ && !number_take(&at, &last, too_large))
			return;
		list->given = true;
		for (; first <= last && first < EXPLAIN_NODES_MAX; first++)
			list->bit[first / 8] |= (uint8_t)(1u << first % 8);
		if (*at != ',' || !isdigit((unsigned char)at[1]))
			return;
		at++;
	}
}

static void parse_placement(struct incident *incident, const char *text)
{
	const char *nodes = strstr(text, "nodemask="), *mems = strstr(text, "mems_allowed=");

	if (nodes)
		parse_nodes(&incident->nodemask, nodes + 9, &incident->too_large);
	if (mems)
		parse_nodes(&incident->mems, mems + 13, &incident->too_large);
}

void parse_header(struct incident *incident, const char *text)
{
	const char *found = strstr(text, ": page allocation "), *order = strstr(text, "order");
	uint64_t value;

	incident->kind = INCIDENT_FAILURE;
	if (!found) {
		incident->kind = INCIDENT_OOM;
		found = strstr(text, " invoked oom-killer:");
	} else if (!strncmp(found + 18, "stalls", 6)) {
		incident->kind = INCIDENT_STALL;
	}
	copy_printable(incident->task, sizeof(incident->task), text, (size_t)(found - text));
	order = strstr(found, "order:") ? strstr(found, "order:") : strstr(found, "order=");
	if (order && order[6] == '-') {
		incident->by_hand = true;
	} else if (order) {
		order += 6;
		incident->has_order = number_take(&order, &value, &incident->too_large) && value < 64;
		incident->order = incident->has_order ? (unsigned int)value : 0;
	}
	parse_flags(incident, found);
	parse_placement(incident, found);
}

/* "CPU: 1 PID: 20 Comm: x", or "Pid: 20, comm: x" of old. */
void parse_cpu(struct incident *incident, const char *text)
{
	uint64_t value;

	if (incident->cpu < 0 && key_number(text, "CPU:", &value, &incident->too_large) && value <= INT32_MAX)
		incident->cpu = (int64_t)value;
	if (incident->pid < 0 &&
	    (key_number(text, "PID:", &value, &incident->too_large) ||
	     key_number(text, "Pid:", &value, &incident->too_large)) &&
	    value <= INT32_MAX)
		incident->pid = (int64_t)value;
}

void parse_constraint(struct incident *incident, const char *text)
{
	if (strstr(text, "CONSTRAINT_MEMCG") || !strncmp(text, "memory: usage", 13) ||
	    !strncmp(text, "Memory cgroup", 13) || !strncmp(text, "Task in ", 8))
		incident->constraint = CONSTRAINT_MEMCG;
	else if (strstr(text, "CONSTRAINT_CPUSET"))
		incident->constraint = CONSTRAINT_CPUSET;
	else if (strstr(text, "CONSTRAINT_MEMORY_POLICY"))
		incident->constraint = CONSTRAINT_POLICY;
	parse_placement(incident, text);
}

/* ---------------------------------------------------------------- zones */

static struct zone_report *zone_find(struct incident *incident, unsigned int node, enum zone_kind kind)
{
	struct zone_report *zone;
	unsigned int i;

	for (i = 0; i < incident->zones; i++)
		if (incident->zone[i].node == node && incident->zone[i].kind == kind)
			return &incident->zone[i];
	if (incident->zones == EXPLAIN_ZONES_MAX) {
		incident->too_many = true;
		return NULL;
	}
	zone = &incident->zone[incident->zones++];
	memset(zone, 0, sizeof(*zone));
	zone->node = node;
	zone->kind = kind;
	return zone;
}

struct zone_report *parse_zone(struct incident *incident, const char *text, bool *again)
{
	static const char *const keys[FIELDS] = { "free:",
						  "boost:",
						  "min:",
						  "low:",
						  "high:",
						  "reserved_highatomic:",
						  "free_highatomic:",
						  "present:",
						  "managed:",
						  "free_pcp:",
						  "free_cma:" };
	struct zone_report *zone;
	enum zone_kind kind;
	const char *after, *at;
	unsigned int node, i;
	uint64_t value;

	if (!zone_head(text, &node, &kind, &after))
		return NULL;
	zone = zone_find(incident, node, kind);
	*again = zone && zone->has;
	if (!zone || *again)
		return NULL;
	for (i = 0; i < FIELDS; i++) {
		at = key_find(after, keys[i]);
		if (!at || !number_take(&at, &value, &incident->too_large))
			continue;
		if (strncasecmp(at, "kB", 2)) { /* "min:6" at the end of a line that was cut is not 6 kB */
			incident->cut = true;
			continue;
		}
		zone->kb[i] = value;
		zone->has |= 1u << i;
	}
	return zone;
}

void parse_reserve(struct incident *incident, struct zone_report *zone, const char *text)
{
	const char *at = strchr(text, ':') + 1;
	uint64_t value;

	zone->reserves = 0;
	for (;;) {
		at += strspn(at, " ");
		if (!number_take(&at, &value, &incident->too_large) || zone->reserves == EXPLAIN_RESERVES_MAX)
			return;
		zone->reserve[zone->reserves++] = value;
	}
}

static uint8_t type_letters(const char *at)
{
	static const char letters[] = "UMEHCIR";
	const char *found;
	uint8_t types = 0;

	for (; *at && *at != ')'; at++)
		if ((found = strchr(letters, *at)))
			types |= (uint8_t)(1u << (found - letters));
	return types;
}

/* "1876kB", where the '=' before it was lost to a line break. */
static bool ends_in_sum(const char *at)
{
	return !strcmp(at + strspn(at, "0123456789"), "kB");
}

struct zone_report *parse_blocks(struct incident *incident, const char *text, bool *again)
{
	struct zone_report *zone;
	enum zone_kind kind;
	unsigned int node, order;
	const char *at, *word;
	uint64_t count, kb;

	if (!zone_head(text, &node, &kind, &at))
		return NULL;
	zone = zone_find(incident, node, kind);
	*again = zone && zone->orders;
	if (!zone || *again)
		return NULL;
	if (!strcmp(at, ": empty")) {
		zone->orders = EXPLAIN_ORDERS_MAX;
		return zone;
	}
	for (order = 0, word = ++at; order < EXPLAIN_ORDERS_MAX; order++) {
		word = at += strspn(at, " ");
		if (!number_take(&at, &count, &incident->too_large) || *at++ != '*' ||
		    !number_take(&at, &kb, &incident->too_large) || strncmp(at, "kB", 2))
			break;
		if (!order)
			zone->first_kb = kb;
		if (kb != zone->first_kb << order || !kb)
			break;
		at += 2;
		zone->blocks[order] = count;
		if (!strncmp(at, " (", 2)) {
			zone->types[order] = type_letters(at + 2);
			at += strcspn(at, ")") + (at[strcspn(at, ")")] == ')');
		}
		zone->orders = order + 1;
	}
	incident->cut |= !zone->orders || (*word && *word != '=' && !ends_in_sum(word));
	return zone;
}
