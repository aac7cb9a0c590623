/*
 * out.h - writing without waiting for the reader.
 */
#ifndef TOOL_OUT_H
#define TOOL_OUT_H

#include <stdbool.h>
#include <sys/types.h>

struct tool_out {
	int fd;
	bool is_own; /* fd is a descriptor of our own, which does not block */
	bool is_socket;
	bool is_shared; /* a pipe or terminal that could not be opened once more */
};

/* Begin to write to the file behind fd, without ever waiting for its reader. End that. */
void tool_out_open(struct tool_out *out, int fd);
void tool_out_close(struct tool_out *out);

/* Like write(2). EAGAIN: the reader has not read what was written before. */
ssize_t tool_out_write(const struct tool_out *out, const char *text, size_t length);

/*
 * Occupy standard descriptors that are closed, so that no file of this process becomes stdout. Reads and writes there
 * still fail.
 */
void tool_out_guard(void);

#endif /* TOOL_OUT_H */
