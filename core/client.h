/* SPDX-License-Identifier: MIT */
/*
 * client.h - what a client has out: the charge, and its debt to the reserves.
 *
 * On the way: entrance, exit -> client -> contract.  A call charges before it takes and uncharges after what it had is back, so that
 * the charge is never below what is out (contract.h needs that; models/contract.pml has the mutants).
 *
 * Progress: charging is lock-free (a lost compare-and-swap is another caller's charge), uncharging wait-free.
 */
#ifndef LAB_CLIENT_H
#define LAB_CLIENT_H

#include "contract.h"

#if UINTPTR_MAX > 0xffffffffu
#define CHARGE_SINGLES_BITS 24u
#define CHARGE_BLOCKS_BITS 18u
#define CHARGE_OTHERS_BITS 20u
#else
#define CHARGE_SINGLES_BITS 12u
#define CHARGE_BLOCKS_BITS 8u
#define CHARGE_OTHERS_BITS 10u
#endif
#define CHARGE_BLOCKS_SHIFT CHARGE_SINGLES_BITS
#define CHARGE_OTHERS_SHIFT (CHARGE_BLOCKS_SHIFT + CHARGE_BLOCKS_BITS)
#define CHARGE_STATE_SHIFT (CHARGE_OTHERS_SHIFT + CHARGE_OTHERS_BITS)
#define CHARGE_FIELD(charge, name) ((charge) >> CHARGE_##name##_SHIFT & (((lab_word)1 << CHARGE_##name##_BITS) - 1))
#define CHARGE_SINGLES_SHIFT 0u
#define CHARGE_COUNTS (((lab_word)1 << CHARGE_STATE_SHIFT) - 1)

_Static_assert(CHARGE_STATE_SHIFT + 2 == LAB_MACHINE_BITS, "the fields of a charge fill a word");

static inline enum lab_client_state charge_state(lab_word charge)
{
	return (enum lab_client_state)(charge >> CHARGE_STATE_SHIFT);
}

static inline lab_word charge_of_state(enum lab_client_state state)
{
	return (lab_word)state << CHARGE_STATE_SHIFT;
}

/* What one page of this order adds. */
static inline lab_word charge_unit(const struct lab_client *client, unsigned int order)
{
	if (!order)
		return 1;
	if (order == client->block_order)
		return (lab_word)1 << CHARGE_BLOCKS_SHIFT;
	return (lab_word)1 << order << CHARGE_OTHERS_SHIFT;
}

/* All frames of a charge. */
static inline uint64_t charge_frames(const struct lab_client *client, lab_word charge)
{
	return CHARGE_FIELD(charge, SINGLES) + ((uint64_t)CHARGE_FIELD(charge, BLOCKS) << client->block_order) +
	       CHARGE_FIELD(charge, OTHERS);
}

/* 0, -LAB_EBADF (not open), -LAB_EDQUOT (at an instant of the call its maximum was reached). */
int client_charge(struct lab_client *client, unsigned int order);
void client_uncharge(struct lab_client *client, unsigned int order);

/*
 * A block in the caller's hand, which was tagged so, becomes single pages: charged as such from now on.  False: the word has no
 * place for so many, or blocks of this order are guaranteed, which would go missing to the contract; the tag is put back.
 */
bool client_splits(struct lab_client *client, struct lab_page *page, lab_word tag);

/* Is it a dead process's?  Asked within a call, before anything of it is touched; partner: the recoverer, who says so before it waits for calls. */
static inline bool client_orphan(const struct lab_client *client)
{
	return load_seq(&client->orphan);
}

/* Would its maximum allow a guarantee of so many frames now? */
bool client_has_room(const struct lab_client *client, uint32_t frames);

/*
 * The debt: frames of the reserves that are out.  Borrowed before they are drawn (false: the share is used up), owed to a room once they
 * are, repaid when frames of that room go back to it: those fill the reserves first.  Repay says how many were owed.
 */
bool client_borrow(struct lab_client *client, uint32_t frames);
void client_unborrow(struct lab_client *client, uint32_t frames);
void client_owes(struct lab_client *client, unsigned int room, uint32_t frames);
uint32_t client_repay(struct lab_client *client, unsigned int room, uint32_t frames);

/* Free: a page that was a client's and is in the caller's hand, its tags FREE. */
void client_put(struct labyrinth *lab, struct lab_client *client, struct lab_room *room, lab_bit bit, unsigned int order);
/* The same of a page whose first frame is out of service now: the contract gets another, if there is one. */
void client_lost(struct labyrinth *lab, struct lab_client *client, struct lab_room *room, unsigned int order);

#define OFFER_MAKING ((lab_word)1) /* a place of the offers that is being filled; 0: empty; else the page's distance from the labyrinth */
/* The page of these rooms (a bit each) that was offered first, its tag KEPT still; NULL: none is offered. */
struct lab_page *client_oldest(struct labyrinth *lab, struct lab_client *client, uint32_t rooms);

/* Pages that are offered now. */
unsigned int client_offered(const struct lab_client *client);

#endif
