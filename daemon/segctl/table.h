/*
 * table.h - tables, records and JSON of what a verb shows.
 */
#ifndef CTL_TABLE_H
#define CTL_TABLE_H

#include "segctl/ctl.h"

struct libscols_line;
struct ctl_table;

/*
 * Returns a table with the columns of --output, or else with those in standard ("ID,STATE"; NULL: all). Returns NULL
 * after writing an error. Setting a cell of a column that is not shown does nothing. A cell that is not set is empty,
 * in JSON null.
 */
struct ctl_table *ctl_table_new(const struct ctl *ctl, const char *standard);
void ctl_table_free(struct ctl_table *table);

/*
 * Like ctl_table_new, for a table without parents that may have a million rows. They are printed as they come, and
 * ctl_table_print prints the rest. ctl_table_is_broken: more rows are in vain.
 */
struct ctl_table *ctl_table_new_stream(const struct ctl *ctl, const char *standard);
bool ctl_table_is_broken(const struct ctl_table *table);

bool ctl_table_shows(const struct ctl_table *table, unsigned column);
struct libscols_line *ctl_table_add_row(struct ctl_table *table, struct libscols_line *parent);

void ctl_table_set_text(struct ctl_table *table, struct libscols_line *row, unsigned column, const char *text);

/* CTL_AGE and CTL_TIME take CLOCK_REALTIME nanoseconds, and 0 leaves the cell empty. */
void ctl_table_set(struct ctl_table *table, struct libscols_line *row, unsigned column, uint64_t value);

/* Print the table; print its only row with one line per column. Both return the exit status. */
int ctl_table_print(struct ctl_table *table);
int ctl_table_print_record(struct ctl_table *table);

#endif /* CTL_TABLE_H */
