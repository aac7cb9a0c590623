/*
 * help.h - what --help prints, and the options that many verbs have.
 */
#ifndef CTL_HELP_H
#define CTL_HELP_H

#include "segctl/ctl.h"

/* Options of all verbs; of segctl without a verb; of verbs that print a table. */
extern const struct ctl_option ctl_common_options[], ctl_top_options[], ctl_table_options[];

/* Print the help of a verb, or of segctl. Both return the exit status. */
int ctl_help_print_verb(const struct ctl_verb *verb);
int ctl_help_print(void);

/* Print the three commands that come first, for somebody who types segctl alone in a terminal. Returns EX_USAGE. */
int ctl_help_print_first(void);

#endif /* CTL_HELP_H */
