/*
 * look_holders.h - the holds, handles and processes of a look.
 */
#ifndef CTL_LOOK_HOLDERS_H
#define CTL_LOOK_HOLDERS_H

#include "segctl/ctl.h"
#include "segctl/look_state.h"

/* Read all holds, handles and processes into a new look. Returns 0 or a SEGREG_E_* code. */
int ctl_look_read_holders(const struct ctl *ctl, struct ctl_look *look);

/* Learn from a retirement how old snapshots are at least; and at the end, from the newer ones how old the older are. */
void ctl_look_see_retired(const struct ctl_look *look, const struct segreg_info *info);
void ctl_look_finish_ages(const struct ctl_look *look);

/* Returns items with room for one more than n; NULL if memory is short. */
void *ctl_look_make_room(void *items, size_t n, size_t *room, size_t size);

/* Returns the handle of that lane and epoch; NULL if it was not attached. */
struct ctl_handle *ctl_look_find(const struct ctl_look *look, uint32_t lane, uint32_t epoch);

#endif /* CTL_LOOK_HOLDERS_H */
