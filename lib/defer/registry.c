/*
 * registry.c - see registry.h.
 *
 * libsegreg is loaded when a process first needs it, with its symbols for itself. A program that touches no file below
 * base loads nothing. A program that has another LMDB keeps its own.
 *
 * One lock guards all of this, so that the end of the process can close the registry. Signals wait while it is held,
 * because a handler that leaves by longjmp would leave the locks of the registry taken.
 *
 * A discard does not wait for the disk, as a deletion does not. After a fork libsegreg attaches the child by itself. A
 * child that shares its parent's memory (vfork) must not be: there the library does nothing.
 */
#undef _FORTIFY_SOURCE
#include "defer/registry.h"
#include "defer/real.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TEXT(name) #name
#define VALUE(name) TEXT(name)
#define LIBRARY "libsegreg.so." VALUE(SEGREG_VERSION_MAJOR)
#define TIMEOUT_MS 5000

#define CALLS(X)                                                                                                       \
	X(segreg_open)                                                                                                 \
	X(segreg_close)                                                                                                \
	X(segreg_last_error)                                                                                           \
	X(segreg_discard)                                                                                              \
	X(segreg_vacate)                                                                                               \
	X(segreg_is_discarded)                                                                                         \
	X(segreg_force_remove)                                                                                         \
	X(segreg_list_retired)

static struct {
#define MEMBER(name) __typeof__(name) *name;
	CALLS(MEMBER)
} lib;

static enum { CLOSED, OPEN, OFF } state;
static const char *directory;
static struct segreg *reg;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pid_t process; /* the one that state is of */
static bool has_complained;
static bool has_discarded; /* discards of this process may not be durable yet */
static uintptr_t code_begin, code_end;

static void forked(void)
{
	pthread_mutex_init(&lock, NULL);
	has_discarded = false;
	process = getpid();
}

void defer_registry_set(const char *dir)
{
	directory = dir;
	process = getpid();
	pthread_atfork(NULL, NULL, forked);
}

struct frame {
	sigset_t signals;
	int cancel;
};

static void enter(struct frame *frame)
{
	sigset_t all;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &frame->cancel);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &frame->signals);
	pthread_mutex_lock(&lock);
}

static void leave(const struct frame *frame)
{
	pthread_mutex_unlock(&lock);
	pthread_sigmask(SIG_SETMASK, &frame->signals, NULL);
	pthread_setcancelstate(frame->cancel, NULL);
}

/* The first trouble of this process goes to stderr, in one line. */
__attribute__((format(printf, 1, 2))) static void complain(const char *format, ...)
{
	char text[SEGREG_PATH_SIZE];
	va_list args;
	int length;

	if (has_complained)
		return;
	has_complained = true;
	va_start(args, format);
	length = vsnprintf(text, sizeof text - 1, format, args);
	va_end(args);
	if (length > (int)sizeof text - 2)
		length = (int)sizeof text - 2;
	text[length++] = '\n';
	if (write(STDERR_FILENO, text, (size_t)length) == -1)
		return;
}

static int note_code(struct dl_phdr_info *info, size_t size, void *arg)
{
	uintptr_t call = (uintptr_t)arg;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		uintptr_t begin = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;

		if (info->dlpi_phdr[i].p_type == PT_LOAD && call >= begin &&
		    call < begin + info->dlpi_phdr[i].p_memsz) {
			code_begin = begin;
			code_end = begin + info->dlpi_phdr[i].p_memsz;
			return 1;
		}
	}
	return 0;
}

static bool load(void)
{
	void *handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

	if (!handle) {
		complain("segctl defer: %s; deletions are not deferred", dlerror());
		return false;
	}
#define FIND(name)                                                                                                     \
	*(void **)(void *)&lib.name = dlsym(handle, #name);                                                            \
	if (!lib.name) {                                                                                               \
		complain("segctl defer: " LIBRARY " has no " #name "; deletions are not deferred");                    \
		return false;                                                                                          \
	}
	CALLS(FIND)
	dl_iterate_phdr(note_code, *(void **)(void *)&lib.segreg_open);
	return true;
}

/* Whether reg is open. [lock] */
static bool is_open(void)
{
	struct segreg_open_options options = { .size = sizeof options, .timeout_ms = TIMEOUT_MS };

	if (getpid() != process)
		return false;
	if (state != CLOSED)
		return state == OPEN;
	state = OFF;
	if (!lib.segreg_open && !load())
		return false;
	if (lib.segreg_open(directory, &options, &reg) < 0) {
		complain("segctl defer: %s; deletions are not deferred", lib.segreg_last_error());
		return false;
	}
	state = OPEN;
	return true;
}

bool defer_registry_is_there(const void *caller)
{
	struct frame frame;
	bool is = state == OPEN && process == getpid();

	if (is)
		return (uintptr_t)caller < code_begin || (uintptr_t)caller >= code_end;
	enter(&frame);
	is = is_open() && ((uintptr_t)caller < code_begin || (uintptr_t)caller >= code_end);
	leave(&frame);
	return is;
}

/* The outcome of a commit was unknown: only a new handle can go on. [lock] */
static bool reopen(int rc)
{
	if (rc != SEGREG_E_REOPEN)
		return false;
	lib.segreg_close(reg, NULL);
	state = CLOSED;
	return is_open();
}

bool defer_registry_discard(const char *path)
{
	struct frame frame;
	int rc = -1;

	enter(&frame);
	if (is_open()) {
		has_discarded = true;
		rc = lib.segreg_discard(reg, &path, 1, SEGREG_DISCARD_RELAXED);
		if (reopen(rc))
			rc = lib.segreg_discard(reg, &path, 1, SEGREG_DISCARD_RELAXED);
		if (rc)
			complain("segctl defer: %s; %s is deleted at once", lib.segreg_last_error(), path);
	}
	leave(&frame);
	return rc == 0;
}

/* Make durable what is in shared memory alone. [lock] */
static void flush(void)
{
	if (lib.segreg_discard(reg, NULL, 0, 0) == 0)
		has_discarded = false;
}

void defer_registry_flush(void)
{
	struct frame frame;

	if (!has_discarded)
		return;
	enter(&frame);
	if (is_open())
		flush();
	leave(&frame);
}

enum defer_gone defer_registry_ask(const char *path)
{
	struct frame frame;
	int rc = 0;

	enter(&frame);
	if (*path && is_open()) {
		rc = lib.segreg_is_discarded(reg, path);
		if (reopen(rc))
			rc = lib.segreg_is_discarded(reg, path);
	}
	leave(&frame);
	return rc == 1 ? DEFER_GONE : rc == 2 ? DEFER_ABOVE : DEFER_HERE;
}

enum defer_vacated defer_registry_vacate(const char *path)
{
	struct frame frame;
	int rc = -1;

	enter(&frame);
	if (is_open()) {
		rc = lib.segreg_vacate(reg, path);
		if (reopen(rc))
			rc = lib.segreg_vacate(reg, path);
		if (rc)
			complain("segctl defer: %s", lib.segreg_last_error());
	}
	leave(&frame);
	return rc == 0 ? DEFER_DONE : rc == SEGREG_E_EXISTS ? DEFER_LEASED : DEFER_FAILED;
}

bool defer_registry_list(segreg_list_fn *fn, void *arg)
{
	struct frame frame;
	bool is = false;

	enter(&frame);
	if (is_open()) {
		flush(); /* or the list would lack what was discarded just now */
		is = lib.segreg_list_retired(reg, fn, arg) == 0;
	}
	leave(&frame);
	return is;
}

bool defer_registry_exchange(const char *dir, const uint64_t *ids, const char *const *paths, size_t n)
{
	struct frame frame;
	size_t done = 0;
	int rc = -1;

	enter(&frame);
	if (is_open()) {
		for (rc = 0; done < n && !rc; done += !rc)
			rc = lib.segreg_force_remove(reg, ids[done], SEGREG_DESPITE_HORIZONS);
		if (!rc)
			rc = lib.segreg_discard(reg, &dir, 1, 0);
		if (rc && done)
			lib.segreg_discard(reg, paths, done, 0);
	}
	leave(&frame);
	return rc == 0;
}

static void close_registry(void)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (pthread_mutex_trylock(&lock) == 0) {
		if (state == OPEN) {
			lib.segreg_close(reg, NULL);
			state = CLOSED;
		}
		pthread_mutex_unlock(&lock);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/*
 * The end of the process closes the registry. Destructors that come later may delete files, and open it again. No call
 * of libsegreg or LMDB is deferred meanwhile, as in a hook.
 */
__attribute__((destructor)) static void finish(void)
{
	int error;

	if (getpid() != process || !defer_real_enter(&error))
		return;
	close_registry();
	defer_real_leave(error);
}
