/* SPDX-License-Identifier: MIT */
/*
 * shared.c - one labyrinth for several processes, in a memory file.
 *
 *     the file    │ description (never mapped) │ metadata │ memory of the rooms │      sealed: it neither shrinks nor grows
 *     mapped      │ this process's own         │ metadata │ memory of the rooms │      anywhere, aligned to the largest block
 *                   ^ identity, place    ^ notes ^ struct labyrinth
 *
 * Everything stands at the same distance from the metadata in every process.  Who attaches believes nothing of what it finds: it makes
 * the same specification's labyrinth once more, in memory that is hardly touched, and compares all that birth writes for good.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "home.h"
#include "reclaim.h"

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

#define PRIVATE_BYTES ((size_t)131072) /* in front of the metadata: the identity's page, and at the end the notes */
#define PROCESSES_USUAL (UINTPTR_MAX > 0xffffffffu ? 64u : 16u) /* (so many owner numbers are gone) */
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

bool share_wanted(const struct lab_user_spec *spec)
{
	unsigned int i;

	for (i = 0; i < spec->room_count; i++)
		if (spec->rooms[i].kind == LAB_ROOM_SHARED)
			return true;
	return false;
}

/* ---- where everything is ---- */

struct layout {
	size_t metadata, align;
	size_t memory[LAB_ROOMS_MAX]; /* from the metadata's beginning; 0: none */
	size_t end;
};

static size_t page_bytes(const struct lab_user_spec *spec)
{
	return spec->page_size ? spec->page_size : 4096;
}

/* A block of the largest order is aligned to itself, in the file as in memory. */
static int lay_out(const struct lab_user_spec *spec, struct lab_spec *core, struct layout *layout, struct lab_complaint *to)
{
	uint64_t align = ((uint64_t)1 << LAB_ORDER_MAX) * page_bytes(spec), at;
	unsigned int i;

	memset(layout, 0, sizeof(*layout));
	layout->metadata = lab_metadata_bytes(core);
	if (!layout->metadata)
		return home_refused(core, to);
	layout->align = (size_t)align;
	at = layout->metadata;
	for (i = 0; i < spec->room_count; i++) {
		uint64_t lead = core->rooms[i].first_frame % (1u << LAB_ORDER_MAX) * page_bytes(spec);

		if (spec->rooms[i].kind != LAB_ROOM_SHARED)
			continue;
		at = (at + align - 1) / align * align + lead;
		layout->memory[i] = (size_t)at;
		if (spec->rooms[i].size > SIZE_MAX / 2 - at)
			return complain_plainly(to, "it does not fit into the address space");
		at += spec->rooms[i].size;
	}
	at = (at + SHARE_HEADER_BYTES - 1) / SHARE_HEADER_BYTES * SHARE_HEADER_BYTES;
	if (at > SIZE_MAX / 2 - 2 * align)
		return complain_plainly(to, "it does not fit into the address space");
	layout->end = (size_t)at;
	return 0;
}

/* The addresses, for a labyrinth whose metadata begins here. */
static void place_rooms(const struct layout *layout, struct lab_spec *core, struct lab_room_spec *rooms, char *lab)
{
	unsigned int i;

	for (i = 0; i < core->room_count; i++)
		rooms[i].memory = layout->memory[i] ? lab + layout->memory[i] : NULL;
	core->identity = (const uint32_t *)(void *)(lab - PRIVATE_BYTES);
}

/* ---- mapping ---- */

/* Over reserved addresses: what is this process's own, and the file behind it. */
static int map_over(int fd, const struct layout *layout, char *lab, struct lab_complaint *to)
{
	if (mmap(lab - PRIVATE_BYTES, PRIVATE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
	    MAP_FAILED)
		return complain(to, "mmap", PRIVATE_BYTES);
	if (mmap(lab, layout->end, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, SHARE_HEADER_BYTES) == MAP_FAILED)
		return complain(to, "mmap of the memory file", layout->end);
	if (madvise(lab - PRIVATE_BYTES, (size_t)sysconf(_SC_PAGESIZE), MADV_WIPEONFORK) != 0)
		return complain(to, "madvise(MADV_WIPEONFORK)", (size_t)sysconf(_SC_PAGESIZE));
	return 0;
}

/* All of it, with the notes that say what there is. */
static int map_all(int fd, const struct layout *layout, struct lab_home **made, struct lab_complaint *to)
{
	size_t bytes = PRIVATE_BYTES + layout->end, spare = layout->align, before;
	char *base = mmap(NULL, bytes + spare, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	struct lab_home *home;
	char *lab;
	int error;

	if (base == MAP_FAILED)
		return complain(to, "mmap", bytes + spare);
	before = (spare - ((uintptr_t)base + PRIVATE_BYTES) % spare) % spare;
	lab = base + before + PRIVATE_BYTES;
	if (before)
		munmap(base, before);
	if (spare - before)
		munmap(lab + layout->end, spare - before);
	error = map_over(fd, layout, lab, to);
	if (error) {
		munmap(lab - PRIVATE_BYTES, bytes);
		return error;
	}
	home = (struct lab_home *)(void *)(lab - HOME_BYTES);
	home->magic = HOME_MAGIC;
	home->bytes = bytes;
	home->metadata = layout->metadata;
	home->identity = (uint32_t *)(void *)(lab - PRIVATE_BYTES);
	home->share.base = lab - PRIVATE_BYTES;
	home->share.fd = -1;
	*made = home;
	return 0;
}

/* Touched and locked as the specification says, in this process too. */
static int arm(const struct lab_user_spec *spec, const struct layout *layout, struct lab_home *home, struct lab_complaint *to)
{
	char *lab = (char *)home + HOME_BYTES;
	unsigned int i;
	int error = 0;

	if (spec->birth == LAB_ARMED)
		error = home_arm(home->share.base, PRIVATE_BYTES + layout->metadata, to);
	for (i = 0; !error && i < spec->room_count; i++) {
		to->room = spec->rooms[i].name ? spec->rooms[i].name : "";
		if (layout->memory[i])
			error = home_prepare_room(spec, &spec->rooms[i], lab + layout->memory[i], to);
	}
	to->room = NULL;
	return error;
}

/* A descriptor of one's own, which is known again. */
static int keep_file(struct lab_home *home, int fd, struct lab_complaint *to)
{
	struct stat status;

	home->share.fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (home->share.fd < 0 || fstat(home->share.fd, &status) != 0)
		return complain(to, "dup of the memory file", 0);
	home->share.device = status.st_dev;
	home->share.inode = status.st_ino;
	return 0;
}

int share_same_file(const struct lab_home *home)
{
	struct stat status;

	if (fstat(home->share.fd, &status) != 0)
		return -errno;
	return status.st_dev == home->share.device && status.st_ino == home->share.inode ? 0 : -EBADF;
}

/* ---- a place ---- */

static int find_place(struct labyrinth *lab, int own, unsigned int processes, struct lab_complaint *to)
{
	unsigned int place, dead = 0;

	for (place = 0; place < processes; place++) {
		if (!lease_take(own, place))
			continue;
		if (!lab_process_at(lab, place))
			return (int)place;
		lease_drop(own, place);
		dead++;
	}
	complain_plainly(to, dead ? "all places are taken, some by dead processes: lab_user_recover() frees those" :
				    "all places for processes are taken");
	return -EUSERS;
}

/* Come to a place, and say who we are.  From here on calls are allowed. */
static int arrive(struct lab_home *home, unsigned int processes, struct lab_complaint *to)
{
	struct labyrinth *lab = (struct labyrinth *)((char *)home + HOME_BYTES);
	int own = lease_open(home->share.fd), place, error;

	if (own < 0) {
		errno = -own;
		return complain(to, "opening the memory file anew by /proc/self/fd", 0);
	}
	place = find_place(lab, own, processes, to);
	if (place < 0) {
		close(own);
		return place;
	}
	error = lease_keep(own, &home->share.lease, to);
	if (error)
		return error;
	home->share.place = (unsigned int)place;
	lab_process_arrive(lab, (unsigned int)place, (uint32_t)getpid());
	home->identity[1] = (uint32_t)place;
	__atomic_store_n(home->identity, LAB_IDENTITY_SHARED, __ATOMIC_RELEASE);
	return 0;
}

void share_close(struct lab_home *home)
{
	bool ours = *home->identity == LAB_IDENTITY_SHARED; /* in a forked child it is wiped, and the lease is not here */

	*home->identity = 0;
	if (ours)
		lease_end(home->share.lease);
	if (home->share.fd >= 0 && share_same_file(home) == 0)
		close(home->share.fd);
	munmap(home->share.base, home->bytes);
}

/* ---- opening ---- */

static int make_file(const struct lab_user_spec *spec, const struct layout *layout, struct lab_complaint *to)
{
	static const struct share_header nothing;
	struct share_header header = nothing;
	size_t bytes = SHARE_HEADER_BYTES + layout->end;
	int fd, error = share_write(&header, spec, bytes, to);

	if (error)
		return error;
	fd = memfd_create("labyrinth", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return complain(to, "memfd_create", bytes);
	if (ftruncate(fd, (off_t)bytes) != 0 || pwrite(fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header) ||
	    fcntl(fd, F_ADD_SEALS, SEALS) != 0) {
		error = complain(to, "making the memory file", bytes);
		close(fd);
		return error;
	}
	return fd;
}

/* The file is there: map it, be born in it, come to a place. */
static int furnish_shared(int fd, const struct lab_user_spec *spec, struct lab_spec *core, const struct layout *layout,
		   struct lab_home **made, struct lab_complaint *to)
{
	int error = map_all(fd, layout, made, to);
	struct lab_home *home = *made;
	struct labyrinth *lab;

	if (error)
		return error;
	place_rooms(layout, core, (struct lab_room_spec *)(uintptr_t)core->rooms, (char *)home + HOME_BYTES);
	error = keep_file(home, fd, to);
	if (!error)
		error = arm(spec, layout, home, to);
	if (!error && lab_birth(core, (char *)home + HOME_BYTES, layout->metadata, &lab, NULL, NULL))
		error = home_refused(core, to);
	if (!error)
		error = arrive(home, spec->processes, to);
	return error;
}

int share_open(const struct lab_user_spec *asked, struct lab_spec *core, struct lab_room_spec *rooms, struct labyrinth **lab,
	       struct lab_complaint *to)
{
	struct lab_user_spec spec = *asked;
	struct lab_home *home = NULL;
	struct layout layout;
	int fd, error;

	spec.processes = spec.processes ? spec.processes : PROCESSES_USUAL;
	spec.cpus = core->cpus; /* as this machine has now; for all */
	core->processes = spec.processes;
	core->rooms = rooms;
	error = lay_out(&spec, core, &layout, to);
	if (error)
		return error;
	fd = make_file(&spec, &layout, to);
	if (fd < 0)
		return fd;
	error = furnish_shared(fd, &spec, core, &layout, &home, to);
	close(fd);
	if (error && home)
		share_close(home);
	else if (!error)
		*lab = (struct labyrinth *)((char *)home + HOME_BYTES);
	return error;
}

/* ---- attaching ---- */

static int read_file(int fd, struct share_header *header, uint64_t *bytes, struct lab_complaint *to)
{
	struct stat status;
	int seals = fcntl(fd, F_GET_SEALS);

	if (fstat(fd, &status) != 0 && errno == EBADF) {
		complain_plainly(to, "the descriptor is not open");
		return -EBADF;
	}
	if (fstat(fd, &status) != 0)
		return complain(to, "fstat of the descriptor", 0);
	if (!S_ISREG(status.st_mode) || seals < 0 || (seals & SEALS) != SEALS)
		return complain_plainly(to, "not a sealed memory file");
	*bytes = (uint64_t)status.st_size;
	if (*bytes < SHARE_HEADER_BYTES || pread(fd, header, sizeof(*header), 0) != (ssize_t)sizeof(*header))
		return complain_plainly(to, "a memory file without a labyrinth");
	return 0;
}

/* Is what birth wrote there what the specification makes?  Made once more, where only the words that birth writes are touched. */
static int compare(const struct lab_spec *core, const struct layout *layout, const struct lab_home *home,
		   struct lab_complaint *to)
{
	struct lab_room_spec rooms[LAB_ROOMS_MAX];
	struct lab_spec again = *core;
	struct labyrinth *made;
	size_t bytes = layout->metadata + SHARE_HEADER_BYTES;
	char *scratch = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *at = scratch + (-(uintptr_t)scratch & (SHARE_HEADER_BYTES - 1)); /* as the largest page is */
	int error = 0;

	if (scratch == MAP_FAILED)
		return complain(to, "mmap", bytes);
	memcpy(rooms, core->rooms, core->room_count * sizeof(rooms[0]));
	again.rooms = rooms;
	place_rooms(layout, &again, rooms, at);
	if (lab_birth(&again, at, layout->metadata, &made, NULL, NULL))
		error = home_refused(&again, to);
	else if (!lab_same_birth(made, (const struct labyrinth *)((const char *)home + HOME_BYTES)))
		error = complain_plainly(to, "what its birth wrote is damaged");
	munmap(scratch, bytes);
	return error;
}

/* The specification is read and checked. */
static int attach(int fd, uint64_t bytes, const struct lab_user_spec *spec, struct lab_home **made, struct lab_complaint *to)
{
	struct lab_room_spec rooms[LAB_ROOMS_MAX];
	struct lab_spec core;
	struct layout layout;
	int error;

	home_describe(spec, &core, rooms);
	core.processes = spec->processes;
	error = lay_out(spec, &core, &layout, to);
	if (error)
		return error;
	if (bytes != SHARE_HEADER_BYTES + layout.end)
		return complain_plainly(to, "the memory file has another size than its description wants");
	error = map_all(fd, &layout, made, to);
	if (error)
		return error;
	error = compare(&core, &layout, *made, to);
	if (!error)
		error = keep_file(*made, fd, to);
	if (!error)
		error = arm(spec, &layout, *made, to);
	return error ? error : arrive(*made, spec->processes, to);
}

int lab_attach(int fd, struct labyrinth **lab, char *error_text)
{
	struct lab_complaint to = { .text = error_text, .file = true };
	struct lab_user_room rooms[LAB_ROOMS_MAX];
	struct lab_home *home = NULL;
	struct share_header header;
	struct lab_user_spec spec;
	uint64_t bytes = 0;
	int error = read_file(fd, &header, &bytes, &to);

	if (!error)
		error = share_read(&header, rooms, &spec, &to);
	if (!error && spec.nodes > 1)
		home_find_nodes(LAB_NODES_MAX);
	if (!error)
		error = attach(fd, bytes, &spec, &home, &to);
	if (error && home)
		share_close(home);
	else if (!error)
		*lab = (struct labyrinth *)((char *)home + HOME_BYTES);
	return error;
}

/* ---- afterwards ---- */

struct lab_home *share_home(const struct labyrinth *lab)
{
	struct lab_home *home = lab ? home_of(lab) : NULL;

	return home && home->magic == HOME_MAGIC && home->share.base ? home : NULL;
}

int lab_user_share(struct labyrinth *lab)
{
	struct lab_home *home = share_home(lab);
	int fd;

	if (!home || *home->identity != LAB_IDENTITY_SHARED)
		return -EINVAL;
	if (share_same_file(home))
		return -EBADF;
	fd = fcntl(home->share.fd, F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

int lab_detach(struct labyrinth *lab)
{
	struct lab_home *home = share_home(lab);

	if (!home)
		return -EINVAL;
	care_forget(lab);
	if (*home->identity == LAB_IDENTITY_SHARED)
		lab_process_leave(lab);
	share_close(home);
	return 0;
}
