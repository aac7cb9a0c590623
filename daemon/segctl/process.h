/* process.h - the process behind a handle. */
#ifndef CTL_PROCESS_H
#define CTL_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "segreg.h"

/* The process behind a handle. An empty text: not known. */
struct ctl_process {
	char command[64]; /* the name of its program, or "(dead)", ... */
	char user[64];
	char cgroup[512];
	bool is_dead;
};

/* user becomes the user's name, or the number if it has none. */
void ctl_process_find_user(uint32_t uid, char *user, size_t size);

void ctl_process_find(const struct segreg_holder *holder, struct ctl_process *process);

#endif /* CTL_PROCESS_H */
