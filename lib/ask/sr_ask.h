/*
 * sr_ask.h - questions about segments and handles. An answer was true at some moment during the call.
 */
#ifndef SR_ASK_H
#define SR_ASK_H

#include "registry/sr_registry.h"

/*
 * *word gets the slot's word, with the state before a decision that is under way. Looks without a lock first.
 * SEGREG_E_NOENT if id is not registered.
 */
int sr_ask_word(struct segreg *reg, uint64_t id, uint64_t *word);

int sr_ask_count(struct segreg *reg, uint64_t id, uint64_t *count);
int sr_ask_stats(struct segreg *reg, struct segreg_stats *stats);
int sr_ask_list(struct segreg *reg, segreg_list_fn *fn, void *arg);
int sr_ask_list_retired(struct segreg *reg, segreg_list_fn *fn, void *arg);
int sr_ask_list_many(struct segreg *reg, const uint64_t *ids, size_t n, segreg_list_fn *fn, void *arg);
int sr_ask_list_one(struct segreg *reg, uint64_t id, segreg_list_fn *fn, void *arg);
int sr_ask_holders(struct segreg *reg, uint64_t id, segreg_holder_fn *fn, void *arg);
int sr_ask_lanes(struct segreg *reg, segreg_holder_fn *fn, void *arg);

#endif
