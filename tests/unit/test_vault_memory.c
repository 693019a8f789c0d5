/* SPDX-License-Identifier: MIT */
/*
 * test_vault_memory.c - the memory of vaults: each bit seen by another way than the home's own, what is taken away again is noticed,
 * guard pages, forks, pinned pages under compaction, refusals that leave nothing.
 */
#define _GNU_SOURCE
#include "../support/vault_memory.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#ifndef MADV_GUARD_REMOVE
#define MADV_GUARD_REMOVE 103
#endif

#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67
#endif
#ifdef SYS_ftruncate64
#define TRUNCATE SYS_ftruncate64 /* with 32 bits */
#else
#define TRUNCATE SYS_ftruncate
#endif

#define ALL (LAB_LOCKED | LAB_PINNED | LAB_NODUMP | LAB_NOFORK | LAB_GUARDED)

/* Made, or the test is skipped where this machine, or this user, has no such thing. */
static struct vault_memory made_or_skipped(enum lab_vault_memory kind, uint64_t frames, uint32_t guarantees)
{
	struct vault_memory made;

	if (made_as(kind, frames, guarantees, &made)) {
		print_message("%s\n", text);
		/* As root, on a machine that has it all, a refusal is a mistake. */
		assert_true(geteuid() != 0 || kind == LAB_VAULT_HUGETLB || strstr(text, "io_uring") || strstr(text, "memfd_secret"));
		skip();
	}
	assert_true(made.kind == kind || kind == LAB_VAULT_ANY);
	assert_int_equal(guarantees & VAULT_OF_MEMORY & ~made.guarantees, 0);
	return made;
}

/* The kernel ends rings, and frees what they held, when it has time. */
static bool unpinned(void)
{
	unsigned int i;

	for (i = 0; status("VmPin:") && i < 500; i++)
		usleep(10000);
	return !status("VmPin:");
}

/* ---- what was asked for ---- */

static void check_bits(const struct vault_memory *made)
{
	unsigned long pinned = status("VmPin:");
	uint64_t i;

	for (i = 0; i < made->frames; i++) {
		const char *frame = frame_of(made, i);

		assert_true(pagemap_entry(frame) >> 63);
		assert_false(faults(frame) || faults(frame + made->page - 1));
		assert_int_equal(faults(frame - 1) && faults(frame + made->page), (made->guarantees & LAB_GUARDED) != 0);
	}
	for (i = 0; i < made->frames; i += made->frames - 1) {
		const char *frame = frame_of(made, i);

		if (made->kind != LAB_VAULT_HUGETLB)
			assert_int_equal(flagged(frame, "lo"), (made->guarantees & LAB_LOCKED) != 0);
		assert_int_equal(flagged(frame, "dd"), (made->guarantees & LAB_NODUMP) != 0);
		assert_int_equal(flagged(frame, "dc"), (made->guarantees & LAB_NOFORK) != 0);
		assert_int_equal(child_reaches(frame), (made->guarantees & LAB_NOFORK) == 0);
	}
	if (made->kind != LAB_VAULT_SECRET && made->guarantees & LAB_PINNED)
		assert_true(pinned >= made->frames * 4);
}

/* Each set of bits, of each kind of memory: no more was done, no less, and the truth tells one from the other. */
static void every_set(enum lab_vault_memory kind)
{
	uint32_t inborn = kind == LAB_VAULT_SECRET ? LAB_LOCKED | LAB_PINNED | LAB_NODUMP | LAB_SHREDDED_KILLED
			: kind == LAB_VAULT_HUGETLB ? LAB_LOCKED : 0;
	struct vault_memory made = made_or_skipped(kind, 3, 0);
	uint32_t set;

	vault_unmap(&made, true);
	for (set = 0; set < 32; set++) {
		if (vault_never(kind, set))
			continue;
		made = made_or_skipped(kind, 3, set);
		assert_int_equal(made.guarantees, set | inborn);
		assert_int_equal(vault_truth(&made), set | inborn);
		check_bits(&made);
		vault_unmap(&made, true);
		if (kind == LAB_VAULT_HUGETLB) /* few are reserved */
			assert_true(unpinned());
	}
}

static void anonymous(void **state)
{
	(void)state;
	every_set(LAB_VAULT_ANONYMOUS);
}

static void secret(void **state)
{
	(void)state;
	every_set(LAB_VAULT_SECRET);
}

static void hugetlb(void **state)
{
	(void)state;
	every_set(LAB_VAULT_HUGETLB);
}

/* The first kind that can be all of it. */
static void any(void **state)
{
	struct vault_memory made = made_or_skipped(LAB_VAULT_ANY, 2, LAB_LOCKED | LAB_GUARDED);

	(void)state;
	assert_int_equal(made.kind, LAB_VAULT_ANONYMOUS);
	vault_unmap(&made, true);
	made = made_or_skipped(LAB_VAULT_ANY, 2, LAB_LOCKED | LAB_SHREDDED_KILLED);
	assert_int_equal(made.kind, LAB_VAULT_SECRET);
	vault_unmap(&made, true);
}

/* Larger pages, and more frames than one ring holds. */
static void sizes(void **state)
{
	struct vault_want want = { .frames = 5, .page = 65536, .guarantees = ALL, .memory = LAB_VAULT_ANONYMOUS };
	struct lab_complaint to = { .text = text };
	struct vault_memory made;
	uint64_t i;

	(void)state;
	made = made_or_skipped(LAB_VAULT_ANONYMOUS, 16390, ALL);
	assert_int_equal(made.rings, 2);
	for (i = 0; i < made.frames; i += 1639)
		assert_true(faults(frame_of(&made, i) - 1) && faults(frame_of(&made, i) + PAGE));
	vault_unmap(&made, true);
	assert_int_equal(vault_map(&want, &made, &to), 0);
	check_bits(&made);
	vault_unmap(&made, true);
	want.frames = UINT64_MAX / 65536;
	assert_int_equal(vault_map(&want, &made, &to), -EINVAL);
	want.frames = 0;
	assert_int_equal(vault_map(&want, &made, &to), -EINVAL);
	assert_null(made.map);
}

/* Frames are aligned as their size, of each kind, guarded or not, however the kernel places the mapping. */
static void aligned(void **state)
{
	static const size_t pages[] = { 16384, 65536 };
	static const uint32_t sets[] = { 0, LAB_NODUMP, LAB_GUARDED | LAB_LOCKED };
	struct lab_complaint to = { .text = text };
	unsigned int maps = lines_of("/proc/self/maps"), i;

	(void)state;
	for (i = 0; i < 24; i++) {
		struct vault_want want = { .frames = 5, .page = pages[i % 2], .guarantees = sets[i / 2 % 3],
					   .memory = i / 6 % 2 ? LAB_VAULT_SECRET : LAB_VAULT_ANONYMOUS };
		void *shift = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		struct vault_memory made;
		int error = vault_map(&want, &made, &to);

		if (error && strstr(text, "memfd_secret"))
			skip();
		assert_int_equal(error, 0);
		assert_int_equal((uintptr_t)made.base % want.page, 0);
		assert_int_equal(made.bytes, want.frames * vault_step(&made) + (made.stride == 2 ? want.page : 0));
		check_bits(&made);
		vault_unmap(&made, true);
		if (i % 5) /* else it stays, and what follows lies elsewhere */
			munmap(shift, PAGE);
	}
	assert_true(lines_of("/proc/self/maps") <= maps + 1 + 24 / 5);
}

/* Closed and opened again at once, by who may pin little: what the kernel has not yet let go of is waited for. */
static int pinned_again(void)
{
	struct vault_memory made;
	unsigned int i;

	if (!drop_right() || setresuid(65533, 65533, 65533) || !limit_locked(65536))
		return 77;
	for (i = 0; i < 12; i++) {
		if (made_as(LAB_VAULT_ANONYMOUS, 4, LAB_PINNED, &made)) {
			print_error("%u: %s\n", i, text);
			return 1;
		}
		vault_unmap(&made, true);
	}
	return 0;
}

static void pins_waited_for(void **state)
{
	struct vault_memory made;
	int how;

	(void)state;
	if (geteuid() != 0)
		skip();
	made = made_or_skipped(LAB_VAULT_ANONYMOUS, 4, LAB_PINNED);
	vault_unmap(&made, true);
	how = in_child(pinned_again);
	assert_true(how == 0 || how == 77);
}

/* An answer at once: before anything is mapped, and not after as many guard pages. */
static void larger_than_the_machine(void **state)
{
	struct vault_memory made;
	pid_t child;
	int how;

	(void)state;
	if (!IS_64_BIT)
		skip();
	child = fork();
	if (child == 0)
		_exit(!deny(SYS_mmap, ENOMEM) || made_as(LAB_VAULT_ANONYMOUS, (uint64_t)1 << 32, ALL, &made) != -ENOMEM || made.map ||
		      !strstr(text, "17592186044416 bytes are wanted, and this machine has "));
	assert_int_equal(waitpid(child, &how, 0), child);
	assert_true(WIFEXITED(how));
	assert_int_equal(WEXITSTATUS(how), 0);
}

/* ---- what is taken away again ---- */

static void truth_sees(void **state)
{
	struct vault_memory made = made_or_skipped(LAB_VAULT_ANONYMOUS, 8, ALL);

	(void)state;
	made.guarantees = LAB_GUARANTEES; /* nobody's word */
	assert_int_equal(vault_truth(&made), ALL);
	assert_int_equal(madvise(made.map, made.bytes, MADV_DOFORK), 0);
	assert_int_equal(vault_truth(&made), ALL & ~LAB_NOFORK);
	assert_int_equal(madvise(made.map, made.bytes, MADV_DODUMP), 0);
	assert_int_equal(vault_truth(&made), ALL & ~(LAB_NOFORK | LAB_NODUMP));
	assert_int_equal(munmap(made.pins[0], PAGE), 0);
	assert_int_equal(vault_truth(&made), LAB_LOCKED | LAB_GUARDED);
	/* One guard page of nine. */
	if (made.markers)
		assert_int_equal(madvise(frame_of(&made, 5) - PAGE, PAGE, MADV_GUARD_REMOVE), 0);
	else
		assert_int_equal(mprotect(frame_of(&made, 5) - PAGE, PAGE, PROT_READ), 0);
	assert_int_equal(vault_truth(&made), LAB_LOCKED);
	/* One frame unlocked. */
	assert_int_equal((int)syscall(SYS_munlock, frame_of(&made, 3), PAGE), 0);
	assert_int_equal(vault_truth(&made), 0);
	vault_unmap(&made, true);
	/* A frame that is there no more. */
	made = made_or_skipped(LAB_VAULT_ANONYMOUS, 4, LAB_PINNED | LAB_NODUMP);
	assert_int_equal(madvise(frame_of(&made, 1), PAGE, MADV_DONTNEED), 0);
	assert_int_equal(vault_truth(&made), LAB_NODUMP);
	assert_int_equal(munmap(frame_of(&made, 2), PAGE), 0);
	assert_int_equal(vault_truth(&made), 0);
	made.armed = false; /* not to be overwritten: it is not there */
	vault_unmap(&made, true);
}

static void truth_sees_secrets(void **state)
{
	struct vault_memory made = made_or_skipped(LAB_VAULT_SECRET, 4, ALL | LAB_SHREDDED_KILLED);

	(void)state;
	/* Ordinary memory where a secret's was. */
	assert_true(mmap(frame_of(&made, 2), PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_POPULATE, -1, 0) !=
		    MAP_FAILED);
	assert_int_equal(vault_truth(&made), LAB_GUARDED);
	assert_true(mmap(frame_of(&made, 3) + PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
		    MAP_FAILED);
	assert_int_equal(vault_truth(&made), 0);
	vault_unmap(&made, true);
}

/* ---- pinned ---- */

static void compact(void)
{
	int file = open("/proc/sys/vm/compact_memory", O_WRONLY | O_CLOEXEC);

	if (file < 0 || write(file, "1", 1) != 1)
		print_message("vm.compact_memory cannot be written: not compacted\n");
	if (file >= 0)
		close(file);
}

static void collapse(const struct vault_memory *made)
{
	size_t i;

	for (i = 0; i + 512 <= made->bytes / PAGE; i += 512) /* a collapse into a huge page moves what it can */
		madvise((char *)made->map + i * PAGE, 512 * PAGE, MADV_COLLAPSE);
}

static void pinned_stays(void **state)
{
	static const struct {
		enum lab_vault_memory kind;
		uint32_t guarantees;
	} kinds[] = { { LAB_VAULT_ANONYMOUS, LAB_PINNED },
		      { LAB_VAULT_ANONYMOUS, LAB_PINNED | LAB_LOCKED | LAB_GUARDED },
		      { LAB_VAULT_SECRET, LAB_PINNED },
		      { LAB_VAULT_SECRET, LAB_PINNED | LAB_GUARDED } };
	static uint64_t before[4][512];
	struct vault_memory made[4];
	unsigned int kind, i;

	(void)state;
	for (kind = 0; kind < 4; kind++) {
		made[kind] = made_or_skipped(kinds[kind].kind, 512, kinds[kind].guarantees);
		for (i = 0; i < 512; i++)
			before[kind][i] = pagemap_entry(frame_of(&made[kind], i)) << 9;
	}
	compact();
	for (kind = 0; kind < 4; kind++) {
		collapse(&made[kind]);
		for (i = 0; i < 512; i++)
			assert_int_equal(pagemap_entry(frame_of(&made[kind], i)) << 9, before[kind][i]);
		vault_unmap(&made[kind], true);
	}
	if (!before[0][0])
		skip(); /* physical addresses are not shown to this user */
}

/* A child has neither the ring nor its mapping: it could read the vault through it, and keep it from being freed. */
static int look_for_rings(void)
{
	static char part[65536];
	int maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC), fd;
	ssize_t n;

	while ((n = read(maps, part, sizeof(part) - 1)) > 0) {
		part[n] = '\0';
		if (strstr(part, "io_uring"))
			return 1;
	}
	for (fd = 0; fd < 256; fd++) {
		char link[64], target[64] = "";

		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		if (readlink(link, target, sizeof(target) - 1) > 0 && (strstr(target, "io_uring") || strstr(target, "secretmem")))
			return 2;
	}
	return 0;
}

static void nothing_to_inherit(void **state)
{
	unsigned int open = open_files();
	struct vault_memory made = made_or_skipped(LAB_VAULT_ANONYMOUS, 4, LAB_PINNED), hidden;

	(void)state;
	hidden = made_or_skipped(LAB_VAULT_SECRET, 4, LAB_PINNED);
	assert_int_equal(open_files(), open);
	assert_int_equal(in_child(look_for_rings), 0);
	assert_int_equal(look_for_rings(), 1); /* here it is: by this mapping it lives */
	vault_unmap(&made, true);
	vault_unmap(&hidden, true);
}

/* ---- refusals ---- */

struct refusal {
	enum lab_vault_memory kind;
	uint32_t guarantees;
	rlim_t locked;
	long denied;
	const char *said; /* part of the sentence */
};
static const struct refusal *refusal;

static int refused(void)
{
	struct vault_memory made;
	unsigned int files = open_files(), maps;
	unsigned long locked;

	made_as(refusal->kind, 2, 0, &made); /* what the library itself maps */
	vault_unmap(&made, true);
	if (!drop_right() || !limit_locked(refusal->locked) || (refusal->denied && !deny(refusal->denied, EPERM)))
		return 2;
	maps = lines_of("/proc/self/maps");
	locked = status("VmLck:");
	if (made_as(refusal->kind, 4, refusal->guarantees, &made) >= 0)
		return 3;
	if (!strstr(text, refusal->said) || !strstr(text, "room \"vault\": ")) {
		print_error("%s: %s\n", refusal->said, text);
		return 4;
	}
	if (made.map || made.pins || lines_of("/proc/self/maps") != maps)
		return 5;
	return open_files() != files ? 6 : status("VmLck:") != locked ? 7 : 0;
}

static void refusals_leave_nothing(void **state)
{
	static const struct refusal refusals[] = {
		{ LAB_VAULT_ANONYMOUS, LAB_LOCKED, 0, 0, "mlock2(MLOCK_ONFAULT) of 16384 bytes failed: Operation not permitted (RLIMIT_MEMLOCK is 0" },
		{ LAB_VAULT_ANONYMOUS, ALL, 8192, 0, "RLIMIT_MEMLOCK is 8192 bytes: raise it to 36864, or grant CAP_IPC_LOCK" },
		{ LAB_VAULT_ANONYMOUS, LAB_PINNED | LAB_GUARDED, 0, 0, "io_uring_setup for pinning of 16384 bytes failed: Cannot allocate memory (RLIMIT_MEMLOCK is 0 bytes: raise" },
		{ LAB_VAULT_ANONYMOUS, LAB_PINNED | LAB_GUARDED, 20480, 0, "failed: Cannot allocate memory (RLIMIT_MEMLOCK is 20480 bytes: raise it to 24576 beyond" },
		{ LAB_VAULT_ANONYMOUS, LAB_PINNED, MIB(1), SYS_io_uring_setup, "io_uring_setup" },
		{ LAB_VAULT_ANONYMOUS, LAB_PINNED, MIB(1), SYS_io_uring_register, "io_uring_setup" },
		{ LAB_VAULT_ANONYMOUS, ALL, MIB(1), SYS_mlock2, "does a filter deny this call?" },
		{ LAB_VAULT_ANONYMOUS, LAB_NODUMP, MIB(1), SYS_madvise, "madvise(MADV_DONTDUMP)" },
		{ LAB_VAULT_ANONYMOUS, LAB_GUARDED | LAB_NOFORK, MIB(1), SYS_madvise, "madvise(MADV_DONTFORK)" },
		{ LAB_VAULT_ANONYMOUS, LAB_GUARDED | LAB_LOCKED, 8192, SYS_madvise, "of 16384 bytes failed: Cannot allocate memory (RLIMIT_MEMLOCK is 8192 bytes: raise it to 16384, or" },
		{ LAB_VAULT_ANONYMOUS, LAB_GUARDED, MIB(1), SYS_write, "reading back" },
		{ LAB_VAULT_ANONYMOUS, LAB_SHREDDED_KILLED, MIB(1), 0, "LAB_SHREDDED_KILLED" },
		{ LAB_VAULT_SECRET, LAB_LOCKED, 0, 0, "mmap of secret memory of 16384 bytes failed: Resource temporarily unavailable (RLIMIT_MEMLOCK is 0" },
		{ LAB_VAULT_SECRET, ALL, 8192, 0, "of 16384 bytes failed: Resource temporarily unavailable (RLIMIT_MEMLOCK is 8192 bytes: raise it to 16384, or" },
		{ LAB_VAULT_SECRET, 0, MIB(1), SYS_memfd_secret, "memfd_secret" },
		{ LAB_VAULT_SECRET, 0, MIB(1), TRUNCATE, "ftruncate" },
		{ LAB_VAULT_HUGETLB, LAB_GUARDED, MIB(1), 0, "LAB_GUARDED" },
		{ LAB_VAULT_ANY, ALL | LAB_SHREDDED_KILLED, 0, 0, "RLIMIT_MEMLOCK is 0" },
	};
	size_t i;

	(void)state;
	if (!may_lock_any() || in_child(look_for_rings)) /* the right is dropped, not found */
		skip();
	for (i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		int step;

		refusal = &refusals[i];
		step = in_child(refused);
		if (step)
			print_error("refusal %zu: step %d\n", i, step);
		assert_int_equal(step, 0);
	}
}

/* Nothing can be read back: the sentence says what would help. */
static int without_proc(void)
{
	struct vault_memory made;

	if (!deny(SYS_openat, ENOENT))
		return 1;
	return made_as(LAB_VAULT_ANONYMOUS, 4, LAB_NODUMP, &made) == -ENOENT && strstr(text, "where /proc is mounted: mount it") ? 0 : 2;
}

static void proc_is_missed(void **state)
{
	(void)state;
	assert_int_equal(in_child(without_proc), 0);
}

/* As often as one likes: nothing is left of those that succeed. */
static void nothing_left(void **state)
{
	struct vault_memory made = made_or_skipped(LAB_VAULT_ANONYMOUS, 16, ALL);
	unsigned int maps, files = open_files(), i;
	unsigned long locked;

	(void)state;
	vault_unmap(&made, true);
	maps = lines_of("/proc/self/maps");
	locked = status("VmLck:");
	for (i = 0; i < 100; i++) {
		made = made_or_skipped(i & 1 ? LAB_VAULT_SECRET : LAB_VAULT_ANONYMOUS, 16, ALL);
		vault_unmap(&made, true);
	}
	assert_int_equal(lines_of("/proc/self/maps"), maps);
	assert_int_equal(open_files(), files);
	assert_int_equal(status("VmLck:"), locked);
	assert_true(unpinned());
}

/* Its frames are overwritten before they are unmapped: seen through the file of a second mapping is not possible, so by a shared twin. */
static void overwritten_at_the_end(void **state)
{
	struct vault_memory made = { .kind = LAB_VAULT_ANONYMOUS, .page = PAGE, .frames = 4, .stride = 1, .armed = true, .bytes = 4 * PAGE };
	int fd = memfd_create("twin", MFD_CLOEXEC);
	char *twin;
	size_t i;

	(void)state;
	assert_int_equal(ftruncate(fd, 4 * PAGE), 0);
	made.map = made.base = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	twin = mmap(NULL, 4 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	assert_true(made.map != MAP_FAILED && twin != MAP_FAILED);
	memset(made.base, 0x5a, 4 * PAGE);
	/* The program has its own ideas of some of them. */
	assert_int_equal(mprotect(made.base + PAGE, PAGE, PROT_NONE), 0);
	assert_int_equal(munmap(made.base + 2 * PAGE, PAGE), 0);
	assert_int_equal(mprotect(made.base + 3 * PAGE, PAGE, PROT_READ), 0);
	vault_unmap(&made, true);
	for (i = 0; i < 4 * PAGE; i++)
		assert_int_equal(twin[i], i / PAGE == 2 ? 0x5a : 0);
	munmap(twin, 4 * PAGE);
	close(fd);
}

/* How many bytes of the keys' page are left when it is given back: seen by keeping it. */
static int keys_left_at_close(void)
{
	struct lab_user_room room = { .name = "v", .kind = LAB_ROOM_VAULT, .zone = LAB_ZONE_OWN, .size = 8 * PAGE };
	struct labyrinth *lab = opened(&room, LAB_LAZY);
	const char *keys = (const char *)home_of(lab)->identity;
	int before = 0, left = 0;
	unsigned int i;

	for (i = 0; i < PAGE; i++)
		before += keys[i] != 0;
	if (before < 64 || !deny(SYS_munmap, 0)) /* (claimed, and not done) */
		return 255;
	lab_user_close(lab);
	for (i = 0; i < PAGE; i++)
		left += keys[i] != 0;
	return left > 254 ? 254 : left;
}

static void no_keys_left(void **state)
{
	pid_t child;
	int how;

	(void)state;
	if (!IS_64_BIT)
		skip();
	child = fork();
	if (child == 0)
		_exit(keys_left_at_close());
	assert_int_equal(waitpid(child, &how, 0), child);
	assert_true(WIFEXITED(how));
	assert_int_equal(WEXITSTATUS(how), 0);
}

/* Programs that lock all they will ever map, or have equal pages merged. */
static int under_mlockall(void)
{
	struct vault_memory made;

	if (syscall(SYS_mlockall, MCL_FUTURE) != 0)
		return 77;
	if (made_as(LAB_VAULT_ANONYMOUS, 8, ALL, &made) || vault_truth(&made) != ALL)
		return 1;
	vault_unmap(&made, true);
	if (made_as(LAB_VAULT_SECRET, 8, ALL, &made) && !strstr(text, "memfd_secret"))
		return 2;
	vault_unmap(&made, true);
	return 0;
}

static int under_merging(void)
{
	struct vault_memory made;

	if (prctl(PR_SET_MEMORY_MERGE, 1, 0, 0, 0) != 0)
		return 77;
	if (made_as(LAB_VAULT_ANONYMOUS, 8, ALL, &made) || flagged(made.base, "mg"))
		return 1;
	vault_unmap(&made, true);
	return 0;
}

static void in_odd_programs(void **state)
{
	int locked, merged;
	struct vault_memory made = made_or_skipped(LAB_VAULT_ANONYMOUS, 8, ALL);

	(void)state;
	vault_unmap(&made, true);
	locked = in_child(under_mlockall);
	merged = in_child(under_merging);
	if (locked || merged)
		print_message("mlockall: %d, merging: %d (77: not to be had here)\n", locked, merged);
	assert_true(locked == 0 || locked == 77);
	assert_true(merged == 0 || merged == 77);
}

/* ---- rooms of a labyrinth ---- */

static void rooms_refused(void **state)
{
	const struct lab_user_room good = { .name = "v", .kind = LAB_ROOM_VAULT, .zone = LAB_ZONE_OWN, .size = 8 * PAGE };
	struct lab_user_room room;
	struct labyrinth *lab;

	(void)state;
#define REFUSED(change, words)                                                                                                           \
	do {                                                                                                                             \
		room = good;                                                                                                             \
		change;                                                                                                                  \
		assert_true(open_one(&room, LAB_LAZY, &lab) < 0);                                                                        \
		assert_non_null(strstr(text, words));                                                                                    \
	} while (0)
	REFUSED(room.zone = LAB_ZONE_NORMAL, "LAB_ZONE_OWN");
	REFUSED(room.watermarks = true, "watermarks");
	REFUSED(room.min = 1, "watermarks");
	REFUSED(room.zeroed = 1, "zeroed");
	REFUSED(room.bind = true, "bound");
	REFUSED(room.locked = true, "LAB_LOCKED");
	REFUSED(room.guarantees = 256, "guarantee");
	REFUSED(room.vault_memory = 4, "memory");
	REFUSED(room.quarantine = 65537, "quarantine");
	REFUSED(room.shred = 2, "shred");
	REFUSED((room.guarantees = LAB_SHREDDED_KILLED, room.vault_memory = LAB_VAULT_ANONYMOUS),
		UINTPTR_MAX > UINT32_MAX ? "LAB_SHREDDED_KILLED" : "a vault needs tags of 64 bits");
	/* What only a vault has is not silently left out of another room. */
	REFUSED((room.kind = LAB_ROOM_ANONYMOUS, room.guarantees = LAB_LOCKED), "LAB_ROOM_VAULT");
	REFUSED((room.kind = LAB_ROOM_METADATA, room.deferred = true), "LAB_ROOM_VAULT");
	REFUSED((room.kind = LAB_ROOM_SHARED, room.guarantees = LAB_PINNED), "LAB_ROOM_VAULT");
#undef REFUSED
}

/* Pages of each size, through the core. */
static void larger_pages(void **state)
{
	static const uint32_t sets[] = { 0, LAB_GUARDED };
	unsigned int i;

	(void)state;
	if (!IS_64_BIT)
		skip(); /* the core has no vaults there */
	for (i = 0; i < 4; i++) {
		struct lab_user_room room = { .name = "v", .kind = LAB_ROOM_VAULT, .zone = LAB_ZONE_OWN, .size = MIB(1), .guarantees = sets[i / 2] };
		struct lab_user_spec spec = { .birth = LAB_LAZY, .page_size = i % 2 ? 65536 : 16384, .rooms = &room, .room_count = 1 };
		struct labyrinth *lab;

		assert_int_equal(lab_user_open(&spec, &lab, text), 0);
		lab_user_close(lab);
	}
}

static void room_opened(void **state)
{
	struct lab_user_room room = { .name = "v", .kind = LAB_ROOM_VAULT, .zone = LAB_ZONE_OWN, .size = 8 * PAGE,
				      .guarantees = ALL & ~LAB_PINNED, .vault_memory = LAB_VAULT_ANONYMOUS };
	unsigned int maps = lines_of("/proc/self/maps");
	const struct lab_home *home;
	struct labyrinth *lab;

	(void)state;
	if (!IS_64_BIT)
		skip(); /* the core has no vaults there */
	lab = opened(&room, LAB_LAZY);
	home = home_of(lab);
	assert_int_equal(vault_truth(&home->vault[0]), ALL & ~LAB_PINNED);
	assert_int_equal(home->vault_spec[0].guarantees, ALL & ~LAB_PINNED);
	assert_int_equal(home->vault_spec[0].stride, 2);
	assert_ptr_equal(home->spec[0].memory, home->vault[0].base);
	lab_user_close(lab);
	room.guarantees = 0; /* an armed birth locks */
	lab = opened(&room, LAB_ARMED);
	assert_true(vault_truth(&home_of(lab)->vault[0]) & LAB_LOCKED);
	assert_int_equal(home_of(lab)->vault_spec[0].stride, 1);
	lab_user_close(lab);
	assert_int_equal(lines_of("/proc/self/maps"), maps);
}

/* Every page of a guarded vault is written from its first to its last byte, and what is around it cannot be. */
static void pages_of_a_room(void **state)
{
	struct lab_user_room room = { .name = "v", .kind = LAB_ROOM_VAULT, .zone = LAB_ZONE_OWN, .size = 64 * PAGE,
				      .guarantees = LAB_LOCKED | LAB_NODUMP | LAB_NOFORK | LAB_GUARDED | LAB_SHREDDED };
	struct lab_request request = LAB_REQUEST(LAB_GFP_ATOMIC, 0);
	struct labyrinth *lab;
	struct lab_page *page[64];
	unsigned int i;

	(void)state;
	if (!IS_64_BIT)
		skip(); /* the core has no vaults there */
	lab = opened(&room, LAB_ARMED);
	assert_int_equal(room.guarantees & ~lab_room_guarantees(lab, 0), 0);
	request.room = 0;
	for (i = 0; i < 64; i++) {
		char *address;

		page[i] = lab_alloc_request(lab, &request, NULL);
		assert_false(lab_is_err(page[i]));
		address = lab_page_address(lab, page[i]);
		memset(address, 0x5a, PAGE);
		assert_true(faults(address - 1) && faults(address + PAGE));
	}
	assert_int_equal(lab_ptr_err(lab_alloc_request(lab, &request, NULL)), -LAB_ENOMEM);
	for (i = 0; i < 64; i++)
		assert_int_equal(lab_free_as(lab, page[i], 0, LAB_OWNER_EXCLUSIVE, 0), 0);
	assert_int_equal(vault_truth(&home_of(lab)->vault[0]) & room.guarantees & VAULT_OF_MEMORY, room.guarantees & VAULT_OF_MEMORY);
	lab_user_close(lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(anonymous),
		cmocka_unit_test(secret),
		cmocka_unit_test(hugetlb),
		cmocka_unit_test(any),
		cmocka_unit_test(sizes),
		cmocka_unit_test(aligned),
		cmocka_unit_test(pins_waited_for),
		cmocka_unit_test(larger_than_the_machine),
		cmocka_unit_test(truth_sees),
		cmocka_unit_test(truth_sees_secrets),
		cmocka_unit_test(pinned_stays),
		cmocka_unit_test(nothing_to_inherit),
		cmocka_unit_test(refusals_leave_nothing),
		cmocka_unit_test(proc_is_missed),
		cmocka_unit_test(nothing_left),
		cmocka_unit_test(overwritten_at_the_end),
		cmocka_unit_test(no_keys_left),
		cmocka_unit_test(in_odd_programs),
		cmocka_unit_test(rooms_refused),
		cmocka_unit_test(larger_pages),
		cmocka_unit_test(room_opened),
		cmocka_unit_test(pages_of_a_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
