/*
 * help.c - what --help prints, and the options that many verbs have.
 */
#include <stdio.h>
#include <stdlib.h>

#include "segreg.h"
#include "segctl/ctl.h"
#include "segctl/help.h"
#include "segctl/verbs.h"

const struct ctl_option ctl_common_options[] = {
	{ 'r', "registry", "DIR", "the registry (default: $SEGREG_REGISTRY)" },
	{ 'h', "help", NULL, "show this and exit" },
	{ 0 },
};

const struct ctl_option ctl_top_options[] = {
	{ 'V', "version", NULL, "show the version and exit" },
	{ 0 },
};

const struct ctl_option ctl_table_options[] = {
	{ 'o', "output", "LIST", "columns, comma-separated; +LIST adds to the usual" },
	{ 'J', "json", NULL, "JSON" },
	{ 'n', "noheadings", NULL, "no headings" },
	{ 'R', "raw", NULL, "one space between columns, plain numbers" },
	{ 'b', "bytes", NULL, "sizes in bytes" },
	{ 0 },
};

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

int ctl_help_print_verb(const struct ctl_verb *verb)
{
	printf("Usage: segctl [-r DIR] %s [OPTION]...%s%s\n\n%s.\n\nOptions:\n", verb->name, *verb->operands ? " " : "",
	       verb->operands, verb->help);
	print_options(verb->options);
	if (verb->columns)
		print_options(ctl_table_options);
	print_options(ctl_common_options);
	if (verb->columns)
		print_columns(verb->columns);
	return EX_OK;
}

int ctl_help_print(void)
{
	printf("Usage: segctl [-r DIR] VERB [OPTION]... [ARGUMENT]...\n\n"
	       "Look after a registry of shared segments.\n\nVerbs:\n");
	for (const struct ctl_verb *const *verb = ctl_verbs; *verb; verb++)
		printf("  %-8s  %s\n", (*verb)->name, (*verb)->help);
	printf("\nOptions:\n");
	print_options(ctl_common_options);
	print_options(ctl_top_options);
	printf("\n'segctl VERB --help' shows more; segctl(1) has all.\n");
	return EX_OK;
}

int ctl_help_print_first(void)
{
	const char *dir = getenv("SEGREG_REGISTRY");

	if (dir && *dir)
		printf("The registry is %s (SEGREG_REGISTRY). Three commands come first:\n\n", dir);
	else
		printf("Three commands come first. -r DIR names the registry, or set SEGREG_REGISTRY.\n\n");
	printf("  segctl init --base DATA   make a registry for the segments below DATA\n"
	       "  segctl why                what retired segments keep, and which processes hold them\n"
	       "  segctl ls                 all segments, and their state\n"
	       "\n'segctl --help' lists all verbs, 'man segctl' has the manual.\n");
	return EX_USAGE;
}
