/*
 * sr_notes.h - what has become of handles, on its way to the journal.
 *
 * A handle is taken away under the table lock, which is never held across I/O, by whoever comes first. So that is noted in a row
 * in shared memory, and a sweep moves the notes into registry.mdb (sr_journal.h). What does not fit in between is counted.
 */
#ifndef SR_NOTES_H
#define SR_NOTES_H

#include "registry/sr_registry.h"

/* Add a note; at, by_pid and by_uid are filled in. If there is no room or no memory, one more is lost. [table] */
void sr_notes_add(const struct sr_region *region, struct sr_note note);

/* Copy those that wait, oldest first, into out, which has room for SR_NOTES. How many. [table] */
uint32_t sr_notes_copy(const struct sr_region *region, struct sr_note *out);

/* Is anything to be told? A quick look, without a lock. */
bool sr_notes_wait(const struct sr_region *region);

/* The first n have been written, and so has it that lost are lost. [table] */
void sr_notes_drop(const struct sr_region *region, uint32_t n, uint64_t lost);

#endif
