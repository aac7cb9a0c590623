/*
 * sr_wait.h - sleeping in the kernel until another process has done something.
 */
#ifndef SR_WAIT_H
#define SR_WAIT_H

#include "registry/sr_registry.h"

/* Until the wake word is another than *ticket, which becomes it. timeout_ms < 0: for good. SEGREG_E_TIMEDOUT. */
int sr_wait_for_work(struct segreg *reg, uint32_t *ticket, int timeout_ms);

/* Until there is a version greater than version; *now becomes it. */
int sr_wait_for_version(struct segreg *reg, uint64_t version, int timeout_ms, uint64_t *now);

#endif
