/* SPDX-License-Identifier: MIT */
/*
 * interleave.c - a few calls under every interleaving.
 *
 *     interleave [--brief] [--long] [--seed N] [--only SCENE] [--replay SCHEDULE]
 *
 * The real core runs on fibers with a switch possible before each of its atomic operations (schedule.h).  A scene
 * (scenes.h) is a room with few free frames and two or three fibers with a call or two each.  It is run
 *   - under all interleavings, one of each class of equivalent ones (dpor.h), or as many of them as fit;
 *   - under every schedule up to a number of preemptions (explore.h), then random ones;
 *   - the same with weak memory (weak.h), where a preemption may also be a load of an older value.
 * After each schedule (judge.h):
 *   - nobody was given a frame that somebody held;
 *   - the answers of the order-0 calls are those of *some* order of the calls that respects which of them
 *     had returned before another began, by Linux's arithmetic over a plain count of free frames: so a
 *     refusal is true, and nobody got what it had no right to;
 *   - what was written in a vault is gone before anybody else can reach it (vaults.h);
 *   - a quiet audit finds every rule whole, and every frame accounted for.
 * A failure prints the scene and the schedule, and --replay plays it again, an operation a line.
 */
#include <inttypes.h>

#include "../proof/machine.h"
#include "calls.h"
#include "dpor.h"

static char *metadata, *snapshot;
static size_t metadata_bytes;
static unsigned int cpu_outside;	 /* which CPU this is while no fiber runs */
static uint64_t schedules, failures; /* of this scene */
static uint64_t pooled_at_start[LAB_LEAF_FRAMES];
static unsigned int pooled_count;
static bool ready_at_start[LAB_LEAF_FRAMES];

/* ---- this test's own port ---- */

unsigned int lab_port_cpu(void)
{
	return fibers.running < 0 ? cpu_outside : (unsigned int)fibers.running;
}

unsigned int lab_port_node(void)
{
	return 0;
}

struct labyrinth *lab_port_default(void)
{
	return NULL;
}

/* ---- a schedule ---- */

static void report(void)
{
	unsigned int i;

	if (failures++ > 1)
		return;
	machine_fail(scene->name, "%s", fibers.wrong);
	printf("  %sschedule: --replay ", weak.on ? "weak memory; " : "");
	if (weak.on)
		printf("weak,");
	explore_print();
	for (i = 0; i < records; i++)
		printf("  call %d: %u..%u took %d, code %d\n", (int)record[i].kind, record[i].began, record[i].ended,
		       record[i].got, record[i].code);
}

static unsigned int fibers_there(void)
{
	unsigned int there = 0, i;

	for (i = 0; i < FIBERS_MAX; i++)
		if (scene->op[i][0].kind != END)
			there |= 1u << i;
	return there;
}

/* False: enough of this. */
static bool play_by(int (*pick)(unsigned int))
{
	unsigned int i;

	memcpy(metadata, snapshot, metadata_bytes);
	memset(holder, 1, sizeof(holder));
	for (i = 0; scene->free[i] >= 0; i++)
		holder[scene->free[i]] = 0;
	if (scene->block)
		memset(holder, 0, BLOCK_FRAMES);
	if (scene->near)
		memset(holder, 0, NEAR_FRAMES);
	for (i = 0; i < pooled_count; i++)
		holder[pooled_at_start[i]] = 0;
	memset(held_by, 0, sizeof(held_by));
	if (scene->vault.is)
		vault_begin();
	if (scene->keys)
		keys_begin();
	for (i = 0; scene->zeroed && i < scene->frames; i++)
		memory[(size_t)i << 12] = holder[i] || !ready_at_start[i];
	records = clock_now = 0;
	if (!explore_run(fibers_there(), calls_of, pick))
		return true; /* no end of its own */
	schedules++;
	judge();
	if (!fibers.wrong)
		return true;
	if (pick == dpor_pick)
		dpor_deviations();
	report();
	return failures < 2;
}

static bool play(void)
{
	return play_by(explore_pick);
}

static bool play_reduced(void)
{
	return play_by(dpor_pick);
}

/* ---- scenes ---- */

static bool stays_free(uint64_t frame)
{
	unsigned int i;

	if (scene->block && frame < BLOCK_FRAMES)
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

/* So many free frames are zeroed and put aside; which, `ready_at_start` says. */
static void make_ready(void)
{
	unsigned int i;

	memset(ready_at_start, 0, sizeof(ready_at_start));
	for (i = 0; i < scene->ready; i++) {
		lab_bit frame = keeper_take(labyrinth_room(lab, 0));

		ready_at_start[frame] = keeper_give(labyrinth_room(lab, 0), frame);
	}
}

static void be_born(void)
{
	static struct lab_room_spec room[2];
	struct lab_spec spec = { .page_shift = 12, .cpus = 4, .rooms = room, .room_count = scene->two ? 2 : 1 };

	room[0] = (struct lab_room_spec){ .name = "r", .zone = LAB_ZONE_NORMAL, .frames = scene->frames, .min = scene->min };
	room[1] = (struct lab_room_spec){ .name = "s", .zone = LAB_ZONE_DMA32, .first_frame = scene->frames,
					  .frames = scene->frames };
	memory = scene->zeroed ? aligned_alloc(4096, (size_t)scene->frames << 12) : NULL;
	room[0].memory = memory;
	room[0].zeroed = scene->zeroed;
	if (scene->vault.is)
		vault_prepare(&spec, &room[0]);
	marks = room[0];
	spec.clients = scene->clients ? 2 : 0;
	spec.contract_frames = scene->clients ? 4 : 0;
	metadata_bytes = lab_metadata_bytes(&spec);
	metadata = aligned_alloc(64, metadata_bytes);
	snapshot = malloc(metadata_bytes);
	memset(metadata, 0, metadata_bytes);
	if (lab_birth(&spec, metadata, metadata_bytes, &lab, NULL, NULL))
		exit(1);
}

static void make(void)
{
	struct lab_request request = LAB_REQUEST(LAB_GFP_KERNEL, 0), large = LAB_REQUEST(LAB_GFP_KERNEL, MULTI);
	struct lab_room_stats stats;
	struct lab_page_info info;
	uint64_t frame;
	unsigned int i;

	be_born();
	request.owner = scene->vault.is ? VAULT_FIRST : 0;
	if (scene->clients)
		clients_open();
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
	make_ready();
	pooled_count = 0;
	for (frame = 0; frame < scene->frames; frame++)
		if (!lab_page_info(lab, lab_frame_page(lab, frame), &info) && (info.state == LAB_POOLED || info.state == LAB_KEPT))
			pooled_at_start[pooled_count++] = frame;
	pooled_frame = scene->shared ? shared_frame : pooled_count ? pooled_at_start[0] : scene->frames;
	free_at_start = 0;
	for (i = 0; !lab_room_stats(lab, i, &stats); i++)
		free_at_start += stats.free_commons + stats.free_pooled;
	if (scene->vault.is)
		vault_made();
	memcpy(snapshot, metadata, metadata_bytes);
}

/* Every schedule up to the bound, then random ones. */
static void perform_bounded(unsigned int bound, uint64_t randoms)
{
	uint64_t n;

	explore.random = false;
	explore.count = 0;
	explore.only = scene->only;
	explore_bounded(scene->only ? bound + (weak.on ? 2 : 1) : bound, 0, play);
	explore.random = true;
	for (n = 0; n < randoms && failures < 2; n++) {
		explore.count = 0;
		play();
	}
}

static struct {
	unsigned int bound, weak_bound; /* deviations */
	uint64_t randoms, executions;
} effort = { 2, 1, 2000, 15000 };

static void perform(void)
{
	uint64_t reduced, bounded;
	bool all = false;

	failures = schedules = 0;
	make();
	explore.watch = scene->vault.is ? vault_watch : NULL;
	if (!scene->only)
		all = dpor_explore(effort.executions, play_reduced);
	reduced = schedules;
	perform_bounded(effort.bound, all ? 0 : effort.randoms);
	bounded = schedules - reduced;
	weak.on = true;
	perform_bounded(effort.weak_bound, effort.randoms);
	weak.on = false;
	machine.cases += schedules;
	if (!failures)
		printf("  %s: %" PRIu64 " by reduction%s, %" PRIu64 " with up to %u preemptions, %" PRIu64
		       " with weak memory\n", scene->name, reduced, all ? " (all there are)" : "", bounded, effort.bound,
		       schedules - reduced - bounded);
	free(metadata);
	free(snapshot);
	free(memory);
	vault_end();
}

static void replay(const char *schedule)
{
	failures = 0;
	make();
	explore.watch = scene->vault.is ? vault_watch : NULL;
	if (!strncmp(schedule, "weak,", 5)) {
		weak.on = true;
		schedule += 5;
	}
	if (!explore_parse(schedule)) {
		fprintf(stderr, "not a schedule (STEP:FIBER,STEP:FIBER...): %s\n", schedule);
		exit(2);
	}
	explore.verbose = true;
	machine.cases++;
	play();
	if (!failures)
		printf("nothing is wrong with this schedule\n");
}

/* Takes this option, and its value, out of the arguments; NULL: it is not there. */
static const char *option(int *argc, char **argv, const char *name, bool valued)
{
	int i, k, taken = valued ? 2 : 1;

	for (i = 1; i + taken <= *argc; i++) {
		const char *value = argv[i + taken - 1];

		if (strcmp(argv[i], name))
			continue;
		for (k = i; k + taken <= *argc; k++)
			argv[k] = argv[k + taken];
		*argc -= taken;
		return value;
	}
	return NULL;
}

int main(int argc, char **argv)
{
	const char *schedule = option(&argc, argv, "--replay", true);
	unsigned int i;

	if (option(&argc, argv, "--brief", false)) { /* for a look at what is reached, not at what is wrong */
		effort.bound = 1;
		effort.randoms = 200;
		effort.executions = 500;
	}
	machine.usage = " [--brief] [--replay SCHEDULE]";
	machine_begin(argc, argv);
	explore.state = machine.seed * 0x9e3779b97f4a7c15u | 1;
	if (machine.long_form) {
		effort.bound = 3;
		effort.weak_bound = 2;
		effort.randoms = 100000;
		effort.executions = 5000000;
	}
	for (i = 0; i < sizeof(scenes) / sizeof(*scenes); i++) {
		scene = &scenes[i];
		if (!machine_wants(scene->name) || (scene->small && LAB_LEAF_FRAMES >= 512))
			continue;
		if (schedule)
			replay(schedule);
		else
			perform();
	}
	return machine_end("P1 P2 P4 P5 P6", LAB_LEAF_FRAMES < 512 ? "every interleaving, small leaves" : "every interleaving");
}
