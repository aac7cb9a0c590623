/*
 * sr_commit.c - committing an edit: the handle leads, or rides along with another leader. sr_group.c explains how
 * leaders and riders work together.
 */
#include "edit/sr_commit.h"
#include "sys/sr_error.h"
#include "edit/sr_digest.h"
#include "edit/sr_group.h"
#include "registry/sr_discards.h"
#include "registry/sr_letter.h"
#include "registry/sr_enter.h"

#include <unistd.h>

#define SLICE ((int64_t)10000000) /* nanoseconds after which a rider checks whether its leader has died */

/* ---------------------------------------------------------------- riding */

/*
 * Try to end a ride: the time is up, or this process cannot change anything any more. rc SEGREG_E_REOPEN: fail with it,
 * and keep its text. Returns 0 if the rider must wait on all the same.
 */
static int give_up(struct segreg *reg, int rc, bool is_last)
{
	if (rc == SEGREG_E_REOPEN)
		return sr_letter_forsake(reg) ? rc : 0;
	if (sr_letter_withdraw(reg))
		return sr_lock_timed_out(&reg->registry->locks, SR_LOCK_COMMIT, reg->timeout_ms);
	if (is_last && sr_letter_forsake(reg))
		return sr_fail(SEGREG_E_REOPEN,
			       "process %u took this edit into its own commit and does not go on; the outcome is known "
			       "once another edit has been committed",
			       sr_lock_owner(&reg->registry->locks, SR_LOCK_COMMIT));
	return 0;
}

/* Wait for an answer. The edit is in the letter. */
static int ride(struct segreg_edit *edit, uint64_t *version)
{
	struct segreg *reg = edit->reg;
	int64_t patience = (int64_t)reg->timeout_ms * 1000000, since = sr_sys_monotonic();

	for (int64_t slice = 0;; slice = SLICE) {
		enum sr_letter_state state = sr_letter_wait(reg, slice < patience ? slice : patience);
		int64_t waited = sr_sys_monotonic() - since;
		int rc;

		if (state == SR_LETTER_DONE)
			return sr_letter_collect(reg, version);
		if (state != SR_LETTER_POSTED && state != SR_LETTER_TAKEN)
			return sr_fail(SEGREG_E_CORRUPT,
				       "the shared memory is damaged: an edit on its way to be committed is gone");
		rc = sr_commit_lock_try(reg);
		/* While no thread leads, no letter is TAKEN: sr_commit_lock_try has settled those of a dead leader. */
		if (rc != SR_LOCK_BUSY && sr_letter_withdraw(reg))
			return rc ? rc : sr_group_lead(edit, version);
		if (!rc)
			sr_commit_lock_give(reg);
		rc = waited >= patience || rc == SEGREG_E_REOPEN ? give_up(reg, rc, waited >= 2 * patience) : 0;
		if (rc)
			return rc;
	}
}

/* Post the edit and ride. The caller has claimed the letter; it is released. */
static int post_and_ride(struct segreg_edit *edit, const unsigned char *bytes, uint32_t length, uint64_t *version)
{
	int rc;

	sr_letter_post(edit->reg, bytes, length);
	rc = ride(edit, version);
	sr_letter_release(edit->reg);
	return rc;
}

/* ---------------------------------------------------------------- waiting for a leader of this process */

static int collect(const struct sr_waiter *waiter, uint64_t *version)
{
	if (waiter->rc)
		return sr_fail(waiter->rc, "%s", waiter->text);
	if (version)
		*version = waiter->version;
	return 0;
}

/* Whether a thread of this process took the commit lock last. */
static bool is_led_here(const struct segreg *reg)
{
	return sr_lock_owner(&reg->registry->locks, SR_LOCK_COMMIT) == (uint32_t)getpid();
}

static int take_and_lead(struct segreg_edit *edit, uint64_t *version)
{
	int rc = sr_commit_lock_take(edit->reg);

	return rc ? rc : sr_group_lead(edit, version);
}

/*
 * Wait in the queue of this process, because another thread has the letter. length: bytes of the edit; 0: it cannot
 * travel.
 */
static int wait_in_queue(struct segreg_edit *edit, const unsigned char *bytes, uint32_t length, uint64_t *version)
{
	struct segreg *reg = edit->reg;
	struct sr_queue *queue = &reg->registry->queue;
	int64_t patience = (int64_t)reg->timeout_ms * 1000000, since = sr_sys_monotonic();
	struct sr_waiter waiter;

	sr_queue_join(queue, &waiter, edit, reg->store_epoch);
	sr_letter_wake_leader(&reg->region);
	SR_STOP("queue.joined");
	for (;;) {
		uint32_t seen;
		enum sr_waiter_state state = sr_queue_look(queue, &waiter, &seen);
		int rc = SR_LOCK_BUSY;

		if (state == SR_WAITER_DONE)
			return collect(&waiter, version);
		if (state == SR_WAITER_QUEUED)
			rc = sr_commit_lock_try(reg);
		if (rc != SR_LOCK_BUSY && sr_queue_leave(queue, &waiter))
			return rc ? rc : sr_group_lead(edit, version);
		if (!rc)
			sr_commit_lock_give(reg);
		if (state == SR_WAITER_QUEUED && rc == SR_LOCK_BUSY && length && sr_letter_claim(reg)) {
			if (sr_queue_leave(queue, &waiter))
				return post_and_ride(edit, bytes, length, version);
			sr_letter_release(reg);
		}
		/* Only a leader of this process can commit this edit. Another process has the lock: wait in line. */
		if (state == SR_WAITER_QUEUED && rc == SR_LOCK_BUSY && !length && !is_led_here(reg) &&
		    sr_queue_leave(queue, &waiter))
			return take_and_lead(edit, version);
		/* A leader that has taken the edit is a thread of this process, and answers. */
		if (sr_sys_monotonic() - since >= patience && sr_queue_leave(queue, &waiter))
			return sr_lock_timed_out(&reg->registry->locks, SR_LOCK_COMMIT, reg->timeout_ms);
		sr_queue_sleep(queue, seen, SLICE < patience || state == SR_WAITER_TAKEN ? SLICE : patience);
	}
}

/* Commit the edit while another thread or process has the commit lock. */
static int commit_with_others(struct segreg_edit *edit, uint64_t *version)
{
	struct segreg *reg = edit->reg;
	unsigned char bytes[SR_LETTER_EDIT];
	uint32_t length = sr_edit_encode(edit, bytes, sizeof(bytes));
	int rc = sr_store_check_rights(&reg->registry->store); /* because a leader commits with its own rights */

	if (rc)
		return rc;
	if (reg->store_epoch == sr_load_acquire_u64(&reg->registry->store.epoch))
		return length && sr_letter_claim(reg) ? post_and_ride(edit, bytes, length, version)
						      : wait_in_queue(edit, bytes, length, version);
	return take_and_lead(edit, version);
}

/*
 * Whether this process has left discards in shared memory. They come before the edit, so the edit cannot ride: its
 * leader may have looked at the discards before.
 */
static bool comes_after_discards(struct sr_registry *registry)
{
	if (!sr_load_acquire_u32(&registry->has_discarded))
		return false;
	sr_store_release_u32(&registry->has_discarded, 0);
	return sr_discards_count(&registry->region);
}

int sr_commit_edit(struct segreg_edit *edit, uint64_t *version)
{
	int rc = edit->syncs ? sr_edit_sync(edit) : 0;

	edit->lane_id = edit->reg->lane_id;
	if (edit->has_token)
		edit->digest = sr_digest(edit);
	if (!rc && comes_after_discards(edit->reg->registry))
		return take_and_lead(edit, version);
	if (!rc)
		rc = sr_commit_lock_try(edit->reg);
	if (rc == SR_LOCK_BUSY)
		return commit_with_others(edit, version);
	return rc ? rc : sr_group_lead(edit, version);
}
