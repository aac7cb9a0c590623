/*
 * bytes.h - a segment's user bytes as one word.
 *
 * Tables, JSON, dumps and the command line have this word. A space, a percent sign and each byte that is not printable
 * ASCII are %NN. A backslash would not do: tables escape it.
 */
#ifndef CTL_BYTES_H
#define CTL_BYTES_H

#include <stdbool.h>
#include <stddef.h>

#include "segreg.h"

#define CTL_BYTES_TEXT (3 * SEGREG_USER_SIZE + 1) /* the longest text, with its NUL */

/* Write n bytes as text. Returns text. */
char *ctl_bytes_write(const unsigned char *bytes, size_t n, char text[CTL_BYTES_TEXT]);

/* Read a text; *n gets the number of bytes. False: they are too many, or a percent sign lacks its two digits. */
bool ctl_bytes_read(const char *text, unsigned char bytes[SEGREG_USER_SIZE], size_t *n);

#endif /* CTL_BYTES_H */
