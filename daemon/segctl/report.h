/*
 * report.h - a look for people: what is kept, which processes keep it, which of them to end, and the largest segments.
 */
#ifndef CTL_REPORT_H
#define CTL_REPORT_H

#include <stddef.h>
#include <stdint.h>

#include "segctl/ctl.h"
#include "segctl/look.h"

enum ctl_by { CTL_BY_ALL, CTL_BY_HOLDER, CTL_BY_SEGMENT, CTL_BY_USER, CTL_BY_UNIT };

/*
 * Print at most limit lines of each kind. is_filtered: the look leaves segments out. Returns the exit status.
 */
int ctl_report_print(struct ctl *ctl, const struct ctl_look *look, enum ctl_by by, size_t limit, bool is_filtered);

/* The processes, as indexes of ctl_look.holders, that hold most first; to be freed. *n becomes their number. */
uint32_t *ctl_report_rank(const struct ctl_look *look, size_t *n);

/* The processes of a set as words: "4711 reader, 4712 indexer and 5 more". Returns text. */
const char *ctl_report_name(const struct ctl_look *look, uint32_t process_set, size_t most, char *text, size_t size);

#endif /* CTL_REPORT_H */
