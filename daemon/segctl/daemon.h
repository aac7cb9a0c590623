/*
 * daemon.h - a line about a segregd that fails.
 */
#ifndef CTL_DAEMON_H
#define CTL_DAEMON_H

#include "segctl/ctl.h"

/*
 * Write to stdout what is wrong with the segregd of the registry. Writes nothing for programs, and nothing if no
 * segregd has failed.
 */
void ctl_daemon_warn(const struct ctl *ctl);

#endif /* CTL_DAEMON_H */
