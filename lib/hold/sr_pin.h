/*
 * sr_pin.h - pinning and unpinning.
 */
#ifndef SR_PIN_H
#define SR_PIN_H

#include "registry/sr_registry.h"

int sr_pin(struct segreg *reg, uint64_t id, unsigned flags, struct segreg_pin *pin);
int sr_unpin(struct segreg *reg, struct segreg_pin *pin);

/* Pin all n segments, or none of them if one pin fails. */
int sr_pin_many(struct segreg *reg, const uint64_t *ids, size_t n, unsigned flags, struct segreg_pin *pins);

/*
 * Release n pins; a zeroed pin is skipped. If some of them are not held, release the others, and return the first
 * failure. Threads that wait for sweeps wake once, at the end.
 */
int sr_unpin_many(struct segreg *reg, struct segreg_pin *pins, size_t n);

/* Whether reg holds this pin. While it does, the slot serves this segment. */
bool sr_pin_is_held(const struct segreg *reg, const struct segreg_pin *pin);
/* Fail because reg does not hold this pin: SEGREG_E_NOTPINNED or SEGREG_E_EVICTED. */
int sr_pin_fail(const struct segreg *reg, const struct segreg_pin *pin) __attribute__((cold));

/* Pin the segment that another process pins. SEGREG_E_NOENT if the id was used for another segment since. */
int sr_pin_receive(struct segreg *reg, const struct segreg_pin *theirs, struct segreg_pin *pin);

#endif
