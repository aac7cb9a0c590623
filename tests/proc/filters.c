/*
 * filters.c - a filter, a file system or a kernel refuses calls beyond POSIX: the library copes, or names the call.
 *
 * The filters are real ones (seccomp), as containers and systemd's RestrictSUIDSGID= and SystemCallFilter= make them.
 */
#include "harness.h"
#include "world.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

#define ANY UINT32_MAX

/* From here on this process's call nr fails with errnum; with that third argument only, if it is not ANY. */
static void forbid(unsigned nr, uint32_t third, int errnum)
{
	struct sock_filter any[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)errnum),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_filter one[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, third, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)errnum),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = sizeof(any) / sizeof(*any), .filter = any };

	if (third != ANY)
		program = (struct sock_fprog){ .len = sizeof(one) / sizeof(*one), .filter = one };
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == -1)
		t_skip("this kernel has no filters of system calls (seccomp): %s", strerror(errno));
}

static int count_findings(void *arg, const struct segreg_finding *finding)
{
	fprintf(stderr, "%s: %s\n", finding->path, finding->reason);
	++*(int *)arg;
	return 0;
}

/* What a registry is for, with each kind of path; and nothing outside base. */
static void live_a_life(const struct t_world *w)
{
	struct segreg *reg = t_open(w);
	struct segreg_pin pin;
	int fd, found = 0;

	t_add(w, reg, 1);
	T_SYS(mkdir(t_path(w, "2026"), 0700));
	t_make_dir(w, "2026/nested", 100);
	t_make_file(w, "2026/file", 100);
	T_SYS(mkdir(t_path(w, "2026/nested/deep"), 0700));
	T_SYS(symlink("/etc", t_path(w, "2026/nested/deep/link")));
	T_SYS(symlink("2026", t_path(w, "link")));
	T_OK(segreg_register(reg, 2, "2026/nested"));
	T_OK(segreg_register(reg, 3, "2026/file"));
	T_ERR(SEGREG_E_PATH, segreg_register(reg, 4, "link"));
	T_ERR(SEGREG_E_PATH, segreg_register(reg, 4, "link/file"));
	T_ERR(SEGREG_E_NOENT, segreg_register(reg, 4, "2026/nothing"));
	T_ERR(SEGREG_E_NOENT, segreg_register(reg, 4, "nothing/at/all"));
	T_OK(segreg_reserve(reg, 5, "2026/reserved"));
	t_make_file(w, "2026/reserved", 100);
	T_OK(segreg_register(reg, 5, "2026/reserved"));
	T_OK(segreg_pin(reg, 2, 0, &pin));
	T_OK(segreg_pin_open(reg, &pin, "data", &fd));
	T_CHECK(t_fd_has_pattern(fd, 100));
	T_SYS(close(fd));
	T_ERR(SEGREG_E_PATH, segreg_pin_open(reg, &pin, "../file", &fd));
	T_ERR(SEGREG_E_PATH, segreg_pin_open(reg, &pin, "/etc/passwd", &fd));
	T_ERR(SEGREG_E_PATH, segreg_pin_open(reg, &pin, "deep/link/passwd", &fd));
	for (uint64_t id = 1; id <= 3; id++)
		T_OK(segreg_retire(reg, id));
	T_EQ(t_sweep(reg).deleted, 2);
	T_OK(segreg_unpin(reg, &pin));
	T_SYS(unlink(t_path(w, "link")));
	T_OK(segreg_check(reg, 0, count_findings, &found));
	T_EQ(found, 0);
	T_EQ(t_sweep(reg).deleted, 1);
	T_CHECK(!t_exists(w, "2026/nested") && !t_exists(w, "2026/file") && t_exists(w, "2026/reserved"));
	T_EQ(t_count_entries(w, T_TRASH), 0);
	T_EQ(access("/etc/passwd", F_OK), 0);

	/* What took a segment's place stays. */
	T_SYS(rename(t_path(w, "2026/reserved"), t_path(w, "2026/aside")));
	t_make_file(w, "2026/reserved", 200);
	T_OK(segreg_retire(reg, 5));
	T_EQ(t_sweep(reg).failed, 1);
	T_EQ(t_info(reg, 5).error, ESTALE);
	T_CHECK(t_exists(w, "2026/reserved") && t_exists(w, "2026/aside"));
	t_close(reg);
}

static void live_without(unsigned nr, int errnum)
{
	struct t_world w = t_world(T_MEMORY);

	forbid(nr, ANY, errnum);
	T_EQ(syscall(nr, -1, NULL, 0, 0, 0), -1);
	T_EQ(errno, errnum);
	live_a_life(&w);
}

#define WITHOUT(call, error)                                                                                           \
	static void without_##call##_##error(void)                                                                     \
	{                                                                                                              \
		live_without(SYS_##call, error);                                                                       \
	}
WITHOUT(openat2, ENOSYS)
WITHOUT(openat2, EPERM)
WITHOUT(renameat2, ENOSYS)
WITHOUT(renameat2, EPERM)
WITHOUT(statx, ENOSYS)
WITHOUT(statx, EPERM)
WITHOUT(name_to_handle_at, ENOSYS)
WITHOUT(name_to_handle_at, EPERM)

#define IS_WITHOUT(call, error) "a whole life where a filter answers " #call " with " #error, without_##call##_##error

static void without_all_of_them(void)
{
	struct t_world w = t_world(T_DISK);

	forbid(SYS_openat2, ANY, ENOSYS);
	forbid(SYS_renameat2, ANY, EINVAL);
	forbid(SYS_statx, ANY, ENOSYS);
	forbid(SYS_name_to_handle_at, ANY, EOPNOTSUPP);
	live_a_life(&w);
}

/* There is no other way: the error names the call and who may have refused it. */
static void refused_advice(int advice, const char *name)
{
	struct t_world w = t_world(T_MEMORY);
	struct segreg_open_options options = { .size = sizeof(options), .flags = SEGREG_CREATE, .base = w.base };
	struct segreg *reg = NULL;

	forbid(SYS_madvise, (uint32_t)advice, EPERM);
	T_ERR(SEGREG_E_UNSUPPORTED, segreg_open(w.dir, &options, &reg));
	T_HAS(segreg_last_error(), name);
	T_HAS(segreg_last_error(), "filter");
	T_CHECK(!reg);
}

static void without_wipe(void)
{
	refused_advice(MADV_WIPEONFORK, "MADV_WIPEONFORK");
}

static void without_populate(void)
{
	refused_advice(MADV_POPULATE_WRITE, "MADV_POPULATE_WRITE");
}

T_SUITE(filters, { IS_WITHOUT(openat2, ENOSYS) }, { IS_WITHOUT(openat2, EPERM) }, { IS_WITHOUT(renameat2, ENOSYS) },
	{ IS_WITHOUT(renameat2, EPERM) }, { IS_WITHOUT(statx, ENOSYS) }, { IS_WITHOUT(statx, EPERM) },
	{ IS_WITHOUT(name_to_handle_at, ENOSYS) }, { IS_WITHOUT(name_to_handle_at, EPERM) },
	{ "a whole life without any of them, on the disk", without_all_of_them },
	{ "madvise(MADV_WIPEONFORK) is refused: the error says so, and by whom it may be", without_wipe },
	{ "madvise(MADV_POPULATE_WRITE) is refused: the error says so, and by whom it may be", without_populate });
