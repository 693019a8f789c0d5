/* SPDX-License-Identifier: MIT */
/*
 * vault_refuse.c - why a vault cannot be had here: the call, its error, the limit behind it, and what would help.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vault.h"

#define WHY_TEXT 160u
#define RING_BYTES 8192u /* what a ring itself counts for */

static bool may_lock(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[2] = { { 0 } };

	return syscall(SYS_capget, &header, sets) == 0 && sets[CAP_IPC_LOCK / 32].effective >> CAP_IPC_LOCK % 32 & 1;
}

bool vault_pins_fit(uint64_t bytes)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur >= bytes + RING_BYTES;
}

static void memlock_why(int error, bool pins, uint64_t bytes, char *text)
{
	long long had = pins ? 0 : home_read_number("/proc/self/status", "VmLck:");
	uint64_t need = bytes + (had > 0 ? (uint64_t)had * 1024 : 0) + (pins ? RING_BYTES : 0);
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0)
		return;
	if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= need)
		snprintf(text, WHY_TEXT, "RLIMIT_MEMLOCK would allow it%s",
			 pins		  ? ", but others of this user, or vaults closed just now, still have pinned: raise it, or grant CAP_IPC_LOCK"
			 : error == ENOMEM ? ": memory is short"
					  : ": does a filter deny this call?");
	else if (may_lock())
		snprintf(text, WHY_TEXT, "RLIMIT_MEMLOCK is %llu bytes: raise it to %llu; CAP_IPC_LOCK is here, but not in the first user namespace",
			 (unsigned long long)limit.rlim_cur, (unsigned long long)need);
	else
		snprintf(text, WHY_TEXT, "RLIMIT_MEMLOCK is %llu bytes: raise it to %llu%s, or grant CAP_IPC_LOCK",
			 (unsigned long long)limit.rlim_cur, (unsigned long long)need,
			 pins ? " beyond what this user has pinned elsewhere" : "");
}

static void space_why(uint64_t bytes, char *text)
{
	long long had = home_read_number("/proc/self/status", "VmSize:");
	uint64_t need = bytes + (had > 0 ? (uint64_t)had * 1024 : 0);
	struct rlimit limit;

	if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < need)
		snprintf(text, WHY_TEXT, "RLIMIT_AS is %llu bytes: raise it to %llu or more", (unsigned long long)limit.rlim_cur,
			 (unsigned long long)need);
	else
		snprintf(text, WHY_TEXT, "memory is short, or vm.overcommit_memory forbids it");
}

static void rings_why(int error, char *text)
{
	long long off = home_read_number("/proc/sys/kernel/io_uring_disabled", "");

	if (error == EMFILE || error == ENFILE)
		snprintf(text, WHY_TEXT, "raise RLIMIT_NOFILE");
	else if (error == ENOSYS || error == EINVAL)
		snprintf(text, WHY_TEXT, "pinning needs io_uring of Linux 5.10 or later");
	else if (off > 0)
		snprintf(text, WHY_TEXT, "kernel.io_uring_disabled is %lld: set it to 0%s", off,
			 off == 1 ? ", or join kernel.io_uring_group" : "");
	else
		snprintf(text, WHY_TEXT, "does a filter deny this call?");
}

/* What stands in brackets; "": nothing is known. */
static void find_why(enum vault_limit by, int error, uint64_t bytes, char *text)
{
	text[0] = '\0';
	if (by == VAULT_BY_MEMLOCK || ((by == VAULT_BY_PINS || by == VAULT_BY_RINGS) && error == ENOMEM))
		memlock_why(error, by != VAULT_BY_MEMLOCK, bytes, text);
	else if (by == VAULT_BY_RINGS)
		rings_why(error, text);
	else if (by == VAULT_BY_MAPPINGS && error == ENOMEM)
		snprintf(text, WHY_TEXT, "vm.max_map_count is %lld, two mappings a guarded page: raise it; anonymous memory needs one from Linux 6.13 on",
			 home_read_number("/proc/sys/vm/max_map_count", ""));
	else if (by == VAULT_BY_HUGE && error == ENOMEM)
		snprintf(text, WHY_TEXT, "%lld of 2 MiB are free: reserve some, by vm.nr_hugepages or hugepages-2048kB/nr_hugepages",
			 home_read_number("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", ""));
	else if (by == VAULT_BY_SECRETS && (error == ENOSYS || error == EOPNOTSUPP))
		snprintf(text, WHY_TEXT, "Linux 5.14 or later with CONFIG_SECRETMEM: boot with secretmem.enable=1");
	else if (by == VAULT_BY_SPACE)
		space_why(bytes, text);
	else if (error == ENOENT)
		snprintf(text, WHY_TEXT, "what memory is can be read back only where /proc is mounted: mount it");
	else if (error == EMFILE || error == ENFILE)
		snprintf(text, WHY_TEXT, "raise RLIMIT_NOFILE");
	else if (error == EPERM || error == EACCES || error == ENOSYS)
		snprintf(text, WHY_TEXT, "does a filter deny this call?");
	else if (error == EINVAL)
		snprintf(text, WHY_TEXT, "this kernel does not know it, or does a filter deny this call?");
}

int vault_complain(const struct lab_complaint *to, const char *call, uint64_t bytes, enum vault_limit by)
{
	char why[WHY_TEXT], sentence[LAB_ERROR_TEXT];
	int error = errno ? errno : EINVAL;

	if (to->text) {
		find_why(by, error, bytes, why);
		snprintf(sentence, sizeof(sentence), "%s of %llu bytes failed: %s%s%s%s", call, (unsigned long long)bytes, strerror(error),
			 *why ? " (" : "", why, *why ? ")" : "");
		complain_plainly(to, sentence);
	}
	errno = error;
	return -error;
}

int vault_complain_of(const struct lab_complaint *to, uint32_t missing)
{
	char names[VAULT_NAMES_TEXT], sentence[LAB_ERROR_TEXT];

	snprintf(sentence, sizeof(sentence), "every call succeeded, but its memory is not %s when looked at (/proc/self/smaps): does a filter answer for the kernel?",
		 vault_names(missing, names));
	complain_plainly(to, sentence);
	return -EOPNOTSUPP;
}
