/*
 * server.h - segregd at work, for one registry.
 */
#ifndef SEGREGD_SERVER_H
#define SEGREGD_SERVER_H

#include <signal.h>

#include "segregd/config.h"

/*
 * Serve the registry until one of the signals comes; sweep it once. The caller has blocked the signals. Both return
 * the exit status.
 */
int server_run(const struct settings *settings, const sigset_t *signals);
int server_sweep_once(const struct settings *settings, const sigset_t *signals);

#endif /* SEGREGD_SERVER_H */
