/*
 * dump.h - the live segments of one version as text.
 */
#ifndef CTL_DUMP_H
#define CTL_DUMP_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "segreg.h"

/* The segments of a snapshot, in the order of their ids. */
struct ctl_dump {
	struct segreg_entry *items; /* to be freed */
	size_t n, room;
	uint64_t version;
};

/* Collect what the snapshot holds. Returns 0 or a SEGREG_E_* code. */
int ctl_dump_collect(struct segreg *reg, const struct segreg_snapshot *snapshot, struct ctl_dump *dump);
void ctl_dump_print(FILE *file, const struct ctl_dump *dump);

/* Print what the snapshot holds, without collecting it. Returns 0 or a SEGREG_E_* code. */
int ctl_dump_stream(struct segreg *reg, const struct segreg_snapshot *snapshot, FILE *file);

#endif /* CTL_DUMP_H */
