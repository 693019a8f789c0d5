/* SPDX-License-Identifier: MIT */
/*
 * test_vault_truth.c - the truth matrix: whatever rights a process has, a vault is what was required of it, or refused with a sentence.
 *
 * A cell: {RLIMIT_MEMLOCK 0, 64 KiB, 8 MiB} x {with, without CAP_IPC_LOCK} x {a system call refused with EPERM, with ENOSYS, or answered 0 and
 * not done; none}.  In each, in a child of its own, every kind of memory is asked for several sets of bits.  What is given is
 * looked at by what the memory does, not by what the home says; what is refused must say why, and leave nothing.
 */
#define _GNU_SOURCE
#include "../support/vault_memory.h"

#define ALL (LAB_LOCKED | LAB_PINNED | LAB_NODUMP | LAB_NOFORK | LAB_GUARDED)
#define FRAMES 4u

struct denial {
	const char *name;
	long call;
	int error; /* 0: answers 0 and does nothing */
};
static const struct denial denials[] = {
	{ "nothing denied", -1, 0 },
	{ "mlock2 EPERM", SYS_mlock2, EPERM },
	{ "mlock2 ENOSYS", SYS_mlock2, ENOSYS },
	{ "mlock2 a lie", SYS_mlock2, 0 },
	{ "madvise EPERM", SYS_madvise, EPERM },
	{ "madvise EINVAL", SYS_madvise, EINVAL },
	{ "madvise a lie", SYS_madvise, 0 },
	{ "mprotect a lie", SYS_mprotect, 0 },
	{ "memfd_secret EPERM", SYS_memfd_secret, EPERM },
	{ "memfd_secret ENOSYS", SYS_memfd_secret, ENOSYS },
	{ "io_uring_setup EPERM", SYS_io_uring_setup, EPERM },
	{ "io_uring_register EPERM", SYS_io_uring_register, EPERM },
	{ "io_uring_register a lie", SYS_io_uring_register, 0 },
};
#define DENIALS (sizeof(denials) / sizeof(denials[0]))

static const uint32_t sets[] = {
	0,
	LAB_LOCKED,
	LAB_PINNED,
	LAB_NODUMP,
	LAB_NOFORK,
	LAB_GUARDED,
	LAB_SHREDDED_KILLED,
	LAB_LOCKED | LAB_NODUMP,
	LAB_LOCKED | LAB_GUARDED,
	LAB_PINNED | LAB_GUARDED,
	LAB_PINNED | LAB_NOFORK,
	LAB_LOCKED | LAB_PINNED | LAB_NODUMP | LAB_NOFORK,
	ALL,
	ALL | LAB_SHREDDED_KILLED,
	ALL | LAB_SHREDDED | LAB_SHREDDED_RAM,
};
#define SETS (sizeof(sets) / sizeof(sets[0]))

struct cell {
	rlim_t limit;
	bool right;
	const struct denial *denial;
};

/* What the children have counted, in memory that they share. */
static struct tally {
	unsigned int met, refused, wrong;
	uint32_t met_of[4]; /* by kind: all bits that were met together with those asked for */
} *tally;

static void wrong(const struct cell *cell, enum lab_vault_memory kind, uint32_t set, const char *what)
{
	char names[VAULT_NAMES_TEXT];

	print_error("%lu KiB, %s CAP_IPC_LOCK, %s: %s {%s}: %s: %s\n", (unsigned long)(cell->limit >> 10), cell->right ? "with" : "without",
		    cell->denial->name, vault_kind_name(kind), vault_names(set, names), what, text);
	tally->wrong++;
}

/* The bits that its memory shows by what it does. */
static uint32_t seen(const struct vault_memory *made, unsigned long locked, unsigned long pinned)
{
	uint32_t bits = VAULT_OF_MEMORY;
	char flags[512] = "", head[512] = "";
	uint64_t i;

	for (i = 0; i < made->frames; i++) {
		const char *frame = frame_of(made, i);
		unsigned char present = 0;

		if (faults(frame) || faults(frame + made->page - 1) || mincore((void *)(uintptr_t)frame, PAGE, &present) || !(present & 1))
			return 0;
		if (!faults(frame - 1) || !faults(frame + made->page))
			bits &= ~LAB_GUARDED;
		if (!flagged(frame, "dd"))
			bits &= ~LAB_NODUMP;
		if (child_reaches(frame))
			bits &= ~LAB_NOFORK;
		if (!mapping_of(frame, flags, head) || !strstr(head, "/secretmem"))
			bits &= ~LAB_SHREDDED_KILLED;
	}
	if (made->kind != LAB_VAULT_HUGETLB && status("VmLck:") < locked + made->frames * 4)
		bits &= ~LAB_LOCKED;
	if (!(bits & LAB_SHREDDED_KILLED) && status("VmPin:") < pinned + made->frames * 4)
		bits &= ~LAB_PINNED;
	return bits;
}

/* A refusal names its call, the room and what is in the way; nothing is left. */
static const char *refusal_wrong(unsigned int maps, unsigned int files, unsigned long locked)
{
	static const char *const clear[] = { "RLIMIT_MEMLOCK", "does a filter", "LAB_SHREDDED_KILLED: ", "LAB_GUARDED: ", "are free: reserve",
					     "secretmem.enable", "io_uring of Linux", "max_map_count" };
	size_t i;

	if (strncmp(text, "room \"vault\": ", 14) != 0 || strlen(text) + 1 >= LAB_ERROR_TEXT)
		return "no whole sentence";
	for (i = 0; i < sizeof(clear) / sizeof(clear[0]); i++)
		if (strstr(text, clear[i]))
			break;
	if (i == sizeof(clear) / sizeof(clear[0]))
		return "does not say what is in the way";
	if (MLOCK_IS_REAL && lines_of("/proc/self/maps") != maps) /* a sanitizer's heap maps as it likes */
		return "something is left mapped";
	return open_files() != files ? "something is left open" : status("VmLck:") != locked ? "something is left locked" : NULL;
}

static void ask(const struct cell *cell, enum lab_vault_memory kind, uint32_t set)
{
	unsigned int maps = lines_of("/proc/self/maps"), files = open_files();
	unsigned long locked = status("VmLck:"), pinned;
	const char *why;
	struct vault_memory made;
	unsigned int i;
	uint32_t bits;

	/* Of the one before: the kernel takes its time. */
	for (i = 0; (pinned = status("VmPin:")) != 0 && set & LAB_PINNED && kind != LAB_VAULT_SECRET && i < 10000; i++)
		usleep(1000);
	if (i == 10000) {
		wrong(cell, kind, set, "what was pinned before stays");
		exit(1);
	}
	if (made_as(kind, FRAMES, set, &made)) {
		why = refusal_wrong(maps, files, locked);
		tally->refused++;
		if (why)
			wrong(cell, kind, set, why);
		return;
	}
	bits = seen(&made, locked, pinned);
	if (set & VAULT_OF_MEMORY & ~bits)
		wrong(cell, kind, set, "given, but not so");
	if (made.guarantees & ~bits)
		wrong(cell, kind, set, "said to be more than it is");
	tally->met++;
	tally->met_of[made.kind] |= set & VAULT_OF_MEMORY;
	vault_unmap(&made, true);
}

static const struct cell *cell_now;

static int play(void)
{
	enum lab_vault_memory kind;
	struct vault_memory made;
	unsigned int i;

	alarm(120);
	if (!made_as(LAB_VAULT_ANONYMOUS, 1, 0, &made)) /* what the C library maps for itself */
		vault_unmap(&made, true);
	flagged(&made, "dd");
	if ((!cell_now->right && !drop_right()) || !limit_locked(cell_now->limit))
		return 77;
	if (cell_now->denial->call >= 0 && !deny(cell_now->denial->call, cell_now->denial->error))
		return 77;
	for (kind = LAB_VAULT_ANY; kind <= LAB_VAULT_HUGETLB; kind++)
		for (i = 0; i < SETS; i++)
			ask(cell_now, kind, sets[i]);
	return 0;
}

/* With rights and nothing denied, all of it must be had: a home that only refuses is truthful, too. */
static void check_generous(const struct cell *cell)
{
	char names[VAULT_NAMES_TEXT];

	if (!cell->right || cell->denial->call >= 0 || cell->limit < MIB(8))
		return;
	print_message("with all rights, anonymous: %s\n", vault_names(tally->met_of[LAB_VAULT_ANONYMOUS], names));
	print_message("with all rights, secret: %s\n", vault_names(tally->met_of[LAB_VAULT_SECRET], names));
	assert_int_equal(tally->met_of[LAB_VAULT_ANONYMOUS], ALL);
	assert_int_equal(tally->met_of[LAB_VAULT_SECRET], ALL | LAB_SHREDDED_KILLED);
}

static void matrix(void **state)
{
	static const rlim_t limits[] = { 8 << 20, 64 << 10, 0 };
	unsigned int i, j, cells = 0, skipped = 0;
	int right, status_of;

	(void)state;
	tally = mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(tally != MAP_FAILED);
	for (right = may_lock_any(); right >= 0; right--)
		for (i = 0; i < 3; i++)
			for (j = 0; j < DENIALS; j++) {
				struct cell cell = { limits[i], right != 0, &denials[j] };

				cell_now = &cell;
				status_of = in_child(play);
				skipped += status_of == 77;
				assert_true(status_of == 0 || status_of == 77);
				if (!status_of)
					check_generous(&cell);
				cells++;
			}
	print_message("cells %u, of which not to be had here %u; met %u, refused %u, wrong %u\n", cells, skipped, tally->met, tally->refused,
		      tally->wrong);
	assert_int_equal(tally->wrong, 0);
	assert_true(tally->met > 0 && tally->refused > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(matrix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
