/*
 * check_leveldb.cc - what the environments for LevelDB do: files that go, names that come again, readers.
 */
#include "check.h"

#include <leveldb/db.h>
#include <leveldb/env.h>
#include <segreg-leveldb.h>

namespace
{

using leveldb::DB;
using leveldb::Env;
using leveldb::Options;
using leveldb::ReadOptions;
using leveldb::WriteOptions;

using EnvPtr = std::unique_ptr<Env>;

EnvPtr WriterEnv(const World &w)
{
	return EnvPtr(NewSegregEnv(nullptr, w.registry));
}

/* The engine's lock is held for as long as this exists. */
class Locked
{
public:
	Locked(Env *env, const std::string &dir) : env_(env)
	{
		CHECK_OK(env_->LockFile(dir + "/LOCK", &lock_));
	}
	~Locked()
	{
		CHECK_OK(env_->UnlockFile(lock_));
	}

private:
	Env *env_;
	leveldb::FileLock *lock_;
};

bool Sees(Env *env, const std::string &dir, const std::string &name)
{
	std::vector<std::string> names;

	CHECK_OK(env->GetChildren(dir, &names));
	const bool listed = std::find(names.begin(), names.end(), name) != names.end();
	CHECK(listed == env->FileExists(dir + "/" + name));
	return listed;
}

void RemovedFileStaysForReaders(const World &w)
{
	const EnvPtr env = WriterEnv(w);
	const Horizon reader(w.reg);
	const std::string path = w.db + "/000007.ldb";

	CHECK_OK(leveldb::WriteStringToFile(env.get(), "seven", path));
	CHECK_OK(env->RemoveFile(path));
	CHECK(Sees(env.get(), w.db, "000007.ldb"));
	{
		const Locked lock(env.get(), w.db);
		CHECK(!Sees(env.get(), w.db, "000007.ldb"));
	}
	w.Sweep();
	CHECK(Content(path) == "seven");
	reader.Release();
	w.Sweep();
	CHECK(!Exists(path));
}

/* As after a crash: 000283.log, and later MANIFEST-000283; or the same log again. */
void NumberComesAgain(const World &w)
{
	const Horizon reader(w.reg);
	const std::string log = w.db + "/000283.log", manifest = w.db + "/MANIFEST-000283";

	InChild([&] {
		const EnvPtr env = WriterEnv(w);
		CHECK_OK(leveldb::WriteStringToFile(env.get(), "old", log));
		CHECK_OK(env->RemoveFile(log));
		raise(SIGKILL);
	});
	const EnvPtr env = WriterEnv(w);
	const Locked lock(env.get(), w.db);
	CHECK(!Sees(env.get(), w.db, "000283.log"));
	CHECK_OK(leveldb::WriteStringToFile(env.get(), "manifest", manifest));
	CHECK(Content(log) == "old");
	const int fd = open(log.c_str(), O_RDONLY);
	CHECK_OK(leveldb::WriteStringToFile(env.get(), "new", log));
	CHECK(ContentOf(fd) == "old");
	reader.Release();
	w.Sweep();
	CHECK(Content(log) == "new");
	CHECK(Content(manifest) == "manifest");
}

/* The writer crashed before the file was in a manifest; a reader had registered it. */
void NameOfARegisteredFileComesAgain(const World &w)
{
	const EnvPtr env = WriterEnv(w);
	const std::string path = w.db + "/000013.ldb";
	struct segreg_pin pin;
	uint64_t id;

	CHECK_OK(leveldb::WriteStringToFile(env.get(), "old", path));
	CHECK(segreg_register(w.reg, SEGREG_ID_NEXT, "db/000013.ldb") == 0);
	CHECK(segreg_find(w.reg, path.c_str(), &id, nullptr) == 0);
	CHECK(segreg_pin(w.reg, id, 0, &pin) == 0);
	const int fd = open(path.c_str(), O_RDONLY);
	CHECK_OK(leveldb::WriteStringToFile(env.get(), "new", path));
	CHECK(ContentOf(fd) == "old");
	CHECK(segreg_unpin(w.reg, &pin) == 0);
	w.Sweep();
	CHECK(Content(path) == "new");
}

/* A log that is continued must not be continued in the file that a sweep deletes. */
void NothingIsAppendedToADiscardedFile(const World &w)
{
	const EnvPtr env = WriterEnv(w);
	const Locked lock(env.get(), w.db);
	const Horizon reader(w.reg);
	const std::string path = w.db + "/000008.log";
	leveldb::WritableFile *file;

	for (const char *text : { "old", "+", "new" }) {
		CHECK_OK(env->NewAppendableFile(path, &file));
		CHECK_OK(file->Append(text));
		CHECK_OK(file->Close());
		delete file;
		if (*text == '+')
			CHECK_OK(env->RemoveFile(path));
	}
	reader.Release();
	w.Sweep();
	CHECK(Content(path) == "new");
}

void Put(DB *db, int first, int last, const std::string &value)
{
	for (int i = first; i < last; i++)
		CHECK_OK(db->Put(WriteOptions(), "key" + std::to_string(i), value));
}

void ReaderWritesNothing(const World &w)
{
	const EnvPtr env = WriterEnv(w), read_env(NewSegregReadEnv(nullptr));
	const std::string dir = w.db + "/read";
	Options options;
	DB *db, *read;
	std::vector<std::string> before, after;
	std::string value, text(1000, 'x');

	options.create_if_missing = true;
	options.env = env.get();
	options.write_buffer_size = 64 << 10;
	CHECK_OK(DB::Open(options, dir, &db));
	for (int i = 0; i < 10; i++)
		Put(db, 0, 100, text); /* some tables, and a log that is not empty */
	CHECK_OK(db->Put(WriteOptions(), "last", "here"));
	delete db; /* so that no compaction changes the directory meanwhile */

	CHECK_OK(Env::Default()->GetChildren(dir, &before));
	const Horizon horizon(w.reg);
	options.create_if_missing = false;
	options.env = read_env.get();
	CHECK_OK(DB::Open(options, dir, &read));
	CHECK_OK(read->Get(ReadOptions(), "last", &value));
	CHECK(value == "here");
	CHECK_OK(read->Get(ReadOptions(), "key99", &value));
	CHECK(value == text);
	read->CompactRange(nullptr, nullptr);
	CHECK_OK(read->Get(ReadOptions(), "key99", &value));
	delete read;
	CHECK_OK(Env::Default()->GetChildren(dir, &after));
	std::sort(before.begin(), before.end());
	std::sort(after.begin(), after.end());
	CHECK(before == after);
}

/* Otherwise LevelDB would replay the old database's log into the new one. */
void DatabaseIsDestroyedAndMadeAnew(const World &w)
{
	const EnvPtr env = WriterEnv(w);
	const Horizon reader(w.reg);
	const std::string dir = w.db + "/destroyed";
	std::string value;
	Options options;
	DB *db;

	options.create_if_missing = true;
	options.env = env.get();
	CHECK_OK(DB::Open(options, dir, &db));
	CHECK_OK(db->Put(WriteOptions(), "key", "old"));
	delete db;
	CHECK_OK(leveldb::DestroyDB(dir, options));
	CHECK_OK(DB::Open(options, dir, &db));
	CHECK(db->Get(ReadOptions(), "key", &value).IsNotFound());
	CHECK_OK(db->Put(WriteOptions(), "key", "new"));
	delete db;
	reader.Release();
	w.Sweep();
	options.env = Env::Default();
	CHECK_OK(DB::Open(options, dir, &db));
	CHECK_OK(db->Get(ReadOptions(), "key", &value));
	CHECK(value == "new");
	delete db;
}

void RegistryThatDoesNotOpen(const World &w)
{
	leveldb::Status status;
	const EnvPtr env(NewSegregEnv(nullptr, w.outside + "/none/registry", &status));
	Options options;
	DB *db = nullptr;

	CHECK(status.IsIOError());
	options.create_if_missing = true;
	options.env = env.get();
	const leveldb::Status s = DB::Open(options, w.db + "/refused", &db);
	CHECK(s.ToString().find("none/registry") != std::string::npos);
	CHECK(!db);
}

} // namespace

int main()
{
	return RunTests({
		{ "a removed file stays for readers, and the writer does not see it", RemovedFileStaysForReaders },
		{ "a number comes again after a crash, for a file of its kind and of another", NumberComesAgain },
		{ "the name of a file comes again that a reader registered", NameOfARegisteredFileComesAgain },
		{ "nothing is appended to a discarded file", NothingIsAppendedToADiscardedFile },
		{ "a reader replays the log and writes nothing to the disk", ReaderWritesNothing },
		{ "a database that is destroyed and made anew has nothing of the old one",
		  DatabaseIsDestroyedAndMadeAnew },
		{ "a registry that does not open: DB::Open says so", RegistryThatDoesNotOpen },
	});
}
