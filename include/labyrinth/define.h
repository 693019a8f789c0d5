/* SPDX-License-Identifier: MIT */
/*
 * labyrinth/define.h - a labyrinth at compile time: LAB_DEFINE.  Included by labyrinth.h.
 *
 *     LAB_DEFINE(packets, 4 << 20);                                          4 MiB, no watermarks
 *     LAB_DEFINE(device, 1 << 20, .zone = LAB_ZONE_DMA, .min = 32);          with options
 *     LAB_DEFINE_SLOTS(device, 1 << 20, 96, .min = 32, .low = 64, .high = 96);
 *     static LAB_DEFINE(scratch, 64 << 10);                                  this file's own (C)
 *     LAB_DECLARE(packets);                                                  in a header
 *
 * At file scope.  `packets` is then a `struct labyrinth *` to one room of that many bytes, in static
 * memory: page-aligned pages, and metadata whose size the compiler computes.  Both are zero and lie in
 * .bss; nothing is allocated, mapped or locked at run time.
 *
 * Birth.  In hosted programs a constructor makes it before main() (and before constructors without a
 * priority).  Where there are none (-ffreestanding, or LAB_DEFINE_CONSTRUCTORS defined to 0) the file
 * that defines it calls LAB_BIRTH(name) once.  Before that every call answers -LAB_ENXIO or its like
 * (NULL, ~0, 0 pages) and changes nothing.  The same is so for ever where the options contradict
 * themselves; LAB_BIRTH_WHY(name, &why) then says how.
 *
 * The memory is aligned as its largest block is, up to LAB_DEFINE_ALIGN, and frame numbers continue its
 * address within that block: a block of 2^k pages is aligned by address as it is by number.  (So with a
 * small LAB_DEFINE_ALIGN the largest orders may not fit.)  `.first_frame` sets the numbers otherwise; with
 * `.physical_known` the frame number is address >> page shift (memory mapped one to one).
 *
 * In user space the memory is this process's .bss: not touched and not locked (mlockall() arms it), and
 * a forked child has a copy of its own, which it may use.  More than 2 GiB in all want a larger code model.
 *
 * C++ (17) has LAB_DECLARE and LAB_DEFINE(name, bytes); the latter is its file's own unless LAB_DECLARE
 * stands before it.  Options are for C.
 */
#ifndef LABYRINTH_DEFINE_H
#define LABYRINTH_DEFINE_H

#include <labyrinth.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---------------------------------------------------------------- settings, before the first inclusion */

#ifndef LAB_DEFINE_PAGE_SHIFT /* 12, 14 or 16: pages of 4, 16 or 64 KiB */
#define LAB_DEFINE_PAGE_SHIFT 12
#endif
#ifndef LAB_DEFINE_CPUS /* at most this many CPUs have hints of their own; a power of two up to 4096 */
#define LAB_DEFINE_CPUS 64
#endif
#ifndef LAB_DEFINE_ALIGN /* bytes; larger ones leave larger gaps in .bss */
#if defined(__STDC_HOSTED__) && __STDC_HOSTED__
#define LAB_DEFINE_ALIGN ((size_t)1 << (LAB_DEFINE_PAGE_SHIFT + 9))
#else
#define LAB_DEFINE_ALIGN ((size_t)1 << LAB_DEFINE_PAGE_SHIFT)
#endif
#endif
#ifndef LAB_DEFINE_CONSTRUCTORS
#if defined(__KERNEL__) || !defined(__STDC_HOSTED__) || !__STDC_HOSTED__
#define LAB_DEFINE_CONSTRUCTORS 0
#else
#define LAB_DEFINE_CONSTRUCTORS 1
#endif
#endif

/* ---------------------------------------------------------------- how much metadata */

/*
 * Constant expressions of type size_t: an upper bound, in bytes, of lab_metadata_bytes() for one room of
 * `frames` frames (1 .. 2^32; 2^20 with 32 bits) as LAB_DEFINE makes it.  LAB_METADATA_MAX: no
 * watermarks.  LAB_METADATA_MAX_SLOTS: any numbering of the frames, and watermarks that hold up to
 * `slots` frames in all (the larger of `high` and of `low` plus the largest lowmem reserve; and `zeroed`).
 *
 * Beyond the truth: at most 7 KiB (32 bits: 4), of which 4 are for frame numbers that begin inside a leaf;
 * 24 KiB where watermarks hold all that was said, for the up to 26 pools that they could make.  What is
 * too much is never touched.  Birth checks that it is enough.
 */
#define LAB_METADATA_MAX(frames)                                                                    \
	(LAB_DEFINE_COMMONS((size_t)(frames) + LAB_DEFINE_LEAD(frames)) +                            \
	 (size_t)64 * LAB_DEFINE_CPUS_OF(frames))
#define LAB_METADATA_MAX_SLOTS(frames, slots)                                                       \
	(LAB_DEFINE_COMMONS((size_t)(frames) + 511) + (size_t)64 * LAB_DEFINE_CPUS_OF(frames) +      \
	 LAB_DEFINE_POOLS((size_t)(slots)))

/*
 * How many CPUs have hints of their own: more than one for each few words of frames are of no use.
 * (Any CPU may call, whatever its number.)
 */
#define LAB_DEFINE_CPUS_OF(frames)                                                                  \
	((frames) >= 8192 ? LAB_DEFINE_CPUS : LAB_DEFINE_LESSER((frames) >= 512 ? 16 : 2, LAB_DEFINE_CPUS))

/* Below: the sizes of the core's structures, with room to grow (tests/unit/test_define.c checks). */
#if UINTPTR_MAX > 0xffffffffu
#define LAB_DEFINE_HEADER ((size_t)14848) /* the labyrinth and its room */
#define LAB_DEFINE_WORD ((size_t)8)
#define LAB_DEFINE_FANOUT ((size_t)32) /* leaves or nodes under a parent word */
#define LAB_DEFINE_BANDS ((size_t)26)  /* pools that watermarks and zeroed frames can make */
#define LAB_DEFINE_SLOTS_MAX ((size_t)1 << 24)
#else
#define LAB_DEFINE_HEADER ((size_t)7168)
#define LAB_DEFINE_WORD ((size_t)4)
#define LAB_DEFINE_FANOUT ((size_t)8)
#define LAB_DEFINE_BANDS ((size_t)8)
#define LAB_DEFINE_SLOTS_MAX ((size_t)1 << 12)
#endif
#define LAB_DEFINE_NOTE ((size_t)8)	/* beside a leaf */
#define LAB_DEFINE_SUMMARY ((size_t)36) /* beside a parent word */

#define LAB_DEFINE_LESSER(a, b) ((a) < (b) ? (a) : (b))
#define LAB_DEFINE_UP(n, by) (((n) + (by) - 1) / (by))
#define LAB_DEFINE_LINES(bytes) (LAB_DEFINE_UP((bytes), (size_t)64) * 64)
/* Bits before the first frame. */
#define LAB_DEFINE_LEAD(frames) ((size_t)LAB_DEFINE_LESSER((frames), 512) - 1)

/* One level: its nodes stand over `span` leaves each, those below it over `under`. */
#define LAB_DEFINE_LEVEL(leaves, under, span)                                                       \
	((leaves) > (span) ? LAB_DEFINE_LINES(LAB_DEFINE_UP(leaves, span) * LAB_DEFINE_WORD) : 0) +  \
		((leaves) > (under) || (under) == 1 ?                                                \
			 LAB_DEFINE_LINES(LAB_DEFINE_UP(leaves, span) * LAB_DEFINE_SUMMARY) :        \
			 0)
#define LAB_DEFINE_SPAN2 (LAB_DEFINE_FANOUT * LAB_DEFINE_FANOUT)
#define LAB_DEFINE_SPAN4 (LAB_DEFINE_SPAN2 * LAB_DEFINE_SPAN2)
#define LAB_DEFINE_LEVELS(leaves)                                                                   \
	(LAB_DEFINE_LEVEL(leaves, (size_t)1, LAB_DEFINE_FANOUT) +                                    \
	 LAB_DEFINE_LEVEL(leaves, LAB_DEFINE_FANOUT, LAB_DEFINE_SPAN2) +                             \
	 LAB_DEFINE_LEVEL(leaves, LAB_DEFINE_SPAN2, LAB_DEFINE_SPAN2 *LAB_DEFINE_FANOUT) +           \
	 LAB_DEFINE_LEVEL(leaves, LAB_DEFINE_SPAN2 *LAB_DEFINE_FANOUT, LAB_DEFINE_SPAN4) +           \
	 LAB_DEFINE_LEVEL(leaves, LAB_DEFINE_SPAN4, LAB_DEFINE_SPAN4 *LAB_DEFINE_FANOUT))

/* Header, leaves, notes, parents and summaries, tags. */
#define LAB_DEFINE_COMMONS(bits) LAB_DEFINE_COMMONS_OF(LAB_DEFINE_UP((bits), (size_t)512), (bits))
#define LAB_DEFINE_COMMONS_OF(leaves, bits)                                                         \
	(LAB_DEFINE_HEADER + (leaves) * 64 + LAB_DEFINE_LINES((leaves) * LAB_DEFINE_NOTE) +          \
	 LAB_DEFINE_LEVELS(leaves) + LAB_DEFINE_LINES((bits) * LAB_DEFINE_WORD))

/*
 * Pools: a slot is a word; two trees each, a line a leaf (a parent costs less than a byte a leaf, and
 * three lines begun); each pool may leave half-empty what it begins.
 */
#define LAB_DEFINE_POOLS(slots) LAB_DEFINE_POOLS_OF(LAB_DEFINE_LESSER(slots, LAB_DEFINE_SLOTS_MAX))
#define LAB_DEFINE_POOLS_OF(slots)                                                                  \
	((slots) * LAB_DEFINE_WORD + (slots) / 512 * 130 +                                           \
	 LAB_DEFINE_LESSER(slots, LAB_DEFINE_BANDS) * (64 + 130) +                                   \
	 LAB_DEFINE_LESSER((slots) / 512, LAB_DEFINE_BANDS) * 426)

/* ---------------------------------------------------------------- what a definition is made of */

struct lab_define_page {
	unsigned char byte[(size_t)1 << LAB_DEFINE_PAGE_SHIFT];
} __attribute__((aligned((size_t)1 << LAB_DEFINE_PAGE_SHIFT)));

struct lab_define_line {
	unsigned char byte[64];
} __attribute__((aligned(64)));

#ifdef __cplusplus
#define LAB_DEFINE_NOTHING {}
#else
#define LAB_DEFINE_NOTHING { 0 }
#endif

struct lab_defined {
	struct labyrinth *const *lab; /* where the metadata is */
	size_t bytes;		      /* and how much of it */
	const char *name;
	const struct lab_room_spec *options; /* NULL: none */
	void *memory;
	size_t frames;
	unsigned int cpus, page_shift;
};

/* The first frame's number (see above). */
static inline uint64_t lab_define_first(const struct lab_defined *defined)
{
	uint64_t number = (uint64_t)((uintptr_t)defined->memory >> defined->page_shift), block = 1;

	if (defined->options && defined->options->physical_known)
		return number;
	if (defined->options && defined->options->first_frame)
		return defined->options->first_frame;
	while (block < (uint64_t)1 << LAB_ORDER_MAX && block * 2 <= defined->frames)
		block *= 2;
	return number & (block - 1);
}

/*
 * Birth of a definition; a second one changes nothing and answers 0.  Not beside another birth of the
 * same.  0, or -LAB_EINVAL with *why (may be NULL) set to a sentence.
 */
static inline int lab_define_birth(const struct lab_defined *defined, const char **why)
{
	struct lab_room_spec room = LAB_DEFINE_NOTHING;
	struct lab_spec spec = LAB_DEFINE_NOTHING;
	struct labyrinth *lab = *defined->lab;
	struct lab_stats stats;

	if (lab_stats(lab, &stats) == 0)
		return 0;
	room.zone = LAB_ZONE_NORMAL;
	if (defined->options)
		room = *defined->options;
	if (!room.name)
		room.name = defined->name;
	room.memory = defined->memory;
	room.frames = defined->frames;
	room.first_frame = lab_define_first(defined);
	spec.page_shift = defined->page_shift;
	spec.cpus = defined->cpus;
	spec.rooms = &room;
	spec.room_count = 1;
	spec.nodes = room.node + 1;
	return lab_birth(&spec, lab, defined->bytes, &lab, NULL, why);
}

#ifdef __cplusplus
}
#endif

/* ---------------------------------------------------------------- the macros */

#define LAB_DECLARE(name) extern struct labyrinth *const name

/*
 * LAB_DEFINE(name, bytes) or LAB_DEFINE(name, bytes, options): `bytes` is a constant, a multiple of the
 * page size; options are designated initialisers of struct lab_room_spec (zone, watermarks, holes, name,
 * node, first_frame, physical_known; the zone is NORMAL where none is said; memory and frames are
 * set).  The metadata then has room for any watermarks: 8.25 bytes a frame more (4.25 with 32 bits).
 */
#define LAB_DEFINE(...)                                                                             \
	LAB_DEFINE_PICK(__VA_ARGS__, LAB_DEFINE_WITH, LAB_DEFINE_WITH, LAB_DEFINE_WITH,              \
			LAB_DEFINE_WITH, LAB_DEFINE_WITH, LAB_DEFINE_WITH, LAB_DEFINE_WITH,          \
			LAB_DEFINE_WITH, LAB_DEFINE_WITH, LAB_DEFINE_WITH, LAB_DEFINE_WITH,          \
			LAB_DEFINE_WITH, LAB_DEFINE_WITH, LAB_DEFINE_WITH, LAB_DEFINE_WITH,          \
			LAB_DEFINE_WITH, LAB_DEFINE_WITH, LAB_DEFINE_WITH, LAB_DEFINE_PLAIN, none, ) \
	(__VA_ARGS__)
#define LAB_DEFINE_PICK(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, pick, ...) pick

#define LAB_DEFINE_FRAMES(bytes) ((size_t)(bytes) >> LAB_DEFINE_PAGE_SHIFT)

/* The alignment of the memory: its largest block, or less. */
#define LAB_DEFINE_ALIGN_OF(bytes)                                                                  \
	LAB_DEFINE_ALIGN_IF(bytes, 9, LAB_DEFINE_ALIGN_IF(bytes, 8, LAB_DEFINE_ALIGN_IF(bytes, 7,    \
	LAB_DEFINE_ALIGN_IF(bytes, 6, LAB_DEFINE_ALIGN_IF(bytes, 5, LAB_DEFINE_ALIGN_IF(bytes, 4,    \
	LAB_DEFINE_ALIGN_IF(bytes, 3, LAB_DEFINE_ALIGN_IF(bytes, 2, LAB_DEFINE_ALIGN_IF(bytes, 1,    \
	LAB_DEFINE_BLOCK(0))))))))))
#define LAB_DEFINE_ALIGN_IF(bytes, order, smaller)                                                  \
	LAB_DEFINE_LESSER((size_t)(bytes), (size_t)(LAB_DEFINE_ALIGN)) >= LAB_DEFINE_BLOCK(order) ?  \
		LAB_DEFINE_BLOCK(order) :                                                            \
		(smaller)
#define LAB_DEFINE_BLOCK(order) ((size_t)1 << (LAB_DEFINE_PAGE_SHIFT + (order)))

#define LAB_DEFINE_PLAIN(name, bytes)                                                               \
	LAB_DEFINE_LABYRINTH(name, LAB_METADATA_MAX(LAB_DEFINE_FRAMES(bytes)))                       \
	LAB_DEFINE_REST(name, bytes, LAB_METADATA_MAX(LAB_DEFINE_FRAMES(bytes)), NULL)

#define LAB_DEFINE_WITH(name, bytes, ...)                                                           \
	LAB_DEFINE_SLOTS(name, bytes, LAB_DEFINE_FRAMES(bytes), __VA_ARGS__)

#ifndef __cplusplus

/*
 * The same, where the watermarks hold at most `most` frames, a constant (the larger of `high` and of `low`
 * plus the largest lowmem reserve; and `zeroed`): metadata for no more than these.
 */
#define LAB_DEFINE_SLOTS(name, bytes, most, ...)                                                    \
	LAB_DEFINE_LABYRINTH(name, LAB_METADATA_MAX_SLOTS(LAB_DEFINE_FRAMES(bytes), most))           \
	_Pragma("GCC diagnostic push")                                                               \
	_Pragma("GCC diagnostic ignored \"-Woverride-init\"") /* the zone, where one is said */      \
	static const struct lab_room_spec name##_lab_options = { .zone = LAB_ZONE_NORMAL,            \
								 __VA_ARGS__ };                      \
	_Pragma("GCC diagnostic pop")                                                                \
	LAB_DEFINE_REST(name, bytes, LAB_METADATA_MAX_SLOTS(LAB_DEFINE_FRAMES(bytes), most),         \
			&name##_lab_options)

#define LAB_DEFINE_ASSERT _Static_assert

/* First, so that a `static` before LAB_DEFINE is about the name. */
#define LAB_DEFINE_LABYRINTH(name, metadata)                                                        \
	struct labyrinth *const name = (struct labyrinth *)(void *)(struct lab_define_line[          \
		LAB_DEFINE_LINES(metadata) / 64]){ { { 0 } } };

#else

#define LAB_DEFINE_SLOTS(...) static_assert(false, "options of LAB_DEFINE are for C: define it in a C file")
#define LAB_DEFINE_ASSERT static_assert

#define LAB_DEFINE_LABYRINTH(name, metadata)                                                        \
	static struct lab_define_line name##_lab_metadata[LAB_DEFINE_LINES(metadata) / 64];          \
	struct labyrinth *const name = reinterpret_cast<struct labyrinth *>(name##_lab_metadata);

#endif

#define LAB_DEFINE_REST(name, bytes, metadata, options)                                             \
	LAB_DEFINE_ASSERT((bytes) > 0 && ((size_t)(bytes) & (sizeof(struct lab_define_page) - 1)) == 0, \
			  #name ": its size is not a multiple of the page size");                    \
	static struct lab_define_page name##_lab_memory[LAB_DEFINE_FRAMES(bytes)]                    \
		__attribute__((aligned(LAB_DEFINE_ALIGN_OF(bytes))));                                \
	static const struct lab_defined name##_lab_defined = {                                       \
		&name,	 LAB_DEFINE_LINES(metadata), #name, options, name##_lab_memory,              \
		LAB_DEFINE_FRAMES(bytes), LAB_DEFINE_CPUS_OF(LAB_DEFINE_FRAMES(bytes)),              \
		LAB_DEFINE_PAGE_SHIFT                                                                \
	};                                                                                           \
	__attribute__((unused)) static int name##_lab_birth(const char **why)                        \
	{                                                                                            \
		return lab_define_birth(&name##_lab_defined, why);                                   \
	}                                                                                            \
	LAB_DEFINE_BORN(name)                                                                        \
	LAB_DEFINE_ASSERT(LAB_DEFINE_CPUS >= 1 && LAB_DEFINE_CPUS <= 4096 &&                         \
				  (LAB_DEFINE_CPUS & (LAB_DEFINE_CPUS - 1)) == 0,                    \
			  "LAB_DEFINE_CPUS is not a power of two up to 4096")

#if LAB_DEFINE_CONSTRUCTORS
/* 101 is the first priority that is a program's own. */
#define LAB_DEFINE_BORN(name)                                                                       \
	__attribute__((constructor(101))) static void name##_lab_born(void)                          \
	{                                                                                            \
		(void)name##_lab_birth(NULL);                                                        \
	}
#else
#define LAB_DEFINE_BORN(name)
#endif

/*
 * In the file that defines `name`, once, before its first use, by one caller: its birth.  Where it is
 * born already: nothing.  Constant time without watermarks and holes, else proportional to their frames.
 * 0, or -LAB_EINVAL (then, in *why, a sentence).
 */
#define LAB_BIRTH(name) name##_lab_birth(NULL)
#define LAB_BIRTH_WHY(name, why) name##_lab_birth(why)

#endif
