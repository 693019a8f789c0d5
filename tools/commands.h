/* SPDX-License-Identifier: MIT */
/*
 * commands.h - the smaller subcommands: argv[0] is the name; they return the exit status.
 */
#ifndef TOOLS_COMMANDS_H
#define TOOLS_COMMANDS_H

int labyrinth_size(int argc, char **argv); /* size.c */
int labyrinth_explain(int argc, char **argv); /* explain.c */
int labyrinth_audio(int argc, char **argv);   /* audio.c */
int labyrinth_vault(int argc, char **argv);   /* vault.c */

#endif
