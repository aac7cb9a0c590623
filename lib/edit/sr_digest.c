/*
 * sr_digest.c - a digest of what an edit asks for.
 *
 * It covers each operation: its kind, its id, its path and the caller's own bytes. Three things it does not cover:
 *
 *      the order       a program that builds its edit anew may take its segments from a table without an order
 *      the conditions  a later try may expect a later version
 *      inodes          a file that was restored has another inode
 *
 * 64 bits find a mistake. They are no protection against a stranger who looks for two edits with one digest.
 */
#include "edit/sr_digest.h"
#include "sys/sr_bytes.h"

/* FNV-1a. */
static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		hash = (hash ^ ((const unsigned char *)bytes)[i]) * 1099511628211ull;
	return hash;
}

static uint64_t hash_number(uint64_t hash, uint64_t number)
{
	unsigned char bytes[8];

	sr_bytes_put(bytes, number, 8);
	return hash_bytes(hash, bytes, 8);
}

/* Mix all bits (the last step of MurmurHash3), so that the sum of two hashes is not that of two similar ones. */
static uint64_t mix(uint64_t hash)
{
	hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccdull;
	hash = (hash ^ hash >> 33) * 0xc4ceb9fe1a85ec53ull;
	return hash ^ hash >> 33;
}

static uint64_t hash_op(const struct sr_op *op)
{
	const struct sr_record *record = op->record;
	uint64_t hash = hash_number(14695981039346656037ull, op->asked);

	hash = hash_number(hash, op->is_next ? SEGREG_ID_NEXT : record->id);
	hash = hash_number(hash, record->path_length);
	hash = hash_bytes(hash, record->path, record->path_length);
	return mix(hash_bytes(hash, record->user, record->user_size));
}

uint64_t sr_digest(const struct segreg_edit *edit)
{
	uint64_t sum = edit->n;

	for (size_t i = 0; i < edit->n; i++)
		sum += hash_op(&edit->ops[i]);
	return sum ? sum : 1;
}
