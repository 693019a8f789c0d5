/* SPDX-License-Identifier: MIT */
/*
 * bench.c - `labyrinth bench`: the command line, and the rounds.
 *
 * Called by the `labyrinth` command with argv[0] being the subcommand's name.  This is the driver; what
 * it drives, and why each figure comes from a process of its own, is told in bench.h.
 *
 * Exit status: 0; 1 where Labyrinth itself could not be measured, whatever was in the way: the row is named, with the
 * reason, and stands in the JSON without a figure; 2 for a command line that cannot be followed (one line says why, and nothing has been written), or where the figures cannot be written.  A
 * peer that is missing is no failure: it is named, with the package that brings it.
 */
#define _GNU_SOURCE
#include "bench.h"
#include "option.h"
#include "output.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROUNDS 7u
#define ROUNDS_MAX 10000u
#define NAMES_MAX 32u
#define SERIES_MAX (BENCH_WHOS * BENCH_MODES_MAX)
#define SPARE_BYTES (BENCH_GIB / 2) /* left to others when a bench asks for much memory */

#define BIT(who) (UINT32_C(1) << (who))
#define OWN BIT(BENCH_LABYRINTH)

struct options {
	const char *json; /* NULL: none */
	unsigned int rounds;
	int cpu; /* -1: the first that this process may run on */
	bool list, help;
	const struct bench *benches[NAMES_MAX];
	size_t bench_count;
};

/* A run of the command. */
struct run {
	unsigned int rounds;
	unsigned int cpu, other_cpu;
	FILE *json, *table; /* json may be NULL */
	struct output output; /* whole or not at all */
	uint32_t ready, absent; /* contestants that were looked for: found, not found */
	int status;
	struct bench_series series[SERIES_MAX]; /* of the bench that is running */
	size_t series_count;
};

static int refuse(const char *format, const char *what)
{
	fputs("labyrinth bench: ", stderr);
	fprintf(stderr, format, what);
	fputc('\n', stderr);
	return 2;
}

static const char help[] =
	"Usage: labyrinth bench [OPTION]... [NAME]...\n"
	"Measure Labyrinth beside the allocators that are installed here. No NAME: all; a group (shred): those in it.\n"
	"\n"
	"  --json FILE   one JSON object a line; - is standard output, and the table then goes to standard "
	"error\n"
	"  --rounds N    how often each is measured (7); the figure is the median\n"
	"  --cpu N       the CPU to be pinned to\n"
	"  --list        the names, and what each measures\n"
	"  --help\n"
	"\n"
	"Exit status: 0, whoever else is not installed; 1 when a figure of Labyrinth's could not be had: SKIP names it, with\n"
	"the reason, and in the JSON its ns is null; 2 for a bad option, or when the figures cannot be written: one line on\n"
	"standard error.\n";

static bool number(const char *text, unsigned long most, unsigned long *value)
{
	char *end;

	errno = 0;
	*value = strtoul(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end && !errno && *value <= most;
}

/* Is it this bench's name, or that of its group: what stands before a "_" in it? */
static bool is_named(const struct bench *bench, const char *name)
{
	size_t length = strlen(name);

	return length && !strncmp(bench->name, name, length) && (!bench->name[length] || bench->name[length] == '_');
}

static int add_name(struct options *options, const char *name)
{
	size_t before = options->bench_count;

	for (size_t i = 0; i < bench_all_count; i++) {
		if (!is_named(&bench_all[i], name))
			continue;
		if (options->bench_count == NAMES_MAX)
			return refuse("too many names, from '%.80s' on", name);
		options->benches[options->bench_count++] = &bench_all[i];
		if (!bench_all[i].name[strlen(name)])
			return 0; /* exactly this one (which stands before those that begin so) */
	}
	return options->bench_count > before ? 0 : refuse("there is no bench '%.80s' (see labyrinth bench --list)", name);
}

static int add_option(struct options *options, int option, const char *word)
{
	unsigned long value = 0;

	switch (option) {
	case 'j':
		options->json = optarg;
		return *optarg ? 0 : refuse("%s wants the name of a file", "--json");
	case 'r':
		if (!number(optarg, ROUNDS_MAX, &value) || !value)
			return refuse("--rounds '%.80s': wants a number from 1 to 10000", optarg);
		options->rounds = (unsigned int)value;
		return 0;
	case 'c':
		if (!number(optarg, CPU_SETSIZE - 1, &value))
			return refuse("--cpu '%.80s': wants the number of a CPU", optarg);
		options->cpu = (int)value;
		return 0;
	case 'l':
		options->list = true;
		return 0;
	case 'h':
		options->help = true;
		return 0;
	case ':':
		return refuse("a value is missing behind '%.80s' (see labyrinth bench --help)", word);
	default:
		return refuse("unknown option '%.80s' (see labyrinth bench --help)", word);
	}
}

/* 0, or the exit status. */
static int parse(struct options *options, int argc, char **argv)
{
	static const struct option known[] = {
		{ "json", required_argument, NULL, 'j' }, { "rounds", required_argument, NULL, 'r' },
		{ "cpu", required_argument, NULL, 'c' },  { "list", no_argument, NULL, 'l' },
		{ "help", no_argument, NULL, 'h' },       { NULL, 0, NULL, 0 },
	};
	int option, failed = 0;

	opterr = 0;
	optind = 0; /* glibc's and musl's way to begin anew: main() may have used getopt before */
	while (!failed && (option = option_next(argc, argv, known)) != -1)
		failed = add_option(options, option, argv[optind - 1]);
	while (!failed && optind < argc)
		failed = add_name(options, argv[optind++]);
	if (failed)
		return failed;
	for (size_t i = 0; i < bench_all_count && !options->bench_count; i++)
		options->benches[i] = &bench_all[i];
	if (!options->bench_count)
		options->bench_count = bench_all_count;
	return 0;
}

/* The CPU to be pinned to and, for the benches of two threads, another one. */
static int choose_cpus(struct run *run, int wanted)
{
	cpu_set_t allowed;
	char text[16];

	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		return refuse("which CPUs may be used is not known: %s", strerror(errno));
	if (wanted < 0)
		for (wanted = 0; wanted < CPU_SETSIZE - 1 && !CPU_ISSET((size_t)wanted, &allowed);)
			wanted++;
	snprintf(text, sizeof(text), "%d", wanted);
	if (!CPU_ISSET((size_t)wanted, &allowed))
		return refuse("this process may not run on CPU %s", text);
	run->cpu = run->other_cpu = (unsigned int)wanted;
	for (unsigned int i = 1; i < CPU_SETSIZE && run->other_cpu == run->cpu; i++) {
		unsigned int cpu = (run->cpu + i) % CPU_SETSIZE;

		if (CPU_ISSET(cpu, &allowed))
			run->other_cpu = cpu;
	}
	return 0;
}

uint64_t bench_available_bytes(void)
{
	FILE *file = fopen("/proc/meminfo", "re");
	unsigned long long kib = UINT64_MAX >> 10;
	char line[128];

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1)
			break;
	}
	if (file)
		fclose(file);
	return (uint64_t)kib << 10;
}

static void skip(struct run *run, const char *what, const char *reason)
{
	fprintf(run->table, "SKIP %s: %s\n", what, reason);
}

/* No figure of Labyrinth's of this bench: it is said wherever one would have stood. */
static void lack(struct run *run, const struct bench *bench, const char *reason)
{
	run->status = 1;
	if (run->json)
		bench_json_lack(run->json, bench, reason);
}

/* The same, and those who read the table are told. */
static void lack_aloud(struct run *run, const struct bench *bench, const char *reason)
{
	char what[64];

	snprintf(what, sizeof(what), "%s %s", bench->name, bench_peers[BENCH_LABYRINTH].name);
	skip(run, what, reason);
	lack(run, bench, reason);
}

/* Is this contestant there?  Looked for once in a run, named once where it is not. */
static bool is_ready(struct run *run, const struct bench_job *job)
{
	char reason[BENCH_TEXT];

	if (run->ready & BIT(job->who) || run->absent & BIT(job->who))
		return run->ready & BIT(job->who);
	if (bench_peer_ready(job, reason)) {
		run->ready |= BIT(job->who);
		return true;
	}
	run->absent |= BIT(job->who);
	skip(run, bench_peers[job->who].name, reason);
	return false;
}

/* Is there the memory that it may need?  Whoever goes without is named. */
static bool has_memory(struct run *run, const struct bench *bench, int who)
{
	uint64_t available = bench_available_bytes(), need = BIT(who) & OWN ? bench->own_bytes : bench->peer_bytes;
	char what[64], reason[96];

	if (!need || need + SPARE_BYTES <= available)
		return true;
	snprintf(reason, sizeof(reason), "may need %llu MiB, and %llu MiB are available", (unsigned long long)(need / BENCH_MIB),
		 (unsigned long long)(available / BENCH_MIB));
	if (BIT(who) & OWN) {
		lack_aloud(run, bench, reason);
		return false;
	}
	snprintf(what, sizeof(what), "%s %s", bench->name, bench_peers[who].name);
	skip(run, what, reason);
	return false;
}

/* Those that will take part in this bench; the others have been named. */
static uint32_t contestants(struct run *run, const struct bench *bench)
{
	const char *missing = bench->missing ? bench->missing() : NULL;
	uint32_t active = 0, whos = bench->whos;

	if (bench->threads > 1 && run->cpu == run->other_cpu) {
		skip(run, bench->name, "needs two CPUs, and this process may run on one");
		lack(run, bench, "needs two CPUs, and this process may run on one");
		return 0;
	}
	if (missing) { /* by Labyrinth; the others can do without */
		lack_aloud(run, bench, missing);
		whos &= ~OWN;
	}
	for (int who = 0; who < BENCH_WHOS; who++) {
		const struct bench_job job = { (enum bench_who)who, run->cpu, run->other_cpu };

		if (!(whos & BIT(who)))
			continue;
		if (!is_ready(run, &job)) {
			if (BIT(who) & OWN)
				lack(run, bench, "no process that measures Labyrinth could be started");
		} else if (has_memory(run, bench, who)) {
			active |= BIT(who);
		}
	}
	return active;
}

static struct bench_series *find_series(struct run *run, const struct bench_job *job, const char *mode)
{
	struct bench_series *series = run->series;

	for (; series < run->series + run->series_count; series++) {
		if (series->who == job->who && !strcmp(series->mode, mode))
			return series;
	}
	if (run->series_count == SERIES_MAX)
		return NULL;
	memset(series, 0, sizeof(*series));
	series->ns = calloc(run->rounds, sizeof(*series->ns));
	if (!series->ns)
		return NULL;
	series->who = job->who;
	snprintf(series->mode, sizeof(series->mode), "%s", mode);
	run->series_count++;
	return series;
}

/* One worker, and its figures to their series.  False: this contestant is out of this bench. */
static bool measure(struct run *run, const struct bench *bench, const struct bench_job *job, bool first)
{
	struct bench_figures figures;
	char what[64];

	bench_worker_run(bench, job, &figures);
	if (first && *figures.note)
		fprintf(run->table, "note: %s: %s\n", bench->name, figures.note);
	for (unsigned int i = 0; i < figures.count && !*figures.error; i++) {
		struct bench_series *series = find_series(run, job, figures.figure[i].mode);

		if (!series)
			bench_fail(&figures, "no memory for the figures");
		else if (series->rounds < run->rounds)
			series->ns[series->rounds++] = figures.figure[i].ns;
	}
	if (!*figures.error)
		return true;
	snprintf(what, sizeof(what), "%s %s", bench->name, bench_peers[job->who].name);
	if (job->who == BENCH_LABYRINTH) {
		fprintf(stderr, "labyrinth bench: %s: %s\n", what, figures.error);
		lack(run, bench, figures.error);
	} else {
		skip(run, what, figures.error);
	}
	return false;
}

static void progress(const struct run *run, const struct bench *bench, unsigned int round)
{
	if (!isatty(STDERR_FILENO))
		return;
	if (round < run->rounds)
		fprintf(stderr, "\r%s: round %u of %u\033[K", bench->name, round + 1, run->rounds);
	else
		fputs("\r\033[K", stderr);
}

/* The series of those that came through, contestant by contestant; out with the others. */
static void settle(struct run *run, const struct bench *bench, uint32_t active)
{
	size_t kept = 0;

	for (size_t i = 0; i < run->series_count; i++) {
		struct bench_series *series = &run->series[i];

		if (!(active & BIT(series->who))) {
			free(series->ns);
			continue;
		}
		series->bench = bench;
		bench_series_settle(series);
		run->series[kept++] = *series;
	}
	run->series_count = kept;
}

static void run_bench(struct run *run, const struct bench *bench)
{
	uint32_t active = contestants(run, bench);

	run->series_count = 0;
	for (unsigned int round = 0; round < run->rounds && active; round++) {
		progress(run, bench, round);
		for (int who = 0; who < BENCH_WHOS; who++) {
			const struct bench_job job = { (enum bench_who)who, run->cpu, run->other_cpu };

			if (active & BIT(who) && !measure(run, bench, &job, !round))
				active &= ~BIT(who);
		}
	}
	progress(run, bench, run->rounds);
	settle(run, bench, active);
	bench_table(run->table, run->series, run->series_count);
	for (size_t i = 0; i < run->series_count; i++) {
		if (run->json && bench_json_line(run->json, &run->series[i]))
			run->status = 1;
		free(run->series[i].ns);
	}
}

static int list(void)
{
	for (size_t i = 0; i < bench_all_count; i++)
		printf("%-23s %s\n", bench_all[i].name, bench_all[i].what);
	return output_help("labyrinth bench", "");
}

static int open_json(struct run *run, const char *name)
{
	char error[OUTPUT_ERROR_TEXT];

	run->table = name && !strcmp(name, "-") ? stderr : stdout;
	if (!name)
		return 0;
	if (run->table == stderr) {
		run->json = stdout; /* a line as soon as it is known */
		return 0;
	}
	if (!output_open(&run->output, name, error)) {
		fprintf(stderr, "labyrinth bench: %s\n", error);
		return 2;
	}
	run->json = run->output.file;
	return 0;
}

/* Everything is measured: the file, in one piece, and what went to standard output.  The exit status. */
static int finish(struct run *run)
{
	char error[OUTPUT_ERROR_TEXT];
	bool fine = run->json == stdout || output_commit(&run->output, 1, error);

	fine = fine && output_printed(error);
	output_close(&run->output);
	if (!fine)
		return refuse("%s", error);
	if (run->status)
		fputs("labyrinth bench: not all figures could be had\n", stderr);
	return run->status;
}

int labyrinth_bench(int argc, char **argv)
{
	struct options options = { .rounds = ROUNDS, .cpu = -1 };
	struct run run = { .rounds = 0 };
	int failed;

	if (argc > 1 && !strcmp(argv[1], "--worker"))
		return bench_worker_main(argc - 2, argv + 2);
	failed = parse(&options, argc, argv);
	if (failed)
		return failed;
	if (options.list)
		return list();
	if (options.help)
		return output_help("labyrinth bench", help);
	run.rounds = options.rounds;
	if (choose_cpus(&run, options.cpu) || open_json(&run, options.json))
		return 2;
	fprintf(run.table,
		"CPU %u, %u rounds, medians; CPU time of the thread (cross_cpu, with CPU %u: wall clock)\n",
		run.cpu, run.rounds, run.other_cpu);
	bench_table_head(run.table);
	for (size_t i = 0; i < options.bench_count; i++)
		run_bench(&run, options.benches[i]);
	return finish(&run);
}
