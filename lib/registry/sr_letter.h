/*
 * sr_letter.h - the letter in each lane, in which an edit travels with another process's commit.
 *
 *                     owner posts              leader takes               leader answers
 *         FREE ----------------------> POSTED -------------> TAKEN -----------------------> DONE
 *          ^  ^        owner withdraws    |  ^                |  |                            |
 *          |  +---------------------------+  +----------------+  | owner gives up waiting     | owner reads the answer
 *          |                                  leader hands back  v                            |
 *          +----------------------------------------------- FORSAKEN                          |
 *          |         leader answers or hands back                                             |
 *          +----------------------------------------------------------------------------------+
 *
 * A leader is whoever holds the commit lock, with its dirty word set before he takes the first letter; each of these moves is a
 * compare-and-swap. The owner alone writes what is in a letter, and only while it is FREE, so what is read in a TAKEN one
 * stands still. Emptying a lane makes its letter FREE whatever it was, with the epoch raised after.
 *
 * The leader names a letter by its owner (epoch and lane) and its number, which together are used once in a region's life, and
 * looks that they are still the same before he answers. If the lane is emptied and used again between that look and the
 * compare-and-swap, then the swap fails: a new owner's letter becomes TAKEN by a leader only, and there is no other. All that such a
 * late leader spoils is an answer that nobody reads before it is written again.
 *
 * The header's bits say in which lanes to look. A bit is set after the letter is POSTED and cleared before it is looked at, so a
 * POSTED letter without its bit is one whose owner is just about to set it; a bit too many costs a look.
 */
#ifndef SR_LETTER_H
#define SR_LETTER_H

#include "registry/sr_registry.h"

/* ---------------------------------------------------------------- the owner's side */

/* Have the letter of this handle to oneself; false if another thread has it, or a leader still has it from before. */
bool sr_letter_claim(struct segreg *reg);
void sr_letter_release(struct segreg *reg);

/* Send edit, of length bytes. */
void sr_letter_post(struct segreg *reg, const unsigned char *edit, uint32_t length);
/* Get it back unread, or from a leader who has it; false if it was not there. */
bool sr_letter_withdraw(struct segreg *reg);
bool sr_letter_forsake(struct segreg *reg);

/* Sleep until it is no longer what it is, at most so long, or until there is reason to try the commit lock; what it is then. */
enum sr_letter_state sr_letter_wait(struct segreg *reg, int64_t nanoseconds);

/* Of an answered letter: the code, with its text in segreg_last_error; frees it. */
int sr_letter_collect(struct segreg *reg, uint64_t *version);

/* ---------------------------------------------------------------- the leader's side [commit] */

/* What a leader took out of a letter. */
struct sr_taken {
	uint64_t lane_id, seq;
	uint32_t length; /* of edit */
	unsigned char edit[SR_LETTER_EDIT];
};

/* How many may be waiting. */
uint32_t sr_letter_count(const struct sr_region *region);
/* Sleep until there are that many letters and threads of this process (sr_queue.h), or for nanoseconds. */
void sr_letter_gather(const struct sr_registry *registry, uint32_t letters, uint32_t threads, int64_t nanoseconds);
/* An edit waits: wake a leader for whom it is the last of those that it gathers. */
void sr_letter_announce(const struct sr_region *region);

/* Take the next one at or after lane *next; false if there is none. Letters of the dead are thrown away. */
bool sr_letter_take(struct sr_registry *registry, uint32_t *next, struct sr_taken *taken);

/* Answer it, or hand it back unanswered. */
void sr_letter_answer(const struct sr_region *region, uint64_t lane_id, uint64_t seq, int code, uint64_t version, const char *text);
void sr_letter_hand_back(const struct sr_region *region, uint64_t lane_id, uint64_t seq);
/* After answers, without a lock: wake all who wait for one. */
void sr_letter_wake(const struct sr_region *region);

/* In a repair, by whoever comes after a dead leader: answer the letters that he has made durable, hand the others back. */
void sr_letter_settle(const struct sr_region *region, const struct sr_riders *riders);

/* After the commit lock was given back: let one who waits look whether he can have it. */
void sr_letter_nudge(const struct sr_region *region);

/* Emptying a lane. [table] */
void sr_letter_clear(struct sr_row *row);

#endif
