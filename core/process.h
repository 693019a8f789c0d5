/* SPDX-License-Identifier: MIT */
/*
 * process.h - several processes on one labyrinth: who is in a call, and what leaves hands while somebody recovers what
 * the dead had (recover.c; DESIGN.md, "Several processes"; models/recover.pml).
 *
 * Below all calls that change something.  Each such call enters, and leaves when nothing is in its hand any more.  Before it
 * lets go of a frame or slot, and before it claims an allocated one to free or split it, it marks it; the marks are looked at
 * by the recoverer alone.  A labyrinth of one process has neither counts nor marks.
 *
 * Progress: wait-free.  Calls may nest (a signal handler's in a thread's), and count one by one.
 */
#ifndef LAB_PROCESS_H
#define LAB_PROCESS_H

#include "atomic.h"
#include "layout.h"
#include "port.h"

static inline struct lab_process *labyrinth_process(const struct labyrinth *lab, unsigned int number)
{
	size_t each = sizeof(struct lab_process) + lab->presences * sizeof(struct lab_presence);

	return (struct lab_process *)((char *)(uintptr_t)lab + lab->processes_at + number * each);
}

static inline struct lab_presence *process_presence(const struct labyrinth *lab, unsigned int number, unsigned int cpu)
{
	return (struct lab_presence *)(labyrinth_process(lab, number) + 1) + (cpu & (lab->presences - 1));
}

/* The number of this process, where there are several: behind the identity word. */
static inline unsigned int process_self(const struct labyrinth *lab)
{
	return labyrinth_identity(lab)[1];
}

/* Enter a call: 0, or why it may not.  *count: to leave by (NULL: one process, nothing is counted). */
static inline int process_enter(struct labyrinth *lab, lab_word **count)
{
	*count = NULL;
	if (likely(labyrinth_alone(lab)))
		return 0;
	if (!labyrinth_alive(lab) || process_self(lab) >= lab->processes)
		return labyrinth_refusal(lab);
	/* The epoch may move before the next line: either count serves, for the recoverer waits for both. */
	*count = &process_presence(lab, process_self(lab), lab_port_cpu())->count[load_seq(&lab->epoch) & 1];
	add_seq(*count, (lab_word)1); /* before anything is taken; partner: the recoverer's loads after its look */
	return 0;
}

static inline void process_leave(lab_word *count)
{
	if (unlikely(count != NULL))
		add_seq(count, (lab_word)-1); /* after all is let go; partner: as above */
}

/* The same + 1, as a mark of who did something; 0: there is one process only. */
static inline lab_word process_mark(const struct labyrinth *lab)
{
	return labyrinth_alone(lab) ? 0 : (lab_word)process_self(lab) + 1;
}

/* ---- marks ---- */

/* Words of marks: of the frames, then of the slots. */
static inline lab_word marks_words(lab_word bits)
{
	return (bits + LAB_MACHINE_BITS - 1) / LAB_MACHINE_BITS;
}

static inline lab_word *room_touched(const struct lab_room *room)
{
	return (lab_word *)((char *)(uintptr_t)room + room->touched_at);
}

static inline lab_word *room_doubted(const struct lab_room *room)
{
	return (lab_word *)((char *)(uintptr_t)room + room->doubted_at);
}

/* Where a slot's mark is. */
static inline lab_bit slot_mark(const struct lab_room *room, lab_word slot)
{
	return marks_words(room->commons.bits) * LAB_MACHINE_BITS + slot;
}

static inline void mark_touched(const struct lab_room *room, lab_bit mark)
{
	/* Before it is let go; partner: the recoverer's last load, after it has seen it in a hand. */
	or_seq(&room_touched(room)[mark / LAB_MACHINE_BITS], (lab_word)1 << mark % LAB_MACHINE_BITS);
}

/* 2^order frames are about to leave our hand, or to come into it from their owner's. */
static inline void room_touch(const struct lab_room *room, lab_bit bit, unsigned int order)
{
	lab_bit end = bit + ((lab_bit)1 << order);

	if (likely(!room->touched_at)) /* one process */
		return;
	if (likely(!load_seq(&room->recovering))) /* partner: the recoverer raises it before a grace period waits for us */
		return;
	for (; bit < end; bit++)
		mark_touched(room, bit);
}

/* A slot (its number in the room) is about to leave our hand. */
static inline void slot_touch(const struct lab_room *room, lab_word slot)
{
	if (unlikely(room->touched_at && load_seq(&room->recovering))) /* as above */
		mark_touched(room, slot_mark(room, slot));
}

#endif
