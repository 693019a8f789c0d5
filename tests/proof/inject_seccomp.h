/* SPDX-License-Identifier: MIT */
/*
 * inject_seccomp.h - every system call of this process through a handler that may refuse it (x86-64 Linux).
 *
 * The filter lets through what comes from trap_raw(), and traps everything else: the handler makes the call
 * itself, by trap_raw(), or answers with an error.  There is no way back, so this is for a child.
 */
#ifndef INJECT_SECCOMP_H
#define INJECT_SECCOMP_H

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __x86_64__
#define TRAP_WORKS 1

struct trap {
	volatile bool counts;
	bool all;	/* every call from fail_at on fails, but munmap */
	int fail_at, error;
	volatile int calls;
	volatile long last; /* the last call that failed */
};
static struct trap trap;

long trap_raw(long number, const long *argument);
extern const char trap_raw_end[];

__asm__(".text\n"
	".local trap_raw, trap_raw_end\n"
	".type trap_raw, @function\n"
	"trap_raw:\n"
	"	mov %rdi, %rax\n"
	"	mov %rsi, %r11\n"
	"	mov 0(%r11), %rdi\n"
	"	mov 8(%r11), %rsi\n"
	"	mov 16(%r11), %rdx\n"
	"	mov 24(%r11), %r10\n"
	"	mov 32(%r11), %r8\n"
	"	mov 40(%r11), %r9\n"
	"	syscall\n"
	"trap_raw_end:\n"
	"	ret\n"
	".size trap_raw, . - trap_raw\n");

static void trap_handler(int signal, siginfo_t *info, void *context)
{
	greg_t *reg = ((ucontext_t *)context)->uc_mcontext.gregs;
	const long argument[6] = { reg[REG_RDI], reg[REG_RSI], reg[REG_RDX], reg[REG_R10], reg[REG_R8], reg[REG_R9] };
	long number = reg[REG_RAX];

	(void)signal;
	(void)info;
	if (trap.counts && number != SYS_munmap) {
		int call = ++trap.calls;

		if (call == trap.fail_at || (trap.all && trap.fail_at && call > trap.fail_at)) {
			trap.last = number;
			reg[REG_RAX] = -trap.error;
			return;
		}
	}
	reg[REG_RAX] = trap_raw(number, argument);
}

static bool trap_install(void)
{
	uint64_t from = (uintptr_t)trap_raw_end; /* where the instruction pointer stands then */
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigreturn, 5, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)from, 0, 2),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer) + 4),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(from >> 32), 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { .len = sizeof(filter) / sizeof(*filter), .filter = filter };
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_sigaction = trap_handler;
	action.sa_flags = SA_SIGINFO | SA_NODEFER;
	return !sigaction(SIGSYS, &action, NULL) && !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}

#endif

#endif
