/*
 * top_rows.h - the rows that segctl top shows: of segments, of processes, or of the processes that hold one segment.
 */
#ifndef CTL_TOP_ROWS_H
#define CTL_TOP_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "segctl/ctl.h"
#include "segctl/look.h"

#define CTL_TOP_FILTER_SIZE 64

enum ctl_top_kind { CTL_TOP_SEGMENTS, CTL_TOP_PROCESSES, CTL_TOP_HOLDERS };

/* What the operator has chosen. */
struct ctl_top_choice {
	enum ctl_top_kind kind;
	uint64_t segment;                 /* CTL_TOP_HOLDERS: whose */
	unsigned sort[3];                 /* by kind */
	bool is_reversed[3];              /* by kind */
	char filter[CTL_TOP_FILTER_SIZE]; /* rows without this text are left out */
};

struct ctl_top_row {
	uint64_t key; /* id of a segment; lane of the first handle of a process */
	union {
		struct {
			uint64_t bytes, pins, snapshots; /* snapshots, horizons and leases */
			int64_t retired_at;
			bool is_measured;
		};
		uint32_t holder; /* index of ctl_look.holders */
	};
};

struct ctl_top_rows {
	struct ctl_top_row *items;
	size_t n, room;
	bool is_gone; /* CTL_TOP_HOLDERS: the segment is not there */
};

/* Look, and make the rows. Returns 0 or a SEGREG_E_* code. */
int ctl_top_look(const struct ctl *ctl, const struct ctl_top_choice *choice, struct ctl_look *look,
		 struct ctl_top_rows *rows);

/* The name of what the rows of a choice are sorted by; the number of such names. */
const char *ctl_top_sort_name(const struct ctl_top_choice *choice);
unsigned ctl_top_sorts(const struct ctl_top_choice *choice);

#endif /* CTL_TOP_ROWS_H */
