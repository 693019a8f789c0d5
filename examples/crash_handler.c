/* SPDX-License-Identifier: MIT */
/*
 * crash_handler.c - secrets are gone before a crash is over.
 *
 * A handler for the signals of a crash overwrites every page of every vault, whoever has it, and lets the signal do what it does. A child
 * here runs off the end of its key; its parent watches it die.
 *
 *     cc crash_handler.c -o crash_handler $(pkg-config --cflags --libs labyrinth)
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <labyrinth/secret.h>

#define KEY_BYTES 32u

static struct lab_secret *secret;
static unsigned char *volatile key, *volatile idle;

static void on_crash(int signal)
{
	/* A program without toggled pages, or with vaults alone: lab_panic_shred(lab).  Both may be called from several threads at once. */
	uint64_t pages = lab_secret_panic(secret);
	unsigned int i, left = 0;
	char text[] = "crashing: ?? pages overwritten, ?? bytes of the keys left\n";

	for (i = 0; i < KEY_BYTES; i++)
		left += (key[i] == 0x42) + (idle[i] == 0x43);
	left = left > 8 ? 99 : 0; /* one byte in 256 may happen to be the same */
	text[10] = (char)('0' + pages / 10 % 10);
	text[11] = (char)('0' + pages % 10);
	text[32] = text[33] = (char)('0' + left / 10);
	if (write(STDOUT_FILENO, text, strlen(text)) < 0 || left)
		_exit(1);
	/* SA_RESETHAND: back at the instruction that crashed it crashes again, for good. */
	(void)signal;
}

static void catch_crashes(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };
	struct sigaction action;
	unsigned int i;

	memset(&action, 0, sizeof(action));
	action.sa_handler = on_crash;
	action.sa_flags = (int)SA_RESETHAND;
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);
}

static int crash(void)
{
	struct lab_secret_spec spec = { .blocks = 8, .guarantees = LAB_NODUMP | LAB_NOFORK };
	struct rlimit no_core = { 0, 0 };
	char error[LAB_ERROR_TEXT];

	setrlimit(RLIMIT_CORE, &no_core); /* (this example need not litter; the pages are in no dump anyway) */
	if (lab_secret_open(&spec, &secret, error)) {
		fprintf(stderr, "%s\n", error);
		return 1;
	}
	key = lab_secret_alloc(secret, KEY_BYTES);
	idle = lab_secret_alloc(secret, KEY_BYTES);
	if (!key || !idle)
		return 1;
	memset(key, 0x42, KEY_BYTES);
	memset(idle, 0x43, KEY_BYTES);
	if (lab_secret_noaccess(secret, idle))
		return 1;
	catch_crashes();
	*(volatile unsigned char *)(key + KEY_BYTES) = 1; /* the bug: one byte too far, into the guard page */
	return 1;
}

int main(void)
{
	int status;
	pid_t child = fork();

	if (!child)
		_exit(crash());
	if (child < 0 || waitpid(child, &status, 0) != child)
		return 1;
	if (!WIFSIGNALED(status) || (WTERMSIG(status) != SIGSEGV && WTERMSIG(status) != SIGBUS))
		return 1;
	printf("and then it died of signal %d\n", WTERMSIG(status));
	return 0;
}
