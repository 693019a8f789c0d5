/* SPDX-License-Identifier: MIT */
/*
 * audio_start.c - the memory that command and workers share, and the start of a worker.
 */
#define _GNU_SOURCE
#include "audio.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOOK_NS 20000000

static size_t whole_pages(size_t bytes)
{
	return (bytes + AUDIO_PAGE - 1) & ~(size_t)(AUDIO_PAGE - 1);
}

struct audio_shared *audio_share(uint64_t blocks, uint32_t channels, int *fd, char *error)
{
	size_t head = whole_pages(sizeof(struct audio_shared)),
	       samples = whole_pages(blocks * channels * sizeof(int32_t));
	struct audio_shared *shared = MAP_FAILED;

	*fd = memfd_create("labyrinth audio", 0); /* the worker gets it */
	/* Really there now: later a missing page would be a SIGBUS. */
	if (*fd < 0 || (errno = posix_fallocate(*fd, 0, (off_t)(head + 2 * samples))))
		snprintf(error, AUDIO_ERROR_TEXT, "no memory for %zu MiB of samples: %s", 2 * samples >> 20,
			 strerror(errno));
	else
		shared = mmap(NULL, head + 2 * samples, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
	if (shared == MAP_FAILED) {
		if (*fd >= 0)
			close(*fd);
		*fd = -1;
		return NULL;
	}
	shared->channels = channels;
	shared->blocks = blocks;
	shared->bytes = head + 2 * samples;
	shared->in = head;
	shared->out = head + samples;
	return shared;
}

/* In the child, after fork. */
static void become_worker(enum audio_who who, int fd, const char *library)
{
	char number[16];
	int null;

	prctl(PR_SET_PDEATHSIG, SIGKILL); /* nobody would read what it measures */
	snprintf(number, sizeof(number), "%d", fd);
	if (library)
		setenv("LD_PRELOAD", library, 1);
	else
		unsetenv("LD_PRELOAD");
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
	}
	execl("/proc/self/exe", "labyrinth", "audio", "--worker", audio_names[who], number, (char *)NULL);
	_exit(127);
}

void audio_run(struct audio_shared *shared, int fd, enum audio_who who, const char *library,
	       void (*progress)(double part, void *data), void *data)
{
	const struct timespec look = { .tv_nsec = LOOK_NS };
	struct audio_result *result = &shared->result[who];
	int status = 0;
	pid_t child;

	atomic_store(&shared->played, 0);
	fflush(NULL); /* or the child would hold a copy of what is not yet written */
	child = fork();
	if (!child)
		become_worker(who, fd, library);
	if (child < 0) {
		snprintf(result->error, sizeof(result->error), "no worker: %s", strerror(errno));
		return;
	}
	while (!waitpid(child, &status, WNOHANG)) {
		nanosleep(&look, NULL);
		progress((double)atomic_load(&shared->played) / (double)shared->play, data);
	}
	if (*result->error || result->done)
		return;
	if (WIFSIGNALED(status))
		snprintf(result->error, sizeof(result->error), "its process was killed by signal %d (%s)",
			 WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		snprintf(result->error, sizeof(result->error), "its process ended with status %d",
			 WEXITSTATUS(status));
}
