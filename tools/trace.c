/* SPDX-License-Identifier: MIT */
/*
 * trace.c - see trace.h.
 *
 * One line, from the left:  task  [cpu]  (flags)  time:  (kmem:)event:  page= pfn= order= ...
 * A task may be named like anything, an event too; so a line is read from its payload outwards: the
 * event's name is the one that "page=" follows, the CPU is the last "[digits]" before it.
 */
#include "trace.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gfp_names.h"
#include "input.h"

/* So much input without one line that looks like a trace's: it is none (or it never ends). */
#define PATIENCE_BYTES ((uint64_t)64 << 20)

struct trace {
	struct input *in;
	struct trace_counts counts;
	const char *format;
	bool strict;
	bool known; /* some line was a trace's */
	bool trace_cmd_header;
	char error[TRACE_ERROR_TEXT];
	char name[192]; /* of the file, for messages */
};

enum line_kind {
	LINE_EVENT,
	LINE_COMMENT,
	LINE_DUPLICATE,
	LINE_OTHER,
	LINE_LOST,
	LINE_FAILED,
	LINE_UNPARSED,
};

/* ---------------------------------------------------------------- words and numbers */

static const char *skip_blanks(const char *p)
{
	return p + strspn(p, " \t");
}

static bool starts_with(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

/* A number, decimal or 0x..., that ends at a blank or the end of the line. */
static bool parse_number(const char *p, uint64_t *value)
{
	unsigned int base = 10, digit;
	uint64_t v = 0;

	if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X')) {
		base = 16;
		p += 2;
	}
	if (!isxdigit((unsigned char)*p))
		return false;
	for (; isxdigit((unsigned char)*p); p++) {
		digit = isdigit((unsigned char)*p) ? (unsigned int)(*p - '0')
						   : (unsigned int)((*p | 32) - 'a' + 10);
		if (digit >= base || v > (UINT64_MAX - digit) / base)
			return false;
		v = v * base + digit;
	}
	*value = v;
	return *p == '\0' || isspace((unsigned char)*p);
}

/* The value of " key=" in a payload, or NULL. */
static const char *field(const char *payload, const char *key)
{
	size_t length = strlen(key);
	const char *p = payload;

	while ((p = strstr(p, key))) {
		if (p > payload && isblank((unsigned char)p[-1]))
			return p + length;
		p += length;
	}
	return NULL;
}

static bool number_field(const char *payload, const char *key, uint64_t *value)
{
	const char *text = field(payload, key);

	return text && parse_number(text, value);
}

/* ---------------------------------------------------------------- what stands before the event */

/* "[digits]", the last one in [line, end). */
static bool find_cpu(const char *line, const char *end, uint64_t *cpu)
{
	const char *p, *q;

	for (p = end; p > line; p--) {
		if (p[-1] != ']')
			continue;
		for (q = p - 1; q > line && isdigit((unsigned char)q[-1]);)
			q--;
		if (q == line || q[-1] != '[' || q == p - 1)
			continue;
		*cpu = 0;
		for (; q < p - 1 && *cpu <= TRACE_CPU_MAX; q++)
			*cpu = *cpu * 10 + (unsigned int)(*q - '0');
		return true;
	}
	return false;
}

/* Is [p, end) "digits.digits:"?  Then its nanoseconds (too large ones are 0). */
static bool parse_time(const char *p, const char *end, uint64_t *ns)
{
	uint64_t seconds = 0, fraction = 0, unit = 1000000000;
	const char *start = p;

	for (; p < end && isdigit((unsigned char)*p); p++)
		seconds = seconds < UINT64_MAX / 100 ? seconds * 10 + (unsigned int)(*p - '0') : seconds;
	if (p == start || p == end || *p++ != '.')
		return false;
	for (start = p; p < end && isdigit((unsigned char)*p); p++) {
		unit /= 10;
		fraction += unit * (unsigned int)(*p - '0');
	}
	if (p == start || p == end || *p != ':')
		return false;
	*ns = seconds < UINT64_MAX / 2000000000 ? seconds * 1000000000 + fraction : 0;
	return true;
}

/* The first blank-separated word of [line, end) that is a time.  NULL: none.  Returns what follows it. */
static const char *find_time(const char *line, const char *end, uint64_t *ns)
{
	const char *p = line, *word_end;

	while ((p = skip_blanks(p)) < end) {
		for (word_end = p; word_end < end && !isblank((unsigned char)*word_end);)
			word_end++;
		if (parse_time(p, word_end, ns))
			return word_end;
		p = word_end;
	}
	return NULL;
}

/* ---------------------------------------------------------------- page events */

/* A page event's name, and where its payload begins. */
static const char *find_page_event(const char *line, size_t *length, const char **payload)
{
	const char *p;

	for (p = strstr(line, "mm_page_"); p; p = strstr(p + 8, "mm_page_")) {
		*length = strspn(p, "abcdefghijklmnopqrstuvwxyz_");
		if (p[*length] != ':')
			continue;
		*payload = skip_blanks(p + *length + 1);
		if (starts_with(*payload, "page="))
			return p;
	}
	return NULL;
}

static bool name_is(const char *name, size_t length, const char *what)
{
	return length == strlen(what) && !strncmp(name, what, length);
}

/* "page=(nil)", "page=          (null)", "page=0x0", "page=0000000000000000" */
static bool page_is_null(const char *payload)
{
	const char *p = skip_blanks(payload + strlen("page="));
	uint64_t value;

	if (starts_with(p, "(nil)") || starts_with(p, "(null)"))
		return true;
	return parse_number(p, &value) && value == 0;
}

static enum line_kind parse_payload(struct trace *trace, const char *payload, struct trace_event *event)
{
	uint64_t order, migratetype = 0;
	unsigned int unknown = 0;
	const char *flags;
	bool none;

	if (!number_field(payload, "pfn=", &event->frame) || !number_field(payload, "order=", &order))
		return LINE_UNPARSED;
	none = event->frame == 0 || event->frame == UINT64_MAX || page_is_null(payload);
	if (order > TRACE_ORDER_MAX || (none && event->kind == TRACE_FREE))
		return LINE_UNPARSED;
	if (!none && (event->frame > TRACE_FRAME_MAX || event->frame & (((uint64_t)1 << order) - 1)))
		return LINE_UNPARSED;
	event->order = (uint8_t)order;
	if (event->kind == TRACE_FREE)
		return LINE_EVENT;
	flags = field(payload, "gfp_flags=");
	if (!flags || !*flags || isspace((unsigned char)*flags))
		return LINE_UNPARSED;
	event->gfp = gfp_parse(flags, strcspn(flags, " \t\r"), &unknown);
	trace->counts.unknown_flags += unknown;
	if (number_field(payload, "migratetype=", &migratetype) && migratetype <= UINT8_MAX)
		event->migratetype = (uint8_t)migratetype;
	return none ? LINE_FAILED : LINE_EVENT;
}

/* What stood before the event says whose text this is. */
static const char *format_of(const struct trace *trace, const char *line, const char *name)
{
	if (name - line >= 5 && !strncmp(name - 5, "kmem:", 5))
		return "perf script";
	return trace->trace_cmd_header ? "trace-cmd report" : "ftrace";
}

static enum line_kind parse_page_event(struct trace *trace, const char *line, struct trace_event *event)
{
	const char *name, *payload;
	uint64_t cpu = 0;
	size_t length;
	enum line_kind kind;

	name = find_page_event(line, &length, &payload);
	if (!name)
		return LINE_UNPARSED;
	memset(event, 0, sizeof(*event));
	if (name_is(name, length, "mm_page_alloc"))
		event->kind = TRACE_ALLOC;
	else if (name_is(name, length, "mm_page_free"))
		event->kind = TRACE_FREE;
	else if (name_is(name, length, "mm_page_free_batched") ||
		 name_is(name, length, "mm_page_pcpu_drain") ||
		 name_is(name, length, "mm_page_alloc_zone_locked"))
		return LINE_DUPLICATE;
	else
		return LINE_OTHER;
	find_time(line, name, &event->time_ns);
	if (find_cpu(line, name, &cpu) && cpu > TRACE_CPU_MAX)
		return LINE_UNPARSED;
	event->cpu = (uint16_t)cpu;
	kind = parse_payload(trace, payload, event);
	if (kind == LINE_EVENT && !*trace->format)
		trace->format = format_of(trace, line, name);
	return kind;
}

/* ---------------------------------------------------------------- all other lines */

/*
 * "CPU:1 [LOST 5 EVENTS]" of ftrace, "CPU:1 [5 EVENTS DROPPED]" of trace-cmd,
 * "... PERF_RECORD_LOST lost 5" of perf.
 */
static bool is_lost(const char *p, uint64_t *lost)
{
	const char *number = NULL, *mark;

	*lost = 0;
	if (starts_with(p, "CPU:") && (mark = strstr(p, "[LOST ")))
		number = mark + 6;
	else if (starts_with(p, "CPU:") && strstr(p, "EVENTS DROPPED]") && (mark = strchr(p, '[')))
		number = mark + 1;
	else if ((mark = strstr(p, "PERF_RECORD_LOST")))
		number = (mark = strstr(mark, " lost ")) ? mark + 6 : "";
	if (!number)
		return false;
	for (number = skip_blanks(number); isdigit((unsigned char)*number) && *lost < UINT64_MAX / 100;
	     number++)
		*lost = *lost * 10 + (unsigned int)(*number - '0');
	return true;
}

/* Headers of trace-cmd, and the stacks that perf and ftrace print below an event. */
static bool is_comment(struct trace *trace, const char *p)
{
	const char *digits;

	if (*p == '\0' || *p == '#')
		return true;
	if (starts_with(p, "cpus=") || (starts_with(p, "CPU ") && strstr(p, " is empty"))) {
		trace->trace_cmd_header = true;
		return true;
	}
	if (starts_with(p, "version = ") || starts_with(p, "=> ") || strstr(p, "<stack trace>"))
		return true;
	digits = p + strspn(p, "0123456789abcdef");
	return digits - p >= 8 && *digits == ' ' && trace->known; /* "ffffffff8126c2f0 name+0x10 (...)" */
}

/* An event of another kind: "[cpu]", and behind it a time. */
static bool is_other(const char *line, size_t length)
{
	uint64_t unused;
	const char *end = find_time(line, line + length, &unused);

	return end && find_cpu(line, end, &unused);
}

static enum line_kind parse_line(struct trace *trace, char *line, size_t length, struct trace_event *event)
{
	const char *p, *payload;
	uint64_t lost;
	size_t unused;

	if (length && line[length - 1] == '\r')
		line[--length] = '\0';
	if (memchr(line, '\0', length))
		return LINE_UNPARSED;
	p = skip_blanks(line);
	/* Before the look for comments: a task may be named like one ("#1", "deadbeef"). */
	if (find_page_event(line, &unused, &payload) && !starts_with(p, "# "))
		return parse_page_event(trace, line, event);
	if (is_comment(trace, p))
		return LINE_COMMENT;
	if (strstr(p, "mm_page_") && strstr(p, "page="))
		return LINE_UNPARSED;
	if (is_lost(p, &lost)) {
		trace->counts.lost += lost;
		return LINE_LOST;
	}
	if (strstr(p, "mm_page_alloc:") || strstr(p, "mm_page_free:"))
		return LINE_UNPARSED; /* cut off behind the name */
	return is_other(line, length) ? LINE_OTHER : LINE_UNPARSED;
}

/* ---------------------------------------------------------------- the reader */

static int trace_fail(struct trace *trace, const char *why)
{
	snprintf(trace->error, sizeof(trace->error), "%s: %s", trace->name, why);
	return -1;
}

/* The beginning of a line for a message, without what a terminal might obey. */
static void excerpt(const char *line, char *shown, size_t size)
{
	size_t i;

	line = skip_blanks(line);
	for (i = 0; line[i] && i + 4 < size; i++)
		shown[i] = isprint((unsigned char)line[i]) ? line[i] : '?';
	strcpy(shown + i, line[i] ? "..." : "");
}

static int count_unparsed(struct trace *trace, const char *line)
{
	char shown[64];

	if (!trace->counts.unparsed++)
		trace->counts.first_unparsed = trace->counts.lines;
	if (!trace->strict)
		return 0;
	excerpt(line, shown, sizeof(shown));
	snprintf(trace->error, sizeof(trace->error), "%s:%llu: not a line of a trace: '%s'", trace->name,
		 (unsigned long long)trace->counts.lines, shown);
	return -1;
}

/* Count a line that is no event.  -1: it is fatal. */
static int count_line(struct trace *trace, enum line_kind kind, const char *line)
{
	struct trace_counts *counts = &trace->counts;

	switch (kind) {
	case LINE_COMMENT:
		counts->comments++;
		break;
	case LINE_DUPLICATE:
		counts->duplicates++;
		trace->known = true;
		break;
	case LINE_OTHER:
		counts->others++;
		trace->known = true;
		break;
	case LINE_LOST:
		counts->lost_marks++;
		break;
	case LINE_FAILED:
		counts->failed_requests++;
		trace->known = true;
		break;
	default:
		return count_unparsed(trace, line);
	}
	return 0;
}

static int trace_end(struct trace *trace)
{
	const struct trace_counts *counts = &trace->counts;
	char why[128];

	if (counts->allocs || counts->frees)
		return 0;
	if (!counts->lines)
		return trace_fail(trace, "empty");
	snprintf(why, sizeof(why),
		 "not a trace of page requests: no mm_page_alloc or mm_page_free in %llu line%s",
		 (unsigned long long)counts->lines, counts->lines == 1 ? "" : "s");
	return trace_fail(trace, why);
}

int trace_next(struct trace *trace, struct trace_event *event)
{
	enum input_result result;
	enum line_kind kind;
	size_t length = 0;
	char *line = NULL;

	for (;;) {
		if (!trace->known && input_text_bytes(trace->in) > PATIENCE_BYTES)
			return trace_fail(trace,
					  "not a trace of page requests: no event in the first 64 MiB");
		result = input_line(trace->in, &line, &length);
		if (result == INPUT_ERROR)
			return trace_fail(trace, input_error(trace->in));
		if (result == INPUT_END)
			return trace_end(trace);
		trace->counts.lines++;
		kind = LINE_UNPARSED;
		if (result == INPUT_LINE)
			kind = parse_line(trace, line, length, event);
		if (kind == LINE_EVENT)
			break;
		if (count_line(trace, kind, result == INPUT_LONG ? "(too long)" : line) < 0)
			return -1;
	}
	trace->known = true;
	if (event->kind == TRACE_ALLOC)
		trace->counts.allocs++;
	else
		trace->counts.frees++;
	return 1;
}

struct trace *trace_open(const char *path, bool strict, char *error)
{
	struct trace *trace = calloc(1, sizeof(*trace));
	char why[INPUT_ERROR_TEXT] = "out of memory";

	if (trace)
		trace->in = input_open(path, why);
	if (!trace || !trace->in) {
		snprintf(error, TRACE_ERROR_TEXT, "%.192s: %s", path, why);
		free(trace);
		return NULL;
	}
	trace->strict = strict;
	trace->format = "";
	snprintf(trace->name, sizeof(trace->name), "%s", strcmp(path, "-") ? path : "standard input");
	return trace;
}

const char *trace_error(const struct trace *trace)
{
	return trace->error;
}

const struct trace_counts *trace_counts(const struct trace *trace)
{
	return &trace->counts;
}

const char *trace_format(const struct trace *trace)
{
	return trace->format;
}

double trace_progress(const struct trace *trace)
{
	return input_progress(trace->in);
}

void trace_close(struct trace *trace)
{
	if (!trace)
		return;
	input_close(trace->in);
	free(trace);
}
