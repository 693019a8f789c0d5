/* SPDX-License-Identifier: MIT */
/*
 * exit.c - free.
 *
 * The tag is claimed by compare-and-swap before anything else: of two frees of one page only one gets
 * through, and neither can release the next owner's page (models/tag.pml).  Then the frame goes to the
 * innermost pool that lacks one, else its leaf's bit is cleared and listed upwards.  A refusal changes
 * nothing and is counted by its cause.
 */
#include "client.h"
#include "entrance.h"
#include "exit.h"
#include "page.h"
#include "port.h"
#include "shred.h"
#include "vault.h"

int exit_count(struct labyrinth *lab, enum lab_counter counter, int error)
{
	labyrinth_count(lab, counter, 1);
	return error;
}

/* Not allocated by itself: is it inside somebody's block? */
static bool inside_block(const struct lab_room *room, lab_bit bit)
{
	unsigned int order;

	for (order = 1; order <= LAB_ORDER_MAX; order++) {
		lab_bit head = bit & ~(((lab_bit)1 << order) - 1);
		lab_word tag = load_acquire(&room_page(room, head)->tag); /* a report, not a decision */

		if (head != bit && (tag_state(tag) == LAB_OWNED || tag_state(tag) == LAB_SHREDDING) && tag_order(tag) >= order)
			return true;
	}
	return false;
}

int exit_refusal(struct labyrinth *lab, const struct lab_room *room, lab_bit bit, const struct exit_claim *claim)
{
	lab_word tag = load_acquire(&room_page(room, bit)->tag);

	if (!room_has(room, bit))
		return exit_count(lab, LAB_COUNT_RANGE, -LAB_ERANGE);
	if (tag_state(tag) == LAB_SHARED && (!claim->by_ref || tag_generation(tag) == claim->generation)) {
		if (!claim->any_owner && (tag ^ claim->match) & LAB_TAG_OWNER)
			return exit_count(lab, LAB_COUNT_FOREIGN, -LAB_EPERM);
		return exit_count(lab, LAB_COUNT_SHARED, -LAB_EBUSY);
	}
	if (tag_state(tag) != LAB_OWNED) {
		if (claim->by_ref && tag_generation(tag) != claim->generation)
			return exit_count(lab, LAB_COUNT_STALE, -LAB_ESTALE);
		if (tag_state(tag) == LAB_FREE && inside_block(room, bit))
			return exit_count(lab, LAB_COUNT_BODY, -LAB_ENOTBLK);
		return exit_count(lab, LAB_COUNT_DOUBLE, -LAB_EALREADY);
	}
	if (claim->by_ref && tag_generation(tag) != claim->generation)
		return exit_count(lab, LAB_COUNT_STALE, -LAB_ESTALE);
	if (!claim->any_owner && (tag ^ claim->match) & LAB_TAG_OWNER)
		return exit_count(lab, LAB_COUNT_FOREIGN, -LAB_EPERM);
	if ((tag ^ claim->match) & LAB_TAG_ORDER)
		return exit_count(lab, LAB_COUNT_ORDER, -LAB_EMSGSIZE);
	if (claim->use && (tag & LAB_TAG_USE) != claim->use)
		return exit_count(lab, LAB_COUNT_USE, -LAB_EPROTOTYPE);
	return exit_count(lab, LAB_COUNT_DOUBLE, -LAB_EALREADY); /* changed under us: freed by another, and taken again */
}

/* A poisoned frame stays out: its bit stays set.  The other frames of a block go back. */
static void put_poisoned(struct labyrinth *lab, struct lab_room *room, lab_bit bit, unsigned int order)
{
	lab_bit i;

	labyrinth_count(lab, LAB_COUNT_OFFLINED, 1);
	for (i = 1; i < (lab_bit)1 << order; i++)
		room_put(room, bit + i, 0);
}

/* What its owner had for itself alone: overwritten before it is anybody's. */
static __attribute__((noinline)) int exit_exclusive(struct labyrinth *lab, struct lab_room *room, lab_bit bit, const struct exit_claim *claim)
{
	struct lab_page *page = room_page(room, bit);
	unsigned int order = tag_order(claim->match);
	lab_word tag = load_acquire(&page->tag); /* partner: the stamp of the allocation */

	do {
		if (!exit_fits(claim, tag))
			return exit_shared(claim, tag) ? exit_count(lab, LAB_COUNT_SHARED, -LAB_EBUSY) : exit_refusal(lab, room, bit, claim);
		/* The claim, exact; the bit stays set, so that nobody finds it. */
	} while (!cas_acq_rel(&page->tag, &tag, tag_shredding(tag)));
	if (room->vault_at) {
		vault_freed(lab, room, bit);
		return 0;
	}
	shred_block(lab, room, bit, order);
	tag = load_relaxed(&page->tag); /* nobody else's while it is SHREDDING */
	store_release(&page->tag, tag_become(tag, tag & LAB_TAG_POISONED ? LAB_OFFLINE : LAB_FREE)); /* before it is anybody's */
	if (tag & LAB_TAG_POISONED)
		put_poisoned(lab, room, bit, order);
	else
		room_put(room, bit, order);
	return 0;
}

static int exit_ordinary(struct labyrinth *lab, const struct lab_span *span, lab_bit bit, const struct exit_claim *claim)
{
	struct lab_page *page = span_page(lab, span, bit);
	lab_word *word = span_word(lab, span, bit);
	unsigned int cpu = lab_port_cpu();
	struct lab_cpu *hints = span_cpu(lab, span, cpu);
	struct lab_room *room = span_room(lab, span);
	unsigned int order = tag_order(claim->match);
	lab_word tag = load_acquire(&page->tag), next; /* partner: the stamp of the allocation */
	struct lab_client *client;

	do {
		if (unlikely(!exit_fits(claim, tag)))
			return exit_refusal(lab, room, bit, claim);
		next = tag_next(tag, unlikely(tag & LAB_TAG_POISONED) ? LAB_OFFLINE : LAB_FREE);
		/* The claim, exact.  A failure: freed by another, or poisoned just now; look again. */
	} while (unlikely(!cas_acq_rel(&page->tag, &tag, next)));
	client = labyrinth_client(lab, tag_owner(claim->match));
	if (unlikely(tag & LAB_TAG_POISONED)) {
		put_poisoned(lab, room, bit, order);
		if (client)
			client_lost(lab, client, room, order);
		return 0;
	}
	if (unlikely(client))
		client_put(lab, client, room, bit, order);
	else if (likely(!order && !pool_lacks(room)))
		room_clear(room, word, bit, (lab_word)1 << bit % LAB_WORD_BITS);
	else
		room_put(room, bit, order);
	cpu_warm(hints, bit);
	room_freed_by(room, cpu, bit);
	return 0;
}

static inline int exit_page(struct labyrinth *lab, const struct lab_span *span, lab_bit bit, const struct exit_claim *claim)
{
	if (unlikely(tag_owner(claim->match)) && vault_shreds(lab, span, tag_owner(claim->match)))
		return exit_exclusive(lab, span_room(lab, span), bit, claim);
	return exit_ordinary(lab, span, bit, claim);
}

static inline int free_inside(struct labyrinth *lab, struct lab_page *page, unsigned int order,
			      const struct exit_claim *claim)
{
	int number;

	if (unlikely(order > LAB_ORDER_MAX))
		return exit_count(lab, LAB_COUNT_ORDER, -LAB_EMSGSIZE);
	number = page_room(lab, page);
	if (unlikely(number < 0))
		return exit_count(lab, LAB_COUNT_RANGE, -LAB_ERANGE);
	return exit_page(lab, &lab->span[number], (lab_bit)(page - span_page(lab, &lab->span[number], 0)), claim);
}

/* An allocated page, or what claims to be one, is about to come into our hand: marked, where somebody recovers. */
static void exit_touch(const struct labyrinth *lab, const struct lab_page *page, unsigned int order)
{
	int number = page_room(lab, page);
	const struct lab_room *room;
	lab_bit bit;

	if (number < 0 || order > LAB_ORDER_MAX)
		return;
	room = labyrinth_room(lab, (unsigned int)number);
	bit = (lab_bit)(page - room_page(room, 0));
	if (room->commons.bits - bit >= (lab_bit)1 << order)
		room_touch(room, bit, order);
}

/* The same where other processes are: inside a call, as they can see.  Or not to be answered at all. */
static __attribute__((noinline)) int free_beside(struct labyrinth *lab, struct lab_page *page, unsigned int order,
						 const struct exit_claim *claim)
{
	lab_word *count;
	int error = process_enter(lab, &count);

	if (error)
		return error;
	exit_touch(lab, page, order);
	error = free_inside(lab, page, order, claim);
	process_leave(count);
	return error;
}

static int free_checked(struct labyrinth *lab, struct lab_page *page, unsigned int order,
			const struct exit_claim *claim)
{
	if (unlikely(!labyrinth_alone(lab)))
		return free_beside(lab, page, order, claim);
	return free_inside(lab, page, order, claim);
}

int lab_free_pages(struct labyrinth *lab, struct lab_page *page, unsigned int order)
{
	const struct exit_claim claim = { .match = exit_match(order & 15, 0) };

	return free_checked(lab, page, order, &claim);
}

int lab_free(struct labyrinth *lab, void *address, unsigned int order)
{
	const struct exit_claim claim = { .match = exit_match(order & 15, 0) };
	unsigned int i;

	if (unlikely(!labyrinth_alone(lab))) {
		bool whole = !((uintptr_t)address & (((uintptr_t)1 << lab->page_shift) - 1));

		return free_beside(lab, whole ? lab_address_page(lab, address) : NULL, order, &claim);
	}
	if (unlikely(order > LAB_ORDER_MAX))
		return exit_count(lab, LAB_COUNT_ORDER, -LAB_EMSGSIZE);
	for (i = 0; i < lab->rooms; i++) {
		const struct lab_span *span = &lab->span[i];
		uintptr_t distance = (uintptr_t)address - ((uintptr_t)lab + span->memory_at - 1);
		lab_bit bit = distance >> span->step_shift;

		if (unlikely(!span->memory_at || bit - span->lead >= span->tags_bytes / sizeof(struct lab_page) - span->lead))
			continue;
		if (unlikely(distance & (((uintptr_t)1 << span->step_shift) - 1)))
			break;
		return exit_ordinary(lab, span, bit, &claim);
	}
	return exit_count(lab, LAB_COUNT_RANGE, -LAB_ERANGE);
}

int lab_free_as(struct labyrinth *lab, struct lab_page *page, unsigned int order, unsigned int owner,
		unsigned int use)
{
	const struct exit_claim claim = { .match = exit_match(order & 15, owner),
					  .use = (lab_word)use << LAB_TAG_USE_SHIFT };

	if (unlikely(owner > LAB_OWNER_MAX || use > LAB_USE_MAX))
		return labyrinth_alive(lab) ? exit_count(lab, LAB_COUNT_FOREIGN, -LAB_EPERM) : labyrinth_refusal(lab);
	return free_checked(lab, page, order, &claim);
}

int lab_free_ref(struct labyrinth *lab, struct lab_ref ref, unsigned int order, unsigned int owner)
{
	const struct exit_claim claim = { .match = exit_match(order & 15, owner & LAB_OWNER_MAX),
					  .by_ref = true,
					  .generation = ref.generation };

	if (unlikely(!labyrinth_alive(lab)))
		return labyrinth_refusal(lab);
	if (unlikely(owner > LAB_OWNER_MAX))
		return exit_count(lab, LAB_COUNT_FOREIGN, -LAB_EPERM);
	return free_checked(lab, lab_frame_page(lab, ref.frame), order, &claim);
}

/*
 * The head is claimed first (LAB_FREE with its bit set: nobody else can free it), then the bodies are
 * stamped, then the head: a free of the whole block meanwhile finds nothing allocated.
 */
static int split(struct labyrinth *lab, struct lab_page *page, unsigned int order)
{
	struct lab_client *client;
	lab_word tag, first, single, i;
	int number;

	number = page_room(lab, page);
	if (number < 0)
		return exit_count(lab, LAB_COUNT_RANGE, -LAB_ERANGE);
	tag = load_acquire(&page->tag); /* partner: the stamp of the allocation */
	if (order > LAB_ORDER_MAX)
		return exit_count(lab, LAB_COUNT_ORDER, -LAB_EMSGSIZE);
	if (tag_state(tag) != LAB_OWNED || tag_order(tag) != order) {
		struct lab_room *room = labyrinth_room(lab, (unsigned int)number);
		const struct exit_claim claim = { .match = exit_match(order & 15, 0), .any_owner = true };

		return exit_refusal(lab, room, (lab_bit)(page - room_page(room, 0)), &claim);
	}
	first = tag;
	while (!cas_acq_rel(&page->tag, &tag, tag_become(tag, LAB_FREE))) /* the claim; lost to a mark: again */
		if ((tag ^ first) & ~LAB_TAG_POISONED)
			return exit_count(lab, LAB_COUNT_DOUBLE, -LAB_EALREADY);
	client = labyrinth_client(lab, tag_owner(tag));
	if (client && !client_splits(client, page, tag))
		return -LAB_EDQUOT;
	single = tag & ~(LAB_TAG_GENERATION | LAB_TAG_ORDER);
	for (i = 1; i < (lab_word)1 << order; i++)
		store_release(&page[i].tag, (load_relaxed(&page[i].tag) & LAB_TAG_GENERATION) |
						    (single & ~LAB_TAG_POISONED));
	store_release(&page->tag, (tag & LAB_TAG_GENERATION) | single); /* partner: the frees' acquire */
	return 0;
}

int lab_split(struct labyrinth *lab, struct lab_page *page, unsigned int order)
{
	lab_word *count;
	int error = process_enter(lab, &count);

	if (unlikely(error))
		return error;
	if (unlikely(count != NULL))
		exit_touch(lab, page, order);
	error = split(lab, page, order);
	process_leave(count);
	return error;
}
