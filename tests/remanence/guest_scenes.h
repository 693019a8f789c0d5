/* SPDX-License-Identifier: MIT */
/*
 * guest_scenes.h - what happens to the secrets: each scene takes its pages, fills them, lets it happen, and is looked at from outside.
 *
 * A scene runs in a program of its own.  It reports facts (written=, moved=, swapped=, collapsed=) and then "ready"; from then on it
 * changes nothing until it is ended.
 */
#ifndef GUEST_SCENES_H
#define GUEST_SCENES_H

#include <sys/resource.h>
#include <sys/syscall.h>
#include "guest_subjects.h"
#include "marker.h"

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* Linux 6.1; glibc 2.36 does not name it */
#endif

struct job {
	struct subject *subject;
	uint64_t key;
	size_t count;
	void **pages;
	uint64_t *before, *after; /* where they lay */
};

struct scene {
	const char *name;
	void (*run)(struct job *job);
	enum { LIVES, KILLED, CRASHES } then; /* once it is ready: looked at, or killed first, or waited for, for it ends by itself */
};

static inline void job_fill(struct job *job)
{
	size_t i;

	job->subject->open(job->count);
	for (i = 0; i < job->count; i++) {
		job->pages[i] = job->subject->take();
		if (!job->pages[i])
			broken("page %zu of %zu is refused", i, job->count);
		marker_write(job->pages[i], job->key, i);
	}
	for (i = 0; i < job->count; i++)
		if (!marker_stands(job->pages[i], job->key, i))
			broken("page %zu is not as it was written", i);
	report("written=%zu", job->count * MARKERS_A_PAGE);
#ifdef REMANENCE_VAULT
	if (job->subject->take == vault_take)
		job->subject->promises = vault_promises;
#endif
	report("promises=%u", job->subject->promises);
}

static inline void job_give(struct job *job)
{
	size_t i;

	for (i = 0; i < job->count; i++)
		job->subject->give(job->pages[i]);
}

/* ---- free; killed; another program over it ---- */

static inline void scene_free(struct job *job)
{
	job_fill(job);
	job_give(job);
	report("ready");
	rest();
}

static inline void scene_kill(struct job *job)
{
	job_fill(job);
	report("ready");
	rest();
}

/* The new program says that it is ready: by then the old one's memory has gone. */
static inline void scene_exec(struct job *job)
{
	job_fill(job);
	execl(SELF, "guest", "idle", NULL);
	broken("cannot be executed: %s", strerror(errno));
}

/* ---- a program that crashes ---- */

static const struct subject *crashing;

/* Behind it the same access faults again, and ends the program. */
static inline void crash_handler(int signal)
{
	(void)signal;
	if (crashing->panic)
		report("overwritten=%zu", crashing->panic());
	report("ready");
}

static inline void scene_crash(struct job *job)
{
	const struct sigaction action = { .sa_handler = crash_handler, .sa_flags = (int)SA_RESETHAND };
	const struct rlimit none = { 0, 0 };
	volatile char *nowhere = NULL;

	job_fill(job);
	crashing = job->subject;
	if (setrlimit(RLIMIT_CORE, &none) || sigaction(SIGSEGV, &action, NULL))
		broken("no handler: %s", strerror(errno));
	__asm__("" : "+r"(nowhere)); /* an address, for all that the compiler knows */
	*nowhere = 0;
	broken("it does not crash");
}

/* ---- a child that lives on while the parent frees ---- */

static inline void scene_fork(struct job *job)
{
	pid_t child;

	job_fill(job);
	child = fork();
	if (child < 0)
		broken("cannot fork: %s", strerror(errno));
	if (!child)
		rest();
	job_give(job);
	report("ready");
	rest();
}

/* Past the C library: nobody's fork handlers run. */
static inline void scene_clone(struct job *job)
{
	long child;

	job_fill(job);
	child = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (child < 0)
		broken("cannot clone: %s", strerror(errno));
	while (!child)
		syscall(SYS_pause);
	job_give(job);
	report("ready");
	rest();
}

/* ---- the kernel moves pages ---- */

static inline void scene_compaction(struct job *job)
{
	struct holes holes;

	holes_make(&holes);
	job_fill(job);
	pages_look(job->pages, job->count, job->before);
	holes_widen(&holes);
	if (!put("/proc/sys/vm/compact_memory", "1"))
		broken("memory cannot be compacted: %s", strerror(errno));
	pages_look(job->pages, job->count, job->after);
	report("moved=%zu", pages_moved(job->before, job->after, job->count));
	job_give(job);
	holes_end(&holes);
	report("ready");
	rest();
}

/* Every huge page's place between the first page and the last. */
static inline size_t collapse(const struct job *job)
{
	uintptr_t first = UINTPTR_MAX, last = 0, at;
	size_t i, done = 0;

	for (i = 0; i < job->count; i++) {
		uintptr_t page = (uintptr_t)job->pages[i];

		first = page < first ? page : first;
		last = page + 4096 > last ? page + 4096 : last;
	}
	for (at = first / HUGE * HUGE; at < last; at += HUGE)
		done += !madvise((void *)at, HUGE, MADV_COLLAPSE);
	return done;
}

static inline void scene_collapse(struct job *job)
{
	job_fill(job);
	pages_look(job->pages, job->count, job->before);
	report("collapsed=%zu", collapse(job));
	pages_look(job->pages, job->count, job->after);
	report("moved=%zu", pages_moved(job->before, job->after, job->count));
	job_give(job);
	report("ready");
	rest();
}

/* ---- the kernel wants memory ---- */

/* Asked to page them out (what is locked refuses), then pressed by a program that wants more than there is. */
static inline void scene_swap(struct job *job)
{
	size_t i;

	job_fill(job);
	pages_look(job->pages, job->count, job->before);
	for (i = 0; i < job->count; i++)
		madvise((void *)((uintptr_t)job->pages[i] & ~(uintptr_t)4095), 4096, MADV_PAGEOUT);
	report("pressed=%d", run_self("hog") == 0);
	pages_look(job->pages, job->count, job->after);
	report("swapped=%zu", pages_swapped(job->after, job->count));
	report("moved=%zu", pages_moved(job->before, job->after, job->count));
	job_give(job);
	report("ready");
	rest();
}

/* ---- does the rig see at all? ---- */

/* Three pages that stay, one byte of one marker changed: the others must be found, and that one not. */
static inline void scene_planted(struct job *job)
{
	job->count = 3;
	job_fill(job);
	((volatile uint8_t *)job->pages[1])[MARKER_PAGE - 1] ^= 1;
	report("written=%u", 3 * MARKERS_A_PAGE - 1);
	report("ready");
	rest();
}

static const struct scene scenes[] = {
	{ "planted", scene_planted, LIVES }, { "free", scene_free, LIVES },   { "kill", scene_kill, KILLED },
	{ "crash", scene_crash, CRASHES },   { "fork", scene_fork, LIVES },   { "clone", scene_clone, LIVES },
	{ "exec", scene_exec, LIVES },	     { "swap", scene_swap, LIVES },   { "compaction", scene_compaction, LIVES },
	{ "collapse", scene_collapse, LIVES },
};

static inline const struct scene *scene_named(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(scenes) / sizeof(*scenes); i++)
		if (!strcmp(scenes[i].name, name))
			return scenes + i;
	return NULL;
}

#endif
