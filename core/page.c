/* SPDX-License-Identifier: MIT */
/*
 * page.c - one page, four names: descriptor, frame number, address, physical address; and what its tag
 * says.  Reads only.
 */
#include "page.h"

static const struct lab_room *room_of(const struct labyrinth *lab, const struct lab_page *page, lab_bit *bit)
{
	int number = page_room(lab, page);
	const struct lab_room *room;

	if (number < 0)
		return NULL;
	room = labyrinth_room(lab, (unsigned int)number);
	*bit = (lab_bit)(page - room_page(room, 0));
	return room_has(room, *bit) ? room : NULL;
}

uint64_t lab_page_frame(const struct labyrinth *lab, const struct lab_page *page)
{
	lab_bit bit;
	const struct lab_room *room = room_of(lab, page, &bit);

	return room ? room->first_frame + bit : UINT64_MAX;
}

struct lab_page *lab_frame_page(const struct labyrinth *lab, uint64_t frame)
{
	unsigned int i;

	for (i = 0; i < lab->rooms; i++) {
		const struct lab_room *room = labyrinth_room(lab, i);

		if (frame - room->first_frame < room->commons.bits &&
		    room_has(room, (lab_bit)(frame - room->first_frame)))
			return room_page(room, (lab_bit)(frame - room->first_frame));
	}
	return NULL;
}

struct lab_page *lab_address_page(const struct labyrinth *lab, const void *address)
{
	unsigned int i;

	for (i = 0; i < lab->rooms; i++) {
		const struct lab_room *room = labyrinth_room(lab, i);
		uintptr_t distance = (uintptr_t)address - (uintptr_t)room_memory(room);

		if (room->memory_at && distance >> room->step_shift < room->frames &&
		    !(distance >> lab->page_shift & (((uintptr_t)1 << (room->step_shift - lab->page_shift)) - 1))) /* not a guard */
			return room_page(room, room->lead + (distance >> room->step_shift));
	}
	return NULL;
}

void *lab_page_address(const struct labyrinth *lab, const struct lab_page *page)
{
	lab_bit bit;
	const struct lab_room *room = room_of(lab, page, &bit);

	if (!room || !room->memory_at)
		return NULL;
	return room_frame(room, bit);
}

int lab_page_physical(const struct labyrinth *lab, const struct lab_page *page, uint64_t *physical)
{
	lab_bit bit;
	const struct lab_room *room = room_of(lab, page, &bit);

	if (!room)
		return -LAB_ERANGE;
	if (!room->physical_known)
		return -LAB_ENOTSUP;
	*physical = (room->first_frame + bit) << lab->page_shift;
	return 0;
}

int lab_page_ref(const struct labyrinth *lab, const struct lab_page *page, struct lab_ref *ref)
{
	struct lab_page_info info;
	int error = lab_page_info(lab, page, &info);

	if (error)
		return error;
	if (info.state != LAB_OWNED && info.state != LAB_SHARED)
		return -LAB_EALREADY;
	ref->frame = info.frame;
	ref->generation = info.generation;
	return 0;
}

int lab_page_info(const struct labyrinth *lab, const struct lab_page *page, struct lab_page_info *info)
{
	lab_bit bit;
	const struct lab_room *room = room_of(lab, page, &bit);
	lab_word tag;

	if (!room)
		return -LAB_ERANGE;
	tag = load_acquire(&page->tag); /* one instant; partner: the stamp */
	*info = (struct lab_page_info){
		.frame = room->first_frame + bit,
		.generation = tag_generation(tag),
		.state = (uint8_t)tag_state(tag),
		.room = (int16_t)page_room(lab, page),
	};
	if (info->state == LAB_OWNED || info->state == LAB_SHARED) {
		info->owner = (uint16_t)tag_owner(tag);
		info->use = (uint8_t)tag_use(tag);
		info->order = (uint8_t)(info->state == LAB_OWNED ? tag_order(tag) : 0);
		info->sharers = (uint8_t)tag_sharers(tag);
		info->poisoned = tag & LAB_TAG_POISONED;
	}
	return 0;
}
