/* SPDX-License-Identifier: MIT */
/*
 * describe.c - a specification as it stands at the head of a memory file, for those who attach.
 *
 * What is read there is somebody's word: sizes and counts are checked before they are used, all else goes through the same checks as
 * a program's own specification, and written again it must be the same bytes.
 */
#define _GNU_SOURCE
#include <string.h>

#include "../../core/layout.h"
#include "home.h"

#define SHARE_MAGIC 0x68747269726e7962u
#define SHARE_VERSION 1u

_Static_assert(sizeof(struct share_header) <= SHARE_HEADER_BYTES, "the description fits in front of the metadata");

/* What must be the same on both sides, or words would be misread. */
static void stamp_kind(struct share_header *header)
{
	header->magic = SHARE_MAGIC;
	header->version = SHARE_VERSION << 16 | LAB_VERSION_MAJOR << 8 | LAB_VERSION_MINOR;
	header->word_bits = LAB_MACHINE_BITS;
	header->labyrinth_bytes = sizeof(struct labyrinth);
	header->room_bytes = sizeof(struct lab_room);
	header->leaf_frames = LAB_LEAF_FRAMES;
	header->fanout = LAB_FANOUT;
}

static int write_room(struct share_header *header, struct share_room *to, const struct lab_user_room *from,
		      const struct lab_complaint *complaint)
{
	if (from->hole_count > SHARE_HOLES_MAX - header->hole_count)
		return complain_plainly(complaint, "the shared rooms of a labyrinth have 2048 holes at most");
	*to = (struct share_room){
		.size = from->size,
		.first_frame = from->first_frame,
		.min = from->min,
		.low = from->low,
		.high = from->high,
		.zeroed = from->zeroed,
		.kind = from->kind,
		.zone = from->zone,
		.node = from->node,
		.holes = (uint32_t)header->hole_count,
		.hole_count = (uint32_t)from->hole_count,
		.locked = from->locked,
		.prefaulted = from->prefaulted,
		.bind = from->bind,
		.watermarks = from->watermarks,
	};
	if (from->name)
		memcpy(to->name, from->name, strnlen(from->name, sizeof(to->name) - 1));
	if (from->hole_count)
		memcpy(&header->hole[header->hole_count], from->holes, from->hole_count * sizeof(struct lab_hole));
	header->hole_count += from->hole_count;
	return 0;
}

int share_write(struct share_header *header, const struct lab_user_spec *spec, uint64_t bytes, const struct lab_complaint *to)
{
	unsigned int i;
	int error = 0;

	stamp_kind(header);
	header->bytes = bytes;
	header->birth = spec->birth;
	header->page_size = (uint32_t)spec->page_size;
	header->cpus = spec->cpus;
	header->room_count = spec->room_count;
	header->nodes = spec->nodes;
	header->processes = spec->processes;
	header->clients = spec->clients;
	header->contract_frames = spec->contract_frames;
	header->contract_blocks = spec->contract_blocks;
	header->min_free_kbytes = spec->min_free_kbytes;
	if (spec->distance) {
		header->distances = spec->nodes * spec->nodes;
		memcpy(header->distance, spec->distance, header->distances);
	}
	for (i = 0; !error && i < spec->room_count; i++)
		error = write_room(header, &header->room[i], &spec->rooms[i], to);
	return error;
}

static int read_room(struct share_header *header, struct share_room *from, struct lab_user_room *to,
		     const struct lab_complaint *complaint)
{
	if (from->holes > header->hole_count || from->hole_count > header->hole_count - from->holes)
		return complain_plainly(complaint, "its description is damaged: holes");
	if (from->locked > 1 || from->prefaulted > 1 || from->bind > 1 || from->watermarks > 1 || from->zone > LAB_ZONE_OWN ||
	    from->kind > LAB_ROOM_SHARED || from->node >= LAB_NODES_MAX || from->name[sizeof(from->name) - 1])
		return complain_plainly(complaint, "its description is damaged: a room");
	*to = (struct lab_user_room){
		.name = from->name,
		.kind = (enum lab_room_kind)from->kind,
		.zone = (enum lab_zone)from->zone,
		.node = from->node,
		.size = from->size,
		.first_frame = from->first_frame,
		.locked = from->locked,
		.prefaulted = from->prefaulted,
		.bind = from->bind,
		.watermarks = from->watermarks,
		.min = from->min,
		.low = from->low,
		.high = from->high,
		.zeroed = from->zeroed,
		.holes = from->hole_count ? &header->hole[from->holes] : NULL,
		.hole_count = from->hole_count,
	};
	return 0;
}

/* The words that are no room's. */
static int check_words(const struct share_header *header, const struct lab_complaint *to)
{
	struct share_header kind = { 0 };

	stamp_kind(&kind);
	if (header->magic != kind.magic)
		return complain_plainly(to, "no labyrinth's memory file");
	if (header->version != kind.version || header->word_bits != kind.word_bits ||
	    header->labyrinth_bytes != kind.labyrinth_bytes || header->room_bytes != kind.room_bytes ||
	    header->leaf_frames != kind.leaf_frames || header->fanout != kind.fanout)
		return complain_plainly(to, "a labyrinth of another version, or for other machines");
	if (!header->room_count || header->room_count > LAB_ROOMS_MAX || header->nodes > LAB_NODES_MAX || !header->cpus ||
	    !header->processes || header->hole_count > SHARE_HOLES_MAX || header->birth > LAB_LAZY ||
	    (header->distances && header->distances != header->nodes * header->nodes))
		return complain_plainly(to, "its description is damaged");
	return 0;
}

static int read_all(struct share_header *header, struct lab_user_room *rooms, struct lab_user_spec *spec,
		    const struct lab_complaint *to)
{
	unsigned int i;
	int error = check_words(header, to);

	for (i = 0; !error && i < header->room_count; i++)
		error = read_room(header, &header->room[i], &rooms[i], to);
	if (error)
		return error;
	*spec = (struct lab_user_spec){
		.birth = (enum lab_birth_kind)header->birth,
		.page_size = header->page_size,
		.cpus = header->cpus,
		.rooms = rooms,
		.room_count = header->room_count,
		.nodes = header->nodes,
		.distance = header->distances ? header->distance : NULL,
		.min_free_kbytes = header->min_free_kbytes,
		.clients = header->clients,
		.contract_frames = header->contract_frames,
		.contract_blocks = header->contract_blocks,
		.processes = header->processes,
	};
	return 0;
}

int share_read(struct share_header *header, struct lab_user_room *rooms, struct lab_user_spec *spec, struct lab_complaint *to)
{
	struct share_header again;
	int error = read_all(header, rooms, spec, to);

	if (!error)
		error = home_check(spec, to);
	memset(&again, 0, sizeof(again));
	if (!error)
		error = share_write(&again, spec, header->bytes, to);
	if (!error && memcmp(&again, header, sizeof(again)) != 0)
		error = complain_plainly(to, "its description is damaged");
	return error;
}
