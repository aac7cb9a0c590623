/*
 * json.h - JSON on stdout, value by value: what is too much for a table in memory.
 *
 * The caller opens and closes objects and arrays in their order. A name is given for each value in an object, and NULL
 * for each in an array.
 */
#ifndef CTL_JSON_H
#define CTL_JSON_H

#include <stdbool.h>
#include <stdint.h>

struct ctl_json {
	unsigned depth;
	bool has_values; /* of what is open */
};

void ctl_json_open(struct ctl_json *json, const char *name, char bracket); /* '{' or '[' */
void ctl_json_close(struct ctl_json *json, char bracket);                  /* '}' or ']' */
void ctl_json_number(struct ctl_json *json, const char *name, uint64_t value);
void ctl_json_flag(struct ctl_json *json, const char *name, bool value);
void ctl_json_text(struct ctl_json *json, const char *name, const char *text); /* NULL: null */
void ctl_json_time(struct ctl_json *json, const char *name, int64_t at);       /* CLOCK_REALTIME ns; 0: null */
void ctl_json_null(struct ctl_json *json, const char *name);

#endif /* CTL_JSON_H */
