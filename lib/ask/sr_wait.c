/*
 * sr_wait.c - sleeping in the kernel until another process has done something.
 *
 * A waker changes the word, and then checks whether a thread sleeps. A sleeper counts itself as a sleeper, and then
 * checks the word. The kernel checks the word once more, under its own lock. So no thread sleeps through a change. A
 * waker makes a system call only if a thread sleeps.
 *
 * A call that ends waits stores waits_are_off first, and then changes both words. A sleeper reads the word first, and
 * then waits_are_off. So a sleeper that misses waits_are_off finds its word changed, and looks again.
 *
 * A process that is killed in its sleep stays counted as a sleeper. That costs each later change a system call, and has
 * no other effect.
 */
#include "ask/sr_wait.h"
#include "sys/sr_error.h"

/*
 * Sleep while *word equals seen. Returns 0 when the caller has to look again, or SEGREG_E_TIMEDOUT. deadline < 0: there
 * is none.
 */
static int sleep_on(uint32_t *word, uint32_t *waiters, uint32_t seen, int64_t deadline)
{
	int64_t left = deadline - sr_sys_monotonic();
	struct timespec t = { .tv_sec = left / 1000000000, .tv_nsec = left % 1000000000 };

	if (deadline >= 0 && left <= 0)
		return sr_fail(SEGREG_E_TIMEDOUT, "nothing happened before the timeout");
	sr_add_seqcst_u32(waiters, 1);
	SR_STOP("wait.counted");
	if (sr_load_seqcst_u32(word) == seen)
		sr_sys_futex_wait(word, seen, deadline < 0 ? NULL : &t);
	sr_add_seqcst_u32(waiters, UINT32_MAX);
	return 0;
}

/* Fail if the handle's waits are off. A sleeper has read its word before this. */
static int check_off(const struct segreg *reg)
{
	if (!sr_load_seqcst_u32(&reg->waits_are_off))
		return 0;
	return sr_fail(SEGREG_E_CALLED_OFF, "segreg_wait_off has ended the waits of this handle");
}

void sr_wait_off(struct segreg *reg, bool is_off)
{
	sr_store_release_u32(&reg->waits_are_off, is_off);
	if (!is_off)
		return;
	sr_region_wake_versions(&reg->region);
	sr_region_wake_sleepers(&reg->region);
}

static int64_t deadline_of(int timeout_ms)
{
	return timeout_ms < 0 ? -1 : sr_sys_monotonic() + (int64_t)timeout_ms * 1000000;
}

int sr_wait_for_work(struct segreg *reg, uint32_t *ticket, int timeout_ms)
{
	struct sr_header *header = reg->region.header;
	int64_t deadline = deadline_of(timeout_ms);
	uint32_t now;

	for (;;) {
		int rc;

		now = sr_load_seqcst_u32(&header->wake);
		rc = check_off(reg);
		if (rc)
			return rc;
		if (now != *ticket)
			break;
		rc = sleep_on(&header->wake, &header->waiters, now, deadline);
		if (rc)
			return rc;
	}
	*ticket = now;
	return 0;
}

int sr_wait_for_version(struct segreg *reg, uint64_t version, int timeout_ms, uint64_t *now)
{
	struct sr_header *header = reg->region.header;
	int64_t deadline = deadline_of(timeout_ms);

	for (;;) {
		uint32_t seen = sr_load_seqcst_u32(&header->version_wake);
		uint64_t current = sr_load_seqcst_u64(&header->version);
		int rc = check_off(reg);

		if (rc)
			return rc;
		if (current > version) {
			*now = current;
			return 0;
		}
		rc = sleep_on(&header->version_wake, &header->version_waiters, seen, deadline);
		if (rc)
			return rc;
	}
}
