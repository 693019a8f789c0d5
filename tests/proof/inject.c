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
 * Before all this each system call that opening a labyrinth makes fails in turn (inject_home.h).  A site of the core
 * that some injection never reached is a failure too, unless it stands in `out_of_reach` with its reason.
 *
 * A failure names scene, call, kind and operation; --only with that text runs it alone.
 */
#define _GNU_SOURCE
#include "inject_runs.h"
#include "inject_scenes.h"
#include "inject_sites.h"

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

	if (!machine.only)
		return false;
	return strstr(name, machine.only) || (!strncmp(machine.only, name, n) && machine.only[n] == ':');
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
