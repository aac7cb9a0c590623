/*
 * sr_notes.h - what has become of handles, on its way to the journal.
 *
 * A handle is taken away under the table lock, which is never held across I/O. So the process that takes it away notes
 * that in a row in shared memory, and a sweep moves the notes into registry.mdb (sr_journal.h). Notes for which the row
 * has no room are counted.
 */
#ifndef SR_NOTES_H
#define SR_NOTES_H

#include "registry/sr_registry.h"

/* Add a note. Fills in its time and this process. If there is no room or no memory, counts one more as lost. [table] */
void sr_notes_add(const struct sr_region *region, struct sr_note note);

/* Copy the waiting notes, oldest first, into out, which has room for SR_NOTES. Returns how many. [table] */
uint32_t sr_notes_copy(const struct sr_region *region, struct sr_note *out);

/* Does anything wait for the journal? A quick look, without a lock. */
bool sr_notes_wait(const struct sr_region *region);

/* The journal now has the first n notes and an entry for `lost` lost ones: remove both from shared memory. [table] */
void sr_notes_drop(const struct sr_region *region, uint32_t n, uint64_t lost);

#endif
