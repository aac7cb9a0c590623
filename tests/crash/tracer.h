/*
 * tracer.h - a victim's act seen from outside, by ptrace, system call by system call; and its death at one.
 *
 * The victim stops itself where its act begins and where it ends. Threads that it starts are not traced.
 */
#ifndef TRACER_H
#define TRACER_H

#include "scene.h"

/* A sanitizer adds instructions and system calls of its own. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define INSTRUMENTED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define INSTRUMENTED
#endif
#endif

/* Let the victim go on until its nth stop at a system call, and kill it there. Each call has two stops: as it enters,
 * as it returns. Returns how many stops came. */
unsigned tracer_kill_at_call(struct scene *scene, pid_t pid, unsigned nth);

/* Note the file of the shared memory that a process has mapped. */
void tracer_note_region(struct scene *scene, pid_t pid);

/* ---------------------------------------------------------------- for other ways of tracing */

struct span {
	uintptr_t start, end;
	char path[128];
};

/* The first mapping of a file whose path has this part, with these rights. */
bool tracer_find_span(pid_t pid, const char *part, const char *rights, struct span *span);
#define TRACER_REGION "/dev/shm/segreg-"

void tracer_await_act(pid_t pid);
void tracer_go(pid_t pid, int request);
/* Wait for it. False: its act has ended. */
bool tracer_stops(pid_t pid);
extern int tracer_event; /* at the last stop, if one of PTRACE_EVENT_... was asked for; else 0 */
void tracer_slay(struct scene *scene, pid_t pid);
/* Called first, if there is one. */
extern void (*tracer_before_death)(void);

#endif
