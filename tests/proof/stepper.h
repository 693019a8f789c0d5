/* SPDX-License-Identifier: MIT */
/*
 * stepper.h - a function run one instruction at a time (x86-64 Linux, the trap flag).
 *
 * Before each instruction of the function, and of whatever it calls, the visitor is called in the SIGTRAP
 * handler, on the same stack as any signal handler would run, with the trap flag off.  So what the visitor
 * does is what an interrupt at that boundary does.
 */
#ifndef STEPPER_H
#define STEPPER_H

#include <stdint.h>

#if defined(__x86_64__) && defined(__linux__)
#define STEPPER_WORKS 1

#ifndef _GNU_SOURCE
#error "stepper.h: define _GNU_SOURCE first, for the registers' names"
#endif
#include <signal.h>
#include <string.h>
#include <ucontext.h>

typedef void stepper_visitor(const ucontext_t *at, uint64_t instruction, void *data);

static struct {
	stepper_visitor *visit;
	void *data;
	volatile uint64_t instruction; /* how many have begun */
} stepper;

void stepper_call(void (*call)(void *), void *argument);
extern const char stepper_returned[];

/*
 * The trap flag takes effect behind the instruction that follows popf: the first trap stands at the called
 * function's first instruction, and the last ones behind its return.
 */
__asm__(".text\n"
	".local stepper_call, stepper_returned\n"
	".type stepper_call, @function\n"
	"stepper_call:\n"
	"	push %rbp\n"
	"	mov %rsp, %rbp\n"
	"	and $-16, %rsp\n"
	"	mov %rdi, %rax\n"
	"	mov %rsi, %rdi\n"
	"	pushfq\n"
	"	orq $0x100, (%rsp)\n"
	"	popfq\n"
	"	call *%rax\n"
	"stepper_returned:\n"
	"	pushfq\n"
	"	andq $~0x100, (%rsp)\n"
	"	popfq\n"
	"	leave\n"
	"	ret\n"
	".size stepper_call, . - stepper_call\n");

static void stepper_trap(int signal, siginfo_t *info, void *context)
{
	const ucontext_t *at = context;
	uintptr_t here = (uintptr_t)at->uc_mcontext.gregs[REG_RIP];

	(void)signal;
	(void)info;
	if (here - (uintptr_t)stepper_returned >= 16) /* not in the trampoline's end */
		stepper.visit(at, stepper.instruction++, stepper.data);
}

/* Runs call(argument); returns how many instructions that took (the visitor's not counted). One at a time. */
static inline uint64_t stepper_run(void (*call)(void *), void *argument, stepper_visitor *visit, void *data)
{
	struct sigaction action, before;

	memset(&action, 0, sizeof(action));
	action.sa_sigaction = stepper_trap;
	action.sa_flags = SA_SIGINFO;
	sigaction(SIGTRAP, &action, &before);
	stepper.visit = visit;
	stepper.data = data;
	stepper.instruction = 0;
	stepper_call(call, argument);
	sigaction(SIGTRAP, &before, NULL);
	return stepper.instruction;
}

#endif
#endif
