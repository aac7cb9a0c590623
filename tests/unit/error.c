/*
 * error.c - sr_error: what a system's error becomes, and whose text it is.
 */
#include "harness.h"
#include "sys/sr_error.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

static void codes(void)
{
	static const struct {
		int errnum, code;
	} table[] = {
		{ ENOENT, SEGREG_E_NOENT }, { ENOTDIR, SEGREG_E_NOENT }, { EACCES, SEGREG_E_PERM },
		{ EPERM, SEGREG_E_PERM },   { EROFS, SEGREG_E_PERM },    { ENOMEM, SEGREG_E_NOMEM },
		{ ENOSPC, SEGREG_E_NOSPC }, { EDQUOT, SEGREG_E_NOSPC },  { EIO, SEGREG_E_IO },
		{ EMFILE, SEGREG_E_IO },    { EINTR, SEGREG_E_IO },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		T_EQ(sr_fail_errno(table[i].errnum, "cannot %s", "try"), table[i].code);
		T_HAS(segreg_last_error(), "cannot try: ");
		T_HAS(segreg_last_error(), strerror(table[i].errnum));
	}
}

/* The text of a system's error that has one cause, or few, names what to do. */
static void ways_out(void)
{
	static const struct {
		int errnum;
		const char *words;
	} table[] = {
		{ EACCES, "owner" },        { EPERM, "lsattr" },
		{ EROFS, "remount" },       { ENOSPC, "free space" },
		{ EDQUOT, "quota" },        { EFBIG, "LimitFSIZE=" },
		{ EMFILE, "LimitNOFILE=" }, { ENFILE, "fs.file-max" },
		{ ENOMEM, "MemoryMax=" },   { EIO, "dmesg" },
		{ EUCLEAN, "dmesg" },       { ENOTDIR, "move it away" },
		{ ELOOP, "symbolic link" }, { ENOSYS, "SystemCallFilter=" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		sr_fail_errno(table[i].errnum, "cannot try");
		T_HAS(segreg_last_error(), "; ");
		T_HAS(segreg_last_error(), table[i].words);
	}
	sr_fail_errno(ENOENT, "cannot try");
	T_CHECK(!strchr(segreg_last_error(), ';'));
}

static void names(void)
{
#define HAS_NAME(name, value, text) T_STR(segreg_strerror(SEGREG_E_##name), text);
	SEGREG_ERRORS(HAS_NAME)
#undef HAS_NAME
	T_STR(segreg_strerror(0), "success");
	T_STR(segreg_strerror(1), "unknown error");
	T_STR(segreg_strerror(SEGREG_E_CALLED_OFF - 1), "unknown error");
}

/* A text that is too long is cut, and still ends. */
static void long_texts(void)
{
	char text[2 * SR_ERROR_SIZE], kept[SR_ERROR_SIZE];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	T_EQ(sr_fail_errno(EIO, "%s", text), SEGREG_E_IO);
	T_EQ(strlen(segreg_last_error()), SR_ERROR_SIZE - 1);
	sr_error_keep(kept);
	sr_fail(SEGREG_E_INVAL, "another");
	sr_error_put_back(kept);
	T_EQ(strlen(segreg_last_error()), SR_ERROR_SIZE - 1);
}

static void *fail_here(void *arg)
{
	T_STR(segreg_last_error(), "");
	sr_fail(SEGREG_E_INVAL, "a thread's");
	return arg;
}

static void of_threads(void)
{
	pthread_t thread;

	sr_fail(SEGREG_E_INVAL, "mine");
	T_EQ(pthread_create(&thread, NULL, fail_here, NULL), 0);
	pthread_join(thread, NULL);
	T_STR(segreg_last_error(), "mine");
}

T_SUITE(error, { "the system's errors have codes, and stand in the text", codes },
	{ "a system's error names what to do about it", ways_out }, { "every code has its line", names },
	{ "a long text is cut", long_texts }, { "each thread has a text of its own", of_threads });
