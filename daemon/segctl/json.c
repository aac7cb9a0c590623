/*
 * json.c - JSON on stdout, value by value.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/text.h"
#include "segctl/json.h"

static void begin(struct ctl_json *json, const char *name)
{
	if (json->has_values)
		putchar(',');
	if (json->depth)
		printf("\n%*s", (int)(3 * json->depth), "");
	if (name)
		printf("\"%s\": ", name);
	json->has_values = true;
}

void ctl_json_open(struct ctl_json *json, const char *name, char bracket)
{
	begin(json, name);
	putchar(bracket);
	json->depth++;
	json->has_values = false;
}

void ctl_json_close(struct ctl_json *json, char bracket)
{
	json->depth--;
	if (json->has_values)
		printf("\n%*s", (int)(3 * json->depth), "");
	putchar(bracket);
	json->has_values = true;
	if (!json->depth)
		putchar('\n');
}

void ctl_json_number(struct ctl_json *json, const char *name, uint64_t value)
{
	begin(json, name);
	printf("%" PRIu64, value);
}

void ctl_json_flag(struct ctl_json *json, const char *name, bool value)
{
	begin(json, name);
	fputs(value ? "true" : "false", stdout);
}

void ctl_json_null(struct ctl_json *json, const char *name)
{
	begin(json, name);
	fputs("null", stdout);
}

void ctl_json_text(struct ctl_json *json, const char *name, const char *text)
{
	char *copy = text ? tool_text_escape(text, false) : NULL;

	if (!copy) {
		ctl_json_null(json, name);
		return;
	}
	begin(json, name);
	putchar('"');
	for (const unsigned char *c = (const unsigned char *)copy; *c; c++) {
		if (*c == '"' || *c == '\\')
			printf("\\%c", *c);
		else if (*c < 0x20 || *c == 0x7f)
			printf("\\u%04x", *c);
		else
			putchar(*c);
	}
	putchar('"');
	free(copy);
}

void ctl_json_time(struct ctl_json *json, const char *name, int64_t at)
{
	time_t seconds = at / 1000000000;
	char text[64], zone[8];
	struct tm tm;

	if (!at) {
		ctl_json_null(json, name);
		return;
	}
	localtime_r(&seconds, &tm);
	strftime(text, sizeof text, "%FT%T", &tm);
	strftime(zone, sizeof zone, "%z", &tm);
	begin(json, name);
	printf("\"%s%.3s:%s\"", text, zone, zone + 3); /* +0100 is +01:00 in ISO 8601's long form */
}
