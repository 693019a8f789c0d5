/* SPDX-License-Identifier: MIT */
/*
 * explain_own.c - the lines that lab_user_report() writes (SPEC.md, "Refusals as text"), read back.
 *
 * A line is taken whole or not at all: every key in its place, every number within its type.
 */
#include "explain.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *const right_names[LAB_RIGHTS] = { "low", "min", "high", "atomic", "all" };
static const char *const remedy_names[] = {
	"none", "right", "quota", "share", "compaction", "zone", "again"
};
#define REMEDY_NAMES (sizeof(remedy_names) / sizeof(remedy_names[0]))

/* What is left of a line; NULL once something was not as it must be. */
struct line {
	const char *at;
};

static void key(struct line *line, const char *name)
{
	size_t length = strlen(name);

	if (line->at)
		line->at = !strncmp(line->at, name, length) ? line->at + length : NULL;
}

static int64_t number(struct line *line, const char *name, int64_t least, int64_t most)
{
	long long value;
	char *end;

	key(line, name);
	if (!line->at || *line->at == ' ')
		return 0;
	errno = 0;
	value = strtoll(line->at, &end, strncmp(line->at, "0x", 2) ? 10 : 16);
	line->at = errno || end == line->at || value < least || value > most || (*end && *end != ' ') ? NULL
												      : end;
	return line->at ? value : 0;
}

/* One of the names; "-": as many as there are. */
static unsigned int word(struct line *line, const char *name, const char *const *names, unsigned int count)
{
	unsigned int i;
	size_t length;

	key(line, name);
	if (!line->at)
		return count;
	length = strcspn(line->at, " ");
	for (i = 0; i < count; i++)
		if (strlen(names[i]) == length && !strncmp(line->at, names[i], length))
			break;
	line->at = i < count || (length == 1 && *line->at == '-') ? line->at + length : NULL;
	return i;
}

static void quoted(struct line *line, const char *name, char *text)
{
	size_t length, i;

	key(line, name);
	if (!line->at)
		return;
	length = strcspn(line->at, "\"");
	if (length >= LAB_NAME_MAX || line->at[length] != '"') {
		line->at = NULL;
		return;
	}
	for (i = 0; i < length; i++)
		text[i] = line->at[i] < ' ' || line->at[i] > '~' ? '?' : line->at[i];
	text[length] = '\0';
	line->at += length + 1;
}

static bool parse_refusal(const char *text, struct own_refusal *own)
{
	struct lab_refusal *r = &own->refusal;
	struct line line = { text };

	r->sequence = (uint32_t)number(&line, "sequence=", 0, UINT32_MAX);
	r->error = (int16_t)number(&line, " error=", -4095, -1);
	r->order = (uint8_t)number(&line, " order=", 0, UINT8_MAX);
	r->gfp = (lab_gfp_t)number(&line, " gfp=", 0, UINT32_MAX);
	r->right = (uint8_t)word(&line, " right=", right_names, LAB_RIGHTS);
	r->owner = (uint16_t)number(&line, " owner=", 0, UINT16_MAX);
	r->node = (int16_t)number(&line, " node=", -1, INT16_MAX);
	r->room = (int16_t)number(&line, " room=", -1, INT16_MAX);
	quoted(&line, " name=\"", own->room_name);
	r->floor = (uint32_t)number(&line, " floor=", 0, UINT32_MAX);
	r->remedy = (uint8_t)word(&line, " remedy=", remedy_names, REMEDY_NAMES);
	r->remedy_right = (uint8_t)word(&line, " remedy_right=", right_names, LAB_RIGHTS);
	r->remedy_room = (int16_t)number(&line, " remedy_room=", -1, INT16_MAX);
	return line.at && !*line.at;
}

static bool parse_room(const char *text, struct own_refusal *own)
{
	struct line line = { text };
	unsigned int n = own->rooms;

	if (n == LAB_ROOMS_MAX)
		return false;
	own->at[n].room = (unsigned int)number(&line, "room=", 0, LAB_ROOMS_MAX - 1);
	quoted(&line, " name=\"", own->at[n].name);
	own->at[n].commons = number(&line, " commons=", 0, 1);
	own->at[n].bands = (uint32_t)number(&line, " bands=", 0, UINT32_MAX);
	if (!line.at || *line.at)
		return false;
	own->rooms++;
	return true;
}

static bool parse_vault(const char *text, struct own_refusal *own)
{
	struct own_vault vault = { 0 };
	struct line line = { text };
	const struct {
		const char *name;
		uint64_t *to;
	} figures[] = { { " frames=", &vault.frames },	       { " free=", &vault.free },	{ " used=", &vault.used },
			{ " kept=", &vault.kept },	       { " quarantine=", &vault.quarantine }, { " laundry=", &vault.laundry },
			{ " offline=", &vault.offline } };
	unsigned int i;

	vault.room = (unsigned int)number(&line, "room=", 0, LAB_ROOMS_MAX - 1);
	quoted(&line, " name=\"", vault.name);
	for (i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
		*figures[i].to = (uint64_t)number(&line, figures[i].name, 0, INT64_MAX);
	if (own->vaults == LAB_ROOMS_MAX || !line.at || *line.at)
		return false;
	own->vault[own->vaults++] = vault;
	return true;
}

void own_inherit(struct own_refusal *own, const struct own_refusal *before)
{
	own->vaults = before->vaults;
	memcpy(own->vault, before->vault, sizeof(own->vault));
}

/* What stands behind this head, wherever a log has put it in the line; NULL: it is not there. */
static const char *behind(const char *text, const char *head)
{
	const char *found = strstr(text, head);

	return found ? found + strlen(head) : NULL;
}

enum own_line own_parse(const char *text, struct own_refusal *own)
{
	const char *room = behind(text, "labyrinth first refusal room: "),
		   *first = behind(text, "labyrinth first refusal: "),
		   *last = behind(text, "labyrinth refusal: "), *vault = behind(text, "labyrinth vault: ");

	if (room)
		return parse_room(room, own) ? OWN_ROOM : OWN_BAD;
	if (vault)
		return parse_vault(vault, own) ? OWN_VAULT : OWN_BAD;
	if (!first && !last)
		return OWN_NONE;
	*own = (struct own_refusal){ .first = first != NULL };
	return parse_refusal(first ? first : last, own) ? OWN_REFUSAL : OWN_BAD;
}

/* ---------------------------------------------------------------- in words */

static const char *error_words(int error)
{
	switch (-error) {
	case LAB_ENOMEM:
		return "no frame that it may have was free";
	case LAB_ENOSPC:
		return "frames were free, but no such block";
	case LAB_EAGAIN:
		return "not found, and not proven to be absent";
	case LAB_EDQUOT:
		return "beyond its client's share of the reserves";
	default:
		return "refused";
	}
}

/* The vault that refused; NULL: it was none, or nothing is told of it. */
static const struct own_vault *vault_of(const struct own_refusal *own)
{
	unsigned int i;

	for (i = 0; i < own->vaults; i++)
		if ((int)own->vault[i].room == own->refusal.room && !strcmp(own->vault[i].name, own->room_name))
			return &own->vault[i];
	return NULL;
}

/* Where a vault had frames that nobody used, when the report was written. */
static void vault_remedy(const struct own_vault *vault, char *text, size_t size)
{
	if (vault->laundry)
		snprintf(text, size, "lab_launder(), or a keeper, which calls it: %" PRIu64 " freed frames wait in the laundry", vault->laundry);
	else
		snprintf(text, size, "nothing that was there: more frames%s%s, or a contract for it beforehand",
			 vault->quarantine ? ", a smaller quarantine" : "", vault->kept ? ", less kept for clients" : "");
}

/* A sentence more: the figures, and of when they are. */
static void vault_words(const struct own_vault *vault, char *text, size_t size)
{
	snprintf(text, size,
		 " When the report was written, of its %" PRIu64 " frames %" PRIu64 " were free, %" PRIu64 " in use, %" PRIu64
		 " kept for clients, %" PRIu64 " in quarantine, %" PRIu64 " in the laundry, %" PRIu64 " out of service.",
		 vault->frames, vault->free, vault->used, vault->kept, vault->quarantine, vault->laundry, vault->offline);
}

static void remedy_of(const struct own_refusal *own, char *text, size_t size)
{
	const struct lab_refusal *r = &own->refusal;
	const char *right =
		r->remedy_right < LAB_RIGHTS ? right_words((enum lab_right)r->remedy_right) : "its reserves";

	switch (r->remedy < REMEDY_NAMES ? (enum lab_remedy)r->remedy : LAB_REMEDY_NONE) {
	case LAB_REMEDY_RIGHT:
		snprintf(text, size, "a deeper right: down to %s", right);
		break;
	case LAB_REMEDY_QUOTA:
		snprintf(text, size, "a higher maximum for client %u", r->owner);
		break;
	case LAB_REMEDY_SHARE:
		snprintf(text, size, "a larger share of the reserves for client %u", r->owner);
		break;
	case LAB_REMEDY_COMPACTION:
		snprintf(text, size, "smaller blocks, or frames side by side");
		break;
	case LAB_REMEDY_ZONE:
		snprintf(text, size, "another room, %d, which the request did not allow", r->remedy_room);
		break;
	case LAB_REMEDY_AGAIN:
		snprintf(text, size, "the same request, again");
		break;
	default:
		if (vault_of(own))
			vault_remedy(vault_of(own), text, size);
		else
			snprintf(text, size, "nothing that was there: more memory, or a contract for it beforehand");
	}
}

void own_words(const struct own_refusal *own, char *text)
{
	const struct lab_refusal *r = &own->refusal;
	char remedy[160], place[160], figures[256] = "";

	if (vault_of(own))
		vault_words(vault_of(own), figures, sizeof(figures));
	if (r->error == -LAB_EDQUOT && r->remedy == LAB_REMEDY_QUOTA) /* before any room was looked at */
		snprintf(place, sizeof(place), "by its client: beyond its maximum");
	else if (r->room < 0)
		snprintf(place, sizeof(place), "because no room suited: %s", error_words(r->error));
	else if (r->right == LAB_RIGHT_ALL && !r->floor)
		snprintf(place, sizeof(place), "in room %d \"%s\", all of which it may have: %s", r->room,
			 own->room_name, error_words(r->error));
	else if (!r->floor)
		snprintf(place, sizeof(place), "in %s %d \"%s\", which keeps no reserve: %s", vault_of(own) ? "vault" : "room", r->room,
			 own->room_name, error_words(r->error));
	else
		snprintf(place, sizeof(place),
			 "at %s of room %d \"%s\", where %" PRIu32 " frames must stay: %s",
			 r->right < LAB_RIGHTS ? right_words((enum lab_right)r->right) : "a floor", r->room,
			 own->room_name, r->floor, error_words(r->error));
	remedy_of(own, remedy, sizeof(remedy));
	snprintf(text, WORDS_MAX, "Stopped %s. Would have served it: %s.%s", place, remedy, figures);
}

static void flag_names(lab_gfp_t gfp, char *text, size_t size)
{
	static const char *const names[] = {
		"DMA",   "HIGHMEM",  "DMA32",      "MOVABLE",        "RECLAIMABLE",
		"HIGH",  "MEMALLOC", "NOMEMALLOC", "DIRECT_RECLAIM", "KSWAPD_RECLAIM",
		"IO",    "FS",       "NORETRY",    "RETRY_MAYFAIL",  "NOFAIL",
		"ZERO",  "COMP",     "NOWARN",     "THISNODE",       "HARDWALL",
		"WRITE", "ACCOUNT",  "COLD",       "EXCLUSIVE",      "EXTRA_QUALITY",
		"RAW"
	};
	size_t length = 0;
	unsigned int i;

	snprintf(text, size, "%s", gfp ? "" : "none");
	for (i = 0; i < sizeof(names) / sizeof(names[0]) && length < size; i++)
		if (gfp >> i & 1)
			length += (size_t)snprintf(text + length, size - length, "%s%s", length ? "|" : "",
						   names[i]);
}

void own_print(const char *name, uint64_t line, const struct own_refusal *own, FILE *file)
{
	const struct lab_refusal *r = &own->refusal;
	char text[WORDS_MAX], flags[256];
	unsigned int i;

	flag_names(r->gfp, flags, sizeof(flags));
	fprintf(file,
		"%s:%" PRIu64 ": a labyrinth's %srefusal %" PRIu32 ", order %u, owner %u, %s (error %d)\n",
		name, line, own->first ? "first " : "", r->sequence, r->order, r->owner, flags, r->error);
	own_words(own, text);
	fprintf(file, "  verdict: %s\n", text);
	for (i = 0; i < own->rooms; i++)
		fprintf(file, "    room %u \"%s\": commons %s, pools with frames 0x%" PRIx32 "\n",
			own->at[i].room, own->at[i].name, own->at[i].commons ? "had frames" : "empty",
			own->at[i].bands);
}

/* null: it was no vault, or nothing is told of it. */
static json_t *vault_json(const struct own_vault *vault)
{
	if (!vault)
		return json_null();
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "frames", (json_int_t)vault->frames, "free", (json_int_t)vault->free, "used",
			 (json_int_t)vault->used, "kept", (json_int_t)vault->kept, "quarantine", (json_int_t)vault->quarantine, "laundry",
			 (json_int_t)vault->laundry, "offline", (json_int_t)vault->offline);
}

json_t *own_json(uint64_t line, const struct own_refusal *own)
{
	const struct lab_refusal *r = &own->refusal;
	char text[WORDS_MAX], flags[256];
	json_t *root = json_object(), *rooms = json_array();
	unsigned int i;

	flag_names(r->gfp, flags, sizeof(flags));
	own_words(own, text);
	json_object_set_new(root, "line", json_integer((json_int_t)line));
	json_object_set_new(root, "kind",
			    json_string(own->first ? "labyrinth first refusal" : "labyrinth refusal"));
	json_object_set_new(root, "sequence", json_integer(r->sequence));
	json_object_set_new(root, "error", json_integer(r->error));
	json_object_set_new(root, "order", json_integer(r->order));
	json_object_set_new(root, "flags", json_string(flags));
	json_object_set_new(root, "right",
			    r->right < LAB_RIGHTS ? json_string(right_names[r->right]) : json_null());
	json_object_set_new(root, "owner", json_integer(r->owner));
	json_object_set_new(root, "node", json_integer(r->node));
	json_object_set_new(root, "room", json_integer(r->room));
	json_object_set_new(root, "room_name", json_string(own->room_name));
	json_object_set_new(root, "floor_frames", json_integer(r->floor));
	json_object_set_new(root, "remedy",
			    json_string(r->remedy < REMEDY_NAMES ? remedy_names[r->remedy] : "none"));
	json_object_set_new(root, "verdict", json_string(text));
	for (i = 0; i < own->rooms; i++)
		json_array_append_new(rooms, json_pack("{s:i, s:s, s:b, s:I}", "room", (int)own->at[i].room,
						       "name", own->at[i].name, "commons", own->at[i].commons,
						       "bands", (json_int_t)own->at[i].bands));
	json_object_set_new(root, "rooms", rooms);
	json_object_set_new(root, "vault_now", vault_json(vault_of(own)));
	return root;
}
