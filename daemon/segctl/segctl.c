/*
 * segctl.c - the operator's tool: finds the verb, parses its options, opens the registry, runs it.
 */
#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "segctl/ctl.h"

#define OPTIONS_MAX 32

static const struct ctl_verb *const verbs[] = {
	&ctl_init, &ctl_register, &ctl_retire, &ctl_remove, &ctl_ls, &ctl_show, &ctl_why, &ctl_holders, &ctl_stats, &ctl_sweep, &ctl_evict, &ctl_check, &ctl_debug,
	&ctl_log, &ctl_top, &ctl_pin, &ctl_hold, &ctl_wait, &ctl_dump, &ctl_load,
	&ctl_backup, &ctl_restore,
};

static const struct ctl_option common_options[] = {
	{ 'r', "registry", "DIR", "the registry (default: $SEGREG_REGISTRY)" },
	{ 'h', "help", NULL, "show this and exit" },
	{ 0 },
};

static const struct ctl_option top_options[] = {
	{ 'V', "version", NULL, "show the version and exit" },
	{ 0 },
};

static const struct ctl_option table_options[] = {
	{ 'o', "output", "LIST", "columns, comma-separated; +LIST adds to the usual" },
	{ 'J', "json", NULL, "JSON" },
	{ 'n', "noheadings", NULL, "no headings" },
	{ 'R', "raw", NULL, "one space between columns, plain numbers" },
	{ 'b', "bytes", NULL, "sizes in bytes" },
	{ 0 },
};

/* ------------------------------------------------------------------ errors */

__attribute__((format(printf, 2, 0)))
static void complain(const struct ctl *ctl, const char *format, va_list args)
{
	char *message = tool_vformat(format, args), *line = NULL;

	ctl_progress_end();
	if (asprintf(&line, "segctl: %s%s%s\n", ctl->verb ? ctl->verb->name : "", ctl->verb ? ": " : "",
		     message ? message : "out of memory") < 0)
		line = NULL;
	ctl_err(line ? line : "segctl: out of memory\n");
	free(line);
	free(message);
}

int ctl_error(const struct ctl *ctl, int status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain(ctl, format, args);
	va_end(args);
	return status;
}

int ctl_fail(const struct ctl *ctl, int code)
{
	const char *story = *segreg_last_error() ? segreg_last_error() : segreg_strerror(code);

	return ctl_error(ctl, tool_exit_status(code), "%s%s", story, tool_way_out(code, story));
}

static int try_help(const struct ctl *ctl)
{
	char line[64];

	snprintf(line, sizeof line, "Try 'segctl %.16s%s--help'.\n", ctl->verb ? ctl->verb->name : "", ctl->verb ? " " : "");
	ctl_err(line);
	return EX_USAGE;
}

int ctl_usage(const struct ctl *ctl, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain(ctl, format, args);
	va_end(args);
	return try_help(ctl);
}

bool ctl_parse_id(const struct ctl *ctl, const char *text, uint64_t *id)
{
	if (tool_parse_number(text, UINT64_MAX, id))
		return true;
	ctl_usage(ctl, "'%s' is not an id: a decimal number below 2^64, or a hexadecimal one after 0x", text);
	return false;
}

bool ctl_option_number(const struct ctl *ctl, char letter, uint32_t *value)
{
	const char *text = ctl->option[(unsigned char)letter];
	uint64_t number;

	if (!text)
		return true;
	if (!tool_parse_number(text, UINT32_MAX, &number) || !number) {
		ctl_usage(ctl, "option -%c: '%s' is not a number from 1 to %" PRIu32, letter, text, UINT32_MAX);
		return false;
	}
	*value = (uint32_t)number;
	return true;
}

/* ------------------------------------------------------------------ help */

static void print_options(const struct ctl_option *options)
{
	for (; options && options->letter; options++) {
		char names[64];

		snprintf(names, sizeof names, "-%c, --%s%s%s", options->letter, options->name, options->arg ? " " : "",
			 options->arg ? options->arg : "");
		printf("  %-20s  %s\n", names, options->help);
	}
}

static void print_columns(const struct ctl_column *columns)
{
	printf("\nColumns:\n");
	for (; columns->name; columns++)
		printf("  %-13s  %s\n", columns->name, columns->help);
}

static int help_verb(const struct ctl_verb *verb)
{
	printf("Usage: segctl [-r DIR] %s [OPTION]...%s%s\n\n%s.\n\nOptions:\n", verb->name, *verb->operands ? " " : "",
	       verb->operands, verb->help);
	print_options(verb->options);
	if (verb->columns)
		print_options(table_options);
	print_options(common_options);
	if (verb->columns)
		print_columns(verb->columns);
	return EX_OK;
}

static int help(void)
{
	printf("Usage: segctl [-r DIR] VERB [OPTION]... [ARGUMENT]...\n\n"
	       "Look after a registry of shared segments.\n\nVerbs:\n");
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		printf("  %-8s  %s\n", verbs[i]->name, verbs[i]->help);
	printf("\nOptions:\n");
	print_options(common_options);
	print_options(top_options);
	printf("\n'segctl VERB --help' tells more; segctl(1) tells all.\n");
	return EX_OK;
}

/* ------------------------------------------------------------------ the command line */

/* getopt's view of some tables of options. It complains under the name in argv[0]. */
struct grammar {
	char letters[2 * OPTIONS_MAX + 3];
	struct option names[OPTIONS_MAX + 1];
	size_t n, length;
};

static void grammar_add(struct grammar *grammar, const struct ctl_option *options)
{
	for (; options && options->letter; options++) {
		grammar->letters[grammar->length++] = options->letter;
		if (options->arg)
			grammar->letters[grammar->length++] = ':';
		grammar->names[grammar->n++] = (struct option){
			.name = options->name,
			.has_arg = options->arg ? required_argument : no_argument,
			.val = options->letter,
		};
	}
}

/* Fill ctl's options; false if there was an unknown one. The operands start at argv[optind]. */
static bool parse_options(struct ctl *ctl, const struct grammar *grammar, int argc, char **argv)
{
	int letter;

	optind = 0;
	while ((letter = getopt_long(argc, argv, grammar->letters, grammar->names, NULL)) != -1) {
		if (letter == '?')
			return false;
		ctl->option[letter] = optarg ? optarg : "";
	}
	return true;
}

static const struct ctl_verb *find_verb(const char *name)
{
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (!strcmp(verbs[i]->name, name))
			return verbs[i];
	return NULL;
}

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
	struct grammar grammar = { .length = 0 };
	char name[64];

	snprintf(name, sizeof name, "segctl: %s", verb->name);
	argv[0] = name;
	if (verb->flags & CTL_COMMAND)
		grammar.letters[grammar.length++] = '+';
	grammar_add(&grammar, verb->options);
	grammar_add(&grammar, verb->columns ? table_options : NULL);
	grammar_add(&grammar, common_options);
	if (!parse_options(ctl, &grammar, argc, argv))
		return try_help(ctl);
	if (ctl->option['h'])
		return help_verb(verb);
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
	struct grammar grammar = { .letters = "+", .length = 1 };
	struct ctl ctl = { .verb = NULL };
	char name[] = "segctl";

	if (argc < 1)
		return EX_USAGE;
	argv[0] = name;
	grammar_add(&grammar, common_options);
	grammar_add(&grammar, top_options);
	if (!parse_options(&ctl, &grammar, argc, argv))
		return try_help(&ctl);
	if (ctl.option['h'])
		return help();
	if (ctl.option['V'])
		return printf("segctl %s\n", segreg_version_string()) < 0 ? EX_IOERR : EX_OK;
	if (optind == argc)
		return ctl_usage(&ctl, "which verb?");
	ctl.verb = find_verb(argv[optind]);
	if (!ctl.verb)
		return ctl_usage(&ctl, "unknown verb '%s'", argv[optind]);
	return parse_verb(&ctl, argc - optind, argv + optind);
}

/* What was not written was not done: a full disk behind stdout is a failure. */
int main(int argc, char **argv)
{
	int status;

	tool_guard_descriptors();
	setlocale(LC_CTYPE, "");
	status = run(argc, argv);
	ctl_err_finish();
	if (ferror(stdout) | fclose(stdout)) {
		tool_say(stderr, "segctl: ", "cannot write the output: %s", strerror(errno));
		return status ? status : EX_IOERR;
	}
	return status;
}
