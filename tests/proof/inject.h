/* SPDX-License-Identifier: MIT */
/*
 * inject.h - the core's atomics with an injector in front of each (used through LAB_ATOMIC_HEADER).
 *
 * Every place in the source that makes an atomic operation is a *site*: file, line and kind.  Its record lies in
 * a section of its own, so that sites which are never reached are known too.  Before the operation
 * inject_point() may run other calls; inject_cas() may say that a compare-and-swap failed although it would not
 * have.  One kernel thread runs everything.
 */
#ifndef INJECT_H
#define INJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum inject_kind { INJECT_LOAD, INJECT_STORE, INJECT_CAS, INJECT_FETCH };

struct inject_site {
	const char *file, *function; /* function: once it was reached at all */
	unsigned int line;
	enum inject_kind kind;
	uint64_t delayed; /* another call ran to its end before this operation */
	uint64_t refused; /* a compare-and-swap was said to have failed */
	uint64_t lost;	  /* a compare-and-swap failed, for another call had changed the word just before */
} __attribute__((aligned(64)));

void inject_point(struct inject_site *site, const char *function, const volatile void *at);
/* As __atomic_compare_exchange_n() on a word of `size` bytes, 4 or 8. */
struct inject_swap {
	void *at, *old;
	uint64_t value;
	size_t size;
};
bool inject_cas(struct inject_site *site, const char *function, const struct inject_swap *swap);

/* The arguments are evaluated first: there may be atomic operations in them.  `n`: names of their own for those. */
#define INJECT_SITE(n, what)                                                                                 \
	static struct inject_site inject_site_##n                                                            \
		__attribute__((section("inject_sites"), used)) = { .file = __FILE__, .line = __LINE__, .kind = what }
#define INJECT_LOAD_AT(n, p)                                                                                 \
	__extension__({                                                                                      \
		INJECT_SITE(n, INJECT_LOAD);                                                                 \
		__typeof__(p) inject_at_##n = (p);                                                           \
		inject_point(&inject_site_##n, __func__, inject_at_##n);                                     \
		__atomic_load_n(inject_at_##n, __ATOMIC_SEQ_CST);                                            \
	})
#define INJECT_STORE_AT(n, p, v)                                                                             \
	__extension__({                                                                                      \
		INJECT_SITE(n, INJECT_STORE);                                                                \
		__typeof__(p) inject_at_##n = (p);                                                           \
		__typeof__(*(p)) inject_value_##n = (v);                                                     \
		inject_point(&inject_site_##n, __func__, inject_at_##n);                                     \
		__atomic_store_n(inject_at_##n, inject_value_##n, __ATOMIC_SEQ_CST);                         \
	})
#define INJECT_FETCH_AT(n, operation, p, v)                                                                  \
	__extension__({                                                                                      \
		INJECT_SITE(n, INJECT_FETCH);                                                                \
		__typeof__(p) inject_at_##n = (p);                                                           \
		__typeof__(*(p)) inject_value_##n = (v);                                                     \
		inject_point(&inject_site_##n, __func__, inject_at_##n);                                     \
		operation(inject_at_##n, inject_value_##n, __ATOMIC_SEQ_CST);                                \
	})
#define INJECT_CAS_AT(n, p, old, v)                                                                          \
	__extension__({                                                                                      \
		INJECT_SITE(n, INJECT_CAS);                                                                  \
		__typeof__(p) inject_at_##n = (p);                                                           \
		const struct inject_swap inject_swap_##n = { inject_at_##n, (old), (v), sizeof(*(p)) };              \
		inject_cas(&inject_site_##n, __func__, &inject_swap_##n);                                    \
	})
/* So that __COUNTER__ is a number before it is glued to a name. */
#define INJECT_LOAD_OF(n, p) INJECT_LOAD_AT(n, p)
#define INJECT_STORE_OF(n, p, v) INJECT_STORE_AT(n, p, v)
#define INJECT_FETCH_OF(n, operation, p, v) INJECT_FETCH_AT(n, operation, p, v)
#define INJECT_CAS_OF(n, p, old, v) INJECT_CAS_AT(n, p, old, v)

#define load_relaxed(p) INJECT_LOAD_OF(__COUNTER__, p)
#define load_acquire(p) load_relaxed(p)
#define load_seq(p) load_relaxed(p)
#define store_relaxed(p, v) INJECT_STORE_OF(__COUNTER__, p, v)
#define store_release(p, v) store_relaxed(p, v)
#define cas_seq(p, old, v) INJECT_CAS_OF(__COUNTER__, p, old, v)
#define cas_acq_rel(p, old, v) cas_seq(p, old, v)
#define and_seq(p, v) INJECT_FETCH_OF(__COUNTER__, __atomic_fetch_and, p, v)
#define or_seq(p, v) INJECT_FETCH_OF(__COUNTER__, __atomic_fetch_or, p, v)
#define add_seq(p, v) INJECT_FETCH_OF(__COUNTER__, __atomic_fetch_add, p, v)
#define add_relaxed(p, v) add_seq(p, v)

#endif
