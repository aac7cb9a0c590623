/*
 * sr_journal.h - what is over, durably: segments that were deleted or forgotten, handles that were taken away.
 *
 * A record tells when its segment was registered and retired, and by which version; so the journal need not, as long as there is
 * a record. It gets an entry by the transaction that drops the record: an edit costs nothing more, and whatever the database
 * says, no segment is in both or in neither. Notes (sr_notes.h) join the first such transaction, or get one of their own at a
 * sweep's end.
 *
 * A full disk keeps no deletion from being recorded: entries are only written where space for them is allocated, and counted as
 * lost otherwise. A crash right after a transaction may have notes written twice.
 */
#ifndef SR_JOURNAL_H
#define SR_JOURNAL_H

#include "registry/sr_change.h"

struct sr_journal {
	struct segreg *reg;
	uint64_t number; /* of the last entry */
	uint32_t n_notes;
	uint64_t lost, told; /* entries without space; those that an entry of this transaction tells of */
	bool full;
};

/* In a change: see that there is space, and write the notes that wait. */
int sr_journal_begin(struct sr_journal *journal, struct segreg *reg);
/* Write an entry; number, at and by whom are filled in. */
int sr_journal_put(struct sr_journal *journal, struct sr_entry *entry);
/* An entry of kind for what record says, which goes. */
void sr_journal_fill(struct sr_entry *entry, uint32_t kind, const struct sr_record *record);
/* The change is durable. [table] */
void sr_journal_end(const struct sr_journal *journal);

/* Write the notes that wait, in a change of their own; patiently, or only if the commit lock is free. What fails is tried again by
 * the next one. */
void sr_journal_flush(struct segreg *reg, bool patiently);

/* Call fn for each entry after number. */
int sr_journal_each(struct segreg *reg, uint64_t number, segreg_log_fn *fn, void *arg);

#endif
