/* SPDX-License-Identifier: MIT */
/*
 * inject_home.h - the user-space home with each of its system calls refused in turn.
 *
 * A child is put under a seccomp filter that traps every system call; while lab_user_open() runs, the handler
 * counts them and lets the n-th fail (and in a second pass all from it on, but unmapping).  Then the call must have
 * failed with that very error and one sentence that names it, and left no mapping behind; or, where it did not depend
 * on it, have made a labyrinth that is whole.
 */
#ifndef INJECT_HOME_H
#define INJECT_HOME_H

#include "inject_seccomp.h"

/* The home itself: its files are compiled into this one, whose names they need not know. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#include "../../homes/linux-user/complain.c"
#include "../../homes/linux-user/memory.c"
#undef HUGE_BYTES
#include "../../homes/linux-user/vault.c"
#include "../../homes/linux-user/vault_memory.c"
#include "../../homes/linux-user/vault_pin.c"
#include "../../homes/linux-user/vault_truth.c"
#include "../../homes/linux-user/vault_refuse.c"
#include "../../homes/linux-user/vault_room.c"
#undef HUGE_BYTES
#include "../../homes/linux-user/reclaim.c"
#include "../../homes/linux-user/keeper.c"
#include "../../homes/linux-user/wait.c"
#include "../../homes/linux-user/user.c"
#include "../../homes/linux-user/default.c"
#include "../../homes/linux-user/lease.c"
#include "../../homes/linux-user/describe.c"
#include "../../homes/linux-user/shared.c"
#include "../../homes/linux-user/recovery.c"

void home_find_nodes(unsigned int nodes) /* in cpu.c, which is not looked at here */
{
	(void)nodes;
}
#pragma GCC diagnostic pop

#ifdef TRAP_WORKS

struct home_case {
	const char *name;
	enum lab_birth_kind birth;
	unsigned int rooms, cpus;
	bool by_default; /* lab_default()'s own */
	struct lab_user_room room[2];
};

#define TINY .zone = LAB_ZONE_NORMAL, .size = 16384
static const struct home_case home_cases[] = {
	{ "armed", LAB_ARMED, 1, 2, .room = { { .name = "a", TINY } } },
	{ "armed, all CPUs", LAB_ARMED, 1, 0, .room = { { .name = "a", TINY } } },
	{ "armed, two rooms", LAB_ARMED, 2, 2, .room = { { .name = "a", TINY }, { .name = "b", TINY, .bind = true } } },
	{ "lazy", LAB_LAZY, 1, 2, .room = { { .name = "a", TINY, .watermarks = true } } },
	{ "lazy, locked", LAB_LAZY, 1, 2, .room = { { .name = "a", TINY, .locked = true } } },
	{ "lazy, locked and prefaulted", LAB_LAZY, 1, 2,
	  .room = { { .name = "a", TINY, .locked = true, .prefaulted = true } } },
	{ "lazy, prefaulted, two rooms", LAB_LAZY, 2, 2,
	  .room = { { .name = "a", TINY }, { .name = "b", TINY, .prefaulted = true } } },
	{ "huge pages", LAB_LAZY, 1, 2,
	  .room = { { .name = "a", .kind = LAB_ROOM_HUGETLB, .zone = LAB_ZONE_NORMAL, .size = 2 << 20 } } },
	{ "numbers only", LAB_LAZY, 1, 2, .room = { { .name = "a", TINY, .kind = LAB_ROOM_METADATA } } },
	{ "shared", LAB_LAZY, 2, 2, .room = { { .name = "a", TINY, .kind = LAB_ROOM_SHARED }, { .name = "b", TINY, .kind = LAB_ROOM_METADATA } } },
	{ "shared, armed", LAB_ARMED, 1, 2, .room = { { .name = "a", TINY, .kind = LAB_ROOM_SHARED } } },
	{ "vault", LAB_LAZY, 1, 2,
	  .room = { { .name = "a", .kind = LAB_ROOM_VAULT, .zone = LAB_ZONE_OWN, .size = 16384, .vault_memory = LAB_VAULT_ANONYMOUS,
		      .guarantees = LAB_LOCKED | LAB_PINNED | LAB_NODUMP | LAB_NOFORK | LAB_GUARDED } } },
	{ "vault, bare", LAB_ARMED, 1, 2,
	  .room = { { .name = "a", .kind = LAB_ROOM_VAULT, .zone = LAB_ZONE_OWN, .size = 16384, .guarantees = LAB_NODUMP } } },
	{ "vault, secret", LAB_LAZY, 1, 2,
	  .room = { { .name = "a", .kind = LAB_ROOM_VAULT, .zone = LAB_ZONE_OWN, .size = 16384, .vault_memory = LAB_VAULT_SECRET,
		      .guarantees = LAB_NOFORK | LAB_GUARDED | LAB_SHREDDED_KILLED } } },
	{ "refused by the core", LAB_LAZY, 1, 2, .room = { { .name = "a", TINY, .min = 4 } } },
	{ "default", LAB_LAZY, 0, 0, .by_default = true },
};

/* What a child found out, for its parent. */
struct home_result {
	int error, calls;
	long failed; /* number of the system call that failed last, -1: none */
	char text[LAB_ERROR_TEXT], why[200];
};
static struct home_result *home_result;

/* The lines of /proc/self/maps, but the stack and the heap, which may grow. */
static void home_maps(char *maps, size_t size)
{
	long file = trap_raw(SYS_openat, (const long[6]){ AT_FDCWD, (long)"/proc/self/maps", O_RDONLY }), n = 1;
	size_t used = 0;
	char *line, *out = maps, *end;

	while (used < size - 1 && n > 0) {
		n = trap_raw(SYS_read, (const long[6]){ file, (long)(maps + used), (long)(size - 1 - used) });
		used += n > 0 ? (size_t)n : 0;
	}
	trap_raw(SYS_close, (const long[6]){ file });
	maps[used] = '\0';
	for (line = maps; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		*end = '\0';
		if (strstr(line, "[stack]") || strstr(line, "[heap]"))
			continue;
		n = (long)strcspn(line, " ");
		memmove(out, line, (size_t)n);
		out += n;
		*out++ = ' ';
	}
	*out = '\0';
}

static const char *home_whole(struct labyrinth *made_one)
{
	struct lab_audit audit;
	struct lab_page *page;

	if (lab_audit(made_one, true, &audit))
		return audit.broken ? audit.text : "all is well, it says, and the labyrinth refuses every call";
	page = lab_alloc_pages(made_one, LAB_MEMALLOC, 0);
	if (lab_is_err(page) || lab_free_pages(made_one, page, 0))
		return "all is well, it says, and the labyrinth gives no page";
	return NULL;
}

/* Does what failed have to be told?  Not what only helps to find a better number, nor where there is another way. */
static bool home_must_tell(long number, int error)
{
	return number == SYS_mmap || number == SYS_mlock || number == SYS_mlock2 || number == SYS_mbind ||
	       (number == SYS_madvise && error != EINVAL) || (number == SYS_madvise && home_result->error);
}

/* A vault has other ways for some calls; what was required is so, whichever it went. */
static const char *home_vault(const struct home_case *it, struct labyrinth *made_one)
{
	uint32_t wanted = it->room[0].guarantees & VAULT_OF_MEMORY;
	struct lab_audit audit;

	if (wanted & ~vault_truth(&home_of(made_one)->vault[0]))
		return "a vault that is not what was required";
	return lab_audit(made_one, true, &audit) ? "all is well, it says, and an audit finds otherwise" : NULL;
}

static const char *home_verdict(const struct home_case *it, struct labyrinth *made_one, int error)
{
	const struct home_result *r = home_result;
	bool vault = it->room[0].kind == LAB_ROOM_VAULT;
	bool refused_here = !vault && r->failed >= 0 && home_must_tell(r->failed, error);

	if (!r->error && refused_here)
		return "it says that all is well";
	if (!r->error)
		return vault ? home_vault(it, made_one) : home_whole(made_one);
	if (it->by_default)
		return made_one ? "a labyrinth, and an error" : NULL;
	if (made_one)
		return "an error, and yet a labyrinth";
	if (refused_here && r->error != -error)
		return "another error than the call's";
	if (!r->text[0] || strchr(r->text, '\n') || !memchr(r->text, '\0', sizeof(r->text)))
		return "not one sentence";
	if (refused_here && !strstr(r->text, strerror(error)))
		return "the sentence does not say the cause";
	if (refused_here && !strstr(r->text, r->failed == SYS_mmap ? "mmap" : r->failed == SYS_madvise ? "madvise" :
						 r->failed == SYS_mbind ? "mbind" : "mlock"))
		return "the sentence does not name the call";
	return NULL;
}

static void home_try(const struct home_case *it, struct labyrinth **made_one, char *text)
{
	const struct lab_user_spec spec = { .birth = it->birth, .rooms = it->room, .room_count = it->rooms,
					    .cpus = it->cpus };

	*made_one = NULL;
	if (it->by_default)
		*made_one = lab_port_default();
	home_result->error = it->by_default ? *made_one ? 0 : -1 : lab_user_open(&spec, made_one, text);
}

/* In the child: the n-th system call, or all from it on, fail so. */
static void home_child(const struct home_case *it, int n, int error, bool all)
{
	static char before[32768], after[32768];
	struct labyrinth *made_one;
	const char *why;

	setenv("LABYRINTH_DEFAULT_SIZE", "1M", 1);
	if (!it->by_default) { /* whatever the library needs for itself, it has now */
		home_try(it, &made_one, home_result->text);
		lab_user_close(made_one);
		strerror(error);
	}
	home_result->text[0] = '\0';
	home_maps(before, sizeof(before));
	if (!trap_install())
		_exit(3);
	trap = (struct trap){ .counts = true, .fail_at = n, .error = error, .all = all, .last = -1 };
	home_try(it, &made_one, all ? NULL : home_result->text);
	trap.counts = false;
	home_result->calls = trap.calls;
	home_result->failed = trap.last;
	if (all) /* no room for a sentence was given */
		strcpy(home_result->text, "none");
	why = all && home_result->error ? NULL : home_verdict(it, made_one, error);
	lab_user_close(made_one);
	home_maps(after, sizeof(after));
	if (!why && strcmp(before, after))
		why = "mappings are left";
	if (why)
		snprintf(home_result->why, sizeof(home_result->why), "%s", why);
	_exit(why != NULL);
}

/* True: that system call was made, so there may be one more. */
static bool home_case_run(const struct home_case *it, int n, int error, bool all)
{
	int status = 0;
	pid_t child;

	snprintf(run_name, sizeof(run_name), "home: %s, system call %d%s fails: %s", it->name, n,
		 all ? " and all behind it" : "", n ? strerror(error) : "none");
	if (n && machine.only && !strstr(run_name, machine.only))
		return n < 20;
	memset(home_result, 0, sizeof(*home_result));
	fflush(stdout);
	child = fork();
	if (child == 0)
		home_child(it, n, error, all);
	records = 0;
	machine.cases++;
	if (child < 0 || waitpid(child, &status, 0) != child)
		report("no child");
	else if (!WIFEXITED(status))
		report("the child was killed");
	else if (WEXITSTATUS(status) == 3)
		report("seccomp does not work here");
	else if (WEXITSTATUS(status))
		report(home_result->why);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 1)
		printf("  error %d, \"%s\", system call %ld\n", home_result->error, home_result->text,
		       home_result->failed);
	return home_result->calls >= n;
}

/* True: --only names the home, or one of its cases. */
static bool home_run(void)
{
	static const int errors[] = { ENOMEM, EPERM, EINVAL, EAGAIN };
	bool named = machine.only && !strncmp(machine.only, "home", 4);
	uint64_t before = machine.cases;
	unsigned int i, k;
	int n;

	for (i = 0; i < sizeof(home_cases) / sizeof(*home_cases); i++)
		named |= machine.only && strstr(home_cases[i].name, machine.only);
	if (machine.only && !named)
		return false;
	home_result = mmap(NULL, sizeof(*home_result), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (i = 0; i < sizeof(home_cases) / sizeof(*home_cases); i++) {
		if (named && strncmp(machine.only, "home", 4) && !strstr(home_cases[i].name, machine.only))
			continue;
		home_case_run(&home_cases[i], 0, ENOMEM, false); /* alone */
		for (k = 0; k < sizeof(errors) / sizeof(*errors); k++) {
			for (n = 1; home_case_run(&home_cases[i], n, errors[k], false); n++)
				;
			for (n = 1; home_case_run(&home_cases[i], n, errors[k], true); n++)
				;
		}
	}
	printf("home: %" PRIu64 " runs\n", machine.cases - before);
	return named;
}

#else

static bool home_run(void)
{
	printf("home: its system calls are refused on x86-64 only\n");
	return false;
}

#endif
#endif
