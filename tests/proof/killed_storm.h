/* SPDX-License-Identifier: MIT */
/*
 * killed_storm.h - processes that allocate and free, killed at random, one of them stopped at random.
 *
 * Each writes who it is into every page that it gets, and looks before it gives the page back: a page taken from a living
 * hand would be somebody else's too, sooner or later.
 */
#ifndef KILLED_STORM_H
#define KILLED_STORM_H

#define WORKERS 4u
#define HELD_MOST 64u
#define STORM_BYTES MIB(4)
#define SQUEEZE 700u /* frames that the parent has in half of the rounds: then pools are drawn from all the time */

/* Shared with the workers. */
struct storm {
	atomic_uint stop;
	atomic_uint wrong; /* 1 + what a worker found */
	atomic_ullong rounds;
	atomic_ullong living[WORKERS]; /* the stamps of who is not dead */
};

static struct storm *storm;

static struct worker {
	struct labyrinth *lab;
	unsigned int process, client;
	uint64_t random, stamp;
	unsigned int held;
	struct {
		struct lab_page *page;
		uint8_t order;
		uint16_t owner;
	} hold[HELD_MOST];
} worker;

static uint64_t storm_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void worker_wrong(unsigned int what)
{
	atomic_store(&storm->wrong, what + 1);
	_exit(5);
}

static const char *const storm_wrong[] = { "a page that was another's was given out", "a page was written to by another",
					   "a free of one's own was refused" };

/* A free frame says nobody's name, or a dead one's. */
static bool is_living(uint64_t stamp)
{
	unsigned int i;

	for (i = 0; i < WORKERS; i++)
		if (atomic_load(&storm->living[i]) == stamp)
			return true;
	return false;
}

static void worker_keeps(struct lab_page *page, unsigned int order, unsigned int owner)
{
	uint64_t *words = lab_page_address(worker.lab, page);
	size_t i;

	for (i = 0; i < (size_t)1 << order; i++) {
		if (words[i * 512] && is_living(words[i * 512]))
			worker_wrong(0);
		words[i * 512] = worker.stamp;
	}
	worker.hold[worker.held].page = page;
	worker.hold[worker.held].order = (uint8_t)order;
	worker.hold[worker.held++].owner = (uint16_t)owner;
}

static void worker_gives(unsigned int which)
{
	unsigned int order = worker.hold[which].order;
	uint64_t *words = lab_page_address(worker.lab, worker.hold[which].page);
	size_t i;

	for (i = 0; i < (size_t)1 << order; i++) {
		if (words[i * 512] != worker.stamp)
			worker_wrong(1);
		words[i * 512] = 0;
	}
	if (lab_free_as(worker.lab, worker.hold[which].page, order, worker.hold[which].owner, 0))
		worker_wrong(2);
	worker.hold[which] = worker.hold[--worker.held];
}

static void worker_takes(uint64_t random)
{
	static const uint8_t orders[] = { 0, 0, 0, 0, 0, 1, 2, 3, 4, 6, 7, 9 };
	unsigned int order = orders[random % sizeof(orders)];
	unsigned int owner = random >> 8 & 1 && worker.client ? worker.client : worker.process;
	struct lab_request request = LAB_REQUEST(random >> 9 & 1 ? LAB_MEMALLOC : LAB_GFP_ATOMIC, order);
	struct lab_page *page;

	request.owner = (uint16_t)owner;
	page = lab_alloc_request(worker.lab, &request, NULL);
	if (!lab_is_err(page))
		worker_keeps(page, order, owner);
}

static void worker_lives(uint64_t seed)
{
	const struct lab_client_spec spec = { .name = "storm", .node = LAB_NODE_LOCAL, .room = LAB_ROOM_ROUTE, .frames = 6,
					      .maximum = LAB_UNLIMITED, .reserve_share = 30 };

	worker.lab = attach();
	worker.process = lab_process_owner(worker.lab);
	worker.random = seed | 1;
	worker.stamp = seed;
	if (lab_client_open(worker.lab, &spec, &worker.client, NULL))
		worker.client = 0;
	while (!atomic_load(&storm->stop)) {
		uint64_t random = storm_random(&worker.random);

		if (worker.held < HELD_MOST && random % 100 < (worker.held < 20 ? 70u : 45u))
			worker_takes(random >> 7);
		else if (worker.held)
			worker_gives((unsigned int)(random >> 7) % worker.held);
		atomic_fetch_add_explicit(&storm->rounds, 1, memory_order_relaxed);
	}
	while (worker.held)
		worker_gives(0);
	if (worker.client && lab_client_close(worker.lab, worker.client, NULL))
		worker_wrong(2);
	lab_detach(worker.lab);
	_exit(0);
}

static pid_t begin_worker(uint64_t seed)
{
	pid_t pid = fork();

	if (pid == 0)
		worker_lives(seed);
	return pid;
}

static void wait_ns(long ns)
{
	struct timespec pause = { .tv_nsec = ns };

	nanosleep(&pause, NULL);
}

static void storm_failed(const char *name)
{
	unsigned int wrong = atomic_load(&storm->wrong);

	if (wrong)
		machine_fail(name, "%s", storm_wrong[wrong - 1]);
}

/* Wait for a worker that should end by itself; else why not. */
static void reap(const char *name, pid_t pid)
{
	int how;

	waitpid(pid, &how, 0);
	if ((!WIFEXITED(how) || WEXITSTATUS(how) != 0) && !atomic_load(&storm->wrong))
		machine_fail(name, "a worker ended with %x", how);
}

/*
 * A round: all begin, some are killed while the others go on; the dead's pages are recovered while they go on, and while one, perhaps,
 * stands still.  Then everybody is asked to end.
 */
static void storm_round(const char *name, uint64_t *random, unsigned int kills)
{
	pid_t pid[WORKERS];
	unsigned int i, stopped = WORKERS;

	atomic_store(&storm->stop, 0);
	for (i = 0; i < WORKERS; i++) {
		uint64_t seed = storm_random(random);

		atomic_store(&storm->living[i], seed);
		pid[i] = begin_worker(seed);
	}
	wait_ns(2000000);
	if (storm_random(random) % 2) {
		stopped = 0;
		kill(pid[0], SIGSTOP);
	}
	for (i = 1; i <= kills && i < WORKERS; i++) {
		wait_ns((long)(storm_random(random) % 1000000));
		kill(pid[i], SIGKILL);
		waitpid(pid[i], NULL, 0);
		atomic_store(&storm->living[i], 0);
		machine.cases++;
		recover(name, stopped == 0 ? 20 : 2000);
	}
	if (stopped == 0) {
		wait_ns(1000000);
		kill(pid[0], SIGCONT);
		wait_ns(2000000); /* time to notice what is not its own */
	}
	atomic_store(&storm->stop, 1);
	reap(name, pid[0]);
	for (i = kills + 1; i < WORKERS; i++)
		reap(name, pid[i]);
	if (recover(name, 2000) == -EAGAIN)
		machine_fail(name, "somebody seems to be in a call when all are gone");
	storm_failed(name);
}

/* With few frames left, or many. */
static void squeezed_round(const char *name, uint64_t *random, unsigned int kills)
{
	struct lab_page *page[SQUEEZE];
	long n = storm_random(random) % 2 ? lab_alloc_bulk(world.lab, LAB_GFP_ATOMIC, SQUEEZE, page) : 0;

	storm_round(name, random, kills);
	if (!machine.failures)
		whole(name, (uint64_t)n);
	lab_free_bulk(world.lab, (size_t)n, page);
}

static void run_storms(void)
{
	uint64_t random = machine.seed * 0x9e3779b97f4a7c15u | 1, kills = machine.long_form ? 10000 : 300, before = machine.cases;
	const char *name = "storm";

	if (!machine_wants(name) || !begin_world(STORM_BYTES, 8))
		return;
	storm = mmap(NULL, sizeof(*storm), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	while (machine.cases - before < kills && !machine.failures)
		squeezed_round(name, &random, 1 + (unsigned int)(storm_random(&random) % (WORKERS - 1)));
	printf("storm: %llu operations\n", (unsigned long long)atomic_load(&storm->rounds));
	end_world();
}

#endif
