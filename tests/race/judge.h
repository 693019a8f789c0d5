/* SPDX-License-Identifier: MIT */
/*
 * judge.h - what interleave.c expects of a schedule: answers that some order of the calls explains.
 */
#ifndef JUDGE_H
#define JUDGE_H

#include <string.h>

#include "fibers.h"
#include "layout.h"
#include "scenes.h"

/* What a call did. */
struct record {
	enum op_kind kind;
	unsigned int arg;
	unsigned int began, ended; /* on one clock for all */
	int got;		   /* frames taken (> 0), given (< 0), or 0: refused */
	int code;
	int fiber;
	bool idle; /* there was nothing to do */
	uint64_t floor;
};

static struct labyrinth *lab;
static const struct scene *scene;
static uint64_t free_at_start;
static struct record record[FIBERS_MAX * OPS_MAX];
static unsigned int records;
static unsigned char holder[64 * 512]; /* how many hold each frame */

static void judge_clients(void);
static void judge_vault(void);
static void judge_keys(void);

/*
 * A free and a draw that overlap may miss each other (core/room.c, "Nobody moves it"): then the frame is in
 * the commons where by Linux's count it would have gone to the reserve, one frame a pair.
 */
static int64_t overlaps(void)
{
	unsigned int i, k;
	int64_t n = 0;

	for (i = 0; scene->min && i < records; i++)
		for (k = 0; k < records && record[i].got < 0; k++)
			if (record[k].got > 0 && record[k].began < record[i].ended && record[i].began < record[k].ended) {
				n++;
				break;
			}
	return n;
}

/* Frames that a keeper may have in its hand: taken, and given back, within a call beside this one. */
static int64_t in_keeping(const struct record *r)
{
	unsigned int i;
	int64_t n = 0;

	for (i = 0; i < records; i++)
		n += record[i].kind == ZEROES && record[i].began < r->ended && r->began < record[i].ended;
	return n;
}

/* Is there an order of the calls, each between its beginning and its end, that gives these answers? */
static bool linearizable(unsigned int done, int64_t free)
{
	unsigned int i, k;

	if (done == (1u << records) - 1)
		return true;
	for (i = 0; i < records; i++) {
		const struct record *r = &record[i];
		bool possible = !(done >> i & 1);

		for (k = 0; k < records && possible; k++)
			if (!(done >> k & 1) && record[k].ended < r->began)
				possible = false; /* that one had returned before this began */
		if (!possible)
			continue;
		if (r->kind == BLOCK && r->code == -LAB_ENOMEM && free > (int64_t)r->floor)
			continue;
		if ((r->kind >= TAKE && r->kind <= OWN) || r->kind == VAULT_TAKE)
			if (r->code == -LAB_ENOMEM ? free - in_keeping(r) > (int64_t)r->floor : r->got && free + overlaps() <= (int64_t)r->floor)
				continue;
		if (r->got > 0 && free < r->got)
			continue;
		if (linearizable(done | 1u << i, free - r->got))
			return true;
	}
	return false;
}

/* Below low, and nobody will be told? */
static bool keeper_untold(void)
{
	const struct lab_room *room = labyrinth_room(lab, 0);
	unsigned int i;

	for (i = 0; i < room->bands; i++)
		if (room->pool[i].floor < room->low && !(room->lack_root.word >> i & 1))
			return !room->keeper;
	return false;
}

static void judge(void)
{
	struct lab_audit audit;
	unsigned int i, twice = 0, succeeded = 0;
	bool bulky = false;

	for (i = 0; i < records; i++) {
		twice += record[i].kind == GIVE_TWICE;
		succeeded += record[i].kind == GIVE_TWICE && record[i].got;
		bulky |= (record[i].kind == BULK && !scene->whole) || record[i].kind == OFF || record[i].kind == ON ||
			 record[i].kind == CLOSE || record[i].kind == PANIC;
	}
	bulky |= scene->clients; /* what is kept for a client is free to nobody else: judge_clients() */
	if (scene->clients)
		judge_clients();
	if (scene->keys)
		judge_keys();
	if (twice && succeeded != 1)
		fibers.wrong = "of two frees of one page not exactly one went through";
	if (!fibers.wrong && !bulky && !linearizable(0, (int64_t)free_at_start))
		fibers.wrong = "no order of the calls gives these answers";
	if (!fibers.wrong && keeper_untold())
		fibers.wrong = "a reserve lacks frames, and the keeper's flag is down";
	if (!fibers.wrong && scene->vault.is)
		judge_vault();
	if (!fibers.wrong && lab_audit(lab, true, &audit))
		fibers.wrong = audit.text;
}

#endif
