/* SPDX-License-Identifier: MIT */
/*
 * guest.c - the only program of the rig's virtual machine: its first process, and each scene's.
 *
 * As the first process it makes the machine ready, and then runs the cases that the kernel's command line names, one after the other:
 *
 *     remanence=SEED:PAGES:NUMBER/SCENE/SUBJECT,NUMBER/SCENE/SUBJECT,...        (SEED in hexadecimal)
 *
 * On the console it says, a line each, "@scan NUMBER FACTS..." and waits for a line from outside, where the machine is stopped
 * and its memory looked through; "@broken NUMBER WHY" where a case could not be set up; "@end".  A case's program is this file again,
 * so that the first process never holds a secret: guest case SCENE SUBJECT KEY PAGES.  Others: idle (what is executed over a case),
 * hog (wants more memory than there is).
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <termios.h>

#include "guest_scenes.h"

#define SWAP_DISK "/dev/vda"
#define COMMAND_LINE 4096

/* ---- a case's program ---- */

static int run_case(char **words)
{
	const struct scene *scene = scene_named(words[0]);
	struct job job = { .subject = subject_named(words[1]), .key = strtoull(words[2], NULL, 16),
			   .count = strtoul(words[3], NULL, 10) };

	if (!scene || !job.subject || !job.count)
		broken("no such case: %s of %s", words[0], words[1]);
	job.pages = calloc(job.count, sizeof(*job.pages));
	job.before = calloc(job.count, 8);
	job.after = calloc(job.count, 8);
	if (!job.pages || !job.before || !job.after)
		broken("no memory for lists");
	scene->run(&job);
	return 0;
}

/* All that is there and some more, a word a page, so that it is no page of zeros; the first to be killed if need be. */
static int hog(void)
{
	size_t size = meminfo("MemAvailable") + meminfo("MemTotal") / 6, i;
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED || !put("/proc/self/oom_score_adj", "1000"))
		return 1;
	for (i = 0; i < size; i += 4096)
		memory[i] = 1;
	return 0;
}

/* ---- the first process ---- */

static void say(const char *form, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *form, ...)
{
	va_list rest;

	va_start(rest, form);
	vprintf(form, rest);
	va_end(rest);
	putchar('\n');
	fflush(stdout);
}

static _Noreturn void power_off(void)
{
	say("@end");
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

static void await_line(void)
{
	char line[16];

	do
		if (read(STDIN_FILENO, line, sizeof(line)) <= 0)
			power_off();
	while (!memchr(line, '\n', sizeof(line)));
}

/* Modules lie in /modules in the order of their names, which is the order in which they need each other. */
static void load_modules(void)
{
	unsigned int i;
	char name[32];
	int fd;

	for (i = 0; i < 16; i++) {
		snprintf(name, sizeof(name), "/modules/%02u", i);
		fd = open(name, O_RDONLY | O_CLOEXEC);
		if (fd >= 0 && syscall(SYS_finit_module, fd, "", 0) && errno != EEXIST)
			say("@note module %u: %s", i, strerror(errno));
		if (fd >= 0)
			close(fd);
	}
}

static void machine_ready(void)
{
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	struct termios console;
	unsigned int i;

	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	if (mount("proc", "/proc", "proc", 0, NULL) || mount("sysfs", "/sys", "sysfs", 0, NULL) ||
	    mount("devtmpfs", "/dev", "devtmpfs", 0, NULL))
		say("@note mount: %s", strerror(errno));
	if (!tcgetattr(STDIN_FILENO, &console)) {
		console.c_lflag &= ~(tcflag_t)ECHO;
		tcsetattr(STDIN_FILENO, TCSANOW, &console);
	}
	setrlimit(RLIMIT_MEMLOCK, &unlimited);
	/* Small pages everywhere: what compaction moves.  A collapse that is asked for does not look at this. */
	if (!put("/sys/kernel/mm/transparent_hugepage/enabled", "never"))
		say("@note huge pages cannot be turned off");
	load_modules();
	for (i = 0; i < 100 && access(SWAP_DISK, F_OK); i++)
		usleep(20000);
	if (swapon(SWAP_DISK, 0))
		say("@note swap on %s: %s", SWAP_DISK, strerror(errno));
}

/* What the case says until it is ready; false: it has said why it is not. */
static bool listen_to(int fd, char *facts, size_t size)
{
	FILE *from = fdopen(fd, "r");
	char line[512];
	size_t used = 0;

	facts[0] = '\0';
	while (from && fgets(line, sizeof(line), from)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strcmp(line, "ready")) {
			fclose(from);
			return true;
		}
		if (!strncmp(line, "broken: ", 8)) {
			snprintf(facts, size, "%s", line + 8);
			fclose(from);
			return false;
		}
		if (used < size)
			used += (size_t)snprintf(facts + used, size - used, " %s", line);
	}
	if (from)
		fclose(from);
	snprintf(facts, size, "its program ended before it was ready");
	return false;
}

/* A group of its own, so that its children end with it. */
static pid_t start(char **words, int *from)
{
	int ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) || (child = fork()) < 0)
		return -1;
	if (!child) {
		setpgid(0, 0);
		dup2(ends[1], REPORT_FD);
		fcntl(REPORT_FD, F_SETFD, 0); /* where it was that number already */
		execv(SELF, words);
		_exit(1);
	}
	close(ends[1]);
	*from = ends[0];
	return child;
}

static void end(pid_t child)
{
	kill(-child, SIGKILL);
	kill(child, SIGKILL);
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		; /* its orphans are ours */
}

static void run_one(uint64_t seed, char *pages, char *which)
{
	char *behind, *number = strtok_r(which, "/", &behind);
	char *scene = strtok_r(NULL, "/", &behind), *subject = strtok_r(NULL, "/", &behind);
	char key[20], facts[512];
	char *words[] = { (char *)"guest", (char *)"case", scene, subject, key, pages, NULL };
	int from = -1;
	pid_t child;

	if (!number || !scene || !subject || !scene_named(scene)) {
		say("@broken %s no such case", number ? number : "?");
		return;
	}
	snprintf(key, sizeof(key), "%" PRIx64, marker_key(seed, strtoull(number, NULL, 10)));
	child = start(words, &from);
	if (child < 0 || !listen_to(from, facts, sizeof(facts))) {
		say("@broken %s %s", number, child < 0 ? "cannot be started" : facts);
	} else {
		if (scene_named(scene)->then == CRASHES)
			waitpid(child, NULL, 0);
		if (scene_named(scene)->then != LIVES)
			end(child);
		say("@scan %s%s", number, facts);
		await_line();
	}
	if (child > 0)
		end(child);
}

static _Noreturn void first_process(void)
{
	static char line[COMMAND_LINE];
	char *at, *pages, *cases, *which;
	uint64_t seed;
	FILE *file;

	machine_ready();
	file = fopen("/proc/cmdline", "re");
	if (!file || !fgets(line, sizeof(line), file) || !(at = strstr(line, "remanence=")))
		power_off();
	fclose(file);
	at += strlen("remanence=");
	at[strcspn(at, " \n")] = '\0';
	seed = strtoull(at, &at, 16);
	pages = strtok_r(at, ":", &cases);
	for (which = strtok_r(NULL, ",", &cases); pages && which; which = strtok_r(NULL, ",", &cases))
		run_one(seed, pages, which);
	power_off();
}

int main(int argc, char **argv)
{
	if (getpid() == 1)
		first_process();
	if (argc == 6 && !strcmp(argv[1], "case"))
		return run_case(argv + 2);
	if (argc == 2 && !strcmp(argv[1], "hog"))
		return hog();
	if (argc == 2 && !strcmp(argv[1], "idle")) {
		report("ready");
		rest();
	}
	fprintf(stderr, "guest: only for the remanence rig's virtual machine\n");
	return 2;
}
