/*
 * sr_letter.h - the letter in each lane, in which an edit travels with another process's commit. sr_letter.c has the
 * moves of a letter, and why a leader's late answer harms no other edit.
 */
#ifndef SR_LETTER_H
#define SR_LETTER_H

#include "registry/sr_registry.h"

/* ---------------------------------------------------------------- the owner's side */

/* Claim this handle's letter for the calling thread. Returns false if another thread has it, or a leader still has
 * it from before. */
bool sr_letter_claim(struct segreg *reg);
/* Let other threads have it. */
void sr_letter_release(struct segreg *reg);

/* Post the claimed letter with edit, of length bytes. */
void sr_letter_post(struct segreg *reg, const unsigned char *edit, uint32_t length);
/* Withdraw a letter that no leader has taken; returns false if a leader has. */
bool sr_letter_withdraw(struct segreg *reg);
/* Give up a letter that a leader has taken; returns false if none has it. */
bool sr_letter_forsake(struct segreg *reg);

/* Sleep until the letter's state changes, until the commit lock may be free, or for at most nanoseconds. Returns the
 * state after that. */
enum sr_letter_state sr_letter_wait(struct segreg *reg, int64_t nanoseconds);

/* Read the answer, and free the letter. Returns the answer's code, and puts its text into segreg_last_error. */
int sr_letter_collect(struct segreg *reg, uint64_t *version);

/* ---------------------------------------------------------------- the leader's side [commit] */

/* What a leader took out of a letter. */
struct sr_taken {
	uint64_t lane_id, seq;
	uint32_t length; /* of edit */
	unsigned char edit[SR_LETTER_EDIT];
};

/* Returns how many letters may be waiting. */
uint32_t sr_letter_count(const struct sr_region *region);
/* Sleep until this number of letters and this number of threads of this process (sr_queue.h) wait, or for
 * nanoseconds. */
void sr_letter_gather(const struct sr_registry *registry, uint32_t letters, uint32_t threads, int64_t nanoseconds);
/* An edit waits: wake the leader if this is the last of the edits that it gathers. */
void sr_letter_wake_leader(const struct sr_region *region);

/* Take the next letter at or after lane *next; returns false if there is none. Letters of the dead are thrown away. */
bool sr_letter_take(struct sr_registry *registry, uint32_t *next, struct sr_taken *taken);

/* Answer a taken letter, or hand it back unanswered. */
void sr_letter_answer(const struct sr_region *region, uint64_t lane_id, uint64_t seq, int code, uint64_t version,
		      const char *text);
void sr_letter_hand_back(const struct sr_region *region, uint64_t lane_id, uint64_t seq);
/* After answers, without a lock: wake all owners that wait for one. */
void sr_letter_wake_all(const struct sr_region *region);

/* In a repair after a leader's death: answer the letters that riders names, which the leader made durable, and hand
 * the others back. */
void sr_letter_settle(const struct sr_region *region, const struct sr_riders *riders);

/* After the commit lock was given back: let an owner that waits look whether it can have the lock. */
void sr_letter_wake_one(const struct sr_region *region);

/* For a lane that is emptied: make its letter FREE. [table] */
void sr_letter_clear(struct sr_row *row);

#endif
