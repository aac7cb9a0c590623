/*
 * words.c - what counts as a word.
 */
#include "words.h"

#define WORD_MIN 2

static bool belongs_to_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
	       (unsigned char)c >= 0x80;
}

static uint32_t run_end(const char *text, uint32_t length, uint32_t at)
{
	while (at < length && belongs_to_word(text[at]))
		at++;
	return at;
}

bool word_next(const char *text, uint32_t length, uint32_t *at, uint32_t *start, struct word *word)
{
	uint32_t end = *at;

	if (end && end < length && belongs_to_word(text[end - 1]))
		end = run_end(text, length, end);
	while (end < length) {
		uint32_t begin = end;

		while (begin < length && !belongs_to_word(text[begin]))
			begin++;
		end = run_end(text, length, begin);
		if (end - begin < WORD_MIN || end - begin >= WORD_SIZE)
			continue;
		memset(word, 0, sizeof(*word));
		memcpy(word->text, text + begin, end - begin);
		*start = begin;
		*at = end;
		return true;
	}
	return false;
}

bool word_stands_at(const char *text, uint32_t length, uint32_t offset, const struct word *word)
{
	uint32_t size = (uint32_t)strnlen(word->text, WORD_SIZE);

	return offset < length && size <= length - offset && memcmp(text + offset, word->text, size) == 0 &&
	       (offset == 0 || !belongs_to_word(text[offset - 1])) &&
	       (offset + size == length || !belongs_to_word(text[offset + size]));
}
