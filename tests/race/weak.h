/* SPDX-License-Identifier: MIT */
/*
 * weak.h - what a fiber may read where memory is weaker than one after the other.
 *
 * Each location keeps the values that were written to it, in order, and each fiber a *view*: how old a value it may
 * still read there.  A load may return any value that its view allows; what it acquires joins its view.  A
 * sequentially consistent load reads nothing older than the last sequentially consistent write of that location.
 * So loads come early and stores late, as far as C11 lets them (but writes of one location keep the order in which
 * they were made, and no load sees a write that is yet to come: both are weaker than any machine we know of does
 * with the core's operations).
 */
#ifndef WEAK_H
#define WEAK_H

#include <string.h>

#include "fibers.h"

#define WEAK_LOCATIONS 1024u
#define WEAK_VALUES 48u
#define WEAK_VIEWS 4096u

typedef uint16_t weak_view[WEAK_LOCATIONS]; /* the oldest value, by number, that may be read */

static struct {
	bool on;
	struct {
		const volatile void *at;
		uint64_t epoch;
		unsigned int last;	/* number of the last value */
		unsigned int sequential; /* that of the last sequentially consistent write */
		struct {
			uint64_t value;
			int view; /* what reading it acquires; -1: nothing */
		} written[WEAK_VALUES];
	} location[WEAK_LOCATIONS];
	unsigned int locations;
	uint64_t epoch;
	weak_view of[FIBERS_MAX];
	weak_view released[WEAK_VIEWS];
	unsigned int views;
	/* How old a value to return from a load that has `options`; 0: the latest. */
	unsigned int (*choose)(unsigned int options);
} weak;

static void weak_begin(void)
{
	weak.epoch++;
	weak.locations = weak.views = 0;
	memset(weak.of, 0, sizeof(weak.of));
}

static bool weak_here(void)
{
	return weak.on && fibers.running >= 0;
}

static unsigned int weak_find(const volatile void *at, uint64_t value)
{
	static uint16_t place[4096]; /* + 1; where a location's number is */
	static uint64_t stamp[4096];
	unsigned int i = (unsigned int)((uintptr_t)at * 0x9e3779b97f4a7c15u >> 52), n;

	for (; stamp[i] == weak.epoch; i = (i + 1) % 4096)
		if (weak.location[place[i]].at == at)
			return place[i];
	if (weak.locations == WEAK_LOCATIONS) {
		fibers.wrong = "weak.h: more locations than it has room for";
		return 0;
	}
	n = weak.locations++;
	stamp[i] = weak.epoch;
	place[i] = (uint16_t)n;
	weak.location[n].at = at;
	weak.location[n].last = weak.location[n].sequential = 0;
	weak.location[n].written[0].value = value;
	weak.location[n].written[0].view = -1;
	return n;
}

static void weak_join(int released)
{
	uint16_t *mine = weak.of[fibers.running];
	unsigned int i;

	for (i = 0; released >= 0 && i < weak.locations; i++)
		if (weak.released[released][i] > mine[i])
			mine[i] = weak.released[released][i];
}

static int weak_publish(void)
{
	if (weak.views == WEAK_VIEWS) {
		fibers.wrong = "weak.h: more views than it has room for";
		return -1;
	}
	memset(weak.released[weak.views], 0, sizeof(weak_view));
	memcpy(weak.released[weak.views], weak.of[fibers.running], weak.locations * sizeof(uint16_t));
	return (int)weak.views++;
}

static unsigned int weak_oldest(unsigned int n)
{
	unsigned int oldest = weak.of[fibers.running][n], last = weak.location[n].last;

	return last - oldest >= WEAK_VALUES ? last - WEAK_VALUES + 1 : oldest;
}

static uint64_t weak_read(unsigned int n, unsigned int number, enum order order)
{
	weak.of[fibers.running][n] = (uint16_t)number;
	if (order != ORDER_RELAXED && order != ORDER_RELEASE)
		weak_join(weak.location[n].written[number % WEAK_VALUES].view);
	return weak.location[n].written[number % WEAK_VALUES].value;
}

uint64_t weak_load(const volatile void *at, uint64_t latest, enum order order)
{
	unsigned int n, oldest, last;

	if (!weak_here())
		return latest;
	n = weak_find(at, latest);
	oldest = weak_oldest(n);
	last = weak.location[n].last;
	if (order == ORDER_SEQ && weak.location[n].sequential > oldest)
		oldest = weak.location[n].sequential;
	return weak_read(n, last - (last > oldest ? weak.choose(last - oldest + 1) : 0), order);
}

void weak_latest(const volatile void *at, uint64_t latest)
{
	if (weak_here()) {
		unsigned int n = weak_find(at, latest);

		weak_read(n, weak.location[n].last, ORDER_ACQUIRE);
	}
}

static void weak_write(unsigned int n, uint64_t value, int view, enum order order)
{
	unsigned int number = ++weak.location[n].last;

	weak.location[n].written[number % WEAK_VALUES].value = value;
	weak.location[n].written[number % WEAK_VALUES].view = view;
	if (order == ORDER_SEQ)
		weak.location[n].sequential = number;
}

static bool weak_releases(enum order order)
{
	return order == ORDER_RELEASE || order == ORDER_ACQ_REL || order == ORDER_SEQ;
}

void weak_store(const volatile void *at, uint64_t before, uint64_t value, enum order order)
{
	unsigned int n;

	if (!weak_here())
		return;
	n = weak_find(at, before);
	weak.of[fibers.running][n] = (uint16_t)(weak.location[n].last + 1);
	weak_write(n, value, weak_releases(order) ? weak_publish() : -1, order);
}

void weak_change(const volatile void *at, uint64_t before, uint64_t value, enum order order)
{
	unsigned int n, last;
	int view;

	if (!weak_here())
		return;
	n = weak_find(at, before);
	last = weak.location[n].last;
	view = weak.location[n].written[last % WEAK_VALUES].view; /* a release sequence goes on through it */
	weak_read(n, last, order);
	weak.of[fibers.running][n] = (uint16_t)(last + 1);
	if (weak_releases(order)) {
		int mine = weak_publish();
		unsigned int i;

		for (i = 0; mine >= 0 && view >= 0 && i < weak.locations; i++)
			if (weak.released[view][i] > weak.released[mine][i])
				weak.released[mine][i] = weak.released[view][i];
		view = mine;
	}
	weak_write(n, value, view, order);
}

bool weak_fails(const volatile void *at, uint64_t latest, uint64_t expected, uint64_t *seen)
{
	unsigned int n, oldest, last, number;

	if (!weak_here())
		return false;
	n = weak_find(at, latest);
	oldest = weak_oldest(n);
	last = weak.location[n].last;
	if (last == oldest)
		return false;
	number = last - weak.choose(last - oldest + 1);
	if (number == last || weak.location[n].written[number % WEAK_VALUES].value == expected)
		return false;
	*seen = weak_read(n, number, ORDER_ACQUIRE);
	return true;
}

#endif
