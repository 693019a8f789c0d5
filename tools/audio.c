/* SPDX-License-Identifier: MIT */
/*
 * audio.c - `labyrinth audio`: the contestants in turn, the outputs, the exit status.  See audio.h.
 *
 * Called by the `labyrinth` command with argv[0] being the subcommand's name.
 */
#define _GNU_SOURCE
#include "audio.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "audio_options.h"
#include "audio_report.h"
#include "audio_wave.h"
#include "bench.h"
#include "commands.h"
#include "output.h"

#define SPARE_BYTES (UINT64_C(512) << 20) /* for the contestants, and left to others */

enum which_output {
	OUTPUT_WAVE,
	OUTPUT_JSON,
	OUTPUT_SVG,
	OUTPUTS,
};

struct audio {
	struct audio_options options;
	struct wave wave;
	struct audio_shared *shared;
	int fd;
	struct output outputs[OUTPUTS];
	struct audio_report report;
	struct progress progress;
	uint64_t blocks_done, blocks_all; /* of all contestants */
	char error[AUDIO_ERROR_TEXT];
};

static bool audio_fail(struct audio *audio, const char *why)
{
	snprintf(audio->error, sizeof(audio->error), "%s", why);
	return false;
}

/* ---------------------------------------------------------------- what is to be played, and where */

static bool open_outputs(struct audio *audio)
{
	const char *const paths[OUTPUTS] = { audio->options.out, audio->options.json, audio->options.svg };
	char error[OUTPUT_ERROR_TEXT];

	for (int i = 0; i < OUTPUTS; i++)
		if (paths[i] && !output_open(&audio->outputs[i], paths[i], error))
			return audio_fail(audio, error);
	return true;
}

/* The producer's CPU, and whether there is another. */
static bool choose_cpus(struct audio *audio)
{
	struct audio_shared *shared = audio->shared;
	cpu_set_t allowed;

	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		return audio_fail(audio, "which CPUs may be used is not known");
	audio->report.cpus = (unsigned int)CPU_COUNT(&allowed);
	for (unsigned int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &allowed))
			continue;
		shared->other_cpu = shared->cpu; /* of the last two: the first one has the most interrupts */
		shared->cpu = cpu;
	}
	if (audio->report.cpus == 1)
		shared->other_cpu = shared->cpu;
	return true;
}

/* Samples are in memory, going in and coming out; so is OUT.wav until it is whole, twice while it is made. */
static bool fits(struct audio *audio)
{
	uint64_t samples = (uint64_t)audio->wave.info.frames * (uint64_t)audio->wave.info.channels;
	uint64_t need = samples * (2 * sizeof(int32_t) + (audio->options.out ? 4 * 3 : 0)),
		 available = bench_available_bytes();

	if (need + SPARE_BYTES <= available)
		return true;
	snprintf(audio->error, sizeof(audio->error),
		 "%.200s: needs %llu MiB of memory, and %llu MiB are available",
		 audio->options.in ? audio->options.in : "the made signal", (unsigned long long)(need >> 20),
		 (unsigned long long)(available >> 20));
	return false;
}

static bool prepare(struct audio *audio)
{
	struct audio_options *options = &audio->options;

	if (!options->in)
		wave_make(&audio->wave, options->seconds);
	else if (!wave_open(&audio->wave, options->in, audio->error))
		return false;
	if (!fits(audio) || !open_outputs(audio))
		return false;
	audio->shared = audio_share((uint64_t)audio->wave.info.frames, (uint32_t)audio->wave.info.channels,
				    &audio->fd, audio->error);
	if (!audio->shared || !wave_read(&audio->wave, audio_in(audio->shared), audio->error))
		return false;
	if (audio->wave.cut)
		fprintf(stderr, "labyrinth audio: %.200s: shorter than its header says; what is there is played\n",
			options->in);
	audio->shared->hold_ns = options->hold_ms * AUDIO_NS_PER_MS;
	audio->shared->noise = options->noise;
	audio->shared->exclusive = options->exclusive;
	audio->report.shared = audio->shared;
	audio->report.in = options->in;
	return choose_cpus(audio);
}

/* ---------------------------------------------------------------- the contestants */

/* Those of `labyrinth bench`, which know the libraries. */
static enum bench_who peer_of(enum audio_who who)
{
	switch (who) {
	case AUDIO_JEMALLOC:
		return BENCH_JEMALLOC;
	case AUDIO_MIMALLOC:
		return BENCH_MIMALLOC;
	case AUDIO_TCMALLOC:
		return BENCH_TCMALLOC;
	default:
		return BENCH_GLIBC;
	}
}

/* Is it wanted and here?  `library`: to be preloaded. */
static bool is_ready(struct audio *audio, enum audio_who who, const char **library)
{
	struct bench_job job = { .who = peer_of(who),
				 .cpu = audio->shared->cpu,
				 .other_cpu = audio->shared->other_cpu };
	char reason[BENCH_TEXT];

	*library = NULL;
	if (!(audio->options.whos >> who & 1))
		return false;
	if (!audio_is_malloc(who))
		return true;
	if (bench_peer_ready(&job, reason)) {
		*library = bench_peer_library(job.who);
		return true;
	}
	snprintf(audio->report.absent[who], AUDIO_ERROR_TEXT, "%s", reason);
	return false;
}

static uint64_t to_play(const struct audio *audio, int who)
{
	uint64_t some = audio->options.seconds * AUDIO_RATE;

	return who == AUDIO_CONTRACT || audio->shared->blocks < some ? audio->shared->blocks : some;
}

static void show(double part, void *data)
{
	struct audio *audio = data;

	progress_show(&audio->progress, ((double)audio->blocks_done + part * (double)audio->shared->play) /
						(double)audio->blocks_all);
}

/* The contract has played: its samples, as a file, and whether they are the same. */
static bool write_wave(struct audio *audio)
{
	const int32_t *in = audio_in(audio->shared), *out = audio_out(audio->shared);
	struct output *output = &audio->outputs[OUTPUT_WAVE];
	uint64_t count = audio->shared->blocks * audio->shared->channels;

	audio->report.identical = !memcmp(in, out, count * sizeof(*in));
	if (!output->file)
		return true;
	if (!wave_write(&audio->wave, out, output->file))
		return audio_fail(audio, "out of memory");
	audio->report.identical =
		audio->report.identical && wave_same(&audio->wave, in, output->text, output->size);
	if (audio->report.identical)
		audio->report.out = audio->options.out;
	else
		output_close(output); /* what is not the same is not left behind */
	return true;
}

static bool play(struct audio *audio, enum audio_who who, const char *library)
{
	struct audio_result *result = &audio->shared->result[who];

	audio->progress.name = audio_names[who];
	audio->shared->play = to_play(audio, who);
	audio_run(audio->shared, audio->fd, who, library, show, audio);
	audio->blocks_done += audio->shared->play;
	show(0, audio);
	if (!result->done)
		snprintf(audio->report.absent[who], AUDIO_ERROR_TEXT, "%s", result->error);
	if (who != AUDIO_CONTRACT)
		return true;
	if (!result->done)
		return audio_fail(audio, result->error);
	return write_wave(audio);
}

static bool play_all(struct audio *audio)
{
	const char *library[AUDIO_WHOS];
	bool ready[AUDIO_WHOS];

	for (int who = 0; who < AUDIO_WHOS; who++) {
		ready[who] = is_ready(audio, (enum audio_who)who, &library[who]);
		audio->blocks_all += ready[who] ? to_play(audio, who) : 0;
	}
	progress_begin(&audio->progress, audio->options.progress, audio_names[AUDIO_CONTRACT]);
	for (int who = 0; who < AUDIO_WHOS; who++)
		if (ready[who] && !play(audio, (enum audio_who)who, library[who]))
			return false;
	progress_clear(&audio->progress);
	return true;
}

/* ---------------------------------------------------------------- the whole */

static bool tell(struct audio *audio)
{
	char error[OUTPUT_ERROR_TEXT];

	if (audio->outputs[OUTPUT_JSON].file && !audio_json(audio->outputs[OUTPUT_JSON].file, &audio->report))
		return audio_fail(audio, "out of memory");
	if (audio->outputs[OUTPUT_SVG].file)
		audio_svg(audio->outputs[OUTPUT_SVG].file, &audio->report);
	if (!output_commit(audio->outputs, OUTPUTS, error))
		return audio_fail(audio, error);
	if (!audio->options.json || strcmp(audio->options.json, "-"))
		audio_table(stdout, &audio->report);
	return output_printed(error) || audio_fail(audio, error);
}

int labyrinth_audio(int argc, char **argv)
{
	struct audio *audio;
	enum audio_parsed parsed;
	int status = 2;

	if (argc > 1 && !strcmp(argv[1], "--worker"))
		return audio_worker_main(argc - 2, argv + 2);
	audio = calloc(1, sizeof(*audio));
	if (!audio) {
		fputs("labyrinth audio: out of memory\n", stderr);
		return 2;
	}
	audio->fd = -1;
	parsed = audio_options_parse(&audio->options, argc, argv, audio->error);
	if (parsed == AUDIO_HELP)
		status = output_printed(audio->error) ? 0 : 2;
	else if (parsed == AUDIO_FINE && prepare(audio) && play_all(audio) && tell(audio))
		status = audio_kept(&audio->report) ? 0 : 1;
	if (status == 2) {
		progress_clear(&audio->progress);
		fprintf(stderr, "labyrinth audio: %s\n", audio->error);
	}
	for (int i = 0; i < OUTPUTS; i++)
		output_close(&audio->outputs[i]);
	wave_close(&audio->wave);
	if (audio->shared)
		munmap(audio->shared, audio->shared->bytes);
	if (audio->fd >= 0)
		close(audio->fd);
	free(audio);
	return status;
}
