/*
 * prose.h - text for people: wrapped between words, to the width of the terminal.
 */
#ifndef CTL_PROSE_H
#define CTL_PROSE_H

#include <stddef.h>

/*
 * Returns the columns of the terminal behind stdout. Where stdout is none, the environment variable COLUMNS has them.
 * 0: there is no limit.
 */
size_t ctl_prose_width(void);

/*
 * Print head, and behind it a text with its control characters escaped. What has no room in the line goes below, at the
 * column where the text began. A word that is longer than a line is not cut.
 */
void ctl_prose_print(const char *head, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif /* CTL_PROSE_H */
