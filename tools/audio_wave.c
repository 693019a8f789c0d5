/* SPDX-License-Identifier: MIT */
/*
 * audio_wave.c - see audio_wave.h.
 */
#define _GNU_SOURCE
#include "audio_wave.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "audio_stream.h"

#define PIECE 4096 /* frames at once */

/* ---------------------------------------------------------------- in */

static bool refuse(struct wave *wave, const char *why, char *error)
{
	snprintf(error, AUDIO_ERROR_TEXT, "%.200s: %s", wave->path, why);
	wave_close(wave);
	return false;
}

/* libsndfile reads what is there, and tells in its log: "data : 57600 (should be 51600)". */
static bool ends_early(SNDFILE *file)
{
	char log[4096] = "", *data;

	sf_command(file, SFC_GET_LOG_INFO, log, sizeof(log) - 1);
	data = strstr(log, "\ndata : ");
	if (!data)
		return false;
	data[1 + strcspn(data + 1, "\n")] = '\0';
	return strstr(data, "should be") != NULL;
}

bool wave_open(struct wave *wave, const char *path, char *error)
{
	int type, bits;
	char why[160];

	memset(wave, 0, sizeof(*wave));
	wave->path = path;
	wave->file = sf_open(path, SFM_READ, &wave->info);
	if (!wave->file) {
		snprintf(why, sizeof(why), "not to be read as a WAV file: %.100s", sf_strerror(NULL));
		why[strcspn(why, "\n")] = '\0';
		return refuse(wave, why, error);
	}
	type = wave->info.format & SF_FORMAT_TYPEMASK;
	bits = wave->info.format & SF_FORMAT_SUBMASK;
	if (type != SF_FORMAT_WAV && type != SF_FORMAT_WAVEX)
		return refuse(wave, "not a WAV file", error);
	snprintf(why, sizeof(why), "%d Hz; the stream wants %u", wave->info.samplerate, AUDIO_RATE);
	if (wave->info.samplerate != (int)AUDIO_RATE)
		return refuse(wave, why, error);
	if (bits != SF_FORMAT_PCM_24)
		return refuse(wave, "its samples are not of 24 bits", error);
	snprintf(why, sizeof(why), "%d channels; a page has room for %zu", wave->info.channels,
		 AUDIO_CHANNELS_MAX);
	if ((unsigned int)wave->info.channels > AUDIO_CHANNELS_MAX)
		return refuse(wave, why, error);
	if (wave->info.frames < 1)
		return refuse(wave, "there are no samples in it", error);
	wave->cut = ends_early(wave->file);
	return true;
}

void wave_make(struct wave *wave, uint64_t seconds)
{
	memset(wave, 0, sizeof(*wave));
	wave->info.samplerate = (int)AUDIO_RATE;
	wave->info.channels = (int)WAVE_MADE_CHANNELS;
	wave->info.format = SF_FORMAT_WAV | SF_FORMAT_PCM_24;
	wave->info.frames = (sf_count_t)(seconds * AUDIO_RATE);
}

/* Left: a tone that rises from 20 Hz to 80 kHz each second.  Right: noise, so that every bit is used. */
static void make_samples(const struct wave *wave, int32_t *samples)
{
	uint32_t random = 0x2545f491;
	double part, turns;

	for (sf_count_t i = 0; i < wave->info.frames; i++) {
		part = (double)(i % AUDIO_RATE) / AUDIO_RATE;
		turns = 20 * (pow(4000, part) - 1) / log(4000);
		random ^= random << 13;
		random ^= random >> 17;
		random ^= random << 5;
		samples[2 * i] = (int32_t)(lrint(0.9 * 0x7fffff * sin(2 * M_PI * fmod(turns, 1))) * 256);
		samples[2 * i + 1] = (int32_t)(random & 0xffffff00u);
	}
}

bool wave_read(struct wave *wave, int32_t *samples, char *error)
{
	if (!wave->file) {
		make_samples(wave, samples);
		return true;
	}
	if (sf_readf_int(wave->file, samples, wave->info.frames) == wave->info.frames)
		return true;
	snprintf(error, AUDIO_ERROR_TEXT, "%.200s: it ends before its samples do", wave->path);
	return false;
}

void wave_close(struct wave *wave)
{
	if (wave->file)
		sf_close(wave->file);
	wave->file = NULL;
}

/* ---------------------------------------------------------------- out, and back */

/* A file in memory, for libsndfile. */
struct bytes {
	char *text; /* written: owned; read: not changed */
	size_t size, room, at;
};

static sf_count_t bytes_size(void *data)
{
	return (sf_count_t)((struct bytes *)data)->size;
}

static sf_count_t bytes_seek(sf_count_t offset, int whence, void *data)
{
	struct bytes *bytes = data;
	sf_count_t from = whence == SEEK_SET   ? 0
			  : whence == SEEK_CUR ? (sf_count_t)bytes->at
					       : (sf_count_t)bytes->size;

	if (from + offset < 0)
		return -1;
	bytes->at = (size_t)(from + offset);
	return (sf_count_t)bytes->at;
}

static sf_count_t bytes_read(void *to, sf_count_t count, void *data)
{
	struct bytes *bytes = data;
	size_t left = bytes->at < bytes->size ? bytes->size - bytes->at : 0;
	size_t part = (size_t)count < left ? (size_t)count : left;

	memcpy(to, bytes->text + bytes->at, part);
	bytes->at += part;
	return (sf_count_t)part;
}

static sf_count_t bytes_write(const void *from, sf_count_t count, void *data)
{
	struct bytes *bytes = data;
	size_t end = bytes->at + (size_t)count, room = bytes->room;
	char *text;

	while (room < end)
		room = room ? 2 * room : 1 << 20;
	text = room == bytes->room ? bytes->text : realloc(bytes->text, room);
	if (!text)
		return 0;
	bytes->text = text;
	bytes->room = room;
	if (bytes->at > bytes->size)
		memset(text + bytes->size, 0, bytes->at - bytes->size);
	memcpy(text + bytes->at, from, (size_t)count);
	bytes->at = end;
	bytes->size = end > bytes->size ? end : bytes->size;
	return count;
}

static sf_count_t bytes_tell(void *data)
{
	return (sf_count_t)((struct bytes *)data)->at;
}

static SF_VIRTUAL_IO in_memory = { .get_filelen = bytes_size,
				   .seek = bytes_seek,
				   .read = bytes_read,
				   .write = bytes_write,
				   .tell = bytes_tell };

bool wave_write(const struct wave *wave, const int32_t *samples, FILE *to)
{
	struct bytes bytes = { NULL, 0, 0, 0 };
	SF_INFO info = { .samplerate = wave->info.samplerate,
			 .channels = wave->info.channels,
			 .format = wave->info.format };
	SNDFILE *file = sf_open_virtual(&in_memory, SFM_WRITE, &info, &bytes);
	bool fine = file && sf_writef_int(file, samples, wave->info.frames) == wave->info.frames;

	fine = file && !sf_close(file) && fine;
	fine = fine && fwrite(bytes.text, 1, bytes.size, to) == bytes.size && !fflush(to);
	free(bytes.text);
	return fine;
}

static bool same_samples(SNDFILE *file, const int32_t *samples, const SF_INFO *info)
{
	size_t channels = (size_t)info->channels;
	int32_t *piece = malloc(PIECE * channels * sizeof(*piece));
	sf_count_t done = 0, part = 1;

	while (piece && done < info->frames && part > 0) {
		part = sf_readf_int(file, piece, info->frames - done < PIECE ? info->frames - done : PIECE);
		if (part < 0 || memcmp(piece, samples + (size_t)done * channels,
				       (size_t)part * channels * sizeof(*piece)))
			break;
		done += part;
	}
	free(piece);
	return done == info->frames;
}

bool wave_same(const struct wave *wave, const int32_t *samples, const void *text, size_t size)
{
	struct bytes bytes = { .text = (char *)text, .size = size };
	SF_INFO info = { 0 };
	SNDFILE *file = sf_open_virtual(&in_memory, SFM_READ, &info, &bytes);
	bool same = file && info.format == wave->info.format && info.samplerate == wave->info.samplerate &&
		    info.channels == wave->info.channels && info.frames == wave->info.frames;

	same = same && same_samples(file, samples, &info);
	if (file)
		sf_close(file);
	return same;
}
