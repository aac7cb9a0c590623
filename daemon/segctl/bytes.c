/*
 * bytes.c - a segment's user bytes as one word.
 */
#include "segctl/bytes.h"

#include <string.h>

static const char digits[] = "0123456789abcdef";

char *ctl_bytes_write(const unsigned char *bytes, size_t n, char text[CTL_BYTES_TEXT])
{
	char *to = text;

	for (size_t i = 0; i < n; i++) {
		if (bytes[i] > ' ' && bytes[i] < 0x7f && bytes[i] != '%') {
			*to++ = (char)bytes[i];
			continue;
		}
		*to++ = '%';
		*to++ = digits[bytes[i] >> 4];
		*to++ = digits[bytes[i] & 15];
	}
	*to = '\0';
	return text;
}

static int hex_digit(char c)
{
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

bool ctl_bytes_read(const char *text, unsigned char bytes[SEGREG_USER_SIZE], size_t *n)
{
	for (*n = 0; *text; ++*n) {
		int high, low;

		if (*n == SEGREG_USER_SIZE)
			return false;
		if (*text != '%') {
			bytes[*n] = (unsigned char)*text++;
			continue;
		}
		if ((high = hex_digit(text[1])) < 0 || (low = hex_digit(text[2])) < 0)
			return false;
		bytes[*n] = (unsigned char)(high << 4 | low);
		text += 3;
	}
	return true;
}
