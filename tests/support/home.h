/* SPDX-License-Identifier: MIT */
/*
 * home.h - what the tests of the user-space home share: opening, children, figures of this process.
 */
#ifndef LAB_TEST_HOME_H
#define LAB_TEST_HOME_H

#include "room.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <labyrinth/user.h>

#define MIB(n) ((uint64_t)(n) << 20)

/* Sanitizers make mlock() a call that does nothing. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MLOCK_IS_REAL 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define MLOCK_IS_REAL 0
#endif
#endif
#ifndef MLOCK_IS_REAL
#define MLOCK_IS_REAL 1
#endif

static char text[LAB_ERROR_TEXT];

static inline struct lab_user_room memory_room(uint64_t size)
{
	return (struct lab_user_room){ .name = "ours", .kind = LAB_ROOM_ANONYMOUS, .zone = LAB_ZONE_NORMAL, .size = size };
}

static inline int open_one(const struct lab_user_room *room, enum lab_birth_kind birth, struct labyrinth **lab)
{
	struct lab_user_spec spec = { .birth = birth, .rooms = room, .room_count = 1 };

	text[0] = '\0';
	*lab = NULL;
	return lab_user_open(&spec, lab, text);
}

/* Opened, or the test is skipped where this user may not lock so much. */
static inline struct labyrinth *opened(const struct lab_user_room *room, enum lab_birth_kind birth)
{
	struct labyrinth *lab;
	int error = open_one(room, birth, &lab);

	if (error && birth == LAB_ARMED && geteuid() != 0)
		skip();
	if (error)
		print_error("%s\n", text);
	assert_int_equal(error, 0);
	return lab;
}

/* Pages mapped by this process, or locked: a line of /proc, without a library's buffers in between. */
static inline unsigned long status(const char *name)
{
	static char buffer[8192];
	int file = open("/proc/self/status", O_RDONLY);
	ssize_t n = read(file, buffer, sizeof(buffer) - 1);
	char *at;

	close(file);
	buffer[n > 0 ? n : 0] = '\0';
	at = strstr(buffer, name);
	return at ? strtoul(at + strlen(name), NULL, 10) : 0;
}

static inline long minor_faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

/* 0: all is well; else the number of the step that was not. */
static inline int in_child(int (*body)(void))
{
	pid_t child = fork();
	int how;

	if (child == 0) {
		alarm(30); /* one that hangs has failed */
		_exit(body());
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &how, 0), child);
	assert_true(WIFEXITED(how));
	return WEXITSTATUS(how);
}

#endif
