/* SPDX-License-Identifier: MIT */
/*
 * progress.h - how far a long command is: a bar on a terminal, a few plain lines elsewhere.
 */
#ifndef TOOLS_PROGRESS_H
#define TOOLS_PROGRESS_H

#include <stdbool.h>

enum progress_wish {
	PROGRESS_AUTO, /* only where standard error is a terminal */
	PROGRESS_YES,
	PROGRESS_NO,
};

struct progress {
	bool on, terminal, drawn;
	const char *name; /* of what is being done */
	int shown; /* percent, or quarter */
};

void progress_begin(struct progress *progress, enum progress_wish wish, const char *name);
void progress_show(struct progress *progress, double part);
/* Clear the bar: something else is to be printed, or all is done. */
void progress_clear(struct progress *progress);

#endif
