/* SPDX-License-Identifier: MIT */
/*
 * labyrinth.h - the public face of the core.
 *
 * Labyrinth hands out page frames to code that cannot sleep.  Every call below that is marked
 * "any context" may be made from a task, a signal handler, a soft or hard interrupt, under a raw
 * spinlock or from an NMI, and may interrupt any other call at any instruction: no call takes a lock,
 * makes a system call, waits for another CPU or faults, once the labyrinth is armed (metadata and
 * memory touched and, in user space, locked).
 *
 * Units: a *frame* is one page, named by its number (pfn); an *order* k is an aligned run of 2^k
 * frames; sizes are bytes unless the name says frames.  Errors are small negative numbers with the
 * values that Linux gives them; SPEC.md tables each with its cause and what to do.
 *
 * Bounds: "bounded by h" means: alone, a number of steps that depends only on the number h of parent
 * levels of the room (log32 of its 512-frame leaves: 1 up to 64 MiB, 4 at 2 TiB, 5 at 64 TiB; log8 with
 * 32-bit words).
 */
#ifndef LABYRINTH_H
#define LABYRINTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LAB_VERSION_MAJOR 0
#define LAB_VERSION_MINOR 1

#if defined(__GNUC__) && defined(LAB_BUILD_SHARED)
#define LAB_API __attribute__((visibility("default")))
#else
#define LAB_API
#endif

struct labyrinth; /* opaque: rooms, routes, trees, pools, tags; contiguous, without pointers but for
		   * the memory's address */
struct lab_page;  /* the descriptor of a frame: its tag */

/* ---------------------------------------------------------------- flags */

typedef uint32_t lab_gfp_t;

/* Zone modifiers.  LAB_MOVABLE is a mobility too; with LAB_HIGHMEM it allows the movable zone. */
#define LAB_DMA ((lab_gfp_t)1 << 0)
#define LAB_HIGHMEM ((lab_gfp_t)1 << 1)
#define LAB_DMA32 ((lab_gfp_t)1 << 2)
#define LAB_MOVABLE ((lab_gfp_t)1 << 3)
/* Mobility: neither = unmovable. */
#define LAB_RECLAIMABLE ((lab_gfp_t)1 << 4)
/* Rights. */
#define LAB_HIGH ((lab_gfp_t)1 << 5)	    /* half of min; 62.5 % of it where it may neither sleep nor says NOMEMALLOC */
#define LAB_MEMALLOC ((lab_gfp_t)1 << 6)   /* all of min and of the lowmem reserve */
#define LAB_NOMEMALLOC ((lab_gfp_t)1 << 7) /* beats LAB_MEMALLOC; keeps LAB_HIGH to half of min */
/* Reclaim.  Without LAB_DIRECT_RECLAIM the caller does not sleep. */
#define LAB_DIRECT_RECLAIM ((lab_gfp_t)1 << 8)
#define LAB_KSWAPD_RECLAIM ((lab_gfp_t)1 << 9)
#define LAB_IO ((lab_gfp_t)1 << 10)
#define LAB_FS ((lab_gfp_t)1 << 11)
#define LAB_NORETRY ((lab_gfp_t)1 << 12)
#define LAB_RETRY_MAYFAIL ((lab_gfp_t)1 << 13)
#define LAB_NOFAIL ((lab_gfp_t)1 << 14)
/* Manner. */
#define LAB_ZERO ((lab_gfp_t)1 << 15)	  /* -ENOTSUP where a room has no memory behind it */
#define LAB_COMP ((lab_gfp_t)1 << 16)	  /* accepted: every block here knows its order */
#define LAB_NOWARN ((lab_gfp_t)1 << 17)  /* accepted: nothing is ever printed on the path */
#define LAB_THISNODE ((lab_gfp_t)1 << 18)
#define LAB_HARDWALL ((lab_gfp_t)1 << 19) /* accepted: there are no cpusets */
#define LAB_WRITE ((lab_gfp_t)1 << 20)	  /* accepted */
#define LAB_ACCOUNT ((lab_gfp_t)1 << 21)  /* accepted */
#define LAB_COLD ((lab_gfp_t)1 << 22)	  /* for a device: from elsewhere than what this CPU freed last */
#define LAB_EXCLUSIVE ((lab_gfp_t)1 << 23) /* stamped with an owner, LAB_OWNER_EXCLUSIVE where none is named; overwritten when that one frees it */
#define LAB_EXTRA_QUALITY ((lab_gfp_t)1 << 24) /* of a client: its share of the reserves whatever the rights, then what it offered */
#define LAB_RAW ((lab_gfp_t)1 << 25)	   /* of a client, under a raw spinlock: its contract alone */
#define LAB_FLAGS_ALL (((lab_gfp_t)1 << 26) - 1)

#define LAB_RECLAIM (LAB_DIRECT_RECLAIM | LAB_KSWAPD_RECLAIM)

/* Linux's combinations. */
#define LAB_GFP_ATOMIC (LAB_HIGH | LAB_KSWAPD_RECLAIM)
#define LAB_GFP_NOWAIT (LAB_KSWAPD_RECLAIM | LAB_NOWARN)
#define LAB_GFP_KERNEL (LAB_RECLAIM | LAB_IO | LAB_FS)
#define LAB_GFP_NOFS (LAB_RECLAIM | LAB_IO)
#define LAB_GFP_NOIO LAB_RECLAIM
#define LAB_GFP_USER (LAB_GFP_KERNEL | LAB_HARDWALL)
#define LAB_GFP_HIGHUSER (LAB_GFP_USER | LAB_HIGHMEM)
#define LAB_GFP_HIGHUSER_MOVABLE (LAB_GFP_HIGHUSER | LAB_MOVABLE)

/* ---------------------------------------------------------------- errors */

/* Linux's values; SPEC.md says of each what caused it and what to do. */
enum lab_error {
	LAB_EPERM = 1,	     /* free: not the owner */
	LAB_ENXIO = 6,	     /* not born, or no such room */
	LAB_EBADF = 9,	     /* no such client, or it is closed */
	LAB_ECHILD = 10,     /* this process was forked from the owner's: refused */
	LAB_EAGAIN = 11,     /* not found, but not proven to be absent: another call may give frames back */
	LAB_ENOMEM = 12,     /* proven: at an instant of the call no eligible frame was free */
	LAB_ENOTBLK = 15,    /* free: a frame inside a block, not its head */
	LAB_EBUSY = 16,	     /* alloc at: that frame is in use; free: others share the page */
	LAB_EINVAL = 22,     /* a request that contradicts itself, an order too large */
	LAB_ENOSPC = 28,     /* order > 0: a complete look found no such block; frames are free */
	LAB_ERANGE = 34,     /* no such frame in this labyrinth */
	LAB_ENODATA = 61,    /* nothing to tell yet */
	LAB_EOVERFLOW = 75,  /* a page is shared by as many as can be counted */
	LAB_EUSERS = 87,     /* as many clients as there is room for */
	LAB_EPROTOTYPE = 91, /* free: another designated use than at allocation */
	LAB_ENOTSUP = 95,    /* not known or not possible here (physical address, zeroing) */
	LAB_EMSGSIZE = 90,   /* free: another order than at allocation */
	LAB_ENOBUFS = 105,   /* as many pages as may be are offered */
	LAB_EALREADY = 114,  /* free: the frame is not allocated (double free) */
	LAB_ESTALE = 116,    /* free: a handle of an earlier generation */
	LAB_EDQUOT = 122,    /* a client: beyond its maximum, or its share of the reserves */
	LAB_EHWPOISON = 133, /* the frame is out of service */
};

/* Page-returning calls answer with the page or an error, in the manner of Linux's ERR_PTR. */
static inline bool lab_is_err(const void *page)
{
	return (uintptr_t)page >= (uintptr_t)-4095;
}

static inline int lab_ptr_err(const void *page)
{
	return lab_is_err(page) ? (int)(intptr_t)page : 0;
}

/* ---------------------------------------------------------------- requests */

#ifndef LAB_ORDER_MAX /* smaller in tests of the core only (core/word.h) */
#define LAB_ORDER_MAX 9u   /* for every context; 2 MiB with pages of 4 KiB */
#endif
#define LAB_ROOMS_MAX 16u
#define LAB_NODES_MAX 16u
#define LAB_NAME_MAX 16u
#define LAB_NODE_LOCAL (-1) /* the node of the CPU that calls */
#define LAB_ROOM_ROUTE (-1) /* the rooms that flags and node allow */

enum lab_zone {
	LAB_ZONE_DMA,
	LAB_ZONE_DMA32,
	LAB_ZONE_NORMAL,
	LAB_ZONE_HIGHMEM,
	LAB_ZONE_MOVABLE,
	LAB_ZONES,
	LAB_ZONE_OWN = LAB_ZONES, /* a program's own room: reached by its number only */
};

/* The rights of a request, outermost first: down to which floor it may draw. */
enum lab_right {
	LAB_RIGHT_LOW,	  /* the first try of everybody: down to low */
	LAB_RIGHT_MIN,	  /* down to min */
	LAB_RIGHT_HIGH,	  /* down to 50 % of min */
	LAB_RIGHT_ATOMIC, /* down to 37.5 % of min */
	LAB_RIGHT_ALL,	  /* down to nothing (LAB_MEMALLOC) */
	LAB_RIGHTS,
};

struct lab_request {
	lab_gfp_t gfp;
	uint8_t order;	/* 0 .. LAB_ORDER_MAX */
	uint8_t use;	/* designated use, 0 .. LAB_USE_MAX; 0 = none said */
	uint16_t owner; /* 0 .. LAB_OWNER_MAX; 0 = nobody's: anybody may free it */
	int16_t node;	/* LAB_NODE_LOCAL, or a node number */
	int16_t room;	/* LAB_ROOM_ROUTE, or the only room to be tried */
};

/* A request as plain flags would make it. */
#define LAB_REQUEST(flags, ord)                                                                     \
	((struct lab_request){ .gfp = (flags), .order = (uint8_t)(ord), .use = 0, .owner = 0,        \
			       .node = LAB_NODE_LOCAL, .room = LAB_ROOM_ROUTE })

#if UINTPTR_MAX > 0xffffffffu
#define LAB_OWNER_MAX 0xffffu
#define LAB_USE_MAX 0xffu
#else
#define LAB_OWNER_MAX 0x3fu
#define LAB_USE_MAX 0x3fu
#endif
#define LAB_OWNER_EXCLUSIVE 1u /* the owner stamped by LAB_EXCLUSIVE where a request names none */

/* Where a request was answered from. */
enum lab_source {
	LAB_FROM_COMMONS,
	LAB_FROM_CONTRACT,
	LAB_FROM_BAND,	  /* high..low, low..min */
	LAB_FROM_RESERVE, /* inside min, or a lowmem reserve */
	LAB_FROM_OFFER,	  /* what the client had offered: the oldest */
};

struct lab_answer {
	int16_t room;	/* the room that gave the frame; -1: refused */
	int16_t band;	/* -1: the commons; else the number of the room's pool (0 is the innermost) */
	uint8_t right;	/* enum lab_right that was needed */
	uint8_t fallback; /* how many rooms of the route stood before this one */
	uint16_t rounds;  /* how often the whole way was walked; of a contract: tries */
	uint8_t source;	  /* enum lab_source */
};

/* A handle that a stale free cannot misuse. */
struct lab_ref {
	uint64_t frame;
	uint32_t generation;
};

/*
 * Allocate 2^order frames.  Any context.  Order 0 bounded by h, on success and on failure; orders up
 * to 6 (5 with 32-bit words) are taken by one atomic operation; 7..9 word by word.
 * Returns the page, or -ENOMEM, -ENOSPC, -EAGAIN, -EINVAL, -ENXIO, -ECHILD, -ENOTSUP in the ERR_PTR
 * manner.  Order 0 answers -EAGAIN only while another call has frames in its hand that it may give back: one
 * of order > 6, or one that exchanges pooled frames for a block.
 */
LAB_API struct lab_page *lab_alloc_pages(struct labyrinth *lab, lab_gfp_t gfp, unsigned int order);

/* The same, with everything that a request can say; `answer` may be NULL. */
LAB_API struct lab_page *lab_alloc_request(struct labyrinth *lab, const struct lab_request *request,
					   struct lab_answer *answer);

/* The same as lab_alloc_pages(), as an address; NULL on any error or where no memory is behind. */
LAB_API void *lab_alloc(struct labyrinth *lab, lab_gfp_t gfp, unsigned int order);

/*
 * Allocate the block of request->order that begins at frame `frame` (a multiple of 2^order).  Frames of it
 * that pools keep are exchanged for others that the request could have had.  Any context; bounded by 2^order
 * takes of order 0.  -EBUSY: (partly) in use, not to be had with its rights, or its room is closed;
 * -EHWPOISON: out of service; -ERANGE: no such frame; -EINVAL, -ENOTSUP, -ENXIO, -ECHILD as above.
 */
LAB_API struct lab_page *lab_alloc_at(struct labyrinth *lab, uint64_t frame,
				      const struct lab_request *request);

/*
 * Allocate up to `count` single pages at once; each stands alone afterwards.  Any context; not
 * linearizable as a whole.  Returns how many were written to `pages` (0 .. count), or an error where
 * not one could be had.  One atomic operation takes up to a word of frames.
 */
LAB_API long lab_alloc_bulk(struct labyrinth *lab, lab_gfp_t gfp, size_t count, struct lab_page **pages);

/*
 * Free.  Any context; order 0 bounded by h; never fails for timing reasons.  A refusal changes nothing
 * and is counted: -EALREADY, -EMSGSIZE, -ENOTBLK, -EPERM, -ERANGE (and -ENXIO, -ECHILD).
 * A page that has an owner is freed by lab_free_as() or lab_free_ref().
 */
LAB_API int lab_free_pages(struct labyrinth *lab, struct lab_page *page, unsigned int order);
LAB_API int lab_free(struct labyrinth *lab, void *address, unsigned int order);

/* Free as its owner; `use` other than 0 must be the use given at allocation (-EPROTOTYPE). */
LAB_API int lab_free_as(struct labyrinth *lab, struct lab_page *page, unsigned int order,
			unsigned int owner, unsigned int use);

/* Free by handle: -ESTALE where the frame has been freed since the handle was made. */
LAB_API int lab_free_ref(struct labyrinth *lab, struct lab_ref ref, unsigned int order,
			 unsigned int owner);

/*
 * Free single pages.  Any context.  Returns how many were freed; refused ones are counted and left.
 */
LAB_API size_t lab_free_bulk(struct labyrinth *lab, size_t count, struct lab_page *const *pages);

/*
 * Make an allocated block of 2^order frames into 2^order single pages of the same owner and use, each
 * to be freed alone.  For whoever holds the block: the owner is not asked again.  Any context; bounded by 2^order.  0, or the codes of a free.
 */
LAB_API int lab_split(struct labyrinth *lab, struct lab_page *page, unsigned int order);

/* ---------------------------------------------------------------- one page, four names */

/*
 * Conversions.  Any context; constant time in the number of rooms.  The frame number of a page; the
 * page of a frame number or of an address (NULL: not of this labyrinth); the address of a page (NULL
 * where the room has no memory behind it).
 */
LAB_API uint64_t lab_page_frame(const struct labyrinth *lab, const struct lab_page *page); /* ~0: none */
LAB_API struct lab_page *lab_frame_page(const struct labyrinth *lab, uint64_t frame);
LAB_API struct lab_page *lab_address_page(const struct labyrinth *lab, const void *address);
LAB_API void *lab_page_address(const struct labyrinth *lab, const struct lab_page *page);
/* 0 and the physical address, or -ENOTSUP where it is not known, -ERANGE. */
LAB_API int lab_page_physical(const struct labyrinth *lab, const struct lab_page *page, uint64_t *physical);
/* A handle to an allocated page, for lab_free_ref().  0, -EALREADY (not allocated) or -ERANGE. */
LAB_API int lab_page_ref(const struct labyrinth *lab, const struct lab_page *page, struct lab_ref *ref);

enum lab_state {
	LAB_FREE, /* or, while its bit is set, in somebody's hand or inside a block */
	LAB_OWNED,
	LAB_POOLED,
	LAB_OFFLINE,
	LAB_KEPT, /* in a client's contract, or offered by it */
	LAB_SHREDDING, /* an exclusive page that was freed: being overwritten, waiting for it, or in quarantine */
	LAB_SHARED, /* an exclusive page that others have, too (lab_page_share()) */
};

/* What a tag says, read at one instant. */
struct lab_page_info {
	uint64_t frame;
	uint32_t generation;
	uint16_t owner;
	uint8_t use, order, state; /* state: enum lab_state */
	bool poisoned;
	uint8_t sharers; /* of an allocated page: 1, but in a vault (lab_page_share()) */
	int16_t room;
};
LAB_API int lab_page_info(const struct labyrinth *lab, const struct lab_page *page,
			  struct lab_page_info *info);

/* ---------------------------------------------------------------- the way, shown */

struct lab_step {
	int16_t room;
	uint8_t right;	/* enum lab_right of this step */
	uint32_t bands; /* the pools that this step may draw from, a bit each */
};
/*
 * The steps that this request would try, in order: all rooms down to low, all down to min, then the
 * reserves.  Returns how many there are (only the first `max` are written), or an error.
 */
LAB_API int lab_route_show(const struct labyrinth *lab, const struct lab_request *request,
			   struct lab_step *steps, unsigned int max);

/* ---------------------------------------------------------------- out of service */

/*
 * Take a frame out of service.  A free one leaves at once; one in use leaves when it is freed (returns
 * -EBUSY, the tag is marked); -EAGAIN: inside a block, or on its way between two hands: call again.  A hole
 * is out for good (-ERANGE when brought online).  Any context.
 * lab_frame_online() brings it back (-EALREADY: it was not out).
 */
LAB_API int lab_frame_offline(struct labyrinth *lab, uint64_t frame);
LAB_API int lab_frame_online(struct labyrinth *lab, uint64_t frame);
/*
 * Close a room to requests, or open it again; frees into it still work, its metadata stays.  Returns
 * the number of its frames that are out (0: empty; counted, not a snapshot), or -ENXIO.
 */
LAB_API long lab_room_offline(struct labyrinth *lab, unsigned int room);
LAB_API int lab_room_online(struct labyrinth *lab, unsigned int room);

/* ---------------------------------------------------------------- what it holds */

/* A room at an instant: counted bit by bit beside running callers, so each figure is a moment's. */
struct lab_room_stats {
	char name[LAB_NAME_MAX];
	uint8_t zone, node;
	bool online;
	bool keeper_wanted; /* it has fallen to low since a keeper last saw it at high */
	uint64_t first_frame, frames;	 /* the span, holes included */
	uint64_t managed;		 /* without the holes */
	uint64_t min, low, high;	 /* watermarks, frames */
	uint64_t free_commons, free_pooled;
	uint32_t bands;			 /* how many pools */
	uint64_t band_floor[32], band_frames[32], band_free[32]; /* each pool: from which floor, size, fill */
	uint64_t zeroed, zeroed_free;	 /* the last of these pools, where it is that of the zeroed frames */
	uint64_t leaves_whole;		 /* leaves (huge pages, 512 frames) wholly free in the commons */
	uint64_t leaves_unused;		 /* those, and leaves with no frame in use of which pools keep some */
	uint64_t free_blocks[LAB_ORDER_MAX + 1]; /* free aligned blocks of exactly this order, as a buddy counts */
};

enum lab_counter {
	LAB_COUNT_NOMEM,
	LAB_COUNT_NOSPC,
	LAB_COUNT_AGAIN,
	LAB_COUNT_INVALID,
	LAB_COUNT_FALLBACK,	/* served by another than the first room of the route */
	LAB_COUNT_BAND,		/* drawn from the bands high..low and low..min */
	LAB_COUNT_RESERVE,	/* drawn from the reserves inside min, or from a lowmem reserve */
	LAB_COUNT_DOUBLE,
	LAB_COUNT_ORDER,
	LAB_COUNT_BODY,
	LAB_COUNT_FOREIGN,
	LAB_COUNT_USE,
	LAB_COUNT_STALE,
	LAB_COUNT_RANGE,
	LAB_COUNT_OFFLINED,
	LAB_COUNT_QUOTA,	/* a client's maximum, or its share of the reserves */
	LAB_COUNT_SHARED,	/* a free while others had the page, too */
	LAB_COUNT_CORRUPT,	/* a free page of a vault that was written to; out of service now */
	LAB_COUNTERS,
};
LAB_API const char *lab_counter_name(enum lab_counter counter);

struct lab_stats {
	unsigned int rooms;
	unsigned int page_shift;
	size_t metadata_bytes;
	uint64_t counter[LAB_COUNTERS]; /* exact */
};

/* Any context; room stats read the room's bitmap (64 bytes a leaf) and its pools.  0, -ENXIO or -ECHILD. */
LAB_API int lab_stats(const struct labyrinth *lab, struct lab_stats *stats);
LAB_API int lab_room_stats(const struct labyrinth *lab, unsigned int room, struct lab_room_stats *stats);
/* Free frames in the commons of a leaf's 512, for a map; -LAB_ERANGE: no such leaf. */
LAB_API int lab_leaf_free(const struct labyrinth *lab, unsigned int room, uint64_t leaf);

enum lab_rule {
	LAB_RULE_NONE,
	LAB_RULE_TAG,	   /* a free bit whose tag is not free; a tag with impossible fields */
	LAB_RULE_LOST,	   /* a taken bit that nobody accounts for (quiet audits only) */
	LAB_RULE_OVERLAP,  /* two blocks own one frame */
	LAB_RULE_LISTED,   /* a free frame that some ancestor does not list (quiet audits only) */
	LAB_RULE_STALE,	   /* a full child that is still listed (quiet audits only) */
	LAB_RULE_HINT,	   /* an order hint below the truth (quiet audits only) */
	LAB_RULE_POOL,	   /* a slot, its trees and the tag of its frame disagree (quiet audits only) */
	LAB_RULE_CLIENT,   /* a client's contract, offers or charge and the tags disagree (quiet audits only) */
	LAB_RULE_VAULT,	   /* a vault's laundry or quarantine and the tags disagree (quiet audits only) */
	LAB_RULE_HEADER,   /* the labyrinth's own description is damaged */
};

struct lab_audit {
	enum lab_rule broken; /* the first broken rule; LAB_RULE_NONE: all hold */
	int room;
	uint64_t frame;	      /* where */
	const char *text;     /* the rule, in words */
	uint64_t free, owned, pooled, kept, offline, in_hand, shredding; /* frames by what they are */
};

/*
 * Check every invariant.  With `quiet` the caller promises that no other call is running; without, only
 * what holds at every instant is checked, so that whatever is reported is true.  Reads all metadata.
 * Returns 0 when all rules hold, -EINVAL when one is broken (then `audit` names it).
 */
LAB_API int lab_audit(const struct labyrinth *lab, bool quiet, struct lab_audit *audit);

/* ---------------------------------------------------------------- birth */

struct lab_hole {
	uint64_t first_frame, frames;
};

#define LAB_MARK_LINUX UINT64_MAX

#define LAB_KEYS_BYTES 512u

struct lab_room_spec {
	const char *name; /* up to LAB_NAME_MAX - 1 bytes are kept */
	enum lab_zone zone;
	unsigned int node;
	uint64_t first_frame, frames;
	void *memory;	   /* the first frame's address, a multiple of the page size; NULL: metadata only */
	bool physical_known; /* frame number << page_shift is the physical address */
	/* Watermarks in frames.  All 0: none (no pools).  LAB_MARK_LINUX in min: as Linux computes them. */
	uint64_t min, low, high;
	/* Frames kept from requests whose highest zone is [j]; LAB_MARK_LINUX in min computes these too. */
	uint64_t lowmem_reserve[LAB_ZONES];
	const struct lab_hole *holes;
	size_t hole_count;
	uint64_t zeroed; /* so many frames a keeper may hold ready for LAB_ZERO (labyrinth/keeper.h); 0: none */
	const struct lab_vault *vault; /* its pages are exclusive (labyrinth/vault.h); NULL: an ordinary room */
};

struct lab_spec {
	unsigned int page_shift; /* 12, 14 or 16 */
	unsigned int cpus;	 /* how many CPUs get hints of their own; 1 .. 4096 */
	const struct lab_room_spec *rooms;
	unsigned int room_count;
	unsigned int nodes;		       /* 0 = 1 */
	const uint8_t *distance;	       /* nodes x nodes, 10 = local; NULL: all remote alike */
	uint64_t min_free_kbytes;	       /* 0: computed as Linux does */
	unsigned int watermark_scale;	       /* 0: Linux's 10 (of 10,000) */
	unsigned int lowmem_ratio[LAB_ZONES];  /* 0: Linux's 256, 256, 32, none */
	const uint32_t *identity;	       /* a word that reads LAB_IDENTITY while calls are allowed (it is
						* wiped in a forked child); NULL: always allowed */
	unsigned int clients;		       /* how many may be open at once; their owner numbers are the highest */
	uint32_t contract_frames;	       /* the most guaranteed frames of one client, 0 .. LAB_CONTRACT_MAX */
	uint32_t contract_blocks;	       /* the most guaranteed blocks of one */
	unsigned int processes;		       /* how many may share it (labyrinth/process.h); 0: one, privately */
	/*
	 * With these, what LAB_EXCLUSIVE got is overwritten when it is freed; a vault needs them.  LAB_KEYS_BYTES, aligned to 64, zero-filled,
	 * in memory that a forked child finds wiped and that is in no dump; 32 bytes of the OS's randomness, which birth wipes.
	 */
	void *keys;
	uint8_t *seed;
};
#define LAB_CONTRACT_MAX (UINTPTR_MAX > 0xffffffffu ? 16384u : 4095u)
#define LAB_CONTRACT_BLOCKS_MAX (UINTPTR_MAX > 0xffffffffu ? 16384u : 255u)
#define LAB_IDENTITY 0x4c414231u
#define LAB_IDENTITY_SHARED 0x4c414253u /* instead, where several processes are allowed (labyrinth/process.h) */

/* How much metadata (aligned to 64 bytes, zero-filled) this specification needs; 0: see lab_birth(). */
LAB_API size_t lab_metadata_bytes(const struct lab_spec *spec);

/*
 * Make a labyrinth in `metadata`, which the caller has zero-filled.  Constant time for rooms without
 * watermarks and holes; else proportional to the frames in bands, reserves and holes.
 * 0, or -EINVAL with *which set to the room at fault (-1: none) and *why to a sentence (both may be
 * NULL).
 */
LAB_API int lab_birth(const struct lab_spec *spec, void *metadata, size_t bytes, struct labyrinth **lab,
		      int *which, const char **why);

/* Linux's watermark arithmetic for a specification (`room` filled with min, low, high, lowmem_reserve). */
LAB_API void lab_linux_marks(const struct lab_spec *spec, unsigned int room, struct lab_room_spec *marks);

/* ---------------------------------------------------------------- the default labyrinth */

/* NULL until one is set or the home provides one at the first call. */
LAB_API struct labyrinth *lab_default(void);
LAB_API void lab_set_default(struct labyrinth *lab);

/* One exclusive, atomic page of the default labyrinth, or NULL.  Any context. */
LAB_API void *labyrinth_void_alloc_page_gfp_atomic_exclusive(void);
/* Its counterpart.  The codes of lab_free_as(). */
LAB_API int labyrinth_void_free_page_exclusive(void *address);

#ifdef __cplusplus
}
#endif

#include <labyrinth/client.h>
#include <labyrinth/define.h>
#include <labyrinth/process.h>
#include <labyrinth/vault.h>
#endif
