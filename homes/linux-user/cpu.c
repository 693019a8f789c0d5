/* SPDX-License-Identifier: MIT */
/*
 * cpu.c - which CPU runs this thread: from the area that glibc (2.35 and later) registers with the kernel
 * for restartable sequences, two loads; else from the vDSO.  And which node that CPU belongs to: from a table.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include "../../core/port.h"
#include "home.h"

/* Before glibc 2.35 these are not there. */
extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned int __rseq_size __attribute__((weak));

/* For simulations: this thread says that it runs on this CPU; -1: the real one. */
extern _Thread_local int lab_user_cpu_override;
_Thread_local int lab_user_cpu_override __attribute__((tls_model("initial-exec"))) = -1;

/* The first words of the kernel's struct rseq; cpu_id is negative while it is not registered. */
struct rseq_words {
	unsigned int cpu_id_start;
	int cpu_id;
};

/* Where the area is, from the thread pointer; 0: not registered. */
static ptrdiff_t rseq_at;

__attribute__((constructor)) static void find_rseq(void)
{
	if (&__rseq_size && __rseq_size)
		rseq_at = __rseq_offset;
}

static __attribute__((noinline)) unsigned int cpu_slowly(void)
{
	int cpu = lab_user_cpu_override >= 0 ? lab_user_cpu_override : sched_getcpu();

	return cpu < 0 ? 0 : (unsigned int)cpu;
}

unsigned int lab_port_cpu(void)
{
	const char *self = __builtin_thread_pointer();
	int cpu = ((const volatile struct rseq_words *)(self + rseq_at))->cpu_id;

	if (__builtin_expect(!rseq_at || cpu < 0 || lab_user_cpu_override >= 0, 0))
		return cpu_slowly();
	return (unsigned int)cpu;
}

/* Each CPU's node; 0 until it is asked for.  (getcpu() is a true system call on some machines.) */
#define CPUS 4096u
static uint8_t node_of[CPUS];

void home_find_nodes(unsigned int nodes)
{
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	unsigned int cpu, node;

	for (cpu = 0; (long)cpu < cpus && cpu < CPUS; cpu++)
		for (node = 1; node < nodes; node++) {
			char path[64];

			snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/node%u", cpu, node);
			if (access(path, F_OK) == 0)
				__atomic_store_n(&node_of[cpu], (uint8_t)node, __ATOMIC_RELAXED);
		}
}

unsigned int lab_port_node(void)
{
	return __atomic_load_n(&node_of[lab_port_cpu() % CPUS], __ATOMIC_RELAXED);
}
