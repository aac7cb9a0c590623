/*
 * sr_letter.c - the letter in each lane, in which an edit travels with another process's commit.
 *
 *                     owner posts              leader takes               leader answers
 *         FREE ----------------------> POSTED -------------> TAKEN -----------------------> DONE
 *          ^  ^        owner withdraws    |  ^                |  |                            |
 *          |  +---------------------------+  +----------------+  | owner gives up waiting     | owner reads the answer
 *          |                                  leader hands back  v                            |
 *          +----------------------------------------------- FORSAKEN                          |
 *          |         leader answers or hands back                                             |
 *          +----------------------------------------------------------------------------------+
 *
 * A leader is a thread that holds the commit lock, and has set its dirty word before it takes the first letter. Each of
 * these moves is a compare-and-swap. The owner alone writes an edit into a letter, and only while the letter is FREE.
 * So what a leader reads in a TAKEN letter does not change. If the leader finds the owner dead, the letter goes from
 * TAKEN to FREE. Emptying a lane makes its letter FREE whatever it was, and raises the epoch after that.
 *
 * The leader names a letter by lane_id (epoch and lane) and number, which together are used once in a region's life.
 * Before it answers, the leader checks that both are still the same. Only a leader makes a letter TAKEN, and there is
 * one leader. So if the lane changed hands after the check, the late leader's compare-and-swap fails. It has then
 * overwritten the answer fields of a letter whose new owner does not read them before the next answer is written.
 *
 * The header's bits say in which lanes to look. An owner sets its bit after its letter is POSTED, and the leader clears
 * the bit before it looks at the letter. So if a POSTED letter has no bit, its owner is about to set it. A superfluous
 * bit costs one look.
 */
#include "registry/sr_letter.h"
#include "sys/sr_error.h"

#include <stdio.h>
#include <string.h>

static bool move(struct sr_letter *letter, enum sr_letter_state from, enum sr_letter_state to)
{
	return sr_cas_seqcst_u32(&letter->state, from, to);
}

static enum sr_letter_state state_of(const struct sr_letter *letter)
{
	return (enum sr_letter_state)sr_load_seqcst_u32(&letter->state);
}

/* ---------------------------------------------------------------- the owner's side */

bool sr_letter_claim(struct segreg *reg)
{
	struct sr_letter *letter = &reg->row->letter;

	if (!sr_cas_seqcst_u32(&reg->letter_in_use, 0, 1))
		return false;
	if (state_of(letter) == SR_LETTER_FREE)
		return true;
	sr_store_release_u32(&reg->letter_in_use, 0); /* without a nudge: a leader still has the letter */
	return false;
}

void sr_letter_release(struct segreg *reg)
{
	sr_store_release_u32(&reg->letter_in_use, 0);
	sr_queue_wake_queued(&reg->registry->queue); /* a thread that waits there may want the letter */
}

void sr_letter_post(struct segreg *reg, const unsigned char *edit, uint32_t length)
{
	struct sr_header *header = reg->region.header;
	struct sr_letter *letter = &reg->row->letter;

	memcpy(letter->edit, edit, length);
	letter->length = length;
	letter->seq++;
	move(letter, SR_LETTER_FREE, SR_LETTER_POSTED);
	sr_or_seqcst_u64(&header->posted[reg->lane / 64], 1ull << reg->lane % 64);
	sr_letter_wake_leader(&reg->region);
	SR_STOP("letter.posted");
}

bool sr_letter_withdraw(struct segreg *reg)
{
	return move(&reg->row->letter, SR_LETTER_POSTED, SR_LETTER_FREE);
}

bool sr_letter_forsake(struct segreg *reg)
{
	return move(&reg->row->letter, SR_LETTER_TAKEN, SR_LETTER_FORSAKEN);
}

enum sr_letter_state sr_letter_wait(struct segreg *reg, int64_t nanoseconds)
{
	struct timespec t = { .tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000 };
	uint32_t *calls = &reg->region.header->calls, seen = sr_load_seqcst_u32(calls);
	const struct sr_letter *letter = &reg->row->letter;
	enum sr_letter_state state = state_of(letter);

	if (nanoseconds && (state == SR_LETTER_POSTED || state == SR_LETTER_TAKEN))
		sr_sys_futex_wait(calls, seen, &t);
	return state_of(letter);
}

int sr_letter_collect(struct segreg *reg, uint64_t *version)
{
	struct sr_letter *letter = &reg->row->letter;
	int code = letter->code;

	if (code > 0 || code < SEGREG_E_IO)
		code = sr_fail(SEGREG_E_CORRUPT, "the shared memory is damaged: an edit was answered with %d", code);
	else if (code)
		sr_fail(code, "%.*s", (int)sizeof(letter->text), letter->text);
	else if (version)
		*version = letter->version;
	move(letter, SR_LETTER_DONE, SR_LETTER_FREE);
	return code;
}

/* ---------------------------------------------------------------- the leader's side */

uint32_t sr_letter_count(const struct sr_region *region)
{
	uint32_t words = (sr_region_lane_top(region) + 63) / 64, n = 0;

	for (uint32_t i = 0; i < words; i++)
		n += (uint32_t)__builtin_popcountll(sr_load_seqcst_u64(&region->header->posted[i]));
	return n;
}

void sr_letter_wake_leader(const struct sr_region *region)
{
	struct sr_header *header = region->header;
	uint32_t n = sr_add_seqcst_u32(&header->letters, 1) + 1;

	if (sr_load_seqcst_u32(&header->gathering) && n == sr_load_seqcst_u32(&header->gathering))
		sr_sys_futex_wake(&header->letters, 1);
}

static uint32_t lacking(uint32_t wanted, uint32_t there)
{
	return wanted > there ? wanted - there : 0;
}

void sr_letter_gather(const struct sr_registry *registry, uint32_t letters, uint32_t threads, int64_t nanoseconds)
{
	struct sr_header *header = registry->region.header;
	int64_t until = sr_sys_monotonic() + nanoseconds, left = nanoseconds;

	while (left > 0) {
		struct timespec t = { .tv_sec = left / 1000000000, .tv_nsec = left % 1000000000 };
		uint32_t seen = sr_load_seqcst_u32(&header->letters);
		uint32_t missing = lacking(letters, sr_letter_count(&registry->region)) +
				   lacking(threads, sr_queue_count(&registry->queue));

		if (!missing)
			break;
		sr_store_release_u32(&header->gathering, seen + missing);
		sr_sys_futex_wait(&header->letters, seen, &t);
		left = until - sr_sys_monotonic();
	}
	sr_store_release_u32(&header->gathering, 0);
}

/* Returns the next lane at or after n whose bit is set; SR_NONE if there is none. */
static uint32_t next_lane(const struct sr_region *region, uint32_t n)
{
	uint32_t top = sr_region_lane_top(region);

	while (n < top) {
		uint64_t bits = sr_load_seqcst_u64(&region->header->posted[n / 64]) >> n % 64;

		if (bits) {
			n += (uint32_t)__builtin_ctzll(bits);
			return n < top ? n : SR_NONE;
		}
		n = (n | 63) + 1;
	}
	return SR_NONE;
}

static uint64_t lane_id_of(const struct sr_lane *lane, uint32_t n)
{
	return (uint64_t)sr_load_acquire_u32(&lane->epoch) << 32 | n;
}

/* Copy a taken letter. Returns false if the lane was emptied meanwhile. */
static bool read_letter(const struct sr_region *region, uint32_t n, struct sr_taken *taken)
{
	const struct sr_lane *lane = sr_region_lane(region, n);
	const struct sr_letter *letter = &sr_region_row(region, n)->letter;
	enum sr_letter_state state;

	taken->lane_id = lane_id_of(lane, n);
	taken->seq = letter->seq;
	taken->length = letter->length < SR_LETTER_EDIT ? letter->length : SR_LETTER_EDIT;
	memcpy(taken->edit, letter->edit, taken->length);
	sr_fence_loads();
	state = state_of(letter);
	return (state == SR_LETTER_TAKEN || state == SR_LETTER_FORSAKEN) && lane_id_of(lane, n) == taken->lane_id;
}

bool sr_letter_take(struct sr_registry *registry, uint32_t *next, struct sr_taken *taken)
{
	const struct sr_region *region = &registry->region;
	uint32_t n;

	while ((n = next_lane(region, *next)) != SR_NONE) {
		struct sr_letter *letter = &sr_region_row(region, n)->letter;

		*next = n + 1;
		sr_and_seqcst_u64(&region->header->posted[n / 64], ~(1ull << n % 64));
		if (!sr_lane_is_taken(sr_region_lane(region, n)) || !move(letter, SR_LETTER_POSTED, SR_LETTER_TAKEN))
			continue;
		SR_STOP("letter.taken");
		if (sr_lock_byte_is_taken(&registry->locks, SR_LOCK_COMMIT, SR_BYTE_LANES + n)) {
			if (read_letter(region, n, taken))
				return true;
		} else {
			move(letter, SR_LETTER_TAKEN, SR_LETTER_FREE);
		}
	}
	return false;
}

/* Returns the letter with lane_id and seq; NULL if the lane or the letter has served another edit since. */
static struct sr_letter *find(const struct sr_region *region, uint64_t lane_id, uint64_t seq)
{
	uint32_t n = (uint32_t)lane_id;
	struct sr_letter *letter = &sr_region_row(region, n)->letter;

	return lane_id_of(sr_region_lane(region, n), n) == lane_id && letter->seq == seq ? letter : NULL;
}

void sr_letter_answer(const struct sr_region *region, uint64_t lane_id, uint64_t seq, int code, uint64_t version,
		      const char *text)
{
	struct sr_letter *letter = find(region, lane_id, seq);

	if (!letter)
		return;
	letter->code = code;
	letter->version = version;
	snprintf(letter->text, sizeof(letter->text), "%s", text);
	SR_STOP("letter.answering");
	if (!move(letter, SR_LETTER_TAKEN, SR_LETTER_DONE))
		move(letter, SR_LETTER_FORSAKEN, SR_LETTER_FREE);
}

void sr_letter_hand_back(const struct sr_region *region, uint64_t lane_id, uint64_t seq)
{
	struct sr_letter *letter = find(region, lane_id, seq);
	uint32_t n = (uint32_t)lane_id;

	if (!letter)
		return;
	if (move(letter, SR_LETTER_TAKEN, SR_LETTER_POSTED))
		sr_or_seqcst_u64(&region->header->posted[n / 64], 1ull << n % 64);
	else
		move(letter, SR_LETTER_FORSAKEN, SR_LETTER_FREE);
}

void sr_letter_wake_all(const struct sr_region *region)
{
	sr_add_seqcst_u32(&region->header->calls, 1);
	sr_sys_futex_wake(&region->header->calls, INT32_MAX);
}

static const struct sr_rider *find_rider(const struct sr_riders *riders, uint64_t lane_id, uint64_t seq)
{
	for (uint32_t i = 0; i < riders->n; i++)
		if (riders->rider[i].lane_id == lane_id && riders->rider[i].seq == seq)
			return &riders->rider[i];
	return NULL;
}

void sr_letter_settle(const struct sr_region *region, const struct sr_riders *riders)
{
	uint32_t top = sr_region_lane_top(region);
	bool same_region = riders->start == region->header->starts, any = false;

	for (uint32_t n = 0; n < top; n++) {
		struct sr_lane *lane = sr_region_lane(region, n);
		struct sr_letter *letter = &sr_region_row(region, n)->letter;
		enum sr_letter_state state = SR_LETTER_FREE;
		const struct sr_rider *rider;
		uint64_t lane_id, seq;

		if (sr_lane_is_taken(lane)) /* otherwise its row may have no memory, and its letter is free */
			state = state_of(letter);
		if (state != SR_LETTER_TAKEN && state != SR_LETTER_FORSAKEN)
			continue;
		lane_id = lane_id_of(lane, n);
		seq = letter->seq;
		rider = same_region ? find_rider(riders, lane_id, seq) : NULL;
		if (rider)
			sr_letter_answer(region, lane_id, seq, 0, rider->version, "");
		else
			sr_letter_hand_back(region, lane_id, seq);
		any = true;
	}
	if (any)
		sr_letter_wake_all(region);
}

void sr_letter_wake_one(const struct sr_region *region)
{
	uint32_t *calls = &region->header->calls;

	/* An owner sets its bit and then tries the lock. This thread gave the lock and then looks at the bits. So
	 * one of them sees the other. */
	sr_add_seqcst_u32(calls, 1);
	if (sr_letter_count(region))
		sr_sys_futex_wake(calls, 1);
}

void sr_letter_clear(struct sr_row *row)
{
	sr_store_release_u32(&row->letter.state, SR_LETTER_FREE);
}
