/* SPDX-License-Identifier: MIT */
/*
 * configuration.c - fuzzer: what a labyrinth is made of.  An input is a specification for lab_birth(), one of
 * a vault, one for lab_user_open(), or the words of a command line; hostile or merely careless.
 *
 * It is refused exactly where the rules say so, with the room at fault and a sentence, and nothing is written;
 * else it needs as much metadata as SPEC.md says, is born in not one byte more (behind it the memory is
 * poisoned), and all invariants hold.
 */
#define _GNU_SOURCE
#include "config_use.h"
#include "config_vault.h"
#include "config_words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

extern _Thread_local int lab_user_cpu_override; /* homes/linux-user/cpu.c */

#define BIRTH_BYTES ((size_t)1 << 20) /* larger ones are planned, not made */
#define BIRTH_FRAMES 40000u

static void check_refused(const struct lab_spec *spec)
{
	static uint64_t nothing[16] __attribute__((aligned(64)));
	struct labyrinth *lab = NULL;
	const char *why = NULL;
	int which = -7;
	size_t i;

	CHECK(!lab_metadata_bytes(spec), "a size for what is refused");
	CHECK(lab_birth(spec, nothing, (size_t)1 << 60, &lab, &which, &why) == -LAB_EINVAL && !lab, "born although it is wrong");
	CHECK(why && strlen(why) > 10, "no sentence");
	if (labyrinth_faulty(spec))
		CHECK(which == -1, "room %d, where none is at fault: %s", which, why);
	else
		CHECK(which >= 0 && which < (int)spec->room_count && room_faulty(spec, (unsigned int)which), "room %d is not at fault: %s",
		      which, why);
	for (i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++)
		CHECK(!nothing[i], "written to");
	CHECK(lab_birth(spec, nothing, (size_t)1 << 60, &lab, NULL, NULL) == -LAB_EINVAL, "refused, but not without questions");
}

/* SPEC.md's formula, and the constants of LAB_DEFINE. */
static void check_size(const struct lab_spec *spec, size_t bytes)
{
	const struct lab_room_spec *room = &spec->rooms[0];
	struct lab_spec defined = *spec;
	struct rule_marks marks;
	uint64_t want = 5440, slots;
	unsigned int i;

	for (i = 0; i < spec->room_count; i++)
		want += room_bytes(spec, i, &marks);
	CHECK(bytes == want, "%zu bytes of metadata, the formula says %" PRIu64, bytes, want);
	if (spec->room_count != 1 || room->frames > (uint64_t)1 << 32)
		return;
	defined.cpus = LAB_DEFINE_CPUS_OF(room->frames);
	bytes = lab_metadata_bytes(&defined);
	for (slots = marks.high, i = 0; i < LAB_ZONES; i++)
		if (marks.low + marks.reserve[i] > slots)
			slots = marks.low + marks.reserve[i];
	CHECK(bytes <= LAB_METADATA_MAX_SLOTS(room->frames, slots), "%zu bytes, more than LAB_DEFINE takes", bytes);
	if (!marks.bands && room->first_frame % 512 <= LAB_DEFINE_LEAD(room->frames))
		CHECK(bytes <= LAB_METADATA_MAX(room->frames), "%zu bytes, more than LAB_DEFINE takes", bytes);
}

static void check_marks(const struct lab_spec *spec, struct labyrinth *lab)
{
	struct rule_marks marks;
	struct lab_room_stats stats;
	unsigned int i, k;

	for (i = 0; i < spec->room_count; i++) {
		rule_watermarks(spec, i, &marks);
		rule_pools(&marks, rule_managed(&spec->rooms[i]));
		CHECK(!lab_room_stats(lab, i, &stats), "no statistics");
		CHECK(stats.min == marks.min && stats.low == marks.low && stats.high == marks.high,
		      "room %u: marks %" PRIu64 " %" PRIu64 " %" PRIu64 ", should be %" PRIu64 " %" PRIu64 " %" PRIu64, i, stats.min,
		      stats.low, stats.high, marks.min, marks.low, marks.high);
		CHECK(stats.bands == marks.bands, "room %u: %u pools, should be %u", i, stats.bands, marks.bands);
		for (k = 0; k < marks.bands; k++)
			CHECK(stats.band_floor[k] == marks.floor[k] && stats.band_free[k] == marks.floor[k + 1] - marks.floor[k],
			      "room %u, pool %u stands on %" PRIu64, i, k, stats.band_floor[k]);
	}
}

static void check_routes(const struct lab_spec *spec, struct labyrinth *lab)
{
	static const lab_gfp_t zones[LAB_ZONES] = { LAB_DMA, LAB_DMA32, 0, LAB_HIGHMEM, LAB_HIGHMEM | LAB_MOVABLE };
	struct lab_step steps[2 * LAB_ROOMS_MAX];
	uint8_t route[LAB_ROOMS_MAX];
	unsigned int nodes = spec->nodes ? spec->nodes : 1, node, zone, n, i;

	for (node = 0; node < nodes; node++)
		for (zone = 0; zone < LAB_ZONES; zone++) {
			struct lab_request request = LAB_REQUEST(zones[zone], 0);
			int got;

			request.node = (int16_t)node;
			got = lab_route_show(lab, &request, steps, 2 * LAB_ROOMS_MAX);
			n = rule_route(spec, node, zone, route);
			CHECK(got == (n ? 2 * (int)n : -LAB_ENXIO), "%d steps from node %u, zone %u; rooms: %u", got, node, zone, n);
			for (i = 0; i < n; i++)
				CHECK(steps[i].room == route[i], "step %u is room %d, should be %u", i, steps[i].room, route[i]);
		}
}

static void check_birth(const struct lab_spec *spec, size_t bytes, struct bytes *in)
{
	struct labyrinth *lab = NULL;
	const char *why = NULL;
	void *metadata = NULL;
	int which = 5;

	CHECK(!posix_memalign(&metadata, 64, bytes), "no memory");
	memset(metadata, 0, bytes);
	CHECK(lab_birth(spec, metadata, bytes - 1, &lab, &which, &why) == -LAB_EINVAL && which == -1 && why, "born in too little");
	CHECK(lab_birth(spec, (char *)metadata + 8, bytes, &lab, &which, &why) == -LAB_EINVAL && !lab, "born at no line");
	CHECK(lab_birth(spec, NULL, bytes, &lab, &which, &why) == -LAB_EINVAL && !lab, "born nowhere");
	CHECK(!lab_birth(spec, metadata, bytes, &lab, &which, &why) && lab == metadata, "refused: room %d: %s", which, why);
	CHECK(lab_birth(spec, metadata, bytes, &lab, &which, &why) == -LAB_EINVAL && which == -1, "born twice");
	use.spec = spec;
	use.lab = lab;
	if (figures_usual(spec))
		check_marks(spec, lab);
	check_routes(spec, lab);
	use_all(in);
	free(metadata);
}

static void show_spec(const struct lab_spec *spec)
{
	unsigned int i;

	SHOW("shift %u, %u CPUs, %u rooms at %p, %u nodes%s, min_free %" PRIu64 ", scale %u\n", spec->page_shift, spec->cpus,
	     spec->room_count, (const void *)spec->rooms, spec->nodes, spec->distance ? " with distances" : "",
	     spec->min_free_kbytes, spec->watermark_scale);
	for (i = 0; spec->rooms && i < spec->room_count && i < LAB_ROOMS_MAX; i++) {
		const struct lab_room_spec *room = &spec->rooms[i];

		SHOW("room %u: zone %u node %u frames %" PRIu64 " + %" PRIu64 " memory %p marks %" PRIu64 " %" PRIu64 " %" PRIu64
		     " reserves %" PRIu64 " .. %" PRIu64 "; %zu holes at %p\n", i, room->zone, room->node, room->first_frame,
		     room->frames, room->memory, room->min, room->low, room->high, room->lowmem_reserve[0],
		     room->lowmem_reserve[LAB_ZONES - 1], room->hole_count, (const void *)room->holes);
	}
}

static void fuzz_spec(struct bytes *in)
{
	static struct hostile hostile;
	const struct lab_spec *spec = &hostile.spec;
	uint64_t frames = 0;
	unsigned int i;
	size_t bytes;

	take_spec(in, &hostile);
	show_spec(spec);
	if (spec_faulty(spec)) {
		check_refused(spec);
		return;
	}
	bytes = lab_metadata_bytes(spec);
	CHECK(bytes, "refused, and nothing is wrong");
	if (figures_usual(spec))
		check_size(spec, bytes);
	for (i = 0; i < spec->room_count; i++)
		frames += spec->rooms[i].frames;
	if (bytes <= BIRTH_BYTES && frames <= BIRTH_FRAMES)
		check_birth(spec, bytes, in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = { data, data + size };
	unsigned int kind = take8(&in);

	lab_user_cpu_override = (int)(size % 3); /* the same one when the input is seen again */
	if (kind >= 144 && kind < 160)
		fuzz_vault(&in);
	else if (kind < 160)
		fuzz_spec(&in);
	else if (kind < 208)
		fuzz_user(&in);
	else
		fuzz_words(&in);
	return 0;
}
