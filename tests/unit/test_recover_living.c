/* SPDX-License-Identifier: MIT */
/*
 * test_recover_living.c - what a living process has in its hands does not come back, however it moves between the looks of a recovery.
 */
#include <ucontext.h>

#include "../support/recover.h"

/* ---- what the living have ---- */

static lab_word *live_count;

/* A living process stays in its call: nothing of what is in doubt is touched, the dead one's frame included. */
static void stopped(void **state)
{
	lab_bit bit;

	(void)state;
	begin();
	dies_inside(0);
	take();
	be(2);
	assert_int_equal(process_enter(world.lab, &live_count), 0);
	bit = take();
	assert_int_equal(recover(), -LAB_EAGAIN);
	assert_int_equal(world.found.waiting, 2);
	assert_int_equal(world.found.frames, 0);
	assert_int_equal(world.found.processes, 0);
	assert_int_equal(free_frames(world.lab, 0), world.frames - 2);
	assert_int_equal(world.room->recovering, 0);
	/* It goes on: stamps, and leaves. */
	be(2);
	room_page(world.room, bit)->tag |= LAB_OWNED;
	process_leave(live_count);
	world.waits = 0;
	assert_int_equal(recover(), 0);
	assert_int_equal(world.found.frames, 1);
	assert_int_equal(world.found.processes, 1);
	assert_int_equal(free_frames(world.lab, 0), world.frames - 1);
	assert_int_equal(lab_free_pages(world.lab, room_page(world.room, bit), 0), 0);
	end();
}

/* It dies while it is waited for: another round has what it had. */
static void dies_meanwhile(void)
{
	world.dead[2] = true;
}

static void dead_meanwhile(void **state)
{
	(void)state;
	begin();
	dies_inside(0);
	take();
	be(2);
	assert_int_equal(process_enter(world.lab, &live_count), 0);
	take();
	world.meanwhile = dies_meanwhile;
	assert_returned();
	assert_int_equal(world.found.frames, 2);
	assert_int_equal(world.found.processes, 2);
	end();
}

/*
 * The frame passes from one living hand to another between the two looks, by a put-back that leaves no trace in its tag: the
 * second, too, is seen with it in hand.
 */
static struct {
	unsigned int step;
	lab_bit bit;
	lab_word *first, *second;
} pass;

static void passes(void)
{
	switch (pass.step++) {
	case 0: /* the first grace period: let it pass, with the frame in another call's hand */
		be(2);
		assert_int_equal(process_enter(world.lab, &pass.second), 0);
		process_leave(pass.first);
		break;
	case 1: /* ... and again: now the second one has been there on the first look */
		be(2);
		assert_int_equal(process_enter(world.lab, &pass.first), 0);
		room_touch(world.room, pass.bit, 0);
		room_put(world.room, pass.bit, 0);
		process_leave(pass.second);
		assert_true(room_take_at(world.room, pass.bit, 0));
		break;
	default:
		break;
	}
	be(HERE);
}

static void passed_on(void **state)
{
	(void)state;
	begin();
	world.dead[0] = true; /* somebody, so that there is something to do */
	memset(&pass, 0, sizeof(pass));
	pass.bit = 3333;
	be(2);
	assert_int_equal(process_enter(world.lab, &pass.first), 0);
	assert_true(room_take_at(world.room, pass.bit, 0));
	world.meanwhile = passes;
	recover();
	assert_true(pass.step >= 2);
	assert_int_equal(world.found.frames, 0);
	/* It is in the hand of a living call still. */
	assert_true(bit_is_set(pass.bit));
	be(2);
	room_put(world.room, pass.bit, 0);
	process_leave(pass.first);
	world.waits = 0;
	world.meanwhile = NULL;
	assert_returned();
	end();
}

/*
 * As in passed_on(), but the first hand is that of a call that empties a contract's slot: the client that gives its guarantee back
 * stands just before the frame is free, on a stack of its own (room_put() is wrapped by the linker).
 */
void __real_room_put(struct lab_room *room, lab_bit bit, unsigned int order);
void __wrap_room_put(struct lab_room *room, lab_bit bit, unsigned int order);

static struct {
	ucontext_t test, call;
	char stack[1 << 16];
	unsigned int owner, step;
	bool inside, over;
	lab_bit bit;
	lab_word *first, *second;
} resizer;

void __wrap_room_put(struct lab_room *room, lab_bit bit, unsigned int order)
{
	if (resizer.inside) {
		resizer.inside = false;
		resizer.bit = bit;
		assert_int_equal(swapcontext(&resizer.call, &resizer.test), 0);
	}
	__real_room_put(room, bit, order);
}

static void resizes(void)
{
	be(1);
	if (lab_client_resize(world.lab, resizer.owner, 0, NULL))
		abort(); /* another stack: cmocka's assertions jump */
	resizer.over = true;
}

static void empties(void)
{
	switch (resizer.step++) {
	case 0: /* the first grace period: it passes, with the frame between the contract and the room */
		be(1);
		resizer.inside = true;
		assert_int_equal(getcontext(&resizer.call), 0);
		resizer.call.uc_stack.ss_sp = resizer.stack;
		resizer.call.uc_stack.ss_size = sizeof(resizer.stack);
		resizer.call.uc_link = &resizer.test;
		makecontext(&resizer.call, resizes, 0);
		assert_int_equal(swapcontext(&resizer.test, &resizer.call), 0);
		assert_false(resizer.over);
		be(2);
		process_leave(resizer.first);
		break;
	case 1: /* the second: the frame is free, and at once in another living hand */
		be(2);
		assert_int_equal(process_enter(world.lab, &resizer.second), 0);
		be(1);
		assert_int_equal(swapcontext(&resizer.test, &resizer.call), 0);
		assert_true(resizer.over);
		assert_true(room_take_at(world.room, resizer.bit, 0));
		break;
	default:
		break;
	}
	be(HERE);
}

static void emptied_between(void **state)
{
	struct lab_client_spec spec = { .node = LAB_NODE_LOCAL, .room = LAB_ROOM_ROUTE, .frames = 1, .maximum = LAB_UNLIMITED };

	(void)state;
	begin();
	world.dead[0] = true;
	memset(&resizer, 0, sizeof(resizer));
	be(1);
	assert_int_equal(lab_client_open(world.lab, &spec, &resizer.owner, NULL), 0);
	be(2);
	assert_int_equal(process_enter(world.lab, &resizer.first), 0);
	world.meanwhile = empties;
	recover();
	assert_true(resizer.step >= 2);
	assert_int_equal(world.found.frames, 0);
	assert_true(bit_is_set(resizer.bit)); /* in the living hand still */
	be(2);
	room_put(world.room, resizer.bit, 0);
	process_leave(resizer.second);
	be(1);
	assert_int_equal(lab_client_close(world.lab, resizer.owner, NULL), 0);
	world.waits = 0;
	world.meanwhile = NULL;
	assert_returned();
	end();
}

/* On the first look a frame is in a living hand with its slot; on the second, out of it, in another's.  Only the slot was marked. */
static struct {
	unsigned int step;
	lab_bit frame;
	lab_word *first, *with, *out;
} claimed;

static void claims_and_draws(void)
{
	struct lab_pool *pool = &world.room->pool[0];

	switch (claimed.step++) {
	case 0:
		be(1);
		assert_int_equal(process_enter(world.lab, &claimed.with), 0);
		assert_true(pool_claim(world.room, claimed.frame));
		process_leave(claimed.first);
		break;
	case 1:
		be(2);
		assert_int_equal(process_enter(world.lab, &claimed.out), 0);
		pool_unclaim(world.room, claimed.frame);
		process_leave(claimed.with);
		assert_true(tree_take_at(&pool->have, 0)); /* a draw of just this one */
		slot_touch(world.room, pool->first_slot);
		tree_give(&pool->lack, 0);
		break;
	default:
		break;
	}
	be(HERE);
}

static void with_its_slot(void **state)
{
	struct lab_page *page;

	(void)state;
	begin();
	world.dead[0] = true;
	memset(&claimed, 0, sizeof(claimed));
	claimed.frame = *pool_slot(&world.room->pool[0], 0);
	page = room_page(world.room, claimed.frame);
	be(2);
	assert_int_equal(process_enter(world.lab, &claimed.first), 0);
	world.meanwhile = claims_and_draws;
	recover();
	assert_true(claimed.step >= 2);
	assert_int_equal(world.found.frames, 0);
	assert_int_equal(tag_state(page->tag), LAB_POOLED);
	assert_true(bit_is_set(claimed.frame));
	be(2);
	page->tag = (page->tag & LAB_TAG_GENERATION) | LAB_OWNED; /* the stamp */
	process_leave(claimed.out);
	assert_int_equal(lab_free_pages(world.lab, page, 0), 0);
	world.waits = 0;
	world.meanwhile = NULL;
	assert_returned();
	end();
}

/*
 * A dead hand has put its frame into a slot and not let go of the slot.  The recoverer does, and before it comes to the frame
 * a living call has drawn it.
 */
void __real_tree_climb(const struct lab_tree *tree, lab_word leaf, unsigned int level);
void __wrap_tree_climb(const struct lab_tree *tree, lab_word leaf, unsigned int level);

static struct {
	unsigned int step;
	bool ready;
	lab_bit frame, slot;
	lab_word *filler, *drawer;
} refilled;

/* The end of each give of a slot. */
void __wrap_tree_climb(const struct lab_tree *tree, lab_word leaf, unsigned int level)
{
	struct lab_pool *pool;

	__real_tree_climb(tree, leaf, level);
	if (!refilled.ready)
		return;
	refilled.ready = false;
	pool = &world.room->pool[0];
	assert_ptr_equal(tree, &pool->have);
	be(2);
	assert_int_equal(process_enter(world.lab, &refilled.drawer), 0);
	assert_true(tree_take_at(&pool->have, refilled.slot)); /* a draw of just this one */
	slot_touch(world.room, pool->first_slot + refilled.slot);
	tree_give(&pool->lack, refilled.slot);
	be(HERE);
}

static void tags_and_dies(void)
{
	struct lab_pool *pool = &world.room->pool[0];
	struct lab_page *page = room_page(world.room, refilled.frame);

	switch (refilled.step++) {
	case 0: /* the first grace period: it passes, with frame and slot in the filler's hand */
		be(1);
		assert_int_equal(process_enter(world.lab, &refilled.drawer), 0);
		process_leave(refilled.filler);
		break;
	case 1: /* the second: it goes on, and dies */
		page->tag = tag_pooled(page->tag, pool->first_slot + refilled.slot);
		world.dead[1] = true;
		refilled.ready = true;
		break;
	default:
		break;
	}
	be(HERE);
}

static void refilled_by_the_dead(void **state)
{
	struct lab_pool *pool;
	struct lab_page *page, *out;
	lab_word proof;
	int band;

	(void)state;
	begin();
	world.dead[0] = true;
	memset(&refilled, 0, sizeof(refilled));
	pool = &world.room->pool[0];
	be(2);
	out = room_page(world.room, pool_draw(world.room, 1, &band, &proof));
	out->tag = (out->tag & LAB_TAG_GENERATION) | LAB_OWNED;
	refilled.frame = take();
	page = room_page(world.room, refilled.frame);
	refilled.slot = tree_take_below(&pool->lack);
	*pool_slot(pool, refilled.slot) = refilled.frame;
	be(1);
	assert_int_equal(process_enter(world.lab, &refilled.filler), 0);
	world.meanwhile = tags_and_dies;
	recover();
	assert_true(refilled.step >= 2);
	assert_false(refilled.ready);
	assert_int_equal(world.found.frames, 0);
	assert_true(bit_is_set(refilled.frame)); /* the living drawer's */
	be(2);
	page->tag = (page->tag & LAB_TAG_GENERATION) | LAB_OWNED; /* the stamp */
	process_leave(refilled.drawer);
	assert_int_equal(lab_free_pages(world.lab, page, 0), 0);
	assert_int_equal(lab_free_pages(world.lab, out, 0), 0);
	world.waits = 0;
	world.meanwhile = NULL;
	assert_returned();
	end();
}

/*
 * A call that read the epoch long ago, and entered by a parity that is not in use now.  It has looked whether anybody recovers before
 * somebody did, and will not mark what it lets go.
 */
static lab_word *stale_count;
static lab_bit stale_bit = 3210;

static void stale_lets_go(void)
{
	lab_word *count;

	if (!stale_count)
		return;
	be(3);
	assert_int_equal(process_enter(world.lab, &count), 0);
	room_clear(world.room, tree_word(&world.room->commons, stale_bit), stale_bit, (lab_word)1 << stale_bit % LAB_WORD_BITS);
	process_leave(stale_count);
	stale_count = NULL;
	assert_true(room_take_at(world.room, stale_bit, 0));
	be(HERE);
}

static void stale_entry(void **state)
{
	(void)state;
	begin();
	world.dead[0] = true;
	stale_count = &process_presence(world.lab, 2, 0)->count[~world.lab->epoch & 1];
	add_seq(stale_count, (lab_word)1);
	assert_true(room_take_at(world.room, stale_bit, 0));
	world.meanwhile = stale_lets_go;
	recover();
	assert_null(stale_count);
	assert_int_equal(world.found.frames, 0);
	assert_true(bit_is_set(stale_bit));
	room_put(world.room, stale_bit, 0);
	end();
}

/* Its call never ends. */
static void stale_and_stopped(void **state)
{
	(void)state;
	begin();
	world.dead[0] = true;
	stale_count = &process_presence(world.lab, 2, 0)->count[~world.lab->epoch & 1];
	add_seq(stale_count, (lab_word)1);
	assert_int_equal(recover(), -LAB_EAGAIN);
	assert_int_equal(world.found.waiting, 2);
	process_leave(stale_count);
	stale_count = NULL;
	world.waits = 0;
	assert_returned();
	end();
}

/* ---- what does not stand still, what is damaged ---- */

/* A living process that is in one call after the other, and marks a frame and a slot each time. */
static struct {
	lab_bit frame, slot;
	lab_word *count;
	bool settles; /* ... but in the end it gives the slot back */
} restless;

static void moves(void)
{
	lab_word *count;

	be(2);
	assert_int_equal(process_enter(world.lab, &count), 0);
	room_touch(world.room, restless.frame, 0);
	slot_touch(world.room, restless.slot);
	if (restless.settles && world.waits) {
		tree_give(&world.room->pool[0].have, restless.slot);
		restless.settles = false;
	}
	process_leave(restless.count);
	restless.count = count;
	be(HERE);
}

static void restless_ones(void **state)
{
	(void)state;
	for (restless.settles = false;; restless.settles = true) {
		bool settles = restless.settles;

		begin();
		world.dead[0] = true;
		be(2);
		assert_int_equal(process_enter(world.lab, &restless.count), 0);
		restless.frame = take();
		restless.slot = tree_take_below(&world.room->pool[0].have);
		world.meanwhile = moves;
		assert_int_equal(recover(), 0);
		assert_int_equal(world.found.doubtful, settles ? 1 : 3); /* (the slot's own frame is with it) */
		assert_int_equal(world.found.frames + world.found.slots, 0);
		assert_int_equal(world.lab->unsettled, 1);
		assert_int_equal(world.found.processes, 1); /* what the dead had, was nothing of these */
		/* With that process dead, too, it is all over; nobody else need die for it. */
		world.meanwhile = NULL;
		world.dead[2] = true;
		assert_returned();
		assert_int_equal(world.lab->unsettled, 0);
		end();
		if (settles)
			break;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stopped),
		cmocka_unit_test(dead_meanwhile),
		cmocka_unit_test(passed_on),
		cmocka_unit_test(emptied_between),
		cmocka_unit_test(with_its_slot),
		cmocka_unit_test(refilled_by_the_dead),
		cmocka_unit_test(stale_entry),
		cmocka_unit_test(stale_and_stopped),
		cmocka_unit_test(restless_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
