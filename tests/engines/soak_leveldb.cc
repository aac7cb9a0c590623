/*
 * soak_leveldb.cc - LevelDB for the soak, with small files.
 */
#include "soak.h"

#include <leveldb/db.h>
#include <leveldb/env.h>
#include <leveldb/write_batch.h>
#include <segreg-leveldb.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const engine_name = "LevelDB";
const bool readers_have_horizons = false;

namespace
{

using leveldb::DB;
using leveldb::Env;
using leveldb::Options;
using leveldb::ReadOptions;
using leveldb::Status;

Options MakeOptions()
{
	Options options;

	options.write_buffer_size = 64 << 10;
	options.max_file_size = 1 << 20;
	options.compression = leveldb::kNoCompression;
	return options;
}

std::string TextOf(const Status &s)
{
	return s.ok() ? "" : s.ToString();
}

std::string ReadAll(DB *db, const std::function<void(const std::string &, const std::string &)> &fn)
{
	ReadOptions options;

	options.verify_checksums = true;
	options.fill_cache = false;
	const std::unique_ptr<leveldb::Iterator> iterator(db->NewIterator(options));
	for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next())
		fn(iterator->key().ToString(), iterator->value().ToString());
	return TextOf(iterator->status());
}

/* Numbers of the tables that LevelDB counts as live: lines such as " 17:4711['a' .. 'b']". */
std::vector<int> Tables(DB *db)
{
	std::string text;
	std::vector<int> numbers;
	int number;

	db->GetProperty("leveldb.sstables", &text);
	for (size_t at = 0; at < text.size(); at = text.find('\n', at) + 1)
		if (sscanf(text.c_str() + at, " %d:", &number) == 1)
			numbers.push_back(number);
	return numbers;
}

std::string NameOf(int number)
{
	char name[32];

	snprintf(name, sizeof(name), "%06d.ldb", number);
	return name;
}

class LevelWriter : public Writer
{
public:
	std::string Open(const std::string &dir, const std::string &registry)
	{
		Options options = MakeOptions();
		DB *db = nullptr;

		dir_ = dir;
		options.create_if_missing = true;
		if (!registry.empty()) {
			env_.reset(NewSegregEnv(nullptr, registry));
			options.env = env_.get();
		}
		const Status s = DB::Open(options, dir, &db);
		db_.reset(db);
		return TextOf(s);
	}

	std::string Put(const Pairs &pairs) override
	{
		leveldb::WriteBatch batch;

		for (const auto &pair : pairs)
			batch.Put(pair.first, pair.second);
		return TextOf(db_->Write(leveldb::WriteOptions(), &batch));
	}

	std::string Read(const std::function<void(const std::string &, const std::string &)> &fn) override
	{
		return ReadAll(db_.get(), fn);
	}

	/* CURRENT names the manifest; the log of the largest number is in use. */
	std::string LiveFiles(std::set<std::string> *names) override
	{
		std::vector<std::string> there;
		std::string current, log;
		const Status s = leveldb::ReadFileToString(Env::Default(), dir_ + "/CURRENT", &current);

		db_->CompactRange(nullptr, nullptr);
		for (const int number : Tables(db_.get()))
			names->insert(NameOf(number));
		names->insert(current.substr(0, current.find('\n')));
		env_->GetChildren(dir_, &there);
		for (const std::string &name : there)
			if (name.size() > 4 && name.substr(name.size() - 4) == ".log" && name > log)
				log = name;
		names->insert({ log, "CURRENT", "LOCK", "LOG", "LOG.old" });
		return TextOf(s);
	}

private:
	std::string dir_;
	std::unique_ptr<Env> env_;
	std::unique_ptr<DB> db_;
};

class LevelReader : public Reader
{
public:
	std::string Open(const std::string &dir)
	{
		std::unique_ptr<Env> env(NewSegregReadEnv(nullptr));
		Options options = MakeOptions();
		DB *db = nullptr;

		options.env = env.get();
		const Status s = DB::Open(options, dir, &db);
		if (!s.ok())
			return s.ToString();
		dir_ = dir;
		db_.reset(db); /* before the environment of the old one goes */
		env_ = std::move(env);
		return "";
	}

	std::string Read(const std::function<void(const std::string &, const std::string &)> &fn) override
	{
		return ReadAll(db_.get(), fn);
	}

	std::string Get(const std::string &key, std::string *value) override
	{
		return TextOf(db_->Get(ReadOptions(), key, value));
	}

	std::string CatchUp() override
	{
		return Open(dir_);
	}

	/* A table that this process made of the logs is in its memory. */
	std::vector<std::string> Files() override
	{
		std::vector<std::string> files;

		for (const int number : Tables(db_.get()))
			if (access((dir_ + "/" + NameOf(number)).c_str(), F_OK) == 0)
				files.push_back(dir_ + "/" + NameOf(number));
		return files;
	}

private:
	std::string dir_;
	std::unique_ptr<Env> env_;
	std::unique_ptr<DB> db_;
};

} // namespace

std::unique_ptr<Writer> OpenWriter(const std::string &dir, const std::string &registry, std::string *error)
{
	auto writer = std::make_unique<LevelWriter>();

	*error = writer->Open(dir, registry);
	return error->empty() ? std::move(writer) : nullptr;
}

std::unique_ptr<Reader> OpenReader(const std::string &dir, const std::string &, const std::string &, Kind,
				   std::string *error)
{
	auto reader = std::make_unique<LevelReader>();

	*error = reader->Open(dir);
	return error->empty() ? std::move(reader) : nullptr;
}
