/* SPDX-License-Identifier: MIT */
/*
 * user.c - opening and closing a labyrinth of this process.
 *
 * One mapping holds a page of the home's own notes and, behind it, the metadata.  A second page holds the
 * word that says who may call, and the keys for shredding: the kernel zeroes it in a forked child (MADV_WIPEONFORK).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "home.h"
#include "reclaim.h"
#include "vault.h"

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

#define KEYS_AT 64u /* in the identity's page */
#define SEED_BYTES 32u
#define HUGE_BYTES ((uint64_t)2 << 20)

_Static_assert(sizeof(struct lab_home) <= HOME_BYTES, "the notes fit in front of the metadata");

struct lab_home *home_of(const struct labyrinth *lab)
{
	return (struct lab_home *)((char *)(uintptr_t)lab - HOME_BYTES);
}

/* ---- checks ---- */

static int check_room(const struct lab_user_spec *spec, const struct lab_user_room *room,
		      const struct lab_complaint *to)
{
	uint64_t page = spec->page_size ? spec->page_size : 4096;

	if (room->kind > LAB_ROOM_VAULT)
		return complain_plainly(to, "no such kind of room");
	if (!room->size)
		return complain_plainly(to, "its size is 0");
	if (room->watermarks && (room->min || room->low || room->high))
		return complain_plainly(to, "watermarks are either computed (watermarks) or given (min, low, high)");
	if (room->size % page)
		return complain_plainly(to, "its size is not a multiple of the page size");
	if (room->kind == LAB_ROOM_HUGETLB && room->size % HUGE_BYTES)
		return complain_plainly(to, "its size is not a multiple of the huge page size, 2 MiB");
	if (room->kind == LAB_ROOM_METADATA && (room->locked || room->prefaulted || room->bind))
		return complain_plainly(to, "a room without memory cannot be locked, prefaulted or bound");
	if (room->kind == LAB_ROOM_METADATA && room->zeroed)
		return complain_plainly(to, "a room without memory has no zeroed frames");
	if (room->bind && room->node >= LAB_NODES_MAX)
		return complain_plainly(to, "no such node");
	return vault_check(room, to);
}

/* What is shared is in one memory file, all of it. */
static int check_sharing(const struct lab_user_spec *spec, struct lab_complaint *to)
{
	unsigned int i;

	if (!share_wanted(spec))
		return spec->processes ? complain_plainly(to, "several processes want rooms of kind LAB_ROOM_SHARED") : 0;
	for (i = 0; i < spec->room_count; i++) {
		to->room = spec->rooms[i].name ? spec->rooms[i].name : "";
		if (spec->rooms[i].kind != LAB_ROOM_SHARED && spec->rooms[i].kind != LAB_ROOM_METADATA)
			return complain_plainly(to, "beside shared rooms, every room is shared or has no memory behind it");
	}
	to->room = NULL;
	return 0;
}

int home_check(const struct lab_user_spec *spec, struct lab_complaint *to)
{
	unsigned int i;
	int error;

	if (spec->birth != LAB_ARMED && spec->birth != LAB_LAZY)
		return complain_plainly(to, "birth is neither LAB_ARMED nor LAB_LAZY");
	if (spec->page_size && spec->page_size != 4096 && spec->page_size != 16384 && spec->page_size != 65536)
		return complain_plainly(to, "pages are 4, 16 or 64 KiB");
	if (!spec->rooms || !spec->room_count || spec->room_count > LAB_ROOMS_MAX)
		return complain_plainly(to, "a labyrinth has 1 to 16 rooms");
	for (i = 0; i < spec->room_count; i++) {
		to->room = spec->rooms[i].name ? spec->rooms[i].name : "";
		error = check_room(spec, &spec->rooms[i], to);
		if (error)
			return error;
	}
	to->room = NULL;
	return check_sharing(spec, to);
}

/* ---- the specification for the core ---- */

static unsigned int page_shift(const struct lab_user_spec *spec)
{
	return spec->page_size == 65536 ? 16 : spec->page_size == 16384 ? 14 : 12;
}

static void describe_rooms(const struct lab_user_spec *spec, struct lab_room_spec *rooms)
{
	uint64_t next = 0;
	unsigned int i;

	for (i = 0; i < spec->room_count; i++) {
		const struct lab_user_room *from = &spec->rooms[i];

		rooms[i] = (struct lab_room_spec){
			.name = from->name,
			.zone = from->zone,
			.node = from->node,
			.first_frame = from->first_frame ? from->first_frame : next,
			.frames = from->size >> page_shift(spec),
			.min = from->watermarks ? LAB_MARK_LINUX : from->min,
			.low = from->low,
			.high = from->high,
			.holes = from->holes,
			.hole_count = from->hole_count,
			.zeroed = from->zeroed,
		};
		next = rooms[i].first_frame + rooms[i].frames;
		next = (next + ((uint64_t)1 << LAB_ORDER_MAX) - 1) >> LAB_ORDER_MAX << LAB_ORDER_MAX;
	}
}

static unsigned int cpu_count(const struct lab_user_spec *spec)
{
	long cpus = spec->cpus ? (long)spec->cpus : sysconf(_SC_NPROCESSORS_CONF);

	return cpus < 1 ? 1 : cpus > 4096 ? 4096 : (unsigned int)cpus;
}

void home_describe(const struct lab_user_spec *spec, struct lab_spec *core, struct lab_room_spec *rooms)
{
	describe_rooms(spec, rooms);
	*core = (struct lab_spec){
		.page_shift = page_shift(spec),
		.cpus = cpu_count(spec),
		.rooms = rooms,
		.room_count = spec->room_count,
		.nodes = spec->nodes,
		.distance = spec->distance,
		.min_free_kbytes = spec->min_free_kbytes,
		.clients = spec->clients,
		.contract_frames = spec->contract_frames,
		.contract_blocks = spec->contract_blocks,
	};
}

/* ---- opening ---- */

static void unmap(struct lab_home *home)
{
	bool owner = home->identity && *home->identity == LAB_IDENTITY; /* not a forked child */
	unsigned int i;

	if (owner)
		explicit_bzero(home->identity, home->identity_bytes); /* the keys, too */
	for (i = 0; i < home->rooms; i++) {
		if (home->memory[i].bytes)
			munmap(home->memory[i].base, home->memory[i].bytes);
		vault_unmap(&home->vault[i], owner);
	}
	if (home->identity)
		munmap(home->identity, home->identity_bytes);
	munmap(home, home->bytes);
}

static bool has_vault(const struct lab_user_spec *spec)
{
	unsigned int i;

	for (i = 0; i < spec->room_count; i++)
		if (spec->rooms[i].kind == LAB_ROOM_VAULT)
			return true;
	return false;
}

static int make_identity(struct lab_home *home, const struct lab_user_spec *spec, const struct lab_complaint *to)
{
	size_t bytes = (size_t)sysconf(_SC_PAGESIZE);
	void *page = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int error;

	if (page == MAP_FAILED)
		return complain(to, "mmap", bytes);
	home->identity = page;
	home->identity_bytes = bytes;
	if (madvise(page, bytes, MADV_WIPEONFORK) != 0)
		return complain(to, "madvise(MADV_WIPEONFORK)", bytes);
	if (madvise(page, bytes, MADV_DONTDUMP) != 0)
		return complain(to, "madvise(MADV_DONTDUMP)", bytes);
	if ((spec->birth == LAB_ARMED || has_vault(spec)) && (error = home_arm(page, bytes, to)) != 0)
		return error;
	*home->identity = LAB_IDENTITY;
	return 0;
}

/* The keys that exclusive pages are overwritten with stand behind the identity word: wiped in a child, in no dump. */
static int seed_keys(const struct lab_home *home, struct lab_spec *core, uint8_t *seed, const struct lab_complaint *to)
{
	if (getrandom(seed, SEED_BYTES, 0) != (ssize_t)SEED_BYTES)
		return complain(to, "getrandom", SEED_BYTES);
	core->keys = (char *)home->identity + KEYS_AT;
	core->seed = seed;
	return 0;
}

/* With the notes mapped: everything else.  What fails is taken down by the caller. */
static int furnish(struct lab_home *home, const struct lab_user_spec *spec, struct lab_spec *core,
		   struct lab_complaint *to)
{
	unsigned int i;
	int error;

	error = make_identity(home, spec, to);
	if (!error && spec->birth == LAB_ARMED)
		error = home_arm(home, home->bytes, to);
	for (i = 0; !error && i < spec->room_count; i++) {
		to->room = spec->rooms[i].name ? spec->rooms[i].name : "";
		error = home_map_room(home, spec, i, to);
	}
	to->room = NULL;
	core->identity = home->identity;
	return error;
}

/* The core's word on a specification, with the room that it is about. */
int home_refused(const struct lab_spec *core, struct lab_complaint *to)
{
	static char nothing[64] __attribute__((aligned(64)));
	struct labyrinth *lab;
	const char *why = "it is not possible";
	int which = -1;

	lab_birth(core, nothing, 0, &lab, &which, &why);
	if (which >= 0)
		to->room = core->rooms[which].name ? core->rooms[which].name : "";
	return complain_plainly(to, why);
}

/* What only the core looks at, with the memory's addresses: refused with its words. */
static int born(struct lab_home *home, const struct lab_spec *core, struct labyrinth **lab, struct lab_complaint *to)
{
	const char *why = "it is not possible";
	int which = -1;
	int error = lab_birth(core, (char *)home + HOME_BYTES, home->metadata, lab, &which, &why);

	if (!error)
		return 0;
	if (which >= 0)
		to->room = core->rooms[which].name ? core->rooms[which].name : "";
	complain_plainly(to, why);
	return error;
}

int lab_user_open(const struct lab_user_spec *spec, struct labyrinth **lab, char *error_text)
{
	struct lab_complaint to = { .text = error_text };
	struct lab_room_spec rooms[LAB_ROOMS_MAX];
	struct lab_vault vaults[LAB_ROOMS_MAX];
	struct lab_spec core;
	uint8_t seed[SEED_BYTES];
	struct lab_home *home;
	size_t metadata;
	int error = home_check(spec, &to);

	if (error)
		return error;
	if (spec->nodes > 1)
		home_find_nodes(LAB_NODES_MAX);
	home_describe(spec, &core, rooms);
	if (share_wanted(spec))
		return share_open(spec, &core, rooms, lab, &to);
	vault_describe(spec, rooms, vaults);
	metadata = lab_metadata_bytes(&core);
	if (!metadata)
		return home_refused(&core, &to);
	home = mmap(NULL, HOME_BYTES + metadata, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | (spec->birth == LAB_LAZY ? MAP_NORESERVE : 0), -1, 0);
	if (home == MAP_FAILED)
		return complain(&to, "mmap", HOME_BYTES + metadata);
	home->bytes = HOME_BYTES + metadata;
	home->rooms = spec->room_count;
	home->metadata = metadata;
	home->share.fd = -1;
	memcpy(home->spec, rooms, spec->room_count * sizeof(*rooms));
	core.rooms = home->spec; /* with the memory's addresses, once they are known */
	error = furnish(home, spec, &core, &to);
	if (!error)
		error = seed_keys(home, &core, seed, &to);
	if (!error)
		error = born(home, &core, lab, &to);
	if (error) {
		unmap(home);
		return error;
	}
	home->magic = HOME_MAGIC;
	return 0;
}

void lab_user_close(struct labyrinth *lab)
{
	if (!lab || home_of(lab)->magic != HOME_MAGIC)
		return;
	if (home_of(lab)->share.base) {
		lab_detach(lab);
		return;
	}
	care_forget(lab);
	unmap(home_of(lab));
}

size_t lab_user_metadata_bytes(const struct labyrinth *lab)
{
	return home_of(lab)->metadata;
}
