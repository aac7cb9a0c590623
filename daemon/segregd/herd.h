/*
 * herd.h - several registries, a process for each.
 */
#ifndef SEGREGD_HERD_H
#define SEGREGD_HERD_H

#include <signal.h>

#include "segregd/config.h"

/*
 * Serve several registries, each in a process of its own, until one of the signals comes. The caller has blocked
 * these. On SIGHUP the configuration is read again from path; NULL: there is no file. Returns the exit status.
 */
int herd_run(struct config *config, const char *path, const sigset_t *signals);

#endif /* SEGREGD_HERD_H */
