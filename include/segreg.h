/*
 * segreg.h - share immutable segments between processes, delete each one exactly when nobody needs it.
 *
 * A segment is a directory or a regular file that is written once and later replaced. A registry is a directory of its
 * own that knows which segments are live and which are retired. A process opens the registry and pins a segment while
 * it reads it. A writer registers new segments, and retires the segments that they replace. A sweeper is segregd, or
 * any process that calls segreg_sweep. It deletes a retired segment as soon as no process holds it. A process that
 * dies, however it dies, gives its pins back.
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
 * Words. A handle is one attachment of a process to a registry. A handle holds a segment if it pins the segment, or has
 * a snapshot or a horizon that covers it. Base is the directory below which all segments of the registry lie.
 *
 * Results. A call returns 0 on success or a negative SEGREG_E_* code. The few calls that return something else say so.
 * A call that fails leaves its out-parameters as they were. segreg_last_error() returns the text of the calling
 * thread's last failure: what was asked, what was found, what to do. The library never prints, never logs and never
 * ends its host process.
 *
 * Errors. Each comment lists the codes of its call without SEGREG_E_. Three cases are not listed each time:
 *    MISMATCH, IO   the registry's files or base were moved, removed or replaced while the registry is open: any call
 *    EVICTED        segreg_evict took what this handle held: calls that pin, unpin, hold, or use what is held
 *    (segreg_open)  a forked child's first call on an inherited handle
 *
 * Threads. Any number of threads may use one handle at once, but segreg_close must be the last call on it. One thread
 * at a time may use a struct segreg_edit. segreg_open waits, for at most its timeout_ms, while another thread opens or
 * closes the same registry. It does not wait for a thread that is busy with another registry.
 *
 * Fork. A forked child may use its parent's handles. The child's first call on a handle attaches the child under its
 * own process id. Pins, snapshots, maps, reservations and edits stay the parent's. Calls on the child's copies of them
 * fail with SEGREG_E_NOTPINNED or SEGREG_E_INVAL. A child that never calls the library costs nothing, unless a bare
 * clone(2) made it, which runs no fork handlers. If the parent of such a child dies while it holds a lock, the lock
 * stays taken until the child ends. So such a child should exec or exit soon. fork(2) waits for no call of another
 * thread. A handle that another thread opens or closes at that moment does not exist in the child. The child keeps
 * copies of what another thread's call had open, such as registry.mdb or directories of a sweep, and its memory. They
 * hold no lock, and execve(2) closes them. LMDB 0.9.24 opens registry.mdb without O_CLOEXEC: if the fork comes in the
 * midst of that, this one descriptor outlives execve(2).
 *
 * Signals. No call is async-signal-safe, except segreg_wait_off. A call that waits goes on waiting when a signal
 * handler returns, unless the handler called segreg_wait_off. A handler that interrupted a call must not leave it by
 * longjmp(3): the call's locks would stay taken until the process ends.
 *
 * Cancellation. No call is a cancellation point (pthread_cancel(3)), segreg_wait and segreg_sweep_wait included. A
 * thread that is cancelled inside a call ends the call, and is cancelled at its next cancellation point. The library
 * calls the caller's functions with cancellation disabled, and they must not enable it. A thread with
 * PTHREAD_CANCEL_ASYNCHRONOUS may lose what a call returns: a handle that was opened stays open, a pin stays until its
 * handle is closed.
 *
 * Callbacks. A call holds no lock while it calls a function of the caller. That function may take its time, and may
 * call the library. Only segreg_sweep keeps other sweeps out (SEGREG_E_BUSY) until it returns.
 *
 * Descriptors. Between two calls a process may close every descriptor that it has (closefrom, daemon(3)). Pins do not
 * depend on descriptors, and the library opens again what it needs. There are two exceptions, which segreg(7) explains.
 * While a call runs, no thread may close a descriptor of the library; the call can fail with SEGREG_E_IO. If the
 * registry lies on overlayfs, the process must never close one.
 *
 * Structs. Options and results that are structs begin with their own size, so that they can grow. Set size to
 * sizeof(the struct), and every other member of options to zero for its default. Macros do so, in C and in C++:
 *      struct segreg_open_options o = SEGREG_OPEN_OPTIONS_INIT;
 * An assignment has the type before the macro:
 *      o = (struct segreg_open_options)SEGREG_OPEN_OPTIONS_INIT;
 * SEGREG_PIN_INIT, SEGREG_MAP_INIT and SEGREG_SNAPSHOT_INIT are zeros.
 *
 * C++. This header is for C++11 and later too; segreg.hpp has classes for C++17. The caller's functions must not throw.
 * An exception would skip the end of the call, and a sweep would keep other sweeps out for good. segreg.hpp carries
 * exceptions past the call. Some functions have the name of a struct, and hide it in C++. There write struct segreg_pin
 * for the type.
 */
#ifndef SEGREG_H
#define SEGREG_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
/* What the macros SEGREG_..._INIT are in C++. */
extern "C++" {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
template <typename T> constexpr T segreg_init_sized() noexcept
{
	return T{ sizeof(T) };
}
template <typename T> constexpr T segreg_init_zeroed() noexcept
{
	return T();
}
#pragma GCC diagnostic pop
}
#define SEGREG_INIT_SIZED(type) segreg_init_sized<type>()
#define SEGREG_INIT_ZEROED(type) segreg_init_zeroed<type>()

extern "C" {
#else
#define SEGREG_INIT_SIZED(type)                                                                                        \
	{                                                                                                              \
		.size = sizeof(type)                                                                                   \
	}
#define SEGREG_INIT_ZEROED(type)                                                                                       \
	{                                                                                                              \
		0                                                                                                      \
	}
#endif
#pragma GCC visibility push(default)
#pragma GCC diagnostic push
#if defined(__cplusplus) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wshadow" /* of g++, about a function that has the name of a struct */
#endif

#define SEGREG_VERSION_MAJOR 0
#define SEGREG_VERSION_MINOR 1
#define SEGREG_VERSION_PATCH 0

/*
 * X(name, value, text) for each error. SEGREG_E_name is the code, and segreg_strerror() returns the text.
 */
#define SEGREG_ERRORS(X)                                                                                               \
	X(INVAL, -1, "invalid argument")                                                                               \
	X(NOENT, -2, "no such segment, path or registry")                                                              \
	X(EXISTS, -3, "the id or the path is taken")                                                                   \
	X(PATH, -4, "not a usable path below the base directory")                                                      \
	X(NOTPINNED, -5, "not pinned by this handle")                                                                  \
	X(BUSY, -6, "in use")                                                                                          \
	X(CONFLICT, -7, "somebody else changed it first")                                                              \
	X(FULL, -8, "a limit of this registry is reached")                                                             \
	X(NOMEM, -9, "out of memory or of shared memory")                                                              \
	X(NOSPC, -10, "no space left on the registry's disk")                                                          \
	X(PERM, -11, "permission denied")                                                                              \
	X(TIMEDOUT, -12, "waited too long")                                                                            \
	X(VERSION, -13, "made by another version of segreg or for another machine")                                    \
	X(CORRUPT, -14, "damaged")                                                                                     \
	X(MISMATCH, -15, "the registry's files do not belong together")                                                \
	X(REGION_LOST, -16, "the shared memory was removed while the registry is in use")                              \
	X(REOPEN, -17, "the outcome of a commit is unknown: open the registry again")                                  \
	X(UNSUPPORTED, -18, "not possible on this file system or kernel")                                              \
	X(IO, -19, "system error")                                                                                     \
	X(EVICTED, -20, "an operator has taken away what this handle held")                                            \
	X(NOFILE, -21, "the segment is there, but the file in it is not")                                              \
	X(CALLED_OFF, -22, "the wait was called off")

enum segreg_error {
#define SEGREG_ERROR_ENUM(name, value, text) SEGREG_E_##name = (value),
	SEGREG_ERRORS(SEGREG_ERROR_ENUM)
#undef SEGREG_ERROR_ENUM
};

/* The text above for code, "success" for 0, "unknown error" for anything else. Never NULL. */
const char *segreg_strerror(int code);

/*
 * The text of the calling thread's last failed call. It names the path, the system's error, the process in the way and
 * the way out. It is "" before the first failure. It stays valid until the thread's next failing call; a success does
 * not clear it.
 */
const char *segreg_last_error(void);

/* The version of the library that runs, such as "0.1.0". The macros SEGREG_VERSION_* are the version of this header. */
const char *segreg_version_string(void);

/* ------------------------------------------------------------------ life */

struct segreg; /* a handle: one attachment of this process to one registry */

/* Flags of segreg_open. */
#define SEGREG_CREATE (1u << 0)    /* create the registry if it does not exist */
#define SEGREG_ADOPT (1u << 1)     /* accept restored or moved files as they are */
#define SEGREG_TAKE_BASE (1u << 2) /* with SEGREG_CREATE: take a base whose registry is gone */

#define SEGREG_LABEL_SIZE 32          /* bytes of the longest label, with its NUL */
#define SEGREG_PATH_MAX 500           /* bytes of the longest path of a segment, relative to base, without a NUL */
#define SEGREG_USER_SIZE 64           /* the most bytes of its own that a caller gives a segment */
#define SEGREG_PATH_SIZE 4096         /* a buffer of this many bytes holds any absolute path of a segment */
#define SEGREG_MAX_SEGMENTS 16777214u /* the largest max_segments */
#define SEGREG_MAX_LANES 16384u       /* the largest max_lanes */

struct segreg_open_options {
	size_t size;           /* sizeof(struct segreg_open_options) */
	unsigned flags;        /* SEGREG_CREATE, SEGREG_ADOPT, SEGREG_TAKE_BASE */
	uint32_t timeout_ms;   /* longest wait of each call for another process, in milliseconds; 0: 10,000 */
	const char *label;     /* name of the handle, shown by segctl why; NULL: the program's name. Cut to
				* SEGREG_LABEL_SIZE - 1 bytes */
	const char *base;      /* creation: the directory below which all segments lie; NULL: the parent of dir.
				* Adoption: the new base; NULL: the old base stays */
	uint32_t max_segments; /* creation: how many segments may exist at once; 0: 1,048,576 */
	uint32_t max_lanes;    /* creation: how many handles may be open at once, in all processes; 0: 1,024 */
};
#define SEGREG_OPEN_OPTIONS_INIT SEGREG_INIT_SIZED(struct segreg_open_options)

/*
 * Open the registry in directory dir; *reg becomes the new handle. options may be NULL.
 *
 * The first process to open rebuilds the shared memory from the durable state. So a reboot, a crash of all processes
 * and an ordinary first start are one case. The call waits at most timeout_ms while another process builds.
 *
 * SEGREG_CREATE makes a new registry of a dir that is empty, or whose last component is missing. If dir is a registry,
 * the call opens it and ignores base, max_segments and max_lanes. Base must exist. It must not serve another registry.
 * It must not be a registry's directory, nor lie in a registry's directory or in another registry's base. Only an
 * adoption changes it. The library does not search below base for the bases of other registries: it refuses them as
 * segments, and no sweep removes them. Limits cost memory only as they are used. A creation that fails removes what it
 * made, except BASE/.segreg-lock.
 *
 * SEGREG_TAKE_BASE, with SEGREG_CREATE, also takes a base whose registry is gone for good. A registry on tmpfs is gone
 * after a reboot, for example. The call fails with BUSY while a process of the old registry uses base. It fails with
 * EXISTS while a registry of the old identity is in the directory that base's marker names. It also fails with EXISTS
 * if the caller cannot see that directory. The call does not find an old registry whose directory is unmounted, was
 * moved, or has another path in its container. If that registry comes back, the library refuses to open it. The new
 * registry knows nothing of what lies in base, and deletes nothing of it. If base has no marker of another registry,
 * the flag changes nothing.
 *
 * Restored, swapped or moved files are refused with MISMATCH, because an old state could have segments deleted.
 * SEGREG_ADOPT says that an operator has looked, and that the files are right as they are. It excludes SEGREG_CREATE,
 * and needs the registry to itself: the call fails with BUSY if a process has it open. If registry.lock was replaced or
 * removed, processes that opened the old file may still use base: the call then fails with BUSY after timeout_ms. If
 * base's lock was removed too, /dev/shm and /proc/locks show such processes.
 *
 * A copy of a registry names the original's base. While the original is in the directory that base and registry.mdb
 * name, the copy is refused with MISMATCH, with SEGREG_ADOPT or without. The call does not find an original that has
 * another path here, as in a container. If the copy is adopted while the original is away, an original that comes back
 * is refused.
 *
 * A copy by hard links (cp -al) is refused with MISMATCH: its registry.lock and registry.mdb are the original's by
 * another name. The original opens as before. With SEGREG_ADOPT such files are refused in both directories.
 *
 * SEGREG_ADOPT with base moves the registry, or a copy of it, to that directory. Each record gets the inode of what is
 * at its path there. A record whose segment is missing there matches nothing that comes to its path later. A record
 * whose path leads to a registry, or to another registry's base, matches nothing: segreg_check reports it, and its
 * deletion fails. Other processes may use the original meanwhile. For the new base the rules of SEGREG_CREATE hold. The
 * old base loses its marker, unless it is an original's.
 *
 * Safe from several threads.
 *
 * Errors: INVAL, NOMEM, NOSPC, PERM, TIMEDOUT, VERSION, CORRUPT, IO. Besides:
 *    NOENT        dir is no registry, or base is missing
 *    EXISTS       dir holds something else; or base serves another registry, or lies in a registry or another base
 *    FULL         living processes have all max_lanes handles
 *    MISMATCH     the files do not belong together, as explained above; or base does not carry this registry's marker
 *    REGION_LOST  other processes use shared memory that this process does not find in /dev/shm
 *    BUSY         SEGREG_ADOPT or a creation, and other processes use the registry or base
 *    UNSUPPORTED  dir is on NFS, FUSE or the like, or the kernel is older than Linux 5.14
 *    REOPEN       the disk failed while the start was committed: open the registry again
 */
int segreg_open(const char *dir, const struct segreg_open_options *options, struct segreg **reg);

/*
 * Close the handle and release what it still holds. *released (NULL: not wanted) becomes the number of pins that it
 * held. Reservations that were not published are given up. Maps of segments stay mapped but no longer hold their
 * segment. reg may be NULL. The call always frees the handle. In a forked child that has not used the handle, it frees
 * the child's copy and touches nothing of the parent's.
 *
 * What was held ends for good. A later call with this handle and a pin, snapshot, map or edit of it fails with INVAL
 * and changes nothing. That holds also after the process has opened a registry again.
 *
 * Errors: INVAL; TIMEDOUT and IO if the call could not empty the handle's lane. The next sweep empties it then.
 */
int segreg_close(struct segreg *reg, uint64_t *released);

/* The absolute path of the base directory, valid until segreg_close; NULL if reg is not a handle. */
const char *segreg_base_path(const struct segreg *reg);

/* ------------------------------------------------------------------ segments */

/* The state of a segment. All four are durable. */
enum segreg_state {
	SEGREG_BUILDING = 1, /* reserved: a builder writes its files */
	SEGREG_LIVE = 2,     /* registered */
	SEGREG_PENDING = 3,  /* retired, and waits until nobody holds it; can still be pinned */
	SEGREG_DELETING = 4, /* a sweep deletes it, or has tried and failed; cannot be pinned any more */
};

/* "building", "live", "pending", "deleting"; "unknown" for anything else. */
const char *segreg_state_name(enum segreg_state state);

/*
 * As the id of an addition or a reservation: the registry chooses the id. It chooses from 2^63 on, gives no id twice,
 * and skips ids that callers have chosen. segreg_find returns the id. A segment that is at path already keeps its id.
 * So a registration may be tried again, and a reservation of this handle is published.
 */
#define SEGREG_ID_NEXT UINT64_MAX

/*
 * Make id a live segment at path. path is relative to base, such as "2026/seg-7", and names a directory or a regular
 * file. Any 64-bit id will do, and SEGREG_ID_NEXT lets the registry choose. An id may be used again once its segment is
 * gone. The caller makes the segment's own data durable (fsync) before. The registration is durable when the call
 * returns 0.
 *
 * If id is live at the same path already, and what was registered is still there, the call changes nothing and returns
 * 0. If that segment has bytes of its own (segreg_edit_set_user), it fails with EXISTS, because it cannot give these.
 * If something else is there now, it fails with EXISTS, and the text names both inodes. To replace a segment under the
 * same id and path, unregister the old one with segreg_force_remove, then register the new one.
 *
 * Errors: INVAL, NOMEM, NOSPC, PERM, TIMEDOUT, REOPEN, CORRUPT, IO. Besides:
 *    NOENT   nothing is at path
 *    PATH    path is empty, absolute or longer than SEGREG_PATH_MAX; or has an empty component, "." or ".."; or begins
 *            with .segreg; or passes a symlink, or leads to another device or mount; or has a component that is too
 *            long for its file system; or names neither a directory nor a regular file; or is a registry or another
 *            registry's base, or lies in one. Of a directory the call inspects the top only.
 *    EXISTS  id is taken, or another process reserved it; or path is that of another segment, or above or below it
 *    FULL    max_segments segments exist
 */
int segreg_register(struct segreg *reg, uint64_t id, const char *path);

/*
 * Reserve id and path for a segment that this handle is about to write. Nothing may be at path yet, and its parent
 * directory must exist. The reservation is durable when the call returns 0. Reserve before the first byte is written:
 * from then on the files cannot leak. Then write them, and publish them with segreg_register or segreg_edit_add under
 * the same id and path, through this handle or another handle of this process. A forked child cannot publish them.
 *
 * A reservation that is not published ends when its handle is closed, its process dies or the host restarts. The
 * sweeper then deletes whatever has been written, as it does after segreg_unreserve. A BUILDING segment cannot be
 * pinned, and makes no version.
 *
 * The path belongs to the builder alone. The sweeper cannot tell what the builder wrote from anything else. So it
 * deletes WHATEVER file or directory is at the path of a reservation that ended unpublished, no matter which program
 * put it there. This holds also if the directory above was replaced. What is no file or directory stays, such as a
 * symlink. The deletion then fails with ESTALE until that is removed.
 * Reserve names that no other program uses. A builder that writes x.tmp and renames it to x reserves both names before
 * the first byte, under two ids. After the rename it publishes x, and gives up x.tmp. A path at which something exists
 * already, such as a log that grows, cannot be reserved (EXISTS).
 *
 * Errors: those of segreg_register. NOENT: the parent directory of path is missing. EXISTS also: something is at path.
 */
int segreg_reserve(struct segreg *reg, uint64_t id, const char *path);

/*
 * Give up a reservation of this process. Durable when it returns 0.
 *
 * Errors: INVAL, NOMEM, NOSPC, PERM, TIMEDOUT, REOPEN, CORRUPT, IO. NOENT: id is unknown, not BUILDING, or reserved by
 * another process.
 */
int segreg_unreserve(struct segreg *reg, uint64_t id);

/*
 * Retire id: a sweep deletes it as soon as nobody holds it. Durable when it returns 0. If id is retired already, the
 * call changes nothing and returns 0. It works on a full disk, within the limits that segreg(7) names under Durability.
 *
 * Errors: INVAL, NOMEM, NOSPC, PERM, TIMEDOUT, REOPEN, CORRUPT, IO. NOENT: id is unknown or BUILDING.
 */
int segreg_retire(struct segreg *reg, uint64_t id);

/*
 * Retire the segment at path, as segreg_retire does. path is relative to base, or absolute below it; empty components
 * and "." in it are left out. Errors: those of segreg_retire. NOENT: no segment has that path, or it is BUILDING. PATH:
 * path is not below base.
 */
int segreg_retire_path(struct segreg *reg, const char *path);

/*
 * Discard n files or directories: a sweep deletes each of them as soon as no process needs it that came before. No id
 * is needed, and nothing need be registered before. Readers take a horizon, and then read which files there are.
 * Durable when it returns 0. All paths are discarded in one commit, or none.
 *
 * paths are relative to base, or absolute below it; empty components and "." are left out. For each path:
 *    - The path is no segment: the edit adds what is there as a segment and retires it. So each horizon that is older
 *      holds it. Its id is of the registry's choice (SEGREG_ID_NEXT).
 *    - The path is a segment: the edit retires it. A segment that is retired already stays as it is.
 *    - Something else has taken the place of the segment at that path: the registry forgets that segment, as
 *      segreg_force_remove does, and discards what is there now. While a sweep still deletes that segment's files in
 * the trash, the call fails with EXISTS; a relaxed discard is void then, and must be repeated later.
 *    - Nothing is there: the call retires the segment of that path, if it is live, and else changes nothing.
 *
 * Before a program makes a file whose name it may have used before, it calls segreg_vacate.
 *
 * SEGREG_DISCARD_RELAXED is for programs that list their directory when they start, and discard again what they find
 * there. The call returns as soon as the discards are in shared memory, without waiting for the disk. The next edit of
 * any process makes them durable, or the next sweep, also a sweep that is deleting. The call wakes segreg_sweep_wait.
 * So a segregd that runs comes at once, at most 250 ms later. If max_segments leaves no room for some discards, these
 * wait until there is room; segreg_stats shows how many, since when and why. A horizon from before the call holds the
 * file, whenever the discard becomes durable. A horizon of a later version does not. A call with n = 0 and without the
 * flag makes durable what earlier calls left, and segreg_close tries that. Until then segreg_find does not find a
 * segment at the path. If the host crashes before, or all processes of the registry die, the files stay as if they had
 * not been discarded. Nothing else is lost. A later edit of the same process comes after the discard. If something else
 * is at a path by then, or another process has registered a segment there meanwhile, that discard is void. So is a
 * discard that would have failed with EXISTS. The call waits for the disk all the same if a path is longer than 221
 * bytes, or if 1,024 discards wait. It also does so where the file system has neither file handles nor birth times.
 *
 * Errors: INVAL, NOMEM, NOSPC, PERM, TIMEDOUT, REOPEN, CORRUPT, IO. Besides:
 *    PATH    as for segreg_register; or path is not below base
 *    EXISTS  a path lies above or below a segment, or is reserved; or something took the place of a segment that is
 *            still being deleted
 *    FULL    max_segments segments exist
 */
#define SEGREG_DISCARD_RELAXED (1u << 0) /* flag of segreg_discard */

int segreg_discard(struct segreg *reg, const char *const *paths, size_t n, unsigned flags);

/*
 * Take what was discarded out of the way of a new file at path. Many programs use names again, at least after a crash.
 * Without this call such a program would write into the very file that a sweep is about to delete. So it calls
 * segreg_vacate before it opens a file for writing with O_CREAT, before it renames a file to path, and before mkdir(2).
 * path is as for segreg_discard.
 *
 * If nothing is at path and no directory of the registry is retired, the call returns 0 after one system call. If
 * something is there, it makes durable what calls with SEGREG_DISCARD_RELAXED left. If a retired segment has that path,
 * the registry forgets it, no matter which process holds it. Its file is unlinked, so processes that have the file open
 * or mapped keep it. A process that opens it by its name later gets the new file, also by a pin of the old segment
 * (segreg_pin_open). A directory stays, and belongs to the caller again. If no segment has that path, what is there is
 * the caller's, and stays.
 *
 * A sweep deletes a retired directory with all that is in it, also what came later. So the call fails with EXISTS if a
 * directory above path is retired or was discarded, and the text names that directory. Vacate the directory before
 * anything is made in it again. A directory that the program made anew under that name is no obstacle.
 *
 * Errors: INVAL, NOMEM, NOSPC, PERM, TIMEDOUT, REOPEN, CORRUPT, IO. PATH: as for segreg_discard. EXISTS: a segment is
 * there that is live or reserved; or see above. BUSY: a sweep is about to delete the segment, and has not come to it in
 * timeout_ms. FULL: there are max_segments segments, so the discards that wait could not be made durable.
 */
int segreg_vacate(struct segreg *reg, const char *path);

/* Flags of segreg_force_remove. */
#define SEGREG_FORCE (1u << 0)
#define SEGREG_DESPITE_HORIZONS (1u << 1) /* although horizons hold it: the caller keeps its files for them */

/*
 * Unregister id and leave its files, which belong to the caller again. Durable when it returns 0. An id that is held,
 * BUILDING or DELETING needs SEGREG_FORCE. Its holders may then go on reading, and unpin as usual.
 *
 * Without SEGREG_FORCE, nobody holds the segment when the call returns 0, and nobody can hold it any more. If a process
 * pins it while the call waits for the disk, the call puts the record back and fails with BUSY. That makes a version
 * that changes nothing.
 *
 * SEGREG_DESPITE_HORIZONS unregisters a segment that horizons or floors of leases hold, but none that is pinned, in a
 * snapshot or listed in a lease. It is for a caller that discards the directory in which the files lie: the same
 * horizons and leases hold that directory then.
 *
 * Errors: INVAL, NOMEM, NOSPC, PERM, TIMEDOUT, REOPEN, CORRUPT, IO. Besides:
 *    NOENT  id is unknown
 *    BUSY   id is held, BUILDING or DELETING, and SEGREG_FORCE was not given; or id is DELETING, and a sweep is running
 * The remains of a segment that was DELETING may lie in BASE/.segreg-trash, where segreg_check reports them.
 */
int segreg_force_remove(struct segreg *reg, uint64_t id, unsigned flags);

/* ------------------------------------------------------------------ edits */

/*
 * An edit is a list of additions and retirements that happen together. After a crash or a power cut all of it is there
 * or nothing. A snapshot holds all of it or nothing. Each committed edit that changes something makes the next version.
 *
 * Calls about one segment (segreg_is_live, segreg_state, segreg_pin and others) use no snapshot. While another process
 * shows an edit, they see its segments change one after the other. Readers that need several segments of one version
 * take a snapshot.
 */
struct segreg_edit;

/*
 * Begin an edit; *edit becomes the new edit. It takes no lock and keeps nobody waiting before its commit. Commit or
 * abort it before the handle is closed. Errors: INVAL, NOMEM.
 */
int segreg_edit_begin(struct segreg *reg, struct segreg_edit **edit);

/*
 * Append to the edit what segreg_register would do. The call checks path at once; the commit checks id. Errors: INVAL,
 * NOENT, PATH, NOMEM, PERM, IO.
 */
int segreg_edit_add(struct segreg_edit *edit, uint64_t id, const char *path);

/*
 * Give the segment of the edit's last addition n bytes of the caller's own, at most SEGREG_USER_SIZE. They say what the
 * caller must know before it opens the segment, such as a level, a range of keys or a checksum. They are
 * committed with the addition. A walk over a snapshot, segreg_list and the journal show them. segreg does not look at
 * them. They never change: for other bytes, the segment has to be registered anew. n = 0 takes back what an earlier
 * call set.
 *
 * An addition of a segment that is live already changes nothing if the bytes are the same, and fails with EXISTS if
 * they are not.
 *
 * Errors: INVAL (also: the edit has no addition, or n is too large).
 */
int segreg_edit_set_user(struct segreg_edit *edit, const void *bytes, size_t n);

/* Append to the edit what segreg_retire would do. Errors: INVAL, NOMEM. */
int segreg_edit_retire(struct segreg_edit *edit, uint64_t id);

/*
 * Append to the edit what segreg_retire_path would do, or what segreg_discard would do with one path.
 * segreg_edit_discard looks at once which file or directory it is. Errors: INVAL, PATH, NOMEM; segreg_edit_discard also
 * PERM, IO.
 */
int segreg_edit_retire_path(struct segreg_edit *edit, const char *path);
int segreg_edit_discard(struct segreg_edit *edit, const char *path);

/*
 * Let the commit succeed only if the registry is still at version then; otherwise the commit fails with CONFLICT.
 * Errors: INVAL.
 */
int segreg_edit_expect(struct segreg_edit *edit, uint64_t version);

/*
 * Let the commit succeed only if each segment that the edit retires is LIVE. So two compactors cannot both retire one
 * input. The commit fails with CONFLICT if such a segment is retired, and with NOENT if it is gone. That holds for
 * discards of the edit too. What a discard finds at its path may also be no segment yet. NOENT then means that nothing
 * is there. Errors: INVAL.
 */
int segreg_edit_expect_live(struct segreg_edit *edit);

/*
 * Let the commit begin with an fsync of each added segment: its files, its directories, and the directory above it.
 * Errors: INVAL.
 */
int segreg_edit_sync(struct segreg_edit *edit);

#define SEGREG_TOKENS 4096 /* tokens that a registry remembers */

/*
 * Give the edit a token: 16 bytes that no other edit uses, such as random bytes. If an edit with this token was
 * committed before, the commit changes nothing, checks no expectation, and returns what the first commit returned. So
 * after a crash or SEGREG_E_REOPEN an edit may be tried again without knowing how far it came. (segreg_edit_add still
 * needs something at its path.) The registry remembers its last SEGREG_TOKENS tokens durably.
 *
 * If the edit that was committed before had other contents, the commit fails with CONFLICT. Contents are the additions,
 * with id, path and the caller's own bytes, and the retirements, in any order. Expectations and segreg_edit_sync are
 * none. The registry compares digests of 64 bits: this finds mistakes, and guards against no malice. It accepts a token
 * that an earlier version of segreg (schema 1 or 2) remembered whatever the contents. Errors: INVAL.
 */
int segreg_edit_token(struct segreg_edit *edit, const unsigned char token[16]);

/*
 * Commit the edit, and free it whatever the outcome. Additions and retirements take effect in their order. *version
 * (NULL: not wanted) becomes the version that the edit made, or the current version if the edit changed nothing. The
 * edit is durable when the call returns 0. After an error nothing has changed. REOPEN is the exception: the outcome is
 * then unknown until the registry is opened again.
 *
 * Edits that come at the same time share one wait for the disk. A handle that finds another handle committing hands its
 * edit to the next commit, and sleeps until that commit is durable (lib/edit/sr_group.c). If the process that took the
 * edit over is then stopped, this call fails with REOPEN after twice timeout_ms. In that case the handle stays usable,
 * and the outcome is known as soon as any other edit has been committed.
 *
 * Errors: those of segreg_register and segreg_retire. CONFLICT: see segreg_edit_expect, segreg_edit_expect_live and
 * segreg_edit_token.
 */
int segreg_edit_commit(struct segreg_edit *edit, uint64_t *version);

/* Free the edit without committing it. edit may be NULL. */
void segreg_edit_abort(struct segreg_edit *edit);

/* *version becomes the current version: the number of edits so far that changed something. Errors: INVAL. */
int segreg_version(struct segreg *reg, uint64_t *version);

/*
 * Sleep until the current version is greater than version, no matter which process makes it. Returns at once if it is
 * greater already. *now (NULL: not wanted) becomes the current version. timeout_ms < 0 waits without a limit. A thread
 * that may be cancelled waits with a timeout, and calls pthread_testcancel(3) between two waits. See segreg_watch for
 * event loops, and segreg_wait_off to end waits. Errors: INVAL, TIMEDOUT, CALLED_OFF.
 */
int segreg_wait(struct segreg *reg, uint64_t version, int timeout_ms, uint64_t *now);

/* ------------------------------------------------------------------ pins */

/*
 * A pin: as long as it is held, its segment stays. Opaque. It may be copied, but is released once. Zeroed, it is no
 * pin.
 */
struct segreg_pin {
	uint64_t id;
	uint64_t owner;
	uint32_t slot;
	uint32_t generation;
};
#define SEGREG_PIN_INIT SEGREG_INIT_ZEROED(struct segreg_pin)

/* Flag of segreg_pin, segreg_pin_many and segreg_map. */
#define SEGREG_PIN_LIVE (1u << 0) /* refuse a segment that is retired already */

/*
 * Pin id; *pin becomes the pin. A PENDING segment can be pinned; SEGREG_PIN_LIVE refuses it.
 *
 * If id is registered and the handle has memory for its count, the call takes a few nanoseconds, no lock and no system
 * call. It then waits for no other process, not even for a sweeper that is stopped while it decides about id.
 *
 * If the call does not find id at once, it looks again under a lock. Processes hold that lock for work in memory only.
 * If its holder is stopped, the call waits at most timeout_ms. After a process was killed while it showed a committed
 * edit, the call repairs the shared memory from the database, or waits for that repair.
 *
 * How it is safe: a pin raises the count first and reads the state after it. The sweeper writes the state first and
 * reads the counts after it (Dekker's algorithm). So at least one of the two sees the other. A pin that finds a
 * decision under way takes the decision back. lib/hold/sr_pin.c has the proof.
 *
 * Errors: INVAL, TIMEDOUT, CORRUPT, PERM, IO. Besides:
 *    NOENT  id is unknown, BUILDING or DELETING; or it is retired, and SEGREG_PIN_LIVE was given
 *    NOMEM  there is no shared memory for the count
 *    FULL   this handle has 2^31 pins of id, or another thread is just releasing a pin that it does not hold
 */
int segreg_pin(struct segreg *reg, uint64_t id, unsigned flags, struct segreg_pin *pin);

/*
 * Pin n segments, all or none: pins[i] becomes the pin of ids[i]. On failure the call releases the pins that it has
 * taken; each pins[i] is then zeroed or untouched. In a large registry the call takes less than half the time of n
 * single pins, because it fetches memory ahead. Errors: those of segreg_pin, for the first id that failed.
 */
int segreg_pin_many(struct segreg *reg, const uint64_t *ids, size_t n, unsigned flags, struct segreg_pin *pins);

/*
 * Release a pin and zero *pin. Never waits.
 *
 * A pin is released once, however many copies of it exist. A handle only counts its pins of a segment. If the handle
 * has no other pin of that segment, a second release fails with NOTPINNED. If it has, the second release takes away the
 * other pin.
 *
 * Errors: INVAL. NOTPINNED: the pin is zeroed, another handle's, the parent's in a forked child, or released already;
 * nothing changes.
 */
int segreg_unpin(struct segreg *reg, struct segreg_pin *pin);

/*
 * Release n pins of this handle and zero each. Skips pins that are zeroed already. Never waits. It wakes the sweepers
 * once, after the last pin, if one of the segments is retired. In a large registry the call takes less time than n
 * single calls, because it fetches memory ahead.
 *
 * If the handle does not hold some of the pins, the call leaves those as they are and releases the others. It then
 * fails as segreg_unpin would for the first pin that is not held.
 *
 * Errors: those of segreg_unpin.
 */
int segreg_unpin_many(struct segreg *reg, struct segreg_pin *pins, size_t n);

/*
 * Pin for reg the segment that another handle, of this process or another, has pinned. theirs is a copy of the other
 * handle's pin, sent by any means. *pin becomes a pin of reg. If the other handle keeps its pin until this call has
 * returned, the segment is pinned throughout.
 *
 * Errors: those of segreg_pin. NOENT also: the id of theirs now names another segment.
 */
int segreg_pin_receive(struct segreg *reg, const struct segreg_pin *theirs, struct segreg_pin *pin);

/*
 * Write the absolute path of a pinned segment, with its NUL, into buf of size bytes. SEGREG_PATH_SIZE bytes are always
 * enough. Errors: INVAL (also: size is too small), NOTPINNED, CORRUPT.
 */
int segreg_pin_path(struct segreg *reg, const struct segreg_pin *pin, char *buf, size_t size);

/*
 * Open a file of a pinned segment for reading. file is relative to the segment; NULL opens the segment itself, if it is
 * a regular file. *fd becomes a new descriptor (O_CLOEXEC), which the caller closes. The call follows no symbolic link,
 * and file cannot lead out of the segment. A descriptor does not pin the segment.
 *
 * Errors: INVAL, NOTPINNED, PERM, IO, NOMEM, CORRUPT. PATH: file leads out of the segment or passes a symbolic link.
 * NOFILE: there is no such file. A segment is immutable, so another try finds none either.
 */
int segreg_pin_open(struct segreg *reg, const struct segreg_pin *pin, const char *file, int *fd);

/* A file of a segment in memory, and the pin that keeps it there. */
struct segreg_map {
	const void *data; /* NULL if the file is empty */
	size_t length;    /* in bytes */
	struct segreg_pin pin;
};
#define SEGREG_MAP_INIT SEGREG_INIT_ZEROED(struct segreg_map)

/*
 * segreg_map pins id and maps one file of it read-only. flags are as in segreg_pin, file is as in segreg_pin_open.
 * segreg_unmap releases the pin, unmaps the file and zeroes *map. If it fails, the file stays mapped.
 *
 * Errors: segreg_map: those of segreg_pin and segreg_pin_open; PATH also: the file is not regular. NOENT means that
 * there is no such segment any more, and NOFILE that it has no such file. segreg_unmap: those of segreg_unpin.
 */
int segreg_map(struct segreg *reg, uint64_t id, const char *file, unsigned flags, struct segreg_map *map);
int segreg_unmap(struct segreg *reg, struct segreg_map *map);

/* ------------------------------------------------------------------ snapshots */

/* What a snapshot holds. Either kind costs one word of memory, whatever the number of segments. */
enum segreg_snapshot_kind {
	/* Every segment of the snapshot's version: born in it or before, and not retired in it or before. Segments that
	 * come and go while the snapshot is held are not held by it. */
	SEGREG_SNAPSHOT = 1,
	/* Every segment that is retired after the version, no matter when it was born. It is for readers that keep
	 * their list of files elsewhere (an engine's manifest). Such a reader takes a horizon and reads the list. Then
	 * every segment of the list stays. The reader soon pins what it needs, or trades the horizon for a snapshot:
	 * a horizon keeps all that is retired after it. */
	SEGREG_HORIZON = 2,
};

/*
 * A snapshot that a handle holds. Opaque, except version. It may be copied, but is released once. Zeroed, it is no
 * snapshot.
 */
struct segreg_snapshot {
	uint64_t version;
	uint64_t owner;
	uint32_t cell;
	enum segreg_snapshot_kind kind;
};
#define SEGREG_SNAPSHOT_INIT SEGREG_INIT_ZEROED(struct segreg_snapshot)

/*
 * Hold the current version; *snapshot becomes the snapshot. Takes a few nanoseconds, no lock and no system call,
 * whatever the number of segments. The first snapshots of a handle take longer, because the call gets memory from the
 * kernel. A handle holds up to 2,048 snapshots and horizons together, from any of its threads. They end with their
 * process as pins do.
 *
 * How it is safe: the call publishes the version, then reads again whether it is current. lib/hold/sr_snapshot.c has
 * the proof.
 *
 * Errors: INVAL. NOMEM: there is no shared memory for it. FULL: this handle holds 2,048.
 */
int segreg_snapshot_take(struct segreg *reg, enum segreg_snapshot_kind kind, struct segreg_snapshot *snapshot);

/*
 * Release a snapshot and zero *snapshot. Never waits.
 *
 * A snapshot is released once, however many copies of it exist; segreg_snapshot_trade releases the snapshot that it
 * exchanges. A handle keeps each snapshot's version and kind in a cell, and uses cells again. If the cell now holds
 * another snapshot of that version and kind, a second release ends the other snapshot. Otherwise it fails with
 * NOTPINNED.
 *
 * Errors: INVAL. NOTPINNED: the snapshot is zeroed, another handle's, the parent's in a forked child, or released
 * already; nothing changes.
 */
int segreg_snapshot_release(struct segreg *reg, struct segreg_snapshot *snapshot);

/*
 * Exchange *snapshot for a snapshot of the given kind and the current version. At every moment one of the two is held.
 * On failure the old snapshot stays. Errors: those of segreg_snapshot_take and segreg_snapshot_release.
 */
int segreg_snapshot_trade(struct segreg *reg, enum segreg_snapshot_kind kind, struct segreg_snapshot *snapshot);

/*
 * Hold for reg what a snapshot of another handle, of this process or another, holds. theirs is a copy of that snapshot,
 * sent by any means. *snapshot becomes a snapshot of reg, of the same kind and version. The other handle must keep its
 * snapshot until this call has returned.
 *
 * Errors: those of segreg_snapshot_take. TIMEDOUT: another process kept a lock too long. NOTPINNED: the other handle
 * does not hold theirs, or holds it no longer.
 */
int segreg_snapshot_receive(struct segreg *reg, const struct segreg_snapshot *theirs, struct segreg_snapshot *snapshot);

/*
 * One segment of a snapshot. Before the first step set size to sizeof(struct segreg_entry), and cursor to 0, as
 * SEGREG_ENTRY_INIT does.
 */
struct segreg_entry {
	size_t size;     /* sizeof(struct segreg_entry) */
	uint64_t cursor; /* where the walk is; set it to 0 before the first step, and leave it alone from then on */
	uint64_t id;
	uint64_t born;                        /* the version that registered the segment */
	int is_directory;                     /* 0: a regular file */
	char path[SEGREG_PATH_MAX + 1];       /* relative to base */
	size_t user_size;                     /* bytes that segreg_edit_set_user gave the segment; 0: none */
	unsigned char user[SEGREG_USER_SIZE]; /* these bytes, and zeroes behind them */
};
#define SEGREG_ENTRY_INIT SEGREG_INIT_SIZED(struct segreg_entry)

/*
 * Step to the next segment of a snapshot, in no particular order. Returns 1 with *entry filled, 0 at the end, or an
 * error. A walk sees exactly the segments of the snapshot's version, each once, while other processes commit. It takes
 * no lock and allocates nothing. The segments can be pinned, opened and mapped as long as the snapshot is held.
 *
 * Errors: INVAL (also: the snapshot is a horizon), NOTPINNED.
 */
int segreg_snapshot_next(struct segreg *reg, const struct segreg_snapshot *snapshot, struct segreg_entry *entry);

/* The order of segreg_snapshot_list. */
enum segreg_order {
	SEGREG_BY_ID = 1,
	SEGREG_BY_PATH = 2, /* byte by byte, as strcmp(3) compares: "a-b" comes before "a/c" */
};

/*
 * Called for each segment of a snapshot, without a lock. The library makes *entry, which is valid during the callback;
 * later versions may append members. Returns 0 to continue. Any other value ends the list and becomes its result. May
 * call the library.
 */
typedef int segreg_snapshot_fn(void *arg, const struct segreg_entry *entry);

/*
 * Call fn for each segment of a snapshot, in the given order. The list is exactly the segments of the snapshot's
 * version, each once, while other processes commit. It takes no lock. If the snapshot is released or evicted before the
 * last segment, the call fails.
 *
 * The call sorts before it first calls fn. It allocates up to 48 bytes for each segment. SEGREG_BY_PATH also allocates
 * up to twice the length of all paths. Among 1,000,000 segments a list by id takes about 0.1 seconds, and a list by
 * path about a second.
 *
 * Errors: INVAL (also: the snapshot is a horizon), NOMEM, NOTPINNED.
 */
int segreg_snapshot_list(struct segreg *reg, const struct segreg_snapshot *snapshot, enum segreg_order order,
			 segreg_snapshot_fn *fn, void *arg);

/*
 * Fill *entry with segment id of a snapshot. Set entry->size to sizeof(struct segreg_entry) before; the call leaves
 * cursor alone. A segment that the call finds at once takes no lock. Otherwise it looks again under a lock, as
 * segreg_pin does.
 *
 * Errors: INVAL (also: the snapshot is a horizon), NOTPINNED, TIMEDOUT, CORRUPT, PERM, IO. NOENT: the snapshot's
 * version has no segment id. It was registered later or retired before, or unregistered by force.
 */
int segreg_snapshot_find(struct segreg *reg, const struct segreg_snapshot *snapshot, uint64_t id,
			 struct segreg_entry *entry);

/* ------------------------------------------------------------------ leases */

/*
 * A retention lease holds segments in a name instead of a process. It is for a backup that goes on after a reboot, and
 * for readers on other hosts. A lease is durable, and ends only when it is dropped. The death of all processes, a
 * restart and a power cut leave it as it is. Each sweep respects it. A sweep that cannot read the leases deletes
 * nothing.
 *
 * A lease holds every segment that is retired after the version `floor`, as a horizon does, and each segment that it
 * lists. A listed segment is named by id and by the version that registered it (born), because an id may be used again.
 *
 * Nothing ends a lease that was forgotten. segctl lease ls shows for each how old it is and what it keeps.
 */
#define SEGREG_LEASE_NAME_MAX 63             /* bytes of the longest name, without a NUL */
#define SEGREG_LEASES_MAX 1024u              /* leases that a registry may have */
#define SEGREG_LEASE_ITEMS_MAX 10000u        /* segments that a lease may list */
#define SEGREG_LEASE_NOW UINT64_MAX          /* as floor: the current version, so that all that is live now is held */
#define SEGREG_LEASE_LISTED (UINT64_MAX - 1) /* as floor: hold nothing but the listed segments */

/* A segment that a lease lists. */
struct segreg_lease_item {
	uint64_t id;
	uint64_t born; /* as in struct segreg_info; 0 for segreg_lease_put: the segment that has the id now */
};

/*
 * Put a lease: from now on, name holds what floor and the n items say. If there is a lease of that name, floor and
 * items replace its own, together. At no moment is a segment released that both the old and the new lease hold. Durable
 * when it returns 0. If the lease is there already, with the same floor and items, the call changes nothing. The call
 * makes no version.
 *
 * A lease holds what is LIVE or PENDING when it is put. A lower floor than before does not bring back what is gone, and
 * does not stop the deletion of what is DELETING. name has 1 to SEGREG_LEASE_NAME_MAX letters, digits or characters of
 * "._:@+-".
 *
 * While a lease holds a segment, segreg_force_remove without SEGREG_FORCE fails with BUSY, and segreg_vacate with
 * EXISTS.
 *
 * Errors: NOMEM, NOSPC, PERM, TIMEDOUT, REOPEN, CORRUPT, IO. Besides:
 *    INVAL  also: floor is beyond the current version; or n is beyond SEGREG_LEASE_ITEMS_MAX
 *    NOENT  an item has born 0, and its id is unknown, BUILDING or DELETING
 *    FULL   SEGREG_LEASES_MAX leases exist; or discards wait (SEGREG_DISCARD_RELAXED), and max_segments segments exist
 */
int segreg_lease_put(struct segreg *reg, const char *name, uint64_t floor, const struct segreg_lease_item *items,
		     size_t n);

/*
 * Drop a lease: a sweep deletes what it alone held. Durable when it returns 0. It works on a full disk.
 *
 * Errors: INVAL, NOMEM, NOSPC, PERM, TIMEDOUT, REOPEN, CORRUPT, IO. NOENT: there is no lease of that name.
 */
int segreg_lease_drop(struct segreg *reg, const char *name);

/*
 * One lease as segreg_lease_list shows it. The library makes it; later versions may append members. Times are
 * nanoseconds of CLOCK_REALTIME.
 */
struct segreg_lease {
	const char *name;                      /* valid during the callback */
	uint64_t floor;                        /* a version, or SEGREG_LEASE_LISTED */
	const struct segreg_lease_item *items; /* ascending by id, then by born; valid during the callback */
	size_t n;                              /* number of items */
	int64_t put_at;                        /* when the name was first put */
	int64_t changed_at;                    /* when floor or items were last changed */
	int64_t by_pid;                        /* the process that changed them last, as its own PID namespace counts */
	uint32_t by_uid;                       /* effective user of that process */
	const char *by_label;                  /* label of that process's handle; valid during the callback */
};

/*
 * Called for each lease, without a lock. Returns 0 to continue. Any other value ends the list and becomes its result.
 * May call the library.
 */
typedef int segreg_lease_fn(void *arg, const struct segreg_lease *lease);

/*
 * Call fn for each lease, in the order of names, byte by byte. The call reads each lease from the database, so it may
 * wait for another process's commit. A lease that exists throughout is shown exactly once.
 *
 * Errors: INVAL, NOMEM, PERM, TIMEDOUT, REOPEN, CORRUPT, IO.
 */
int segreg_lease_list(struct segreg *reg, segreg_lease_fn *fn, void *arg);

/*
 * Whether a lease holds a segment; the arguments are members of its struct segreg_info. Returns 1 if it does, or if it
 * will hold a segment that is not retired yet (retired is 0). Otherwise returns 0. No lease holds a segment that is
 * BUILDING or DELETING. Safe anywhere.
 */
int segreg_lease_holds(const struct segreg_lease *lease, uint64_t id, uint64_t born, uint64_t retired);

/* ------------------------------------------------------------------ asking */

/* Returns 1 if id is LIVE, 0 if it is in another state or unknown, or an error: INVAL, TIMEDOUT, CORRUPT. */
int segreg_is_live(struct segreg *reg, uint64_t id);

/* *state becomes id's state. Errors: INVAL, NOENT, TIMEDOUT, CORRUPT. */
int segreg_state(struct segreg *reg, uint64_t id, enum segreg_state *state);

/*
 * Find the segment at path: *id and *state (NULL: not wanted) become its id and state. path is as for segreg_discard.
 * The call asks the database, so it may wait for another process's commit.
 *
 * Errors: INVAL, NOMEM, PERM, TIMEDOUT, REOPEN, CORRUPT, IO. NOENT: no segment has that path. PATH: path is not below
 * base.
 */
int segreg_find(struct segreg *reg, const char *path, uint64_t *id, enum segreg_state *state);

/*
 * Whether what is at path was discarded or retired. Returns 1 if a sweep deletes it when it can, 2 if it lies in a
 * directory which a sweep deletes, or else 0. Discards with SEGREG_DISCARD_RELAXED count at once. A new file in the
 * place of a discarded file is not discarded. path is as for segreg_discard. While anything is retired, the call asks
 * the database, as segreg_find does.
 *
 * Errors: INVAL, NOMEM, PERM, TIMEDOUT, REOPEN, CORRUPT, IO. PATH: as for segreg_discard.
 */
int segreg_is_discarded(struct segreg *reg, const char *path);

/*
 * *count becomes the number of pins of id in all handles of all processes, at some moment during the call. Snapshots do
 * not count. Errors: INVAL, NOENT, TIMEDOUT, CORRUPT.
 */
int segreg_refcount(struct segreg *reg, uint64_t id, uint64_t *count);

/*
 * Figures of a registry. The library fills all members but size. Those that count "since the build" begin at 0 when the
 * shared memory is built.
 */
struct segreg_stats {
	size_t size;             /* sizeof(struct segreg_stats), set by the caller */
	uint64_t building;       /* segments that are BUILDING now */
	uint64_t live;           /* segments that are LIVE now */
	uint64_t pending;        /* segments that are PENDING now */
	uint64_t deleting;       /* segments that are DELETING now */
	uint64_t failed;         /* DELETING segments whose last deletion failed */
	uint64_t missing;        /* LIVE segments that were not on the disk; a sweep looks once after the build */
	uint64_t version;        /* the current version, as from segreg_version */
	uint64_t lanes;          /* handles attached now, in all processes; also those of the dead until reclaimed */
	uint64_t starts;         /* times that the shared memory was built, since the registry was made */
	uint64_t deleted;        /* segments deleted since the build */
	uint64_t bytes_freed;    /* bytes of disk space that deletions gave back since the build */
	uint64_t reclaimed;      /* handles of dead processes that were cleaned up since the build */
	uint64_t reclaimed_pins; /* pins that those handles had held */
	uint64_t repairs;        /* times since the build that a process died inside a change and another repaired */
	uint64_t max_segments;   /* the limit of segments at once */
	uint64_t max_lanes;      /* the limit of handles at once */
	uint64_t region_bytes;   /* bytes of shared memory in use */
	uint64_t commits;        /* times since the build that the database was made durable */
	uint64_t commit_ns;      /* nanoseconds that those commits took in all */
	uint64_t commit_ns_max;  /* nanoseconds that the longest of those commits took */
	uint32_t schema;         /* schema of the database. A library refuses a higher schema than its own with
				  * VERSION, and upgrades a lower one */
	uint32_t layout;         /* layout of the shared memory. A library refuses another layout with VERSION while
				  * the memory is in use */
	uint64_t discards;       /* discards that wait in shared memory (SEGREG_DISCARD_RELAXED) */
	int64_t discards_since;  /* since when some discards could not be made durable, in nanoseconds of
				  * CLOCK_REALTIME; 0: all of them could */
	int32_t discards_error;  /* SEGREG_E_*: why, at the last try; 0: all of them could */
};
#define SEGREG_STATS_INIT SEGREG_INIT_SIZED(struct segreg_stats)

/* Fill *stats up to stats->size bytes. Errors: INVAL (also: size is not set), TIMEDOUT, CORRUPT. */
int segreg_stats(struct segreg *reg, struct segreg_stats *stats);

/*
 * Write "Registry: N live, N pending deletion, N total" into buf of size bytes. Pending deletion counts PENDING and
 * DELETING segments; total is the sum of both numbers. Returns the length of the whole line as snprintf(3) does, or
 * INVAL.
 */
int segreg_stats_format(const struct segreg_stats *stats, char *buf, size_t size);

/*
 * One segment as segreg_list shows it. The library makes it; later versions may append members. Times are nanoseconds
 * of CLOCK_REALTIME, 0 for never.
 */
struct segreg_info {
	uint64_t id;
	enum segreg_state state;
	int is_directory;      /* 0: a regular file */
	int is_missing;        /* LIVE, but a sweep did not find it on the disk */
	int error;             /* errno of the last failed deletion; 0: none failed. ESTALE: what is at the path, or the
				* directory above, is not what was registered. ENOENT: the directory above is missing.
				* EBUSY: a registry, or the base of one, is inside */
	uint32_t attempts;     /* failed deletions so far */
	uint64_t pins;         /* pins of it, in all handles */
	uint64_t born;         /* the version that registered it; 0 while BUILDING */
	uint64_t retired;      /* the version that retired it; 0: none has */
	int64_t registered_at; /* when it was registered; while BUILDING, when it was reserved */
	int64_t retired_at;    /* when it was retired */
	int64_t held_since;    /* PENDING: when a sweep first found it held, since the shared memory was built */
	int64_t retry_at;      /* after a failed deletion: no sweep tries again before, without SEGREG_SWEEP_RETRY_NOW.
				* Never further away than the back-off */
	const char *path;      /* relative to base; valid during the callback */
	int is_weakly_identified; /* its file system has neither file handles that last nor birth times. A sweep deletes
				   * whatever is at the path under the same inode number */
	int is_abandoned;    /* BUILDING: the handle that reserved it is closed, or its process is dead. The next sweep
			      * deletes what is at the path */
	int64_t builder_pid; /* BUILDING: the process that reserved it, as its own PID namespace counts; 0: not known,
			      * because that handle was closed or cleaned up */
	int is_builder_foreign; /* that namespace is not this process's, so builder_pid means nothing here */
	size_t user_size;       /* bytes that segreg_edit_set_user gave it; 0: none, or still BUILDING */
	unsigned char user[SEGREG_USER_SIZE]; /* these bytes, and zeroes behind them */
};

/*
 * Called for each segment, without a lock. Returns 0 to continue. Any other value ends the walk and becomes its result.
 * May call the library.
 */
typedef int segreg_list_fn(void *arg, const struct segreg_info *info);

/*
 * Call fn for each segment, in no particular order. segreg_list_retired calls fn only for segments that a sweep deletes
 * when it can: those that are PENDING or DELETING, and abandoned reservations. It takes time for these only.
 * segreg_list_one calls fn for id only. segreg_list_many calls fn for n ids, in their order, and leaves out unknown
 * ones. So a program that sorts ids needs no copy of what it lists. A walk shows a segment that exists throughout
 * exactly once. It takes a short lock for every few segments. Its memory does not grow with their number, except that
 * segreg_list_retired takes four bytes for each retired segment.
 *
 * Errors: INVAL, NOMEM, TIMEDOUT, CORRUPT. NOENT: segreg_list_one, and id is unknown.
 */
int segreg_list(struct segreg *reg, segreg_list_fn *fn, void *arg);
int segreg_list_retired(struct segreg *reg, segreg_list_fn *fn, void *arg);
int segreg_list_many(struct segreg *reg, const uint64_t *ids, size_t n, segreg_list_fn *fn, void *arg);
int segreg_list_one(struct segreg *reg, uint64_t id, segreg_list_fn *fn, void *arg);

/* One handle as segreg_holders and segreg_lanes show it. The library makes it; later versions may append members. */
struct segreg_holder {
	uint32_t lane;       /* number of the handle's lane: fixed while attached, then used again */
	uint32_t epoch;      /* grows each time the lane is used again */
	int64_t pid;         /* process of the handle, as its own PID namespace counts */
	int is_foreign;      /* that namespace is not this process's, so pid means nothing here */
	uint32_t uid;        /* effective user of the process that opened the handle */
	uint64_t pins;       /* pins in this handle; segreg_holders: those of the segment */
	int64_t attached_at; /* when the handle was attached, in nanoseconds of CLOCK_REALTIME */
	const char *label;   /* see struct segreg_open_options; valid during the callback */
	uint64_t snapshots;  /* snapshots in this handle; segreg_holders: those that hold the segment */
	uint64_t horizons;   /* horizons in this handle; segreg_holders: those that hold the segment */
	uint64_t oldest;     /* the oldest version among those snapshots and horizons; 0 if there are none */
	int is_evicted;      /* segreg_evict has taken what it held, or died while taking it. It is still attached */
};

/*
 * Called for each handle, without a lock. Returns 0 to continue. Any other value ends the walk and becomes its result.
 * May call the library.
 */
typedef int segreg_holder_fn(void *arg, const struct segreg_holder *holder);

/*
 * segreg_holders calls fn for each handle that holds id, by a pin, snapshot or horizon. segreg_lanes calls fn for each
 * attached handle. Handles of dead processes are shown until a sweep reclaims them.
 *
 * Errors: INVAL, NOMEM, TIMEDOUT, CORRUPT. NOENT: segreg_holders, and id is unknown.
 */
int segreg_holders(struct segreg *reg, uint64_t id, segreg_holder_fn *fn, void *arg);
int segreg_lanes(struct segreg *reg, segreg_holder_fn *fn, void *arg);

enum segreg_hold_kind {
	SEGREG_HOLD_PINS = 1,     /* pins of a segment */
	SEGREG_HOLD_SNAPSHOT = 2, /* holds each segment with born <= version and version < retired */
	SEGREG_HOLD_HORIZON = 3,  /* holds each segment with version < retired */
};

/* One hold as segreg_holds shows it. The library makes it; later versions may append members. */
struct segreg_hold {
	enum segreg_hold_kind kind;
	uint32_t lane;    /* number of the lane of the handle that has it: see segreg_lanes */
	uint32_t epoch;   /* of that handle */
	uint64_t version; /* SNAPSHOT, HORIZON: its version; PINS: 0 */
	uint64_t id;      /* PINS: the segment; SNAPSHOT, HORIZON: 0 */
	uint64_t pins;    /* PINS: how many pins the handle has on the segment; SNAPSHOT, HORIZON: 0 */
};

/*
 * Called for each hold, without a lock. Returns 0 to continue. Any other value ends the walk and becomes its result.
 * May call the library.
 */
typedef int segreg_hold_fn(void *arg, const struct segreg_hold *hold);

/*
 * Call fn for each snapshot and horizon of each handle, and for each PENDING segment that a handle pins. Pins of live
 * segments are left out. With segreg_list_retired this shows which handles hold each retired segment. The cost grows
 * with the number of segments and of holds. Calls of segreg_holders for each segment would multiply these numbers. The
 * order is that of the handles' lanes. A hold that exists throughout is shown exactly once. The walk takes a short lock
 * for every few holds.
 *
 * Errors: INVAL, NOMEM, TIMEDOUT, CORRUPT.
 */
int segreg_holds(struct segreg *reg, segreg_hold_fn *fn, void *arg);

/* ------------------------------------------------------------------ care */

enum segreg_finding_kind {
	/* a segment is not on the disk; it is LIVE, PENDING, or DELETING and its deletion failed for that reason */
	SEGREG_FOUND_MISSING = 1,
	/* something else is at the path of a segment; it is LIVE, PENDING, or DELETING and its deletion failed */
	SEGREG_FOUND_REPLACED = 2,
	SEGREG_FOUND_STRANGER = 3,   /* something below base belongs to no segment: the registry never deletes it */
	SEGREG_FOUND_DIFFERENCE = 4, /* shared memory and the database disagree about a segment */
	SEGREG_FOUND_LEFTOVER = 5,   /* an object in /dev/shm is this registry's, but its processes do not use it */
};

/* One finding of segreg_check. The library makes it; later versions may append members. */
struct segreg_finding {
	enum segreg_finding_kind kind;
	uint64_t id;        /* the segment; 0 for STRANGER and LEFTOVER */
	const char *path;   /* relative to base, or absolute for LEFTOVER; valid during the callback */
	const char *reason; /* one line for people; valid during the callback */
};

/*
 * Called for each finding, without a lock. Returns 0 to continue. Any other value ends the check and becomes its
 * result. May call the library.
 */
typedef int segreg_check_fn(void *arg, const struct segreg_finding *finding);

/* Flag of segreg_check. */
#define SEGREG_CHECK_REPAIR (1u << 0) /* set shared memory to what the database says, where they differ */

/*
 * Compare the database with shared memory, each segment with the disk, and the contents of base with the segments. Call
 * fn for each finding. Other processes continue meanwhile, and their changes are not reported as faults. Edits wait
 * while the call reads the records. A directory without segments is reported as one stranger, whatever is in it. The
 * call ignores shared memory that a build of another layout made.
 *
 * Errors: INVAL, NOMEM, PERM, TIMEDOUT, REOPEN, CORRUPT, IO. MISMATCH: base does not carry this registry's marker.
 */
int segreg_check(struct segreg *reg, unsigned flags, segreg_check_fn *fn, void *arg);

/* ------------------------------------------------------------------ the journal */

#define SEGREG_LOG_MAX 65536u /* the journal keeps this many entries, the newest */

enum segreg_log_kind {
	SEGREG_LOG_DELETED = 1,       /* a sweep deleted a segment and forgot it */
	SEGREG_LOG_FORGOTTEN = 2,     /* segreg_force_remove unregistered a segment */
	SEGREG_LOG_RECLAIMED = 3,     /* the handle of a dead process was cleaned up */
	SEGREG_LOG_EVICTED = 4,       /* segreg_evict took what a handle held */
	SEGREG_LOG_LOST = 5,          /* the journal could not keep some entries, because there was no space */
	SEGREG_LOG_LEASED = 6,        /* a lease was put that was not there before */
	SEGREG_LOG_LEASE_DROPPED = 7, /* segreg_lease_drop dropped a lease */
};

/*
 * One entry of the journal: the end of a segment or a handle. The library makes it; later versions may append members.
 * Times are nanoseconds of CLOCK_REALTIME. A pid is as the process's own PID namespace counts. Members that a kind does
 * not use are 0 or "".
 */
struct segreg_log_entry {
	enum segreg_log_kind kind;
	uint64_t number;       /* grows with each entry */
	int64_t at;            /* when it happened */
	uint64_t id;           /* DELETED, FORGOTTEN: the segment */
	uint64_t born;         /* DELETED, FORGOTTEN: the version that registered it; 0 if it was only reserved */
	uint64_t retired;      /* DELETED, FORGOTTEN: the version that retired it; 0 if it was not retired */
	int64_t registered_at; /* DELETED, FORGOTTEN: when it was registered, or reserved if it was never registered */
	int64_t retired_at;    /* DELETED, FORGOTTEN: when it was retired; 0 if it was not retired */
	const char *path;      /* DELETED, FORGOTTEN: relative to base. LEASED, LEASE_DROPPED: the lease's name. Valid
				* during the callback */
	uint64_t bytes;        /* DELETED: bytes of disk space that all tries of this deletion gave back. Those of a
				* sweep that died or ended with an error, and those before a restart, are not known */
	uint32_t lane;         /* RECLAIMED, EVICTED: the handle's lane */
	uint32_t uid;          /* RECLAIMED, EVICTED: the handle's user */
	int64_t pid;           /* RECLAIMED, EVICTED: the handle's process */
	int64_t attached_at;   /* RECLAIMED, EVICTED: when the handle was attached */
	uint64_t pins;         /* RECLAIMED, EVICTED: pins that it held. LOST: how many entries could not be kept */
	uint64_t snapshots;    /* RECLAIMED, EVICTED: snapshots and horizons that it held */
	const char *label;     /* RECLAIMED, EVICTED: the handle's label; valid during the callback */
	int64_t by_pid;        /* process that did it */
	uint32_t by_uid;       /* effective user of that process */
	const char *by_label;  /* label of that process's handle; valid during the callback */
	const char *reason;    /* the evidence, one line for people; valid during the callback */
	size_t user_size;      /* DELETED, FORGOTTEN: bytes that segreg_edit_set_user gave the segment */
	unsigned char user[SEGREG_USER_SIZE]; /* DELETED, FORGOTTEN: these bytes, and zeroes behind them */
};

/*
 * Called for each entry, without a lock. Returns 0 to continue. Any other value ends the walk and becomes its result.
 * May call the library.
 */
typedef int segreg_log_fn(void *arg, const struct segreg_log_entry *entry);

/*
 * Call fn for each entry of the journal whose number is greater than after, the oldest first. 0 shows all entries. What
 * exists now is not in the journal: see segreg_list.
 *
 * The transaction that drops a segment's record writes its entry, which is therefore as durable. The entry of a handle
 * waits in shared memory until a sweep ends. segreg_evict and this call write it earlier, if no process is committing.
 * If the last process closes the registry first, the entry is lost. While the disk is full entries are lost, and
 * counted. A crash right after the write can make a second entry for the same handle.
 *
 * Errors: INVAL, NOMEM, PERM, TIMEDOUT, MISMATCH, REOPEN, CORRUPT, IO.
 */
int segreg_log(struct segreg *reg, uint64_t after, segreg_log_fn *fn, void *arg);

/* ------------------------------------------------------------------ sweeping */

enum segreg_sweep_action {
	SEGREG_SWEEP_DELETED = 1, /* the sweep deleted a segment; a dry run would have deleted it */
	SEGREG_SWEEP_FAILED = 2,  /* the sweep could not delete a segment; a later sweep tries again */
	SEGREG_SWEEP_HELD = 3,    /* a retired segment is held; only the first sweep that finds it held reports this, or
				   * the first after the shared memory was built */
	SEGREG_SWEEP_RECLAIMED = 4, /* the sweep cleaned up the handle of a dead process */
	SEGREG_SWEEP_MISSING = 5,   /* a live segment is not on the disk */
};

/*
 * One thing that a sweep did. The library makes it; later versions may append members. Pointers are valid during the
 * callback.
 */
struct segreg_sweep_event {
	enum segreg_sweep_action action;
	uint64_t id;        /* the segment; RECLAIMED: 0 */
	const char *path;   /* path of the segment, relative to base; RECLAIMED: "" */
	uint64_t bytes;     /* DELETED: bytes of disk space that this gave back, or would have in a dry run. Bytes of
			     * earlier tries are included, as in struct segreg_log_entry */
	int error;          /* FAILED: errno of the first failure; MISSING: ENOENT */
	int64_t retry_at;   /* FAILED: without SEGREG_SWEEP_RETRY_NOW no sweep tries again before; nanoseconds of
			     * CLOCK_REALTIME */
	const char *reason; /* one line for people */
	uint64_t pins;      /* HELD: pins of the segment; RECLAIMED: pins that the handle had held */
	int64_t pid;        /* HELD: a process that pins the segment. Without pins, a process whose snapshot holds it.
			     * Without snapshots, a process whose horizon holds it. 0: only a lease holds it, or that
			     * process has let go since.
			     * RECLAIMED: the dead process */
	const char *label;  /* label of that process's handle */
	uint64_t snapshots; /* HELD: snapshots that hold the segment */
	int has_horizon;    /* HELD: a horizon holds the segment */
	const char *lease;  /* HELD: the name of a lease that holds the segment, or ""; others: NULL */
};

/*
 * Called for each event, without a lock. Returns 0 to continue. Any other value ends the sweep after the deletion under
 * way. May call the library, except segreg_sweep and segreg_close.
 */
typedef int segreg_sweep_fn(void *arg, const struct segreg_sweep_event *event);

/*
 * Called while a sweep deletes, or waits because of its pace: about once a second, and after each 1,000 files. Called
 * more often while the first sweep after a start looks for missing files, except in a small registry. Returns
 * 0 to continue. Any other value ends the sweep amid a deletion, which the next sweep finishes. May call the library,
 * except segreg_sweep and segreg_close.
 */
typedef int segreg_sweep_stop_fn(void *arg);

/* Flags of segreg_sweep. */
#define SEGREG_SWEEP_DRY_RUN (1u << 0)   /* report what a sweep would delete, and change nothing */
#define SEGREG_SWEEP_RETRY_NOW (1u << 1) /* try deletions that failed again now, whatever their back-off */

struct segreg_sweep_options {
	size_t size;                /* sizeof(struct segreg_sweep_options) */
	unsigned flags;             /* SEGREG_SWEEP_DRY_RUN, SEGREG_SWEEP_RETRY_NOW */
	uint32_t limit;             /* delete at most limit segments; 0: no limit */
	uint64_t grace_ms;          /* delete a segment at the earliest grace_ms milliseconds after it was retired */
	uint64_t pace;              /* delete at most pace bytes per second; 0: no limit */
	segreg_sweep_fn *fn;        /* see segreg_sweep_fn; may be NULL */
	void *arg;                  /* first argument of fn and stop */
	uint64_t pace_files;        /* delete at most pace_files files and directories per second; 0: no limit */
	segreg_sweep_stop_fn *stop; /* see segreg_sweep_stop_fn; may be NULL */
};
#define SEGREG_SWEEP_OPTIONS_INIT SEGREG_INIT_SIZED(struct segreg_sweep_options)

struct segreg_sweep_result {
	size_t size;             /* sizeof(struct segreg_sweep_result), set by the caller */
	uint64_t deleted;        /* segments that this sweep deleted */
	uint64_t bytes_freed;    /* st_blocks * 512 of the inodes whose last link it removed; also by deletions that
				  * failed or were stopped */
	uint64_t bytes_linked;   /* st_blocks * 512 of the inodes that lost a link to it and have another name */
	uint64_t held;           /* retired segments that stay because a process or a lease holds them */
	uint64_t waiting;        /* retired segments that stay because of grace, limit, a stop or a back-off */
	uint64_t failed;         /* deletions that failed in this sweep */
	uint64_t reclaimed;      /* handles of dead processes that it cleaned up */
	uint64_t reclaimed_pins; /* pins that those handles had held */
	int64_t next_at;         /* earliest end of a grace or back-off that a segment waits for, in nanoseconds of
				  * CLOCK_REALTIME; 0: no segment waits for one */
};
#define SEGREG_SWEEP_RESULT_INIT SEGREG_INIT_SIZED(struct segreg_sweep_result)

/*
 * Delete every retired segment that nobody holds, and what was written for reservations that ended unpublished. Before
 * that, clean up the handles of dead processes. A registry has at most one sweep at a time. options and result may be
 * NULL.
 *
 * The first sweep after the shared memory was built also looks for missing files. Meanwhile it deletes what is retired,
 * so that no deletion waits for the look.
 *
 * A segment whose deletion fails stays DELETING. A later sweep tries again after 1 s, 2 s, 4 s, ... up to 5 minutes.
 * The error, the attempts and the time of the next attempt are durable. On a disk that takes no commit, they are in
 * shared memory only. If one entry cannot be removed, the deletion continues with the others. It ends at once if the
 * disk is broken or read only (EIO, EROFS and the like).
 *
 * Back-off and grace use CLOCK_REALTIME. If the clock is set back, either ends at most its own length after that. If
 * the clock is set ahead, both end early.
 *
 * A sweep deletes nothing outside base: it follows no ".." and no symlink, and enters no other mount. It deletes
 * nothing that took the place of what was registered. It deletes nothing at all while base does not carry this
 * registry's marker. If a segment's files are gone already, they count as deleted only if the directory that they were
 * registered in is there.
 *
 * If something else is at a segment's path, the deletion fails with ESTALE. In two cases the segment counts as deleted
 * instead, because its name was used again. It was no segment before it was discarded, or an earlier sweep began to
 * delete it and died. What is at the path stays. File handles must show that another file is there, and that the
 * directory above is the original one.
 *
 * If another process moves something out of BASE/.segreg-trash while a sweep deletes it, the sweep stops deleting it
 * after at most 32 more names. A segment that contains a registry, or the base of a registry, stays where it is. The
 * sweep looks for these in the segment's first 24 levels and 4,096 directories, before and after it moves the segment
 * to BASE/.segreg-trash. Of one that lies beyond, or comes later, it leaves only the directory that contains it.
 *
 * Errors: INVAL, NOMEM, NOSPC, PERM, TIMEDOUT, REOPEN, CORRUPT, IO. Besides:
 *    BUSY         another sweep is running
 *    MISMATCH     base does not carry this registry's marker
 *    REGION_LOST  the shared memory was removed, so that other processes could not join this process
 */
int segreg_sweep(struct segreg *reg, const struct segreg_sweep_options *options, struct segreg_sweep_result *result);

/*
 * Take away all pins, maps and snapshots of a handle of this or another process. This is for an operator who knows that
 * the process is stuck and must not be ended. lane and epoch are the members of struct segreg_holder that segreg_lanes
 * shows. *released (NULL: not wanted) becomes the number of pins and snapshots that were taken away.
 *
 * From then on the handle's calls that pin, unpin, hold or ask about what is held fail with SEGREG_E_EVICTED. This ends
 * when the handle is closed and the registry opened again. Edits and reservations of the handle continue. What its
 * process has open or mapped stays readable, as the kernel keeps it. What the process opens by path may be gone.
 * Evicting a handle again changes nothing.
 *
 * Errors: INVAL, TIMEDOUT. NOENT: the handle is not attached any more.
 */
int segreg_evict(struct segreg *reg, uint32_t lane, uint32_t epoch, uint64_t *released);

/*
 * segreg_sweep_wait sleeps until a sweep may have something to do. It returns after each of these events:
 *    - a segment was retired, or a reservation was given up
 *    - a pin or snapshot that may have held a retired segment was released
 *    - a handle was attached, closed, reclaimed or evicted
 *    - shared memory was repaired, or segreg_sweep_wake was called
 *
 * The death of a process is not among these events. segreg_watch makes a descriptor that reports deaths as well. Where
 * that is not possible, watch the pids that segreg_lanes shows. The end of a grace or
 * back-off is not among them either: let timeout_ms end at next_at of struct segreg_sweep_result.
 *
 * Set *ticket to 0 for the first call, which returns at once and stores a ticket. Then loop: sweep, and call again with
 * that ticket. An event after the ticket was stored makes the next call return at once. timeout_ms < 0 waits without a
 * limit. A thread that may be cancelled waits with a timeout, and calls pthread_testcancel(3) between two waits.
 *
 * segreg_sweep_wake makes the segreg_sweep_wait calls of all processes on this registry return.
 *
 * Errors: INVAL; segreg_sweep_wait also TIMEDOUT and CALLED_OFF.
 */
int segreg_sweep_wait(struct segreg *reg, uint32_t *ticket, int timeout_ms);
int segreg_sweep_wake(struct segreg *reg);

/* ------------------------------------------------------------------ waiting in an event loop */

/* What a watch is for. */
#define SEGREG_WATCH_VERSION (1u << 0) /* a new version: what segreg_wait waits for */
#define SEGREG_WATCH_SWEEP (1u << 1)   /* something to sweep: what segreg_sweep_wait waits for; and deaths */

/* A descriptor for poll(2), epoll(7) or select(2). Opaque, except fd. Zeroed, it is no watch. */
struct segreg_watch {
	uint64_t owner;
	int fd; /* poll it for reading; do not read it. O_CLOEXEC */
	unsigned what;
};

/*
 * segreg_watch makes a descriptor that becomes readable when another thread or process does what SEGREG_WATCH_* names.
 * It stays readable until segreg_watch_clear (level-triggered). Use it in this order, so that no event is missed:
 *
 *      segreg_watch(reg, SEGREG_WATCH_VERSION, &watch);
 *      for (;;) {
 *              segreg_version(reg, &version);      look, and act on what is new
 *              poll watch.fd for reading
 *              segreg_watch_clear(reg, &watch);    first clear, then look again
 *      }
 *
 * With SEGREG_WATCH_SWEEP, look by segreg_sweep_wait with timeout_ms 0. Many events make the descriptor readable once.
 * It may also become readable without an event: when a process leaves the registry, or for another watch's event.
 *
 * A watch also becomes readable when a process of the registry dies. So an event whose process dies before it announces
 * the event is not missed. For SEGREG_WATCH_SWEEP each death is an event. The kernel announces a death just before it
 * gives back the dead process's locks. So a sweep that finds nothing tries again some milliseconds later. An edit that
 * a dead process made durable and did not show has no version yet. The next process that takes the commit lock shows
 * it, such as segregd's sweep.
 *
 * An event while nobody watches costs its process nothing. Otherwise the first event after a segreg_watch_clear costs
 * one system call; the kernel then queues an event for each watch. A watch that is never cleared, and a watch of a dead
 * process, cause one such call at most. The library starts no thread and keeps no state of a watch.
 *
 * The descriptor is an inotify(7) descriptor of the caller. The sysctl fs.inotify.max_user_instances, often 128, limits
 * how many each user may have. segreg_unwatch closes it and zeroes *watch, except that fd becomes
 * -1. After segreg_close, close it with close(2). A forked child inherits the descriptor: it closes its copy with
 * close(2), and makes a watch of its own. If it read its copy, its parent would miss events.
 *
 * Errors: INVAL (also: the watch is another handle's, the parent's in a forked child, or its descriptor is closed).
 * segreg_watch also: NOMEM, PERM. IO: a limit of descriptors or of inotify is reached. UNSUPPORTED: no inotify.
 * REGION_LOST: the shared memory has lost its name.
 */
int segreg_watch(struct segreg *reg, unsigned what, struct segreg_watch *watch);
int segreg_watch_clear(struct segreg *reg, const struct segreg_watch *watch);
int segreg_unwatch(struct segreg *reg, struct segreg_watch *watch);

/*
 * Call off the waits of this handle, if is_off is not 0. All segreg_wait and segreg_sweep_wait calls on it fail with
 * CALLED_OFF: those under way in other threads, and all that follow. With is_off 0, later calls wait again. Other
 * handles and other processes are not affected, except that their segreg_sweep_wait may return once without an event.
 *
 * Async-signal-safe, if this process has used the handle before: a handler may end a wait. To end one wait of several,
 * give each its own handle, or poll a watch and a descriptor of your own.
 *
 * Errors: INVAL.
 */
int segreg_wait_off(struct segreg *reg, int is_off);

/* ------------------------------------------------------------------ debugging */

#define SEGREG_DEBUG_ALL (1u << 0)  /* free lanes and the whole queue as well */
#define SEGREG_DEBUG_SLOT (1u << 1) /* options.slot alone */
#define SEGREG_DEBUG_ID (1u << 2)   /* the slots of segment options.id alone */

struct segreg_debug_options {
	size_t size;    /* sizeof(struct segreg_debug_options) */
	unsigned flags; /* SEGREG_DEBUG_* */
	uint32_t slot;
	uint64_t id;
	const char *region; /* a file: a copy of a registry's shared memory; NULL: the one that dir uses now */
};
#define SEGREG_DEBUG_OPTIONS_INIT SEGREG_INIT_SIZED(struct segreg_debug_options)

/* One value in shared memory. Later versions may append members. All text is valid during the callback. */
struct segreg_debug_item {
	const char *part; /* "header", "lane", "slot", ... */
	int64_t number;   /* of the lane, the slot, ...; -1: there is only one such part */
	const char *name;
	const char *value;
	const char *remark; /* one line for people: what the value means, or what is wrong with it; "" */
	int is_damaged;     /* no correct process leaves such a value */
	int64_t pid;        /* the process that the value names, in the caller's PID namespace; 0: none */
};

/* Returns 0 to go on; anything else ends the call and becomes its result. */
typedef int segreg_debug_fn(void *arg, const struct segreg_debug_item *item);

/*
 * Call fn for each value in a registry's shared memory: header, locks, lanes, letters, queue and notes, or one slot.
 * options may be NULL. dir may be NULL if options->region is given.
 *
 * This is for finding out why a registry is stuck or damaged. The call opens no handle, takes no lock, waits for no
 * process and writes nothing. It trusts no value: it shows a damaged one with is_damaged set.
 *
 * Other processes may change the shared memory meanwhile, and each value is read at another moment. Parts, names,
 * values and remarks are for people, and the next version may have others.
 *
 * Errors: INVAL, NOENT (no registry, file or id; or no process has the registry open, so there is no shared memory).
 * CORRUPT: registry.lock is damaged, or the file is shorter than a header. PERM, NOMEM, VERSION, IO.
 */
int segreg_debug(const char *dir, const struct segreg_debug_options *options, segreg_debug_fn *fn, void *arg);

#pragma GCC diagnostic pop
#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* SEGREG_H */
