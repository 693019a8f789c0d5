/* SPDX-License-Identifier: MIT */
/*
 * two_processes.c - one process fills pages, another reads and frees them; then the first is killed, and nothing is lost.
 *
 * Pages have other addresses in each process, and the same frame numbers: these are what is passed on.  The producer stamps its pages
 * with its process's owner number, so what it had when it died goes back.
 *
 *     cc two_processes.c -o two_processes $(pkg-config --cflags --libs labyrinth)
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <labyrinth/user.h>

#define PAGES 1000u

/* What goes over the socket for each page. */
struct note {
	uint64_t frame;
	uint32_t owner;
};

/* A descriptor goes to whoever reads at the other end, related or not. */
static int send_descriptor(int socket, int fd)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec byte = { .iov_base = "x", .iov_len = 1 };
	struct msghdr message = { .msg_iov = &byte, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	struct cmsghdr *part = CMSG_FIRSTHDR(&message);

	part->cmsg_level = SOL_SOCKET;
	part->cmsg_type = SCM_RIGHTS;
	part->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(part), &fd, sizeof(int));
	return sendmsg(socket, &message, 0) == 1 ? 0 : -1;
}

static int receive_descriptor(int socket)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	char byte;
	struct iovec into = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = { .msg_iov = &into, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	int fd = -1;

	if (recvmsg(socket, &message, 0) == 1 && CMSG_FIRSTHDR(&message))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
	return fd;
}

/* Pages without end; it stops when the socket is full, and somebody kills it then. */
static int produce(int socket)
{
	struct lab_request request = LAB_REQUEST(LAB_GFP_ATOMIC, 0);
	char error[LAB_ERROR_TEXT];
	struct labyrinth *lab;
	uint64_t number;

	if (lab_attach(receive_descriptor(socket), &lab, error)) {
		fprintf(stderr, "%s\n", error);
		return 1;
	}
	request.owner = (uint16_t)lab_process_owner(lab);
	for (number = 0;; number++) {
		struct lab_page *page = lab_alloc_request(lab, &request, NULL);
		struct note note = { .owner = request.owner };

		if (lab_is_err(page))
			return 1;
		*(uint64_t *)lab_page_address(lab, page) = number;
		note.frame = lab_page_frame(lab, page);
		if (write(socket, &note, sizeof(note)) != sizeof(note))
			return 1;
	}
}

static int consume(struct labyrinth *lab, int socket)
{
	struct note note;
	uint64_t number;

	for (number = 0; number < PAGES; number++) {
		struct lab_page *page;

		if (read(socket, &note, sizeof(note)) != sizeof(note))
			return -1;
		page = lab_frame_page(lab, note.frame);
		if (*(uint64_t *)lab_page_address(lab, page) != number || lab_free_as(lab, page, 0, note.owner, 0))
			return -1;
	}
	return 0;
}

int main(void)
{
	struct lab_user_room room = { .name = "shared", .kind = LAB_ROOM_SHARED, .zone = LAB_ZONE_NORMAL, .size = 16 << 20 };
	struct lab_user_spec spec = { .birth = LAB_LAZY, .rooms = &room, .room_count = 1, .processes = 2 };
	char error[LAB_ERROR_TEXT];
	struct lab_recovered found;
	struct lab_room_stats stats;
	struct labyrinth *lab;
	int ends[2], fd;
	pid_t producer;

	if (lab_user_open(&spec, &lab, error)) {
		fprintf(stderr, "%s\n", error);
		return 1;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) != 0 || (producer = fork()) < 0)
		return 1;
	if (producer == 0)
		_exit(produce(ends[1]));
	fd = lab_user_share(lab);
	if (send_descriptor(ends[0], fd) != 0 || consume(lab, ends[0]) != 0)
		return 1;
	kill(producer, SIGKILL); /* in the middle of whatever it does */
	waitpid(producer, NULL, 0);
	if (lab_user_recover(lab, 1000, &found, error)) {
		fprintf(stderr, "%s\n", error);
		return 1;
	}
	lab_room_stats(lab, 0, &stats);
	printf("%u pages came over; %u process was killed, and what it had is back: %llu of %llu frames are free\n", PAGES, found.processes,
	       (unsigned long long)(stats.free_commons + stats.free_pooled), (unsigned long long)stats.managed);
	return stats.free_commons + stats.free_pooled == stats.managed ? lab_detach(lab) : 1;
}
