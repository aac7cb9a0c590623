/*
 * peer.c - another user of the registry: does what the test orders, when the test orders it.
 *
 * One socket pair per peer. An order names a function of this image, and holds a copy of its argument. A thread and a
 * forked process both know what that means. The peer answers each order with one report, ENDED. Before that it sends
 * one STOPPED for each time that it came to its stop point, where it waits for the order to go on.
 */
#include "harness.h"
#include "peer.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define POINT_SIZE 48

struct order {
	peer_fn *fn; /* NULL: go on */
	char point[POINT_SIZE];
	unsigned nth; /* arrival to stop at; 0: none */
	size_t size;
	unsigned char arg[PEER_ARG_SIZE];
};

struct report {
	enum { ENDED, STOPPED } kind;
	int result;
	char text[1024]; /* ENDED: segreg_last_error(); STOPPED: the point */
	unsigned char arg[PEER_ARG_SIZE];
};

struct peer {
	struct peer *next;
	struct t_world world;
	enum peer_kind kind;
	int socket, far; /* the test's end; a thread's own */
	pid_t pid;
	pthread_t thread;
	size_t size; /* of the argument of the order under way */
	char point[POINT_SIZE], stands_at[POINT_SIZE];
	unsigned nth;
};

static struct peer *peers;

/* ---------------------------------------------------------------- in the peer */

static __thread int my_socket = -1;

static void send_all(int fd, const void *message, size_t size)
{
	if (send(fd, message, size, MSG_NOSIGNAL) != (ssize_t)size)
		T_FAIL("cannot send to a peer: %s", strerror(errno));
}

/* False at the end: nobody is there any more. */
static bool receive(int fd, void *message, size_t size)
{
	ssize_t n;

	do
		n = recv(fd, message, size, 0);
	while (n == -1 && errno == EINTR);
	return n == (ssize_t)size;
}

static void arm(const struct order *order);

/* Stand at a point until told to go on, or until the test is over. */
static void stand(void *arg, const char *point)
{
	struct report report = { .kind = STOPPED };
	struct order order;

	(void)arg;
	snprintf(report.text, sizeof(report.text), "%s", point);
	send_all(my_socket, &report, sizeof(report));
	if (receive(my_socket, &order, sizeof(order)))
		arm(&order);
}

static void arm(const struct order *order)
{
	static __thread char point[POINT_SIZE];

	snprintf(point, sizeof(point), "%s", order->point);
	t_at_point(*point ? point : NULL, order->nth, order->nth ? stand : NULL, NULL);
}

static void obey(struct peer_self *self, const struct order *order)
{
	struct report report = { .kind = ENDED };

	arm(order);
	memcpy(report.arg, order->arg, order->size);
	t_forget_text();
	report.result = order->fn(self, report.arg);
	snprintf(report.text, sizeof(report.text), "%s", t_last_text());
	send_all(my_socket, &report, sizeof(report));
}

static void serve(const struct t_world *world, int fd)
{
	struct peer_self self = { .world = *world };
	struct order order;

	my_socket = fd;
	while (receive(fd, &order, sizeof(order)))
		obey(&self, &order);
	if (self.reg && !self.borrowed)
		T_OK(segreg_close(self.reg, NULL));
	close(fd);
}

static void *serve_in_thread(void *arg)
{
	struct peer *peer = arg;

	serve(&peer->world, peer->far);
	return NULL;
}

static _Noreturn void serve_in_process(const struct peer *peer)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == 1)
		_exit(0); /* the test died before the line above */
	/* An end that another peer holds too would never close. */
	for (const struct peer *other = peers; other; other = other->next)
		close(other->socket);
	close(peer->socket);
	serve(&peer->world, peer->far);
	exit(0);
}

/* ---------------------------------------------------------------- in the test */

static void finish_peers(void)
{
	while (peers)
		peer_exit(peers);
}

static void start_process(struct peer *peer)
{
	fflush(NULL);
	peer->pid = T_SYS(fork());
	if (peer->pid == 0)
		serve_in_process(peer);
	close(peer->far);
	peer->far = -1;
}

struct peer *peer_start(const struct t_world *world, enum peer_kind kind)
{
	static bool ending;
	struct peer *peer = calloc(1, sizeof(*peer));
	int fds[2];

	if (!peer)
		T_FAIL("out of memory");
	if (!ending)
		t_at_end(finish_peers);
	ending = true;
	T_SYS(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds));
	*peer = (struct peer){ .world = *world, .kind = kind, .socket = fds[0], .far = fds[1] };
	if (kind == PEER_PROCESS)
		start_process(peer);
	else if (pthread_create(&peer->thread, NULL, serve_in_thread, peer) != 0)
		T_FAIL("cannot start a thread");
	peer->next = peers;
	peers = peer;
	return peer;
}

static void forget(struct peer *peer)
{
	struct peer **at = &peers;

	while (*at != peer)
		at = &(*at)->next;
	*at = peer->next;
	free(peer);
}

static int wait_for_process(const struct peer *peer)
{
	int status;

	while (waitpid(peer->pid, &status, 0) == -1)
		if (errno != EINTR)
			T_FAIL("cannot wait for a peer: %s", strerror(errno));
	return status;
}

void peer_exit(struct peer *peer)
{
	close(peer->socket);
	if (peer->kind == PEER_THREAD) {
		pthread_join(peer->thread, NULL);
	} else {
		int status = wait_for_process(peer);

		if (status != 0)
			T_FAIL("a peer ended with wait status 0x%x", (unsigned)status);
	}
	forget(peer);
}

static void give_order(const struct peer *peer, const struct order *order)
{
	send_all(peer->socket, order, sizeof(*order));
}

static void take_report(const struct peer *peer, struct report *report)
{
	if (receive(peer->socket, report, sizeof(*report)))
		return;
	if (peer->kind == PEER_PROCESS)
		T_FAIL("a peer died: wait status 0x%x", (unsigned)wait_for_process(peer));
	T_FAIL("a peer's thread is gone");
}

void peer_stop_at(struct peer *peer, const char *point, unsigned nth)
{
	snprintf(peer->point, sizeof(peer->point), "%s", point ? point : "");
	peer->nth = nth;
}

static struct order make_order(struct peer *peer, peer_fn *fn, const void *arg, size_t size)
{
	struct order order = { .fn = fn, .nth = peer->nth, .size = size };

	if (size > PEER_ARG_SIZE)
		T_FAIL("an argument of %zu bytes", size);
	memcpy(order.point, peer->point, sizeof(order.point));
	if (size)
		memcpy(order.arg, arg, size);
	peer->nth = 0;
	return order;
}

void peer_begin(struct peer *peer, peer_fn *fn, const void *arg, size_t size)
{
	struct order order = make_order(peer, fn, arg, size);

	peer->size = size;
	give_order(peer, &order);
}

int peer_end(struct peer *peer, void *arg)
{
	struct report report;

	take_report(peer, &report);
	if (report.kind == STOPPED)
		T_FAIL("a peer stands at %s and has not ended", report.text);
	if (arg && peer->size)
		memcpy(arg, report.arg, peer->size);
	if (report.result < 0)
		t_peer_text(report.text);
	return report.result;
}

int peer_call(struct peer *peer, peer_fn *fn, void *arg, size_t size)
{
	peer_begin(peer, fn, arg, size);
	return peer_end(peer, arg);
}

bool peer_stands(struct peer *peer)
{
	struct report report;

	/* An ENDED report is left for peer_end. */
	if (recv(peer->socket, &report, sizeof(report), MSG_PEEK) == (ssize_t)sizeof(report) && report.kind == ENDED)
		return false;
	take_report(peer, &report);
	memcpy(peer->stands_at, report.text, sizeof(peer->stands_at));
	return true;
}

const char *peer_point(const struct peer *peer)
{
	return peer->stands_at;
}

void peer_run_to(struct peer *peer, const char *point, peer_fn *fn, const void *arg, size_t size)
{
	peer_stop_at(peer, point, 1);
	peer_begin(peer, fn, arg, size);
	if (!peer_stands(peer))
		T_FAIL("a peer ended with %d before it came to %s", peer_end(peer, NULL), point);
}

void peer_go_on(struct peer *peer)
{
	struct order order = make_order(peer, NULL, NULL, 0);

	give_order(peer, &order);
}

pid_t peer_pid(const struct peer *peer)
{
	if (peer->kind != PEER_PROCESS)
		T_FAIL("this peer is not a process");
	return peer->pid;
}

void peer_kill(struct peer *peer)
{
	T_SYS(kill(peer_pid(peer), SIGKILL));
	wait_for_process(peer);
	close(peer->socket);
	forget(peer);
}

void peer_stop(struct peer *peer)
{
	int status;

	T_SYS(kill(peer_pid(peer), SIGSTOP));
	T_SYS(waitpid(peer->pid, &status, WUNTRACED));
	T_CHECK(WIFSTOPPED(status));
}

void peer_cont(struct peer *peer)
{
	T_SYS(kill(peer_pid(peer), SIGCONT));
}

static int do_closefrom(struct peer_self *self, void *arg)
{
	(void)self;
	(void)arg;
	if (my_socket > 3)
		T_SYS(close_range(3, (unsigned)my_socket - 1, 0));
	return T_SYS(close_range((unsigned)my_socket + 1, ~0u, 0));
}

int peer_closefrom(struct peer *peer)
{
	peer_pid(peer);
	return peer_call(peer, do_closefrom, NULL, 0);
}

static int do_use(struct peer_self *self, void *arg)
{
	memcpy(&self->reg, arg, sizeof(self->reg));
	self->borrowed = true;
	return 0;
}

int peer_use(struct peer *peer, struct segreg *reg)
{
	if (peer->kind != PEER_THREAD)
		T_FAIL("only a thread can use the test's handle");
	return peer_call(peer, do_use, &reg, sizeof(reg));
}
