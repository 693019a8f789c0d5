/* SPDX-License-Identifier: MIT */
/*
 * inject.c - every atomic operation of the core refused, delayed and raced for.
 *
 * In each scene (inject_scenes.h) each call is run again and again from the same state:
 *
 *   refused   its n-th compare-and-swap is said to have failed; so are 2 or 5 in a row, or half of them at random.
 *             It answers as without, and takes no more operations than that many retries need.
 *   delayed   before its n-th operation another call, or two, run to their end.
 *   raced     before its n-th compare-and-swap another call takes the very bit, slot or tag.
 *   parked    before its n-th operation another call runs as far as its own m-th, and goes on at the end.
 *   twice     before its n-th operation another call runs, before a later one a second, to be parked.
 *   chased    whatever it is about to take is taken, each time: it gives up in a bounded number of steps.
 *
 * After each run inject_verdict.h finds an order of the calls that explains every answer, or it is a failure.
 * Last, each system call that opening a labyrinth makes fails in turn (inject_home.h).  A site of the core that
 * some injection never reached is a failure too, unless it stands in `out_of_reach` with its reason.
 *
 * A failure names scene, call, kind and operation; --only with that text runs it alone.
 */
#define _GNU_SOURCE
#include "inject_verdict.h"
#include "inject_scenes.h"
#include "inject_race.h"
#include "inject_sites.h"

/* Runs a scene and call: long ones have more operations than can all be tried in the short form. */
#define POINTS_SHORT 400u
#define PAIRS_SHORT 4u /* of the pairs of other calls at a point, one in so many */
#define FEW_CALLS 5u   /* with so many in a scene, all three of them meet */
#define RANDOM_SHORT 300u
#define RANDOM_LONG 20000u
#define RETRY_STEPS 64u /* what one refused compare-and-swap may cost */

static unsigned int scene_calls;
static uint64_t base_steps;
static char run_name[400];

static void perform(void *call)
{
	do_call(call);
}

/* What runs at an injection: call `id`, or the two calls of it in base scene_calls + 1; or a race for the bit. */
static void others(unsigned int id)
{
	if (id >= RACES) {
		do_race(id - RACES);
		return;
	}
	do_call(&scene->call[id % (CALLS_MAX + 1)]);
	if (id / (CALLS_MAX + 1))
		do_call(&scene->call[id / (CALLS_MAX + 1) - 1]);
}

static const char *others_name(unsigned int id, char *text, size_t size)
{
	if (id >= RACES)
		snprintf(text, size, "race %u", id - RACES);
	else if (id / (CALLS_MAX + 1))
		snprintf(text, size, "[%s; %s]", scene->call[id % (CALLS_MAX + 1)].name,
			 scene->call[id / (CALLS_MAX + 1) - 1].name);
	else
		snprintf(text, size, "[%s]", scene->call[id].name);
	return text;
}

static const char *name_run(const char *kind)
{
	char first[80], second[80];
	int n = snprintf(run_name, sizeof(run_name), "%s: %s, %s", scene->name, under_test->name, kind);

	if (engine.others)
		n += snprintf(run_name + n, sizeof(run_name) - (size_t)n, " %" PRIu64 "%s %s", engine.other[0].at,
			      engine.other_cpu ? "" : " on its CPU", others_name(engine.other[0].id, first, sizeof(first)));
	if (engine.others > 1)
		n += snprintf(run_name + n, sizeof(run_name) - (size_t)n, " %" PRIu64 " %s", engine.other[1].at,
			      others_name(engine.other[1].id, second, sizeof(second)));
	if (engine.others && engine.other[engine.others - 1].park)
		n += snprintf(run_name + n, sizeof(run_name) - (size_t)n, " until %" PRIu64, engine.other[engine.others - 1].park);
	if (!strcmp(kind, "refused"))
		snprintf(run_name + n, sizeof(run_name) - (size_t)n, " %" PRIu64 " x %" PRIu64 ", random 1/%u", engine.refuse_from,
			 engine.refuse_left, engine.odds);
	return run_name;
}

static void report(const char *why)
{
	unsigned int i;

	machine_fail(run_name, "%s", why);
	for (i = 0; i < records; i++)
		printf("  %u..%u %s: code %d, count %ld, frame %" PRIu64 "\n", record[i].began, record[i].ended,
		       record[i].call->name, record[i].code, record[i].count, record[i].frame[0]);
	if (machine.failures >= 10) {
		printf("FAIL more than enough\n");
		exit(1);
	}
}

/* One run from the scene's state, with what the engine has been told.  False: not asked for, or it failed. */
static bool run(const char *kind)
{
	const char *why;

	if (machine.only && !strstr(name_run(kind), machine.only))
		return false;
	scene_again();
	machine.cases++;
	if (!engine_run(perform, (void *)(uintptr_t)under_test))
		why = "it does not end";
	else
		why = verdict();
	if (!why)
		return true;
	if (!machine.only)
		name_run(kind);
	report(why);
	return false;
}

/* ---- refused ---- */

/* The answer may not depend on it; where it may, SPEC.md allows it (two calls at once, "call again"). */
static bool same_answer(int code, int base)
{
	if (under_test->kind == OFF && base == -LAB_EBUSY && code == -LAB_EAGAIN)
		return true;
	if (under_test->kind == ON && !base && code == -LAB_EALREADY)
		return true;
	return code == base;
}

static void refuse(uint64_t from, uint64_t times, unsigned int odds)
{
	int base = alone[under_test - scene->call];
	uint64_t random = engine.random;

	engine_reset();
	engine.refuse_from = from;
	engine.refuse_left = times;
	engine.odds = odds;
	if (machine.only && !strstr(name_run("refused"), machine.only))
		return;
	scene_again();
	machine.cases++;
	if (!engine_run(perform, (void *)(uintptr_t)under_test)) {
		report("it does not end");
		return;
	}
	engine.refuse_left = times; /* for the report's sake */
	if (!same_answer(record[0].code, base)) {
		name_run("refused");
		report("another answer than without");
	} else if (engine.step > base_steps + RETRY_STEPS * engine.refused) {
		name_run("refused");
		report("too many operations");
	} else if (record[0].code == base && verdict()) {
		name_run("refused");
		report(verdict());
	}
	if (record[0].code != base) { /* once more, without: now it must be so */
		engine_reset();
		records = 0;
		engine_run(perform, (void *)(uintptr_t)under_test);
		if (record[0].code != base || verdict())
			report("another answer, and again");
	}
	engine.random = random + engine.step;
}

static void refuse_all(uint64_t stride)
{
	static const unsigned int in_row[] = { 1, 2, 5 };
	uint64_t n, i;

	for (n = 1; n <= base_steps; n += stride) {
		uint64_t at = n;

		while (at <= base_steps && !engine_is_cas(at))
			at++;
		for (i = 0; i < sizeof(in_row) / sizeof(*in_row) && at < n + stride; i++)
			refuse(at, in_row[i], 0);
	}
	for (i = 0; i < (machine.long_form ? 2000 : 40); i++) {
		engine.random = (machine.seed * 0x9e3779b97f4a7c15u + i * 77777) | 1;
		refuse(0, 0, 2);
	}
}

/* ---- delayed, raced, parked, twice ---- */

static void delay(uint64_t at, unsigned int id, unsigned int cpu)
{
	engine_reset();
	engine.others = 1;
	engine.other_cpu = cpu;
	engine.other[0] = (struct inject_other){ .at = at, .id = id };
	run(id >= RACES ? "raced" : "delayed");
}

static void twice(uint64_t at, unsigned int id, uint64_t after, unsigned int second)
{
	engine_reset();
	engine.others = 2;
	engine.other[0] = (struct inject_other){ .at = at, .id = id };
	engine.other[1] = (struct inject_other){ .at = at + after, .id = second };
	run("twice");
}

/* Another call or two, and soon after it one more: what only a conflict leads to is delayed too. */
static void delay_twice(uint64_t at, unsigned int id)
{
	bool audit = scene->all_pairs && under_test->kind == AUDIT;
	bool all = (audit && id <= CALLS_MAX) || (scene->all_pairs && scene_calls <= FEW_CALLS);
	unsigned int again, i;

	for (again = machine.long_form || audit || all ? 12 : scene->all_pairs ? 3 : 1; again > 0; again--) {
		if (!all)
			twice(at, id, audit ? again : 1 + engine_random(12), (unsigned int)engine_random(scene_calls));
		for (i = 0; i < scene_calls && all; i++)
			twice(at, id, again, i);
	}
}

static void delay_pairs(uint64_t at, unsigned int i)
{
	bool all = machine.long_form || scene->all_pairs;
	unsigned int k;

	for (k = 0; k < scene_calls && (all || !scene->no_pairs); k++) {
		if (!all && engine_random(PAIRS_SHORT))
			continue;
		delay(at, i + (CALLS_MAX + 1) * (k + 1), 1);
		if (all)
			delay_twice(at, i + (CALLS_MAX + 1) * (k + 1));
	}
}

static void delay_all(uint64_t stride)
{
	unsigned int i;
	uint64_t n;

	for (n = 1; n <= base_steps; n += stride) {
		for (i = 0; i < scene_calls; i++) {
			delay(n, i, 1);
			delay(n, i, 0); /* from an interrupt on the same CPU */
			delay_twice(n, i);
			delay_pairs(n, i);
		}
		for (i = 0; i < RACE_KINDS && engine_is_cas(n); i++)
			delay(n, RACES + i, 1);
	}
}

/* Another call, then one that is parked: at all places. */
static void park_all(void)
{
	uint64_t n, m, park;
	unsigned int i, k;

	for (n = 1; n <= base_steps; n++)
		for (m = n; m < n + 24; m++)
			for (i = 0; i < scene_calls * scene_calls; i++)
				for (park = 1; park <= 10; park++) {
					k = i / scene_calls;
					engine_reset();
					engine.others = 2;
					engine.other[0] = (struct inject_other){ .at = n, .id = i % scene_calls };
					engine.other[1] = (struct inject_other){ .at = m, .park = park, .id = k };
					run("twice");
				}
}

/* Random parks, and random pairs of places. */
static void park_some(void)
{
	unsigned int n = base_steps ? machine.long_form ? RANDOM_LONG : RANDOM_SHORT : 0, i;

	for (i = 0; i < n; i++) {
		uint64_t first, second, random = engine.random, park;
		unsigned int one, two;

		engine_reset();
		engine.random = random;
		first = 1 + engine_random(base_steps);
		second = first + 1 + engine_random(base_steps);
		one = (unsigned int)engine_random(scene_calls);
		two = (unsigned int)engine_random(scene_calls);
		park = 1 + engine_random(engine_random(4) ? 24 : 200);
		engine.others = i % 2 ? 2 : 1;
		engine.other[0] = (struct inject_other){ .at = first, .park = engine.others > 1 ? 0 : park, .id = one };
		engine.other[1] = (struct inject_other){ .at = second, .park = park, .id = two };
		/* In a third of them compare-and-swaps fail besides, where that may not change the answer. */
		engine.odds = i % 3 || under_test->kind == ON || under_test->kind == OFF ? 0 : 8;
		run(engine.others > 1 ? "twice" : "parked");
	}
}

/* ---- chased ---- */

static const char *chase_verdict(int64_t free)
{
	struct lab_audit audit;
	int code = record[0].code;

	if (under_test->kind < GIVE)
		chaser_gives();
	else if (chaser.frame == NONE)
		free++; /* its spare frame too */
	if (wrong || lab_audit(lab, true, &audit))
		return wrong ? wrong : audit.text;
	if (code == alone[under_test - scene->call] && code != 0 && code != -LAB_ENOMEM)
		return (int64_t)audit.free + (int64_t)audit.pooled == free ? NULL : "frames lost or made";
	if (under_test->kind >= GIVE ? code : code && code != -LAB_ENOMEM && code != -LAB_EAGAIN && !(code == -LAB_ENOSPC && under_test->order))
		return "another answer than one that gave up";
	free += code ? 0 : under_test->kind >= GIVE ? 1 : -(1 << under_test->order);
	return (int64_t)audit.free + (int64_t)audit.pooled == free ? NULL : "frames lost or made";
}

/* Whatever the call wants is taken before it has it, each time. */
static void chase(void)
{
	bool takes = (under_test->kind == TAKE || under_test->kind == REQUEST) && under_test->order <= LAB_WORD_ORDER;
	const char *why;

	if (!takes && (under_test->kind != GIVE || alone[under_test - scene->call] || under_test->order ||
		       model[frame_at[under_test - scene->call]].bad))
		return;
	engine_reset();
	engine.chaser = chase_word;
	chaser.frame = takes ? NONE : spare_frame();
	chaser.takes = 0;
	name_run("chased");
	if (machine.only && !strstr(run_name, machine.only))
		return;
	scene_again();
	machine.cases++;
	why = engine_run(perform, (void *)(uintptr_t)under_test) ? NULL : "it does not end";
	engine.chaser = NULL;
	if (!why)
		why = chase_verdict(model_free[0] + model_free[1]);
	if (why)
		report(why);
}

/* ---- scenes ---- */

/* Birth too, with half of its compare-and-swaps refused. */
static void be_born(void *made)
{
	scene_birth(made);
}

static void births_refused(const struct scene *made)
{
	unsigned int i;

	for (i = 0; i < 20; i++) {
		under_test = &made->call[0];
		engine_reset();
		engine.odds = 2;
		engine.random = (machine.seed * 0x9e3779b97f4a7c15u + i) | 1;
		snprintf(run_name, sizeof(run_name), "%s: born, refused", made->name);
		if (machine.only && !strstr(run_name, machine.only))
			return;
		records = 0;
		wrong = NULL;
		machine.cases++;
		if (!engine_run(be_born, (void *)(uintptr_t)made) || verdict())
			report("not born as it should be");
	}
}

/* Each call alone: what it answers, and that this is true. */
static bool alone_all(void)
{
	unsigned int i;

	for (i = 0; i < scene_calls; i++) {
		under_test = &scene->call[i];
		engine_reset();
		scene_again();
		engine_run(perform, (void *)(uintptr_t)under_test);
		alone[i] = record[0].code;
	}
	for (i = 0; i < scene_calls; i++) {
		const char *only = machine.only;
		bool well;

		under_test = &scene->call[i];
		engine_reset();
		machine.only = NULL;
		well = run("alone");
		machine.only = only;
		if (!well)
			return false;
	}
	return true;
}

static void scene_run(const struct scene *made)
{
	unsigned int i;

	scene_make(made, false);
	model_make();
	births_refused(made);
	scene_make(made, true);
	model_make();
	for (scene_calls = 0; scene_calls < CALLS_MAX && made->call[scene_calls].name;)
		scene_calls++;
	if (!alone_all())
		return;
	for (i = 0; i < scene_calls; i++) {
		unsigned int points = machine.long_form ? STEPS_MAX : POINTS_SHORT;
		uint64_t stride;

		under_test = &made->call[i];
		engine_reset();
		scene_again();
		engine_run(perform, (void *)(uintptr_t)under_test);
		base_steps = engine.step;
		stride = base_steps / points + 1;
		refuse_all(stride);
		engine_reset();
		scene_again();
		engine_run(perform, (void *)(uintptr_t)under_test); /* for the kinds of its operations */
		engine.random = (machine.seed * 0x9e3779b97f4a7c15u + 1000 + i) | 1;
		delay_all(stride);
		engine.random = (machine.seed * 0x9e3779b97f4a7c15u + i) | 1;
		park_some();
		if (scene->all_parks)
			park_all();
		chase();
	}
}

/* A frame owned twice is found however the audit is delayed, and nothing else is reported. */
static void damage_found(const struct scene *made)
{
	uint64_t n;

	scene_make(made, true);
	under_test = &made->call[0];
	lab_frame_page(lab, DAMAGED)->tag = LAB_OWNED;
	memcpy(snapshot, metadata, metadata_bytes);
	for (n = 1, base_steps = 1; n <= base_steps; n++) {
		engine_reset();
		engine.others = 1;
		engine.other[0] = (struct inject_other){ .at = n, .id = HARMLESS };
		name_run("audit of damage, delayed");
		if (machine.only && !strstr(run_name, machine.only))
			continue;
		scene_again();
		machine.cases++;
		if (!engine_run(perform, (void *)(uintptr_t)under_test))
			report("it does not end");
		base_steps = engine.step;
		if (!wrong || !strstr(wrong, "owned twice"))
			report(wrong ? wrong : "the damage is not found");
	}
}

#include "inject_home.h" /* here, for it brings the names of the home's files */

/* Does --only name this scene: with a colon behind it, or a part of its name? */
static bool is_named(const char *name)
{
	size_t n = strlen(name);

	return machine.only && (strstr(name, machine.only) || (!strncmp(machine.only, name, n) && machine.only[n] == ':'));
}

int main(int argc, char **argv)
{
	unsigned int i;
	bool named; /* in --only: a scene, or the home */

	machine_begin(argc, argv);
	named = home_run();
	for (i = 0; i < sizeof(scenes) / sizeof(*scenes); i++)
		named |= is_named(scenes[i].name);
	for (i = 0; i < sizeof(scenes) / sizeof(*scenes); i++) {
		uint64_t before = machine.cases;

		if (!named || is_named(scenes[i].name))
			scene_run(&scenes[i]);
		if ((!named || is_named(scenes[i].name)) && !strcmp(scenes[i].name, DAMAGE_SCENE))
			damage_found(&scenes[i]);
		if (machine.cases > before)
			printf("%s: %" PRIu64 " runs\n", scenes[i].name, machine.cases - before);
	}
	printf("%" PRIu64 " runs are explained by exceptions of SPEC.md and CAVEATS.md only\n", excepted);
	if (!machine.only)
		sites_judge();
	return machine_end("P1 P2 P3 P6", "injection at every atomic operation");
}
