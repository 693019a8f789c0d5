/* SPDX-License-Identifier: MIT */
/*
 * secret.c - a key in a page of its own.
 *
 * The key's block ends at a guard page, is locked into RAM, in no core dump and in no forked child. While it is not in use nobody in this
 * program can touch it; when it is freed it is overwritten before anybody else can have the page.
 *
 *     cc secret.c -o secret $(pkg-config --cflags --libs labyrinth)
 */
#include <stdio.h>
#include <string.h>

#include <labyrinth/secret.h>

#define KEY_BYTES 32u

/* A toy: what a program would do with its key. */
static unsigned int sign(const unsigned char *key, const char *text)
{
	unsigned int sum = 0;
	size_t i;

	for (i = 0; text[i]; i++)
		sum = sum * 31 + (unsigned int)(key[i % KEY_BYTES] ^ (unsigned char)text[i]);
	return sum;
}

int main(void)
{
	/* Without LAB_LOCKED, so that it runs where RLIMIT_MEMLOCK is small; guarantees = 0 would have it. */
	struct lab_secret_spec spec = { .blocks = 8, .guarantees = LAB_NODUMP | LAB_NOFORK };
	struct lab_secret *secret;
	char error[LAB_ERROR_TEXT];
	unsigned char *key;
	unsigned int first;

	if (lab_secret_open(&spec, &secret, error)) {
		fprintf(stderr, "%s\n", error);
		return 1;
	}
	key = lab_secret_alloc(secret, KEY_BYTES);
	if (!key) {
		perror("lab_secret_alloc");
		return 1;
	}
	memset(key, 0x42, KEY_BYTES); /* from a file, from a server ... */
	first = sign(key, "message");
	if (lab_secret_noaccess(secret, key)) /* until it is needed again */
		return 1;
	printf("a key of %u bytes, the largest could have %zu; nobody can touch it now\n", KEY_BYTES, lab_secret_most(secret));
	if (lab_secret_readonly(secret, key) || sign(key, "message") != first)
		return 1;
	/* Not made writable first: the free does that. */
	if (lab_secret_free(secret, key))
		return 1;
	key = lab_secret_alloc(secret, KEY_BYTES);
	if (!key)
		return 1;
	key[-1] ^= 1; /* a bug: written in front of it */
	if (lab_secret_free(secret, key) != -LAB_EILSEQ)
		return 1;
	printf("the block in front of which something wrote: noticed at its free (%llu so far), shredded all the same\n",
	       (unsigned long long)lab_secret_damaged(secret));
	lab_secret_close(secret);
	return 0;
}
