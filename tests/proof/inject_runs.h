/* SPDX-License-Identifier: MIT */
/*
 * inject_runs.h - one call of a scene under each kind of injection, run by run.
 */
#ifndef INJECT_RUNS_H
#define INJECT_RUNS_H

#include "inject_race.h"

/* A call has more operations, and a scene more calls to meet them, than can all be tried in the short form. */
#define POINTS_SHORT 400u
#define PAIRS_SHORT 4u /* of the pairs of other calls at a point, one in so many */
#define FEW_CALLS 5u   /* with so many in a scene, all three of them meet */
#define RANDOM_SHORT 300u
#define RANDOM_LONG 20000u
#define RETRY_STEPS (8u * LAB_LEAF_WORDS) /* what one refused compare-and-swap may cost: a search anew */

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
			      engine.other_cpu ? "" : " on its CPU",
			      others_name(engine.other[0].id, first, sizeof(first)));
	if (engine.others > 1)
		n += snprintf(run_name + n, sizeof(run_name) - (size_t)n, " %" PRIu64 " %s", engine.other[1].at,
			      others_name(engine.other[1].id, second, sizeof(second)));
	if (engine.others && engine.other[engine.others - 1].park)
		n += snprintf(run_name + n, sizeof(run_name) - (size_t)n, " until %" PRIu64,
			      engine.other[engine.others - 1].park);
	if (!strcmp(kind, "refused"))
		snprintf(run_name + n, sizeof(run_name) - (size_t)n, " %" PRIu64 " x %" PRIu64 ", random 1/%u",
			 engine.refuse_from, engine.refuse_left, engine.odds);
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
		uint64_t first = 1 + engine_random(base_steps), second = first + 1 + engine_random(base_steps);
		unsigned int one = (unsigned int)engine_random(scene_calls);
		unsigned int two = (unsigned int)engine_random(scene_calls);
		uint64_t park = 1 + engine_random(engine_random(4) ? 24 : 200), random;

		engine_reset();
		engine.others = i % 2 ? 2 : 1;
		engine.other[0] = (struct inject_other){ .at = first, .park = i % 2 ? 0 : park, .id = one };
		engine.other[1] = (struct inject_other){ .at = second, .park = park, .id = two };
		/* In a third of them compare-and-swaps fail besides, where that may not change the answer. */
		engine.odds = i % 3 || under_test->kind == ON || under_test->kind == OFF ? 0 : 8;
		random = engine.random; /* whether it runs or not */
		run(engine.others > 1 ? "twice" : "parked");
		engine.random = random;
	}
}

/* ---- chased ---- */

/* May a call answer so that found everything gone, each time it looked? */
static bool gave_up(int code)
{
	return code == -LAB_ENOMEM || code == -LAB_EAGAIN || (code == -LAB_ENOSPC && under_test->order);
}

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
	if (code && code != alone[under_test - scene->call] && !(under_test->kind < GIVE && gave_up(code)))
		return "another answer than one that gave up";
	free += intrusion_unseen();
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

#endif
