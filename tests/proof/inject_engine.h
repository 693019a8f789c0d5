/* SPDX-License-Identifier: MIT */
/*
 * inject_engine.h - what happens at the sites of inject.h while a call is under test.
 *
 * The call under test runs on CPU 0 and its atomic operations are numbered from 1.  At one or two of them
 * *another* call runs, from CPU 1, to its end or until it is parked before its own operation `park`; a parked one
 * goes on when the call under test has ended.  Or compare-and-swaps are said to have failed.
 */
#ifndef INJECT_ENGINE_H
#define INJECT_ENGINE_H

#include <setjmp.h>
#include <string.h>
#include <ucontext.h>

#include "inject.h"

#define STEPS_MAX (1u << 16) /* that are remembered */
#define STEP_LIMIT 20000000u /* nothing here may take so many: it does not end */
#define OTHERS_MAX 2u
#define OTHER_STACK (256u * 1024u)

struct inject_other {
	uint64_t at;	 /* before this operation of the call under test */
	uint64_t park;	 /* 0: to its end */
	unsigned int id; /* what others() is to do */
};

static struct {
	bool armed;		/* in the call under test, or in one that will be parked */
	unsigned int cpu;	/* what lab_port_cpu() says */
	unsigned int other_cpu; /* what it says in the others */
	uint64_t step, limit;
	jmp_buf out; /* the limit is passed */
	/* Compare-and-swaps said to have failed: so many from an operation on, or about one in `odds`. */
	uint64_t refuse_from, refuse_left, refused;
	unsigned int odds;
	uint64_t random;
	/* Other calls. */
	struct inject_other other[OTHERS_MAX];
	unsigned int others, next;
	bool other_runs; /* on its own stack, to be parked */
	bool parked;
	uint64_t other_step, park;
	ucontext_t self, aside;
	/* The compare-and-swap that is about to be made, NULL: none. */
	const struct inject_swap *swap;
	void (*chaser)(const volatile void *at); /* before each operation */
	/* The kinds of the first operations of the last run. */
	unsigned char kind[STEPS_MAX];
} engine;

static char other_stack[OTHER_STACK] __attribute__((aligned(64)));

/* Perform what `id` stands for.  Defined where the calls are. */
static void others(unsigned int id);

static uint64_t engine_random(uint64_t below)
{
	engine.random ^= engine.random << 13;
	engine.random ^= engine.random >> 7;
	engine.random ^= engine.random << 17;
	return engine.random % below;
}

static void other_main(void)
{
	others(engine.other[engine.next - 1].id);
	engine.other_runs = engine.parked = false;
	setcontext(&engine.self); /* into run_other(), or after having been parked into engine_run() */
}

/* Another call, at this operation: to its end or until it is parked. */
static void run_other(const struct inject_other *other)
{
	engine.cpu = engine.other_cpu;
	if (!other->park) {
		engine.armed = false;
		others(other->id);
		engine.armed = true;
	} else {
		engine.other_runs = true;
		engine.other_step = 0;
		engine.park = other->park;
		getcontext(&engine.aside);
		engine.aside.uc_stack.ss_sp = other_stack;
		engine.aside.uc_stack.ss_size = sizeof(other_stack);
		engine.aside.uc_link = NULL;
		makecontext(&engine.aside, other_main, 0);
		swapcontext(&engine.self, &engine.aside);
	}
	engine.cpu = 0;
}

void inject_point(struct inject_site *site, const char *function, const volatile void *at)
{
	site->function = function;
	if (!engine.armed)
		return;
	if (engine.other_runs) {
		if (++engine.other_step == engine.park) {
			engine.other_runs = false;
			engine.parked = true;
			swapcontext(&engine.aside, &engine.self);
		}
		return;
	}
	if (engine.step < STEPS_MAX)
		engine.kind[engine.step] = (unsigned char)site->kind;
	if (++engine.step > engine.limit)
		_longjmp(engine.out, 1);
	if (engine.chaser) {
		engine.armed = false;
		engine.chaser(at);
		engine.armed = true;
	}
	while (engine.next < engine.others && engine.other[engine.next].at == engine.step) {
		site->delayed++;
		run_other(&engine.other[engine.next++]);
	}
}

static bool refuses(void)
{
	if (engine.step >= engine.refuse_from && engine.refuse_left) {
		engine.refuse_left--;
		return true;
	}
	return engine.odds && engine_random(engine.odds) == 0;
}

bool inject_cas(struct inject_site *site, const char *function, const struct inject_swap *swap)
{
	bool mine = engine.armed && !engine.other_runs, done;

	if (mine)
		engine.swap = swap;
	inject_point(site, function, swap->at);
	if (mine)
		engine.swap = NULL;
	if (mine && refuses()) {
		engine.refused++;
		site->refused++;
		memcpy(swap->old, swap->at, swap->size);
		return false;
	}
	done = swap->size == 8 ?
		       __atomic_compare_exchange_n((uint64_t *)swap->at, (uint64_t *)swap->old, swap->value, false,
						   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST) :
		       __atomic_compare_exchange_n((uint32_t *)swap->at, (uint32_t *)swap->old,
						   (uint32_t)swap->value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	if (mine && !done)
		site->lost++;
	return done;
}

/* Nothing is injected, until more is said. */
static void engine_reset(void)
{
	engine.armed = engine.other_runs = engine.parked = false;
	engine.cpu = 0;
	engine.other_cpu = 1;
	engine.step = engine.refuse_left = engine.refused = engine.odds = 0;
	engine.limit = STEP_LIMIT;
	engine.others = engine.next = 0;
	engine.swap = NULL;
	engine.chaser = NULL;
}

/* The call under test, and after it whoever was parked.  False: it does not end. */
static bool engine_run(void (*call)(void *), void *argument)
{
	engine.step = engine.next = 0;
	if (_setjmp(engine.out)) {
		engine.armed = false;
		return false;
	}
	engine.armed = true;
	call(argument);
	engine.armed = false;
	if (engine.parked) {
		engine.cpu = engine.other_cpu;
		swapcontext(&engine.self, &engine.aside);
		engine.cpu = 0;
	}
	return true;
}

static bool engine_is_cas(uint64_t step)
{
	return step - 1 < STEPS_MAX && engine.kind[step - 1] == INJECT_CAS;
}

#endif
