/* SPDX-License-Identifier: MIT */
/*
 * instructions_others.h - another thread, with CPU numbers of its own, that takes everything there is while
 * this one stands still in the middle of a call.
 */
#ifndef INSTRUCTIONS_OTHERS_H
#define INSTRUCTIONS_OTHERS_H

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>

#include "instructions_nested.h"

static struct {
	pthread_t thread;
	sem_t go, done;
	void (*work)(void);
	unsigned int cpu, turn;
	struct lab_page *page[FRAMES_MOST];
	uint64_t count;
	bool keeps; /* what it has, till the call has ended */
	/* What it found. */
	uint64_t first, again; /* how many frames it could have, before and after giving all back */
	int refusal;	       /* the last one's code */
} others;

static void *others_main(void *unused)
{
	for (;;) {
		while (sem_wait(&others.go))
			continue;
		this_cpu = others.cpu;
		others.work();
		sem_post(&others.done);
	}
	return unused;
}

/*
 * The thread shares this one's processor, for only one of the two ever runs; the CPU numbers that the
 * labyrinth sees differ.
 */
static void others_begin(void)
{
	cpu_set_t here;
	int cpu = sched_getcpu();

	CPU_ZERO(&here);
	CPU_SET(cpu < 0 ? 0 : (unsigned int)cpu, &here);
	sched_setaffinity(0, sizeof(here), &here); /* a matter of speed only */
	sem_init(&others.go, 0, 0);
	sem_init(&others.done, 0, 0);
	if (pthread_create(&others.thread, NULL, others_main, NULL)) {
		perror("pthread_create");
		exit(1);
	}
}

/* The other thread works while this one waits, wherever it is. */
static void others_do(void (*work)(void), unsigned int turn)
{
	others.work = work;
	others.turn = turn;
	others.cpu = 1 + turn % 3;
	sem_post(&others.go);
	while (sem_wait(&others.done))
		continue;
}

/* Take single frames until refused; how many. */
static uint64_t others_drain(lab_gfp_t gfp)
{
	struct lab_request request = LAB_REQUEST(gfp, 0);
	uint64_t before = others.count;
	struct lab_page *page;
	struct look look;

	while (!lab_is_err(page = lab_alloc_pages(lab, gfp, 0))) {
		mark_page(page, 0, OTHERS);
		others.page[others.count++] = page;
		if (others.count == FRAMES_MOST)
			break;
	}
	others.refusal = lab_ptr_err(page);
	look = look_for(&request);
	check_refusal("another CPU", 0, others.refusal, &look);
	return others.count - before;
}

static void others_give_all(void)
{
	uint64_t i;

	for (i = 0; i < others.count; i++) {
		struct lab_page *page = others.page[others.turn & 1 ? others.count - 1 - i : i];

		mark_page(page, 0, NOBODY);
		expect("free on another CPU", 0, lab_free_pages(lab, page, 0), 0);
	}
	others.count = 0;
}

/*
 * Everything, by rights of growing depth; back; a block of some order and back; everything again, and back.
 * So much is to be had whether the stopped call ever goes on or not.
 */
static void others_drain_twice(void)
{
	struct lab_audit audit;

	others.count = 0;
	others_drain(LAB_GFP_KERNEL);
	others_drain(LAB_GFP_ATOMIC);
	others_drain(LAB_MEMALLOC);
	others.first = others.count;
	if (lab_audit(lab, false, &audit))
		FAIL("the audit beside a stopped call: %s (frame %" PRIu64 ")", audit.text, audit.frame);
	others_give_all();
	nested.count = 0;
	nested_take(&classes[others.turn % 3], others.turn % ORDERS);
	nested_give_all();
	others.again = others_drain(LAB_MEMALLOC);
	others_give_all();
}

/* Everything, and keep it. */
static void others_drain_once(void)
{
	others.count = 0;
	others.first = others.again = others_drain(LAB_MEMALLOC);
}

#endif
