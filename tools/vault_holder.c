/* SPDX-License-Identifier: MIT */
/*
 * vault_holder.c - a child that holds a vault with a marker in its first page, and does what it is told.
 *
 * The marker stands nowhere else: neither of the two processes ever has it in a buffer while a core may be written.  It is made byte
 * by byte of a number, where it is to stand.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vault_look.h"

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

static unsigned char marker_byte(uint64_t seed, unsigned int i)
{
	return (unsigned char)((seed + i) * 0x9e3779b97f4a7c15u >> 56);
}

static bool marker_at(uint64_t seed, const volatile char *at)
{
	unsigned int i;

	for (i = 0; i < LOOK_MARKER; i++)
		if ((unsigned char)at[i] != marker_byte(seed, i))
			return false;
	return true;
}

bool holder_marked(const struct look_holder *holder, const char *bytes, size_t size)
{
	size_t at;

	for (at = 0; at + LOOK_MARKER <= size; at++)
		if ((unsigned char)bytes[at] == marker_byte(holder->seed, 0) && marker_at(holder->seed, bytes + at))
			return true;
	return false;
}

/* ---- the child ---- */

struct greeting {
	char *page;
	uint32_t guarantees;
	char error[LAB_ERROR_TEXT];
};

static void set_core_limit(bool may)
{
	struct rlimit limit;

	getrlimit(RLIMIT_CORE, &limit);
	limit.rlim_cur = may ? limit.rlim_max : 0;
	setrlimit(RLIMIT_CORE, &limit);
}

static char let_child_look(const struct look_holder *holder)
{
	pid_t child = fork();
	int how;

	if (child == 0) {
		set_core_limit(false);
		_exit(marker_at(holder->seed, holder->page) ? 0 : 1);
	}
	if (child < 0 || waitpid(child, &how, 0) != child)
		return ANSWER_NONE;
	if (WIFSIGNALED(how))
		return WTERMSIG(how) == SIGSEGV || WTERMSIG(how) == SIGBUS ? ANSWER_KILLED : ANSWER_NONE;
	return WEXITSTATUS(how) ? ANSWER_OTHER : ANSWER_READ;
}

static char page_out(const struct look_holder *holder)
{
	unsigned char present = 1;

	if (madvise(holder->page, 4096, MADV_PAGEOUT) != 0)
		return errno == EINVAL ? ANSWER_LOCKED : ANSWER_NONE;
	if (mincore(holder->page, 4096, &present) != 0)
		return ANSWER_NONE;
	return present & 1 ? ANSWER_STAYED : ANSWER_SWAPPED;
}

static void serve(const struct look_holder *holder, int orders, int answers)
{
	char order, answer;

	while (read(orders, &order, 1) == 1) {
		if (order == ORDER_ABORT) {
			signal(SIGABRT, SIG_DFL);
			abort();
		}
		answer = order == ORDER_FORK ? let_child_look(holder) : page_out(holder);
		if (write(answers, &answer, 1) != 1)
			break;
	}
}

static void hold(struct look_holder *holder, enum lab_vault_memory memory, uint32_t guarantees, const int *pipes)
{
	struct vault_want want = { .frames = LOOK_FRAMES, .page = 4096, .guarantees = guarantees, .memory = memory };
	struct greeting greeting = { .page = NULL };
	struct lab_complaint to = { .text = greeting.error };
	struct vault_memory made;
	unsigned int i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(pipes[1]); /* its ends of the other's pipes: or it would never see the end */
	close(pipes[2]);
	if (chdir(holder->folder) == 0)
		set_core_limit(true);
	if (!vault_map(&want, &made, &to)) {
		volatile char *page = made.base;

		for (i = 0; i < LOOK_MARKER; i++)
			page[i] = (char)marker_byte(holder->seed, i);
		holder->page = greeting.page = made.base;
		greeting.guarantees = made.guarantees;
	}
	if (write(pipes[3], &greeting, sizeof(greeting)) == sizeof(greeting) && greeting.page) {
		serve(holder, pipes[0], pipes[3]);
		vault_unmap(&made, true);
	}
	_exit(0);
}

/* ---- the parent ---- */

static void close_all(const int *fds)
{
	unsigned int i;

	for (i = 0; i < 4; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

/* No process that holds anything; errno says why. */
static bool give_up(const struct look_holder *holder, const int *pipes, const char *what, char *error)
{
	look_limit(errno, what, error);
	close_all(pipes);
	rmdir(holder->folder);
	return false;
}

bool holder_start(struct look_holder *holder, enum lab_vault_memory memory, uint32_t guarantees, char *error)
{
	int pipes[4] = { -1, -1, -1, -1 }; /* orders: 0 from 1; answers: 2 from 3 */
	struct greeting greeting;

	*holder = (struct look_holder){ .folder = "/tmp/labyrinth-vault.XXXXXX" };
	if (getrandom(&holder->seed, sizeof(holder->seed), 0) != sizeof(holder->seed) || !mkdtemp(holder->folder)) {
		look_limit(errno, "a folder in /tmp", error);
		return false;
	}
	if (pipe2(pipes, O_CLOEXEC) != 0 || pipe2(pipes + 2, O_CLOEXEC) != 0)
		return give_up(holder, pipes, "pipe2", error);
	holder->pid = fork();
	if (holder->pid < 0)
		return give_up(holder, pipes, "fork", error);
	if (holder->pid == 0)
		hold(holder, memory, guarantees, pipes);
	close(pipes[0]);
	close(pipes[3]);
	holder->orders = pipes[1];
	holder->answers = pipes[2];
	if (read(holder->answers, &greeting, sizeof(greeting)) != sizeof(greeting))
		snprintf(greeting.error, sizeof(greeting.error), "holder: the process that was to hold it ended"), greeting.page = NULL;
	holder->page = greeting.page;
	holder->guarantees = greeting.guarantees;
	if (holder->page)
		return true;
	snprintf(error, LAB_ERROR_TEXT, "%s", greeting.error);
	look_plain(error);
	holder_end(holder);
	return false;
}

char holder_ask(const struct look_holder *holder, enum look_order order)
{
	char word = (char)order;
	void (*before)(int) = signal(SIGPIPE, SIG_IGN);

	if (write(holder->orders, &word, 1) != 1 || read(holder->answers, &word, 1) != 1)
		word = ANSWER_NONE;
	signal(SIGPIPE, before);
	return word;
}

static void remove_folder(const char *path)
{
	DIR *folder = opendir(path);
	struct dirent *entry;

	while (folder && (entry = readdir(folder)))
		unlinkat(dirfd(folder), entry->d_name, 0);
	if (folder)
		closedir(folder);
	rmdir(path);
}

int holder_end(struct look_holder *holder)
{
	int how = 0;

	close(holder->orders); /* it unmaps its vault and goes */
	close(holder->answers);
	waitpid(holder->pid, &how, 0);
	remove_folder(holder->folder);
	return how;
}
