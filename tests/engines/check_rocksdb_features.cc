/*
 * check_rocksdb_features.cc - features of RocksDB that link, move, rename or delete files in ways of their own.
 */
#include "check_rocksdb.h"

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/sst_file_manager.h>
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/utilities/backup_engine.h>
#include <rocksdb/utilities/checkpoint.h>
#include <rocksdb/utilities/transaction.h>
#include <rocksdb/utilities/transaction_db.h>
#include <segreg-rocksdb.h>

namespace
{

using rocksdb::DB;
using rocksdb::Env;
using rocksdb::Options;
using rocksdb::ReadOptions;
using rocksdb::WriteOptions;

using EnvPtr = std::unique_ptr<Env>;

EnvPtr WriterEnv(const World &w)
{
	return rocksdb::NewCompositeEnv(NewSegregFileSystem(nullptr, w.registry));
}

EnvPtr ReaderEnv(const World &w)
{
	return rocksdb::NewCompositeEnv(NewSegregReadFileSystem(nullptr, w.registry));
}

Options MakeOptions(Env *env)
{
	Options options;

	options.create_if_missing = true;
	options.env = env;
	return options;
}

std::unique_ptr<DB> Open(const Options &options, const std::string &dir)
{
	DB *db = nullptr;

	CHECK_OK(DB::Open(options, dir, &db));
	return std::unique_ptr<DB>(db);
}

/* It opens its files late. */
std::unique_ptr<DB> OpenReader(Env *env, const std::string &dir)
{
	Options options;
	DB *db = nullptr;

	options.env = env;
	options.max_open_files = 20;
	CHECK_OK(DB::OpenForReadOnly(options, dir, &db));
	return std::unique_ptr<DB>(db);
}

std::string Get(DB *db, const std::string &key)
{
	std::string value;
	const rocksdb::Status s = db->Get(ReadOptions(), key, &value);

	return s.ok() ? value : s.ToString();
}

std::string ValueOf(char c)
{
	return std::string(1000, c);
}

/* Puts two keys, so that two files overlap, and none is only moved to another level. */
void Put(DB *db, char c)
{
	CHECK_OK(db->Put(WriteOptions(), "a", ValueOf(c)));
	CHECK_OK(db->Put(WriteOptions(), "z", ValueOf(c)));
	CHECK_OK(db->Flush(rocksdb::FlushOptions()));
}

/* All that the database had before is obsolete after this, and RocksDB has deleted it. */
void Replace(DB *db, char c)
{
	CHECK_OK(db->DisableFileDeletions());
	Put(db, c);
	CHECK_OK(db->CompactRange(rocksdb::CompactRangeOptions(), nullptr, nullptr));
	CHECK_OK(db->EnableFileDeletions(true));
}

/* How many files of that kind the directory has. */
size_t Count(const std::string &dir, const std::string &end)
{
	std::vector<std::string> names;
	size_t n = 0;

	CHECK_OK(Env::Default()->GetChildren(dir, &names));
	for (const std::string &name : names)
		n += name.size() >= end.size() && name.compare(name.size() - end.size(), end.size(), end) == 0;
	return n;
}

void Checkpoint(const World &w)
{
	const EnvPtr env = WriterEnv(w);
	const std::string copy = w.base + "/copy";
	auto db = Open(MakeOptions(env.get()), w.db);
	rocksdb::Checkpoint *made;

	Put(db.get(), '1');
	CHECK_OK(rocksdb::Checkpoint::Create(db.get(), &made));
	const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
	CHECK_OK(checkpoint->CreateCheckpoint(copy));
	Replace(db.get(), '2');
	w.Sweep();
	CHECK(Count(w.db, ".sst") == 1);
	const EnvPtr read_env = ReaderEnv(w);
	const auto reader = OpenReader(read_env.get(), copy);
	CHECK_OK(rocksdb::DestroyDB(copy, MakeOptions(env.get())));
	w.Sweep();
	CHECK(Get(reader.get(), "a") == ValueOf('1'));
	CHECK(Get(db.get(), "a") == ValueOf('2'));
}

void Blobs(const World &w)
{
	const EnvPtr env = WriterEnv(w);
	Options options = MakeOptions(env.get());

	options.enable_blob_files = true;
	options.enable_blob_garbage_collection = true;
	options.blob_garbage_collection_age_cutoff = 1.0;
	auto db = Open(options, w.db);
	Put(db.get(), '1');
	{
		const EnvPtr read_env = ReaderEnv(w);
		const auto reader = OpenReader(read_env.get(), w.db);
		Replace(db.get(), '2');
		w.Sweep();
		CHECK(Count(w.db, ".blob") > 1);
		CHECK(Get(reader.get(), "a") == ValueOf('1'));
	}
	w.Sweep();
	CHECK(Count(w.db, ".blob") == 1);
}

void ManagerWithARate(const World &w)
{
	const EnvPtr env = WriterEnv(w);
	Options options = MakeOptions(env.get());

	/* Not at once, however much of the database is trash. */
	options.sst_file_manager.reset(rocksdb::NewSstFileManager(env.get(), nullptr, "", 1 << 20, true, nullptr, 100));
	auto db = Open(options, w.db);
	Put(db.get(), '1');
	{
		const EnvPtr read_env = ReaderEnv(w);
		const auto reader = OpenReader(read_env.get(), w.db);
		Replace(db.get(), '2');
		w.Sweep();
		CHECK(Count(w.db, ".sst") > 1 && Count(w.db, ".trash") == 0);
		CHECK(Get(reader.get(), "a") == ValueOf('1'));
	}
	while (options.sst_file_manager->GetTotalTrashSize() > 0)
		usleep(1000);
	w.Sweep();
	CHECK(Count(w.db, ".sst") == 1 && Count(w.db, ".trash") == 0);
}

/* The log of the open database. */
std::string CurrentLog(DB *db, const std::string &dir)
{
	std::unique_ptr<rocksdb::LogFile> log;

	CHECK_OK(db->GetCurrentWalFile(&log));
	return dir + log->PathName();
}

void RecycledLogs(const World &w)
{
	const EnvPtr env = WriterEnv(w);
	Options options = MakeOptions(env.get());

	options.recycle_log_file_num = 2;
	auto db = Open(options, w.db);
	CHECK_OK(db->Put(WriteOptions(), "key", "logged"));
	const std::string log = CurrentLog(db.get(), w.db);
	{
		const Horizon reader(w.reg);
		Replace(db.get(), '1');
		const std::string content = Content(log);
		CHECK(content.find("logged") != std::string::npos);
		for (char c = '2'; c < '8'; c++)
			Replace(db.get(), c);
		w.Sweep();
		CHECK(Content(log) == content);
	}
	CHECK(log != CurrentLog(db.get(), w.db));
	db.reset();
	w.Sweep();
	CHECK(!Exists(log));
	CHECK(Get(OpenReader(Env::Default(), w.db).get(), "a") == ValueOf('7'));
}

void IngestedFile(const World &w)
{
	const EnvPtr env = WriterEnv(w);
	const std::string dir = w.base + "/made";

	CHECK(mkdir(dir.c_str(), 0777) == 0);
	auto db = Open(MakeOptions(env.get()), w.db);
	for (const std::string &path : { dir + "/1.sst", w.outside + "/2.sst" }) {
		rocksdb::SstFileWriter writer(rocksdb::EnvOptions(), MakeOptions(env.get()));
		rocksdb::IngestExternalFileOptions ingest;

		CHECK_OK(writer.Open(path));
		CHECK_OK(writer.Put("key", path));
		CHECK_OK(writer.Finish());
		ingest.move_files = true;
		CHECK_OK(db->IngestExternalFile({ path }, ingest));
		w.Sweep();
		CHECK(!Exists(path));
		CHECK(Get(db.get(), "key") == path);
	}
}

void Backups(const World &w)
{
	const EnvPtr env = WriterEnv(w);
	const std::string dir = w.base + "/backups";
	rocksdb::BackupEngine *opened;

	auto db = Open(MakeOptions(env.get()), w.db);
	rocksdb::BackupEngineOptions options(dir);
	options.backup_env = Env::Default();
	CHECK_OK(rocksdb::BackupEngine::Open(options, env.get(), &opened));
	const std::unique_ptr<rocksdb::BackupEngine> engine(opened);
	for (char c = '1'; c < '4'; c++) {
		Replace(db.get(), c);
		w.Sweep();
		CHECK_OK(engine->CreateNewBackup(db.get(), true));
	}
	CHECK_OK(engine->PurgeOldBackups(1));
	CHECK(Count(dir + "/private", "3") == 1 && Count(dir + "/private", "2") == 0);
	db.reset();
	CHECK_OK(engine->RestoreDBFromLatestBackup(w.db, w.db));
	w.Sweep();
	db = Open(MakeOptions(env.get()), w.db);
	CHECK(Get(db.get(), "a") == ValueOf('3'));
}

void Transactions(const World &w)
{
	const EnvPtr env = WriterEnv(w);
	rocksdb::TransactionDB *opened;

	CHECK_OK(rocksdb::TransactionDB::Open(MakeOptions(env.get()), rocksdb::TransactionDBOptions(), w.db, &opened));
	const std::unique_ptr<rocksdb::TransactionDB> db(opened);
	const std::unique_ptr<rocksdb::Transaction> prepared(db->BeginTransaction(WriteOptions()));
	CHECK_OK(prepared->SetName("one"));
	CHECK_OK(prepared->Put("key", "prepared"));
	CHECK_OK(prepared->Prepare());
	const std::string log = CurrentLog(db.get(), w.db);
	Replace(db.get(), '1');
	w.Sweep();
	CHECK(Exists(log)); /* a prepared transaction is in it alone */
	CHECK_OK(prepared->Commit());
	Replace(db.get(), '2');
	w.Sweep();
	CHECK(!Exists(log));
	CHECK(Get(db.get(), "key") == "prepared");
}

/* Below base the files of all paths stay; those outside go at once. */
void OtherPaths(const World &w)
{
	for (const std::string &place : { w.base, w.outside }) {
		const EnvPtr env = WriterEnv(w);
		const std::string dir = place == w.base ? w.db + "/1" : w.db + "/2";
		Options options = MakeOptions(env.get());

		options.db_paths = { { place + "/tables", 1 << 20 } };
		options.wal_dir = place + "/logs";
		auto db = Open(options, dir);
		Put(db.get(), '1');
		const std::string log = CurrentLog(db.get(), options.wal_dir);
		const Horizon reader(w.reg);
		Replace(db.get(), '2');
		w.Sweep();
		CHECK(Exists(log) == (place == w.base));
		CHECK(Count(place + "/tables", ".sst") == (place == w.base ? 3 : 1));
		reader.Release();
		w.Sweep();
		CHECK(!Exists(log));
		CHECK(Count(place + "/tables", ".sst") == 1);
	}
}

} // namespace

int RunFeatureTests()
{
	return RunTests({
		{ "a checkpoint has its files, whatever becomes of the database, and while it is destroyed",
		  Checkpoint },
		{ "blobs that were collected stay for readers of before", Blobs },
		{ "an SstFileManager with a rate leaves files their names, and none behind", ManagerWithARate },
		{ "no log is written over with recycle_log_file_num", RecycledLogs },
		{ "a file that is ingested by a move", IngestedFile },
		{ "backups are made, purged and restored", Backups },
		{ "the log of a prepared transaction stays until its commit", Transactions },
		{ "db_paths and wal_dir, below base and outside", OtherPaths },
	});
}
