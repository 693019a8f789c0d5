/* SPDX-License-Identifier: MIT */
/*
 * fibers.h - a few calls on stacks of their own, stopped before each atomic operation.
 *
 * The scheduler is the main stack: it resumes one fiber, which does the operation that it had stopped at and runs to
 * the next one.  A `struct pending` says what a stopped fiber is about to do.
 */
#ifndef FIBERS_H
#define FIBERS_H

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <ucontext.h>

#include "schedule.h"

#define FIBERS_MAX 3
#define STEPS_MAX 4096u

struct pending {
	const volatile void *at;
	enum access access;
	const char *where;
};

static struct {
	struct {
		jmp_buf here;
		ucontext_t context;
		bool started, done;
		struct pending next;
		char stack[64 * 1024];
	} fiber[FIBERS_MAX];
	jmp_buf scheduler;
	int running;	      /* -1: the scheduler, or nobody */
	int last;	      /* who ran last */
	unsigned int step;    /* operations done */
	struct pending done;  /* what the last step was; a compare-and-swap that failed: a read */
	const char *wrong;    /* what somebody found wrong */
	void (*body)(int self);
} fibers = { .running = -1 };

void schedule_point(const volatile void *at, enum access access, const char *where)
{
	int self = fibers.running;

	if (self < 0)
		return; /* before and after the scene */
	fibers.fiber[self].next = (struct pending){ .at = at, .access = access, .where = where };
	if (!_setjmp(fibers.fiber[self].here))
		_longjmp(fibers.scheduler, 1);
	fibers.running = self;
}

void schedule_failed(void)
{
	fibers.done.access = ACCESS_READ;
}

static void fiber_start(int self)
{
	fibers.body(self);
	fibers.fiber[self].done = true;
	_longjmp(fibers.scheduler, 1);
}

/* Let one do its pending operation and run to the next.  (Not inlined: its setjmp is nobody else's.) */
static __attribute__((noinline)) void fiber_resume(int self)
{
	fibers.running = fibers.last = self;
	fibers.done = fibers.fiber[self].next;
	if (!_setjmp(fibers.scheduler)) {
		if (fibers.fiber[self].started)
			_longjmp(fibers.fiber[self].here, 1);
		fibers.fiber[self].started = true;
		setcontext(&fibers.fiber[self].context);
	}
	fibers.running = -1;
}

static unsigned int fibers_enabled(void)
{
	unsigned int mask = 0, i;

	for (i = 0; i < FIBERS_MAX; i++)
		if (!fibers.fiber[i].done)
			mask |= 1u << i;
	return mask;
}

/* All to their first operation; `there`: which of them there are. */
static void fibers_begin(unsigned int there, void (*body)(int))
{
	volatile int i;

	fibers.body = body;
	fibers.step = 0;
	fibers.last = 0;
	for (i = 0; i < FIBERS_MAX; i++) {
		fibers.fiber[i].started = false;
		fibers.fiber[i].done = !(there >> i & 1);
		if (fibers.fiber[i].done)
			continue;
		getcontext(&fibers.fiber[i].context);
		fibers.fiber[i].context.uc_stack.ss_sp = fibers.fiber[i].stack;
		fibers.fiber[i].context.uc_stack.ss_size = sizeof(fibers.fiber[i].stack);
		fibers.fiber[i].context.uc_link = NULL;
		makecontext(&fibers.fiber[i].context, (void (*)(void))fiber_start, 1, i);
		fiber_resume(i);
	}
	fibers.last = -1;
}

#endif
