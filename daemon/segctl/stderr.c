/*
 * stderr.c - what segctl writes to stderr, without waiting for its reader.
 *
 * A verb may hold a sweep, a snapshot or a pin when it writes an error. So a full pipe or a stopped terminal must not
 * stop it there. Messages that find no room wait until the registry is closed. Progress that finds no room is dropped.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/out.h"
#include "segctl/stderr.h"

static struct tool_out out;
static bool is_open;
static char *kept;          /* the bytes that found no room */
static size_t length, room; /* number of those bytes, and of allocated ones */

static size_t write_now(const char *text, size_t n)
{
	ssize_t written;

	if (!is_open)
		tool_out_open(&out, STDERR_FILENO);
	is_open = true;
	written = tool_out_write(&out, text, n);
	/* What cannot be written at all is as good as written: nobody reads it. */
	return written >= 0 ? (size_t)written : errno == EAGAIN || errno == EINTR ? 0 : n;
}

static void keep(const char *text, size_t n)
{
	if (!n)
		return;
	if (n > room - length) {
		size_t more = 2 * room + n;
		char *bigger = realloc(kept, more);

		if (!bigger)
			return;
		kept = bigger;
		room = more;
	}
	memcpy(kept + length, text, n);
	length += n;
}

static void write_kept(void)
{
	size_t n;

	if (!length)
		return;
	n = write_now(kept, length);
	length -= n;
	memmove(kept, kept + n, length);
}

void ctl_stderr_write(const char *text)
{
	size_t n = 0;

	write_kept();
	if (!length)
		n = write_now(text, strlen(text));
	keep(text + n, strlen(text + n));
}

bool ctl_stderr_try_write(const char *text)
{
	write_kept();
	return !length && write_now(text, strlen(text)) > 0;
}

void ctl_stderr_finish(void)
{
	if (length)
		fwrite(kept, 1, length, stderr);
	free(kept);
	kept = NULL;
	length = room = 0;
	if (is_open)
		tool_out_close(&out);
	is_open = false;
}
