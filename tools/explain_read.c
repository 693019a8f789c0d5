/* SPDX-License-Identifier: MIT */
/*
 * explain_read.c - lines -> incidents.
 *
 * One incident at a time: it begins with its head ("page allocation failure", "invoked oom-killer") and collects
 * what follows until the next head, or until a second Mem-Info, which is somebody else's.  Lines of others in
 * between are passed by.  A line of fields may have been wrapped by a terminal or a mail: it is kept back until the next
 * line that is known, and pieces without a prefix of their own that look like more of it are put behind it.
 */
#include "explain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "input.h"

struct explain_reader {
	void (*done)(const struct incident *incident, void *context);
	void *context;
	bool open; /* there is an incident */
	bool closed; /* and its Mem-Info is over */
	bool orphans; /* Mem-Info before any head */
	struct zone_report *zone; /* whose lowmem_reserve[] would come next */
	enum line_class held_class; /* CLASS_OTHER: nothing is kept back */
	uint64_t held_line;
	size_t held_length;
	char node[16]; /* "Node 0 ", logged apart from what follows */
	char joined[INPUT_LINE_MAX + 16]; /* it, and what follows */
	char held[2 * INPUT_LINE_MAX];
	struct incident incident;
};

struct explain_reader *reader_new(void (*done)(const struct incident *incident, void *context), void *context)
{
	struct explain_reader *reader = calloc(1, sizeof(*reader));

	if (reader) {
		reader->done = done;
		reader->context = context;
	}
	return reader;
}

static void incident_end(struct explain_reader *reader)
{
	if (reader->open)
		reader->done(&reader->incident, reader->context);
	reader->open = reader->closed = false;
	reader->zone = NULL;
}

static void incident_begin(struct explain_reader *reader, const char *text, uint64_t number)
{
	incident_end(reader);
	memset(&reader->incident, 0, sizeof(reader->incident));
	reader->open = true;
	reader->incident.line = number;
	reader->incident.cpu = reader->incident.pid = -1;
	parse_header(&reader->incident, text);
}

static void zone_line(struct explain_reader *reader, enum line_class class, const char *text)
{
	bool again = false;

	if (class == CLASS_RESERVE) {
		if (reader->zone)
			parse_reserve(&reader->incident, reader->zone, text);
	} else if (class == CLASS_ZONE) {
		reader->zone = parse_zone(&reader->incident, text, &again);
	} else {
		parse_blocks(&reader->incident, text, &again);
		reader->zone = NULL;
	}
	reader->closed |= again;
	reader->incident.mem_info = true;
}

/* A whole line of a known class. */
static void take(struct explain_reader *reader, enum line_class class, const char *text, uint64_t number)
{
	if (class == CLASS_HEADER) {
		incident_begin(reader, text, number);
		return;
	}
	if (!reader->open) {
		reader->orphans |= class == CLASS_ZONE || class == CLASS_MEM_INFO;
		return;
	}
	if (class == CLASS_CPU) {
		if (!reader->incident.mem_info)
			parse_cpu(&reader->incident, text);
	} else if (class == CLASS_CONSTRAINT) {
		parse_constraint(&reader->incident, text);
	} else if (class == CLASS_MEM_INFO) {
		reader->closed |= reader->incident.mem_info;
		reader->incident.mem_info = true;
	} else if (!reader->closed) {
		zone_line(reader, class, text);
	}
}

static void flush(struct explain_reader *reader)
{
	enum line_class class = reader->held_class;

	reader->held_class = CLASS_OTHER;
	if (class != CLASS_OTHER)
		take(reader, class, reader->held, reader->held_line);
}

static void hold(struct explain_reader *reader, enum line_class class, const char *text)
{
	reader->held_class = class;
	reader->held_length = strlen(text);
	memcpy(reader->held, text, reader->held_length + 1);
}

/* More of the line that is kept back. */
static void append(struct explain_reader *reader, const char *text, bool blank)
{
	size_t length = strlen(text);

	if (reader->held_length + length + 2 > sizeof(reader->held))
		return;
	if (blank)
		reader->held[reader->held_length++] = ' ';
	memcpy(reader->held + reader->held_length, text, length + 1);
	reader->held_length += length;
}

/* More of the line that is kept back?  Then it is put behind it. */
static bool take_piece(struct explain_reader *reader, enum line_class class, const char *text, bool prefixed)
{
	enum line_class held = reader->held_class;

	/* The rest of a head may look like a line of its own: "nodemask=(null),cpuset=/". */
	if (held == CLASS_OTHER ||
	    (class != CLASS_OTHER && !(class == CLASS_CONSTRAINT && held == CLASS_HEADER)))
		return false;
	if (prefixed ? !line_is_piece(held, text) : !line_continues(held, reader->held, text))
		return false;
	append(reader, text, prefixed || line_ends_whole(held, reader->held));
	return true;
}

/* Put a node that was logged apart before its zone. */
static const char *with_node(struct explain_reader *reader, const char *text)
{
	if (!reader->node[0] || line_classify(text) == CLASS_OTHER)
		return text;
	if (line_classify(text) == CLASS_ZONE || line_classify(text) == CLASS_BLOCKS) {
		snprintf(reader->joined, sizeof(reader->joined), "%s%s",
			 strncmp(text, "Node ", 5) ? reader->node : "", text);
		text = reader->joined;
	}
	reader->node[0] = '\0';
	return text;
}

void reader_line(struct explain_reader *reader, char *line, uint64_t number)
{
	bool prefixed;
	const char *text = prefix_skip(line, &prefixed);
	enum line_class class;

	if (line_is_node(text)) {
		snprintf(reader->node, sizeof(reader->node), "%.13s ", text);
		return;
	}
	text = with_node(reader, text);
	class = line_classify(text);
	if (take_piece(reader, class, text, prefixed) || class == CLASS_OTHER)
		return;
	flush(reader);
	if (class == CLASS_HEADER || class == CLASS_ZONE || class == CLASS_BLOCKS || class == CLASS_RESERVE) {
		hold(reader, class, text);
		reader->held_line = number;
	} else {
		take(reader, class, text, number);
	}
}

bool reader_end(struct explain_reader *reader)
{
	bool orphans;

	flush(reader);
	incident_end(reader);
	orphans = reader->orphans;
	free(reader);
	return orphans;
}
