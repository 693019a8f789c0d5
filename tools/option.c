/* SPDX-License-Identifier: MIT */
/*
 * option.c - see option.h.
 */
#define _GNU_SOURCE
#include "option.h"

#include <string.h>

int option_next(int argc, char **argv, const struct option *options)
{
	int key = getopt_long(argc, argv, ":h", options, NULL);

	if (key == -1 || !optarg || optarg != argv[optind - 1] || strncmp(optarg, "--", 2) != 0)
		return key;
	optind--;
	return ':';
}
