/* SPDX-License-Identifier: MIT */
/*
 * owners.c - fuzzer: an input is a vault, an ordinary room and clients, and then calls of all that has to do with owners: requests within
 * and beyond contracts, frees, right and wrong, sharing, handing over, offers, laundry, pages written to while they are free, clients opened,
 * resized, closed by force, and a panic.
 *
 * What a page's owner wrote stays until it is freed; nobody finds it afterwards.  Nobody gets what another has.  Within a contract no
 * request fails.  A free page that was written to is never given.  What is charged is what is out.
 */
#include "owners_calls.h"
#include "owners_clients.h"
#include "owners_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A free page of the vault is written to: one bit of it. */
static void op_intrude(struct bytes *in)
{
	unsigned int i = pick(in, (unsigned int)model.rooms[VAULT].frames), bit = take16(in) % (8 * PAGE_BYTES);
	struct frame *frame = &model.frame[VAULT][i];

	if (frame->state != FREE || frame->dirty)
		return;
	memory_of(VAULT, i)[bit / 8] ^= (char)(1 << bit % 8);
	frame->dirty = true;
	model.dirty++;
}

static void launder(unsigned int room, unsigned int most)
{
	unsigned int waiting = 0, i, done, still = 0;

	for (i = 0; i < model.rooms[VAULT].frames; i++)
		if (model.frame[VAULT][i].state == WAITS) {
			memory_mark(VAULT, i); /* whose it was writes late */
			waiting++;
		}
	done = lab_launder(model.lab, room, most);
	CHECK(done == (room != VAULT ? 0 : waiting < most ? waiting : most), "%u laundered of %u", done, waiting);
	for (i = 0; i < model.rooms[VAULT].frames; i++) {
		struct frame *frame = &model.frame[VAULT][i];

		if (frame->state != WAITS)
			continue;
		if (memory_marked(VAULT, i)) {
			still++;
			continue;
		}
		if (frame->poisoned)
			all_inexact();
		model_give(VAULT, i, false);
	}
	CHECK(still == waiting - done, "%u wait, should be %u", still, waiting - done);
	find_corrupt();
}

static void op_launder(struct bytes *in)
{
	unsigned int room = pick(in, ROOMS + 1);

	launder(room, take8(in));
}

static void op_offline(struct bytes *in)
{
	unsigned int room = pick(in, ROOMS), i = pick(in, (unsigned int)model.rooms[room].frames);
	struct frame *frame = &model.frame[room][i];
	int error = lab_frame_offline(model.lab, number_of(room, i));

	switch (frame->state) {
	case FREE: /* in a contract or in quarantine it is not to be had */
		CHECK(!error || error == -LAB_EAGAIN || error == -LAB_EBUSY, "a free frame goes out of service: %d", error);
		if (error)
			return;
		model.dirty -= frame->dirty;
		*frame = (struct frame){ .state = OUT };
		return;
	case HEAD:
		CHECK(error == -LAB_EBUSY || (error == -LAB_EAGAIN && (frame->offered || frame->sharers > 1)), "a page in use goes out of service: %d",
		      error);
		frame->poisoned = info_of(room, i).poisoned;
		CHECK(frame->poisoned || error == -LAB_EAGAIN, "it is not marked");
		return;
	case OUT:
		CHECK(error == -LAB_EALREADY, "it is out of service already: %d", error);
		return;
	default:
		CHECK(error == -LAB_EBUSY || error == -LAB_EAGAIN, "frame %u, %u, goes out of service: %d", i, frame->state, error);
		frame->poisoned |= frame->state == WAITS && info_of(room, i).poisoned;
	}
}

static void op_online(struct bytes *in)
{
	unsigned int room = pick(in, ROOMS), i = pick(in, (unsigned int)model.rooms[room].frames);
	struct frame *frame = &model.frame[room][i];
	int error = lab_frame_online(model.lab, number_of(room, i));

	CHECK(error == (frame->state == OUT ? 0 : -LAB_EALREADY), "frame %u, %u, goes into service: %d", i, frame->state, error);
	if (!error)
		*frame = (struct frame){ .state = FREE };
}

static void op_look(struct bytes *in)
{
	unsigned int kind = take8(in);

	model.cpu = kind % 4;
	if (kind & 128)
		op_seed(in);
	check_everything();
}

/* All of a vault is overwritten, and nothing of it is given any more. */
static void panic(void)
{
	uint64_t managed = model.rooms[VAULT].frames;
	unsigned int i;

	CHECK(lab_panic_shred(model.lab) == managed && !lab_panic_shred(model.lab), "a panic");
	model.panicked = true;
	for (i = 0; i < managed; i++) {
		check_overwritten(VAULT, i);
		model.frame[VAULT][i].shredded = true;
	}
	all_inexact();
}

static void step(struct bytes *in)
{
	static const struct {
		const char *name;
		void (*go)(struct bytes *in);
	} op[32] = {
		[0 ... 6] = { "request", op_request },	 [7] = { "request at", op_request_at },
		[8 ... 11] = { "free", op_free },	 [12] = { "split", op_split },
		[13] = { "free wrongly", op_free_wrongly }, [14] = { "free wrongly", op_free_wrongly },
		[15] = { "share", op_share },		 [16] = { "unshare", op_unshare },
		[17] = { "hand over", op_hand_over },	 [18] = { "hand over", op_hand_over },
		[19] = { "shred now", op_shred_now },	 [20] = { "intrude", op_intrude },
		[21] = { "launder", op_launder },	 [22] = { "client opens", op_open },
		[23] = { "client opens", op_open },	 [24] = { "client resizes", op_resize },
		[25] = { "client closes", op_close },	 [26] = { "client is abandoned", op_abandon },
		[27] = { "offer", op_offer },		 [28] = { "withdraw", op_withdraw },
		[29] = { "offline", op_offline },	 [30] = { "online", op_online },
		[31] = { "look", op_look },
	};
	unsigned int what = take8(in) % 32;

	SHOW("%s\n", op[what].name);
	op[what].go(in);
	find_corrupt();
}

/* Everything goes back, and then everything is there. */
static void end(void)
{
	struct lab_room_stats stats;
	unsigned int room, i;

	for (room = VAULT; room < ROOMS; room++)
		for (i = 0; i < model.rooms[room].frames; i++)
			if (model.frame[room][i].state == HEAD)
				give_back(room, i);
	launder(VAULT, UINT32_MAX);
	check_everything();
	close_clients();
	check_everything();
	for (room = VAULT; room < ROOMS; room++) {
		uint64_t out = room == VAULT ? model.vault.quarantine : 0;

		for (i = 0; i < model.rooms[room].frames; i++)
			out += model.frame[room][i].state == OUT;
		CHECK(!lab_room_stats(model.lab, room, &stats) && stats.free_commons + stats.free_pooled + out >= model.rooms[room].frames,
		      "room %u: %" PRIu64 " and %" PRIu64 " are free in the end, %" PRIu64 " are out", room, stats.free_commons,
		      stats.free_pooled, out);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = { data, data + size };
	unsigned int steps = 0;

	make_model(&in);
	while (bytes_left(&in) && steps++ < 300)
		step(&in);
	check_everything();
	if (size % 4 == 3)
		panic();
	end();
	return 0;
}
