/* SPDX-License-Identifier: MIT */
/*
 * labyrinth/process.h - several processes on one labyrinth, and the return of what a dead one had.
 *
 * A labyrinth born with `processes` in its specification has so many places for processes.  Its metadata and memory may be
 * mapped anywhere in each, the memory at the same distance from the metadata.  In front of them, at one distance too, each process
 * has a private piece whose first word reads LAB_IDENTITY_SHARED while its calls are allowed, and whose second is the number of
 * its place.  A home does all this (labyrinth/user.h); what a process is and when it is dead, it alone can say.
 */
#ifndef LABYRINTH_PROCESS_H
#define LABYRINTH_PROCESS_H

#include <labyrinth.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LAB_PROCESSES_MAX 256u

/*
 * The owner number of this process: what is allocated with it (lab_alloc_request()) goes back when the process is dead.
 * What is nobody's (owner 0) stays out, and anybody may free it.  0 where the labyrinth is one process's.  A client goes with the
 * process that opened it, and all that it has.
 */
LAB_API unsigned int lab_process_owner(const struct labyrinth *lab);

/*
 * For homes: who is at a place, by the number with which it came (0: nobody); and to come to a place that is nobody's, before its
 * identity words are set.  The caller sees to it that of several only one takes a place.
 */
LAB_API uint32_t lab_process_at(const struct labyrinth *lab, unsigned int place);
LAB_API void lab_process_arrive(struct labyrinth *lab, unsigned int place, uint32_t number);

/*
 * Has `other`, of which nothing has been believed yet, all that birth writes once and for all as it stands in `born`, a labyrinth
 * just made of the same specification?  After that its distances may be followed.
 */
LAB_API bool lab_same_birth(const struct labyrinth *born, const struct labyrinth *other);

/* What recovery asks of its home. */
struct lab_survey {
	/* Is the process at this place dead for certain, and will nobody take its place until the recovery is over? */
	bool (*dead)(void *home, unsigned int process);
	/* Wait a while for others' calls to end.  False: no longer. */
	bool (*wait)(void *home);
	void *home;
};

struct lab_recovered {
	unsigned int processes; /* dead ones whose places are free again */
	unsigned int clients;	/* that they had opened: closed */
	uint64_t owned;		/* pages that were theirs, or their clients' */
	uint64_t frames, slots; /* frames, and slots of pools, that were in their hands */
	uint64_t raised;	/* announcements that frames may come back, lowered */
	uint64_t doubtful;	/* frames and slots that moved too much: call again */
	int waiting;		/* the place of a process that stays in a call; -1: none */
};

/*
 * Return what dead processes had: what they own at once; what was in their hands (taken and not yet stamped, claimed and not yet
 * given) after a grace period in which every call of a living process ends that had begun before.  One at a time, from a
 * task; the others may call meanwhile.  Reads all tags.
 * 0; -EAGAIN: a living process stays in a call (found->waiting), so what is in doubt was not touched; -ENOTSUP: one process's
 * labyrinth; -ECHILD, -ENXIO.
 */
LAB_API int lab_recover(struct labyrinth *lab, const struct lab_survey *survey, struct lab_recovered *found);

/*
 * This process goes: what it owns goes back, its clients are closed, and its place is free.  No thread of it may be in a call, now or
 * later.  -EAGAIN: another process is just freeing a page of such a client; the place stays a dead one's, for lab_recover().
 */
LAB_API int lab_process_leave(struct labyrinth *lab);

#ifdef __cplusplus
}
#endif

#endif
