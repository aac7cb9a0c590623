/* progress.h - the progress of long work. */
#ifndef CTL_PROGRESS_H
#define CTL_PROGRESS_H

/* Show progress on stderr, if that is a terminal: one line that the next one replaces. */
void ctl_progress_show(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Wipe that line, before anything else is written. */
void ctl_progress_end(void);

#endif /* CTL_PROGRESS_H */
