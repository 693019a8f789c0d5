/* SPDX-License-Identifier: MIT */
/*
 * test_audio.c - the parts of `labyrinth audio` that can be tried alone: what a page carries, WAV files, the ring
 * between two threads, what is counted and how, the noise, command lines, reports.
 */
#define _GNU_SOURCE
#include "../support/room.h"

#include <math.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <jansson.h>

#include "audio_noise.h"
#include "audio_options.h"
#include "audio_report.h"
#include "audio_stream.h"
#include "audio_wave.h"

/* A sanitizer's own signal handling makes system calls where they are trapped. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define TRAPS 0
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TRAPS 0
#endif
#if !defined(TRAPS) && defined(__x86_64__)
#define TRAPS 1
#elif !defined(TRAPS)
#define TRAPS 0
#endif

/* ---------------------------------------------------------------- pages */

static void a_page_carries_its_block(void **state)
{
	const int32_t in[3] = { INT32_MIN, -256, 0x7fffff00 };
	_Alignas(64) char page[AUDIO_PAGE];
	int32_t out[3] = { 0 };
	struct audio_content *content = (struct audio_content *)page;

	(void)state;
	audio_write(content, 77, in, 3);
	assert_true(audio_read(content, 77, out, 3));
	assert_memory_equal(in, out, sizeof(in));
	assert_false(audio_read(content, 78, out, 3));
	assert_false(audio_read(content, 77, out, 2));
	for (size_t bit = 0; bit < 8 * (sizeof(*content) + sizeof(in)); bit++) {
		page[bit / 8] ^= (char)(1 << bit % 8);
		assert_false(audio_read(content, 77, out, 3));
		page[bit / 8] ^= (char)(1 << bit % 8);
	}
	assert_true(audio_read(content, 77, out, 3));
}

static void due_times_do_not_drift(void **state)
{
	(void)state;
	assert_int_equal(audio_due_ns(0), 0);
	assert_int_equal(audio_due_ns(1), 5208);
	assert_int_equal(audio_due_ns(3), 15625);
	assert_int_equal(audio_due_ns((uint64_t)AUDIO_RATE * 3600), UINT64_C(3600000000000));
}

static void contracts_fit(void **state)
{
	uint32_t frames = audio_contract_frames(20 * AUDIO_NS_PER_MS);

	(void)state;
	/* 20 ms and 10 ms in periods of 5,208 ns, one, the burst, the callers. */
	assert_int_equal(frames, 5760 + 1 + AUDIO_BURST + AUDIO_CALLERS);
	assert_true(audio_contract_frames(60 * AUDIO_NS_PER_MS) <= LAB_CONTRACT_MAX);
	assert_true(audio_contract_frames(60 * AUDIO_NS_PER_MS) < AUDIO_SLOTS);
	assert_int_equal(audio_contract_frames(100 * AUDIO_NS_PER_MS), 0);
}

/* ---------------------------------------------------------------- WAV files */

static struct wave some_wave(int format, int channels, sf_count_t frames)
{
	return (struct wave){ .info = { .samplerate = (int)AUDIO_RATE,
					.channels = channels,
					.frames = frames,
					.format = format | SF_FORMAT_PCM_24 } };
}

static void waves_come_back(void **state)
{
	static const int formats[] = { SF_FORMAT_WAV, SF_FORMAT_WAVEX, SF_FORMAT_WAV | SF_ENDIAN_BIG };
	static const int channels[] = { 1, 2, 5, 6, 32 };
	enum { FRAMES = 5000 };
	int32_t *samples = calloc(FRAMES * 32, sizeof(*samples));
	uint32_t random = 1;

	(void)state;
	for (size_t i = 0; i < FRAMES * 32; i++)
		samples[i] = (int32_t)((random = random * 1664525 + 1013904223) & 0xffffff00);
	for (size_t f = 0; f < 3; f++) {
		for (size_t c = 0; c < 5; c++) {
			struct wave wave = some_wave(formats[f], channels[c], FRAMES), other = wave;
			size_t size = 0;
			char *text = NULL;
			FILE *file = open_memstream(&text, &size);

			assert_true(wave_write(&wave, samples, file));
			fclose(file);
			assert_true(wave_same(&wave, samples, text, size));
			samples[FRAMES * channels[c] - 1] ^= 256; /* the last bit of the last sample */
			assert_false(wave_same(&wave, samples, text, size));
			samples[FRAMES * channels[c] - 1] ^= 256;
			other.info.frames--;
			assert_false(wave_same(&other, samples, text, size));
			other = some_wave(formats[f] ^ SF_FORMAT_WAV ^ SF_FORMAT_WAVEX, channels[c], FRAMES);
			assert_false(wave_same(&other, samples, text, size));
			assert_false(wave_same(&wave, samples, text, 20));
			free(text);
		}
	}
	free(samples);
}

static void the_made_signal_uses_all_bits(void **state)
{
	char error[AUDIO_ERROR_TEXT];
	uint32_t ones = 0, zeros = 0;
	int32_t *samples;
	struct wave wave;

	(void)state;
	wave_make(&wave, 1);
	assert_int_equal(wave.info.frames, AUDIO_RATE);
	samples = calloc((size_t)AUDIO_RATE * WAVE_MADE_CHANNELS, sizeof(*samples));
	assert_true(wave_read(&wave, samples, error));
	for (size_t i = 0; i < (size_t)AUDIO_RATE * WAVE_MADE_CHANNELS; i++) {
		ones |= (uint32_t)samples[i];
		zeros |= ~(uint32_t)samples[i];
	}
	assert_int_equal(ones, 0xffffff00u); /* 24 bits, and no more */
	assert_int_equal(zeros, 0xffffffffu);
	free(samples);
}

/* ---------------------------------------------------------------- counting */

/* Threads of their own: what is counted is theirs. */
struct counted {
	enum audio_method by[AUDIO_COUNTED];
	struct audio_count count;
	_Atomic int step;
	_Atomic pid_t tid;
	bool quiet, call, fault; /* what the windows told */
};

static void await_step(struct counted *counted, int step)
{
	while (atomic_load(&counted->step) != step)
		;
}

static void *count_something(void *data)
{
	struct counted *counted = data;
	volatile char *page;
	uint64_t moves;

	page = mmap(NULL, AUDIO_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	atomic_store(&counted->tid, gettid());
	await_step(counted, 1);
	audio_count_enter(&counted->count);
	audio_count_begin(&counted->count); /* once before: its code is there */
	audio_count_end(&counted->count);
	counted->quiet = counted->call = counted->fault = false;
	moves = audio_window_open(&counted->count);
	audio_window_shut(&counted->count, moves);
	audio_count_begin(&counted->count);
	moves = audio_window_open(&counted->count);
	counted->quiet = !audio_window_shut(&counted->count, moves);
	moves = audio_window_open(&counted->count);
	syscall(SYS_getppid);
	counted->call = audio_window_shut(&counted->count, moves);
	moves = audio_window_open(&counted->count);
	*page = 1;
	counted->fault = audio_window_shut(&counted->count, moves);
	audio_count_end(&counted->count);
	atomic_store(&counted->step, 2);
	await_step(counted, 3);
	return NULL;
}

/* What was counted by these methods: in all, and window by window. */
static void count(struct counted *counted, int64_t *faults, int64_t *calls)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, count_something, counted), 0);
	while (!atomic_load(&counted->tid))
		;
	audio_count_open(&counted->count, counted->by, counted->tid);
	atomic_store(&counted->step, 1);
	await_step(counted, 2);
	*faults = audio_count_total(&counted->count, AUDIO_FAULTS);
	*calls = audio_count_total(&counted->count, AUDIO_SYSCALLS);
	atomic_store(&counted->step, 3);
	pthread_join(thread, NULL);
	audio_count_close(&counted->count);
}

static void calls_and_faults_are_counted(void **state)
{
	struct counted counted = { .step = 0 };
	int64_t faults, calls;

	(void)state;
	audio_count_methods(counted.by);
	assert_int_not_equal(counted.by[AUDIO_FAULTS], AUDIO_NOT_COUNTED);
	if (counted.by[AUDIO_FAULTS] != AUDIO_PERF || counted.by[AUDIO_SYSCALLS] == AUDIO_NOT_COUNTED)
		skip();
	count(&counted, &faults, &calls);
	assert_true(counted.quiet);
	assert_true(counted.call);
	assert_true(counted.fault);
	assert_int_equal(calls, 1);
	assert_true(faults >= 1); /* the page; the thread's own stack may be new still */
}

static void calls_are_trapped_where_they_cannot_be_watched(void **state)
{
	struct counted counted = { .step = 0, .by = { AUDIO_USAGE, AUDIO_DISPATCH } };
	int64_t faults, calls;

	(void)state;
	if (!TRAPS)
		skip();
	count(&counted, &faults, &calls);
	if (calls < 0)
		skip(); /* a kernel before 5.11 */
	assert_true(counted.quiet);
	assert_true(counted.call);
	assert_int_equal(calls, 1);
	assert_true(faults >= 1);
}

static void what_is_not_counted_is_not_zero(void **state)
{
	struct counted counted = { .step = 0, .by = { AUDIO_NOT_COUNTED, AUDIO_NOT_COUNTED } };
	int64_t faults, calls;

	(void)state;
	count(&counted, &faults, &calls);
	assert_int_equal(calls, -1);
	assert_int_equal(faults, -1);
	assert_false(counted.call);
}

/* ---------------------------------------------------------------- the stream, the noise */

static void *consume(void *stream)
{
	audio_consume(stream);
	return NULL;
}

static struct audio_stream *some_stream(uint64_t blocks, uint32_t channels, enum audio_who who)
{
	struct audio_stream *stream =
		mmap(NULL, sizeof(*stream), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct audio_count nothing;
	char error[AUDIO_ERROR_TEXT];
	int fd;

	stream->shared = audio_share(blocks, channels, &fd, error);
	assert_non_null(stream->shared);
	close(fd);
	stream->shared->hold_ns = 2 * AUDIO_NS_PER_MS;
	for (uint64_t i = 0; i < blocks * channels; i++)
		audio_in(stream->shared)[i] = (int32_t)(i * 2654435761u);
	stream->subject = calloc(1, sizeof(*stream->subject));
	stream->subject->who = who;
	stream->result = &stream->shared->result[who];
	stream->depth = audio_contract_frames(stream->shared->hold_ns) - AUDIO_CALLERS;
	stopwatch_init(&stream->watch);
	stream->subject->watch = &stream->watch;
	audio_count_open(&nothing, (enum audio_method[]){ AUDIO_NOT_COUNTED, AUDIO_NOT_COUNTED }, 0);
	stream->producer.count = stream->device.count = nothing;
	assert_true(audio_subject_open(stream->subject, stream->shared, stream->result));
	audio_stream_reset(stream, blocks);
	return stream;
}

static void end_stream(struct audio_stream *stream)
{
	audio_subject_close(stream->subject, stream->result);
	munmap(stream->shared, stream->shared->bytes);
	free(stream->subject);
	munmap(stream, sizeof(*stream));
}

static void every_block_comes_through(void **state)
{
	static const enum audio_who whos[] = { AUDIO_CONTRACT, AUDIO_ATOMIC, AUDIO_GLIBC, AUDIO_CONTROL };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct audio_stream *stream = some_stream(20000, 3, whos[i]);
		pthread_t device;

		assert_int_equal(pthread_create(&device, NULL, consume, stream), 0);
		audio_produce(stream);
		pthread_join(device, NULL);
		assert_int_equal(stream->result->blocks, 20000);
		assert_int_equal(stream->result->failed, 0); /* nobody else asks */
		assert_int_equal(stream->device.damaged + stream->device.misfreed, 0);
		assert_int_equal(stream->result->alloc_ns.count, 20000);
		assert_in_range(stream->result->held_most, 1, stream->depth);
		assert_memory_equal(audio_in(stream->shared), audio_out(stream->shared),
				    20000 * 3 * sizeof(int32_t));
		end_stream(stream);
	}
}

static void the_noise_drains_and_gives_back(void **state)
{
	struct audio_stream *stream = some_stream(1, 1, AUDIO_ATOMIC);
	atomic_bool stop = false;
	struct audio_noise noise = { .subject = stream->subject, .stop = &stop, .random = 99 };
	struct lab_audit audit;

	(void)state;
	noise.frames_most = noise.held_most = stream->subject->noise_bytes / AUDIO_PAGE;
	noise.held = calloc(noise.held_most, sizeof(*noise.held));
	assert_int_equal(pthread_create(&noise.thread, NULL, audio_noise_thread, &noise), 0);
	while (!atomic_load(&noise.pressure))
		usleep(1000);
	usleep(20000);
	atomic_store(&stop, true);
	pthread_join(noise.thread, NULL);
	assert_true(noise.counts.refused > 0);
	assert_true(noise.counts.drains > 0);
	assert_int_equal(noise.counts.allocs, noise.counts.frees);
	assert_int_equal(noise.counts.damaged + noise.counts.misfreed, 0);
	assert_int_equal(noise.held_count + noise.frames, 0);
	assert_int_equal(lab_audit(stream->subject->noise_lab, true, &audit), 0);
	assert_int_equal(audit.owned, 0);
	free(noise.held);
	end_stream(stream);
}

/* ---------------------------------------------------------------- command lines, reports */

static enum audio_parsed parse(struct audio_options *options, char **arguments, char *error)
{
	int count = 0;

	while (arguments[count])
		count++;
	return audio_options_parse(options, count, arguments, error);
}

static void command_lines(void **state)
{
	char *fine[] = { "audio",   "--seconds", "2",        "--hold",         "7",
			 "--noise", "0",         "--beside", "atomic,control", NULL };
	char *bad[][5] = { { "audio", "a.wav" },
			   { "audio", "--hold", "0" },
			   { "audio", "--hold", "90" },
			   { "audio", "--noise", "17" },
			   { "audio", "--beside", "atomic," },
			   { "audio", "--beside", "" },
			   { "audio", "--seconds", "-1" },
			   { "audio", "a.wav", "./a.wav" },
			   { "audio", "-", "b.wav" },
			   { "audio", "-x" },
			   { "audio", "--json", "x", "--svg", "./x" } };
	struct audio_options options;
	char error[AUDIO_ERROR_TEXT];

	(void)state;
	assert_int_equal(parse(&options, fine, error), AUDIO_FINE);
	assert_int_equal(options.seconds, 2);
	assert_int_equal(options.hold_ms, 7);
	assert_int_equal(options.noise, 0);
	assert_int_equal(options.whos, 1u << AUDIO_CONTRACT | 1u << AUDIO_ATOMIC | 1u << AUDIO_CONTROL);
	assert_null(options.in);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char *arguments[6] = { bad[i][0], bad[i][1], bad[i][2], bad[i][3], bad[i][4], NULL };

		*error = '\0';
		assert_int_equal(parse(&options, arguments, error), AUDIO_BAD);
		assert_true(*error);
	}
}

/* What is not known is null; what was not kept is not called kept. */
static void reports_tell_the_truth(void **state)
{
	struct audio_shared *shared = calloc(1, sizeof(*shared));
	struct audio_report *report = calloc(1, sizeof(*report));
	struct audio_result *contract = &shared->result[AUDIO_CONTRACT];
	size_t size;
	char *text;
	json_t *root;
	FILE *file = open_memstream(&text, &size);

	(void)state;
	shared->blocks = contract->blocks = 5;
	report->shared = shared;
	report->identical = true;
	assert_false(audio_kept(report)); /* it has not played */
	contract->done = true;
	contract->syscalls = -1;
	contract->faults = 0;
	histogram_add(&contract->alloc_ns, 100);
	assert_true(audio_kept(report));
	assert_true(audio_json(file, report));
	fclose(file);
	root = json_loads(text, 0, NULL);
	assert_non_null(root);
	assert_true(json_is_null(json_object_get(json_object_get(root, "contract"), "syscalls")));
	assert_int_equal(json_integer_value(json_object_get(json_object_get(root, "contract"), "faults")), 0);
	assert_null(json_object_get(root, "atomic"));
	json_decref(root);
	free(text);
	contract->failed = 1;
	assert_false(audio_kept(report));
	contract->failed = 0;
	contract->late_by_alloc = 1;
	assert_false(audio_kept(report));
	contract->late_by_alloc = 0;
	contract->blocks = 4;
	assert_false(audio_kept(report));
	contract->blocks = 5;
	report->identical = false;
	assert_false(audio_kept(report));
	free(report);
	free(shared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_carries_its_block),
		cmocka_unit_test(due_times_do_not_drift),
		cmocka_unit_test(contracts_fit),
		cmocka_unit_test(waves_come_back),
		cmocka_unit_test(the_made_signal_uses_all_bits),
		cmocka_unit_test(calls_and_faults_are_counted),
		cmocka_unit_test(calls_are_trapped_where_they_cannot_be_watched),
		cmocka_unit_test(what_is_not_counted_is_not_zero),
		cmocka_unit_test(every_block_comes_through),
		cmocka_unit_test(the_noise_drains_and_gives_back),
		cmocka_unit_test(command_lines),
		cmocka_unit_test(reports_tell_the_truth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
