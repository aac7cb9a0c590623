/* process.h - the process behind a handle. */
#ifndef CTL_PROCESS_H
#define CTL_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "segreg.h"

/* The process behind a handle. An empty text: not known. */
struct ctl_process {
	char command[64];       /* the name of its program, or "(dead)", ... */
	char command_line[512]; /* the program and its arguments; cut off behind the last that fits */
	char user[64];
	char cgroup[512];
	char unit[128];    /* its systemd unit or container, from the control group */
	const char *state; /* "running", "stopped", "traced", "zombie", "dead"; "" */
	bool is_dead;
};

void ctl_process_find(const struct segreg_holder *holder, struct ctl_process *process);

/* Whether the process behind a handle is dead, as far as its pid shows that. */
bool ctl_process_is_dead(const struct segreg_holder *holder);

/* user becomes the name of a user, or the number; compare a user with a name or number. */
void ctl_process_find_user(uint32_t uid, char user[64]);
bool ctl_process_is_user(uint32_t uid, const char *user);

/* unit becomes the systemd unit, or the container, that a control group names; else the group's last part. */
void ctl_process_find_unit(const char *cgroup, char unit[128]);

#endif /* CTL_PROCESS_H */
