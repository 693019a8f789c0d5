/* SPDX-License-Identifier: MIT */
/*
 * kernel_style.c - a network driver's receive ring, written as for Linux, in user space.
 *
 * Everything down to the line below is a driver's code: it knows alloc_page(), GFP_ATOMIC, page_address()
 * and their like, and nothing of Labyrinth but one include.  Below it stand a "device" and main().
 *
 *     cc kernel_style.c -o kernel_style $(pkg-config --cflags --libs labyrinth)
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <labyrinth/linux.h>

#define RX_RING_SIZE 256
#define RX_REFILL_BATCH 16
#define RX_HEADROOM 64

struct rx_buffer {
	struct page *page;
	unsigned int offset;
};

struct rx_ring {
	struct rx_buffer buffer[RX_RING_SIZE];
	unsigned int next_to_use, next_to_clean;
	unsigned long alloc_failed, packets, bytes;
};

static unsigned int rx_unused(const struct rx_ring *ring)
{
	return (ring->next_to_clean + RX_RING_SIZE - ring->next_to_use - 1) % RX_RING_SIZE;
}

/* In the interrupt: new pages for the descriptors that have been cleaned.  0, or -ENOMEM. */
static int rx_refill(struct rx_ring *ring, unsigned int count, gfp_t gfp)
{
	while (count--) {
		struct rx_buffer *buffer = &ring->buffer[ring->next_to_use];

		buffer->page = alloc_page(gfp | __GFP_NOWARN);
		if (unlikely(!buffer->page)) {
			ring->alloc_failed++;
			return -ENOMEM;
		}
		buffer->offset = RX_HEADROOM;
		ring->next_to_use = (ring->next_to_use + 1) % RX_RING_SIZE;
	}
	return 0;
}

static int rx_poll(struct rx_ring *ring, unsigned int budget, const unsigned int *lengths)
{
	unsigned int done = 0;

	while (done < budget && ring->next_to_clean != ring->next_to_use) {
		struct rx_buffer *buffer = &ring->buffer[ring->next_to_clean];

		ring->packets++;
		ring->bytes += lengths[done++];
		__free_page(buffer->page); /* the stack is done with it */
		buffer->page = NULL;
		ring->next_to_clean = (ring->next_to_clean + 1) % RX_RING_SIZE;
		if (rx_unused(ring) >= RX_REFILL_BATCH)
			rx_refill(ring, RX_REFILL_BATCH, GFP_ATOMIC);
	}
	return (int)done;
}

static void rx_free(struct rx_ring *ring)
{
	while (ring->next_to_clean != ring->next_to_use) {
		__free_page(ring->buffer[ring->next_to_clean].page);
		ring->next_to_clean = (ring->next_to_clean + 1) % RX_RING_SIZE;
	}
}

/* Descriptors, in pages of their own: a block, zeroed. */
static void *rx_descriptors(size_t bytes)
{
	unsigned long block =
		__get_free_pages(GFP_KERNEL | __GFP_ZERO | __GFP_COMP, (unsigned int)get_order(bytes));

	return block ? (void *)block : ERR_PTR(-ENOMEM);
}

/* ---------------------------------------------------------------- no driver's code from here on */

/* The device: as many packets as there are buffers for; their lengths in `lengths`. */
static unsigned int device_receives(const struct rx_ring *ring, unsigned int *lengths)
{
	unsigned int at = ring->next_to_clean, n = 0;

	for (; at != ring->next_to_use && n < 64; at = (at + 1) % RX_RING_SIZE, n++) {
		const struct rx_buffer *buffer = &ring->buffer[at];

		lengths[n] = 60 + (n * 97) % 1440;
		memset((char *)page_address(buffer->page) + buffer->offset, (int)n, lengths[n]);
	}
	return n;
}

int main(void)
{
	static struct rx_ring ring;
	unsigned int lengths[64], i;
	struct page *pages[8] = { NULL };
	void *descriptors;

	if (lab_linux_ready()) {
		fprintf(stderr, "no default labyrinth with pages of 4 KiB\n");
		return 1;
	}
	descriptors = rx_descriptors(RX_RING_SIZE * 16);
	if (IS_ERR(descriptors) || rx_refill(&ring, RX_RING_SIZE - 1, GFP_KERNEL))
		return 1;
	for (i = 0; i < 10000; i++)
		rx_poll(&ring, device_receives(&ring, lengths), lengths);
	printf("%lu packets, %lu bytes received into fresh pages, %lu allocations failed\n", ring.packets,
	       ring.bytes, ring.alloc_failed);
	printf("the next buffer: pfn %lu at %p\n", page_to_pfn(ring.buffer[ring.next_to_clean].page),
	       page_address(ring.buffer[ring.next_to_clean].page));
	rx_free(&ring);
	free_pages((unsigned long)descriptors, (unsigned int)get_order(RX_RING_SIZE * 16));
	printf("%lu pages in bulk\n", alloc_pages_bulk_array(GFP_KERNEL, 8, pages));
	for (i = 0; i < 8; i++)
		__free_page(pages[i]);
	return ring.alloc_failed ? 1 : 0;
}
