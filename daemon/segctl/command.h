/*
 * command.h - running a command while segments stay.
 */
#ifndef CTL_COMMAND_H
#define CTL_COMMAND_H

#include "segctl/ctl.h"

/*
 * Run the command and wait for its end. Returns the exit status of the command, or 128 and the number of the signal
 * that ended it. If the command cannot be run, this closes the registry and then writes the error.
 */
int ctl_command_run(struct ctl *ctl, char **command);

/* Set SEGREG_VERSION for the command, and unset SEGREG_PATH. */
void ctl_command_set_version(uint64_t version);

#endif /* CTL_COMMAND_H */
