/* SPDX-License-Identifier: MIT */
/*
 * birth.c - checking a specification and making a labyrinth of it; the default labyrinth.
 */
#include "marks.h"
#include "plan.h"
#include "port.h"
#include "fill.h"
#include "shred.h"
#include "vault.h"

#define CPUS_MAX 4096u
#define PRESENCES_MAX 16u /* lines of presence of a process: more would only be searched in vain */
#define CLIENTS_MAX (LAB_OWNER_MAX < 4096u ? LAB_OWNER_MAX - 8 : 4096u) /* some owner numbers are for who is no client */
#define QUARANTINE_MAX 65536u
#define FRAMES_MOST ((uint64_t)1 << 52) /* of frame numbers: what 64-bit addresses of pages need */

/* ---- checks: NULL or what is wrong ---- */

static const char *check_holes(const struct lab_room_spec *room)
{
	uint64_t end = room->first_frame, frames = 0;
	size_t i;

	for (i = 0; i < room->hole_count; i++) {
		const struct lab_hole *hole = &room->holes[i];

		if (!hole->frames || hole->first_frame < end || hole->frames > room->frames ||
		    hole->first_frame - room->first_frame > room->frames - hole->frames)
			return "holes must lie inside the room, ascending, not empty and not overlapping";
		end = hole->first_frame + hole->frames;
		frames += hole->frames;
	}
	return frames < room->frames ? NULL : "nothing but holes";
}

static const char *check_vault(const struct lab_spec *spec, const struct lab_room_spec *room)
{
	const struct lab_vault *vault = room->vault;
	unsigned int i;

	if (LAB_MACHINE_BITS < 64)
		return "a vault needs tags of 64 bits";
	if (spec->processes)
		return "a vault is one process's";
	if (room->zone != LAB_ZONE_OWN || room->min || room->low || room->high || room->zeroed)
		return "a vault is a room of one's own, without watermarks or zeroed frames";
	for (i = 0; i < LAB_ZONES; i++)
		if (room->lowmem_reserve[i])
			return "a vault is a room of one's own, without watermarks or zeroed frames";
	if (vault->stride > 2 || (unsigned int)vault->shred > LAB_SHRED_ZERO || vault->guarantees & ~LAB_GUARANTEES)
		return "no such vault";
	if (vault->ram && !fill_best()->past_caches)
		return "this machine has no way past the caches for what overwrites its pages";
	if (vault->ram && vault->deferred)
		return "what waits to be overwritten is not past the caches when its free returns";
	if (vault->quarantine > QUARANTINE_MAX || vault->quarantine >= marks_managed(room))
		return "more frames in quarantine than may be, or than the vault has";
	return NULL;
}

static const char *check_room(const struct lab_spec *spec, unsigned int number)
{
	const struct lab_room_spec *room = &spec->rooms[number];
	uint64_t most = (uint64_t)1 << (UINTPTR_MAX > 0xffffffffu ? 40 : 24);
	const char *wrong;
	unsigned int i;

	if (!room->frames || room->frames > most || room->first_frame > FRAMES_MOST)
		return "no frames, or more than an address space holds";
	if ((unsigned int)room->zone > LAB_ZONE_OWN || room->node >= (spec->nodes ? spec->nodes : 1))
		return "no such zone or node";
	if ((uintptr_t)room->memory & (((uintptr_t)1 << spec->page_shift) - 1))
		return "its memory does not begin at a page";
	if (room->hole_count && !room->holes)
		return "holes are counted but not given";
	wrong = check_holes(room);
	if (!wrong && room->vault)
		wrong = check_vault(spec, room);
	if (wrong)
		return wrong;
	for (i = 0; i < number; i++)
		if (room->first_frame < spec->rooms[i].first_frame + spec->rooms[i].frames &&
		    spec->rooms[i].first_frame < room->first_frame + room->frames)
			return "its frames are another room's too";
	return NULL;
}

static const char *check_marks(const struct lab_spec *spec, unsigned int number)
{
	const struct lab_room_spec *room = &spec->rooms[number];
	struct lab_room_spec marks;
	uint64_t floor[LAB_BANDS_MAX + 1], most = marks_managed(room);
	unsigned int i;

	marks_resolve(spec, number, &marks);
	for (i = 0; i < LAB_ZONES; i++)
		if (marks.lowmem_reserve[i] > FRAMES_MOST)
			return "a lowmem reserve larger than any machine";
	if (room->min != LAB_MARK_LINUX && (marks.min > marks.low || marks.low > marks.high ||
					    marks.high >= marks_managed(room)))
		return "watermarks must be min <= low <= high < the room's frames";
	if (most > LAB_SLOTS_MAX - 1)
		most = LAB_SLOTS_MAX - 1;
	if (marks.zeroed && (marks.zeroed > most || floor[marks_floors(&marks, marks_managed(room), floor)] > most - marks.zeroed))
		return "more zeroed frames than there are above its watermarks and lowmem reserves, or than a slot's number counts";
	return NULL;
}

static const char *check(const struct lab_spec *spec, int *which)
{
	const char *wrong = NULL;
	unsigned int i;

	*which = -1;
	if (spec->page_shift != 12 && spec->page_shift != 14 && spec->page_shift != 16)
		return "pages are 4, 16 or 64 KiB";
	if (!spec->rooms || !spec->room_count || spec->room_count > LAB_ROOMS_MAX)
		return "a labyrinth has 1 to 16 rooms";
	if (!spec->cpus || spec->cpus > CPUS_MAX)
		return "CPUs are 1 to 4096";
	if (spec->nodes > LAB_NODES_MAX)
		return "nodes are 1 to 16";
	if (spec->clients > CLIENTS_MAX || spec->contract_frames > LAB_CONTRACT_MAX || spec->contract_blocks > LAB_CONTRACT_BLOCKS_MAX)
		return "too many clients, or too much guaranteed to one";
	if (spec->processes > LAB_PROCESSES_MAX || spec->processes > LAB_OWNER_MAX - 8 - spec->clients)
		return "processes are at most 256, and with the clients as many as there are owner numbers";
	for (i = 0; !wrong && i < spec->room_count; i++) {
		wrong = check_room(spec, i);
		*which = (int)i;
	}
	for (i = 0; !wrong && i < spec->room_count; i++) { /* a room's marks depend on the other rooms, too */
		wrong = check_marks(spec, i);
		*which = (int)i;
	}
	if (wrong)
		return wrong;
	*which = -1;
	return NULL;
}

/* At birth only: before, a home may not have the memory yet. */
static const char *check_memory(const struct lab_spec *spec, int *which)
{
	unsigned int i;

	for (i = 0; i < spec->room_count; i++) {
		*which = (int)i;
		if (spec->rooms[i].zeroed && !spec->rooms[i].memory)
			return "zeroed frames without memory";
		if (spec->rooms[i].vault && (!spec->rooms[i].memory || !spec->keys))
			return "a vault without memory or keys";
	}
	*which = -1;
	if (spec->keys && (!spec->seed || (uintptr_t)spec->keys % LAB_LINE || spec->processes))
		return "keys without a seed, not aligned to 64 bytes, or for several processes";
	return NULL;
}

/* Keys, and the vaults' frames overwritten for the first time. */
static void open_vaults(struct labyrinth *lab, const struct lab_spec *spec)
{
	unsigned int i;

	if (!spec->keys)
		return;
	lab->keys_at = (char *)spec->keys - (char *)lab;
	shred_seed(lab, spec->seed);
	for (i = 0; i < lab->rooms; i++)
		if (spec->rooms[i].vault) {
			lab->vaults |= (uint32_t)1 << i;
			vault_open(lab, labyrinth_room(lab, i), spec->rooms[i].vault);
		}
}

/* ---- routes ---- */

static unsigned int node_distance(const struct lab_spec *spec, unsigned int from, unsigned int to)
{
	if (from == to)
		return 0;
	return spec->distance ? spec->distance[from * spec->nodes + to] : 20;
}

/* The next node after `last` in the order of distance (then number); `nodes`: no more. */
static unsigned int next_node(const struct lab_spec *spec, unsigned int from, unsigned int last, unsigned int nodes)
{
	unsigned int best = nodes, node;

	for (node = 0; node < nodes; node++) {
		unsigned int d = node_distance(spec, from, node);

		if (last < nodes) {
			unsigned int after = node_distance(spec, from, last);

			if (d < after || (d == after && node <= last))
				continue;
		}
		if (best == nodes || d < node_distance(spec, from, best))
			best = node;
	}
	return best;
}

/* Local node first, then by distance; within a node from the highest allowed zone downward. */
static void find_route(const struct lab_spec *spec, struct lab_route *route, unsigned int from, int highest)
{
	unsigned int nodes = spec->nodes ? spec->nodes : 1, node, i;
	int zone;

	for (node = next_node(spec, from, nodes, nodes); node < nodes; node = next_node(spec, from, node, nodes))
		for (zone = highest; zone >= 0; zone--)
			for (i = 0; i < spec->room_count; i++)
				if (spec->rooms[i].node == node && (int)spec->rooms[i].zone == zone)
					route->room[route->rooms++] = (uint8_t)i;
}

/* ---- birth ---- */

static void describe_span(struct labyrinth *lab, unsigned int number, size_t at)
{
	struct lab_span *span = &lab->span[number];
	struct lab_room *room = (struct lab_room *)((char *)lab + at);

	span->room_at = (ptrdiff_t)at;
	span->leaves_at = (char *)tree_leaf(&room->commons, 0) - (char *)lab;
	span->tags_at = span->room_at + room->tags_at;
	span->cpus_at = span->room_at + room->cpus_at;
	span->tags_bytes = room->commons.bits * sizeof(struct lab_page);
	span->lead = room->lead;
	span->cpu_mask = room->cpu_mask;
	span->open = 1;
	span->step_shift = room->step_shift;
	if (room->memory_at)
		span->memory_at = (uintptr_t)room_memory(room) - ((uintptr_t)room->lead << room->step_shift) - (uintptr_t)lab + 1;
}

/* The places of processes; their owner numbers are the highest that the clients leave. */
static void plan_processes(struct plan *plan, const struct lab_spec *spec, struct labyrinth *lab)
{
	unsigned int presences = 1;
	size_t at;

	if (!spec->processes)
		return;
	while (presences < spec->cpus && presences < PRESENCES_MAX)
		presences *= 2;
	at = plan_take(plan, spec->processes * (sizeof(struct lab_process) + presences * sizeof(struct lab_presence)));
	if (!lab)
		return;
	lab->processes_at = (ptrdiff_t)at;
	lab->processes = spec->processes;
	lab->presences = presences;
	lab->owner_first = LAB_OWNER_MAX + 1 - spec->clients - spec->processes;
}

static size_t plan_all(struct plan *plan, const struct lab_spec *spec)
{
	size_t at = plan_take(plan, sizeof(struct labyrinth));
	struct labyrinth *lab = plan->base ? (struct labyrinth *)(plan->base + at) : NULL;
	struct lab_room_spec marks;
	unsigned int i;

	for (i = 0; i < spec->room_count; i++) {
		marks_resolve(spec, i, &marks);
		at = plan_room(plan, spec, &marks);
		if (lab)
			describe_span(lab, i, at);
	}
	plan_processes(plan, spec, lab);
	plan_clients(plan, spec, lab);
	return plan->at;
}

size_t lab_metadata_bytes(const struct lab_spec *spec)
{
	struct plan plan = { 0 };
	int which;

	return check(spec, &which) ? 0 : plan_all(&plan, spec);
}

int lab_birth(const struct lab_spec *spec, void *metadata, size_t bytes, struct labyrinth **out, int *which,
	      const char **why)
{
	struct plan plan = { .base = metadata };
	struct labyrinth *lab = metadata;
	int none, *room = which ? which : &none;
	const char *unused, **reason = why ? why : &unused;
	unsigned int node, zone;

	*reason = check(spec, room);
	if (!*reason && (!metadata || (uintptr_t)metadata % LAB_LINE || bytes < lab_metadata_bytes(spec)))
		*reason = "metadata is missing, not aligned to 64 bytes, or too small";
	if (!*reason)
		*reason = check_memory(spec, room);
	if (!*reason && lab->magic)
		*reason = "metadata is not zero-filled";
	if (!*reason && spec->processes && !spec->identity)
		*reason = "several processes need an identity word each";
	if (*reason)
		return -LAB_EINVAL;
	lab->page_shift = (uint8_t)spec->page_shift;
	lab->rooms = (uint8_t)spec->room_count;
	lab->nodes = (uint8_t)(spec->nodes ? spec->nodes : 1);
	lab->bytes = plan_all(&plan, spec);
	for (node = 0; node < lab->nodes; node++)
		for (zone = 0; zone < LAB_ZONES; zone++)
			find_route(spec, &lab->route[node][zone], node, (int)zone);
	for (zone = 0; zone < LAB_ZONES; zone++)
		if (lab->nodes == 1 && lab->route[0][zone].rooms)
			lab->gate[zone] = lab->span[lab->route[0][zone].room[0]];
	if (spec->identity)
		lab->identity_at = (const char *)spec->identity - (const char *)lab;
	open_vaults(lab, spec);
	store_release(&lab->magic, LAB_MAGIC); /* last; partner: whoever is handed the labyrinth */
	*out = lab;
	return 0;
}

/* ---- of the same birth ---- */

static bool same_bytes(const void *one, const void *other, size_t bytes)
{
	const unsigned char *a = one, *b = other;
	size_t i;

	for (i = 0; i < bytes; i++)
		if (a[i] != b[i])
			return false;
	return true;
}

bool lab_same_birth(const struct labyrinth *born, const struct labyrinth *other)
{
	const size_t own = offsetof(struct lab_room, commons); /* what changes stands before it */
	const size_t contract = offsetof(struct lab_client, pool);
	unsigned int i;

	if (!same_bytes(born, other, offsetof(struct labyrinth, epoch)))
		return false;
	for (i = 0; i < born->rooms; i++) {
		const char *room = (const char *)labyrinth_room(born, i);
		const char *match = (const char *)other + born->span[i].room_at;

		if (!same_bytes(room + own, match + own, sizeof(struct lab_room) - own))
			return false;
	}
	for (i = 0; i < born->clients; i++) {
		const char *client = (const char *)labyrinth_client(born, born->client_first + i);
		const char *match = (const char *)other + (client - (const char *)born);

		if (!same_bytes(client + contract, match + contract, sizeof(struct lab_client) - contract))
			return false;
	}
	return true;
}

/* ---- the default labyrinth ---- */

static struct labyrinth *default_labyrinth;

void lab_set_default(struct labyrinth *lab)
{
	store_release(&default_labyrinth, lab); /* partner: lab_default() */
}

struct labyrinth *lab_default(void)
{
	struct labyrinth *lab = load_acquire(&default_labyrinth);

	return likely(lab) ? lab : lab_port_default();
}

void *labyrinth_void_alloc_page_gfp_atomic_exclusive(void)
{
	struct labyrinth *lab = lab_default();
	struct lab_request request = LAB_REQUEST(LAB_GFP_ATOMIC | LAB_EXCLUSIVE, 0);
	struct lab_page *page;
	void *address;

	if (!lab)
		return NULL;
	page = lab_alloc_request(lab, &request, NULL);
	if (lab_is_err(page))
		return NULL;
	address = lab_page_address(lab, page);
	if (!address)
		lab_free_as(lab, page, 0, LAB_OWNER_EXCLUSIVE, 0);
	return address;
}

int labyrinth_void_free_page_exclusive(void *address)
{
	struct labyrinth *lab = lab_default();
	struct lab_page *page;

	if (!lab)
		return -LAB_ENXIO;
	page = lab_address_page(lab, address);
	if ((uintptr_t)address & (((uintptr_t)1 << lab->page_shift) - 1))
		page = NULL; /* refused, and counted, as no page of this labyrinth */
	return lab_free_as(lab, page, 0, LAB_OWNER_EXCLUSIVE, 0);
}
