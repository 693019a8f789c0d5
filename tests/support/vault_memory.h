/* SPDX-License-Identifier: MIT */
/*
 * vault_memory.h - what the tests of vaults' memory share: looking at it by other ways than the home's own, and losing rights.
 */
#ifndef LAB_TEST_VAULT_MEMORY_H
#define LAB_TEST_VAULT_MEMORY_H

#include "home.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "../../homes/linux-user/vault.h" /* the core may have one of that name */

#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif

#define PAGE 4096u

/* ---- making ---- */

static inline int made_as(enum lab_vault_memory kind, uint64_t frames, uint32_t guarantees, struct vault_memory *made)
{
	struct vault_want want = { .frames = frames, .page = PAGE, .guarantees = guarantees, .memory = kind };
	struct lab_complaint to = { .text = text, .room = "vault" };

	text[0] = '\0';
	return vault_map(&want, made, &to);
}

static inline char *frame_of(const struct vault_memory *made, uint64_t frame)
{
	return made->base + frame * vault_step(made);
}

/* ---- looking ---- */

/* The lines of a file of /proc; nothing is allocated for it. */
static inline unsigned int lines_of(const char *path)
{
	int file = open(path, O_RDONLY | O_CLOEXEC);
	static char part[65536];
	unsigned int lines = 0;
	ssize_t n, i;

	while ((n = read(file, part, sizeof(part))) > 0)
		for (i = 0; i < n; i++)
			lines += part[i] == '\n';
	close(file);
	return lines;
}

static inline unsigned int open_files(void)
{
	unsigned int open = 0;
	int fd;

	for (fd = 0; fd < 256; fd++)
		open += fcntl(fd, F_GETFD) >= 0;
	return open;
}

/* A mapping's line "VmFlags:" (with a blank behind each), and its first line; false: there is none. */
static inline bool mapping_of(const void *address, char *flags, char *head)
{
	FILE *file = fopen("/proc/self/smaps", "re");
	unsigned long from, to;
	bool found = false;
	char line[512];

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2) {
			found = (uintptr_t)address >= from && (uintptr_t)address < to;
			if (found)
				snprintf(head, 512, "%s", line);
		} else if (found && sscanf(line, "VmFlags:%511[^\n]", flags) == 1) {
			break;
		}
	}
	if (file)
		fclose(file);
	return found;
}

static inline bool flagged(const void *address, const char *flag)
{
	char flags[512] = "", head[512], padded[8];

	snprintf(padded, sizeof(padded), " %s ", flag);
	strcat(mapping_of(address, flags, head) ? flags : strcpy(flags, ""), " ");
	return strstr(flags, padded) != NULL;
}

/* Of /proc/self/pagemap; bit 63: present. */
static inline uint64_t pagemap_entry(const void *address)
{
	int file = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry = 0;

	if (pread(file, &entry, sizeof(entry), (off_t)((uintptr_t)address / PAGE * sizeof(entry))) != sizeof(entry))
		entry = 0;
	close(file);
	return entry;
}

static sigjmp_buf past_the_fault;

static inline void on_fault(int signal)
{
	(void)signal;
	siglongjmp(past_the_fault, 1);
}

/* Does a load from there fault? */
static inline bool faults(const char *address)
{
	struct sigaction action = { .sa_handler = on_fault }, before;
	bool fault;

	sigaction(SIGSEGV, &action, &before);
	fault = sigsetjmp(past_the_fault, 1) != 0;
	if (!fault)
		(void)*(volatile const char *)address;
	sigaction(SIGSEGV, &before, NULL);
	return fault;
}

/* Does a forked child reach it? */
static inline bool child_reaches(const char *address)
{
	pid_t child = fork();
	int how = 0;

	if (child == 0) {
		signal(SIGSEGV, SIG_DFL);
		(void)*(volatile const char *)address;
		_exit(0);
	}
	waitpid(child, &how, 0);
	return WIFEXITED(how);
}

/* ---- rights ---- */

static inline bool may_lock_any(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[2] = { { 0 } };

	return syscall(SYS_capget, &header, sets) == 0 && sets[0].effective >> CAP_IPC_LOCK & 1;
}

static inline bool drop_right(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[2] = { { 0 } };

	if (syscall(SYS_capget, &header, sets) != 0)
		return false;
	sets[0].effective &= ~(1u << CAP_IPC_LOCK);
	return syscall(SYS_capset, &header, sets) == 0 && !may_lock_any();
}

static inline bool limit_locked(rlim_t bytes)
{
	struct rlimit limit;

	getrlimit(RLIMIT_MEMLOCK, &limit);
	limit.rlim_cur = bytes;
	return bytes <= limit.rlim_max && setrlimit(RLIMIT_MEMLOCK, &limit) == 0;
}

/* From here on this system call answers -error and does nothing; with 0 it claims success. */
static inline bool deny(long call, int error)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { .len = sizeof(code) / sizeof(code[0]), .filter = code };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

#endif
