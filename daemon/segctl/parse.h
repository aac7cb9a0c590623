/*
 * parse.h - the options and operands of a command line.
 */
#ifndef CTL_PARSE_H
#define CTL_PARSE_H

#include <getopt.h>

#include "segctl/ctl.h"

/* Is an operand meant as an id? It is if it consists of digits, or of hexadecimal digits after 0x. "./7" is a path. */
bool ctl_parse_is_id(const char *text);
/* Find the segment that an operand names, by id or by path. Returns an exit status; the error was written. */
int ctl_parse_segment(const struct ctl *ctl, const char *text, uint64_t *id);

/* path becomes the operand as records have it: relative to base, without "." and empty components. It may be cut off.
 */
void ctl_parse_path(const struct ctl *ctl, const char *text, char path[SEGREG_PATH_MAX + 1]);

/*
 * Parse an id; parse the number that an option has. False: it is wrong, and the error was written. An option that is
 * not given leaves *value alone.
 */
bool ctl_parse_id(const struct ctl *ctl, const char *text, uint64_t *id);
bool ctl_parse_option(const struct ctl *ctl, char letter, uint32_t *value);

/*
 * Parse the duration, or the number of bytes, that an option has. False: it is wrong, and the error was written. An
 * option that is not given leaves the result alone.
 */
bool ctl_parse_span(const struct ctl *ctl, char letter, uint64_t *milliseconds);
bool ctl_parse_bytes(const struct ctl *ctl, char letter, uint64_t *bytes);

/* getopt's view of some tables of options. */
#define CTL_OPTIONS_MAX 32

struct ctl_grammar {
	char letters[2 * CTL_OPTIONS_MAX + 3];
	struct option names[CTL_OPTIONS_MAX + 1];
	size_t n, length;
};

/* Add a table of options; NULL adds nothing. */
void ctl_parse_add_options(struct ctl_grammar *grammar, const struct ctl_option *options);

/*
 * Set the options of ctl. False: there is an unknown option, and getopt wrote the error. The operands start at
 * argv[optind].
 */
bool ctl_parse_options(struct ctl *ctl, const struct ctl_grammar *grammar, int argc, char **argv);

#endif /* CTL_PARSE_H */
