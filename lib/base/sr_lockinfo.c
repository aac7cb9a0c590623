/*
 * sr_lockinfo.c - the text in registry.lock: which registry this is, and the name of its shared memory.
 */
#include "base/sr_lockinfo.h"
#include "base/sr_uuid.h"
#include "sys/sr_error.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define INFO_SIZE 256 /* always written whole */
#define FORMAT_VERSION 1

/* Is name "-", or a name that sr_region_name makes? A builder discards the object of that name. */
static bool is_region_name(const char *name)
{
	return !strcmp(name, "-") ||
	       (!strncmp(name, "/segreg-", 8) && strlen(name) == 40 && strspn(name + 8, "0123456789abcdef") == 32);
}

int sr_lockinfo_read(int fd, const char *path, struct sr_lockinfo *info)
{
	char text[INFO_SIZE + 1] = "", uuid[37], state[16];
	const char *builder;
	ssize_t length = sr_sys_pread(fd, text, INFO_SIZE, 0);
	unsigned version;

	*info = (struct sr_lockinfo){ .present = false };
	if (length == -1)
		return sr_fail_errno(errno, "cannot read %s", path);
	if (length == 0)
		return 0;
	if (sscanf(text, "segreg registry %u", &version) == 1 && version != FORMAT_VERSION)
		return sr_fail(SEGREG_E_VERSION, "%s has format %u, this library (segreg %s) knows format %u", path,
			       version, segreg_version_string(), FORMAT_VERSION);
	if (sscanf(text, "segreg registry %u uuid %36s inode %" SCNu64 " state %15s region %63s", &version, uuid,
		   &info->ino, state, info->region) != 5 ||
	    !sr_uuid_parse(uuid, info->uuid) || !is_region_name(info->region))
		return sr_fail(SEGREG_E_CORRUPT,
			       "%s is not a segreg lock file, or damaged; if no process uses the registry, remove "
			       "it and open the registry with SEGREG_ADOPT (segctl init --adopt)",
			       path);
	builder = strstr(text, "\nbuilder ");
	if (builder && sscanf(builder, "\nbuilder %" SCNu32, &info->builder) != 1)
		info->builder = 0;
	info->present = true;
	info->ready = !strcmp(state, "ready");
	if (!strcmp(info->region, "-"))
		info->region[0] = '\0';
	return 0;
}

int sr_lockinfo_write(int fd, const char *path, const struct sr_lockinfo *info, bool durable)
{
	char text[INFO_SIZE], uuid[37];
	int length;

	sr_uuid_format(info->uuid, uuid);
	memset(text, ' ', sizeof(text));
	text[sizeof(text) - 1] = '\n';
	length = snprintf(text, sizeof(text),
			  "segreg registry %u\nuuid %s\ninode %" PRIu64 "\nstate %s\nregion %s\nbuilder %" PRIu32,
			  FORMAT_VERSION, uuid, info->ino, info->ready ? "ready" : "creating",
			  info->region[0] ? info->region : "-", info->builder);
	text[length] = '\n'; /* in place of the NUL */
	if (sr_sys_pwrite(fd, text, sizeof(text), 0) == -1 || (durable && sr_sys_fsync(fd) == -1))
		return sr_fail_errno(errno, "cannot write %s", path);
	return 0;
}
