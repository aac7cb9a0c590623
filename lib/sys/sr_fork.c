/*
 * sr_fork.c - how a process finds out that it is a forked child.
 */
#include "sys/sr_fork.h"
#include "sys/sr_error.h"
#include "sys/sr_sys.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

static const uint64_t no_process = 1; /* before the page exists, no process counts as a child */
static uint64_t *page;
static uint64_t number; /* in ordinary memory, so that a child inherits it and counts on */

const uint64_t *sr_fork_page = &no_process;

int sr_fork_init(void)
{
	void *fresh;

	if (page)
		return 0;
	fresh = sr_sys_mmap(SR_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	if (!fresh)
		return sr_fail_errno(errno, "cannot map a page");
	if (sr_sys_madvise(fresh, SR_PAGE, MADV_WIPEONFORK) == -1) {
		int errnum = errno;

		sr_sys_munmap(fresh, SR_PAGE);
		return sr_fail(SEGREG_E_UNSUPPORTED,
			       "madvise(MADV_WIPEONFORK) failed (%s): the kernel is older than 4.14, or a filter of "
			       "system calls (seccomp, SystemCallFilter=) forbids the call and must allow it",
			       strerror(errnum));
	}
	page = fresh;
	sr_fork_page = page;
	sr_fork_arrive();
	return 0;
}

void sr_fork_arrive(void)
{
	sr_store_release_u64(page, ++number);
}
