/* SPDX-License-Identifier: MIT */
/*
 * retag.c - see retag.h.
 */
#include "exit.h"
#include "page.h"
#include "retag.h"

int retag_refused(struct labyrinth *lab, const struct lab_page *page, unsigned int order, unsigned int owner)
{
	const struct exit_claim claim = { .match = exit_match(order & 15, owner) };
	const struct lab_room *room;
	lab_word tag;
	int number = page_room(lab, page);

	if (number < 0)
		return exit_count(lab, LAB_COUNT_RANGE, -LAB_ERANGE);
	tag = load_acquire(&page->tag);
	if (exit_fits(&claim, tag)) /* a look; whoever acts on it claims */
		return 0;
	if (exit_shared(&claim, tag))
		return exit_count(lab, LAB_COUNT_SHARED, -LAB_EBUSY);
	room = labyrinth_room(lab, (unsigned int)number);
	return exit_refusal(lab, room, (lab_bit)(page - room_page(room, 0)), &claim);
}

int retag(struct labyrinth *lab, struct lab_page *page, const struct retag *change)
{
	const struct exit_claim claim = { .match = exit_match(change->order & 15, change->owner) };
	lab_word tag, next, keep = LAB_TAG_GENERATION | LAB_TAG_ORDER | LAB_TAG_USE | LAB_TAG_POISONED;
	int error = retag_refused(lab, page, change->order, change->owner);

	if (error)
		return error;
	tag = load_acquire(&page->tag); /* partner: the stamp of the allocation */
	do {
		if (exit_shared(&claim, tag))
			return exit_count(lab, LAB_COUNT_SHARED, -LAB_EBUSY);
		if (!exit_fits(&claim, tag))
			return exit_count(lab, LAB_COUNT_DOUBLE, -LAB_EALREADY); /* freed, or handed over, just now */
		if (change->state == LAB_KEPT && tag & LAB_TAG_POISONED)
			return -LAB_EHWPOISON;
		next = (tag & keep) + (change->next ? (lab_word)1 << LAB_TAG_GENERATION_SHIFT : 0);
		next |= (lab_word)change->state | (lab_word)change->to << LAB_TAG_OWNER_SHIFT;
	} while (!cas_acq_rel(&page->tag, &tag, next)); /* the claim, exact; lost to a mark: again */
	return 0;
}
