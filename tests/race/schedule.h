/* SPDX-License-Identifier: MIT */
/*
 * schedule.h - the core's atomics with a scheduler in front of each (used through LAB_ATOMIC_HEADER).
 *
 * Before every atomic operation the running fiber says what it is about to do and stops; interleave.c decides who
 * goes on.  With weak memory switched on (weak.h) a load may return an older value, where the order that is
 * written in the core allows it.  Everything happens in one kernel thread.
 */
#ifndef SCHEDULE_H
#define SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

/* Two additions to a word commute (the core uses no old value of one), so do two ands, and two ors. */
enum access { ACCESS_READ, ACCESS_WRITE, ACCESS_ADD, ACCESS_AND, ACCESS_OR, ACCESS_BEGIN, ACCESS_END, ACCESS_YIELD };
enum order { ORDER_RELAXED, ORDER_ACQUIRE, ORDER_RELEASE, ORDER_ACQ_REL, ORDER_SEQ };

void schedule_point(const volatile void *at, enum access access, const char *where);
/* The compare-and-swap that this fiber just made failed: it was but a read. */
void schedule_failed(void);

uint64_t weak_load(const volatile void *at, uint64_t latest, enum order order);
void weak_latest(const volatile void *at, uint64_t latest);
void weak_store(const volatile void *at, uint64_t before, uint64_t value, enum order order);
void weak_change(const volatile void *at, uint64_t before, uint64_t value, enum order order);
/* Does a compare-and-swap fail on an older value?  Then *seen is that. */
bool weak_fails(const volatile void *at, uint64_t latest, uint64_t expected, uint64_t *seen);

#define SCHEDULE_TEXT_(x) #x
#define SCHEDULE_TEXT(x) SCHEDULE_TEXT_(x)
#define SCHEDULE_HERE __FILE__ ":" SCHEDULE_TEXT(__LINE__)

#define SCHEDULED_LOAD(p, order)                                                                             \
	__extension__({                                                                                      \
		__auto_type load_at = (p);                                                                   \
		schedule_point(load_at, ACCESS_READ, SCHEDULE_HERE);                                         \
		(__typeof__(*(p) + 0))(uintptr_t)weak_load(load_at, (uintptr_t)*load_at, order);             \
	})
#define SCHEDULED_STORE(p, v, order)                                                                         \
	__extension__({                                                                                      \
		__auto_type store_at = (p);                                                                  \
		__typeof__(*(p) + 0) store_value = (v);                                                      \
		uint64_t store_before;                                                                       \
		schedule_point(store_at, ACCESS_WRITE, SCHEDULE_HERE);                                       \
		store_before = (uintptr_t)*store_at;                                                         \
		*store_at = (__typeof__(*(p)))store_value;                                                   \
		weak_store(store_at, store_before, (uintptr_t)*store_at, order);                             \
	})
#define SCHEDULED_CHANGE(p, access, operation, v, order)                                                     \
	__extension__({                                                                                      \
		__auto_type change_at = (p);                                                                 \
		__typeof__(*(p) + 0) change_value = (v);                                                     \
		uint64_t change_before;                                                                      \
		__typeof__(*(p) + 0) change_was;                                                             \
		schedule_point(change_at, access, SCHEDULE_HERE);                                            \
		change_was = *change_at;                                                                     \
		change_before = (uintptr_t)change_was;                                                       \
		*change_at = (__typeof__(*(p)))(*change_at operation change_value);                          \
		weak_change(change_at, change_before, (uintptr_t)*change_at, order);                         \
		change_was;                                                                                  \
	})
#define SCHEDULED_CAS(p, old, v, order)                                                                      \
	__extension__({                                                                                      \
		__auto_type cas_at = (p);                                                                    \
		__auto_type cas_old = (old);                                                                 \
		__typeof__(*(p) + 0) cas_value = (v);                                                        \
		uint64_t cas_seen;                                                                           \
		bool cas_done;                                                                               \
		schedule_point(cas_at, ACCESS_WRITE, SCHEDULE_HERE);                                         \
		cas_seen = (uintptr_t)*cas_at;                                                               \
		cas_done = cas_seen == (uintptr_t)*cas_old;                                                  \
		if ((order) != ORDER_SEQ && weak_fails(cas_at, cas_seen, (uintptr_t)*cas_old, &cas_seen)) {  \
			*cas_old = (__typeof__(*(p)))(uintptr_t)cas_seen;                                    \
			cas_done = false;                                                                    \
		} else if (cas_done) {                                                                       \
			*cas_at = (__typeof__(*(p)))cas_value;                                               \
			weak_change(cas_at, cas_seen, (uintptr_t)*cas_at, order);                            \
		} else {                                                                                     \
			weak_latest(cas_at, cas_seen);                                                       \
			*cas_old = (__typeof__(*(p)))(uintptr_t)cas_seen;                                    \
		}                                                                                            \
		if (!cas_done)                                                                               \
			schedule_failed();                                                                   \
		cas_done;                                                                                    \
	})

#define load_relaxed(p) SCHEDULED_LOAD(p, ORDER_RELAXED)
#define load_acquire(p) SCHEDULED_LOAD(p, ORDER_ACQUIRE)
#define load_seq(p) SCHEDULED_LOAD(p, ORDER_SEQ)
#define store_relaxed(p, v) SCHEDULED_STORE(p, v, ORDER_RELAXED)
#define store_release(p, v) SCHEDULED_STORE(p, v, ORDER_RELEASE)
#define cas_seq(p, old, v) SCHEDULED_CAS(p, old, v, ORDER_SEQ)
#define cas_acq_rel(p, old, v) SCHEDULED_CAS(p, old, v, ORDER_ACQ_REL)
#define and_seq(p, v) SCHEDULED_CHANGE(p, ACCESS_AND, &, v, ORDER_SEQ)
#define or_seq(p, v) SCHEDULED_CHANGE(p, ACCESS_OR, |, v, ORDER_SEQ)
#define add_seq(p, v) SCHEDULED_CHANGE(p, ACCESS_ADD, +, v, ORDER_SEQ)
#define add_relaxed(p, v) SCHEDULED_CHANGE(p, ACCESS_ADD, +, v, ORDER_RELAXED)

/* Weaker than any of the core's own: for mutants. */
#define and_release(p, v) SCHEDULED_CHANGE(p, ACCESS_AND, &, v, ORDER_RELEASE)
#define cas_relaxed(p, old, v) SCHEDULED_CAS(p, old, v, ORDER_RELAXED)

#endif
