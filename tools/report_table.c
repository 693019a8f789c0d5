/* SPDX-License-Identifier: MIT */
/*
 * report_table.c - the table: a row a figure, a column a trace, at most three columns side by side.
 */
#include "report_figures.h"

#include <inttypes.h>
#include <string.h>

#define COLUMNS 3u
#define LABEL_WIDTH 38
#define COLUMN_WIDTH 30

/* 1234567 -> "1,234,567" */
static void with_commas(uint64_t value, char *text, size_t size)
{
	char digits[24];
	size_t length, i, at = 0;

	length = (size_t)snprintf(digits, sizeof(digits), "%" PRIu64, value);
	for (i = 0; i < length && at + 2 < size; i++) {
		if (i && (length - i) % 3 == 0)
			text[at++] = ',';
		text[at++] = digits[i];
	}
	text[at] = '\0';
}

static void bytes_text(uint64_t bytes, char *text, size_t size)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double value = (double)bytes;
	unsigned int unit = 0;

	while (value >= 1024 && unit < 4) {
		value /= 1024;
		unit++;
	}
	snprintf(text, size,
		 value < 10 && unit    ? "%.2f %s"
		 : value < 100 && unit ? "%.1f %s"
				       : "%.0f %s",
		 value, units[unit]);
}

/* Nanoseconds short enough for four of them in a column. */
static void ns_text(double ns, char *text, size_t size)
{
	if (ns < 9999.5)
		snprintf(text, size, "%.0f", ns);
	else if (ns < 999500)
		snprintf(text, size, "%.0fk", ns / 1e3);
	else
		snprintf(text, size, "%.0fM", ns / 1e6);
}

static void times_text(const struct run_times *times, char *text, size_t size)
{
	char part[4][16];

	ns_text(times->p50, part[0], sizeof(part[0]));
	ns_text(times->p99, part[1], sizeof(part[1]));
	ns_text(times->p999, part[2], sizeof(part[2]));
	ns_text(times->max, part[3], sizeof(part[3]));
	snprintf(text, size, "%s / %s / %s / %s ns", part[0], part[1], part[2], part[3]);
}

static void figure_text(const struct report *report, const struct figure *figure, char *text, size_t size)
{
	char number[32], bytes[32];

	switch (figure->kind) {
	case FIGURE_TIMES:
		times_text(times_at(report, figure), text, size);
		break;
	case FIGURE_MS:
		snprintf(text, size, "%.1f ms", ms_at(report, figure));
		break;
	case FIGURE_BYTES:
		bytes_text(count_at(report, figure), text, size);
		break;
	case FIGURE_FRAMES:
		with_commas(count_at(report, figure), number, sizeof(number));
		bytes_text(count_at(report, figure) << MACHINE_PAGE_SHIFT, bytes, sizeof(bytes));
		snprintf(text, size, "%s (%s)", number, bytes);
		break;
	case FIGURE_BROKEN:
		with_commas(count_at(report, figure), number, sizeof(number));
		snprintf(text, size, "%s%s", number, count_at(report, figure) ? "  BROKEN" : "");
		break;
	case FIGURE_BUDDY:
		if (!report->buddy) {
			snprintf(text, size, "-");
			break;
		}
		/* fall through */
	default:
		with_commas(count_at(report, figure), text, size);
	}
}

static bool figure_shown(const struct figure *figure, const struct report *reports, size_t count)
{
	bool any = !(figure->when & IF_ANY) && figure->kind != FIGURE_BUDDY;
	size_t i;

	if (!figure_fits(reports, figure)) /* all reports of a run are alike in that */
		return false;

	for (i = 0; i < count && !any; i++)
		any = figure->kind == FIGURE_BUDDY ? reports[i].buddy : count_at(&reports[i], figure) != 0;
	return any && figure->label;
}

/* The last part of a path, from behind where it is too long for a column. */
static const char *column_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash && slash[1] ? slash + 1 : path;
	size_t length = strlen(name);

	if (!strcmp(path, "-"))
		return "standard input";
	return length > COLUMN_WIDTH - 2 ? name + (length - (COLUMN_WIDTH - 2)) : name;
}

static void table_machines(FILE *file, const struct report *reports, size_t count)
{
	const struct run_room *room;
	char bytes[32];
	size_t i, j;

	for (i = 0; i < count; i++) {
		bytes_text(reports[i].memory_frames << MACHINE_PAGE_SHIFT, bytes, sizeof(bytes));
		fprintf(file, "%s (%s) on a machine of %s, %u CPU%s%s:", column_name(reports[i].trace),
			reports[i].format, bytes, reports[i].machine.cpus,
			reports[i].machine.cpus == 1 ? "" : "s",
			reports[i].machine.full_size ? "" : ", smaller than recorded, of the same shape");
		for (j = 0; j < reports[i].run.rooms; j++) {
			room = &reports[i].run.room[j];
			bytes_text(room->frames << MACHINE_PAGE_SHIFT, bytes, sizeof(bytes));
			fprintf(file, "%s %s %s", j ? "," : "", room->name, bytes);
		}
		fputc('\n', file);
	}
}

static void table_group(FILE *file, const struct report *reports, size_t count)
{
	const struct figure *figure;
	char text[96];
	size_t i;

	fprintf(file, "\n%-*s", LABEL_WIDTH, "");
	for (i = 0; i < count; i++)
		fprintf(file, "%*s", COLUMN_WIDTH, column_name(reports[i].trace));
	fputc('\n', file);
	for (figure = report_figures; figure < report_figures + report_figure_count; figure++) {
		if (!figure_shown(figure, reports, count))
			continue;
		if (figure->kind == FIGURE_SECTION) {
			fprintf(file, "%s\n", figure->label);
			continue;
		}
		fprintf(file, "  %-*s", LABEL_WIDTH - 2, figure->label);
		for (i = 0; i < count; i++) {
			figure_text(&reports[i], figure, text, sizeof(text));
			fprintf(file, "%*s", COLUMN_WIDTH, text);
		}
		fputc('\n', file);
	}
}

static void table_verdict(FILE *file, const struct report *reports, size_t count)
{
	const char *held = "no frame given twice, no refusal while a frame was free";
	bool broken = false, differ = false;
	size_t i;

	if (reports[0].threads > 1)
		held = "no frame given twice or lost, no page refused while one was surely free";
	for (i = 0; i < count; i++) {
		broken = broken || run_broken(&reports[i].run);
		differ = differ || !reports[i].run.passes_agree;
	}
	if (differ)
		fprintf(file,
			"\nThe timed passes got other frames than the checked one: times are of those.\n");
	if (broken)
		fprintf(file, "\nA PROMISE WAS BROKEN: see the rows above.\n");
	else
		fprintf(file, "\nEvery promise held: %s.\n", held);
	for (i = 0; i < count; i++)
		if (reports[i].run.threads.audit_broken)
			fprintf(file, "Audit of %s: %s\n", column_name(reports[i].trace),
				reports[i].run.threads.audit);
	for (i = 0; i < count; i++)
		if (reports[i].map)
			fprintf(file, "Picture: %s\n", reports[i].map);
}

void report_table(FILE *file, const struct report *reports, size_t count)
{
	size_t i, part;

	table_machines(file, reports, count);
	for (i = 0; i < count; i += COLUMNS) {
		part = count - i < COLUMNS ? count - i : COLUMNS;
		table_group(file, reports + i, part);
	}
	table_verdict(file, reports, count);
}
