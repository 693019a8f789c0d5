/* SPDX-License-Identifier: MIT */
/*
 * labyrinth/user.h - the user-space home (Linux): a labyrinth over memory of this process.
 *
 * Opening and closing belong to set-up: they make system calls and are not for signal handlers.
 * Everything in labyrinth.h may then be called from any thread and any signal handler.
 */
#ifndef LABYRINTH_USER_H
#define LABYRINTH_USER_H

#include <labyrinth.h>
#include <labyrinth/keeper.h>
#include <labyrinth/vault.h>

#ifdef __cplusplus
extern "C" {
#endif

enum lab_room_kind {
	LAB_ROOM_ANONYMOUS, /* pages of this process */
	LAB_ROOM_HUGETLB,   /* reserved huge pages of 2 MiB; fails where there are too few */
	LAB_ROOM_METADATA,  /* no memory behind: frames are numbers (simulation, a device's memory) */
	LAB_ROOM_SHARED,    /* pages that other processes may attach to; the other rooms: such, or metadata only */
	LAB_ROOM_VAULT,	    /* exclusive pages that are truly as `guarantees` says, or the labyrinth is not opened (labyrinth/vault.h) */
};

/* What a vault's memory is made of.  SPEC.md, "The memory of vaults", has the table of what each can be. */
enum lab_vault_memory {
	LAB_VAULT_ANY,	     /* the first of the following that is all that is required */
	LAB_VAULT_ANONYMOUS, /* all but LAB_SHREDDED_KILLED */
	LAB_VAULT_SECRET,    /* memfd_secret: everything; no other process, nor the kernel, reads it; no hibernation meanwhile */
	LAB_VAULT_HUGETLB,   /* reserved huge pages of 2 MiB: neither LAB_GUARDED nor LAB_SHREDDED_KILLED */
};

struct lab_user_room {
	const char *name;
	enum lab_room_kind kind;
	enum lab_zone zone;
	unsigned int node;
	uint64_t size;	      /* bytes; a multiple of the page size (of 2 MiB with LAB_ROOM_HUGETLB) */
	uint64_t first_frame; /* 0: after the room before, rounded up to a leaf (512 frames) */
	bool locked;	      /* mlock: no page of it is ever swapped out */
	bool prefaulted;      /* touched at birth: no page of it ever faults */
	bool bind;	      /* its memory must come from NUMA node `node` */
	bool watermarks;      /* min, low, high and lowmem reserves as Linux computes them */
	/* Or given, in frames; low and high may be 0: computed from min.  LAB_MARK_LINUX in min: as `watermarks` says. */
	uint64_t min, low, high;
	const struct lab_hole *holes;
	size_t hole_count;
	uint64_t zeroed; /* frames that its keeper holds ready for LAB_ZERO; needs memory */
	/* Of a vault (zone LAB_ZONE_OWN; no watermarks, nothing zeroed; its memory is always touched at birth). */
	uint32_t guarantees; /* LAB_LOCKED ... LAB_SHREDDED_KILLED, required; with LAB_ARMED, LAB_LOCKED too */
	enum lab_vault_memory vault_memory;
	uint32_t quarantine; /* the last so many freed pages are not given anew: 0 .. 65536 */
	bool deferred;	     /* a free leaves the shredding to lab_launder() (the keeper) */
	bool unnoticed;	     /* free pages are not looked at for writes */
	enum lab_shred shred;
};

enum lab_birth_kind {
	LAB_ARMED, /* metadata and memory touched and locked (rooms as if locked and prefaulted): P1 holds */
	LAB_LAZY,  /* constant time however large (with watermarks or holes: in proportion to them); no memory
		    * is touched, so a call may fault until it was */
};

struct lab_user_spec {
	enum lab_birth_kind birth;
	size_t page_size;  /* 0 = 4096; 4, 16 or 64 KiB */
	unsigned int cpus; /* 0 = as many as this machine may have */
	const struct lab_user_room *rooms;
	unsigned int room_count;
	unsigned int nodes;	 /* 0 = 1 */
	const uint8_t *distance; /* nodes x nodes; NULL: all remote alike */
	uint64_t min_free_kbytes;
	unsigned int clients;	 /* how many may be open at once (labyrinth/client.h) */
	uint32_t contract_frames, contract_blocks; /* the most that one may be guaranteed */
	unsigned int processes;	 /* with shared rooms: how many processes at once; 0 = 64 (32 bits: 16) */
};

#define LAB_ERROR_TEXT 256u

/*
 * Make a labyrinth.  Returns 0, or a negative errno with, in `error` (LAB_ERROR_TEXT bytes, may be
 * NULL), one sentence that names the room, the call that failed and the limit that it ran into.
 * Nothing is left half made, and nothing that was asked for is silently left out.
 */
LAB_API int lab_user_open(const struct lab_user_spec *spec, struct labyrinth **lab, char *error);

/*
 * Stop its keeper, forget its shrinkers, unmap everything.  Pages that are still out go with it, a vault's overwritten, and so are
 * the keys; no other thread may be inside a call.  A shared one: lab_detach().
 */
LAB_API void lab_user_close(struct labyrinth *lab);

/*
 * Several processes on one labyrinth: rooms of kind LAB_ROOM_SHARED.  (Set-up, all of it; labyrinth/process.h has the rest.)
 *
 * lab_user_share() returns a descriptor (close-on-exec) to pass to others, by fork, by a UNIX socket; or -EINVAL: not a
 * shared labyrinth, or not one that this process may call.  Who has it may attach, and write anywhere: it is for processes that
 * trust each other.
 */
LAB_API int lab_user_share(struct labyrinth *lab);

/*
 * Attach to a labyrinth by such a descriptor, which stays the caller's.  Each process (and each attachment) has a place of its own; the
 * kernel frees it with the process's memory map, however it ends.  A forked child attaches anew: the parent's is refused to it.
 * Refused, with a sentence in `error` (LAB_ERROR_TEXT bytes, may be NULL), and nothing is left mapped: what is no sealed
 * memory file, of another size or version, or damaged in what its birth wrote (-EINVAL); -EUSERS: no place is free; -EBADF: the
 * descriptor is not open.
 */
LAB_API int lab_attach(int fd, struct labyrinth **lab, char *error);

/*
 * Leave: what this process's owner number has goes back, its place is free, everything is unmapped.  The memory lives until the
 * last one is gone.  No other thread may be inside a call.  In a forked child it only unmaps.  0, or -EINVAL: not shared.
 */
LAB_API int lab_detach(struct labyrinth *lab);

/*
 * Return what dead processes had (lab_recover()), waiting up to wait_ms for each call of a living one that is in the way.  0; -EBUSY:
 * another process is recovering; -EAGAIN: a living process stays in a call: what it might have is untouched; `error` names it.
 */
LAB_API int lab_user_recover(struct labyrinth *lab, unsigned int wait_ms, struct lab_recovered *found, char *error);

/* Bytes of metadata that lab_user_open() mapped. */
LAB_API size_t lab_user_metadata_bytes(const struct labyrinth *lab);

/*
 * Write what the labyrinth remembers of refusals (lab_first_refusal(), lab_refusals(); the oldest first) to `fd`, a
 * line each, for `labyrinth explain`.  From a task; requests may run meanwhile.  Nothing is written where nothing was
 * refused.  0, or the error of write(), or -ENXIO, -ECHILD.
 */
LAB_API int lab_user_report(const struct labyrinth *lab, int fd);

#ifdef __cplusplus
}
#endif

#endif
