/* SPDX-License-Identifier: MIT */
/*
 * home.h - what the files of this home share.
 */
#ifndef LAB_HOME_H
#define LAB_HOME_H

#include <labyrinth/user.h>
#include <labyrinth/vault.h>

/* The memory of a vault, as mapped (vault.h). */
struct vault_memory {
	enum lab_vault_memory kind; /* never LAB_VAULT_ANY */
	uint32_t guarantees; /* as read back */
	unsigned int stride; /* pages from a frame to the next */
	unsigned int rings;  /* io_uring instances that keep it pinned */
	bool markers;	     /* its guard pages are markers within one mapping */
	bool armed;	     /* every frame was touched */
	size_t page;
	uint64_t frames;
	char *base;	     /* frame 0 */
	void *map;	     /* all that is reserved; NULL: nothing */
	size_t bytes;
	void **pins;	     /* a page of each ring: by this mapping it lives, not by a descriptor */
};

/* The page in front of a labyrinth's metadata: how to take it down again. */
struct lab_home {
	uint32_t magic;
	unsigned int rooms;
	size_t bytes; /* of this mapping: the page and the metadata behind it */
	uint32_t *identity; /* a page of its own that a forked child finds zeroed */
	size_t identity_bytes;
	size_t metadata;    /* bytes of it */
	uint32_t secrets;   /* rooms with a lab_secret, a bit each */
	struct {
		int fd;		      /* the memory file; -1: not a shared labyrinth */
		uint64_t device, inode; /* which it was */
		void *lease;	      /* the page whose mapping holds this process's place */
		void *base;	      /* of all that is mapped */
		unsigned int place;
	} share;
	struct {
		void *base;
		size_t bytes;
	} memory[LAB_ROOMS_MAX]; /* as mapped */
	struct lab_room_spec spec[LAB_ROOMS_MAX];
	struct vault_memory vault[LAB_ROOMS_MAX];   /* instead of memory[], of rooms that are vaults */
	struct lab_vault vault_spec[LAB_ROOMS_MAX]; /* what the core was told of them */
};

/* Where an error goes: the sentence, and the room it is about. */
struct lab_complaint {
	char *text;	  /* LAB_ERROR_TEXT bytes, or NULL */
	const char *room; /* NULL: the labyrinth's own metadata */
	bool file;	  /* ... or the memory file that it is in */
};

/* Write "room "x": WHAT of N bytes failed: WHY (LIMIT)"; returns -errno. */
int complain(const struct lab_complaint *to, const char *what, uint64_t bytes);
/* Write a sentence of one's own; returns -EINVAL. */
int complain_plainly(const struct lab_complaint *to, const char *sentence);

/* A number of a file below /proc or /sys, behind `key` at the beginning of a line; -1: not there. */
long long home_read_number(const char *path, const char *key);

/* Bind, touch and lock a room's memory as asked. */
int home_prepare_room(const struct lab_user_spec *spec, const struct lab_user_room *room, void *base,
		      const struct lab_complaint *to);
/* Map a room's memory as asked, into home->memory[] and home->spec[].memory. */
int home_map_room(struct lab_home *home, const struct lab_user_spec *spec, unsigned int room,
		  const struct lab_complaint *to);
/* Learn which CPU belongs to which of so many nodes, for lab_port_node().  Reads sysfs; without it, all to node 0. */
void home_find_nodes(unsigned int nodes);
/* Touch and lock memory that must never fault. */
int home_arm(void *base, size_t bytes, const struct lab_complaint *to);


/* ---- shared.c ---- */

/* Does it ask for shared rooms? */
bool share_wanted(const struct lab_user_spec *spec);
/* Open one: the specification has been checked.  `core` is the core's, without addresses; its rooms are written to. */
int share_open(const struct lab_user_spec *spec, struct lab_spec *core, struct lab_room_spec *rooms, struct labyrinth **lab,
	       struct lab_complaint *to);
/* Take down what share_open() or lab_attach() has made. */
void share_close(struct lab_home *home);

/* The notes of a shared labyrinth, or NULL. */
struct lab_home *share_home(const struct labyrinth *lab);
/* 0, or -errno: the program has closed the memory file behind our back, and perhaps opened another. */
int share_same_file(const struct lab_home *home);

/* ---- user.c, for both ---- */

#define HOME_MAGIC 0x6c616275u
#define HOME_BYTES 8192u

struct lab_home *home_of(const struct labyrinth *lab);
/* 0, or what is wrong with a specification, in the complaint. */
int home_check(const struct lab_user_spec *spec, struct lab_complaint *to);
/* The same specification for the core, without addresses; rooms: LAB_ROOMS_MAX of them. */
void home_describe(const struct lab_user_spec *spec, struct lab_spec *core, struct lab_room_spec *rooms);
/* Complain with the core's own words about a specification. */
int home_refused(const struct lab_spec *core, struct lab_complaint *to);

/* ---- describe.c: a specification as it stands in a memory file ---- */

#define SHARE_HEADER_BYTES 65536u /* in front of the metadata; never mapped */
#define SHARE_HOLES_MAX 2048u

struct share_room {
	char name[LAB_NAME_MAX];
	uint64_t size, first_frame, min, low, high, zeroed;
	uint32_t kind, zone, node, holes, hole_count; /* holes: the first of them */
	uint8_t locked, prefaulted, bind, watermarks;
};

struct share_header {
	uint64_t magic;
	uint32_t version, word_bits, labyrinth_bytes, room_bytes, leaf_frames, fanout;
	uint64_t bytes; /* of the file */
	uint32_t birth, page_size, cpus, room_count, nodes, distances, processes, clients, contract_frames, contract_blocks;
	uint64_t min_free_kbytes, hole_count;
	uint8_t distance[LAB_NODES_MAX * LAB_NODES_MAX];
	struct share_room room[LAB_ROOMS_MAX];
	struct lab_hole hole[SHARE_HOLES_MAX];
};

/* 0, or -EINVAL: more than a header can say, in the complaint.  `header` is zero-filled. */
int share_write(struct share_header *header, const struct lab_user_spec *spec, uint64_t bytes, const struct lab_complaint *to);
/* The specification that it says; it points into `header` and `rooms`.  Believes nothing: 0, or -EINVAL with a sentence. */
int share_read(struct share_header *header, struct lab_user_room *rooms, struct lab_user_spec *spec, struct lab_complaint *to);

/* ---- lease.c: places of processes ---- */

#define LEASE_RECOVERY 4096u /* not a place: whoever recovers */

/* A file description of one's own of this memory file, or -errno. */
int lease_open(int fd);
/* Is this place's lease nobody's else?  Then it is held by this file description until that is closed and unmapped. */
bool lease_take(int own, unsigned int place);
void lease_drop(int own, unsigned int place);
/* A mapping by which the leases of `own` live as long as this process's memory map; closes `own`.  0, or an error with a complaint. */
int lease_keep(int own, void **kept, const struct lab_complaint *to);
void lease_end(void *kept);

#endif
