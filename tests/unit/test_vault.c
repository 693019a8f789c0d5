/* SPDX-License-Identifier: MIT */
/*
 * test_vault.c - exclusive pages: overwritten before anybody else has them, looked at before they are given again, quarantined,
 * laundered, shared, and all of them overwritten at once.
 */
#include <pthread.h>

#include "exit.h"
#include "shred.h"
#include "../support/vault.h"

/* ---- another machine ---- */

/* The core asks for its fill kernel here (by --wrap): on a plain machine there is the portable one only. */
static bool plain_machine;
const struct lab_fill *__real_fill_best(void);
const struct lab_fill *__wrap_fill_best(void);
const struct lab_fill *__wrap_fill_best(void)
{
	return plain_machine ? fill_nth_of(0, 0) : __real_fill_best();
}

/* ---- birth ---- */

static void refused(const char *part)
{
	const char *why = NULL;
	struct labyrinth *lab;
	size_t bytes = (size_t)4 << 20;
	void *metadata = zeroed(bytes);
	int which;

	assert_int_equal(lab_birth(&world.spec, metadata, bytes, &lab, &which, &why), -LAB_EINVAL);
	assert_non_null(strstr(why, part));
	free(metadata);
}

/* Change one thing, see it refused, and back. */
#define REFUSED(member, value, part)                                                                         \
	do {                                                                                                 \
		__typeof__(member) saved = (member);                                                         \
		(member) = (value);                                                                          \
		refused(part);                                                                               \
		(member) = saved;                                                                            \
	} while (0)

static void refused_specifications(void **state)
{
	struct lab_room_spec *room = &world.rooms[VAULT];

	(void)state;
	describe(&(struct lab_vault){ 0 });
	REFUSED(room->zone, LAB_ZONE_NORMAL, "room of one's own");
	REFUSED(room->zeroed, 10, "room of one's own");
	REFUSED(room->min, 1, "room of one's own");
	REFUSED(room->low, 1, "room of one's own");
	REFUSED(room->high, 1, "room of one's own");
	REFUSED(room->lowmem_reserve[2], 10, "room of one's own");
	REFUSED(world.vault.stride, 3, "no such vault");
	REFUSED(world.vault.shred, (enum lab_shred)2, "no such vault");
	REFUSED(world.vault.guarantees, 256, "no such vault");
	REFUSED(world.vault.quarantine, FRAMES, "quarantine");
	REFUSED(world.vault.quarantine, 65537, "quarantine");
	REFUSED(room->memory, NULL, "without memory or keys");
	REFUSED(world.spec.keys, NULL, "without memory or keys");
	REFUSED(world.spec.seed, NULL, "keys without a seed");
	REFUSED(world.spec.keys, world.keys + 8, "keys without a seed");
	REFUSED(world.spec.processes, 2, "one process's");
	room->vault = NULL;
	REFUSED(world.spec.processes, 2, "several processes");
	free(world.memory);
	free(world.ordinary);
	free(world.keys);
}

static void refused_on_32_bits(void **state)
{
	(void)state;
	describe(&(struct lab_vault){ 0 });
	refused("a vault needs tags of 64 bits");
	free(world.memory);
	free(world.ordinary);
	free(world.keys);
}

/* A machine with the portable kernel only: nothing is promised that it cannot do, and all the rest works. */
static void on_a_plain_machine(void **state)
{
	static char before[4096];
	struct lab_page *page;

	(void)state;
	memset(before, MARK, 4096);
	plain_machine = true;
	describe(&(struct lab_vault){ 0 });
	REFUSED(world.vault.ram, true, "no way past the caches");
	world.lab = born(&world.spec);
	world.room = labyrinth_room(world.lab, VAULT);
	assert_int_equal(lab_room_guarantees(world.lab, VAULT), LAB_SHREDDED);
	page = take(5);
	memset(contents(page), MARK, 4096);
	give(page, 5);
	assert_int_equal(equal_words(contents(page), before), 0);
	give(take(5), 5);
	assert_int_equal(how_often(LAB_COUNT_CORRUPT), 0); /* its digest is that of what it wrote */
	contents(page)[4000] ^= 1;
	give(take(5), 5);
	assert_int_equal(how_often(LAB_COUNT_CORRUPT), 1);
	end();
	plain_machine = false;
}

static void the_seed_is_wiped(void **state)
{
	static const uint8_t none[32];

	(void)state;
	begin(&(struct lab_vault){ .guarantees = LAB_LOCKED | LAB_SHREDDED_RAM });
	assert_memory_equal(world.seed, none, sizeof(none));
	assert_int_equal(lab_room_guarantees(world.lab, VAULT), LAB_LOCKED | LAB_SHREDDED);
	assert_int_equal(lab_room_guarantees(world.lab, ORDINARY), 0);
	assert_int_equal(lab_room_guarantees(world.lab, 2), 0);
	memset(world.seed, 9, sizeof(world.seed));
	lab_vault_seed(world.lab, world.seed);
	assert_memory_equal(world.seed, none, sizeof(none));
	end();
}

/* ---- out ---- */

static void one_page(bool zeros, bool ram)
{
	static uint64_t before[512], zero[512];
	struct lab_page *page;
	unsigned int i;

	begin(&(struct lab_vault){ .shred = zeros ? LAB_SHRED_ZERO : LAB_SHRED_RANDOM, .ram = ram });
	for (i = 0; i < 200; i++) {
		page = take(0);
		assert_int_equal(info_of(page).owner, LAB_OWNER_EXCLUSIVE);
		assert_int_equal(info_of(page).sharers, 1);
		assert_int_equal(equal_words(contents(page), before), i && !zeros ? 512 : equal_words(contents(page), before));
		memset(contents(page), MARK, 4096);
		memcpy(before, contents(page), 4096);
		assert_int_equal(lab_free_pages(world.lab, page, 0), -LAB_EPERM);
		assert_memory_equal(contents(page), before, 4096);
		give(page, LAB_OWNER_EXCLUSIVE);
		assert_int_equal(lab_free_as(world.lab, page, 0, LAB_OWNER_EXCLUSIVE, 0), -LAB_EALREADY);
		assert_int_equal(equal_words(contents(page), before), 0);
		assert_int_equal(equal_words(contents(page), zero), zeros ? 512 : 0);
		memcpy(before, contents(page), 4096);
	}
	assert_int_equal(lab_room_guarantees(world.lab, VAULT), LAB_SHREDDED | (ram ? LAB_SHREDDED_RAM : 0));
	end();
}

static void overwritten(void **state)
{
	(void)state;
	one_page(false, false);
	one_page(false, true);
	one_page(true, false);
	one_page(true, true);
}

static void requests(void **state)
{
	struct lab_request request = LAB_REQUEST(LAB_GFP_ATOMIC, 1);
	struct lab_page *page;
	unsigned int i;

	(void)state;
	begin(&(struct lab_vault){ 0 });
	request.room = VAULT;
	assert_int_equal(lab_ptr_err(lab_alloc_request(world.lab, &request, NULL)), -LAB_EINVAL);
	assert_int_equal(lab_ptr_err(lab_alloc_at(world.lab, 4, &request)), -LAB_EINVAL);
	request.room = LAB_ROOM_ROUTE; /* by the frame's number alone */
	assert_int_equal(lab_ptr_err(lab_alloc_at(world.lab, 4, &request)), -LAB_EINVAL);
	request.room = VAULT;
	request.order = 0;
	page = lab_alloc_at(world.lab, 4, &request);
	assert_int_equal(lab_page_frame(world.lab, page), 4);
	give(page, LAB_OWNER_EXCLUSIVE);
	page = ask(7, LAB_GFP_ATOMIC | LAB_ZERO);
	for (i = 0; i < 4096; i++)
		assert_int_equal(contents(page)[i], 0);
	assert_int_equal(lab_free_as(world.lab, page, 0, LAB_OWNER_EXCLUSIVE, 0), -LAB_EPERM);
	assert_int_equal(lab_free_as(world.lab, page, 1, 7, 0), -LAB_EMSGSIZE);
	give(page, 7);
	/* Nobody's requests do not come here. */
	for (i = 0; i < 512; i++)
		assert_int_equal(info_of(alloc_ok(world.lab, LAB_GFP_ATOMIC, 0)).room, ORDINARY);
	assert_int_equal(lab_ptr_err(lab_alloc_pages(world.lab, LAB_GFP_ATOMIC, 0)), -LAB_ENOMEM);
	end();
}

/* A page each owner, every other address a guard. */
static void guarded(void **state)
{
	struct lab_page *page, *other;
	char *address;

	(void)state;
	begin(&(struct lab_vault){ .stride = 2 });
	page = take(3);
	address = lab_page_address(world.lab, page);
	assert_ptr_equal(address, world.memory + 8192 * lab_page_frame(world.lab, page));
	assert_ptr_equal(lab_address_page(world.lab, address), page);
	assert_ptr_equal(lab_address_page(world.lab, address + 4095), page);
	assert_null(lab_address_page(world.lab, address + 4096));
	assert_int_equal(lab_free(world.lab, address + 4096, 0), -LAB_ERANGE);
	assert_int_equal(lab_free(world.lab, address, 0), -LAB_EPERM);
	other = take(3);
	assert_ptr_not_equal(lab_page_address(world.lab, other), address);
	give(other, 3);
	give(page, 3);
	end();
}

/* ---- in ---- */

static void noticed(void **state)
{
	struct lab_intrusion list[20];
	struct lab_page *page, *other;
	unsigned int i, bit;

	(void)state;
	begin(&(struct lab_vault){ 0 });
	for (i = 0; i < 40; i++) {
		page = take(5);
		give(page, 5);
		bit = i * 811 % 32768;
		contents(page)[bit / 8] ^= (char)(1 << bit % 8);
		other = take(5);
		assert_ptr_not_equal(other, page);
		assert_int_equal(info_of(page).state, LAB_OFFLINE);
		assert_int_equal(how_often(LAB_COUNT_CORRUPT), i + 1);
		give(other, 5);
		assert_int_equal(lab_intrusions(world.lab, VAULT, list, 20), i < 15 ? i + 1 : 16);
		assert_int_equal(list[0].frame, lab_page_frame(world.lab, page));
		assert_int_equal(list[0].owner, 5);
		assert_int_equal(list[0].generation, info_of(page).generation);
		assert_true(list[0].expected != list[0].found);
	}
	assert_int_equal(lab_intrusions(world.lab, ORDINARY, list, 20), 0);
	assert_int_equal(lab_intrusions(world.lab, 9, list, 20), 0);
	/* Back in service it is overwritten first. */
	assert_int_equal(lab_frame_online(world.lab, lab_page_frame(world.lab, page)), 0);
	while (!lab_is_err(other = ask(5, LAB_GFP_ATOMIC)))
		;
	assert_int_equal(lab_ptr_err(other), -LAB_ENOMEM);
	assert_int_equal(how_often(LAB_COUNT_CORRUPT), 40);
	assert_int_equal(info_of(page).state, LAB_OWNED);
	end();
}

static void at_a_frame(void **state)
{
	struct lab_request request = LAB_REQUEST(LAB_GFP_ATOMIC, 0);

	(void)state;
	begin(&(struct lab_vault){ 0 });
	world.memory[4096 * 9 + 17] ^= 4;
	assert_int_equal(lab_ptr_err(lab_alloc_at(world.lab, 9, &request)), -LAB_EHWPOISON);
	assert_int_equal(lab_ptr_err(lab_alloc_at(world.lab, 9, &request)), -LAB_EHWPOISON);
	assert_int_equal(how_often(LAB_COUNT_CORRUPT), 1);
	end();
}

static void unnoticed(void **state)
{
	struct lab_page *page;

	(void)state;
	begin(&(struct lab_vault){ .unnoticed = true });
	page = take(5);
	give(page, 5);
	contents(page)[100] ^= 1;
	assert_ptr_equal(take(5), page);
	assert_int_equal(how_often(LAB_COUNT_CORRUPT), 0);
	give(page, 5);
	end();
}

/* More frames written to than one request puts up with. */
static void many_noticed(void **state)
{
	struct lab_page *page;
	unsigned int i;

	(void)state;
	begin(&(struct lab_vault){ 0 });
	for (i = 0; i < FRAMES; i++)
		world.memory[4096 * i + i] ^= 1;
	for (i = 0; i < FRAMES / 16; i++)
		assert_int_equal(lab_ptr_err(ask(5, LAB_GFP_ATOMIC)), -LAB_EAGAIN);
	page = ask(5, LAB_GFP_ATOMIC);
	assert_int_equal(lab_ptr_err(page), -LAB_ENOMEM);
	assert_int_equal(how_often(LAB_COUNT_CORRUPT), FRAMES);
	end();
}

/* ---- quarantine, laundry ---- */

static void quarantined(void **state)
{
	struct lab_page *first, *page;
	struct lab_audit audit;
	unsigned int i;

	(void)state;
	begin(&(struct lab_vault){ .quarantine = 50 });
	assert_int_equal(lab_audit(world.lab, true, &audit), 0);
	assert_int_equal(audit.shredding, 50);
	assert_int_equal(free_frames(world.lab, VAULT), FRAMES - 50);
	first = take(5);
	give(first, 5);
	for (i = 1; i < 50; i++) {
		assert_int_equal(info_of(first).state, LAB_SHREDDING);
		page = take(5);
		assert_ptr_not_equal(page, first);
		give(page, 5);
	}
	give(take(5), 5);
	assert_int_equal(info_of(first).state, LAB_FREE);
	assert_int_equal(free_frames(world.lab, VAULT), FRAMES - 50);
	/* Written to late, and noticed when it comes out. */
	page = take(5);
	give(page, 5);
	contents(page)[4095] ^= 0x40;
	for (i = 0; i < 50; i++)
		give(take(5), 5);
	assert_int_equal(how_often(LAB_COUNT_CORRUPT), 1);
	assert_int_equal(info_of(page).state, LAB_OFFLINE);
	assert_int_equal(free_frames(world.lab, VAULT), FRAMES - 51);
	end();
}

static bool in_quarantine(uint64_t frame)
{
	return info_of(lab_frame_page(world.lab, frame)).state == LAB_SHREDDING;
}

/* The last frames that there are: holes are nobody's, and stand in no quarantine. */
static void quarantined_beside_holes(void **state)
{
	const struct lab_hole holes[] = { { .first_frame = FRAMES - 7, .frames = 2 }, { .first_frame = FRAMES - 4, .frames = 4 } };
	struct lab_audit audit;
	struct lab_page *page;
	unsigned int i, n = 0;

	(void)state;
	describe(&(struct lab_vault){ .quarantine = 3 });
	world.rooms[VAULT].holes = holes;
	world.rooms[VAULT].hole_count = 2;
	world.lab = born(&world.spec);
	world.room = labyrinth_room(world.lab, VAULT);
	assert_int_equal(lab_audit(world.lab, true, &audit), 0);
	assert_int_equal(audit.shredding, 3);
	assert_true(in_quarantine(FRAMES - 5) && in_quarantine(FRAMES - 8) && in_quarantine(FRAMES - 9));
	/* All of them come out in their turn, and no hole does. */
	while (!lab_is_err(page = ask(5, LAB_GFP_ATOMIC)))
		n++;
	assert_int_equal(n, FRAMES - 6 - 3);
	for (i = 0; i < 3; i++) {
		give(lab_frame_page(world.lab, i), 5);
		page = take(5);
		assert_in_range(lab_page_frame(world.lab, page), FRAMES - 9, FRAMES - 5);
	}
	assert_int_equal(how_often(LAB_COUNT_CORRUPT), 0);
	end();
}

/* What is in quarantine is nobody's: a room of nothing else is empty. */
static void quarantined_out_of_service(void **state)
{
	struct lab_page *page;

	(void)state;
	begin(&(struct lab_vault){ .quarantine = 20 });
	page = take(5);
	assert_int_equal(lab_room_offline(world.lab, VAULT), 1);
	give(page, 5);
	assert_int_equal(info_of(page).state, LAB_SHREDDING);
	assert_int_equal(lab_room_offline(world.lab, VAULT), 0);
	assert_int_equal(lab_ptr_err(ask(5, LAB_GFP_ATOMIC)), -LAB_ENOMEM);
	assert_int_equal(lab_room_online(world.lab, VAULT), 0);
	give(take(5), 5);
	end();
}

static void laundered(void **state)
{
	static char before[4096];
	struct lab_page *page;
	unsigned int i;

	(void)state;
	begin(&(struct lab_vault){ .deferred = true });
	for (i = 0; i < FRAMES; i++)
		memset(contents(take(6)), MARK, 4096);
	memset(before, MARK, 4096);
	assert_int_equal(lab_ptr_err(ask(6, LAB_GFP_ATOMIC)), -LAB_ENOMEM);
	for (i = 0; i < FRAMES; i++) {
		page = lab_frame_page(world.lab, i);
		give(page, 6);
		assert_memory_equal(contents(page), before, 4096);
		assert_int_equal(lab_free_as(world.lab, page, 0, 6, 0), -LAB_EALREADY);
	}
	assert_int_equal(lab_ptr_err(ask(6, LAB_GFP_ATOMIC)), -LAB_ENOMEM); /* nothing has been overwritten */
	assert_whole(world.lab);
	assert_int_equal(lab_launder(world.lab, ORDINARY, 10), 0);
	assert_int_equal(lab_launder(world.lab, 9, 10), 0);
	assert_int_equal(lab_launder(world.lab, VAULT, 10), 10);
	assert_int_equal(free_frames(world.lab, VAULT), 10);
	assert_int_equal(lab_launder(world.lab, VAULT, UINT32_MAX), FRAMES - 10);
	assert_int_equal(lab_launder(world.lab, VAULT, UINT32_MAX), 0);
	for (i = 0; i < FRAMES; i++)
		assert_int_equal(equal_words(contents(lab_frame_page(world.lab, i)), before), 0);
	assert_int_equal(free_frames(world.lab, VAULT), FRAMES);
	end();
}

/* ---- clients ---- */

static void contracts(void **state)
{
	static char before[4096];
	struct lab_page *page[20];
	struct lab_ref ref;
	unsigned int one, two, i, round;

	(void)state;
	begin(&(struct lab_vault){ .quarantine = 7 });
	one = client_with(5, 10);
	two = client_with(0, 3);
	memset(before, MARK, 4096);
	for (round = 0; round < 30; round++) {
		for (i = 0; i < 10; i++) {
			page[i] = take(one);
			memset(contents(page[i]), MARK, 4096);
		}
		assert_int_equal(lab_ptr_err(ask(one, LAB_GFP_ATOMIC)), -LAB_EDQUOT);
		assert_int_equal(lab_page_ref(world.lab, page[1], &ref), 0);
		assert_int_equal(lab_page_share(world.lab, ref), 2);
		assert_whole(world.lab); /* the client's page still */
		assert_int_equal(lab_page_unshare(world.lab, ref), 1);
		assert_int_equal(lab_page_hand_over(world.lab, page[0], 0, one, two), 0);
		assert_memory_equal(contents(page[0]), before, 4096);
		assert_int_equal(lab_free_as(world.lab, page[0], 0, one, 0), -LAB_EPERM);
		give(page[0], two);
		for (i = 1; i < 10; i++)
			give(page[i], one);
		for (i = 0; i < 10; i++)
			assert_int_equal(equal_words(contents(page[i]), before), 0);
		assert_whole(world.lab);
	}
	/* A page of the contract is written to while it is free: the contract gets another. */
	page[0] = take(one);
	give(page[0], one);
	for (i = 0; i < FRAMES; i++)
		if (info_of(lab_frame_page(world.lab, i)).state == LAB_KEPT) {
			world.memory[4096 * i] ^= 1;
			break;
		}
	for (i = 0; how_often(LAB_COUNT_CORRUPT) == 0; i++)
		page[i] = take(one);
	assert_whole(world.lab);
	while (!lab_is_err(ask(6, LAB_GFP_ATOMIC))) /* with nothing left beside it, the contract is whole */
		;
	for (; i < 5; i++)
		page[i] = take(one);
	for (i = 0; i < 5; i++)
		give(page[i], one);
	assert_int_equal(lab_client_close(world.lab, one, NULL), 0);
	assert_int_equal(lab_client_close(world.lab, two, NULL), 0);
	end();
}

static void laundered_clients(void **state)
{
	struct lab_page *page[2];
	unsigned int one;

	(void)state;
	begin(&(struct lab_vault){ .deferred = true });
	one = client_with(2, 2);
	page[0] = take(one);
	page[1] = take(one);
	give(page[0], one);
	assert_int_equal(lab_ptr_err(ask(one, LAB_GFP_ATOMIC)), -LAB_EDQUOT); /* it counts still */
	assert_int_equal(lab_client_close(world.lab, one, NULL), -LAB_EBUSY);
	assert_whole(world.lab);
	assert_int_equal(lab_launder(world.lab, VAULT, 5), 1);
	page[0] = take(one);
	assert_int_equal(lab_frame_offline(world.lab, lab_page_frame(world.lab, page[0])), -LAB_EBUSY); /* marked */
	give(page[0], one);
	assert_int_equal(lab_launder(world.lab, VAULT, 5), 1);
	assert_int_equal(info_of(page[0]).state, LAB_OFFLINE);
	page[0] = take(one); /* its contract has got another */
	give(page[0], one);
	give(page[1], one);
	assert_int_equal(lab_launder(world.lab, VAULT, 5), 2);
	assert_int_equal(lab_client_close(world.lab, one, NULL), 0);
	end();
}

/* What waits to be overwritten stands in the way of a close, and is named; with it gone, and no sooner, the client is. */
static void closed_before_the_laundry(void **state)
{
	struct lab_client_out out;
	struct lab_page *page;
	unsigned int one;

	(void)state;
	begin(&(struct lab_vault){ .deferred = true });
	one = client_with(3, 3);
	page = take(one);
	give(page, one);
	assert_int_equal(lab_client_close(world.lab, one, &out), -LAB_EBUSY);
	assert_int_equal(out.frames, 1); /* not the two that are kept for it */
	assert_int_equal(out.named, 1);
	assert_int_equal(out.frame[0], lab_page_frame(world.lab, page));
	assert_int_equal(lab_launder(world.lab, VAULT, 1), 1);
	assert_int_equal(lab_client_close(world.lab, one, &out), 0);
	assert_int_equal(out.frames, 0);
	assert_int_equal(free_frames(world.lab, VAULT), FRAMES);
	end();
}

/* What a client offers stays its own: as it is. */
static void offered(void **state)
{
	struct lab_page *page, *again;
	struct lab_ref ref;
	unsigned int one;

	(void)state;
	begin(&(struct lab_vault){ 0 });
	one = client_with(0, 1);
	page = take(one);
	memset(contents(page), MARK, 4096);
	assert_int_equal(lab_page_ref(world.lab, page, &ref), 0);
	assert_int_equal(lab_page_offer(world.lab, page, one), 0);
	assert_int_equal(lab_page_share(world.lab, ref), -LAB_EALREADY);
	again = ask(one, LAB_GFP_ATOMIC | LAB_EXTRA_QUALITY);
	assert_ptr_equal(again, page);
	assert_int_equal(how_often(LAB_COUNT_CORRUPT), 0);
	give(page, one);
	assert_int_equal(lab_client_close(world.lab, one, NULL), 0);
	end();
}

/* What the audit says of a vault's laundry and quarantine. */
static void audited(void **state)
{
	struct lab_strongroom *vault;
	struct lab_audit audit;
	lab_word saved, bit;

	(void)state;
	begin(&(struct lab_vault){ .quarantine = 3 });
	vault = vault_of(world.room);
	bit = (lab_bit)(take(5) - room_page(world.room, 0));
	tree_give(&vault->laundry, bit);
	assert_int_equal(lab_audit(world.lab, true, &audit), -LAB_EINVAL);
	assert_int_equal(audit.broken, LAB_RULE_VAULT);
	assert_int_equal(audit.frame, world.room->first_frame + bit);
	assert_int_equal(lab_audit(world.lab, false, &audit), 0); /* beside callers it might be about to be right */
	assert_true(tree_take_at(&vault->laundry, bit));
	saved = *vault_slot(vault, 1);
	*vault_slot(vault, 1) = bit;
	assert_int_equal(lab_audit(world.lab, true, &audit), -LAB_EINVAL);
	assert_int_equal(audit.broken, LAB_RULE_VAULT);
	*vault_slot(vault, 1) = FRAMES + world.room->lead;
	assert_int_equal(lab_audit(world.lab, true, &audit), -LAB_EINVAL);
	*vault_slot(vault, 1) = saved;
	assert_int_equal(lab_audit(world.lab, true, &audit), 0);
	assert_int_equal(audit.shredding, 3);
	end();
}

/* Frames twice in the quarantine and others not at all, though their numbers have the same sum. */
static void audited_by_squares(void **state)
{
	struct lab_strongroom *vault;
	struct lab_audit audit;
	lab_word first, last;

	(void)state;
	begin(&(struct lab_vault){ .quarantine = 3 });
	vault = vault_of(world.room);
	first = *vault_slot(vault, 0);
	last = *vault_slot(vault, 2);
	assert_int_equal(first + last, 2 * *vault_slot(vault, 1));
	*vault_slot(vault, 0) = *vault_slot(vault, 2) = *vault_slot(vault, 1);
	assert_int_equal(lab_audit(world.lab, true, &audit), -LAB_EINVAL);
	assert_int_equal(audit.broken, LAB_RULE_VAULT);
	*vault_slot(vault, 0) = last; /* the same frames, in another order */
	*vault_slot(vault, 2) = first;
	assert_int_equal(lab_audit(world.lab, true, &audit), 0);
	end();
}

/* ---- sharing ---- */

static void shared(void **state)
{
	struct lab_page *page;
	struct lab_ref ref, stale;
	unsigned int i;

	(void)state;
	begin(&(struct lab_vault){ 0 });
	page = take(5);
	assert_int_equal(lab_page_ref(world.lab, page, &ref), 0);
	stale = ref;
	assert_int_equal(lab_page_unshare(world.lab, ref), -LAB_EALREADY);
	for (i = 2; i <= 17; i++) {
		assert_int_equal(lab_page_share(world.lab, ref), i);
		assert_int_equal(info_of(page).sharers, i);
		assert_int_equal(info_of(page).state, LAB_SHARED);
		assert_int_equal(info_of(page).owner, 5);
		assert_int_equal(info_of(page).order, 0);
		assert_int_equal(lab_free_as(world.lab, page, 0, 5, 0), -LAB_EBUSY);
		assert_int_equal(lab_free_as(world.lab, page, 0, 6, 0), -LAB_EPERM);
		assert_int_equal(lab_free_ref(world.lab, ref, 0, 5), -LAB_EBUSY);
		assert_int_equal(lab_page_hand_over(world.lab, page, 0, 5, 6), -LAB_EBUSY);
		assert_whole(world.lab);
	}
	assert_int_equal(how_often(LAB_COUNT_SHARED), 16 * 3);
	assert_int_equal(lab_page_share(world.lab, ref), -LAB_EOVERFLOW);
	assert_int_equal(lab_page_ref(world.lab, page, &stale), 0);
	assert_int_equal(stale.generation, ref.generation);
	stale.generation--;
	assert_int_equal(lab_free_ref(world.lab, stale, 0, 5), -LAB_ESTALE);
	stale.generation++;
	assert_int_equal(lab_frame_offline(world.lab, ref.frame), -LAB_EBUSY); /* marked */
	for (i = 16; i >= 1; i--)
		assert_int_equal(lab_page_unshare(world.lab, ref), i);
	assert_int_equal(info_of(page).state, LAB_OWNED);
	assert_int_equal(lab_page_hand_over(world.lab, page, 0, 5, 6), 0);
	assert_int_equal(lab_page_share(world.lab, ref), -LAB_ESTALE);
	give(page, 6);
	assert_int_equal(lab_page_share(world.lab, stale), -LAB_ESTALE);
	assert_int_equal(info_of(page).state, LAB_OFFLINE);
	ref.frame = 1 << 20;
	assert_int_equal(lab_page_share(world.lab, ref), -LAB_ERANGE);
	page = alloc_ok(world.lab, LAB_GFP_ATOMIC, 0);
	assert_int_equal(lab_page_ref(world.lab, page, &ref), 0);
	assert_int_equal(lab_page_share(world.lab, ref), -LAB_ENOTSUP);
	end();
}

/* By what cause a shared page is refused: another's first, then an old handle, then that others have it. */
static void shared_refusals(void **state)
{
	const struct exit_claim claim = { .match = exit_match(0, 5) };
	struct lab_page *page;
	struct lab_ref ref;
	lab_bit bit;

	(void)state;
	begin(&(struct lab_vault){ 0 });
	page = take(5);
	bit = (lab_bit)(page - room_page(world.room, 0));
	assert_int_equal(lab_page_ref(world.lab, page, &ref), 0);
	assert_int_equal(lab_page_share(world.lab, ref), 2);
	assert_int_equal(lab_free_ref(world.lab, ref, 0, 6), -LAB_EPERM);
	assert_int_equal(lab_free_pages(world.lab, page, 0), -LAB_EPERM);
	assert_int_equal(how_often(LAB_COUNT_FOREIGN), 2);
	ref.generation--;
	assert_int_equal(lab_free_ref(world.lab, ref, 0, 5), -LAB_ESTALE);
	assert_int_equal(lab_free_ref(world.lab, ref, 0, 6), -LAB_ESTALE);
	ref.generation++;
	assert_int_equal(how_often(LAB_COUNT_SHARED), 0);
	assert_int_equal(lab_split(world.lab, page, 0), -LAB_EBUSY); /* whoever splits it */
	/* Freed by its owner, and shared between that call's two looks. */
	assert_int_equal(exit_refusal(world.lab, world.room, bit, &claim), -LAB_EBUSY);
	assert_int_equal(how_often(LAB_COUNT_SHARED), 2);
	assert_int_equal(lab_page_unshare(world.lab, ref), 1);
	give(page, 5);
	end();
}

/* ---- now, and all at once ---- */

static void shred_now(void **state)
{
	static char before[4096];
	struct lab_page *page;

	(void)state;
	begin(&(struct lab_vault){ 0 });
	page = take(5);
	memset(before, MARK, 4096);
	memset(contents(page), MARK, 4096);
	assert_int_equal(lab_shred_now(world.lab, page, 6), -LAB_EPERM);
	assert_int_equal(lab_shred_now(world.lab, page, LAB_OWNER_MAX + 1), -LAB_EPERM);
	assert_int_equal(lab_shred_now(world.lab, NULL, 5), -LAB_ERANGE);
	assert_memory_equal(contents(page), before, 4096);
	assert_int_equal(lab_shred_now(world.lab, page, 5), 0);
	assert_int_equal(equal_words(contents(page), before), 0);
	give(page, 5);
	assert_int_equal(lab_shred_now(world.lab, page, 5), -LAB_EALREADY);
	assert_int_equal(lab_shred_now(world.lab, alloc_ok(world.lab, LAB_GFP_ATOMIC, 0), 0), -LAB_ENOTSUP);
	end();
}

static void *panic(void *done)
{
	*(uint64_t *)done = lab_panic_shred(world.lab);
	return NULL;
}

static void panicked(void **state)
{
	static char before[4096];
	uint64_t done[3];
	pthread_t thread[3];
	unsigned int i;

	(void)state;
	begin(&(struct lab_vault){ .quarantine = 3 });
	memset(before, MARK, 4096);
	for (i = 0; i < FRAMES - 3; i++)
		memset(contents(take(5)), MARK, 4096);
	memset(lab_page_address(world.lab, alloc_ok(world.lab, LAB_GFP_ATOMIC, 0)), MARK, 4096);
	for (i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, panic, &done[i]), 0);
	for (i = 0; i < 3; i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	assert_int_equal(done[0] + done[1] + done[2], FRAMES);
	for (i = 0; i < FRAMES; i++)
		assert_int_equal(equal_words(world.memory + 4096 * i, before), 0);
	assert_int_equal(lab_panic_shred(world.lab), 0);
	assert_int_equal(lab_ptr_err(ask(5, LAB_GFP_ATOMIC)), -LAB_ENXIO);
	for (i = 0; i < 10; i++)
		give(lab_frame_page(world.lab, i), 5);
	assert_int_equal(lab_ptr_err(ask(5, LAB_GFP_ATOMIC)), -LAB_ENXIO); /* closed */
	assert_int_equal(how_often(LAB_COUNT_CORRUPT), 0); /* those in quarantine are as the panic has left them */
	assert_int_equal(lab_room_online(world.lab, VAULT), -LAB_ENXIO); /* for good */
	assert_int_equal(lab_ptr_err(ask(5, LAB_GFP_ATOMIC)), -LAB_ENXIO);
	end();
}

/* Holes are nobody's memory. */
static void panicked_with_holes(void **state)
{
	const struct lab_hole hole = { .first_frame = 10, .frames = 30 };

	(void)state;
	describe(&(struct lab_vault){ 0 });
	world.rooms[VAULT].holes = &hole;
	world.rooms[VAULT].hole_count = 1;
	world.lab = born(&world.spec);
	world.room = labyrinth_room(world.lab, VAULT);
	assert_int_equal(lab_panic_shred(world.lab), FRAMES - 30);
	assert_int_equal(world.memory[4096 * 12], 0);
	end();
}

/* What is no labyrinth (all zero) answers nothing. */
static void not_alive(void **state)
{
	struct labyrinth *dead = zeroed(sizeof(*dead));
	struct lab_intrusion seen;
	struct lab_ref ref = { 0 };
	uint8_t seed[32] = { 9 };

	(void)state;
	assert_true(lab_shred_now(dead, NULL, 1) < 0);
	assert_int_equal(lab_panic_shred(dead), 0);
	assert_true(lab_page_share(dead, ref) < 0);
	assert_true(lab_page_unshare(dead, ref) < 0);
	assert_int_equal(lab_intrusions(dead, 0, &seen, 1), 0);
	lab_vault_seed(dead, seed);
	assert_int_equal(seed[0], 0); /* nobody wanted it: wiped all the same */
	seed[0] = seed[31] = 9;
	assert_int_equal(lab_launder(dead, 0, 1), 0);
	assert_int_equal(lab_room_guarantees(dead, 0), 0);
	free(dead);
	/* One without keys: nothing is overwritten there, and a seed is nobody's. */
	describe(&(struct lab_vault){ 0 });
	world.spec.rooms = &world.rooms[ORDINARY];
	world.spec.room_count = 1;
	world.spec.keys = NULL;
	world.lab = born(&world.spec);
	lab_vault_seed(world.lab, seed);
	assert_int_equal(seed[0] | seed[31], 0);
	end();
}

/* ---- between two looks ---- */

static void fits_meanwhile(void **state)
{
	struct lab_request request = LAB_REQUEST(LAB_GFP_ATOMIC, 0);
	struct exit_claim claim = { .match = exit_match(0, 5) };
	struct lab_room *room;
	struct lab_page *page;

	(void)state;
	begin(&(struct lab_vault){ 0 });
	/* Another's at the first look, and the claimed one at the second: freed by another, and taken again. */
	request.owner = 5;
	request.use = 3;
	page = lab_alloc_request(world.lab, &request, NULL);
	room = labyrinth_room(world.lab, ORDINARY);
	claim.use = (lab_word)3 << LAB_TAG_USE_SHIFT;
	assert_int_equal(exit_refusal(world.lab, room, (lab_bit)(page - room_page(room, 0)), &claim), -LAB_EALREADY);
	assert_int_equal(lab_free_as(world.lab, page, 0, 5, 3), 0);
	end();
}

/* An exclusive block that is being overwritten just now: a frame inside it is no page. */
static void inside_what_is_shredded(void **state)
{
	struct lab_page *page;
	lab_word tag;

	(void)state;
	begin(&(struct lab_vault){ 0 });
	page = lab_alloc_pages(world.lab, LAB_GFP_ATOMIC | LAB_EXCLUSIVE, 3);
	tag = page->tag;
	page->tag = tag_shredding(tag);
	assert_int_equal(lab_free_pages(world.lab, page + 2, 0), -LAB_ENOTBLK);
	page->tag = tag;
	assert_int_equal(lab_free_as(world.lab, page, 3, LAB_OWNER_EXCLUSIVE, 0), 0);
	end();
}

static void write_to_a_free_one(void)
{
	struct lab_page *page = take(5);

	give(page, 5);
	contents(page)[9] ^= 2;
	give(take(5), 5);
}

/* An intrusion whose place another writes just now is counted, and not remembered; what is not written yet is not shown. */
static void remembered_beside_others(void **state)
{
	struct lab_strongroom *vault;
	struct lab_intrusion list[20];

	(void)state;
	begin(&(struct lab_vault){ 0 });
	vault = vault_of(world.room);
	write_to_a_free_one();
	vault->witness[2].turn = 1; /* odd: somebody is at it */
	write_to_a_free_one();
	assert_int_equal(how_often(LAB_COUNT_CORRUPT), 2);
	assert_int_equal(lab_intrusions(world.lab, VAULT, list, 20), 1);
	vault->witness[2].turn = 0;
	vault->witness[4].turn = 2 * (4 + LAB_WITNESSES); /* a later one has it */
	write_to_a_free_one();
	write_to_a_free_one();
	assert_int_equal(vault->witness[4].turn, 2 * (4 + LAB_WITNESSES));
	assert_int_equal(lab_intrusions(world.lab, VAULT, list, 20), 2);
	assert_int_equal(lab_intrusions(world.lab, VAULT, list, 1), 1);
	end();
}

/* ---- the audit ---- */

static void audit_finds(enum lab_rule rule)
{
	struct lab_audit audit;

	assert_int_equal(lab_audit(world.lab, true, &audit), -LAB_EINVAL);
	assert_int_equal(audit.broken, rule);
	assert_int_equal(audit.room, VAULT);
}

static void audited_owners(void **state)
{
	struct lab_page *page;
	lab_word *slot, tag, was;

	(void)state;
	begin(&(struct lab_vault){ .quarantine = 5, .deferred = true });
	slot = vault_slot(vault_of(world.room), 3);
	was = *slot;
	*slot = FRAMES; /* no such frame */
	audit_finds(LAB_RULE_VAULT);
	*slot = was;
	page = room_page(world.room, was);
	tag = page->tag;
	page->tag |= (lab_word)7 << LAB_TAG_OWNER_SHIFT; /* somebody's still */
	audit_finds(LAB_RULE_VAULT);
	page->tag = tag;
	page = take(6);
	give(page, 6);
	assert_whole(world.lab);
	tag = page->tag;
	page->tag = tag_become(tag, LAB_OWNED); /* in the laundry, and not to be overwritten */
	audit_finds(LAB_RULE_VAULT);
	page->tag = tag;
	end();
}

/* ---- the last page ---- */

/*
 * tests/proof/stranded.c has the last free frame of ordinary rooms, by routes; nobody's route comes here, so a vault's is found by the
 * takers that there are: by room, a client's, by its number.
 */
enum { BY_ROOM, BY_CLIENT, BY_NUMBER, TAKERS };
enum { FREED, BY_HANDLE, HANDED_OVER, UNSHARED, BACK_IN_SERVICE, PATHS };

static struct lab_page *last_taken(unsigned int taker, const struct lab_page *page, unsigned int client)
{
	struct lab_request request = LAB_REQUEST(LAB_GFP_ATOMIC, 0);

	request.owner = 5;
	if (taker == BY_NUMBER)
		return lab_alloc_at(world.lab, lab_page_frame(world.lab, page), &request);
	return ask(taker == BY_CLIENT ? client : 5, LAB_GFP_ATOMIC);
}

static void last_back(unsigned int path, struct lab_page *page)
{
	struct lab_ref ref;

	assert_int_equal(lab_page_ref(world.lab, page, &ref), 0);
	if (path == HANDED_OVER)
		assert_int_equal(lab_page_hand_over(world.lab, page, 0, 5, 6), 0);
	if (path == UNSHARED)
		assert_int_equal(lab_page_share(world.lab, ref) + lab_page_unshare(world.lab, ref), 3);
	if (path == BACK_IN_SERVICE)
		assert_int_equal(lab_frame_offline(world.lab, ref.frame), -LAB_EBUSY);
	if (path == BY_HANDLE)
		assert_int_equal(lab_free_ref(world.lab, ref, 0, 5), 0);
	else
		give(page, path == HANDED_OVER ? 6 : 5);
	lab_launder(world.lab, VAULT, 1);
	if (path == BACK_IN_SERVICE)
		assert_int_equal(lab_frame_online(world.lab, ref.frame), 0);
}

static void last_page(bool deferred)
{
	struct lab_page *page, *got;
	unsigned int path, taker, client, frame;

	begin(&(struct lab_vault){ .deferred = deferred });
	client = client_with(0, 1);
	while (!lab_is_err(ask(5, LAB_GFP_ATOMIC)))
		;
	for (frame = 0; frame < FRAMES; frame += 149)
		for (path = 0; path < PATHS; path++)
			for (taker = 0; taker < TAKERS; taker++) {
				page = lab_frame_page(world.lab, frame);
				last_back(path, page);
				got = last_taken(taker, page, client);
				assert_ptr_equal(got, page);
				assert_int_equal(lab_ptr_err(last_taken(BY_ROOM, page, client)), -LAB_ENOMEM);
				assert_int_equal(lab_ptr_err(last_taken(BY_NUMBER, page, client)), -LAB_EBUSY);
				if (taker == BY_CLIENT) { /* and back: the client has no more */
					assert_int_equal(lab_ptr_err(last_taken(BY_CLIENT, page, client)), -LAB_EDQUOT);
					give(page, client);
					lab_launder(world.lab, VAULT, 1);
					assert_ptr_equal(last_taken(BY_ROOM, page, client), page);
				}
			}
	end();
}

static void last_pages(void **state)
{
	(void)state;
	last_page(false);
	last_page(true);
}

/* ---- ordinary rooms ---- */

static void exclusive_elsewhere(void **state)
{
	static char before[4096];
	struct lab_request request = LAB_REQUEST(LAB_GFP_ATOMIC, 0);
	struct lab_page *page;
	unsigned int order, i;
	char *address;

	(void)state;
	begin(&(struct lab_vault){ 0 });
	memset(before, MARK, 4096);
	for (order = 0; order <= 5; order++) {
		page = lab_alloc_pages(world.lab, LAB_GFP_ATOMIC | LAB_EXCLUSIVE, order);
		assert_false(lab_is_err(page));
		address = lab_page_address(world.lab, page);
		memset(address, MARK, (size_t)4096 << order);
		if (order == 5) /* marked: its head stays out */
			assert_int_equal(lab_frame_offline(world.lab, lab_page_frame(world.lab, page)), -LAB_EBUSY);
		assert_int_equal(lab_free_as(world.lab, page, order, LAB_OWNER_EXCLUSIVE, 0), 0);
		for (i = 0; i < 1u << order; i++)
			assert_int_equal(equal_words(address + 4096 * i, before), 0);
		assert_whole(world.lab);
	}
	assert_int_equal(info_of(page).state, LAB_OFFLINE);
	assert_int_equal(free_frames(world.lab, ORDINARY), 511);
	/* What is another owner's, or nobody's, stays as it is. */
	request.owner = 9;
	page = lab_alloc_request(world.lab, &request, NULL);
	memset(lab_page_address(world.lab, page), MARK, 4096);
	assert_int_equal(lab_free_as(world.lab, page, 0, 9, 0), 0);
	assert_memory_equal(lab_page_address(world.lab, page), before, 4096);
	page = alloc_ok(world.lab, LAB_GFP_ATOMIC, 0);
	address = lab_page_address(world.lab, page);
	memset(address, MARK, 4096);
	assert_int_equal(lab_free_pages(world.lab, page, 0), 0);
	assert_memory_equal(address, before, 4096);
	end();
}

/* In a room without memory there is nothing to overwrite: its exclusive pages come and go like any. */
static void exclusive_without_memory(void **state)
{
	struct lab_page *page;
	unsigned int order;

	(void)state;
	describe(&(struct lab_vault){ 0 });
	world.rooms[ORDINARY].memory = NULL;
	world.lab = born(&world.spec);
	world.room = labyrinth_room(world.lab, VAULT);
	for (order = 0; order <= 3; order++) {
		page = lab_alloc_pages(world.lab, LAB_GFP_ATOMIC | LAB_EXCLUSIVE, order);
		assert_false(lab_is_err(page));
		assert_int_equal(info_of(page).owner, LAB_OWNER_EXCLUSIVE);
		assert_null(lab_page_address(world.lab, page));
		assert_int_equal(lab_free_pages(world.lab, page, order), -LAB_EPERM);
		assert_int_equal(lab_free_as(world.lab, page, order, LAB_OWNER_EXCLUSIVE, 0), 0);
		assert_int_equal(info_of(page).state, LAB_FREE);
		assert_int_equal(lab_free_as(world.lab, page, order, LAB_OWNER_EXCLUSIVE, 0), -LAB_EALREADY);
	}
	assert_int_equal(free_frames(world.lab, ORDINARY), 512);
	end();
}

/* Handed over to nobody: in an ordinary room anybody's to free; in a vault somebody has to have it. */
static void handed_to_nobody(void **state)
{
	struct lab_request request = LAB_REQUEST(LAB_GFP_ATOMIC, 2);
	struct lab_page *page;

	(void)state;
	begin(&(struct lab_vault){ 0 });
	request.owner = 5;
	page = lab_alloc_request(world.lab, &request, NULL);
	assert_int_equal(lab_page_hand_over(world.lab, page, 2, 5, 0), 0);
	assert_int_equal(lab_free_as(world.lab, page, 2, 5, 0), -LAB_EPERM);
	assert_int_equal(lab_free_pages(world.lab, page, 2), 0);
	page = take(5);
	assert_int_equal(lab_page_hand_over(world.lab, page, 0, 5, 0), -LAB_EINVAL);
	give(page, 5);
	end();
}

/* What overwrites a block says its digest, that of its frames together; and an ordinary room's frames are always sound. */
static void digest_elsewhere(void **state)
{
	struct lab_room *room;
	struct lab_page *page;
	uint64_t digest, frames = 0;
	char *address;
	lab_bit bit, i;

	(void)state;
	begin(&(struct lab_vault){ 0 });
	room = labyrinth_room(world.lab, ORDINARY);
	page = alloc_ok(world.lab, LAB_GFP_ATOMIC, 2);
	bit = (lab_bit)(page - room_page(room, 0));
	address = lab_page_address(world.lab, page);
	digest = shred_block(world.lab, room, bit, 2);
	for (i = 0; i < 4; i++)
		frames ^= shred_digest(world.lab, room, bit + i);
	assert_true(frames == digest);
	digest = shred_block(world.lab, room, bit, 0);
	assert_true(shred_digest(world.lab, room, bit) == digest);
	address[77] ^= 4;
	assert_true(shred_digest(world.lab, room, bit) != digest);
	assert_true(vault_sound(world.lab, room, bit));
	assert_int_equal(how_often(LAB_COUNT_CORRUPT), 0);
	assert_int_equal(lab_free_pages(world.lab, page, 2), 0);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refused_specifications),
		cmocka_unit_test(on_a_plain_machine),
		cmocka_unit_test(the_seed_is_wiped),
		cmocka_unit_test(overwritten),
		cmocka_unit_test(requests),
		cmocka_unit_test(guarded),
		cmocka_unit_test(noticed),
		cmocka_unit_test(at_a_frame),
		cmocka_unit_test(unnoticed),
		cmocka_unit_test(many_noticed),
		cmocka_unit_test(quarantined),
		cmocka_unit_test(quarantined_beside_holes),
		cmocka_unit_test(quarantined_out_of_service),
		cmocka_unit_test(laundered),
		cmocka_unit_test(contracts),
		cmocka_unit_test(laundered_clients),
		cmocka_unit_test(closed_before_the_laundry),
		cmocka_unit_test(offered),
		cmocka_unit_test(shared),
		cmocka_unit_test(shared_refusals),
		cmocka_unit_test(shred_now),
		cmocka_unit_test(panicked),
		cmocka_unit_test(panicked_with_holes),
		cmocka_unit_test(not_alive),
		cmocka_unit_test(fits_meanwhile),
		cmocka_unit_test(inside_what_is_shredded),
		cmocka_unit_test(remembered_beside_others),
		cmocka_unit_test(audited),
		cmocka_unit_test(audited_owners),
		cmocka_unit_test(audited_by_squares),
		cmocka_unit_test(last_pages),
		cmocka_unit_test(exclusive_elsewhere),
		cmocka_unit_test(exclusive_without_memory),
		cmocka_unit_test(handed_to_nobody),
		cmocka_unit_test(digest_elsewhere),
	};
	const struct CMUnitTest narrow[] = { cmocka_unit_test(refused_on_32_bits) };

	if (!IS_64_BIT) /* no vaults there */
		return cmocka_run_group_tests(narrow, NULL, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
