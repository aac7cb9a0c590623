/*
 * select.h - operands that name many segments: ranges of ids, and patterns of paths.
 */
#ifndef CTL_SELECT_H
#define CTL_SELECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "segreg.h"
#include "segctl/ctl.h"

/*
 * A segment that an operand names. A plain id has path NULL, a plain path has the id 0, and what a range or a pattern
 * matches has both.
 */
struct ctl_choice {
	uint64_t id;
	char *path;
	bool is_match; /* of a range or pattern; is_glob: of a pattern */
	bool is_glob;
};

struct ctl_selection {
	struct ctl_choice *items;
	size_t n, room;
	size_t n_matches; /* of the items, those with is_match; each segment once, behind the others */
};

/*
 * Select the segments that the first n operands name. keep chooses among those that ranges and patterns match (NULL:
 * all). Returns the exit status; the error was written. Free the selection in any case.
 */
int ctl_select(const struct ctl *ctl, int n, bool (*keep)(const struct segreg_info *info),
	       struct ctl_selection *selection);
void ctl_select_free(struct ctl_selection *selection);

/* Find the id of a choice. Returns a SEGREG_E_* code. */
int ctl_select_find(const struct ctl *ctl, const struct ctl_choice *choice, uint64_t *id);

/* A live segment: a keep for verbs that change nothing else. */
bool ctl_select_is_live(const struct segreg_info *info);

/* "10-20", with the first id not above the last. */
bool ctl_select_parse_range(const char *text, uint64_t *first, uint64_t *last);

/* Does the path of a segment match a pattern? A star does not match a slash, and no wildcard matches a leading dot. */
bool ctl_select_matches(const char *pattern, const char *path);

#endif /* CTL_SELECT_H */
