/*
 * words.h - what counts as a word: a run of letters, digits, underscores and bytes beyond ASCII, 2 to 23 bytes long.
 */
#ifndef WORDS_H
#define WORDS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define WORD_SIZE 24

struct word {
	char text[WORD_SIZE]; /* padded with NULs, of which there is at least one */
};

static inline int word_compare(const struct word *a, const struct word *b)
{
	return memcmp(a->text, b->text, WORD_SIZE);
}

/*
 * Find the first word in text at or behind *at. *start becomes its offset and *at that of the first byte after it; a
 * run that *at cuts in two is passed over. False: there is none.
 */
bool word_next(const char *text, uint32_t length, uint32_t *at, uint32_t *start, struct word *word);

/* Does exactly this word stand at offset? */
bool word_stands_at(const char *text, uint32_t length, uint32_t offset, const struct word *word);

#endif
