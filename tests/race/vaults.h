/* SPDX-License-Identifier: MIT */
/*
 * vaults.h - what fibers do in a vault, and what is expected of it.
 *
 * Whoever has a page leaves its mark there.  At each step of a schedule (vault_watch()) no frame that says it is free has a mark, and
 * who is given one finds none: so what was written is gone before anybody else could reach it.  Afterwards (judge_vault()) the laundry is
 * washed, and each frame is held by as many as took it and have not freed it: nobody or one.
 */
#ifndef VAULTS_H
#define VAULTS_H

#include <stddef.h>

#include "frame.h"
#include "judge.h"
#include "keys.h"
#include "weak.h"

#define VAULT_FRAMES 16
#define VAULT_WORDS (4096 / sizeof(uint64_t))
#define VAULT_MARK UINT64_C(0x5ec2e75ec2e70000)
#define VAULT_FIRST 7u /* the owner of what is held at the start ... */
#define VAULT_TAKER 8u /* ... of what is taken, so that nobody frees it by mistake ... */
#define VAULT_HEIR 9u  /* ... and of what is handed over */

static struct {
	uint64_t *memory, *before;
	struct lab_keys keys, keys_before;
	struct lab_vault spec;
	struct lab_ref ref[VAULT_FRAMES]; /* of what is held at the start */
	bool held[VAULT_FRAMES];
	/* Of this schedule. */
	int takes[VAULT_FRAMES], frees[VAULT_FRAMES], given[VAULT_FRAMES]; /* `given`: of what was held at the start */
	int shares[VAULT_FRAMES], heirs[VAULT_FRAMES];
	bool let_go[VAULT_FRAMES]; /* somebody is freeing it */
	bool replaced[VAULT_FRAMES]; /* in the hand of who brings it back into service */
	uint64_t mine[FIBERS_MAX]; /* the frame + 1 that a fiber has taken */
	unsigned int panics;
	uint64_t overwritten; /* by them all */
} vault;

static void vault_wrong(const char *what)
{
	if (!fibers.wrong)
		fibers.wrong = what;
}

static uint64_t *vault_memory(uint64_t frame)
{
	return vault.memory + frame * VAULT_WORDS;
}

/* Somebody's, or the owner's of the start only. */
static bool vault_marked(uint64_t frame, bool first)
{
	const uint64_t *word = vault_memory(frame);
	size_t i;

	for (i = 0; i < VAULT_WORDS; i++)
		if (first ? word[i] == (VAULT_MARK | VAULT_FIRST) : (word[i] & ~UINT64_C(0xffff)) == VAULT_MARK)
			return true;
	return false;
}

static void vault_mark(uint64_t frame, unsigned int owner)
{
	vault_memory(frame)[0] = vault_memory(frame)[VAULT_WORDS / 2] = vault_memory(frame)[VAULT_WORDS - 1] = VAULT_MARK | owner;
}

/* The tag as it stands: no step of anybody's. */
static lab_word vault_tag(uint64_t frame)
{
	return room_page(labyrinth_room(lab, 0), (lab_bit)frame)->tag;
}

static bool vault_owned(uint64_t frame)
{
	return tag_state(vault_tag(frame)) == LAB_OWNED || tag_state(vault_tag(frame)) == LAB_SHARED;
}

static void vault_took(uint64_t frame)
{
	if (!scene->vault.is)
		return;
	if (vault_marked(frame, false))
		vault_wrong("a page given with what its last owner wrote");
	vault_mark(frame, VAULT_TAKER);
	vault.takes[frame]++;
}

static void vault_gave(uint64_t frame)
{
	if (scene->vault.is)
		vault.frees[frame]++;
}

/* ---- calls ---- */

static void vault_take(struct record *r)
{
	struct lab_request request = LAB_REQUEST(LAB_GFP_KERNEL, 0);
	struct lab_page *page;
	uint64_t frame;

	request.room = 0;
	request.owner = VAULT_TAKER;
	page = lab_alloc_request(lab, &request, NULL);
	r->code = lab_ptr_err(page);
	if (r->code && r->code != -LAB_ENOMEM && !(r->code == -LAB_ENXIO && vault.panics))
		vault_wrong("a vault refused, but not as out of memory");
	if (r->code)
		return;
	frame = lab_page_frame(lab, page);
	r->got = 1;
	vault_took(frame);
	if (holder[frame]++)
		vault_wrong("a frame given twice");
	vault.mine[r->fiber] = frame + 1;
}

/* What this fiber took. */
static void vault_back(struct record *r)
{
	uint64_t frame = vault.mine[r->fiber] - 1;

	if (!vault.mine[r->fiber])
		return; /* it was refused one */
	vault.mine[r->fiber] = 0;
	holder[frame]--;
	r->code = lab_free_as(lab, lab_frame_page(lab, frame), 0, VAULT_TAKER, 0);
	if (r->code)
		vault_wrong("an owner's free was refused");
	vault_gave(frame);
	r->got = scene->vault.deferred ? 0 : -1;
}

/* What was held at the start, by several maybe. */
static void vault_give(uint64_t frame, struct record *r)
{
	if (!vault.let_go[frame])
		holder[frame]--;
	vault.let_go[frame] = true;
	if (r->kind == VAULT_GIVE_REF)
		r->code = lab_free_ref(lab, vault.ref[frame], 0, VAULT_FIRST);
	else
		r->code = lab_free_as(lab, lab_frame_page(lab, frame), 0, VAULT_FIRST, 0);
	if (r->code && r->code != -LAB_EALREADY && r->code != -LAB_EPERM && r->code != -LAB_EBUSY && r->code != -LAB_ESTALE)
		vault_wrong("a free refused, but not because another has had the page");
	if (r->code)
		return;
	vault_gave(frame);
	vault.given[frame]++;
	r->got = scene->vault.deferred ? 0 : -1;
}

static void vault_share(uint64_t frame, struct record *r)
{
	long n = r->kind == SHARE ? lab_page_share(lab, vault.ref[frame]) : lab_page_unshare(lab, vault.ref[frame]);

	r->code = n < 0 ? (int)n : 0;
	if (n > 0)
		vault.shares[frame] += r->kind == SHARE ? 1 : -1;
	else if (n != -LAB_EALREADY && n != -LAB_ESTALE)
		vault_wrong("neither shared nor too late");
}

static void vault_shred(uint64_t frame, struct record *r)
{
	r->code = lab_shred_now(lab, lab_frame_page(lab, frame), VAULT_FIRST);
	if (r->code)
		vault_wrong("an owner's page not overwritten");
	else if (vault_marked(frame, false))
		vault_wrong("overwritten, and what was there is there");
}

/* A frame that is out of service: who knows what stands there when it comes back. */
static void vault_replaced(uint64_t frame)
{
	if (tag_state(vault_tag(frame)) != LAB_OFFLINE)
		return;
	vault_mark(frame, VAULT_FIRST);
	vault.replaced[frame] = true;
}

static bool vault_call(const struct op *op, struct record *r)
{
	uint64_t frame = (uint64_t)op->arg;

	switch (op->kind) {
	case VAULT_TAKE:
		vault_take(r);
		return true;
	case VAULT_BACK:
		vault_back(r);
		return true;
	case VAULT_GIVE:
	case VAULT_GIVE_REF:
		vault_give(frame, r);
		return true;
	case SHARE:
	case UNSHARE:
		vault_share(frame, r);
		return true;
	case LAUNDER:
		r->got = -(int)lab_launder(lab, 0, (unsigned int)op->arg);
		return true;
	case SHRED_NOW:
		vault_shred(frame, r);
		return true;
	case VAULT_HAND:
		r->code = lab_page_hand_over(lab, lab_frame_page(lab, frame), 0, VAULT_FIRST, VAULT_HEIR);
		vault.heirs[frame] += !r->code;
		return true;
	case PANIC:
		vault.panics++;
		vault.overwritten += lab_panic_shred(lab);
		return true;
	default:
		return false;
	}
}

/* ---- the judge's part ---- */

/* After each step of anybody's. */
static void vault_watch(void)
{
	unsigned int frame, state;

	for (frame = 0; frame < scene->frames; frame++) {
		state = tag_state(vault_tag(frame));
		if (state != LAB_FREE && state != LAB_KEPT)
			continue;
		if (!vault.replaced[frame] && (vault_memory(frame)[0] & ~UINT64_C(0xffff)) == VAULT_MARK)
			vault_wrong("a frame says that it is free, and is not overwritten");
	}
}

static bool scene_has(enum op_kind kind)
{
	unsigned int i;

	for (i = 0; i < records; i++)
		if (record[i].kind == kind)
			return true;
	return false;
}

/* All is quiet. */
static void judge_vault_frame(uint64_t frame)
{
	int held = vault.held[frame] + vault.takes[frame] - vault.frees[frame];
	bool sole = !scene_has(SHARE) && !scene_has(VAULT_HAND); /* nothing stands in the way of a free */

	if (held != vault_owned(frame))
		vault_wrong("a page's tag does not say who has it");
	if (vault.given[frame] > 1 || (sole && vault.let_go[frame] && vault.given[frame] != 1))
		vault_wrong("of two frees of one page not exactly one went through");
	if (vault.given[frame] && (vault.heirs[frame] || vault.shares[frame]))
		vault_wrong("a page freed that was handed over, or shared");
	if (vault.heirs[frame] > 1 || (vault.heirs[frame] && vault.shares[frame]))
		vault_wrong("a page handed over twice, or while others had it");
	if (vault.held[frame] && !vault.given[frame] && !scene->clients &&
	    (int)tag_sharers(vault_tag(frame)) != 1 + vault.shares[frame])
		vault_wrong("a page's count is not how many have it");
}

/* It goes to an heir unless others have it, or it is another's already: freed, or handed over. */
static void judge_vault_hand(const struct record *r)
{
	bool gone = vault.given[r->arg] || vault.heirs[r->arg];

	if (r->code == -LAB_EBUSY ? !scene_has(SHARE) : r->code && !(gone && (r->code == -LAB_EALREADY || r->code == -LAB_EPERM)))
		vault_wrong("a hand-over refused of what is its owner's alone");
}

/* What was marked bad stays out from its free on; what left at once is out. */
static void judge_vault_bad(const struct record *r)
{
	lab_word tag = vault_tag(r->arg);

	if (scene_has(ON))
		return;
	if ((!r->code && tag_state(tag) != LAB_OFFLINE) || (r->code == -LAB_EBUSY && tag_state(tag) != LAB_OFFLINE && !(tag & LAB_TAG_POISONED)))
		vault_wrong("a bad page is in service");
}

/* Did a panic end before this call began? */
static bool vault_panicked(const struct record *r)
{
	unsigned int i;

	for (i = 0; i < records; i++)
		if (record[i].kind == PANIC && record[i].ended < r->began)
			return true;
	return false;
}

static void judge_vault(void)
{
	struct lab_audit audit;
	unsigned int i;

	for (i = 0; vault.panics && i < scene->frames; i++)
		if (vault_marked(i, true))
			vault_wrong("a panic is over, and a page stands as it was");
	if (vault.panics && vault.overwritten != scene->frames)
		vault_wrong("panics did not share the work: a page each, once");
	while (lab_launder(lab, 0, scene->frames))
		continue;
	for (i = 0; i < scene->frames; i++)
		judge_vault_frame(i);
	for (i = 0; i < records; i++) {
		if (record[i].kind == OFF)
			judge_vault_bad(&record[i]);
		if (record[i].kind == VAULT_HAND)
			judge_vault_hand(&record[i]);
		/* (With weak memory whoever has not heard of the panic may not know.) */
		if (!weak.on && record[i].kind == VAULT_TAKE && !record[i].code && vault_panicked(&record[i]))
			vault_wrong("a vault gives after a panic");
	}
	if (!(vault.panics && weak.on) && lab->counter[LAB_COUNT_CORRUPT]) /* (as above) */
		vault_wrong("a page that nobody wrote to was taken out of service");
	if (!lab_audit(lab, true, &audit) && audit.shredding != scene->vault.ring)
		vault_wrong("a page stays SHREDDING that is in no quarantine");
}

/* ---- a scene's vault ---- */

static void vault_prepare(struct lab_spec *spec, struct lab_room_spec *room)
{
	static uint8_t seed[32];

	memset(seed, 0x5a, sizeof(seed));
	memset(&vault, 0, sizeof(vault));
	vault.memory = aligned_alloc(4096, (size_t)scene->frames << 12);
	vault.before = malloc((size_t)scene->frames << 12);
	vault.spec = (struct lab_vault){ .shred = scene->vault.random ? LAB_SHRED_RANDOM : LAB_SHRED_ZERO,
					 .deferred = scene->vault.deferred, .quarantine = scene->vault.ring };
	room->zone = LAB_ZONE_OWN;
	room->memory = vault.memory;
	room->vault = &vault.spec;
	spec->keys = &vault.keys;
	spec->seed = seed;
}

/* All is as the scene wants it. */
static void vault_made(void)
{
	unsigned int frame;

	for (frame = 0; frame < scene->frames; frame++) {
		vault.held[frame] = vault_owned(frame);
		if (!vault.held[frame])
			continue;
		vault_mark(frame, VAULT_FIRST);
		lab_page_ref(lab, lab_frame_page(lab, frame), &vault.ref[frame]);
	}
	memcpy(vault.before, vault.memory, (size_t)scene->frames << 12);
	vault.keys_before = vault.keys;
}

/* Before each schedule. */
static void vault_begin(void)
{
	unsigned int frame;

	memcpy(vault.memory, vault.before, (size_t)scene->frames << 12);
	vault.keys = vault.keys_before;
	memset(vault.takes, 0, sizeof(vault) - offsetof(__typeof__(vault), takes));
	for (frame = 0; frame < scene->frames; frame++)
		holder[frame] = vault.held[frame];
}

static void vault_end(void)
{
	free(vault.memory);
	free(vault.before);
	vault.memory = vault.before = NULL;
}

#endif
