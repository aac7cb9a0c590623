/*
 * rocksdb.cc - a FileSystem for RocksDB whose deletions wait for the readers of other processes.
 *
 * discards.h has the idea. Beside DeleteFile, RocksDB takes names away in three more ways:
 *
 *   - With a rate limit, the SstFileManager renames FILE to FILE.trash, and deletes that slowly. A reader that looks
 *     for FILE would not find it. So FILE is discarded, and FILE.trash exists in memory only, for the manager's
 *     accounts. How fast files are deleted is the sweeper's matter then.
 *   - With WAL_ttl_seconds or WAL_size_limit_MB, it renames a log into archive/. So the log gets a second name there,
 *     by a hard link, and the first name is discarded.
 *   - With recycle_log_file_num, it renames an old log to a new one and writes over it. A reader may be reading the old
 *     log. So the new log is a new file, and the old log is discarded.
 */
#include <segreg-rocksdb.h>

#include <map>
#include <mutex>

#include <rocksdb/file_system.h>
#include <rocksdb/utilities/object_registry.h>

#include "discards.h"

namespace
{

using rocksdb::FileAttributes;
using rocksdb::FileLock;
using rocksdb::FileOptions;
using rocksdb::FileSystem;
using rocksdb::FSRandomRWFile;
using rocksdb::FSWritableFile;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using segreg_engines::Discards;
using segreg_engines::Outcome;

const char kScheme[] = "segreg://";

bool IsTrash(const std::string &path)
{
	const std::string end = ".trash";

	return path.size() > end.size() && path.compare(path.size() - end.size(), end.size(), end) == 0;
}

IOStatus Failed(const std::string &path, const std::string &error)
{
	return IOStatus::IOError(path, "segreg: " + error);
}

/* The files FILE.trash that exist in memory only. */
class Trash
{
public:
	void Add(const std::string &path, uint64_t size)
	{
		const std::lock_guard<std::mutex> guard(mutex_);

		sizes_[path] = size;
	}

	bool Remove(const std::string &path)
	{
		const std::lock_guard<std::mutex> guard(mutex_);

		return IsTrash(path) && sizes_.erase(path) > 0;
	}

	bool Find(const std::string &path, uint64_t *size)
	{
		const std::lock_guard<std::mutex> guard(mutex_);
		const auto found = IsTrash(path) ? sizes_.find(path) : sizes_.end();

		if (found == sizes_.end())
			return false;
		*size = found->second;
		return true;
	}

private:
	std::mutex mutex_;
	std::map<std::string, uint64_t> sizes_;
};

class SegregFileSystem : public rocksdb::FileSystemWrapper
{
public:
	SegregFileSystem(const std::shared_ptr<FileSystem> &base, const std::string &registry)
	    : FileSystemWrapper(base), discards_(registry)
	{
	}

	static const char *kClassName()
	{
		return "SegregFileSystem";
	}
	const char *Name() const override
	{
		return kClassName();
	}
	const std::string &Error() const
	{
		return discards_.Error();
	}

	/* ---------------------------------------------------------- what makes files */

	IOStatus NewWritableFile(const std::string &name, const FileOptions &options,
				 std::unique_ptr<FSWritableFile> *result, IODebugContext *dbg) override
	{
		const IOStatus s = Vacate(name);

		return s.ok() ? target()->NewWritableFile(name, options, result, dbg) : s;
	}

	/* This one appends, so a living file stays what it is. */
	IOStatus ReopenWritableFile(const std::string &name, const FileOptions &options,
				    std::unique_ptr<FSWritableFile> *result, IODebugContext *dbg) override
	{
		const IOStatus s = discards_.IsHidden(name) ? Vacate(name) : IOStatus::OK();

		return s.ok() ? target()->ReopenWritableFile(name, options, result, dbg) : s;
	}

	IOStatus ReuseWritableFile(const std::string &name, const std::string &old, const FileOptions &options,
				   std::unique_ptr<FSWritableFile> *result, IODebugContext *dbg) override
	{
		if (!discards_.IsHeld(old))
			return target()->ReuseWritableFile(name, old, options, result, dbg);
		const IOStatus s = NewWritableFile(name, options, result, dbg);
		return s.ok() ? DeleteFile(old, IOOptions(), dbg) : s;
	}

	IOStatus LinkFile(const std::string &src, const std::string &name, const IOOptions &options,
			  IODebugContext *dbg) override
	{
		const IOStatus s = Vacate(name);

		return s.ok() ? target()->LinkFile(src, name, options, dbg) : s;
	}

	/* ---------------------------------------------------------- what takes names away */

	IOStatus DeleteFile(const std::string &name, const IOOptions &options, IODebugContext *dbg) override
	{
		std::string error;

		if (trash_.Remove(name))
			return IOStatus::OK();
		switch (discards_.Discard(name, &error)) {
		case Outcome::kDone:
			return IOStatus::OK();
		case Outcome::kFailed:
			return Failed(name, error);
		default:
			return target()->DeleteFile(name, options, dbg);
		}
	}

	IOStatus RenameFile(const std::string &src, const std::string &name, const IOOptions &options,
			    IODebugContext *dbg) override
	{
		bool is_directory = false;
		uint64_t size = 0;

		if (!discards_.IsHeld(src) || !target()->IsDirectory(src, options, &is_directory, dbg).ok() ||
		    is_directory) {
			const IOStatus s = Vacate(name);
			return s.ok() ? target()->RenameFile(src, name, options, dbg) : s;
		}
		if (!IsTrash(name))
			return LinkAndDiscard(src, name, options, dbg);
		IOStatus s = target()->GetFileSize(src, options, &size, dbg);
		if (s.ok())
			s = DeleteFile(src, options, dbg);
		if (s.ok())
			trash_.Add(name, size);
		return s;
	}

	IOStatus DeleteDir(const std::string &name, const IOOptions &options, IODebugContext *dbg) override
	{
		std::string error;
		const IOStatus s = target()->DeleteDir(name, options, dbg);

		if (s.ok() || discards_.VacateStage(name, &error) != Outcome::kDone)
			return s;
		return target()->DeleteDir(name, options, dbg);
	}

	/* ---------------------------------------------------------- what looks at names */

	/* The SstFileManager may delete one file twice. It gives a second FILE.trash another name, if it sees the
	 * first. */
	IOStatus FileExists(const std::string &name, const IOOptions &options, IODebugContext *dbg) override
	{
		uint64_t size;

		if (trash_.Find(name, &size))
			return IOStatus::OK();
		return discards_.IsHidden(name) ? IOStatus::NotFound() : target()->FileExists(name, options, dbg);
	}

	IOStatus GetChildren(const std::string &dir, const IOOptions &options, std::vector<std::string> *names,
			     IODebugContext *dbg) override
	{
		const IOStatus s = target()->GetChildren(dir, options, names, dbg);

		if (!s.ok())
			return s;
		return Hide(dir, names, [](const std::string &name) { return name; });
	}

	IOStatus GetChildrenFileAttributes(const std::string &dir, const IOOptions &options,
					   std::vector<FileAttributes> *files, IODebugContext *dbg) override
	{
		const IOStatus s = target()->GetChildrenFileAttributes(dir, options, files, dbg);

		if (!s.ok())
			return s;
		return Hide(dir, files, [](const FileAttributes &file) { return file.name; });
	}

	IOStatus GetFileSize(const std::string &name, const IOOptions &options, uint64_t *size,
			     IODebugContext *dbg) override
	{
		return trash_.Find(name, size) ? IOStatus::OK() : target()->GetFileSize(name, options, size, dbg);
	}

	/* A second link keeps the SstFileManager from cutting the file shorter piece by piece. */
	IOStatus NumFileLinks(const std::string &name, const IOOptions &options, uint64_t *count,
			      IODebugContext *dbg) override
	{
		uint64_t size;

		if (!trash_.Find(name, &size))
			return target()->NumFileLinks(name, options, count, dbg);
		*count = 2;
		return IOStatus::OK();
	}

	/* ---------------------------------------------------------- the engine's lock */

	IOStatus LockFile(const std::string &name, const IOOptions &options, FileLock **lock,
			  IODebugContext *dbg) override
	{
		std::string error;
		const IOStatus s = target()->LockFile(name, options, lock, dbg);

		if (!s.ok() || discards_.Lock(&error) == Outcome::kDone)
			return s;
		target()->UnlockFile(*lock, options, dbg).PermitUncheckedError();
		*lock = nullptr;
		return Failed(name, error);
	}

	IOStatus UnlockFile(FileLock *lock, const IOOptions &options, IODebugContext *dbg) override
	{
		const IOStatus s = target()->UnlockFile(lock, options, dbg);

		if (s.ok())
			discards_.Unlock();
		return s;
	}

private:
	IOStatus Vacate(const std::string &name)
	{
		std::string error;

		return discards_.Vacate(name, &error) == Outcome::kFailed ? Failed(name, error) : IOStatus::OK();
	}

	template <typename Item, typename NameOf>
	IOStatus Hide(const std::string &dir, std::vector<Item> *items, NameOf name_of)
	{
		std::string error;

		return discards_.Hide(dir, items, name_of, &error) == Outcome::kFailed ? Failed(dir, error)
										       : IOStatus::OK();
	}

	IOStatus LinkAndDiscard(const std::string &src, const std::string &name, const IOOptions &options,
				IODebugContext *dbg)
	{
		const std::string between = name + ".tmp";
		IOStatus s = Vacate(name);

		if (s.ok()) {
			/* A process that died may have left it. */
			target()->DeleteFile(between, options, dbg).PermitUncheckedError();
			s = target()->LinkFile(src, between, options, dbg);
		}
		if (s.ok())
			s = target()->RenameFile(between, name, options, dbg);
		/* If both were one file already, the rename has left it. */
		target()->DeleteFile(between, options, dbg).PermitUncheckedError();
		return s.ok() ? DeleteFile(src, options, dbg) : s;
	}

	Discards discards_;
	Trash trash_;
};

/* For --fs_uri=segreg:///var/lib/engine/registry, in programs that load this library. */
FileSystem *MakeFromUri(const std::string &uri, std::unique_ptr<FileSystem> *guard, std::string *error)
{
	auto made = std::make_unique<SegregFileSystem>(FileSystem::Default(), uri.substr(sizeof(kScheme) - 1));

	if (!made->Error().empty()) {
		*error = made->Error();
		return nullptr;
	}
	*guard = std::move(made);
	return guard->get();
}

__attribute__((constructor)) void AddScheme()
{
	using rocksdb::ObjectLibrary;

	ObjectLibrary::Default()->AddFactory<FileSystem>(
		ObjectLibrary::PatternEntry("segreg", false).AddSeparator("://"), MakeFromUri);
}

} // namespace

std::shared_ptr<rocksdb::FileSystem> NewSegregFileSystem(const std::shared_ptr<rocksdb::FileSystem> &base,
							 const std::string &registry, rocksdb::Status *status)
{
	auto made = std::make_shared<SegregFileSystem>(base ? base : FileSystem::Default(), registry);

	if (status)
		*status = made->Error().empty() ? rocksdb::Status::OK()
						: rocksdb::Status::IOError(registry, made->Error());
	return made;
}
