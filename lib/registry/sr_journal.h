/*
 * sr_journal.h - what is over, durably: segments that were deleted or forgotten, handles that were taken away.
 *
 * A record has the times and versions at which its segment was registered and retired. So the journal needs no entry as
 * long as there is a record. The transaction that drops the record writes the entry. Thus an edit costs nothing more,
 * and no segment is in both or in neither. Notes (sr_notes.h) join the first such transaction, or get one of their own
 * at a sweep's end.
 *
 * A full disk does not keep a deletion from being recorded. Entries are only written where space for them is allocated,
 * and are counted as lost otherwise. A crash right after a transaction may have notes written twice.
 */
#ifndef SR_JOURNAL_H
#define SR_JOURNAL_H

#include "registry/sr_change.h"

struct sr_journal {
	struct segreg *reg;
	uint64_t number; /* of the last entry */
	uint32_t n_notes;
	uint64_t lost; /* entries that found no space in this transaction */
	uint64_t told; /* lost entries of earlier ones, which an entry of this transaction reports */
	bool full;
};

/* In a change: check that there is space, and write the notes that wait. */
int sr_journal_begin(struct sr_journal *journal, struct segreg *reg);
/* Write an entry. Fills in its number, its time and this process. */
int sr_journal_put(struct sr_journal *journal, struct sr_entry *entry);
/* Fill entry with kind and with what record has, before the record is dropped. */
void sr_journal_fill(struct sr_entry *entry, uint32_t kind, const struct sr_record *record);
/* In a change that adds records, and so reserves space: write that record's segment was unregistered, alone. */
int sr_journal_forget(struct segreg *reg, const struct sr_record *record);
/* After the commit: drop the notes that were written, and count the entries that were lost. [table] */
void sr_journal_end(const struct sr_journal *journal);

/* Write the notes that wait, in a change of their own. Waits for the commit lock if patiently, or else does nothing
 * unless it is free. After a failure the notes wait for the next call. */
void sr_journal_flush(struct segreg *reg, bool patiently);

/* Call fn for each entry after number. */
int sr_journal_each(struct segreg *reg, uint64_t number, segreg_log_fn *fn, void *arg);

#endif
