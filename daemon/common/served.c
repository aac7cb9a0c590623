/*
 * served.c - what segregd.lock says: which segregd serves the registry, and why its sweeps fail.
 *
 * The lock shows whether a segregd runs. The text has what that segregd found. The file has one size, and segregd
 * writes over it in place: that takes no new block of a full disk. Any process that may write to the registry may have
 * written the file, so the reader checks it. A reader that meets a writer sees two different turns, and reads again.
 *
 *      segregd 1
 *      turn N
 *      pid N in NAMESPACE
 *      failed SECONDS ERROR        or: serves
 *      turn N                      at the end, behind newlines
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "segreg.h"
#include "common/cause.h"
#include "common/format.h"
#include "common/now.h"
#include "common/number.h"
#include "common/served.h"

#define FILE_SIZE 1024
#define TURN_SIZE 32 /* of the last line */
#define TRIES 10

/* The PID namespace of this process; 0: not known. */
static uint64_t pid_namespace(void)
{
	struct stat st;

	return stat("/proc/self/ns/pid", &st) == 0 ? st.st_ino : 0;
}

/* ------------------------------------------------------------------ writing */

void tool_served_write(int fd, const char *error)
{
	static uint32_t turn;
	char text[FILE_SIZE], *end = text + FILE_SIZE - TURN_SIZE, why[TOOL_SERVED_ERROR] = "";
	int length;

	turn++;
	memset(text, '\n', sizeof text);
	length = snprintf(text, (size_t)(end - text), "segregd 1\nturn %" PRIu32 "\npid %d in %" PRIu64 "\n", turn,
			  getpid(), pid_namespace());
	if (error)
		snprintf(why, sizeof why, "%s", error);
	for (char *c = why; *c; c++) /* the error is one line */
		*c = iscntrl((unsigned char)*c) ? ' ' : *c;
	if (error)
		length += snprintf(text + length, (size_t)(end - text - length), "failed %" PRId64 " %s",
				   tool_now_real() / 1000000000, why);
	else
		length += snprintf(text + length, (size_t)(end - text - length), "serves");
	text[length] = '\n';
	length = snprintf(end, TURN_SIZE, "turn %" PRIu32, turn);
	end[length] = '\n';
	if (pwrite(fd, text, sizeof text, 0) != (ssize_t)sizeof text && ftruncate(fd, 0) == -1)
		return; /* at worst the file keeps an older text */
}

/* ------------------------------------------------------------------ reading */

/* Returns the next line without key, as a string; NULL if the line does not begin with key. */
static char *take_line(char **text, const char *key)
{
	size_t length = strlen(key);
	char *line = strsep(text, "\n");

	return line && !strncmp(line, key, length) ? line + length : NULL;
}

static bool parse_pid(char *line, struct tool_served *served)
{
	char *space = strstr(line, " in ");
	uint64_t pid;

	if (!space)
		return false;
	*space = '\0';
	if (!tool_parse_number(line, INT32_MAX, &pid) || !pid ||
	    !tool_parse_number(space + 4, UINT64_MAX, &served->pid_namespace))
		return false;
	served->pid = (int64_t)pid;
	return true;
}

static bool parse_state(char *line, struct tool_served *served)
{
	char *error = strchr(line, ' ');
	uint64_t seconds;

	if (!error)
		return false;
	*error++ = '\0';
	if (!tool_parse_number(line, INT32_MAX * UINT64_C(1000), &seconds) || !*error)
		return false;
	served->since = (int64_t)seconds * 1000000000;
	snprintf(served->error, sizeof served->error, "%s", error);
	return true;
}

/* Returns 1 for a text that can be used, 0 for one that cannot, -1 for one that is being written. */
static int parse(char text[FILE_SIZE + 1], struct tool_served *served)
{
	char *rest = text, *end = text + FILE_SIZE - TURN_SIZE, *first, *last, *line;

	if (memchr(text, '\0', FILE_SIZE) || strncmp(end, "turn ", 5))
		return 0;
	if (!take_line(&rest, "segregd 1") || !(first = take_line(&rest, "turn ")))
		return 0;
	last = strsep(&end, "\n") + 5;
	if (strcmp(first, last))
		return -1;
	line = take_line(&rest, "pid ");
	if (!line || !parse_pid(line, served) || !rest)
		return 0;
	if (strncmp(rest, "failed ", 7))
		return !strncmp(rest, "serves\n", 7);
	line = take_line(&rest, "failed ");
	return line && parse_state(line, served);
}

static void read_text(int fd, struct tool_served *served)
{
	char text[FILE_SIZE + 1];
	int told = -1;

	for (int i = 0; i < TRIES && told == -1; i++) {
		if (pread(fd, text, FILE_SIZE, 0) != FILE_SIZE)
			return;
		text[FILE_SIZE] = '\0';
		*served = (struct tool_served){ .is_running = served->is_running };
		told = parse(text, served);
	}
	if (told != 1)
		*served = (struct tool_served){ .is_running = served->is_running };
}

static void read_lock(const char *dir, struct tool_served *served)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char path[SEGREG_PATH_SIZE];
	struct stat st;
	int fd;

	*served = (struct tool_served){ .is_running = false };
	snprintf(path, sizeof path, "%s/%s", dir, TOOL_SWEEPER_LOCK);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd == -1)
		return;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		served->is_running = fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
		read_text(fd, served);
	}
	close(fd);
}

void tool_served_read(const char *dir, struct tool_served *served)
{
	read_lock(dir, served);
	served->idle_pid = served->is_running ? 0 : tool_cause_find_segregd(dir);
	if (!served->idle_pid)
		return;
	served->is_running = true;
	served->pid = served->idle_pid;
	served->pid_namespace = pid_namespace();
	snprintf(served->error, sizeof served->error, "it does not serve the registry");
}

/* ------------------------------------------------------------------ telling */

const char *tool_served_describe(const struct tool_served *served, char text[TOOL_SERVED_TEXT])
{
	char pid[64] = "", time[TOOL_SPAN_SIZE];

	if (served->pid)
		snprintf(pid, sizeof pid, " (pid %" PRId64 "%s)", served->pid,
			 served->pid_namespace == pid_namespace() ? "" : " of another PID namespace");
	if (served->idle_pid)
		snprintf(text, TOOL_SERVED_TEXT,
			 "segregd%s runs, but it does not serve the registry: its log tells why", pid);
	else if (served->is_running && *served->error)
		snprintf(text, TOOL_SERVED_TEXT, "segregd%s runs, but its last sweep failed, since %s: %s", pid,
			 tool_format_time(served->since, time), served->error);
	else if (served->is_running)
		snprintf(text, TOOL_SERVED_TEXT, "segregd%s serves", pid);
	else if (*served->error)
		snprintf(text, TOOL_SERVED_TEXT, "no segregd runs; the last%s failed at %s: %s", pid,
			 tool_format_time(served->since, time), served->error);
	else
		snprintf(text, TOOL_SERVED_TEXT, "no segregd runs");
	return text;
}
