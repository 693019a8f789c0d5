/* SPDX-License-Identifier: MIT */
/*
 * audio_noise.c - see audio_noise.h.
 */
#define _GNU_SOURCE
#include "audio_noise.h"

#include <stdlib.h>

#define CHURN_STEPS 4096u
#define DRAIN_NS 2000000u
#define REFUSALS_IN_A_ROW 64u

/* What requests ask with: who may not sleep, who may, who has the right to everything; from everywhere or from DMA. */
static const lab_gfp_t churn_gfp[] = {
	LAB_GFP_ATOMIC | LAB_DMA,
	LAB_GFP_ATOMIC,
	LAB_GFP_NOWAIT,
	LAB_GFP_KERNEL,
	LAB_GFP_KERNEL | LAB_DMA,
	LAB_GFP_ATOMIC | LAB_MEMALLOC | LAB_DMA,
	LAB_GFP_USER | LAB_MOVABLE,
	LAB_GFP_KERNEL | LAB_MEMALLOC,
};
#define CHURN_GFPS (sizeof(churn_gfp) / sizeof(churn_gfp[0]))

static uint64_t next_random(struct audio_noise *noise)
{
	noise->random ^= noise->random << 13;
	noise->random ^= noise->random >> 7;
	noise->random ^= noise->random << 17;
	return noise->random;
}

static bool ask(struct audio_noise *noise, struct audio_holding *holding, lab_gfp_t gfp)
{
	const struct audio_subject *subject = noise->subject;
	struct lab_request request = LAB_REQUEST(gfp, holding->order);

	holding->page = NULL;
	if (!subject->noise_lab) {
		holding->address = aligned_alloc(AUDIO_PAGE, (size_t)AUDIO_PAGE << holding->order);
		return holding->address;
	}
	/* Every second thread is a client without a contract, the others are nobody. */
	holding->owned = noise->number % 2 == 0 && subject->noise_owner;
	request.owner = (uint16_t)(holding->owned ? subject->noise_owner : 0);
	/* Clients, from the vault, too, where there is one: it gives single pages, to be freed by their owner. */
	if (holding->owned && subject->vault >= 0 && !holding->order && next_random(noise) % 2) {
		request.gfp = LAB_GFP_ATOMIC;
		request.room = (int16_t)subject->vault;
	}
	holding->page = lab_alloc_request(subject->noise_lab, &request, NULL);
	if (lab_is_err(holding->page))
		return false;
	holding->address = lab_page_address(subject->noise_lab, holding->page);
	return true;
}

/* False: refused, or it holds as much as it may. */
static bool take(struct audio_noise *noise, unsigned int order, lab_gfp_t gfp)
{
	struct audio_holding *holding = &noise->held[noise->held_count];

	if (noise->held_count == noise->held_most || noise->frames + (1u << order) > noise->frames_most)
		return false;
	holding->order = (uint8_t)order;
	if (!ask(noise, holding, gfp)) {
		noise->counts.refused++;
		atomic_store_explicit(&noise->pressure, noise->counts.refused, memory_order_relaxed);
		return false;
	}
	noise->counts.allocs++;
	noise->held_count++;
	noise->frames += 1u << order;
	holding->mark = next_random(noise); /* another for each: two that had the same page would see it */
	*(uint64_t *)holding->address = holding->mark;
	return true;
}

static void give(struct audio_noise *noise, uint64_t which)
{
	const struct audio_subject *subject = noise->subject;
	struct audio_holding holding = noise->held[which];
	int error = 0;

	noise->held[which] = noise->held[--noise->held_count];
	noise->frames -= 1u << holding.order;
	noise->counts.frees++;
	if (*(uint64_t *)holding.address != holding.mark)
		noise->counts.damaged++;
	if (!subject->noise_lab)
		free(holding.address);
	else if (holding.owned)
		error = lab_free_as(subject->noise_lab, holding.page, holding.order, subject->noise_owner, 0);
	else
		error = lab_free_pages(subject->noise_lab, holding.page, holding.order);
	noise->counts.misfreed += error != 0;
}

static bool stopped(const struct audio_noise *noise)
{
	return atomic_load_explicit(noise->stop, memory_order_relaxed);
}

static void churn(struct audio_noise *noise)
{
	for (unsigned int i = 0; i < CHURN_STEPS && !stopped(noise); i++) {
		uint64_t random = next_random(noise);
		/* Each order half as often as the one below. */
		unsigned int order =
			(unsigned int)__builtin_ctzll(random >> 32 | UINT64_C(1) << LAB_ORDER_MAX);

		if (random % 16 < 9)
			take(noise, order, churn_gfp[(random >> 8) % CHURN_GFPS]);
		else if (noise->held_count)
			give(noise, (random >> 8) % noise->held_count);
	}
}

/* Down to nothing; then hold it there for a while, and take what comes back. */
static void drain(struct audio_noise *noise)
{
	unsigned int in_a_row = 0;
	uint64_t until = 0;

	while (!stopped(noise)) {
		lab_gfp_t zone = next_random(noise) % 2 ? LAB_DMA : 0;

		in_a_row = take(noise, 0, LAB_GFP_ATOMIC | LAB_MEMALLOC | zone) ? 0 : in_a_row + 1;
		if (in_a_row == REFUSALS_IN_A_ROW && !until) {
			noise->counts.drains++;
			until = clock_ns() + DRAIN_NS;
		}
		if (until && in_a_row % REFUSALS_IN_A_ROW == 0 && clock_ns() > until)
			break;
	}
	if (!noise->subject->noise_lab)
		atomic_store_explicit(&noise->pressure, 1, memory_order_relaxed);
}

void *audio_noise_thread(void *argument)
{
	struct audio_noise *noise = argument;

	while (!stopped(noise)) {
		drain(noise);
		for (uint64_t most = noise->held_count / 2; noise->held_count > most;)
			give(noise, next_random(noise) % noise->held_count);
		churn(noise);
	}
	while (noise->held_count)
		give(noise, noise->held_count - 1);
	return NULL;
}
