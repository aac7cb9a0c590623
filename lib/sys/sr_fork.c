/*
 * sr_fork.c - how a process knows that it is another one than it was.
 */
#include "sys/sr_fork.h"
#include "sys/sr_error.h"
#include "sys/sr_sys.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

static const uint64_t no_process = 1; /* nobody has forked before there is a page */
static uint64_t *page;
static uint64_t generation; /* ordinary memory: a child inherits it */

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
		return sr_fail(SEGREG_E_UNSUPPORTED, "madvise(MADV_WIPEONFORK) is refused (%s): a kernel before 4.14, or a filter of system "
			       "calls (seccomp, SystemCallFilter=) that must allow it", strerror(errnum));
	}
	page = fresh;
	sr_fork_page = page;
	sr_fork_arrive();
	return 0;
}

void sr_fork_arrive(void)
{
	sr_store_release_u64(page, ++generation);
}
