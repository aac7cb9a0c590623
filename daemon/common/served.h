/*
 * served.h - what segregd.lock says: which segregd serves the registry, and why its sweeps fail.
 */
#ifndef TOOL_SERVED_H
#define TOOL_SERVED_H

#include <stdbool.h>
#include <stdint.h>

/* In the registry's directory: segregd holds an OFD lock on it for as long as it runs. */
#define TOOL_SWEEPER_LOCK "segregd.lock"

#define TOOL_SERVED_ERROR 768 /* bytes of an error, with its NUL */
#define TOOL_SERVED_TEXT (TOOL_SERVED_ERROR + 160)

/* What segregd.lock says of the segregd that runs, or ran. */
struct tool_served {
	bool is_running;
	int64_t pid;                   /* 0: not known */
	uint64_t pid_namespace;        /* in which that is its number */
	int64_t since;                 /* when the error came, in CLOCK_REALTIME nanoseconds */
	char error[TOOL_SERVED_ERROR]; /* of its last sweep; "" for none */
};

/*
 * Write this process into the locked file, with the error of its last sweep (NULL: none). On a disk that takes nothing
 * the file says nothing.
 */
void tool_served_write(int fd, const char *error);

/* *served becomes what the file in dir, a registry's directory, says. */
void tool_served_read(const char *dir, struct tool_served *served);

/*
 * "segregd (pid 4711) runs, but its last sweep failed, since TIME: ERROR". Returns text, in which control characters
 * are not escaped.
 */
const char *tool_served_describe(const struct tool_served *served, char text[TOOL_SERVED_TEXT]);

#endif /* TOOL_SERVED_H */
