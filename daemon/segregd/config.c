/*
 * config.c - how registries are served: by options, or by the file that segregd.conf(5) describes.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "segreg.h"
#include "common/number.h"
#include "segregd/config.h"
#include "segregd/log.h"

#define SPAN_MAX_MS (UINT64_C(1000000000) * 1000)

void config_init(struct config *config)
{
	*config = (struct config){ .common = { .interval_ms = 5000, .heartbeat_ms = 60000, .report = -1 } };
}

static void settings_free(struct settings *settings)
{
	free(settings->dir);
	free(settings->metrics);
}

void config_free(struct config *config)
{
	settings_free(&config->common);
	for (size_t i = 0; i < config->n; i++)
		settings_free(&config->servers[i]);
	free(config->servers);
}

static bool is_same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

bool config_is_same(const struct settings *a, const struct settings *b)
{
	return is_same_text(a->dir, b->dir) && is_same_text(a->metrics, b->metrics) && a->grace_ms == b->grace_ms &&
	       a->pace == b->pace && a->pace_files == b->pace_files && a->free == b->free &&
	       a->patience_ms == b->patience_ms && a->pressure == b->pressure && a->interval_ms == b->interval_ms &&
	       a->heartbeat_ms == b->heartbeat_ms && a->unconfined == b->unconfined;
}

/* ------------------------------------------------------------------ values */

static bool set_span(uint64_t *milliseconds, const char *where, const char *name, const char *value)
{
	uint64_t span;

	if (!tool_parse_span(value, &span)) {
		warn("%s%s: '%s' is not " TOOL_SPAN_EXAMPLES, where, name, value);
		return false;
	}
	if (span <= SPAN_MAX_MS) {
		*milliseconds = span;
		return true;
	}
	warn("%s%s: '%s' is more than %" PRIu64 " seconds", where, name, value, SPAN_MAX_MS / 1000);
	return false;
}

static bool set_number(uint64_t *number, uint64_t max, const char *where, const char *name, const char *value)
{
	uint64_t n;

	if (tool_parse_number(value, max, &n) && n) {
		*number = n;
		return true;
	}
	warn("%s%s: '%s' is not a number from 1 to %" PRIu64, where, name, value, max);
	return false;
}

static bool set_flag(bool *flag, const char *where, const char *name, const char *value)
{
	if (!strcmp(value, "yes") || !strcmp(value, "no")) {
		*flag = *value == 'y';
		return true;
	}
	warn("%s%s: '%s' is neither yes nor no", where, name, value);
	return false;
}

static bool set_text(char **text, const char *where, const char *name, const char *value)
{
	if (*value != '/') {
		warn("%s%s: '%s' is not an absolute path", where, name, value);
		return false;
	}
	free(*text);
	*text = strdup(value);
	if (!*text)
		warn("%s%s: no memory", where, name);
	return *text;
}

bool config_set(struct settings *settings, const char *where, const char *name, const char *value)
{
	if (!strcmp(name, "grace"))
		return set_span(&settings->grace_ms, where, name, value);
	if (!strcmp(name, "interval")) {
		if (!set_span(&settings->interval_ms, where, name, value))
			return false;
		if (!settings->interval_ms)
			warn("%s%s: 0 seconds would leave no rest", where, name);
		return settings->interval_ms;
	}
	if (!strcmp(name, "pace")) {
		if (!tool_parse_bytes(value, &settings->pace))
			warn("%s%s: '%s' is not " TOOL_BYTES_EXAMPLES, where, name, value);
		else if (!settings->pace)
			warn("%s%s: a pace of 0 would delete nothing", where, name);
		else
			return true;
		return false;
	}
	if (!strcmp(name, "pace-files"))
		return set_number(&settings->pace_files, UINT32_MAX, where, name, value);
	if (!strcmp(name, "free"))
		return set_number(&settings->free, 100, where, name, value);
	if (!strcmp(name, "patience"))
		return set_span(&settings->patience_ms, where, name, value);
	if (!strcmp(name, "pressure"))
		return set_number(&settings->pressure, 100, where, name, value);
	if (!strcmp(name, "metrics"))
		return set_text(&settings->metrics, where, name, value);
	if (!strcmp(name, "heartbeat"))
		return set_span(&settings->heartbeat_ms, where, name, value);
	if (!strcmp(name, "unconfined"))
		return set_flag(&settings->unconfined, where, name, value);
	warn("%sunknown setting '%s'", where, name);
	return false;
}

/*
 * Returns a registry that is the same directory as dir by another name, or NULL. For a directory that does not exist
 * yet, the lock of the registry finds that later.
 */
static const char *find_same(const struct config *config, const char *dir)
{
	struct stat wanted, st;

	if (stat(dir, &wanted) == -1)
		return NULL;
	for (size_t i = 0; i < config->n; i++)
		if (stat(config->servers[i].dir, &st) == 0 && st.st_dev == wanted.st_dev && st.st_ino == wanted.st_ino)
			return config->servers[i].dir;
	return NULL;
}

/*
 * Returns an absolute path as it is written, and makes others absolute. NULL: memory is short, or there is no working
 * directory.
 */
static char *make_absolute(const char *dir)
{
	char *cwd, *path = NULL;

	if (*dir == '/')
		return strdup(dir);
	path = realpath(dir, NULL);
	if (path)
		return path;
	cwd = get_current_dir_name();
	if (cwd && asprintf(&path, "%s/%s", cwd, dir) < 0)
		path = NULL;
	free(cwd);
	return path;
}

static bool add_settings(struct config *config, const char *where, const char *dir)
{
	struct settings *servers, settings = config->common;
	const char *same = find_same(config, dir);
	size_t at = 0;

	while (at < config->n && strcmp(config->servers[at].dir, dir) < 0)
		at++;
	if (at < config->n && !strcmp(config->servers[at].dir, dir)) {
		warn("%s%s is there twice", where, dir);
		return false;
	}
	if (same) {
		warn("%s%s is %s, which is there already", where, dir, same);
		return false;
	}
	servers = reallocarray(config->servers, config->n + 1, sizeof *servers);
	if (servers)
		config->servers = servers;
	settings.dir = strdup(dir);
	settings.metrics = settings.metrics ? strdup(settings.metrics) : NULL;
	if (!servers || !settings.dir || (config->common.metrics && !settings.metrics)) {
		warn("%sno memory", where);
		settings_free(&settings);
		return false;
	}
	memmove(servers + at + 1, servers + at, (config->n - at) * sizeof *servers);
	servers[at] = settings;
	config->n++;
	return true;
}

bool config_add(struct config *config, const char *where, const char *dir)
{
	char *path = *dir ? make_absolute(dir) : NULL;
	bool good = path && add_settings(config, where, path);

	if (!*dir)
		warn("%sthe registry has no name", where);
	else if (!path)
		warn("%sno memory", where);
	free(path);
	return good;
}

/* ------------------------------------------------------------------ the file */

static char *trim(char *text)
{
	char *end;

	while (isspace((unsigned char)*text))
		text++;
	end = text + strlen(text);
	while (end > text && isspace((unsigned char)end[-1]))
		end--;
	*end = '\0';
	return text;
}

struct reader {
	struct config *config;
	struct settings *settings; /* of the next key */
	char seen[256];            /* names seen in this section, each with a blank before and behind */
	char where[SEGREG_PATH_SIZE + 32];
};

/* Note a name. False: the section has it already. */
static bool note_name(struct reader *reader, const char *name)
{
	size_t length = strlen(reader->seen);
	char word[64];

	snprintf(word, sizeof word, " %s ", name);
	if (strstr(reader->seen, word)) {
		warn("%s'%s' is there twice", reader->where, name);
		return false;
	}
	snprintf(reader->seen + length, sizeof reader->seen - length, "%s", word);
	return true;
}

static bool read_section(struct reader *reader, char *line)
{
	size_t length = strlen(line);

	*reader->seen = '\0';
	if (line[length - 1] != ']') {
		warn("%sa section's line ends with ']'", reader->where);
		return false;
	}
	line[length - 1] = '\0';
	line = trim(line + 1);
	if (*line != '/') {
		warn("%s'%s' is not the absolute path of a registry", reader->where, line);
		return false;
	}
	if (!config_add(reader->config, reader->where, line))
		return false;
	for (size_t i = 0; i < reader->config->n; i++)
		if (!strcmp(reader->config->servers[i].dir, line))
			reader->settings = &reader->config->servers[i];
	return true;
}

static bool read_key(struct reader *reader, char *line)
{
	char *equals = strchr(line, '='), *name, *value;

	if (!equals) {
		warn("%s'%s' is neither 'name = value' nor '[directory]'", reader->where, line);
		return false;
	}
	*equals = '\0';
	name = trim(line);
	value = trim(equals + 1);
	if (!note_name(reader, name))
		return false;
	if (strcmp(name, "log-format"))
		return config_set(reader->settings, reader->where, name, value);
	if (reader->settings == &reader->config->common && log_parse_format(value, &reader->config->format))
		return true;
	warn("%slog-format: %s", reader->where,
	     reader->settings == &reader->config->common ? "auto, plain, time, journal or json"
							 : "it is for all registries, so it stands before the first");
	return false;
}

static bool read_line(struct reader *reader, char *line)
{
	line = trim(line);
	if (!*line || *line == '#')
		return true;
	return *line == '[' ? read_section(reader, line) : read_key(reader, line);
}

bool config_read(struct config *config, const char *path)
{
	struct reader reader = { .config = config, .settings = &config->common };
	FILE *file = fopen(path, "re");
	unsigned number = 0;
	char *line = NULL;
	size_t room = 0;
	bool good = true;

	if (!file) {
		warn("cannot read %s: %s", path, strerror(errno));
		return false;
	}
	while (good && getline(&line, &room, file) != -1) {
		snprintf(reader.where, sizeof reader.where, "%.*s:%u: ", SEGREG_PATH_SIZE - 1, path, ++number);
		good = read_line(&reader, line);
	}
	if (good && ferror(file)) {
		warn("cannot read %s: %s", path, strerror(errno));
		good = false;
	}
	if (good && !config->n) {
		warn("%s names no registry: [/its/directory]", path);
		good = false;
	}
	free(line);
	fclose(file);
	return good;
}
