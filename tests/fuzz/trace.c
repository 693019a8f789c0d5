/* SPDX-License-Identifier: MIT */
/*
 * trace.c - fuzzer: recorded page requests.  An input is text, or lines composed as kernels print them; it is read
 * plain, in odd pieces, through xz whole or damaged, with errors of read(2); and what comes out is made a plan.
 *
 * Composed lines must come out as they were meant.  Whatever the text: every line is counted once, an event is
 * within its limits, the pieces and the packing do not matter, an error has its sentence, a plan plays.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include <lzma.h>

#include "trace_compose.h"
#include "trace_plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BUFFER_BYTES ((size_t)128 << 10) /* of the reader: its edges are worth a look */
#define LINE_MOST 16384u

/* ---- read(2), as tools/input.c is compiled here (-Dread=fuzz_read) ---- */

static struct {
	size_t piece; /* at most so many bytes at once; 0: all */
	unsigned int calls, interrupt, fail; /* every n-th is interrupted; the n-th fails; 0: none */
} reading;

ssize_t fuzz_read(int fd, void *to, size_t size);

ssize_t fuzz_read(int fd, void *to, size_t size)
{
	reading.calls++;
	if (reading.interrupt && reading.calls % reading.interrupt == 0) {
		errno = EINTR;
		return -1;
	}
	if (reading.calls == reading.fail) {
		errno = EIO;
		return -1;
	}
	return read(fd, to, reading.piece && reading.piece < size ? reading.piece : size);
}

/* ---- what one reading comes to ---- */

struct outcome {
	struct trace_counts counts;
	uint64_t hash; /* of all events, in order */
	uint64_t events;
	int result;
	const char *format;
	char error[TRACE_ERROR_TEXT];
};

static int file_of(const char *bytes, size_t size)
{
	int fd = memfd_create("trace", MFD_CLOEXEC);

	CHECK(fd >= 0 && write(fd, bytes, size) == (ssize_t)size && lseek(fd, 0, SEEK_SET) == 0, "no file");
	return fd;
}

static void check_event(const struct trace_event *event)
{
	CHECK(event->frame && event->frame <= TRACE_FRAME_MAX && event->order <= TRACE_ORDER_MAX &&
		      !(event->frame & (((uint64_t)1 << event->order) - 1)),
	      "frame %" PRIx64 " of order %u", event->frame, event->order);
	CHECK(event->kind <= TRACE_FREE && !(event->gfp & ~LAB_FLAGS_ALL), "kind %u, flags %x", event->kind, event->gfp);
	CHECK(event->kind == TRACE_ALLOC || (!event->gfp && !event->migratetype), "a free with flags");
}

/* Member by member: what lies between them is nobody's. */
static void check_event_is(uint64_t number, const struct trace_event *is, const struct trace_event *meant)
{
	CHECK(is->frame == meant->frame && is->time_ns == meant->time_ns && is->gfp == meant->gfp && is->cpu == meant->cpu &&
		      is->kind == meant->kind && is->order == meant->order && is->migratetype == meant->migratetype,
	      "event %" PRIu64 ": kind %u frame %" PRIx64 " order %u cpu %u time %" PRIu64 " gfp %x; meant: kind %u frame %" PRIx64
	      " order %u cpu %u time %" PRIu64 " gfp %x",
	      number, is->kind, is->frame, is->order, is->cpu, is->time_ns, is->gfp, meant->kind, meant->frame, meant->order,
	      meant->cpu, meant->time_ns, meant->gfp);
}

static uint64_t mixed(uint64_t hash, uint64_t value)
{
	return (hash ^ value) * 0x100000001b3u + (hash >> 47);
}

static void check_error(const struct outcome *out, const char *path)
{
	const char *p;

	CHECK(!strncmp(out->error, path, strlen(path)) && strlen(out->error) > strlen(path) + 5, "error '%s'", out->error);
	for (p = out->error; *p; p++)
		CHECK(*p >= ' ' && *p <= '~', "the error has byte %x", *p);
}

static void check_counts(const struct outcome *out)
{
	const struct trace_counts *n = &out->counts;
	uint64_t sum = n->allocs + n->frees + n->comments + n->duplicates + n->others + n->lost_marks + n->failed_requests +
		       n->unparsed;

	CHECK(sum == n->lines, "%" PRIu64 " lines, %" PRIu64 " counted", n->lines, sum);
	CHECK(n->allocs + n->frees == out->events, "%" PRIu64 " events", out->events);
	CHECK(!n->unparsed == !n->first_unparsed && n->first_unparsed <= n->lines, "the first is %" PRIu64, n->first_unparsed);
	CHECK(!out->events == !*out->format, "format '%s'", out->format);
}

static void check_same(const struct trace_counts *counts, const struct trace_counts *meant)
{
	uint64_t is[sizeof(*counts) / sizeof(uint64_t)], should[sizeof(*counts) / sizeof(uint64_t)];
	unsigned int i;

	memcpy(is, counts, sizeof(is));
	memcpy(should, meant, sizeof(should));
	for (i = 0; i < sizeof(is) / sizeof(is[0]); i++)
		CHECK(is[i] == should[i], "count %u of trace_counts is %" PRIu64 ", should be %" PRIu64, i, is[i], should[i]);
}

/* Read all of a file.  With `expected` a plan is made of it; if it was composed, the events must be its. */
static struct outcome read_all(int fd, bool strict, const struct expected *expected)
{
	struct outcome out = { .hash = 1469598103934665603u };
	struct plan_maker *maker = NULL;
	struct trace_event event;
	struct trace *trace;
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	reading.calls = 0;
	trace = trace_open(path, strict, out.error);
	CHECK(trace, "%s", out.error);
	while ((out.result = trace_next(trace, &event)) > 0) {
		check_event(&event);
		if (expected && expected->composed) {
			CHECK(out.events < expected->events, "an event too many");
			check_event_is(out.events, &event, &expected->event[out.events]);
		}
		out.hash = mixed(mixed(mixed(out.hash, event.frame), event.gfp | (uint64_t)event.cpu << 32), event.time_ns);
		out.hash = mixed(out.hash, event.kind | event.order << 8 | event.migratetype << 16);
		out.events++;
		if (expected && !maker)
			maker = plan_maker_new();
		CHECK(!maker || !plan_maker_feed(maker, &event), "plan: %s", plan_maker_error(maker));
	}
	out.counts = *trace_counts(trace);
	out.format = trace_format(trace);
	CHECK(trace_progress(trace) <= 1, "more than all of it was read");
	snprintf(out.error, sizeof(out.error), "%s", trace_error(trace));
	if (out.result < 0)
		check_error(&out, path);
	check_counts(&out);
	trace_close(trace);
	if (maker) {
		struct plan *plan = plan_maker_finish(maker);

		check_plan(plan, out.events);
		plan_delete(plan);
	}
	return out;
}

/* ---- text ---- */

/* Long lines, and much of the same: 1 and a byte: so many fillers; 2: all there is once more. */
static void expand(struct bytes *in, struct text *text)
{
	char filler[256 * 80];
	unsigned int byte;

	memset(filler, 'a', sizeof(filler));
	while (bytes_left(in)) {
		byte = take8(in);
		if (byte == 1)
			text_add(text, filler, take8(in) * (size_t)80);
		else if (byte == 2)
			text_add(text, text->at, text->length);
		else
			text_add(text, (char[]){ (char)byte }, 1);
	}
}

/* Comments in front, so that the text ends where the reader's buffer does, or about there. */
static void align_end(struct text *text, struct trace_counts *counts, int beyond)
{
	size_t wanted = (size_t)((long)(text->length < BUFFER_BYTES / 2 ? BUFFER_BYTES / 2 : BUFFER_BYTES) + beyond), more, line;
	uint64_t added = 1;

	if (text->length + 2 > wanted)
		return;
	more = wanted - text->length;
	memmove(text->at + more, text->at, text->length);
	memset(text->at, '#', more);
	for (line = LINE_MOST / 4; line + 1 < more; line += LINE_MOST / 4, added++)
		text->at[line] = '\n';
	text->at[more - 1] = '\n';
	text->length = wanted;
	counts->lines += added;
	counts->comments += added;
	if (counts->first_unparsed)
		counts->first_unparsed += added;
}

static uint64_t lines_of(const struct text *text)
{
	const char *at = text->at, *end = at + text->length, *newline;
	uint64_t lines = 0;

	for (; at < end && (newline = memchr(at, '\n', (size_t)(end - at))); at = newline + 1)
		lines++;
	return lines + (at < end);
}

/* ---- xz ---- */

static size_t pack(const struct text *text, unsigned int how, uint8_t *packed, size_t room)
{
	lzma_check sum = how & 1 ? LZMA_CHECK_CRC32 : LZMA_CHECK_NONE;
	size_t half = how & 2 ? text->length / 2 : text->length, size = 0;
	const uint8_t *from = (const uint8_t *)text->at;

	CHECK(lzma_easy_buffer_encode(0, sum, NULL, from, half, packed, &size, room) == LZMA_OK, "xz");
	if (how & 2) /* two streams, one after the other */
		CHECK(lzma_easy_buffer_encode(0, sum, NULL, from + half, text->length - half, packed, &size, room) == LZMA_OK, "xz");
	return size;
}

/* Read once more in another manner: the same must come out, where nothing was damaged. */
static void read_again(const struct text *text, const struct outcome *first, struct bytes *how)
{
	static uint8_t packed[TEXT_MAX + 4096];
	unsigned int kind = take8(how), pieces = take8(how), harm = take8(how), i;
	size_t size = text->length;
	const char *bytes = text->at;
	struct outcome again;
	bool harmed = false;
	int fd;

	if (kind & 1) {
		size = pack(text, kind >> 1, packed, sizeof(packed));
		bytes = (const char *)packed;
		for (i = 0; i < harm % 4; i++, harmed = true)
			packed[take16(how) % size] ^= (uint8_t)(1u << harm / 4 % 8);
		if (harm / 32 == 1 && (harmed = true))
			size -= 1 + take16(how) % size; /* cut off */
	}
	reading.piece = pieces % 4 == 0 ? 0 : pieces % 4 == 1 ? 1 + pieces / 4 : (size_t)1000 * (1 + pieces / 4);
	reading.interrupt = kind & 16 ? 2 + pieces % 3 : 0;
	reading.fail = kind & 32 ? 1 + harm : 0;
	if (reading.piece == 1 && size > 65536)
		reading.piece = 7;
	fd = file_of(bytes, size);
	again = read_all(fd, kind & 64, NULL);
	close(fd);
	if (harmed || reading.fail || kind & 64)
		return;
	check_same(&again.counts, &first->counts);
	CHECK(again.result == first->result && again.hash == first->hash,
	      "read otherwise: %" PRIu64 " lines, %" PRIu64 " events; else %" PRIu64 ", %" PRIu64, again.counts.lines, again.events,
	      first->counts.lines, first->events);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct text text;
	static struct expected expected;
	struct bytes in = { data, data + size }, how;
	unsigned int kind = take8(&in), edge = take8(&in);
	struct outcome out;
	bool composed = kind & 1, strict = kind & 2, packed;
	int fd;

	how = in;
	in.at += (size_t)(in.end - in.at) < 6 ? in.end - in.at : 6;
	text.length = 0;
	expected.composed = false;
	expected.events = 0;
	memset(&expected.counts, 0, sizeof(expected.counts));
	if (composed)
		compose(&in, &text, &expected);
	else if (kind & 4)
		text_add(&text, (const char *)in.at, (size_t)(in.end - in.at)); /* as it is: perhaps xz */
	else
		expand(&in, &text);
	if (edge & 128)
		align_end(&text, &expected.counts, (int)(edge % 16) - 8);
	SHOW("%.*s\n", (int)text.length, text.at);
	memset(&reading, 0, sizeof(reading));
	fd = file_of(text.at, text.length);
	out = read_all(fd, strict, &expected);
	close(fd);
	packed = text.length >= 6 && !memcmp(text.at, "\xfd" "7zXZ", 6);
	if (!packed && !(out.result < 0 && strict))
		CHECK(out.counts.lines == lines_of(&text), "%" PRIu64 " lines of %" PRIu64, out.counts.lines, lines_of(&text));
	if (composed && !(strict && expected.counts.unparsed)) {
		CHECK(out.events == expected.events, "%" PRIu64 " of %u events", out.events, expected.events);
		check_same(&out.counts, &expected.counts);
		CHECK(out.result == (expected.events ? 0 : -1), "result %d", out.result);
	}
	if (!strict && !packed)
		read_again(&text, &out, &how);
	return 0;
}
