/*
 * sr_lockinfo.h - the text in registry.lock: which registry this is, and the name of its shared memory.
 *
 * A process writes the text while it holds SR_BYTE_ATTACH exclusively, and reads it while it holds that byte at all. So
 * no process sees a text that a living process has half written. If the writer died, the next exclusive holder sees
 * that and writes the text again. The builder's number is an exception: a process that has waited in vain for the
 * builder reads it without the byte, for its message.
 */
#ifndef SR_LOCKINFO_H
#define SR_LOCKINFO_H

#include "shm/sr_region.h"

#include <stdbool.h>

struct sr_lockinfo {
	bool present; /* there is text at all */
	bool ready;   /* creation was finished */
	uint8_t uuid[16];
	uint64_t ino;                     /* of registry.lock when it was made: a copy has another */
	char region[SR_REGION_NAME_SIZE]; /* "": none */
	uint32_t builder; /* for messages: the process that wrote the text last, while it creates or builds; 0: none */
};

int sr_lockinfo_read(int fd, const char *path, struct sr_lockinfo *info);
/* durable: fsync, for what must survive a power cut. */
int sr_lockinfo_write(int fd, const char *path, const struct sr_lockinfo *info, bool durable);

#endif
