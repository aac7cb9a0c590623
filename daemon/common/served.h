/*
 * served.h - what segregd.lock says: which segregd serves the registry, and why its sweeps fail.
 */
#ifndef TOOL_SERVED_H
#define TOOL_SERVED_H

#include <stdbool.h>
#include <stdint.h>

/* A file in the directory of the registry. segregd holds an OFD lock on it as long as it runs. */
#define TOOL_SWEEPER_LOCK "segregd.lock"

#define TOOL_SERVED_ERROR 768 /* bytes of an error, with its NUL */
#define TOOL_SERVED_TEXT (TOOL_SERVED_ERROR + 160)

/* The segregd that runs, or ran, as segregd.lock has it. */
struct tool_served {
	bool is_running;
	int64_t pid;                   /* 0: not known */
	uint64_t pid_namespace;        /* in which pid is its number */
	int64_t since;                 /* of the error, in CLOCK_REALTIME nanoseconds */
	char error[TOOL_SERVED_ERROR]; /* of its last sweep; "": none */
	/* a segregd that was started for the registry, and has not its lock; 0: none. It counts as running and failing
	 */
	int64_t idle_pid;
};

/*
 * Write the number of this process and the error of its last sweep (NULL: none) into the locked file. If the disk is
 * full, the file stays as it is.
 */
void tool_served_write(int fd, const char *error);

/* *served becomes what the file in dir says. dir is the directory of a registry. */
void tool_served_read(const char *dir, struct tool_served *served);

/*
 * Describe *served: "segregd (pid 4711) runs, but its last sweep failed, since TIME: ERROR". Returns text. Control
 * characters in it are not escaped.
 */
const char *tool_served_describe(const struct tool_served *served, char text[TOOL_SERVED_TEXT]);

#endif /* TOOL_SERVED_H */
