/* SPDX-License-Identifier: MIT */
/*
 * contract.c - the pools of a client: drawing, filling, enlarging, shrinking.
 */
#include "contract.h"
#include "port.h"

/* In a slot's word: its page is there, and it is in the hand of who enlarges the contract. */
#define SLOT_NEW ((lab_word)1 << (LAB_MACHINE_BITS - 1))

static struct lab_room *contract_room(const struct labyrinth *lab, const struct lab_client *client)
{
	return labyrinth_room(lab, (unsigned int)client->room);
}

static unsigned int client_owner(const struct labyrinth *lab, const struct lab_client *client)
{
	return lab->client_first + (unsigned int)(client - labyrinth_client(lab, lab->client_first));
}

static unsigned int contract_order(const struct lab_client *client, unsigned int which)
{
	return which ? client->block_order : 0;
}

/* Take a slot of a tree with a root of its own; LAB_NO_BIT: it had none at an instant of the call. */
static lab_bit take_slot(const struct lab_tree *tree, unsigned int *tries, lab_word *proof)
{
	for (;;) { /* each try in vain is charged to another caller's take; no cap */
		lab_word leaf = tree_find(tree, 0, LAB_LOW_END, proof);
		lab_bit slot = leaf == LAB_NO_BIT ? LAB_NO_BIT : tree_take_leaf(tree, leaf);

		(*tries)++;
		if (slot != LAB_NO_BIT || (leaf == LAB_NO_BIT && *proof))
			return slot;
	}
}

lab_bit contract_draw(struct lab_client *client, unsigned int which, unsigned int *tries, lab_word *proof)
{
	struct lab_pool *pool = &client->pool[which];
	lab_bit slot = take_slot(&pool->have, tries, proof), bit;

	if (slot == LAB_NO_BIT)
		return LAB_NO_BIT;
	bit = load_relaxed(pool_slot(pool, slot)) - 1; /* ours from the take above to the give below */
	tree_give(&pool->lack, slot);
	return bit;
}

/* Into a slot that is in our hand; a page that is, too. */
static void write_slot(struct labyrinth *lab, struct lab_client *client, unsigned int which, lab_bit slot, lab_bit bit)
{
	struct lab_page *page = room_page(contract_room(lab, client), bit);

	room_touch(contract_room(lab, client), bit, contract_order(client, which));
	/* Before the give; partner: whoever draws the page and stamps it. */
	store_release(&page->tag, tag_kept(load_relaxed(&page->tag), contract_order(client, which), client_owner(lab, client)));
	store_relaxed(pool_slot(&client->pool[which], slot), bit + 1); /* ours; published by the give of the slot */
}

/* The page of a slot that is in our hand goes back to the room; the slot is absent then. */
static void empty_slot(struct labyrinth *lab, struct lab_client *client, unsigned int which, lab_bit slot)
{
	struct lab_room *room = contract_room(lab, client);
	lab_word *word = pool_slot(&client->pool[which], slot);
	lab_bit bit = load_relaxed(word) - 1;
	struct lab_page *page = room_page(room, bit);

	store_relaxed(word, (lab_word)0); /* in our hand for good */
	room_touch(room, bit, contract_order(client, which));
	store_release(&page->tag, tag_next(load_relaxed(&page->tag), LAB_FREE)); /* before it is anybody's */
	room_put(room, bit, contract_order(client, which));
}

bool contract_fill(struct labyrinth *lab, struct lab_client *client, unsigned int which, lab_bit bit)
{
	struct lab_pool *pool = &client->pool[which];
	unsigned int tries = 0;
	lab_word proof;
	lab_bit slot = take_slot(&pool->lack, &tries, &proof);

	if (slot == LAB_NO_BIT)
		return false;
	write_slot(lab, client, which, slot, bit);
	tree_give(&pool->have, slot);
	return true;
}

/* ---- enlarging, shrinking ---- */

/* A page of the room's commons. */
static lab_bit take_page(struct labyrinth *lab, const struct lab_client *client, unsigned int order)
{
	const struct lab_asker asker = { .cpu = lab_port_cpu(), .end = LAB_LOW_END };
	struct lab_room *room = contract_room(lab, client);
	lab_word proof;
	bool complete;

	if (load_relaxed(&room->offline))
		return LAB_NO_BIT;
	return order ? room_take_block(room, &asker, order, &complete) : room_take(room, &asker, &proof);
}

bool contract_refill(struct labyrinth *lab, struct lab_client *client, unsigned int which)
{
	struct lab_pool *pool = &client->pool[which];
	unsigned int tries = 0;
	lab_word proof;
	lab_bit slot = take_slot(&pool->lack, &tries, &proof), bit; /* first: a page that is taken need not go back */

	if (slot == LAB_NO_BIT)
		return false;
	bit = take_page(lab, client, contract_order(client, which));
	if (bit == LAB_NO_BIT) {
		tree_give(&pool->lack, slot);
		return false;
	}
	write_slot(lab, client, which, slot, bit);
	tree_give(&pool->have, slot);
	return true;
}

/* Slots that are absent get pages, up to so many, and stay in our hand, marked; returns how many. */
static uint32_t write_slots(struct labyrinth *lab, struct lab_client *client, unsigned int which, uint32_t more)
{
	struct lab_pool *pool = &client->pool[which];
	lab_bit slot, bit;
	uint32_t n = 0;

	for (slot = 0; n < more && slot < pool->slots; slot++) {
		lab_word *word = pool_slot(pool, slot);

		if (load_relaxed(word)) /* only who resizes makes it 0, or not 0 again */
			continue;
		bit = take_page(lab, client, contract_order(client, which));
		if (bit == LAB_NO_BIT)
			break;
		write_slot(lab, client, which, slot, bit);
		store_relaxed(word, (bit + 1) | SLOT_NEW);
		n++;
	}
	return n;
}

uint32_t contract_enlarge(struct labyrinth *lab, struct lab_client *client, unsigned int which, uint32_t more)
{
	struct lab_pool *pool = &client->pool[which];
	unsigned int raised;
	lab_bit slot;
	uint32_t n;

	if (!more)
		return 0;
	raised = room_raise(contract_room(lab, client)); /* what is taken may go back */
	n = write_slots(lab, client, which, more);
	for (slot = 0; slot < pool->slots; slot++) {
		lab_word *word = pool_slot(pool, slot), new = load_relaxed(word);

		if (!(new & SLOT_NEW)) /* nobody else writes that */
			continue;
		store_relaxed(word, new & ~SLOT_NEW);
		if (n < more) {
			empty_slot(lab, client, which, slot);
			continue;
		}
		tree_give(&pool->have, slot);
		add_seq(&client->guarantee[which], 1); /* after the slot is there; partner: client_charge() */
	}
	room_lower(contract_room(lab, client), raised);
	return n;
}

uint32_t contract_shrink(struct labyrinth *lab, struct lab_client *client, unsigned int which, uint32_t fewer)
{
	struct lab_pool *pool = &client->pool[which];
	lab_word proof;
	uint32_t n;

	for (n = 0; n < fewer; n++) {
		unsigned int tries = 0;
		lab_bit slot;

		add_seq(&client->guarantee[which], (uint32_t)-1); /* before a slot goes; partner: client_charge() */
		slot = take_slot(&pool->lack, &tries, &proof);
		if (slot != LAB_NO_BIT) {
			store_relaxed(pool_slot(pool, slot), (lab_word)0); /* absent: in our hand for good */
			continue;
		}
		slot = take_slot(&pool->have, &tries, &proof);
		if (slot == LAB_NO_BIT) { /* all in the hands of callers */
			add_seq(&client->guarantee[which], 1);
			break;
		}
		empty_slot(lab, client, which, slot);
	}
	return n;
}

/* ---- looks ---- */

static bool slot_in(const struct lab_tree *tree, lab_bit slot)
{
	return !(load_relaxed(tree_word(tree, slot)) >> slot % LAB_WORD_BITS & 1);
}

uint32_t contract_count(const struct lab_client *client, unsigned int which)
{
	return (uint32_t)pool_count(&client->pool[which]);
}

bool contract_holds(const struct labyrinth *lab, unsigned int owner, unsigned int which, lab_bit *bit)
{
	const struct lab_client *client = labyrinth_client(lab, owner);
	const struct lab_pool *pool = &client->pool[which];
	uint32_t present = 0;
	lab_word leaf;
	lab_bit slot;

	*bit = 0;
	for (slot = 0; slot < pool->slots; slot++) {
		bool has = slot_in(&pool->have, slot), lacks = slot_in(&pool->lack, slot);
		lab_word word = load_relaxed(pool_slot(pool, slot)), tag;

		if (!word && !has && !lacks)
			continue;
		present++;
		*bit = word - 1;
		if (!word || has == lacks)
			return false;
		if (!has)
			continue;
		if (client->room < 0 || *bit >= contract_room(lab, client)->commons.bits || slot_in(&contract_room(lab, client)->commons, *bit))
			return false;
		tag = load_relaxed(&room_page(contract_room(lab, client), *bit)->tag);
		if (tag != tag_kept(tag, contract_order(client, which), owner))
			return false;
	}
	return present == load_relaxed(&client->guarantee[which]) && tree_holds(&pool->have, &leaf) == LAB_RULE_NONE &&
	       tree_holds(&pool->lack, &leaf) == LAB_RULE_NONE;
}
