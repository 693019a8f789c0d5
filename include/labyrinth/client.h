/* SPDX-License-Identifier: MIT */
/*
 * labyrinth/client.h - clients: owners with a contract, limits of their own, and a record of refusals.
 *
 * A client is an owner number.  Its requests are lab_alloc_request() with `owner` set to it, its frees
 * lab_free_as() and lab_free_ref().  What it has out at once is counted, calls in progress included; that count is its *charge*,
 * in frames.
 *
 * The contract: while a client's charge, the asking call included, is at most its guaranteed frames, an order-0 request whose
 * route contains the contract's room cannot fail, in any context, whoever else asks for what; the same, for its blocks, of
 * a request of the guaranteed order.  (Order-0 frames and blocks are charged apart as far as the guarantee goes.)
 * Its tries are bounded by the other callers' of the same client: each try in vain is a distinct step of another of them.
 *
 * Opening, resizing and closing are set-up: one at a time for a client; from a task.  All else: any context.
 */
#ifndef LABYRINTH_CLIENT_H
#define LABYRINTH_CLIENT_H

#include <labyrinth.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LAB_UNLIMITED UINT32_MAX

struct lab_client_spec {
	const char *name;	/* up to LAB_NAME_MAX - 1 bytes are kept */
	lab_gfp_t gfp;		/* where the guaranteed frames come from: its zone modifiers, LAB_THISNODE */
	int16_t node;		/* LAB_NODE_LOCAL or a node */
	int16_t room;		/* LAB_ROOM_ROUTE, or the only room */
	uint32_t frames;	/* guaranteed single frames, 0 .. the labyrinth's contract_frames; 0 with a period: calculated */
	uint32_t blocks;	/* guaranteed blocks of block_order, 0 .. the labyrinth's contract_blocks */
	uint8_t block_order;	/* 1 .. LAB_ORDER_MAX where blocks is not 0 */
	uint8_t priority;	/* whom a home asks last to give pages up: the highest; the core only keeps it */
	uint16_t callers;	/* how many may be in a call at once; 0: one.  For the calculator and the published bound */
	uint32_t maximum;	/* most frames out at once, the contract's included; LAB_UNLIMITED; 0: the contract's only */
	uint32_t reserve_share; /* most frames out at once that came from the reserves inside min; LAB_UNLIMITED */
	/* For the calculator (lab_contract_frames()), used where frames is 0 and period_ns is not. */
	uint64_t period_ns, hold_ns, refill_ns;
	uint32_t burst;
};

/* What could have been had, where opening or enlarging was refused for want of frames (-ENOSPC). */
struct lab_client_fit {
	uint64_t frames, blocks;
};

/*
 * Open a client: *owner is its number.  0, or -EINVAL (a specification that contradicts itself), -ENXIO (no room suits),
 * -EUSERS (as many clients as the labyrinth has room for are open), -ENOSPC: not so many frames can be kept; *fit (may be NULL) says
 * how many could, both at once.  The guaranteed frames come from the commons only: no reserve is touched.
 */
LAB_API int lab_client_open(struct labyrinth *lab, const struct lab_client_spec *spec, unsigned int *owner,
			    struct lab_client_fit *fit);

/*
 * Change the guarantee while frames are out and requests run.  Enlarging is all or nothing (-ENOSPC, *fit as above); shrinking gives
 * up empty places first (-EAGAIN: some are in the hands of calls in progress; the guarantee is what *fit says).  Makes up for
 * frames that went out of service, to the same size too.  -EBADF: no such client; -EALREADY: another is resizing it; -EDQUOT: what is
 * out beyond it and the new guarantee are above its maximum; -EINVAL: too many, or it was opened without any.
 */
LAB_API int lab_client_resize(struct labyrinth *lab, unsigned int owner, uint32_t frames, struct lab_client_fit *fit);

#define LAB_CLIENT_NAMED 8u
/* Pages that a client still has out: how many frames, and the first of them. */
struct lab_client_out {
	uint64_t frames;
	unsigned int named; /* how many entries of `frame` are filled */
	uint64_t frame[LAB_CLIENT_NAMED];
};

/*
 * Close: its guaranteed frames go back.  -EBUSY: pages are out or calls in progress; *out (may be NULL) names them.  -EBADF; -EALREADY:
 * another resizes or closes it.  The number may be another client's soon: no call with it may be made any more, nor have
 * begun before and not returned.
 */
LAB_API int lab_client_close(struct labyrinth *lab, unsigned int owner, struct lab_client_out *out);

/*
 * Close by force: no request is answered any more (-EBADF); guaranteed frames go back; what is out stays out, in quarantine, for a
 * device may still write there.  Late frees still work.  lab_client_release() ends the quarantine when the devices are
 * silent: everything goes back and the number is free again; -EBUSY: calls are in progress.  -EBADF, -EALREADY as above.
 */
LAB_API int lab_client_abandon(struct labyrinth *lab, unsigned int owner, struct lab_client_out *out);
LAB_API int lab_client_release(struct labyrinth *lab, unsigned int owner);

/*
 * Hand a page over, to another client or to any other owner: nobody can free it twice or use it unowned in between.  The receiver is
 * charged; if the page is of the room of the giver's contract, it pays that with a frame that it could have had itself.  -EDQUOT, -ENOMEM
 * (-EAGAIN, -ENOSPC): it could not, nothing has changed;
 * -EBADF: one of the two is a client's number, and that client is closed or in quarantine; -EINVAL: to oneself; else the codes of a free.
 * Clients' numbers are the highest, LAB_OWNER_MAX + 1 - `clients` (struct lab_spec) .. LAB_OWNER_MAX.  A number below them is taken as it
 * stands: nothing tells whether anybody has it, nobody is charged, and who frees the page has to say it.
 */
LAB_API int lab_page_hand_over(struct labyrinth *lab, struct lab_page *page, unsigned int order, unsigned int from,
			       unsigned int to);

#define LAB_CLIENT_OFFERS 8u
/*
 * Offer a single page of one's own as a last resort: a LAB_EXTRA_QUALITY request of the same client that finds
 * nothing else is answered with the oldest page offered (a spare; the buffer one can best do without).  Until then
 * it stays charged, and a free of it is refused.  -ENOBUFS: LAB_CLIENT_OFFERS are offered already; -EHWPOISON: it is marked to go out of
 * service; -EBADF, and the codes of a free.
 * lab_page_withdraw() takes it back: 0, or -EALREADY: it has been used.
 */
LAB_API int lab_page_offer(struct labyrinth *lab, struct lab_page *page, unsigned int owner);
LAB_API int lab_page_withdraw(struct labyrinth *lab, struct lab_page *page, unsigned int owner);

/* What a client is and has; counted, a moment's figures.  0, -EBADF. */
struct lab_client_stats {
	char name[LAB_NAME_MAX];
	bool quarantined;
	uint8_t priority, block_order;
	int16_t room;		     /* where its contract is; -1: none */
	uint32_t frames, blocks;     /* guaranteed */
	uint32_t frames_in, blocks_in; /* of them, in the contract now */
	uint32_t maximum, reserve_share;
	uint64_t charge, debt;	     /* frames out and in calls; of them, from the reserves */
	uint64_t contract, commons, reserve, fallback; /* requests answered from there */
	uint64_t refused_quota, refused; /* -EDQUOT; every other refusal */
};
LAB_API int lab_client_stats(const struct labyrinth *lab, unsigned int owner, struct lab_client_stats *stats);
/* The next open client after this owner number (0: the first); 0: no more. */
LAB_API unsigned int lab_client_next(const struct labyrinth *lab, unsigned int after);

/* ---------------------------------------------------------------- the calculator */

/*
 * How many frames a contract needs, not one more and not one fewer (DESIGN.md has the proof), for a client that takes one frame
 * every period_ns, at most `burst` of them early at once (in any window of length t, its ends included, begin at most
 * floor(t / period) + 1 + burst requests); a frame taken at t is back no later than t + hold + refill (held, freed, and what is
 * freed or shredded is there again); at most `callers` calls are in progress at once (0: one), for however long:
 * floor((hold + refill) / period) + 1 + burst + callers.  0: it does not fit into 32 bits, or period_ns is 0.  Any context.
 */
LAB_API uint32_t lab_contract_frames(uint64_t period_ns, uint64_t hold_ns, uint64_t refill_ns, uint32_t burst,
				     uint32_t callers);

/* ---------------------------------------------------------------- refusals, remembered */

/* What would have served a refused request. */
enum lab_remedy {
	LAB_REMEDY_NONE,	/* nothing that is here: more memory, or a block less torn apart; a vault's laundry is not looked at */
	LAB_REMEDY_RIGHT,	/* a deeper right: `remedy_right` */
	LAB_REMEDY_QUOTA,	/* a higher maximum */
	LAB_REMEDY_SHARE,	/* a larger share of the reserves */
	LAB_REMEDY_COMPACTION,	/* frames are free, but not so many side by side */
	LAB_REMEDY_ZONE,	/* another room than the request allowed has frames: `remedy_room` */
	LAB_REMEDY_AGAIN,	/* the same request, again */
};

struct lab_refusal {
	uint32_t sequence; /* from 1: how many there had been */
	lab_gfp_t gfp;
	uint8_t order;
	uint8_t right;	   /* enum lab_right: the deepest that it had */
	uint16_t owner;
	int16_t node;
	int16_t room;	   /* the first room of its way; -1: it had none */
	int16_t error;	   /* negative */
	uint8_t remedy, remedy_right;
	int16_t remedy_room;
	uint32_t floor;	   /* frames of room `room` that its right may not touch */
};

#define LAB_REFUSALS_KEPT 32u
/*
 * The last refusals, newest first; returns how many were written.  Any context.  One that is being written, or was overwritten
 * while it was read, is left out.
 */
LAB_API unsigned int lab_refusals(const struct labyrinth *lab, struct lab_refusal *list, unsigned int max);

/* The first refusal of all for want of frames, with the rooms as they stood then: which pools had frames. */
struct lab_first_refusal {
	struct lab_refusal refusal;
	unsigned int rooms;
	struct {
		bool commons;	/* had the commons any? */
		uint32_t bands; /* pools that had, a bit each */
	} room[LAB_ROOMS_MAX];
};
LAB_API int lab_first_refusal(const struct labyrinth *lab, struct lab_first_refusal *first); /* 0, -ENODATA: none yet */

#ifdef __cplusplus
}
#endif

#endif
