/*
 * sr_notes.c - what has become of handles, on its way to the journal.
 */
#include "registry/sr_notes.h"
#include "sys/sr_error.h"

#include <unistd.h>

#define PER_PAGE (SR_PAGE / sizeof(struct sr_note))

/* Returns the place of the nth note; NULL if it has no memory. */
static struct sr_note *note_at(const struct sr_region *region, uint64_t n)
{
	struct sr_note *page = region->notes + n % SR_NOTES / PER_PAGE * PER_PAGE;
	char before[SR_ERROR_SIZE];
	int rc;

	sr_error_keep(before);
	rc = sr_region_populate(page, SR_PAGE, "notes");
	sr_error_put_back(before);
	return rc ? NULL : page + n % PER_PAGE;
}

static uint64_t n_waiting(const struct sr_header *header)
{
	uint64_t n = header->notes_made - header->notes_kept;

	return n <= SR_NOTES ? n : 0; /* damaged */
}

void sr_notes_add(const struct sr_region *region, struct sr_note note)
{
	struct sr_header *header = region->header;
	struct sr_note *at = n_waiting(header) < SR_NOTES ? note_at(region, header->notes_made) : NULL;

	if (!at) {
		sr_store_release_u64(&header->notes_lost, header->notes_lost + 1);
		return;
	}
	note.at = sr_sys_realtime();
	note.by_pid = getpid();
	note.by_uid = geteuid();
	*at = note;
	sr_store_release_u64(&header->notes_made, header->notes_made + 1);
}

uint32_t sr_notes_copy(const struct sr_region *region, struct sr_note *out)
{
	uint64_t kept = region->header->notes_kept, n = n_waiting(region->header);
	uint32_t copied = 0;

	for (uint64_t i = 0; i < n; i++) {
		const struct sr_note *at = note_at(region, kept + i);

		if (!at)
			break;
		out[copied] = *at;
		out[copied].label[SEGREG_LABEL_SIZE - 1] = out[copied].by_label[SEGREG_LABEL_SIZE - 1] = '\0';
		copied++;
	}
	return copied;
}

bool sr_notes_wait(const struct sr_region *region)
{
	const struct sr_header *header = region->header;

	return sr_load_acquire_u64(&header->notes_made) != sr_load_acquire_u64(&header->notes_kept) ||
	       sr_load_acquire_u64(&header->notes_lost);
}

void sr_notes_drop(const struct sr_region *region, uint32_t n, uint64_t lost)
{
	struct sr_header *header = region->header;
	uint64_t kept = n_waiting(header) ? header->notes_kept + n : header->notes_made;

	sr_store_release_u64(&header->notes_kept, kept);
	sr_store_release_u64(&header->notes_lost, header->notes_lost > lost ? header->notes_lost - lost : 0);
}
