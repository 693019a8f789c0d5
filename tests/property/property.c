/* SPDX-License-Identifier: MIT */
/*
 * property.c - random operations against a plain oracle that knows every frame.
 *
 *     property [OPERATIONS [SEED]]
 *
 * One thread, several rooms on two nodes with watermarks, lowmem reserves and holes.  After each operation
 * the answer must be the oracle's: an order-0 request succeeds exactly where Linux's arithmetic over the
 * free frames says so; a block is really free, aligned and of the commons; a refusal is true; a refused
 * free changed nothing and has the right code; what was to be zero is.  Now and then a keeper passes by, and
 * everything is audited and counted.
 * A failure prints the seed and the number of the operation.
 */
#include "oracle.h"
#include "keeper.h"

/* ---- requests ---- */

static lab_gfp_t random_gfp(void)
{
	static const lab_gfp_t kinds[] = { LAB_GFP_ATOMIC, LAB_GFP_NOWAIT, LAB_GFP_KERNEL, LAB_GFP_USER,
					   LAB_GFP_HIGHUSER_MOVABLE, LAB_GFP_KERNEL | LAB_MEMALLOC,
					   LAB_GFP_ATOMIC | LAB_NOMEMALLOC, LAB_GFP_KERNEL | LAB_HIGH,
					   LAB_MEMALLOC | LAB_NOMEMALLOC, LAB_GFP_KERNEL | LAB_RECLAIMABLE };
	static const lab_gfp_t zones[] = { 0, 0, 0, 0, LAB_DMA, LAB_DMA32, LAB_HIGHMEM };
	lab_gfp_t gfp = kinds[rnd(sizeof(kinds) / sizeof(*kinds))] | zones[rnd(7)];

	if (!rnd(8))
		gfp |= LAB_COLD;
	if (!rnd(8))
		gfp |= LAB_THISNODE;
	if (!rnd(8))
		gfp |= LAB_ZERO;
	return rnd(8) ? gfp : gfp | LAB_EXCLUSIVE;
}

static struct lab_request random_request(void)
{
	struct lab_request request = LAB_REQUEST(random_gfp(), 0);

	if (!rnd(4))
		request.order = (uint8_t)rnd(LAB_ORDER_MAX + 1);
	if (!rnd(4))
		request.owner = (uint16_t)rnd(LAB_OWNER_MAX + 1);
	if (!rnd(4))
		request.use = (uint8_t)rnd(LAB_USE_MAX + 1);
	request.node = (int16_t)(rnd(3) - 1);
	if (!rnd(8))
		request.room = (int16_t)rnd(ROOMS);
	return request;
}

static void do_alloc(void)
{
	struct lab_request request = random_request();
	struct lab_answer answer;
	struct lab_page *page = lab_alloc_request(lab, &request, &answer);

	if (lab_is_err(page)) {
		CHECK(answer.room == -1, "refused, but room %d answered", answer.room);
		check_refusal(&request, lab_ptr_err(page));
		done[1]++;
		return;
	}
	hold(page, &request);
	CHECK(answer.room == room_of(lab_page_frame(lab, page)), "another room than the answer says");
	/* At the edge this is exact: what is left is at or above the floor. */
	CHECK(oracle.free[answer.room] >= linux_floor(&request, answer.room), "drawn below its floor");
	done[0]++;
}

static void do_alloc_at(void)
{
	struct lab_request request = random_request();
	uint64_t frame = rnd(FRAMES_MAX) & ~(((uint64_t)1 << request.order) - 1), i;
	int room = room_of(frame);
	struct lab_page *page;
	bool free = room >= 0 && room == room_of(frame + ((uint64_t)1 << request.order) - 1);

	for (i = 0; free && i < (uint64_t)1 << request.order; i++)
		free = oracle.state[frame + i] == FREE;
	request.room = (int16_t)room;
	if (free)
		free = oracle.free[room] >= i && oracle.free[room] - i >= linux_floor(&request, room);
	if (free && request.gfp & LAB_ZERO && !rooms[room].memory)
		free = false;
	page = lab_alloc_at(lab, frame, &request);
	CHECK(lab_is_err(page) == !free, "alloc at %" PRIu64 " order %u: %d", frame, request.order, lab_ptr_err(page));
	if (free)
		hold(page, &request);
	done[2]++;
}

static void do_bulk(void)
{
	struct lab_page *pages[300];
	struct lab_request request = LAB_REQUEST(random_gfp(), 0);
	size_t want = rnd(8) ? rnd(12) : rnd(300);
	long got, i;

	request.gfp &= ~(lab_gfp_t)LAB_EXCLUSIVE;
	got = lab_alloc_bulk(lab, request.gfp, want, pages);
	if (got < 0)
		check_refusal(&request, (int)got);
	for (i = 0; i < got; i++)
		hold(pages[i], &request);
	if (rnd(2) && got > 0) {
		if (rnd(4) == 0) {
			pages[0] = pages[got - 1]; /* a double free in the middle of it */
			CHECK(lab_free_bulk(lab, (size_t)got, pages) == (size_t)got - (got > 1), "bulk free with a double");
			i = got > 1 ? 1 : 0;
		} else {
			CHECK(lab_free_bulk(lab, (size_t)got, pages) == (size_t)got, "bulk free");
			i = 0;
		}
		for (long k = 0; k < got; k++) /* held[] ends with these */
			if (k != 0 || i == 0)
				oracle_give(oracle.held[oracle.count - (unsigned int)got + (unsigned int)k].frame, 0);
		if (i) /* the first one is held still */
			oracle.held[oracle.count - (unsigned int)got] = oracle.held[oracle.count - (unsigned int)got];
		oracle.count -= (unsigned int)(got - i);
	}
	done[3]++;
}

/* ---- frees ---- */

static void do_free(void)
{
	unsigned int i = (unsigned int)rnd(oracle.count);
	struct held *h = &oracle.held[i];
	int error;

	if (!oracle.count)
		return;
	if (!h->owner && rnd(2))
		error = lab_free_pages(lab, h->page, h->order);
	else if (rnd(2))
		error = lab_free_as(lab, h->page, h->order, h->owner, rnd(2) ? h->use : 0);
	else
		error = lab_free_ref(lab, (struct lab_ref){ h->frame, h->generation }, h->order, h->owner);
	CHECK(!error, "free of frame %" PRIu64 ": %d", h->frame, error);
	oracle_give(h->frame, h->order);
	forget(i);
	done[4]++;
}

static void do_bad_free(void)
{
	struct held *h = &oracle.held[rnd(oracle.count)];
	uint64_t frame = rnd(FRAMES_MAX), n;
	struct lab_page *page = lab_frame_page(lab, frame);
	int error, want;

	if (!oracle.count)
		return;
	switch (rnd(6)) {
	case 0: /* anywhere */
		if (page && oracle.state[frame] == HELD)
			return;
		error = page ? lab_free_pages(lab, page, 0) : lab_free_pages(lab, (struct lab_page *)(uintptr_t)(frame * 8), 0);
		want = !page ? -LAB_ERANGE : oracle.state[frame] == BODY ? -LAB_ENOTBLK : -LAB_EALREADY;
		break;
	case 1:
		n = (h->order + 1 + rnd(LAB_ORDER_MAX)) % (LAB_ORDER_MAX + 1);
		error = lab_free_as(lab, h->page, (unsigned int)n, h->owner, 0);
		want = n == h->order ? 0 : -LAB_EMSGSIZE;
		if (n == h->order)
			oracle_give(h->frame, h->order), forget((unsigned int)(h - oracle.held));
		break;
	case 2:
		error = lab_free_as(lab, h->page, h->order, h->owner ^ 1, 0);
		want = -LAB_EPERM;
		break;
	case 3:
		error = lab_free_as(lab, h->page, h->order, h->owner, h->use ^ 1);
		want = (h->use ^ 1) ? -LAB_EPROTOTYPE : 0;
		if (!want)
			oracle_give(h->frame, h->order), forget((unsigned int)(h - oracle.held));
		break;
	case 4:
		error = lab_free_ref(lab, (struct lab_ref){ h->frame, h->generation ^ 1 }, h->order, h->owner);
		want = -LAB_ESTALE;
		break;
	default:
		error = lab_free_pages(lab, (struct lab_page *)((char *)h->page + 1 + rnd(sizeof(void *) - 1)), 0);
		want = -LAB_ERANGE;
	}
	CHECK(error == want, "a wrong free answered %d, not %d (frame %" PRIu64 ")", error, want, h->frame);
	done[5]++;
}

static void do_split(void)
{
	unsigned int i = (unsigned int)rnd(oracle.count), k;
	struct held whole;

	if (!oracle.count)
		return;
	whole = oracle.held[i];
	if (oracle.count + (1u << whole.order) >= HELD_MAX)
		return;
	CHECK(!lab_split(lab, whole.page, whole.order), "split");
	forget(i);
	for (k = 0; k < 1u << whole.order; k++) {
		struct held *part = &oracle.held[oracle.count++];
		struct lab_page_info info;

		*part = whole;
		part->page = lab_frame_page(lab, whole.frame + k);
		part->frame = whole.frame + k;
		part->order = 0;
		lab_page_info(lab, part->page, &info);
		part->generation = info.generation;
		oracle.state[part->frame] = HELD;
	}
	done[6]++;
}

static void do_offline(void)
{
	uint64_t frame = rnd(FRAMES_MAX);
	int room = room_of(frame), error, want;

	if (rnd(3)) { /* keep few of them out */
		error = lab_frame_online(lab, frame);
		want = room < 0 ? -LAB_ERANGE : oracle.state[frame] == OUT ? 0 : -LAB_EALREADY;
		if (room >= 0 && oracle.state[frame] == HOLE)
			return (void)lab_frame_offline(lab, frame);
		CHECK(error == want, "online %" PRIu64 ": %d, not %d", frame, error, want);
		if (!want) {
			oracle.state[frame] = FREE;
			oracle.free[room]++;
		}
		return;
	}
	error = lab_frame_offline(lab, frame);
	if (room < 0)
		want = -LAB_ERANGE;
	else if (oracle.state[frame] == FREE)
		want = 0;
	else
		want = oracle.state[frame] == HELD ? -LAB_EBUSY : oracle.state[frame] == BODY ? -LAB_EAGAIN : -LAB_EALREADY;
	CHECK(error == want, "offline %" PRIu64 ": %d, not %d", frame, error, want);
	if (want == 0) {
		oracle.state[frame] = OUT;
		oracle.free[room]--;
	} else if (want == -LAB_EBUSY) {
		oracle.poisoned[frame] = 1;
	}
	done[7]++;
}

/* A keeper looks, by Linux's count; it tidies, and holds zeroed frames ready where there is a pool for them. */
static void do_keeper(void)
{
	static struct keeper_watch watch[ROOMS];
	unsigned int number = (unsigned int)rnd(ROOMS);
	struct lab_room *room = labyrinth_room(lab, number);
	uint64_t free = oracle.free[number], high = marks[number].high;
	struct keeper_watch none = { 0 };
	bool wanted = keeper_look(room, &watch[number], rnd(2000000));

	CHECK(wanted || free >= marks[number].low, "room %u is below low, and its keeper does not know", number);
	CHECK(keeper_missing(room, &none) == (free < high ? high - free : 0), "room %u: %" PRIu64 " are missing", number,
	      (uint64_t)keeper_missing(room, &none));
	CHECK(keeper_rest(room, &watch[number]) == (free >= high), "room %u: rest", number);
	keeper_tidy(room, &watch[number], (unsigned int)rnd(8));
	done[8] += keeper_zero(lab, room, rnd(2) ? 0 : KEEPER_SPARE, (unsigned int)rnd(16));
}

/* ---- all of it ---- */

/* A pool lacks nothing while a frame is free further out: a reserve is filled from the inside. */
static void check_nesting(const struct lab_room_stats *stats)
{
	uint64_t outside = stats->free_commons + stats->zeroed_free; /* (that pool is as good as the commons) */
	unsigned int i;

	for (i = stats->bands - (stats->zeroed != 0); i-- > 0; outside += stats->band_free[i])
		CHECK(!outside || stats->band_free[i] == stats->band_frames[i] || !stats->bands,
		      "%s: band %u lacks %" PRIu64 " with %" PRIu64 " free outside", stats->name, i,
		      stats->band_frames[i] - stats->band_free[i], outside);
}

static void check_everything(void)
{
	struct lab_room_stats stats;
	struct lab_audit audit;
	uint64_t free = 0;
	unsigned int i;

	CHECK(!lab_audit(lab, true, &audit), "audit: %s, room %d, frame %" PRIu64, audit.text, audit.room, audit.frame);
	for (i = 0; i < ROOMS; i++) {
		lab_room_stats(lab, i, &stats);
		free += oracle.free[i];
		check_nesting(&stats);
		CHECK(stats.free_commons + stats.free_pooled == oracle.free[i],
		      "room %u has %" PRIu64 " + %" PRIu64 " free, should be %" PRIu64, i, stats.free_commons,
		      stats.free_pooled, oracle.free[i]);
	}
	CHECK(audit.free + audit.pooled == free && !audit.in_hand, "the audit counts %" PRIu64, audit.free);
	for (i = 0; i < oracle.count; i++)
		CHECK(oracle.state[oracle.held[i].frame] == HELD, "held %u", i);
}

static void make(void)
{
	static const struct lab_room_spec made[ROOMS] = {
		{ .name = "dma", .zone = LAB_ZONE_DMA, .first_frame = 16, .frames = 2000, .min = LAB_MARK_LINUX },
		{ .name = "dma32", .zone = LAB_ZONE_DMA32, .first_frame = 4096, .frames = 9001, .min = LAB_MARK_LINUX,
		  .holes = holes, .hole_count = 2 },
		{ .name = "normal", .zone = LAB_ZONE_NORMAL, .first_frame = 16384, .frames = 6144, .min = LAB_MARK_LINUX },
		{ .name = "far", .zone = LAB_ZONE_NORMAL, .node = 1, .first_frame = 24576, .frames = 5000,
		  .min = 40, .low = 60, .high = 80, .zeroed = 50 },
	};
	size_t bytes, i, k;
	void *metadata;
	const char *why = "";
	int which;

	memcpy(rooms, made, sizeof(rooms));
	rooms[3].memory = aligned_alloc(4096, (size_t)rooms[3].frames << 12);
	spec = (struct lab_spec){ .page_shift = 12, .cpus = 4, .rooms = rooms, .room_count = ROOMS, .nodes = 2,
				  .distance = distances, .lowmem_ratio = { 32, 24, 0 } };
	bytes = lab_metadata_bytes(&spec);
	metadata = aligned_alloc(64, bytes);
	CHECK(bytes && metadata, "metadata");
	memset(metadata, 0, bytes);
	CHECK(!lab_birth(&spec, metadata, bytes, &lab, &which, &why), "birth: %s", why);
	for (i = 0; i < ROOMS; i++) {
		if (rooms[i].min == LAB_MARK_LINUX)
			lab_linux_marks(&spec, (unsigned int)i, &marks[i]);
		else
			marks[i] = rooms[i];
		oracle.free[i] = rooms[i].frames;
	}
	for (i = 0; i < 2; i++)
		for (k = 0; k < holes[i].frames; k++) {
			oracle.state[holes[i].first_frame + k] = HOLE;
			oracle.free[1]--;
		}
}

static void step(unsigned int fullness)
{
	unsigned int what = (unsigned int)rnd(100);

	if (oracle.count + 600 >= HELD_MAX)
		what = 50;
	if (!rnd(32))
		do_keeper();
	if (what < fullness)
		do_alloc();
	else if (what < 80)
		do_free();
	else if (what < 84)
		do_alloc_at();
	else if (what < 88)
		do_bulk();
	else if (what < 94)
		do_bad_free();
	else if (what < 97)
		do_split();
	else
		do_offline();
}

int main(int argc, char **argv)
{
	uint64_t operations = argc > 1 ? strtoull(argv[1], NULL, 0) : 10000000;
	unsigned int fullness = 40;

	seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 20261120;
	if (!operations || argc > 3) {
		fprintf(stderr, "usage: %s [OPERATIONS [SEED]]\n", argv[0]);
		return 2;
	}
	random_state = seed * 0x9e3779b97f4a7c15u | 1;
	make();
	check_everything();
	for (operation = 0; operation < operations; operation++) {
		if (operation % 4096 == 0) /* waves: towards empty, about even, towards full */
			fullness = 25 + (unsigned int)rnd(3) * 20;
		step(fullness);
		if (operation % 65536 == 0)
			check_everything();
	}
	check_everything();
	while (oracle.count) {
		struct held h = oracle.held[oracle.count - 1];

		CHECK(!lab_free_as(lab, h.page, h.order, h.owner, 0), "the last frees");
		oracle_give(h.frame, h.order);
		oracle.count--;
	}
	check_everything();
	printf("%" PRIu64 " operations, seed %" PRIu64 ": %" PRIu64 " allocated, %" PRIu64 " refused, %" PRIu64 " at a frame, "
	       "%" PRIu64 " bulk, %" PRIu64 " freed, %" PRIu64 " wrong frees, %" PRIu64 " splits, %" PRIu64 " offlined, %" PRIu64
	       " zeroed\n",
	       operations, seed, done[0], done[1], done[2], done[3], done[4], done[5], done[6], done[7], done[8]);
	printf("machine: P2 P4 P5 | random operations against an oracle | %" PRIu64 "\n", operations);
	return 0;
}
