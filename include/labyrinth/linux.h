/* SPDX-License-Identifier: MIT */
/*
 * labyrinth/linux.h - Linux's own names over the default labyrinth, so that kernel-style code compiles
 * unchanged in user space (or in a kernel of one's own; not in Linux, which has them).
 *
 * The default labyrinth is lab_default(): what lab_set_default() was given, else what the home makes at
 * the first call (in user space: 256 MiB, lazily; LABYRINTH_DEFAULT_SIZE says otherwise).  One with the
 * wanted rooms makes GFP_DMA and the like work: a zone that it has no room for answers NULL.  It must have
 * pages of 4 KiB, since PAGE_SIZE is a constant; else every call here behaves as if memory were out, and
 * lab_linux_ready() says why.
 *
 * Contexts, bounds: those of lab_alloc_pages() and lab_free_pages(), any context, where nothing else is
 * said; the first call of all may make system calls in user space (lab_linux_ready() at start-up does).
 * No call sleeps, whatever its flags: GFP_KERNEL buys no patience here, only a caller's ordinary rights.
 *
 * Errors: as in Linux, NULL or 0; lab_alloc_pages() tells the reason.  Frees return nothing; a
 * refused one (double, foreign, wrong order) changes nothing and is counted (lab_stats()).
 *
 * What differs from Linux, beside that: struct page has no fields to look at and no reference count (so
 * there is no get_page() and put_page()); a free wants the order of the allocation; pfn_to_page() and
 * virt_to_page() answer NULL for what is not the labyrinth's; orders end at MAX_PAGE_ORDER = 9;
 * physical addresses are mostly not known, see page_to_phys(), and virt_to_phys() is not offered.
 *
 * IS_ERR() and its like are macros here, and are left alone where they exist; LAB_LINUX_NO_ERR keeps them
 * out altogether.
 */
#ifndef LABYRINTH_LINUX_H
#define LABYRINTH_LINUX_H

#if defined(__KERNEL__)
#error "labyrinth/linux.h is for programs: Linux has these names already"
#endif

#include <labyrinth.h>

/* ---------------------------------------------------------------- sizes, and what drivers expect beside them */

/* Letter for letter as some <sys/user.h> has them, so that either may come first. */
#ifndef PAGE_SHIFT
#define PAGE_SHIFT 12
#endif
#ifndef PAGE_SIZE
#define PAGE_SIZE (1UL << PAGE_SHIFT)
#endif
#ifndef PAGE_MASK
#define PAGE_MASK (~(PAGE_SIZE-1))
#endif
#ifndef PAGE_ALIGN
#define PAGE_ALIGN(address) (((address) + PAGE_SIZE - 1) & PAGE_MASK)
#endif
#ifndef offset_in_page
#define offset_in_page(address) ((unsigned long)(uintptr_t)(address) & (PAGE_SIZE - 1))
#endif

#ifndef likely
#define likely(x) __builtin_expect(!!(x), 1)
#endif
#ifndef unlikely
#define unlikely(x) __builtin_expect(!!(x), 0)
#endif

#define MAX_PAGE_ORDER 9
#define NR_PAGE_ORDERS (MAX_PAGE_ORDER + 1)
#ifndef NUMA_NO_NODE
#define NUMA_NO_NODE (-1)
#endif

#ifdef __cplusplus
#define LAB_LINUX_ASSERT static_assert
#else
#define LAB_LINUX_ASSERT _Static_assert
#endif
LAB_LINUX_ASSERT(PAGE_SHIFT == 12 && PAGE_SIZE == 4096, "labyrinth/linux.h is for PAGE_SIZE 4096");
LAB_LINUX_ASSERT(MAX_PAGE_ORDER == LAB_ORDER_MAX, "orders end where the core's do");

/* ---------------------------------------------------------------- flags */

typedef lab_gfp_t gfp_t;

#define __GFP_DMA LAB_DMA
#define __GFP_HIGHMEM LAB_HIGHMEM
#define __GFP_DMA32 LAB_DMA32
#define __GFP_MOVABLE LAB_MOVABLE
#define __GFP_RECLAIMABLE LAB_RECLAIMABLE
#define __GFP_HIGH LAB_HIGH
#define __GFP_ATOMIC LAB_HIGH /* until Linux 6.2 a bit of its own, always beside __GFP_HIGH */
#define __GFP_MEMALLOC LAB_MEMALLOC
#define __GFP_NOMEMALLOC LAB_NOMEMALLOC
#define __GFP_DIRECT_RECLAIM LAB_DIRECT_RECLAIM
#define __GFP_KSWAPD_RECLAIM LAB_KSWAPD_RECLAIM
#define __GFP_RECLAIM LAB_RECLAIM
#define __GFP_IO LAB_IO
#define __GFP_FS LAB_FS
#define __GFP_NORETRY LAB_NORETRY
#define __GFP_RETRY_MAYFAIL LAB_RETRY_MAYFAIL
#define __GFP_NOFAIL LAB_NOFAIL
#define __GFP_ZERO LAB_ZERO
#define __GFP_COMP LAB_COMP
#define __GFP_NOWARN LAB_NOWARN
#define __GFP_THISNODE LAB_THISNODE
#define __GFP_HARDWALL LAB_HARDWALL
#define __GFP_WRITE LAB_WRITE
#define __GFP_ACCOUNT LAB_ACCOUNT
/* For checkers that are not here. */
#define __GFP_NOLOCKDEP ((gfp_t)0)
#define __GFP_SKIP_ZERO ((gfp_t)0)
#define __GFP_SKIP_KASAN ((gfp_t)0)
#define __GFP_ZEROTAGS ((gfp_t)0)

#define GFP_ZONEMASK (__GFP_DMA | __GFP_HIGHMEM | __GFP_DMA32 | __GFP_MOVABLE)

#define GFP_ATOMIC LAB_GFP_ATOMIC
#define GFP_NOWAIT LAB_GFP_NOWAIT
#define GFP_KERNEL LAB_GFP_KERNEL
#define GFP_KERNEL_ACCOUNT (GFP_KERNEL | __GFP_ACCOUNT)
#define GFP_NOFS LAB_GFP_NOFS
#define GFP_NOIO LAB_GFP_NOIO
#define GFP_USER LAB_GFP_USER
#define GFP_DMA __GFP_DMA
#define GFP_DMA32 __GFP_DMA32
#define GFP_HIGHUSER LAB_GFP_HIGHUSER
#define GFP_HIGHUSER_MOVABLE LAB_GFP_HIGHUSER_MOVABLE
/* A huge page for a process: without its reserves and without complaint; LIGHT: without effort too. */
#define GFP_TRANSHUGE_LIGHT                                                                         \
	((GFP_HIGHUSER_MOVABLE | __GFP_COMP | __GFP_NOMEMALLOC | __GFP_NOWARN) & ~__GFP_RECLAIM)
#define GFP_TRANSHUGE (GFP_TRANSHUGE_LIGHT | __GFP_DIRECT_RECLAIM)

/* ---------------------------------------------------------------- pages */

/*
 * A page: the same object as the core's descriptor, complete only so that `page + 1` is the next frame's
 * page.  Its word is not to be touched.
 */
struct page {
	uintptr_t lab_word_of_the_core;
};

typedef uint64_t phys_addr_t;
#ifndef PHYS_ADDR_MAX
#define PHYS_ADDR_MAX (~(phys_addr_t)0)
#endif

#ifdef __cplusplus
extern "C" {
#endif

static inline struct page *lab_linux_page(struct lab_page *page)
{
	return (struct page *)page;
}

static inline struct lab_page *lab_linux_core_page(const struct page *page)
{
	return (struct lab_page *)(uintptr_t)page;
}

/*
 * 0, or why nothing works here: -LAB_ENXIO (no default labyrinth), -LAB_EINVAL (its pages are not of
 * 4 KiB), -LAB_ECHILD (forked).  Set-up: in user space it makes the default labyrinth, if none was set.
 */
static inline int lab_linux_ready(void)
{
	struct labyrinth *lab = lab_default();
	struct lab_stats stats;
	int error = lab ? lab_stats(lab, &stats) : -LAB_ENXIO;

	return error ? error : stats.page_shift == PAGE_SHIFT ? 0 : -LAB_EINVAL;
}

/* The default labyrinth, if it has pages of 4 KiB, else NULL.  Any context. */
static inline struct labyrinth *lab_linux(void)
{
	static struct labyrinth *checked;
	struct labyrinth *lab = lab_default();

	/* A hint: a labyrinth's page size never changes, and two who look find the same. */
	if (lab && lab == __atomic_load_n(&checked, __ATOMIC_RELAXED))
		return lab;
	if (!lab || lab_linux_ready())
		return NULL;
	__atomic_store_n(&checked, lab, __ATOMIC_RELAXED);
	return lab;
}

/* ---------------------------------------------------------------- allocation */

/* 2^order pages, or NULL. */
static inline struct page *alloc_pages(gfp_t gfp, unsigned int order)
{
	struct labyrinth *lab = lab_linux();
	struct lab_page *page = lab ? lab_alloc_pages(lab, gfp, order) : NULL;

	return lab_is_err(page) ? NULL : lab_linux_page(page);
}

static inline struct page *alloc_page(gfp_t gfp)
{
	return alloc_pages(gfp, 0);
}

/* From node `node` first (NUMA_NO_NODE: the caller's); from it alone with __GFP_THISNODE. */
static inline struct page *alloc_pages_node(int node, gfp_t gfp, unsigned int order)
{
	struct labyrinth *lab = lab_linux();
	struct lab_request request;
	struct lab_page *page;

	if (!lab || order > MAX_PAGE_ORDER || node < NUMA_NO_NODE || node >= (int)LAB_NODES_MAX)
		return NULL;
	request.gfp = gfp;
	request.order = (uint8_t)order;
	request.use = 0;
	request.owner = 0;
	request.node = (int16_t)node;
	request.room = LAB_ROOM_ROUTE;
	page = lab_alloc_request(lab, &request, NULL);
	return lab_is_err(page) ? NULL : lab_linux_page(page);
}

static inline void __free_pages(struct page *page, unsigned int order)
{
	struct labyrinth *lab = lab_linux();

	if (lab)
		lab_free_pages(lab, lab_linux_core_page(page), order);
}

static inline void __free_page(struct page *page)
{
	__free_pages(page, 0);
}

/*
 * The same by address, 0 on failure.  Such memory is always mapped: __GFP_HIGHMEM is dropped.  Freeing
 * 0 does nothing.
 */
static inline unsigned long __get_free_pages(gfp_t gfp, unsigned int order)
{
	struct labyrinth *lab = lab_linux();

	return lab ? (unsigned long)(uintptr_t)lab_alloc(lab, gfp & ~__GFP_HIGHMEM, order) : 0;
}

static inline unsigned long __get_free_page(gfp_t gfp)
{
	return __get_free_pages(gfp, 0);
}

static inline unsigned long __get_dma_pages(gfp_t gfp, unsigned int order)
{
	return __get_free_pages(gfp | GFP_DMA, order);
}

static inline unsigned long get_zeroed_page(gfp_t gfp)
{
	return __get_free_pages(gfp | __GFP_ZERO, 0);
}

static inline void free_pages(unsigned long address, unsigned int order)
{
	struct labyrinth *lab = address ? lab_linux() : NULL;

	if (lab)
		lab_free(lab, (void *)(uintptr_t)address, order);
}

static inline void free_page(unsigned long address)
{
	free_pages(address, 0);
}

/* A block of 2^order pages becomes as many single ones, each freed alone.  Bounded by 2^order. */
static inline void split_page(struct page *page, unsigned int order)
{
	struct labyrinth *lab = lab_linux();

	if (lab)
		lab_split(lab, lab_linux_core_page(page), order);
}

/* The smallest order whose block holds `size` bytes; 0 for 0 (Linux does not say). */
static inline int get_order(unsigned long size)
{
	unsigned long pages = size ? (size - 1) >> PAGE_SHIFT : 0;
	int order = 0;

	for (; pages; pages >>= 1)
		order++;
	return order;
}

/*
 * `size` bytes in a row, up to 2 MiB, in whole pages and no more than these; NULL on failure.  Freed by
 * free_pages_exact() with the same size (NULL: nothing).  Bounded by the block's pages.
 */
static inline void *alloc_pages_exact(size_t size, gfp_t gfp)
{
	unsigned int order = (unsigned int)get_order(size);
	unsigned long address = size ? __get_free_pages(gfp & ~__GFP_COMP, order) : 0;
	size_t at;

	if (!address)
		return NULL;
	split_page(lab_linux_page(lab_address_page(lab_linux(), (void *)(uintptr_t)address)), order);
	for (at = PAGE_ALIGN(size); at < (size_t)PAGE_SIZE << order; at += PAGE_SIZE)
		free_page(address + at);
	return (void *)(uintptr_t)address;
}

static inline void free_pages_exact(void *address, size_t size)
{
	size_t at;

	for (at = 0; address && at < size; at += PAGE_SIZE)
		free_page((unsigned long)(uintptr_t)address + at);
}

/* Fill this run of empty slots; how many of it were filled, from the first on. */
static inline unsigned long lab_linux_fill(gfp_t gfp, unsigned long count, struct page **array)
{
	struct labyrinth *lab = lab_linux();
	struct lab_page *some[16];
	unsigned long n = 0, i;
	long got = 1;

	while (lab && n < count && got > 0) {
		got = lab_alloc_bulk(lab, gfp, count - n < 16 ? count - n : 16, some);
		for (i = 0; got > 0 && i < (unsigned long)got; i++)
			array[n++] = lab_linux_page(some[i]);
	}
	return n;
}

/*
 * Put a page into each of the `count` slots that is NULL; the others are left as they are.  Returns how
 * many slots from the first on hold a page then: `count`, or the index of the first that could not be
 * filled.  Not linearizable as a whole.
 */
static inline unsigned long alloc_pages_bulk_array(gfp_t gfp, unsigned long count, struct page **array)
{
	unsigned long at = 0, end;

	while (at < count) {
		if (array[at]) {
			at++;
			continue;
		}
		for (end = at; end < count && !array[end];)
			end++;
		at += lab_linux_fill(gfp, end - at, array + at);
		if (at < end)
			break;
	}
	return at;
}

/* Its name since Linux 6.14. */
static inline unsigned long alloc_pages_bulk(gfp_t gfp, unsigned long count, struct page **array)
{
	return alloc_pages_bulk_array(gfp, count, array);
}

/* ---------------------------------------------------------------- conversions */

/*
 * Any context, constant time in the number of rooms.  NULL (~0 for a pfn) where there is no answer: a
 * page, address or frame number that is not the default labyrinth's, a page without memory behind it.
 */
static inline void *page_address(const struct page *page)
{
	struct labyrinth *lab = lab_linux();

	return lab ? lab_page_address(lab, lab_linux_core_page(page)) : NULL;
}

static inline void *page_to_virt(const struct page *page)
{
	return page_address(page);
}

static inline struct page *virt_to_page(const void *address)
{
	struct labyrinth *lab = lab_linux();

	return lab ? lab_linux_page(lab_address_page(lab, address)) : NULL;
}

static inline bool virt_addr_valid(const void *address)
{
	return virt_to_page(address) != NULL;
}

static inline unsigned long page_to_pfn(const struct page *page)
{
	struct labyrinth *lab = lab_linux();

	return lab ? (unsigned long)lab_page_frame(lab, lab_linux_core_page(page)) : ~0UL;
}

static inline struct page *pfn_to_page(unsigned long pfn)
{
	struct labyrinth *lab = lab_linux();

	return lab ? lab_linux_page(lab_frame_page(lab, pfn)) : NULL;
}

static inline bool pfn_valid(unsigned long pfn)
{
	return pfn_to_page(pfn) != NULL;
}

/*
 * The physical address, or PHYS_ADDR_MAX where it is not known, which in user space is everywhere: an
 * address that no device can reach, never an invented one.  Compare before it goes to hardware.
 */
static inline phys_addr_t page_to_phys(const struct page *page)
{
	struct labyrinth *lab = lab_linux();
	uint64_t physical;

	if (!lab || lab_page_physical(lab, lab_linux_core_page(page), &physical))
		return PHYS_ADDR_MAX;
	return physical;
}

/* May a request with these flags sleep? */
static inline bool gfpflags_allow_blocking(gfp_t gfp)
{
	return (gfp & __GFP_DIRECT_RECLAIM) != 0;
}

static inline bool lab_linux_is_err_or_null(const void *pointer)
{
	return !pointer || lab_is_err(pointer);
}

#ifdef __cplusplus
}
#endif

/* ---------------------------------------------------------------- errors in pointers */

#ifndef LAB_LINUX_NO_ERR
#ifndef MAX_ERRNO
#define MAX_ERRNO 4095
#endif
#ifndef IS_ERR
#define IS_ERR(pointer) lab_is_err(pointer)
#endif
#ifndef IS_ERR_OR_NULL
#define IS_ERR_OR_NULL(pointer) lab_linux_is_err_or_null(pointer)
#endif
#ifndef PTR_ERR
#define PTR_ERR(pointer) ((long)(intptr_t)(pointer))
#endif
#ifndef ERR_PTR
#define ERR_PTR(error) ((void *)(intptr_t)(error))
#endif
#ifndef ERR_CAST
#define ERR_CAST(pointer) ((void *)(uintptr_t)(pointer))
#endif
#ifndef PTR_ERR_OR_ZERO
#define PTR_ERR_OR_ZERO(pointer) lab_ptr_err(pointer)
#endif
#endif

#endif
