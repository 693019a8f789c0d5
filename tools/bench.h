/* SPDX-License-Identifier: MIT */
/*
 * bench.h - what the files of `labyrinth bench` share.
 *
 * Driver and workers.  The driver (bench.c) measures nothing itself: for each figure it starts a
 * *worker*, a process of its own that runs this same program (bench_worker.c), pinned to a CPU, with a
 * peer's library preloaded, so that malloc and free there are really the peer's.  A worker warms up,
 * measures once, writes lines to its standard output and ends:
 *
 *     figure MODE NANOSECONDS      one per mode
 *     note TEXT                    something that the reader of the figures must know
 *     error TEXT                   no figures, and why
 *
 * A round is one worker of each contestant in turn (A B C, A B C, ...), so that a disturbance of the
 * machine meets all alike; a new process each time also gives each round another memory layout, and
 * hands the memory of the large benches back before the next one starts.
 *
 *     bench.c          command line, rounds              bench_worker.c   the worker's frame, clocks
 *     bench_list.c     what can be measured
 *     bench_peers.c    who there is, starting workers    bench_subject.c  an allocator, ready to be called
 *     bench_report.c   median, JSON, table               bench_loops.c    pair_hot, burst32, fill_1m
 *                                                        bench_refuse.c   refuse_64m, refuse_1t
 *                                                        bench_cross.c    cross_cpu
 *                                                        bench_shred.c    shred_*: the core's fill kernels
 *                                                        bench_exclusive.c pair_exclusive*, pair_secret
 */
#ifndef LABYRINTH_TOOLS_BENCH_H
#define LABYRINTH_TOOLS_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define BENCH_MODES_MAX 4u
#define BENCH_MODE_LENGTH 16u
#define BENCH_TEXT 384u
#define BENCH_MIB ((uint64_t)1 << 20)
#define BENCH_GIB ((uint64_t)1 << 30)

/* The contestants, in the order of a round. */
enum bench_who {
	BENCH_LABYRINTH,
	BENCH_GLIBC,
	BENCH_TCMALLOC,
	BENCH_JEMALLOC,
	BENCH_MIMALLOC,
	BENCH_SODIUM,
	BENCH_OPENSSL,
	BENCH_FLOOR, /* no allocator at all: the least that the loop itself costs */
	BENCH_WHOS,
};

struct bench_figure {
	char mode[BENCH_MODE_LENGTH];
	double ns;
};

/* What a worker came back with. */
struct bench_figures {
	unsigned int count;
	struct bench_figure figure[BENCH_MODES_MAX];
	char note[BENCH_TEXT]; /* "" = none */
	char error[BENCH_TEXT]; /* "" = the figures hold */
};

/* What one worker is to do. */
struct bench_job {
	enum bench_who who;
	unsigned int cpu, other_cpu; /* the same where there is only one */
};

struct bench {
	const char *name;
	const char *what;
	unsigned int threads;
	uint32_t whos; /* which contestants, a bit each */
	uint64_t own_bytes, peer_bytes; /* what a worker may come to hold: is it there? */
	const char *(*missing)(void); /* what this machine, or this user, lacks for Labyrinth's part of it, NULL: nothing; NULL itself: it needs nothing */
	void (*run)(const struct bench_job *job, struct bench_figures *figures);
};

/* All rounds of one contestant in one mode. */
struct bench_series {
	const struct bench *bench;
	enum bench_who who;
	char mode[BENCH_MODE_LENGTH];
	unsigned int rounds;
	double *ns;
	double median, min; /* by bench_series_settle() */
};

int labyrinth_bench(int argc, char **argv);

/* bench_list.c */
extern const struct bench bench_all[];
extern const size_t bench_all_count;

/* bench.c */
/* What the machine could give away without swapping; "unknown" is taken for enough. */
uint64_t bench_available_bytes(void);

/* bench_peers.c */
struct bench_peer {
	const char *name; /* as in JSON */
	const char *symbol; /* what its library must have; NULL: nothing in particular */
	const char *inside; /* part of the name of the file that malloc then comes from; NULL: any */
	const char *library[3]; /* to be preloaded, the first that is there; none: as it is */
	const char *package; /* Debian's */
};
extern const struct bench_peer bench_peers[BENCH_WHOS];
/* Run one worker to its end.  What went wrong is in figures->error. */
void bench_worker_run(const struct bench *bench, const struct bench_job *job, struct bench_figures *figures);
/* Is the library of job->who there, and does it take effect?  If not, `reason` says so. */
bool bench_peer_ready(const struct bench_job *job, char reason[BENCH_TEXT]);
/* The one that it found; NULL: none is to be preloaded. */
const char *bench_peer_library(enum bench_who who);

/* bench_worker.c */
int bench_worker_main(int argc, char **argv);
void bench_figure_add(struct bench_figures *figures, const char *mode, double ns);
void bench_fail(struct bench_figures *figures, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool bench_pin(unsigned int cpu);
double bench_cpu_ns(void);
double bench_wall_ns(void);

/* bench_report.c */
void bench_series_settle(struct bench_series *series);
int bench_json_line(FILE *file, const struct bench_series *series);
/* The same line of a figure of Labyrinth's that could not be had: null, and why. */
void bench_json_lack(FILE *file, const struct bench *bench, const char *why);
void bench_table_head(FILE *file);
void bench_table(FILE *file, const struct bench_series *series, size_t count);

/* The benches themselves: bench_loops.c, bench_refuse.c, bench_cross.c, bench_shred.c, bench_exclusive.c */
void bench_pair_hot(const struct bench_job *job, struct bench_figures *figures);
void bench_burst32(const struct bench_job *job, struct bench_figures *figures);
void bench_fill_1m(const struct bench_job *job, struct bench_figures *figures);
void bench_refuse_64m(const struct bench_job *job, struct bench_figures *figures);
void bench_refuse_1t(const struct bench_job *job, struct bench_figures *figures);
void bench_cross_cpu(const struct bench_job *job, struct bench_figures *figures);
void bench_shred_random(const struct bench_job *job, struct bench_figures *figures);
void bench_shred_ram(const struct bench_job *job, struct bench_figures *figures);
void bench_shred_keys(const struct bench_job *job, struct bench_figures *figures);
void bench_shred_zero(const struct bench_job *job, struct bench_figures *figures);
void bench_shred_zero_ram(const struct bench_job *job, struct bench_figures *figures);
const char *bench_shred_no_ram(void);
void bench_shred_digest(const struct bench_job *job, struct bench_figures *figures);
void bench_pair_exclusive(const struct bench_job *job, struct bench_figures *figures);
void bench_pair_exclusive_zero(const struct bench_job *job, struct bench_figures *figures);
void bench_pair_exclusive_secret(const struct bench_job *job, struct bench_figures *figures);
void bench_pair_exclusive_quiet(const struct bench_job *job, struct bench_figures *figures);
void bench_pair_exclusive_deferred(const struct bench_job *job, struct bench_figures *figures);
void bench_pair_secret(const struct bench_job *job, struct bench_figures *figures);
const char *bench_exclusive_missing(void);
const char *bench_exclusive_secret_missing(void);

#endif
