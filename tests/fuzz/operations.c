/* SPDX-License-Identifier: MIT */
/*
 * operations.c - fuzzer: an input is a small labyrinth and then calls of the public interface, right and wrong
 * ones.  Each answer must be the model's: which room, right and pool serves a request or the exact code that
 * refuses it, what a free says, what every counter, statistic and tag reads; and the audit must be quiet.
 *
 * One thread; what overlapping calls may do is others' (tests/race, tests/proof).
 */
#include "model.h"
#include "model_check.h"
#include "model_make.h"
#include "operations_free.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BIG_OPERATIONS 12u /* of an input: drains, looks at everything */

static unsigned int big_operations;

/* ---- requests ---- */

static lab_gfp_t take_gfp(struct bytes *in)
{
	static const lab_gfp_t kinds[] = { LAB_GFP_ATOMIC, LAB_GFP_NOWAIT, LAB_GFP_KERNEL, LAB_GFP_HIGHUSER_MOVABLE,
					   LAB_GFP_KERNEL | LAB_MEMALLOC, LAB_GFP_ATOMIC | LAB_NOMEMALLOC,
					   LAB_GFP_KERNEL | LAB_HIGH, LAB_GFP_KERNEL | LAB_RECLAIMABLE };
	static const lab_gfp_t more[] = { 0, LAB_DMA, LAB_DMA32, LAB_HIGHMEM, LAB_ZERO, LAB_COLD, LAB_EXCLUSIVE, LAB_THISNODE };
	unsigned int kind = take8(in);

	if (kind < 64)
		return kinds[kind % 8] | more[kind / 8];
	if (kind < 250)
		return kinds[kind % 8] | (take8(in) & 15u) | (take8(in) & 0xf9u) << 15;
	return take16(in) | (lab_gfp_t)take16(in) << 16;
}

static struct lab_request take_request(struct bytes *in)
{
	struct lab_request request = LAB_REQUEST(take_gfp(in), 0);
	unsigned int kind = take8(in);

	request.order = kind & 1 ? (uint8_t)(take8(in) % (kind & 128 ? 12 : 10)) : 0;
	request.owner = kind & 2 ? (uint16_t)take16(in) : 0;
	request.use = kind & 4 ? (uint8_t)take8(in) : 0;
	request.node = kind & 8 ? (int16_t)(pick(in, 6) - 2) : LAB_NODE_LOCAL;
	request.room = kind & 16 ? (int16_t)(pick(in, ROOMS_MAX + 3) - 2) : LAB_ROOM_ROUTE;
	return request;
}

/* Requests for blocks may draw, and fill again, where they end with nothing. */
static void blur_keepers(void)
{
	unsigned int i;

	for (i = 0; i < model.spec.room_count; i++)
		if (model.room[i].marks.bands)
			model.room[i].keeper = UNKNOWN;
}

static void count_refusal(int error)
{
	model.counter[error == -LAB_ENOMEM   ? LAB_COUNT_NOMEM :
		      error == -LAB_ENOSPC ? LAB_COUNT_NOSPC :
		      error == -LAB_EAGAIN ? LAB_COUNT_AGAIN :
					     LAB_COUNT_INVALID]++;
}

static void count_success(const struct lab_request *request, const struct guess *guess)
{
	struct model_room *room = &model.room[guess->room];

	model.counter[LAB_COUNT_FALLBACK] += guess->fallback != 0;
	if (guess->band < 0)
		return;
	model.counter[guess->right <= LAB_RIGHT_MIN ? LAB_COUNT_BAND : LAB_COUNT_RESERVE]++;
	if (!request->order && room->marks.floor[guess->band] < room->marks.low)
		room->keeper = 1;
}

static void hold(const struct lab_request *request, const struct guess *guess, struct lab_page *page)
{
	struct held *held = &model.held[model.held_count];
	struct lab_page_info info;
	uint64_t frame = 0;

	CHECK(locate(page, &frame), "a page that is none");
	CHECK(room_at(frame) == (int)guess->room, "served by room %d, not %u", room_at(frame), guess->room);
	info = info_of(frame);
	*held = (struct held){ .page = page, .frame = frame, .room = guess->room, .generation = info.generation,
			       .owner = request->owner, .order = request->order, .use = request->use };
	if (request->gfp & LAB_EXCLUSIVE && !held->owner)
		held->owner = LAB_OWNER_EXCLUSIVE;
	CHECK(info.state == LAB_OWNED && info.order == held->order && info.owner == held->owner && info.use == held->use &&
		      !info.poisoned,
	      "the tag of frame %" PRIu64 " is not what was asked", frame);
	model_take(frame, request->order);
	if (request->gfp & LAB_ZERO)
		memory_check(frame, request->order, true);
	memory_mark(frame, request->order);
	frame_at(frame)->held = (uint16_t)model.held_count++;
	frame_at(frame)->generation = info.generation;
}

/* What a request was answered with, a page or an error, must be what was foreseen. */
static void settle(const struct lab_request *request, const struct guess *guess, struct lab_page *page, bool counted)
{
	int error = lab_ptr_err(page);

	CHECK(guess->error ? error == guess->error || error == guess->also : page && !error,
	      "gfp %x order %u room %d node %d was answered %d, should be %d", request->gfp, request->order, request->room,
	      request->node, error, guess->error);
	if (error && counted)
		count_refusal(error);
	if (error)
		return;
	if (counted)
		count_success(request, guess);
	hold(request, guess, page);
}

/* ---- allocations ---- */

static void op_request(struct bytes *in)
{
	struct lab_request request = take_request(in);
	struct guess guess = predict(&request, false);
	struct lab_answer answer = { .room = 77 };
	struct lab_page *page = lab_alloc_request(model.lab, &request, &answer);

	if (request.order)
		blur_keepers();
	settle(&request, &guess, page, true);
	CHECK(answer.rounds <= 1, "alone it walked %u times", answer.rounds);
	CHECK(answer.room == (guess.error ? -1 : (int)guess.room), "room %d answered", answer.room);
	if (guess.error)
		return;
	CHECK(answer.right == guess.right && answer.fallback == guess.fallback && answer.band == guess.band,
	      "answered with right %u, fallback %u, pool %d; should be %u, %u, %d", answer.right, answer.fallback, answer.band,
	      guess.right, guess.fallback, guess.band);
}

static void op_pages(struct bytes *in, bool address)
{
	lab_gfp_t gfp = take_gfp(in);
	unsigned int kind = take8(in), order = kind < 128 ? 0 : kind < 250 ? kind % 10 : kind << 8;
	struct lab_request request = LAB_REQUEST(gfp, order > LAB_ORDER_MAX ? LAB_ORDER_MAX + 1 : order);
	struct guess guess = predict(&request, address);
	struct lab_page *page;
	void *memory;

	if (address) {
		memory = lab_alloc(model.lab, gfp, order);
		page = memory ? lab_address_page(model.lab, memory) : (struct lab_page *)(intptr_t)guess.error;
		CHECK(!memory || (page && lab_page_address(model.lab, page) == memory), "an address that is none");
		CHECK(memory || guess.error, "no address, but there is memory");
	} else {
		page = lab_alloc_pages(model.lab, gfp, order);
	}
	if (order)
		blur_keepers();
	if (address && guess.error)
		guess.also = guess.error; /* which of two is not known; both count alike */
	settle(&request, &guess, page, true);
}

static void op_alloc_at(struct bytes *in)
{
	struct lab_request request = take_request(in);
	unsigned int room = pick(in, model.spec.room_count), kind = take8(in);
	uint64_t frame = model.rooms[room].first_frame + take16(in) % (model.rooms[room].frames + 2) - (kind & 1);
	struct guess guess;

	if (kind & 14) /* else perhaps not aligned */
		frame &= ~(((uint64_t)1 << request.order % 10) - 1);
	if (kind == 255)
		frame = take_number(in);
	guess = predict_at(frame, &request);
	blur_keepers();
	settle(&request, &guess, lab_alloc_at(model.lab, frame, &request), false);
}

static void op_bulk(struct bytes *in)
{
	struct lab_page *pages[200];
	struct lab_request request = LAB_REQUEST(take_gfp(in), 0);
	size_t count = pick(in, 200), i;
	long got = lab_alloc_bulk(model.lab, request.gfp, count, pages);
	struct guess guess;

	CHECK(got <= (long)count, "more than was asked for");
	for (i = 0; i < count; i++) {
		guess = predict(&request, false);
		if (guess.error)
			break;
		CHECK((long)i < got, "%ld of %zu pages, and there is one more", got, count);
		settle(&request, &guess, pages[i], true);
	}
	if (i == count) {
		CHECK(got == (long)count, "%ld of %zu pages", got, count);
		return;
	}
	CHECK(i ? got == (long)i : got == guess.error || got == guess.also, "%ld, not %zu pages, then %d", got, i, guess.error);
	count_refusal(guess.error);
}

/* Until it is refused. */
static void op_drain(struct bytes *in)
{
	struct lab_request request = LAB_REQUEST(take_gfp(in), 0);
	unsigned int left = take16(in) % 2000, order = take8(in);
	struct guess guess;

	if (big_operations++ >= BIG_OPERATIONS)
		return;
	request.order = order > 200 ? (uint8_t)(order % 10) : 0;
	if (request.order)
		blur_keepers();
	do {
		guess = predict(&request, false);
		settle(&request, &guess, lab_alloc_pages(model.lab, request.gfp, request.order), true);
	} while (!guess.error && left--);
}

/* The default labyrinth's exclusive page. */
static void op_exclusive(struct bytes *in)
{
	struct lab_request request = LAB_REQUEST(LAB_GFP_ATOMIC | LAB_EXCLUSIVE, 0);
	struct guess guess = predict(&request, false);
	struct claim claim = { .owner = LAB_OWNER_EXCLUSIVE };
	unsigned int kind = take8(in);
	int error, want;
	void *address;

	lab_set_default(model.lab);
	address = labyrinth_void_alloc_page_gfp_atomic_exclusive();
	if (guess.error) {
		CHECK(!address, "a page, and none was free");
		count_refusal(guess.error);
	} else if (!model.rooms[guess.room].memory) {
		CHECK(!address, "an address where there is no memory"); /* and the page went back */
		count_success(&request, &guess);
		model.room[guess.room].keeper = UNKNOWN;
	} else {
		settle(&request, &guess, lab_address_page(model.lab, address), true);
	}
	if (kind & 1) {
		address = (char *)(kind & 2 || !address ? (void *)arena : address) + (kind & 4 ? kind : 0);
		claim.page = page_of_address(address);
		want = free_code(&claim);
		error = labyrinth_void_free_page_exclusive(address);
		freed(&claim, error, want);
	}
	lab_set_default(NULL);
}

/* ---- out of service ---- */

static uint64_t any_frame(struct bytes *in)
{
	unsigned int room = pick(in, model.spec.room_count), kind = take8(in);

	if (kind == 255)
		return take_number(in);
	return model.rooms[room].first_frame + take16(in) % (model.rooms[room].frames + 2) - (kind & 1);
}

static void op_offline(struct bytes *in)
{
	static const int code[] = { [FREE] = 0, [HEAD] = -LAB_EBUSY, [BODY] = -LAB_EAGAIN, [OUT] = -LAB_EALREADY,
				    [HOLE] = -LAB_EALREADY };
	uint64_t frame = any_frame(in);
	int room = room_at(frame), error = lab_frame_offline(model.lab, frame);
	int want = room < 0 ? -LAB_ERANGE : code[frame_at(frame)->state];

	CHECK(error == want, "offline %" PRIu64 ": %d, not %d", frame, error, want);
	if (want == -LAB_EBUSY)
		frame_at(frame)->poisoned = true;
	if (want)
		return;
	frame_at(frame)->state = OUT;
	frame_at(frame)->generation = info_of(frame).generation; /* out of a pool: the next one */
	model.counter[LAB_COUNT_OFFLINED]++;
	model_draw_unsaid(&model.room[room]);
}

static void op_online(struct bytes *in)
{
	uint64_t frame = any_frame(in);
	int room = room_at(frame), error = lab_frame_online(model.lab, frame), want = -LAB_ERANGE;

	if (room >= 0 && frame_at(frame)->state != HOLE)
		want = frame_at(frame)->state == OUT ? 0 : -LAB_EALREADY;
	CHECK(error == want, "online %" PRIu64 ": %d, not %d", frame, error, want);
	if (want)
		return;
	frame_at(frame)->generation++;
	model_put(frame);
	CHECK(info_of(frame).generation == frame_at(frame)->generation, "the generation of what was out");
}

static void op_room(struct bytes *in)
{
	unsigned int number = take8(in), i;
	bool close = number & 128, real = (number &= 7) < model.spec.room_count;
	long got = close ? lab_room_offline(model.lab, number) : lab_room_online(model.lab, number), want = 0;

	for (i = 0; close && i < model.held_count; i++)
		want += model.held[i].room == number ? 1L << model.held[i].order : 0;
	CHECK(got == (real ? want : -LAB_ENXIO), "room %u %s: %ld", number, close ? "closed" : "opened", got);
	if (real)
		model.room[number].closed = close;
}

#include "operations_look.h"

/* ---- an input ---- */

static void op_alloc_pages(struct bytes *in)
{
	op_pages(in, false);
}

static void op_address(struct bytes *in)
{
	op_pages(in, true);
}

/* From here on on another CPU, or node. */
static void op_cpu(struct bytes *in)
{
	model.cpu = take8(in) * 17;
	model.node = model.spec.nodes > 1 ? take8(in) % model.spec.nodes : 0;
}

static void step(struct bytes *in)
{
	static const struct {
		const char *name;
		void (*go)(struct bytes *in);
	} op[32] = {
		[0 ... 4] = { "request", op_request },
		[5] = { "pages", op_alloc_pages },
		[6] = { "address", op_address },
		[7 ... 8] = { "at", op_alloc_at },
		[9 ... 10] = { "bulk", op_bulk },
		[11 ... 14] = { "free", op_free },
		[15 ... 18] = { "free wrongly", op_free_wrongly },
		[19] = { "free bulk", op_free_bulk },
		[20 ... 21] = { "split", op_split },
		[22] = { "offline", op_offline },
		[23] = { "online", op_online },
		[24] = { "room", op_room },
		[25] = { "cpu", op_cpu },
		[26] = { "drain", op_drain },
		[27] = { "free many", op_free_many },
		[28] = { "exclusive", op_exclusive },
		[29] = { "route", op_route },
		[30] = { "look", op_look },
		[31] = { "forked", op_forked },
	};
	unsigned int what = take8(in) % 32;

	SHOW("%s; held: %u\n", op[what].name, model.held_count);
	op[what].go(in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = { data, data + size };
	unsigned int steps = 0, i;
	struct lab_audit beside;
	void *metadata;

	make_stranger();
	metadata = make_labyrinth(&in);
	big_operations = stale_next = 0;
	memset(stale, 0, sizeof(stale));
	while (bytes_left(&in) && steps++ < 400)
		step(&in);
	check_everything();
	CHECK(!lab_audit(model.lab, false, &beside), "an audit beside callers: %s", beside.text);
	for (i = 0; i < model.spec.room_count; i++)
		lab_room_online(model.lab, i);
	while (model.held_count) {
		const struct held *held = &model.held[model.held_count - 1];

		free_by_page((struct claim){ .page = held->page, .order = held->order, .owner = held->owner }, 2);
	}
	for (i = 0; i < model.spec.room_count; i++)
		model.room[i].closed = false;
	check_everything();
	free(metadata);
	return 0;
}
