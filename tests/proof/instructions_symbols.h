/* SPDX-License-Identifier: MIT */
/*
 * instructions_symbols.h - the name of the function that an instruction stands in, from this program's own symbol
 * table, static functions included.
 */
#ifndef INSTRUCTIONS_SYMBOLS_H
#define INSTRUCTIONS_SYMBOLS_H

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "machine.h"

extern const char __executable_start;

static const ElfW(Ehdr) *symbols_file;
static const ElfW(Shdr) *symbols_table;

static void symbols_read(void)
{
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	const ElfW(Shdr) *section;
	struct stat status;
	unsigned int i;
	void *at;

	if (file < 0 || fstat(file, &status))
		return;
	at = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
	close(file);
	if (at == MAP_FAILED)
		return;
	symbols_file = at;
	section = (const ElfW(Shdr) *)(const void *)((const char *)at + symbols_file->e_shoff);
	for (i = 0; i < symbols_file->e_shnum; i++)
		if (section[i].sh_type == SHT_SYMTAB)
			symbols_table = &section[i];
}

/* "function+offset". */
static const char *place_name(uintptr_t place)
{
	static char text[160];
	uintptr_t base = symbols_file && symbols_file->e_type == ET_DYN ? (uintptr_t)&__executable_start : 0;
	const ElfW(Shdr) *sections, *table = symbols_table;
	const ElfW(Sym) *symbol;
	const char *names;
	size_t i;

	if (!place)
		return "no instruction";
	snprintf(text, sizeof(text), "%#" PRIxPTR, place - base);
	if (!table)
		return text;
	sections = (const ElfW(Shdr) *)(const void *)((const char *)symbols_file + symbols_file->e_shoff);
	names = (const char *)symbols_file + sections[table->sh_link].sh_offset;
	symbol = (const ElfW(Sym) *)(const void *)((const char *)symbols_file + table->sh_offset);
	for (i = 0; i < table->sh_size / sizeof(*symbol); i++)
		if ((symbol[i].st_info & 15) == STT_FUNC && place - base - symbol[i].st_value < symbol[i].st_size)
			snprintf(text, sizeof(text), "%s+%#" PRIxPTR, names + symbol[i].st_name,
				 place - base - symbol[i].st_value);
	return text;
}

/* In the middle of a fill kernel: hundreds of instructions alike? */
static inline bool place_fills(uintptr_t place)
{
	static const char *const kernels[] = { "_512", "_256", "_128", "chacha20", "four_blocks", "plain_" };
	const char *name = place_name(place);
	size_t i;

	for (i = 0; i < sizeof(kernels) / sizeof(*kernels); i++)
		if (strstr(name, kernels[i]))
			return true;
	return false;
}

#endif
