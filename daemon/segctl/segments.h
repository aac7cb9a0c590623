/*
 * segments.h - the registry's segments, as ls, show and why see them.
 */
#ifndef CTL_SEGMENTS_H
#define CTL_SEGMENTS_H

#include "segreg.h"
#include "segctl/ctl.h"
#include "segctl/table.h"

/* A copy of what segreg_list reports. */
struct ctl_segment {
	struct segreg_info info;
	char *path; /* info.path */
};

struct ctl_segments {
	struct ctl_segment *items;
	size_t n, room;
};

/*
 * Load the segments for which keep returns true (NULL: all); the retired ones; one. They are in the order of their
 * ids. Each returns 0 or a SEGREG_E_* code.
 */
int ctl_segments_load(const struct ctl *ctl, bool (*keep)(const struct ctl *ctl, const struct segreg_info *info),
		      struct ctl_segments *segments);
int ctl_segments_load_retired(const struct ctl *ctl, struct ctl_segments *segments);
int ctl_segments_load_one(const struct ctl *ctl, uint64_t id, struct ctl_segments *segments);
void ctl_segments_free(struct ctl_segments *segments);

/* The columns of verbs that show segments; add a row of them. */
extern const struct ctl_column ctl_segments_columns[];
void ctl_segments_add_row(const struct ctl *ctl, struct ctl_table *table, const struct segreg_info *info);

/* Returns why the last deletion failed. */
const char *ctl_segments_describe_error(const struct segreg_info *info);

#endif /* CTL_SEGMENTS_H */
