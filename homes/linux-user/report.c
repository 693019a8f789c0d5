/* SPDX-License-Identifier: MIT */
/*
 * report.c - what a labyrinth remembers of refusals, as lines of text (SPEC.md, "Refusals as text").
 *
 * For tasks: it formats text and writes it.  The lines are read back by `labyrinth explain`; key=value, the keys always
 * in this order, so that a line can be read by people, cut by awk and told apart where it was torn.
 */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include <labyrinth/vault.h>

#include "../../core/atomic.h"
#include "../../core/frame.h"
#include "home.h"

#define LINE_BYTES 256u

static const char *const right_names[] = { "low", "min", "high", "atomic", "all" };
static const char *const remedy_names[] = {
	"none", "right", "quota", "share", "compaction", "zone", "again"
};

static int write_line(int fd, const char *line, int length)
{
	ssize_t part;

	while (length > 0) {
		part = write(fd, line, (size_t)length);
		if (part < 0 && errno != EINTR)
			return -errno;
		if (part > 0) {
			line += part;
			length -= (int)part;
		}
	}
	return 0;
}

static const char *name_of(const char *const *names, size_t count, unsigned int number)
{
	return number < count ? names[number] : "-";
}

/* A room's name, in which nothing can be taken for the end of it; empty: no such room. */
static void room_name(const struct labyrinth *lab, int room, char name[LAB_NAME_MAX])
{
	struct lab_room_stats stats;
	unsigned int i;

	name[0] = '\0';
	if (room < 0 || lab_room_stats(lab, (unsigned int)room, &stats))
		return;
	for (i = 0; i < LAB_NAME_MAX - 1 && stats.name[i]; i++)
		name[i] = stats.name[i] < ' ' || stats.name[i] > '~' || stats.name[i] == '"' ? '?'
											     : stats.name[i];
	name[i] = '\0';
}

static int write_refusal(const struct labyrinth *lab, int fd, const char *head, const struct lab_refusal *r)
{
	char line[LINE_BYTES], name[LAB_NAME_MAX];
	int length;

	room_name(lab, r->room, name);
	length = snprintf(line, sizeof(line),
			  "labyrinth %s: sequence=%u error=%d order=%u gfp=0x%x right=%s owner=%u node=%d "
			  "room=%d name=\"%s\" "
			  "floor=%u remedy=%s remedy_right=%s remedy_room=%d\n",
			  head, r->sequence, r->error, r->order, r->gfp, name_of(right_names, 5, r->right),
			  r->owner, r->node, r->room, name, r->floor, name_of(remedy_names, 7, r->remedy),
			  r->remedy == LAB_REMEDY_RIGHT || r->remedy == LAB_REMEDY_SHARE
				  ? name_of(right_names, 5, r->remedy_right)
				  : "-",
			  r->remedy_room);
	return write_line(fd, line, length);
}

/* Where a vault's frames are. */
struct vault_count {
	unsigned long long frames, free, used, kept, quarantine, laundry, offline;
};

/* Frame by frame, by the tags: beside running callers each is a moment's. */
static void count_vault(const struct labyrinth *lab, const struct lab_room_stats *stats, struct vault_count *count)
{
	uint64_t frame;

	*count = (struct vault_count){ .frames = stats->frames };
	for (frame = stats->first_frame; frame < stats->first_frame + stats->frames; frame++) {
		lab_word tag = load_relaxed(&lab_frame_page(lab, frame)->tag); /* a hole has one, too; a figure orders nothing */
		enum lab_state state = tag_state(tag);

		count->free += state == LAB_FREE;
		count->used += state == LAB_OWNED || state == LAB_SHARED;
		count->kept += state == LAB_KEPT;
		count->quarantine += state == LAB_SHREDDING && !tag_owner(tag); /* overwritten: nobody's */
		count->laundry += state == LAB_SHREDDING && tag_owner(tag);
		count->offline += state == LAB_OFFLINE;
	}
}

/* A refusal says that no frame of a vault was free; where they are is told here, as of now. */
static int write_vaults(const struct labyrinth *lab, int fd)
{
	char line[LINE_BYTES], name[LAB_NAME_MAX];
	struct lab_room_stats stats;
	struct vault_count count;
	unsigned int i;
	int error = 0, length;

	for (i = 0; !error && i < LAB_ROOMS_MAX; i++) {
		if (!(lab_room_guarantees(lab, i) & LAB_SHREDDED) || lab_room_stats(lab, i, &stats)) /* every vault has that bit */
			continue;
		count_vault(lab, &stats, &count);
		room_name(lab, (int)i, name);
		length = snprintf(line, sizeof(line),
				  "labyrinth vault: room=%u name=\"%s\" frames=%llu free=%llu used=%llu kept=%llu quarantine=%llu laundry=%llu "
				  "offline=%llu\n",
				  i, name, count.frames, count.free, count.used, count.kept, count.quarantine, count.laundry, count.offline);
		error = write_line(fd, line, length);
	}
	return error;
}

static int write_first(const struct labyrinth *lab, int fd)
{
	struct lab_first_refusal first;
	char line[LINE_BYTES], name[LAB_NAME_MAX];
	unsigned int i;
	int error = lab_first_refusal(lab, &first), length;

	if (error)
		return error == -LAB_ENODATA ? 0 : error;
	error = write_refusal(lab, fd, "first refusal", &first.refusal);
	for (i = 0; !error && i < first.rooms; i++) {
		room_name(lab, (int)i, name);
		length = snprintf(line, sizeof(line),
				  "labyrinth first refusal room: room=%u name=\"%s\" commons=%d bands=0x%x\n",
				  i, name, first.room[i].commons, first.room[i].bands);
		error = write_line(fd, line, length);
	}
	return error ? error : write_vaults(lab, fd);
}

int lab_user_report(const struct labyrinth *lab, int fd)
{
	struct lab_refusal list[LAB_REFUSALS_KEPT];
	int error = write_first(lab, fd);
	unsigned int n;

	if (error)
		return error;
	/* The oldest first, as in a log. */
	for (n = lab_refusals(lab, list, LAB_REFUSALS_KEPT); n-- && !error;)
		error = write_refusal(lab, fd, "refusal", &list[n]);
	return error;
}
