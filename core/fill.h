/* SPDX-License-Identifier: MIT */
/*
 * fill.h - overwriting a page, and the digest of what stands in it: which kernel does it here.
 *
 * A fill kernel (fill_kernel.h) overwrites with a keystream or with zeros, and returns the digest of what it wrote.
 */
#ifndef LAB_FILL_H
#define LAB_FILL_H

#include "fill_kernel.h"

/* The best kernel of this machine; chosen once, at the first call (from then on the same).  Never NULL: chacha20 is everywhere. */
const struct lab_fill *fill_best(void);

/* All that this build has and this machine can run, the best first; NULL behind the last. */
const struct lab_fill *fill_nth(unsigned int n);

/* The same on a machine that can run these of x86-64's (fill_x86_usable()). */
const struct lab_fill *fill_nth_of(unsigned int usable, unsigned int n);

#endif
