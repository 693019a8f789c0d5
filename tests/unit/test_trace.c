/* SPDX-License-Identifier: MIT */
/*
 * test_trace.c - the trace reader of `labyrinth replay`: input, lines, flag names, and
 * how the three formats differ.  Hostile input is part of it: nothing may crash, hang or grow without bound.
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <lzma.h>

#include "gfp_names.h"
#include "trace.h"

#define PERF "  task 12 [001]  2051.753020956:  kmem:"
#define FTRACE "  bash-102     [000] d..1.     6.989858: "
#define TRACE_CMD "  bash-102   [003]   123.456789: "
#define FREE3 FTRACE "mm_page_free: page=00000000da9ac8b1 pfn=0x1f68 order=3\n"

/* ---------------------------------------------------------------- help for the tests */

struct file {
	char path[32];
};

static struct file file_of(const void *bytes, size_t size)
{
	struct file file = { "/tmp/test_trace.XXXXXX" };
	int fd = mkstemp(file.path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), (ssize_t)size);
	close(fd);
	return file;
}

struct outcome {
	int result; /* of the last trace_next() */
	struct trace_counts counts;
	struct trace_event first, last;
	char error[TRACE_ERROR_TEXT], format[32];
};

static struct outcome read_bytes(const void *bytes, size_t size, bool strict)
{
	struct file file = file_of(bytes, size);
	struct outcome out = { 0 };
	struct trace *trace = trace_open(file.path, strict, out.error);
	struct trace_event event;

	assert_non_null(trace);
	while ((out.result = trace_next(trace, &event)) > 0) {
		if (out.counts.lines == 0) {
			out.first = event;
			out.counts.lines = 1;
		}
		out.last = event;
	}
	out.counts = *trace_counts(trace);
	snprintf(out.error, sizeof(out.error), "%s", out.result < 0 ? trace_error(trace) : "");
	snprintf(out.format, sizeof(out.format), "%s", trace_format(trace));
	trace_close(trace);
	unlink(file.path);
	return out;
}

static struct outcome read_text(const char *text)
{
	return read_bytes(text, strlen(text), false);
}

static size_t compress(const char *text, uint8_t *to, size_t room)
{
	size_t at = 0;

	assert_int_equal(lzma_easy_buffer_encode(0, LZMA_CHECK_CRC32, NULL, (const uint8_t *)text,
						 strlen(text), to, &at, room),
			 LZMA_OK);
	return at;
}

static lab_gfp_t gfp(const char *text, unsigned int *unknown)
{
	*unknown = 0;
	return gfp_parse(text, strlen(text), unknown);
}

/* ---------------------------------------------------------------- flags */

static void test_flag_names(void **state)
{
	static const struct {
		const char *text;
		lab_gfp_t flags;
	} names[] = {
		{ "GFP_ATOMIC", LAB_GFP_ATOMIC },
		{ "GFP_KERNEL", LAB_GFP_KERNEL },
		{ "GFP_NOWAIT", LAB_GFP_NOWAIT },
		{ "GFP_NOFS|__GFP_HIGHMEM", LAB_GFP_NOFS | LAB_HIGHMEM },
		{ "GFP_NOIO", LAB_GFP_NOIO },
		{ "GFP_USER", LAB_GFP_USER },
		{ "GFP_DMA32", LAB_DMA32 },
		{ "GFP_TEMPORARY", LAB_GFP_KERNEL | LAB_RECLAIMABLE },
		{ "GFP_KERNEL_ACCOUNT|__GFP_ZERO", LAB_GFP_KERNEL | LAB_ACCOUNT | LAB_ZERO },
		{ "GFP_HIGHUSER_MOVABLE|__GFP_COMP", LAB_GFP_HIGHUSER_MOVABLE | LAB_COMP },
		{ "GFP_TRANSHUGE",
		  (LAB_GFP_HIGHUSER_MOVABLE | LAB_COMP | LAB_NOMEMALLOC | LAB_NOWARN | LAB_DIRECT_RECLAIM) &
			  ~LAB_KSWAPD_RECLAIM },
		{ "GFP_TRANSHUGE_LIGHT",
		  (LAB_GFP_HIGHUSER_MOVABLE | LAB_COMP | LAB_NOMEMALLOC | LAB_NOWARN) & ~LAB_RECLAIM },
		{ "__GFP_HIGH|__GFP_ATOMIC|__GFP_KSWAPD_RECLAIM", LAB_GFP_ATOMIC },
		{ "__GFP_RECLAIM|__GFP_IO|__GFP_FS", LAB_GFP_KERNEL },
		{ "___GFP_IO|___GFP_FS", LAB_IO | LAB_FS },
		{ "__GFP_WAIT", LAB_RECLAIM },
		{ "none", 0 },
		{ "0", 0 },
		{ "0xcc0", LAB_GFP_KERNEL },
		{ "0x820", LAB_GFP_ATOMIC },
		{ "GFP_KERNEL|0x100", LAB_GFP_KERNEL | LAB_ZERO },
	};
	unsigned int unknown;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(gfp(names[i].text, &unknown), names[i].flags);
		assert_int_equal(unknown, 0);
	}
}

static void test_unknown_flags(void **state)
{
	unsigned int unknown;

	(void)state;
	assert_int_equal(gfp("GFP_KERNEL|__GFP_SHINY|__GFP_ZERO", &unknown), LAB_GFP_KERNEL | LAB_ZERO);
	assert_int_equal(unknown, 1);
	assert_int_equal(gfp("GFP_KERNE", &unknown), 0);
	assert_int_equal(unknown, 1);
	gfp("GFP_KERNEL2|||", &unknown);
	assert_int_equal(unknown, 4);
	gfp("0x", &unknown);
	assert_int_equal(unknown, 1);
	assert_int_equal(gfp("0xffffffffffffffffffffffff", &unknown), 0);
	assert_int_equal(unknown, 1);
	assert_int_equal(gfp("0x80000cc0", &unknown), LAB_GFP_KERNEL);
	assert_int_equal(unknown, 1);
}

/* ---------------------------------------------------------------- lines */

static void test_perf_line(void **state)
{
	struct outcome out = read_text("   perf 32686 [001]  2051.753020956:             kmem:mm_page_alloc: "
				       "page=0x23b610 pfn=0x23b610 order=0 migratetype=1 "
				       "gfp_flags=GFP_HIGHUSER|__GFP_ACCOUNT\n");

	(void)state;
	assert_int_equal(out.result, 0);
	assert_int_equal(out.counts.allocs, 1);
	assert_int_equal(out.counts.unparsed, 0);
	assert_int_equal(out.first.kind, TRACE_ALLOC);
	assert_int_equal(out.first.frame, 0x23b610);
	assert_int_equal(out.first.order, 0);
	assert_int_equal(out.first.cpu, 1);
	assert_int_equal(out.first.migratetype, 1);
	assert_int_equal(out.first.time_ns, 2051753020956);
	assert_int_equal(out.first.gfp, LAB_GFP_HIGHUSER | LAB_ACCOUNT);
	assert_string_equal(out.format, "perf script");
}

static void test_ftrace_line(void **state)
{
	struct outcome out = read_text("# tracer: nop\n#\n" FREE3);

	(void)state;
	assert_int_equal(out.counts.comments, 2);
	assert_int_equal(out.counts.frees, 1);
	assert_int_equal(out.first.kind, TRACE_FREE);
	assert_int_equal(out.first.frame, 0x1f68);
	assert_int_equal(out.first.order, 3);
	assert_int_equal(out.first.time_ns, 6989858000);
	assert_string_equal(out.format, "ftrace");
}

static void test_trace_cmd_lines(void **state)
{
	struct outcome out = read_text(
		"cpus=4\nCPU 2 is empty\n" TRACE_CMD
		"mm_page_alloc:        page=0xffffea0003e80000 pfn=256012 order=2 migratetype=0 "
		"gfp_flags=GFP_ATOMIC\n" TRACE_CMD "kmem:mm_page_free: page=0x1 pfn=256012 order=2\n");

	(void)state;
	assert_int_equal(out.counts.comments, 2);
	assert_int_equal(out.counts.allocs, 1);
	assert_int_equal(out.counts.frees, 1);
	assert_int_equal(out.first.frame, 256012);
	assert_int_equal(out.first.cpu, 3);
	assert_int_equal(out.first.gfp, LAB_GFP_ATOMIC);
	assert_string_equal(out.format, "trace-cmd report");
}

/* A task may be called like an event, like a CPU, like a number. */
static void test_odd_task_names(void **state)
{
	struct outcome out = read_text(
		" mm_page_free: 9 [002]  1.5: kmem:mm_page_alloc: page=0x8 pfn=0x8 order=0 "
		"gfp_flags=GFP_KERNEL\n"
		" a [7] b 9 [002]  1.5: kmem:mm_page_alloc: page=0x9 pfn=0x9 order=0 gfp_flags=GFP_KERNEL\n"
		" kworker/0:1-mm_page_x-4 [002] ....  1.5: mm_page_free: page=0x9 pfn=0x9 order=0\r\n");

	(void)state;
	assert_int_equal(out.counts.allocs, 2);
	assert_int_equal(out.counts.frees, 1);
	assert_int_equal(out.counts.unparsed, 0);
	assert_int_equal(out.last.cpu, 2);
	assert_int_equal(out.last.time_ns, 1500000000);
}

static void test_counted_lines(void **state)
{
	struct outcome out = read_text(
		"\n# comment\n" FREE3 PERF "mm_page_free_batched: page=0x1 pfn=0x1 order=0\n" PERF
		"mm_page_pcpu_drain: page=0x1 pfn=0x1 order=0 migratetype=0\n" PERF
		"mm_page_alloc_zone_locked: page=0x1 pfn=0x1 order=0 migratetype=0 percpu_refill=0\n" PERF
		"mm_page_alloc_extfrag: page=0x1 pfn=0x1 alloc_order=0 fallback_order=0\n" FTRACE
		"sched_switch: prev_comm=x\n"
		"        ffffffff8126c2f0 __alloc_pages+0x10 ([kernel.kallsyms])\n"
		" => __alloc_pages\n"
		"CPU:1 [LOST 12 EVENTS]\nCPU:3 [5 EVENTS DROPPED]\n" PERF "PERF_RECORD_LOST lost 3\n" PERF
		"mm_page_alloc: page=(nil) pfn=0 order=0 migratetype=0 gfp_flags=GFP_ATOMIC\n" PERF
		"mm_page_alloc: page=(nil) pfn=0xffffffffffffffff order=4 gfp_flags=GFP_ATOMIC\n" PERF
		"mm_page_alloc: page=          (null) pfn=0 order=0 gfp_flags=GFP_ATOMIC\n" PERF
		"mm_page_alloc: page=0x3 pfn=0x3 order=0 gfp_flags=GFP_ATOMIC|__GFP_NEW|__GFP_NEWER\n");

	(void)state;
	assert_int_equal(out.result, 0);
	assert_int_equal(out.counts.lines, 17);
	assert_int_equal(out.counts.comments, 4);
	assert_int_equal(out.counts.duplicates, 3);
	assert_int_equal(out.counts.others, 2);
	assert_int_equal(out.counts.lost, 20);
	assert_int_equal(out.counts.lost_marks, 3);
	assert_int_equal(out.counts.failed_requests, 3);
	assert_int_equal(out.counts.unknown_flags, 2);
	assert_int_equal(out.counts.unparsed, 0);
	assert_int_equal(out.counts.allocs, 1);
	assert_int_equal(out.counts.frees, 1);
}

/* Each of these lines is not understood, in place of being believed. */
static void test_bad_lines(void **state)
{
	static const char *const bad[] = {
		"hello",
		PERF "mm_page_alloc: page=0x8 pfn=0x8 order=4000000000 gfp_flags=GFP_KERNEL",
		PERF "mm_page_alloc: page=0x8 pfn=0x8 order=-1 gfp_flags=GFP_KERNEL",
		PERF "mm_page_alloc: page=0x8 pfn=0x8000000000000000 order=0 gfp_flags=GFP_KERNEL",
		PERF "mm_page_alloc: page=0x8 pfn=0xfffffffffffffffff order=0 gfp_flags=GFP_KERNEL",
		PERF "mm_page_alloc: page=0x8 pfn=99999999999999999999999 order=0 gfp_flags=GFP_KERNEL",
		PERF "mm_page_alloc: page=0x8 pfn=1f order=0 gfp_flags=GFP_KERNEL",
		PERF "mm_page_alloc: page=0x8 pfn= order=0 gfp_flags=GFP_KERNEL",
		PERF "mm_page_alloc: page=0x8 pfn=0x8 gfp_flags=GFP_KERNEL",
		PERF "mm_page_alloc: page=0x8 pfn=0x8 order=0 gfp_flags=",
		PERF "mm_page_alloc: page=0x8 pfn=0x8 order=0",
		PERF "mm_page_alloc: page=0x9 pfn=0x9 order=3 gfp_flags=GFP_KERNEL",
		PERF "mm_page_free: page=0x0 pfn=0x0 order=0",
		PERF "mm_page_free: page=",
		PERF "mm_page_free:",
		"x 1 [99999999999999999999]  1.5:  kmem:mm_page_free: page=0x8 pfn=0x8 order=0",
	};
	char text[512];
	struct outcome out;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), FREE3 "%s\n" FREE3, bad[i]);
		out = read_text(text);
		assert_int_equal(out.result, 0);
		assert_int_equal(out.counts.frees, 2);
		assert_int_equal(out.counts.allocs, 0);
		assert_int_equal(out.counts.unparsed, 1);
		assert_int_equal(out.counts.first_unparsed, 2);
	}
}

static void test_strict(void **state)
{
	static const char text[] = "# x\n" FREE3 "nonsense \x1b[31m\n" FREE3;
	struct outcome out = read_bytes(text, strlen(text), true);

	(void)state;
	assert_int_equal(out.result, -1);
	assert_non_null(strstr(out.error, ":3: not a line of a trace: 'nonsense ?[31m'"));
}

/* ---------------------------------------------------------------- files */

static void test_not_a_trace(void **state)
{
	struct outcome out = read_text("");

	(void)state;
	assert_int_equal(out.result, -1);
	assert_non_null(strstr(out.error, ": empty"));
	out = read_text("root:x:0:0:root:/root:/bin/bash\n");
	assert_int_equal(out.result, -1);
	assert_non_null(strstr(out.error, "not a trace of page requests"));
	out = read_text("# tracer: nop\n");
	assert_int_equal(out.result, -1);
}

static void test_cannot_open(void **state)
{
	char error[TRACE_ERROR_TEXT];

	(void)state;
	assert_null(trace_open("/nonexistent/trace", false, error));
	assert_string_equal(error, "/nonexistent/trace: No such file or directory");
	assert_null(trace_open("/tmp", false, error));
	assert_string_equal(error, "/tmp: Is a directory");
}

static void test_xz(void **state)
{
	uint8_t packed[2048];
	size_t first = compress(FREE3 FREE3, packed, sizeof(packed));
	size_t size = first + compress(FREE3, packed + first, sizeof(packed) - first), cut;
	struct outcome out = read_bytes(packed, size, false);

	(void)state;
	assert_int_equal(out.result, 0);
	assert_int_equal(out.counts.frees, 3);
	for (cut = 6; cut < first; cut++) {
		out = read_bytes(packed, cut, false);
		assert_int_equal(out.result, -1);
		assert_non_null(strstr(out.error, "the xz data end too early"));
	}
	packed[first / 2] ^= 0x55;
	out = read_bytes(packed, size, false);
	assert_int_equal(out.result, -1);
}

/* A line of 40 MiB, NULs, no newline at the end. */
static void test_long_and_binary_lines(void **state)
{
	size_t size = (size_t)40 << 20, at = strlen(FREE3);
	char *text = malloc(size + 4096);
	struct outcome out;

	(void)state;
	assert_non_null(text);
	memset(text, 'x', size);
	memcpy(text, FREE3, at);
	text[size++] = '\n';
	memcpy(text + size, "a\0b\n", 4);
	size += 4;
	memcpy(text + size, FREE3, at - 1);
	size += at - 1;
	out = read_bytes(text, size, false);
	free(text);
	assert_int_equal(out.result, 0);
	assert_int_equal(out.counts.frees, 2);
	assert_int_equal(out.counts.unparsed, 2);
	assert_int_equal(out.counts.lines, 4);
}

/* Random bytes, and a trace with random bytes in it, from a fixed seed. */
static void test_noise(void **state)
{
	static const char line[] = FTRACE "mm_page_alloc: page=00000000da9ac8b1 pfn=0x1f68 order=3 "
					  "migratetype=1 gfp_flags=GFP_ATOMIC|__GFP_COMP\n";
	size_t size = (size_t)1 << 20, i;
	char *text = malloc(size);
	struct outcome out;

	(void)state;
	assert_non_null(text);
	srandom(7);
	for (i = 0; i < size; i++)
		text[i] = (char)random();
	out = read_bytes(text, size, false);
	assert_int_equal(out.result, -1);
	for (i = 0; i < size; i++)
		text[i] = line[i % (sizeof(line) - 1)];
	for (i = 0; i < size / 64; i++)
		text[(size_t)random() % size] = (char)random();
	out = read_bytes(text, size, false);
	free(text);
	assert_int_equal(out.result, 0);
	assert_true(out.counts.unparsed > 0 && out.counts.allocs > 0);
}

static void test_endless_input(void **state)
{
	char error[TRACE_ERROR_TEXT];
	struct trace *trace = trace_open("/dev/zero", false, error);
	struct trace_event event;

	(void)state;
	assert_non_null(trace);
	assert_int_equal(trace_next(trace, &event), -1);
	trace_close(trace);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flag_names),
		cmocka_unit_test(test_unknown_flags),
		cmocka_unit_test(test_perf_line),
		cmocka_unit_test(test_ftrace_line),
		cmocka_unit_test(test_trace_cmd_lines),
		cmocka_unit_test(test_odd_task_names),
		cmocka_unit_test(test_counted_lines),
		cmocka_unit_test(test_bad_lines),
		cmocka_unit_test(test_strict),
		cmocka_unit_test(test_not_a_trace),
		cmocka_unit_test(test_cannot_open),
		cmocka_unit_test(test_xz),
		cmocka_unit_test(test_long_and_binary_lines),
		cmocka_unit_test(test_noise),
		cmocka_unit_test(test_endless_input),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
