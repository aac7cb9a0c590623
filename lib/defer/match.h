/*
 * match.h - which files are discarded instead of deleted.
 */
#ifndef DEFER_MATCH_H
#define DEFER_MATCH_H

#include <stdbool.h>

/*
 * Take a list of patterns, separated by commas. A pattern without a slash is for the name of a file, and a pattern with
 * a slash for its path below base. "!" before a pattern takes files out. The last pattern that fits decides. text is
 * NULL for all files. Without memory nothing matches.
 */
void defer_match_set(const char *text);

/* Whether the file at path, relative to base, is discarded. Names that say something by being there never are. */
bool defer_match_path(const char *path);

/* False if no path with that last component is discarded. */
bool defer_match_may_have(const char *name);

#endif
