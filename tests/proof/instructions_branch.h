/* SPDX-License-Identifier: MIT */
/*
 * instructions_branch.h - a call, gone through once, one instruction at a time; and from each boundary between
 * two instructions as many branches as are wanted: something is done there, the call goes on at full speed to
 * its end, the outcome is judged, and then everything is put back to that boundary.
 *
 * What is put back: the labyrinth, `world`, and the call's registers and stack; there is nothing else that a
 * call changes.  At the end of the trunk the labyrinth must look, byte by byte, as after an undisturbed run, which
 * shows that nothing of a branch has stayed.
 */
#ifndef INSTRUCTIONS_BRANCH_H
#define INSTRUCTIONS_BRANCH_H

#include <sys/syscall.h>
#include <unistd.h>

#include "instructions_world.h"
#include "stepper.h"

#define RED_ZONE 128u
#define TRAP_FLAG 0x100

/*
 * Branch *number of this boundary, or one behind it (*number is set then): what is to happen there has happened
 * when it returns true.  False: no more of them.
 */
typedef bool branch_starter(uint64_t boundary, unsigned int *number);
/* A branch's call has returned; or one of its instructions is over that are watched. */
typedef void branch_listener(void);

static struct {
	branch_starter *start;
	branch_listener *end, *watch;
	unsigned int watched; /* so many instructions of this branch are gone through too */
	void (*call)(void *);
	uint64_t depth; /* behind so many instructions the trunk goes on at full speed */
	uint64_t boundary;
	unsigned int number;
	volatile bool inside, branching;
	/* The boundary that is branched from. */
	gregset_t registers;
	unsigned char vectors[32768];
	size_t vector_bytes;
	unsigned char stack[65536];
	unsigned char *stack_at, *stack_top;
	size_t stack_bytes;
	char *metadata;
	struct world world;
} branch;

static size_t vector_bytes(const ucontext_t *at)
{
	const uint32_t *software = (const uint32_t *)(const void *)((const char *)at->uc_mcontext.fpregs + 464);

	return software[0] == 0x46505853 /* FP_XSTATE_MAGIC1 */ ? software[1] : 512;
}

static void branch_save(const ucontext_t *at)
{
	memcpy(branch.registers, at->uc_mcontext.gregs, sizeof(branch.registers));
	branch.vector_bytes = vector_bytes(at);
	branch.stack_at = (unsigned char *)at->uc_mcontext.gregs[REG_RSP] - RED_ZONE;
	branch.stack_bytes = (size_t)(branch.stack_top - branch.stack_at);
	if (branch.vector_bytes > sizeof(branch.vectors) || branch.stack_bytes > sizeof(branch.stack)) {
		fprintf(stderr, "a call's state is too large: %zu, %zu\n", branch.vector_bytes, branch.stack_bytes);
		exit(1);
	}
	memcpy(branch.vectors, at->uc_mcontext.fpregs, branch.vector_bytes);
	memcpy(branch.stack, branch.stack_at, branch.stack_bytes);
	memcpy(branch.metadata, metadata, metadata_bytes);
	memcpy(&branch.world, &world, world_bytes());
}

/* In a handler on a stack of its own: back to the boundary when it returns. */
static void branch_restore(ucontext_t *at)
{
	memcpy(at->uc_mcontext.gregs, branch.registers, sizeof(branch.registers));
	memcpy(at->uc_mcontext.fpregs, branch.vectors, branch.vector_bytes);
	memcpy(branch.stack_at, branch.stack, branch.stack_bytes);
	memcpy(metadata, branch.metadata, metadata_bytes);
	memcpy(&world, &branch.world, world_bytes());
	branch.inside = true;
	stepper.instruction = branch.boundary + 1;
}

/* At the boundary: the next branch, or on along the trunk. */
static void branch_next(ucontext_t *at)
{
	branch.watched = 0;
	branch.branching = branch.start(branch.boundary, &branch.number);
	branch.number++;
	if (branch.branching && !branch.watched)
		at->uc_mcontext.gregs[REG_EFL] &= ~(greg_t)TRAP_FLAG;
	else
		at->uc_mcontext.gregs[REG_EFL] |= TRAP_FLAG;
}

static void branch_back(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)info;
	branch_restore(context);
	branch_next(context);
}

/* No more steps: on at full speed. */
static void branch_let_go(const ucontext_t *at)
{
	((ucontext_t *)(uintptr_t)at)->uc_mcontext.gregs[REG_EFL] &= ~(greg_t)TRAP_FLAG; /* the handler's own */
}

/* Within a branch. */
static void branch_watch(const ucontext_t *at)
{
	case_place = (uintptr_t)at->uc_mcontext.gregs[REG_RIP];
	if (branch.inside)
		branch.watch();
	if (!branch.inside || !--branch.watched)
		branch_let_go(at);
}

static void branch_visit(const ucontext_t *at, uint64_t instruction, void *data)
{
	(void)data;
	if (branch.branching) {
		branch_watch(at);
		return;
	}
	if (instruction == branch.depth) {
		branch_let_go(at);
		return;
	}
	if (instruction == 0) /* at the entry: where the return address stands */
		branch.stack_top = (unsigned char *)at->uc_mcontext.gregs[REG_RSP] + sizeof(void *);
	case_place = (uintptr_t)at->uc_mcontext.gregs[REG_RIP];
	if (!branch.inside)
		return;
	branch.boundary = instruction;
	branch.number = 0;
	branch_save(at);
	branch_next((ucontext_t *)(uintptr_t)at);
}

static void branch_call(void *unused)
{
	branch.inside = true;
	branch.call(unused);
	branch.inside = false; /* from here on no branch begins, for this one is over */
	if (branch.branching) {
		branch.end();
		syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1); /* to branch_back(), not to return */
	}
}

/* Returns how many of the trunk's instructions were gone through, `depth` at most. */
static uint64_t branch_run(void (*call)(void *), branch_starter *start, branch_listener *end, uint64_t depth)
{
	static unsigned char stack[262144];
	stack_t other = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_sigaction = branch_back;
	action.sa_flags = SA_SIGINFO | SA_ONSTACK;
	sigaction(SIGUSR1, &action, NULL);
	sigaltstack(&other, NULL);
	branch.branching = false;
	branch.start = start;
	branch.end = end;
	branch.call = call;
	branch.depth = depth;
	branch.metadata = realloc(branch.metadata, metadata_bytes);
	return stepper_run(branch_call, NULL, branch_visit, NULL);
}

#endif
