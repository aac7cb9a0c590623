/*
 * backup_owner.h - a directory that is a backup, whose backup it is, and which backup has it now.
 */
#ifndef CTL_BACKUP_OWNER_H
#define CTL_BACKUP_OWNER_H

#include <stdbool.h>

#include "segctl/ctl.h"

/*
 * Make the directory if it is missing, check that it is a backup of this registry, and lock it. *lock becomes the
 * descriptor that locks it. With is_dry, nothing is made, and *lock stays as it is where there is no backup. Returns
 * the exit status.
 */
int ctl_backup_own(struct ctl *ctl, const char *path, bool is_dry, int *lock);

/* Lock a backup of this registry, to read it; other readers may do so too. Returns the exit status. */
int ctl_backup_share(struct ctl *ctl, const char *path, int *lock);

#endif /* CTL_BACKUP_OWNER_H */
