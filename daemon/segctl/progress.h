/* progress.h - the progress of long work. */
#ifndef CTL_PROGRESS_H
#define CTL_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Work on segments whose bytes are known before. */
struct ctl_progress_work {
	size_t n, done; /* segments */
	uint64_t total; /* bytes of all of them */
	int64_t since;  /* set by ctl_progress_begin_work */
};

/* Whether anybody sees progress: whether stderr is a terminal. */
bool ctl_progress_is_shown(void);
/* Show progress on stderr, if that is a terminal: one line that the next one replaces. */
void ctl_progress_show(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Begin some work now; show how much of it is done, at which rate, and how long the rest may take. */
void ctl_progress_begin_work(struct ctl_progress_work *work);
void ctl_progress_show_work(const struct ctl_progress_work *work, uint64_t bytes);
/* Wipe that line, before anything else is written. */
void ctl_progress_end(void);

#endif /* CTL_PROGRESS_H */
