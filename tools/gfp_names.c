/* SPDX-License-Identifier: MIT */
/*
 * gfp_names.c - see gfp_names.h.
 *
 * The names of Linux 2.6.32 to 7.x.  A kernel prints the largest combination that fits and then what is
 * left, one name a flag; what it has no name for it prints as a hexadecimal number.
 */
#include "gfp_names.h"

#include <string.h>

struct gfp_name {
	const char *name;
	lab_gfp_t flags;
};

#define TRANSHUGE_LIGHT ((LAB_GFP_HIGHUSER_MOVABLE | LAB_COMP | LAB_NOMEMALLOC | LAB_NOWARN) & ~LAB_RECLAIM)

/* In the order of strcmp (upper case before '_'): it is searched by halves.  0: known, without meaning here. */
static const struct gfp_name gfp_names[] = {
	{ "GFP_ATOMIC", LAB_GFP_ATOMIC },
	{ "GFP_DMA", LAB_DMA },
	{ "GFP_DMA32", LAB_DMA32 },
	{ "GFP_HIGHUSER", LAB_GFP_HIGHUSER },
	{ "GFP_HIGHUSER_MOVABLE", LAB_GFP_HIGHUSER_MOVABLE },
	{ "GFP_KERNEL", LAB_GFP_KERNEL },
	{ "GFP_KERNEL_ACCOUNT", LAB_GFP_KERNEL | LAB_ACCOUNT },
	{ "GFP_NOFS", LAB_GFP_NOFS },
	{ "GFP_NOIO", LAB_GFP_NOIO },
	{ "GFP_NOWAIT", LAB_GFP_NOWAIT },
	{ "GFP_TEMPORARY", LAB_GFP_KERNEL | LAB_RECLAIMABLE },
	{ "GFP_TRANSHUGE", TRANSHUGE_LIGHT | LAB_DIRECT_RECLAIM },
	{ "GFP_TRANSHUGE_LIGHT", TRANSHUGE_LIGHT },
	{ "GFP_USER", LAB_GFP_USER },
	{ "__GFP_ACCOUNT", LAB_ACCOUNT },
	{ "__GFP_ATOMIC", 0 },
	{ "__GFP_CMA", 0 },
	{ "__GFP_COLD", LAB_COLD },
	{ "__GFP_COMP", LAB_COMP },
	{ "__GFP_DIRECT_RECLAIM", LAB_DIRECT_RECLAIM },
	{ "__GFP_DMA", LAB_DMA },
	{ "__GFP_DMA32", LAB_DMA32 },
	{ "__GFP_FS", LAB_FS },
	{ "__GFP_HARDWALL", LAB_HARDWALL },
	{ "__GFP_HIGH", LAB_HIGH },
	{ "__GFP_HIGHMEM", LAB_HIGHMEM },
	{ "__GFP_IO", LAB_IO },
	{ "__GFP_KSWAPD_RECLAIM", LAB_KSWAPD_RECLAIM },
	{ "__GFP_MEMALLOC", LAB_MEMALLOC },
	{ "__GFP_MOVABLE", LAB_MOVABLE },
	{ "__GFP_NOFAIL", LAB_NOFAIL },
	{ "__GFP_NOLOCKDEP", 0 },
	{ "__GFP_NOMEMALLOC", LAB_NOMEMALLOC },
	{ "__GFP_NORETRY", LAB_NORETRY },
	{ "__GFP_NOTRACK", 0 },
	{ "__GFP_NOTRACK_FALSE_POSITIVE", 0 },
	{ "__GFP_NOWARN", LAB_NOWARN },
	{ "__GFP_NO_KSWAPD", 0 },
	{ "__GFP_NO_OBJ_EXT", 0 },
	{ "__GFP_OTHER_NODE", 0 },
	{ "__GFP_RECLAIM", LAB_RECLAIM },
	{ "__GFP_RECLAIMABLE", LAB_RECLAIMABLE },
	{ "__GFP_REPEAT", LAB_RETRY_MAYFAIL },
	{ "__GFP_RETRY_MAYFAIL", LAB_RETRY_MAYFAIL },
	{ "__GFP_SKIP_KASAN", 0 },
	{ "__GFP_SKIP_KASAN_POISON", 0 },
	{ "__GFP_SKIP_KASAN_UNPOISON", 0 },
	{ "__GFP_SKIP_ZERO", 0 },
	{ "__GFP_THISNODE", LAB_THISNODE },
	{ "__GFP_UNMAPPED", 0 },
	{ "__GFP_WAIT", LAB_RECLAIM },
	{ "__GFP_WRITE", LAB_WRITE },
	{ "__GFP_ZERO", LAB_ZERO },
	{ "__GFP_ZEROTAGS", 0 },
	{ "none", 0 },
};

/* What the bits mean as a number, from bit 0: the layout of Linux since 5.0. */
static const lab_gfp_t gfp_bits[] = {
	LAB_DMA,
	LAB_HIGHMEM,
	LAB_DMA32,
	LAB_MOVABLE,
	LAB_RECLAIMABLE,
	LAB_HIGH,
	LAB_IO,
	LAB_FS,
	LAB_ZERO,
	0 /* ATOMIC */,
	LAB_DIRECT_RECLAIM,
	LAB_KSWAPD_RECLAIM,
	LAB_WRITE,
	LAB_NOWARN,
	LAB_RETRY_MAYFAIL,
	LAB_NOFAIL,
	LAB_NORETRY,
	LAB_MEMALLOC,
	LAB_COMP,
	LAB_NOMEMALLOC,
	LAB_HARDWALL,
	LAB_THISNODE,
	LAB_ACCOUNT,
	0 /* ZEROTAGS */,
	0 /* SKIP_ZERO */,
	0 /* SKIP_KASAN */,
	0 /* NOLOCKDEP */,
	0 /* NO_OBJ_EXT */,
};
#define GFP_BIT_COUNT (sizeof(gfp_bits) / sizeof(gfp_bits[0]))

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static lab_gfp_t gfp_from_number(const char *digits, size_t length, unsigned int *unknown)
{
	lab_gfp_t flags = 0;
	uint64_t value = 0;
	size_t i;

	for (i = 0; i < length && i < 16 && hex_digit(digits[i]) >= 0; i++)
		value = value << 4 | (unsigned int)hex_digit(digits[i]);
	if (!length || i < length || value >> GFP_BIT_COUNT)
		++*unknown;
	if (i < length)
		return 0;
	for (i = 0; i < GFP_BIT_COUNT; i++)
		if (value >> i & 1)
			flags |= gfp_bits[i];
	return flags;
}

static int name_compare(const char *text, size_t length, const char *name)
{
	int order = strncmp(text, name, length);

	return order ? order : -(name[length] != '\0');
}

static lab_gfp_t gfp_from_name(const char *text, size_t length, unsigned int *unknown)
{
	size_t low = 0, high = sizeof(gfp_names) / sizeof(gfp_names[0]), middle;
	int order;

	while (low < high) {
		middle = (low + high) / 2;
		order = name_compare(text, length, gfp_names[middle].name);
		if (!order)
			return gfp_names[middle].flags;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	++*unknown;
	return 0;
}

static lab_gfp_t gfp_from_token(const char *text, size_t length, unsigned int *unknown)
{
	if (length > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		return gfp_from_number(text + 2, length - 2, unknown);
	if (length == 1 && text[0] == '0')
		return 0;
	/* ___GFP_X is the number behind __GFP_X; old perf versions print it so. */
	if (length > 7 && !strncmp(text, "___GFP_", 7))
		return gfp_from_name(text + 1, length - 1, unknown);
	return gfp_from_name(text, length, unknown);
}

lab_gfp_t gfp_parse(const char *text, size_t length, unsigned int *unknown)
{
	const char *end = text + length, *bar;
	lab_gfp_t flags = 0;

	for (;;) {
		bar = memchr(text, '|', (size_t)(end - text));
		flags |= gfp_from_token(text, (size_t)((bar ? bar : end) - text), unknown);
		if (!bar)
			return flags;
		text = bar + 1;
	}
}

/* From bit 0, as before 4.4: what may wait reclaims by itself. */
static const lab_gfp_t gfp_bits_waiting[] = {
	LAB_DMA,
	LAB_HIGHMEM,
	LAB_DMA32,
	LAB_MOVABLE,
	LAB_DIRECT_RECLAIM /* WAIT */,
	LAB_HIGH,
	LAB_IO,
	LAB_FS,
	LAB_COLD,
	LAB_NOWARN,
	LAB_RETRY_MAYFAIL,
	LAB_NOFAIL,
	LAB_NORETRY,
	LAB_MEMALLOC,
	LAB_COMP,
	LAB_ZERO,
	LAB_NOMEMALLOC,
	LAB_HARDWALL,
	LAB_THISNODE,
	LAB_RECLAIMABLE,
	LAB_ACCOUNT,
	0 /* NOTRACK */,
	0 /* NO_KSWAPD: below */,
	0 /* OTHER_NODE */,
	LAB_WRITE,
};

/* The same in 4.4 and 4.5. */
static const lab_gfp_t gfp_bits_reclaiming[] = {
	LAB_DMA,
	LAB_HIGHMEM,
	LAB_DMA32,
	LAB_MOVABLE,
	LAB_RECLAIMABLE,
	LAB_HIGH,
	LAB_IO,
	LAB_FS,
	LAB_COLD,
	LAB_NOWARN,
	LAB_RETRY_MAYFAIL,
	LAB_NOFAIL,
	LAB_NORETRY,
	LAB_MEMALLOC,
	LAB_COMP,
	LAB_ZERO,
	LAB_NOMEMALLOC,
	LAB_HARDWALL,
	LAB_THISNODE,
	0 /* ATOMIC */,
	LAB_ACCOUNT,
	0 /* NOTRACK */,
	LAB_DIRECT_RECLAIM,
	0 /* OTHER_NODE */,
	LAB_WRITE,
	LAB_KSWAPD_RECLAIM,
};

#define OLD_WAIT ((uint64_t)1 << 4)
#define OLD_NO_KSWAPD ((uint64_t)1 << 22)
#define OLD_KSWAPD_RECLAIM ((uint64_t)1 << 25)

lab_gfp_t gfp_old_number(uint64_t number)
{
	/* Bit 25 is only there since 4.4; bit 22 was only set by those who wait, and meant something else. */
	bool reclaiming = number & OLD_KSWAPD_RECLAIM || ((number & OLD_NO_KSWAPD) && !(number & OLD_WAIT));
	const lab_gfp_t *bits = reclaiming ? gfp_bits_reclaiming : gfp_bits_waiting;
	size_t count = reclaiming ? sizeof(gfp_bits_reclaiming) : sizeof(gfp_bits_waiting), i;
	lab_gfp_t flags = !reclaiming && !(number & OLD_NO_KSWAPD) ? LAB_KSWAPD_RECLAIM : 0;

	for (i = 0; i < count / sizeof(*bits); i++)
		if (number >> i & 1)
			flags |= bits[i];
	return flags;
}
