/*
 * reboot.h - what a restart of the host leaves of a registry.
 */
#ifndef T_REBOOT_H
#define T_REBOOT_H

#include "world.h"

/* The shared memory is gone. Nobody may be attached. */
void t_reboot(const struct t_world *world);

#endif
