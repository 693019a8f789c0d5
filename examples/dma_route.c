/* SPDX-License-Identifier: MIT */
/*
 * dma_route.c - two rooms, DMA and NORMAL: which way a request would take, and which way it took.
 *
 *     cc dma_route.c -o dma_route $(pkg-config --cflags --libs labyrinth)
 */
#include <stdio.h>

#include <labyrinth.h>
#include <labyrinth/user.h>

#define STEPS 16u

static const char *const room_name[] = { "DMA", "NORMAL" };
static const char *const right_name[LAB_RIGHTS] = { "down to low", "down to min", "half of min",
						    "62.5 % of min", "everything" };

static int show(const struct labyrinth *lab, const char *what, const struct lab_request *request)
{
	struct lab_step step[STEPS];
	int n = lab_route_show(lab, request, step, STEPS), i;

	if (n < 0) {
		printf("%s: no way (%d)\n", what, n);
		return n;
	}
	printf("%s would try\n", what);
	for (i = 0; i < n && i < (int)STEPS; i++)
		printf("  %d. %-6s %s\n", i + 1, room_name[step[i].room], right_name[step[i].right]);
	return n;
}

/* Take one page; the room it came from, or -1. */
static int take(struct labyrinth *lab, const struct lab_request *request)
{
	struct lab_answer answer;
	struct lab_page *page = lab_alloc_request(lab, request, &answer);

	return lab_is_err(page) ? -1 : answer.room;
}

/* Ordinary requests until there is none; how many came from which room. */
static void drain(struct labyrinth *lab, unsigned int *from)
{
	const struct lab_request request = LAB_REQUEST(LAB_GFP_KERNEL, 0);
	struct lab_answer answer;
	int room;

	while ((room = take(lab, &request)) >= 0)
		from[room]++;
	/* Why it ended, said by the answer to one more. */
	if (lab_is_err(lab_alloc_request(lab, &request, &answer)))
		printf("then refused, after %u look%s\n", answer.rounds, answer.rounds == 1 ? "" : "s");
}

static void explain(struct labyrinth *lab, const char *what, const struct lab_request *request)
{
	struct lab_answer answer;
	struct lab_page *page = lab_alloc_request(lab, request, &answer);

	if (lab_is_err(page)) {
		printf("%s: none (%d)\n", what, lab_ptr_err(page));
		return;
	}
	printf("%s: frame %llu from %s, %s, %s\n", what, (unsigned long long)lab_page_frame(lab, page),
	       room_name[answer.room], right_name[answer.right],
	       answer.band < 0 ? "out of the commons" : "out of a pool that others may not touch");
	lab_free_pages(lab, page, 0);
}

int main(void)
{
	struct lab_user_room rooms[] = {
		{ .name = "DMA", .zone = LAB_ZONE_DMA, .size = 4 << 20, .min = 32 },
		{ .name = "NORMAL", .zone = LAB_ZONE_NORMAL, .size = 12 << 20, .min = 96 },
	};
	struct lab_user_spec spec = { .birth = LAB_LAZY, .rooms = rooms, .room_count = 2 };
	const struct lab_request kernel = LAB_REQUEST(LAB_GFP_KERNEL, 0),
				 atomic = LAB_REQUEST(LAB_GFP_ATOMIC, 0),
				 device = LAB_REQUEST(LAB_GFP_ATOMIC | LAB_DMA, 0);
	unsigned int from[2] = { 0, 0 };
	char error[LAB_ERROR_TEXT];
	struct labyrinth *lab;

	if (lab_user_open(&spec, &lab, error)) {
		fprintf(stderr, "%s\n", error);
		return 1;
	}
	if (show(lab, "GFP_KERNEL", &kernel) < 1 || show(lab, "GFP_ATOMIC", &atomic) < 1 ||
	    show(lab, "GFP_ATOMIC | GFP_DMA", &device) < 1)
		return 1;
	explain(lab, "GFP_KERNEL, all free", &kernel);
	explain(lab, "GFP_ATOMIC | GFP_DMA, all free", &device);
	drain(lab, from);
	printf("GFP_KERNEL had %u pages from NORMAL and %u from DMA; min keeps %u and %u\n", from[1], from[0],
	       96, 32);
	explain(lab, "GFP_KERNEL now", &kernel);
	explain(lab, "GFP_ATOMIC now", &atomic);
	explain(lab, "GFP_ATOMIC | GFP_DMA now", &device);
	lab_user_close(lab);
	return from[1] == 3072 - 96 && from[0] == 1024 - 32 ? 0 : 1;
}
