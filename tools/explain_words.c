/* SPDX-License-Identifier: MIT */
/*
 * explain_words.c - a verdict in sentences.  Amounts are kB, as in the log.
 */
#include "explain.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct words {
	char *text; /* WORDS_MAX */
	size_t length;
};

__attribute__((format(printf, 2, 3))) static void say(struct words *w, const char *format, ...)
{
	va_list list;
	int n;

	va_start(list, format);
	n = vsnprintf(w->text + w->length, WORDS_MAX - w->length, format, list);
	va_end(list);
	if (n > 0)
		w->length += (size_t)n < WORDS_MAX - w->length ? (size_t)n : WORDS_MAX - w->length - 1;
}

static struct words begin(char *text)
{
	text[0] = '\0';
	return (struct words){ .text = text };
}

const char *right_words(enum lab_right right)
{
	static const char *const words[] = { "low", "min", "50 % of min", "37.5 % of min", "nothing" };

	return words[right];
}

const char *kind_words(enum incident_kind kind)
{
	static const char *const words[] = { "page allocation failure", "page allocation stall",
					     "out of memory" };

	return words[kind];
}

const char *says_words(enum zone_says says)
{
	static const char *const words[] = { "would serve",    "torn apart",
					     "CMA only",       "high-order-atomic only",
					     "lowmem reserve", "below the floor",
					     "unknown" };

	return words[says];
}

const char *remedy_name(enum remedy remedy)
{
	static const char *const names[] = { "later",  "smaller", "movable", "high-order-atomic",
					     "zone",   "node",    "right",   "limit",
					     "nothing" };

	return names[remedy];
}

static uint64_t kb(const struct verdict *verdict, uint64_t pages)
{
	uint64_t product;

	return __builtin_mul_overflow(pages, verdict->page_kb, &product) ? UINT64_MAX : product;
}

static uint64_t kept(const struct zone_verdict *v)
{
	return v->floor + v->reserve < v->floor ? UINT64_MAX : v->floor + v->reserve;
}

static void say_zone(struct words *w, const struct incident *incident, const struct zone_verdict *v)
{
	say(w, "node %u %s", incident->zone[v->zone].node, zone_name(incident->zone[v->zone].kind));
}

void flags_words(const struct incident *incident, const struct verdict *verdict, char *text)
{
	struct words w = begin(text);
	lab_gfp_t gfp = incident->gfp;

	say(&w, "may %ssleep; may draw down to %s; zones from %s down; %s", verdict->may_sleep ? "" : "not ",
	    right_words(verdict->right), zone_name(verdict->highest),
	    gfp & LAB_MOVABLE       ? "movable"
	    : gfp & LAB_RECLAIMABLE ? "reclaimable"
				    : "unmovable");
	if (gfp & LAB_THISNODE)
		say(&w, "; its own node only");
	if ((gfp & LAB_MEMALLOC) && (gfp & LAB_NOMEMALLOC))
		say(&w, "; NOMEMALLOC beats MEMALLOC");
	if (!verdict->may_sleep && !(gfp & LAB_KSWAPD_RECLAIM))
		say(&w, "; wakes no reclaim");
	if (gfp & LAB_NORETRY)
		say(&w, "; gives up early (NORETRY)");
	if (gfp & LAB_NOFAIL)
		say(&w, "; must not fail (NOFAIL)");
}

/* "has 1180 kB free (of them 20 kB for it), and 1540 kB are wanted: 1536 kB must stay (...) and 4 kB for the request" */
static void say_shortage(struct words *w, const struct incident *incident, const struct verdict *verdict,
			 const struct zone_verdict *v)
{
	uint64_t request = (uint64_t)1 << incident->order, wanted = kept(v);

	wanted = wanted + request < wanted ? UINT64_MAX : wanted + request;
	say(w, " had %" PRIu64 " kB free", kb(verdict, v->free));
	if (v->usable != v->free)
		say(w, ", %" PRIu64 " kB of it for such requests,", kb(verdict, v->usable));
	say(w, " where it takes %" PRIu64 " kB: %" PRIu64 " kB that must stay (%s", kb(verdict, wanted),
	    kb(verdict, kept(v)), right_words(verdict->right));
	if (v->reserve)
		say(w, ", %" PRIu64 " kB, and lowmem reserve, %" PRIu64 " kB", kb(verdict, v->floor),
		    kb(verdict, v->reserve));
	say(w, ") and %" PRIu64 " kB for the request", kb(verdict, request));
}

static void say_torn(struct words *w, const struct incident *incident, const struct verdict *verdict,
		     const struct zone_verdict *v)
{
	say(w,
	    " had %" PRIu64 " kB free, enough above the %" PRIu64
	    " kB that must stay (%s), but torn apart: no free block of order %u "
	    "or larger, ",
	    kb(verdict, v->usable), kb(verdict, kept(v)), right_words(verdict->right), incident->order);
	if (v->largest < 0)
		say(w, "not even a single page that it may use");
	else
		say(w, "the largest that it may use is of order %d", v->largest);
}

/* A lower zone that has plenty, for others. */
static void say_protected(struct words *w, const struct incident *incident, const struct verdict *verdict)
{
	unsigned int i;

	for (i = 0; i < verdict->count; i++) {
		const struct zone_verdict *v = &verdict->walk[i];

		if ((int)i == verdict->decisive || v->says != SAYS_RESERVE)
			continue;
		say(w, "; ");
		say_zone(w, incident, v);
		say(w, " had %" PRIu64 " kB, kept by its lowmem reserve of %" PRIu64 " kB",
		    kb(verdict, v->usable), kb(verdict, v->reserve));
	}
}

static void say_decisive(struct words *w, const struct incident *incident, const struct verdict *verdict)
{
	const struct zone_verdict *v = &verdict->walk[verdict->decisive];

	if (v->says == SAYS_SERVES)
		say(w, "By the report's numbers it would be served: ");
	else if (v->says == SAYS_TORN)
		say(w, "No block of order %u: ", incident->order);
	else if (v->says == SAYS_RESERVE)
		say(w, "Stopped at the lowmem reserve: ");
	else
		say(w, "Stopped at %s: ",
		    verdict->right == LAB_RIGHT_ALL ? "the last page" : right_words(verdict->right));
	say_zone(w, incident, v);
	if (v->says == SAYS_SERVES)
		say(w,
		    " had %" PRIu64 " kB free, and %" PRIu64
		    " kB must stay; so memory was freed between the refusal and the report",
		    kb(verdict, v->usable), kb(verdict, kept(v)));
	else if (v->says == SAYS_TORN)
		say_torn(w, incident, verdict, v);
	else
		say_shortage(w, incident, verdict, v);
	if (v->says != SAYS_SERVES)
		say_protected(w, incident, verdict);
	if (v->says != SAYS_SERVES && verdict->may_sleep)
		say(w, "; it may sleep, and reclaim did not bring enough");
	say(w, ".");
}

void sentence_words(const struct incident *incident, const struct verdict *verdict, char *text)
{
	struct words w = begin(text);

	if (incident->constraint == CONSTRAINT_MEMCG)
		say(&w, "Stopped by the limit of its memory control group: no zone's floor was failed.");
	else if (incident->by_hand)
		say(&w, "Asked for by hand (SysRq): no request was refused.");
	else if (verdict->decisive >= 0)
		say_decisive(&w, incident, verdict);
	else if (incident->mem_info && incident->has_order && incident->has_gfp && !verdict->count &&
		 incident->zones)
		say(&w, "None of the zones that its flags and nodes allow is in the report.");
	else
		say(&w, "The report does not have the numbers that tell which floor failed.");
}

/* ---------------------------------------------------------------- remedies */

static void say_right(struct words *w, const struct incident *incident, const struct verdict *verdict)
{
	static const char *const names[LAB_RIGHTS] = { "", "", "__GFP_HIGH", "GFP_ATOMIC", "__GFP_MEMALLOC" };

	say(w, "a deeper right: %s (%s) reaches down to %s, and ", names[verdict->deeper_right],
	    verdict->deeper_right == LAB_RIGHT_ALL ? "for those who free memory by it"
						   : "for those who cannot wait",
	    right_words(verdict->deeper_right));
	say_zone(w, incident, &verdict->deeper);
	say(w, " had it");
}

static void say_smaller(struct words *w, const struct incident *incident, const struct verdict *verdict)
{
	const struct zone_verdict *v = NULL;
	unsigned int i;

	for (i = 0; i < verdict->count && !v; i++)
		if (verdict->walk[i].says == SAYS_TORN)
			v = &verdict->walk[i];
	if (!v)
		return;
	say(w, "smaller blocks: ");
	say_zone(w, incident, v);
	say(w,
	    " had %" PRIu64 " kB above its floor in pieces (single pages and scatter-gather, or compaction, "
			    "or an area kept together, CMA)",
	    kb(verdict, v->usable - kept(v)));
}

/* A figure of the zones that were torn apart, or would have served but for what the figure counts. */
static uint64_t withheld_kb(const struct incident *incident, const struct verdict *verdict,
			    enum zone_field field)
{
	enum zone_says says = field == FIELD_FREE_CMA ? SAYS_CMA : SAYS_HIGHATOMIC;
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < verdict->count; i++)
		if (verdict->walk[i].says == says || verdict->walk[i].says == SAYS_TORN)
			if (__builtin_add_overflow(sum, incident->zone[verdict->walk[i].zone].kb[field],
						   &sum))
				return UINT64_MAX;
	return sum;
}

void remedy_words(const struct incident *incident, const struct verdict *verdict, enum remedy remedy,
		  char *text)
{
	struct words w = begin(text);

	switch (remedy) {
	case REMEDY_LATER:
		say(&w, "the same request a moment later");
		break;
	case REMEDY_SMALLER:
		say_smaller(&w, incident, verdict);
		break;
	case REMEDY_MOVABLE:
		say(&w, "a movable request: %" PRIu64 " kB were free in contiguous-memory areas",
		    withheld_kb(incident, verdict, FIELD_FREE_CMA));
		break;
	case REMEDY_HIGHATOMIC:
		say(&w, "a request that may not sleep: up to %" PRIu64 " kB were kept for blocks of such",
		    withheld_kb(incident, verdict, FIELD_RESERVED_HIGHATOMIC));
		break;
	case REMEDY_ZONE:
	case REMEDY_NODE:
		say(&w, "another %s: ", remedy == REMEDY_ZONE ? "zone" : "node");
		say_zone(&w, incident, &verdict->other);
		say(&w, " had %" PRIu64 " kB free, but %s does not allow it",
		    kb(verdict, verdict->other.usable),
		    remedy == REMEDY_ZONE ? "the flag for the zone" : "its nodemask or cpuset");
		break;
	case REMEDY_RIGHT:
		say_right(&w, incident, verdict);
		break;
	case REMEDY_LIMIT:
		say(&w, "a higher limit of its group, or less charged to it");
		break;
	default:
		say(&w, "nothing that was there: pages must be freed first (earlier reclaim: a larger "
			"min_free_kbytes or "
			"watermark_scale_factor), or kept for it beforehand");
	}
}

/* ---------------------------------------------------------------- what is missing */

static unsigned int zones_without(const struct incident *incident,
				  bool (*lacks)(const struct zone_report *zone))
{
	unsigned int i, n = 0;

	for (i = 0; i < incident->zones; i++)
		n += lacks(&incident->zone[i]);
	return n;
}

/* Zones whose line of blocks does not reach the order that was asked for. */
static unsigned int zones_without_blocks(const struct incident *incident)
{
	unsigned int i, n = 0;

	for (i = 0; i < incident->zones; i++)
		n += incident->zone[i].orders <= incident->order;
	return n;
}

static bool lacks_numbers(const struct zone_report *zone)
{
	return !(zone->has & 1u << FIELD_FREE) || !(zone->has & 1u << FIELD_MIN);
}

static bool lacks_reserve(const struct zone_report *zone)
{
	return !zone->reserves;
}

bool missing_words(const struct incident *incident, const struct verdict *verdict, unsigned int part,
		   char *text)
{
	bool zones = incident->zones > 0;
	const struct {
		bool is;
		const char *what;
	} all[] = {
		{ !incident->has_order && !incident->by_hand, "the order" },
		{ !incident->has_gfp, "the flags" },
		{ incident->gfp_cut, "the end of the flags' names (the number was read instead)" },
		{ incident->gfp_unknown > 0, "the meaning of a flag that is not known here" },
		{ !zones && incident->constraint != CONSTRAINT_MEMCG,
		  incident->mem_info ? "the zones' lines behind Mem-Info" : "Mem-Info" },
		{ zones && zones_without(incident, lacks_numbers), "free or min of a zone" },
		{ zones && zones_without(incident, lacks_reserve), "a zone's line lowmem_reserve[]" },
		{ zones && incident->order && zones_without_blocks(incident),
		  "a zone's line of free blocks" },
		{ zones && !verdict->reserves_fit, "what the entries of lowmem_reserve[] stand for" },
		{ incident->cut, "the end of a line" },
		{ incident->too_large > 0, "a number of more than 64 bits" },
		{ incident->too_many, "zones beyond the 256th" },
		{ verdict->node_unsure, "which node is its own (every node was looked at)" },
	};
	unsigned int i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i].is && !part--) {
			snprintf(text, WORDS_MAX, "%s", all[i].what);
			return true;
		}
	return false;
}
