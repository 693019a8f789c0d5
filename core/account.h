/* SPDX-License-Identifier: MIT */
/*
 * account.h - clients' contracts and charges held against the tags.  Audits only.
 */
#ifndef LAB_ACCOUNT_H
#define LAB_ACCOUNT_H

#include "atomic.h"
#include "layout.h"

/* With nobody in a call: are contracts whole, and charges what the tags say? */
bool accounts_hold(const struct labyrinth *lab);

#endif
