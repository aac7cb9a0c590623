/*
 * segreg.h - share immutable segments between processes, delete each one exactly when nobody needs it.
 *
 * A segment is a directory or a regular file that is written once and later replaced. A registry is a
 * directory of its own that knows which segments are live and which are retired. A process opens the registry
 * and pins a segment while it reads it; whoever replaces segments registers the new ones and retires the old
 * ones; a sweeper (segregd, or any process that calls segreg_sweep) deletes a retired segment as soon as no
 * process pins it. A process that dies, however it dies, gives its pins back.
 *
 *      struct segreg *reg;
 *      struct segreg_pin pin;
 *
 *      segreg_open("/var/lib/engine/registry", NULL, &reg);
 *      if (segreg_pin(reg, 42, 0, &pin) == 0) {
 *              ... read segment 42; it cannot vanish ...
 *              segreg_unpin(reg, &pin);
 *      }
 *      segreg_close(reg, NULL);
 *
 * Results. Calls return 0 on success or one of the negative SEGREG_E_* codes; the few that return something
 * else say so. Out-parameters are untouched on failure. segreg_last_error() tells the whole story of the
 * calling thread's last failure: what was asked, what was found, what to do. The library never prints, never
 * logs and never ends its host process. Besides the errors that it lists, a call may return SEGREG_E_MISMATCH or
 * SEGREG_E_IO when the registry's files or base are moved, removed or replaced under it; and one that pins, unpins or holds
 * SEGREG_E_EVICTED after segreg_evict.
 *
 * Threads. A handle may be used by any number of threads at once, except that segreg_close must be the last
 * call on it. A struct segreg_edit belongs to one thread at a time. A segreg_open waits, up to its timeout_ms, for a thread that opens or
 * closes the same registry. It waits for no thread that is busy with another registry.
 *
 * Fork. A forked child may go on using its parent's handles: the first call on one attaches the child under its own
 * name. Pins, maps and edits are not inherited; the child's copies of them are refused with SEGREG_E_NOTPINNED or
 * SEGREG_E_INVAL. A child that never calls the library costs nothing, unless it was made by a bare clone(2), which
 * runs no fork handlers: such a one should exec or exit soon, since a lock that its parent dies with stays taken as
 * long as it lives. fork(2) waits for no call of another thread. A handle that another thread opens or closes at that moment does
 * not exist in the child.
 *
 * Signals. No call is async-signal-safe. Calls that wait go on waiting when a signal handler returns. A handler that interrupted
 * a call must not leave it by longjmp(3): the call's locks would stay taken as long as the process lives.
 *
 * Cancellation. No call is a cancellation point (pthread_cancel(3)), segreg_wait and segreg_sweep_wait included. A thread that
 * is cancelled inside a call ends the call, and is cancelled at its next cancellation point. Functions that a call calls back
 * run with cancellation disabled, and must not enable it. A thread with PTHREAD_CANCEL_ASYNCHRONOUS may lose what a call
 * returns: a handle that was opened stays open, a pin stays until its handle is closed.
 *
 * Callbacks. A call holds no lock while it calls a function back, which may take its time and may call the library. Only segreg_sweep
 * refuses other sweeps (SEGREG_E_BUSY) until it returns.
 *
 * Descriptors. A process may close every descriptor it has (closefrom, daemon(3)) between two calls: pins do
 * not hang on descriptors, and the library opens what it needs again. Two exceptions, told by SEGREG_E_IO and
 * in segreg(7): none while a call is running, and none at all where the registry lies on overlayfs.
 *
 * Options and results that are structs begin with their own size, so that they can grow: set size to
 * sizeof(the struct) and the rest to zero for the defaults (struct segreg_open_options o = { .size = sizeof o }).
 */
#ifndef SEGREG_H
#define SEGREG_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

#define SEGREG_VERSION_MAJOR 0
#define SEGREG_VERSION_MINOR 1
#define SEGREG_VERSION_PATCH 0

/*
 * Every error: name, value, one line. segreg_strerror() returns the line.
 */
#define SEGREG_ERRORS(X)                                                                                             \
	X(INVAL, -1, "invalid argument")                                                                             \
	X(NOENT, -2, "no such segment, path or registry")                                                            \
	X(EXISTS, -3, "the id or the path is taken")                                                                 \
	X(PATH, -4, "not a usable path below the base directory")                                                    \
	X(NOTPINNED, -5, "not pinned by this handle")                                                                \
	X(BUSY, -6, "in use")                                                                                        \
	X(CONFLICT, -7, "somebody else changed it first")                                               \
	X(FULL, -8, "a limit of this registry is reached")                                                           \
	X(NOMEM, -9, "out of memory or of shared memory")                                                            \
	X(NOSPC, -10, "no space left on the registry's disk")                                                        \
	X(PERM, -11, "permission denied")                                                                            \
	X(TIMEDOUT, -12, "waited too long")                                                                          \
	X(VERSION, -13, "made by another version of segreg or for another machine")                                  \
	X(CORRUPT, -14, "damaged")                                                                                   \
	X(MISMATCH, -15, "the registry's files do not belong together")                                              \
	X(REGION_LOST, -16, "the shared memory was removed while the registry is in use")                            \
	X(REOPEN, -17, "the outcome of a commit is unknown: open the registry again")                                \
	X(UNSUPPORTED, -18, "not possible on this file system or kernel")                                            \
	X(IO, -19, "system error")                                                                                   \
	X(EVICTED, -20, "an operator has taken away what this handle held")

enum segreg_error {
#define SEGREG_ERROR_ENUM(name, value, text) SEGREG_E_##name = (value),
	SEGREG_ERRORS(SEGREG_ERROR_ENUM)
#undef SEGREG_ERROR_ENUM
};

/* The line above for code, "success" for 0, "unknown error" for anything else. Never NULL. */
const char *segreg_strerror(int code);

/*
 * The text of the calling thread's last failed call, with the path, the system's error, the holder and the way
 * out; "" before the first failure. Valid until the thread's next failing call. A success does not clear it.
 */
const char *segreg_last_error(void);

/* The version of the library that runs, "0.1.0"; the macros above give the one compiled against. */
const char *segreg_version_string(void);

/* ------------------------------------------------------------------ life */

struct segreg; /* a handle: one attachment of this process to one registry */

#define SEGREG_CREATE (1u << 0) /* create the registry if it does not exist */
#define SEGREG_ADOPT (1u << 1)  /* accept restored or moved files as they are; see segreg_open */
#define SEGREG_TAKE_BASE (1u << 2) /* creation: take a base whose registry is gone; see segreg_open */

#define SEGREG_LABEL_SIZE 32             /* of a label, with its NUL */
#define SEGREG_PATH_MAX 500              /* bytes of a segment's path below base, without a NUL */
#define SEGREG_PATH_SIZE 4096            /* a buffer of this size holds any absolute path of a segment */
#define SEGREG_MAX_SEGMENTS 16777214u    /* the largest max_segments */
#define SEGREG_MAX_LANES 16384u          /* the largest max_lanes */

struct segreg_open_options {
	size_t size;           /* sizeof(struct segreg_open_options) */
	unsigned flags;        /* SEGREG_CREATE, SEGREG_ADOPT, SEGREG_TAKE_BASE */
	uint32_t timeout_ms;   /* longest wait for another process, in milliseconds; 0: 10,000 */
	const char *label;     /* shown by segctl why; NULL: the program's name; cut to SEGREG_LABEL_SIZE - 1 */
	const char *base;      /* creation: the directory below which all segments lie; NULL: the parent of dir. Adoption: the new one */
	uint32_t max_segments; /* creation: limit of segments at once; 0: 1,048,576 */
	uint32_t max_lanes;    /* creation: limit of handles at once, in all processes; 0: 1,024 */
};

/*
 * Open the registry in directory dir; *reg becomes the new handle.
 *
 * options may be NULL. With SEGREG_CREATE a missing dir (its last component) or an empty one becomes a new
 * registry; an existing registry is opened and base, max_segments and max_lanes are ignored. base must exist. It must
 * not serve another registry. It must not be or lie in a registry's directory, nor lie in another registry's base. An
 * adoption alone changes it. The library does not search below base for other registries' bases: it refuses them as
 * segments, and no sweep removes them. Limits cost memory only as they are used. A creation that fails removes what it
 * made, but for BASE/.segreg-lock.
 *
 * SEGREG_TAKE_BASE, with SEGREG_CREATE, also takes a base whose registry is gone for good, as one on tmpfs is after a
 * reboot. It is refused with BUSY while a process of that registry uses base. It is refused with EXISTS while a
 * registry of that identity is in the directory that base's marker names, or if the caller cannot see that. A registry
 * whose directory is unmounted, moved, or has another path in its container is not seen. It is refused when it comes
 * back. The new registry knows nothing of what lies in base, and deletes nothing of it. Without such a marker the flag
 * changes nothing.
 *
 * The first process to open rebuilds the shared memory from the durable state, so a reboot, a crash of
 * everything and an ordinary first start are one case. Waits at most timeout_ms while another process does so.
 *
 * Restored, swapped or moved files are refused with SEGREG_E_MISMATCH, since segments might be deleted on the
 * word of an old state. SEGREG_ADOPT says that an operator has looked and that the files are right as they stand. It
 * excludes SEGREG_CREATE, and needs the registry to itself (SEGREG_E_BUSY otherwise). It gives SEGREG_E_BUSY after
 * timeout_ms if processes use base that came by a registry.lock which was replaced or removed since. If base's lock was
 * removed too, /dev/shm and /proc/locks show such processes.
 *
 * A copy of a registry names the original's base. It is refused with SEGREG_E_MISMATCH, adopted or not, as long as the original
 * stands in the directory that base and registry.mdb name. If that directory has another path here (a container), the original
 * is not found. If the copy is adopted while the original is away, an original that comes back is refused.
 *
 * SEGREG_E_MISMATCH is also for a copy by hard links (cp -al): its registry.lock and registry.mdb are the original's by another
 * name. The original opens as ever. With SEGREG_ADOPT such files are refused in both directories.
 *
 * SEGREG_ADOPT with base moves the registry, or a copy of it, to that directory: each record gets the inode of what is at its path
 * there. A record without its segment matches nothing that comes to its path later. The original may be in use meanwhile.
 *
 * Safe from several threads. Errors: INVAL, NOENT (no registry, or no base), EXISTS (dir holds something else; base
 * serves another registry, or lies in a registry or another base), FULL (lanes), NOMEM, NOSPC, PERM, TIMEDOUT, VERSION, CORRUPT, MISMATCH, REGION_LOST, BUSY,
 * UNSUPPORTED (NFS, FUSE, Linux before 5.14), IO.
 */
int segreg_open(const char *dir, const struct segreg_open_options *options, struct segreg **reg);

/*
 * Close the handle. Pins that it still holds are released and counted into *released (NULL: not wanted). Maps of
 * segments stay mapped but no longer hold their segment. reg may be NULL. Always frees the handle. In a forked
 * child: frees the child's copy and touches nothing of the parent's. Errors: INVAL; TIMEDOUT and IO if the lane
 * could not be emptied, which the next sweep does then.
 */
int segreg_close(struct segreg *reg, uint64_t *released);

/* The absolute path of the base directory; valid until segreg_close. NULL if reg is not a handle. */
const char *segreg_base_path(const struct segreg *reg);

/* ------------------------------------------------------------------ segments */

/*
 * What a segment can be. BUILDING: reserved, its files are being written. LIVE: registered. PENDING: retired,
 * waiting until nobody holds it; still there for those who do. DELETING: being deleted, or failing to be; nobody
 * can hold it any more. All four are durable.
 */
enum segreg_state {
	SEGREG_BUILDING = 1,
	SEGREG_LIVE = 2,
	SEGREG_PENDING = 3,
	SEGREG_DELETING = 4,
};

/* "building", "live", "pending", "deleting"; "unknown" for anything else. */
const char *segreg_state_name(enum segreg_state state);

/*
 * Make id a live segment at path, a directory or a regular file below base, given relative to base ("2026/seg-7").
 * Any 64-bit id will do; an id may be used again once its segment is gone. The segment's own data should be
 * durable (fsync) before. Durable when it returns 0. A live id with the same path: 0, and nothing changes,
 * as long as what was registered stands there; else EXISTS, with both inodes. To replace what stood there under the same id and path,
 * segreg_force_remove the old segment, then register the new one.
 *
 * Errors: INVAL, NOENT (nothing at path), PATH (absolute, "..", a symlink on the way, another device or mount, neither
 * directory nor regular file, longer than SEGREG_PATH_MAX, segreg's own name, or a registry or another registry's base, or in one;
 * of a directory its top is looked at, and nothing deeper), EXISTS (id taken, or path equal
 * to, above or below that of another segment), FULL, NOMEM, NOSPC, PERM, TIMEDOUT, REOPEN, CORRUPT, IO.
 */
int segreg_register(struct segreg *reg, uint64_t id, const char *path);

/*
 * Reserve id and path for a segment that this handle is about to write. Nothing may be at path yet, and its parent
 * directory must exist. Durable when it returns 0, so do this before the first byte is written: from then on the
 * files cannot leak. Then write them, and publish with segreg_register or segreg_edit_add (same id, same path). A
 * reservation ends with its handle: when that is closed, its process dies or the host restarts before it was
 * published, the sweeper deletes whatever has been written, as it does after segreg_unreserve. A BUILDING segment
 * cannot be pinned, and makes no version.
 *
 * The path is the builder's alone from then on: the sweeper deletes WHATEVER stands at the path of a reservation that ended
 * unpublished, whoever put it there, since nobody can tell it from what the builder wrote. Reserve names that nobody else
 * uses. What exists already, such as a log that grows, cannot be reserved (EXISTS).
 *
 * Errors: those of segreg_register, EXISTS also if something is at path.
 */
int segreg_reserve(struct segreg *reg, uint64_t id, const char *path);

/* Give up a reservation of this handle. Durable when it returns 0. Errors: those of segreg_retire; NOENT also if it is not
 * BUILDING or another handle's. */
int segreg_unreserve(struct segreg *reg, uint64_t id);

/*
 * Retire id: it is deleted as soon as nobody holds it. Durable when it returns 0. Retired already: 0, and the
 * first retirement stands. Works on a full disk.
 *
 * Errors: INVAL, NOENT (unknown id), NOMEM, NOSPC, PERM, TIMEDOUT, REOPEN, CORRUPT, IO.
 */
int segreg_retire(struct segreg *reg, uint64_t id);

#define SEGREG_FORCE (1u << 0)

/*
 * Unregister id without deleting its files, which belong to the caller again. Durable when it returns 0.
 * A held, BUILDING or DELETING id needs SEGREG_FORCE; its holders may go on reading and unpin as usual. Without SEGREG_FORCE
 * nobody holds the segment when it returns 0, and nobody can any more; if somebody comes while it waits for the disk, it returns
 * BUSY and puts the record back, which makes a version that changes nothing.
 *
 * Errors: as segreg_retire, and BUSY (held, BUILDING or DELETING, and no SEGREG_FORCE; DELETING, and a sweep is at work. What is left
 * of one that was DELETING may lie in BASE/.segreg-trash: segreg_check tells.)
 */
int segreg_force_remove(struct segreg *reg, uint64_t id, unsigned flags);

/* ------------------------------------------------------------------ edits */

/*
 * An edit is a list of additions and retirements that happen together. After a crash or a power cut all of it is there
 * or nothing, and a snapshot holds all of it or nothing. Each committed edit that changes something makes the next
 * version.
 *
 * Calls about one segment (segreg_is_live, segreg_state, segreg_pin and others) need no snapshot. While another process
 * shows an edit, they see its segments change one after the other. Readers that need several segments of one version
 * take a snapshot.
 */
struct segreg_edit;

/*
 * Begin an edit; *edit becomes the new one. It takes no lock and keeps nobody waiting.
 * Errors: INVAL, NOMEM.
 */
int segreg_edit_begin(struct segreg *reg, struct segreg_edit **edit);

/* Add to the edit what segreg_register would do. The path is checked now. Errors: INVAL, NOENT, PATH, NOMEM, PERM, IO. */
int segreg_edit_add(struct segreg_edit *edit, uint64_t id, const char *path);

/* Add to the edit what segreg_retire would do. Errors: INVAL, NOMEM. */
int segreg_edit_retire(struct segreg_edit *edit, uint64_t id);

/* Commit only if no edit of anybody's comes between version and this one. Errors: INVAL. */
int segreg_edit_expect(struct segreg_edit *edit, uint64_t version);

/* Commit only if each segment that the edit retires is LIVE, so that two compactors cannot both retire one input:
 * CONFLICT if one is retired, NOENT if it is gone by now. Errors: INVAL. */
int segreg_edit_expect_live(struct segreg_edit *edit);

/* Before the commit, fsync what is added: its files, its directories, and the directory above. Errors: INVAL. */
int segreg_edit_sync(struct segreg_edit *edit);

#define SEGREG_TOKENS 4096 /* tokens remembered */

/*
 * Give the edit a token, 16 bytes that nobody else uses (random ones, say). If an edit with this token was
 * committed before, the commit changes nothing and returns what the first one returned: after a crash or
 * SEGREG_E_REOPEN an edit may be tried again without knowing how far it came (though segreg_edit_add still wants
 * its path to be there). The last SEGREG_TOKENS tokens of a registry are remembered, durably. Errors: INVAL.
 */
int segreg_edit_token(struct segreg_edit *edit, const unsigned char token[16]);

/*
 * Commit and free the edit, whatever the outcome. Additions and retirements take effect in their order. *version
 * (NULL: not wanted) becomes the version that the edit made, or the current one if it had nothing to change.
 * Durable when it returns 0; after an error nothing has changed, except after REOPEN, where the outcome is unknown
 * until the registry is opened again.
 *
 * Edits that come at the same time share the disk's time: who finds another handle committing hands its edit to the
 * next commit and sleeps until that is durable (lib/sr_group.c). If the process that has taken it over stops then, the
 * result after twice timeout_ms is REOPEN, and whether the edit is made is known as soon as any other edit has gone
 * through; the handle stays usable.
 *
 * Errors: those of segreg_register and segreg_retire, and CONFLICT (segreg_edit_expect, segreg_edit_expect_live).
 */
int segreg_edit_commit(struct segreg_edit *edit, uint64_t *version);

/* Free the edit and forget it. edit may be NULL. */
void segreg_edit_abort(struct segreg_edit *edit);

/* *version becomes the number of edits committed so far that changed something. Errors: INVAL. */
int segreg_version(struct segreg *reg, uint64_t *version);

/*
 * Sleep until there is a version greater than version, in whatever process it is made; returns at once if there is
 * one. *now (NULL: not wanted) becomes the current version. timeout_ms < 0 waits for good. Errors: INVAL, TIMEDOUT.
 * A thread that may be cancelled waits with a timeout, and calls pthread_testcancel(3) between two waits.
 */
int segreg_wait(struct segreg *reg, uint64_t version, int timeout_ms, uint64_t *now);

/* ------------------------------------------------------------------ pins */

/* A pin: this segment stays. Opaque; may be copied, but one pin is released once. Zeroed means no pin. */
struct segreg_pin {
	uint64_t id;
	uint64_t owner;
	uint32_t slot;
	uint32_t generation;
};

#define SEGREG_PIN_LIVE (1u << 0) /* refuse a segment that is retired already */

/*
 * Pin id; *pin becomes the pin. Takes a few nanoseconds, no lock and no system call when id is there and the handle has
 * memory for its count; then it waits for nobody, not for a sweeper that is stopped while it decides about id either. A PENDING
 * segment can be pinned as long as it is there (SEGREG_PIN_LIVE refuses it).
 *
 * A miss is looked up again under a lock that is held for work in memory only, for at most timeout_ms if its holder is stopped.
 * Right after a process was killed while it showed a committed edit, a miss also waits until that is repaired from the database.
 *
 * How it is safe: the count is raised first and the state read after it, while the sweeper writes the state first and
 * reads the counts second (Dekker's algorithm), so at least one of the two sees the other. A pin that finds a decision
 * under way takes it back. lib/sr_pin.c has the proof.
 *
 * Errors: INVAL, NOENT (unknown, deleting, or retired with SEGREG_PIN_LIVE), NOMEM (no shared memory for the
 * count), FULL (2^31 pins of one segment by one handle, or another thread is just releasing one that it does not
 * hold), TIMEDOUT, CORRUPT; and those of segreg_open in a forked child's first call.
 */
int segreg_pin(struct segreg *reg, uint64_t id, unsigned flags, struct segreg_pin *pin);

/*
 * Pin n segments, all or none: pins[i] becomes the pin of ids[i], or is zeroed or untouched on failure. In a large
 * registry it takes less than half the time of n single pins, since it asks for memory ahead.
 * Errors: those of segreg_pin, for the first that failed.
 */
int segreg_pin_many(struct segreg *reg, const uint64_t *ids, size_t n, unsigned flags, struct segreg_pin *pins);

/*
 * Release a pin and zero *pin. Never waits. Errors: INVAL, NOTPINNED (zeroed, another handle's, the parent's in a
 * forked child, or released already; nothing changes).
 *
 * A pin is released once, whatever copies of it exist. A handle only counts its pins of a segment. So the library finds
 * a second release only if the handle has no other pin of that segment; otherwise it takes away the other pin.
 */
int segreg_unpin(struct segreg *reg, struct segreg_pin *pin);

/*
 * Pin what another handle, of this process or another, has pinned: theirs is a copy of its pin, sent by whatever
 * means. *pin becomes this handle's own. As long as the other one keeps its pin until this call has returned, there
 * is no moment without one.
 * Errors: those of segreg_pin; NOENT if theirs is no longer the segment that it was.
 */
int segreg_pin_receive(struct segreg *reg, const struct segreg_pin *theirs, struct segreg_pin *pin);

/*
 * Write the absolute path of a pinned segment into buf, with its NUL; SEGREG_PATH_SIZE bytes are always enough.
 * Errors: INVAL (size too small), NOTPINNED, CORRUPT.
 */
int segreg_pin_path(struct segreg *reg, const struct segreg_pin *pin, char *buf, size_t size);

/*
 * Open a file inside a pinned segment for reading, or the segment itself if it is a file (file NULL); *fd becomes a
 * new descriptor (O_CLOEXEC), which the caller closes. file is relative to the segment and reached without any
 * symbolic link.
 * Errors: INVAL, NOTPINNED, NOENT, PATH, PERM, IO.
 */
int segreg_pin_open(struct segreg *reg, const struct segreg_pin *pin, const char *file, int *fd);

/* A file of a segment in memory, and the pin that keeps it there. */
struct segreg_map {
	const void *data; /* NULL if the file is empty */
	size_t length;    /* in bytes */
	struct segreg_pin pin;
};

/*
 * Pin id and map a file of it read-only (file as in segreg_pin_open; flags as in segreg_pin). segreg_unmap undoes both.
 * Errors: those of segreg_pin and segreg_pin_open; of segreg_unpin.
 */
int segreg_map(struct segreg *reg, uint64_t id, const char *file, unsigned flags, struct segreg_map *map);
int segreg_unmap(struct segreg *reg, struct segreg_map *map);

/* ------------------------------------------------------------------ snapshots */

/*
 * What a snapshot holds, however many segments that is, at the cost of one word:
 *
 * SEGREG_SNAPSHOT  every segment of its version: those born in it or before and not retired in it or before. Segments that come and go
 *                  while it is held are not its business.
 * SEGREG_HORIZON   every segment that is retired after its version, whenever it was born. For readers whose list of files is kept
 *                  elsewhere (an engine's manifest): take a horizon, read the list, and everything in it stays; then pin what
 *                  is needed, or trade the horizon for a snapshot.
 */
enum segreg_snapshot_kind {
	SEGREG_SNAPSHOT = 1,
	SEGREG_HORIZON = 2,
};

/* A snapshot that a handle holds. Opaque but for version; may be copied, but is released once. Zeroed means none. */
struct segreg_snapshot {
	uint64_t version;
	uint64_t owner;
	uint32_t cell;
	enum segreg_snapshot_kind kind;
};

/*
 * Hold the current version; *snapshot becomes the snapshot. Takes a few nanoseconds, no lock and no system call,
 * whatever the number of segments. Up to 2,048 per handle, from any threads. They end with their process as pins
 * do.
 *
 * Algorithm: publish the version, then look whether it is still current (lib/sr_snapshot.c has the proof).
 *
 * Errors: INVAL, NOMEM (no shared memory for it), FULL.
 */
int segreg_snapshot_take(struct segreg *reg, enum segreg_snapshot_kind kind, struct segreg_snapshot *snapshot);

/*
 * Let go and zero *snapshot. Errors: INVAL, NOTPINNED (zeroed, another handle's, the parent's in a forked child, or
 * released already; nothing changes).
 *
 * A snapshot is released once, whatever copies of it exist; segreg_snapshot_trade releases the one that it exchanges. A
 * handle keeps the version and the kind of each snapshot in a place that it uses again. So the library finds a second
 * release only if no other snapshot of that version and kind has the place; otherwise it ends the other snapshot.
 */
int segreg_snapshot_release(struct segreg *reg, struct segreg_snapshot *snapshot);

/* Make *snapshot one of that kind and of the current version, without a moment in which neither is held. On failure the old one
 * stays. Errors: those of segreg_snapshot_take, and NOTPINNED. */
int segreg_snapshot_trade(struct segreg *reg, enum segreg_snapshot_kind kind, struct segreg_snapshot *snapshot);

/*
 * Hold what another handle's snapshot holds: theirs is a copy of it, sent by whatever means; *snapshot becomes this
 * handle's own, of the same kind and version. The other one must keep its snapshot until this call has returned.
 * Errors: those of segreg_snapshot_take, and TIMEDOUT; NOTPINNED if theirs is not held (any more).
 */
int segreg_snapshot_receive(struct segreg *reg, const struct segreg_snapshot *theirs, struct segreg_snapshot *snapshot);

/* One segment of a snapshot. Set size and cursor before the first step: struct segreg_entry e = { .size = sizeof e }. */
struct segreg_entry {
	size_t size;     /* sizeof(struct segreg_entry) */
	uint64_t cursor; /* 0 before the first step; the library's from then on */
	uint64_t id;
	uint64_t born;
	int is_directory;
	char path[SEGREG_PATH_MAX + 1]; /* relative to base */
};

/*
 * Step to the next segment of a snapshot (not of a horizon), in no particular order: 1 with *entry filled, 0 at the
 * end, or an error. A walk sees exactly the segments of its version, each once, while others commit; it takes no
 * lock and allocates nothing. The segments can be pinned, opened and mapped as long as the snapshot is held.
 * Errors: INVAL, NOTPINNED.
 */
int segreg_snapshot_next(struct segreg *reg, const struct segreg_snapshot *snapshot, struct segreg_entry *entry);

/* ------------------------------------------------------------------ asking */

/* 1 if id is LIVE, 0 if it is anything else or unknown, or an error: INVAL, TIMEDOUT, CORRUPT. */
int segreg_is_live(struct segreg *reg, uint64_t id);

/* *state becomes id's state. Errors: INVAL, NOENT, TIMEDOUT, CORRUPT. */
int segreg_state(struct segreg *reg, uint64_t id, enum segreg_state *state);

/* *count becomes the number of pins on id, over all handles and processes, at some moment during the call.
 * Errors: as segreg_state. */
int segreg_refcount(struct segreg *reg, uint64_t id, uint64_t *count);

struct segreg_stats {
	size_t size;              /* sizeof(struct segreg_stats), set by the caller */
	uint64_t building;        /* segments in each state */
	uint64_t live;
	uint64_t pending;
	uint64_t deleting;
	uint64_t failed;          /* of deleting: those whose last attempt failed */
	uint64_t missing;         /* of live: those that the disk did not have when a sweep looked after the last start */
	uint64_t version;         /* as segreg_version */
	uint64_t lanes;           /* handles attached now, in all processes */
	uint64_t starts;          /* times that the shared memory was built */
	uint64_t deleted;         /* since the shared memory was built: segments deleted, */
	uint64_t bytes_freed;     /* disk space that this gave back, */
	uint64_t reclaimed;       /* handles of dead processes cleaned up, */
	uint64_t reclaimed_pins;  /* and pins that those had held */
	uint64_t repairs;         /* times that a process died inside a change and the next one repaired it */
	uint64_t max_segments;
	uint64_t max_lanes;
	uint64_t region_bytes;    /* shared memory in use */
	uint64_t commits;         /* since the shared memory was built: times that the database was made durable, */
	uint64_t commit_ns;       /* nanoseconds that this took in all, */
	uint64_t commit_ns_max;   /* and that it took at most */
	uint32_t schema;          /* of the database; a library refuses a higher one than its own with VERSION, and upgrades a lower one */
	uint32_t layout;          /* of the shared memory; another one is refused with VERSION while it is in use */
};

/* Fill *stats up to its size. Errors: INVAL, TIMEDOUT, CORRUPT. */
int segreg_stats(struct segreg *reg, struct segreg_stats *stats);

/*
 * Write "Registry: N live, N pending deletion, N total" into buf; pending deletion counts PENDING and DELETING.
 * Returns the length of the whole line as snprintf(3) does, or INVAL.
 */
int segreg_stats_format(const struct segreg_stats *stats, char *buf, size_t size);

/* One segment as seen by segreg_list. Made by the library; later versions may append members. Times are CLOCK_REALTIME
 * nanoseconds, 0 for never. */
struct segreg_info {
	uint64_t id;
	enum segreg_state state;
	int is_directory;
	int is_missing;       /* see struct segreg_stats */
	int error;            /* errno of the last failed deletion; ESTALE: the path, or the directory above it, is no longer what was
	                       * registered; ENOENT: the directory above is missing; EBUSY: a registry is inside */
	uint32_t attempts;    /* failed deletions so far */
	uint64_t pins;        /* over all handles */
	uint64_t born;        /* versions; retired is 0 while LIVE */
	uint64_t retired;
	int64_t registered_at; /* BUILDING: reserved */
	int64_t retired_at;
	int64_t held_since;   /* PENDING: when a sweep first found it held */
	int64_t retry_at;     /* failed: not tried again before; never further away than the back-off */
	const char *path;     /* relative to base; valid during the callback */
	int is_weakly_identified; /* the file system has neither file handles that last nor birth times: what takes its place under the
				   * same inode number is deleted instead */
};

/* Returns 0 to go on; anything else ends the walk and becomes its result. May call the library. */
typedef int segreg_list_fn(void *arg, const struct segreg_info *info);

/*
 * Call fn for each segment, in no particular order. A segment that exists during the whole walk is seen exactly
 * once; the walk takes a short lock per few segments and holds none during fn. segreg_list_retired calls it for those
 * that are PENDING or DELETING, and takes time for these only; segreg_list_one for id only.
 * Errors: INVAL, NOMEM, TIMEDOUT, CORRUPT; NOENT (segreg_list_one).
 */
int segreg_list(struct segreg *reg, segreg_list_fn *fn, void *arg);
int segreg_list_retired(struct segreg *reg, segreg_list_fn *fn, void *arg);
int segreg_list_one(struct segreg *reg, uint64_t id, segreg_list_fn *fn, void *arg);

/* One handle as seen by segreg_holders and segreg_lanes. Later versions may append members. */
struct segreg_holder {
	uint32_t lane;        /* its number: fixed while attached, then used again */
	uint32_t epoch;       /* grows each time the lane is used again */
	int64_t pid;          /* as its own PID namespace counts */
	int is_foreign;       /* that is another namespace than this process's, so pid means nothing here */
	uint32_t uid;
	uint64_t pins;        /* segreg_holders: on that segment; segreg_lanes: on all */
	int64_t attached_at;  /* CLOCK_REALTIME nanoseconds */
	const char *label;    /* valid during the callback */
	uint64_t snapshots;   /* as pins, those of kind SEGREG_SNAPSHOT: that hold that segment; all */
	uint64_t horizons;    /* and those of kind SEGREG_HORIZON */
	uint64_t oldest;      /* the oldest version among those; 0 if there are none */
	int is_evicted;       /* by segreg_evict: it holds nothing, and is still attached */
};

typedef int segreg_holder_fn(void *arg, const struct segreg_holder *holder);

/*
 * Call fn for each handle that pins or otherwise holds id; for each handle attached. The dead are listed until
 * somebody reclaims them.
 * Errors: INVAL, NOMEM, TIMEDOUT, CORRUPT; NOENT (segreg_holders).
 */
int segreg_holders(struct segreg *reg, uint64_t id, segreg_holder_fn *fn, void *arg);
int segreg_lanes(struct segreg *reg, segreg_holder_fn *fn, void *arg);

/* ------------------------------------------------------------------ care */

enum segreg_finding_kind {
	SEGREG_FOUND_MISSING = 1,    /* live or retired, but not on the disk */
	SEGREG_FOUND_REPLACED = 2,   /* live or retired, but something else stands at its path */
	SEGREG_FOUND_STRANGER = 3,   /* below base, and no segment's: the registry never deletes it */
	SEGREG_FOUND_DIFFERENCE = 4, /* shared memory says otherwise than the database */
	SEGREG_FOUND_LEFTOVER = 5,   /* shared memory of this registry that its processes do not use */
};

/* Later versions may append members. */
struct segreg_finding {
	enum segreg_finding_kind kind;
	uint64_t id;        /* 0 for a stranger and a left-over */
	const char *path;   /* relative to base, of a left-over absolute; valid during the callback, as is */
	const char *reason; /* one line for people */
};

/* Returns 0 to go on; anything else ends the check and becomes its result. May call the library. */
typedef int segreg_check_fn(void *arg, const struct segreg_finding *finding);

#define SEGREG_CHECK_REPAIR (1u << 0) /* bring shared memory to what the database says, if they differ */

/*
 * Compare the database with shared memory, each segment with the disk, and what lies below base with the segments; call fn for
 * each finding. Others go on meanwhile: what they change is not told as a fault. Keeps edits waiting while the records are
 * read. A directory that holds no segment is one stranger, whatever is in it. Shared memory that another build made is not looked at.
 *
 * Errors: INVAL, MISMATCH (base), NOMEM, PERM, TIMEDOUT, REOPEN, CORRUPT, IO.
 */
int segreg_check(struct segreg *reg, unsigned flags, segreg_check_fn *fn, void *arg);

/* ------------------------------------------------------------------ the journal */

#define SEGREG_LOG_MAX 65536u /* entries that the journal keeps */

enum segreg_log_kind {
	SEGREG_LOG_DELETED = 1,   /* a segment: its files are gone, and it is forgotten */
	SEGREG_LOG_FORGOTTEN = 2, /* by segreg_force_remove */
	SEGREG_LOG_RECLAIMED = 3, /* a dead process's handle was cleaned up */
	SEGREG_LOG_EVICTED = 4,   /* by segreg_evict */
	SEGREG_LOG_LOST = 5,      /* pins tells how many entries could not be kept, for a lack of space */
};

/* What is over. Later versions may append members. Times are CLOCK_REALTIME nanoseconds, pids as their own PID namespace counts. */
struct segreg_log_entry {
	enum segreg_log_kind kind;
	uint64_t number;       /* grows with each entry */
	int64_t at;
	uint64_t id;           /* DELETED, FORGOTTEN: the segment, */
	uint64_t born;         /* and as struct segreg_info has it */
	uint64_t retired;
	int64_t registered_at;
	int64_t retired_at;
	const char *path;      /* relative to base; valid during the callback, as all text is; "" if there is none */
	uint64_t bytes;        /* DELETED: freed */
	uint32_t lane;         /* RECLAIMED, EVICTED: the handle, and as struct segreg_holder has it */
	uint32_t uid;
	int64_t pid;
	int64_t attached_at;
	uint64_t pins;         /* that were taken away, */
	uint64_t snapshots;    /* and those, with horizons */
	const char *label;
	int64_t by_pid;        /* who did it */
	uint32_t by_uid;
	const char *by_label;
	const char *reason;    /* the evidence, one line for people */
};

/* Returns 0 to go on; anything else ends the walk and becomes its result. May call the library. */
typedef int segreg_log_fn(void *arg, const struct segreg_log_entry *entry);

/*
 * Call fn for each entry of the journal after that number (0: all), the oldest first. What exists now is not in the journal:
 * segreg_list tells of it. Durable as soon as the deletion is; of a handle that was taken away when a sweep ends,
 * or when segreg_evict or this call finds nobody committing. While the disk is full entries are lost, and counted. A crash at the wrong
 * moment may have a handle told of twice.
 * Errors: INVAL, NOMEM, PERM, TIMEDOUT, MISMATCH, REOPEN, CORRUPT, IO.
 */
int segreg_log(struct segreg *reg, uint64_t after, segreg_log_fn *fn, void *arg);

/* ------------------------------------------------------------------ sweeping */

enum segreg_sweep_action {
	SEGREG_SWEEP_DELETED = 1, /* gone; bytes were freed (a dry run: would be) */
	SEGREG_SWEEP_FAILED = 2,  /* not deleted because of error; tried again later */
	SEGREG_SWEEP_HELD = 3,    /* found held for the first time since it was retired */
	SEGREG_SWEEP_RECLAIMED = 4, /* a dead process's handle was cleaned up */
	SEGREG_SWEEP_MISSING = 5, /* a live segment is not on the disk */
};

/* What a sweep did. Later versions may append members. */
struct segreg_sweep_event {
	enum segreg_sweep_action action;
	uint64_t id;
	const char *path;    /* relative to base */
	uint64_t bytes;
	int error;           /* errno */
	int64_t retry_at;    /* FAILED: not tried again before; CLOCK_REALTIME nanoseconds */
	const char *reason;  /* one line for people */
	uint64_t pins;       /* HELD: on it; RECLAIMED: taken back */
	int64_t pid;         /* HELD: of a process that pins it; without pins, that holds it by a snapshot; else by a horizon.
	                      * RECLAIMED: of the dead process */
	const char *label;   /* of the handle of that process */
	uint64_t snapshots;  /* HELD: that hold it */
	int has_horizon;     /* HELD: a horizon holds it */
};

/* Returns 0 to go on; anything else ends the sweep after the deletion at hand. May call the library, except segreg_sweep
 * and segreg_close. */
typedef int segreg_sweep_fn(void *arg, const struct segreg_sweep_event *event);

/* A sweep calls this while it deletes or waits because of its pace: about once a second, and after each 1,000 files. Returns 0 to
 * go on. Anything else ends the sweep in the midst of a deletion, which the next sweep finishes. May call the same as
 * segreg_sweep_fn. */
typedef int segreg_sweep_stop_fn(void *arg);

#define SEGREG_SWEEP_DRY_RUN (1u << 0)   /* report what would be deleted, change nothing */
#define SEGREG_SWEEP_RETRY_NOW (1u << 1) /* try deletions that failed again now, whatever their back-off */

struct segreg_sweep_options {
	size_t size;          /* sizeof(struct segreg_sweep_options) */
	unsigned flags;
	uint32_t limit;       /* delete at most so many segments; 0: all */
	uint64_t grace_ms;    /* leave segments alone for so long after they were retired */
	uint64_t pace;        /* delete at most so many bytes per second; 0: no limit */
	segreg_sweep_fn *fn;  /* called for each event, without a lock; may be NULL */
	void *arg;
	uint64_t pace_files;  /* and at most so many files and directories per second; 0: no limit */
	segreg_sweep_stop_fn *stop; /* may be NULL */
};

struct segreg_sweep_result {
	size_t size;             /* sizeof(struct segreg_sweep_result), set by the caller */
	uint64_t deleted;        /* segments */
	uint64_t bytes_freed;    /* st_blocks * 512 of the inodes whose last link went; failed and stopped deletions' too */
	uint64_t bytes_linked;   /* the same of those that live on under another name */
	uint64_t held;           /* retired segments that stay because somebody holds them */
	uint64_t waiting;        /* retired segments that stay because of grace, limit, a stop or a back-off */
	uint64_t failed;         /* deletions that failed this time */
	uint64_t reclaimed;      /* handles of dead processes cleaned up */
	uint64_t reclaimed_pins; /* pins that those had held */
	int64_t next_at;         /* when the first of those that wait for a grace or a back-off may go, CLOCK_REALTIME nanoseconds;
	                          * 0 if none does */
};

/*
 * Delete every retired segment that nobody holds. One sweep at a time and registry. options and result may be NULL. A
 * deletion that fails is kept, reported and tried again by a later sweep, after 1 s, 2 s, 4 s, ... up to 5 minutes. Its errno, its
 * attempts and that time are durable. Back-off and grace go by CLOCK_REALTIME: a clock that is set back lengthens neither
 * beyond its length from then on, and a clock that is set ahead ends both.
 * Nothing is ever deleted outside base: no "..", no symlink, no other mount, nothing that took the place of what was
 * registered; and nothing at all while base does not carry this registry's marker.
 * What is moved out of BASE/.segreg-trash while it is being deleted is left alone from then on, but for up to 32 names. A
 * segment that contains a registry, or the base of one, stays where it is, if that lies in its first 24 levels and 4,096
 * directories; beyond, that directory alone is not removed. Where one entry cannot be removed, the deletion goes on with the
 * others; it ends at once where the disk is broken or read only (EIO, EROFS and the like). Files that are gone already count as
 * deleted only if the directory that they were registered in is there.
 *
 * Errors: INVAL, BUSY (another sweep is running), MISMATCH (base), REGION_LOST, NOMEM, NOSPC, PERM, TIMEDOUT,
 * REOPEN, CORRUPT, IO.
 */
int segreg_sweep(struct segreg *reg, const struct segreg_sweep_options *options, struct segreg_sweep_result *result);

/*
 * Take away all pins, maps and snapshots of a handle, of this process or another, for an operator who knows that its owner is stuck and
 * must not be ended. lane and epoch are as segreg_lanes tells them. *released (NULL: not wanted) becomes how many that were.
 *
 * From then on the handle's calls that pin, unpin, hold or ask about what is held fail with SEGREG_E_EVICTED, until it is closed and
 * the registry opened again; edits and reservations go on. What its process has open or mapped stays readable, as the kernel
 * keeps it; what it opens by path may be gone. Evicting again changes nothing.
 *
 * Errors: INVAL, NOENT (not attached any more), TIMEDOUT.
 */
int segreg_evict(struct segreg *reg, uint32_t lane, uint32_t epoch, uint64_t *released);

/*
 * Sleep until a sweep may have something to do: a segment was retired, the last pin of a retired segment went, or a
 * handle came or was closed. (The death of a process is not among these, but closes its files: watch registry.lock by
 * inotify(7) for IN_CLOSE_NOWRITE, or the pids of segreg_lanes.) *ticket
 * says what the caller has seen: start with 0, which returns at once, and take the value before the sweep that
 * looks. timeout_ms < 0 waits for good.
 * Returns 0 with a new *ticket, or TIMEDOUT, INVAL. segreg_sweep_wake makes all waiters return. pthread_cancel(3) does not.
 */
int segreg_sweep_wait(struct segreg *reg, uint32_t *ticket, int timeout_ms);
int segreg_sweep_wake(struct segreg *reg);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* SEGREG_H */
