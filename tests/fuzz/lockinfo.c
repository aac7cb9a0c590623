/*
 * lockinfo.c - the text in registry.lock: what is believed of it names an object that segreg made, and is written back
 * as it was read.
 */
#include "fuzz.h"
#include "sys/sr_error.h"
#include "base/sr_lockinfo.h"

static void one(const uint8_t *data, size_t size)
{
	struct sr_lockinfo info, again;
	char path[32];
	int fd = fuzz_file(data, size, path);

	if (fuzz_rc(sr_lockinfo_read(fd, path, &info)) || !info.present)
		return;
	FUZZ_CLAIM(!info.region[0] || (!strncmp(info.region, "/segreg-", 8) && !strchr(info.region + 1, '/')));
	FUZZ_CLAIM(fuzz_rc(sr_lockinfo_write(fd, path, &info, false)) == 0);
	FUZZ_CLAIM(sr_lockinfo_read(fd, path, &again) == 0 && again.present && again.ready == info.ready &&
		   again.ino == info.ino);
	FUZZ_CLAIM(!memcmp(again.uuid, info.uuid, sizeof(info.uuid)) && !strcmp(again.region, info.region));
}

const struct fuzz_target fuzz_lockinfo = { .name = "lockinfo", .one = one };
