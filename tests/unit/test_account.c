/* SPDX-License-Identifier: MIT */
/*
 * test_account.c - the audit's look at clients: each thing that can be wrong with a contract or a charge, made wrong.
 */
#include "../support/clients.h"

static unsigned int owner;
static struct lab_client *client;
static struct lab_pool *pool;

static int furnished(void **state)
{
	struct lab_client_spec spec = client_spec(4, LAB_UNLIMITED);

	setup(state);
	owner = opened(&spec);
	client = labyrinth_client(lab, owner);
	pool = &client->pool[0];
	asked(owner, 0, 0, LAB_FROM_CONTRACT);
	assert_whole(lab);
	return 0;
}

static void broken(void)
{
	struct lab_audit audit;

	assert_int_equal(lab_audit(lab, true, &audit), -LAB_EINVAL);
	assert_int_equal(audit.broken, LAB_RULE_CLIENT);
}

static lab_word *tree_bits(struct lab_tree *tree, lab_bit slot)
{
	return tree_word(tree, slot);
}

/* A slot that holds a page. */
static lab_bit full_slot(void)
{
	lab_bit slot = 0;

	while (*tree_bits(&pool->have, slot) >> slot % LAB_WORD_BITS & 1)
		slot++;
	return slot;
}

static void charges(void **state)
{
	(void)state;
	client->charge++;
	broken();
	client->charge -= 2; /* nothing, but a page is out */
	broken();
	client->charge++;
	client->debt = 1;
	assert_whole(lab);
	client->debt = 0;
	client->guarantee[0]++;
	broken();
	client->guarantee[0]--;
	assert_whole(lab);
}

static void slots(void **state)
{
	lab_bit slot = full_slot();
	lab_word word = *pool_slot(pool, slot), bit = (lab_word)1 << slot % LAB_WORD_BITS;
	lab_bit empty;
	lab_word was;
	int16_t room = client->room;

	(void)state;
	*pool_slot(pool, slot) = 0; /* absent, and in a tree */
	broken();
	*pool_slot(pool, slot) = word;
	for (empty = 0; *tree_bits(&pool->lack, empty) >> empty % LAB_WORD_BITS & 1;)
		empty++;
	was = *pool_slot(pool, empty);
	*pool_slot(pool, empty) = 0; /* the same of the other tree */
	broken();
	*pool_slot(pool, empty) = was;
	*tree_bits(&pool->lack, slot) ^= bit; /* in both */
	broken();
	*tree_bits(&pool->lack, slot) ^= bit;
	*tree_bits(&pool->have, slot) ^= bit; /* in none */
	broken();
	*tree_bits(&pool->have, slot) ^= bit;
	*pool_slot(pool, slot) = (lab_word)1 << 24; /* no such frame */
	broken();
	*pool_slot(pool, slot) = word + 2000; /* a free one */
	broken();
	*pool_slot(pool, slot) = word;
	client->room = -1;
	broken();
	client->room = room;
	assert_whole(lab);
}

static void pages(void **state)
{
	lab_word *tag = &room_page(labyrinth_room(lab, (unsigned int)client->room), *pool_slot(pool, full_slot()) - 1)->tag, was = *tag;

	(void)state;
	*tag = tag_kept(was, 0, owner == lab->client_first ? owner + 1 : owner - 1); /* another's */
	broken();
	*tag = tag_become(was, LAB_OWNED) | (lab_word)owner << LAB_TAG_OWNER_SHIFT;
	broken();
	*tag = was;
	assert_false(tag_holds(LAB_KEPT | (lab_word)15 << LAB_TAG_ORDER_SHIFT));
	assert_whole(lab);
}

static void listings(void **state)
{
	struct lab_client_spec spec = client_spec(4, 0);

	(void)state;
	client->root[0][0].word ^= 1; /* not listed, though it has pages */
	broken();
	client->root[0][0].word ^= 1;
	client->root[0][1].word ^= 1;
	broken();
	client->root[0][1].word ^= 1;
	assert_whole(lab);
	/* A page of a client that is closed: only the sum of all tells. */
	owner = opened(&spec);
	assert_int_equal(lab_client_close(lab, owner, NULL), 0);
	client = labyrinth_client(lab, owner);
	lab_frame_page(lab, 4096 + 4000)->tag = LAB_OWNED | (lab_word)owner << LAB_TAG_OWNER_SHIFT;
	*tree_word(&labyrinth_room(lab, 1)->commons, 4000) |= (lab_word)1 << 4000 % LAB_WORD_BITS;
	broken();
	lab_frame_page(lab, 4096 + 4000)->tag = LAB_KEPT | (lab_word)owner << LAB_TAG_OWNER_SHIFT;
	broken();
	lab_frame_page(lab, 4096 + 4000)->tag = LAB_FREE;
	*tree_word(&labyrinth_room(lab, 1)->commons, 4000) &= ~((lab_word)1 << 4000 % LAB_WORD_BITS);
	assert_whole(lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(charges, furnished, teardown),
		cmocka_unit_test_setup_teardown(slots, furnished, teardown),
		cmocka_unit_test_setup_teardown(pages, furnished, teardown),
		cmocka_unit_test_setup_teardown(listings, furnished, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
