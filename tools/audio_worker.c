/* SPDX-License-Identifier: MIT */
/*
 * audio_worker.c - a contestant's process: `labyrinth audio --worker WHO FD`, started by the command only.
 *
 * Three kinds of threads: the producer on a CPU of its own, the device and the noise on the others, where there
 * are others.  Producer and device are SCHED_FIFO where that is permitted (and there is a second CPU: on one a
 * producer that spins would keep everybody else out); the noise is not.
 *
 * The stream is played twice: a little of it to have been everywhere once, then all of it, counted.  Each side waits at
 * a gate before each pass and after the last, spinning, while this thread reads what they have counted.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "audio_noise.h"
#include "audio_stream.h"

#define WARM_BLOCKS 4096u
#define LIFETIME_SPARE 60u /* seconds more than its samples last; then something hangs */
#define PRESSURE_MS 3000u /* the noise must have been refused by then */

struct audio_worker {
	struct audio_shared *shared;
	struct audio_result *result;
	struct audio_subject subject;
	struct audio_stream *stream;
	struct audio_noise noise[AUDIO_NOISE_MAX];
	unsigned int noise_started;
	atomic_bool stop_noise;
	pthread_t producer, device;
	_Atomic pid_t producer_tid, device_tid;
};

static void say(struct audio_worker *worker, const char *what, int error)
{
	if (!*worker->result->error)
		snprintf(worker->result->error, sizeof(worker->result->error), "%s: %s", what,
			 strerror(error));
}

/* ---------------------------------------------------------------- producer and device */

static void gate(struct audio_stream *stream, struct audio_side *side)
{
	unsigned int number = atomic_fetch_add(&side->at_gate, 1) + 1;
	uint64_t turns = 0;

	while (atomic_load_explicit(&stream->open_gates, memory_order_acquire) < number)
		audio_spin(&turns);
}

/* Touches as much of this thread's stack as its calls will need. */
static __attribute__((noinline)) void touch_stack(void)
{
	volatile char bytes[16 * AUDIO_PAGE];

	for (size_t i = 0; i < sizeof(bytes); i += AUDIO_PAGE)
		bytes[i] = 1;
}

static void play_side(struct audio_worker *worker, struct audio_side *side,
		      void (*play)(struct audio_stream *stream))
{
	struct audio_stream *stream = worker->stream;
	unsigned int pass;

	touch_stack();
	gate(stream, side); /* the counters are open from here */
	audio_count_enter(&side->count);
	for (pass = 0; pass < 2; pass++) {
		gate(stream, side);
		audio_count_begin(&side->count);
		play(stream);
		audio_count_end(&side->count);
	}
	gate(stream, side);
}

static void *producer_thread(void *argument)
{
	struct audio_worker *worker = argument;

	atomic_store(&worker->producer_tid, gettid());
	play_side(worker, &worker->stream->producer, audio_produce);
	return NULL;
}

static void *device_thread(void *argument)
{
	struct audio_worker *worker = argument;

	atomic_store(&worker->device_tid, gettid());
	play_side(worker, &worker->stream->device, audio_consume);
	return NULL;
}

/* ---------------------------------------------------------------- where and how they run */

static void pin(struct audio_worker *worker, pthread_t thread, bool producer)
{
	const struct audio_shared *shared = worker->shared;
	cpu_set_t set;

	if (shared->cpu == shared->other_cpu)
		return;
	if (sched_getaffinity(0, sizeof(set), &set))
		CPU_ZERO(&set);
	if (producer) {
		CPU_ZERO(&set);
		CPU_SET(shared->cpu, &set);
	} else {
		CPU_CLR(shared->cpu, &set);
	}
	if (pthread_setaffinity_np(thread, sizeof(set), &set))
		worker->result->pinned = false;
}

static void make_fifo(struct audio_worker *worker, pthread_t thread, int priority)
{
	const struct sched_param param = { .sched_priority = priority };

	if (worker->result->fifo && pthread_setschedparam(thread, SCHED_FIFO, &param))
		worker->result->fifo = false;
}

/* This thread stands above both, or it could not open a gate at which they spin. */
static void arrange(struct audio_worker *worker)
{
	worker->result->pinned = worker->result->fifo = worker->shared->cpu != worker->shared->other_cpu;
	pin(worker, worker->producer, true);
	pin(worker, worker->device, false);
	pin(worker, pthread_self(), false);
	make_fifo(worker, pthread_self(), 60);
	make_fifo(worker, worker->producer, 50);
	make_fifo(worker, worker->device, 40);
}

static bool start_sides(struct audio_worker *worker)
{
	int error = pthread_create(&worker->producer, NULL, producer_thread, worker);

	if (!error)
		error = pthread_create(&worker->device, NULL, device_thread, worker);
	if (error) {
		say(worker, "no threads", error);
		return false;
	}
	while (!atomic_load(&worker->stream->producer.at_gate) ||
	       !atomic_load(&worker->stream->device.at_gate))
		usleep(200);
	return true;
}

/* ---------------------------------------------------------------- the noise */

static bool start_noise(struct audio_worker *worker)
{
	uint64_t frames = worker->subject.noise_bytes / AUDIO_PAGE, most = frames;
	unsigned int count = worker->shared->noise;
	pthread_attr_t attributes;
	int error = 0;

	if (!worker->subject.noise_lab && count)
		most = frames / count; /* malloc has no end of its own */
	for (unsigned int i = 0; i < count && !error; i++) {
		struct audio_noise *noise = &worker->noise[i];

		*noise = (struct audio_noise){ .subject = &worker->subject,
					       .number = i,
					       .stop = &worker->stop_noise,
					       .random = UINT64_C(0x853c49e6748fea9b) * (i + 1),
					       .frames_most = most,
					       .held_most = frames };
		noise->held = mmap(NULL, frames * sizeof(*noise->held), PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
		if (noise->held == MAP_FAILED) {
			error = errno;
			break;
		}
		pthread_attr_init(&attributes);
		pthread_attr_setinheritsched(&attributes, PTHREAD_EXPLICIT_SCHED); /* ordinary */
		error = pthread_create(&noise->thread, &attributes, audio_noise_thread, noise);
		pthread_attr_destroy(&attributes);
		if (!error) {
			pin(worker, noise->thread, false);
			worker->noise_started++;
		}
	}
	if (error)
		say(worker, "no noise", error);
	return !error;
}

/* Until there is nothing left for the noise: only then does the stream begin. */
static void await_pressure(struct audio_worker *worker)
{
	for (unsigned int ms = 0; ms < PRESSURE_MS && worker->noise_started; ms++) {
		for (unsigned int i = 0; i < worker->noise_started; i++)
			if (atomic_load(&worker->noise[i].pressure))
				return;
		usleep(1000);
	}
}

static void stop_noise(struct audio_worker *worker)
{
	struct audio_noise_counts *sum = &worker->result->noise;

	atomic_store(&worker->stop_noise, true);
	for (unsigned int i = 0; i < worker->noise_started; i++) {
		const struct audio_noise_counts *counts = &worker->noise[i].counts;

		pthread_join(worker->noise[i].thread, NULL);
		sum->allocs += counts->allocs;
		sum->refused += counts->refused;
		sum->frees += counts->frees;
		sum->drains += counts->drains;
		sum->damaged += counts->damaged;
		sum->misfreed += counts->misfreed;
		munmap(worker->noise[i].held, worker->noise[i].held_most * sizeof(*worker->noise[i].held));
	}
}

/* ---------------------------------------------------------------- a run */

static void open_gate(struct audio_worker *worker)
{
	struct audio_stream *stream = worker->stream;
	unsigned int passed = atomic_fetch_add(&stream->open_gates, 1) + 1;

	while (atomic_load(&stream->producer.at_gate) <= passed ||
	       atomic_load(&stream->device.at_gate) <= passed)
		usleep(2000);
}

/* Faults and system calls of both sides; what is not known of one is not known. */
static int64_t total_of(const struct audio_stream *stream, enum audio_counted what)
{
	const struct audio_side *const sides[] = { &stream->producer, &stream->device };
	int64_t sum = 0, one;

	for (size_t i = 0; i < 2; i++) {
		one = audio_count_total(&sides[i]->count, what);
		if (one < 0)
			return -1;
		sum += one;
		if (what == AUDIO_SYSCALLS && sides[i]->count.by[what] == AUDIO_PERF)
			sum -= (int64_t)sides[i]->sleeps;
	}
	return sum;
}

static void settle(struct audio_worker *worker)
{
	struct audio_result *result = worker->result;
	struct audio_stream *stream = worker->stream;

	result->syscalls = total_of(stream, AUDIO_SYSCALLS);
	result->faults = total_of(stream, AUDIO_FAULTS);
	result->syscalls_by =
		result->syscalls < 0 ? AUDIO_NOT_COUNTED : stream->producer.count.by[AUDIO_SYSCALLS];
	result->faults_by = result->faults < 0 ? AUDIO_NOT_COUNTED : stream->producer.count.by[AUDIO_FAULTS];
	result->late_by_alloc = stream->producer.late + stream->device.late;
	if (result->faults_by == AUDIO_USAGE) /* of which block is not known: of as many at most */
		result->late_by_alloc += (uint64_t)result->faults;
	result->damaged = stream->device.damaged;
	result->misfreed = stream->device.misfreed;
	result->tries_bound = worker->subject.tries_bound;
}

static void play(struct audio_worker *worker)
{
	struct audio_stream *stream = worker->stream;
	uint64_t warm = worker->shared->play < WARM_BLOCKS ? worker->shared->play : WARM_BLOCKS;
	enum audio_method by[AUDIO_COUNTED];

	audio_count_methods(by);
	audio_count_open(&stream->producer.count, by, atomic_load(&worker->producer_tid));
	audio_count_open(&stream->device.count, by, atomic_load(&worker->device_tid));
	worker->result->locked = !mlockall(MCL_CURRENT);
	arrange(worker);
	await_pressure(worker);
	open_gate(worker);
	audio_stream_reset(stream, warm);
	open_gate(worker);
	memset(audio_out(worker->shared), 0, worker->shared->bytes - worker->shared->out);
	audio_stream_reset(stream, worker->shared->play);
	open_gate(worker);
	settle(worker);
	atomic_fetch_add(&stream->open_gates, 1);
	pthread_join(worker->producer, NULL);
	pthread_join(worker->device, NULL);
	audio_count_close(&stream->producer.count);
	audio_count_close(&stream->device.count);
}

static void run(struct audio_worker *worker)
{
	struct audio_stream *stream = mmap(NULL, sizeof(*stream), PROT_READ | PROT_WRITE,
					   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (stream == MAP_FAILED) {
		say(worker, "no memory", errno);
		return;
	}
	worker->stream = stream;
	stream->shared = worker->shared;
	stream->subject = &worker->subject;
	stream->result = worker->result;
	stream->depth = audio_contract_frames(worker->shared->hold_ns) - AUDIO_CALLERS;
	stopwatch_init(&stream->watch);
	worker->subject.watch = &stream->watch;
	if (!audio_subject_open(&worker->subject, worker->shared, worker->result))
		return;
	if (!start_noise(worker) || !start_sides(worker))
		return; /* and the process ends, whatever runs in it */
	play(worker);
	stop_noise(worker);
	audio_subject_close(&worker->subject, worker->result);
	munmap(stream, sizeof(*stream));
	worker->result->done = true;
}

static struct audio_shared *map_shared(int fd)
{
	struct audio_shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	size_t bytes;

	if (shared == MAP_FAILED)
		return NULL;
	bytes = shared->bytes;
	munmap(shared, sizeof(*shared));
	shared = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	return shared == MAP_FAILED ? NULL : shared;
}

int audio_worker_main(int argc, char **argv)
{
	static struct audio_worker worker;
	int who = 0;

	while (argc == 2 && who < AUDIO_WHOS && strcmp(audio_names[who], argv[0]))
		who++;
	if (argc != 2 || who == AUDIO_WHOS)
		return 2;
	worker.shared = map_shared(atoi(argv[1]));
	if (!worker.shared)
		return 2;
	alarm((unsigned int)(20 * worker.shared->play / AUDIO_RATE) + LIFETIME_SPARE);
	if (!audio_is_malloc((enum audio_who)who))
		prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0); /* no pages are put together behind its back */
	worker.subject.who = (enum audio_who)who;
	worker.result = &worker.shared->result[who];
	run(&worker);
	return worker.result->done ? 0 : 1;
}
