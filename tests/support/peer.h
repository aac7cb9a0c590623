/*
 * peer.h - another user of the registry: does what the test orders, when the test orders it.
 *
 * A peer is a forked process, or for tests that want it so a thread of this one. It is commanded by hand-shakes, and
 * nothing sleeps. A test can lead it up to a stop point inside the library. The peer stays there until the test lets it
 * go on, or kills it:
 *
 *      struct peer *sweeper = peer_start(&world, PEER_PROCESS);
 *
 *      T_OK(peer_open(sweeper));
 *      peer_run_to(sweeper, "sweep.decided", peer_do_sweep, NULL, 0);
 *      ... the sweeper stands there ...
 *      peer_go_on(sweeper);
 *      T_OK(peer_end(sweeper, NULL));
 *
 * Commands return what the library returned there, and T_OK shows the text of the peer's error. A peer's T_ checks
 * count as the test's own. Peers are started by the test's main thread.
 */
#ifndef T_PEER_H
#define T_PEER_H

#include "world.h"

struct peer;

enum peer_kind {
	PEER_PROCESS,
	PEER_THREAD,
};

#define PEER_PINS 64
#define PEER_ARG_SIZE 2048

/* What a peer has; its functions get it. */
struct peer_self {
	struct t_world world;
	struct segreg *reg; /* NULL: not open */
	bool borrowed;      /* reg is the test's (peer_use) */
	unsigned pins;
	struct segreg_pin pin[PEER_PINS];
};

/* arg is the peer's copy of what the command was given; what it leaves there goes back to peer_call and peer_end. */
typedef int peer_fn(struct peer_self *self, void *arg);

struct peer *peer_start(const struct t_world *world, enum peer_kind kind);
/* The peer closes what it has open and ends; a process must exit with 0. What is left at the test's end, ends then. */
void peer_exit(struct peer *peer);

/* Call fn in the peer. size: of *arg, at most PEER_ARG_SIZE. */
int peer_call(struct peer *peer, peer_fn *fn, void *arg, size_t size);
/* peer_call in two halves: in between, the peer is busy. */
void peer_begin(struct peer *peer, peer_fn *fn, const void *arg, size_t size);
int peer_end(struct peer *peer, void *arg);

/* Begin, and wait until the peer stands at point, which it must reach. */
void peer_run_to(struct peer *peer, const char *point, peer_fn *fn, const void *arg, size_t size);
/* The next peer_begin stops at the nth arrival (NULL: at any point); then: does it stand there, or has it ended? */
void peer_stop_at(struct peer *peer, const char *point, unsigned nth);
bool peer_stands(struct peer *peer);
/* The point where it stands. */
const char *peer_point(const struct peer *peer);
void peer_go_on(struct peer *peer);

/* Processes only: SIGKILL and wait for its end; SIGSTOP and wait for it to stop; SIGCONT. */
void peer_kill(struct peer *peer);
void peer_stop(struct peer *peer);
void peer_cont(struct peer *peer);
pid_t peer_pid(const struct peer *peer);
/* Close every descriptor from 3 up, but not the socket between the peer and the test. */
int peer_closefrom(struct peer *peer);
/* Threads only: the peer uses the test's handle. */
int peer_use(struct peer *peer, struct segreg *reg);

/* ---------------------------------------------------------------- peer_commands.c */

int peer_open(struct peer *peer);
int peer_close(struct peer *peer, uint64_t *released);
int peer_pin(struct peer *peer, uint64_t id);
int peer_pin_flags(struct peer *peer, uint64_t id, unsigned flags);
int peer_unpin(struct peer *peer, uint64_t id); /* its last pin of id */
int peer_register(struct peer *peer, uint64_t id, const char *path);
int peer_retire(struct peer *peer, uint64_t id);
int peer_sweep(struct peer *peer, struct segreg_sweep_result *result);

/* The calls above as functions for peer_begin and peer_run_to: arg is a uint64_t id where the call has one. */
peer_fn peer_do_open, peer_do_pin, peer_do_unpin, peer_do_retire, peer_do_sweep, peer_do_close;
/* arg: struct peer_registration */
peer_fn peer_do_register;

struct peer_registration {
	uint64_t id;
	char path[SEGREG_PATH_MAX + 1];
};

#endif
