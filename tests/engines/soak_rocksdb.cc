/*
 * soak_rocksdb.cc - RocksDB for the soak: small files, with blobs and without.
 *
 * Each pair is in two column families, of which one has blob files. A secondary reads the other: the secondary of
 * RocksDB 7.8 crashes when it reads a blob, with segreg or without.
 */
#include "soak.h"

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/metadata.h>
#include <rocksdb/sst_file_manager.h>
#include <rocksdb/table.h>
#include <rocksdb/transaction_log.h>
#include <rocksdb/write_batch.h>
#include <segreg-rocksdb.h>

#include <unistd.h>

const char *const engine_name = "RocksDB";
const bool readers_have_horizons = true;

namespace
{

using rocksdb::ColumnFamilyDescriptor;
using rocksdb::ColumnFamilyHandle;
using rocksdb::ColumnFamilyMetaData;
using rocksdb::DB;
using rocksdb::Options;
using rocksdb::ReadOptions;
using rocksdb::Status;

Options MakeOptions()
{
	Options options;

	options.create_if_missing = true;
	options.create_missing_column_families = true;
	options.write_buffer_size = 64 << 10;
	options.target_file_size_base = 32 << 10;
	options.max_bytes_for_level_base = 128 << 10;
	options.level0_file_num_compaction_trigger = 2;
	options.max_manifest_file_size = 16 << 10; /* so that manifests come and go as well */
	options.info_log_level = rocksdb::InfoLogLevel::ERROR_LEVEL;
	return options;
}

std::vector<ColumnFamilyDescriptor> Families(const Options &options)
{
	rocksdb::ColumnFamilyOptions blobs(options);

	blobs.enable_blob_files = true;
	blobs.min_blob_size = 400;
	blobs.blob_file_size = 64 << 10;
	blobs.enable_blob_garbage_collection = true;
	blobs.blob_garbage_collection_age_cutoff = 1.0;
	return { { rocksdb::kDefaultColumnFamilyName, rocksdb::ColumnFamilyOptions(options) }, { "blobs", blobs } };
}

/* A database and the handles of its families, of which the last is read. */
struct Opened {
	~Opened()
	{
		for (ColumnFamilyHandle *family : families)
			db->DestroyColumnFamilyHandle(family);
	}

	std::string Read(const std::function<void(const std::string &, const std::string &)> &fn)
	{
		ReadOptions options;

		options.fill_cache = false;
		const std::unique_ptr<rocksdb::Iterator> iterator(db->NewIterator(options, families.back()));
		for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next())
			fn(iterator->key().ToString(), iterator->value().ToString());
		return iterator->status().ok() ? "" : iterator->status().ToString();
	}

	std::unique_ptr<DB> db;
	std::vector<ColumnFamilyHandle *> families;
};

std::string TextOf(const Status &s)
{
	return s.ok() ? "" : s.ToString();
}

class RocksWriter : public Writer
{
public:
	std::string Open(const std::string &dir, const std::string &registry)
	{
		Options options = MakeOptions();
		DB *db = nullptr;

		dir_ = dir;
		if (!registry.empty()) {
			env_ = rocksdb::NewCompositeEnv(NewSegregFileSystem(nullptr, registry));
			options.env = env_.get();
		}
		/* Files go by way of FILE.trash: a second opening deletes them at once. */
		if (getpid() % 2)
			options.sst_file_manager.reset(rocksdb::NewSstFileManager(options.env, nullptr, "", 1 << 20));
		if (getpid() % 3 == 0)
			options.recycle_log_file_num = 0;
		const Status s = DB::Open(options, dir, Families(options), &opened_.families, &db);
		opened_.db.reset(db);
		return TextOf(s);
	}

	std::string Put(const Pairs &pairs) override
	{
		rocksdb::WriteBatch batch;

		for (const auto &pair : pairs)
			for (ColumnFamilyHandle *family : opened_.families)
				batch.Put(family, pair.first, pair.second);
		return TextOf(opened_.db->Write(rocksdb::WriteOptions(), &batch));
	}

	std::string Read(const std::function<void(const std::string &, const std::string &)> &fn) override
	{
		return opened_.Read(fn);
	}

	/* Beside the files that GetLiveFiles names, RocksDB keeps logs, options, its lock and its identity. */
	std::string LiveFiles(std::set<std::string> *names) override
	{
		std::vector<std::string> files;
		rocksdb::VectorLogPtr logs;
		std::unique_ptr<rocksdb::LogFile> current; /* GetSortedWalFiles leaves out an empty one */
		uint64_t manifest_size;

		opened_.db->PauseBackgroundWork();
		Status s = opened_.db->GetLiveFiles(files, &manifest_size, false);
		if (s.ok())
			s = opened_.db->GetSortedWalFiles(logs);
		if (s.ok())
			s = opened_.db->GetCurrentWalFile(&current);
		if (!s.ok())
			return s.ToString();
		for (const std::string &file : files)
			names->insert(file.substr(1));
		for (const auto &log : logs)
			names->insert(log->PathName().substr(1));
		names->insert(current->PathName().substr(1));
		names->insert({ "LOCK", "LOG", "IDENTITY" });
		std::vector<std::string> there;
		rocksdb::Env::Default()->GetChildren(dir_, &there);
		for (const std::string &name : there)
			if (name.compare(0, 8, "LOG.old.") == 0 || name.compare(0, 8, "OPTIONS-") == 0)
				names->insert(name);
		return "";
	}

private:
	std::string dir_;
	std::unique_ptr<rocksdb::Env> env_;
	Opened opened_;
};

class RocksReader : public Reader
{
public:
	std::string Open(const std::string &dir, const std::string &registry, const std::string &scratch, Kind kind)
	{
		Options options = MakeOptions();
		DB *db = nullptr;
		Status s;

		if (!registry.empty() && kind != Kind::kPin) {
			files_ = NewSegregReadFileSystem(nullptr, registry);
			env_ = rocksdb::NewCompositeEnv(files_);
			options.env = env_.get();
		}

		if (kind == Kind::kFollow) {
			options.max_open_files = -1;
			s = DB::OpenAsSecondary(options, dir, scratch,
						{ { rocksdb::kDefaultColumnFamilyName, options } }, &opened_.families,
						&db);
		} else {
			options.max_open_files = 20;
			s = DB::OpenForReadOnly(options, dir, Families(options), &opened_.families, &db);
		}
		opened_.db.reset(db);
		return TextOf(s);
	}

	std::string Read(const std::function<void(const std::string &, const std::string &)> &fn) override
	{
		return opened_.Read(fn);
	}

	std::string Get(const std::string &key, std::string *value) override
	{
		return TextOf(opened_.db->Get(ReadOptions(), key, value));
	}

	std::string CatchUp() override
	{
		return TextOf(files_ ? SegregCatchUp(files_, opened_.db.get()) : opened_.db->TryCatchUpWithPrimary());
	}

	std::vector<std::string> Files() override
	{
		std::vector<std::string> files;

		for (ColumnFamilyHandle *family : opened_.families) {
			ColumnFamilyMetaData meta;

			opened_.db->GetColumnFamilyMetaData(family, &meta);
			for (const auto &level : meta.levels)
				for (const auto &file : level.files)
					files.push_back(file.db_path + file.name);
			for (const auto &file : meta.blob_files)
				files.push_back(file.blob_file_path + file.blob_file_name);
		}
		return files;
	}

private:
	std::shared_ptr<rocksdb::FileSystem> files_;
	std::unique_ptr<rocksdb::Env> env_;
	Opened opened_;
};

} // namespace

std::unique_ptr<Writer> OpenWriter(const std::string &dir, const std::string &registry, std::string *error)
{
	auto writer = std::make_unique<RocksWriter>();

	*error = writer->Open(dir, registry);
	return error->empty() ? std::move(writer) : nullptr;
}

std::unique_ptr<Reader> OpenReader(const std::string &dir, const std::string &registry, const std::string &scratch,
				   Kind kind, std::string *error)
{
	auto reader = std::make_unique<RocksReader>();

	*error = reader->Open(dir, registry, scratch, kind);
	return error->empty() ? std::move(reader) : nullptr;
}
