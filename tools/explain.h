/* SPDX-License-Identifier: MIT */
/*
 * explain.h - what `labyrinth explain` knows of a refused request, from a kernel's log.
 *
 *     explain_prefix  what a log puts before a line
 *     explain_read    lines -> incidents: finds reports, joins wrapped lines
 *     explain_parse   one line's fields
 *     explain_judge   Linux's rule over an incident's numbers: which floor failed where, what would have served
 *     explain_words   the same in sentences
 *     explain_print, explain_json
 *     explain_own     the records that a labyrinth prints itself (lab_user_report())
 *
 * A log is not to be trusted: whatever is missing, cut off or too large is left out and said.
 */
#ifndef TOOLS_EXPLAIN_H
#define TOOLS_EXPLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <labyrinth.h>

#define EXPLAIN_ZONES_MAX 256u
#define EXPLAIN_ORDERS_MAX 16u
#define EXPLAIN_RESERVES_MAX 8u
#define EXPLAIN_NODES_MAX 1024u
#define EXPLAIN_TASK_MAX 64u
#define EXPLAIN_FLAGS_MAX 512u

/* Linux's zones, the lowest first. */
enum zone_kind { ZONE_DMA, ZONE_DMA32, ZONE_NORMAL, ZONE_HIGHMEM, ZONE_MOVABLE, ZONE_DEVICE, ZONE_KINDS };

/* The numbers of a zone's line that matter here, in kB. */
enum zone_field {
	FIELD_FREE,
	FIELD_BOOST,
	FIELD_MIN,
	FIELD_LOW,
	FIELD_HIGH,
	FIELD_RESERVED_HIGHATOMIC,
	FIELD_FREE_HIGHATOMIC,
	FIELD_PRESENT,
	FIELD_MANAGED,
	FIELD_FREE_PCP,
	FIELD_FREE_CMA,
	FIELDS,
};

/* The letters behind a count of blocks. */
#define TYPE_UNMOVABLE 1u
#define TYPE_MOVABLE 2u
#define TYPE_RECLAIMABLE 4u
#define TYPE_HIGHATOMIC 8u
#define TYPE_CMA 16u
#define TYPE_ISOLATED 32u
#define TYPE_RESERVE 64u /* before 4.4: the last resort of every request */

struct zone_report {
	unsigned int node;
	enum zone_kind kind;
	uint32_t has; /* a bit a field that was there */
	uint64_t kb[FIELDS];
	unsigned int reserves; /* how many entries lowmem_reserve[] had; 0: no such line */
	uint64_t reserve[EXPLAIN_RESERVES_MAX]; /* pages */
	unsigned int orders; /* how many orders the line of blocks had; 0: no such line */
	uint64_t first_kb; /* the size of its first blocks: a page */
	uint64_t blocks[EXPLAIN_ORDERS_MAX];
	uint8_t types[EXPLAIN_ORDERS_MAX]; /* 0: no letters */
};

enum incident_kind { INCIDENT_FAILURE, INCIDENT_STALL, INCIDENT_OOM };
enum incident_constraint { CONSTRAINT_NONE, CONSTRAINT_MEMCG, CONSTRAINT_CPUSET, CONSTRAINT_POLICY };

/* A list of nodes as the kernel prints it; not `given`: every node. */
struct node_list {
	bool given;
	uint8_t bit[EXPLAIN_NODES_MAX / 8];
};

struct incident {
	enum incident_kind kind;
	enum incident_constraint constraint;
	uint64_t line; /* of the file, from 1 */
	char task[EXPLAIN_TASK_MAX];
	int64_t cpu, pid; /* -1: not told */
	bool has_order, has_gfp, by_hand, gfp_cut, gfp_number_only, mem_info;
	unsigned int order;
	unsigned int gfp_unknown; /* names that no known kernel prints */
	lab_gfp_t gfp;
	char flags[EXPLAIN_FLAGS_MAX]; /* as printed */
	struct node_list nodemask, mems;
	bool cut; /* a line ended in the middle of a word */
	bool too_many; /* zones */
	unsigned int too_large; /* numbers that do not fit */
	unsigned int zones;
	struct zone_report zone[EXPLAIN_ZONES_MAX];
};

/* ---------------------------------------------------------------- explain_prefix.c */

/* The text behind time, host, level and the like; *prefixed: there was something. */
char *prefix_skip(char *line, bool *prefixed);

/* ---------------------------------------------------------------- explain_parse.c */

enum line_class {
	CLASS_OTHER,
	CLASS_HEADER,
	CLASS_CPU,
	CLASS_MEM_INFO,
	CLASS_ZONE,
	CLASS_RESERVE,
	CLASS_BLOCKS,
	CLASS_CONSTRAINT,
};
enum line_class line_classify(const char *text);
/* Might `text` go on where the wrapped line `before` of this class stopped? */
bool line_continues(enum line_class class, const char *before, const char *text);
/* Is it wholly made of what such a line consists of?  (Each piece may have been logged as a line of its own.) */
bool line_is_piece(enum line_class class, const char *text);
/* "Node 0", and nothing else: logged apart from the zone's line behind it. */
bool line_is_node(const char *text);
/* Does `before` end with a whole word, so that a blank belongs behind it? */
bool line_ends_whole(enum line_class class, const char *before);

void parse_header(struct incident *incident, const char *text);
void parse_cpu(struct incident *incident, const char *text);
void parse_constraint(struct incident *incident, const char *text);
/* These return the zone that the line is of; NULL: no room for it.  *again: it was told before. */
struct zone_report *parse_zone(struct incident *incident, const char *text, bool *again);
struct zone_report *parse_blocks(struct incident *incident, const char *text, bool *again);
void parse_reserve(struct incident *incident, struct zone_report *zone, const char *text);
const char *zone_name(enum zone_kind kind);

/* ---------------------------------------------------------------- explain_read.c */

struct explain_reader;
struct explain_reader *reader_new(void (*done)(const struct incident *incident, void *context),
				  void *context);
void reader_line(struct explain_reader *reader, char *line, uint64_t number);
/* The end of the text: what is unfinished is handed out.  True: there was a Mem-Info without a report's head. */
bool reader_end(struct explain_reader *reader);

/* ---------------------------------------------------------------- explain_judge.c */

enum zone_says {
	SAYS_SERVES, /* by its line, it would have: freed between refusal and report */
	SAYS_TORN, /* enough above the floor, no such block */
	SAYS_CMA, /* enough, were it not contiguous-memory pages, which only movable requests get */
	SAYS_HIGHATOMIC, /* enough, were it not kept for blocks of those who may not sleep */
	SAYS_RESERVE, /* above its floor, but not above floor and lowmem reserve */
	SAYS_FLOOR, /* below its floor */
	SAYS_UNKNOWN, /* numbers are missing */
};

struct zone_verdict {
	unsigned int zone; /* index into the incident's zones */
	enum zone_says says;
	uint64_t free, usable, floor, reserve; /* pages */
	bool reserve_known;
	int largest; /* order of its largest usable block; -1: none, or not told */
};

enum remedy {
	REMEDY_LATER, /* the same request a moment later */
	REMEDY_SMALLER, /* smaller blocks; compaction */
	REMEDY_MOVABLE, /* a movable request: contiguous-memory pages */
	REMEDY_HIGHATOMIC, /* the right to the high-order-atomic reserve */
	REMEDY_ZONE, /* another zone */
	REMEDY_NODE, /* another node */
	REMEDY_RIGHT, /* a deeper right */
	REMEDY_LIMIT, /* a higher limit of the group */
	REMEDY_NOTHING,
	REMEDIES,
};

struct verdict {
	uint64_t page_kb;
	enum lab_right right;
	enum zone_kind highest;
	bool may_sleep, movable;
	bool reserves_fit; /* the entries of lowmem_reserve[] could be told apart */
	bool node_unsure; /* THISNODE, and several nodes */
	unsigned int count; /* zones of the walk, in its order */
	struct zone_verdict walk[EXPLAIN_ZONES_MAX];
	int decisive; /* index into walk; -1: nothing to judge */
	bool remedy[REMEDIES];
	struct zone_verdict other, deeper; /* where REMEDY_ZONE or _NODE, and _RIGHT, would have led */
	enum lab_right deeper_right;
};

void judge(const struct incident *incident, struct verdict *verdict);

/* ---------------------------------------------------------------- explain_words.c */

#define WORDS_MAX 640u

const char *right_words(enum lab_right right);
const char *kind_words(enum incident_kind kind);
const char *says_words(enum zone_says says);
const char *remedy_name(enum remedy remedy);
void flags_words(const struct incident *incident, const struct verdict *verdict, char *text);
void sentence_words(const struct incident *incident, const struct verdict *verdict, char *text);
void remedy_words(const struct incident *incident, const struct verdict *verdict, enum remedy remedy,
		  char *text);
/* What is missing, `part` = 0, 1, ...  False: no more. */
bool missing_words(const struct incident *incident, const struct verdict *verdict, unsigned int part,
		   char *text);

/* ---------------------------------------------------------------- printing */

#include <jansson.h>
#include <stdio.h>

void incident_print(const char *name, const struct incident *incident, const struct verdict *verdict,
		    FILE *file);
json_t *incident_json(const struct incident *incident, const struct verdict *verdict);

/* ---------------------------------------------------------------- explain_own.c */

/* Where a vault's frames were when the report was written. */
struct own_vault {
	unsigned int room;
	uint64_t frames, free, used, kept, quarantine, laundry, offline;
	char name[LAB_NAME_MAX];
};

struct own_refusal {
	bool first; /* the first of all, remembered with its rooms */
	struct lab_refusal refusal;
	char room_name[LAB_NAME_MAX];
	unsigned int rooms; /* lines of rooms behind a first one */
	struct {
		unsigned int room;
		bool commons;
		uint32_t bands;
		char name[LAB_NAME_MAX];
	} at[LAB_ROOMS_MAX];
	unsigned int vaults; /* of the whole report; they stand behind the first one */
	struct own_vault vault[LAB_ROOMS_MAX];
};

enum own_line { OWN_NONE, OWN_BAD, OWN_REFUSAL, OWN_ROOM, OWN_VAULT };
/* Read one line, for OWN_REFUSAL into a cleared *own, for OWN_ROOM and OWN_VAULT (of a first refusal) added to it. */
enum own_line own_parse(const char *text, struct own_refusal *own);
/* A later refusal of the same report: its vaults are those that stood behind the first. */
void own_inherit(struct own_refusal *own, const struct own_refusal *before);
void own_words(const struct own_refusal *own, char *text);
void own_print(const char *name, uint64_t line, const struct own_refusal *own, FILE *file);
json_t *own_json(uint64_t line, const struct own_refusal *own);

#endif
