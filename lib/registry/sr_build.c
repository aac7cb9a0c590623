/*
 * sr_build.c - making a registry's region, by the process that is alone with registry.lock.
 */
#include "registry/sr_build.h"
#include "db/sr_records.h"
#include "base/sr_lockinfo.h"
#include "base/sr_marker.h"
#include "sys/sr_error.h"
#include "registry/sr_create.h"
#include "registry/sr_leftover.h"
#include "registry/sr_load.h"
#include "registry/sr_owner.h"
#include "registry/sr_rebase.h"
#include "shm/sr_table.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

/* registry.lock has no text, or says "creating": may a new registry be made here? */
static int may_create(const struct sr_registry *registry, const struct segreg_open_options *options,
		      const struct sr_lockinfo *info)
{
	if (!info->present && sr_create_has_store(registry))
		return sr_create_fail_lock_lost(registry);
	if (!(options->flags & SEGREG_CREATE))
		return sr_fail(SEGREG_E_NOENT,
			       "%s is not a registry: its creation was not finished; create it again (segctl init)",
			       registry->dir);
	return 0;
}

/* ---------------------------------------------------------------- is everything of one piece? */

static bool is_original(const struct sr_registry *registry, const struct sr_lockinfo *info)
{
	return info->present && info->ready && info->ino == registry->lockfile.ino;
}

static int check_origin(const struct sr_registry *registry, bool adopt, const struct sr_lockinfo *info)
{
	if (adopt || is_original(registry, info))
		return 0;
	return sr_fail(SEGREG_E_MISMATCH,
		       "%s is a copy or was restored (its inode is %" PRIu64 ", was %" PRIu64 "); if all of the "
		       "registry is right as it stands, open it with SEGREG_ADOPT (segctl init --adopt)",
		       registry->lock_path, registry->lockfile.ino, info->ino);
}

/* Is base this registry's, and has the database counted each start that the marker has? */
static int check_marker(struct sr_registry *registry, bool adopt, struct sr_clock *clock)
{
	struct sr_marker marker = { .starts = 0 };
	struct sr_identity identity;
	int rc = sr_marker_check(&registry->base, registry->uuid, &marker);

	if (rc == SEGREG_E_MISMATCH && adopt &&
	    sr_sys_identify(sr_base_fd(&registry->base), SR_BASE_MARKER, &identity) == -1 && errno == ENOENT)
		rc = sr_owner_check_above(registry, &registry->base); /* it gets a marker, as at a creation */
	else if (rc == SEGREG_E_MISMATCH && marker.starts && memcmp(marker.uuid, registry->uuid, sizeof(marker.uuid)))
		rc = sr_owner_fail_taken(registry, &registry->base, &marker);
	if (rc)
		return rc;
	if (!adopt && marker.has_owner && strcmp(marker.place, registry->dir))
		rc = sr_owner_check_marker(registry, &marker);
	if (rc)
		return rc;
	if (marker.starts > clock->starts && !adopt)
		return sr_fail(SEGREG_E_MISMATCH,
			       "%s is older than base (%s has seen start %" PRIu64 ", it knows of %" PRIu64 "): a "
			       "backup? If it is right, open it with SEGREG_ADOPT (segctl init --adopt)",
			       registry->store_path, registry->base.path, marker.starts, clock->starts);
	if (marker.starts > clock->starts)
		clock->starts = marker.starts;
	return adopt ? 0 : sr_owner_check_marker(registry, &marker);
}

/* In a transaction: read what the registry is, and check that base, database and registry.lock belong together. */
static int look(struct sr_registry *registry, bool adopt, const struct sr_lockinfo *info, struct sr_meta *meta,
		struct sr_clock *clock)
{
	int rc = sr_records_get_meta(&registry->store, meta);

	if (rc == SR_STORE_ABSENT)
		rc = sr_fail(SEGREG_E_CORRUPT, "%s is damaged: it does not say what it is", registry->store_path);
	if (rc)
		return rc;
	memcpy(registry->uuid, meta->uuid, sizeof(registry->uuid));
	if (!registry->base.dir.path)
		rc = sr_base_open(&registry->base, meta->base, registry->dir);
	if (rc == SEGREG_E_NOENT)
		rc = sr_fail(rc,
			     "the base directory %s of %s is missing; if it was moved, or the registry copied, end all "
			     "processes of "
			     "the registry and run: segctl init --adopt --base DIR",
			     meta->base, registry->dir);
	/* Check for a copy first, and name its original: the failures below advise to adopt. */
	if (!rc)
		rc = sr_owner_check_names(registry, adopt);
	if (!rc)
		rc = sr_owner_check_place(registry, &registry->base, adopt);
	if (!rc)
		rc = check_origin(registry, adopt, info);
	if (!rc && !adopt && memcmp(meta->uuid, info->uuid, sizeof(info->uuid)))
		rc = sr_fail(SEGREG_E_MISMATCH,
			     "%s and %s are of two registries; if the former is right, open it with SEGREG_ADOPT "
			     "(segctl init --adopt)",
			     registry->store_path, registry->lock_path);
	if (!rc)
		rc = sr_records_get_clock(&registry->store, clock);
	return rc ? rc : check_marker(registry, adopt, clock);
}

/* Find base, and join it alone. What is read before that may still change, since nobody is kept out yet. It is good
 * enough to find base and to leave another registry's base alone. */
static int enter_base(struct sr_registry *registry, const struct segreg_open_options *options,
		      const struct sr_lockinfo *info, const struct sr_access *access)
{
	struct sr_meta meta;
	struct sr_clock clock;
	int rc = sr_store_begin(&registry->store);

	if (rc)
		return rc;
	rc = look(registry, options->flags & SEGREG_ADOPT, info, &meta, &clock);
	sr_store_abort(&registry->store);
	/* A creation has joined already. */
	return rc || registry->base.hold.page ? rc : sr_base_join_alone(&registry->base, access, options->timeout_ms);
}

/* Count this start, durably: in the database first, in base second. */
static int count_start(struct sr_registry *registry, bool adopt, const struct sr_lockinfo *info, struct sr_meta *meta,
		       struct sr_clock *clock)
{
	struct sr_store *store = &registry->store;
	struct sr_marker marker;
	int rc = sr_store_begin(store);

	if (rc)
		return rc;
	rc = look(registry, adopt, info, meta, clock);
	clock->starts++;
	if (!rc)
		rc = sr_records_upgrade(store, meta);
	if (!rc)
		rc = sr_records_put_clock(store, clock);
	if (!rc)
		rc = sr_owner_renew(registry, adopt, &marker);
	SR_STOP("attach.counting");
	if (!rc)
		rc = sr_store_reserve(store);
	if (rc == SEGREG_E_NOSPC)
		rc = 0; /* a full disk must not keep a sweeper out */
	if (rc) {
		sr_store_abort(store);
		return rc;
	}
	rc = sr_store_commit(store);
	SR_STOP("attach.counted");
	if (rc)
		return rc;
	memcpy(marker.uuid, registry->uuid, sizeof(marker.uuid));
	marker.starts = clock->starts;
	rc = sr_marker_put(&registry->base, &marker);
	return rc == SEGREG_E_NOSPC && !adopt ? 0
					      : rc; /* the marker's count of starts may lag behind, its owner may not */
}

/* Give registry.lock this registry's uuid and its own inode number. */
static int adopt_lockfile(struct sr_registry *registry, int fd, struct sr_lockinfo *info)
{
	bool is_ours = !memcmp(info->uuid, registry->uuid, sizeof(info->uuid));

	if (is_ours && is_original(registry, info))
		return 0;
	/* A copied text names the original's shared memory. */
	if (!is_ours)
		info->region[0] = '\0';
	memcpy(info->uuid, registry->uuid, sizeof(info->uuid));
	info->present = info->ready = true;
	info->ino = registry->lockfile.ino;
	return sr_lockinfo_write(fd, registry->lock_path, info, true);
}

/* Called before base is opened: an adoption may name another one. */
static int change_base(struct sr_registry *registry, const struct segreg_open_options *options,
		       const struct sr_access *access)
{
	char base[SEGREG_PATH_SIZE];
	int rc;

	if (!(options->flags & SEGREG_ADOPT) || !options->base)
		return 0;
	rc = sr_create_find_base(registry, options->base, base);
	return rc ? rc : sr_rebase(registry, base, access, options->timeout_ms);
}

static int fill_header(struct sr_registry *registry, const struct sr_clock *clock)
{
	struct sr_header *header = registry->region.header;
	int error;

	memcpy(header->uuid, registry->uuid, sizeof(header->uuid));
	header->lock_dev = registry->lockfile.dev;
	header->lock_ino = registry->lockfile.ino;
	header->pidns_dev = registry->pidns_dev;
	header->pidns_ino = registry->pidns_ino;
	header->built_at = sr_sys_realtime();
	header->starts = clock->starts;
	header->db_bytes = registry->store.least;
	header->wake = 1;
	strcpy(registry->region.base, registry->base.path);
	error = sr_lock_init_words(header->lock);
	return error ? sr_fail_errno(error, "cannot make robust mutexes") : sr_table_init(&registry->region);
}

int sr_build_discard(const struct sr_registry *registry, const char *name, const struct sr_access *access)
{
	return sr_region_discard(name, access, registry->lockfile.dev, registry->lockfile.ino);
}

static int build(struct sr_registry *registry, const struct segreg_open_options *options, int fd,
		 struct sr_lockinfo *info)
{
	bool adopt = options->flags & SEGREG_ADOPT;
	struct sr_meta meta;
	struct sr_clock clock;
	struct sr_access access;
	bool is_there;
	int rc = sr_create_get_access(registry, fd, &access);

	if (!rc)
		rc = change_base(registry, options, &access);
	if (!rc)
		rc = enter_base(registry, options, info, &access);
	if (!rc && adopt)
		rc = sr_leftover_check_users(registry, registry->uuid);
	if (!rc)
		rc = count_start(registry, adopt, info, &meta, &clock);
	if (!rc && adopt)
		rc = adopt_lockfile(registry, fd, info);
	if (rc)
		return rc;
	/* By now it is certain that registry.lock is this registry's. */
	is_there = info->region[0] && sr_build_discard(registry, info->region, &access) == SR_REGION_EMPTIED;
	/* Write the name first: if this process dies from here on, the next builder finds the object. */
	rc = is_there ? 0 : sr_region_name(info->region);
	strcpy(registry->region_name, info->region);
	registry->region.lock_path = registry->lock_path;
	info->builder = (uint32_t)getpid();
	if (!rc)
		rc = sr_lockinfo_write(fd, registry->lock_path, info, false);
	if (!rc)
		rc = sr_region_create(&registry->region, registry->region_name, is_there, meta.max_segments,
				      meta.max_lanes, &access);
	if (rc)
		return rc;
	SR_STOP("attach.building");
	rc = fill_header(registry, &clock);
	if (!rc) {
		sr_locks_init(&registry->locks, registry->region.header, &registry->lockfile);
		rc = sr_load(registry, options->timeout_ms);
		if (rc)
			sr_locks_destroy(&registry->locks);
	}
	if (rc) {
		sr_region_unmap(&registry->region);
		sr_build_discard(registry, registry->region_name,
				 &access); /* registry.lock keeps the name for the next builder */
		return rc;
	}
	sr_store_release_u32(&registry->region.header->ready, 1);
	return 0;
}

int sr_build_alone(struct sr_registry *registry, const struct segreg_open_options *options, int fd)
{
	struct sr_lockinfo info;
	struct sr_marker orphan;
	bool created = false;
	int rc = sr_lockinfo_read(fd, registry->lock_path, &info);

	if (rc)
		return rc;
	if (!info.ready && !(options->flags & SEGREG_ADOPT)) {
		rc = may_create(registry, options, &info);
		if (!rc)
			rc = sr_create(registry, options, fd, &info, &orphan);
		created = !rc;
	}
	if (!rc)
		rc = build(registry, options, fd, &info);
	/* Only this call has used the new registry. */
	if (rc && created && registry->made_lockfile)
		sr_create_undo(registry, &orphan);
	return rc;
}
