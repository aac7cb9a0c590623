/*
 * command.h - running a command while segments stay.
 */
#ifndef CTL_COMMAND_H
#define CTL_COMMAND_H

#include "segctl/ctl.h"

/*
 * Run the command and wait for its end. Returns the exit status: that of the command, or 128 and the number of the
 * signal that ended it. If the command cannot be run, the registry is closed before the error is written.
 */
int ctl_command_run(struct ctl *ctl, char **command);

/* Give the command SEGREG_VERSION, and no SEGREG_PATH. */
void ctl_command_set_version(uint64_t version);

#endif /* CTL_COMMAND_H */
