/*
 * tree_bytes.c - copying the bytes of a file: shared blocks first, then in the kernel, then through memory.
 */
#include <errno.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "segctl/tree.h"
#include "segctl/tree_file.h"

#define CHUNK (16 << 20) /* bytes of a copy_file_range: progress is shown between two */
#define BUFFER (1 << 17) /* bytes of a read; a file that is not larger needs no more calls */

static struct ctl_tree_fault fault(const char *what, bool in_source, int error)
{
	return (struct ctl_tree_fault){ .error = error ? error : EIO, .what = what, .in_source = in_source };
}

static const struct ctl_tree_fault none;

static struct ctl_tree_fault write_all(int to, const char *bytes, size_t n, off_t at)
{
	while (n) {
		ssize_t written = pwrite(to, bytes, n, at);

		if (written == -1 && errno == EINTR)
			continue;
		if (written <= 0)
			return fault("write", false, written ? errno : EIO);
		bytes += written;
		at += written;
		n -= (size_t)written;
	}
	return none;
}

/* Copy the bytes from *at to end, through memory. */
static struct ctl_tree_fault copy_by_memory(struct ctl_tree *tree, int from, int to, off_t *at, off_t end)
{
	static char buffer[BUFFER];

	while (*at < end) {
		size_t wanted = end - *at < BUFFER ? (size_t)(end - *at) : BUFFER;
		ssize_t n = pread(from, buffer, wanted, *at);
		struct ctl_tree_fault wrong;

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return fault("read", true, errno);
		if (!n)
			return fault("read all of", true, ENODATA); /* shorter than it was */
		wrong = write_all(to, buffer, (size_t)n, *at);
		if (wrong.error)
			return wrong;
		*at += n;
		tree->bytes += (uint64_t)n;
		tree->tick(tree->arg);
	}
	return none;
}

/* copy_file_range cannot copy here; nothing else is wrong. */
static bool is_unable(int error)
{
	return error == EXDEV || error == EINVAL || error == EOPNOTSUPP || error == ENOSYS || error == EPERM ||
	       error == EBADF || error == ETXTBSY;
}

static struct ctl_tree_fault copy_range(struct ctl_tree *tree, int from, int to, off_t at, off_t end)
{
	while (end - at > BUFFER) {
		off_t in = at, out = at;
		ssize_t n = copy_file_range(from, &in, to, &out, end - at < CHUNK ? (size_t)(end - at) : CHUNK, 0);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && !is_unable(errno))
			/* The call does not tell which of the files is at fault. */
			return fault("copy all bytes of", false, errno);
		if (n <= 0)
			break;
		at += n;
		tree->bytes += (uint64_t)n;
		tree->tick(tree->arg);
	}
	return copy_by_memory(tree, from, to, &at, end);
}

/* Copy what lies between holes. */
static struct ctl_tree_fault copy_sparse(struct ctl_tree *tree, int from, int to, off_t size)
{
	for (off_t at = 0; at < size;) {
		off_t data = lseek(from, at, SEEK_DATA), hole;
		struct ctl_tree_fault wrong;

		if (data == -1 && errno == ENXIO) /* the rest is a hole */
			return none;
		hole = data == -1 ? -1 : lseek(from, data, SEEK_HOLE);
		if (hole == -1) /* a file system that knows no holes */
			return copy_range(tree, from, to, at, size);
		if (data >= size)
			return none;
		at = hole < size ? hole : size;
		wrong = copy_range(tree, from, to, data, at);
		if (wrong.error)
			return wrong;
	}
	return none;
}

static bool may_share(const struct ctl_tree *tree, const struct stat *from, const struct stat *to)
{
	return !tree->cannot_share || tree->share_from != from->st_dev || tree->share_to != to->st_dev;
}

/* Let both files have the same blocks, which the file system separates when one of the files changes. */
static bool share(struct ctl_tree *tree, int from, int to, const struct stat *st)
{
	struct stat own;

	if (fstat(to, &own) == -1 || !may_share(tree, st, &own))
		return false;
	if (ioctl(to, FICLONE, from) == 0)
		return true;
	tree->cannot_share = errno == EOPNOTSUPP || errno == EXDEV || errno == ENOTTY;
	tree->share_from = st->st_dev;
	tree->share_to = own.st_dev;
	return false;
}

struct ctl_tree_fault ctl_tree_copy_bytes(struct ctl_tree *tree, int from, int to, const struct stat *st)
{
	uint64_t before = tree->bytes, blocks = (uint64_t)st->st_blocks * 512;
	struct ctl_tree_fault wrong = none;

	if (st->st_size && !share(tree, from, to, st)) {
		bool is_sparse = blocks < (uint64_t)st->st_size;

		wrong = is_sparse ? copy_sparse(tree, from, to, st->st_size)
				  : copy_range(tree, from, to, 0, st->st_size);
		if (!wrong.error && is_sparse && ftruncate(to, st->st_size) == -1)
			wrong = fault("write", false, errno);
	}
	if (!wrong.error)
		tree->bytes = before + blocks;
	return wrong;
}
