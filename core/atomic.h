/* SPDX-License-Identifier: MIT */
/*
 * atomic.h - every atomic operation of the core, the memory order in its name.
 *
 * seq      sequentially consistent: the listing protocol needs one total order of its steps (leaf bits,
 *          parent words, order hints, tentative); with acquire/release it is broken (DESIGN.md).
 * acquire, release   the tags.
 * relaxed  hints, counters, and the first guess for a compare-and-swap.
 *
 * All are macros over the compiler's builtins, so that they serve words and 32-bit fields alike, and so
 * that a test can put a scheduler of its own in their place (LAB_ATOMIC_HEADER).
 */
#ifndef LAB_ATOMIC_H
#define LAB_ATOMIC_H

#ifdef LAB_ATOMIC_HEADER
#include LAB_ATOMIC_HEADER
#else

#define load_relaxed(p) __atomic_load_n((p), __ATOMIC_RELAXED)
#define load_acquire(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define load_seq(p) __atomic_load_n((p), __ATOMIC_SEQ_CST)

#define store_relaxed(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)
#define store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)

/* Compare and swap; on failure *old is what stands there now. */
#define cas_seq(p, old, v)                                                                                   \
	__atomic_compare_exchange_n((p), (old), (v), false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)
#define cas_acq_rel(p, old, v)                                                                               \
	__atomic_compare_exchange_n((p), (old), (v), false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)

#define and_seq(p, v) __atomic_fetch_and((p), (v), __ATOMIC_SEQ_CST)
#define or_seq(p, v) __atomic_fetch_or((p), (v), __ATOMIC_SEQ_CST)
#define add_seq(p, v) __atomic_fetch_add((p), (v), __ATOMIC_SEQ_CST)
#define add_relaxed(p, v) __atomic_fetch_add((p), (v), __ATOMIC_RELAXED)

#endif

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#endif
