/* SPDX-License-Identifier: MIT */
/*
 * option.h - getopt_long() as all commands use it.
 */
#ifndef TOOLS_OPTION_H
#define TOOLS_OPTION_H

#include <getopt.h>

/*
 * The next option; -h is known to all.  ':': a value is missing, and argv[optind - 1] is the option.  What begins with
 * "--" is no value of its own word (it would be a file of that name); --option=--value is taken.
 */
int option_next(int argc, char **argv, const struct option *options);

#endif
