/* SPDX-License-Identifier: MIT */
/*
 * map_svg.h - a labyrinth drawn: its rooms, their pools, and every huge page, whole or broken.
 *
 * From the public API alone (lab_stats, lab_room_stats, lab_leaf_free); the labyrinth may be in use, each
 * figure is then a moment's.  Rooms of any size: from some thousands of leaves on, several share a cell,
 * so that the picture stays well below 2 MB.
 */
#ifndef TOOLS_MAP_SVG_H
#define TOOLS_MAP_SVG_H

#include <stdbool.h>
#include <stdio.h>
#include <labyrinth.h>

/* False: the file could not be written, or memory ran out. */
bool map_svg(FILE *file, const struct labyrinth *lab, const char *title, const char *subtitle);

#endif
