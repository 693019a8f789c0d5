/* SPDX-License-Identifier: MIT */
/*
 * labyrinth.c - the `labyrinth` command: finds the subcommand and hands over.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include <labyrinth.h>

#include "commands.h"
#include "output.h"
#include "replay.h"

/* tools/bench.c */
int labyrinth_bench(int argc, char **argv);

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv); /* argv[0] is the name; returns the exit status */
	const char *what;
} commands[] = {
	{ "replay", labyrinth_replay, "answer a kernel's recorded page requests, and check every answer" },
	{ "bench", labyrinth_bench, "measure it beside the allocators that are installed" },
	{ "explain", labyrinth_explain, "why a page request was refused, from a kernel's log or a labyrinth's report" },
	{ "audio", labyrinth_audio, "pass 192 kHz sound through pages allocated as it comes, under pressure" },
	{ "vault", labyrinth_vault, "what the memory of a vault can be on this machine, and who can still read it" },
	{ "size", labyrinth_size, "how many frames a client's contract needs" },
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_help(void)
{
	size_t i;

	puts("Usage: labyrinth COMMAND [OPTION]...\n"
	     "A page-frame allocator for code that cannot sleep: its tools.\n");
	for (i = 0; i < COMMANDS; i++)
		printf("  %-10s%s\n", commands[i].name, commands[i].what);
	puts("\n  labyrinth COMMAND --help    what a command takes\n"
	     "  labyrinth --version");
}

static void print_version(void)
{
	printf("labyrinth %d.%d\n", LAB_VERSION_MAJOR, LAB_VERSION_MINOR);
}

/* Closed ones, so that no file of ours gets their numbers; using them fails still. */
static void hold_descriptors(void)
{
	int fd;

	for (fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			(void)!open("/dev/null", fd ? O_RDONLY : O_WRONLY); /* the lowest number that is free: fd */
}

/* --help, --version: nothing behind them. */
static int print_alone(int argc, char **argv, void (*print)(void))
{
	if (argc > 2) {
		fprintf(stderr, "labyrinth: %s takes no '%.80s' (see labyrinth --help)\n", argv[1], argv[2]);
		return 2;
	}
	print();
	return output_help("labyrinth", "");
}

int main(int argc, char **argv)
{
	size_t i;

	hold_descriptors();
	if (argc < 2) {
		fputs("labyrinth: wants a command (see labyrinth --help)\n", stderr);
		return 2;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help"))
		return print_alone(argc, argv, print_help);
	if (!strcmp(argv[1], "--version"))
		return print_alone(argc, argv, print_version);
	for (i = 0; i < COMMANDS; i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	fprintf(stderr, "labyrinth: no command '%.80s' (see labyrinth --help)\n", argv[1]);
	return 2;
}
