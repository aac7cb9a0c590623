/* verb_sweep.c - segctl sweep: deletes now what no handle holds, and prints what it did. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "segreg.h"
#include "common/event.h"
#include "common/format.h"
#include "common/out.h"
#include "segctl/ctl.h"
#include "segctl/error.h"
#include "segctl/parse.h"
#include "segctl/progress.h"

static int exec(struct ctl *ctl);

const struct ctl_verb ctl_sweep = {
	.name = "sweep",
	.operands = "",
	.help = "Delete every retired segment that nobody holds",
	.options =
		(const struct ctl_option[]){
			{ 'n', "dry-run", NULL, "say what would be deleted, change nothing" },
			{ 'l', "limit", "N", "delete at most N segments" },
			{ 'g', "grace", "DURATION", "leave segments alone for DURATION after their retirement" },
			{ 'p', "pace", "BYTES", "delete at most BYTES per second, such as 20M" },
			{ 'R', "retry-now", NULL, "try failed deletions again now, not when they are due" },
			{ 0 },
		},
	.exec = exec,
};

struct run {
	const struct ctl *ctl;
	uint64_t deleted, bytes; /* so far */
	/*
	 * What stdout has not taken yet. No other process can sweep during a sweep, so the sweep does not wait for a
	 * reader.
	 */
	struct tool_out out;
	FILE *lines;
	char *text;
	size_t length, written;
};

/* False: stdout is broken. */
static bool write_what_fits(struct run *run)
{
	ssize_t n = 0;

	if (fflush(run->lines))
		return false;
	while (run->written < run->length && n != -1) {
		n = tool_out_write(&run->out, run->text + run->written, run->length - run->written);
		run->written += n > 0 ? (size_t)n : 0;
	}
	if (n == -1 && errno != EAGAIN && errno != EINTR)
		return false;
	if (run->written == run->length) {
		rewind(run->lines);
		run->written = 0;
	}
	return true;
}

static void write_the_rest(struct run *run)
{
	fclose(run->lines);
	if (run->length > run->written)
		fwrite(run->text + run->written, 1, run->length - run->written, stdout);
	free(run->text);
	tool_out_close(&run->out);
}

static int on_event(void *arg, const struct segreg_sweep_event *event)
{
	struct run *run = arg;
	char freed[TOOL_SPAN_SIZE];

	ctl_progress_end();
	tool_event_say(run->lines, "", event, run->ctl->option['n'] != NULL);
	run->deleted += event->action == SEGREG_SWEEP_DELETED;
	run->bytes += event->action == SEGREG_SWEEP_DELETED ? event->bytes : 0;
	if (!isatty(STDOUT_FILENO))
		ctl_progress_show("%" PRIu64 " deleted, %s freed", run->deleted, tool_format_bytes(run->bytes, freed));
	return !write_what_fits(run);
}

static void count(uint64_t n, const char *one, const char *many)
{
	printf("%" PRIu64 " %s", n, n == 1 ? one : many);
}

static void summarize(const struct ctl *ctl, const struct segreg_sweep_result *result)
{
	const char *would = ctl->option['n'] ? " would be" : "";
	char bytes[TOOL_SPAN_SIZE];

	count(result->deleted, "segment", "segments");
	printf("%s deleted, %s freed", would, tool_format_bytes(result->bytes_freed, bytes));
	if (result->bytes_linked)
		printf(", %s still linked elsewhere", tool_format_bytes(result->bytes_linked, bytes));
	printf("; %" PRIu64 " held, %" PRIu64 " waiting, %" PRIu64 " failed", result->held, result->waiting,
	       result->failed);
	if (result->reclaimed) {
		printf("; ");
		count(result->reclaimed, "dead handle", "dead handles");
		printf(" reclaimed with ");
		count(result->reclaimed_pins, "pin", "pins");
	}
	printf("\n");
}

/*
 * A deletion that failed earlier is not done, although this sweep left it alone. A caller that reads only the exit
 * status needs to know that.
 */
static int tell_failed(const struct ctl *ctl)
{
	char *line;
	int code = tool_event_describe_failed(ctl->reg, &line);
	int status = code ? ctl_fail(ctl, code) : EX_OK;

	if (line)
		status = ctl_error(ctl, EX_TEMPFAIL, "%s", line);
	free(line);
	return ctl->option['n'] && !code ? EX_OK : status;
}

static bool parse(const struct ctl *ctl, struct segreg_sweep_options *sweep)
{
	if (ctl->option['n'])
		sweep->flags |= SEGREG_SWEEP_DRY_RUN;
	if (ctl->option['R'])
		sweep->flags |= SEGREG_SWEEP_RETRY_NOW;
	if (!ctl_parse_option(ctl, 'l', &sweep->limit))
		return false;
	if (!ctl_parse_span(ctl, 'g', &sweep->grace_ms) || !ctl_parse_bytes(ctl, 'p', &sweep->pace))
		return false;
	if (ctl->option['p'] && !sweep->pace) {
		ctl_usage(ctl, "option -p: a pace of 0 would delete nothing");
		return false;
	}
	return true;
}

static int exec(struct ctl *ctl)
{
	struct run run = { .ctl = ctl };
	struct segreg_sweep_options sweep = { .size = sizeof sweep, .fn = on_event, .arg = &run };
	struct segreg_sweep_result result = { .size = sizeof result };
	int code, status;

	if (!parse(ctl, &sweep))
		return EX_USAGE;
	run.lines = open_memstream(&run.text, &run.length);
	if (!run.lines)
		return ctl_error(ctl, EX_UNAVAILABLE, "no memory to sweep");
	tool_out_open(&run.out, STDOUT_FILENO);
	code = segreg_sweep(ctl->reg, &sweep, &result);
	write_the_rest(&run);
	ctl_progress_end();
	if (code)
		return ctl_fail(ctl, code);
	summarize(ctl, &result);
	status = tell_failed(ctl);
	if (fflush(stdout)) /* main writes why */
		return EX_IOERR;
	return result.failed ? EX_TEMPFAIL : status;
}
