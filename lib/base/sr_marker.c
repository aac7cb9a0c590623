/*
 * sr_marker.c - the marker in base, which says whose base it is.
 */
#include "base/sr_marker.h"
#include "base/sr_trash.h"
#include "base/sr_uuid.h"
#include "sys/sr_error.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The place comes last: it may hold any byte but NUL. */
#define MARKER_FORMAT                                                                                                  \
	"segreg base 2\nuuid %s\nstarts %" PRIu64 "\nowner %s\nlock %" PRIu64 " %" PRIu64 "\nregistry %s\n"
#define MARKER_SIZE (256 + SEGREG_PATH_SIZE)

static int open_for_writing(struct sr_base *base)
{
	int dir = sr_base_fd(base);

	return dir == -1 ? -1 : sr_sys_openat(dir, ".", O_RDONLY | O_DIRECTORY, 0);
}

static void format_nonce(const struct sr_marker *marker, char text[2 * SR_NONCE_SIZE + 1])
{
	strcpy(text, "-");
	for (int i = 0; i < SR_NONCE_SIZE && marker->has_owner; i++)
		sprintf(text + 2 * i, "%02x", marker->owner[i]);
}

/* Parse the owner: "-" if there is none, or a nonce. Returns whether text is either. */
static bool parse_nonce(const char *text, struct sr_marker *marker)
{
	marker->has_owner = strcmp(text, "-");
	if (!marker->has_owner)
		return true;
	if (strlen(text) != 2 * SR_NONCE_SIZE || strspn(text, "0123456789abcdef") != 2 * SR_NONCE_SIZE)
		return false;
	for (int i = 0; i < SR_NONCE_SIZE; i++) {
		unsigned byte;

		sscanf(text + 2 * i, "%2x", &byte);
		marker->owner[i] = (uint8_t)byte;
	}
	return true;
}

static void name_aside(const struct sr_marker *marker, char name[64])
{
	char uuid[37];

	sr_uuid_format(marker->uuid, uuid);
	snprintf(name, 64, "%s-%s", SR_BASE_MARKER, uuid);
}

/* Write the marker under a name of its own. Returns 0, or -1 with errno. */
static int write_aside(int dir, const struct sr_marker *marker, char name[64])
{
	char uuid[37], nonce[2 * SR_NONCE_SIZE + 1], text[MARKER_SIZE];
	int fd, length, failed, errnum;

	sr_uuid_format(marker->uuid, uuid);
	format_nonce(marker, nonce);
	length = snprintf(text, sizeof(text), MARKER_FORMAT, uuid, marker->starts, nonce, marker->lock_dev,
			  marker->lock_ino, marker->place);
	name_aside(marker, name);
	/* Make a new inode each time: a file that a crash left may be the marker itself under a second name. */
	if (sr_sys_unlinkat(dir, name, 0) == -1 && errno != ENOENT)
		return -1;
	fd = sr_sys_openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644);
	if (fd == -1)
		return -1;
	sr_base_give(dir, fd,
		     0644); /* each later process that opens the registry reads it, whatever this process's umask is */
	failed = sr_sys_pwrite(fd, text, (size_t)length, 0) == -1 || sr_sys_fsync(fd) == -1;
	sr_sys_close(fd);
	if (!failed)
		return 0;
	errnum = errno;
	sr_sys_unlinkat(dir, name, 0);
	errno = errnum;
	return -1;
}

/* Parse what format 2 has in addition to format 1. A text that was cut short does not end with a newline. */
static bool parse_owner(char *text, struct sr_marker *marker)
{
	char nonce[2 * SR_NONCE_SIZE + 2], *place = strstr(text, "\nregistry "), *end = text + strlen(text) - 1;

	if (!place || *end != '\n' ||
	    sscanf(text, "segreg base 2 uuid %*36s starts %*u owner %33s lock %" SCNu64 " %" SCNu64, nonce,
		   &marker->lock_dev, &marker->lock_ino) != 3 ||
	    !parse_nonce(nonce, marker))
		return false;
	place += strlen("\nregistry ");
	*end = '\0';
	if (end < place || strlen(place) >= sizeof(marker->place) || (*place && *place != '/'))
		return false;
	strcpy(marker->place, place);
	return true;
}

int sr_marker_read_in(int dir, struct sr_marker *marker)
{
	char text[MARKER_SIZE] = "", uuid[37];
	unsigned format;
	int fd = sr_sys_openat(dir, SR_BASE_MARKER, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	ssize_t length;

	if (fd == -1)
		return -1;
	length = sr_sys_pread(fd, text, sizeof(text) - 1, 0);
	sr_sys_close(fd);
	if (length == -1)
		return -1;
	*marker = (struct sr_marker){ .starts = 0 };
	if (sscanf(text, "segreg base %u uuid %36s starts %" SCNu64, &format, uuid, &marker->starts) == 3 &&
	    sr_uuid_parse(uuid, marker->uuid) && (format == 1 || (format == 2 && parse_owner(text, marker))))
		return 0;
	errno = EBADMSG;
	return -1;
}

int sr_marker_claim(struct sr_base *base, const struct sr_marker *marker)
{
	struct sr_marker there;
	char aside[64];
	int rc = 0, dir = open_for_writing(base);

	if (dir == -1)
		return sr_fail_kept(errno, base->path);
	if (write_aside(dir, marker, aside) == -1) {
		rc = sr_fail_errno(errno, "cannot write %s/%s", base->path, SR_BASE_MARKER);
		goto out;
	}
	if (sr_sys_linkat(dir, aside, SR_BASE_MARKER) == -1 && errno != EEXIST)
		rc = sr_fail_errno(errno, "cannot write %s/%s", base->path, SR_BASE_MARKER);
	sr_sys_unlinkat(dir, aside, 0);
	if (rc)
		goto out;
	if (sr_marker_read_in(dir, &there) == -1)
		rc = sr_fail_errno(errno, "cannot read %s/%s", base->path, SR_BASE_MARKER);
	else if (memcmp(there.uuid, marker->uuid, sizeof(there.uuid)))
		rc = sr_fail(SEGREG_E_EXISTS, "%s is the base of another registry (its %s says so)", base->path,
			     SR_BASE_MARKER);
	else if (sr_trash_make(dir) == -1)
		rc = sr_fail_errno(errno, "cannot make %s/%s", base->path, SR_BASE_TRASH);
	else if (sr_sys_fsync(dir) == -1)
		rc = sr_fail_errno(errno, "cannot make %s durable", base->path);
out:
	sr_sys_close(dir);
	return rc;
}

void sr_marker_unclaim(struct sr_base *base, const struct sr_marker *marker)
{
	struct sr_marker there;
	char aside[64];
	int dir = sr_base_fd(base);

	if (dir == -1)
		return;
	/* Remove what a failed write left: no later write of this uuid replaces it. */
	name_aside(marker, aside);
	sr_sys_unlinkat(dir, aside, 0);
	if (sr_marker_read_in(dir, &there) == -1 || memcmp(there.uuid, marker->uuid, sizeof(there.uuid)))
		return;
	sr_sys_unlinkat(dir, SR_BASE_MARKER, 0);
	sr_sys_unlinkat(dir, SR_BASE_TRASH, AT_REMOVEDIR);
}

int sr_marker_read(struct sr_base *base, struct sr_marker *marker)
{
	int dir = sr_base_fd(base);

	return dir == -1 ? -1 : sr_marker_read_in(dir, marker);
}

int sr_marker_check(struct sr_base *base, const uint8_t uuid[16], struct sr_marker *marker)
{
	int dir = sr_base_fd(base);

	if (dir == -1)
		return sr_fail_kept(errno, base->path);
	if (sr_marker_read_in(dir, marker) == -1) {
		if (errno != ENOENT && errno != EBADMSG && errno != ELOOP)
			return sr_fail_errno(errno, "cannot read %s/%s", base->path, SR_BASE_MARKER);
		if (errno == ENOENT)
			return sr_fail(SEGREG_E_MISMATCH,
				       "%s has no marker %s: is its file system mounted? If it is, and the segments "
				       "are there, "
				       "end all processes of the registry and run: segctl init --adopt",
				       base->path, SR_BASE_MARKER);
		return sr_fail(SEGREG_E_MISMATCH,
			       "%s does not carry this registry's marker %s (%s); is its file system mounted?",
			       base->path, SR_BASE_MARKER, strerror(errno));
	}
	if (memcmp(marker->uuid, uuid, sizeof(marker->uuid)))
		return sr_fail(SEGREG_E_MISMATCH, "%s is the base of another registry (its %s says so)", base->path,
			       SR_BASE_MARKER);
	return 0;
}

int sr_marker_put(struct sr_base *base, const struct sr_marker *marker)
{
	char aside[64];
	int rc = 0, dir = open_for_writing(base);

	if (dir == -1)
		return sr_fail_kept(errno, base->path);
	if (write_aside(dir, marker, aside) == -1 || sr_sys_renameat(dir, aside, dir, SR_BASE_MARKER) == -1 ||
	    sr_sys_fsync(dir) == -1)
		rc = sr_fail_errno(errno, "cannot write %s/%s", base->path, SR_BASE_MARKER);
	sr_sys_close(dir);
	return rc;
}
