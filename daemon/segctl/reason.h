/*
 * reason.h - why a segment is still there, in words.
 */
#ifndef CTL_REASON_H
#define CTL_REASON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "segreg.h"
#include "common/measure.h"
#include "common/served.h"
#include "segctl/ctl.h"

struct ctl_reason {
	const struct segreg_info *info;
	uint64_t pins, snapshots, horizons, leases; /* that hold it */
	const char *lease_names;                    /* of these leases; NULL: not wanted */
	const struct tool_served *served;           /* the segregd of the registry */
	bool is_told;                               /* the reader has its error already */
	const char *base;
};

#define CTL_LEASE_NAMES 256
#define CTL_REASON_SIZE (512 + CTL_LEASE_NAMES + 2 * TOOL_PLACE_SIZE + TOOL_SERVED_TEXT)

void ctl_reason_explain(const struct ctl_reason *reason, char *why, size_t size);

/* Count the leases that hold a segment, and name the first of them. Returns 0 or a SEGREG_E_* code. */
int ctl_reason_find_leases(const struct ctl *ctl, const struct segreg_info *info, uint64_t *n,
			   char names[CTL_LEASE_NAMES]);

/* text becomes "2 pins, 1 horizon"; "" if there are none. Returns its length. */
size_t ctl_reason_count(uint64_t pins, uint64_t snapshots, uint64_t horizons, uint64_t leases, char *text, size_t size);

#endif /* CTL_REASON_H */
