/*
 * sr_file.c - opening and mapping files of a segment that cannot vanish meanwhile.
 */
#include "base/sr_file.h"
#include "sys/sr_error.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

int sr_file_open(struct sr_base *base, const char *path, const char *file, int *fd)
{
	int opened, inside, dir = sr_base_fd(base);

	if (dir == -1)
		return sr_fail_kept(errno, base->path);
	opened = sr_sys_open_beneath(dir, path, file ? O_PATH | O_DIRECTORY : O_RDONLY | O_NONBLOCK);
	if (opened != -1 && file) {
		inside = sr_sys_open_beneath(opened, file, O_RDONLY | O_NONBLOCK); /* a FIFO must not block us */
		sr_sys_close(opened);
		opened = inside;
	}
	if (opened == -1 && (errno == ELOOP || errno == EXDEV))
		return sr_fail(SEGREG_E_PATH, "\"%s\" leads out of segment %s", file ? file : "", path);
	if (opened == -1 && errno == ENAMETOOLONG) /* then it cannot be there */
		errno = ENOENT;
	if (opened == -1)
		return sr_fail_errno(errno, "cannot open \"%s\" of segment %s", file ? file : "", path);
	*fd = opened;
	return 0;
}

int sr_file_map(int fd, const char *file, const void **data, size_t *length)
{
	struct stat st;
	void *mapped = NULL;

	if (sr_sys_fstat(fd, &st) == -1)
		return sr_fail_errno(errno, "cannot look at \"%s\"", file ? file : "the segment");
	if (!S_ISREG(st.st_mode))
		return sr_fail(SEGREG_E_PATH, "\"%s\" is not a regular file", file ? file : "the segment");
	if (st.st_size)
		mapped = sr_sys_mmap((size_t)st.st_size, PROT_READ, MAP_SHARED, fd);
	if (st.st_size && !mapped)
		return sr_fail_errno(errno, "cannot map \"%s\"", file ? file : "the segment");
	*data = mapped;
	*length = (size_t)st.st_size;
	return 0;
}

void sr_file_unmap(const void *data, size_t length)
{
	union {
		const void *in;
		void *out; /* munmap takes a pointer that is not const, for no reason */
	} mapped = { .in = data };

	if (mapped.out)
		sr_sys_munmap(mapped.out, length);
}
