/*
 * summary.c - the end of the demo: every figure beside the one that it must equal.
 */
#include "director.h"
#include "show.h"

#include <stdio.h>

/* Look-ups and the like, over all workers. */
struct reading {
	uint64_t lookups;
	uint64_t late;
	uint64_t vanished;
	const char *first; /* thing that had vanished */
};

static struct reading sum_of_reading(const struct tally *tally)
{
	struct reading sum = { 0 };

	for (const struct worker *w = tally->worker; w < tally->worker + tally->workers; w++) {
		sum.lookups += w->lookups;
		sum.late += w->late_lookups;
		sum.vanished += w->vanished;
		if (w->vanished && !sum.first)
			sum.first = w->first_vanished;
	}
	return sum;
}

/* Where segregd was killed after a deletion and before it had counted it, segreg's figures lack that. */
static const char *cut_off(const struct audit *audit, uint64_t uncounted, char note[64])
{
	char count[SHOW_SIZE];

	note[0] = '\0';
	if (uncounted)
		snprintf(note, 64, ", %s %s", show_count(uncounted, count),
			 audit->plausible ? "uncounted when segregd died" : "that segreg did not count");
	return note;
}

static bool sum_up_segments(const struct audit *audit)
{
	char figure[SHOW_SIZE], count[SHOW_SIZE], bytes[SHOW_SIZE], note[64];
	uint64_t known = audit->deleted + audit->live, missed = audit->plausible ? audit->uncounted : 0;
	struct disk disk;
	bool made, deleted, freed;

	audit_disk(audit, &disk);
	made = disk.made && known <= disk.made && disk.made <= known + missed;
	show_verdict(made, "segments made", show_count(known, figure), "%s begun by their makers, %llu died over it",
		     show_count(disk.made, count), (unsigned long long)audit->unfinished);
	deleted = audit->deleted <= disk.gone && disk.gone <= audit->deleted + missed;
	show_verdict(deleted, "segments deleted", show_count(audit->deleted, figure), "%s gone from the file tree%s",
		     show_count(disk.gone, count), cut_off(audit, deleted ? disk.gone - audit->deleted : 0, note));
	freed = disk.bytes_gone == audit->bytes_freed + (audit->plausible ? audit->uncounted_bytes : 0);
	show_verdict(freed, "bytes freed", show_count(audit->bytes_freed, figure), "%s by du%s (%s)",
		     show_count(disk.bytes_gone, count), cut_off(audit, audit->uncounted_bytes, note),
		     show_bytes(disk.bytes_gone, bytes));
	return made && deleted && freed;
}

static bool sum_up_reading(const struct tally *tally)
{
	struct reading sum = sum_of_reading(tally);
	char figure[SHOW_SIZE], late[SHOW_SIZE];

	show_verdict(sum.lookups > 0, "lookups verified", show_count(sum.lookups, figure),
		     "%s in segments already retired, kept by pins", show_count(sum.late, late));
	show_verdict(!sum.vanished, "reads of a vanished file", show_count(sum.vanished, figure), "%s",
		     sum.first ? sum.first : "every file there, whole, with the right checksum");
	return sum.lookups > 0 && !sum.vanished;
}

static const char *show_ms(uint64_t nanoseconds, char buf[SHOW_SIZE])
{
	snprintf(buf, SHOW_SIZE, "%.1f ms", (double)nanoseconds / 1e6);
	return buf;
}

static bool sum_up_deaths(const struct director *d)
{
	const struct audit *audit = &d->audit;
	bool back = audit->reclaimed_pins == audit->pins_of_killed && audit->pins_of_killed;
	bool kept = !audit->lost && audit->acknowledged;
	bool recovered = d->recovery_open && d->recovery_answer;
	char figure[SHOW_SIZE], count[SHOW_SIZE];

	show_verdict(back, "pins taken back", show_count(audit->reclaimed_pins, figure),
		     "%s held by the killed reader and compactor", show_count(audit->pins_of_killed, count));
	show_verdict(kept, "acknowledged, but lost", show_count(audit->lost, figure),
		     "of %s changes, when everything was killed", show_count(audit->acknowledged, count));
	show_verdict(recovered, "recovery time", show_ms(d->recovery_answer, figure),
		     "to the first verified lookup; %s to open", show_ms(d->recovery_open, count));
	return back && kept && recovered;
}

static bool sum_up_leaks(const struct audit *audit)
{
	bool intact = audit->intact == audit->live && audit->live, tight = !audit->leaked;
	char figure[SHOW_SIZE], count[SHOW_SIZE];

	show_verdict(intact, "live segments intact", show_count(audit->intact, figure),
		     "of %s: checksums and every posting%s%s", show_count(audit->live, count),
		     audit->damage[0] ? "; " : "", audit->damage);
	show_verdict(tight, "directories leaked", show_count(audit->leaked, figure), "%s",
		     audit->leak[0] ? audit->leak : "only live segments are left, the trash is empty");
	return intact && tight;
}

bool director_sum_up(const struct director *d)
{
	bool ok;

	printf("\n  %-31s %13s   %s\n", "Summary", "segreg says", "the file tree and the processes' own notes say");
	ok = sum_up_segments(&d->audit);
	ok &= sum_up_reading(d->crew.tally);
	ok &= sum_up_deaths(d);
	ok &= sum_up_leaks(&d->audit);
	return ok;
}
