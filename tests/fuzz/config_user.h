/* SPDX-License-Identifier: MIT */
/*
 * config_user.h - lab_user_open() with strange specifications: opened as asked, or refused with a sentence, and
 * then nothing is left mapped.  The home is compiled here with mmap and munmap that count, and that refuse what
 * is large.  A vault may also be refused because this machine cannot make its guarantees true: then the sentence is about that.
 */
#ifndef FUZZ_CONFIG_USER_H
#define FUZZ_CONFIG_USER_H

#include <errno.h>
#include <labyrinth/user.h>
#include <labyrinth/vault.h>
#include <sys/mman.h>

#include "config_spec.h"

#define MAPPED_MOST ((size_t)8 << 20)

/* ---- mmap(2) and munmap(2) as the home has them here ---- */

static struct {
	size_t bytes;
	unsigned int calls, fail; /* the n-th call fails; 0: none */
} mapped;

void *fuzz_mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t offset);
int fuzz_munmap(void *at, size_t bytes);

void *fuzz_mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t offset)
{
	void *got;

	if (++mapped.calls == mapped.fail || bytes > MAPPED_MOST - mapped.bytes) {
		errno = ENOMEM;
		return MAP_FAILED;
	}
	got = mmap(at, bytes, protection, flags, fd, offset);
	if (got != MAP_FAILED && !(flags & MAP_FIXED)) /* else over addresses that are counted */
		mapped.bytes += (bytes + 4095) & ~(size_t)4095;
	return got;
}

int fuzz_munmap(void *at, size_t bytes)
{
	mapped.bytes -= (bytes + 4095) & ~(size_t)4095;
	return munmap(at, bytes);
}

/* ---- the specification ---- */

struct hostile_user {
	struct lab_user_spec spec;
	struct lab_user_room rooms[LAB_ROOMS_MAX];
	struct lab_hole holes[LAB_ROOMS_MAX][HOLES_MAX];
	uint8_t distance[LAB_NODES_MAX * LAB_NODES_MAX];
};

static inline void take_user_vault(struct bytes *in, struct lab_user_room *room)
{
	unsigned int kind = take8(in);

	room->guarantees = (uint32_t)sane_or(in, take8(in) & ~(unsigned int)LAB_PINNED);
	room->vault_memory = (enum lab_vault_memory)sane_or(in, kind % 4);
	room->quarantine = (uint32_t)sane_or(in, kind & 4 ? take8(in) : 0);
	room->shred = (enum lab_shred)sane_or(in, kind / 8 % 2);
	room->deferred = kind & 16;
	room->unnoticed = kind & 32;
}

static inline void take_user_room(struct bytes *in, struct hostile_user *to, unsigned int number)
{
	static const enum lab_room_kind kinds[] = { LAB_ROOM_ANONYMOUS, LAB_ROOM_METADATA, LAB_ROOM_METADATA, LAB_ROOM_HUGETLB,
						    LAB_ROOM_SHARED, LAB_ROOM_SHARED, LAB_ROOM_VAULT, LAB_ROOM_METADATA };
	struct lab_user_room *room = &to->rooms[number];
	unsigned int kind = take8(in), marks = take8(in), memory = take8(in), which = kind % 4 + (marks & 32 ? 4 : 0);

	room->name = kind & 128 ? "wide" : number ? "other" : "first";
	room->kind = (enum lab_room_kind)sane_or(in, kinds[which]);
	room->zone = (enum lab_zone)sane_or(in, which == 6 ? LAB_ZONE_OWN : kind / 4 % (LAB_ZONES + 1));
	room->node = (unsigned int)sane_or(in, 0);
	room->size = sane_or(in, (1 + take8(in)) * (to->spec.page_size ? to->spec.page_size : 4096));
	room->first_frame = sane_or(in, 0);
	room->locked = memory & 128 && memory & 1;
	room->prefaulted = memory & 128 && memory & 2;
	room->bind = memory & 128 && memory & 4;
	room->watermarks = marks & 1;
	if (marks & 2) {
		room->min = sane_or(in, take8(in) % 32);
		room->low = sane_or(in, marks & 4 ? 32 : 0);
		room->high = sane_or(in, marks & 8 ? 33 + take8(in) : 0);
	}
	if (marks & 16) {
		room->holes = to->holes[number];
		room->hole_count = 1;
		to->holes[number][0] = (struct lab_hole){ sane_or(in, room->first_frame + take8(in)), sane_or(in, 1) };
	}
	if (room->kind == LAB_ROOM_VAULT || (memory & 127) == 64)
		take_user_vault(in, room);
}

static inline void take_user_spec(struct bytes *in, struct hostile_user *to)
{
	static const size_t pages[] = { 0, 4096, 16384, 65536 };
	unsigned int kind = take8(in), i;

	memset(to, 0, sizeof(*to));
	to->spec.birth = (enum lab_birth_kind)sane_or(in, kind % 8 ? LAB_LAZY : LAB_ARMED);
	to->spec.page_size = (size_t)sane_or(in, pages[kind / 8 % 4]);
	to->spec.cpus = (unsigned int)sane_or(in, kind % 3 * 2);
	to->spec.rooms = kind == 255 ? NULL : to->rooms;
	to->spec.room_count = (unsigned int)sane_or(in, 1 + kind / 64);
	to->spec.nodes = (unsigned int)sane_or(in, kind % 2);
	to->spec.distance = kind & 16 ? to->distance : NULL;
	to->spec.min_free_kbytes = sane_or(in, 0);
	to->spec.processes = kind & 32 ? (unsigned int)sane_or(in, take8(in) % 8) : 0;
	for (i = 0; i < LAB_ROOMS_MAX && i < to->spec.room_count; i++)
		take_user_room(in, to, i);
}

/* ---- which are refused by themselves ---- */

static inline bool user_vault_faulty(const struct lab_user_room *room)
{
	if (room->zone != LAB_ZONE_OWN || room->watermarks || room->min || room->low || room->high)
		return true;
	if (room->bind || room->locked || room->prefaulted)
		return true;
	if (room->guarantees & ~LAB_GUARANTEES || (unsigned int)room->vault_memory > LAB_VAULT_HUGETLB)
		return true;
	if (room->guarantees & LAB_SHREDDED_RAM && room->deferred)
		return true;
	return (unsigned int)room->shred > LAB_SHRED_ZERO || room->quarantine > 65536;
}

static inline bool user_room_faulty(const struct lab_user_spec *spec, const struct lab_user_room *room)
{
	uint64_t page = spec->page_size ? spec->page_size : 4096;

	if ((unsigned int)room->kind > LAB_ROOM_VAULT || !room->size || room->size % page)
		return true;
	if (room->kind == LAB_ROOM_VAULT)
		return user_vault_faulty(room);
	if (room->guarantees || room->vault_memory || room->quarantine || room->deferred || room->unnoticed || room->shred)
		return true;
	if (room->watermarks && (room->min || room->low || room->high))
		return true;
	if (room->kind == LAB_ROOM_HUGETLB && room->size % ((uint64_t)2 << 20))
		return true;
	if (room->kind == LAB_ROOM_METADATA && (room->locked || room->prefaulted || room->bind))
		return true;
	return room->bind && room->node >= LAB_NODES_MAX;
}

/* Shared rooms are in one memory file; beside them there is nothing but numbers. */
static inline bool user_sharing_faulty(const struct lab_user_spec *spec)
{
	unsigned int shared = 0, numbers = 0, i;

	for (i = 0; i < spec->room_count; i++) {
		shared += spec->rooms[i].kind == LAB_ROOM_SHARED;
		numbers += spec->rooms[i].kind == LAB_ROOM_METADATA;
	}
	if (!shared)
		return spec->processes;
	return shared + numbers < spec->room_count || spec->processes > 256;
}

/* As the core will be asked; the memory is not known yet. */
static inline void user_to_core(const struct lab_user_spec *spec, struct hostile *core)
{
	unsigned int shift = spec->page_size == 65536 ? 16 : spec->page_size == 16384 ? 14 : 12, i;
	uint64_t next = 0;

	memset(core, 0, sizeof(*core));
	core->spec = (struct lab_spec){ .page_shift = shift, .cpus = spec->cpus ? spec->cpus : 1, .rooms = core->rooms,
					.room_count = spec->room_count, .nodes = spec->nodes, .distance = spec->distance,
					.min_free_kbytes = spec->min_free_kbytes };
	if (core->spec.cpus > 4096)
		core->spec.cpus = 4096;
	for (i = 0; i < spec->room_count; i++) {
		const struct lab_user_room *room = &spec->rooms[i];

		core->rooms[i] = (struct lab_room_spec){ .zone = room->zone, .node = room->node, .min = room->min, .low = room->low,
							 .high = room->high, .holes = room->holes, .hole_count = room->hole_count };
		if (room->watermarks)
			core->rooms[i].min = LAB_MARK_LINUX;
		core->rooms[i].first_frame = room->first_frame ? room->first_frame : next;
		core->rooms[i].frames = room->size >> shift;
		next = (core->rooms[i].first_frame + core->rooms[i].frames + 511) & ~(uint64_t)511;
	}
}

static inline bool user_faulty(const struct lab_user_spec *spec, struct hostile *core)
{
	unsigned int i;

	if ((spec->birth != LAB_ARMED && spec->birth != LAB_LAZY) || !spec->rooms || !spec->room_count ||
	    spec->room_count > LAB_ROOMS_MAX)
		return true;
	if (spec->page_size && spec->page_size != 4096 && spec->page_size != 16384 && spec->page_size != 65536)
		return true;
	for (i = 0; i < spec->room_count; i++)
		if (user_room_faulty(spec, &spec->rooms[i]))
			return true;
	if (user_sharing_faulty(spec))
		return true;
	user_to_core(spec, core);
	if (spec_faulty(&core->spec))
		return true;
	for (i = 0; i < spec->room_count; i++)
		if (spec->rooms[i].quarantine >= rule_managed(&core->rooms[i]))
			return true;
	return false;
}

static inline bool user_has_vault(const struct lab_user_spec *spec)
{
	unsigned int i;

	for (i = 0; i < spec->room_count; i++)
		if (spec->rooms[i].kind == LAB_ROOM_VAULT)
			return true;
	return false;
}

/* ---- opened ---- */

/* A page of a vault: one's own, and overwritten when it is back. */
static inline void use_user_vault(struct labyrinth *lab, const struct lab_user_spec *spec, unsigned int number)
{
	const struct lab_user_room *room = &spec->rooms[number];
	struct lab_request request = LAB_REQUEST(LAB_GFP_ATOMIC, 0);
	size_t page_size = spec->page_size ? spec->page_size : 4096;
	struct lab_page *page;
	volatile char *address;

	CHECK(!(room->guarantees & ~lab_room_guarantees(lab, number)), "opened with less than was required: %x of %x",
	      lab_room_guarantees(lab, number), room->guarantees);
	request.room = (int16_t)number;
	page = lab_alloc_request(lab, &request, NULL);
	CHECK(!lab_is_err(page), "no page of vault %u: %d", number, lab_ptr_err(page));
	address = lab_page_address(lab, page);
	memset((char *)(uintptr_t)address, 0xa5, page_size);
	CHECK((uintptr_t)address % page_size == 0 && lab_free(lab, (char *)(uintptr_t)address, 0) == -LAB_EPERM, "nobody's free");
	CHECK(!lab_free_as(lab, page, 0, LAB_OWNER_EXCLUSIVE, 0), "%p cannot be freed", (void *)(uintptr_t)address);
	CHECK(lab_launder(lab, (int)number, UINT32_MAX) == (room->deferred ? 1 : 0), "what is laundered");
	CHECK(*(volatile uint64_t *)(uintptr_t)address != UINT64_C(0xa5a5a5a5a5a5a5a5), "not overwritten");
}

static inline void use_user_room(struct labyrinth *lab, const struct lab_user_spec *spec, unsigned int number)
{
	const struct lab_user_room *room = &spec->rooms[number];
	struct lab_request request = LAB_REQUEST(LAB_GFP_KERNEL | LAB_MEMALLOC | LAB_ZERO, 0);
	size_t page_size = spec->page_size ? spec->page_size : 4096, i;
	struct lab_room_stats stats;
	struct lab_page *page;
	char *address;

	CHECK(!lab_room_stats(lab, number, &stats), "no statistics");
	CHECK(stats.frames * page_size == room->size && stats.zone == room->zone && stats.node == room->node && stats.online,
	      "room %u is another than was asked for", number);
	CHECK(!strncmp(stats.name, room->name, LAB_NAME_MAX - 1), "its name is %s", stats.name);
	CHECK(room->watermarks || room->min == LAB_MARK_LINUX || stats.min == room->min, "its min is %" PRIu64, stats.min);
	if (room->kind == LAB_ROOM_VAULT) {
		use_user_vault(lab, spec, number);
		return;
	}
	request.room = (int16_t)number;
	page = lab_alloc_request(lab, &request, NULL);
	if (room->kind == LAB_ROOM_METADATA) {
		CHECK(lab_ptr_err(page) == -LAB_ENOTSUP, "zeroed memory where there is none");
		return;
	}
	CHECK(!lab_is_err(page), "no page of room %u: %d", number, lab_ptr_err(page));
	address = lab_page_address(lab, page);
	for (i = 0; i < page_size; i++)
		CHECK(!address[i], "a page that is not zero");
	memset(address, 0xa5, page_size);
	CHECK((uintptr_t)address % page_size == 0 && !lab_free(lab, address, 0), "%p cannot be freed", (void *)address);
}

static inline void fuzz_user(struct bytes *in)
{
	static struct hostile_user user;
	static struct hostile core;
	char error[LAB_ERROR_TEXT + 1];
	struct labyrinth *lab = NULL;
	struct lab_audit audit;
	unsigned int i;
	int result;
	bool faulty;

	take_user_spec(in, &user);
	mapped.calls = 0;
	mapped.fail = take8(in) % 16;
	memset(error, 0, sizeof(error));
	error[LAB_ERROR_TEXT] = 77;
	faulty = user_faulty(&user.spec, &core);
	result = lab_user_open(&user.spec, &lab, error);
	CHECK(error[LAB_ERROR_TEXT] == 77, "written behind the error");
	if (result) {
		CHECK(result < 0 && strlen(error) > 20 && strlen(error) < LAB_ERROR_TEXT && !strchr(error, '\n'), "error '%s'", error);
		CHECK(!strncmp(error, "room \"", 6) || !strncmp(error, "metadata: ", 10) || !strncmp(error, "specification: ", 15),
		      "whose is '%s'?", error);
		CHECK(faulty || strstr(error, " failed: ") || strstr(error, "address space") || user_has_vault(&user.spec), "refused, and nothing is wrong: %s", error);
		CHECK(!mapped.bytes, "%zu bytes are left mapped", mapped.bytes);
		CHECK(lab_user_open(&user.spec, &lab, NULL) < 0 || mapped.fail, "opened where no sentence is wanted");
		if (mapped.bytes)
			lab_user_close(lab);
		CHECK(!mapped.bytes, "%zu bytes are left mapped", mapped.bytes);
		return;
	}
	CHECK(!faulty, "opened although it is wrong");
	CHECK(!lab_audit(lab, true, &audit), "audit: %s", audit.text);
	for (i = 0; i < user.spec.room_count; i++)
		use_user_room(lab, &user.spec, i);
	CHECK(!lab_audit(lab, true, &audit), "audit: %s", audit.text);
	CHECK(lab_user_metadata_bytes(lab) >= lab_metadata_bytes(&core.spec) || core.spec.cpus == 1, "metadata");
	lab_user_close(lab);
	CHECK(!mapped.bytes, "%zu bytes are left mapped", mapped.bytes);
}

#endif
