/* SPDX-License-Identifier: MIT */
/*
 * trace_compose.h - lines of traces as kernels and their tools print them, with what a reader must make of each:
 * trace.c's oracle.  A task may be named like anything (15 bytes without a newline).
 */
#ifndef FUZZ_TRACE_COMPOSE_H
#define FUZZ_TRACE_COMPOSE_H

#include "bytes.h"
#include "trace.h"

#define TEXT_MAX ((size_t)640 << 10)
#define EVENTS_MAX 4096u

struct text {
	size_t length;
	char at[TEXT_MAX + 1];
};

/* What was composed. */
struct expected {
	bool composed;
	struct trace_event event[EVENTS_MAX];
	unsigned int events;
	struct trace_counts counts;
};

static inline void text_add(struct text *text, const char *from, size_t length)
{
	if (length > TEXT_MAX - text->length)
		length = TEXT_MAX - text->length;
	memcpy(text->at + text->length, from, length);
	text->length += length;
}

static inline void text_say(struct text *text, const char *from)
{
	text_add(text, from, strlen(from));
}

static const struct {
	const char *name;
	lab_gfp_t flags;
} flag_names[] = {
	{ "GFP_KERNEL", LAB_GFP_KERNEL },
	{ "GFP_ATOMIC", LAB_GFP_ATOMIC },
	{ "GFP_HIGHUSER_MOVABLE", LAB_GFP_HIGHUSER_MOVABLE },
	{ "GFP_NOWAIT", LAB_GFP_NOWAIT },
	{ "GFP_NOFS", LAB_GFP_NOFS },
	{ "GFP_DMA32", LAB_DMA32 },
	{ "__GFP_ZERO", LAB_ZERO },
	{ "__GFP_COMP", LAB_COMP },
	{ "__GFP_NORETRY", LAB_NORETRY },
	{ "__GFP_NOMEMALLOC", LAB_NOMEMALLOC },
	{ "__GFP_MEMALLOC", LAB_MEMALLOC },
	{ "__GFP_NOLOCKDEP", 0 },
	{ "0x1", LAB_DMA },
	{ "0x8", LAB_MOVABLE },
	{ "none", 0 },
	{ "__GFP_OF_THE_FUTURE", 0 }, /* the last one: not known */
};
#define FLAG_NAMES (sizeof(flag_names) / sizeof(flag_names[0]))

struct composer {
	struct bytes *in;
	struct text *text;
	struct expected *expected;
	unsigned int format; /* 0 perf script, 1 ftrace, 2 trace-cmd report */
	bool known; /* some line was a trace's */
	bool burst; /* there was a long one */
};

static inline lab_gfp_t compose_flags(const struct composer *to)
{
	unsigned int n = 1 + pick(to->in, 3), which;
	lab_gfp_t flags = 0;

	while (n--) {
		which = pick(to->in, FLAG_NAMES);
		flags |= flag_names[which].flags;
		to->expected->counts.unknown_flags += which == FLAG_NAMES - 1;
		text_say(to->text, flag_names[which].name);
		text_say(to->text, n ? "|" : "");
	}
	return flags;
}

/*
 * A task's name; the time is the first word that looks like one, so no name has a '.'.  Nor does one begin with "# ":
 * such a line is a comment, and might be an event that somebody took out.
 */
static inline void compose_task(struct bytes *in, char *task)
{
	unsigned int length = take8(in) % 16, i;

	strcpy(task, "bash");
	for (i = 0; i < length; i++) {
		task[i] = (char)take8(in);
		task[i + 1] = '\0';
		if (task[i] == '\n' || task[i] == '\r' || task[i] == '.' || !task[i])
			task[i] = '_';
	}
	i = (unsigned int)strspn(task, " \t");
	if (task[i] == '#' && task[i + 1] == ' ')
		task[i] = '_';
}

/* What stands before an event's payload. */
static inline void compose_head(const struct composer *to, struct trace_event *event, const char *task, const char *name)
{
	unsigned int seconds = take16(to->in), part = pick(to->in, 60000), cpu = pick(to->in, 300) * (take8(to->in) > 250 ? 200 : 1);
	char line[192], named[40];

	snprintf(named, sizeof(named), "%s:", name);
	event->cpu = (uint16_t)cpu;
	event->time_ns = seconds * (uint64_t)1000000000 + part * (to->format ? 1000 : 1);
	if (to->format == 0)
		snprintf(line, sizeof(line), "%16s %5u [%03u] %5u.%09u:  kmem:%s: ", task, 4711u, cpu, seconds, part, name);
	else if (to->format == 1)
		snprintf(line, sizeof(line), "%16s-%-7u [%03u] d..1. %5u.%06u: %s: ", task, 102u, cpu, seconds, part, name);
	else
		snprintf(line, sizeof(line), "%16s-%-5u [%03u] %5u.%06u: %-20s ", task, 7u, cpu, seconds, part, named);
	text_say(to->text, line);
}

static inline void compose_payload(const struct composer *to, struct trace_event *event, bool failed)
{
	static const char *const null[] = { "(nil)", "          (null)", "0x0", "0000000000000000" };
	unsigned int kind = take8(to->in);
	char line[160], page[32];

	event->order = kind < 240 ? (uint8_t)(kind % 16 < 12 ? kind % 4 : kind % 10) : (uint8_t)(kind % 16 + 5);
	event->frame = 1 + (kind & 128 ? (take64(to->in) & TRACE_FRAME_MAX) >> event->order : take8(to->in));
	if (event->frame > TRACE_FRAME_MAX >> event->order)
		event->frame--;
	event->frame <<= event->order;
	snprintf(page, sizeof(page), to->format ? "00000000%08" PRIx64 : "0x%" PRIx64, event->frame | 1);
	if (failed)
		snprintf(page, sizeof(page), "%s", null[kind % 4]);
	snprintf(line, sizeof(line), failed || kind & 64 ? "page=%s pfn=%" PRIu64 " order=%u" : "page=%s pfn=0x%" PRIx64 " order=%u",
		 page, failed ? (uint64_t)0 : event->frame, event->order);
	text_say(to->text, line);
	if (event->kind == TRACE_FREE)
		return;
	event->migratetype = (uint8_t)pick(to->in, 6);
	snprintf(line, sizeof(line), " migratetype=%u gfp_flags=", event->migratetype);
	text_say(to->text, line);
	event->gfp = compose_flags(to);
}

static inline void compose_event(struct composer *to, bool free, bool failed)
{
	struct trace_event event = { .kind = free ? TRACE_FREE : TRACE_ALLOC };
	struct trace_counts *counts = &to->expected->counts;
	char task[17];

	compose_task(to->in, task);
	compose_head(to, &event, task, free ? "mm_page_free" : "mm_page_alloc");
	compose_payload(to, &event, failed);
	to->known = true;
	if (failed) {
		counts->failed_requests++;
		return;
	}
	counts->allocs += !free;
	counts->frees += free;
	to->expected->event[to->expected->events++] = event;
}

/* The same event many times, each with the next frame: tables grow. */
static inline void compose_burst(struct composer *to)
{
	unsigned int n = take8(to->in) * (to->burst ? 1 : 16), kind = take8(to->in), order = kind % (kind & 16 ? 12 : 4), i;
	struct trace_event event = { .kind = kind & 128 ? TRACE_FREE : TRACE_ALLOC, .order = (uint8_t)order };
	uint64_t first = 1 + take16(to->in);
	char line[128];

	for (i = 0; i < n && to->expected->events < EVENTS_MAX; i++) {
		event.frame = (first + i) << order;
		event.gfp = event.kind == TRACE_ALLOC ? LAB_GFP_ATOMIC : 0;
		snprintf(line, sizeof(line), "a-1 [000] 0.0: mm_page_%s: page=0x1 pfn=%" PRIu64 " order=%u%s\n",
			 event.kind == TRACE_FREE ? "free" : "alloc", event.frame, order, event.kind == TRACE_FREE ? "" : " gfp_flags=GFP_ATOMIC");
		text_say(to->text, line);
		to->expected->event[to->expected->events++] = event;
		to->expected->counts.lines++;
	}
	to->known |= i != 0;
	to->burst |= i > 256;
	*(event.kind == TRACE_FREE ? &to->expected->counts.frees : &to->expected->counts.allocs) += i;
}

/* A line that is no page request, and what it counts as. */
static inline void compose_aside(struct composer *to)
{
	static const char *const duplicate[] = { "mm_page_free_batched", "mm_page_pcpu_drain", "mm_page_alloc_zone_locked" };
	struct trace_counts *counts = &to->expected->counts;
	struct trace_event event = { .kind = TRACE_FREE };
	unsigned int kind = take8(to->in);
	char line[64];

	switch (kind % 8) {
	case 0:
		compose_head(to, &event, "task", duplicate[kind / 8 % 3]);
		text_say(to->text, "page=0x123 pfn=0x123 order=0 migratetype=1");
		to->known = true;
		counts->duplicates++;
		return;
	case 1:
		compose_head(to, &event, "task", "sched_switch");
		text_say(to->text, "prev_comm=a prev_pid=1");
		to->known = true;
		counts->others++;
		return;
	case 2:
		snprintf(line, sizeof(line), kind & 8 ? "CPU:1 [LOST %u EVENTS]" : "CPU:3 [%u EVENTS DROPPED]", kind);
		text_say(to->text, line);
		counts->lost += kind;
		counts->lost_marks++;
		return;
	case 3:
		text_say(to->text, kind & 8 ? "what is this" : "bash-1 [000] 1.5: mm_page_alloc: pag");
		if (!counts->unparsed++)
			counts->first_unparsed = counts->lines + 1;
		return;
	default:
		counts->comments++;
		if (kind % 8 == 4 && to->known)
			text_say(to->text, "\tffffffff8126c2f0 name+0x10 ([kernel.kallsyms])");
		else if (kind % 8 == 5)
			text_say(to->text, "# tracer: nop");
		else if (kind % 8 == 6)
			text_say(to->text, " => kmem_cache_alloc");
	}
}

/* Lines until the input ends. */
static inline void compose(struct bytes *in, struct text *text, struct expected *expected)
{
	struct composer to = { .in = in, .text = text, .expected = expected };
	unsigned int kind = take8(in);

	expected->composed = true;
	to.format = kind % 3;
	if (to.format == 2) {
		text_say(text, "cpus=2\n");
		expected->counts.comments++;
		expected->counts.lines++;
	}
	while (bytes_left(in) && expected->events < EVENTS_MAX && text->length < TEXT_MAX / 2) {
		kind = take8(in);
		if (kind >= 252) {
			compose_burst(&to);
			kind = 0;
			continue;
		}
		if (kind < 230)
			compose_event(&to, kind & 1, kind >= 224 && !(kind & 1));
		else
			compose_aside(&to);
		text_say(text, kind & 2 ? "\r\n" : "\n");
		expected->counts.lines++;
	}
	if (expected->counts.lines && kind & 4 && text->at[text->length - 1] == '\n' && text->length > 1 &&
	    text->at[text->length - 2] != '\n')
		text->length--; /* the last line may lack its end */
}

#endif
