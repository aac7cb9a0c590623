/*
 * tree_copy.c - copying and linking trees.
 *
 * A tree is copied entry by entry, by descriptors: no link in it is followed, and no fifo or device is opened. A
 * directory gets its mode and its times when all entries are in it. The caller gives the copy its name when the copy is
 * whole.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "segctl/ctl.h"
#include "segctl/descent.h"
#include "segctl/error.h"
#include "segctl/tree.h"
#include "segctl/tree_file.h"

#define READ_FLAGS (O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)

/* An entry and the place of its copy. */
struct pair {
	int from, to;
	const char *name, *copy_name;
};

/* A file with several names, the first of which was copied. */
struct twin {
	dev_t dev;
	ino_t ino;
	char *path; /* of the copy, below the top directory of the copies */
};

/* The copy of one tree. */
struct job {
	struct ctl_tree *tree;
	enum ctl_tree_how how;
	struct ctl_descent descent;
	const struct ctl_tree_place *from, *to;
	void *twins;
};

static const struct ctl_tree_fault none;

static struct ctl_tree_fault fault(const char *what, bool in_source)
{
	return (struct ctl_tree_fault){ .error = errno, .what = what, .in_source = in_source };
}

/* The path of an entry for people, to be freed. */
static char *describe(const struct job *job, const char *name, bool in_source)
{
	const struct ctl_tree_place *top = in_source ? job->from : job->to;
	char *below = job->descent.n ? ctl_descent_path(&job->descent, name) : NULL, *path;

	if (asprintf(&path, "%s/%s%s%s", top->dir_path, top->name, below ? "/" : "", below ? below : "") < 0)
		path = NULL;
	free(below);
	return path;
}

static void note_lost(const struct job *job, const char *name, const char *lost)
{
	if (!lost)
		return;
	if (!job->tree->n_lost++) {
		char *path = describe(job, name, true);

		if (!path || asprintf(&job->tree->first_lost, "%s of %s", lost, path) < 0)
			job->tree->first_lost = NULL;
		free(path);
	}
}

/* ------------------------------------------------------------------ several names of one file */

static int by_identity(const void *a, const void *b)
{
	const struct twin *x = a, *y = b;

	return x->ino != y->ino ? (x->ino > y->ino ? 1 : -1) : (x->dev > y->dev) - (x->dev < y->dev);
}

static void free_twin(void *twin)
{
	free(((struct twin *)twin)->path);
	free(twin);
}

/*
 * True: pair's copy is one more name of an earlier copy. False: it has to be copied, and later names may be linked to
 * it.
 */
static bool link_to_twin(struct job *job, const struct pair *pair, const struct stat *st)
{
	struct twin *twin, **found;

	if (st->st_nlink < 2 || !job->descent.n)
		return false;
	twin = calloc(1, sizeof *twin);
	if (twin)
		*twin = (struct twin){ st->st_dev, st->st_ino, ctl_descent_path(&job->descent, pair->name) };
	found = twin && twin->path ? tsearch(twin, &job->twins, by_identity) : NULL;
	if (found && *found == twin)
		return false;
	if (twin)
		free_twin(twin);
	if (found && linkat(job->descent.levels[0].fd[1], (*found)->path, pair->to, pair->copy_name, 0) == 0)
		return true;
	note_lost(job, pair->name, "a hard link");
	return false;
}

/* ------------------------------------------------------------------ entries */

static struct ctl_tree_fault fill(struct job *job, const struct pair *pair, int from, int to, const struct stat *st)
{
	const char *lost = NULL;
	struct ctl_tree_fault wrong = ctl_tree_copy_bytes(job->tree, from, to, st);

	if (!wrong.error)
		wrong = ctl_tree_keep(from, to, st, &lost);
	note_lost(job, pair->name, lost);
	return wrong;
}

static struct ctl_tree_fault copy_file(struct job *job, const struct pair *pair)
{
	int from = openat(pair->from, pair->name, READ_FLAGS), to = -1;
	struct ctl_tree_fault wrong = none;
	struct stat st;

	if (from == -1 || fstat(from, &st) == -1) {
		wrong = fault("open", true);
	} else if (!S_ISREG(st.st_mode)) {
		errno = ESTALE; /* it was a file before */
		wrong = fault("open", true);
	} else if (!link_to_twin(job, pair, &st)) {
		to = openat(pair->to, pair->copy_name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		wrong = to == -1 ? fault("make", false) : fill(job, pair, from, to, &st);
	}
	if (from != -1)
		close(from);
	if (to != -1 && close(to) == -1 && !wrong.error)
		wrong = fault("write", false);
	return wrong;
}

static struct ctl_tree_fault enter(struct job *job, const struct pair *pair)
{
	int from = openat(pair->from, pair->name, READ_FLAGS | O_DIRECTORY), to = -1, error;
	struct ctl_tree_fault wrong = none;

	if (from == -1)
		return fault("open", true);
	if (mkdirat(pair->to, pair->copy_name, 0700) == 0)
		to = openat(pair->to, pair->copy_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (to == -1) {
		wrong = fault("make", false);
		close(from);
		return wrong;
	}
	error = ctl_descent_enter(&job->descent, from, to);
	if (!error && job->how == CTL_TREE_COPY)
		job->tree->bytes += (uint64_t)ctl_descent_here(&job->descent)->st.st_blocks * 512;
	return (struct ctl_tree_fault){ .error = error, .what = "read", .in_source = true };
}

static struct ctl_tree_fault copy_link(const struct pair *pair)
{
	char target[PATH_MAX];
	ssize_t length = readlinkat(pair->from, pair->name, target, sizeof target - 1);

	if (length == -1)
		return fault("read", true);
	target[length] = '\0';
	return symlinkat(target, pair->to, pair->copy_name) == 0 ? none : fault("make", false);
}

/* A link, fifo, socket or device: nothing to be opened. */
static struct ctl_tree_fault copy_node(struct job *job, const struct pair *pair, const struct stat *st)
{
	struct ctl_tree_fault wrong = none;
	const char *lost = NULL;

	if (link_to_twin(job, pair, st))
		return none;
	if (S_ISLNK(st->st_mode))
		wrong = copy_link(pair);
	else if (mknodat(pair->to, pair->copy_name, (st->st_mode & S_IFMT) | 0600, st->st_rdev) == -1)
		wrong = fault("make", false);
	if (!wrong.error)
		wrong = ctl_tree_keep_at(pair->to, pair->copy_name, st, &lost);
	note_lost(job, pair->name, lost);
	job->tree->bytes += (uint64_t)st->st_blocks * 512;
	return wrong;
}

/* A file may have all the names that its file system lets it have, or belong to another user. */
static bool link_entry(const struct job *job, const struct pair *pair)
{
	return job->how == CTL_TREE_LINK && linkat(pair->from, pair->name, pair->to, pair->copy_name, 0) == 0;
}

/* A directory is entered, everything else is copied. */
static struct ctl_tree_fault copy_entry(struct job *job, const struct pair *pair, unsigned char type)
{
	struct stat st;

	if (type != DT_DIR && link_entry(job, pair))
		return none;
	if (type == DT_REG)
		return copy_file(job, pair);
	if (fstatat(pair->from, pair->name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return fault("look at", true);
	if (S_ISREG(st.st_mode))
		return copy_file(job, pair);
	return S_ISDIR(st.st_mode) ? enter(job, pair) : copy_node(job, pair, &st);
}

static struct ctl_tree_fault finish_directory(struct job *job)
{
	struct ctl_descent_level *level = ctl_descent_here(&job->descent);
	const char *lost = NULL;
	struct ctl_tree_fault wrong = ctl_tree_keep(level->fd[0], level->fd[1], &level->st, &lost);

	note_lost(job, ".", lost);
	if (!wrong.error)
		wrong = (struct ctl_tree_fault){ .error = ctl_descent_leave(&job->descent),
						 .what = "return from",
						 .in_source = true };
	return wrong;
}

/* ------------------------------------------------------------------ trees */

static int report(struct job *job, const struct ctl_tree_fault *wrong, const char *name)
{
	char *path = describe(job, name, wrong->in_source);

	job->tree->is_source_at_fault = wrong->in_source;
	ctl_error(job->tree->ctl, EX_IOERR, "cannot %s %s: %s", wrong->what, path ? path : name,
		  wrong->error == ENODATA ? "it is shorter than it was" : strerror(wrong->error));
	free(path);
	return EX_IOERR;
}

/* Copy the entries of the directory that was entered, and of those below. */
static int copy_below(struct job *job)
{
	struct ctl_tree_fault wrong = none;

	while (job->descent.n) {
		const struct ctl_descent_level *level = ctl_descent_here(&job->descent);
		const struct ctl_descent_entry *entry = ctl_descent_next(&job->descent);
		const char *name = entry ? ctl_descent_name(&job->descent, entry) : ".";
		struct pair pair = { level->fd[0], level->fd[1], name, name };
		size_t depth = job->descent.n;

		wrong = entry ? copy_entry(job, &pair, entry->type) : finish_directory(job);
		if (wrong.error)
			return report(job, &wrong, job->descent.n > depth ? "." : name);
		job->tree->tick(job->tree->arg);
	}
	return EX_OK;
}

int ctl_tree_copy(struct ctl_tree *tree, const struct ctl_tree_place *from, const struct ctl_tree_place *to,
		  enum ctl_tree_how how)
{
	struct job job = { .tree = tree, .how = how, .from = from, .to = to };
	struct pair top = { from->dir, to->dir, from->name, to->name };
	struct ctl_tree_fault wrong = copy_entry(&job, &top, DT_UNKNOWN);
	int status = wrong.error ? report(&job, &wrong, ".") : copy_below(&job);

	ctl_descent_end(&job.descent);
	tdestroy(job.twins, free_twin);
	return status;
}

void ctl_tree_finish(struct ctl_tree *tree)
{
	char more[64] = "";

	if (tree->n_lost > 1)
		snprintf(more, sizeof more, ", nor %" PRIu64 " more", tree->n_lost - 1);
	if (tree->n_lost)
		ctl_error(tree->ctl, EX_OK, "could not keep %s%s", tree->first_lost ? tree->first_lost : "metadata",
			  more);
	free(tree->first_lost);
	tree->first_lost = NULL;
	tree->n_lost = 0;
}

int ctl_tree_sync(const struct ctl *ctl, int fd, const char *path)
{
	return syncfs(fd) == 0 ? EX_OK : ctl_error(ctl, EX_IOERR, "cannot make %s durable: %s", path, strerror(errno));
}
