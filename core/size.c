/* SPDX-License-Identifier: MIT */
/*
 * size.c - how many frames a contract needs.
 *
 * Beside the way: pure arithmetic, for set-up and for tools; any context.  The model, and the proof that the
 * answer is neither too small nor too large by one, are in DESIGN.md, "How many frames a contract needs".
 */
#include <labyrinth.h>

uint32_t lab_contract_frames(uint64_t period_ns, uint64_t hold_ns, uint64_t refill_ns, uint32_t burst,
			     uint32_t callers)
{
	uint64_t frames, held, refilled;

	if (!period_ns)
		return 0;
	held = hold_ns / period_ns;
	refilled = refill_ns / period_ns;
	if (held > UINT32_MAX || refilled > UINT32_MAX)
		return 0;
	/* hold + refill itself may not fit into 64 bits: the rests, each below the period, are compared instead. */
	frames = held + refilled + (hold_ns % period_ns >= period_ns - refill_ns % period_ns);
	frames += (uint64_t)1 + burst + (callers ? callers : 1);
	return frames <= UINT32_MAX ? (uint32_t)frames : 0;
}
