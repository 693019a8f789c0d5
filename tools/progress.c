/* SPDX-License-Identifier: MIT */
/*
 * progress.c - see progress.h.
 */
#define _POSIX_C_SOURCE 200809L
#include "progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BAR_WIDTH 40

void progress_begin(struct progress *progress, enum progress_wish wish, const char *name)
{
	*progress = (struct progress){ .terminal = isatty(STDERR_FILENO), .name = name, .shown = -1 };
	progress->on = wish == PROGRESS_YES || (wish == PROGRESS_AUTO && progress->terminal);
}

static void show_bar(struct progress *progress, int percent)
{
	char bar[BAR_WIDTH + 1];
	int full = percent * BAR_WIDTH / 100;

	memset(bar, '.', BAR_WIDTH);
	memset(bar, '#', (size_t)full);
	bar[BAR_WIDTH] = '\0';
	fprintf(stderr, "\r%-28.28s [%s] %3d %%\033[K", progress->name, bar, percent);
	fflush(stderr);
	progress->drawn = true;
}

void progress_show(struct progress *progress, double part)
{
	int percent = part <= 0 ? 0 : part >= 1 ? 100 : (int)(part * 100);

	if (!progress->on)
		return;
	if (!progress->terminal)
		percent = percent / 50 * 50; /* 50 and 100 */
	if (percent <= progress->shown || (!progress->terminal && !percent))
		return;
	progress->shown = percent;
	if (progress->terminal)
		show_bar(progress, percent);
	else
		fprintf(stderr, "%s: %d %%\n", progress->name, percent);
}

void progress_clear(struct progress *progress)
{
	if (progress->drawn)
		fputs("\r\033[K", stderr);
	progress->drawn = false;
}
