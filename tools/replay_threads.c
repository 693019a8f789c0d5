/* SPDX-License-Identifier: MIT */
/*
 * replay_threads.c - a plan played by several threads at once on one labyrinth, and every answer checked.
 *
 * Each thread has its calls from replay_schedule.c and makes them as fast as it can.  What passes between
 * threads: a slot's future (replay_future.h), the frames' marks (replay_owners.h), the counts behind the
 * claims (replay_claims.h), and each thread's progress.  Everything else a thread has to itself until it
 * has ended.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "replay_claims.h"
#include "replay_future.h"
#include "replay_owners.h"
#include "replay_pass.h"
#include "replay_time.h"

#define PROGRESS_NS 50000000u
#define MARK_OF(slot) ((uint32_t)(slot) + 1)

#define STOPPED_BY_US (-1)

/* The signal that ends a run early; 0: none.  Written by a signal's handler, read by all threads. */
static atomic_int stopped_by;

struct worker {
	_Alignas(64) _Atomic uint64_t done; /* calls, for the progress */
	struct crowd *crowd;
	unsigned int number;
	pthread_t id;
	struct run_counts counts;
	struct run_thread figures;
};

struct crowd {
	struct run *run;
	struct pass pass;
	struct schedule *schedule;
	struct claims *claims;
	struct owners *owners;
	struct future *futures; /* a slot each */
	struct worker *workers;
	unsigned int started;
	atomic_int gate; /* 1: begin; before the first call all threads are there */
	sem_t ended;
};

/* ---------------------------------------------------------------- calls */

static void refused(struct worker *worker, const struct lab_request *request, const struct claim *claim,
		    int error)
{
	bool held = claims_held(worker->crowd->claims, claim);

	count_refusal(&worker->counts, request, error);
	worker->figures.refused += error != -LAB_EAGAIN;
	worker->figures.again += error == -LAB_EAGAIN;
	if (held && error == -LAB_EAGAIN)
		worker->counts.again_while_free++;
	else if (held)
		worker->counts.refused_while_free++;
	else if (!request->order && error != -LAB_EINVAL)
		worker->counts.refused_unproven++;
}

static void play_alloc(struct worker *worker, const struct plan_op *op)
{
	struct crowd *crowd = worker->crowd;
	struct lab_request request = pass_request(op);
	struct lab_answer answer = { .band = -1 };
	unsigned int room = OWNERS_NO_ROOM;
	struct lab_page *page;
	struct claim claim;

	worker->counts.claimed += claims_begin(crowd->claims, &request, &claim);
	page = lab_alloc_request(crowd->pass.lab, &request, &answer);
	if (!page || lab_is_err(page)) {
		refused(worker, &request, &claim, lab_ptr_err(page));
		page = NULL;
	} else {
		switch (owners_take(crowd->owners, lab_page_frame(crowd->pass.lab, page), op->order,
				    MARK_OF(op->slot), &room)) {
		case OWNERS_TWICE:
			worker->counts.double_given++;
			break;
		case OWNERS_MISPLACED:
			worker->counts.misplaced++;
			break;
		default:
			break;
		}
		count_answer(&worker->counts, &answer);
	}
	claims_end(crowd->claims, &claim, room, page ? 1u << op->order : 0);
	future_allocated(&crowd->futures[op->slot], page);
}

/* A free, or a split, of what is there now.  */
static void play_release(struct worker *worker, const struct plan_op *op, struct lab_page *page)
{
	struct crowd *crowd = worker->crowd;
	unsigned int room = OWNERS_NO_ROOM;

	if (op->offset)
		page = lab_frame_page(crowd->pass.lab, lab_page_frame(crowd->pass.lab, page) + op->offset);
	/* Before the call: afterwards it may be another's. */
	if (op->kind != PLAN_SPLIT)
		room = owners_give(crowd->owners, lab_page_frame(crowd->pass.lab, page), op->order);
	if (pass_release(&crowd->pass, op, page))
		worker->counts.free_errors++;
	else if (room != OWNERS_NO_ROOM)
		claims_freed(crowd->claims, room, (uint64_t)1 << op->order);
}

/* False: told to stop. */
static bool play_op(struct worker *worker, const struct plan_op *op)
{
	struct crowd *crowd = worker->crowd;
	struct future *future = &crowd->futures[op->slot];
	bool split = op->kind != PLAN_SPLIT && crowd->schedule->split[op->slot];
	struct lab_page *page;

	if (op->kind == PLAN_ALLOC) {
		play_alloc(worker, op);
		return true;
	}
	if (!future_look(future, split, &page)) {
		worker->figures.waits++;
		if (!future_wait(future, split, &stopped_by, &page))
			return false;
	}
	if (page)
		play_release(worker, op, page);
	else
		worker->counts.frees_of_refused += op->kind != PLAN_SPLIT;
	if (op->kind == PLAN_SPLIT)
		future_split(future);
	return true;
}

static void *work(void *data)
{
	struct worker *worker = data;
	struct crowd *crowd = worker->crowd;
	const struct schedule *schedule = crowd->schedule;
	const struct plan *plan = crowd->pass.plan;
	size_t i, end = schedule->first[worker->number + 1];
	const struct plan_op *op;

	while (!atomic_load(&crowd->gate) && !atomic_load(&stopped_by))
		sched_yield();
	for (i = schedule->first[worker->number]; i < end; i++) {
		if (atomic_load_explicit(&stopped_by, memory_order_relaxed))
			break;
		op = &plan->ops[schedule->calls[i]];
		lab_user_cpu_override = (int)(op->cpu % crowd->pass.machine->cpus);
		if (!play_op(worker, op))
			break;
		worker->figures.calls++;
		worker->figures.events += op->event;
		atomic_store_explicit(&worker->done, worker->figures.calls, memory_order_relaxed);
	}
	sem_post(&crowd->ended);
	return NULL;
}

/* ---------------------------------------------------------------- all threads */

static void stop(int signal)
{
	atomic_store(&stopped_by, signal);
}

int run_stopped_by(void)
{
	return atomic_load(&stopped_by) > 0 ? atomic_load(&stopped_by) : 0;
}

/* Catch (or, at the end, no longer) what a user stops a command with; what is ignored stays so. */
static void catch_signals(struct sigaction *before, bool catch)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	/* Only once: a second one ends the command whatever a thread does. */
	struct sigaction ours = { .sa_handler = stop, .sa_flags = (int)SA_RESETHAND };
	size_t i;

	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		if (!catch) {
			sigaction(signals[i], &before[i], NULL);
			continue;
		}
		sigaction(signals[i], NULL, &before[i]);
		if (before[i].sa_handler != SIG_IGN)
			sigaction(signals[i], &ours, NULL);
	}
}

/* Wait until so many threads have ended; progress meanwhile. */
static void await(struct crowd *crowd)
{
	const struct run *run = crowd->run;
	unsigned int ended = 0, i;
	struct timespec until;
	uint64_t done;

	while (ended < crowd->started) {
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += PROGRESS_NS;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		if (!sem_timedwait(&crowd->ended, &until)) {
			ended++;
			continue;
		}
		for (done = 0, i = 0; i < crowd->started; i++)
			done += atomic_load_explicit(&crowd->workers[i].done, memory_order_relaxed);
		if (run->progress && crowd->pass.plan->op_count)
			run->progress((double)done / (double)crowd->pass.plan->op_count, run->data);
	}
	for (i = 0; i < crowd->started; i++)
		pthread_join(crowd->workers[i].id, NULL);
}

/*
 * Spread over the CPUs from the first call on: left to itself, a scheduler may have them all on one CPU for as
 * long as they take.
 */
static void spread(pthread_attr_t *attributes, unsigned int number)
{
	cpu_set_t all, one;
	int cpu = -1, turns;

	if (sched_getaffinity(0, sizeof(all), &all) || !CPU_COUNT(&all))
		return;
	for (turns = (int)number % CPU_COUNT(&all); turns >= 0; turns--)
		do
			cpu++;
		while (!CPU_ISSET(cpu, &all));
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	pthread_attr_setaffinity_np(attributes, sizeof(one), &one);
}

static int start_thread(struct worker *worker)
{
	pthread_attr_t attributes;
	int error = pthread_attr_init(&attributes);

	if (error)
		return error;
	spread(&attributes, worker->number);
	error = pthread_create(&worker->id, &attributes, work, worker);
	pthread_attr_destroy(&attributes);
	return error;
}

static bool play(struct crowd *crowd)
{
	struct run *run = crowd->run;
	struct sigaction before[3];
	uint64_t began;
	int error = 0;

	atomic_store(&stopped_by, 0);
	catch_signals(before, true);
	for (; crowd->started < run->threads && !error; crowd->started += !error)
		error = start_thread(&crowd->workers[crowd->started]);
	if (error) {
		atomic_store(&stopped_by, STOPPED_BY_US);
		snprintf(run->error, sizeof(run->error), "--threads: cannot start thread %u of %u: %s",
			 crowd->started + 1, run->threads, strerror(error));
	}
	began = clock_ns();
	atomic_store(&crowd->gate, 1);
	await(crowd);
	run->result.threads.elapsed_ms = (double)(clock_ns() - began) / 1e6;
	catch_signals(before, false);
	if (run_stopped_by())
		snprintf(run->error, sizeof(run->error), "stopped by a signal");
	return !error && !run_stopped_by();
}

/* ---------------------------------------------------------------- before and after */

/* What was live from the start, and what is left for claims. */
static void crowd_start(struct crowd *crowd)
{
	const struct plan *plan = crowd->pass.plan;
	const struct machine *machine = crowd->pass.machine;
	unsigned int room;
	struct lab_page *page;
	size_t i;

	pass_start(&crowd->pass, &crowd->run->result.counts);
	for (i = 0; i < plan->start_count; i++) {
		page = crowd->pass.pages[i];
		future_allocated(&crowd->futures[i], page);
		if (page && owners_take(crowd->owners, lab_page_frame(crowd->pass.lab, page),
					plan->starts[i].order, MARK_OF(i), &room) != OWNERS_FINE)
			crowd->run->result.counts.double_given++;
	}
	for (room = 0; room < machine->rooms; room++)
		claims_freed(crowd->claims, room,
			     room_frames(&machine->room[room]) - owners_held(crowd->owners, room));
}

static bool crowd_open(struct crowd *crowd)
{
	struct run *run = crowd->run;
	unsigned int i;

	if (!pass_open(&crowd->pass, run))
		return false;
	crowd->schedule = schedule_new(run->plan, run->threads);
	crowd->claims = claims_new(run->machine, crowd->pass.lab);
	crowd->owners = owners_new(run->machine);
	crowd->futures = calloc((size_t)run->plan->slots + 1, sizeof(*crowd->futures));
	crowd->workers = aligned_alloc(64, run->threads * sizeof(*crowd->workers));
	if (!crowd->schedule || !crowd->claims || !crowd->owners || !crowd->futures || !crowd->workers) {
		snprintf(run->error, sizeof(run->error), "out of memory");
		return false;
	}
	memset(crowd->workers, 0, run->threads * sizeof(*crowd->workers));
	for (i = 0; i < run->threads; i++) {
		crowd->workers[i].crowd = crowd;
		crowd->workers[i].number = i;
	}
	sem_init(&crowd->ended, 0, 0);
	crowd_start(crowd);
	return true;
}

static void crowd_close(struct crowd *crowd)
{
	schedule_delete(crowd->schedule);
	claims_delete(crowd->claims);
	owners_delete(crowd->owners);
	free(crowd->futures);
	free(crowd->workers);
	if (crowd->pass.lab)
		pass_close(&crowd->pass);
}

/* run_counts is made of 64-bit counts only. */
static void add_counts(struct run_counts *sum, const struct run_counts *part)
{
	const uint64_t *from = (const uint64_t *)part;
	uint64_t *to = (uint64_t *)sum;
	size_t i;

	for (i = 0; i < sizeof(*sum) / sizeof(*to); i++)
		to[i] += from[i];
}

static uint64_t distance(int64_t a, int64_t b)
{
	return (uint64_t)(a > b ? a - b : b - a);
}

/* Every frame is held, by the marks, or free, by the labyrinth; and the claims have counted the free ones. */
static void check_books(const struct crowd *crowd, struct run_result *result)
{
	const struct machine *machine = crowd->pass.machine;
	struct lab_room_stats stats;
	int64_t held, free;
	unsigned int room;

	for (room = 0; room < machine->rooms; room++) {
		held = (int64_t)owners_held(crowd->owners, room);
		free = (int64_t)room_frames(&machine->room[room]) - held;
		result->counts.live_at_end += (uint64_t)held;
		if (!lab_room_stats(crowd->pass.lab, room, &stats))
			result->threads.lost +=
				distance(free, (int64_t)(stats.free_commons + stats.free_pooled));
		result->threads.unsettled += distance(free, claims_sure(crowd->claims, room));
	}
}

static void check_rules(const struct crowd *crowd, struct run_threads *threads)
{
	struct lab_audit audit;

	threads->audit_broken = lab_audit(crowd->pass.lab, true, &audit) != 0;
	snprintf(threads->audit, sizeof(threads->audit), "ok");
	if (threads->audit_broken)
		snprintf(threads->audit, sizeof(threads->audit), "room %d, frame %llu: %s", audit.room,
			 (unsigned long long)audit.frame, audit.text);
}

static void crowd_result(const struct crowd *crowd)
{
	struct run_result *result = &crowd->run->result;
	const struct worker *worker;
	unsigned int i;

	result->threads.count = crowd->started;
	for (i = 0; i < crowd->started; i++) {
		worker = &crowd->workers[i];
		add_counts(&result->counts, &worker->counts);
		result->threads.thread[i] = worker->figures;
		result->threads.calls += worker->figures.calls;
		result->threads.events += worker->figures.events;
		result->threads.waits += worker->figures.waits;
	}
	check_books(crowd, result);
	check_rules(crowd, &result->threads);
	result->huge.at_end = pass_huge_free(&crowd->pass);
	pass_rooms(&crowd->pass, result);
}

bool pass_threads(struct run *run)
{
	struct crowd crowd = { .run = run };
	bool fine = crowd_open(&crowd) && play(&crowd);

	if (fine)
		crowd_result(&crowd);
	if (fine && run->at_end)
		fine = run->at_end(crowd.pass.lab, run->data);
	crowd_close(&crowd);
	return fine;
}
