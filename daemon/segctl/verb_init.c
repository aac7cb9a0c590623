/* verb_init.c - segctl init: creates a registry, or adopts one whose files were moved or restored. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include "segreg.h"
#include "common/format.h"
#include "common/text.h"
#include "segctl/ctl.h"
#include "segctl/error.h"
#include "segctl/parse.h"

static int exec(struct ctl *ctl);

const struct ctl_verb ctl_init = {
	.name = "init",
	.operands = "[DIR]",
	.help = "Create the registry DIR",
	.max = 1,
	.flags = CTL_OWN_OPEN,
	.options =
		(const struct ctl_option[]){
			{ 'B', "base", "DIR", "where segments lie (default of a new one: its parent)" },
			{ 's', "max-segments", "N", "at most N segments at once" },
			{ 'l', "max-lanes", "N", "at most N handles at once, in all processes" },
			{ 't', "take-base", NULL, "take a base whose registry is gone for good" },
			{ 'a', "adopt", NULL, "accept the files of an existing registry as they stand" },
			{ 0 },
		},
	.exec = exec,
};

static int tell(const struct ctl *ctl, const char *what, bool took)
{
	struct segreg_stats stats = { .size = sizeof stats };
	int code = segreg_stats(ctl->reg, &stats);

	if (code)
		return ctl_fail(ctl, code);
	tool_text_say(stdout, "", "%s registry %s", what, ctl->dir);
	tool_text_say(stdout, "", "for segments below %s", segreg_base_path(ctl->reg));
	tool_text_say(stdout, "", "at most %" PRIu64 " %s and %" PRIu64 " %s at once", stats.max_segments,
		      tool_plural(stats.max_segments, "segment", "segments"), stats.max_lanes,
		      tool_plural(stats.max_lanes, "handle", "handles"));
	if (took)
		tool_text_say(stdout, "",
			      "the registry does not know what is there already: segctl check --strangers lists it");
	return EX_OK;
}

/* Compare an existing registry with what was asked for. */
static int compare(const struct ctl *ctl, const struct segreg_open_options *asked)
{
	struct segreg_stats stats = { .size = sizeof stats };
	char *base = asked->base ? realpath(asked->base, NULL) : NULL;
	bool same_base = !asked->base || (base && !strcmp(base, segreg_base_path(ctl->reg)));
	int code = segreg_stats(ctl->reg, &stats);

	free(base);
	if (code)
		return ctl_fail(ctl, code);
	if (!same_base)
		return ctl_error(ctl, EX_CANTCREAT,
				 "%s exists, and its base is %s; segctl init --adopt --base moves it", ctl->dir,
				 segreg_base_path(ctl->reg));
	if ((asked->max_segments && asked->max_segments != stats.max_segments) ||
	    (asked->max_lanes && asked->max_lanes != stats.max_lanes))
		return ctl_error(ctl, EX_CANTCREAT,
				 "%s exists, for at most %" PRIu64 " %s and %" PRIu64 " %s, fixed for good; "
				 "make another one, and load it (segctl dump, load)",
				 ctl->dir, stats.max_segments, tool_plural(stats.max_segments, "segment", "segments"),
				 stats.max_lanes, tool_plural(stats.max_lanes, "handle", "handles"));
	return EX_OK;
}

static bool is_on_tmpfs(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
}

/* A registry in memory is a choice for tests, and a mistake for data. */
static void note_tmpfs(const struct ctl *ctl)
{
	bool is_registry = is_on_tmpfs(ctl->dir), is_base = is_on_tmpfs(segreg_base_path(ctl->reg));

	if (is_registry && !is_base)
		ctl_error(
			ctl, EX_OK,
			"note: %s is on tmpfs. After a restart of the host the registry is gone, and no sweep deletes "
			"what is below %s",
			ctl->dir, segreg_base_path(ctl->reg));
	else if (is_registry || is_base)
		ctl_error(ctl, EX_OK, "note: %s is on tmpfs, and is gone after a restart of the host",
			  is_registry ? ctl->dir : segreg_base_path(ctl->reg));
}

static int open_and_tell(struct ctl *ctl, struct segreg_open_options *asked)
{
	const char *what = ctl->option['a'] ? "Adopted the" : "There is already the";
	int status, code = segreg_open(ctl->dir, asked, &ctl->reg);
	bool took = false;

	if (code == SEGREG_E_NOENT && !ctl->option['a']) {
		what = "Created the";
		took = ctl->option['t'];
		asked->flags = SEGREG_CREATE | (took ? SEGREG_TAKE_BASE : 0);
		code = segreg_open(ctl->dir, asked, &ctl->reg);
	}
	if (code)
		return ctl_fail(ctl, code);
	status = compare(ctl, asked);
	if (!status)
		status = tell(ctl, what, took);
	if (!status && *what == 'C')
		note_tmpfs(ctl);
	segreg_close(ctl->reg, NULL);
	return status;
}

static int exec(struct ctl *ctl)
{
	struct segreg_open_options asked = {
		.size = sizeof asked,
		.flags = ctl->option['a'] ? SEGREG_ADOPT : 0,
		.label = "segctl",
		.base = ctl->option['B'],
	};

	if (ctl->option['a'] && ctl->option['t'])
		return ctl_usage(ctl, "--take-base is for a new registry, --adopt for an old one");
	if (ctl->n_operands && ctl->option['r'])
		return ctl_usage(ctl, "the registry is given twice: -r %s and %s", ctl->option['r'], ctl->operand[0]);
	if (ctl->n_operands)
		ctl->dir = ctl->operand[0];
	if (!ctl->dir || !*ctl->dir)
		return ctl_usage(ctl, "which registry? Give DIR or set SEGREG_REGISTRY");
	if (!ctl_parse_option(ctl, 's', &asked.max_segments) || !ctl_parse_option(ctl, 'l', &asked.max_lanes))
		return EX_USAGE;
	return open_and_tell(ctl, &asked);
}
