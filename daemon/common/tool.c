/*
 * tool.c - what segctl and segregd have in common: exit statuses, numbers on the command line, text for people.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "common/tool.h"

#define SECOND INT64_C(1000000000)

int tool_exit_status(int code)
{
	switch (code) {
	case 0:
		return EX_OK;
	case SEGREG_E_INVAL:
		return EX_USAGE;
	case SEGREG_E_PATH:
	case SEGREG_E_CORRUPT:
		return EX_DATAERR;
	case SEGREG_E_NOENT:
		return EX_NOINPUT;
	case SEGREG_E_EXISTS:
		return EX_CANTCREAT;
	case SEGREG_E_FULL:
	case SEGREG_E_NOMEM:
	case SEGREG_E_NOSPC:
	case SEGREG_E_REGION_LOST:
	case SEGREG_E_UNSUPPORTED:
		return EX_UNAVAILABLE;
	case SEGREG_E_BUSY:
	case SEGREG_E_CONFLICT:
	case SEGREG_E_TIMEDOUT:
	case SEGREG_E_REOPEN:
	case SEGREG_E_EVICTED:
		return EX_TEMPFAIL;
	case SEGREG_E_PERM:
		return EX_NOPERM;
	case SEGREG_E_VERSION:
	case SEGREG_E_MISMATCH:
		return EX_CONFIG;
	case SEGREG_E_IO:
		return EX_IOERR;
	default:
		return EX_SOFTWARE;
	}
}

const char *tool_way_out(int code, const char *text)
{
	if (strstr(text, "; ") || strstr(text, "segctl "))
		return "";
	switch (code) {
	case SEGREG_E_CORRUPT:
		return strstr(text, "registry.mdb") ? "; restore it from a backup, and run segctl init --adopt" :
		       "; end all processes of the registry and start them again: its shared memory is built anew";
	case SEGREG_E_TIMEDOUT: /* else nothing has happened that was waited for */
		return strstr(text, "process") ? "; end that process, or try again" : "";
	case SEGREG_E_BUSY:
	case SEGREG_E_REOPEN:
		return "; try again";
	case SEGREG_E_NOMEM:
		return "; free memory, or raise the limit of this process or of its control group (MemoryMax=)";
	case SEGREG_E_NOENT:
		return strstr(text, "the registry") ? "; give another directory, or make the registry: segctl init" :
		       !strncmp(text, "segment ", 8) ? "; segctl ls shows what is registered" : "";
	default:
		return "";
	}
}

/* ------------------------------------------------------------------ numbers */

bool tool_parse_number(const char *text, uint64_t max, uint64_t *value)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	const char *digits = hex ? text + 2 : text;
	const char *allowed = hex ? "0123456789abcdefABCDEF" : "0123456789";
	unsigned base = hex ? 16 : 10;
	uint64_t sum = 0;

	if (!*digits || digits[strspn(digits, allowed)])
		return false;
	for (; *digits; digits++) {
		int digit = isdigit((unsigned char)*digits) ? *digits - '0' : (*digits | 0x20) - 'a' + 10;

		if (__builtin_mul_overflow(sum, base, &sum) || __builtin_add_overflow(sum, digit, &sum) || sum > max)
			return false;
	}
	*value = sum;
	return true;
}

bool tool_parse_seconds(const char *text, uint64_t *milliseconds)
{
	size_t whole = strspn(text, "0123456789");
	const char *fraction = text[whole] == '.' ? text + whole + 1 : "";
	size_t decimals = strlen(fraction);
	char digits[32];

	if (!whole || whole > 10 || decimals > 3 || text[whole + (decimals ? decimals + 1 : 0)])
		return false;
	snprintf(digits, sizeof digits, "%.*s%s%.*s", (int)whole, text, fraction, (int)(3 - decimals), "000");
	return tool_parse_number(digits, UINT64_MAX, milliseconds);
}

bool tool_parse_bytes(const char *text, uint64_t *bytes)
{
	static const char units[] = "KMGT";
	size_t length = strlen(text);
	const char *unit = length > 1 ? strchr(units, text[length - 1]) : NULL;
	unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
	char digits[32];

	length -= unit != NULL;
	if (length >= sizeof digits)
		return false;
	memcpy(digits, text, length);
	digits[length] = '\0';
	if (!tool_parse_number(digits, UINT64_MAX >> shift, bytes))
		return false;
	*bytes <<= shift;
	return true;
}

const char *tool_format_bytes(uint64_t bytes, char buf[TOOL_SPAN_SIZE])
{
	static const char units[] = "KMGTPE";
	double value = (double)bytes / 1024;
	size_t unit = 0;

	if (bytes < 1024) {
		snprintf(buf, TOOL_SPAN_SIZE, "%u B", (unsigned)bytes);
		return buf;
	}
	while (value >= 1023.5) {
		value /= 1024;
		unit++;
	}
	snprintf(buf, TOOL_SPAN_SIZE, value < 99.95 ? "%.1f %ciB" : "%.0f %ciB", value, units[unit]);
	return buf;
}

const char *tool_format_span(int64_t nanoseconds, char buf[TOOL_SPAN_SIZE])
{
	int64_t seconds = nanoseconds > 0 ? nanoseconds / SECOND : 0;

	if (seconds < 120)
		snprintf(buf, TOOL_SPAN_SIZE, "%" PRId64 "s", seconds);
	else if (seconds < 120 * 60)
		snprintf(buf, TOOL_SPAN_SIZE, "%" PRId64 "m", seconds / 60);
	else if (seconds < 48 * 3600)
		snprintf(buf, TOOL_SPAN_SIZE, "%" PRId64 "h", seconds / 3600);
	else
		snprintf(buf, TOOL_SPAN_SIZE, "%" PRId64 "d", seconds / 86400);
	return buf;
}

const char *tool_format_time(int64_t at, char buf[TOOL_SPAN_SIZE])
{
	time_t seconds = at / SECOND;
	struct tm tm;

	localtime_r(&seconds, &tm);
	strftime(buf, TOOL_SPAN_SIZE, "%F %T", &tm);
	return buf;
}

void tool_guard_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) == -1 && errno == EBADF)
			open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

int64_t tool_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * SECOND + now.tv_nsec;
}

/* ------------------------------------------------------------------ text */

/* How many bytes the well-formed UTF-8 character at s has; 0 if there is none. */
static size_t utf8_length(const unsigned char *s)
{
	size_t length = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;

	for (size_t i = 1; i < length; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90))
		return 0; /* longer than need be */
	if ((s[0] == 0xed && s[1] >= 0xa0) || (s[0] == 0xf4 && s[1] >= 0x90))
		return 0; /* a surrogate; beyond Unicode */
	return length;
}

static bool is_control(const unsigned char *s)
{
	return s[0] < 0x20 || s[0] == 0x7f || (s[0] == 0xc2 && s[1] < 0xa0);
}

char *tool_escape(const char *text, bool controls)
{
	const unsigned char *from = (const unsigned char *)text;
	char *copy = malloc(4 * strlen(text) + 1);
	char *to = copy;

	if (!copy)
		return NULL;
	while (*from) {
		size_t length = utf8_length(from);

		if (length && !(controls && is_control(from))) {
			to = mempcpy(to, from, length);
			from += length;
			continue;
		}
		for (length += !length; length; length--)
			to += sprintf(to, "\\x%02x", *from++);
	}
	*to = '\0';
	return copy;
}

char *tool_vformat(const char *format, va_list args)
{
	char *message = NULL, *line;

	if (vasprintf(&message, format, args) < 0)
		return NULL;
	line = tool_escape(message, true);
	free(message);
	return line;
}

void tool_say(FILE *stream, const char *prefix, const char *format, ...)
{
	va_list args;
	char *line;

	va_start(args, format);
	line = tool_vformat(format, args);
	va_end(args);
	fprintf(stream, "%s%s\n", prefix, line ? line : "out of memory");
	free(line);
}

/* ------------------------------------------------------------------ what a sweep did */

const char *tool_event_name(const struct segreg_sweep_event *event)
{
	switch (event->action) {
	case SEGREG_SWEEP_DELETED:
		return "deleted";
	case SEGREG_SWEEP_FAILED:
		return "failed";
	case SEGREG_SWEEP_HELD:
		return "held";
	case SEGREG_SWEEP_RECLAIMED:
		return "reclaimed";
	case SEGREG_SWEEP_MISSING:
		return "missing";
	}
	return "unknown";
}

__attribute__((format(printf, 1, 2)))
static char *format_line(const char *format, ...)
{
	va_list args;
	char *line;

	va_start(args, format);
	line = tool_vformat(format, args);
	va_end(args);
	return line;
}

char *tool_describe_event(const struct segreg_sweep_event *event, bool dry_run)
{
	char freed[TOOL_SPAN_SIZE];

	switch (event->action) {
	case SEGREG_SWEEP_DELETED:
		tool_format_bytes(event->bytes, freed);
		return format_line("%s %" PRIu64 " %s: %s%s", dry_run ? "would delete" : "deleted", event->id, event->path, freed,
				   dry_run ? "" : " freed");
	case SEGREG_SWEEP_RECLAIMED:
		return format_line("reclaimed a handle of pid %" PRId64 " (%s): %" PRIu64 " %s", event->pid, event->label, event->pins,
				   event->pins == 1 ? "pin" : "pins");
	case SEGREG_SWEEP_FAILED:
	case SEGREG_SWEEP_HELD:
	case SEGREG_SWEEP_MISSING:
		break;
	}
	return format_line("%s %" PRIu64 " %s: %s", tool_event_name(event), event->id, event->path, event->reason);
}

void tool_say_event(FILE *stream, const char *prefix, const struct segreg_sweep_event *event, bool dry_run)
{
	char *line = tool_describe_event(event, dry_run);

	fprintf(stream, "%s%s\n", prefix, line ? line : "out of memory");
	free(line);
}

/* ------------------------------------------------------------------ what failed earlier */

struct failed {
	uint64_t n;
	int64_t at; /* the next try of the first */
};

static int count_failed(void *arg, const struct segreg_info *info)
{
	struct failed *failed = arg;

	if (info->state != SEGREG_DELETING || !info->attempts)
		return 0;
	if (!failed->n++ || info->retry_at < failed->at)
		failed->at = info->retry_at;
	return 0;
}

int tool_describe_failed(struct segreg *reg, char **line)
{
	struct failed failed = { .n = 0 };
	int code = segreg_list_retired(reg, count_failed, &failed);
	char time[TOOL_SPAN_SIZE];

	*line = NULL;
	if (code || !failed.n)
		return code;
	*line = format_line("%" PRIu64 " %s for another try until %s: segctl sweep --retry-now", failed.n,
			    failed.n == 1 ? "segment waits" : "segments wait", tool_format_time(failed.at, time));
	return *line ? 0 : SEGREG_E_NOMEM;
}
