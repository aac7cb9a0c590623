/*
 * config.c - segregd.conf, and the numbers and texts that tools read and write.
 */
#include <stdarg.h>

#include "fuzz.h"
#include "common/format.h"
#include "common/number.h"
#include "common/text.h"
#include "segregd/config.h"
#include "segregd/log.h"

/* In place of log_say: all that would be written is looked at, and goes nowhere. */
void __wrap_log_say(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));
void __wrap_log_say(int priority, const char *format, ...)
{
	va_list args;
	char *text;

	(void)priority;
	va_start(args, format);
	text = tool_text_vformat(format, args);
	va_end(args);
	free(text);
}

static void claim_settings(const struct settings *settings)
{
	FUZZ_CLAIM(settings->interval_ms && settings->free <= 100);
	FUZZ_CLAIM(!settings->metrics || *settings->metrics == '/');
}

static void file(const uint8_t *data, size_t size)
{
	struct config config;
	char path[32];

	fuzz_file(data, size, path);
	config_init(&config);
	if (config_read(&config, path)) {
		FUZZ_CLAIM(config.n);
		for (size_t i = 0; i < config.n; i++) {
			claim_settings(&config.servers[i]);
			FUZZ_CLAIM(*config.servers[i].dir == '/' &&
				   config_is_same(&config.servers[i], &config.servers[i]));
			FUZZ_CLAIM(!i || strcmp(config.servers[i - 1].dir, config.servers[i].dir) < 0);
		}
	}
	config_free(&config);
}

static void one(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size), *escaped, buf[TOOL_SPAN_SIZE];
	uint64_t number = 0;

	FUZZ_CLAIM(text);
	file(data, size);
	if (tool_parse_number(text, UINT32_MAX, &number))
		FUZZ_CLAIM(number <= UINT32_MAX);
	tool_parse_span(text, &number);
	tool_parse_bytes(text, &number);
	tool_format_bytes(number, buf);
	tool_format_span((int64_t)number, buf);
	escaped = tool_text_escape(text, true);
	FUZZ_CLAIM(escaped);
	for (const char *c = escaped; *c; c++)
		FUZZ_CLAIM((unsigned char)*c >= 0x20 && *c != 0x7f);
	free(escaped);
	free(text);
}

const struct fuzz_target fuzz_config = { .name = "config", .one = one };
