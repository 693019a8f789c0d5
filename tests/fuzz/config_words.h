/* SPDX-License-Identifier: MIT */
/*
 * config_words.h - the command line of `labyrinth replay`, and the machine that is planned from it: refused with a
 * sentence, or a machine of exactly the size that was asked for, whose rooms birth accepts.
 */
#ifndef FUZZ_CONFIG_WORDS_H
#define FUZZ_CONFIG_WORDS_H

#include "config_user.h"
#include "replay_options.h"

#define WORDS_MAX 24u
#define WORDS_BYTES 2048u

/* A byte from 128 up is one of these, others stand for themselves; a newline ends a word. */
static inline void take_words(struct bytes *in, char *text)
{
	static const char *const said[] = { "--memory\n", "--zones\n", "--cpus\n",    "--min-free-kbytes\n", "--buddy\n", "--json=",
					    "--map=",	  "--strict\n", "--progress\n", "dma=",		       "dma32=",    "normal=",
					    "highmem=",	  "movable=",  "REST",	    "16M",		       "4G",	    "1.05x",
					    "64K",	  "18446744073709551615", "9999999999", "0x", "iB", "\ntrace.xz\n" };
	size_t at = 0, length;
	unsigned int byte;

	while (bytes_left(in) && at + 32 < WORDS_BYTES) {
		byte = take8(in);
		if (byte < 128) {
			text[at++] = (char)byte;
			continue;
		}
		length = strlen(said[byte % 24]);
		memcpy(text + at, said[byte % 24], length);
		at += length;
	}
	text[at] = '\0';
}

/* Bytes of "512", "16M", "4GiB"; 0: no size (or one beyond all bounds). */
static inline rule_wide size_said(const char *text)
{
	static const char units[] = "kmgt";
	rule_wide bytes = 0;
	const char *unit;

	if (*text < '0' || *text > '9')
		return 0;
	for (; *text >= '0' && *text <= '9'; text++)
		bytes = bytes >> 70 ? bytes : bytes * 10 + (unsigned int)(*text - '0');
	unit = *text ? strchr(units, *text | 32) : NULL;
	if (unit) {
		bytes = bytes >> 70 ? bytes : bytes << 10 * (unit - units + 1);
		text++;
		if ((text[0] | 32) == 'i' && (text[1] | 32) == 'b')
			text += 2;
		else if ((*text | 32) == 'b')
			text++;
	}
	return *text ? 0 : bytes;
}

static inline void check_machine(const struct machine *machine, const struct replay_options *options,
				 const struct machine_need *need)
{
	static struct hostile core;
	const struct machine_wish *wish = &options->machine;
	struct lab_user_spec spec = { .birth = LAB_LAZY, .page_size = 4096, .cpus = machine->cpus, .rooms = machine->room,
				      .room_count = machine->rooms, .min_free_kbytes = machine->min_free_kbytes };
	uint64_t frames = 0, behind = 0;
	unsigned int i;

	for (i = 0; i < machine->rooms; i++) {
		const struct lab_user_room *room = &machine->room[i];

		CHECK(room->size && room->size >> 12 <= machine->frames, "room %u has %" PRIu64 " frames of %" PRIu64, i,
		      room->size >> 12, machine->frames);
		CHECK(room->first_frame >= behind && room->first_frame % 512 == 0, "room %u begins at %" PRIu64, i, room->first_frame);
		CHECK(!i || room->zone > machine->room[i - 1].zone, "its zone is %u", room->zone);
		behind = room->first_frame + (room->size >> 12);
		frames += room->size >> 12;
	}
	CHECK(frames == machine->frames && frames >= 64, "%" PRIu64 " frames, not %" PRIu64, frames, machine->frames);
	CHECK(!wish->memory_frames || frames == wish->memory_frames, "%" PRIu64 " frames were wished", wish->memory_frames);
	CHECK(wish->memory_frames || wish->memory_factor > 0 || frames > need->highest_frame, "less than the trace's highest frame");
	CHECK(machine->full_size == (frames > need->highest_frame / 32768 * 32768 + 32767), "full size");
	CHECK(!user_faulty(&spec, &core), "a machine that cannot be born");
	CHECK(lab_metadata_bytes(&core.spec), "a machine that is refused");
}

/* What follows --memory, last. */
static inline void check_memory(const struct machine_wish *wish, int argc, char **argv)
{
	const char *said = NULL;
	int i;

	for (i = 1; i < argc; i++)
		if (!strcmp(argv[i], "--")) /* words behind it are none of ours */
			return;
		else if (!strcmp(argv[i], "--memory") && i + 1 < argc)
			said = argv[i + 1];
		else if (!strncmp(argv[i], "--m", 3) || (argv[i][0] == '-' && argv[i][1] != '-' && argv[i][1]))
			return; /* shortened, or joined: not looked at here */
	if (said && size_said(said))
		CHECK(wish->memory_frames == (uint64_t)(size_said(said) >> 12), "--memory %s: %" PRIu64 " frames", said, wish->memory_frames);
}

static inline void fuzz_words(struct bytes *in)
{
	static char text[WORDS_BYTES];
	struct replay_options options;
	struct machine machine;
	struct machine_need need = { .highest_frame = take_number(in) >> 24, .cpus = 1 + take16(in) };
	char error[OPTIONS_ERROR_TEXT + 1], *argv[WORDS_MAX + 2] = { (char[]){ "replay" } }, *before[WORDS_MAX + 2];
	char *word, *rest = text;
	enum options_result result;
	int argc = 1;

	need.peak_frames = 1 + take_number(in) % (need.highest_frame + 1);
	take_words(in, text);
	while ((word = strsep(&rest, "\n")) && argc <= (int)WORDS_MAX)
		argv[argc++] = word;
	memcpy(before, argv, sizeof(before)); /* the parser sorts them */
	memset(error, 0, sizeof(error));
	error[OPTIONS_ERROR_TEXT] = 77;
	result = replay_options_parse(&options, argc, argv, error);
	CHECK(error[OPTIONS_ERROR_TEXT] == 77, "written behind the error");
	CHECK((result == OPTIONS_BAD) == (strlen(error) > 10), "result %u: '%s'", result, error);
	if (result != OPTIONS_FINE)
		return;
	CHECK(options.trace_count > 0 && options.traces[options.trace_count - 1], "no trace");
	check_memory(&options.machine, argc, before);
	memset(error, 0, sizeof(error));
	if (machine_plan(&machine, &options.machine, &need, error))
		check_machine(&machine, &options, &need);
	else
		CHECK(strlen(error) > 10 && strlen(error) < MACHINE_ERROR_TEXT, "no machine, and the error is '%s'", error);
}

#endif
