/*
 * check_rocksdb.cc - what the file system for RocksDB does with each way in which RocksDB takes a name away.
 */
#include "check_rocksdb.h"

#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/sst_file_manager.h>
#include <segreg-rocksdb.h>

namespace
{

using rocksdb::DB;
using rocksdb::FileOptions;
using rocksdb::FileSystem;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::Options;
using rocksdb::Slice;

const IOOptions io;

/* The engine's lock is held for as long as this exists. */
class Locked
{
public:
	Locked(const std::shared_ptr<FileSystem> &files, const std::string &dir) : files_(files)
	{
		CHECK_OK(files_->LockFile(dir + "/LOCK", io, &lock_, nullptr));
	}
	~Locked()
	{
		CHECK_OK(files_->UnlockFile(lock_, io, nullptr));
	}

private:
	std::shared_ptr<FileSystem> files_;
	rocksdb::FileLock *lock_;
};

void Write(const std::shared_ptr<FileSystem> &files, const std::string &path, const std::string &text)
{
	CHECK_OK(rocksdb::WriteStringToFile(files.get(), text, path, false));
}

bool Sees(const std::shared_ptr<FileSystem> &files, const std::string &dir, const std::string &name)
{
	std::vector<std::string> names;

	CHECK_OK(files->GetChildren(dir, io, &names, nullptr));
	const bool listed = std::find(names.begin(), names.end(), name) != names.end();
	CHECK(listed == files->FileExists(dir + "/" + name, io, nullptr).ok());
	return listed;
}

void DeletedFileStaysForReaders(const World &w)
{
	const auto files = NewSegregFileSystem(nullptr, w.registry);
	const Horizon reader(w.reg);

	Write(files, w.db + "/000007.sst", "seven");
	CHECK_OK(files->DeleteFile(w.db + "/000007.sst", io, nullptr));
	CHECK(Sees(files, w.db, "000007.sst"));
	{
		const Locked lock(files, w.db);
		CHECK(!Sees(files, w.db, "000007.sst"));
	}
	w.Sweep();
	CHECK(Content(w.db + "/000007.sst") == "seven");
	reader.Release();
	w.Sweep();
	CHECK(!Exists(w.db + "/000007.sst"));
}

void NameIsUsedAgain(const World &w)
{
	const auto files = NewSegregFileSystem(nullptr, w.registry);
	const Horizon reader(w.reg);

	Write(files, w.db + "/000008.log", "old");
	const int fd = open((w.db + "/000008.log").c_str(), O_RDONLY);
	CHECK_OK(files->DeleteFile(w.db + "/000008.log", io, nullptr));
	Write(files, w.db + "/000008.log", "new");
	CHECK(ContentOf(fd) == "old");
	reader.Release();
	w.Sweep();
	CHECK(Content(w.db + "/000008.log") == "new");
	const Locked lock(files, w.db);
	CHECK(Sees(files, w.db, "000008.log"));
	CHECK_OK(files->DeleteFile(w.db + "/000008.log", io, nullptr));
	w.Sweep();
	CHECK(!Exists(w.db + "/000008.log"));
}

/* A process that died discarded it, and the next one makes it. */
void NameIsUsedAgainAfterACrash(const World &w)
{
	const Horizon reader(w.reg);

	InChild([&] {
		const auto files = NewSegregFileSystem(nullptr, w.registry);
		Write(files, w.db + "/000009.sst", "old");
		CHECK_OK(files->DeleteFile(w.db + "/000009.sst", io, nullptr));
		raise(SIGKILL);
	});
	const auto files = NewSegregFileSystem(nullptr, w.registry);
	const Locked lock(files, w.db);
	CHECK(!Sees(files, w.db, "000009.sst"));
	Write(files, w.db + "/000009.sst", "new");
	CHECK(Sees(files, w.db, "000009.sst"));
	reader.Release();
	w.Sweep();
	CHECK(Content(w.db + "/000009.sst") == "new");
}

void NameIsUsedAgainByALinkOrARename(const World &w)
{
	const auto files = NewSegregFileSystem(nullptr, w.registry);
	const Horizon reader(w.reg);

	for (const char *name : { "/000010.sst", "/000011.sst" }) {
		Write(files, w.db + name, "old");
		CHECK_OK(files->DeleteFile(w.db + name, io, nullptr));
	}
	Write(files, w.db + "/given", "new");
	CHECK_OK(files->LinkFile(w.db + "/given", w.db + "/000010.sst", io, nullptr));
	CHECK_OK(files->RenameFile(w.db + "/given", w.db + "/000011.sst", io, nullptr));
	reader.Release();
	w.Sweep();
	CHECK(Content(w.db + "/000010.sst") == "new");
	CHECK(Content(w.db + "/000011.sst") == "new");
	CHECK(!Exists(w.db + "/given"));
}

/* The manager renames a file to FILE.trash, asks for its size and its links, and deletes it. */
void TrashOfTheManager(const World &w)
{
	const auto files = NewSegregFileSystem(nullptr, w.registry);
	const Horizon reader(w.reg);
	const std::string path = w.db + "/000012.sst";
	uint64_t n;

	Write(files, path, "twelve");
	CHECK_OK(files->RenameFile(path, path + ".trash", io, nullptr));
	CHECK(Content(path) == "twelve");
	CHECK(!Exists(path + ".trash"));
	CHECK_OK(files->FileExists(path + ".trash", io, nullptr));
	CHECK_OK(files->GetFileSize(path + ".trash", io, &n, nullptr));
	CHECK(n == 6);
	CHECK_OK(files->NumFileLinks(path + ".trash", io, &n, nullptr));
	CHECK(n == 2);
	CHECK_OK(files->DeleteFile(path + ".trash", io, nullptr));
	CHECK(!files->DeleteFile(path + ".trash", io, nullptr).ok());
	w.Sweep();
	CHECK(Content(path) == "twelve");
	reader.Release();
	w.Sweep();
	CHECK(!Exists(path));
}

void LogThatIsArchivedOrRecycled(const World &w)
{
	const auto files = NewSegregFileSystem(nullptr, w.registry);
	const Horizon reader(w.reg);
	std::unique_ptr<rocksdb::FSWritableFile> file;

	CHECK_OK(files->CreateDirIfMissing(w.db + "/archive", io, nullptr));
	Write(files, w.db + "/000013.log", "archived");
	CHECK_OK(files->RenameFile(w.db + "/000013.log", w.db + "/archive/000013.log", io, nullptr));
	CHECK(Content(w.db + "/000013.log") == "archived");

	Write(files, w.db + "/000014.log", "recycled");
	CHECK_OK(files->ReuseWritableFile(w.db + "/000015.log", w.db + "/000014.log", FileOptions(), &file, nullptr));
	CHECK_OK(file->Append("next", io, nullptr));
	CHECK_OK(file->Close(io, nullptr));
	CHECK(Content(w.db + "/000014.log") == "recycled");
	CHECK(Content(w.db + "/000015.log") == "next");

	reader.Release();
	w.Sweep();
	CHECK(!Exists(w.db + "/000013.log"));
	CHECK(Content(w.db + "/archive/000013.log") == "archived");
	CHECK(!Exists(w.db + "/archive/000013.log.tmp"));
	CHECK(!Exists(w.db + "/000014.log"));
	CHECK(Content(w.db + "/000015.log") == "next");
}

void FilesThatNoReaderOpens(const World &w)
{
	const auto files = NewSegregFileSystem(nullptr, w.registry);
	const Horizon reader(w.reg);

	for (const char *name : { "/CURRENT", "/LOG.old.1", "/000016.dbtmp", "/000016.sst.trash" }) {
		Write(files, w.db + name, "x");
		CHECK_OK(files->DeleteFile(w.db + name, io, nullptr));
		CHECK(!Exists(w.db + name));
	}
	const std::string outside = w.outside + "/000017.sst";
	Write(files, outside, "x");
	CHECK_OK(files->DeleteFile(outside, io, nullptr));
	CHECK(!Exists(outside));
}

void UnfinishedCheckpointGoes(const World &w)
{
	const auto files = NewSegregFileSystem(nullptr, w.registry);
	const Horizon reader(w.reg);
	const std::string stage = w.db + "/checkpoint.tmp";

	CHECK_OK(files->CreateDir(stage, io, nullptr));
	Write(files, stage + "/000018.sst", "x");
	CHECK_OK(files->DeleteFile(stage + "/000018.sst", io, nullptr));
	CHECK_OK(files->DeleteDir(stage, io, nullptr));
	CHECK(!Exists(stage));
	w.Sweep();
}

Options MakeOptions(rocksdb::Env *env)
{
	Options options;

	options.create_if_missing = true;
	options.env = env;
	return options;
}

/* Otherwise the new database would find the old one's logs. */
void DatabaseIsDestroyedAndMadeAnew(const World &w)
{
	const std::string dir = w.db + "/destroyed";
	const std::unique_ptr<rocksdb::Env> env = rocksdb::NewCompositeEnv(NewSegregFileSystem(nullptr, w.registry));
	const Options options = MakeOptions(env.get());
	const Horizon reader(w.reg);
	std::string value;
	DB *db;

	CHECK_OK(DB::Open(options, dir, &db));
	CHECK_OK(db->Put(rocksdb::WriteOptions(), "key", "old"));
	delete db;
	CHECK_OK(rocksdb::DestroyDB(dir, options));
	CHECK_OK(DB::Open(options, dir, &db));
	CHECK(db->Get(rocksdb::ReadOptions(), "key", &value).IsNotFound());
	CHECK_OK(db->Put(rocksdb::WriteOptions(), "key", "new"));
	CHECK_OK(db->Flush(rocksdb::FlushOptions()));
	delete db;
	reader.Release();
	w.Sweep();
	CHECK_OK(DB::OpenForReadOnly(Options(), dir, &db));
	CHECK_OK(db->Get(rocksdb::ReadOptions(), "key", &value));
	CHECK(value == "new");
	delete db;
}

std::vector<std::string> Tables(const std::string &dir)
{
	std::vector<std::string> names, tables;

	CHECK_OK(rocksdb::Env::Default()->GetChildren(dir, &names));
	for (const std::string &name : names)
		if (name.size() > 4 && name.substr(name.size() - 4) == ".sst")
			tables.push_back(name);
	std::sort(tables.begin(), tables.end());
	return tables;
}

/* Made without segreg, compacted with it; and the other way round. */
void DatabaseOfAnEarlierRun(const World &w)
{
	const std::string dir = w.db + "/earlier";
	const std::unique_ptr<rocksdb::Env> env = rocksdb::NewCompositeEnv(NewSegregFileSystem(nullptr, w.registry));
	const Options plain = MakeOptions(rocksdb::Env::Default());
	const Options options = MakeOptions(env.get());
	std::string value;
	DB *db, *read;

	CHECK_OK(DB::Open(plain, dir, &db));
	for (int i = 0; i < 3; i++) {
		/* Two keys, so that the files overlap, and none is only moved to another level. */
		CHECK_OK(db->Put(rocksdb::WriteOptions(), "key", std::to_string(i)));
		CHECK_OK(db->Put(rocksdb::WriteOptions(), "key2", std::to_string(i)));
		CHECK_OK(db->Flush(rocksdb::FlushOptions()));
	}
	delete db;
	const std::vector<std::string> tables = Tables(dir);
	CHECK(tables.size() == 3);
	const Horizon reader(w.reg);
	Options lazily = plain;
	lazily.max_open_files = 20;
	CHECK_OK(DB::OpenForReadOnly(lazily, dir, &read));
	CHECK_OK(DB::Open(options, dir, &db));
	CHECK_OK(db->CompactRange(rocksdb::CompactRangeOptions(), nullptr, nullptr));
	delete db; /* the last deletion is made by then */
	w.Sweep();
	const std::vector<std::string> held = Tables(dir);
	CHECK(held.size() == 4 && std::includes(held.begin(), held.end(), tables.begin(), tables.end()));
	CHECK_OK(read->Get(rocksdb::ReadOptions(), "key", &value));
	CHECK(value == "2");
	delete read;
	CHECK_OK(DB::Open(plain, dir, &db));
	CHECK_OK(db->Get(rocksdb::ReadOptions(), "key", &value));
	CHECK(value == "2");
	delete db;
	reader.Release();
	w.Sweep();
	CHECK(Tables(dir).size() == 1);
}

void RegistryThatDoesNotOpen(const World &w)
{
	rocksdb::Status status;
	const auto files = NewSegregFileSystem(nullptr, w.outside + "/none/registry", &status);
	const std::unique_ptr<rocksdb::Env> env = rocksdb::NewCompositeEnv(files);
	DB *db = nullptr;

	CHECK(status.IsIOError());
	const rocksdb::Status s = DB::Open(MakeOptions(env.get()), w.db + "/refused", &db);
	CHECK(s.ToString().find("none/registry") != std::string::npos);
	CHECK(!db);
}

void ByUri(const World &w)
{
	rocksdb::ConfigOptions config;
	std::shared_ptr<FileSystem> files;

	CHECK_OK(FileSystem::CreateFromString(config, "segreg://" + w.registry, &files));
	CHECK(files->IsInstanceOf("SegregFileSystem"));
	CHECK(!FileSystem::CreateFromString(config, "segreg://" + w.outside + "/none/registry", &files).ok());
}

} // namespace

int main()
{
	const int failed = RunTests({
		{ "a deleted file stays for readers of before, and the writer does not see it",
		  DeletedFileStaysForReaders },
		{ "the name of a discarded file is used again", NameIsUsedAgain },
		{ "a name is used again after a crash", NameIsUsedAgainAfterACrash },
		{ "a name is used again by a link, and by a rename", NameIsUsedAgainByALinkOrARename },
		{ "what an SstFileManager renames to FILE.trash stays under its name", TrashOfTheManager },
		{ "logs that RocksDB archives or recycles stay under their names", LogThatIsArchivedOrRecycled },
		{ "files that no reader opens, and files outside of base, go at once", FilesThatNoReaderOpens },
		{ "an unfinished checkpoint goes as a whole", UnfinishedCheckpointGoes },
		{ "a database that is destroyed and made anew has nothing of the old one",
		  DatabaseIsDestroyedAndMadeAnew },
		{ "a database of a run without segreg", DatabaseOfAnEarlierRun },
		{ "a registry that does not open: DB::Open says so", RegistryThatDoesNotOpen },
		{ "a file system by its uri", ByUri },
	});

	return RunReadTests() + RunFeatureTests() + failed > 0;
}
