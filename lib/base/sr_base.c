/*
 * sr_base.c - the base directory: what a segment's path may be, and the marker that says whose base it is.
 */
#include "base/sr_base.h"
#include "sys/sr_error.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The place comes last: it may hold any byte but NUL. */
#define MARKER_FORMAT "segreg base 2\nuuid %s\nstarts %" PRIu64 "\nowner %s\nlock %" PRIu64 " %" PRIu64 "\nregistry %s\n"
#define MARKER_SIZE (256 + SEGREG_PATH_SIZE)

int sr_base_open(struct sr_base *base, const char *path, const char *registry)
{
	size_t length = strlen(path);
	struct statfs fs;

	if (length + 1 + SEGREG_PATH_MAX >= SEGREG_PATH_SIZE)
		return sr_fail(SEGREG_E_INVAL, "the path of base is too long: %s", path);
	strcpy(base->path, path);
	snprintf(base->lock_path, sizeof(base->lock_path), "%s/%s", path, SR_BASE_LOCK);
	sr_hold_init(&base->hold);
	base->own[0] = '\0';
	if (length == 1)
		length = 0; /* "/" */
	if (!strncmp(registry, path, length) && registry[length] == '/')
		strcpy(base->own, registry + length + 1);
	if (sr_kept_open(&base->dir, base->path, O_PATH | O_DIRECTORY) == -1)
		return sr_fail_errno(errno, "cannot open the base directory %s", path);
	base->has_file_ids = sr_sys_fstatfs(base->dir.fd, &fs) == 0 && fs.f_type != FUSE_SUPER_MAGIC;
	pthread_mutex_init(&base->mutex, NULL);
	return 0;
}

void sr_base_close(struct sr_base *base)
{
	if (!base->dir.path)
		return;
	sr_hold_drop(&base->hold);
	sr_kept_close(&base->dir);
	pthread_mutex_destroy(&base->mutex);
	base->dir.path = NULL;
}

int sr_base_fd(struct sr_base *base)
{
	int fd;

	pthread_mutex_lock(&base->mutex);
	fd = sr_kept_get(&base->dir);
	pthread_mutex_unlock(&base->mutex);
	return fd;
}

/* ---------------------------------------------------------------- its users */

static int fail_to_lock(const struct sr_base *base)
{
	return sr_fail_errno(errno, "cannot lock %s", base->lock_path);
}

int sr_base_join(struct sr_base *base)
{
	if (sr_lockfile_open(&base->lockfile, base->lock_path, O_RDONLY) == -1)
		return errno == ENOENT ? sr_fail_kept(errno, base->lock_path) : fail_to_lock(base);
	if (sr_hold_take(&base->lockfile, 0, F_RDLCK, &base->hold) == 0)
		return 0;
	return errno == EAGAIN ? SR_BASE_TAKEN : fail_to_lock(base);
}

/* The lock is empty and has one name. Another file stands there by mistake or malice, and keeps its owner and mode. */
static void set_access(int fd, const struct sr_access *access)
{
	struct stat st;

	if (sr_sys_fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 && st.st_size == 0)
		sr_access_give(fd, access);
}

/* 0 or -1 with errno. Not by O_CREAT alone: that refuses another user's file in a sticky directory (fs.protected_regular). */
static int open_lock(struct sr_base *base, const struct sr_access *access)
{
	int fd = sr_sys_openat(AT_FDCWD, base->lock_path, O_RDWR | O_NOFOLLOW, 0);

	if (fd == -1 && errno == ENOENT) {
		fd = sr_sys_openat(AT_FDCWD, base->lock_path, O_RDWR | O_CREAT | O_EXCL, 0600);
		if (fd != -1)
			set_access(fd, access);
	}
	if (fd == -1)
		return -1;
	sr_sys_close(fd);
	return sr_lockfile_open(&base->lockfile, base->lock_path, O_RDWR);
}

/* cp -al gives a copy of base the original's lock. */
static int fail_in_use(const struct sr_base *base, int fd)
{
	struct stat st;

	if (sr_sys_fstat(fd, &st) == 0 && st.st_nlink > 1)
		return sr_fail(SEGREG_E_BUSY, "%s is in use, and has %ju names (hard links, as cp -al makes them): a "
			       "copy of %s may share it. In the copy, remove %s; or end the processes "
			       "(fuser %s)", base->lock_path, (uintmax_t)st.st_nlink, base->path,
			       SR_BASE_LOCK, base->lock_path);
	return sr_fail(SEGREG_E_BUSY, "%s is in use by processes that came by another registry.lock: this registry's "
		       "that was replaced or removed since, or another registry's; end them first "
		       "(fuser %s)", base->path, base->lock_path);
}

int sr_base_join_alone(struct sr_base *base, const struct sr_access *access, uint32_t timeout_ms)
{
	int64_t deadline = sr_sys_monotonic() + (int64_t)timeout_ms * 1000000;
	int fd, rc = 0;

	if (open_lock(base, access) == -1)
		return fail_to_lock(base);
	fd = sr_locking_open(&base->lockfile);
	if (fd == -1)
		return fail_to_lock(base);
	while (!rc && sr_sys_lock(fd, F_WRLCK, 0) == -1) {
		if (errno != EAGAIN)
			rc = fail_to_lock(base);
		else if (sr_sys_monotonic() > deadline)
			rc = fail_in_use(base, fd);
		else
			sr_sys_sleep(1000000); /* somebody who is just dying */
	}
	/* Not before: a lock that others use is none of ours. */
	if (!rc)
		set_access(fd, access);
	if (!rc && sr_sys_lock(fd, F_RDLCK, 0) == -1)
		rc = fail_to_lock(base);
	if (rc)
		sr_locking_close(fd);
	else if (sr_hold_from(&base->lockfile, fd, &base->hold) == -1)
		rc = fail_to_lock(base);
	return rc;
}

/* ---------------------------------------------------------------- paths */

/* Equal, or one lies in the other. */
static bool overlap(const char *a, const char *b)
{
	size_t shorter = strlen(a) < strlen(b) ? strlen(a) : strlen(b);

	return !memcmp(a, b, shorter) && (a[shorter] == '\0' || a[shorter] == '/') && (b[shorter] == '\0' || b[shorter] == '/');
}

const char *sr_base_parent(const char *path, char parent[SEGREG_PATH_MAX + 1])
{
	const char *slash = strrchr(path, '/');
	size_t length = slash ? (size_t)(slash - path) : 1;

	memcpy(parent, slash ? path : ".", length);
	parent[length] = '\0';
	return slash ? slash + 1 : path;
}

static const char *fault_of_path(const struct sr_base *base, const char *path)
{
	size_t length = strlen(path);

	if (length == 0)
		return "it is empty";
	if (length > SEGREG_PATH_MAX)
		return "it is longer than 500 bytes";
	if (path[0] == '/')
		return "it is absolute; give it relative to base";
	if (!strncmp(path, SR_BASE_MARKER, strlen(SR_BASE_MARKER)))
		return "names that begin with .segreg are segreg's own";
	for (const char *part = path; part; part = strchr(part, '/')) {
		part += part != path;
		size_t size = strcspn(part, "/");

		if (size == 0)
			return "it has an empty component";
		if (size == 1 && part[0] == '.')
			return "it has a component \".\"";
		if (size == 2 && part[0] == '.' && part[1] == '.')
			return "it has a component \"..\"";
	}
	if (base->own[0] && overlap(path, base->own))
		return "the registry itself lies there";
	return NULL;
}

int sr_base_check_path(const struct sr_base *base, const char *path)
{
	const char *fault = fault_of_path(base, path);

	return fault ? sr_fail(SEGREG_E_PATH, "path \"%s\" cannot be a segment's: %s", path, fault) : 0;
}

static int fail_to_reach(int errnum, const struct sr_base *base, const char *path)
{
	switch (errnum) {
	case ELOOP:
		return sr_fail(SEGREG_E_PATH, "path \"%s\" below %s leads through a symbolic link", path, base->path);
	case EXDEV:
		return sr_fail(SEGREG_E_PATH, "path \"%s\" below %s leads to another mount", path, base->path);
	default:
		return sr_fail_errno(errnum, "cannot reach \"%s\" below %s", path, base->path);
	}
}

static int check_identity(const struct sr_base *base, const char *path, const struct sr_identity *identity)
{
	if (identity->dev != base->dir.dev || identity->is_mount)
		return fail_to_reach(EXDEV, base, path);
	if (S_ISLNK(identity->mode))
		return fail_to_reach(ELOOP, base, path);
	if (!S_ISDIR(identity->mode) && !S_ISREG(identity->mode))
		return sr_fail(SEGREG_E_PATH, "path \"%s\" below %s is neither a directory nor a regular file", path, base->path);
	return 0;
}

uint64_t sr_base_file_id(const struct sr_base *base, int dir, const char *name)
{
	return base->has_file_ids ? sr_sys_file_id(dir, name) : 0;
}

bool sr_base_is_registered(uint64_t dev, const struct sr_record *record, const struct sr_identity *identity)
{
	bool is_directory = S_ISDIR(identity->mode);

	if (identity->dev != dev || (!is_directory && !S_ISREG(identity->mode)))
		return false;
	/* Reserved and never published: the name was free, so what bears it now is the builder's. */
	if (!record->ino)
		return true;
	if (is_directory != record->is_directory)
		return false;
	if (record->fid && identity->fid)
		return record->fid == identity->fid;
	return record->ino == identity->ino && (!identity->btime || !record->btime || identity->btime == record->btime);
}

int sr_base_identify_beside(struct sr_base *base, const char *path, struct sr_identity *identity)
{
	int dir = sr_base_fd(base);

	if (dir == -1)
		return sr_fail_kept(errno, base->path);
	if (sr_sys_identify(dir, path, identity) == -1)
		return fail_to_reach(errno, base, path);
	identity->fid = sr_base_file_id(base, dir, path);
	return check_identity(base, path, identity);
}

int sr_base_identify(struct sr_base *base, const char *path, struct sr_identity *identity)
{
	int rc, fd, dir = sr_base_fd(base);

	if (dir == -1)
		return sr_fail_kept(errno, base->path);
	fd = sr_sys_open_beneath(dir, path, O_PATH | O_NOFOLLOW);
	if (fd == -1)
		return fail_to_reach(errno, base, path);
	if (sr_sys_identify(fd, "", identity) == -1)
		rc = fail_to_reach(errno, base, path);
	else
		rc = check_identity(base, path, identity);
	if (!rc)
		identity->fid = sr_base_file_id(base, fd, "");
	sr_sys_close(fd);
	return rc;
}

/* ---------------------------------------------------------------- the marker */

void sr_uuid_format(const uint8_t uuid[16], char text[37])
{
	for (int i = 0; i < 16; i++) {
		text += sprintf(text, "%02x", uuid[i]);
		if (i == 3 || i == 5 || i == 7 || i == 9)
			*text++ = '-';
	}
	*text = '\0';
}

int sr_uuid_parse(const char *text, uint8_t uuid[16])
{
	for (int i = 0; i < 16; i++) {
		unsigned byte;

		if (i == 4 || i == 6 || i == 8 || i == 10)
			if (*text++ != '-')
				return 0;
		if (strspn(text, "0123456789abcdef") < 2 || sscanf(text, "%2x", &byte) != 1)
			return 0;
		uuid[i] = (uint8_t)byte;
		text += 2;
	}
	return *text == '\0';
}

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

/* "-" is no owner. Returns whether text is one of both. */
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

/* Give an open file or directory in base to base's owner and group, as far as the kernel lets. */
static void give_to_base(int dir, int fd, mode_t mode)
{
	struct stat st;

	if (sr_sys_fstat(dir, &st) == 0)
		sr_access_give(fd, &(struct sr_access){ .uid = st.st_uid, .gid = st.st_gid, .mode = mode });
}

static void name_aside(const struct sr_marker *marker, char name[64])
{
	char uuid[37];

	sr_uuid_format(marker->uuid, uuid);
	snprintf(name, 64, "%s-%s", SR_BASE_MARKER, uuid);
}

/* Write the marker under a name of its own. */
static int write_aside(int dir, const struct sr_marker *marker, char name[64])
{
	char uuid[37], nonce[2 * SR_NONCE_SIZE + 1], text[MARKER_SIZE];
	int fd, length, failed, errnum;

	sr_uuid_format(marker->uuid, uuid);
	format_nonce(marker, nonce);
	length = snprintf(text, sizeof(text), MARKER_FORMAT, uuid, marker->starts, nonce, marker->lock_dev, marker->lock_ino,
			  marker->place);
	name_aside(marker, name);
	/* A new inode each time: one that a crash left may be the marker's own by another name. */
	if (sr_sys_unlinkat(dir, name, 0) == -1 && errno != ENOENT)
		return -1;
	fd = sr_sys_openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644);
	if (fd == -1)
		return -1;
	give_to_base(dir, fd, 0644); /* every later opener reads it, whatever this one's umask is */
	failed = sr_sys_pwrite(fd, text, (size_t)length, 0) == -1 || sr_sys_fsync(fd) == -1;
	sr_sys_close(fd);
	if (!failed)
		return 0;
	errnum = errno;
	sr_sys_unlinkat(dir, name, 0);
	errno = errnum;
	return -1;
}

/* What format 2 has beyond format 1. A text that was cut short has no newline at its end. */
static bool parse_owner(char *text, struct sr_marker *marker)
{
	char nonce[2 * SR_NONCE_SIZE + 2], *place = strstr(text, "\nregistry "), *end = text + strlen(text) - 1;

	if (!place || *end != '\n' ||
	    sscanf(text, "segreg base 2 uuid %*36s starts %*u owner %33s lock %" SCNu64 " %" SCNu64, nonce, &marker->lock_dev,
		   &marker->lock_ino) != 3 || !parse_nonce(nonce, marker))
		return false;
	place += strlen("\nregistry ");
	*end = '\0';
	if (end < place || strlen(place) >= sizeof(marker->place) || (*place && *place != '/'))
		return false;
	strcpy(marker->place, place);
	return true;
}

static int read_marker(int dir, struct sr_marker *marker)
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

/* Does the file begin with text? 1, 0, or -1 with errno. */
static int may_begin_with(int dir, const char *name, const char *text)
{
	char start[32] = "";
	int fd = sr_sys_openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	ssize_t length;

	if (fd == -1)
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == ENXIO ? 0 : -1;
	length = sr_sys_pread(fd, start, strlen(text), 0);
	if (length == -1 && (errno == EISDIR || errno == ESPIPE))
		length = 0;
	sr_sys_close(fd);
	return length == -1 ? -1 : !strcmp(start, text);
}

/* Has the registry.lock in dir a registry.mdb beside it, or a user? The user first: a creation has registry.lock
 * until both are there. */
static int is_whole(int dir)
{
	struct sr_identity identity;
	int held, fd = sr_sys_openat(dir, "registry.lock", O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);

	if (fd == -1)
		return errno == ENOENT ? 0 : -1;
	held = sr_sys_locked(fd, SR_BYTE_ATTACH);
	sr_sys_close(fd);
	if (held)
		return held;
	if (sr_sys_identify(dir, "registry.mdb", &identity) == 0)
		return 1;
	return errno == ENOENT ? 0 : -1;
}

int sr_base_has_registry(int dir)
{
	int answer = may_begin_with(dir, "registry.lock", "segreg registry ");

	return answer == 1 ? is_whole(dir) : answer;
}

int sr_base_is_foreign(int dir)
{
	int answer = may_begin_with(dir, SR_BASE_MARKER, "segreg base ");

	return answer ? answer : sr_base_has_registry(dir);
}

/* sr_base_is_foreign of the directory whose name below base is the first length bytes of path. A missing directory is not foreign. */
static int is_foreign_at(int dir, const char *path, size_t length)
{
	char name[SEGREG_PATH_MAX + 1];
	int fd, answer;

	memcpy(name, path, length);
	name[length] = '\0';
	fd = sr_sys_open_beneath(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW);
	if (fd == -1)
		return errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == EIO ? -1 : 0;
	answer = sr_base_is_foreign(fd);
	sr_sys_close(fd);
	return answer;
}

/* answer: of is_foreign_at. 0 if it is no. */
static int fail_foreign(int answer, const char *path, size_t length)
{
	if (answer == -1)
		return sr_fail_errno(errno, "cannot see whether \"%.*s\" is a registry", (int)length, path);
	return !answer ? 0 : sr_fail(SEGREG_E_PATH, "path \"%s\" cannot be a segment's: \"%.*s\" is a registry or "
				     "another registry's base. If that is gone for good, remove %s or registry.lock "
				     "there", path, (int)length, path, SR_BASE_MARKER);
}

int sr_base_check_above(struct sr_base *base, const char *path)
{
	int dir = sr_base_fd(base);

	if (dir == -1)
		return sr_fail_kept(errno, base->path);
	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		size_t length = (size_t)(slash - path);
		int rc = fail_foreign(is_foreign_at(dir, path, length), path, length);

		if (rc)
			return rc;
	}
	return 0;
}

int sr_base_check_top(struct sr_base *base, const char *path)
{
	int dir = sr_base_fd(base);

	if (dir == -1)
		return sr_fail_kept(errno, base->path);
	return fail_foreign(is_foreign_at(dir, path, strlen(path)), path, strlen(path));
}

int sr_base_make_trash(int dir)
{
	bool is_new = sr_sys_mkdirat(dir, SR_BASE_TRASH, 0700) == 0;
	struct stat base, trash;
	int fd;

	if (!is_new && errno != EEXIST)
		return -1;
	fd = sr_sys_openat(dir, SR_BASE_TRASH, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (fd == -1)
		return is_new ? -1 : 0;
	/* Also one that this user made for another: root in an earlier version, or before a crash right here. */
	if (sr_sys_fstat(dir, &base) == 0 && sr_sys_fstat(fd, &trash) == 0 &&
	    (is_new || (trash.st_uid == geteuid() && trash.st_uid != base.st_uid)))
		give_to_base(dir, fd, 0700 | (base.st_mode & 0070));
	sr_sys_close(fd);
	return 0;
}

int sr_base_claim(struct sr_base *base, const struct sr_marker *marker)
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
	if (read_marker(dir, &there) == -1)
		rc = sr_fail_errno(errno, "cannot read %s/%s", base->path, SR_BASE_MARKER);
	else if (memcmp(there.uuid, marker->uuid, sizeof(there.uuid)))
		rc = sr_fail(SEGREG_E_EXISTS, "%s is the base of another registry (its %s says so)", base->path, SR_BASE_MARKER);
	else if (sr_base_make_trash(dir) == -1)
		rc = sr_fail_errno(errno, "cannot make %s/%s", base->path, SR_BASE_TRASH);
	else if (sr_sys_fsync(dir) == -1)
		rc = sr_fail_errno(errno, "cannot make %s durable", base->path);
out:
	sr_sys_close(dir);
	return rc;
}

void sr_base_unclaim(struct sr_base *base, const struct sr_marker *marker)
{
	struct sr_marker there;
	char aside[64];
	int dir = sr_base_fd(base);

	if (dir == -1)
		return;
	/* What a failed write left: no later one of this uuid replaces it. */
	name_aside(marker, aside);
	sr_sys_unlinkat(dir, aside, 0);
	if (read_marker(dir, &there) == -1 || memcmp(there.uuid, marker->uuid, sizeof(there.uuid)))
		return;
	sr_sys_unlinkat(dir, SR_BASE_MARKER, 0);
	sr_sys_unlinkat(dir, SR_BASE_TRASH, AT_REMOVEDIR);
}

int sr_base_read_marker_in(int dir, struct sr_marker *marker)
{
	return read_marker(dir, marker);
}

int sr_base_read_marker(struct sr_base *base, struct sr_marker *marker)
{
	int dir = sr_base_fd(base);

	return dir == -1 ? -1 : read_marker(dir, marker);
}

int sr_base_check(struct sr_base *base, const uint8_t uuid[16], struct sr_marker *marker)
{
	int dir = sr_base_fd(base);

	if (dir == -1)
		return sr_fail_kept(errno, base->path);
	if (read_marker(dir, marker) == -1) {
		if (errno != ENOENT && errno != EBADMSG && errno != ELOOP)
			return sr_fail_errno(errno, "cannot read %s/%s", base->path, SR_BASE_MARKER);
		if (errno == ENOENT)
			return sr_fail(SEGREG_E_MISMATCH, "%s has no marker %s: is its file system mounted? If it is, and the segments are there, "
				       "end all processes of the registry and run: segctl init --adopt", base->path, SR_BASE_MARKER);
		return sr_fail(SEGREG_E_MISMATCH, "%s does not carry this registry's marker %s (%s); is its file system mounted?",
			       base->path, SR_BASE_MARKER, strerror(errno));
	}
	if (memcmp(marker->uuid, uuid, sizeof(marker->uuid)))
		return sr_fail(SEGREG_E_MISMATCH, "%s is the base of another registry (its %s says so)", base->path,
			       SR_BASE_MARKER);
	return 0;
}

int sr_base_mark(struct sr_base *base, const struct sr_marker *marker)
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
