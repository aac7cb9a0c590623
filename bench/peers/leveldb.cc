/*
 * leveldb.cc - LevelDB writes a database, with segreg or without (engine.h).
 */
#include <chrono>
#include <cstdio>
#include <memory>
#include <random>

#include <leveldb/db.h>
#include <leveldb/env.h>
#include <segreg-leveldb.h>

extern "C" {
#include "peers/engine.h"
}

namespace
{

const size_t kValueBytes = 1000;

leveldb::Status Write(leveldb::DB *db, size_t bytes)
{
	std::minstd_rand random(1);
	std::string value(kValueBytes, 'x');
	leveldb::Status s;

	for (size_t i = 0; i < bytes / kValueBytes && s.ok(); i++) {
		for (size_t at = 0; at + 4 <= kValueBytes; at += 4)
			*reinterpret_cast<uint32_t *>(&value[at]) = static_cast<uint32_t>(random());
		s = db->Put(leveldb::WriteOptions(), std::to_string(random() % (bytes / kValueBytes)), value);
	}
	if (s.ok())
		db->CompactRange(nullptr, nullptr);
	return s;
}

} // namespace

/* LevelDB makes no file smaller than 1 MiB of a compaction; its tables of level 0 are as small as the log. */
extern "C" __attribute__((visibility("default"))) double engine_write(const char *dir, const char *registry,
								      size_t file_bytes, size_t bytes)
{
	const std::unique_ptr<leveldb::Env> env(registry ? NewSegregEnv(nullptr, registry) : nullptr);
	leveldb::Options options;
	leveldb::DB *opened = nullptr;

	if (env)
		options.env = env.get();
	options.create_if_missing = true;
	options.compression = leveldb::kNoCompression;
	options.write_buffer_size = file_bytes;
	options.max_file_size = file_bytes;
	const auto begin = std::chrono::steady_clock::now();
	leveldb::Status s = leveldb::DB::Open(options, dir, &opened);
	const std::unique_ptr<leveldb::DB> db(opened);
	if (s.ok())
		s = Write(db.get(), bytes);
	if (!s.ok()) {
		fprintf(stderr, "LevelDB: %s\n", s.ToString().c_str());
		return -1;
	}
	return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}
