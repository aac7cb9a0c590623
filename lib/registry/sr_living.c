/*
 * sr_living.c - which lanes' owners the kernel lists as alive.
 *
 * A line of /proc/locks, with the device in hexadecimal:
 *
 *      7: OFDLCK ADVISORY  WRITE -1 fe:00:1661468 71 71
 *
 * The device is that of the file system, where stat(2) may tell another (btrfs has one for each subvolume). Such lines are passed
 * over: another file system's file may have the same inode number, and a dead lane must not be taken for alive.
 */
#include "registry/sr_living.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#define LINE "%*u: OFDLCK ADVISORY WRITE %*d %x:%x:%" SCNu64 " %" SCNu64 " %" SCNu64

static void take_line(struct sr_living *living, const struct stat *st, const char *line)
{
	unsigned major_, minor_;
	uint64_t ino, start, end, n;

	if (sscanf(line, LINE, &major_, &minor_, &ino, &start, &end) != 5 || ino != st->st_ino ||
	    makedev(major_, minor_) != st->st_dev || start != end || start < SR_BYTE_LANES)
		return;
	n = start - SR_BYTE_LANES;
	if (n < SEGREG_MAX_LANES)
		living->lanes[n / 64] |= 1ull << n % 64;
}

/* Take the whole lines in text, which has room for a byte after its end. Returns the length of what is left behind the last. */
static size_t take_lines(struct sr_living *living, const struct stat *st, char *text, size_t length)
{
	char *line = text, *end;

	text[length] = '\0';
	while ((end = strchr(line, '\n'))) {
		*end = '\0';
		take_line(living, st, line);
		line = end + 1;
	}
	length -= (size_t)(line - text);
	memmove(text, line, length);
	return length;
}

void sr_living_read(struct sr_living *living, int fd)
{
	char text[16384];
	size_t left = 0;
	off_t at = 0;
	struct stat st;
	ssize_t n;
	int list;

	memset(living, 0, sizeof(*living));
	if (sr_sys_fstat(fd, &st) == -1 || (list = sr_sys_open_locks()) == -1)
		return;
	while (left < sizeof(text) / 2 && (n = sr_sys_pread(list, text + left, sizeof(text) - 1 - left, at)) > 0) {
		at += n;
		left = take_lines(living, &st, text, left + (size_t)n);
	}
	sr_sys_close(list);
}
