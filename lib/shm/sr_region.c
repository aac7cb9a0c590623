/*
 * sr_region.c - one process's mapping of a registry's shared memory.
 */
#include "shm/sr_region.h"
#include "shm/sr_ring.h"
#include "sys/sr_error.h"
#include "sys/sr_sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/*
 * A part grows by a 64th of its size, so that it takes little memory ahead. A step is at most GROW_MOST bytes, so that
 * it does not exceed a memory limit all at once.
 */
#define GROW_LEAST 16384u
#define GROW_MOST ((uint64_t)1 << 20)
#define GROW_PART 64u

static void find_parts(struct sr_region *region, void *base)
{
	unsigned char *at = base;
	const struct sr_geometry *g = &region->geometry;
	static const uint32_t nothing[2];

	region->header = base;
	region->base = (char *)at + g->base;
	region->notes = (struct sr_note *)(void *)(at + g->notes);
	region->index = at + g->index;
	region->level[SR_INDEX_LEVELS] = (struct sr_level){ .entries = nothing, .shift = 63 };
	region->levels = g->index_max_bits - SR_INDEX_MIN_BITS + 1;
	for (uint32_t bits = SR_INDEX_MIN_BITS; bits <= g->index_max_bits; bits++)
		region->level[bits - SR_INDEX_MIN_BITS] = (struct sr_level){
			.entries = (const uint32_t *)(void *)(region->index + sr_index_level(bits)),
			.shift = 64 - bits,
			.mask = (1u << bits) - 1,
		};
	region->slots = (struct sr_slot *)(void *)(at + g->part[SR_PART_SLOTS]);
	region->details = (struct sr_detail *)(void *)(at + g->part[SR_PART_DETAILS]);
	region->queue = (uint32_t *)(void *)(at + g->part[SR_PART_QUEUE]);
	region->path_map = (uint64_t *)(void *)(at + g->part[SR_PART_PATH_MAP]);
	region->paths = (char *)(at + g->part[SR_PART_PATHS]);
	region->discards = (struct sr_discard *)(void *)(at + g->part[SR_PART_DISCARDS]);
}

int sr_region_populate(void *address, uint64_t size, const char *what)
{
	if (sr_sys_madvise(address, size, MADV_POPULATE_WRITE) == 0)
		return 0;
	if (errno == EINVAL || errno == ENOSYS || errno == EPERM)
		return sr_fail(
			SEGREG_E_UNSUPPORTED,
			"madvise(MADV_POPULATE_WRITE) failed (%s): the kernel is older than 5.14, or a filter of "
			"system calls (seccomp, SystemCallFilter=) forbids the call and must allow it",
			strerror(errno));
	/* EFAULT: a store there would have raised SIGBUS. */
	return sr_fail(SEGREG_E_NOMEM,
		       "no shared memory for %s: /dev/shm is full, or this process's memory limit is reached", what);
}

static uint64_t step_of(uint64_t has, uint64_t wants)
{
	uint64_t step = wants > has / GROW_PART ? wants : has / GROW_PART;

	step = (step + GROW_LEAST - 1) / GROW_LEAST * GROW_LEAST;
	return step < GROW_MOST ? step : GROW_MOST;
}

int sr_region_grow(struct sr_region *region, enum sr_part part, uint64_t bytes)
{
	static const char *const what[SR_PARTS] = {
		[SR_PART_SLOTS] = "segments", [SR_PART_DETAILS] = "segments", [SR_PART_QUEUE] = "retired segments",
		[SR_PART_PATHS] = "paths",    [SR_PART_PATH_MAP] = "paths",   [SR_PART_DISCARDS] = "discards",
	};
	uint64_t *populated = &region->header->populated[part];
	uint64_t limit = region->geometry.part_size[part];

	if (bytes > limit || *populated > limit)
		return sr_fail(SEGREG_E_CORRUPT, "the shared memory's book-keeping of %s is damaged", what[part]);
	while (*populated < bytes) {
		uint64_t step = step_of(*populated, bytes - *populated), left = limit - *populated;
		int rc = sr_region_populate((unsigned char *)region->header + region->geometry.part[part] + *populated,
					    step < left ? step : left, what[part]);
		if (rc)
			return rc;
		*populated += step < left ? step : left;
	}
	return 0;
}

int sr_region_name(char name[SR_REGION_NAME_SIZE])
{
	unsigned char random[16];
	int length;

	if (sr_sys_random(random, sizeof(random)) == -1)
		return sr_fail_errno(errno, "cannot get random bytes");
	length = snprintf(name, SR_REGION_NAME_SIZE, "/segreg-");
	for (size_t i = 0; i < sizeof(random); i++)
		length += snprintf(name + length, SR_REGION_NAME_SIZE - (size_t)length, "%02x", random[i]);
	return 0;
}

static int map_object(struct sr_region *region, const char *name, int fd)
{
	struct stat st;
	void *base;

	snprintf(region->object, sizeof(region->object), "/dev/shm%s", name);

	if (sr_sys_fstat(fd, &st) == -1)
		return sr_fail_errno(errno, "cannot look at shared memory");
	region->ino = st.st_ino;
	base = sr_sys_mmap(region->geometry.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd);

	if (!base)
		return sr_fail_map(errno, "the shared memory", region->geometry.size);
	/* A forked child attaches anew. Until then it neither uses this mapping nor keeps the mapping's memory. */
	if (sr_sys_madvise(base, region->geometry.size, MADV_DONTFORK) == -1) {
		int errnum = errno;

		sr_sys_munmap(base, region->geometry.size);
		return sr_fail_errno(errnum,
				     "cannot keep the shared memory from forked children (madvise(MADV_DONTFORK))");
	}
	find_parts(region, base);
	return 0;
}

static int fill_object(struct sr_region *region, const char *name, int fd, const struct sr_access *access)
{
	struct sr_header *header;
	struct rlimit limit;
	int rc;

	/* Beyond this limit ftruncate not only fails: it also sends a signal that ends the process. */
	if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < region->geometry.size)
		return sr_fail(
			SEGREG_E_NOMEM,
			"the shared memory has %llu bytes, and this process may not make files that large; raise "
			"the limit (RLIMIT_FSIZE: ulimit -f, LimitFSIZE=)",
			(unsigned long long)region->geometry.size);
	SR_STOP("region.created");
	sr_access_give(fd, access);
	if (sr_sys_ftruncate(fd, (off_t)region->geometry.size) == -1)
		return sr_fail_errno(errno, "cannot make %llu bytes of shared memory",
				     (unsigned long long)region->geometry.size);
	SR_STOP("region.sized");
	rc = map_object(region, name, fd);
	if (rc)
		return rc;
	rc = sr_region_populate(region->header, region->geometry.notes, "the registry");
	if (rc) {
		sr_region_unmap(region);
		return rc;
	}
	header = region->header;
	header->magic = SR_MAGIC;
	header->fingerprint = sr_layout_fingerprint();
	header->max_segments = region->geometry.max_segments;
	header->max_lanes = region->geometry.max_lanes;
	return 0;
}

int sr_region_create(struct sr_region *region, const char *name, bool is_there, uint32_t max_segments,
		     uint32_t max_lanes, const struct sr_access *access)
{
	int fd, rc;

	if (!sr_geometry_init(&region->geometry, max_segments, max_lanes))
		return sr_fail(SEGREG_E_CORRUPT, "the registry's limits (%u segments, %u lanes) are out of range",
			       max_segments, max_lanes);
	fd = sr_sys_shm_open(name, is_there ? O_RDWR : O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fd == -1)
		return sr_fail_errno(errno, "cannot create shared memory %s", name);
	rc = fill_object(region, name, fd, access);
	sr_sys_close(fd);
	if (rc)
		sr_sys_shm_unlink(name);
	return rc;
}

/* Check the maker of the object, because any user may put a file into /dev/shm. */
static int check_object(const char *name, const struct stat *st, const struct sr_access *access)
{
	if (sr_access_is_of_participant(access, st))
		return 0;
	return sr_fail(
		SEGREG_E_PERM,
		"shared memory %s was not made by a user of this registry (its owner is %u, its group %u, its mode %o)",
		name, st->st_uid, st->st_gid, st->st_mode & 07777);
}

/*
 * Whether a builder died before it finished the object. A builder makes the object, gives it its size, writes its
 * magic, and sets ready last of all. If it dies in between, the object stays as it is.
 */
static bool is_unfinished(const struct sr_header *header, ssize_t got, off_t size)
{
	return size == 0 ||
	       (got == sizeof(*header) && (header->magic == 0 || (header->magic == SR_MAGIC && !header->ready)));
}

static int check_header(struct sr_region *region, int fd, const char *name, off_t size)
{
	struct sr_header header = { .magic = 0 };
	ssize_t got = sr_sys_pread(fd, &header, sizeof(header), 0);

	if (got == -1)
		return sr_fail_errno(errno, "cannot read shared memory %s", name);
	if (got == sizeof(header) && header.magic == __builtin_bswap64(SR_MAGIC))
		return sr_fail(SEGREG_E_VERSION, "a machine with the other byte order made shared memory %s", name);
	if (is_unfinished(&header, got, size))
		return SR_REGION_UNFINISHED;
	if (got != sizeof(header) || header.magic != SR_MAGIC)
		return sr_fail(SEGREG_E_CORRUPT, "shared memory %s is not a segreg region", name);
	if (header.fingerprint != sr_layout_fingerprint())
		return sr_fail(SEGREG_E_VERSION,
			       "shared memory %s has layout %016llx, this library has %016llx (segreg %s): processes "
			       "that share a registry must run builds of one version; stop the processes of the other "
			       "version",
			       name, (unsigned long long)header.fingerprint,
			       (unsigned long long)sr_layout_fingerprint(), segreg_version_string());
	if (!sr_geometry_init(&region->geometry, header.max_segments, header.max_lanes) ||
	    (uint64_t)size != region->geometry.size)
		return sr_fail(SEGREG_E_CORRUPT, "shared memory %s has the wrong size for its limits", name);
	return 0;
}

/* Whether the object belongs to this registry.lock: its header says so, or its builder died before it wrote that. */
static bool is_of(int fd, const struct stat *st, uint64_t lock_dev, uint64_t lock_ino)
{
	struct sr_header header = { .magic = 0 };

	if (st->st_size == 0)
		return true;
	if (sr_sys_pread(fd, &header, sizeof(header), 0) != sizeof(header))
		return false;
	if (header.magic == 0 || (header.magic == SR_MAGIC && !header.ready && !header.lock_ino))
		return true;
	return header.magic == SR_MAGIC && header.lock_dev == lock_dev && header.lock_ino == lock_ino;
}

/*
 * Give the object's memory back. Punch a hole instead of making the object smaller: a process that still has it mapped
 * then reads zeros, and no SIGBUS ends that process.
 */
static int empty(int fd, const struct stat *st)
{
	return st->st_size ? sr_sys_fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, st->st_size) : 0;
}

int sr_region_discard(const char *name, const struct sr_access *access, uint64_t lock_dev, uint64_t lock_ino)
{
	struct stat st;
	int fd, rc = SR_REGION_STAYS;

	if (sr_sys_shm_unlink(name) == 0 || errno == ENOENT)
		return 0;
	fd = sr_sys_shm_open(name, O_RDWR, 0);
	if (fd == -1)
		return errno == ENOENT ? 0 : SR_REGION_STAYS;
	if (sr_sys_fstat(fd, &st) == 0 && sr_access_is_of_participant(access, &st) &&
	    is_of(fd, &st, lock_dev, lock_ino) && empty(fd, &st) == 0)
		rc = SR_REGION_EMPTIED;
	sr_sys_close(fd);
	return rc;
}

int sr_region_map(struct sr_region *region, const char *name, const struct sr_access *access)
{
	struct stat st;
	int rc, fd = sr_sys_shm_open(name, O_RDWR, 0);

	if (fd == -1 && errno == ENOENT)
		return SR_REGION_ABSENT;
	if (fd == -1)
		return sr_fail_errno(errno, "cannot open shared memory %s", name);
	if (sr_sys_fstat(fd, &st) == -1)
		rc = sr_fail_errno(errno, "cannot look at shared memory %s", name);
	else
		rc = check_object(name, &st, access);
	if (!rc)
		rc = check_header(region, fd, name, st.st_size);
	if (!rc)
		rc = map_object(region, name, fd);
	sr_sys_close(fd);
	return rc;
}

bool sr_region_is_named(const struct sr_region *region, const char *name)
{
	struct stat st;
	int fd = sr_sys_shm_open(name, O_RDWR, 0);
	bool same;

	if (fd == -1)
		return errno != ENOENT; /* the object may be there, but this process cannot open it */
	same = sr_sys_fstat(fd, &st) == -1 || st.st_ino == region->ino;
	sr_sys_close(fd);
	return same;
}

void sr_region_unmap(struct sr_region *region)
{
	if (region->header)
		sr_sys_munmap(region->header, region->geometry.size);
	region->header = NULL;
}

void sr_region_wake_sleepers(struct sr_region *region)
{
	struct sr_header *header = region->header;

	if (sr_add_seqcst_u32(&header->wake, 1) == UINT32_MAX)
		sr_add_seqcst_u32(&header->wake, 1); /* skip 0, the value with which a waiter begins */
	if (sr_load_seqcst_u32(&header->waiters))
		sr_sys_futex_wake(&header->wake, INT32_MAX);
}

void sr_region_wake(struct sr_region *region)
{
	sr_region_wake_sleepers(region);
	sr_ring_watches(region, SEGREG_WATCH_SWEEP);
}

void sr_region_wake_versions(struct sr_region *region)
{
	struct sr_header *header = region->header;

	sr_add_seqcst_u32(&header->version_wake, 1);
	if (sr_load_seqcst_u32(&header->version_waiters))
		sr_sys_futex_wake(&header->version_wake, INT32_MAX);
}

void sr_region_set_version(struct sr_region *region, uint64_t version)
{
	struct sr_header *header = region->header;

	if (sr_load_acquire_u64(&header->version) == version)
		return;
	sr_store_seqcst_u64(&header->version, version);
	SR_STOP("region.version");
	sr_region_wake_versions(region);
}

int sr_region_damaged(const char *what)
{
	return sr_fail(
		SEGREG_E_CORRUPT,
		"the shared memory is damaged (%s); stop all processes of this registry and start them again: the "
		"first one rebuilds it from registry.mdb",
		what);
}
