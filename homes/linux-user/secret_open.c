/* SPDX-License-Identifier: MIT */
/*
 * secret_open.c - secrets opened on a vault room, of the program's labyrinth or of one made for them, and closed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "home.h"
#include "secret.h"

#define BLOCKS 256u
#define BLOCKS_MAX ((uint64_t)1 << 28)
#define GUARANTEES (LAB_LOCKED | LAB_NODUMP | LAB_NOFORK)

static int open_own(const struct lab_secret_spec *spec, struct labyrinth **lab, char *error)
{
	struct lab_user_room room = {
		.name = "secrets",
		.kind = LAB_ROOM_VAULT,
		.zone = LAB_ZONE_OWN,
		.size = (spec->blocks ? spec->blocks : BLOCKS) * 4096,
		.guarantees = (spec->guarantees ? spec->guarantees : GUARANTEES) | LAB_GUARDED,
		.vault_memory = spec->memory,
	};
	struct lab_user_spec user = { .birth = LAB_LAZY, .rooms = &room, .room_count = 1 };

	if (spec->room || spec->owner)
		return complain_plainly(&(struct lab_complaint){ .text = error }, "room and owner are of a labyrinth of one's own");
	if (spec->blocks > BLOCKS_MAX)
		return complain_plainly(&(struct lab_complaint){ .text = error }, "268435456 blocks are out at once at most");
	return lab_user_open(&user, lab, error);
}

/* Is it a room that blocks can be in?  Its size, and the page's. */
static int look(const struct lab_secret_spec *spec, struct labyrinth *lab, struct lab_room_stats *room, char *error)
{
	struct lab_complaint to = { .text = error };
	uint32_t guarantees = lab_room_guarantees(lab, spec->room);

	if (lab_room_stats(lab, spec->room, room))
		return complain_plainly(&to, "there is no such room, or this process may not call that labyrinth");
	to.room = room->name;
	if (!guarantees)
		return complain_plainly(&to, "secrets are for vaults (LAB_ROOM_VAULT)");
	if (!(guarantees & LAB_GUARDED))
		return complain_plainly(&to, "secrets need LAB_GUARDED: a block ends at a guard page");
	if (spec->owner > LAB_OWNER_MAX)
		return complain_plainly(&to, "no such owner");
	return 0;
}

/* Notes and canary, where they are in no dump. */
static int make(const struct lab_room_stats *room, struct lab_secret **made, char *error)
{
	size_t bytes = sizeof(struct lab_secret) + (size_t)room->frames * sizeof(uint32_t);
	struct lab_complaint to = { .text = error };
	struct lab_secret *secret = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	int failed;

	if (secret == MAP_FAILED)
		return complain(&to, "mmap", bytes);
	if (madvise(secret, bytes, MADV_DONTDUMP) != 0)
		failed = complain(&to, "madvise(MADV_DONTDUMP)", bytes);
	else if (getrandom(secret->canary, SECRET_CANARY, 0) != (ssize_t)SECRET_CANARY)
		failed = complain(&to, "getrandom", SECRET_CANARY);
	else
		failed = 0;
	if (failed) {
		munmap(secret, bytes);
		return failed;
	}
	secret->bytes = bytes;
	secret->first_frame = room->first_frame;
	secret->frames = room->frames;
	*made = secret;
	return 0;
}

/* One at a time of a room; a labyrinth made for this one has no other. */
static int claim(const struct lab_secret_spec *spec, const struct lab_room_stats *room, char *error)
{
	struct lab_complaint to = { .text = error, .room = room->name };
	uint32_t bit = 1u << spec->room;

	if (!spec->lab || !(__atomic_fetch_or(&home_of(spec->lab)->secrets, bit, __ATOMIC_ACQ_REL) & bit))
		return 0;
	complain_plainly(&to, "its secrets are open already, one at a time of a room: use those, or lab_secret_close() them first");
	return -EBUSY;
}

static void unclaim(struct labyrinth *lab, unsigned int room)
{
	__atomic_fetch_and(&home_of(lab)->secrets, ~(1u << room), __ATOMIC_RELEASE); /* partner: the next claim */
}

int lab_secret_open(const struct lab_secret_spec *spec, struct lab_secret **secret, char *error)
{
	struct labyrinth *lab = spec->lab;
	struct lab_room_stats room;
	struct lab_stats stats;
	int failed = lab ? 0 : open_own(spec, &lab, error);

	if (failed)
		return failed;
	failed = look(spec, lab, &room, error);
	if (!failed)
		failed = claim(spec, &room, error);
	if (!failed && (failed = make(&room, secret, error)) != 0 && spec->lab)
		unclaim(lab, spec->room);
	if (failed) {
		if (!spec->lab)
			lab_user_close(lab);
		return failed;
	}
	lab_stats(lab, &stats);
	(*secret)->lab = lab;
	(*secret)->own = !spec->lab;
	(*secret)->room = spec->room;
	(*secret)->owner = spec->owner ? spec->owner : LAB_OWNER_EXCLUSIVE;
	(*secret)->page = (size_t)1 << stats.page_shift;
	return 0;
}

void lab_secret_close(struct lab_secret *secret)
{
	bool refused;
	uint64_t i;

	if (!secret)
		return;
	refused = secret_refused(secret) != 0; /* a forked child: the blocks are its parent's */
	for (i = 0; i < secret->frames && !refused; i++) {
		uint32_t note = secret->note[i] & ~NOTE_BUSY;

		secret->note[i] = note;
		if (note)
			lab_secret_free(secret, secret_page(secret, i) + secret->page - (note & NOTE_SIZE));
	}
	if (secret->own)
		lab_user_close(secret->lab);
	else
		unclaim(secret->lab, secret->room);
	explicit_bzero(secret->canary, SECRET_CANARY);
	munmap(secret, secret->bytes);
}
