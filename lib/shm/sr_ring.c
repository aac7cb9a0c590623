/*
 * sr_ring.c - ringing watches.
 */
#include "shm/sr_ring.h"
#include "sys/sr_call.h"
#include "sys/sr_sys.h"

#include <fcntl.h>

/* R3. Returns whether watches were rung. */
static bool touch(const struct sr_region *region)
{
	int fd;

	if (sr_sys_touch(region->object) == 0)
		return true;
	fd = sr_sys_openat(AT_FDCWD, region->lock_path, O_RDONLY | O_NOFOLLOW, 0);
	if (fd == -1)
		return false;
	sr_sys_close(fd);
	return true;
}

/* R2 to R4. */
static void ring(const struct sr_region *region, uint32_t *asked, uint32_t *answered)
{
	uint32_t number = sr_load_seqcst_u32(asked);

	if (number == sr_load_seqcst_u32(answered))
		return;
	SR_UNCANCELLED();
	SR_STOP("ring.asked");
	if (!touch(region))
		return; /* the next waker tries again */
	SR_STOP("ring.rung");
	sr_store_release_u32(answered, number);
}

void sr_ring_watches(const struct sr_region *region, unsigned what)
{
	struct sr_header *header = region->header;

	if (what & SEGREG_WATCH_VERSION)
		ring(region, &header->version_asked, &header->version_answered);
	if (what & SEGREG_WATCH_SWEEP)
		ring(region, &header->work_asked, &header->work_answered);
}

void sr_ring_ask(const struct sr_region *region, unsigned what)
{
	struct sr_header *header = region->header;

	if (what & SEGREG_WATCH_VERSION)
		sr_add_seqcst_u32(&header->version_asked, 1);
	if (what & SEGREG_WATCH_SWEEP)
		sr_add_seqcst_u32(&header->work_asked, 1);
}
