/*
 * sr_foreign.h - directories that no segment may contain: other registries and their bases.
 */
#ifndef SR_FOREIGN_H
#define SR_FOREIGN_H

#include "base/sr_base.h"

/* Is the open directory a registry or a base, and so no part of a segment? It is if it has a marker, or a
 * registry.lock of segreg with a registry.mdb beside it or with a user. A registry.lock alone is left by a creation
 * that did not finish. Returns 1, 0, or -1 with errno if that cannot be seen. dir may be an O_PATH descriptor. */
int sr_foreign_is_there(int dir);
/* Like sr_foreign_is_there, for a registry alone. */
int sr_foreign_has_registry(int dir);

/* A sweep deletes everything in a segment. In another registry's base or directory that would be what others pin. So
 * these fail with SEGREG_E_PATH if a directory above path (_above), or path itself (_top), is a registry or a base. */
int sr_foreign_check_above(struct sr_base *base, const char *path);
int sr_foreign_check_top(struct sr_base *base, const char *path);
/* Is a directory between dir, which is base, and path a registry or a base? Returns 1, 0, or -1 with errno. Unless 0,
 * that directory's name is the first *length bytes of path. */
int sr_foreign_find_above(int dir, const char *path, size_t *length);

#endif
