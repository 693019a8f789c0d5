/* SPDX-License-Identifier: MIT */
/*
 * bench_refuse.c - refuse_64m and refuse_1t: what it costs to be told "there is none".
 *
 * Runs in workers only.  The labyrinth has no memory behind it (frames are numbers), so that 1 TiB can
 * be measured anywhere; what it holds is metadata, touched as far as the filling touches it.
 */
#include "bench_call.h"

#define REFUSALS 1000000u

/* All of it, by the largest blocks first; true once an order-0 request has been answered -ENOMEM. */
static bool fill(struct labyrinth *lab, struct bench_figures *figures)
{
	struct lab_page *page;

	do
		page = lab_alloc_pages(lab, LAB_GFP_KERNEL, LAB_ORDER_MAX);
	while (!lab_is_err(page));
	do
		page = lab_alloc_pages(lab, LAB_GFP_KERNEL, 0);
	while (!lab_is_err(page));
	if (lab_ptr_err(page) == -LAB_ENOMEM)
		return true;
	bench_fail(figures, "a full labyrinth answered %d instead of %d (-ENOMEM)", lab_ptr_err(page),
		   -LAB_ENOMEM);
	return false;
}

/* Nanoseconds a refusal, or -1: one was answered otherwise. */
static double refuse(struct labyrinth *lab, uint64_t count)
{
	double start = bench_cpu_ns();

	for (uint64_t i = 0; i < count; i++) {
		struct lab_page *page = bench_lab_alloc_pages(lab, LAB_GFP_KERNEL, 0);

		if (lab_ptr_err(page) != -LAB_ENOMEM)
			return -1;
	}
	return (bench_cpu_ns() - start) / (double)count;
}

static void refuse_in(uint64_t bytes, const struct bench_job *job, struct bench_figures *figures)
{
	const struct bench_land land = {
		.bytes = bytes,
		.kind = LAB_ROOM_METADATA,
		.birth = LAB_LAZY,
	};
	struct bench_subject subject;
	double ns;

	if (!bench_subject_open(job, &land, &subject, figures))
		return;
	if (fill(subject.lab, figures)) {
		ns = refuse(subject.lab, REFUSALS / 4);
		if (ns >= 0)
			ns = refuse(subject.lab, REFUSALS);
		if (ns < 0)
			bench_fail(figures, "a full labyrinth did not answer -ENOMEM each time");
		else
			bench_figure_add(figures, "exact", ns);
	}
	bench_subject_close(&subject, figures);
}

void bench_refuse_64m(const struct bench_job *job, struct bench_figures *figures)
{
	refuse_in(64 * BENCH_MIB, job, figures);
}

void bench_refuse_1t(const struct bench_job *job, struct bench_figures *figures)
{
	refuse_in(1024 * BENCH_GIB, job, figures);
}
