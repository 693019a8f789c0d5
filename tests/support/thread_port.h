/* SPDX-License-Identifier: MIT */
/*
 * thread_port.h - the port of a test whose threads each say themselves which CPU they are on.
 */
#ifndef LAB_TEST_THREAD_PORT_H
#define LAB_TEST_THREAD_PORT_H

#include <labyrinth.h>

static _Thread_local unsigned int self; /* which CPU this thread says it is on */

unsigned int lab_port_cpu(void)
{
	return self;
}

unsigned int lab_port_node(void)
{
	return 0;
}

struct labyrinth *lab_port_default(void)
{
	return NULL;
}

#endif
