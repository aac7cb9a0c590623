/*
 * sr_debug.c - showing what is in a region, whatever is in it: items, file and locks.
 *
 * Every value is input. First the limits in the header are checked, then each number that bounds a read, against those
 * limits. A number that is out of range is shown as damaged and never used. What depends on it is left out.
 *
 * A region in use changes while it is read. Where two values contradict each other, both are read again before one of
 * them is called damaged.
 */
#include "ask/sr_debug.h"
#include "base/sr_uuid.h"
#include "shm/sr_cells.h"
#include "shm/sr_lock.h"
#include "sys/sr_error.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---------------------------------------------------------------- items */

void sr_debug_remark(struct sr_debug *d, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(d->remark, sizeof(d->remark), format, args);
	va_end(args);
}

void sr_debug_damage(struct sr_debug *d, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(d->remark, sizeof(d->remark), format, args);
	va_end(args);
	d->is_damaged = true;
}

void sr_debug_say(struct sr_debug *d, const char *name, const char *format, ...)
{
	char value[SR_LETTER_TEXT + SEGREG_PATH_SIZE];
	struct segreg_debug_item item = {
		.part = d->part,
		.number = d->number,
		.name = name,
		.value = value,
		.remark = d->remark,
		.is_damaged = d->is_damaged,
		.pid = d->pid,
	};
	va_list args;

	va_start(args, format);
	vsnprintf(value, sizeof(value), format, args);
	va_end(args);
	if (!d->rc)
		d->rc = d->fn(d->arg, &item);
	d->remark[0] = '\0';
	d->is_damaged = false;
	d->pid = 0;
}

void sr_debug_begin(struct sr_debug *d, const char *part, int64_t number)
{
	d->part = part;
	d->number = number;
}

void sr_debug_say_time(struct sr_debug *d, const char *name, int64_t at)
{
	time_t seconds = (time_t)(at / 1000000000);
	char text[48];
	struct tm tm;

	if (!at) {
		sr_debug_say(d, name, "never");
	} else if (at < 0 || !gmtime_r(&seconds, &tm) || !strftime(text, sizeof(text), "%FT%TZ", &tm)) {
		sr_debug_damage(d, "not a time");
		sr_debug_say(d, name, "%" PRId64, at);
	} else {
		sr_debug_say(d, name, "%s", text);
	}
}

void sr_debug_say_pid(struct sr_debug *d, const char *name, int64_t pid, uint64_t pidns_dev, uint64_t pidns_ino)
{
	uint64_t dev, ino;
	bool is_ours = sr_pidns(&dev, &ino) && dev == pidns_dev && ino == pidns_ino;

	if (pid < 0 || pid > INT32_MAX)
		sr_debug_damage(d, "not a process");
	else if (pid && is_ours && d->image.lock_fd != -1)
		d->pid = pid;
	else if (pid && d->image.lock_fd != -1 && !is_ours)
		sr_debug_remark(d, "counted in another PID namespace");
	sr_debug_say(d, name, "%" PRId64, pid);
}

void sr_debug_say_text(struct sr_debug *d, const char *name, const char *text, size_t size)
{
	size_t length = strnlen(text, size);

	if (length == size)
		sr_debug_damage(d, "no end within %zu bytes", size);
	sr_debug_say(d, name, "%.*s", (int)length, text);
}

const char *sr_debug_state(enum sr_state state)
{
	static const char *const names[SR_STATES] = {
		[SR_FREE] = "FREE",         [SR_BUILDING] = "BUILDING", [SR_LIVE] = "LIVE", [SR_PENDING] = "PENDING",
		[SR_DELETING] = "DELETING", [SR_DECIDING] = "DECIDING", [SR_GONE] = "GONE", [SR_REMOVING] = "REMOVING",
	};

	return (unsigned)state < SR_STATES ? names[state] : NULL;
}

void sr_debug_say_named(struct sr_debug *d, const char *name, uint32_t number, const char *const *names, uint32_t n,
			const char *what)
{
	if (number < n) {
		sr_debug_say(d, name, "%s", names[number]);
		return;
	}
	sr_debug_damage(d, "not a value of enum %s", what);
	sr_debug_say(d, name, "%u", number);
}

/* ---------------------------------------------------------------- reading */

bool sr_debug_lane(const struct sr_debug *d, uint32_t n, struct sr_lane *lane)
{
	return sr_image_read(&d->image, d->geometry.heads + n * (uint64_t)sizeof(*lane), lane, sizeof(*lane));
}

/* Entry n of a part. */
static bool read_entry(const struct sr_debug *d, enum sr_part part, uint32_t n, void *to, size_t size)
{
	return sr_image_read(&d->image, d->geometry.part[part] + n * (uint64_t)size, to, size);
}

bool sr_debug_read_slot(const struct sr_debug *d, uint32_t slot, struct sr_slot *out)
{
	return read_entry(d, SR_PART_SLOTS, slot, out, sizeof(*out));
}

bool sr_debug_read_detail(const struct sr_debug *d, uint32_t slot, struct sr_detail *out)
{
	return read_entry(d, SR_PART_DETAILS, slot, out, sizeof(*out));
}

bool sr_debug_read_queue(const struct sr_debug *d, uint32_t at, uint32_t *slot)
{
	return read_entry(d, SR_PART_QUEUE, at, slot, sizeof(*slot));
}

uint64_t sr_debug_read_again(const struct sr_debug *d, uint64_t at, size_t size)
{
	uint64_t wide = 0;
	uint32_t narrow = 0;

	if (size == sizeof(wide))
		sr_image_read(&d->image, at, &wide, sizeof(wide));
	else
		sr_image_read(&d->image, at, &narrow, sizeof(narrow));
	return size == sizeof(wide) ? wide : narrow;
}

/* ---------------------------------------------------------------- file */

void sr_debug_say_byte(struct sr_debug *d, const char *name, off_t byte, const char *held, const char *is_free)
{
	int locked = sr_image_locked(&d->image, byte);

	sr_debug_remark(d, "%s", locked == 1 ? held : locked == 0 ? is_free : "");
	sr_debug_say(d, name, "%s", locked == 1 ? "held" : locked == 0 ? "free" : "not known");
}

/* What is beside the region: only where it is in use. */
static void say_lockfile(struct sr_debug *d)
{
	const struct sr_lockinfo *info = &d->image.info;
	const struct stat *st = &d->image.lock_st;
	char uuid[37];

	sr_debug_begin(d, "registry.lock", -1);
	sr_uuid_format(info->uuid, uuid);
	if (memcmp(info->uuid, d->header.uuid, sizeof(info->uuid)) && d->header.ready)
		sr_debug_damage(d, "the header has another");
	sr_debug_say(d, "uuid", "%s", uuid);
	if (d->header.ready && (d->header.lock_dev != st->st_dev || d->header.lock_ino != st->st_ino))
		sr_debug_damage(d, "the header names %" PRIu64 " on device %" PRIu64 ": registry.lock was replaced",
				d->header.lock_ino, d->header.lock_dev);
	sr_debug_say(d, "inode", "%" PRIu64 " on device %" PRIu64, (uint64_t)st->st_ino, (uint64_t)st->st_dev);
	sr_debug_say(d, "state", "%s", info->ready ? "ready" : "creating");
	sr_debug_remark(d, "wrote this last");
	sr_debug_say_pid(d, "builder", info->builder, d->header.pidns_dev, d->header.pidns_ino);
	sr_debug_say_byte(d, "attach byte", SR_BYTE_ATTACH, "processes have the registry open",
			  "no process has the registry open");
	sr_debug_say_byte(d, "sweep byte", SR_BYTE_SWEEP, "a sweep is at work", "");
}

static void say_file(struct sr_debug *d)
{
	const struct stat *st = &d->image.st;

	sr_debug_begin(d, "file", -1);
	sr_debug_say(d, "name", "%s", d->image.name);
	sr_debug_say(d, "owner", "%u", st->st_uid);
	sr_debug_say(d, "group", "%u", st->st_gid);
	sr_debug_say(d, "mode", "%04o", st->st_mode & 07777);
	sr_debug_say(d, "inode", "%" PRIu64, (uint64_t)st->st_ino);
	sr_debug_say(d, "memory", "%" PRIu64, (uint64_t)st->st_blocks * 512);
	if (d->has_geometry && (uint64_t)st->st_size != d->geometry.size)
		sr_debug_damage(d, "the limits in the header make %" PRIu64, d->geometry.size);
	sr_debug_say(d, "size", "%" PRIu64, (uint64_t)st->st_size);
}

/* ---------------------------------------------------------------- locks */

/* glibc's: the thread's number, and two bits. */
#define MUTEX_WAITERS 0x80000000u
#define MUTEX_DIED 0x40000000u
#define MUTEX_THREAD 0x3fffffffu

static void say_mutex(struct sr_debug *d, const pthread_mutex_t *mutex)
{
	static struct sr_lock_word model[SR_LOCKS];
	uint32_t word = (uint32_t)mutex->__data.__lock;

	if (word & MUTEX_THREAD)
		sr_debug_remark(d, "this thread has it%s", word & MUTEX_WAITERS ? ", others wait" : "");
	else
		sr_debug_remark(d, "%s", word & MUTEX_DIED ? "its holder died" : "free");
	sr_debug_say(d, "mutex", "%u", word & MUTEX_THREAD);
	if (sr_lock_init_words(model) == 0 && mutex->__data.__kind != model[0].mutex.__data.__kind)
		sr_debug_damage(d, "not %d, as of a robust mutex; the next holder of the lock puts it right",
				model[0].mutex.__data.__kind);
	sr_debug_say(d, "kind of mutex", "%d", mutex->__data.__kind);
}

static void say_lock(struct sr_debug *d, const char *part, enum sr_lock_id id, off_t byte)
{
	static const char *const dirt[] = { "SR_CLEAN", "SR_DIRTY", "SR_DIRTY_SHOWN" };
	const struct sr_lock_word *word = &d->header.lock[id];
	int locked = sr_image_locked(&d->image, byte);
	int32_t waiting = (int32_t)(word->asked - word->served);

	sr_debug_begin(d, part, -1);
	sr_debug_say_byte(d, "byte", byte, "a process has the lock", "no process has the lock");
	if (locked == 0)
		sr_debug_remark(d, "took it last");
	sr_debug_say_pid(d, "owner", word->pid, d->header.pidns_dev, d->header.pidns_ino);
	if (word->dirty != SR_CLEAN && locked == 1)
		sr_debug_remark(d, "its holder is changing what it guards");
	else if (word->dirty != SR_CLEAN)
		sr_debug_remark(d, "a holder died or failed in a change: the next holder repairs");
	sr_debug_say_named(d, "dirty", word->dirty, dirt, 3, "sr_dirt");
	say_mutex(d, &word->mutex);
	if (waiting < 0)
		sr_debug_damage(d, "more than asked");
	else if (waiting > 0)
		sr_debug_remark(d, "%d wait, or died waiting", waiting);
	sr_debug_say(d, "served", "%u of %u", word->served, word->asked);
}

/* ---------------------------------------------------------------- all */

static void say_all(struct sr_debug *d)
{
	say_file(d);
	if (d->image.lock_fd != -1)
		say_lockfile(d);
	sr_debug_header(d);
	say_lock(d, "commit lock", SR_LOCK_COMMIT, SR_BYTE_COMMIT);
	say_lock(d, "table lock", SR_LOCK_TABLE, SR_BYTE_TABLE);
	if (!d->has_geometry)
		return;
	sr_debug_lanes(d);
	sr_debug_queue(d);
	sr_debug_notes(d);
	sr_debug_discards(d);
}

static int read_header(struct sr_debug *d)
{
	if (!sr_image_read(&d->image, 0, &d->header, sizeof(d->header)))
		return sr_fail(SEGREG_E_CORRUPT, "%s is no region: it has %" PRId64 " bytes, and a header has %zu",
			       d->image.name, (int64_t)d->image.st.st_size, sizeof(d->header));
	d->has_geometry = sr_geometry_init(&d->geometry, d->header.max_segments, d->header.max_lanes);
	return 0;
}

int sr_debug(const char *dir, const struct segreg_debug_options *options, segreg_debug_fn *fn, void *arg)
{
	struct sr_debug *d = sr_sys_malloc(sizeof(*d));
	int rc;

	if (!d)
		return sr_fail(SEGREG_E_NOMEM, "no memory to look at shared memory");
	memset(d, 0, sizeof(*d));
	d->options = options;
	d->fn = fn;
	d->arg = arg;
	rc = options->region ? sr_image_open_file(&d->image, options->region) : sr_image_open(&d->image, dir);
	if (rc)
		goto out;
	d->rc = read_header(d);
	if (!d->rc && options->flags & (SEGREG_DEBUG_SLOT | SEGREG_DEBUG_ID))
		sr_debug_slots(d);
	else if (!d->rc)
		say_all(d);
	rc = d->rc;
	sr_image_close(&d->image);
out:
	free(d);
	return rc;
}
