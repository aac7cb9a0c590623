/*
 * confine.c - Landlock: a server can reach its registry, its base and the shared memory, and nothing else.
 *
 * segregd deletes files that shared memory and a database name, and other processes can write to both. The library
 * checks everything there. If the library were wrong once, or taken over, the kernel would still confine the process
 * to the files of its registry.
 *
 * Rules are by inode. So a registry or base that is replaced by another directory needs a new process.
 *
 * Before its ABI 2 Landlock cannot allow a rename into another directory, which each deletion begins with.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "segregd/config.h"
#include "segregd/confine.h"

/* Rights that the headers of older systems lack. */
#define TRUNCATE (UINT64_C(1) << 14)  /* ABI 3 */
#define IOCTL_DEV (UINT64_C(1) << 15) /* ABI 5 */

#define READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITE (LANDLOCK_ACCESS_FS_WRITE_FILE | TRUNCATE)
#define MAKE LANDLOCK_ACCESS_FS_MAKE_REG
#define REMOVE (LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR)
#define ALL_OF_ABI_1 ((UINT64_C(1) << 13) - 1)

/* struct landlock_ruleset_attr as of ABI 6. */
struct ruleset {
	uint64_t files;
	uint64_t network; /* ABI 4: bind and connect by TCP */
	uint64_t scopes;  /* ABI 6: abstract sockets, signals */
};

#define NETWORK 3u
#define SCOPE_SIGNAL 2u

static int make_ruleset(uint64_t *rights)
{
	struct ruleset rules = { .files = ALL_OF_ABI_1 | LANDLOCK_ACCESS_FS_REFER };
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	if (abi < 2) {
		errno = ENOSYS;
		return -1;
	}
	rules.files |= (abi >= 3 ? TRUNCATE : 0) | (abi >= 5 ? IOCTL_DEV : 0);
	rules.network = NETWORK;
	rules.scopes = SCOPE_SIGNAL;
	*rights = rules.files;
	return (int)syscall(SYS_landlock_create_ruleset, &rules, abi >= 6 ? 24 : abi >= 4 ? 16 : 8, 0);
}

/* Returns 0 or an errno. */
static int allow(int ruleset, const char *path, uint64_t rights)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = rights,
						   .parent_fd = open(path, O_PATH | O_CLOEXEC) };
	int error = 0;

	if (rule.parent_fd == -1)
		return errno;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == -1)
		error = errno;
	close(rule.parent_fd);
	return error;
}

int confine_process(const struct settings *settings, const char *base)
{
	uint64_t rights;
	int error = 0, ruleset = make_ruleset(&rights);
	const struct {
		const char *path;
		uint64_t rights;
	} rules[] = {
		{ settings->dir, READ | WRITE | MAKE },
		{ base, READ | WRITE | MAKE | LANDLOCK_ACCESS_FS_MAKE_DIR | REMOVE | LANDLOCK_ACCESS_FS_REFER },
		{ "/dev/shm", READ | WRITE | MAKE | LANDLOCK_ACCESS_FS_REMOVE_FILE },
		{ "/proc", READ },
	};

	if (ruleset == -1)
		return errno == EOPNOTSUPP ? ENOSYS : errno;
	for (size_t i = 0; i < sizeof rules / sizeof *rules && !error; i++)
		error = allow(ruleset, rules[i].path, rules[i].rights & rights);
	if (!error && settings->metrics) /*
					  * if the directory is missing, metrics.c logs that; confine the rest all the
					  * same
					  */
		allow(ruleset, settings->metrics, (READ | WRITE | MAKE | LANDLOCK_ACCESS_FS_REMOVE_FILE) & rights);
	if (!error &&
	    (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 || syscall(SYS_landlock_restrict_self, ruleset, 0) == -1))
		error = errno;
	close(ruleset);
	return error;
}
