/* SPDX-License-Identifier: MIT */
/*
 * inject_prepare.h - the states of a labyrinth that the scenes of inject_scenes.h begin in.
 */
#ifndef INJECT_PREPARE_H
#define INJECT_PREPARE_H

#include "inject_world.h"

#define W LAB_WORD_BITS
#define LEAF LAB_LEAF_FRAMES

static void prepared(bool well)
{
	if (!well) {
		printf("FAIL %s: could not be prepared\n", scene->name);
		exit(1);
	}
}

static void hold(uint64_t frame, unsigned int order)
{
	struct lab_request request = LAB_REQUEST(LAB_MEMALLOC, order);

	prepared(!lab_is_err(lab_alloc_at(lab, frame, &request)));
}

static void give(uint64_t frame, unsigned int order)
{
	prepared(!lab_free_pages(lab, lab_frame_page(lab, frame), order));
}

/* Every frame of the commons, single. */
static void hold_commons(void)
{
	uint64_t end = scene->first + scene->frames + scene->second, frame;
	struct lab_request request = LAB_REQUEST(LAB_GFP_KERNEL, 0);

	for (frame = scene->first; frame < end; frame++)
		lab_alloc_at(lab, frame, &request);
}

/* Every frame of the commons; what pools keep stays there, the bands above min too. */
static void leave_pools(void)
{
	struct lab_room_stats stats;

	while (!lab_room_stats(lab, 0, &stats) && stats.free_commons)
		prepared(!lab_is_err(lab_alloc_pages(lab, LAB_GFP_KERNEL, 0)));
}

static void draw(unsigned int frames)
{
	while (frames--)
		prepared(!lab_is_err(lab_alloc_pages(lab, LAB_MEMALLOC, 0)));
}

/* The leaf's order hint says that there is no block. */
static void lower(void)
{
	unsigned int order;

	for (order = 1; order <= LAB_ORDER_MAX; order++)
		prepared(lab_is_err(lab_alloc_pages(lab, LAB_GFP_KERNEL, order)));
}

static void owned(uint64_t frame)
{
	struct lab_request request = LAB_REQUEST(LAB_GFP_KERNEL, 0);

	request.owner = 7;
	request.use = 3;
	prepared(!lab_is_err(lab_alloc_at(lab, frame, &request)));
}

static void owned_block(void)
{
	struct lab_request request = LAB_REQUEST(LAB_GFP_KERNEL, 2);

	request.owner = 7;
	prepared(!lab_is_err(lab_alloc_at(lab, 4, &request)));
}

static void roomy(void)
{
	hold(3, 0);
	hold(16, 3);
	hold(128, 7);
	hold(LEAF, 8);
	owned(40);
	prepared(!lab_frame_offline(lab, 5));
	hold(60, 0); /* poisoned */
	prepared(lab_frame_offline(lab, 60) == -LAB_EBUSY);
	hold(48, 2); /* a block with a poisoned head */
	prepared(lab_frame_offline(lab, 48) == -LAB_EBUSY);
	draw(1); /* the hint names word 0 */
}

static void last_frame(void)
{
	hold_commons();
	give(5, 0);
}

static void last_hinted(void)
{
	hold_commons();
	give(70, 0);
	draw(1); /* CPU 0's hint names it */
	give(70, 0);
}

static void full(void)
{
	hold(128, 7);
	hold(64, 4);
	hold_commons();
}

static void full_lowered(void)
{
	hold(256, 8);
	hold(128, 3);
	hold_commons();
	lower();
}

static void two_leaves(void)
{
	hold_commons();
	give(5, 0);
	give(600, 0);
}

static void two_levels(void)
{
	hold_commons();
	give(5, 0);
	give(600, 0);
	give(33 * LEAF + 1, 0);
}

static void half_drawn(void)
{
	hold_commons();
	draw(20);
}

static void all_drawn(void)
{
	hold_commons();
	while (!lab_is_err(lab_alloc_pages(lab, LAB_MEMALLOC, 0)))
		;
}

/* Few frames in the commons: an exchange pays with them. */
static void few_to_pay(void)
{
	hold_commons();
	give((uint64_t)find_frame(HELD(0)), 0);
	give((uint64_t)find_frame(HELD(3)), 0);
	give((uint64_t)find_frame(HELD(9)), 0);
}

/* Words 0 and 1 are free, and CPU 1's hint names word 1; all else is taken. */
static void two_words(void)
{
	uint64_t frame;

	hold_commons();
	give(W, 0);
	engine.cpu = 1;
	draw(1);
	engine.cpu = 0;
	for (frame = 0; frame < 2 * W; frame++)
		give(frame, 0);
}

/* Blocks of two frames here and there: searches lower hints. */
static void scattered(void)
{
	uint64_t frame;

	hold_commons();
	for (frame = 0; frame < 3 * LEAF; frame += 96)
		give(frame, 0);
	give(97, 0);
	give(2 * LEAF + 1, 0);
}

static void rooms_last(void)
{
	hold_commons();
	give(300, 0);
}

static void rooms_closed(void)
{
	hold_commons();
	give(3, 0);
	give(300, 0);
	prepared(lab_room_offline(lab, 1) >= 0);
}

static void some_memory(void)
{
	struct lab_request request = LAB_REQUEST(LAB_GFP_ATOMIC | LAB_EXCLUSIVE, 0);

	hold(1, 0);
	hold(4, 2);
	prepared(!lab_is_err(lab_alloc_at(lab, 10, &request)));
	hold(16, 4);
}

/* With something of its owner's in it. */
static void exclusive(uint64_t frame, unsigned int order, unsigned int owner)
{
	struct lab_request request = LAB_REQUEST(LAB_GFP_ATOMIC | LAB_EXCLUSIVE, order);

	request.owner = (uint16_t)owner;
	prepared(!lab_is_err(lab_alloc_at(lab, frame, &request)));
	mark(frame, order);
}

/* What is held is exclusive, some of it marked bad; a frame is free. */
static void exclusives(void)
{
	exclusive(10, 0, 0);
	exclusive(12, 0, 0);
	exclusive(16, 2, 0);
	exclusive(20, 1, 0);
	prepared(lab_frame_offline(lab, 12) == -LAB_EBUSY);
	prepared(lab_frame_offline(lab, 20) == -LAB_EBUSY);
	hold_commons();
	give(3, 0);
}

/* Owner 7's pages, one marked bad; a frame is out of service; others are free, or one is. */
static void in_a_vault(void)
{
	uint64_t frame;

	for (frame = 4; frame < 14; frame++)
		exclusive(frame, 0, 7);
	prepared(lab_frame_offline(lab, 12) == -LAB_EBUSY);
	prepared(!lab_frame_offline(lab, 3));
	if (scene->deferred) /* one is in the laundry */
		prepared(!lab_free_as(lab, lab_frame_page(lab, 13), 0, 7, 0));
	if (scene->ring || scene->deferred || scene->intruded) {
		hold_commons(); /* but what cannot be had, and one */
		prepared(!lab_free_as(lab, lab_frame_page(lab, 1), 0, LAB_OWNER_EXCLUSIVE, 0));
	}
}

static void leading(void)
{
	hold(112, 2);
	hold(130, 0);
	draw(2);
}

/* Two zeroed frames are ready, a third could be. */
static void two_ready(void)
{
	hold(3, 0);
	prepared(keeper_zero(lab, labyrinth_room(lab, 0), 0, 2) == 2);
}

/* A room that thinks its leaves are plenty: CPUs keep out of each other's. */
static void plenty(void)
{
	labyrinth_room(lab, 0)->plenty = 2;
	draw(1);
	engine.cpu = 1;
	draw(2);
	engine.cpu = 0;
	hold(64, 5);
}

/* CPU 0's hint names a word that is full; there are others in its leaf. */
static void used_up(void)
{
	draw(W);
}

/* Nothing is free, and the hints of both CPUs name the only word. */
static void full_hinted(void)
{
	draw(1);
	engine.cpu = 1;
	draw(1);
	engine.cpu = 0;
	hold_commons();
}

static void one_drawn(void)
{
	hold_commons();
	draw(1);
}

/* So few frames that an audit can be interrupted at each of its operations. */
static void tiny(void)
{
	hold(5, 0);
	hold(8, 2);
	hold(14, 0);
	prepared(!lab_frame_offline(lab, 15));
}

#endif
