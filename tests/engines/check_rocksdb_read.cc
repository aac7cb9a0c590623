/*
 * check_rocksdb_read.cc - what the file system for readers of RocksDB does.
 */
#include "check_rocksdb.h"

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <segreg-rocksdb.h>

namespace
{

using rocksdb::DB;
using rocksdb::FileSystem;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::Options;
using rocksdb::ReadOptions;
using rocksdb::Status;
using rocksdb::WriteOptions;

using EnvPtr = std::unique_ptr<rocksdb::Env>;

/* A sweep comes after the reader has listed the logs, and before it opens any of them. */
class SweepingFiles : public rocksdb::FileSystemWrapper
{
public:
	explicit SweepingFiles(const World &w) : FileSystemWrapper(FileSystem::Default()), world_(w)
	{
	}
	const char *Name() const override
	{
		return "SweepingFiles";
	}
	rocksdb::IOStatus NewSequentialFile(const std::string &name, const rocksdb::FileOptions &options,
					    std::unique_ptr<rocksdb::FSSequentialFile> *result,
					    IODebugContext *dbg) override
	{
		if (name.find(".log") != std::string::npos)
			world_.Sweep();
		return target()->NewSequentialFile(name, options, result, dbg);
	}

private:
	const World &world_;
};

/* A database, its writer, and the registry's discards made durable whenever it is asked for. */
struct Writer {
	explicit Writer(const World &w)
	    : world(w), env(rocksdb::NewCompositeEnv(NewSegregFileSystem(nullptr, w.registry)))
	{
		Options options;

		options.create_if_missing = true;
		options.env = env.get();
		CHECK_OK(DB::Open(options, w.db, &db));
	}
	~Writer()
	{
		delete db;
	}

	void Put(const std::string &key, const std::string &value) const
	{
		CHECK_OK(db->Put(WriteOptions(), key, value));
	}
	/* The log goes, and the table of before as well. Otherwise RocksDB deletes them at a time of its own. */
	void Replace() const
	{
		CHECK_OK(db->DisableFileDeletions());
		CHECK_OK(db->Flush(rocksdb::FlushOptions()));
		CHECK_OK(db->CompactRange(rocksdb::CompactRangeOptions(), nullptr, nullptr));
		CHECK_OK(db->EnableFileDeletions(true));
		CHECK(segreg_discard(world.reg, nullptr, 0, 0) == 0);
	}

	const World &world;
	EnvPtr env;
	DB *db = nullptr;
};

std::string Get(DB *db, const std::string &key)
{
	std::string value;
	const Status s = db->Get(ReadOptions(), key, &value);

	return s.ok() ? value : s.ToString();
}

uint64_t Pending(const World &w)
{
	struct segreg_stats stats = {};

	stats.size = sizeof(stats);
	CHECK(segreg_stats(w.reg, &stats) == 0);
	return stats.pending;
}

DB *OpenSecondary(const World &w, rocksdb::Env *env)
{
	Options options;
	DB *db = nullptr;

	options.max_open_files = -1;
	options.env = env;
	CHECK_OK(DB::OpenAsSecondary(options, w.db, w.outside, &db));
	return db;
}

void SecondaryOpensWhileALogGoes(const World &w)
{
	const Writer writer(w);

	writer.Put("flushed", "1");
	writer.Replace();
	writer.Put("logged", "2");
	CHECK(Pending(w) > 0);
	const auto files = NewSegregReadFileSystem(std::make_shared<SweepingFiles>(w), w.registry);
	const EnvPtr env = rocksdb::NewCompositeEnv(files);
	const std::unique_ptr<DB> db(OpenSecondary(w, env.get()));
	CHECK(Pending(w) == 0);
	CHECK(Get(db.get(), "flushed") == "1");
	CHECK(Get(db.get(), "logged") == "2");
}

void SecondaryCatchesUp(const World &w)
{
	const Writer writer(w);
	const auto files = NewSegregReadFileSystem(std::make_shared<SweepingFiles>(w), w.registry);
	const EnvPtr env = rocksdb::NewCompositeEnv(files);

	writer.Put("key", "0");
	const std::unique_ptr<DB> db(OpenSecondary(w, env.get()));
	for (const char *value : { "1", "2", "3" }) {
		writer.Put("key", value);
		writer.Replace();
		const uint64_t before = Pending(w);
		CHECK(before > 0);
		writer.Put("logged", value);
		CHECK_OK(SegregCatchUp(files, db.get()));
		CHECK(Get(db.get(), "key") == value);
		CHECK(Get(db.get(), "logged") == value);
		w.Sweep();
		CHECK(Pending(w) < before); /* nothing but its present files is held */
	}
	/* The newer horizon is also that of the next database on this file system. */
	writer.Put("key", "4");
	writer.Replace();
	writer.Put("logged", "4");
	CHECK_OK(SegregCatchUp(files, db.get()));
	const std::unique_ptr<DB> next(OpenSecondary(w, env.get()));
	CHECK(Get(next.get(), "logged") == "4");
	CHECK(SegregCatchUp(FileSystem::Default(), db.get()).IsInvalidArgument());
}

void ReaderKeepsItsFiles(const World &w)
{
	const Writer writer(w);

	writer.Put("key", "1");
	writer.Replace();
	w.Sweep();
	{
		const EnvPtr env = rocksdb::NewCompositeEnv(NewSegregReadFileSystem(nullptr, w.registry));
		Options options;
		DB *opened;

		options.max_open_files = 20; /* it opens tables late */
		options.env = env.get();
		CHECK_OK(DB::OpenForReadOnly(options, w.db, &opened));
		const std::unique_ptr<DB> db(opened);
		writer.Put("key", "2");
		writer.Replace();
		w.Sweep();
		CHECK(Pending(w) > 0);
		CHECK(Get(db.get(), "key") == "1");
	}
	w.Sweep();
	CHECK(Pending(w) == 0);
}

std::string Listed(const std::shared_ptr<FileSystem> &files, const std::string &dir)
{
	std::vector<std::string> names;
	std::vector<rocksdb::FileAttributes> attributes;
	std::string text;

	CHECK_OK(files->GetChildren(dir, IOOptions(), &names, nullptr));
	CHECK_OK(files->GetChildrenFileAttributes(dir, IOOptions(), &attributes, nullptr));
	CHECK(names.size() == attributes.size());
	std::sort(names.begin(), names.end());
	for (const std::string &name : names)
		text += name + " ";
	return text;
}

void ListHasWhatTheHorizonHolds(const World &w)
{
	const auto writer = NewSegregFileSystem(nullptr, w.registry);
	const std::string before = w.db + "/000001.log", after = w.db + "/000002.log";

	for (const std::string &path : { before, after })
		CHECK_OK(rocksdb::WriteStringToFile(writer.get(), "old", path, false));
	CHECK_OK(writer->DeleteFile(before, IOOptions(), nullptr));
	CHECK(segreg_discard(w.reg, nullptr, 0, 0) == 0);
	const auto reader = NewSegregReadFileSystem(nullptr, w.registry);
	CHECK_OK(writer->DeleteFile(after, IOOptions(), nullptr));
	CHECK(Listed(reader, w.db) == "000002.log ");
	CHECK(segreg_discard(w.reg, nullptr, 0, 0) == 0);
	CHECK(Listed(reader, w.db) == "000002.log ");
	/* The writer uses the name again. */
	CHECK_OK(rocksdb::WriteStringToFile(writer.get(), "new", before, false));
	CHECK(Listed(reader, w.db) == "000001.log 000002.log ");
	CHECK(Listed(reader, w.outside) == "");
}

/* What happens to a file between the reader's two looks at the registry. */
enum class Change { kGoes, kComesAgain, kComesAgainAndIsDiscarded };

class ChangingFiles : public rocksdb::FileSystemWrapper
{
public:
	ChangingFiles(const World &w, const std::string &path, Change change)
	    : FileSystemWrapper(FileSystem::Default()), world_(w), path_(path), change_(change)
	{
	}
	const char *Name() const override
	{
		return "ChangingFiles";
	}
	rocksdb::IOStatus GetChildren(const std::string &dir, const IOOptions &options, std::vector<std::string> *names,
				      IODebugContext *dbg) override
	{
		const char *path = path_.c_str();
		const rocksdb::IOStatus s = target()->GetChildren(dir, options, names, dbg);

		CHECK(names->size() == 1);
		world_.Sweep();
		CHECK(!Exists(path_));
		if (change_ != Change::kGoes)
			CHECK_OK(rocksdb::WriteStringToFile(FileSystem::Default().get(), "new", path_, false));
		CHECK(change_ != Change::kComesAgainAndIsDiscarded || segreg_discard(world_.reg, &path, 1, 0) == 0);
		return s;
	}

private:
	const World &world_;
	const std::string path_;
	const Change change_;
};

void FileChangesWhileItIsListed(const World &w)
{
	const auto writer = NewSegregFileSystem(nullptr, w.registry);
	const std::string path = w.db + "/000003.log";

	for (const Change change : { Change::kGoes, Change::kComesAgain, Change::kComesAgainAndIsDiscarded }) {
		std::vector<std::string> names;
		CHECK_OK(rocksdb::WriteStringToFile(writer.get(), "old", path, false));
		CHECK_OK(writer->DeleteFile(path, IOOptions(), nullptr));
		CHECK(segreg_discard(w.reg, nullptr, 0, 0) == 0);
		const auto base = std::make_shared<ChangingFiles>(w, path, change);
		const auto reader = NewSegregReadFileSystem(base, w.registry);
		CHECK_OK(reader->GetChildren(w.db, IOOptions(), &names, nullptr));
		CHECK(names.empty() == (change == Change::kGoes));
	}
}

void RegistryThatIsNotThere(const World &w)
{
	const std::string registry = w.outside + "/none/registry";
	Status status;
	const auto files = NewSegregReadFileSystem(nullptr, registry, &status);
	const EnvPtr env = rocksdb::NewCompositeEnv(files);
	Options options;
	DB *db = nullptr;
	{
		const Writer writer(w);
	}
	CHECK(status.IsIOError());
	options.env = env.get();
	const Status s = DB::OpenForReadOnly(options, w.db, &db);
	CHECK(s.ToString().find("none/registry") != std::string::npos);
	CHECK(!Exists(w.outside + "/none"));
}

} // namespace

int RunReadTests()
{
	return RunTests({
		{ "a secondary opens while a log goes that was discarded before", SecondaryOpensWhileALogGoes },
		{ "a secondary catches up, and holds no more than it needs", SecondaryCatchesUp },
		{ "a reader's files stay as long as its file system", ReaderKeepsItsFiles },
		{ "a reader lists what its horizon holds", ListHasWhatTheHorizonHolds },
		{ "a file goes, or its name is used again, while a reader lists it", FileChangesWhileItIsListed },
		{ "a reader's registry that is not there: the database does not open", RegistryThatIsNotThere },
	});
}
