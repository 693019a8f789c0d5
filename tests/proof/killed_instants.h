/* SPDX-License-Identifier: MIT */
/*
 * killed_instants.h - one call, ended by SIGKILL before each of its instructions (stepper.h); and stopped by SIGSTOP there, while
 * others recover what yet another has left, and then continued: what it had in hand is its own still.
 */
#ifndef KILLED_INSTANTS_H
#define KILLED_INSTANTS_H

#define PAGES_MOST 600u
/* How many instants of a call the short form tries: fewer where each takes longer. */
#define INSTANTS_OF(count) ((count) > 5000 ? 8u : (count) > 1000 ? 24u : 70u)

/* What a child plays with. */
static struct {
	struct labyrinth *lab;
	struct lab_page *page[PAGES_MOST];
	struct lab_page *bulk[PAGES_MOST];
	unsigned int pages, owner, other; /* owner: of this process, or its client; other: a second client */
	uint64_t last;			  /* die, or stop, before this instruction */
	int signal;
} child;

static struct lab_page *child_takes(unsigned int owner, unsigned int order)
{
	struct lab_request request = LAB_REQUEST(LAB_MEMALLOC, order);

	request.owner = (uint16_t)owner;
	return lab_alloc_request(child.lab, &request, NULL);
}

/* So many pages of this order, or all. */
static void child_has(unsigned int owner, unsigned int order, unsigned int count)
{
	while (child.pages < count) {
		struct lab_page *page = child_takes(owner, order);

		if (lab_is_err(page))
			break;
		child.page[child.pages++] = page;
	}
}

static unsigned int child_client(void)
{
	const struct lab_client_spec spec = { .name = "dying", .node = LAB_NODE_LOCAL, .room = LAB_ROOM_ROUTE, .frames = 8, .blocks = 1,
					      .block_order = 3, .maximum = LAB_UNLIMITED, .reserve_share = LAB_UNLIMITED };
	unsigned int owner = 0;

	return lab_client_open(child.lab, &spec, &owner, NULL) ? 0 : owner; /* (while another has all, there is nothing to keep) */
}

/* ---- before ---- */

static void none(void)
{
}

static void has_one(void)
{
	child_has(child.owner, 0, 1);
}

static void has_block(void)
{
	child_has(child.owner, LAB_ORDER_MAX, 1);
}

static void has_small_block(void)
{
	child_has(child.owner, 3, 1);
}

/* Everything but the pools is somebody's. */
static void commons_out(void)
{
	struct lab_request request = LAB_REQUEST(LAB_GFP_NOWAIT, 0);
	uint64_t leave = free_now() - 81;

	request.owner = (uint16_t)child.owner;
	while (leave-- && child.pages < PAGES_MOST)
		child.page[child.pages++] = lab_alloc_request(child.lab, &request, NULL);
}

static void pools_low(void)
{
	child_has(child.owner, 0, PAGES_MOST);
	while (child.pages > 500)
		lab_free_as(child.lab, child.page[--child.pages], 0, child.owner, 0);
}

/* Nothing is free; one page will be. */
static void all_out(void)
{
	child_has(child.owner, 0, PAGES_MOST);
}

static void a_client(void)
{
	child.owner = child_client();
}

static void a_client_with_one(void)
{
	child.owner = child_client();
	child_has(child.owner, 0, 1);
}

static void two_clients(void)
{
	a_client_with_one();
	child.other = child_client();
}

/* ---- the call ---- */

static void takes_one(void *argument)
{
	(void)argument;
	child_takes(child.owner, 0);
}

static void takes_small_block(void *argument)
{
	(void)argument;
	child_takes(child.owner, 3);
}

static void takes_block(void *argument)
{
	(void)argument;
	child_takes(child.owner, LAB_ORDER_MAX);
}

static void takes_there(void *argument)
{
	struct lab_request request = LAB_REQUEST(LAB_MEMALLOC, 4);

	(void)argument;
	request.owner = (uint16_t)child.owner;
	lab_alloc_at(child.lab, 16, &request); /* where pools keep frames */
}

static void takes_many(void *argument)
{
	(void)argument;
	/* Nobody's once they are stamped: so they are given back in the same breath, and some may be lost to nobody. */
	lab_alloc_bulk(child.lab, LAB_GFP_ATOMIC, 40, child.bulk);
}

static void gives_one(void *argument)
{
	(void)argument;
	lab_free_as(child.lab, child.page[--child.pages], 0, child.owner, 0);
}

static void gives_block(void *argument)
{
	(void)argument;
	lab_free_as(child.lab, child.page[--child.pages], LAB_ORDER_MAX, child.owner, 0);
}

static void gives_small_block(void *argument)
{
	(void)argument;
	lab_free_as(child.lab, child.page[--child.pages], 3, child.owner, 0);
}

static void splits(void *argument)
{
	(void)argument;
	lab_split(child.lab, child.page[0], 3);
}

static void goes_and_comes(void *argument)
{
	(void)argument;
	if (!lab_frame_offline(child.lab, 700))
		lab_frame_online(child.lab, 700);
}

static void opens_and_closes(void *argument)
{
	unsigned int owner = child_client();

	(void)argument;
	if (owner)
		lab_client_close(child.lab, owner, NULL);
}

static void resizes(void *argument)
{
	(void)argument;
	lab_client_resize(child.lab, child.owner, 12, NULL);
	lab_client_resize(child.lab, child.owner, 4, NULL);
}

static void hands_over(void *argument)
{
	(void)argument;
	lab_page_hand_over(child.lab, child.page[0], 0, child.owner, child.other);
}

static void offers(void *argument)
{
	(void)argument;
	lab_page_offer(child.lab, child.page[0], child.owner);
	lab_page_withdraw(child.lab, child.page[0], child.owner);
}

static void leaves(void *argument)
{
	(void)argument;
	lab_process_leave(child.lab);
}

static const struct instant_case {
	const char *name;
	void (*before)(void);
	void (*call)(void *);
	bool nobodys, offline, leaf; /* pages may end as nobody's; a frame may be out of service; it wants a whole leaf */
} instant_cases[] = {
	{ "a-page-of-the-commons", .before = none, .call = takes_one },
	{ "a-page-of-a-pool", .before = commons_out, .call = takes_one },
	{ "a-refusal", .before = all_out, .call = takes_one },
	{ "a-block-of-8", .before = none, .call = takes_small_block },
	{ "a-block-of-512", .before = none, .call = takes_block, .leaf = true },
	{ "a-block-out-of-pools", .before = commons_out, .call = takes_small_block },
	{ "a-block-where-pools-are", .before = none, .call = takes_there },
	{ "forty-pages", .before = none, .call = takes_many, .nobodys = true },
	{ "a-page-back", .before = has_one, .call = gives_one },
	{ "a-page-back-into-a-pool", .before = pools_low, .call = gives_one },
	{ "the-only-free-page-back", .before = all_out, .call = gives_one },
	{ "a-block-of-8-back", .before = has_small_block, .call = gives_small_block },
	{ "a-block-of-512-back", .before = has_block, .call = gives_block, .leaf = true },
	{ "a-split", .before = has_small_block, .call = splits },
	{ "a-frame-off-line-and-on", .before = none, .call = goes_and_comes, .offline = true },
	{ "a-client's-page", .before = a_client, .call = takes_one },
	{ "a-client's-block", .before = a_client, .call = takes_small_block },
	{ "a-client's-page-back", .before = a_client_with_one, .call = gives_one },
	{ "a-client-opened-and-closed", .before = none, .call = opens_and_closes },
	{ "a-client-resized", .before = a_client, .call = resizes },
	{ "a-page-handed-over", .before = two_clients, .call = hands_over },
	{ "a-page-offered", .before = a_client_with_one, .call = offers },
	{ "a-process-that-leaves", .before = two_clients, .call = leaves },
};

static void maybe_dies(const ucontext_t *at, uint64_t instruction, void *data)
{
	(void)at;
	(void)data;
	if (instruction == child.last)
		kill(getpid(), child.signal);
}

/* A child does it, up to that instruction; how many there are goes to world.seen[0]. */
static pid_t begin_child(const struct instant_case *it, uint64_t last, int signal)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	child.lab = attach();
	child.owner = lab_process_owner(child.lab);
	child.last = last;
	child.signal = signal;
	it->before();
	world.seen[0] = stepper_run(it->call, NULL, maybe_dies, NULL);
	_exit(0);
}

/* False: it did not end as it should. */
static bool one_child(const struct instant_case *it, uint64_t last, bool *ended)
{
	pid_t pid = begin_child(it, last, SIGKILL);
	int how;

	waitpid(pid, &how, 0);
	*ended = WIFEXITED(how);
	return (WIFEXITED(how) && WEXITSTATUS(how) == 0) || (WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL);
}

/* One that dies without a word, so that there is something to recover. */
static void another_dies(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		attach();
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

/* The parent has all that is free, while the child goes on; what it has then must be its own. */
static bool ends_beside(pid_t pid, int *how)
{
	static struct lab_page *page[1024];
	unsigned int n = 0;
	bool own = true;

	while (n < 1024 && !lab_is_err(page[n] = lab_alloc_pages(world.lab, LAB_MEMALLOC, 0)))
		n++;
	kill(pid, SIGCONT);
	waitpid(pid, how, 0);
	while (n)
		own &= !lab_free_pages(world.lab, page[--n], 0);
	return own;
}

static bool one_stopped(const struct instant_case *it, uint64_t last)
{
	pid_t pid = begin_child(it, last, SIGSTOP);
	int how;

	waitpid(pid, &how, WUNTRACED);
	if (!WIFSTOPPED(how))
		return WIFEXITED(how) && WEXITSTATUS(how) == 0;
	another_dies();
	recover(it->name, 1); /* most often: it stays in a call */
	if (!ends_beside(pid, &how))
		machine_fail(it->name, "stopped before instruction %" PRIu64 ": what it had in hand was given to another", last);
	return WIFEXITED(how) && WEXITSTATUS(how) == 0;
}

/* What may be left over, goes: pages that are nobody's, a frame that stays out. */
static void tidy(const struct instant_case *it)
{
	uint64_t frame;

	for (frame = 0; it->nobodys && frame < 1024; frame++)
		lab_free_pages(world.lab, lab_frame_page(world.lab, frame), 0);
	if (it->offline)
		lab_frame_online(world.lab, 700);
}

/* Nobody else is there: all must be whole. */
static bool after_child(const struct instant_case *it, uint64_t last)
{
	bool held;

	if (recover(it->name, 1000)) {
		machine_fail(it->name, "instruction %" PRIu64 ": somebody seems to be in a call", last);
		return false;
	}
	tidy(it);
	held = whole(it->name, 0);
	if (!held)
		printf("  (killed, or stopped, before instruction %" PRIu64 ")\n", last);
	return held;
}

static void run_instant(const struct instant_case *it)
{
	uint64_t count, last, step, few;
	bool ended;

	if (!one_child(it, UINT64_MAX, &ended) || !ended) {
		machine_fail(it->name, "the child did not end by itself");
		return;
	}
	count = world.seen[0];
	few = INSTANTS_OF(count);
	step = machine.long_form || count < few ? 1 : count / few;
	for (last = machine.seed % step; last < count; last += step) {
		machine.cases++;
		if (!one_child(it, last, &ended)) {
			machine_fail(it->name, "the child before instruction %" PRIu64 " ended otherwise", last);
			return;
		}
		if (!after_child(it, last))
			return;
		if (!one_stopped(it, last)) {
			machine_fail(it->name, "the child stopped before instruction %" PRIu64 " ended otherwise", last);
			return;
		}
		if (!after_child(it, last))
			return;
	}
	printf("%s: %" PRIu64 " instructions\n", it->name, count);
}

static void run_instants(void)
{
	unsigned int i;

	for (i = 0; i < sizeof(instant_cases) / sizeof(instant_cases[0]); i++) {
		if (!machine_wants(instant_cases[i].name) || !begin_world(MIB(4), 4))
			continue;
		/* The rest is the parent's, so that a child can have all there is. */
		while (free_now() > PAGES_MOST && !instant_cases[i].leaf)
			if (lab_is_err(lab_alloc_pages(world.lab, LAB_GFP_NOWAIT, 5)))
				break;
		world.free = free_now();
		run_instant(&instant_cases[i]);
		end_world();
	}
}

#endif
