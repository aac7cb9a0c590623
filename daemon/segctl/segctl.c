/*
 * segctl.c - the operator's tool: finds the verb, parses its options, opens the registry, runs it.
 */
#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "segreg.h"
#include "common/out.h"
#include "common/text.h"
#include "segctl/ctl.h"
#include "segctl/error.h"
#include "segctl/help.h"
#include "segctl/parse.h"
#include "segctl/stderr.h"
#include "segctl/suggest.h"
#include "segctl/verbs.h"

static int run_verb(struct ctl *ctl)
{
	struct segreg_open_options options = { .size = sizeof options, .label = "segctl" };
	int status, code;

	if (ctl->verb->flags & CTL_OWN_OPEN)
		return ctl->verb->exec(ctl);
	if (!ctl->dir || !*ctl->dir)
		return ctl_usage(ctl, "which registry? Give -r DIR or set SEGREG_REGISTRY");
	code = segreg_open(ctl->dir, &options, &ctl->reg);
	if (code)
		return ctl_fail(ctl, code);
	status = ctl->verb->exec(ctl);
	segreg_close(ctl->reg, NULL);
	return status;
}

static int parse_verb(struct ctl *ctl, int argc, char **argv)
{
	const struct ctl_verb *verb = ctl->verb;
	struct ctl_grammar grammar = { .length = 0 };
	char name[64];

	snprintf(name, sizeof name, "segctl: %s", verb->name);
	argv[0] = name; /* getopt complains under it */
	if (verb->flags & CTL_COMMAND)
		grammar.letters[grammar.length++] = '+';
	ctl_parse_add_options(&grammar, verb->options);
	ctl_parse_add_options(&grammar, verb->columns ? ctl_table_options : NULL);
	ctl_parse_add_options(&grammar, ctl_common_options);
	if (!ctl_parse_options(ctl, &grammar, argc, argv))
		return ctl_try_help(ctl);
	if (ctl->option['h'])
		return ctl_help_print_verb(verb);
	ctl->operand = argv + optind;
	ctl->n_operands = argc - optind;
	if (ctl->n_operands < verb->min)
		return ctl_usage(ctl, "%s expected", verb->operands);
	if (verb->max >= 0 && ctl->n_operands > verb->max)
		return ctl_usage(ctl, "unexpected operand '%s'", ctl->operand[verb->max]);
	ctl->dir = ctl->option['r'] ? ctl->option['r'] : getenv("SEGREG_REGISTRY");
	return run_verb(ctl);
}

static int run(int argc, char **argv)
{
	struct ctl_grammar grammar = { .letters = "+", .length = 1 };
	struct ctl ctl = { .verb = NULL };
	struct ctl_suggest suggest;
	char name[] = "segctl";

	if (argc < 1)
		return EX_USAGE;
	argv[0] = name;
	ctl_parse_add_options(&grammar, ctl_common_options);
	ctl_parse_add_options(&grammar, ctl_top_options);
	if (!ctl_parse_options(&ctl, &grammar, argc, argv))
		return ctl_try_help(&ctl);
	if (ctl.option['h'])
		return ctl_help_print();
	if (ctl.option['V'])
		return printf("segctl %s\n", segreg_version_string()) < 0 ? EX_IOERR : EX_OK;
	if (optind == argc && isatty(STDOUT_FILENO))
		return ctl_help_print_first();
	if (optind == argc)
		return ctl_usage(&ctl, "which verb?");
	ctl.verb = ctl_verbs_find(argv[optind]);
	if (!ctl.verb)
		return ctl_usage(&ctl, "unknown verb '%s'%s", argv[optind], ctl_verbs_suggest(&suggest, argv[optind]));
	return parse_verb(&ctl, argc - optind, argv + optind);
}

/* What was not written was not done: a full disk behind stdout is a failure. */
int main(int argc, char **argv)
{
	int status;

	tool_out_guard();
	setlocale(LC_CTYPE, "");
	status = run(argc, argv);
	ctl_stderr_finish();
	if (ferror(stdout) | fclose(stdout)) {
		tool_text_say(stderr, "segctl: ", "cannot write the output: %s", strerror(errno));
		return status ? status : EX_IOERR;
	}
	return status;
}
