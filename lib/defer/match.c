/*
 * match.c - see match.h.
 *
 * To many programs the presence of a file says something: a lock is taken, a transaction is not finished. Its deletion
 * must not wait, because processes without this library look as well. SQLite is the worst case: a reader that finds
 * the journal of a finished transaction takes that transaction back. So such names are deleted at once, whatever the
 * patterns say.
 */
#include "defer/match.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#define MOST_PATTERNS 64

static const char *const never[] = {
	"*-journal", "*-wal",  "*-shm", "*-mj[0-9A-F]*", /* SQLite */
	"*.lock",    "*.lck",  "lock",  "LOCK",          "*.pid", "*.tmp",         "*.temp",  "*.dbtmp",
	"*.trash",   "*.part", "*~",    ".*.sw?",        ".nfs*", ".fuse_hidden*", "CURRENT", "IDENTITY",
};

static char *patterns[MOST_PATTERNS];
static int n_patterns;
static bool has_slash; /* in one of the patterns */

void defer_match_set(const char *text)
{
	char *copy = strdup(text ? text : "*"), *rest = copy, *pattern;

	n_patterns = 0;
	while (copy && (pattern = strsep(&rest, ",")) && n_patterns < MOST_PATTERNS) {
		if (!*pattern)
			continue;
		patterns[n_patterns++] = pattern;
		has_slash |= strchr(pattern, '/') != NULL;
	}
}

static bool is_never(const char *name)
{
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		if (!fnmatch(never[i], name, 0))
			return true;
	return false;
}

bool defer_match_path(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	if (is_never(name))
		return false;
	for (int i = n_patterns; i-- > 0;) {
		bool takes_out = patterns[i][0] == '!';
		const char *pattern = patterns[i] + takes_out;
		bool fits = strchr(pattern, '/') ? !fnmatch(pattern, path, FNM_PATHNAME) : !fnmatch(pattern, name, 0);

		if (fits)
			return !takes_out;
	}
	return false;
}

bool defer_match_may_have(const char *name)
{
	return has_slash ? !is_never(name) : defer_match_path(name);
}
