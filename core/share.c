/* SPDX-License-Identifier: MIT */
/*
 * share.c - exclusive pages that others have, too; and a live one overwritten.
 *
 * The count stands in the tag, so that a handle, the count and the owner's free are decided by one compare-and-swap: while it is above
 * one the state is SHARED, which no free, split or hand-over matches.
 */
#include "exit.h"
#include "page.h"
#include "process.h"
#include "vault.h"

#define SHARERS_MAX 17u /* two, and what stands in place of an order */

/* The page of a vault, with its room; or why not. */
static int find(struct labyrinth *lab, const struct lab_page *page, struct lab_room **room)
{
	int number = page ? page_room(lab, page) : -1;

	if (number < 0)
		return exit_count(lab, LAB_COUNT_RANGE, -LAB_ERANGE);
	*room = labyrinth_room(lab, (unsigned int)number);
	return (*room)->vault_at ? 0 : -LAB_ENOTSUP;
}

/* One more, or one less. */
static long change(struct labyrinth *lab, struct lab_ref ref, int by)
{
	struct lab_page *page = lab_frame_page(lab, ref.frame);
	struct lab_room *room;
	unsigned int sharers;
	lab_word tag;
	int error = find(lab, page, &room);

	if (error)
		return error;
	tag = load_acquire(&page->tag); /* partner: the stamp */
	do {
		if (tag_generation(tag) != ref.generation)
			return exit_count(lab, LAB_COUNT_STALE, -LAB_ESTALE);
		if (tag_state(tag) != LAB_SHARED && (tag_state(tag) != LAB_OWNED || by < 0))
			return exit_count(lab, LAB_COUNT_DOUBLE, -LAB_EALREADY);
		sharers = tag_sharers(tag) + (unsigned int)by;
		if (sharers > SHARERS_MAX)
			return -LAB_EOVERFLOW;
	} while (!cas_acq_rel(&page->tag, &tag, tag_shared(tag, sharers))); /* exact: owner, generation, count, mark */
	return (long)sharers;
}

static long change_checked(struct labyrinth *lab, struct lab_ref ref, int by)
{
	lab_word *count;
	long answer = process_enter(lab, &count);

	if (answer)
		return answer;
	answer = change(lab, ref, by);
	process_leave(count);
	return answer;
}

long lab_page_share(struct labyrinth *lab, struct lab_ref ref)
{
	return change_checked(lab, ref, 1);
}

long lab_page_unshare(struct labyrinth *lab, struct lab_ref ref)
{
	return change_checked(lab, ref, -1);
}
