/*
 * sr_uuid.c - uuids as text.
 */
#include "base/sr_uuid.h"

#include <stdio.h>
#include <string.h>

void sr_uuid_format(const uint8_t uuid[16], char text[37])
{
	for (int i = 0; i < 16; i++) {
		text += sprintf(text, "%02x", uuid[i]);
		if (i == 3 || i == 5 || i == 7 || i == 9)
			*text++ = '-';
	}
	*text = '\0';
}

int sr_uuid_parse(const char *text, uint8_t uuid[16])
{
	for (int i = 0; i < 16; i++) {
		unsigned byte;

		if (i == 4 || i == 6 || i == 8 || i == 10)
			if (*text++ != '-')
				return 0;
		if (strspn(text, "0123456789abcdef") < 2 || sscanf(text, "%2x", &byte) != 1)
			return 0;
		uuid[i] = (uint8_t)byte;
		text += 2;
	}
	return *text == '\0';
}
