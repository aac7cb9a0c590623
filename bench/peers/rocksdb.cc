/*
 * rocksdb.cc - RocksDB writes a database, with segreg or without (engine.h).
 */
#include <chrono>
#include <cstdio>
#include <memory>
#include <random>

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <segreg-rocksdb.h>

extern "C" {
#include "peers/engine.h"
}

namespace
{

const size_t kValueBytes = 1000;

rocksdb::Status Write(rocksdb::DB *db, size_t bytes)
{
	std::minstd_rand random(1);
	std::string value(kValueBytes, 'x');
	rocksdb::Status s;

	for (size_t i = 0; i < bytes / kValueBytes && s.ok(); i++) {
		for (size_t at = 0; at + 4 <= kValueBytes; at += 4)
			*reinterpret_cast<uint32_t *>(&value[at]) = static_cast<uint32_t>(random());
		s = db->Put(rocksdb::WriteOptions(), std::to_string(random() % (bytes / kValueBytes)), value);
	}
	return s.ok() ? db->CompactRange(rocksdb::CompactRangeOptions(), nullptr, nullptr) : s;
}

} // namespace

extern "C" __attribute__((visibility("default"))) double engine_write(const char *dir, const char *registry,
								      size_t file_bytes, size_t bytes)
{
	rocksdb::Options options;
	rocksdb::DB *opened = nullptr;
	std::unique_ptr<rocksdb::Env> env;

	if (registry) {
		env = rocksdb::NewCompositeEnv(NewSegregFileSystem(nullptr, registry));
		options.env = env.get();
	}
	options.create_if_missing = true;
	options.compression = rocksdb::kNoCompression;
	options.write_buffer_size = file_bytes;
	options.target_file_size_base = file_bytes;
	options.max_bytes_for_level_base = 4 * file_bytes;
	const auto begin = std::chrono::steady_clock::now();
	rocksdb::Status s = rocksdb::DB::Open(options, dir, &opened);
	const std::unique_ptr<rocksdb::DB> db(opened);
	if (s.ok())
		s = Write(db.get(), bytes);
	if (!s.ok()) {
		fprintf(stderr, "RocksDB: %s\n", s.ToString().c_str());
		return -1;
	}
	return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}
