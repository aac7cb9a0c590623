/*
 * sr_uuid.h - uuids as text.
 */
#ifndef SR_UUID_H
#define SR_UUID_H

#include <stdint.h>

void sr_uuid_format(const uint8_t uuid[16], char text[37]);
/* Returns 1, or 0 if text is not a uuid. */
int sr_uuid_parse(const char *text, uint8_t uuid[16]);

#endif
