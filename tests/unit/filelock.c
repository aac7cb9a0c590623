/*
 * filelock.c - sr_filelock: locks end with their process and not before, and only descriptors of ours are used.
 */
#include "harness.h"
#include "sys/sr_filelock.h"
#include "world.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static char lock_path[T_PATH_SIZE];

static struct sr_lockfile make_lockfile(const struct t_world *w)
{
	struct sr_lockfile file;

	t_make_file(w, "lock", 10);
	strcpy(lock_path, t_path(w, "lock"));
	T_SYS(sr_lockfile_open(&file, lock_path, O_RDWR));
	return file;
}

/* As another process sees it. */
static bool is_locked(const struct sr_lockfile *file, off_t byte)
{
	int fd = T_SYS(sr_lockfile_reopen(file));
	int locked = T_SYS(sr_sys_locked(fd, byte));

	close(fd);
	return locked;
}

static void wait_for(pid_t pid)
{
	int status;

	T_EQ(waitpid(pid, &status, 0), pid);
	T_CHECK(!WIFEXITED(status) || WEXITSTATUS(status) == 0);
}

/* ---------------------------------------------------------------- holds */

static void exclusive(void)
{
	struct t_world w = t_world(T_DISK);
	struct sr_lockfile file = make_lockfile(&w);
	struct sr_hold first, second;

	T_SYS(sr_hold_take(&file, 70, F_WRLCK, &first));
	T_CHECK(is_locked(&file, 70));
	T_CHECK(!is_locked(&file, 71));
	T_EQ(sr_hold_take(&file, 70, F_WRLCK, &second), -1); /* not even in the same process */
	T_EQ(errno, EAGAIN);
	T_EQ(sr_hold_take(&file, 70, F_RDLCK, &second), -1);
	T_SYS(sr_hold_take(&file, 71, F_RDLCK, &second));
	sr_hold_drop(&first);
	T_CHECK(!is_locked(&file, 70));
	T_SYS(sr_hold_take(&file, 71, F_RDLCK, &first)); /* shared */
	sr_hold_drop(&first);
	T_CHECK(is_locked(&file, 71));
	sr_hold_drop(&second);
	T_CHECK(!is_locked(&file, 71));
}

static void survives_closing(void)
{
	struct t_world w = t_world(T_DISK);
	struct sr_lockfile file = make_lockfile(&w);
	struct sr_hold hold;
	pid_t pid = T_SYS(fork());

	if (pid == 0) {
		T_SYS(sr_hold_take(&file, 70, F_WRLCK, &hold));
		T_SYS(close_range(3, ~0u, 0));
		T_CHECK(is_locked(&file, 70));
		T_SYS(setsid()); /* as daemon(3) does */
		T_CHECK(is_locked(&file, 70));
		sr_hold_drop(&hold);
		T_CHECK(!is_locked(&file, 70));
		_exit(0);
	}
	wait_for(pid);
	T_CHECK(!is_locked(&file, 70));
}

/* Holds, in a process that has a child and dies, while the child lives on. */
static void hold_with_child(const struct sr_lockfile *file)
{
	int fds[2];
	char byte;
	pid_t pid;

	T_SYS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
	pid = T_SYS(fork());
	if (pid == 0) {
		struct sr_hold hold;

		T_SYS(sr_hold_take(file, 70, F_WRLCK, &hold));
		T_CHECK(is_locked(file, 70));
		close(fds[0]);
		if (T_SYS(fork()) == 0) {
			sr_filelock_arrive();
			T_EQ(write(fds[1], "", 1), 1);
			T_CHECK(read(fds[1], &byte, 1) == 0); /* until the test has seen enough */
			_exit(0);
		}
		pause();
	}
	close(fds[1]);
	T_EQ(read(fds[0], &byte, 1), 1);
	T_CHECK(is_locked(file, 70));
	T_SYS(kill(pid, SIGKILL));
	wait_for(pid);
	T_CHECK(!is_locked(file, 70));
	close(fds[0]);
}

static void not_inherited(void)
{
	struct t_world w = t_world(T_DISK);
	struct sr_lockfile file = make_lockfile(&w);

	hold_with_child(&file);
}

/* Where a file system drops a lock at close, the hold keeps its descriptor. */
static void by_descriptor(void)
{
	struct t_world w = t_world(T_DISK);
	struct sr_lockfile file = make_lockfile(&w);
	struct sr_hold hold;
	pid_t pid;

	T_CHECK(!file.drops_at_close);
	file.drops_at_close = true;
	hold_with_child(&file);
	/* Dropped, it is dropped for a child as well, that has a copy of the descriptor. */
	T_SYS(sr_hold_take(&file, 70, F_WRLCK, &hold));
	pid = T_SYS(fork());
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	sr_hold_drop(&hold);
	T_CHECK(!is_locked(&file, 70));
	T_SYS(kill(pid, SIGKILL));
	wait_for(pid);
}

/* A process's death gives the byte back, whichever way it goes. */
static void ends_with_process(void)
{
	struct t_world w = t_world(T_DISK);
	struct sr_lockfile file = make_lockfile(&w);

	for (int way = 0; way < 3; way++) {
		pid_t pid = T_SYS(fork());

		if (pid == 0) {
			struct sr_hold hold;

			T_SYS(sr_hold_take(&file, 70, F_WRLCK, &hold));
			T_CHECK(is_locked(&file, 70));
			if (way == 0)
				_exit(0);
			if (way == 1)
				kill(getpid(), SIGKILL);
			execl("/bin/true", "true", NULL);
			_exit(0);
		}
		wait_for(pid);
		T_CHECK(!is_locked(&file, 70));
	}
}

/* ---------------------------------------------------------------- kept descriptors */

static void kept(void)
{
	struct t_world w = t_world(T_DISK);
	struct sr_kept file;
	int fd, other;

	t_make_file(&w, "ours", 10);
	t_make_file(&w, "theirs", 10);
	char path[T_PATH_SIZE];
	strcpy(path, t_path(&w, "ours"));
	T_SYS(sr_kept_open(&file, path, O_RDWR));
	fd = file.fd;
	T_EQ(sr_kept_get(&file), fd);
	/* The host closes it, and opens a file of its own under the number. */
	close(fd);
	other = T_SYS(open(t_path(&w, "theirs"), O_RDWR | O_CLOEXEC));
	T_EQ(other, fd);
	T_CHECK(!sr_fd_is(fd, file.dev, file.ino));
	T_CHECK(sr_kept_get(&file) != other);
	T_CHECK(sr_fd_is(file.fd, file.dev, file.ino));
	T_CHECK(fcntl(other, F_GETFD) != -1); /* the host's file stays open */
	sr_kept_close(&file);
	T_EQ(file.fd, -1);
	/* Closed by the host, and closed by us: not the number's next owner. */
	T_SYS(sr_kept_open(&file, path, O_RDWR));
	T_EQ(dup2(other, file.fd), file.fd);
	fd = file.fd;
	sr_kept_close(&file);
	T_CHECK(fcntl(fd, F_GETFD) != -1);
	close(fd);
	close(other);
}

static void kept_and_replaced(void)
{
	struct t_world w = t_world(T_DISK);
	struct sr_kept file;
	char path[T_PATH_SIZE];

	t_make_file(&w, "ours", 10);
	t_make_file(&w, "new", 10);
	strcpy(path, t_path(&w, "ours"));
	T_SYS(sr_kept_open(&file, path, O_RDWR));
	T_SYS(rename(t_path(&w, "new"), path));
	T_CHECK(sr_kept_get(&file) != -1); /* it has the one that it opened */
	close(file.fd);
	T_EQ(sr_kept_get(&file), -1);
	T_EQ(errno, ESTALE);
	T_SYS(unlink(path));
	T_EQ(sr_kept_get(&file), -1);
	T_EQ(errno, ENOENT);
	sr_kept_close(&file);
}

static void lockfile_replaced(void)
{
	struct t_world w = t_world(T_DISK);
	struct sr_lockfile file = make_lockfile(&w);
	struct sr_hold hold;

	t_make_file(&w, "new", 10);
	T_SYS(rename(t_path(&w, "new"), lock_path));
	T_EQ(sr_lockfile_reopen(&file), -1);
	T_EQ(errno, ESTALE);
	T_EQ(sr_hold_take(&file, 70, F_WRLCK, &hold), -1);
	T_EQ(errno, ESTALE);
	T_SYS(unlink(lock_path));
	T_SYS(symlink("elsewhere", lock_path));
	T_EQ(sr_lockfile_open(&file, lock_path, O_RDWR), -1);
	T_EQ(errno, ELOOP);
}

T_SUITE(filelock, { "a hold keeps everybody else out, threads of one process too", exclusive },
	{ "a hold survives the closing of all descriptors", survives_closing },
	{ "a hold ends with its process although a child lives on", not_inherited },
	{ "a hold by a descriptor does as well", by_descriptor },
	{ "a hold ends at exit, by SIGKILL and at exec", ends_with_process },
	{ "a kept descriptor is opened again when the host closed it, and its number left alone", kept },
	{ "a kept descriptor's file that was replaced is not taken for it", kept_and_replaced },
	{ "a lock file that was replaced is not locked", lockfile_replaced });
