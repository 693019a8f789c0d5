/* SPDX-License-Identifier: MIT */
/*
 * labyrinth/secret.h - small secrets in a vault's pages, as libsodium's users know them (the user-space home, Linux).
 *
 *     [guard] noise ........ [canary][the block: size bytes][guard]
 *
 * A block has a page of its own and ends exactly at the guard page: the first byte behind it cannot be touched.  So its address is a
 * multiple of 16 only where its size is.  In front of it is a canary, which the free looks at; the page before is a guard, too.
 *
 * Opening and closing are set-up.  Alloc and free: any context, without a system call and without a fault, but for the free of a block that
 * was toggled.  Toggling is a system call each (mprotect of one page), and not for where the kernel may not be called.
 */
#ifndef LABYRINTH_SECRET_H
#define LABYRINTH_SECRET_H

#include <labyrinth/user.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LAB_EILSEQ 84 /* a block's canary had been written to */

struct lab_secret; /* the blocks of one vault room, and which of them are toggled */

struct lab_secret_spec {
	struct labyrinth *lab; /* one of the program's own (lab_user_open()), which outlives this; NULL: a new one, of one vault, which goes with this */
	unsigned int room;     /* of `lab`: a vault with LAB_GUARDED */
	unsigned int owner;    /* of `lab`: whose the pages are (a client's number); 0: LAB_OWNER_EXCLUSIVE */
	/* Of a new one: */
	uint64_t blocks;     /* how many at once; 0: 256 */
	uint32_t guarantees; /* beside LAB_GUARDED; 0: LAB_LOCKED | LAB_NODUMP | LAB_NOFORK */
	enum lab_vault_memory memory;
};

/*
 * 0, or a negative errno with a sentence in `error` (LAB_ERROR_TEXT bytes, may be NULL): -EINVAL: that room is no vault, or none with
 * LAB_GUARDED (a block would not end at a guard); else those of lab_user_open().  One at a time of a room (-EBUSY): what is toggled stands in it.
 */
LAB_API int lab_secret_open(const struct lab_secret_spec *spec, struct lab_secret **secret, char *error);
/* What is still out is shredded and goes back.  No other call may be running.  In a forked child it only unmaps.  NULL: nothing. */
LAB_API void lab_secret_close(struct lab_secret *secret);

/* The largest block: a page less the canary (4080 bytes).  There is no larger one: between any two pages of such a vault is a guard. */
LAB_API size_t lab_secret_most(const struct lab_secret *secret);

/*
 * A block of `size` bytes.  What stands in it is what the last shredding left: noise, or zeros where the vault shreds with zeros; nothing is
 * filled in.  NULL with errno: EINVAL (0 bytes), EMSGSIZE (more than lab_secret_most()), and those of lab_alloc_request(): ENOMEM, EAGAIN,
 * ENXIO (after lab_panic_shred()), ECHILD (a forked child).  Bounded by one page's digest, or two where one was written to.
 */
LAB_API void *lab_secret_alloc(struct lab_secret *secret, size_t size);

/*
 * The page is shredded and goes back; a toggled one is first made writable again.  0; NULL: 0 and nothing.
 * After lab_secret_panic() canaries are not looked at.  lab_shred_now() and lab_panic_shred() overwrite a block's canary, too, and the free finds it so.
 * -EILSEQ: something had written in front of the block: shredded and free all the same, and counted (lab_secret_damaged()).  Whether to
 * stop is the program's choice.  Nothing is changed by: -ERANGE (not of this room), -EINVAL (inside a block, not where it begins),
 * -EALREADY (no such block is out), -EBUSY (another call is at it, or others share the page), -ECHILD, and mprotect's -ENOMEM
 * (vm.max_map_count).
 */
LAB_API int lab_secret_free(struct lab_secret *secret, void *block);

/*
 * Who touches it faults; who writes to it faults; nobody does.  The whole page, canary included.  0, or -errno as of the free and
 * -ENXIO after lab_secret_panic().  lab_shred_now() and lab_panic_shred() write to it, and would fault: readwrite first, lab_secret_panic()
 * instead.
 *
 * What it costs: each a system call, and where the vault is one mapping (guard markers), a toggled page is split out of it: two mappings
 * more, which count against vm.max_map_count (65,530), until it is readwrite again.  `labyrinth bench pair_secret` has the figures.
 */
LAB_API int lab_secret_noaccess(struct lab_secret *secret, void *block);
LAB_API int lab_secret_readonly(struct lab_secret *secret, void *block);
LAB_API int lab_secret_readwrite(struct lab_secret *secret, void *block);

/* How many frees found a canary that had been written to. */
LAB_API uint64_t lab_secret_damaged(const struct lab_secret *secret);

/*
 * For a crash handler: every toggled page made writable, then lab_panic_shred() of the labyrinth; returns what that does.  Any context, but
 * for a system call a toggled page.  A thread that is just then toggling a page is not waited for: shredding that page may fault.
 */
LAB_API uint64_t lab_secret_panic(struct lab_secret *secret);

#ifdef __cplusplus
}
#endif

#endif
