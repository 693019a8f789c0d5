/* SPDX-License-Identifier: MIT */
/*
 * static_pool.c - labyrinths made at compile time: no heap, no set-up call, ready before main().
 *
 * `packets` has 4 MiB for all.  `alarms` keeps a reserve: ordinary callers get its pages down to `min`,
 * the urgent (LAB_GFP_ATOMIC) go on where the others are refused.
 *
 *     cc static_pool.c -o static_pool $(pkg-config --cflags --libs labyrinth)
 */
#include <stdio.h>

#include <labyrinth.h>

LAB_DEFINE(packets, 4 << 20);
static LAB_DEFINE_SLOTS(alarms, 64 << 10, 12, .min = 8, .low = 10, .high = 12);

static void *early;

__attribute__((constructor)) static void before_main(void)
{
	early = lab_alloc(packets, LAB_GFP_KERNEL, 0);
}

/* How many pages callers with these flags get. */
static unsigned int drain(struct labyrinth *lab, lab_gfp_t gfp, void **pages, unsigned int most)
{
	unsigned int n = 0;

	while (n < most && (pages[n] = lab_alloc(lab, gfp, 0)) != NULL)
		n++;
	return n;
}

static int give_back(struct labyrinth *lab, void **pages, unsigned int n)
{
	while (n > 0)
		if (lab_free(lab, pages[--n], 0))
			return -1;
	return 0;
}

int main(void)
{
	struct lab_stats stats;
	void *pages[16], *block;
	unsigned int ordinary, urgent, last;

	if (!early || lab_free(packets, early, 0) || lab_stats(packets, &stats))
		return 1;
	printf("packets: 4 MiB and %zu bytes of metadata (%zu set aside), used before main()\n",
	       stats.metadata_bytes, LAB_METADATA_MAX((4 << 20) / 4096));
	block = lab_alloc(packets, LAB_GFP_KERNEL, 9);
	printf("a block of 2 MiB at %p\n", block);
	if (!block || lab_free(packets, block, 9))
		return 1;
	ordinary = drain(alarms, LAB_GFP_KERNEL, pages, 16);
	urgent = drain(alarms, LAB_GFP_ATOMIC, pages + ordinary, 16 - ordinary);
	last = drain(alarms, LAB_MEMALLOC, pages + ordinary + urgent, 16 - ordinary - urgent);
	printf("alarms: of 16 pages %u for ordinary callers, %u more for urgent ones, %u for the last "
	       "resort\n",
	       ordinary, urgent, last);
	if (give_back(alarms, pages, ordinary + urgent + last))
		return 1;
	return ordinary == 8 && urgent == 5 && last == 3 ? 0 : 1;
}
