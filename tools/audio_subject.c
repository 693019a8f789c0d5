/* SPDX-License-Identifier: MIT */
/*
 * audio_subject.c - see audio_subject.h.
 *
 * Both contestants of Labyrinth get the same machine: a DMA room that is small for what is asked of it, and a
 * normal one, each with Linux's watermarks.  So does the noise of the control, which leaves it alone.
 * With --exclusive the contract's pages come from a third room, a vault, of which some of the noise takes, too.  Whether they really
 * did, and were overwritten, is looked at: each page gets a mark, and none may stand anywhere in the vault when all have been freed.
 */
#define _GNU_SOURCE
#include "audio_subject.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <labyrinth/user.h>

#define DMA_BYTES (UINT64_C(64) << 20)
#define NORMAL_BYTES (UINT64_C(64) << 20)
/*
 * As published: of the commons, rounds of the whole way; of a contract, one try and one more for each call of another
 * of the client's callers that runs meanwhile (those that end while it runs come on top: audio_stream.c).
 */
#define COMMONS_TRIES 64u
#define CONTRACT_TRIES AUDIO_CALLERS
#define VAULT_ROOM 2
#define VAULT_GUARANTEES (LAB_NODUMP | LAB_NOFORK | LAB_GUARDED)
#define MARK UINT64_C(0x6b72616d206f6964) /* at a page's end */
#define BLOCK_BYTES (UINT64_C(2) << 20)

const char *const audio_names[AUDIO_WHOS] = {
	[AUDIO_CONTRACT] = "contract", [AUDIO_ATOMIC] = "atomic",     [AUDIO_GLIBC] = "glibc",
	[AUDIO_JEMALLOC] = "jemalloc", [AUDIO_MIMALLOC] = "mimalloc", [AUDIO_TCMALLOC] = "tcmalloc",
	[AUDIO_CONTROL] = "control",
};

uint32_t audio_contract_frames(uint64_t hold_ns)
{
	uint32_t frames =
		lab_contract_frames(AUDIO_PERIOD_NS, hold_ns, AUDIO_REFILL_NS, AUDIO_BURST, AUDIO_CALLERS);

	return frames <= LAB_CONTRACT_MAX ? frames : 0;
}

static int open_labyrinth(struct audio_subject *subject, uint32_t frames, bool armed, char *text)
{
	uint64_t twice = (2 * (uint64_t)frames * AUDIO_PAGE + BLOCK_BYTES - 1) & ~(BLOCK_BYTES - 1);
	const struct lab_user_room rooms[] = {
		{ .name = "dma",
		  .kind = LAB_ROOM_ANONYMOUS,
		  .zone = LAB_ZONE_DMA,
		  .prefaulted = true,
		  .watermarks = true,
		  .size = twice > DMA_BYTES ? twice : DMA_BYTES },
		{ .name = "normal",
		  .kind = LAB_ROOM_ANONYMOUS,
		  .zone = LAB_ZONE_NORMAL,
		  .prefaulted = true,
		  .watermarks = true,
		  .size = NORMAL_BYTES },
		{ .name = "stream",
		  .kind = LAB_ROOM_VAULT,
		  .zone = LAB_ZONE_OWN,
		  .guarantees = VAULT_GUARANTEES | (armed ? LAB_LOCKED : 0),
		  .size = 2 * (uint64_t)frames * AUDIO_PAGE },
	};
	struct lab_user_spec spec = { .birth = armed ? LAB_ARMED : LAB_LAZY,
				      .rooms = rooms,
				      .room_count = subject->vault < 0 ? 2 : 3,
				      .clients = 2,
				      .contract_frames = frames };

	subject->noise_bytes = rooms[0].size + rooms[1].size + (subject->vault < 0 ? 0 : rooms[2].size);
	return lab_user_open(&spec, &subject->noise_lab, text);
}

static bool open_contract(struct audio_subject *subject, const struct audio_shared *shared,
			  struct audio_result *result)
{
	const struct lab_client_spec spec = {
		.name = "stream",
		.gfp = subject->vault < 0 ? LAB_DMA : 0,
		.node = LAB_NODE_LOCAL,
		.room = (int16_t)subject->vault, /* or LAB_ROOM_ROUTE */
		.callers = AUDIO_CALLERS,
		.period_ns = AUDIO_PERIOD_NS,
		.hold_ns = shared->hold_ns,
		.refill_ns = AUDIO_REFILL_NS,
		.burst = AUDIO_BURST,
	};
	struct lab_client_fit fit = { 0 };
	int error = lab_client_open(subject->lab, &spec, &subject->owner, &fit);

	if (!error)
		return true;
	snprintf(result->error, sizeof(result->error), "no contract of %u frames (%d): %llu could be kept",
		 audio_contract_frames(shared->hold_ns), error, (unsigned long long)fit.frames);
	return false;
}

static bool open_noise_client(struct audio_subject *subject, struct audio_result *result)
{
	const struct lab_client_spec spec = { .name = "noise",
					      .node = LAB_NODE_LOCAL,
					      .room = LAB_ROOM_ROUTE,
					      .callers = 1,
					      .maximum = LAB_UNLIMITED,
					      .reserve_share = LAB_UNLIMITED };
	int error = lab_client_open(subject->noise_lab, &spec, &subject->noise_owner, NULL);

	if (error)
		snprintf(result->error, sizeof(result->error), "no client for the noise (%d)", error);
	return !error;
}

/* The control's: there from the start, used again and again. */
static bool open_pages(struct audio_subject *subject, uint32_t frames, struct audio_result *result)
{
	subject->page_count = frames + 1;
	subject->pages = mmap(NULL, subject->page_count * AUDIO_PAGE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (subject->pages != MAP_FAILED)
		return true;
	subject->pages = NULL;
	snprintf(result->error, sizeof(result->error), "no memory for the control's pages");
	return false;
}

bool audio_subject_open(struct audio_subject *subject, const struct audio_shared *shared,
			struct audio_result *result)
{
	uint32_t frames = audio_contract_frames(shared->hold_ns);
	char text[LAB_ERROR_TEXT] = "";
	bool armed = true;

	subject->noise_bytes = DMA_BYTES + NORMAL_BYTES;
	subject->vault = shared->exclusive && subject->who == AUDIO_CONTRACT ? VAULT_ROOM : LAB_ROOM_ROUTE;
	if (audio_is_malloc(subject->who))
		return true;
	if (open_labyrinth(subject, frames, true, text)) {
		armed = false;
		if (open_labyrinth(subject, frames, false, text)) {
			snprintf(result->error, sizeof(result->error), "no labyrinth: %.250s", text);
			return false;
		}
	}
	snprintf(result->birth, sizeof(result->birth), "%s", armed ? "armed" : "prefaulted");
	if (subject->who != AUDIO_CONTROL)
		subject->lab = subject->noise_lab;
	else if (!open_pages(subject, frames, result))
		return false;
	subject->idle_ticks = (uint64_t)((double)histogram_at(&shared->result[AUDIO_CONTRACT].alloc_ns, 0.5) /
					 subject->watch->ns_per_tick);
	if (subject->who == AUDIO_CONTRACT && !open_contract(subject, shared, result))
		return false;
	subject->tries_bound = subject->owner ? CONTRACT_TRIES : subject->lab ? COMMONS_TRIES : 0;
	result->contract_frames = subject->owner ? frames : 0;
	return open_noise_client(subject, result);
}

/* All has been freed, and nothing else runs: how many of the vault's pages have the stream's mark in them? */
static uint64_t marks_left(const struct labyrinth *lab, unsigned int room)
{
	struct lab_room_stats stats;
	uint64_t i, left = 0;

	if (lab_room_stats(lab, room, &stats))
		return UINT64_MAX;
	for (i = 0; i < stats.frames; i++) {
		const char *page = lab_page_address(lab, lab_frame_page(lab, stats.first_frame + i));

		left += memcmp(page + AUDIO_PAGE - sizeof(uint64_t), &(uint64_t){ MARK }, sizeof(uint64_t)) == 0;
	}
	return left;
}

void audio_subject_close(struct audio_subject *subject, struct audio_result *result)
{
	struct lab_client_stats stats;

	if (subject->owner && !lab_client_stats(subject->lab, subject->owner, &stats)) {
		result->contract_answers = stats.contract;
		result->commons_answers = stats.commons;
	}
	if (subject->vault >= 0) {
		result->guarantees = lab_room_guarantees(subject->lab, (unsigned int)subject->vault);
		result->elsewhere = subject->elsewhere;
		result->left = marks_left(subject->lab, (unsigned int)subject->vault);
	}
	if (subject->pages)
		munmap(subject->pages, subject->page_count * AUDIO_PAGE);
	if (subject->noise_lab)
		lab_user_close(subject->noise_lab);
}

/* Interrupts then meet the control as often as they meet the contract, and their misses can be compared. */
static void take_nothing(struct audio_subject *subject, struct audio_block *block)
{
	uint64_t start = stopwatch_start(subject->watch);

	*block = (struct audio_block){ .address = subject->pages +
						  subject->next++ % subject->page_count * AUDIO_PAGE };
	while (stopwatch_stop(subject->watch, start) < subject->idle_ticks)
		;
}

bool audio_take(struct audio_subject *subject, struct audio_block *block, unsigned int *tries)
{
	struct lab_request request = LAB_REQUEST(LAB_GFP_ATOMIC | LAB_DMA, 0);
	struct lab_answer answer;

	*tries = 0;
	if (subject->pages) {
		take_nothing(subject, block);
		return true;
	}
	if (!subject->lab) {
		block->page = NULL;
		block->address = aligned_alloc(AUDIO_PAGE, AUDIO_PAGE);
		return block->address;
	}
	if (subject->owner) {
		request.gfp |= LAB_EXCLUSIVE;
		request.owner = (uint16_t)subject->owner;
	}
	if (subject->vault >= 0) {
		request.gfp &= ~LAB_DMA;
		request.room = (int16_t)subject->vault;
	}
	block->page = lab_alloc_request(subject->lab, &request, &answer);
	*tries = answer.rounds;
	if (lab_is_err(block->page))
		return false;
	block->address = lab_page_address(subject->lab, block->page);
	if (subject->vault >= 0) {
		subject->elsewhere += answer.room != VAULT_ROOM;
		memcpy((char *)block->address + AUDIO_PAGE - sizeof(uint64_t), &(uint64_t){ MARK }, sizeof(uint64_t));
	}
	return true;
}

bool audio_give(const struct audio_subject *subject, const struct audio_block *block)
{
	if (!subject->lab && !subject->pages)
		free(block->address);
	if (!subject->lab)
		return true;
	if (subject->owner)
		return !lab_free_as(subject->lab, block->page, 0, subject->owner, 0);
	return !lab_free_pages(subject->lab, block->page, 0);
}
