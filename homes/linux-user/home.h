/* SPDX-License-Identifier: MIT */
/*
 * home.h - what the files of this home share.
 */
#ifndef LAB_HOME_H
#define LAB_HOME_H

#include <labyrinth/user.h>

/* The page in front of a labyrinth's metadata: how to take it down again. */
struct lab_home {
	uint32_t magic;
	unsigned int rooms;
	size_t bytes; /* of this mapping: the page and the metadata behind it */
	uint32_t *identity; /* a page of its own that a forked child finds zeroed */
	size_t identity_bytes;
	struct {
		void *base;
		size_t bytes;
	} memory[LAB_ROOMS_MAX]; /* as mapped */
	struct lab_room_spec spec[LAB_ROOMS_MAX];
};

/* Where an error goes: the sentence, and the room it is about. */
struct lab_complaint {
	char *text;	  /* LAB_ERROR_TEXT bytes, or NULL */
	const char *room; /* NULL: the labyrinth's own metadata */
};

/* Write "room "x": WHAT of N bytes failed: WHY (LIMIT)"; returns -errno. */
int complain(const struct lab_complaint *to, const char *what, uint64_t bytes);
/* Write a sentence of one's own; returns -EINVAL. */
int complain_plainly(const struct lab_complaint *to, const char *sentence);

/* Map a room's memory as asked, into home->memory[] and home->spec[].memory. */
int home_map_room(struct lab_home *home, const struct lab_user_spec *spec, unsigned int room,
		  const struct lab_complaint *to);
/* Learn which CPU belongs to which of so many nodes, for lab_port_node().  Reads sysfs; without it, all to node 0. */
void home_find_nodes(unsigned int nodes);
/* Touch and lock memory that must never fault. */
int home_arm(void *base, size_t bytes, const struct lab_complaint *to);

#endif
