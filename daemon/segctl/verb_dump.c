/*
 * verb_dump.c - segctl dump: the live segments of one version as text that segctl load reads.
 *
 * All lines come from one snapshot, so they are a state that the registry was in. The lines of a million segments are
 * not kept in memory. A reader of the output that stalls must keep no segment from being deleted. So if stdout is no
 * regular file, a temporary file takes the lines until the snapshot is released.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "segreg.h"
#include "segctl/ctl.h"
#include "segctl/dump.h"
#include "segctl/error.h"

static int exec(struct ctl *ctl);

const struct ctl_verb ctl_dump = {
	.name = "dump",
	.operands = "",
	.help = "Write the live segments as text that load reads",
	.exec = exec,
};

/*
 * The file that takes the lines while the snapshot is held. A regular file does not stall; otherwise it is a temporary
 * file without a name. NULL: there is none.
 */
static FILE *open_taker(void)
{
	struct stat st;

	return fstat(STDOUT_FILENO, &st) == 0 && S_ISREG(st.st_mode) ? stdout : tmpfile();
}

/* Copy what the temporary file has to stdout. Returns the errno of a failed read. */
static int copy_to_stdout(FILE *from)
{
	char block[65536];
	size_t n;

	if (fflush(from) || fseek(from, 0, SEEK_SET))
		return errno;
	while ((n = fread(block, 1, sizeof block, from)) > 0 && fwrite(block, 1, n, stdout) == n)
		;
	return ferror(from) ? EIO : 0;
}

static int exec(struct ctl *ctl)
{
	FILE *taker = open_taker();
	struct segreg_snapshot snapshot;
	int code, error = 0;

	if (!taker)
		return ctl_error(ctl, EX_CANTCREAT, "cannot make a temporary file in /tmp: %s", strerror(errno));
	code = segreg_snapshot_take(ctl->reg, SEGREG_SNAPSHOT, &snapshot);
	if (!code) {
		code = ctl_dump_stream(ctl->reg, &snapshot, taker);
		segreg_snapshot_release(ctl->reg, &snapshot);
	}
	if (taker != stdout) {
		if (!code)
			error = ferror(taker) ? ENOSPC : copy_to_stdout(taker);
		fclose(taker);
	}
	if (error)
		return ctl_error(ctl, EX_IOERR, "a temporary file in /tmp fails: %s; write the dump to a file instead",
				 strerror(error));
	return code ? ctl_fail(ctl, code) : EX_OK;
}
