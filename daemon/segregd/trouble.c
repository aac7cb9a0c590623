/*
 * trouble.c - the errors of a server: in the log, in segregd.lock, and to the herd.
 *
 * An error is logged once, however often it comes back. segctl finds the last one in segregd.lock.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "segreg.h"
#include "common/cause.h"
#include "common/status.h"
#include "segregd/lock.h"
#include "segregd/log.h"
#include "segregd/trouble.h"

static bool note_news(struct trouble *t, int code)
{
	bool is_new = code != t->code;

	t->code = code;
	return is_new;
}

void trouble_report(const struct trouble *t, const char *format, ...)
{
	va_list args;

	if (t->settings->report == -1)
		return;
	va_start(args, format);
	vdprintf(t->settings->report, format, args);
	va_end(args);
}

static void write_error(struct trouble *t)
{
	warn("%s", t->error);
	if (t->lock != -1)
		tool_served_write(t->lock, t->error);
}

void trouble_tell(struct trouble *t, int code, const char *error)
{
	if (!note_news(t, code))
		return;
	snprintf(t->error, sizeof t->error, "%s", error);
	write_error(t);
}

void trouble_log(struct trouble *t, int code, bool is_confined)
{
	const char *story = *segreg_last_error() ? segreg_last_error() : segreg_strerror(code);
	char user[96] = "", cause[TOOL_CAUSE_SIZE];
	const char *way_out;

	if (!note_news(t, code))
		return;
	if (code == SEGREG_E_PERM)
		snprintf(user, sizeof user, "; segregd runs as uid %u, which needs the right to write there",
			 geteuid());
	way_out = tool_cause_find(code, t->settings->dir, story, cause);
	if (!*way_out)
		way_out = tool_status_find_way_out(code, story);
	snprintf(t->error, sizeof t->error, "%s%s%s%s", story, way_out, user,
		 is_confined && code == SEGREG_E_PERM
			 ? "; if a directory was replaced, restart segregd: it is confined to the old one"
			 : "");
	write_error(t);
	trouble_report(t, "%s: %s\n", t->settings->dir, segreg_strerror(code));
}

static void warn_of_another(const char *dir)
{
	struct tool_served served;
	char pid[32] = "";

	tool_served_read(dir, &served);
	if (served.pid)
		snprintf(pid, sizeof pid, " (pid %" PRId64 ")", served.pid);
	warn("another segregd%s serves %s already; one is enough: end that one first, or leave it", pid, dir);
}

/* error: of lock_take. Returns a SEGREG_E_* code. */
static int refuse_lock(struct trouble *t, int error)
{
	int code = error == EAGAIN ? SEGREG_E_BUSY : error == EACCES ? SEGREG_E_PERM : SEGREG_E_IO;
	const char *dir = t->settings->dir;

	if (!note_news(t, code))
		return code;
	if (code == SEGREG_E_BUSY)
		warn_of_another(dir);
	else if (code == SEGREG_E_PERM)
		warn("cannot lock %s/" TOOL_SWEEPER_LOCK
		     ": %s; start segregd as the user that owns that file, or remove it if no segregd runs",
		     dir, strerror(error));
	else
		warn("cannot lock %s/" TOOL_SWEEPER_LOCK ": %s", dir, strerror(error));
	return code;
}

int trouble_lock(struct trouble *t, bool is_registry)
{
	if (t->lock != -1 && lock_is_current(t->lock, t->settings->dir))
		return 0;
	if (t->lock != -1)
		close(t->lock);
	t->lock = lock_take(t->settings->dir, is_registry);
	if (t->lock != -1)
		tool_served_write(t->lock, *t->error ? t->error : NULL);
	return t->lock != -1 || (!is_registry && errno != EAGAIN) ? 0 : refuse_lock(t, errno);
}

void trouble_clear(struct trouble *t)
{
	if (t->code) {
		say("serving %s again", t->settings->dir);
		trouble_report(t, "serving\n");
		tool_served_write(t->lock, NULL);
	}
	*t->error = '\0';
	t->code = 0;
}

void trouble_close(struct trouble *t, bool in_order)
{
	if (t->lock == -1)
		return;
	if (in_order)
		tool_served_write(t->lock, NULL);
	close(t->lock);
	t->lock = -1;
}
