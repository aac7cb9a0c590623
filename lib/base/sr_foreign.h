/*
 * sr_foreign.h - directories that no segment may contain: other registries and their bases.
 */
#ifndef SR_FOREIGN_H
#define SR_FOREIGN_H

#include "base/sr_base.h"

/* Does the open directory hold a marker, or a segreg registry.lock with a registry.mdb or a user? So it is a base or a
 * registry, and no part of a segment. 1, 0, or -1 with errno if that cannot be seen. dir may be an O_PATH descriptor. A
 * registry.lock alone is what a creation left that came to no end. */
int sr_foreign_is_there(int dir);
int sr_foreign_has_registry(int dir); /* the latter alone */
/*
 * A sweep deletes all that a segment has in it, and another registry's base has what others pin. SEGREG_E_PATH if a directory on
 * the way to path, or path itself, is foreign.
 */
int sr_foreign_check_above(struct sr_base *base, const char *path);
int sr_foreign_check_top(struct sr_base *base, const char *path);

#endif
