/*
 * served.h - a line about a segregd that fails.
 */
#ifndef CTL_SERVED_H
#define CTL_SERVED_H

#include "segctl/ctl.h"

/*
 * Write to stdout what is wrong with the segregd of the registry. Writes nothing for programs, and nothing if no
 * segregd has failed.
 */
void ctl_served_warn(const struct ctl *ctl);

#endif /* CTL_SERVED_H */
