/* SPDX-License-Identifier: MIT */
/*
 * gfp_names.h - allocation flags as kernels print them in traces, turned into lab_gfp_t.
 */
#ifndef TOOLS_GFP_NAMES_H
#define TOOLS_GFP_NAMES_H

#include <stddef.h>
#include <stdint.h>
#include <labyrinth.h>

/*
 * The flags of "GFP_KERNEL|__GFP_ZERO", "0xcc0", "none", ... (`length` bytes, no NUL needed).  `unknown`
 * is raised by one for each name, or number with bits, that no kernel known here prints; the rest counts.
 */
lab_gfp_t gfp_parse(const char *text, size_t length, unsigned int *unknown);

/* What a number means that was printed without names, as kernels before 4.6 did. */
lab_gfp_t gfp_old_number(uint64_t number);

#endif
