/* SPDX-License-Identifier: MIT */
/*
 * map_svg.c - see map_svg.h.
 *
 *     title, figures, a bar of all huge pages, legend
 *     a card a room:   | address | leaves, a cell each, row by row | free memory by block size |
 *                      |         |                                 | pools and their fill      |
 *
 * Cells of one colour are one path, so a cell costs some 16 bytes.
 */
#define _GNU_SOURCE
#include "map_svg.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH 1200
#define MARGIN 36
#define PAD 22
#define GUTTER 62 /* addresses, left of the cells */
#define PANEL 264 /* block sizes and pools, right of them */
#define GRID (WIDTH - 2 * MARGIN - 2 * PAD - GUTTER - PANEL - 24)
#define HEAD 172 /* title to legend */
#define CARD_HEAD 56 /* a room's name and figures */
#define CELLS_MAX 8192u
#define CELLS_HEIGHT 820u /* all rooms' cells together, about */
#define ORDERS (LAB_ORDER_MAX + 1)
#define POOL_STEP 15
#define LEAF 512u

/* Shades: wholly free, eight of broken by use, full, kept by pools. */
#define SHADES 11u
#define SHADE_WHOLE 0u
#define SHADE_FULL 9u
#define SHADE_KEPT 10u
static const char *const shades[SHADES] = { "#2f9e8f", "#fbe3a4", "#f9d07e", "#f6b95b", "#f09f43", "#e68436",
					    "#d8672e", "#c24b2a", "#a23628", "#33415c", "#7c8bea" };

/* With more leaves in use than this, frames that pools keep are not told from those in use. */
#define SEARCHED_MAX ((uint64_t)1 << 17)

/* What a leaf, or each of a cell's leaves, is. */
enum part {
	PART_WHOLE,
	PART_BROKEN,
	PART_FULL,
	PART_KEPT, /* not in use, but kept by pools */
	PARTS,
};
static const unsigned int part_shade[PARTS] = { SHADE_WHOLE, 4, SHADE_FULL, SHADE_KEPT };

struct map_room {
	struct lab_room_stats stats;
	uint64_t leaves, cells;
	uint64_t part[PARTS]; /* leaves */
	bool pools_below; /* its pools are shown below its cells, not at their right */
	unsigned int height; /* of its card */
	uint64_t grid_height;
};

struct map {
	const struct labyrinth *lab;
	FILE *file;
	unsigned int rooms, page_shift;
	uint64_t per_cell; /* leaves a cell */
	unsigned int edge, columns;
	struct map_room room[LAB_ROOMS_MAX];
	uint64_t leaves, part[PARTS], frames, free;
};

/* ---------------------------------------------------------------- words */

static void put_escaped(FILE *file, const char *text)
{
	for (; *text; text++) {
		if (*text == '<' || *text == '>' || *text == '&' || *text == '"')
			fprintf(file, "&#%d;", *text);
		else if ((unsigned char)*text >= 0x20 && (unsigned char)*text < 0x7f)
			fputc(*text, file);
		else
			fputc('?', file);
	}
}

/* A text at (x, y) of a class: t title, s small, m muted small, b bold; anchored at its end for "e". */
static void put_text(const struct map *map, const char *class, const int at[2], const char *text)
{
	fprintf(map->file, "<text class=\"%s\" x=\"%d\" y=\"%d\">", class, at[0], at[1]);
	put_escaped(map->file, text);
	fputs("</text>\n", map->file);
}

static void put_rect(const struct map *map, const char *fill, const double box[4], const char *more)
{
	fprintf(map->file, "<rect x=\"%.4g\" y=\"%.4g\" width=\"%.4g\" height=\"%.4g\" fill=\"%s\"%s/>\n",
		box[0], box[1], box[2], box[3], fill, more);
}

/* Frames as bytes; three digits are enough: "11.9 GiB". */
static void frames_text(const struct map *map, uint64_t frames, char *text, size_t size)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
	double value = (double)(frames << map->page_shift);
	unsigned int unit;

	for (unit = 0; value >= 1024 && unit < 5; unit++)
		value /= 1024;
	snprintf(text, size, value < 999.5 ? "%.3g %s" : "%.0f %s", value, units[unit]);
}

/* ---------------------------------------------------------------- what there is */

struct leaf {
	enum part part;
	unsigned int used, frames;
};

static bool is_kept(const struct map *map, uint64_t frame)
{
	struct lab_page_info info;

	return !lab_page_info(map->lab, lab_frame_page(map->lab, frame), &info) && info.state == LAB_POOLED;
}

static struct leaf look_leaf(const struct map *map, unsigned int number, uint64_t index)
{
	const struct lab_room_stats *stats = &map->room[number].stats;
	uint64_t left = stats->frames - index * LEAF;
	struct leaf leaf = { PART_BROKEN, 0, left < LEAF ? (unsigned int)left : LEAF };
	int free_frames = lab_leaf_free(map->lab, number, index);
	unsigned int i, unused = free_frames > 0 ? (unsigned int)free_frames : 0;
	bool search = stats->free_pooled && map->room[number].leaves - stats->leaves_whole <= SEARCHED_MAX;

	if (unused == LEAF)
		return (struct leaf){ PART_WHOLE, 0, LEAF };
	for (i = 0; search && i < leaf.frames; i++)
		unused += is_kept(map, stats->first_frame + index * LEAF + i);
	leaf.used = unused < leaf.frames ? leaf.frames - unused : 0; /* it may change while it is counted */
	if (free_frames <= 0)
		leaf.part = PART_FULL;
	if (search && !leaf.used)
		leaf.part = PART_KEPT;
	return leaf;
}

static bool map_look(struct map *map)
{
	struct lab_stats stats;
	struct map_room *room;
	uint64_t leaf;
	unsigned int i;

	if (lab_stats(map->lab, &stats))
		return false;
	map->page_shift = stats.page_shift;
	for (; map->rooms < stats.rooms && map->rooms < LAB_ROOMS_MAX; map->rooms++) {
		room = &map->room[map->rooms];
		if (lab_room_stats(map->lab, map->rooms, &room->stats))
			return false;
		room->leaves = (room->stats.frames + LEAF - 1) / LEAF;
		for (leaf = 0; leaf < room->leaves; leaf++)
			room->part[look_leaf(map, map->rooms, leaf).part]++;
		for (i = 0; i < PARTS; i++)
			map->part[i] += room->part[i];
		map->leaves += room->leaves;
		map->frames += room->stats.managed;
		map->free += room->stats.free_commons + room->stats.free_pooled;
	}
	return map->rooms > 0;
}

/* How high a room's card becomes; its pools go where that makes it lower. */
static void room_layout(const struct map *map, struct map_room *room)
{
	uint64_t orders = 20 + ORDERS * 13, bands = room->stats.bands, beside, below;

	room->grid_height = (room->cells + map->columns - 1) / map->columns * map->edge;
	beside = orders + (bands ? 34 + bands * POOL_STEP : 0);
	below = room->grid_height + 20 + (bands ? 24 + (bands + 1) / 2 * POOL_STEP : 0);
	beside = beside > room->grid_height ? beside : room->grid_height;
	below = below > orders ? below : orders;
	room->pools_below = below < beside;
	room->height = CARD_HEAD + (unsigned int)(room->pools_below ? below : beside) + PAD;
}

/* The largest cells with which all rooms fit, more or less, on one page. */
static void map_layout(struct map *map)
{
	static const unsigned int edges[] = { 18, 15, 12, 10, 9, 8, 7 };
	unsigned int i, room;
	uint64_t height;

	for (map->per_cell = 1; map->leaves / map->per_cell > CELLS_MAX;)
		map->per_cell *= 2;
	for (room = 0; room < map->rooms; room++)
		map->room[room].cells = (map->room[room].leaves + map->per_cell - 1) / map->per_cell;
	for (i = 0; i < sizeof(edges) / sizeof(edges[0]); i++) {
		map->edge = edges[i];
		map->columns = GRID / map->edge / 16 * 16; /* rows of a round number of bytes */
		for (height = 0, room = 0; room < map->rooms; room++)
			height += (map->room[room].cells + map->columns - 1) / map->columns * map->edge;
		if (height <= CELLS_HEIGHT)
			break;
	}
	for (room = 0; room < map->rooms; room++)
		room_layout(map, &map->room[room]);
}

/* ---------------------------------------------------------------- cells */

/* What the leaves of a cell are. */
struct cell {
	unsigned int part[PARTS], leaves;
	uint64_t used, frames; /* of the broken ones */
};

static struct cell look_cell(const struct map *map, unsigned int room, uint64_t first)
{
	struct cell cell = { 0 };
	struct leaf leaf;
	uint64_t i;

	for (i = first; i < first + map->per_cell && i < map->room[room].leaves; i++) {
		leaf = look_leaf(map, room, i);
		cell.part[leaf.part]++;
		cell.leaves++;
		if (leaf.part == PART_BROKEN) {
			cell.frames += leaf.frames;
			cell.used += leaf.used;
		}
	}
	return cell;
}

/* Draw a cell: slices of what its leaves are, side by side; with a leaf a cell, one slice. */
static void put_cell(const struct map *map, const struct cell *cell, const double at[2], FILE *const *path)
{
	double side = map->edge - 1, x = at[0], width;
	unsigned int i, shade;

	for (i = 0; i < PARTS; i++) {
		if (!cell->part[i])
			continue;
		shade = part_shade[i];
		if (i == PART_BROKEN)
			shade = 1 + (unsigned int)(cell->used * (SHADE_FULL - 1) / (cell->frames + 1));
		width = side * cell->part[i] / cell->leaves;
		fprintf(path[shade], "M%.4g %.4gh%.3gv%gh-%.3gz", x, at[1], width, side, width);
		x += width;
	}
}

/* All cells of a room, by shade. */
static bool put_cells(const struct map *map, unsigned int room, int top)
{
	const double left = MARGIN + PAD + GUTTER;
	FILE *path[SHADES] = { NULL };
	char *text[SHADES] = { NULL };
	size_t size[SHADES];
	bool fine = true;
	uint64_t i;

	for (i = 0; i < SHADES; i++)
		fine = (path[i] = open_memstream(&text[i], &size[i])) && fine;
	for (i = 0; fine && i < map->room[room].cells; i++) {
		double at[2] = { left + (double)(i % map->columns) * map->edge,
				 top + (double)(i / map->columns) * map->edge };
		struct cell cell = look_cell(map, room, i * map->per_cell);
		put_cell(map, &cell, at, path);
	}
	for (i = 0; i < SHADES; i++) {
		fine = path[i] && !fclose(path[i]) && fine;
		if (fine && size[i])
			fprintf(map->file, "<path fill=\"%s\" d=\"%s\"/>\n", shades[i], text[i]);
		free(text[i]);
	}
	return fine;
}

/* Addresses at the left of some rows. */
static void put_addresses(const struct map *map, const struct map_room *room, int top)
{
	uint64_t rows = (room->cells + map->columns - 1) / map->columns, row;
	unsigned int every = (24 + map->edge - 1) / map->edge;
	char text[32];

	for (row = 0; row < rows; row += every) {
		frames_text(map, room->stats.first_frame + row * map->columns * map->per_cell * LEAF, text,
			    sizeof(text));
		put_text(map, "m e",
			 (int[]){ MARGIN + PAD + GUTTER - 8,
				  top + (int)(row * map->edge) + (int)map->edge / 2 + 4 },
			 text);
	}
}

/* ---------------------------------------------------------------- the panel */

/* Free memory of the commons by the size of its blocks: short lower bars, long last one = unbroken. */
static void put_orders(const struct map *map, const struct map_room *room, int top)
{
	const int left = WIDTH - MARGIN - PAD - PANEL;
	uint64_t frames, sum = 0;
	unsigned int order;
	char text[48];

	for (order = 0; order < ORDERS; order++)
		sum += room->stats.free_blocks[order] << order;
	put_text(map, "s", (int[]){ left, top + 8 }, "free memory by size of its blocks");
	for (order = 0; order < ORDERS; order++) {
		int y = top + 20 + (int)order * 13;

		frames = room->stats.free_blocks[order] << order;
		frames_text(map, (uint64_t)1 << order, text, sizeof(text));
		put_text(map, "m e", (int[]){ left + 50, y + 9 }, text);
		put_rect(map, "#eceae4", (double[]){ left + 58, y, 130, 9 }, "");
		if (frames)
			put_rect(map, order == LAB_ORDER_MAX ? shades[SHADE_WHOLE] : shades[4],
				 (double[]){ left + 58, y, 0.5 + 129.5 * (double)frames / (double)sum, 9 },
				 "");
		snprintf(text, sizeof(text), "%" PRIu64, room->stats.free_blocks[order]);
		put_text(map, "m e", (int[]){ left + PANEL, y + 9 }, text);
	}
}

static const char *band_name(const struct lab_room_stats *stats, unsigned int band)
{
	uint64_t floor = stats->band_floor[band];

	if (floor >= stats->low)
		return floor >= stats->high ? "lowmem reserve" : "high to low";
	return floor >= stats->min ? "low to min" : "reserve in min";
}

static void put_pool(const struct map *map, const struct lab_room_stats *stats, unsigned int band,
		     const int at[2])
{
	double fill = stats->band_frames[band]
			      ? (double)stats->band_free[band] / (double)stats->band_frames[band]
			      : 0;
	const int left = at[0], y = at[1];
	char text[64];

	put_text(map, "m e", (int[]){ left + 88, y + 9 }, band_name(stats, band));
	put_rect(map, "#eceae4", (double[]){ left + 96, y, 76, 10 }, " rx=\"2\"");
	if (fill > 0)
		put_rect(map, "#5b6ee1", (double[]){ left + 96, y, 76 * fill, 10 }, " rx=\"2\"");
	snprintf(text, sizeof(text), "%" PRIu64 " / %" PRIu64, stats->band_free[band],
		 stats->band_frames[band]);
	put_text(map, "m e", (int[]){ left + PANEL, y + 9 }, text);
}

/* The pools, outermost first, in one column at the right or in two below the cells. */
static void put_pools(const struct map *map, const struct map_room *room, int top)
{
	const struct lab_room_stats *stats = &room->stats;
	int left = room->pools_below ? MARGIN + PAD + GUTTER : WIDTH - MARGIN - PAD - PANEL, row = 0;
	int rows = (int)(room->pools_below ? (stats->bands + 1) / 2 : stats->bands);
	unsigned int band;

	top += room->pools_below ? (int)room->grid_height + 20 : 20 + (int)ORDERS * 13 + 12;
	put_text(map, "s", (int[]){ left, top + 8 }, "pools: frames kept, outermost first");
	for (band = stats->bands; band-- > 0; row++)
		put_pool(map, stats, band,
			 (int[]){ left + row / rows * (PANEL + 24), top + 18 + row % rows * POOL_STEP });
}

/* ---------------------------------------------------------------- a room, and the whole */

static void parts_text(const uint64_t *part, char *text, size_t size)
{
	int used = snprintf(text, size, "%" PRIu64 " whole, %" PRIu64 " broken, %" PRIu64 " full",
			    part[PART_WHOLE], part[PART_BROKEN], part[PART_FULL]);

	if (part[PART_KEPT])
		snprintf(text + used, size - (size_t)used, ", %" PRIu64 " kept by pools", part[PART_KEPT]);
}

static bool put_room(const struct map *map, unsigned int number, int top)
{
	const struct map_room *room = &map->room[number];
	char size[32], kept[32], parts[128], text[320];

	put_rect(map, "#ffffff", (double[]){ MARGIN, top, WIDTH - 2 * MARGIN, room->height },
		 " rx=\"8\" stroke=\"#dedbd2\"");
	put_text(map, "b", (int[]){ MARGIN + PAD, top + 30 }, room->stats.name);
	frames_text(map, room->stats.managed, size, sizeof(size));
	frames_text(map, room->stats.free_commons + room->stats.free_pooled, kept, sizeof(kept));
	parts_text(room->part, parts, sizeof(parts));
	snprintf(text, sizeof(text),
		 "%s, free %s; huge pages: %s; watermarks %" PRIu64 " / %" PRIu64 " / %" PRIu64, size, kept,
		 parts, room->stats.min, room->stats.low, room->stats.high);
	put_text(map, "s", (int[]){ MARGIN + PAD + 110, top + 30 }, text);
	put_addresses(map, room, top + CARD_HEAD);
	if (!put_cells(map, number, top + CARD_HEAD))
		return false;
	put_orders(map, room, top + CARD_HEAD);
	if (room->stats.bands)
		put_pools(map, room, top + CARD_HEAD);
	return true;
}

/* All huge pages in one bar. */
static void put_bar(const struct map *map, int top)
{
	double x = MARGIN, width;
	unsigned int i;

	for (i = 0; i < PARTS; i++, x += width) {
		width = (double)(WIDTH - 2 * MARGIN) * (double)map->part[i] / (double)map->leaves;
		put_rect(map, shades[part_shade[i]], (double[]){ x, top, width, 12 }, "");
	}
}

static void put_legend(const struct map *map, int top)
{
	static const struct {
		unsigned int first, count;
		const char *text;
		int width;
	} entries[] = {
		{ SHADE_WHOLE, 1, "huge page whole", 150 },
		{ 1, SHADE_FULL - 1, "broken: one frame to nearly all in use", 384 },
		{ SHADE_FULL, 1, "full", 68 },
		{ SHADE_KEPT, 1, "unused, kept by pools", 0 },
	};
	unsigned int i, shade;
	int x = MARGIN;
	char text[96];

	for (i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		for (shade = 0; shade < entries[i].count; shade++)
			put_rect(map, shades[entries[i].first + shade],
				 (double[]){ x + 13 * (int)shade, top, 12, 12 }, "");
		put_text(map, "s", (int[]){ x + 13 * (int)entries[i].count + 6, top + 10 }, entries[i].text);
		x += entries[i].width;
	}
	snprintf(text, sizeof(text), "a cell is %" PRIu64 " huge page%s", map->per_cell,
		 map->per_cell == 1 ? "" : "s, in slices");
	put_text(map, "m e", (int[]){ WIDTH - MARGIN, top + 10 }, text);
}

static void put_head(const struct map *map, const char *title, const char *subtitle)
{
	char size[32], kept[32], parts[128], text[320];

	frames_text(map, map->frames, size, sizeof(size));
	frames_text(map, map->free, kept, sizeof(kept));
	parts_text(map->part, parts, sizeof(parts));
	snprintf(text, sizeof(text), "%s in %u room%s, %s of it free.  Of %" PRIu64 " huge pages: %s.", size,
		 map->rooms, map->rooms == 1 ? "" : "s", kept, map->leaves, parts);
	put_text(map, "t", (int[]){ MARGIN, 50 }, title);
	put_text(map, "s", (int[]){ MARGIN, 74 }, subtitle);
	put_text(map, "s", (int[]){ MARGIN, 94 }, text);
	put_bar(map, 108);
	put_legend(map, 136);
}

static bool map_draw(struct map *map, const char *title, const char *subtitle)
{
	unsigned int room, height = HEAD;
	int top = HEAD;
	bool fine = true;

	for (room = 0; room < map->rooms; room++)
		height += map->room[room].height + 16;
	fprintf(map->file,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %u\" width=\"%d\" "
		"height=\"%u\">\n"
		"<style>text{font-family:'DejaVu Sans',Verdana,Helvetica,Arial,sans-serif;fill:#22303c}"
		".t{font-size:24px;font-weight:bold}.b{font-size:17px;font-weight:bold}.s{font-size:12px}"
		".m{font-size:10px;fill:#6b7785}.e{text-anchor:end}</style>\n",
		WIDTH, height + MARGIN - 16, WIDTH, height + MARGIN - 16);
	put_rect(map, "#f7f5ef", (double[]){ 0, 0, WIDTH, height + MARGIN - 16 }, "");
	put_head(map, title, subtitle);
	for (room = 0; room < map->rooms && fine; room++) {
		fine = put_room(map, room, top);
		top += (int)map->room[room].height + 16;
	}
	fputs("</svg>\n", map->file);
	return fine && !fflush(map->file) && !ferror(map->file);
}

bool map_svg(FILE *file, const struct labyrinth *lab, const char *title, const char *subtitle)
{
	struct map *map = calloc(1, sizeof(*map));
	bool fine;

	if (!map)
		return false;
	map->lab = lab;
	map->file = file;
	fine = map_look(map);
	if (fine)
		map_layout(map);
	fine = fine && map_draw(map, title, subtitle);
	free(map);
	return fine;
}
