/*
 * sr_living.c - which lanes' owners, and which files' users, the kernel lists as alive.
 *
 * A line of /proc/locks, with the device in hexadecimal:
 *
 *      7: OFDLCK ADVISORY  WRITE -1 fe:00:1661468 71 71
 *
 * The device is that of the file system, where stat(2) may have another: btrfs has one for each subvolume. Such lines
 * are passed over. A file of another file system may have the same inode number, and a dead lane must not be taken for
 * alive.
 */
#include "registry/sr_living.h"

#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#define KIND "OFDLCK ADVISORY  "

/* Read a number, and end as the byte after it; returns false if there is something else. sscanf would take longer
 * than the kernel takes to make the line. */
static bool take_number(const char **text, int radix, char end, uint64_t *number)
{
	char *rest;

	*number = strtoull(*text, &rest, radix);
	if (rest == *text || *rest != end)
		return false;
	*text = rest + 1;
	return true;
}

struct line {
	bool is_write;
	uint64_t dev, ino, start, end; /* dev: the kernel's own */
};

typedef void line_fn(void *arg, const struct line *line);

static void take_line(line_fn *fn, void *arg, const char *text)
{
	const char *at = strstr(text, KIND);
	uint64_t pid, major_, minor_;
	struct line line;

	if (!at)
		return;
	at += strlen(KIND);
	line.is_write = *at == 'W';
	at += strcspn(at, " ");
	if (!*at++ || !take_number(&at, 10, ' ', &pid) || !take_number(&at, 16, ':', &major_) ||
	    !take_number(&at, 16, ':', &minor_) || !take_number(&at, 10, ' ', &line.ino) ||
	    !take_number(&at, 10, ' ', &line.start) || !take_number(&at, 10, '\0', &line.end))
		return;
	line.dev = makedev((unsigned)major_, (unsigned)minor_);
	fn(arg, &line);
}

/* Take the whole lines in text, which has room for a byte after its end. Returns the length of the rest behind the
 * last line. */
static size_t take_lines(line_fn *fn, void *arg, char *text, size_t length)
{
	char *line = text, *end;

	text[length] = '\0';
	while ((end = strchr(line, '\n'))) {
		*end = '\0';
		take_line(fn, arg, line);
		line = end + 1;
	}
	length -= (size_t)(line - text);
	memmove(text, line, length);
	return length;
}

/* Call fn for each line; for none where the list cannot be read. */
static void each_line(line_fn *fn, void *arg)
{
	char text[16384];
	size_t left = 0;
	off_t at = 0;
	ssize_t n;
	int list = sr_sys_open_locks();

	if (list == -1)
		return;
	while (left < sizeof(text) / 2 && (n = sr_sys_pread(list, text + left, sizeof(text) - 1 - left, at)) > 0) {
		at += n;
		left = take_lines(fn, arg, text, left + (size_t)n);
	}
	sr_sys_close(list);
}

/* ---------------------------------------------------------------- lanes */

struct lanes {
	struct sr_living *living;
	struct stat st; /* of registry.lock */
};

static void take_lane(void *arg, const struct line *line)
{
	const struct lanes *lanes = arg;
	uint64_t n = line->start - SR_BYTE_LANES;

	if (line->is_write && line->ino == lanes->st.st_ino && line->dev == lanes->st.st_dev &&
	    line->start == line->end && line->start >= SR_BYTE_LANES && n < SEGREG_MAX_LANES)
		sr_living_add(lanes->living, (uint32_t)n);
}

void sr_living_read(struct sr_living *living, int fd)
{
	struct lanes lanes = { .living = living };

	memset(living, 0, sizeof(*living));
	if (sr_sys_fstat(fd, &lanes.st) == 0)
		each_line(take_lane, &lanes);
}

/* ---------------------------------------------------------------- files */

struct user {
	uint64_t dev, ino;
	const struct sr_lockfile *ours;
	uint64_t our_dev; /* device of ours, as the kernel numbers it; 0: not seen */
	bool is_there;
};

static void find_our_device(void *arg, const struct line *line)
{
	struct user *user = arg;

	if (line->is_write && line->ino == user->ours->ino && line->start == SR_BYTE_ATTACH)
		user->our_dev = line->dev;
}

static void find_user(void *arg, const struct line *line)
{
	struct user *user = arg;
	bool is_of_device = line->dev == user->dev || (user->dev == user->ours->dev && line->dev == user->our_dev);

	if (line->ino == user->ino && is_of_device && line->start == SR_BYTE_ATTACH)
		user->is_there = true;
}

bool sr_living_has_user(const struct sr_lockfile *ours, uint64_t dev, uint64_t ino)
{
	struct user user = { .dev = dev, .ino = ino, .ours = ours };

	each_line(find_our_device, &user);
	each_line(find_user, &user);
	return user.is_there;
}
