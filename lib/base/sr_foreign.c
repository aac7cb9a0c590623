/*
 * sr_foreign.c - directories that no segment may contain: other registries and their bases.
 */
#include "base/sr_foreign.h"
#include "sys/sr_error.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* Does the file begin with text? Returns 1, 0, or -1 with errno. */
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

/* Does the registry.lock in dir have a registry.mdb beside it, or a user? Look for the user first: a creation holds
 * registry.lock until both files are there. */
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

int sr_foreign_has_registry(int dir)
{
	int answer = may_begin_with(dir, "registry.lock", "segreg registry ");

	return answer == 1 ? is_whole(dir) : answer;
}

int sr_foreign_is_there(int dir)
{
	int answer = may_begin_with(dir, SR_BASE_MARKER, "segreg base ");

	return answer ? answer : sr_foreign_has_registry(dir);
}

/* Like sr_foreign_is_there, for the directory whose path below base is the first length bytes of path. A missing
 * directory is not foreign. */
static int is_foreign_at(int dir, const char *path, size_t length)
{
	char name[SEGREG_PATH_MAX + 1];
	int fd, answer;

	memcpy(name, path, length);
	name[length] = '\0';
	fd = sr_sys_open_beneath(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW);
	if (fd == -1)
		return errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == EIO ? -1 : 0;
	answer = sr_foreign_is_there(fd);
	sr_sys_close(fd);
	return answer;
}

/* Turn answer, from is_foreign_at, into SEGREG_E_PATH for yes and 0 for no. */
static int fail_foreign(int answer, const char *path, size_t length)
{
	if (answer == -1)
		return sr_fail_errno(errno, "cannot see whether \"%.*s\" is a registry", (int)length, path);
	return !answer ? 0
		       : sr_fail(SEGREG_E_PATH,
				 "path \"%s\" cannot be a segment's: \"%.*s\" is a registry or "
				 "another registry's base. If that is gone for good, remove %s or registry.lock "
				 "there",
				 path, (int)length, path, SR_BASE_MARKER);
}

int sr_foreign_find_above(int dir, const char *path, size_t *length)
{
	int answer = 0;

	for (const char *slash = strchr(path, '/'); slash && !answer; slash = strchr(slash + 1, '/')) {
		*length = (size_t)(slash - path);
		answer = is_foreign_at(dir, path, *length);
	}
	return answer;
}

int sr_foreign_check_above(struct sr_base *base, const char *path)
{
	size_t length = 0;
	int answer, dir = sr_base_fd(base);

	if (dir == -1)
		return sr_fail_kept(errno, base->path);
	answer = sr_foreign_find_above(dir, path, &length);
	return fail_foreign(answer, path, length);
}

int sr_foreign_check_top(struct sr_base *base, const char *path)
{
	int dir = sr_base_fd(base);

	if (dir == -1)
		return sr_fail_kept(errno, base->path);
	return fail_foreign(is_foreign_at(dir, path, strlen(path)), path, strlen(path));
}
