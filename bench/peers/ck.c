/*
 * ck.c - Concurrency Kit: an epoch section around a read of a shared pointer. It works inside one process. A reader
 * must be short, since it holds everything that is retired meanwhile.
 */
#include <ck_epoch.h>

#include "common/measure.h"
#include "peers/peer.h"

struct section {
	ck_epoch_t epoch;
	ck_epoch_record_t record;
	uint64_t *shared, thing;
};

static void *start(const struct peer_ids *ids)
{
	static struct section section;

	(void)ids;
	ck_epoch_init(&section.epoch);
	ck_epoch_register(&section.epoch, &section.record, NULL);
	section.shared = &section.thing;
	return &section;
}

static void use(void *state, const struct peer_ids *ids, size_t count)
{
	struct section *section = state;

	(void)ids;
	for (size_t i = 0; i < count; i++) {
		ck_epoch_begin(&section->record, NULL);
		measure_keep(*__atomic_load_n(&section->shared, __ATOMIC_RELAXED));
		ck_epoch_end(&section->record, NULL);
	}
}

static void stop(void *state)
{
	struct section *section = state;

	ck_epoch_unregister(&section->record);
}

const struct peer peer_ck = { "Concurrency Kit epoch section", start, use, stop, NULL };
