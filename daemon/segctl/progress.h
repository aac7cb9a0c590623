/*
 * progress.h - how far long work has come.
 */
#ifndef CTL_PROGRESS_H
#define CTL_PROGRESS_H

/* Show on stderr, if it is a terminal, how far long work has come: one line that the next one replaces. */
void ctl_progress_show(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Wipe it; before anything else is written. */
void ctl_progress_end(void);

#endif /* CTL_PROGRESS_H */
