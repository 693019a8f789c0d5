/* SPDX-License-Identifier: MIT */
/*
 * replay.h - `labyrinth replay`, the subcommand.
 */
#ifndef TOOLS_REPLAY_H
#define TOOLS_REPLAY_H

/* argv[0] is "replay".  Returns the exit status: 0, 1 a promise was broken, 2 bad option or input. */
int labyrinth_replay(int argc, char **argv);

#endif
