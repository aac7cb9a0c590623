/*
 * ctl.h - a verb of segctl, and a run of it.
 *
 * A verb is one file, verb_NAME.c, that begins with its struct ctl_verb; verbs.def lists it. segctl.c parses the
 * command line by the tables of that struct, opens the registry and calls exec. The help, getopt's tables and
 * libsmartcols' columns come from these tables.
 */
#ifndef CTL_H
#define CTL_H

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sysexits.h>

#include "segreg.h"

/* An option; a table of them ends with letter 0. arg is NULL if it takes none. */
struct ctl_option {
	char letter;
	const char *name;
	const char *arg;
	const char *help;
};

/* The kind of a cell decides how people and programs see it. */
enum ctl_type {
	CTL_TEXT,
	CTL_NUMBER,
	CTL_BYTES, /* "12.3 MiB"; a number of bytes in JSON, --raw and --bytes */
	CTL_AGE,   /* a time, shown as its distance to now: "5m"; seconds in JSON and --raw */
	CTL_TIME,  /* "2026-01-31 12:00:00 (5m ago)", "(in 5m)"; ISO 8601 in JSON and --raw */
	CTL_CLOCK, /* a CTL_TIME without the span */
	CTL_NS,    /* nanoseconds, shown as "12.3 ms"; a number of nanoseconds in JSON and --raw */
	CTL_FLAG,  /* "yes" or "no"; a boolean in JSON */
	CTL_TREE,  /* text; lines below others are drawn as a tree in this column */
};

/* A column; a table of them ends with name NULL. In JSON the name is in lower case. */
struct ctl_column {
	const char *name;
	enum ctl_type type;
	double width; /* libsmartcols' hint: below 1 a share of the line, else characters */
	const char *help;
};

struct ctl;

#define CTL_OWN_OPEN (1u << 0) /* the verb opens the registry itself, and may take it as its operand */
#define CTL_COMMAND                                                                                                    \
	(1u << 1) /* the operands end with a command: options end at the first operand, and "--" is an operand */

struct ctl_verb {
	const char *name;
	const char *operands;             /* for people: "ID..." */
	const char *help;                 /* one line */
	int min, max;                     /* number of operands; max -1: no limit */
	unsigned flags;                   /* CTL_* */
	const struct ctl_option *options; /* NULL: only those of all verbs */
	const struct ctl_column *columns; /* NULL: no table, so no options for tables */
	const char *array;                /* name of the table in JSON */
	int (*exec)(struct ctl *ctl);     /* returns the exit status */
};

/* One run of a verb. */
struct ctl {
	const struct ctl_verb *verb;
	const char *dir;         /* directory of the registry */
	struct segreg *reg;      /* NULL with CTL_OWN_OPEN */
	const char *option[128]; /* by letter: the argument of the option; "" without an argument; NULL if it was not
				    given */
	char **operand;
	int n_operands;
};

#endif /* CTL_H */
