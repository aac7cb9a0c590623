/*
 * defer-calls.c - a program that knows nothing of segreg, for segctl defer. It calls each function that deletes, looks
 * or makes, and compares with what a file system does. "defer-calls NAME" runs one part in the current directory. The
 * script looks at what is left. Compiled with _FORTIFY_SOURCE, so that the checked kinds of open are called, too.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(condition)                                                                                               \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			fprintf(stderr, "line %d: %s; errno is %d (%s)\n", __LINE__, #condition, errno,                \
				strerror(errno));                                                                      \
			exit(1);                                                                                       \
		}                                                                                                      \
	} while (0)
#define GONE(call) CHECK((errno = 0, (call)) == -1 && errno == ENOENT)
#define GONE_NULL(call) CHECK((errno = 0, (call)) == NULL && errno == ENOENT)

int __xstat(int version, const char *path, struct stat *st);
int __lxstat(int version, const char *path, struct stat *st);
int __fxstatat(int version, int dirfd, const char *path, struct stat *st, int flags);

/* Whether something is there that no hook hides. */
static int is_on_disk(const char *path)
{
	return syscall(SYS_faccessat, AT_FDCWD, path, F_OK) == 0;
}

static void make(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	CHECK(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

static void has(const char *path, const char *text)
{
	char found[64] = "";
	FILE *file = fopen(path, "r");

	CHECK(file);
	CHECK(fgets(found, sizeof found, file) && !strcmp(found, text) && fclose(file) == 0);
}

static int is_listed(const char *directory, const char *name)
{
	DIR *dir = opendir(directory);
	struct dirent *entry;
	int found = 0;

	CHECK(dir);
	for (int round = 0; round < 2; round++) {
		errno = 0;
		while ((entry = readdir(dir)))
			found += !strcmp(entry->d_name, name);
		CHECK(errno == 0);
		rewinddir(dir);
	}
	CHECK(closedir(dir) == 0);
	return found;
}

/* Nothing is at path in the directory dir, whichever call looks. flags are not constant for the compiler. */
static void is_gone(int dir, const char *path)
{
	volatile int reading = O_RDONLY, cutting = O_WRONLY | O_TRUNC;
	struct statx statx_;
	struct stat64 st64;
	struct stat st;

	GONE(stat(path, &st));
	GONE(lstat(path, &st));
	GONE(stat64(path, &st64));
	GONE(lstat64(path, &st64));
	GONE(fstatat(dir, path, &st, 0));
	GONE(fstatat64(dir, path, &st64, AT_SYMLINK_NOFOLLOW));
	GONE(__xstat(1, path, &st));
	GONE(__lxstat(1, path, &st));
	GONE(__fxstatat(1, dir, path, &st, 0));
	GONE(statx(dir, path, 0, STATX_ALL, &statx_));
	GONE(access(path, F_OK));
	GONE(eaccess(path, F_OK));
	GONE(euidaccess(path, R_OK));
	GONE(faccessat(dir, path, F_OK, 0));
	GONE(open(path, reading));
	GONE(open(path, cutting));
	GONE(open64(path, reading));
	GONE(openat(dir, path, reading));
	GONE(openat64(dir, path, cutting));
	GONE(open(path, O_RDONLY, 0));
	GONE_NULL(fopen(path, "r"));
	GONE_NULL(fopen64(path, "r+"));
	GONE(truncate(path, 1));
	GONE(truncate64(path, 1));
	GONE(unlink(path));
	GONE(unlinkat(dir, path, 0));
	GONE(remove(path));
	GONE(rename(path, "other"));
	GONE(renameat(dir, path, dir, "other"));
	GONE(renameat2(dir, path, dir, "other", RENAME_NOREPLACE));
	GONE(link(path, "other"));
	GONE(linkat(dir, path, dir, "other", 0));
	CHECK(!is_listed(".", path));
}

static int do_unlink(int dir, const char *path)
{
	(void)dir;
	return unlink(path);
}

static int do_unlinkat(int dir, const char *path)
{
	return unlinkat(dir, path, 0);
}

static int do_remove(int dir, const char *path)
{
	(void)dir;
	return remove(path);
}

/* A file that is deleted is gone for every call, and errno stays. */
static void deletes(void)
{
	int (*const calls[])(int, const char *) = { do_unlink, do_unlinkat, do_remove };
	const char *const names[] = { "old-1", "old-2", "old-3" };
	int dir = open(".", O_RDONLY | O_DIRECTORY);

	for (int i = 0; i < 3; i++) {
		make(names[i], "old");
		CHECK(is_listed(".", names[i]) == 2);
		errno = 77;
		CHECK(calls[i](i == 1 ? dir : AT_FDCWD, names[i]) == 0 && errno == 77);
		is_gone(dir, names[i]);
		is_gone(AT_FDCWD, names[i]);
	}
	GONE(unlink("never-there"));
	CHECK(mkdir("directory", 0777) == 0 && unlink("directory") == -1 && errno == EISDIR);
	CHECK(symlink("old-1", "link") == 0 && unlink("link") == 0);
	CHECK(rmdir("directory") == 0);
}

static int open_excl(const char *path)
{
	return open(path, O_CREAT | O_EXCL | O_WRONLY, 0644);
}

static int open_trunc(const char *path)
{
	return open64(path, O_CREAT | O_TRUNC | O_WRONLY, 0644);
}

static int open_at(const char *path)
{
	return openat(AT_FDCWD, path, O_CREAT | O_WRONLY, 0644);
}

static int open_append(const char *path)
{
	return openat64(AT_FDCWD, path, O_CREAT | O_APPEND | O_WRONLY, 0644);
}

static int open_creat(const char *path)
{
	return creat(path, 0644);
}

static int open_stream(const char *path)
{
	FILE *file = fopen(path, "wx");

	return file ? dup(fileno(file)) : -1; /* the stream stays open, and empty */
}

static int open_linked(const char *path)
{
	make("source", "");
	CHECK(link("source", path) == 0 && unlink("source") == 0);
	return open(path, O_WRONLY);
}

static int open_renamed(const char *path)
{
	make("source", "");
	CHECK(rename("source", path) == 0);
	return open(path, O_WRONLY);
}

static int open_moved(const char *path)
{
	make("source", "");
	CHECK(renameat2(AT_FDCWD, "source", AT_FDCWD, path, RENAME_NOREPLACE) == 0);
	return open(path, O_WRONLY);
}

/* By a symbolic link to the name. */
static int open_by_link(const char *path)
{
	int fd;

	unlink("link");
	CHECK(symlink(path, "link") == 0);
	fd = open("link", O_CREAT | O_TRUNC | O_WRONLY, 0644);
	unlink("link");
	return fd;
}

/* A name that was deleted is used again: the new file is a file of its own, and the old file keeps its bytes. */
static void uses_again(void)
{
	int (*const calls[])(const char *) = { open_excl,   open_trunc,  open_at,      open_append, open_creat,
					       open_stream, open_linked, open_renamed, open_moved,  open_by_link };

	for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
		char name[32], found[8] = "";
		int reader, fd;

		snprintf(name, sizeof name, "again-%zu", i);
		make(name, "old");
		reader = open(name, O_RDONLY);
		CHECK(unlink(name) == 0);
		fd = calls[i](name);
		CHECK(fd != -1 && write(fd, "new", 3) == 3 && close(fd) == 0);
		has(name, "new");
		CHECK(pread(reader, found, 4, 0) == 3 && !strcmp(found, "old") && close(reader) == 0);
		CHECK(is_listed(".", name) == 2);
	}
	make("again-directory", "old");
	CHECK(unlink("again-directory") == 0 && mkdir("again-directory", 0777) == 0 && rmdir("again-directory") == 0);
	make("again-link", "old");
	CHECK(unlink("again-link") == 0 && symlink("x", "again-link") == 0 && unlink("again-link") == 0);
	make("again-fifo", "old");
	CHECK(unlink("again-fifo") == 0 && mkfifo("again-fifo", 0666) == 0 && unlink("again-fifo") == 0);
}

/* A directory whose files were deleted is empty. Removed, it is gone; made again, it is a new directory. */
static void removes_directories(void)
{
	struct stat st;

	CHECK(mkdir("dir", 0777) == 0 && mkdir("dir/sub", 0777) == 0);
	make("dir/a", "old");
	make("dir/b", "old");
	make("dir/sub/c", "old");
	CHECK(unlink("dir/a") == 0 && unlink("dir/sub/c") == 0);
	CHECK(rmdir("dir") == -1 && errno == ENOTEMPTY);
	CHECK(rmdir("dir/sub") == 0);
	GONE(stat("dir/sub", &st));
	GONE(open("dir/sub/c", O_RDONLY));
	GONE(open("dir/sub/new", O_CREAT | O_WRONLY, 0644));
	GONE_NULL(opendir("dir/sub"));
	CHECK(unlinkat(AT_FDCWD, "dir", AT_REMOVEDIR) == -1 && errno == ENOTEMPTY);
	CHECK(unlink("dir/b") == 0);
	CHECK(unlinkat(AT_FDCWD, "dir/", AT_REMOVEDIR) == 0);
	GONE(stat("dir", &st));
	GONE(rmdir("dir"));
	GONE(mkdir("dir/sub", 0777));
	CHECK(!is_listed(".", "dir"));

	CHECK(mkdir("again", 0777) == 0);
	make("again/a", "old");
	CHECK(unlink("again/a") == 0 && remove("again") == 0);
	CHECK(mkdir("again", 0777) == 0 && !is_listed("again", "a"));
	make("again/a", "new");
	has("again/a", "new");

	CHECK(mkdir("from", 0777) == 0 && mkdir("to", 0777) == 0);
	make("from/old", "old");
	make("from/kept", "kept");
	make("to/old", "old");
	CHECK(unlink("from/old") == 0 && unlink("to/old") == 0 && rename("from", "to") == 0);
	has("to/kept", "kept");
	GONE(stat("to/old", &st));
	CHECK(is_listed("to", "kept") == 2 && !is_listed("to", "old"));
}

/* Names that say something by being there, and what is no file, go at once: the script looks. */
static void deletes_at_once(void)
{
	static const char *const names[] = { "x.db-journal", "x.db-wal", "x.db-shm", "x.db-mj0123ABCD",
					     "write.lock",   "LOCK",     "x.pid",    "x.tmp" };

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		make(names[i], "");
		CHECK(unlink(names[i]) == 0);
	}
}

/* ---------------------------------------------------------------- threads, children, signals */

static void *thread(void *arg)
{
	struct stat st;
	char name[32];

	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof name, "thread-%d-%d", (int)(intptr_t)arg, i % 3);
		make(name, "some");
		has(name, "some");
		CHECK(unlink(name) == 0);
		GONE(stat(name, &st));
	}
	return NULL;
}

/* Threads use the library while children come and go. */
static void in_threads(void)
{
	pthread_t threads[4];
	int status;

	for (int i = 0; i < 4; i++)
		CHECK(pthread_create(&threads[i], NULL, thread, (void *)(intptr_t)i) == 0);
	for (int i = 10; i < 16; i++) {
		pid_t child = fork();

		if (child == 0) {
			thread((void *)(intptr_t)i);
			_exit(0);
		}
		CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
}

/* A child that shares the memory deletes at once, and spoils nothing of its parent. */
static void in_a_vfork(void)
{
	struct stat st;
	int status;
	pid_t child;

	make("before", "x");
	make("inside", "x");
	make("after", "x");
	CHECK(unlink("before") == 0);
	child = vfork();
	if (child == 0)
		_exit(unlink("inside"));
	CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
	CHECK(is_on_disk("before") && !is_on_disk("inside"));
	CHECK(unlink("after") == 0 && is_on_disk("after"));
	GONE(stat("before", &st));
	GONE(stat("inside", &st));
	GONE(stat("after", &st));
}

static sigjmp_buf back;

static void jump(int signal)
{
	(void)signal;
	siglongjmp(back, 1);
}

/* A signal handler leaves calls by a jump, at any moment. The library goes on, and holds no lock. */
static void leaves_by_a_jump(void)
{
	struct itimerval often = { { 0, 300 }, { 0, 300 } }, never = { .it_value = { 0 } };
	volatile int jumps = 0;
	struct stat st;

	CHECK(signal(SIGALRM, jump) != SIG_ERR);
	while (jumps < 300) {
		if (sigsetjmp(back, 1)) {
			jumps++;
		} else {
			int fd;

			setitimer(ITIMER_REAL, &often, NULL);
			for (;;) {
				fd = open("jumped", O_CREAT | O_WRONLY, 0644);
				close(fd);
				unlink("jumped");
				access("jumped", F_OK);
			}
		}
		setitimer(ITIMER_REAL, &never, NULL);
		for (int fd = 3; fd < 200; fd++)
			close(fd); /* what the jumps left open, and what the library had */
	}
	make("jumped", "x");
	CHECK(unlink("jumped") == 0 && is_on_disk("jumped"));
	GONE(stat("jumped", &st));
}

/* A program puts files of its own where the library had its descriptors: they stay what they are. */
static void takes_the_descriptors(void)
{
	int own = open("/dev/null", O_RDWR);
	struct stat st;

	make("one", "x");
	make("two", "x");
	CHECK(unlink("one") == 0);
	for (int fd = 3; fd < 40; fd++)
		if (fd != own)
			CHECK(dup2(own, fd) == fd);
	CHECK(unlink("two") == 0);
	GONE(stat("one", &st));
	GONE(stat("two", &st));
	for (int fd = 3; fd < 40; fd++)
		CHECK(fstat(fd, &st) == 0 && S_ISCHR(st.st_mode));
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} parts[] = {
		{ "deletes", deletes },
		{ "uses-again", uses_again },
		{ "removes-directories", removes_directories },
		{ "deletes-at-once", deletes_at_once },
		{ "in-threads", in_threads },
		{ "in-a-vfork", in_a_vfork },
		{ "leaves-by-a-jump", leaves_by_a_jump },
		{ "takes-the-descriptors", takes_the_descriptors },
	};

	for (size_t i = 0; argc == 2 && i < sizeof parts / sizeof parts[0]; i++)
		if (!strcmp(argv[1], parts[i].name)) {
			parts[i].run();
			return 0;
		}
	return 2;
}
