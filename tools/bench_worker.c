/* SPDX-License-Identifier: MIT */
/*
 * bench_worker.c - the worker's side of `labyrinth bench`: `labyrinth bench --worker WHO BENCH CPU CPU2`.
 *
 * Not for people: the driver starts it (bench_peers.c), once for each figure; bench.h says how the two
 * talk.  Before anything is measured the worker proves that malloc here is the contestant's: a library
 * that cannot be preloaded is ignored by the loader with nothing but a warning, and the figures of one
 * allocator would then be published under the name of another.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LIFETIME_SECONDS 600u /* then something hangs, and the driver should hear of it */

static double clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* For one thread: the time when others had the CPU is no part of it. */
double bench_cpu_ns(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* For two threads that wait for each other. */
double bench_wall_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

bool bench_pin(unsigned int cpu)
{
	cpu_set_t set;

	if (cpu >= CPU_SETSIZE)
		return false;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return !sched_setaffinity(0, sizeof(set), &set);
}

void bench_figure_add(struct bench_figures *figures, const char *mode, double ns)
{
	struct bench_figure *figure;

	if (figures->count == BENCH_MODES_MAX) {
		bench_fail(figures, "more than %u modes", BENCH_MODES_MAX);
		return;
	}
	figure = &figures->figure[figures->count++];
	snprintf(figure->mode, sizeof(figure->mode), "%s", mode);
	figure->ns = ns;
}

/* The first failure is the one that matters. */
void bench_fail(struct bench_figures *figures, const char *format, ...)
{
	va_list arguments;

	if (*figures->error)
		return;
	va_start(arguments, format);
	vsnprintf(figures->error, sizeof(figures->error), format, arguments);
	va_end(arguments);
}

static void check_malloc(enum bench_who who, struct bench_figures *figures)
{
	const char *inside = bench_peers[who].inside;
	void *address = dlsym(RTLD_DEFAULT, "malloc");
	const char *file;
	Dl_info info;

	if (bench_peers[who].symbol && !dlsym(RTLD_DEFAULT, bench_peers[who].symbol))
		bench_fail(figures, "%s is not there", bench_peers[who].symbol);
	if (!inside)
		return;
	if (!address || !dladdr(address, &info) || !info.dli_fname) {
		bench_fail(figures, "malloc is of unknown origin");
		return;
	}
	file = strrchr(info.dli_fname, '/');
	file = file ? file + 1 : info.dli_fname;
	if (!strstr(file, inside))
		bench_fail(figures, "malloc is that of %s", file);
}

/* If memory runs out after all, let it be this process that dies. */
static void volunteer(void)
{
	int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (file < 0)
		return;
	if (write(file, "1000", 4) < 0) { /* then it is as it was: no reason not to measure */
	}
	close(file);
}

static int report(const struct bench_figures *figures)
{
	for (unsigned int i = 0; i < figures->count; i++)
		printf("figure %s %.6f\n", figures->figure[i].mode, figures->figure[i].ns);
	if (*figures->note)
		printf("note %s\n", figures->note);
	if (*figures->error)
		printf("error %s\n", figures->error);
	return fflush(stdout) || *figures->error ? 1 : 0;
}

static const struct bench *find(const char *name)
{
	for (size_t i = 0; i < bench_all_count; i++) {
		if (!strcmp(bench_all[i].name, name))
			return &bench_all[i];
	}
	return NULL;
}

/* WHO BENCH CPU CPU2, by the driver only.  A BENCH of "-" measures nothing: is malloc the right one? */
int bench_worker_main(int argc, char **argv)
{
	struct bench_figures figures = { .count = 0 };
	struct bench_job job = { .who = BENCH_WHOS };
	const struct bench *bench;

	if (argc != 4)
		return 2;
	for (int who = 0; who < BENCH_WHOS; who++) {
		if (!strcmp(bench_peers[who].name, argv[0]))
			job.who = (enum bench_who)who;
	}
	bench = find(argv[1]);
	job.cpu = (unsigned int)strtoul(argv[2], NULL, 10);
	job.other_cpu = (unsigned int)strtoul(argv[3], NULL, 10);
	if (job.who == BENCH_WHOS || (!bench && strcmp(argv[1], "-")))
		return 2;
	alarm(LIFETIME_SECONDS);
	volunteer();
	check_malloc(job.who, &figures);
	if (!bench_pin(job.cpu))
		bench_fail(&figures, "cannot run on CPU %u", job.cpu);
	if (bench && !*figures.error)
		bench->run(&job, &figures);
	return report(&figures);
}
