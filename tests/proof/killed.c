/* SPDX-License-Identifier: MIT */
/*
 * killed.c - a process killed at any instruction loses nothing, and nothing is taken from the others.
 *
 *     instants   a child attaches, steps through one call and dies before its n-th instruction, for every n (killed_instants.h)
 *     storms     several processes allocate and free; they are killed at random and begun anew; one is stopped at random, in the
 *                middle of a call if it so happens, and goes on after others have recovered (killed_storm.h)
 *
 * After each death: a recovery, by the parent.  Then everything is free that no living process has, and no rule is broken.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <labyrinth/user.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "machine.h"
#include "stepper.h"

#define MIB(n) ((uint64_t)(n) << 20)

static struct {
	struct labyrinth *lab; /* the parent's attachment */
	int fd;
	uint64_t free;	       /* frames, with nobody else there */
	uint64_t *seen;	       /* shared with children: what they have to tell */
	struct lab_recovered sum;
} world;

static uint64_t free_now(void)
{
	struct lab_stats stats;
	uint64_t n = 0;
	unsigned int i;

	lab_stats(world.lab, &stats);
	for (i = 0; i < stats.rooms; i++) {
		struct lab_room_stats room;

		lab_room_stats(world.lab, i, &room);
		n += room.free_commons + room.free_pooled;
	}
	return n;
}

static bool begin_world(uint64_t bytes, unsigned int clients)
{
	struct lab_user_room room = { .name = "shared", .kind = LAB_ROOM_SHARED, .zone = LAB_ZONE_NORMAL, .size = bytes, .min = 40,
				      .low = 60, .high = 80 };
	struct lab_user_spec spec = { .birth = LAB_LAZY, .rooms = &room, .room_count = 1, .cpus = 4, .processes = 16,
				      .clients = clients, .contract_frames = 32, .contract_blocks = 4 };
	char text[LAB_ERROR_TEXT];

	if (lab_user_open(&spec, &world.lab, text)) {
		machine_fail("opening", "%s", text);
		return false;
	}
	world.fd = lab_user_share(world.lab);
	world.free = free_now();
	return true;
}

static void end_world(void)
{
	close(world.fd);
	lab_user_close(world.lab);
}

/* All that the dead had is back.  `owned`: frames that the living have. */
static bool whole(const char *name, uint64_t owned)
{
	struct lab_audit audit;
	uint64_t now = free_now();

	if (now + owned != world.free)
		machine_fail(name, "%" PRIu64 " frames are free and %" PRIu64 " owned of %" PRIu64, now, owned, world.free);
	else if (lab_audit(world.lab, true, &audit))
		machine_fail(name, "room %d, frame %" PRIu64 ": %s", audit.room, audit.frame, audit.text);
	else
		return true;
	return false;
}

/* Recover; -EAGAIN is an answer. */
static int recover(const char *name, unsigned int wait_ms)
{
	struct lab_recovered found;
	char text[LAB_ERROR_TEXT];
	int error = lab_user_recover(world.lab, wait_ms, &found, text);

	world.sum.processes += found.processes;
	world.sum.frames += found.frames;
	world.sum.slots += found.slots;
	world.sum.owned += found.owned;
	world.sum.raised += found.raised;
	world.sum.clients += found.clients;
	if (error && error != -EAGAIN)
		machine_fail(name, "recovery: %s", text);
	return error;
}

/* In a child: the labyrinth, as an attachment of its own. */
static struct labyrinth *attach(void)
{
	struct labyrinth *lab;

	if (lab_attach(world.fd, &lab, NULL))
		_exit(3);
	return lab;
}

#include "killed_storm.h"
#ifdef STEPPER_WORKS
#include "killed_instants.h"
#else
static void run_instants(void)
{
}
#endif

int main(int argc, char **argv)
{
	machine_begin(argc, argv);
	world.seen = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	run_instants();
	run_storms();
	printf("killed: %u processes; %" PRIu64 " pages of theirs, %u clients, %" PRIu64 " frames and %" PRIu64
	       " slots out of their hands, %" PRIu64 " announcements\n",
	       world.sum.processes, world.sum.owned, world.sum.clients, world.sum.frames, world.sum.slots, world.sum.raised);
	return machine_end("P6", "killed at any instruction");
}
