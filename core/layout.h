/* SPDX-License-Identifier: MIT */
/*
 * layout.h - the structures of a labyrinth, in one contiguous piece of metadata.
 *
 *     struct labyrinth │ per room: struct lab_room, leaves, parents, leaf notes, CPU hints, order summary,
 *                                  pool trees and slots, tags, marks │ per client: struct lab_client, trees, slots │ processes
 *
 * There are no pointers in it: every reference is a distance in bytes from the structure that holds it, the
 * memory's too, so the same bytes serve at any address, and several processes at once.
 * Everything that is not written below "changes" is written at birth and only read afterwards.
 */
#ifndef LAB_LAYOUT_H
#define LAB_LAYOUT_H

#include <labyrinth.h>
#include <labyrinth/vault.h>

#include "word.h"

#define LAB_MAGIC LAB_IDENTITY
#define LAB_LEVELS_MAX 8u
#define LAB_BANDS_MAX LAB_FANOUT /* pools of a room: children of one root word */
#define LAB_MOBILITIES 3u	 /* unmovable, movable, reclaimable */
#define LAB_COLD_HINT 3u	 /* the hint of cold requests, behind those of the mobilities */
#define LAB_HINTS 4u
#define LAB_LINE 64u

/*
 * How often a request walks its whole way before it says -EAGAIN.  A walk in vain is charged to a step of
 * another call, or to one that stands still with frames in its hand (`tentative`); for a block, which is
 * allowed to be told so, a few looks are enough.
 */
#define LAB_ROUNDS_MAX 64u
#define LAB_BLOCK_ROUNDS_MAX 4u

/* `tentative`: two counts, so that one can run out while the other is in use; above them the sequence. */
#define LAB_TENTATIVE_SHIFT (LAB_MACHINE_BITS / 4)
#define LAB_TENTATIVE_COUNT (((lab_word)1 << LAB_TENTATIVE_SHIFT) - 1)
#define LAB_TENTATIVE_COUNTS (((lab_word)1 << 2 * LAB_TENTATIVE_SHIFT) - 1)

/* A bit of a tree: a frame of the commons, a slot of a pool. */
typedef lab_word lab_bit;
#define LAB_NO_BIT LAB_ALL

/*
 * A descriptor of a frame.  tag:
 *
 *     63                    32 31        16 15     8 7     4  3  2    0
 *    +------------------------+------------+--------+-------+---+------+
 *    |       generation       |   owner    |  use   | order | P | state|    P: poisoned
 *    +------------------------+------------+--------+-------+---+------+
 *    |       generation       |     slot (POOLED)   |       |   | state|
 *    +------------------------+---------------------+-------+---+------+
 *
 * (32 bits: generation 12, owner 6, use 6, order 4, poisoned 1, state 3; slot 12.)
 * Changes: by the frame's holder, by whoever claims it with a compare-and-swap; `poisoned` by anybody.
 */
struct lab_page {
	lab_word tag;
};

#if UINTPTR_MAX > 0xffffffffu
#define LAB_TAG_USE_BITS 8u
#define LAB_TAG_OWNER_BITS 16u
#else
#define LAB_TAG_USE_BITS 6u
#define LAB_TAG_OWNER_BITS 6u
#endif
#define LAB_TAG_STATE ((lab_word)7)
#define LAB_TAG_POISONED ((lab_word)8)
/* A hole: out of service for good, for there is no such frame. */
#define LAB_TAG_HOLE ((lab_word)LAB_OFFLINE | LAB_TAG_POISONED)
#define LAB_TAG_ORDER_SHIFT 4u
#define LAB_TAG_ORDER ((lab_word)15 << LAB_TAG_ORDER_SHIFT)
#define LAB_TAG_USE_SHIFT 8u
#define LAB_TAG_USE ((((lab_word)1 << LAB_TAG_USE_BITS) - 1) << LAB_TAG_USE_SHIFT)
#define LAB_TAG_OWNER_SHIFT (LAB_TAG_USE_SHIFT + LAB_TAG_USE_BITS)
#define LAB_TAG_OWNER ((((lab_word)1 << LAB_TAG_OWNER_BITS) - 1) << LAB_TAG_OWNER_SHIFT)
#define LAB_TAG_GENERATION_SHIFT (LAB_TAG_OWNER_SHIFT + LAB_TAG_OWNER_BITS)
#define LAB_TAG_GENERATION (LAB_ALL << LAB_TAG_GENERATION_SHIFT)
#define LAB_TAG_SLOT_SHIFT LAB_TAG_USE_SHIFT
#define LAB_TAG_SLOT (LAB_TAG_USE | LAB_TAG_OWNER)
#define LAB_SLOTS_MAX ((lab_word)1 << (LAB_TAG_USE_BITS + LAB_TAG_OWNER_BITS))

/*
 * A tree: leaves of bits and, over them, levels of parent words up to one root word.  A room's commons
 * has a root of its own.  The trees of a room's pools are children of one shared root word, so that
 * "has any of these pools a frame?" is one load; `root_child` says which child of the root this tree
 * hangs on.  Level 0 stands over the leaves; level height - 1 is the root.
 *
 * Changes: leaf words and parent words, by anybody at any time, read-modify-write only, sequentially
 * consistent (tree.h, leaf.h).  Takes are lock-free, gives are wait-free up to the listing.
 */
struct lab_tree {
	ptrdiff_t leaves_at;		    /* from here to leaf 0 */
	ptrdiff_t level_at[LAB_LEVELS_MAX]; /* from here to the first word of each level */
	lab_word bits;
	lab_word leaves;
	lab_word root_absent; /* full bits of the root's children that do not exist */
	ptrdiff_t stride;     /* root shared: bytes from this tree to that of the next child; else 0 */
	uint8_t height;	      /* levels of parent words, the root included */
	uint8_t root_child;
};

/*
 * A pool: slots that can hold a frame each.  `have`: slots that hold one (bit 0 = there is one to
 * take); `lack`: empty slots.  A pooled frame keeps its bit in the commons set; its tag says POOLED.
 *
 * Changes: a slot, by whoever holds it, that is, has taken its bit from either tree and not yet given
 * it to the other.
 */
struct lab_pool {
	struct lab_tree have;
	struct lab_tree lack;
	ptrdiff_t slots_at; /* from here to slot 0; a slot is a lab_word: frame bit in the room */
	lab_word slots;
	lab_word first_slot; /* number of its first slot in the room */
	lab_word floor;	     /* the watermark it stands on: it holds frames floor + 1 .. floor + slots */
};

/*
 * What a leaf is like.  `hint`, native 32 bits:
 *
 *     31                  8   7    6..4   3       0
 *    +---------------------+-----+------+----------+
 *    |      sequence       |  A  |  0   |   low    |     A: announced; low: LAB_LEAF_ORDER minus the
 *    +---------------------+-----+------+----------+     largest order that may be free (10: none)
 *
 * Never below the truth at rest (hint.h).  `tenant`: which CPU and mobility came here for frames last;
 * `freer`: which CPU freed here last (+ 1; 0: nobody).  Both are plain hints.
 */
struct lab_note {
	uint32_t hint;
	uint16_t tenant;
	uint16_t freer;
};

/* Of the children of one node: which have no free block of an order (a bit a child).  A hint. */
struct lab_summary {
	uint32_t none[LAB_LEAF_ORDER]; /* of order 1 + index */
};

/* A CPU's hints in a room; one cache line.  Changes: by any caller that thinks it is on that CPU. */
struct lab_cpu {
	lab_word near[LAB_HINTS]; /* bit + 1 to look at first; 0: none */
} __attribute__((aligned(64)));

#define ROOM_CLOSED 1u
#define ROOM_PANICKED 2u /* a vault: its pages have been overwritten, or are being; for good */

struct lab_room {
	/* Changes: by anybody; each on a cache line of its own. */
	struct {
		lab_word word;
	} __attribute__((aligned(64))) commons_root, have_root, lack_root;
	lab_word tentative __attribute__((aligned(64))); /* {sequence, two counts}: calls that may give back */
	uint32_t keeper;    /* 1: drawn below low; set by whoever did, cleared by a keeper only (keeper.h) */
	uint32_t offline; /* 0: open; ROOM_CLOSED, ROOM_PANICKED */
	lab_word zero_lack; /* root of the `lack` tree of the zeroed pool, apart: no free fills it */
	uint32_t recovering; /* 1: who lets go of a frame or a slot marks it first (process.h); by the recoverer */
	uint32_t raising;    /* how far left in `tentative` the count stands that is in use; by the recoverer */

	struct lab_tree commons __attribute__((aligned(64))); /* from here on all is of birth */
	ptrdiff_t tags_at, notes_at, cpus_at;
	lab_word plenty; /* leaves from which CPUs keep out of each other's */
	ptrdiff_t summary_at[LAB_LEVELS_MAX];
	uintptr_t memory_at; /* from here to the first frame's memory, + 1; 0: there is none */
	uint64_t first_frame; /* of bit 0: a multiple of a leaf */
	lab_word frames;      /* bits that are frames of the room, holes included, from `lead` on */
	lab_word lead;	      /* bits before the first frame */
	lab_word managed;
	uint32_t cpu_mask;
	uint8_t zone, node;
	bool physical_known;
	uint8_t bands;
	lab_word slots; /* of all pools */
	uint32_t entitled[LAB_RIGHTS][LAB_ZONES]; /* pools that a right may draw from, by highest zone */
	uint32_t zeroed; /* the pool of the zeroed frames, the outermost, as a set; 0: there is none */
	uint64_t min, low, high;
	ptrdiff_t touched_at, doubted_at; /* marks: a bit a frame, then a bit a slot; 0: not for several processes */
	char name[LAB_NAME_MAX];
	ptrdiff_t vault_at; /* from here; 0: no vault */
	uint8_t step_shift; /* from one frame's memory to the next: the page, and the guard behind it */
	bool shreds;	    /* what is exclusive here is overwritten when it is freed */
	struct lab_pool pool[LAB_BANDS_MAX]; /* 0 is the innermost: the last reserve */
};

/* What is known of a vault's frame beside its tag.  Changes: by whoever has the frame in hand. */
struct lab_trace {
	uint64_t digest; /* of what the shredding wrote */
	uint32_t owner;	 /* whose page it was last; 0 after birth */
	uint32_t unused;
};

/* A page that was written to while it was free, remembered.  `turn`: as in struct lab_memory. */
struct lab_witness {
	lab_word turn;
	struct lab_intrusion intrusion;
} __attribute__((aligned(64)));

#define LAB_WITNESSES 16u

/* What a vault has beside its room. */
struct lab_strongroom {
	struct {
		lab_word word;
	} __attribute__((aligned(64))) laundry_root;
	lab_word turn __attribute__((aligned(64))); /* quarantine: which slot is next.  Changes: + 1 by each free */
	lab_word panic; /* lab_panic_shred(): which frame is next */
	lab_word witnessed; /* how many intrusions there have been */
	struct lab_witness witness[LAB_WITNESSES];
	struct lab_tree laundry __attribute__((aligned(64))); /* a bit a frame, 0: it waits to be shredded; from here on all is of birth */
	ptrdiff_t traces_at; /* a struct lab_trace a frame */
	ptrdiff_t ring_at;   /* quarantine: slots, each with a frame in it */
	lab_word ring;	     /* how many */
	uint32_t guarantees;
	bool zeros, ram, noticing, deferred;
};

/*
 * A room as the fast halves of alloc and free see it: one cache line, every place a distance from the
 * labyrinth, so that an address is one load and one addition away.  (After a locked operation no later
 * load may begin before it ends, so each load that depends on another counts in full.)
 */
struct lab_span {
	ptrdiff_t room_at, leaves_at, tags_at, cpus_at;
	size_t tags_bytes;
	uintptr_t memory_at; /* to the memory of bit 0, even if that is no frame of it, + 1; 0: there is none */
	size_t lead; /* bits before the first frame */
	uint32_t cpu_mask;
	uint16_t open; /* 0: nothing here (a zone without rooms) */
	uint16_t step_shift; /* as the room's */
} __attribute__((aligned(64)));

struct lab_route {
	uint8_t rooms;
	uint8_t room[LAB_ROOMS_MAX];
};

/*
 * How many calls of a process are in progress on some of its CPUs: a count for each parity of the epoch at which they came.
 * Changes: + 1 by who enters, - 1 by who leaves; wiped by who has proven the process dead.
 */
struct lab_presence {
	lab_word count[2];
} __attribute__((aligned(64)));

/* A place for a process; its lines of presence stand behind it. */
struct lab_process {
	uint32_t here; /* 0: nobody's; else its number as it knows it itself, for people.  Changes: by whoever has the place's lease */
} __attribute__((aligned(64)));
/* What a client's `charge` says: its state and what is out or asked for just now (client.h). */
enum lab_client_state { LAB_CLIENT_CLOSED, LAB_CLIENT_OPEN, LAB_CLIENT_QUARANTINED, LAB_CLIENT_BUSY };

#define LAB_CONTRACT_POOLS 2u /* single frames; blocks */

/*
 * A client: an owner with a contract.  charge:
 *
 *     63   62 61               42 41         24 23           0
 *    +-------+-------------------+-------------+--------------+     blocks: pages of the guaranteed order;
 *    | state | frames of others  |   blocks    |   singles    |     others: of any other order but 0; BUSY: who is at it, + 1
 *    +-------+-------------------+-------------+--------------+     (32 bits: 2, 10, 8, 12)
 *
 * Changes: charge, debt: by any caller of the client, compare-and-swap or add; the contract's slots as those of a pool; what
 * stands behind `resizing`: by whoever has the state BUSY or has set `resizing`.
 */
struct lab_client {
	lab_word charge __attribute__((aligned(64)));
	lab_word debt; /* frames out that came from the reserves; and of each room */
	lab_word debt_of[LAB_ROOMS_MAX];
	struct {
		lab_word word;
	} __attribute__((aligned(64))) root[LAB_CONTRACT_POOLS][2]; /* of have, of lack */
	lab_word offer[LAB_CLIENT_OFFERS] __attribute__((aligned(64))); /* distance of the page from the labyrinth; 0: none; 1: being made */
	lab_word offer_age[LAB_CLIENT_OFFERS]; /* the smallest is the oldest */
	lab_word offers;		       /* how many there have been */
	lab_word answered[LAB_FROM_OFFER + 1]; /* requests, by enum lab_source; relaxed adds */
	lab_word refused, refused_quota;
	uint32_t resizing __attribute__((aligned(64))); /* 1 + the mark of the process that does it; 0: nobody */
	uint32_t orphan; /* its process is dead: what is its own is the recoverer's */
	uint32_t guarantee[LAB_CONTRACT_POOLS]; /* single frames; blocks */
	uint32_t maximum, share;
	uint16_t callers;
	uint16_t process; /* which opened it, + 1; 0: there is one only */
	uint8_t block_order, priority;
	int16_t room; /* where its contract is; -1: nowhere */
	char name[LAB_NAME_MAX];
	struct lab_pool pool[LAB_CONTRACT_POOLS]; /* a slot holds frame + 1; 0: it is absent, in neither tree */
};

/* A refusal, remembered.  `turn` is odd while it is written; then 2 * sequence. */
struct lab_memory {
	lab_word turn;
	struct lab_refusal refusal;
} __attribute__((aligned(64))); /* so that each costs one line */

struct labyrinth {
	/* On one line, what every call may look at. */
	uint32_t magic;
	uint8_t page_shift, rooms, nodes;
	uint32_t vaults; /* which rooms are, a bit each */
	uint32_t clients, client_first; /* how many; the owner number of the first: those from it on are clients' */
	uint32_t contract_frames, contract_blocks; /* slots of each client's pools */
	uint32_t processes; /* places for processes */
	ptrdiff_t clients_at;
	ptrdiff_t identity_at; /* from here to a word that reads LAB_IDENTITY (or _SHARED) while calls are allowed */
	ptrdiff_t keys_at;     /* from here; 0: nothing is shredded */
	size_t bytes;
	ptrdiff_t processes_at;
	uint32_t presences;   /* lines of presence of each process, a power of two */
	uint32_t owner_first; /* the owner number of process 0 */
	struct lab_span span[LAB_ROOMS_MAX];
	struct lab_span gate[LAB_ZONES]; /* node 0: copy of the first room's span on each zone's route */
	struct lab_route route[LAB_NODES_MAX][LAB_ZONES];
	lab_word epoch __attribute__((aligned(64)));		     /* from here on not of birth.  Changes: + 1 by the recoverer */
	uint32_t unsettled; /* 1: a recovery has begun and not ended well.  Changes: by the recoverer */
	lab_word counter[LAB_COUNTERS] __attribute__((aligned(64))); /* changes: relaxed adds */
	/* Changes: by whoever is refused (record.c). */
	lab_word refusals __attribute__((aligned(64))); /* how many there have been */
	lab_word first_state; /* 0: none yet, 1: being written, 2: there */
	struct lab_memory memory[LAB_REFUSALS_KEPT];
	struct lab_first_refusal first;
	lab_word client_turn; /* where the next search for a closed client begins: a hint */
};

static inline const volatile uint32_t *labyrinth_identity(const struct labyrinth *lab)
{
	return (const volatile uint32_t *)((const char *)lab + lab->identity_at);
}

/* May this process call, and is it the only one?  (All that the fast halves ask.) */
static inline bool labyrinth_alone(const struct labyrinth *lab)
{
	/* Before birth identity_at is 0 and the word read is `magic`, which is 0 then. */
	return *labyrinth_identity(lab) == LAB_IDENTITY;
}

/* May it call? */
static inline bool labyrinth_alive(const struct labyrinth *lab)
{
	uint32_t identity = *labyrinth_identity(lab);

	return identity == LAB_IDENTITY || identity == LAB_IDENTITY_SHARED;
}

/* Why not. */
static inline int labyrinth_refusal(const struct labyrinth *lab)
{
	return lab->magic == LAB_MAGIC ? -LAB_ECHILD : -LAB_ENXIO;
}

static inline struct lab_room *labyrinth_room(const struct labyrinth *lab, unsigned int room)
{
	return (struct lab_room *)((char *)lab + lab->span[room].room_at);
}

/* The client with this owner number; NULL: it is nobody's, or an owner without a contract. */
static inline struct lab_client *labyrinth_client(const struct labyrinth *lab, unsigned int owner)
{
	/* (Owner 0 is nobody's, without a look.) */
	if (!owner || owner - lab->client_first >= lab->clients)
		return NULL;
	return (struct lab_client *)((char *)lab + lab->clients_at) + (owner - lab->client_first);
}

static inline bool labyrinth_vault(const struct labyrinth *lab, unsigned int room)
{
	return lab->vaults >> room & 1;
}

static inline struct lab_room *span_room(const struct labyrinth *lab, const struct lab_span *span)
{
	return (struct lab_room *)((char *)lab + span->room_at);
}

static inline struct lab_page *span_page(const struct labyrinth *lab, const struct lab_span *span, lab_bit bit)
{
	return (struct lab_page *)((char *)lab + span->tags_at) + bit;
}

static inline lab_word *span_word(const struct labyrinth *lab, const struct lab_span *span, lab_bit bit)
{
	return (lab_word *)((char *)lab + span->leaves_at) + bit / LAB_WORD_BITS;
}

static inline void *span_address(const struct labyrinth *lab, const struct lab_span *span, uintptr_t distance)
{
	return (void *)((uintptr_t)lab + span->memory_at - 1 + distance);
}

static inline struct lab_cpu *span_cpu(const struct labyrinth *lab, const struct lab_span *span, unsigned int cpu)
{
	return (struct lab_cpu *)((char *)lab + span->cpus_at) + (cpu & span->cpu_mask);
}

/* The first frame's memory, or NULL. */
static inline char *room_memory(const struct lab_room *room)
{
	return room->memory_at ? (char *)((uintptr_t)room + room->memory_at - 1) : NULL;
}

/* The memory of a frame; only where the room has any. */
static inline char *room_frame(const struct lab_room *room, lab_bit bit)
{
	return room_memory(room) + ((size_t)(bit - room->lead) << room->step_shift);
}

/* NULL: an ordinary room. */
static inline struct lab_strongroom *room_strongroom(const struct lab_room *room)
{
	return room->vault_at ? (struct lab_strongroom *)((char *)(uintptr_t)room + room->vault_at) : NULL;
}

static inline struct lab_page *room_page(const struct lab_room *room, lab_bit bit)
{
	return (struct lab_page *)((char *)room + room->tags_at) + bit;
}

static inline struct lab_note *room_note(const struct lab_room *room, lab_word leaf)
{
	return (struct lab_note *)((char *)room + room->notes_at) + leaf;
}

static inline struct lab_cpu *room_cpu(const struct lab_room *room, unsigned int cpu)
{
	return (struct lab_cpu *)((char *)room + room->cpus_at) + (cpu & room->cpu_mask);
}

static inline struct lab_summary *room_summary(const struct lab_room *room, unsigned int level)
{
	return (struct lab_summary *)((char *)room + room->summary_at[level]);
}

static inline lab_word *pool_slot(const struct lab_pool *pool, lab_bit slot)
{
	return (lab_word *)((char *)pool + pool->slots_at) + slot;
}

static inline lab_word *tree_leaf(const struct lab_tree *tree, lab_word leaf)
{
	return (lab_word *)((char *)tree + tree->leaves_at) + leaf * LAB_LEAF_WORDS;
}

static inline lab_word *tree_word(const struct lab_tree *tree, lab_bit bit)
{
	return (lab_word *)((char *)tree + tree->leaves_at) + bit / LAB_WORD_BITS;
}

static inline lab_word *tree_parent(const struct lab_tree *tree, unsigned int level, lab_word index)
{
	return (lab_word *)((char *)tree + tree->level_at[level]) + index;
}

#endif
