/* SPDX-License-Identifier: MIT */
/*
 * stranded_hook.h - the core's atomics with a place to stop in front of each (used through
 * LAB_ATOMIC_HEADER).  The memory orders are the core's own; stranded.c runs everything on one thread.
 */
#ifndef STRANDED_HOOK_H
#define STRANDED_HOOK_H

#include <stddef.h>

extern void (*stranded_pause)(void); /* NULL: nobody is stopped */

#define HOOKED(operation)                                                                                    \
	__extension__({                                                                                      \
		if (__builtin_expect(stranded_pause != NULL, 0))                                             \
			stranded_pause();                                                                    \
		operation;                                                                                   \
	})

#define load_relaxed(p) HOOKED(__atomic_load_n((p), __ATOMIC_RELAXED))
#define load_acquire(p) HOOKED(__atomic_load_n((p), __ATOMIC_ACQUIRE))
#define load_seq(p) HOOKED(__atomic_load_n((p), __ATOMIC_SEQ_CST))
#define store_relaxed(p, v) HOOKED(__atomic_store_n((p), (v), __ATOMIC_RELAXED))
#define store_release(p, v) HOOKED(__atomic_store_n((p), (v), __ATOMIC_RELEASE))
#define cas_seq(p, old, v)                                                                                   \
	HOOKED(__atomic_compare_exchange_n((p), (old), (v), false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
#define cas_acq_rel(p, old, v)                                                                               \
	HOOKED(__atomic_compare_exchange_n((p), (old), (v), false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
#define and_seq(p, v) HOOKED(__atomic_fetch_and((p), (v), __ATOMIC_SEQ_CST))
#define or_seq(p, v) HOOKED(__atomic_fetch_or((p), (v), __ATOMIC_SEQ_CST))
#define add_seq(p, v) HOOKED(__atomic_fetch_add((p), (v), __ATOMIC_SEQ_CST))
#define add_relaxed(p, v) HOOKED(__atomic_fetch_add((p), (v), __ATOMIC_RELAXED))

#endif
