/*
 * herd.h - several registries, a process for each.
 */
#ifndef SEGREGD_HERD_H
#define SEGREGD_HERD_H

#include <signal.h>

#include "segregd/config.h"

/*
 * Serve several registries, each in a process of its own, until one of the signals comes, which are blocked. path: the
 * file that the configuration is from, read again on SIGHUP; NULL: none. Returns the exit status.
 */
int herd_run(struct config *config, const char *path, const sigset_t *signals);

#endif /* SEGREGD_HERD_H */
