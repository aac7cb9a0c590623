/*
 * fuzz.c - which target this is, and what all of them need.
 */
#include "fuzz.h"
#include "segreg.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct fuzz_target *const targets[] = {
	&fuzz_codec, &fuzz_config, &fuzz_letter, &fuzz_load,   &fuzz_lockinfo,
	&fuzz_paths, &fuzz_region, &fuzz_segctl, &fuzz_values,
};

static const struct fuzz_target *target;

/* The first argument names the target. libFuzzer starts itself again without it, so it stays in the environment. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *name = getenv("SEGREG_FUZZ_TARGET");

	if (!name && *argc > 1) {
		name = (*argv)[1];
		(*argv)[1] = (*argv)[0];
		++*argv;
		--*argc;
		setenv("SEGREG_FUZZ_TARGET", name, 1);
	}
	for (size_t i = 0; name && i < sizeof(targets) / sizeof(*targets); i++)
		if (!strcmp(targets[i]->name, name))
			target = targets[i];
	if (!target) {
		fprintf(stderr, "usage: segreg-fuzz TARGET ..., a TARGET being one of");
		for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++)
			fprintf(stderr, " %s", targets[i]->name);
		fprintf(stderr, "\n");
		exit(2);
	}
	if (target->prepare)
		target->prepare();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	target->one(data, size);
	return 0;
}

void fuzz_broken(const char *file, int line, const char *claim)
{
	dprintf(STDERR_FILENO, "%s:%d: it does not hold that %s (errno: %s; last error: %s)\n", file, line, claim,
		strerror(errno), segreg_last_error());
	abort();
}

int fuzz_rc(int rc)
{
	FUZZ_CLAIM(rc >= SEGREG_E_CALLED_OFF);
	FUZZ_CLAIM(rc >= 0 || segreg_last_error()[0]);
	return rc;
}

void fuzz_hush(void)
{
	stdout = fopen("/dev/null", "we");
	stderr = fopen("/dev/null", "we");
	FUZZ_CLAIM(stdout && stderr);
}

int fuzz_file(const void *data, size_t size, char path[32])
{
	static int fd = -1;

	if (fd == -1)
		fd = memfd_create("fuzz", MFD_CLOEXEC);
	FUZZ_CLAIM(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
	snprintf(path, 32, "/proc/self/fd/%d", fd);
	return fd;
}

#define MAKE_AND_REMOVE                                                                                                \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE |                \
	 LANDLOCK_ACCESS_FS_REMOVE_DIR)
#define ALL                                                                                                            \
	(MAKE_AND_REMOVE | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_MAKE_FIFO |  \
	 LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_REFER)

static void allow(int ruleset, const char *path, uint64_t rights)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = rights,
						   .parent_fd = open(path, O_PATH | O_CLOEXEC) };

	FUZZ_CLAIM(rule.parent_fd >= 0);
	FUZZ_CLAIM(syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0);
	close(rule.parent_fd);
}

void fuzz_confine(const char *dir)
{
	struct landlock_ruleset_attr rules = { .handled_access_fs = ALL };
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0);

	if (ruleset == -1)
		return;
	allow(ruleset, getenv("SEGREG_FUZZ_DIR") ? getenv("SEGREG_FUZZ_DIR") : dir, ALL);
	allow(ruleset, "/dev/shm", MAKE_AND_REMOVE);
	allow(ruleset, "/dev/null", LANDLOCK_ACCESS_FS_WRITE_FILE);
	FUZZ_CLAIM(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	FUZZ_CLAIM(syscall(SYS_landlock_restrict_self, ruleset, 0) == 0);
	close(ruleset);
}
