/*
 * suggest.h - "did you mean": the known word that is nearest to a mistyped one.
 */
#ifndef CTL_SUGGEST_H
#define CTL_SUGGEST_H

#include <stddef.h>

#define CTL_SUGGEST_SIZE 96

struct ctl_suggest {
	const char *word; /* what was typed; need not end with a NUL */
	size_t length;
	const char *best; /* NULL: none is near */
	size_t distance;  /* of best */
	char text[CTL_SUGGEST_SIZE];
};

/* Begin with a word of that length. */
void ctl_suggest_begin(struct ctl_suggest *suggest, const char *word, size_t length);

/* Consider a known word, which must stay. */
void ctl_suggest_add(struct ctl_suggest *suggest, const char *known);

/* Returns "; did you mean 'PREFIXBEST'?", or "" if no known word is near. The text is in *suggest. */
const char *ctl_suggest_end(struct ctl_suggest *suggest, const char *prefix);

#endif /* CTL_SUGGEST_H */
