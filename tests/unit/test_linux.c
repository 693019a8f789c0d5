/* SPDX-License-Identifier: MIT */
/*
 * test_linux.c - Linux's names over the default labyrinth.
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include <labyrinth/linux.h>
#include <labyrinth/user.h>

#include "layout.h"

#define FRAMES 1024u

LAB_DEFINE(known, 64 << 10, .physical_known = true);

static struct labyrinth *lab;

static int open_default(void **state)
{
	struct lab_user_room rooms[] = {
		{ .name = "DMA", .zone = LAB_ZONE_DMA, .size = FRAMES / 2 * 4096 },
		{ .name = "NORMAL", .zone = LAB_ZONE_NORMAL, .size = FRAMES / 2 * 4096 },
	};
	struct lab_user_spec spec = { .birth = LAB_LAZY, .rooms = rooms, .room_count = 2 };

	(void)state;
	if (lab_user_open(&spec, &lab, NULL))
		return -1;
	lab_set_default(lab);
	return 0;
}

/* Whatever a test does, nothing is left. */
static int close_default(void **state)
{
	struct lab_audit audit;
	int error = lab_audit(lab, true, &audit);

	(void)state;
	lab_set_default(NULL);
	lab_user_close(lab);
	if (error || audit.owned || audit.free != FRAMES)
		fprintf(stderr, "left: %llu pages (%d)\n", (unsigned long long)audit.owned, error);
	return error || audit.owned || audit.free != FRAMES ? -1 : 0;
}

static uint64_t counted(enum lab_counter counter)
{
	struct lab_stats stats;

	assert_int_equal(lab_stats(lab, &stats), 0);
	return stats.counter[counter];
}

static void test_flags(void **state)
{
	(void)state;
	assert_int_equal(GFP_ATOMIC, __GFP_HIGH | __GFP_KSWAPD_RECLAIM);
	assert_int_equal(GFP_NOWAIT, __GFP_KSWAPD_RECLAIM | __GFP_NOWARN);
	assert_int_equal(GFP_KERNEL, __GFP_RECLAIM | __GFP_IO | __GFP_FS);
	assert_int_equal(GFP_KERNEL_ACCOUNT, GFP_KERNEL | __GFP_ACCOUNT);
	assert_int_equal(GFP_NOFS, __GFP_RECLAIM | __GFP_IO);
	assert_int_equal(GFP_NOIO, __GFP_RECLAIM);
	assert_int_equal(GFP_USER, GFP_KERNEL | __GFP_HARDWALL);
	assert_int_equal(GFP_HIGHUSER, GFP_USER | __GFP_HIGHMEM);
	assert_int_equal(GFP_HIGHUSER_MOVABLE, GFP_HIGHUSER | __GFP_MOVABLE);
	assert_int_equal(GFP_TRANSHUGE & __GFP_RECLAIM, __GFP_DIRECT_RECLAIM);
	assert_int_equal(GFP_TRANSHUGE_LIGHT & __GFP_RECLAIM, 0);
	assert_int_equal(GFP_DMA, __GFP_DMA);
	assert_int_equal(GFP_DMA32, __GFP_DMA32);
	assert_int_equal(__GFP_ATOMIC | __GFP_KSWAPD_RECLAIM, GFP_ATOMIC);
	assert_true(gfpflags_allow_blocking(GFP_KERNEL));
	assert_false(gfpflags_allow_blocking(GFP_ATOMIC));
	assert_false(gfpflags_allow_blocking(GFP_NOWAIT));
}

static void test_sizes(void **state)
{
	static const struct {
		unsigned long size;
		int order;
	} table[] = { { 0, 0 },    { 1, 0 },     { 4096, 0 },    { 4097, 1 },    { 8192, 1 },
		      { 8193, 2 }, { 65536, 4 }, { 2097152, 9 }, { 2097153, 10 } };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_int_equal(get_order(table[i].size), table[i].order);
	assert_int_equal(PAGE_SIZE, 4096);
	assert_true(PAGE_ALIGN(4097UL) == 8192 && (0x1fffUL & PAGE_MASK) == 0x1000);
	assert_int_equal(offset_in_page((void *)0x1234), 0x234);
	assert_int_equal(sizeof(struct page), sizeof(struct lab_page)); /* page + 1 is the next one */
}

static void test_pages(void **state)
{
	struct page *page, *block;
	unsigned int order;

	(void)state;
	assert_int_equal(lab_linux_ready(), 0);
	page = alloc_page(GFP_KERNEL);
	assert_non_null(page);
	memset(page_address(page), 1, PAGE_SIZE);
	__free_page(page);
	for (order = 0; order < NR_PAGE_ORDERS; order++) {
		block = alloc_pages(GFP_ATOMIC | __GFP_COMP | __GFP_ZERO, order);
		assert_non_null(block);
		assert_true((uintptr_t)page_address(block) % (PAGE_SIZE << order) == 0);
		assert_int_equal(((char *)page_address(block))[(PAGE_SIZE << order) - 1], 0);
		__free_pages(block, order);
	}
	assert_null(alloc_pages(GFP_KERNEL, 10));
	assert_null(alloc_pages(GFP_KERNEL, 4294967295u));
}

static void test_addresses(void **state)
{
	unsigned long address = __get_free_page(GFP_KERNEL);
	unsigned int i;

	(void)state;
	assert_true(address != 0);
	memset((void *)address, 0xff, PAGE_SIZE);
	free_page(address);
	for (i = 0; i < FRAMES; i++) { /* it comes back clean, whichever it is */
		unsigned long zeroed = get_zeroed_page(GFP_ATOMIC);

		assert_true(zeroed != 0);
		assert_true(*(unsigned char *)zeroed == 0 && ((unsigned char *)zeroed)[4095] == 0);
		free_page(zeroed);
	}
	address = __get_free_pages(GFP_KERNEL | __GFP_HIGHMEM, 3);
	assert_true(address != 0 && address % (8 * PAGE_SIZE) == 0);
	free_pages(address, 3);
	address = __get_dma_pages(GFP_KERNEL, 0);
	assert_true(address != 0);
	assert_true(page_to_pfn(virt_to_page((void *)address)) < FRAMES / 2); /* the DMA room comes first */
	free_page(address);
}

static void test_nothing_is_freed(void **state)
{
	struct page *page;
	uint64_t range = counted(LAB_COUNT_RANGE), twice = counted(LAB_COUNT_DOUBLE);

	(void)state;
	free_page(0);
	free_pages(0, 4);
	free_pages_exact(NULL, 3 * PAGE_SIZE);
	assert_true(counted(LAB_COUNT_RANGE) == range); /* ignored */
	__free_page(NULL);
	free_page((unsigned long)(uintptr_t)&page & PAGE_MASK);
	assert_true(counted(LAB_COUNT_RANGE) == range + 2); /* refused */
	page = alloc_page(GFP_KERNEL);
	__free_pages(page, 1);
	assert_true(counted(LAB_COUNT_ORDER) == 1);
	__free_page(page);
	__free_page(page);
	assert_true(counted(LAB_COUNT_DOUBLE) == twice + 1);
}

static void test_until_none(void **state)
{
	static struct page *pages[FRAMES];
	unsigned int n;

	(void)state;
	for (n = 0; n < FRAMES && (pages[n] = alloc_page(GFP_ATOMIC)) != NULL;)
		n++;
	assert_int_equal(n, FRAMES);
	assert_null(alloc_page(GFP_ATOMIC));
	assert_null(alloc_page(GFP_KERNEL | __GFP_NOFAIL)); /* said in linux.h: nobody sleeps here */
	assert_true(__get_free_page(GFP_KERNEL) == 0);
	assert_true(get_zeroed_page(GFP_KERNEL) == 0);
	assert_null(alloc_pages_exact(PAGE_SIZE, GFP_KERNEL));
	while (n > 0)
		__free_page(pages[--n]);
}

static void test_nodes(void **state)
{
	struct page *page = alloc_pages_node(NUMA_NO_NODE, GFP_KERNEL, 1);

	(void)state;
	assert_non_null(page);
	__free_pages(page, 1);
	page = alloc_pages_node(0, GFP_KERNEL | __GFP_THISNODE, 0);
	assert_non_null(page);
	__free_page(page);
	assert_null(alloc_pages_node(1, GFP_KERNEL, 0)); /* there is one node */
	assert_null(alloc_pages_node(-2, GFP_KERNEL, 0));
	assert_null(alloc_pages_node(65536, GFP_KERNEL, 0));
	assert_null(alloc_pages_node(0, GFP_KERNEL, 256));
}

static void test_exact_and_split(void **state)
{
	struct lab_audit audit;
	struct page *page;
	char *some;
	int i;

	(void)state;
	some = alloc_pages_exact(5 * PAGE_SIZE - 100, GFP_KERNEL | __GFP_COMP);
	assert_non_null(some);
	memset(some, 1, 5 * PAGE_SIZE);
	assert_int_equal(lab_audit(lab, true, &audit), 0);
	assert_int_equal(audit.owned, 5);
	free_pages_exact(some, 5 * PAGE_SIZE - 100);
	some = alloc_pages_exact(8 * PAGE_SIZE, GFP_KERNEL);
	assert_int_equal(lab_audit(lab, true, &audit), 0);
	assert_int_equal(audit.owned, 8);
	free_pages_exact(some, 8 * PAGE_SIZE);
	assert_null(alloc_pages_exact(0, GFP_KERNEL));
	assert_null(alloc_pages_exact((size_t)3 << 20, GFP_KERNEL));
	page = alloc_pages(GFP_KERNEL, 2);
	split_page(page, 2);
	for (i = 3; i >= 0; i--) {
		assert_ptr_equal((char *)page_address(page) + i * 4096, page_address(page + i));
		__free_page(page + i);
	}
}

static void test_bulk(void **state)
{
	struct page *array[100] = { NULL }, *held = alloc_page(GFP_KERNEL), *kept = alloc_page(GFP_KERNEL);
	static struct page *rest[FRAMES];
	unsigned long n, i, j;

	(void)state;
	array[0] = held;
	array[40] = kept;
	assert_int_equal(alloc_pages_bulk_array(GFP_ATOMIC, 100, array), 100);
	assert_ptr_equal(array[0], held);
	assert_ptr_equal(array[40], kept);
	for (i = 0; i < 100; i++)
		for (j = 0; j < i; j++)
			assert_true(array[i] != NULL && array[i] != array[j]);
	assert_int_equal(alloc_pages_bulk(GFP_ATOMIC, 100, array), 100); /* nothing to fill */
	assert_int_equal(alloc_pages_bulk_array(GFP_ATOMIC, 0, array), 0);
	for (n = 0; n < FRAMES && (rest[n] = alloc_page(GFP_ATOMIC)) != NULL;)
		n++;
	assert_int_equal(n, FRAMES - 100);
	for (i = 10; i < 30; i++) {
		__free_page(array[i]);
		array[i] = NULL;
	}
	__free_page(array[50]);
	array[50] = NULL;
	rest[n++] = alloc_page(GFP_ATOMIC); /* 20 pages for 21 slots */
	assert_int_equal(alloc_pages_bulk_array(GFP_ATOMIC, 100, array), 50);
	assert_null(array[50]);
	assert_non_null(array[99]);
	for (i = 0; i < 100; i++)
		if (array[i])
			__free_page(array[i]);
	while (n > 0)
		__free_page(rest[--n]);
}

static void test_conversions(void **state)
{
	struct page *page = alloc_page(GFP_KERNEL);
	char *address = page_address(page);

	(void)state;
	assert_ptr_equal(page_to_virt(page), address);
	assert_ptr_equal(virt_to_page(address), page);
	assert_ptr_equal(virt_to_page(address + 4095), page);
	assert_ptr_equal(pfn_to_page(page_to_pfn(page)), page);
	assert_true(pfn_valid(page_to_pfn(page)) && virt_addr_valid(address));
	assert_false(pfn_valid(FRAMES));
	assert_false(virt_addr_valid(&page));
	assert_null(pfn_to_page(FRAMES));
	assert_null(virt_to_page(&page));
	assert_null(page_address(NULL));
	assert_true(page_to_pfn(NULL) == ~0UL);
	assert_true(page_to_phys(page) == PHYS_ADDR_MAX); /* of this process: not known */
	__free_page(page);
	lab_set_default(known);
	page = alloc_page(GFP_KERNEL);
	assert_non_null(page);
	assert_true(page_to_phys(page) == (uintptr_t)page_address(page));
	assert_true(page_to_pfn(page) == (uintptr_t)page_address(page) >> PAGE_SHIFT);
	__free_page(page);
	lab_set_default(lab);
}

/* Pages of 16 KiB: nothing may work, and it can be told why. */
static void test_other_page_size(void **state)
{
	struct lab_user_room room = { .name = "all", .zone = LAB_ZONE_NORMAL, .size = 1 << 20 };
	struct lab_user_spec spec = {
		.birth = LAB_LAZY, .page_size = 16384, .rooms = &room, .room_count = 1
	};
	struct labyrinth *large;
	struct page *page;

	(void)state;
	assert_int_equal(lab_user_open(&spec, &large, NULL), 0);
	lab_set_default(large);
	assert_int_equal(lab_linux_ready(), -LAB_EINVAL);
	assert_null(alloc_page(GFP_KERNEL));
	assert_null(alloc_pages_node(0, GFP_KERNEL, 0));
	assert_true(__get_free_page(GFP_KERNEL) == 0);
	assert_null(alloc_pages_exact(100, GFP_KERNEL));
	assert_null(pfn_to_page(0));
	page = NULL;
	assert_int_equal(alloc_pages_bulk_array(GFP_KERNEL, 1, &page), 0);
	lab_set_default(lab);
	assert_int_equal(lab_linux_ready(), 0);
	page = alloc_page(GFP_KERNEL);
	assert_non_null(page);
	__free_page(page);
	lab_user_close(large);
}

static void test_child(void **state)
{
	pid_t child = fork();
	int status = -1;

	(void)state;
	if (child == 0)
		_exit(lab_linux_ready() == -LAB_ECHILD && !alloc_page(GFP_KERNEL) &&
				      !__get_free_page(GFP_KERNEL)
			      ? 0
			      : 1);
	assert_true(child > 0 && waitpid(child, &status, 0) == child);
	assert_int_equal(status, 0);
}

/* Nobody set one: the home makes one. */
static void test_by_itself(void **state)
{
	struct page *page;

	(void)state;
	lab_set_default(NULL);
	page = alloc_page(GFP_KERNEL);
	assert_non_null(page);
	memset(page_address(page), 1, PAGE_SIZE);
	assert_null(alloc_page(GFP_KERNEL | GFP_DMA)); /* it has no such room */
	__free_page(page);
	lab_set_default(lab);
}

static void test_errors_in_pointers(void **state)
{
	void *error = ERR_PTR(-12);

	(void)state;
	assert_true(IS_ERR(error) && IS_ERR_OR_NULL(error) && IS_ERR_OR_NULL(NULL));
	assert_false(IS_ERR(NULL) || IS_ERR(&error) || IS_ERR_OR_NULL(&error));
	assert_int_equal(PTR_ERR(error), -12);
	assert_int_equal(PTR_ERR_OR_ZERO(error), -12);
	assert_int_equal(PTR_ERR_OR_ZERO(&error), 0);
	assert_ptr_equal(ERR_CAST(error), error);
}

#define WITH_DEFAULT(test) cmocka_unit_test_setup_teardown(test, open_default, close_default)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_errors_in_pointers),
		WITH_DEFAULT(test_pages),
		WITH_DEFAULT(test_addresses),
		WITH_DEFAULT(test_nothing_is_freed),
		WITH_DEFAULT(test_until_none),
		WITH_DEFAULT(test_nodes),
		WITH_DEFAULT(test_exact_and_split),
		WITH_DEFAULT(test_bulk),
		WITH_DEFAULT(test_conversions),
		WITH_DEFAULT(test_other_page_size),
		WITH_DEFAULT(test_child),
		WITH_DEFAULT(test_by_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
