/*
 * values.c - a database whose values contain anything: opening, every call and the sweep answer or fail, and nothing
 * outside base is touched. LMDB itself wrote the file, so its pages are right: LMDB does not claim to survive others.
 *
 * An input is a list of changes. A value that is there has bytes written over it, is cut or is lengthened. Or any key
 * gets any value, or there is a forged record with a path elsewhere. The changes are made before the registry is
 * opened, or behind its back while it is open.
 */
#include "ground.h"
#include "db/sr_codec.h"
#include "sys/sr_sys.h"
#include "tour.h"

#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>

static const struct ground *ground;

static void prepare(void)
{
	ground = ground_prepare(GROUND_ALONE);
	fuzz_confine(ground->root);
}

#define VALUE_MOST 700u

/* A key that is there, or any. */
static size_t make_key(struct input *in, unsigned table, unsigned char key[512])
{
	static const char *const names[] = { "registry", "clock", "riders" };
	unsigned kind = input_u8(in);

	memset(key, 0, 512);
	if (kind >= 0x80)
		return input_bytes(in, key, kind - 0x80);
	if (table == 1 || table == 3) {
		key[7] = (unsigned char)kind;
		return 8;
	}
	if (table == 2)
		return (size_t)snprintf((char *)key, 512, "s%u", kind);
	return strlen(strcpy((char *)key, names[kind % 3]));
}

static size_t change_value(struct input *in, const MDB_val *old, unsigned char value[VALUE_MOST])
{
	size_t size = old->mv_size < VALUE_MOST ? old->mv_size : VALUE_MOST, at;
	unsigned how = input_u8(in);

	memcpy(value, old->mv_data, size);
	if (how >= 0xf0)
		return size ? input_u16(in) % size : 0; /* cut */
	if (how >= 0xe0)
		/* lengthened */
		return size + input_bytes(in, value + size, VALUE_MOST - size < how ? VALUE_MOST - size : how);
	at = size ? input_u16(in) % size : 0;
	input_bytes(in, value + at, size - at < how % 32 ? size - at : how % 32);
	return size;
}

/* A segment that is right in every way but where it lies. */
static void forge(struct input *in, MDB_txn *txn, MDB_dbi segments)
{
	static const char *const paths[] = {
		"link/s4", "../outside/s4",    "up/outside/s4", "../outside", "link",
		"up/keep", "../base/stranger", ".segreg",       "s5/file",    ".",
	};
	static const enum sr_state states[] = { SR_BUILDING, SR_LIVE, SR_PENDING, SR_DELETING };
	unsigned kind = input_u8(in);
	struct sr_record record = {
		.id = input_u8(in) % 16, .born = 1, .retired = kind & 4 ? 2 : 0, .state = states[kind % 4]
	};
	unsigned char id[8], value[SR_RECORD_FIXED + SR_RECORD_TEXT];
	MDB_val key = { .mv_size = sizeof(id), .mv_data = id }, data = { .mv_data = value };
	struct sr_identity there = { .ino = 0 };
	char at[GROUND_PATH + SEGREG_PATH_SIZE];

	strcpy(record.path, paths[input_u8(in) % (sizeof(paths) / sizeof(*paths))]);
	snprintf(at, sizeof(at), "%s/%s", ground->base, record.path);
	if (kind & 8)
		sr_sys_identify(AT_FDCWD, at, &there);
	record.ino = there.ino;
	record.btime = there.btime;
	record.is_directory = kind & 16;
	record.path_length = (uint16_t)strlen(record.path);
	sr_encode_id(record.id, id);
	data.mv_size = sr_encode_record(&record, value);
	mdb_put(txn, segments, &key, &data, 0);
}

static void change(struct input *in, MDB_txn *txn, const MDB_dbi tables[4])
{
	unsigned what = input_u8(in), table = what % 4;
	unsigned char bytes[512], value[VALUE_MOST] = "";
	MDB_val key = { .mv_data = bytes }, data = { .mv_data = value };

	if (what >= 0x60 && what < 0x80) {
		forge(in, txn, tables[1]);
		return;
	}
	key.mv_size = make_key(in, table, bytes);
	if (what >= 0xc0) {
		mdb_del(txn, tables[table], &key, NULL);
		return;
	}
	if (what >= 0x80 || mdb_get(txn, tables[table], &key, &data)) {
		data.mv_data = value;
		data.mv_size = input_bytes(in, value, input_u16(in) % VALUE_MOST);
	} else {
		const MDB_val old = data;

		data.mv_data = value;
		data.mv_size = change_value(in, &old, value);
	}
	mdb_put(txn, tables[table], &key, &data, 0);
}

static void rewrite(struct input *in)
{
	static const char *const names[4] = { NULL, "segments", "paths", "tokens" };
	MDB_dbi tables[4];
	MDB_env *env;
	MDB_txn *txn;

	FUZZ_CLAIM(mdb_env_create(&env) == 0 && mdb_env_set_maxdbs(env, 4) == 0);
	FUZZ_CLAIM(mdb_env_open(env, ground->mdb, MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOTLS | MDB_NOSYNC, 0600) == 0);
	FUZZ_CLAIM(mdb_txn_begin(env, NULL, 0, &txn) == 0);
	for (int i = 0; i < 4; i++)
		FUZZ_CLAIM(mdb_dbi_open(txn, names[i], 0, &tables[i]) == 0);
	while (input_left(in))
		change(in, txn, tables);
	mdb_txn_commit(txn); /* LMDB may have refused something; then nothing is changed */
	mdb_env_close(env);
}

static void one(const uint8_t *data, size_t size)
{
	struct input in = { .at = data, .end = data + size };
	struct tour tour = { .reg = NULL };

	ground_restore();
	if (input_u8(&in) & 1)
		tour.reg = ground_open();
	rewrite(&in);
	if (!tour.reg)
		tour.reg = ground_open();
	if (tour.reg) {
		tour_all(&tour);
		tour_close(&tour);
	}
	ground_check(false);
}

const struct fuzz_target fuzz_values = { .name = "values", .prepare = prepare, .one = one };
