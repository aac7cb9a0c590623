/*
 * sr_wait.h - sleeping in the kernel until another process has done something.
 */
#ifndef SR_WAIT_H
#define SR_WAIT_H

#include "registry/sr_registry.h"

/*
 * Sleep until the wake word differs from *ticket, and copy it to *ticket. SEGREG_E_TIMEDOUT after timeout_ms;
 * timeout_ms < 0: wait without limit.
 */
int sr_wait_for_work(struct segreg *reg, uint32_t *ticket, int timeout_ms);

/*
 * Sleep until the registry's version is greater than `version`, and copy it to *now. SEGREG_E_TIMEDOUT after
 * timeout_ms; timeout_ms < 0: wait without limit.
 */
int sr_wait_for_version(struct segreg *reg, uint64_t version, int timeout_ms, uint64_t *now);

/* End the waits of this handle, and refuse those to come, until a call with is_off false. Async-signal-safe. */
void sr_wait_off(struct segreg *reg, bool is_off);

#endif
