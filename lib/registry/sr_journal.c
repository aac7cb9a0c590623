/*
 * sr_journal.c - what is over, durably: segments that were deleted or forgotten, handles that were taken away.
 */
#include "registry/sr_journal.h"
#include "db/sr_records.h"
#include "sys/sr_error.h"
#include "registry/sr_notes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BATCH 256u /* entries that are read at a time */

/* ---------------------------------------------------------------- writing */

static int append(struct sr_journal *journal, struct sr_entry *entry)
{
	entry->number = ++journal->number;
	return sr_records_put_entry(&journal->reg->registry->store, entry);
}

int sr_journal_put(struct sr_journal *journal, struct sr_entry *entry)
{
	if (journal->full) {
		journal->lost++;
		return 0;
	}
	entry->at = sr_sys_realtime();
	entry->by_pid = getpid();
	entry->by_uid = geteuid();
	snprintf(entry->by_label, sizeof(entry->by_label), "%s", journal->reg->attachment->label);
	return append(journal, entry);
}

void sr_journal_fill(struct sr_entry *entry, uint32_t kind, const struct sr_record *record)
{
	*entry = (struct sr_entry){ .kind = kind,
				    .id = record->id,
				    .born = record->born,
				    .retired = record->retired,
				    .registered_at = record->registered_at,
				    .retired_at = record->retired_at,
				    .user_size = record->user_size,
				    .path_length = record->path_length };
	memcpy(entry->user, record->user, record->user_size);
	memcpy(entry->path, record->path, record->path_length);
}

static int put_note(struct sr_journal *journal, const struct sr_note *note)
{
	struct sr_entry entry = {
		.kind = note->kind == SEGREG_LOG_EVICTED ? SEGREG_LOG_EVICTED : SEGREG_LOG_RECLAIMED,
		.at = note->at,
		.lane = note->lane,
		.uid = note->uid,
		.pid = note->pid,
		.attached_at = note->attached_at,
		.pins = note->pins,
		.snapshots = note->snapshots,
		.by_uid = note->by_uid,
		.by_pid = note->by_pid,
	};

	memcpy(entry.label, note->label, sizeof(entry.label));
	memcpy(entry.by_label, note->by_label, sizeof(entry.by_label));
	return append(journal, &entry);
}

static int put_lost(struct sr_journal *journal)
{
	struct sr_entry entry = { .kind = SEGREG_LOG_LOST, .pins = journal->told };

	return journal->told ? sr_journal_put(journal, &entry) : 0;
}

/* notes has room for SR_NOTES. */
static int put_notes(struct sr_journal *journal, struct sr_note *notes)
{
	struct sr_locks *locks = &journal->reg->registry->locks;
	int rc = sr_lock_take(locks, SR_LOCK_TABLE, journal->reg->timeout_ms);

	if (rc)
		return rc;
	journal->n_notes = sr_notes_copy(&journal->reg->region, notes);
	journal->told = journal->reg->region.header->notes_lost;
	sr_lock_give(locks, SR_LOCK_TABLE);
	for (uint32_t i = 0; i < journal->n_notes && !rc; i++)
		rc = put_note(journal, &notes[i]);
	return rc ? rc : put_lost(journal);
}

/* Is there space for a round of a sweep and for all notes? A reservation allocates far more than these need. */
static bool has_space(struct segreg *reg)
{
	char before[SR_ERROR_SIZE];
	bool has;

	sr_error_keep(before);
	has = sr_store_reserve(&reg->registry->store) == 0;
	sr_error_put_back(before);
	return has;
}

int sr_journal_begin(struct sr_journal *journal, struct segreg *reg)
{
	struct sr_note *notes;
	int rc;

	*journal = (struct sr_journal){ .reg = reg, .full = !has_space(reg) };
	if (journal->full)
		return 0;
	rc = sr_records_last_entry(&reg->registry->store, &journal->number);
	if (rc || !sr_notes_wait(&reg->region))
		return rc;
	notes = sr_sys_malloc(SR_NOTES * sizeof(*notes));
	if (!notes)
		return 0; /* the notes wait for the next change */
	rc = put_notes(journal, notes);
	free(notes);
	return rc;
}

void sr_journal_end(const struct sr_journal *journal)
{
	struct sr_header *header = journal->reg->region.header;

	sr_notes_drop(&journal->reg->region, journal->n_notes, journal->told);
	if (journal->lost)
		sr_store_release_u64(&header->notes_lost, header->notes_lost + journal->lost);
}

int sr_journal_forget(struct segreg *reg, const struct sr_record *record)
{
	struct sr_journal journal = { .reg = reg };
	struct sr_entry entry;
	int rc = sr_records_last_entry(&reg->registry->store, &journal.number);

	sr_journal_fill(&entry, SEGREG_LOG_FORGOTTEN, record);
	return rc ? rc : sr_journal_put(&journal, &entry);
}

static int begin_to_flush(struct sr_change *change, struct segreg *reg, bool patiently)
{
	int rc;

	if (patiently)
		return sr_change_begin(change, reg);
	rc = sr_commit_lock_try(reg);
	return rc ? rc : sr_change_start(change, reg);
}

static void flush(struct segreg *reg, bool patiently)
{
	struct sr_journal journal;
	struct sr_change change;
	int rc = begin_to_flush(&change, reg, patiently);

	if (rc)
		return;
	rc = sr_journal_begin(&journal, reg);
	if (rc || (!journal.n_notes && !journal.told)) {
		sr_change_cancel(&change);
		return;
	}
	rc = sr_change_commit_open(&change);
	if (!rc) {
		sr_journal_end(&journal);
		sr_change_finish(&change);
	} else if (rc != SEGREG_E_REOPEN) {
		sr_change_cancel(&change);
	}
}

void sr_journal_flush(struct segreg *reg, bool patiently)
{
	char before[SR_ERROR_SIZE];

	if (!sr_notes_wait(&reg->region))
		return;
	sr_error_keep(before);
	flush(reg, patiently);
	sr_error_put_back(before);
}

/* ---------------------------------------------------------------- reading */

static void explain(const struct sr_entry *e, char *text, size_t size)
{
	switch ((enum segreg_log_kind)e->kind) {
	case SEGREG_LOG_DELETED:
		if (e->was_gone)
			snprintf(text, size,
				 e->retired ? "retired by version %" PRIu64 "; its files were gone already"
					    : "reserved, and given up; nothing was there",
				 e->retired);
		else if (!e->retired)
			snprintf(text, size, "reserved, and given up by its builder");
		else if (!e->decided)
			snprintf(text, size, "retired by version %" PRIu64 "; an earlier sweep had found it unheld",
				 e->retired);
		else
			snprintf(text, size,
				 "retired by version %" PRIu64 "; none of %" PRIu32
				 " handles held it at version %" PRIu64,
				 e->retired, e->asked, e->decided);
		return;
	case SEGREG_LOG_FORGOTTEN:
		snprintf(text, size, "unregistered; its files were left, in the trash if their deletion had begun");
		return;
	case SEGREG_LOG_RECLAIMED:
		snprintf(text, size, "the kernel had let go of its byte of registry.lock");
		return;
	case SEGREG_LOG_EVICTED:
		snprintf(text, size, "an operator took away what it held");
		return;
	case SEGREG_LOG_LEASED:
		snprintf(text, size, "the lease was put at version %" PRIu64, e->decided);
		return;
	case SEGREG_LOG_LEASE_DROPPED:
		snprintf(text, size, "the lease was dropped at version %" PRIu64, e->decided);
		return;
	case SEGREG_LOG_LOST:
		snprintf(text, size, "%" PRIu64 " entries are missing: no space for them", e->pins);
		return;
	}
}

static int tell(const struct sr_entry *e, segreg_log_fn *fn, void *arg)
{
	char reason[160] = "";
	struct segreg_log_entry entry = {
		.kind = (enum segreg_log_kind)e->kind,
		.number = e->number,
		.at = e->at,
		.id = e->id,
		.path = e->path,
		.born = e->born,
		.retired = e->retired,
		.registered_at = e->registered_at,
		.retired_at = e->retired_at,
		.bytes = e->bytes,
		.lane = e->lane,
		.pid = e->pid,
		.uid = e->uid,
		.label = e->label,
		.attached_at = e->attached_at,
		.pins = e->pins,
		.snapshots = e->snapshots,
		.by_pid = e->by_pid,
		.by_uid = e->by_uid,
		.by_label = e->by_label,
		.reason = reason,
		.user_size = e->user_size,
	};

	memcpy(entry.user, e->user, sizeof(entry.user));
	explain(e, reason, sizeof(reason));
	return fn(arg, &entry);
}

/* Read up to BATCH entries after number. */
static int read_batch(struct segreg *reg, uint64_t number, struct sr_entry *batch, uint32_t *n)
{
	struct sr_change change;
	int rc = sr_change_begin(&change, reg);

	*n = 0;
	if (rc)
		return rc;
	while (!rc && *n < BATCH) {
		rc = sr_records_next_entry(&reg->registry->store, number, &batch[*n]);
		if (!rc)
			number = batch[(*n)++].number;
	}
	sr_change_cancel(&change);
	return rc == SR_STORE_ABSENT ? 0 : rc;
}

int sr_journal_each(struct segreg *reg, uint64_t number, segreg_log_fn *fn, void *arg)
{
	struct sr_entry *batch = sr_sys_malloc(BATCH * sizeof(*batch));
	uint32_t n = BATCH;
	int rc = batch ? 0 : sr_fail(SEGREG_E_NOMEM, "no memory to read the journal");

	if (!rc)
		sr_journal_flush(reg, false);
	while (!rc && n == BATCH) {
		rc = read_batch(reg, number, batch, &n);
		for (uint32_t i = 0; i < n && !rc; i++)
			rc = tell(&batch[i], fn, arg);
		if (n)
			number = batch[n - 1].number;
	}
	free(batch);
	return rc;
}
