/* SPDX-License-Identifier: MIT */
/*
 * witness.h - pages that were written to while they were free: remembered.
 */
#ifndef LAB_WITNESS_H
#define LAB_WITNESS_H

#include "layout.h"

void witness_intrusion(struct lab_strongroom *vault, const struct lab_intrusion *intrusion);

#endif
