/* SPDX-License-Identifier: MIT */
/*
 * offline.c - frames and rooms out of service.
 *
 * A frame that is free leaves at once; one in use is marked in its tag, so that the compare-and-swap of
 * its free fails, looks again and keeps the bit.
 */
#include "entrance.h"
#include "exchange.h"
#include "page.h"
#include "port.h"
#include "vault.h"

static void tag_set(struct lab_page *page, enum lab_state state)
{
	/* Held by us.  Release; partner: whoever reads the tag next. */
	store_release(&page->tag, tag_become(load_relaxed(&page->tag), state));
}

static int frame_offline(struct labyrinth *lab, uint64_t frame)
{
	const struct lab_asker asker = { .cpu = lab_port_cpu(), .slot = LAB_COLD_HINT };
	struct lab_payer payer = { .asker = &asker, .among = UINT32_MAX, .drawn = -1 };
	struct lab_page *page;
	struct lab_room *room;
	lab_word tag;
	lab_bit bit;

	page = lab_frame_page(lab, frame);
	if (!page)
		return -LAB_ERANGE;
	room = labyrinth_room(lab, (unsigned int)page_room(lab, page));
	bit = (lab_bit)(page - room_page(room, 0));
	tag = load_acquire(&page->tag);
	switch (tag_state(tag)) {
	case LAB_OFFLINE:
		return -LAB_EALREADY;
	case LAB_OWNED:
	case LAB_SHARED:
		/* The mark; partner: the claim of a free, which is exact. */
		return cas_acq_rel(&page->tag, &tag, tag | LAB_TAG_POISONED) ? -LAB_EBUSY : -LAB_EAGAIN;
	case LAB_POOLED:
		if (!exchange_at(room, &payer, bit, 0)) /* its pool gets another, if there is one */
			return -LAB_EAGAIN;
		break;
	default:
		if (!tree_take_at(&room->commons, bit)) /* inside a block, or on its way */
			return -LAB_EAGAIN;
	}
	tag_set(page, LAB_OFFLINE);
	labyrinth_count(lab, LAB_COUNT_OFFLINED, 1);
	return 0;
}

int lab_frame_offline(struct labyrinth *lab, uint64_t frame)
{
	lab_word *count;
	int error = process_enter(lab, &count);

	if (unlikely(error))
		return error;
	error = frame_offline(lab, frame);
	process_leave(count);
	return error;
}

static int frame_online(struct labyrinth *lab, uint64_t frame)
{
	struct lab_page *page;
	struct lab_room *room;
	lab_word tag;

	page = lab_frame_page(lab, frame);
	if (!page)
		return -LAB_ERANGE;
	room = labyrinth_room(lab, (unsigned int)page_room(lab, page));
	tag = load_acquire(&page->tag);
	if (tag == LAB_TAG_HOLE)
		return -LAB_ERANGE;
	if (tag_state(tag) != LAB_OFFLINE)
		return -LAB_EALREADY;
	room_touch(room, (lab_bit)(page - room_page(room, 0)), 0);
	if (!cas_acq_rel(&page->tag, &tag, tag_next(tag, LAB_FREE))) /* of two, one brings it back */
		return -LAB_EALREADY;
	vault_overwrite(lab, room, (lab_bit)(page - room_page(room, 0)));
	room_put(room, (lab_bit)(page - room_page(room, 0)), 0);
	return 0;
}

int lab_frame_online(struct labyrinth *lab, uint64_t frame)
{
	lab_word *count;
	int error = process_enter(lab, &count);

	if (unlikely(error))
		return error;
	error = frame_online(lab, frame);
	process_leave(count);
	return error;
}

long lab_room_offline(struct labyrinth *lab, unsigned int number)
{
	struct lab_room *room;
	lab_bit bit;
	long out = 0;

	if (unlikely(!labyrinth_alive(lab)))
		return labyrinth_refusal(lab);
	if (number >= lab->rooms)
		return -LAB_ENXIO;
	room = labyrinth_room(lab, number);
	or_seq(&room->offline, ROOM_CLOSED); /* calls that are under way end as they began */
	for (bit = room->lead; bit < room->lead + room->frames; bit++) {
		lab_word tag = load_relaxed(&room_page(room, bit)->tag);

		if (tag_state(tag) == LAB_OWNED)
			out += 1L << tag_order(tag);
		if (tag_state(tag) == LAB_SHREDDING && tag_owner(tag)) /* its memory is, or will be, written to; its contents stand there */
			out += 1L << tag_order(tag);
		out += tag_state(tag) == LAB_SHARED;
	}
	return out;
}

int lab_room_online(struct labyrinth *lab, unsigned int number)
{
	if (unlikely(!labyrinth_alive(lab)))
		return labyrinth_refusal(lab);
	if (number >= lab->rooms)
		return -LAB_ENXIO;
	and_seq(&labyrinth_room(lab, number)->offline, ~ROOM_CLOSED);
	return load_relaxed(&labyrinth_room(lab, number)->offline) & ROOM_PANICKED ? -LAB_ENXIO : 0;
}
