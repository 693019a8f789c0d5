/* SPDX-License-Identifier: MIT */
/*
 * test_explain.c - reports of a kernel, line by line: what is read from them, what Linux's rule says to the numbers, and
 * that neither numbers beyond 64 bits nor lines without end do harm.
 *
 * The numbers are worked out by hand: floors are min, min - min/2 and three quarters of that (rounded as integers are);
 * a zone serves 2^k pages iff free - (2^k - 1) > floor + lowmem_reserve[highest zone].
 */
#define _GNU_SOURCE
#include "../support/room.h"

#include <unistd.h>

#include <labyrinth/user.h>

#include "explain.h"
#include "gfp_names.h"
#include "input.h"

static struct {
	unsigned int count;
	struct incident incident; /* the last */
	struct verdict verdict;
} seen;

static void keep(const struct incident *incident, void *context)
{
	(void)context;
	seen.count++;
	seen.incident = *incident;
	judge(incident, &seen.verdict);
}

/* Read a text, a line at a time. */
static bool read_text(const char *text)
{
	struct explain_reader *reader = reader_new(keep, NULL);
	char *copy = strdup(text), *at = copy, *line;
	uint64_t number = 0;

	assert_non_null(reader);
	seen.count = 0;
	while ((line = strsep(&at, "\n")))
		reader_line(reader, line, ++number);
	free(copy);
	return reader_end(reader);
}

#define HEAD(order, flags) "x: page allocation failure: order:" order ", mode:0x1(" flags "), nodemask=(null)\nMem-Info:\n"

/* One zone, DMA32, of min 1,600 kB = 400 pages, and so much free. */
static enum zone_says says(const char *head, const char *free_kb, const char *more)
{
	char text[1024];

	snprintf(text, sizeof(text), "%sNode 0 DMA32 free:%skB min:1600kB low:2000kB high:2400kB %s\nlowmem_reserve[]: 0 0 0 0 0\n",
		 head, free_kb, more);
	assert_false(read_text(text));
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.verdict.count, 1);
	return seen.verdict.walk[0].says;
}

/* To the page: 400 pages of min; 200 with HIGH; 150 for who may not sleep besides; none with MEMALLOC. */
static void floors_to_the_page(void **state)
{
	(void)state;
	assert_int_equal(says(HEAD("0", "GFP_KERNEL"), "1600", ""), SAYS_FLOOR);
	assert_int_equal(says(HEAD("0", "GFP_KERNEL"), "1604", ""), SAYS_SERVES);
	assert_int_equal(says(HEAD("0", "GFP_NOWAIT"), "1600", ""), SAYS_FLOOR);
	assert_int_equal(says(HEAD("0", "GFP_KERNEL|__GFP_HIGH"), "800", ""), SAYS_FLOOR);
	assert_int_equal(says(HEAD("0", "GFP_KERNEL|__GFP_HIGH"), "804", ""), SAYS_SERVES);
	assert_int_equal(says(HEAD("0", "GFP_ATOMIC|__GFP_NOMEMALLOC"), "800", ""), SAYS_FLOOR);
	assert_int_equal(says(HEAD("0", "GFP_ATOMIC"), "600", ""), SAYS_FLOOR);
	assert_int_equal(says(HEAD("0", "GFP_ATOMIC"), "604", ""), SAYS_SERVES);
	assert_int_equal(says(HEAD("0", "GFP_ATOMIC|__GFP_MEMALLOC"), "0", ""), SAYS_FLOOR);
	assert_int_equal(says(HEAD("0", "GFP_ATOMIC|__GFP_MEMALLOC"), "4", ""), SAYS_SERVES);
	assert_int_equal(says(HEAD("0", "GFP_ATOMIC|__GFP_MEMALLOC|__GFP_NOMEMALLOC"), "800", ""), SAYS_FLOOR);
}

static void a_boost_binds_all_but_single_pages_with_high(void **state)
{
	(void)state;
	assert_int_equal(says(HEAD("0", "GFP_ATOMIC"), "304", "boost:800kB"), SAYS_SERVES); /* 37.5 % of 200 pages: 75 */
	assert_int_equal(says(HEAD("0", "GFP_ATOMIC"), "300", "boost:800kB"), SAYS_FLOOR);
	assert_int_equal(says(HEAD("0", "GFP_KERNEL"), "1600", "boost:800kB"), SAYS_FLOOR);
}

static void contiguous_areas_are_for_movable_requests(void **state)
{
	(void)state;
	assert_int_equal(says(HEAD("0", "GFP_KERNEL"), "2000", "free_cma:396kB"), SAYS_SERVES);
	assert_int_equal(says(HEAD("0", "GFP_KERNEL"), "2000", "free_cma:400kB"), SAYS_CMA);
	assert_true(seen.verdict.remedy[REMEDY_MOVABLE]);
	assert_int_equal(says(HEAD("0", "GFP_HIGHUSER_MOVABLE"), "2000", "free_cma:400kB"), SAYS_SERVES);
}

static void atomic_blocks_are_kept_from_sleepers(void **state)
{
	(void)state;
	assert_int_equal(says(HEAD("0", "GFP_KERNEL"), "2000", "reserved_highatomic:400KB"), SAYS_HIGHATOMIC);
	assert_int_equal(says(HEAD("0", "GFP_NOWAIT"), "2000", "reserved_highatomic:400KB"), SAYS_SERVES);
	assert_int_equal(says(HEAD("0", "GFP_ATOMIC"), "2000", "reserved_highatomic:1600KB"), SAYS_SERVES);
	/* Where the free part is told, it counts. */
	assert_int_equal(says(HEAD("0", "GFP_KERNEL"), "2000", "reserved_highatomic:400KB free_highatomic:0KB"), SAYS_SERVES);
}

static enum zone_says says_block(const char *flags, const char *free_kb, const char *blocks)
{
	char text[1024];

	snprintf(text, sizeof(text),
		 "x: page allocation failure: order:2, mode:0x1(%s), nodemask=(null)\nNode 0 DMA32 free:%skB min:1600kB\n"
		 "lowmem_reserve[]: 0 0 0 0 0\nNode 0 DMA32: %s\n", flags, free_kb, blocks);
	assert_false(read_text(text));
	assert_int_equal(seen.verdict.count, 1);
	return seen.verdict.walk[0].says;
}

static void blocks_of_a_usable_type(void **state)
{
	(void)state;
	assert_int_equal(says_block("GFP_KERNEL", "9000", "5*4kB (UME) 9*8kB (M) 0*16kB 0*32kB = 92kB"), SAYS_TORN);
	assert_int_equal(seen.verdict.walk[0].largest, 1);
	assert_int_equal(says_block("GFP_KERNEL", "9000", "5*4kB (UME) 9*8kB (M) 0*16kB 1*32kB (E) = 1kB"), SAYS_SERVES);
	assert_int_equal(says_block("GFP_KERNEL", "9000", "5*4kB (UME) 9*8kB (M) 3*16kB (HC) 0*32kB = 1kB"), SAYS_TORN);
	assert_true(seen.verdict.remedy[REMEDY_MOVABLE] && seen.verdict.remedy[REMEDY_HIGHATOMIC]);
	assert_int_equal(says_block("GFP_ATOMIC", "9000", "5*4kB (UME) 9*8kB (M) 3*16kB (H) 0*32kB = 1kB"), SAYS_SERVES);
	assert_int_equal(says_block("GFP_HIGHUSER_MOVABLE", "9000", "5*4kB 9*8kB (M) 3*16kB (C) 0*32kB = 1kB"), SAYS_SERVES);
	assert_int_equal(says_block("GFP_KERNEL", "9000", "5*4kB 9*8kB 1*16kB 0*32kB = 1kB"), SAYS_SERVES);
	/* Three pages of the four stay in the count: 400 + 3 + 1. */
	assert_int_equal(says_block("GFP_KERNEL", "1612", "5*4kB 9*8kB 1*16kB 0*32kB = 1kB"), SAYS_FLOOR);
	assert_int_equal(says_block("GFP_KERNEL", "1616", "5*4kB 9*8kB 1*16kB 0*32kB = 1kB"), SAYS_SERVES);
	/* The line was cut before that order. */
	assert_int_equal(says_block("GFP_KERNEL", "9000", "5*4kB 9*8k"), SAYS_UNKNOWN);
}

/* Which entry of lowmem_reserve[] is whose: by the zones there are. */
static void reserves_by_the_highest_zone(void **state)
{
	static const char zones[] = "Node 0 DMA free:8000kB min:64kB\nlowmem_reserve[]: 0 500 1900 1900 1900\n"
				    "Node 0 DMA32 free:9000kB min:64kB\nlowmem_reserve[]: 0 0 3000 3000 3000\n"
				    "Node 0 Normal free:0kB min:64kB\nlowmem_reserve[]: 0 0 0 0 0\n";
	char text[1024];

	(void)state;
	snprintf(text, sizeof(text), "%s%s", HEAD("0", "GFP_KERNEL"), zones);
	read_text(text);
	assert_int_equal(seen.verdict.count, 3); /* Normal, DMA32, DMA */
	assert_int_equal(seen.verdict.walk[0].says, SAYS_FLOOR);
	assert_int_equal(seen.verdict.walk[1].reserve, 3000);
	assert_int_equal(seen.verdict.walk[1].says, SAYS_RESERVE);
	assert_int_equal(seen.verdict.walk[2].reserve, 1900);
	assert_int_equal(seen.verdict.walk[2].says, SAYS_SERVES); /* 2,000 > 16 + 1,900 */
	snprintf(text, sizeof(text), "%s%s", HEAD("0", "GFP_KERNEL|GFP_DMA32"), zones);
	read_text(text);
	assert_int_equal(seen.verdict.count, 2);
	assert_int_equal(seen.verdict.walk[0].reserve, 0);
	assert_int_equal(seen.verdict.walk[1].reserve, 500);
	snprintf(text, sizeof(text), "%s%s", HEAD("0", "GFP_KERNEL|GFP_DMA"), zones);
	read_text(text);
	assert_int_equal(seen.verdict.count, 1);
	assert_int_equal(seen.verdict.walk[0].reserve, 0);
}

/* 32 bits: DMA, Normal, HighMem, Movable. */
static void reserves_below_highmem(void **state)
{
	(void)state;
	read_text("x: page allocation failure. order:0, mode:0x200d2\nMem-info:\n"
		  "DMA free:4000kB min:68kB\nlowmem_reserve[]: 0 863 1999 1999\n"
		  "Normal free:9000kB min:3716kB\nlowmem_reserve[]: 0 0 9089 9089\n"
		  "HighMem free:100kB min:512kB\nlowmem_reserve[]: 0 0 0 0\n");
	assert_true(seen.incident.gfp_number_only);
	assert_int_equal(seen.verdict.highest, ZONE_HIGHMEM);
	assert_int_equal(seen.verdict.count, 3);
	assert_int_equal(seen.verdict.walk[1].reserve, 9089);
	assert_int_equal(seen.verdict.walk[2].reserve, 1999);
}

static void numbers_without_names(void **state)
{
	(void)state;
	assert_int_equal(gfp_old_number(0x20), LAB_GFP_ATOMIC);	    /* before 4.4 */
	assert_int_equal(gfp_old_number(0xd0), LAB_GFP_KERNEL);
	assert_int_equal(gfp_old_number(0x4020), LAB_GFP_ATOMIC | LAB_COMP);
	assert_int_equal(gfp_old_number(0x2080020), LAB_GFP_ATOMIC); /* 4.4 */
	assert_int_equal(gfp_old_number(0x24000c0), LAB_GFP_KERNEL);
}

static void who(void **state)
{
	(void)state;
	read_text("<4>[  12.345678][ T1234] kworker/u8:1: page allocation failure: order:4, mode:0x40dc0(GFP_KERNEL|__GFP_ZERO), "
		  "nodemask=0-1,3,cpuset=a,mems_allowed=2\r\n[  12.3] CPU: 7 UID: 0 PID: 99 Comm: kworker/u8:1 Not tainted\n");
	assert_string_equal(seen.incident.task, "kworker/u8:1");
	assert_int_equal(seen.incident.cpu, 7);
	assert_int_equal(seen.incident.pid, 99);
	assert_int_equal(seen.incident.order, 4);
	assert_int_equal(seen.incident.nodemask.bit[0], 0xb);
	assert_int_equal(seen.incident.mems.bit[0], 0x4);
	assert_int_equal(seen.verdict.decisive, -1);
	read_text("kern  :warn  : [  12.3] sh invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=-1, oom_score_adj=0");
	assert_true(seen.incident.by_hand);
	assert_int_equal(seen.incident.kind, INCIDENT_OOM);
	assert_string_equal(seen.incident.task, "sh");
}

static void prefixes(void **state)
{
	static const char *const lines[] = { "Mem-Info:", "[    0.000000] Mem-Info:", "<6>[12345.678901] Mem-Info:",
					     "[Fri Nov 20 17:02:21 2026] Mem-Info:", "Nov 20 17:02:21 host kernel: Mem-Info:",
					     "Nov 20 17:02:21 host kernel: [   12.3] Mem-Info:\r",
					     "2026-11-20T17:02:21.123456+00:00 host kernel: Mem-Info:",
					     "[12345.678901] host kernel: Mem-Info:", "kern  :warn  : [   12.3] Mem-Info:",
					     "> > [   12.3][    C0] Mem-Info:  " };
	char line[128];
	bool prefixed;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(lines); i++) {
		strcpy(line, lines[i]);
		assert_string_equal(prefix_skip(line, &prefixed), "Mem-Info:");
		assert_int_equal(prefixed, i > 0);
	}
}

static void nothing_overflows(void **state)
{
	const char *huge = "99999999999999999999999999999";
	char text[4096];

	(void)state;
	snprintf(text, sizeof(text),
		 "x: page allocation failure: order:%s, mode:0x%s(GFP_%s), nodemask=0-%s,%s\nCPU: %s PID: %s\n"
		 "Node %s DMA free:1kB\nNode 0 DMA free:%skB min:18446744073709551615kB boost:1kB\nlowmem_reserve[]: 0 %s 18446744073709551615\n"
		 "Node 0 DMA: %s*4kB 1*%skB = 0kB\n", huge, huge, huge, huge, huge, huge, huge, huge, huge, huge, huge, huge);
	read_text(text);
	assert_int_equal(seen.count, 1);
	assert_false(seen.incident.has_order);
	assert_true(seen.incident.too_large > 0);
	/* The largest numbers that are taken: no sum of theirs wraps round. */
	read_text(HEAD("63", "GFP_KERNEL") "Node 0 DMA free:18446744073709551615kB min:18446744073709551615kB\n"
		  "lowmem_reserve[]: 0 18446744073709551615 18446744073709551615 18446744073709551615 18446744073709551615\n"
		  "Node 0 DMA32 free:18446744073709551615kB min:4kB\nlowmem_reserve[]: 0 0 0 0 0\n"
		  "Node 0 DMA32: 1*1kB 1*2kB = 3kB\n");
	assert_int_equal(seen.verdict.count, 2);
	assert_int_equal(seen.verdict.walk[1].says, SAYS_FLOOR);
	read_text(HEAD("0", "GFP_KERNEL") "Node 0 DMA free:400kB min:4kB\n"
		  "lowmem_reserve[]: 0 18446744073709551615 18446744073709551615 18446744073709551615\n"
		  "Node 0 DMA32 free:0kB min:4kB\nlowmem_reserve[]: 0 0 0 0\n");
	assert_int_equal(seen.verdict.walk[1].says, SAYS_RESERVE); /* 1 + 2^64 - 1 is not 0 */
}

static void more_zones_than_there_is_room_for(void **state)
{
	struct explain_reader *reader = reader_new(keep, NULL);
	char line[128] = "x: page allocation failure: order:0, mode:0x1(GFP_KERNEL)";
	unsigned int n;

	(void)state;
	reader_line(reader, line, 1);
	for (n = 0; n < EXPLAIN_ZONES_MAX + 1; n++) {
		snprintf(line, sizeof(line), "Node %u Normal free:4kB min:400kB", n);
		reader_line(reader, line, n + 2);
	}
	reader_end(reader);
	assert_int_equal(seen.incident.zones, EXPLAIN_ZONES_MAX);
	assert_true(seen.incident.too_many);
	assert_int_equal(seen.verdict.count, EXPLAIN_ZONES_MAX);
}

/* A report whose lines are cut at a column, in the middle of words, with others' lines in between, says the same. */
static void wrapped_at_any_column(void **state)
{
	static const char *const lines[] = {
		"[ 8123.401] x: page allocation failure: order:0, mode:0xa20(GFP_ATOMIC|__GFP_ZERO), nodemask=(null),cpuset=/,mems_allowed=0",
		"[ 8123.402] Mem-Info:",
		"[ 8123.403] Node 0 DMA32 free:1876kB boost:0kB min:5568kB low:6960kB high:8352kB managed:2015360kB free_cma:16kB",
		"[ 8123.404] lowmem_reserve[]: 0 0 0 0 0",
		"[ 8123.405] Node 0 DMA32: 263*4kB (UME) 67*8kB (UME) 14*16kB (UE) 2*32kB (U) 0*64kB 0*128kB = 1876kB",
	};
	struct explain_reader *reader;
	unsigned int width, i;
	char piece[256];
	size_t at;

	(void)state;
	for (width = 58; width < 130; width++) {
		reader = reader_new(keep, NULL);
		seen.count = 0;
		for (i = 0; i < COUNT_OF(lines); i++) {
			for (at = 0; at < strlen(lines[i]); at += width) {
				snprintf(piece, sizeof(piece), "%.*s", (int)width, lines[i] + at);
				reader_line(reader, piece, 1);
			}
			strcpy(piece, "[ 8123.401] usb 1-2: new high-speed USB device");
			reader_line(reader, piece, 1);
		}
		assert_false(reader_end(reader));
		assert_int_equal(seen.count, 1);
		assert_int_equal(seen.incident.gfp, LAB_GFP_ATOMIC | LAB_ZERO);
		assert_int_equal(seen.incident.zones, 1);
		assert_false(seen.incident.cut);
		assert_int_equal(seen.incident.zone[0].kb[FIELD_FREE], 1876);
		assert_int_equal(seen.incident.zone[0].kb[FIELD_HIGH], 8352);
		assert_int_equal(seen.incident.zone[0].kb[FIELD_MANAGED], 2015360);
		assert_int_equal(seen.incident.zone[0].kb[FIELD_FREE_CMA], 16);
		assert_int_equal(seen.incident.zone[0].orders, 6);
		assert_int_equal(seen.incident.zone[0].blocks[2], 14);
		assert_int_equal(seen.incident.zone[0].types[2], TYPE_UNMOVABLE | TYPE_RECLAIMABLE);
	}
}

/* Kernels around 4.11 logged each piece as a line of its own; a mail ends lines with '='; a zone may be empty. */
static void pieces_logged_apart(void **state)
{
	(void)state;
	read_text("k kernel: x: page allocation failure: order:0, mode:0x1480020(GFP_ATOMIC), nodemask=(null)\n"
		  "k kernel: Node 1 \nk kernel: DMA free:8000kB min:64kB\nk kernel: lowmem_reserve[]:\nk kernel:  0\nk kernel:  500\n"
		  "k kernel:  500\nk kernel:  500\nk kernel:  500\nk kernel: Node 1 \nk kernel: DMA32 free:900kB min:4000kB\n"
		  "k kernel: Node 1 \nk kernel: DMA: \nk kernel: 3*4kB \nk kernel: (R) \nk kernel: 1*8kB \nk kernel: = 20kB\n"
		  "k kernel: Node 1 \nk kernel: DMA32: empty\n");
	assert_int_equal(seen.incident.zones, 2);
	assert_int_equal(seen.incident.zone[0].node, 1);
	assert_int_equal(seen.incident.zone[0].reserves, 5);
	assert_int_equal(seen.incident.zone[0].reserve[1], 500);
	assert_int_equal(seen.incident.zone[0].orders, 2);
	assert_int_equal(seen.incident.zone[0].types[0], TYPE_RESERVE);
	assert_int_equal(seen.incident.zone[1].orders, EXPLAIN_ORDERS_MAX);
	assert_int_equal(seen.verdict.page_kb, 4);
	assert_false(seen.incident.cut);
	read_text("> " HEAD("0", "GFP_KERNEL") "> Node 0 DMA free:8000kB min:6=\n> 4kB low:80kB =\n> high:96kB\n"
		  "> Node 0 DMA: 5*4kB 1*8kB =\n> =3D 28kB\n");
	assert_int_equal(seen.incident.zone[0].kb[FIELD_MIN], 64);
	assert_int_equal(seen.incident.zone[0].kb[FIELD_HIGH], 96);
	assert_int_equal(seen.incident.zone[0].orders, 2);
	assert_false(seen.incident.cut);
}

/* What a labyrinth writes of its refusals is read back as it was. */
static void own_lines_come_back(void **state)
{
	struct lab_user_room room = { .name = "a \"b\"", .kind = LAB_ROOM_METADATA, .zone = LAB_ZONE_NORMAL, .size = 2 << 20,
				      .watermarks = true };
	struct lab_user_spec spec = { .birth = LAB_LAZY, .rooms = &room, .room_count = 1 };
	struct own_refusal own = { 0 };
	struct lab_refusal list[LAB_REFUSALS_KEPT];
	unsigned int refusals = 0, rooms = 0;
	char line[512], words[WORDS_MAX];
	FILE *file = tmpfile();
	struct labyrinth *lab;

	(void)state;
	assert_int_equal(lab_user_open(&spec, &lab, NULL), 0);
	assert_int_equal(lab_user_report(lab, fileno(file)), 0);
	assert_int_equal(ftell(file), 0);
	assert_int_equal(lseek(fileno(file), 0, SEEK_END), 0); /* nothing refused: nothing written */
	while (!lab_is_err(lab_alloc_pages(lab, LAB_GFP_KERNEL, 0)))
		;
	while (!lab_is_err(lab_alloc_pages(lab, LAB_GFP_ATOMIC, 0)))
		;
	assert_int_equal(lab_user_report(lab, fileno(file)), 0);
	assert_int_equal(lab_refusals(lab, list, LAB_REFUSALS_KEPT), 2);
	rewind(file);
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		switch (own_parse(line, &own)) {
		case OWN_REFUSAL:
			assert_string_equal(own.room_name, "a ?b?");
			assert_int_equal(own.first, !refusals);
			if (!own.first) /* the oldest first in the text, the newest in the list */
				assert_memory_equal(&own.refusal, &list[2 - refusals], offsetof(struct lab_refusal, remedy_right));
			own_words(&own, words);
			refusals++;
			break;
		case OWN_ROOM:
			rooms++;
			assert_int_equal(own.rooms, rooms);
			assert_false(own.at[0].commons);
			break;
		default:
			fail_msg("not read back: %s", line);
		}
	}
	assert_int_equal(refusals, 3);
	assert_int_equal(rooms, 1);
	assert_int_equal(lab_user_report(lab, -1), -9 /* EBADF */);
	fclose(file);
	lab_user_close(lab);
}

/* The vaults of a report stand behind its first refusal, with where their frames are; a vault has no min, and its laundry would help. */
static void own_vaults_come_back(void **state)
{
	struct lab_user_room room = { .name = "keys", .kind = LAB_ROOM_VAULT, .zone = LAB_ZONE_OWN, .size = 4 * 4096, .guarantees = LAB_NODUMP,
				      .shred = LAB_SHRED_ZERO, .deferred = true, .quarantine = 1 };
	struct lab_user_spec spec = { .birth = LAB_LAZY, .rooms = &room, .room_count = 1 };
	struct lab_request request = LAB_REQUEST(LAB_GFP_ATOMIC, 0);
	struct own_refusal own = { 0 };
	char line[512], words[WORDS_MAX];
	struct lab_page *page[3];
	FILE *file = tmpfile();
	struct labyrinth *lab;

	(void)state;
	if (sizeof(void *) < 8) /* no vaults there */
		skip();
	assert_int_equal(lab_user_open(&spec, &lab, NULL), 0);
	request.room = 0;
	for (unsigned int i = 0; i < 3; i++)
		assert_false(lab_is_err(page[i] = lab_alloc_request(lab, &request, NULL)));
	assert_int_equal(lab_free_as(lab, page[0], 0, LAB_OWNER_EXCLUSIVE, 0), 0);
	assert_int_equal(lab_free_as(lab, page[1], 0, LAB_OWNER_EXCLUSIVE, 0), 0);
	assert_int_equal(lab_ptr_err(lab_alloc_request(lab, &request, NULL)), -LAB_ENOMEM);
	assert_int_equal(lab_user_report(lab, fileno(file)), 0);
	rewind(file);
	while (!own.vaults && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		assert_int_not_equal(own_parse(line, &own), OWN_BAD);
	}
	own_words(&own, words);
	assert_non_null(strstr(words, "Stopped in vault 0 \"keys\", which keeps no reserve"));
	assert_non_null(strstr(words, "lab_launder(), or a keeper, which calls it: 2 freed frames wait in the laundry. When the report was written, of its 4 frames 0 were free, 1 in use, 0 kept for clients, 1 in quarantine, 2 in the laundry, 0 out"));
	fclose(file);
	lab_user_close(lab);
}

static void assert_own_says(const char *line, const char *words)
{
	struct own_refusal own;
	char text[WORDS_MAX];

	assert_int_equal(own_parse(line, &own), OWN_REFUSAL);
	own_words(&own, text);
	if (!strstr(text, words))
		fail_msg("'%s' does not say '%s'", text, words);
}

/* Beyond its maximum, beyond its share, or all of a room: each is said apart. */
static void own_lines_in_words(void **state)
{
#define REFUSED(error, right, floor, remedy)                                                                           \
	"labyrinth refusal: sequence=7 error=" error " order=0 gfp=0x220 right=" right " owner=3 node=-1 room=0 "      \
	"name=\"main\" floor=" floor " remedy=" remedy " remedy_right=- remedy_room=-1"
	(void)state;
	assert_own_says(REFUSED("-122", "min", "96", "quota"), "Stopped by its client: beyond its maximum. ");
	assert_own_says(REFUSED("-122", "min", "96", "share"), "96 frames must stay: beyond its client's share of the reserves. ");
	assert_own_says(REFUSED("-122", "min", "96", "none"), "beyond its client's share of the reserves. Would have served it: nothing");
	assert_own_says(REFUSED("-12", "min", "0", "none"), "Stopped in room 0 \"main\", which keeps no reserve: ");
	assert_own_says(REFUSED("-12", "all", "0", "none"), "Stopped in room 0 \"main\", all of which it may have: ");
}

static void damaged_own_lines(void **state)
{
	static const char whole[] = "labyrinth refusal: sequence=7 error=-12 order=0 gfp=0x220 right=atomic owner=3 node=-1 room=0 "
				    "name=\"main\" floor=96 remedy=right remedy_right=all remedy_room=-1";
	struct own_refusal own;
	char line[sizeof(whole)];
	size_t i;

	(void)state;
	assert_int_equal(own_parse(whole, &own), OWN_REFUSAL);
	assert_int_equal(own.refusal.sequence, 7);
	assert_int_equal(own.refusal.gfp, LAB_GFP_ATOMIC);
	assert_int_equal(own.refusal.floor, 96);
	for (i = strlen("labyrinth refusal: "); i < sizeof(whole) - 2; i++) {
		memcpy(line, whole, i);
		line[i] = '\0';
		assert_int_equal(own_parse(line, &own), OWN_BAD);
	}
	assert_int_equal(own_parse("labyrinth refusal: sequence=99999999999 error=-12", &own), OWN_BAD);
	assert_int_equal(own_parse("labyrinth: something else", &own), OWN_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(floors_to_the_page),
		cmocka_unit_test(a_boost_binds_all_but_single_pages_with_high),
		cmocka_unit_test(contiguous_areas_are_for_movable_requests),
		cmocka_unit_test(atomic_blocks_are_kept_from_sleepers),
		cmocka_unit_test(blocks_of_a_usable_type),
		cmocka_unit_test(reserves_by_the_highest_zone),
		cmocka_unit_test(reserves_below_highmem),
		cmocka_unit_test(numbers_without_names),
		cmocka_unit_test(who),
		cmocka_unit_test(prefixes),
		cmocka_unit_test(nothing_overflows),
		cmocka_unit_test(more_zones_than_there_is_room_for),
		cmocka_unit_test(wrapped_at_any_column),
		cmocka_unit_test(pieces_logged_apart),
		cmocka_unit_test(own_lines_come_back),
		cmocka_unit_test(own_vaults_come_back),
		cmocka_unit_test(own_lines_in_words),
		cmocka_unit_test(damaged_own_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
