/*
 * sr_error.c - failures: a code for the caller, and a text that the calling thread keeps. Also the version of this
 * library.
 */
#include "sys/sr_error.h"
#include "sys/sr_sys.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define STRING_(x) #x
#define STRING(x) STRING_(x)

static __thread char last_error[SR_ERROR_SIZE];

static int code_of_errno(int errnum)
{
	switch (errnum) {
	case ENOENT:
	case ENOTDIR:
		return SEGREG_E_NOENT;
	case EACCES:
	case EPERM:
	case EROFS:
		return SEGREG_E_PERM;
	case ENOMEM:
		return SEGREG_E_NOMEM;
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return SEGREG_E_NOSPC;
	default:
		return SEGREG_E_IO;
	}
}

/* The remedy for a system's error, if it is the same for every call; "" if it depends on the call. */
static const char *way_out(int errnum)
{
	switch (errnum) {
	case EACCES:
		return "; give this user the right, or run this as its owner";
	case EPERM:
		return "; run this as its owner, and look for an immutable file (lsattr) "
		       "and for a filter of system calls (seccomp)";
	case EROFS:
		return "; make its file system writable (mount -o remount,rw)";
	case ENOSPC:
		return "; free space there";
	case EDQUOT:
		return "; free space there, or raise the quota (quota -s)";
	case EFBIG:
		return "; raise the limit of a file's size (ulimit -f, LimitFSIZE=)";
	case EMFILE:
		return "; raise the limit of open files (ulimit -n, LimitNOFILE=)";
	case ENFILE:
		return "; raise the system's limit of open files (sysctl fs.file-max)";
	case ENOMEM:
		return "; free memory, or raise the limit of this process or of its control group (MemoryMax=)";
	case EIO:
	case EUCLEAN:
		return "; look for the errors of its disk in the kernel's log (dmesg)";
	case ENOTDIR:
		return "; a file is where a directory is expected: move it away";
	case ELOOP:
		return "; a symbolic link is where none may be: remove it";
	case ENOSYS:
		return "; use a newer kernel, or allow the call in the filter of system calls "
		       "(seccomp, SystemCallFilter=)";
	default:
		return "";
	}
}

int sr_fail(int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(last_error, sizeof(last_error), format, args);
	va_end(args);
	return code;
}

int sr_fail_errno(int errnum, const char *format, ...)
{
	char reason[128];
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(last_error, sizeof(last_error), format, args);
	va_end(args);
	if (length >= 0 && (size_t)length < sizeof(last_error))
		snprintf(last_error + length, sizeof(last_error) - (size_t)length, ": %s%s",
			 strerror_r(errnum, reason, sizeof(reason)), way_out(errnum));
	return code_of_errno(errnum);
}

int sr_fail_map(int errnum, const char *what, uint64_t size)
{
	uint64_t limit = errnum == ENOMEM ? sr_sys_address_limit() : 0;
	char room[48] = "";

	if (!limit)
		return sr_fail_errno(errnum, "cannot map %s", what);
	if (size)
		snprintf(room, sizeof(room), ", and this mapping needs %" PRIu64 " MiB", (size >> 20) + 1);
	return sr_fail(SEGREG_E_NOMEM,
		       "cannot map %s: the limit of this process's address space is %" PRIu64 " MiB%s; raise the limit "
		       "(RLIMIT_AS: ulimit -v, LimitAS=): a mapping by itself takes no memory",
		       what, limit >> 20, room);
}

const char *segreg_strerror(int code)
{
	switch (code) {
	case 0:
		return "success";
#define ERROR_CASE(name, value, text)                                                                                  \
	case SEGREG_E_##name:                                                                                          \
		return text;
		SEGREG_ERRORS(ERROR_CASE)
#undef ERROR_CASE
	default:
		return "unknown error";
	}
}

void sr_error_keep(char text[SR_ERROR_SIZE])
{
	strcpy(text, last_error);
}

void sr_error_put_back(const char text[SR_ERROR_SIZE])
{
	strcpy(last_error, text);
}

const char *segreg_last_error(void)
{
	return last_error;
}

const char *segreg_version_string(void)
{
	return STRING(SEGREG_VERSION_MAJOR) "." STRING(SEGREG_VERSION_MINOR) "." STRING(SEGREG_VERSION_PATCH);
}
