/* SPDX-License-Identifier: MIT */
/*
 * realtime_ring.c - a thread that must not wait takes fresh pages in each of its periods; another,
 * ordinary one reads the pages and frees them.
 *
 * Between them is a ring of page pointers with one writer and one reader.  The real-time thread makes no
 * call that may block: a page it allocates, fills and posts; where the ring is full it frees the page
 * itself and counts a miss, which is the reader's fault and not the allocator's.
 *
 *     cc realtime_ring.c -o realtime_ring $(pkg-config --cflags --libs labyrinth) -pthread
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <labyrinth.h>
#include <labyrinth/user.h>

#define PERIODS 2000u
#define PERIOD_NS 250000u
#define PAGES_A_PERIOD 48u /* one every 5.2 us: a sound card at 192 kHz */
#define RING 4096u
#define SAMPLES (4096 / sizeof(uint32_t))

static struct labyrinth *lab;
static uint32_t *ring[RING];
static atomic_uint posted, taken; /* posted: written by the real-time thread alone; taken: by the reader */
static atomic_bool done;

struct outcome {
	unsigned int pages, full, none;
	uint64_t longest; /* ns that an allocation took, in the worst case */
	bool realtime;
};

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void one_page(struct outcome *outcome, unsigned int number)
{
	unsigned int at = atomic_load_explicit(&posted, memory_order_relaxed);
	uint64_t before = now(), took;
	uint32_t *page = lab_alloc(lab, LAB_GFP_ATOMIC, 0);

	took = now() - before;
	if (took > outcome->longest)
		outcome->longest = took;
	if (!page) {
		outcome->none++;
		return;
	}
	page[0] = page[SAMPLES - 1] = number;
	if (at - atomic_load_explicit(&taken, memory_order_acquire) == RING) {
		lab_free(lab, page, 0);
		outcome->full++;
		return;
	}
	ring[at % RING] = page;
	atomic_store_explicit(&posted, at + 1, memory_order_release); /* partner: the reader's load */
	outcome->pages++;
}

static void *realtime(void *argument)
{
	struct outcome *outcome = argument;
	struct sched_param priority = { .sched_priority = 10 };
	uint64_t next = now();
	unsigned int i;

	/* Where it is not allowed (CAP_SYS_NICE), the thread is an ordinary one and says so. */
	outcome->realtime = pthread_setschedparam(pthread_self(), SCHED_FIFO, &priority) == 0;
	for (i = 0; i < PERIODS * PAGES_A_PERIOD; i++) {
		one_page(outcome, i);
		if (i % PAGES_A_PERIOD == PAGES_A_PERIOD - 1) {
			struct timespec wake;

			next += PERIOD_NS;
			wake.tv_sec = (time_t)(next / 1000000000u);
			wake.tv_nsec = (long)(next % 1000000000u);
			clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &wake, NULL);
		}
	}
	atomic_store(&done, true);
	return NULL;
}

/* Read and free until the other has ended; how many pages were whole. */
static unsigned int read_all(void)
{
	unsigned int whole = 0;

	for (;;) {
		bool last = atomic_load(&done);
		unsigned int at = atomic_load_explicit(&taken, memory_order_relaxed);

		if (at == atomic_load_explicit(&posted, memory_order_acquire)) {
			if (last)
				return whole;
			sched_yield();
			continue;
		}
		whole += ring[at % RING][0] == ring[at % RING][SAMPLES - 1];
		lab_free(lab, ring[at % RING], 0);
		atomic_store_explicit(&taken, at + 1, memory_order_release);
	}
}

int main(void)
{
	struct lab_user_room room = {
		.name = "sound", .kind = LAB_ROOM_ANONYMOUS, .zone = LAB_ZONE_NORMAL, .size = 32 << 20
	};
	struct lab_user_spec spec = { .birth = LAB_ARMED, .rooms = &room, .room_count = 1 };
	struct outcome outcome = { 0 };
	char error[LAB_ERROR_TEXT];
	pthread_t thread;
	unsigned int whole;

	if (lab_user_open(&spec, &lab, error)) { /* not silently: this program goes on, and says it */
		printf("not locked: %s\n", error);
		spec.birth = LAB_LAZY;
		room.prefaulted = true;
		if (lab_user_open(&spec, &lab, error)) {
			fprintf(stderr, "%s\n", error);
			return 1;
		}
	}
	if (pthread_create(&thread, NULL, realtime, &outcome))
		return 1;
	whole = read_all();
	pthread_join(thread, NULL);
	printf("%u pages wanted: %u posted and %u read whole, %u times the ring was full, %u times no page\n",
	       PERIODS * PAGES_A_PERIOD, outcome.pages, whole, outcome.full, outcome.none);
	printf("the longest allocation took %llu ns by the clock, interruptions included (%s thread)\n",
	       (unsigned long long)outcome.longest, outcome.realtime ? "a real-time" : "an ordinary");
	lab_user_close(lab);
	return whole == outcome.pages && outcome.none == 0 ? 0 : 1;
}
