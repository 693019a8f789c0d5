/* SPDX-License-Identifier: MIT */
/*
 * explain_prefix.c - what dmesg, journalctl, syslog and mail put before a kernel's line.
 *
 *     [  123.456789] text          <4>[  123.456789][ T1234] text        [Fri Nov 20 17:02:21 2026] text
 *     Nov 20 17:02:21 host kernel: [  123.456789] text                    2026-11-20T17:02:21+00:00 host kernel: text
 *     kern  :warn  : [  123.456789] text                                  > text
 */
#include "explain.h"

#include <string.h>

#define HOST_MAX 120u /* "kernel:" is looked for so far into a line */

static char *blanks_skip(char *at)
{
	while (*at == ' ' || *at == '\t')
		at++;
	return at;
}

/* <4>, or [  123.456789], [ T1234], [Fri Nov 20 17:02:21 2026]: a digit in brackets, and no other bracket. */
static char *bracket_skip(char *at)
{
	const char *inside = at + 1;
	size_t length;

	if (*at == '<') {
		length = strspn(inside, "0123456789");
		return length && length <= 3 && inside[length] == '>' ? at + length + 2 : at;
	}
	if (*at != '[')
		return at;
	length = strcspn(inside, "[]");
	if (inside[length] != ']' || length > 40 || strcspn(inside, "0123456789") >= length)
		return at;
	return at + length + 2;
}

/* Up to and with "kernel:" of syslog's host and tag, or "kern  :warn  :" of dmesg -x. */
static char *source_skip(char *at)
{
	char *found = strstr(at, "kernel: ");
	size_t length;

	if (found && (size_t)(found - at) < HOST_MAX && (found == at || found[-1] == ' '))
		return found + 8;
	length = strspn(at, "abcdefghijklmnopqrstuvwxyz0123456789 ");
	if (!strncmp(at, "kern", 4) && at[length] == ':') {
		length += 1 + strspn(at + length + 1, "abcdefghijklmnopqrstuvwxyz ");
		if (at[length] == ':')
			return at + length + 1;
	}
	return at;
}

char *prefix_skip(char *line, bool *prefixed)
{
	char *at = line, *before;
	size_t length = strlen(line);

	while (length && (line[length - 1] == '\r' || line[length - 1] == ' '))
		line[--length] = '\0';
	if (length && line[length - 1] == '=') /* a mail's soft line break */
		line[--length] = '\0';
	*prefixed = false;
	while (*at == '>') /* quoted in a mail */
		at = blanks_skip(at + 1);
	do {
		before = at = blanks_skip(at);
		at = bracket_skip(at);
		if (at == before)
			at = source_skip(at);
		*prefixed |= at != before;
	} while (at != before);
	return at;
}
