/*
 * paths.c - paths that try to lead out of base, in a tree that changes. Symlinks come and go on the way while segments
 * are registered, read and swept. What is outside base stays, and nothing of it is read.
 *
 * An input is a program of steps: one changes the tree below base/t, or calls the library with any path. The tree also
 * changes in the middle of a sweep, whenever that reports something.
 */
#include "ground.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct play {
	struct segreg *reg;
	struct input in;
};

static const struct ground *ground;
static int base_fd, tree_fd;

static void prepare(void)
{
	ground = ground_prepare(GROUND_KEPT);
	fuzz_confine(ground->root);
	base_fd = open(ground->base, O_PATH | O_DIRECTORY | O_CLOEXEC);
	FUZZ_CLAIM(base_fd >= 0);
}

/* Bytes below the number of words are words, others themselves; it ends at a zero. */
static void make_path(struct input *in, char path[SEGREG_PATH_SIZE])
{
	static const char *const words[] = {
		"",
		"a",
		"b",
		"c",
		"/",
		"..",
		"t/",
		"t/a",
		"t/b",
		"t/a/b",
		"../",
		"link",
		"link/s4",
		"up/keep",
		".segreg",
		".segreg-trash/",
		"//",
		"./",
		"s4",
		"s5/",
		"s6/",
		"stranger",
		"file",
		"../outside/",
		"/dev/shm",
		"a/b/c",
		"very-long-name-very-long-name-very-long-name/",
	};
	size_t length = 0;
	uint8_t c;

	while ((c = input_u8(in)) && length < 700)
		length += (size_t)(c < sizeof(words) / sizeof(*words) ? sprintf(path + length, "%s", words[c])
								      : sprintf(path + length, "%c", c));
	path[length] = '\0';
}

/* The directory that a path below t leads to without a symlink, so that this program itself stays inside; its last
 * name. */
static int parent_of(char *path, const char **name)
{
	const struct open_how how = {
		.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
	};
	char *slash = strrchr(path, '/');

	*name = slash ? slash + 1 : path;
	if (slash)
		*slash = '\0';
	if (!**name || !strcmp(*name, ".") || !strcmp(*name, ".."))
		return -1;
	return (int)syscall(SYS_openat2, tree_fd, slash && slash > path ? path : ".", &how, sizeof(how));
}

static void change_tree(struct input *in, unsigned how)
{
	static const char *const targets[] = { "../outside", "../../outside", "..",           "/", "a", ".",
					       "../s5",      "../link",       "/proc/self/fd" };
	char path[SEGREG_PATH_SIZE], other[SEGREG_PATH_SIZE];
	const char *name, *new_name;
	int parent, new_parent, fd;

	make_path(in, path);
	parent = parent_of(path, &name);
	if (parent == -1)
		return;
	switch (how % 6) {
	case 0:
		mkdirat(parent, name, 0700);
		break;
	case 1:
		fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd >= 0)
			close(fd);
		break;
	case 2:
		symlinkat(targets[input_u8(in) % (sizeof(targets) / sizeof(*targets))], parent, name);
		break;
	case 3:
		unlinkat(parent, name, input_u8(in) & 1 ? AT_REMOVEDIR : 0);
		break;
	default:
		make_path(in, other);
		new_parent = parent_of(other, &new_name);
		if (new_parent != -1) {
			renameat2(parent, name, new_parent, new_name, how % 6 == 4 ? 0 : RENAME_EXCHANGE);
			close(new_parent);
		}
	}
	close(parent);
}

/* The inode must be of base's tree, not of what stands outside. */
static void claim_inside(int fd)
{
	char link[64], where[SEGREG_PATH_SIZE];
	ssize_t length;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, where, sizeof(where) - 1);
	FUZZ_CLAIM(length > 0);
	FUZZ_CLAIM(!strncmp(where, ground->base, strlen(ground->base)) && where[strlen(ground->base)] == '/');
}

static void read_segment(struct play *p, uint64_t id)
{
	char path[SEGREG_PATH_SIZE], at[SEGREG_PATH_SIZE];
	struct segreg_pin pin;
	int fd;

	make_path(&p->in, path);
	if (fuzz_rc(segreg_pin(p->reg, id, 0, &pin)))
		return;
	fuzz_rc(segreg_pin_path(p->reg, &pin, at, sizeof(at)));
	if (fuzz_rc(segreg_pin_open(p->reg, &pin, *path ? path : NULL, &fd)) == 0) {
		claim_inside(fd);
		close(fd);
	}
	fuzz_rc(segreg_unpin(p->reg, &pin));
}

static int on_event(void *arg, const struct segreg_sweep_event *event)
{
	struct play *p = arg;

	(void)event;
	change_tree(&p->in, input_u8(&p->in));
	return 0;
}

static void sweep(struct play *p)
{
	const struct segreg_sweep_options options = { .size = sizeof(options), .fn = on_event, .arg = p };

	fuzz_rc(segreg_sweep(p->reg, &options, NULL));
}

static int on_finding(void *arg, const struct segreg_finding *finding)
{
	(void)arg;
	FUZZ_CLAIM(strlen(finding->path) <= SEGREG_PATH_SIZE);
	return 0;
}

/* What takes a path as a caller has it, which may be absolute. */
static void call_by_path(struct play *p, unsigned how)
{
	char path[SEGREG_PATH_SIZE];
	const char *const paths[] = { path };
	enum segreg_state state;
	uint64_t found;

	make_path(&p->in, path);
	switch (how % 4) {
	case 0:
		fuzz_rc(segreg_discard(p->reg, paths, 1, how & 8 ? SEGREG_DISCARD_RELAXED : 0));
		break;
	case 1:
		fuzz_rc(segreg_vacate(p->reg, path));
		break;
	case 2:
		fuzz_rc(segreg_retire_path(p->reg, path));
		break;
	default:
		fuzz_rc(segreg_find(p->reg, path, &found, &state));
	}
}

static void call(struct play *p, unsigned how)
{
	uint64_t id = 20 + how / 8 % 8;
	char path[SEGREG_PATH_SIZE];
	int rc;

	if (how & 64 && how % 8 < 4) {
		call_by_path(p, how);
		return;
	}
	switch (how % 8) {
	case 0:
	case 1:
		make_path(&p->in, path);
		rc = fuzz_rc(how & 1 ? segreg_register(p->reg, id, path) : segreg_reserve(p->reg, id, path));
		FUZZ_CLAIM(rc || (*path != '/' && strlen(path) <= SEGREG_PATH_MAX));
		break;
	case 2:
		fuzz_rc(segreg_retire(p->reg, id));
		break;
	case 3:
		fuzz_rc(segreg_unreserve(p->reg, id));
		break;
	case 4:
		fuzz_rc(segreg_force_remove(p->reg, id, SEGREG_FORCE));
		break;
	case 5:
		fuzz_rc(segreg_check(p->reg, 0, on_finding, NULL));
		break;
	case 6:
		sweep(p);
		break;
	default:
		read_segment(p, how & 64 ? 6 : id);
	}
}

static void one(const uint8_t *data, size_t size)
{
	struct play p = { .in = { .at = data, .end = data + size } };
	char tree[GROUND_PATH + 8];

	ground_restore();
	FUZZ_CLAIM(mkdirat(base_fd, "t", 0700) == 0);
	tree_fd = openat(base_fd, "t", O_PATH | O_DIRECTORY | O_CLOEXEC);
	p.reg = ground_open();
	FUZZ_CLAIM(tree_fd >= 0 && p.reg);
	while (input_left(&p.in)) {
		unsigned step = input_u8(&p.in);

		if (step & 0x80)
			change_tree(&p.in, step);
		else
			call(&p, step);
	}
	sweep(&p);
	fuzz_rc(segreg_close(p.reg, NULL));
	close(tree_fd);
	ground_check(false);
	snprintf(tree, sizeof(tree), "%s/t", ground->base);
	ground_remove(tree);
	ground_tidy();
}

const struct fuzz_target fuzz_paths = { .name = "paths", .prepare = prepare, .one = one };
