/* SPDX-License-Identifier: MIT */
/*
 * schedule.h - the core's atomics with a scheduler in front of each (used through LAB_ATOMIC_HEADER).
 *
 * Before every atomic operation the running fiber may be put aside and another go on; interleave.c
 * decides.  One kernel thread runs all fibers, so every execution is sequentially consistent: the orders
 * weaker than that are not explored here.
 */
#ifndef SCHEDULE_H
#define SCHEDULE_H

void schedule_point(void);

#define SCHEDULED(operation)                                                                                 \
	__extension__({                                                                                      \
		schedule_point();                                                                            \
		operation;                                                                                   \
	})

#define load_relaxed(p) SCHEDULED(__atomic_load_n((p), __ATOMIC_SEQ_CST))
#define load_acquire(p) load_relaxed(p)
#define load_seq(p) load_relaxed(p)
#define store_relaxed(p, v) SCHEDULED(__atomic_store_n((p), (v), __ATOMIC_SEQ_CST))
#define store_release(p, v) store_relaxed(p, v)
#define cas_seq(p, old, v)                                                                                   \
	SCHEDULED(__atomic_compare_exchange_n((p), (old), (v), false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
#define cas_acq_rel(p, old, v) cas_seq(p, old, v)
#define and_seq(p, v) SCHEDULED(__atomic_fetch_and((p), (v), __ATOMIC_SEQ_CST))
#define or_seq(p, v) SCHEDULED(__atomic_fetch_or((p), (v), __ATOMIC_SEQ_CST))
#define add_seq(p, v) SCHEDULED(__atomic_fetch_add((p), (v), __ATOMIC_SEQ_CST))
#define add_relaxed(p, v) add_seq(p, v)

#endif
