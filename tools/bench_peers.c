/* SPDX-License-Identifier: MIT */
/*
 * bench_peers.c - the contestants of `labyrinth bench`, and how a worker is started for one.
 *
 * A peer's library is preloaded into the worker rather than opened there: jemalloc can only be loaded
 * at the start (static TLS), and only so are the peer's malloc and free those that any program gets.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

const struct bench_peer bench_peers[BENCH_WHOS] = {
	[BENCH_LABYRINTH] = { .name = "labyrinth" },
	[BENCH_GLIBC] = { .name = "glibc", .inside = "libc.so" },
	[BENCH_TCMALLOC] = { .name = "tcmalloc",
			     .inside = "tcmalloc",
			     .library = { "libtcmalloc_minimal.so.4", "libtcmalloc.so.4" },
			     .package = "libtcmalloc-minimal4" },
	[BENCH_JEMALLOC] = { .name = "jemalloc",
			     .inside = "jemalloc",
			     .library = { "libjemalloc.so.2" },
			     .package = "libjemalloc2" },
	[BENCH_MIMALLOC] = { .name = "mimalloc",
			     .inside = "mimalloc",
			     .library = { "libmimalloc.so.2.0", "libmimalloc.so.2", "libmimalloc.so.3" },
			     .package = "libmimalloc2.0" },
	[BENCH_SODIUM] = { .name = "libsodium",
			   .symbol = "sodium_malloc",
			   .library = { "libsodium.so.23", "libsodium.so.26" },
			   .package = "libsodium23" },
	[BENCH_OPENSSL] = { .name = "openssl",
			    .symbol = "CRYPTO_secure_malloc",
			    .library = { "libcrypto.so.3", "libcrypto.so.1.1" },
			    .package = "libssl3" },
	[BENCH_FLOOR] = { .name = "floor" },
};

#define LIBRARIES (sizeof(bench_peers[0].library) / sizeof(bench_peers[0].library[0]))

/* The library that bench_peer_ready() found to take effect. */
static const char *chosen[BENCH_WHOS];

struct start {
	const char *bench; /* "-": only look whether malloc is the right one */
	const struct bench_job *job;
	const char *library; /* NULL: none */
	bool quiet; /* the loader's warnings are expected */
};

/* In the child, after fork: become the worker. */
static void become_worker(const struct start *start, int output)
{
	char cpu[16], other_cpu[16];
	int null;

	prctl(PR_SET_PDEATHSIG, SIGKILL); /* nobody would read what it measures */
	snprintf(cpu, sizeof(cpu), "%u", start->job->cpu);
	snprintf(other_cpu, sizeof(other_cpu), "%u", start->job->other_cpu);
	if (start->library)
		setenv("LD_PRELOAD", start->library, 1);
	else
		unsetenv("LD_PRELOAD");
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		if (start->quiet)
			dup2(null, STDERR_FILENO);
	}
	if (dup2(output, STDOUT_FILENO) >= 0)
		execl("/proc/self/exe", "labyrinth", "bench", "--worker", bench_peers[start->job->who].name,
		      start->bench, cpu, other_cpu, (char *)NULL);
	_exit(127);
}

static void read_line(char *line, struct bench_figures *figures)
{
	char mode[BENCH_MODE_LENGTH];
	double ns;

	line[strcspn(line, "\n")] = '\0';
	if (sscanf(line, "figure %15s %lf", mode, &ns) == 2)
		bench_figure_add(figures, mode, ns);
	else if (!strncmp(line, "note ", 5))
		snprintf(figures->note, sizeof(figures->note), "%.*s", (int)BENCH_TEXT - 1, line + 5);
	else if (!strncmp(line, "error ", 6))
		bench_fail(figures, "%s", line + 6);
	else
		bench_fail(figures, "the worker said \"%.100s\"", line);
}

static void read_all(int input, struct bench_figures *figures)
{
	FILE *file = fdopen(input, "r");
	char line[BENCH_TEXT + 16];

	if (!file) {
		bench_fail(figures, "cannot read from a worker: %s", strerror(errno));
		close(input);
		return;
	}
	while (fgets(line, sizeof(line), file))
		read_line(line, figures);
	fclose(file);
}

static void start_worker(const struct start *start, struct bench_figures *figures)
{
	int status = 0, ends[2];
	pid_t child;

	memset(figures, 0, sizeof(*figures));
	if (pipe2(ends, O_CLOEXEC)) {
		bench_fail(figures, "no pipe: %s", strerror(errno));
		return;
	}
	fflush(NULL); /* or the child would hold a copy of what is not yet written */
	child = fork();
	if (!child)
		become_worker(start, ends[1]);
	close(ends[1]);
	if (child < 0) {
		bench_fail(figures, "no worker: %s", strerror(errno));
		close(ends[0]);
		return;
	}
	read_all(ends[0], figures);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(status))
		bench_fail(figures, "the worker was killed by signal %d (%s)", WTERMSIG(status),
			   strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status))
		bench_fail(figures, "the worker ended with status %d", WEXITSTATUS(status));
}

void bench_worker_run(const struct bench *bench, const struct bench_job *job, struct bench_figures *figures)
{
	const struct start start = { .bench = bench->name, .job = job, .library = chosen[job->who] };

	start_worker(&start, figures);
	if (!*figures->error && !figures->count)
		bench_fail(figures, "the worker measured nothing");
}

const char *bench_peer_library(enum bench_who who)
{
	return chosen[who];
}

bool bench_peer_ready(const struct bench_job *job, char reason[BENCH_TEXT])
{
	const struct bench_peer *peer = &bench_peers[job->who];
	struct start start = { .bench = "-", .job = job, .quiet = true };
	struct bench_figures figures;

	for (size_t i = 0; i < LIBRARIES; i++) {
		start.library = peer->library[i];
		if (i && !start.library)
			break;
		start_worker(&start, &figures);
		if (!*figures.error) {
			chosen[job->who] = start.library;
			return true;
		}
	}
	if (peer->package)
		snprintf(reason, BENCH_TEXT,
			 "not installed (apt-get install %s), or not to be preloaded: %.250s", peer->package,
			 figures.error);
	else
		snprintf(reason, BENCH_TEXT, "%.250s", figures.error);
	return false;
}
