/* SPDX-License-Identifier: MIT */
/*
 * labyrinth/vault.h - vaults: rooms whose pages are truly their owner's, and leave nothing behind.
 *
 * A vault is a room of a program's own (LAB_ZONE_OWN): a request names it by its number.  It gives single pages, each with an owner
 * (LAB_OWNER_EXCLUSIVE where the request names none); only the owner frees.  A page that goes back is overwritten before anybody else can
 * reach it: OWNED, SHREDDING, FREE.  Whoever is killed in between leaves it SHREDDING, out of reach for good.  Orders above 0 are refused.
 *
 * In an ordinary room what LAB_OWNER_EXCLUSIVE frees is overwritten, too, where the labyrinth has keys (struct lab_spec); other owners' pages are
 * so in a vault only.
 */
#ifndef LABYRINTH_VAULT_H
#define LABYRINTH_VAULT_H

#include <labyrinth.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What is promised of every page of a room, a bit each: required at birth, and met or refused. */
#define LAB_LOCKED 1u	       /* never swapped out */
#define LAB_PINNED 2u	       /* never moved to other physical memory (compaction, collapse, migration) */
#define LAB_NODUMP 4u	       /* in no core dump of this process */
#define LAB_NOFORK 8u	       /* a forked child has no mapping of it */
#define LAB_GUARDED 16u	       /* the byte before and the byte behind each page cannot be accessed */
#define LAB_SHREDDED 32u       /* freed: overwritten before anybody else can reach it, as any CPU sees it */
#define LAB_SHREDDED_RAM 64u   /* ... and written to RAM, past the caches, before the free returns */
#define LAB_SHREDDED_KILLED 128u /* what was out when the process was killed is overwritten before anybody else can reach it, too */
#define LAB_GUARANTEES 255u

enum lab_shred {
	LAB_SHRED_RANDOM, /* a keystream whose key is destroyed: nobody can tell it from noise, nor make it again */
	LAB_SHRED_ZERO,	  /* zeros: equally gone from RAM; equal pages may be merged, a write after the free is noticed only as a non-zero */
};

/* Of a room's specification (struct lab_room_spec); a vault's min, low, high, lowmem_reserve and zeroed are 0. */
struct lab_vault {
	uint32_t guarantees;	 /* what its memory is, as the home has verified; the core adds the shredding */
	enum lab_shred shred;
	bool ram;		 /* past the caches, and fenced, before the tag changes */
	bool unnoticed;		 /* free pages are not checked for writes when they are allocated */
	bool deferred;		 /* a free leaves the shredding to lab_launder() (the keeper) */
	unsigned int stride;	 /* pages from the memory of one frame to that of the next: 1, or 2 where each is followed by a guard; 0: 1 */
	uint32_t quarantine;	 /* so many freed pages, the last ones, are not given anew: 0 .. 65536 */
};

/* What a room's pages are truly like, LAB_* bits above; 0: an ordinary room, or none such. */
LAB_API uint32_t lab_room_guarantees(const struct labyrinth *lab, unsigned int room);

/*
 * Overwrite a live page's contents; it stays its owner's.  Any context.  0, or -ENOTSUP (not in a vault), and the codes of a free:
 * -EPERM, -EALREADY, -EBUSY (shared), -ERANGE.  Bounded by one page's overwriting.
 */
LAB_API int lab_shred_now(struct labyrinth *lab, struct lab_page *page, unsigned int owner);

/*
 * Overwrite every page of every vault, whoever has it, for a crash handler: any context, several threads at once (they share the work), from
 * the middle of any call.  From then on, for good, vaults answer -ENXIO, from contracts too; what is freed is overwritten still.  Returns how many
 * pages this call overwrote; when all of those that were begun have returned, all are, but for what their owners wrote since.  Once: a second
 * one finds nothing to do.  Bounded by the vaults' frames.
 */
LAB_API uint64_t lab_panic_shred(struct labyrinth *lab);

/*
 * Shred what was freed into the laundry (at most `most` pages), and give it back.  From a task, or wherever vector units may be used.
 * Returns how many.
 */
LAB_API unsigned int lab_launder(struct labyrinth *lab, unsigned int room, unsigned int most);

/*
 * Fresh randomness from outside for the keys, 32 bytes, which are wiped.  (They are derived from it one way; without it they are
 * derived from the keys before.)  Any context.
 */
LAB_API void lab_vault_seed(struct labyrinth *lab, uint8_t *seed);

/*
 * Sharing.  A page is exclusive while its count is one.  lab_page_share() adds one and lab_page_unshare() takes one away, for whoever has
 * the handle; the owner's free is refused (-EBUSY) while it is above one.  Any context.  The new count, or -ESTALE, -EALREADY, -ERANGE,
 * -ENOTSUP (not in a vault), -EOVERFLOW.
 */
LAB_API long lab_page_share(struct labyrinth *lab, struct lab_ref ref);
LAB_API long lab_page_unshare(struct labyrinth *lab, struct lab_ref ref);

/* A free page that was written to: taken out of service, counted (LAB_COUNT_CORRUPT), and remembered. */
struct lab_intrusion {
	uint64_t frame;
	uint32_t generation; /* of the page that was freed, + 1 */
	uint32_t owner;	     /* whose it was last; 0 after birth */
	uint64_t expected, found; /* the digests */
};
/* The last ones of a vault (16 are kept), the newest first.  Any context.  Returns how many were written. */
LAB_API unsigned int lab_intrusions(const struct labyrinth *lab, unsigned int room, struct lab_intrusion *list, unsigned int max);

#ifdef __cplusplus
}
#endif

#endif
