/*
 * ctl.h - what the verbs of segctl share.
 *
 * A verb is one file, ctl_VERB.c, with one struct ctl_verb. segctl.c parses the command line by that struct's tables,
 * opens the registry and calls exec; --help, getopt's tables and libsmartcols' columns all come from the same tables.
 */
#ifndef CTL_H
#define CTL_H

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sysexits.h>

#include "segreg.h"
#include "common/tool.h"

struct libscols_line;

/* An option; a table of them ends with letter 0. arg is NULL if it takes none. */
struct ctl_option {
	char letter;
	const char *name;
	const char *arg;
	const char *help;
};

/* What a cell holds decides how it is shown to people and to programs. */
enum ctl_type {
	CTL_TEXT,
	CTL_NUMBER,
	CTL_BYTES, /* "12.3 MiB"; a number of bytes in JSON, --raw and --bytes */
	CTL_AGE,   /* set to a time, shows how long ago that was: "5m"; seconds in JSON and --raw */
	CTL_TIME,  /* "2026-01-31 12:00:00 (5m ago)", "(in 5m)"; ISO 8601 in JSON and --raw */
	CTL_CLOCK, /* the same without the span */
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
#define CTL_COMMAND (1u << 1)  /* its operands end with a command: options end at the first operand, and "--" is one */

struct ctl_verb {
	const char *name;
	const char *operands;             /* for people: "ID..." */
	const char *help;                 /* one line */
	int min, max;                     /* number of operands; max -1: no limit */
	unsigned flags;                   /* CTL_* */
	const struct ctl_option *options; /* NULL: only the common ones */
	const struct ctl_column *columns; /* NULL: no table, so no options for tables */
	const char *array;                /* what JSON calls the table */
	int (*exec)(struct ctl *ctl);     /* the exit status */
};

/* One run of a verb. */
struct ctl {
	const struct ctl_verb *verb;
	const char *dir;          /* of the registry */
	struct segreg *reg;       /* NULL with CTL_OWN_OPEN */
	const char *option[128];  /* by letter: its argument, "" if it takes none, NULL if it was not given */
	char **operand;
	int n_operands;
};

extern const struct ctl_verb ctl_init, ctl_register, ctl_retire, ctl_remove, ctl_evict, ctl_check, ctl_debug, ctl_ls, ctl_show, ctl_why, ctl_holders, ctl_stats, ctl_sweep,
	ctl_log, ctl_top, ctl_pin, ctl_hold, ctl_wait, ctl_dump, ctl_load, ctl_backup, ctl_restore;

/* Say on stderr what is wrong, in one's own words or in the library's. Each returns the exit status. */
int ctl_error(const struct ctl *ctl, int status, const char *format, ...) __attribute__((format(printf, 3, 4)));
int ctl_fail(const struct ctl *ctl, int code);
int ctl_usage(const struct ctl *ctl, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The value of an operand or option. False if it is wrong, which has been said. An option not given changes nothing. */
bool ctl_parse_id(const struct ctl *ctl, const char *text, uint64_t *id);
bool ctl_option_number(const struct ctl *ctl, char letter, uint32_t *value);

/* ------------------------------------------------------------------ table.c */

struct ctl_table;

/*
 * A table with the columns of --output, or without it those in standard ("ID,STATE"; NULL: all). NULL if that is not
 * possible, which has been said. Setting a cell of a column that is not shown does nothing; an unset cell is empty, in
 * JSON null.
 */
struct ctl_table *ctl_table_new(const struct ctl *ctl, const char *standard);
void ctl_table_free(struct ctl_table *table);

bool ctl_table_shows(const struct ctl_table *table, unsigned column);
struct libscols_line *ctl_table_row(struct ctl_table *table, struct libscols_line *parent);

void ctl_set_text(struct ctl_table *table, struct libscols_line *row, unsigned column, const char *text);

/* CTL_AGE and CTL_TIME take CLOCK_REALTIME nanoseconds, and leave the cell empty for 0. */
void ctl_set(struct ctl_table *table, struct libscols_line *row, unsigned column, uint64_t value);

/* Print the table; or its only row with one line per column. Returns the exit status. */
int ctl_table_print(struct ctl_table *table);
int ctl_table_print_record(struct ctl_table *table);

/* ------------------------------------------------------------------ segments.c */

/* Copies of what segreg_list tells. */
struct ctl_segment {
	struct segreg_info info;
	char *path; /* info.path */
};

struct ctl_segments {
	struct ctl_segment *items;
	size_t n, room;
};

/* Load those for which keep says yes (NULL: all), or those that are retired, in the order of their ids; or one. Returns 0 or a SEGREG_E_* code. */
int ctl_segments_load(const struct ctl *ctl, bool (*keep)(const struct ctl *ctl, const struct segreg_info *info),
		      struct ctl_segments *segments);
int ctl_segments_load_retired(const struct ctl *ctl, struct ctl_segments *segments);
int ctl_segments_load_one(const struct ctl *ctl, uint64_t id, struct ctl_segments *segments);
void ctl_segments_free(struct ctl_segments *segments);

/* The columns of verbs that show segments, and a row of them. */
extern const struct ctl_column ctl_segment_columns[];
void ctl_segment_row(const struct ctl *ctl, struct ctl_table *table, const struct segreg_info *info);

/* Why its last deletion failed. */
const char *ctl_segment_error(const struct segreg_info *info);

/* ------------------------------------------------------------------ process.c */

/* Who is behind a handle. Empty: not known. */
struct ctl_process {
	char command[64]; /* the name of its program, or "(dead)", ... */
	char user[64];
	char cgroup[512];
	bool is_dead;
};

void ctl_process_find(const struct segreg_holder *holder, struct ctl_process *process);

/* ------------------------------------------------------------------ blame.c */

/* A handle, and what it has to do with the disk space that retired segments keep. */
struct ctl_culprit {
	struct segreg_holder holder; /* all that it holds; its label is the one below */
	char label[SEGREG_LABEL_SIZE];
	uint64_t segments; /* retired ones that it holds, */
	uint64_t held;     /* their bytes, */
	uint64_t alone;    /* and those that nobody but its process holds */
	int64_t since;     /* when the first of them was retired */
};

struct ctl_blame {
	struct ctl_culprit *culprits; /* all handles attached, in the order of their lanes */
	size_t n, room;
};

/* Begin with all handles and no segment; add a retired segment. Both return 0 or a SEGREG_E_* code. */
int ctl_blame_begin(const struct ctl *ctl, struct ctl_blame *blame);
int ctl_blame_segment(const struct ctl *ctl, struct ctl_blame *blame, const struct segreg_info *info, uint64_t bytes);
void ctl_blame_free(struct ctl_blame *blame);

/* The one whose process's end would give most back; NULL if nobody holds anything. */
const struct ctl_culprit *ctl_blame_worst(const struct ctl_blame *blame);

/* ------------------------------------------------------------------ verb_dump.c, verb_load.c */

/* The segments of a snapshot, in the order of their ids. */
struct ctl_dump {
	struct segreg_entry *items; /* to be freed */
	size_t n, room;
	uint64_t version;
};

/* Returns 0 or a SEGREG_E_* code. */
int ctl_dump_collect(struct segreg *reg, const struct segreg_snapshot *snapshot, struct ctl_dump *dump);
void ctl_dump_print(FILE *file, const struct ctl_dump *dump);

/* A line of a dump, or a segment that the registry has. */
struct ctl_load_item {
	uint64_t id;
	char *path;
	size_t line; /* 0: the registry's */
	enum segreg_state state;
	bool is_directory;
	bool is_settled; /* a line that is live already, or about which something was said */
};

/* Puts the files of those items in place that are not settled. Returns an exit status. */
typedef int ctl_load_place(void *arg, const struct ctl_load_item *items, size_t n, uint64_t version);

/* Register what the dump called name lists (NULL: stdin), once place (NULL: nobody) has seen to the files. Returns the exit status. */
int ctl_load_text(struct ctl *ctl, const char *name, ctl_load_place *place, void *arg);

/* ------------------------------------------------------------------ copy.c */

#define CTL_COPY_PATH (2 * SEGREG_PATH_SIZE)

/* Copy a file or a directory with all that is in it, to where nothing is; remove one. Each returns an exit status. */
int ctl_copy_tree(const struct ctl *ctl, const char *from, const char *to);
int ctl_remove_tree(const struct ctl *ctl, const char *path);
/* Make all that was written to path's file system durable. */
int ctl_sync(const struct ctl *ctl, const char *path);

/* ------------------------------------------------------------------ err.c */

/* Write to stderr, and keep what finds no room until ctl_err_finish, which waits; or drop it. False: nothing was written. */
void ctl_err(const char *text);
bool ctl_err_may_drop(const char *text);
void ctl_err_finish(void);

/* ------------------------------------------------------------------ progress.c */

/* Show on stderr, if it is a terminal, how far long work has come: one line that the next one replaces. */
void ctl_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Wipe it; before anything else is written. */
void ctl_progress_end(void);

/* ------------------------------------------------------------------ served.c */

/* Say on stdout, for people, what is wrong with the registry's segregd. Says nothing if it serves, or if none has failed. */
void ctl_warn_of_segregd(const struct ctl *ctl);

#endif /* CTL_H */
