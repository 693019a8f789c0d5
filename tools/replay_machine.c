/* SPDX-License-Identifier: MIT */
/*
 * replay_machine.c - see replay_machine.h.
 */
#define _GNU_SOURCE
#include "replay_machine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>

#define FULL_SIZE_STEP (((uint64_t)128 << 20) >> MACHINE_PAGE_SHIFT)
#define MEMORY_MIN_FRAMES 64u
#define MEMORY_MAX_FRAMES (((uint64_t)64 << 40) >> MACHINE_PAGE_SHIFT)
#define REST UINT64_MAX

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

static const char *const zone_names[LAB_ZONES] = { "dma", "dma32", "normal", "highmem", "movable" };
static const char *const room_names[LAB_ZONES] = { "DMA", "DMA32", "NORMAL", "HIGHMEM", "MOVABLE" };

void machine_wish_default(struct machine_wish *wish)
{
	*wish = (struct machine_wish){ 0 };
	wish->zone_end[LAB_ZONE_DMA] = ((uint64_t)16 << 20) >> MACHINE_PAGE_SHIFT;
	wish->zone_end[LAB_ZONE_DMA32] = ((uint64_t)4 << 30) >> MACHINE_PAGE_SHIFT;
	wish->zone_end[LAB_ZONE_NORMAL] = REST;
}

/* ---------------------------------------------------------------- what the user says */

/* "16M", "4GiB", "1073741824": frames, rounded down.  *end: what follows. */
static bool parse_size(const char *text, const char **end, uint64_t *frames)
{
	static const char units[] = "KMGT";
	unsigned long long bytes;
	unsigned int shift = 0;
	const char *unit;
	char *rest;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	bytes = strtoull(text, &rest, 10);
	if (errno)
		return false;
	unit = *rest ? memchr(units, *rest & ~0x20, sizeof(units) - 1) : NULL;
	if (unit) {
		shift = 10 * (unsigned int)(unit - units + 1);
		rest++;
		if (!strncasecmp(rest, "iB", 2))
			rest += 2;
		else if (*rest == 'B' || *rest == 'b')
			rest++;
	}
	if (bytes > (UINT64_MAX >> 1) >> shift)
		return false;
	*frames = (uint64_t)bytes << shift >> MACHINE_PAGE_SHIFT;
	*end = rest;
	return true;
}

/* One "name=size" of a list of zones; *text moves on to what follows it. */
static bool parse_zone(struct machine_wish *wish, const char **text, uint64_t *below, int *last)
{
	const char *equals = strchr(*text, '='), *end;
	uint64_t frames;
	int zone;

	for (zone = 0; zone < LAB_ZONES; zone++)
		if (equals && (size_t)(equals - *text) == strlen(zone_names[zone]) &&
		    !strncasecmp(*text, zone_names[zone], strlen(zone_names[zone])))
			break;
	if (zone == LAB_ZONES || zone <= *last || *below == REST)
		return false;
	if (!strncasecmp(equals + 1, "REST", 4)) {
		frames = REST;
		end = equals + 5;
	} else if (!parse_size(equals + 1, &end, &frames)) {
		return false;
	}
	/* Rooms begin at a leaf: so must zones end. */
	if (frames <= *below || (frames != REST && frames % MACHINE_LEAF) || (*end && *end != ','))
		return false;
	wish->zone_end[zone] = frames;
	*below = frames;
	*last = zone;
	*text = *end == ',' ? end + 1 : end;
	return *end != ',' || **text; /* no comma at the end */
}

bool machine_parse_zones(struct machine_wish *wish, const char *text, char *error)
{
	const char *p = text;
	uint64_t below = 0;
	int last = -1;

	memset(wish->zone_end, 0, sizeof(wish->zone_end));
	do {
		if (parse_zone(wish, &p, &below, &last))
			continue;
		snprintf(error, MACHINE_ERROR_TEXT,
			 "--zones '%.80s': wants ends, rising by 2 MiB at least, like "
			 "dma=16M,dma32=4G,normal=REST "
			 "(zones: dma, dma32, normal, highmem, movable)",
			 text);
		return false;
	} while (*p);
	return true;
}

bool machine_parse_memory(struct machine_wish *wish, const char *text, char *error)
{
	const char *end;
	char *rest;

	wish->memory_factor = 0;
	wish->memory_frames = 0;
	if (parse_size(text, &end, &wish->memory_frames) && !*end) {
		if (wish->memory_frames >= MEMORY_MIN_FRAMES && wish->memory_frames <= MEMORY_MAX_FRAMES)
			return true;
	} else if (*text >= '0' && *text <= '9') {
		wish->memory_frames = 0;
		wish->memory_factor = strtod(text, &rest);
		if (rest == text + strspn(text, "0123456789.") && !strcmp(rest, "x") &&
		    wish->memory_factor >= 0.01 && wish->memory_factor <= 1e6)
			return true;
	}
	snprintf(error, MACHINE_ERROR_TEXT,
		 "--memory '%.80s': wants a size from 256K to 64T, or a factor of the peak like 1.05x", text);
	return false;
}

/* ---------------------------------------------------------------- from wish and need to rooms */

/* Frames of each zone in a machine of `span` frames whose zones lie where the wish says. */
static bool zone_frames(const struct machine_wish *wish, uint64_t span, uint64_t *frames)
{
	uint64_t below = 0, end;
	int zone;

	for (zone = 0; zone < LAB_ZONES; zone++) {
		end = wish->zone_end[zone] < span ? wish->zone_end[zone] : span;
		frames[zone] = end > below ? end - below : 0;
		below = end > below ? end : below;
	}
	return below == span;
}

/*
 * A smaller machine of the same shape: each zone gets its share in whole leaves, and at least one if it
 * had any; what rounding leaves goes to the largest.  Where the machine is too small for that, shares in
 * frames.  The sum is exactly `frames`.
 */
static void zone_shares(uint64_t *share, uint64_t span, uint64_t frames)
{
	uint64_t unit = frames >= 12 * MACHINE_LEAF ? MACHINE_LEAF : 1, given = 0;
	int zone, largest = 0;

	for (zone = 0; zone < LAB_ZONES; zone++) {
		if (!share[zone])
			continue;
		if (share[zone] > share[largest])
			largest = zone;
	}
	for (zone = 0; zone < LAB_ZONES; zone++) {
		if (!share[zone] || zone == largest)
			continue;
		share[zone] =
			(uint64_t)((double)share[zone] / (double)span * (double)frames / (double)unit + 0.5) *
			unit;
		if (!share[zone])
			share[zone] = unit;
		given += share[zone];
	}
	share[largest] = frames - given;
}

static void machine_rooms(struct machine *machine, const uint64_t *frames)
{
	uint64_t first = 0;
	int zone;

	machine->rooms = 0;
	for (zone = 0; zone < LAB_ZONES; zone++) {
		if (!frames[zone])
			continue;
		machine->room[machine->rooms++] = (struct lab_user_room){
			.name = room_names[zone],
			.kind = LAB_ROOM_METADATA,
			.zone = (enum lab_zone)zone,
			.size = frames[zone] << MACHINE_PAGE_SHIFT,
			.first_frame = first,
			.watermarks = true,
		};
		first += (frames[zone] + MACHINE_LEAF - 1) / MACHINE_LEAF * MACHINE_LEAF;
	}
}

bool machine_plan(struct machine *machine, const struct machine_wish *wish, const struct machine_need *need,
		  char *error)
{
	uint64_t span = (need->highest_frame / FULL_SIZE_STEP + 1) * FULL_SIZE_STEP, frames[LAB_ZONES];
	double wanted = wish->memory_factor * (double)need->peak_frames;

	*machine = (struct machine){ .frames = span, .full_size = true };
	machine->cpus = wish->cpus ? wish->cpus : need->cpus;
	machine->min_free_kbytes = wish->min_free_kbytes;
	if (wish->memory_frames)
		machine->frames = wish->memory_frames;
	if (wish->memory_factor > 0) {
		machine->frames = (uint64_t)wanted;
		machine->frames += (double)machine->frames < wanted;
	}
	if (machine->frames < MEMORY_MIN_FRAMES)
		machine->frames = MEMORY_MIN_FRAMES;
	if (machine->min_free_kbytes / 4 >= machine->frames) {
		snprintf(error, MACHINE_ERROR_TEXT, "--min-free-kbytes %llu is no less than the machine's %llu kB",
			 (unsigned long long)machine->min_free_kbytes, (unsigned long long)machine->frames * 4);
		return false;
	}
	if (machine->frames > MEMORY_MAX_FRAMES) {
		snprintf(error, MACHINE_ERROR_TEXT, "a machine of %llu TiB is too large: give --memory",
			 (unsigned long long)(machine->frames >> 28));
		return false;
	}
	machine->full_size = machine->frames >= span;
	if (!zone_frames(wish, machine->full_size ? machine->frames : span, frames)) {
		snprintf(error, MACHINE_ERROR_TEXT,
			 "--zones end below the machine's %llu MiB: let the last be REST",
			 (unsigned long long)((machine->full_size ? machine->frames : span) >> 8));
		return false;
	}
	if (!machine->full_size)
		zone_shares(frames, span, machine->frames);
	machine_rooms(machine, frames);
	return true;
}

/* ---------------------------------------------------------------- birth */

/* More than half of this machine's memory is not locked for a simulation. */
static bool worth_locking(const struct machine *machine)
{
	long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);

	return pages <= 0 || size <= 0 ||
	       (double)machine->frames * 10 < (double)pages * (double)size / 2; /* some 9 bytes a frame */
}

struct labyrinth *machine_open(struct machine *machine, char *error)
{
	struct lab_user_spec spec = {
		.birth = LAB_ARMED,
		.page_size = (size_t)1 << MACHINE_PAGE_SHIFT,
		.cpus = machine->cpus,
		.rooms = machine->room,
		.room_count = machine->rooms,
		.min_free_kbytes = machine->min_free_kbytes,
	};
	char why[LAB_ERROR_TEXT] = "its metadata would take more than half of the memory";
	struct labyrinth *lab;

	if (!machine->lazy && worth_locking(machine) && !lab_user_open(&spec, &lab, why))
		return lab;
	if (!machine->lazy)
		snprintf(machine->why_lazy, sizeof(machine->why_lazy), "%s", why);
	machine->lazy = true;
	spec.birth = LAB_LAZY;
	if (lab_user_open(&spec, &lab, why)) {
		snprintf(error, MACHINE_ERROR_TEXT, "cannot make a labyrinth of %llu MiB: %s",
			 (unsigned long long)(machine->frames >> 8), why);
		return NULL;
	}
	/*
	 * Unlocked, but touched: latencies without page faults.  Contents stay; where the kernel does not
	 * know the call, the first pass over the events touches what they need.
	 */
	if (worth_locking(machine))
		madvise((void *)((uintptr_t)lab & ~(uintptr_t)4095), lab_user_metadata_bytes(lab),
			MADV_POPULATE_WRITE);
	return lab;
}
