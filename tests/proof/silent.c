/* SPDX-License-Identifier: MIT */
/*
 * silent.c - an armed labyrinth makes no system call and takes no page fault (promise P1).
 *
 * In a cage (silent_cage.h): a million calls of every kind (silent_kinds.h, silent_more.h), each page that is
 * given with memory behind it touched, on labyrinths that nobody has used before.  Everything was called once
 * on others, and the program is linked with its symbols bound at start, so what is measured is the library,
 * not the loader.  Then the same with a second thread in the cage.  That the cage works is shown by children
 * that break it: one makes a system call, one touches a new page, one uses a lazy labyrinth.
 *
 * Exit status 77 where a process cannot be caged so (seccomp, RLIMIT_MEMLOCK).  A fault counts if a second
 * child, with fresh labyrinths, has one in the same kind too: now and then the kernel moves a locked page.
 */
#define _GNU_SOURCE
#include <pthread.h>

#include "silent_more.h"

static uint64_t how_many = 1000000;
static bool lazy;

/* ---- in the child ---- */

static struct labyrinth *open_or_leave(const struct lab_user_spec *spec)
{
	struct labyrinth *made;
	char text[LAB_ERROR_TEXT];
	int error = lab_user_open(spec, &made, text);

	if (!error)
		return made;
	snprintf(cage->wrong, sizeof(cage->wrong), "%.150s", text);
	_exit(strstr(text, "lock") ? CANNOT : 1);
}

static void open_labyrinths(void)
{
	const struct lab_user_room rooms[] = {
		{ .name = "memory", .kind = LAB_ROOM_ANONYMOUS, .zone = LAB_ZONE_DMA32, .size = MEMORY_FRAMES << 12, .min = 16 },
		{ .name = "own", .kind = LAB_ROOM_ANONYMOUS, .zone = LAB_ZONE_OWN, .size = OWN_FRAMES << 12 },
		{ .name = "numbers", .kind = LAB_ROOM_METADATA, .zone = LAB_ZONE_NORMAL, .size = NUMBERS_FRAMES << 12,
		  .watermarks = true },
	};
	const struct lab_user_room far[] = {
		{ .name = "near", .kind = LAB_ROOM_METADATA, .zone = LAB_ZONE_NORMAL, .size = 8 << 20, .watermarks = true },
		{ .name = "far", .kind = LAB_ROOM_METADATA, .zone = LAB_ZONE_NORMAL, .size = 8 << 20, .node = 1 },
	};
	struct lab_user_spec one = { .birth = lazy ? LAB_LAZY : LAB_ARMED, .rooms = rooms, .room_count = ROOMS };
	const struct lab_user_room plain = { .name = "usual", .kind = LAB_ROOM_ANONYMOUS, .zone = LAB_ZONE_NORMAL,
					     .size = 384 << 10, .watermarks = true };
	struct lab_user_spec three = { .birth = LAB_ARMED, .rooms = &plain, .room_count = 1 };
	struct lab_user_spec two = { .birth = LAB_ARMED, .rooms = far, .room_count = 2, .nodes = 2 };
	struct lab_user_spec four = { .birth = LAB_ARMED, .rooms = &plain, .room_count = 1,
				      .clients = 2, .contract_frames = CONTRACT, .contract_blocks = 1 };

	lab = open_or_leave(&one);
	guarded = open_or_leave(&four);
	open_clients();
	nodes = open_or_leave(&two);
	usual = open_or_leave(&three);
	lab_set_default(usual);
	open_vaults();
}

/* Everything once, on labyrinths that are thrown away. */
static void warm_up(void)
{
	unsigned int i;

	open_labyrinths();
	for (i = 0; i < KINDS; i++)
		kinds[i].run(100);
	lab_user_close(lab);
	lab_user_close(nodes);
	lab_user_close(guarded);
	lab_user_close(usual);
	lab_user_close(vaults);
	if (cage->wrong[0])
		_exit(1);
}

static void body_kinds(void)
{
	unsigned int i;

	cage_settle();
	warm_up();
	open_labyrinths();
	cage_shut();
	for (i = 0; i < KINDS; i++) {
		cage_await(i);
		cage_done(i, machine_wants(kinds[i].name) ? kinds[i].run(how_many) : 0);
	}
}

static atomic_bool there, beside;
static _Atomic uint64_t beside_calls;

/* Another thread of the caged process: single pages and small blocks, until the end. */
static void *companion(void *unused)
{
	touch_stack();
	atomic_store(&there, true);
	while (!atomic_load(&beside))
		;
	for (;;) {
		unsigned int order = (unsigned int)(atomic_fetch_add(&beside_calls, 2) / 2 % 4);
		struct lab_page *page = lab_alloc_pages(lab, LAB_GFP_KERNEL, order);

		if (!lab_is_err(page))
			lab_free_pages(lab, page, order);
		else if (lab_ptr_err(page) != -LAB_ENOSPC && lab_ptr_err(page) != -LAB_EAGAIN)
			wrong("beside", lab_ptr_err(page));
	}
	return unused;
}

static void body_two_threads(void)
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 2 * STACK_BYTES);
	if (pthread_create(&thread, &attributes, companion, NULL))
		_exit(1);
	while (!atomic_load(&there)) /* the system calls of a thread's start are behind it */
		sched_yield();
	cage_settle();
	warm_up();
	open_labyrinths();
	cage_shut();
	cage_await(0);
	atomic_store(&beside, true);
	kind_single(how_many);
	kind_bulk(how_many);
	cage_done(0, 2 * how_many + atomic_load(&beside_calls));
}

static void body_system_call(void)
{
	cage_settle();
	cage_shut();
	cage_await(0);
	syscall(SYS_getpid);
	cage_done(0, 1);
}

static void body_new_page(void)
{
	volatile char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	cage_settle();
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cage_shut();
	cage_await(0);
	*page = 1;
	cage_done(0, 1);
}

static void body_lazy(void)
{
	cage_settle();
	lazy = true;
	open_labyrinths();
	cage_shut();
	cage_await(0);
	cage_done(0, kind_sweep(20000));
}

/* ---- outside ---- */

static struct faults faults_in[TURNS_MOST];
static unsigned int last_turn; /* of the child before */

/* The child ended before, or while, it was caged. */
static _Noreturn void ended(const char *name, int status)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == CANNOT) {
		printf("cannot be tried here: %s\n", cage->wrong);
		exit(machine.failures ? 1 : CANNOT);
	}
	machine_fail(name, "the child ended with %#x: %s", status, cage->wrong);
	exit(machine_end("P1", "silent"));
}

static const char *name_of(const char *program, unsigned int turns, unsigned int turn)
{
	return turns > 1 ? kinds[turn].name : program;
}

/* One turn: faults, calls, answers.  False: it ended in a system call. */
static bool run_turn(pid_t child, const char *name, unsigned int turn)
{
	struct faults before, after, *in = &faults_in[turn];
	enum outcome outcome;
	int status = 0;

	if (!cage_faults(child, &before))
		exit(2);
	outcome = cage_turn(child, turn, &status);
	if (outcome == ENDED)
		ended(name, status);
	if (outcome == TRAPPED)
		return false;
	if (!cage_faults(child, &after))
		exit(2);
	in->minor = after.minor - before.minor;
	in->major = after.major - before.major;
	machine.cases += cage->calls;
	if (cage->wrong[0])
		machine_fail(name, "a wrong answer: %s", cage->wrong);
	cage->wrong[0] = '\0';
	if (cage->calls)
		printf("%-18s %9" PRIu64 " calls, %lu minor and %lu major faults\n", name, cage->calls, in->minor, in->major);
	return true;
}

/* A child with this body; returns the number of the system call that ended it, or -1: none did. */
static int run_turns(const char *program, void (*body)(void), unsigned int turns)
{
	pid_t child = cage_open(body);
	unsigned int turn;
	int status = 0, trapped;

	if (cage_wait(child, 0, &status) == ENDED)
		ended(program, status);
	for (turn = 0; turn < turns; turn++)
		if (!run_turn(child, name_of(program, turns, turn), turn))
			break;
	last_turn = turn;
	trapped = atomic_load(&cage->trapped) - 1;
	if (trapped >= 0)
		printf("%s: system call %d, from %p\n", name_of(program, turns, turn), trapped, atomic_load(&cage->trapped_at));
	cage_kill(child);
	return trapped;
}

/* The cage works: what must be seen in it is seen. */
static void controls(void)
{
	if (machine_wants("control-system-call") && run_turns("control-system-call", body_system_call, 1) != SYS_getpid)
		machine_fail("control-system-call", "getpid went through");
	if (machine_wants("control-new-page") &&
	    (run_turns("control-new-page", body_new_page, 1) >= 0 || faults_in[0].minor + faults_in[0].major != 1))
		machine_fail("control-new-page", "%lu faults", faults_in[0].minor + faults_in[0].major);
	if (machine_wants("control-lazy") && (run_turns("control-lazy", body_lazy, 1) >= 0 || !faults_in[0].minor))
		machine_fail("control-lazy", "no fault in a lazy labyrinth");
}

/* Twice, if there were faults. */
static void silence(const char *program, void (*body)(void), unsigned int turns)
{
	struct faults first[TURNS_MOST];
	unsigned int turn;
	bool faults = false;

	if (run_turns(program, body, turns) >= 0) {
		machine_fail(name_of(program, turns, last_turn), "a system call");
		return;
	}
	memcpy(first, faults_in, sizeof(first));
	for (turn = 0; turn < turns; turn++)
		faults |= first[turn].minor || first[turn].major;
	if (!faults)
		return;
	printf("%s: faults; once more with fresh labyrinths\n", program);
	run_turns(program, body, turns);
	for (turn = 0; turn < turns; turn++)
		if ((first[turn].minor || first[turn].major) && (faults_in[turn].minor || faults_in[turn].major))
			machine_fail(name_of(program, turns, turn), "%lu minor and %lu major page faults", first[turn].minor,
				     first[turn].major);
}

static bool some_kind_wanted(void)
{
	unsigned int i;

	for (i = 0; i < KINDS; i++)
		if (machine_wants(kinds[i].name))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	machine_begin(argc, argv);
	if (machine.long_form)
		how_many = 50000000;
	random_state += machine.seed;
	cage_make();
	controls();
	machine.cases = 0; /* those were about the cage */
	if (some_kind_wanted())
		silence("kinds", body_kinds, KINDS);
	if (machine_wants("two-threads"))
		silence("two-threads", body_two_threads, 1);
	if (!machine.cases && machine.only && strstr(machine.only, "control")) /* only a control was asked for */
		machine.cases = 1;
	return machine_end("P1", "silent");
}
