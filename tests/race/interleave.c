/* SPDX-License-Identifier: MIT */
/*
 * interleave.c - every interleaving of a few calls, up to a number of preemptions; then random ones.
 *
 *     interleave [PREEMPTIONS [RANDOM-SCHEDULES [SEED]]]
 *
 * The real core runs on fibers with a switch possible before each of its atomic operations (schedule.h).
 * A scene is a room with few free frames and two or three fibers with a call or two each.  After each
 * schedule:
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

#include <labyrinth.h>

#include "schedule.h"

#define FIBERS_MAX 3
#define OPS_MAX 4
#define SWITCHES_MAX 64
#define FREE_MAX 8

enum op_kind { END, TAKE, ATOMIC, ALL, OWN, GIVE, GIVE_TWICE, BLOCK, GIVE_BLOCK, OFF, BULK };

struct op {
	enum op_kind kind;
	unsigned int arg; /* GIVE: which frame; BLOCK: order; OFF: frame */
};

struct scene {
	const char *name;
	unsigned int frames, min;
	unsigned int drain;	       /* frames taken out of the room's pools before the start */
	int free[FREE_MAX];	       /* frames that are free at the start, then -1 */
	bool block;		       /* the largest free block is what the first leaf holds: leave it whole */
	bool again;		       /* -EAGAIN is an answer here: a call may have frames in its hand */
	struct op op[FIBERS_MAX][OPS_MAX];
};

static const struct scene scenes[] = {
	{ "give against take, full leaf", 512, 0, 0, { -1 }, .op = { { { GIVE, 3 } }, { { TAKE, 0 } } } },
	{ "two last frames, two takers", 512, 0, 0, { 5, 500, -1 }, .op = { { { TAKE, 0 } }, { { TAKE, 0 } } } },
	{ "last frame, taker and giver", 512, 0, 0, { 5, -1 }, .op = { { { TAKE, 0 } }, { { GIVE, 9 } } } },
	{ "two last frames of siblings, giver, two levels", 40 * 512, 0, 0, { 5, 600, -1 },
	  .op = { { { TAKE, 0 } }, { { TAKE, 0 } }, { { GIVE, 7 } } } },
	{ "full, two levels: givers in two subtrees, taker", 40 * 512, 0, 0, { -1 },
	  .op = { { { GIVE, 1 } }, { { GIVE, 39 * 512 } }, { { TAKE, 0 } } } },
	{ "full, two levels: give and take again", 40 * 512, 0, 0, { -1 },
	  .op = { { { GIVE, 1 }, { TAKE, 0 } }, { { GIVE, 39 * 512 }, { TAKE, 0 } } } },
	{ "one frame, churned", 512, 0, 0, { 5, -1 },
	  .op = { { { TAKE, 0 } }, { { GIVE, 70 }, { TAKE, 0 } }, { { TAKE, 0 } } } },
	{ "two frees of one page", 512, 0, 0, { -1 }, .op = { { { GIVE_TWICE, 8 } }, { { GIVE_TWICE, 8 } }, { { OWN, 0 } } } },
	{ "reserve: draw against free", 512, 32, 60, { -1 }, .op = { { { GIVE, 3 } }, { { ATOMIC, 0 } } } },
	{ "reserve: free against two rights", 512, 32, 60, { -1 },
	  .op = { { { GIVE, 3 } }, { { ATOMIC, 0 } }, { { TAKE, 0 } } } },
	{ "reserve: two draws, two frees", 512, 32, 40, { -1 },
	  .op = { { { ATOMIC, 0 }, { GIVE, 3 } }, { { ALL, 0 }, { GIVE, 4 } } } },
	{ "reserve: the last frame, everything drawn", 512, 32, 0, { -1 },
	  .op = { { { GIVE, 3 }, { TAKE, 0 } }, { { ATOMIC, 0 } }, { { GIVE, 4 } } } },
	{ "reserve: band and commons, filled at the edge", 512, 32, 8, { -1 },
	  .op = { { { GIVE, 3 } }, { { TAKE, 0 } }, { { TAKE, 0 } } } },
	{ "reserve: band low..min drawn while filled", 512, 32, 15, { -1 },
	  .op = { { { GIVE, 3 }, { GIVE, 4 } }, { { TAKE, 0 }, { TAKE, 0 } } } },
	{ "block of 128 against a take in it", 512, 0, 0, { -1 }, .block = true, .again = true,
	  .op = { { { BLOCK, 7 } }, { { TAKE, 0 } } } },
	{ "two blocks of 128 in the same words", 512, 0, 0, { -1 }, .block = true, .again = true,
	  .op = { { { BLOCK, 7 } }, { { BLOCK, 7 } } } },
	{ "block of 128 given, take and block", 512, 0, 0, { -1 }, .again = true,
	  .op = { { { GIVE_BLOCK, 0 }, { BLOCK, 7 } }, { { TAKE, 0 } } } },
	{ "hint lowered against a give that completes", 512, 0, 0, { 0, -1 }, .again = true,
	  .op = { { { BLOCK, 1 } }, { { GIVE, 1 } }, { { BLOCK, 2 } } } },
	{ "hint: two completing gives, two searchers", 512, 0, 0, { 0, 2, -1 }, .again = true,
	  .op = { { { GIVE, 1 }, { BLOCK, 1 } }, { { GIVE, 3 }, { BLOCK, 2 } } } },
	{ "frame offline against its free and a take", 512, 0, 0, { 5, -1 },
	  .op = { { { OFF, 3 } }, { { GIVE, 3 } }, { { TAKE, 0 } } } },
	{ "bulk against take and give", 512, 0, 0, { 5, 6, -1 }, .op = { { { BULK, 3 } }, { { GIVE, 4 } }, { { TAKE, 0 } } } },
};

/* What a call did. */
struct record {
	enum op_kind kind;
	unsigned int began, ended; /* on one clock for all */
	int got;		   /* frames taken (> 0), given (< 0), or 0: refused */
	int code;
	uint64_t floor;
};

struct fiber {
	jmp_buf here;
	ucontext_t context;
	bool started, done;
	char stack[64 * 1024];
};

static struct labyrinth *lab;
static const struct scene *scene;
static char *metadata, *snapshot;
static size_t metadata_bytes;
static struct lab_room_spec marks;
static uint64_t free_at_start;

static struct fiber fibers[FIBERS_MAX];
static jmp_buf main_here;
static ucontext_t main_context;
static int running = -1;
static unsigned int step, clock_now;
static struct {
	unsigned int at;
	int to;
} switches[SWITCHES_MAX];
static unsigned int switch_count, next_switch;
static bool random_mode;
static uint64_t random_state;
static unsigned char enabled_at[1 << 16]; /* which fibers could run at each step, and who did */

static struct record record[FIBERS_MAX * OPS_MAX];
static unsigned int records;
static unsigned char holder[64 * 512];
static const char *wrong;
static uint64_t schedules, failures; /* of this scene */

/* ---- this test's own port ---- */

unsigned int lab_port_cpu(void)
{
	return running < 0 ? 0 : (unsigned int)running;
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
	page = r->kind == OWN ? lab_alloc_request(lab, &request, NULL) : lab_alloc_pages(lab, gfp, order);

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

static void call(const struct op *op)
{
	static const lab_gfp_t gfp[] = { [TAKE] = LAB_GFP_KERNEL, [ATOMIC] = LAB_GFP_ATOMIC, [ALL] = LAB_MEMALLOC,
					 [OWN] = LAB_GFP_KERNEL };
	uint64_t half = marks.min - marks.min / 2;
	struct lab_page *pages[8];
	struct record *r = &record[records++];
	long i, n;

	*r = (struct record){ .kind = op->kind, .began = clock_now++ };
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
	case BLOCK:
		r->got = take(LAB_GFP_KERNEL, op->arg, r);
		break;
	case OFF:
		r->code = lab_frame_offline(lab, op->arg);
		break;
	case BULK:
		n = lab_alloc_bulk(lab, LAB_GFP_KERNEL, op->arg, pages);
		for (i = 0; i < n; i++)
			took(pages[i], 0);
		r->got = n > 0 ? (int)n : 0;
		break;
	default:
		break;
	}
	record[r - record].ended = clock_now++;
}

static void fiber_main(int self)
{
	unsigned int i;
	int next;

	for (i = 0; i < OPS_MAX && scene->op[self][i].kind != END; i++)
		call(&scene->op[self][i]);
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

/* ---- judging ---- */

/*
 * A free and a draw that overlap may miss each other (core/room.c, "Nobody moves it"): then the frame is in
 * the commons where by Linux's count it would have gone to the reserve, one frame a pair.
 */
static int64_t overlaps(void)
{
	unsigned int i, k;
	int64_t n = 0;

	for (i = 0; scene->min && i < records; i++)
		for (k = 0; k < records && record[i].got < 0; k++)
			if (record[k].got > 0 && record[k].began < record[i].ended && record[i].began < record[k].ended) {
				n++;
				break;
			}
	return n;
}

/* Is there an order of the calls, each between its beginning and its end, that gives these answers? */
static bool linearizable(unsigned int done, int64_t free)
{
	unsigned int i, k;

	if (done == (1u << records) - 1)
		return true;
	for (i = 0; i < records; i++) {
		const struct record *r = &record[i];
		bool possible = !(done >> i & 1);

		for (k = 0; k < records && possible; k++)
			if (!(done >> k & 1) && record[k].ended < r->began)
				possible = false; /* that one had returned before this began */
		if (!possible)
			continue;
		if (r->kind >= TAKE && r->kind <= OWN)
			if (r->code == -LAB_ENOMEM ? free > (int64_t)r->floor : r->got && free + overlaps() <= (int64_t)r->floor)
				continue;
		if (r->got > 0 && free < r->got)
			continue;
		if (linearizable(done | 1u << i, free - r->got))
			return true;
	}
	return false;
}

static void judge(void)
{
	struct lab_audit audit;
	unsigned int i, twice = 0, succeeded = 0;
	bool bulky = false;

	for (i = 0; i < records; i++) {
		twice += record[i].kind == GIVE_TWICE;
		succeeded += record[i].kind == GIVE_TWICE && record[i].got;
		bulky |= record[i].kind == BULK || record[i].kind == OFF;
	}
	if (twice && succeeded != 1)
		wrong = "of two frees of one page not exactly one went through";
	if (!wrong && !bulky && !linearizable(0, (int64_t)free_at_start))
		wrong = "no order of the calls gives these answers";
	if (!wrong && lab_audit(lab, true, &audit))
		wrong = audit.text;
}

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

static void make(void)
{
	static struct lab_room_spec room;
	struct lab_spec spec = { .page_shift = 12, .cpus = 4, .rooms = &room, .room_count = 1 };
	struct lab_request request = LAB_REQUEST(LAB_GFP_KERNEL, 0), large = LAB_REQUEST(LAB_GFP_KERNEL, 7);
	struct lab_room_stats stats;
	uint64_t frame;
	unsigned int i;

	room = (struct lab_room_spec){ .name = "r", .zone = LAB_ZONE_NORMAL, .frames = scene->frames, .min = scene->min };
	marks = room;
	metadata_bytes = lab_metadata_bytes(&spec);
	metadata = aligned_alloc(64, metadata_bytes);
	snapshot = malloc(metadata_bytes);
	memset(metadata, 0, metadata_bytes);
	if (lab_birth(&spec, metadata, metadata_bytes, &lab, NULL, NULL))
		exit(1);
	for (i = 0; i < OPS_MAX; i++)
		if (scene->op[0][i].kind == GIVE_BLOCK)
			lab_alloc_at(lab, 0, &large);
	for (frame = 0; frame < scene->frames; frame++)
		if (!stays_free(frame))
			lab_alloc_at(lab, frame, &request);
	for (i = 0; i < scene->drain; i++)
		lab_alloc_pages(lab, LAB_MEMALLOC, 0);
	lab_room_stats(lab, 0, &stats);
	free_at_start = stats.free_commons + stats.free_pooled;
	memcpy(snapshot, metadata, metadata_bytes);
}

int main(int argc, char **argv)
{
	unsigned int bound = argc > 1 ? (unsigned int)strtoul(argv[1], NULL, 0) : 2, i;
	uint64_t randoms = argc > 2 ? strtoull(argv[2], NULL, 0) : 20000, n, all = 0;

	random_state = (argc > 3 ? strtoull(argv[3], NULL, 0) : 1) * 0x9e3779b97f4a7c15u | 1;
	for (i = 0; i < sizeof(scenes) / sizeof(*scenes); i++) {
		scene = &scenes[i];
		failures = schedules = 0;
		make();
		random_mode = false;
		switch_count = 0;
		explore(bound, 0);
		random_mode = true;
		for (n = 0; n < randoms && failures < 2; n++) {
			switch_count = 0;
			play();
		}
		all += failures;
		if (!failures)
			printf("ok interleave/%s: %" PRIu64 " schedules\n", scene->name, schedules);
		fflush(stdout);
		free(metadata);
		free(snapshot);
	}
	return all ? 1 : 0;
}
