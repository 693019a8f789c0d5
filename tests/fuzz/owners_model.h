/* SPDX-License-Identifier: MIT */
/*
 * owners_model.h - a vault and an ordinary room with clients, and who has which page by the model: what is free, out, waiting to be
 * overwritten, out of service; what stands in the memory; what each client is guaranteed and charged with.
 *
 * The model is told what came out of a choice (which frame, which room); what must be so it knows by itself.
 */
#ifndef FUZZ_OWNERS_MODEL_H
#define FUZZ_OWNERS_MODEL_H

#include <labyrinth.h>

#include "bytes.h"

#define VAULT_FRAMES 40u
#define PLAIN_FRAMES 160u
#define CLIENTS 3u
#define CONTRACT_FRAMES 8u
#define PAGE_BYTES 4096u
#define PLAIN_FIRST 1024u

enum { VAULT, PLAIN, ROOMS };
enum { FREE, HEAD, BODY, WAITS, OUT }; /* WAITS: freed, not yet overwritten */

struct frame {
	uint8_t state, order;
	bool dirty, poisoned, offered, shredded; /* dirty: written to while it was free; shredded: nothing of ours stands there */
	uint16_t owner;
	uint8_t sharers; /* of a HEAD: 1 and more */
	uint32_t generation;
};

struct client {
	uint16_t owner; /* 0: none is open */
	bool exact;	/* nothing went out of service since its guarantee was made */
	bool quarantined;
	int room; /* of its contract; -1 */
	uint32_t frames, blocks, maximum;
	uint8_t block_order;
};

static struct {
	struct labyrinth *lab;
	struct lab_vault vault;
	struct lab_room_spec rooms[ROOMS];
	struct lab_spec spec;
	struct client client[CLIENTS];
	uint64_t corrupt;
	unsigned int cpu, dirty;
	bool panicked;
	struct frame frame[ROOMS][PLAIN_FRAMES];
} model;

static _Alignas(4096) char vault_memory[2 * VAULT_FRAMES * PAGE_BYTES];
static _Alignas(4096) char plain_memory[PLAIN_FRAMES * PAGE_BYTES];
static _Alignas(64) char keys[LAB_KEYS_BYTES];
static _Alignas(64) char metadata[(size_t)1 << 20];

/* ---- the home ---- */

unsigned int lab_port_cpu(void);
unsigned int lab_port_node(void);
struct labyrinth *lab_port_default(void);

unsigned int lab_port_cpu(void)
{
	return model.cpu;
}

unsigned int lab_port_node(void)
{
	return 0;
}

struct labyrinth *lab_port_default(void)
{
	return NULL;
}

/* ---- places ---- */

static uint64_t number_of(unsigned int room, unsigned int i)
{
	return model.rooms[room].first_frame + i;
}

static struct lab_page *page_of(unsigned int room, unsigned int i)
{
	return lab_frame_page(model.lab, number_of(room, i));
}

static char *memory_of(unsigned int room, unsigned int i)
{
	return room == VAULT ? vault_memory + (size_t)i * PAGE_BYTES * (model.vault.stride == 2 ? 2 : 1) : plain_memory + (size_t)i * PAGE_BYTES;
}

static bool locate(const struct lab_page *page, unsigned int *room, unsigned int *i)
{
	uint64_t frame = lab_page_frame(model.lab, page);

	for (*room = VAULT; *room < ROOMS; ++*room) {
		*i = (unsigned int)(frame - model.rooms[*room].first_frame);
		if (frame >= model.rooms[*room].first_frame && *i < model.rooms[*room].frames)
			return true;
	}
	return false;
}

static struct lab_page_info info_of(unsigned int room, unsigned int i)
{
	struct lab_page_info info;

	CHECK(!lab_page_info(model.lab, page_of(room, i), &info), "no tag of frame %u", i);
	return info;
}

static struct lab_ref ref_of(unsigned int room, unsigned int i)
{
	return (struct lab_ref){ number_of(room, i), model.frame[room][i].generation };
}

static struct client *client_of(unsigned int owner)
{
	unsigned int i;

	for (i = 0; owner && i < CLIENTS; i++)
		if (model.client[i].owner == owner)
			return &model.client[i];
	return NULL;
}

static bool is_number_of_client(unsigned int owner)
{
	return owner > LAB_OWNER_MAX - CLIENTS;
}

/* ---- what stands in memory ---- */

/* What is out says whose frame it is, at both ends. */
static void memory_mark(unsigned int room, unsigned int i)
{
	uint64_t mark = UINT64_C(0x5ec2e70000000000) + number_of(room, i);
	char *memory = memory_of(room, i);

	memcpy(memory, &mark, sizeof(mark));
	memcpy(memory + PAGE_BYTES - sizeof(mark), &mark, sizeof(mark));
}

static bool memory_marked(unsigned int room, unsigned int i)
{
	uint64_t mark = UINT64_C(0x5ec2e70000000000) + number_of(room, i), head, tail;
	const char *memory = memory_of(room, i);

	memcpy(&head, memory, sizeof(head));
	memcpy(&tail, memory + PAGE_BYTES - sizeof(tail), sizeof(tail));
	return head == mark || tail == mark;
}

static bool memory_zero(unsigned int room, unsigned int i)
{
	const char *memory = memory_of(room, i);
	unsigned int k;

	for (k = 0; k < PAGE_BYTES; k++)
		if (memory[k])
			return false;
	return true;
}

/* Of a page that went back, and has been overwritten. */
static void check_overwritten(unsigned int room, unsigned int i)
{
	CHECK(!memory_marked(room, i), "frame %u is free, and not overwritten", i);
	if (room == VAULT && model.vault.shred == LAB_SHRED_ZERO)
		CHECK(memory_zero(room, i), "frame %u is not zero", i);
}

/* ---- taken and given ---- */

static void model_take(unsigned int room, unsigned int i, unsigned int order, unsigned int owner, bool zero)
{
	struct frame *head = &model.frame[room][i];
	unsigned int k;

	for (k = 0; k < 1u << order; k++) {
		struct frame *frame = head + k;

		CHECK(i + k < model.rooms[room].frames && frame->state == FREE, "frame %u is given, and is %u", i + k, frame->state);
		CHECK(!frame->dirty || model.vault.unnoticed, "frame %u is given, and was written to", i + k);
		CHECK(!zero || memory_zero(room, i + k), "frame %u is not zero", i + k);
		model.dirty -= frame->dirty;
		*frame = (struct frame){ .state = k ? BODY : HEAD, .owner = (uint16_t)owner, .sharers = 1 };
		memory_mark(room, i + k);
	}
	head->order = (uint8_t)order;
	head->generation = info_of(room, i).generation;
}

/* A page has left its owner's hand.  In a vault it waits where the overwriting is deferred. */
static void model_give(unsigned int room, unsigned int i, bool waits)
{
	struct frame head = model.frame[room][i];
	bool shreds = room == VAULT || head.owner == LAB_OWNER_EXCLUSIVE;
	unsigned int k;

	for (k = 0; k < 1u << head.order; k++) {
		struct frame *frame = &model.frame[room][i + k];

		*frame = (struct frame){ .state = waits ? WAITS : !k && head.poisoned ? OUT : FREE };
		if (waits) {
			frame->owner = head.owner;
			frame->poisoned = head.poisoned;
		} else if (shreds) {
			check_overwritten(room, i + k);
		}
	}
}

/* ---- what a client has ---- */

struct out {
	uint64_t frames;
	uint32_t singles, blocks;
};

static struct out out_of(const struct client *client)
{
	struct out out = { 0 };
	unsigned int room, i;

	for (room = VAULT; room < ROOMS; room++)
		for (i = 0; i < model.rooms[room].frames; i++) {
			const struct frame *frame = &model.frame[room][i];

			if ((frame->state != HEAD && frame->state != WAITS) || frame->owner != client->owner)
				continue;
			out.frames += (uint64_t)1 << frame->order;
			out.singles += !frame->order;
			out.blocks += frame->order && frame->order == client->block_order;
		}
	return out;
}

static void all_inexact(void)
{
	unsigned int i;

	for (i = 0; i < CLIENTS; i++)
		model.client[i].exact = false;
}

/* ---- all of it beside the labyrinth ---- */

/* Frames that were written to while they were free are found when they would have been given: never later. */
static void find_corrupt(void)
{
	struct lab_intrusion list[16];
	unsigned int i, n = 0;
	struct lab_stats stats;

	for (i = 0; i < model.rooms[VAULT].frames; i++) {
		struct frame *frame = &model.frame[VAULT][i];

		if (frame->state != FREE || !frame->dirty || info_of(VAULT, i).state != LAB_OFFLINE)
			continue;
		*frame = (struct frame){ .state = OUT };
		model.dirty--;
		n++;
	}
	if (n)
		all_inexact();
	model.corrupt += n;
	CHECK(!lab_stats(model.lab, &stats) && stats.counter[LAB_COUNT_CORRUPT] == model.corrupt,
	      "%" PRIu64 " frames were found written to, should be %" PRIu64, stats.counter[LAB_COUNT_CORRUPT], model.corrupt);
	CHECK(!model.vault.unnoticed || !n, "noticed");
	for (i = 0; i < (n < 16 ? lab_intrusions(model.lab, VAULT, list, n) : 0); i++)
		CHECK(model.frame[VAULT][list[i].frame - model.rooms[VAULT].first_frame].state == OUT, "another frame was written to");
}

static void check_client(const struct client *client)
{
	struct lab_client_stats stats;
	struct out out = out_of(client);

	CHECK(!lab_client_stats(model.lab, client->owner, &stats), "no statistics of client %u", client->owner);
	CHECK(stats.charge == out.frames && stats.quarantined == client->quarantined,
	      "client %u is charged with %" PRIu64 " frames, and has %" PRIu64 " out", client->owner, stats.charge, out.frames);
	if (client->quarantined)
		return;
	CHECK(stats.frames == client->frames && stats.blocks == client->blocks && stats.room == client->room,
	      "client %u is guaranteed %u and %u of room %d", client->owner, stats.frames, stats.blocks, stats.room);
	/* The contract: what is guaranteed and not out is there. */
	CHECK(!client->exact || stats.frames_in + out.singles >= client->frames, "client %u has %u of %u frames, %u are out",
	      client->owner, stats.frames_in, client->frames, out.singles);
	CHECK(!client->exact || stats.blocks_in + out.blocks >= client->blocks, "client %u has %u of %u blocks, %u are out",
	      client->owner, stats.blocks_in, client->blocks, out.blocks);
}

static void check_frame(unsigned int room, unsigned int i)
{
	const struct frame *frame = &model.frame[room][i];
	struct lab_page_info info = info_of(room, i);

	switch (frame->state) {
	case HEAD:
		CHECK(info.state == (frame->offered ? LAB_KEPT : frame->sharers > 1 ? LAB_SHARED : LAB_OWNED) &&
			      (frame->offered || info.owner == frame->owner) && info.generation == frame->generation,
		      "frame %u of room %u is %u's: state %u, owner %u", i, room, frame->owner, info.state, info.owner);
		CHECK(frame->shredded || memory_marked(room, i), "frame %u of room %u: not what its owner wrote", i, room);
		break;
	case BODY:
		CHECK(info.state == LAB_FREE && memory_marked(room, i), "frame %u of room %u is in a block: state %u", i, room, info.state);
		break;
	case WAITS:
		CHECK(info.state == LAB_SHREDDING, "frame %u waits to be overwritten: state %u", i, info.state);
		break;
	case OUT:
		CHECK(info.state == LAB_OFFLINE, "frame %u of room %u is out of service: state %u", i, room, info.state);
		break;
	default:
		CHECK(info.state != LAB_OWNED && info.state != LAB_SHARED && info.state != LAB_OFFLINE, "frame %u of room %u is free: state %u",
		      i, room, info.state);
		CHECK(room != VAULT || frame->dirty || !memory_marked(room, i), "free frame %u has what somebody wrote", i);
	}
}

static void check_everything(void)
{
	struct lab_audit audit;
	unsigned int room, i;

	CHECK(!lab_audit(model.lab, true, &audit), "audit: %s, room %d, frame %" PRIu64, audit.text, audit.room, audit.frame);
	for (room = VAULT; room < ROOMS; room++)
		for (i = 0; i < model.rooms[room].frames; i++)
			check_frame(room, i);
	for (i = 0; i < CLIENTS; i++)
		if (model.client[i].owner)
			check_client(&model.client[i]);
}

/* ---- birth ---- */

static void make_model(struct bytes *in)
{
	struct lab_room_spec *vault = &model.rooms[VAULT], *plain = &model.rooms[PLAIN];
	static uint8_t seed[32];
	unsigned int kind = take8(in), marks;
	const char *why = "";

	memset(&model, 0, sizeof(model));
	memset(metadata, 0, sizeof(metadata));
	memset(keys, 0, sizeof(keys));
	memset(seed, (int)kind, sizeof(seed));
	model.vault = (struct lab_vault){ .shred = (enum lab_shred)(kind & 1), .unnoticed = (kind & 6) == 6, .deferred = kind & 8,
					  .stride = 1 + (kind >> 4 & 1) };
	*vault = (struct lab_room_spec){ .name = "vault", .zone = LAB_ZONE_OWN, .frames = 1 + pick(in, VAULT_FRAMES),
					 .memory = vault_memory, .vault = &model.vault };
	if (kind & 32)
		model.vault.quarantine = pick(in, (unsigned int)vault->frames);
	*plain = (struct lab_room_spec){ .name = "plain", .zone = LAB_ZONE_NORMAL, .first_frame = PLAIN_FIRST,
					 .frames = 1 + pick(in, PLAIN_FRAMES), .memory = plain_memory };
	marks = kind & 64 ? (unsigned int)plain->frames / 8 : 0;
	if (marks)
		plain->min = marks, plain->low = marks + 2, plain->high = marks + 4;
	model.spec = (struct lab_spec){ .page_shift = 12, .cpus = 1 + (kind >> 7), .rooms = model.rooms, .room_count = ROOMS,
					.clients = CLIENTS, .contract_frames = CONTRACT_FRAMES, .contract_blocks = 2,
					.keys = keys, .seed = seed };
	if (marks && plain->high >= plain->frames)
		plain->min = plain->low = plain->high = 0;
	CHECK(lab_metadata_bytes(&model.spec) <= sizeof(metadata), "so much metadata");
	CHECK(!lab_birth(&model.spec, metadata, sizeof(metadata), &model.lab, NULL, &why), "birth: %s", why);
}

#endif
