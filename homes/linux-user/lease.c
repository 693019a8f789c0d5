/* SPDX-License-Identifier: MIT */
/*
 * lease.c - places of processes, and how the kernel tells that one is dead.
 *
 * A place is a byte of the memory file, locked for an open file description (F_OFD_SETLK) that the process has for itself: the file
 * opened anew, not duplicated.  Such a lock ends when the description does.  The description is closed at once, and lives on by one mapping
 * only, which a fork does not copy (MADV_DONTFORK).  So the lock lasts exactly as long as this process's memory map: until its
 * last thread has run its last instruction in it, by exit, exec or any signal.  A stopped process keeps it, so does one that dumps
 * core; a zombie has lost it; what a program closes of its descriptors, and who its children are, does not matter.  Nothing is
 * asked by a process number, so nothing is mistaken where numbers are reused or mean another process (namespaces).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "home.h"

int lease_open(int fd)
{
	char path[40];
	int own;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	own = open(path, O_RDWR | O_CLOEXEC);
	return own < 0 ? -errno : own;
}

static bool set_lock(int own, unsigned int place, short type)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)place, .l_len = 1 };

	return fcntl(own, F_OFD_SETLK, &lock) == 0;
}

bool lease_take(int own, unsigned int place)
{
	return set_lock(own, place, F_WRLCK);
}

void lease_drop(int own, unsigned int place)
{
	set_lock(own, place, F_UNLCK);
}

int lease_keep(int own, void **kept, const struct lab_complaint *to)
{
	size_t bytes = (size_t)sysconf(_SC_PAGESIZE);
	void *page = mmap(NULL, bytes, PROT_READ, MAP_SHARED, own, 0);
	int error = 0;

	if (page == MAP_FAILED) {
		error = complain(to, "mmap of the lease", bytes);
	} else if (madvise(page, bytes, MADV_DONTFORK) != 0) {
		error = complain(to, "madvise(MADV_DONTFORK)", bytes);
		lease_end(page);
	}
	close(own);
	*kept = page;
	return error;
}

void lease_end(void *kept)
{
	munmap(kept, (size_t)sysconf(_SC_PAGESIZE));
}
