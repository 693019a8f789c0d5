/* SPDX-License-Identifier: MIT */
/*
 * interleave.c - every interleaving of a few calls, up to a number of preemptions; then random ones.
 *
 *     interleave [PREEMPTIONS [RANDOM-SCHEDULES [SEED [SCENE]]]]
 *
 * The real core runs on fibers with a switch possible before each of its atomic operations (schedule.h).
 * A scene (scenes.h; SCENE: only those with this in their name) is a room with few free frames and two or three
 * fibers with a call or two each.  After each schedule (judge.h):
 *   - nobody was given a frame that somebody held;
 *   - the answers of the order-0 calls are those of *some* order of the calls that respects which of them
 *     had returned before another began, by Linux's arithmetic over a plain count of free frames: so a
 *     refusal is true, and nobody got what it had no right to;
 *   - a quiet audit finds every rule whole, and every frame accounted for.
 * A failure prints the scene and the schedule (step:fiber of each switch), which replays it.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "judge.h"
#include "schedule.h"

#define SWITCHES_MAX 64

struct fiber {
	jmp_buf here;
	ucontext_t context;
	bool started, done;
	char stack[64 * 1024];
};

static char *metadata, *snapshot;
static size_t metadata_bytes;
static struct lab_room_spec marks;

static struct fiber fibers[FIBERS_MAX];
static jmp_buf main_here;
static ucontext_t main_context;
static int running = -1;
static unsigned int cpu_outside; /* which CPU this is while no fiber runs */
static unsigned int step, clock_now;
static struct {
	unsigned int at;
	int to;
} switches[SWITCHES_MAX];
static unsigned int switch_count, next_switch;
static bool random_mode;
static uint64_t random_state;
static unsigned char enabled_at[1 << 16]; /* which fibers could run at each step, and who did */

static unsigned char holder[64 * 512];
static uint64_t pooled_frame; /* POOLED_FRAME of this scene */
static uint64_t schedules, failures; /* of this scene */

/* ---- this test's own port ---- */

unsigned int lab_port_cpu(void)
{
	return running < 0 ? cpu_outside : (unsigned int)running;
}

unsigned int lab_port_node(void)
{
	return 0;
}

struct labyrinth *lab_port_default(void)
{
	return NULL;
}

/* ---- fibers ---- */

static uint64_t rnd(uint64_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % below;
}

static void enter(int to)
{
	running = to;
	if (!fibers[to].started) {
		fibers[to].started = true;
		setcontext(&fibers[to].context);
	}
	_longjmp(fibers[to].here, 1);
}

static void switch_to(int to)
{
	int from = running;

	if (!_setjmp(fibers[from].here))
		enter(to);
	running = from;
}

static int runnable(void)
{
	int mask = 0, i;

	for (i = 0; i < FIBERS_MAX; i++)
		if (!fibers[i].done)
			mask |= 1 << i;
	return mask;
}

void schedule_point(void)
{
	int to = running;

	if (running < 0)
		return;
	if (step < sizeof(enabled_at))
		enabled_at[step] = (unsigned char)(runnable() | running << 4);
	if (random_mode) {
		if (rnd(6) == 0)
			to = (int)rnd(FIBERS_MAX);
		if (to != running && !fibers[to].done && switch_count < SWITCHES_MAX) {
			switches[switch_count].at = step;
			switches[switch_count++].to = to;
		}
	} else if (next_switch < switch_count && switches[next_switch].at == step) {
		to = switches[next_switch++].to;
	}
	step++;
	if (to != running && !fibers[to].done)
		switch_to(to);
}

/* ---- calls ---- */

static void took(struct lab_page *page, unsigned int order)
{
	uint64_t frame = lab_page_frame(lab, page), i;

	for (i = 0; i < (uint64_t)1 << order; i++)
		if (holder[frame + i]++)
			wrong = "a frame given twice";
}

static int take(lab_gfp_t gfp, unsigned int order, struct record *r)
{
	struct lab_request request = LAB_REQUEST(gfp, order);
	struct lab_page *page;

	if (r->kind == OWN)
		request.owner = 7;
	if (r->kind == FROM)
		request.room = (int16_t)r->arg;
	page = r->kind == OWN || r->kind == FROM ? lab_alloc_request(lab, &request, NULL) :
						   lab_alloc_pages(lab, gfp, order);
	r->code = lab_ptr_err(page);
	if (r->code)
		return 0;
	took(page, order);
	return 1 << order;
}

static int give(uint64_t frame, unsigned int order, bool twice, struct record *r)
{
	struct lab_page_info info;
	unsigned int i;

	if (!twice) /* nobody else frees it: not held any more from here on */
		for (i = 0; i < 1u << order; i++)
			holder[frame + i]--;
	else
		holder[frame] = 0;
	r->code = lab_free_pages(lab, lab_frame_page(lab, frame), order);
	if (r->code && !twice)
		wrong = "a free was refused";
	if (r->code)
		return 0;
	lab_page_info(lab, lab_frame_page(lab, frame), &info);
	return -(1 << order);
}

/* The calls that scenes rarely make. */
static void call_other(const struct op *op, struct record *r)
{
	struct lab_request request = LAB_REQUEST(LAB_GFP_KERNEL, 0);
	struct lab_page *pages[LAB_WORD_BITS], *page;
	struct lab_audit audit;
	long i, n;

	switch (op->kind) {
	case BULK:
		n = lab_alloc_bulk(lab, LAB_GFP_KERNEL, op->arg, pages);
		for (i = 0; i < n; i++)
			took(pages[i], 0);
		r->got = n > 0 ? (int)n : 0;
		break;
	case AT:
		page = lab_alloc_at(lab, op->arg == POOLED_FRAME ? pooled_frame : op->arg, &request);
		r->code = lab_ptr_err(page);
		r->got = !r->code;
		break;
	case SPLIT:
		r->code = lab_split(lab, lab_frame_page(lab, 0), op->arg);
		if (r->code)
			wrong = "a block could not be split";
		break;
	case AUDIT:
		if (lab_audit(lab, false, &audit))
			wrong = audit.text;
		break;
	default:
		break;
	}
}

static void call(const struct op *op)
{
	static const lab_gfp_t gfp[] = { [TAKE] = LAB_GFP_KERNEL, [ATOMIC] = LAB_GFP_ATOMIC, [ALL] = LAB_MEMALLOC,
					 [OWN] = LAB_GFP_KERNEL };
	uint64_t half = marks.min - marks.min / 2;
	struct record *r = &record[records++];

	*r = (struct record){ .kind = op->kind, .arg = op->arg, .began = clock_now++ };
	switch (op->kind) {
	case TAKE:
	case ATOMIC:
	case ALL:
	case OWN:
		r->floor = op->kind == TAKE || op->kind == OWN ? marks.min : op->kind == ATOMIC ? half - half / 4 : 0;
		r->got = take(gfp[op->kind], 0, r);
		if (r->code && r->code != -LAB_ENOMEM && !(scene->again && r->code == -LAB_EAGAIN))
			wrong = "order 0 refused, but not as out of memory";
		break;
	case GIVE:
	case GIVE_TWICE:
		r->got = give(op->arg, 0, op->kind == GIVE_TWICE, r);
		break;
	case GIVE_BLOCK:
		r->got = give(op->arg, 7, false, r);
		break;
	case FROM:
		r->got = take(LAB_GFP_KERNEL, 0, r);
		break;
	case BLOCK:
		r->got = take(LAB_GFP_KERNEL, op->arg, r);
		break;
	case OFF:
		r->code = lab_frame_offline(lab, op->arg == POOLED_FRAME ? pooled_frame : op->arg);
		break;
	default:
		call_other(op, r);
	}
	record[r - record].ended = clock_now++;
}

static void fiber_main(int self)
{
	unsigned int i;
	int next;

	for (i = 0; i < OPS_MAX && scene->op[self][i].kind != END; i++)
		if (scene->op[self][i].kind != PAUSE)
			call(&scene->op[self][i]);
		else if (!fibers[0].done)
			switch_to(0);
	fibers[self].done = true;
	for (next = 0; next < FIBERS_MAX; next++)
		if (!fibers[next].done)
			enter(next);
	running = -1;
	_longjmp(main_here, 1);
}

static void run_fibers(void)
{
	int i;

	step = clock_now = 0;
	records = 0;
	next_switch = 0;
	for (i = 0; i < FIBERS_MAX; i++) {
		fibers[i].started = false;
		fibers[i].done = scene->op[i][0].kind == END;
		getcontext(&fibers[i].context);
		fibers[i].context.uc_stack.ss_sp = fibers[i].stack;
		fibers[i].context.uc_stack.ss_size = sizeof(fibers[i].stack);
		fibers[i].context.uc_link = &main_context;
		makecontext(&fibers[i].context, (void (*)(void))fiber_main, 1, i);
	}
	if (!_setjmp(main_here))
		enter(0);
	running = -1;
}

/* ---- exploring ---- */

static void report(void)
{
	unsigned int i;

	if (failures++ > 1)
		return;
	printf("FAIL interleave/%s: %s\n  schedule", scene->name, wrong);
	for (i = 0; i < switch_count; i++)
		printf(" %u:%d", switches[i].at, switches[i].to);
	printf("\n");
	for (i = 0; i < records; i++)
		printf("  call %d: %u..%u took %d, code %d\n", (int)record[i].kind, record[i].began, record[i].ended,
		       record[i].got, record[i].code);
}

static void play(void)
{
	memcpy(metadata, snapshot, metadata_bytes);
	memset(holder, 1, sizeof(holder));
	for (unsigned int i = 0; scene->free[i] >= 0; i++)
		holder[scene->free[i]] = 0;
	if (scene->block)
		memset(holder, 0, 256);
	if (scene->near)
		memset(holder, 0, NEAR_FRAMES);
	wrong = NULL;
	run_fibers();
	schedules++;
	/* Frames of pools were free at the start too: who holds them is not followed. */
	if (scene->min && wrong && !strcmp(wrong, "a frame given twice"))
		wrong = NULL;
	judge();
	if (wrong)
		report();
}

/* All schedules with up to `left` more switches, the first of them at `from` or later. */
static void explore(unsigned int left, unsigned int from)
{
	unsigned int steps, at;
	unsigned char *enabled;
	int to;

	play();
	if (!left || failures > 1)
		return;
	steps = step < sizeof(enabled_at) ? step : sizeof(enabled_at);
	enabled = malloc(steps);
	memcpy(enabled, enabled_at, steps);
	for (at = from; at < steps; at++)
		for (to = 0; to < FIBERS_MAX; to++) {
			if (!(enabled[at] >> to & 1) || enabled[at] >> 4 == to)
				continue;
			if (scene->only && !(scene->only >> (enabled[at] >> 4) & 1))
				continue;
			switches[switch_count].at = at;
			switches[switch_count++].to = to;
			explore(left - 1, at + 1);
			switch_count--;
		}
	free(enabled);
}

/* ---- scenes ---- */

static bool stays_free(uint64_t frame)
{
	unsigned int i;

	if (scene->block && frame < 256)
		return true;
	for (i = 0; scene->free[i] >= 0; i++)
		if ((uint64_t)scene->free[i] == frame)
			return true;
	return false;
}

/* CPU 1's hint names the second word; then the first two are freed. */
static void make_near(void)
{
	uint64_t frame;

	lab_free_pages(lab, lab_frame_page(lab, LAB_WORD_BITS), 0);
	cpu_outside = 1;
	lab_alloc_pages(lab, LAB_GFP_KERNEL, 0);
	cpu_outside = 0;
	for (frame = 0; frame < NEAR_FRAMES; frame++)
		lab_free_pages(lab, lab_frame_page(lab, frame), 0);
}

static void be_born(void)
{
	static struct lab_room_spec room[2];
	struct lab_spec spec = { .page_shift = 12, .cpus = 4, .rooms = room, .room_count = scene->two ? 2 : 1 };

	room[0] = (struct lab_room_spec){ .name = "r", .zone = LAB_ZONE_NORMAL, .frames = scene->frames, .min = scene->min };
	room[1] = (struct lab_room_spec){ .name = "s", .zone = LAB_ZONE_DMA32, .first_frame = scene->frames,
					  .frames = scene->frames };
	marks = room[0];
	metadata_bytes = lab_metadata_bytes(&spec);
	metadata = aligned_alloc(64, metadata_bytes);
	snapshot = malloc(metadata_bytes);
	memset(metadata, 0, metadata_bytes);
	if (lab_birth(&spec, metadata, metadata_bytes, &lab, NULL, NULL))
		exit(1);
}

static void make(void)
{
	struct lab_request request = LAB_REQUEST(LAB_GFP_KERNEL, 0), large = LAB_REQUEST(LAB_GFP_KERNEL, 7);
	struct lab_room_stats stats;
	struct lab_page_info info;
	uint64_t frame;
	unsigned int i;

	be_born();
	for (i = 0; i < OPS_MAX; i++)
		if (scene->op[0][i].kind == GIVE_BLOCK || scene->op[0][i].kind == SPLIT)
			lab_alloc_at(lab, 0, &large);
	for (frame = 0; frame < scene->frames * (scene->two ? 2 : 1); frame++)
		if (!stays_free(frame))
			lab_alloc_at(lab, frame, &request);
	for (i = 0; i < scene->drain; i++)
		lab_alloc_pages(lab, LAB_MEMALLOC, 0);
	if (scene->near)
		make_near();
	if (scene->lowered)
		lab_alloc_pages(lab, LAB_GFP_KERNEL, 1); /* refused, and remembered */
	for (pooled_frame = 0; pooled_frame < scene->frames; pooled_frame++)
		if (!lab_page_info(lab, lab_frame_page(lab, pooled_frame), &info) && info.state == LAB_POOLED)
			break;
	free_at_start = 0;
	for (i = 0; !lab_room_stats(lab, i, &stats); i++)
		free_at_start += stats.free_commons + stats.free_pooled;
	memcpy(snapshot, metadata, metadata_bytes);
}

/* Every schedule up to the bound, then random ones. */
static void perform(unsigned int bound, uint64_t randoms)
{
	uint64_t n;

	failures = schedules = 0;
	make();
	random_mode = false;
	switch_count = 0;
	explore(scene->only ? bound + 1 : bound, 0);
	random_mode = true;
	for (n = 0; n < randoms && failures < 2; n++) {
		switch_count = 0;
		play();
	}
	if (!failures)
		printf("ok interleave/%s: %" PRIu64 " schedules\n", scene->name, schedules);
	fflush(stdout);
	free(metadata);
	free(snapshot);
}

int main(int argc, char **argv)
{
	unsigned int bound = argc > 1 ? (unsigned int)strtoul(argv[1], NULL, 0) : 2, i;
	uint64_t randoms = argc > 2 ? strtoull(argv[2], NULL, 0) : 20000, all = 0;
	const char *only = argc > 4 ? argv[4] : "";

	random_state = (argc > 3 ? strtoull(argv[3], NULL, 0) : 1) * 0x9e3779b97f4a7c15u | 1;
	for (i = 0; i < sizeof(scenes) / sizeof(*scenes); i++) {
		scene = &scenes[i];
		if (!strstr(scene->name, only))
			continue;
		perform(bound, randoms);
		all += failures;
	}
	return all ? 1 : 0;
}
