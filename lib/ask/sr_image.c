/*
 * sr_image.c - a region read as a file, without mapping it: for segreg_debug.
 */
#include "ask/sr_image.h"
#include "sys/sr_error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

static int open_region(struct sr_image *image, const char *lock_path)
{
	if (!image->info.present || !image->info.region[0])
		return sr_fail(SEGREG_E_NOENT, "%s names no shared memory: no process has the registry open",
			       lock_path);
	snprintf(image->name, sizeof(image->name), "/dev/shm%s", image->info.region);
	image->fd = sr_sys_shm_open(image->info.region, O_RDONLY, 0);
	if (image->fd == -1 && errno == ENOENT)
		return sr_fail(SEGREG_E_NOENT,
			       "%s names the shared memory %s, which is not there: no process has the "
			       "registry open, or somebody removed it, or this process has another /dev/shm",
			       lock_path, image->name);
	if (image->fd == -1 || sr_sys_fstat(image->fd, &image->st) == -1)
		return sr_fail_errno(errno, "cannot open %s", image->name);
	return 0;
}

int sr_image_open(struct sr_image *image, const char *dir)
{
	char path[SEGREG_PATH_SIZE + 16];
	int rc;

	*image = (struct sr_image){ .fd = -1, .lock_fd = -1 };
	snprintf(path, sizeof(path), "%s/registry.lock", dir);
	image->lock_fd = sr_sys_openat(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	if (image->lock_fd == -1 || sr_sys_fstat(image->lock_fd, &image->lock_st) == -1)
		rc = sr_fail_errno(errno, "cannot open %s", path);
	else
		rc = sr_lockinfo_read(image->lock_fd, path, &image->info);
	if (!rc)
		rc = open_region(image, path);
	if (rc)
		sr_image_close(image);
	return rc;
}

int sr_image_open_file(struct sr_image *image, const char *path)
{
	int rc = 0;

	*image = (struct sr_image){ .lock_fd = -1 };
	snprintf(image->name, sizeof(image->name), "%s", path);
	image->fd = sr_sys_openat(AT_FDCWD, path, O_RDONLY | O_NONBLOCK, 0);
	if (image->fd == -1 || sr_sys_fstat(image->fd, &image->st) == -1)
		rc = sr_fail_errno(errno, "cannot open %s", path);
	else if (!S_ISREG(image->st.st_mode))
		rc = sr_fail(SEGREG_E_INVAL, "%s is not a regular file", path);
	if (rc)
		sr_image_close(image);
	return rc;
}

void sr_image_close(struct sr_image *image)
{
	if (image->fd != -1)
		sr_sys_close(image->fd);
	if (image->lock_fd != -1)
		sr_sys_close(image->lock_fd);
	image->fd = image->lock_fd = -1;
}

bool sr_image_read(const struct sr_image *image, uint64_t offset, void *to, size_t size)
{
	return offset <= INT64_MAX && sr_sys_pread(image->fd, to, size, (off_t)offset) == (ssize_t)size;
}

int sr_image_locked(const struct sr_image *image, off_t byte)
{
	return image->lock_fd == -1 ? -1 : sr_sys_locked(image->lock_fd, byte);
}
