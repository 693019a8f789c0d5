/* SPDX-License-Identifier: MIT */
/*
 * home.c - the least that a home can be: one CPU, no operating system, one labyrinth in static memory.
 *
 * Copy this folder, then change what is marked CHANGE.  README.md says in which order.
 */
#include "../../core/port.h"

/* CHANGE: the memory.  16 MiB of .bss here; a machine's own RAM wants lab_birth() instead (README.md). */
LAB_DEFINE_SLOTS(home_labyrinth, 16u << 20, 384, .name = "ram", .min = 128, .low = 256, .high = 384);

/* Once, at start, before interrupts are on.  0, or a negative error and a sentence for the console. */
int home_start(const char **why);
int home_start(const char **why)
{
	int error = LAB_BIRTH_WHY(home_labyrinth, why);

	if (!error)
		lab_set_default(home_labyrinth);
	return error;
}

/* ---- what core/port.h asks for ---- */

/*
 * CHANGE where there are several CPUs: a small number of this one, from a register (TPIDR_EL1, GS, tp,
 * the APIC's id...).  A hint only: it may be stale, and two CPUs may answer alike, at the price of speed.
 */
unsigned int lab_port_cpu(void)
{
	return 0;
}

/* CHANGE where there are several NUMA nodes: that CPU's, below the specification's `nodes`. */
unsigned int lab_port_node(void)
{
	return 0;
}

/* Asked only while no default labyrinth is set; before home_start() every call answers -LAB_ENXIO. */
struct labyrinth *lab_port_default(void)
{
	return home_labyrinth;
}
