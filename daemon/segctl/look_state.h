/*
 * look_state.h - what a look has.
 */
#ifndef CTL_LOOK_STATE_H
#define CTL_LOOK_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "segreg.h"
#include "common/served.h"
#include "segctl/sets.h"
#include "segctl/spans.h"

/* Some retired segments. */
struct ctl_sum {
	uint64_t segments;
	uint64_t bytes;      /* disk space of those that could be measured */
	uint64_t unmeasured; /* how many could not */
	int64_t since;       /* when the first of them was retired; 0: none was */
};

/*
 * A handle, or a retention lease. A lease has a lane from CTL_LEASES on, its floor counts as a horizon, and what it
 * lists as pins.
 */
struct ctl_handle {
	struct segreg_holder holder;           /* all that the handle holds; its label is the one below */
	char label[SEGREG_LEASE_NAME_MAX + 1]; /* of a lease: its name */
	bool is_lease;
	uint32_t process; /* index of its process */
	struct ctl_sum held;
	uint64_t alone;       /* bytes of that which no living process but its own holds */
	int64_t oldest_since; /* its oldest snapshot or horizon was there at that time, and may be older; 0: not known
			       */
};

#define CTL_LEASES (UINT32_MAX - SEGREG_LEASES_MAX)

/* A process and its handles. A handle of another PID namespace, and a lease, count as processes of their own. */
struct ctl_holder {
	uint32_t first;  /* index of its first handle */
	uint32_t n;      /* its handles */
	bool is_foreign; /* its pid is one of another PID namespace */
	bool is_lease;
	bool is_dead; /* the next sweep takes back what it holds */
	int64_t pid;
	uint32_t uid;
	uint64_t pins, snapshots, horizons;
	uint64_t oldest;     /* version of its oldest snapshot or horizon; 0: it has none */
	struct ctl_sum held; /* what it holds */
	uint64_t alone;      /* bytes of that which no other living process holds */
};

/* The segments that the same handles hold. */
struct ctl_group {
	struct ctl_sum sum;
	bool is_wanted;       /* the filter lets them pass */
	uint32_t process_set; /* the set of the processes of these handles */
};

/* A segment during the look. */
struct ctl_kept {
	const struct segreg_info *info;
	uint64_t bytes;
	bool is_measured;
	uint32_t group;
	uint64_t snapshots, horizons, leases; /* that hold it */
};

struct ctl_row {
	uint64_t id;
	uint64_t bytes;
	uint64_t snapshots, horizons, leases;
	uint32_t group;
	bool is_measured;
};

struct ctl_pins {
	uint64_t id;
	uint64_t born;   /* of the segment that a lease lists; 0: whatever has the id */
	uint32_t handle; /* a lane, until the handles are known */
	uint32_t epoch;
};

struct ctl_look {
	struct ctl_handle *handles; /* in the order of their lanes */
	size_t n_handles;
	struct ctl_holder *holders; /* processes */
	size_t n_holders;
	uint32_t *order;     /* of handles by process */
	uint32_t *by_oldest; /* handles with a snapshot or horizon, by the version of the oldest */
	size_t n_oldest;
	struct ctl_spans snapshots, horizons, floors; /* floors: of leases */
	struct ctl_pins *pins;                        /* by segment; and what leases list */
	size_t n_pins, n_listed, pins_room;
	size_t n_leases;
	struct ctl_sets sets;     /* of handles; set 0 is the segments that no handle holds */
	struct ctl_group *groups; /* of each set */
	size_t n_groups, groups_room;
	struct ctl_sets process_sets;              /* the processes of each set of handles */
	struct ctl_sum *process_groups;            /* of each of these sets */
	struct ctl_sum all, held, waiting, failed; /* held: by a handle; failed: a deletion; waiting: the rest */
	bool has_abandoned;
	struct ctl_row *rows; /* the largest segments, the largest first */
	size_t n_rows, rows_room;
	uint64_t version; /* segments that were retired later are left out */
	uint64_t *set;    /* scratch */
	struct tool_served served;
};

#endif /* CTL_LOOK_STATE_H */
