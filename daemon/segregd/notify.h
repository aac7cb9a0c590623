/*
 * notify.h - messages to systemd, without waiting for it.
 */
#ifndef SEGREGD_NOTIFY_H
#define SEGREGD_NOTIFY_H

#include <systemd/sd-event.h>

/*
 * Begin to send signs of life to systemd, if it asks for them. Returns a negative errno if the loop does not take
 * that.
 */
int notify_open(sd_event *event);
void notify_close(void);

/* Send a message like sd_notify(3), but without waiting. */
void notify_send(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif /* SEGREGD_NOTIFY_H */
