/*
 * mounts.c - file systems for tests.
 */
#include "mounts.h"
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

void t_need_mounts(void)
{
	if (geteuid() != 0)
		T_SKIP("needs root, to mount file systems");
	if (unshare(CLONE_NEWNS) == -1 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1)
		T_SKIP("cannot have a mount namespace: %s", strerror(errno));
}

void t_mount_tmpfs(const char *where, const char *options)
{
	if (mount("tmpfs", where, "tmpfs", 0, options) == -1)
		T_SKIP("cannot mount a tmpfs: %s", strerror(errno));
}

void t_mount_image(const struct t_world *around, const char *where, const char *type, const char *options,
		   unsigned megabytes)
{
	char command[1024];
	const char *image = t_path(around, "image");
	int fd = T_SYS(open(image, O_RDWR | O_CREAT | O_CLOEXEC, 0600));

	T_SYS(ftruncate(fd, (off_t)megabytes << 20));
	close(fd);
	snprintf(command, sizeof(command),
		 "PATH=$PATH:/sbin:/usr/sbin; { mkfs.%s -q %s %s && mount -o loop %s %s; } >/dev/null 2>&1", type,
		 options, image, image, where);
	if (system(command) != 0)
		T_SKIP("cannot make and mount a file system of type %s in a file", type);
}

void t_mount_overlay(const struct t_world *around, const char *layers, const char *where)
{
	static const char *const names[] = { "lower", "upper", "work" };
	char options[1024];

	for (int i = 0; i < 3; i++)
		if (mkdir(t_path(around, "%s/%s", layers, names[i]), 0700) == -1)
			T_EQ(errno, EEXIST);
	snprintf(options, sizeof(options), "lowerdir=%s,upperdir=%s,workdir=%s", t_path(around, "%s/lower", layers),
		 t_path(around, "%s/upper", layers), t_path(around, "%s/work", layers));
	if (mount("overlay", where, "overlay", 0, options) == -1)
		T_SKIP("cannot mount an overlay: %s", strerror(errno));
}

static dev_t device_of(const char *path)
{
	struct stat st;

	T_SYS(stat(path, &st));
	return st.st_dev;
}

#define WAITS 2000 /* for what takes a moment to start, of 5 ms each */

/* It ends with the test, whatever end that takes: a FUSE daemon that stayed would keep the namespace. */
void t_mount_bindfs(const char *from, const char *where)
{
	dev_t before = device_of(where);
	pid_t pid;

	if (access("/dev/fuse", R_OK | W_OK) == -1)
		T_SKIP("this machine has no FUSE: /dev/fuse: %s", strerror(errno));
	pid = T_SYS(fork());
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(null, 1);
		dup2(null, 2);
		execlp("bindfs", "bindfs", "-f", from, where, (char *)NULL);
		_exit(127);
	}
	for (int i = 0; i < WAITS; i++) {
		if (device_of(where) != before)
			return;
		if (waitpid(pid, NULL, WNOHANG) == pid)
			T_SKIP("cannot mount by bindfs (Debian package bindfs)");
		usleep(5000);
	}
	kill(pid, SIGKILL);
	T_SKIP("bindfs did not come up");
}
