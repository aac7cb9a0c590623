/*
 * rocksdb_read.cc - a FileSystem for readers of a RocksDB database that another process writes.
 *
 * It has a horizon, so each file that was in use when the reader came stays. A horizon alone does not serve a secondary
 * of RocksDB 7.8. The secondary lists the directory, and opens each log that is there, also logs that it does not need.
 * A log that was discarded before the horizon may go between these two steps. The secondary then skips all logs, and
 * reports success. So what was discarded before the horizon is not listed.
 */
#include <segreg-rocksdb.h>

#include <atomic>
#include <map>
#include <mutex>

#include <rocksdb/db.h>
#include <segreg.hpp>
#include <string.h>
#include <sys/stat.h>

#include "discards.h"

namespace
{

using rocksdb::FileAttributes;
using rocksdb::FileOptions;
using rocksdb::FileSystem;
using rocksdb::FSSequentialFile;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Status;

class SegregReadFileSystem : public rocksdb::FileSystemWrapper
{
public:
	SegregReadFileSystem(const std::shared_ptr<FileSystem> &base, const std::string &registry)
	    : FileSystemWrapper(base), registry_(segregxx::Registry::open(registry))
	{
		if (registry_)
			horizon_ = registry_->horizon();
		if (horizon_)
			oldest_ = horizon_->version();
		else
			error_ = segregxx::last_error();
	}

	static const char *kClassName()
	{
		return "SegregReadFileSystem";
	}
	const char *Name() const override
	{
		return kClassName();
	}
	const std::string &Error() const
	{
		return error_;
	}

	/* The older horizon holds what the database has, and the newer one what it is about to read. */
	Status CatchUp(rocksdb::DB *db)
	{
		const std::lock_guard<std::mutex> guard(mutex_);

		if (!error_.empty())
			return Failed(db->GetName());
		auto next = registry_->horizon();
		if (!next)
			return Status::IOError(db->GetName(), std::string("segreg: ") + segregxx::last_error());
		const Status s = db->TryCatchUpWithPrimary();
		if (s.ok()) {
			oldest_ = next->version();
			*horizon_ = std::move(*next);
		}
		return s;
	}

	/* RocksDB opens CURRENT so, before anything else. */
	IOStatus NewSequentialFile(const std::string &name, const FileOptions &options,
				   std::unique_ptr<FSSequentialFile> *result, IODebugContext *dbg) override
	{
		return error_.empty() ? target()->NewSequentialFile(name, options, result, dbg) : Failed(name);
	}

	IOStatus GetChildren(const std::string &dir, const IOOptions &options, std::vector<std::string> *names,
			     IODebugContext *dbg) override
	{
		const std::string base = error_.empty() ? registry_->base_path() : "";
		const std::string probe = segreg_engines::ResolveBelow(base, dir + "/x");
		std::map<std::string, uint64_t> old;

		if (probe.empty())
			return target()->GetChildren(dir, options, names, dbg);
		const std::string absolute = probe.substr(0, probe.size() - 1);
		/* First: nothing more is discarded before the horizon. */
		if (!FindOld(absolute.substr(base == "/" ? 1 : base.size() + 1), &old))
			return IOStatus::IOError(dir, std::string("segreg: ") + segregxx::last_error());
		const IOStatus s = target()->GetChildren(dir, options, names, dbg);
		if (!s.ok() || old.empty())
			return s;
		std::vector<std::string> seen;
		for (std::string &name : *names) {
			const auto found = old.find(name);
			if (found == old.end() || IsNew(absolute + name, found->second))
				seen.push_back(std::move(name));
		}
		names->swap(seen);
		return s;
	}

	IOStatus GetChildrenFileAttributes(const std::string &dir, const IOOptions &options,
					   std::vector<FileAttributes> *files, IODebugContext *dbg) override
	{
		return FileSystem::GetChildrenFileAttributes(dir, options, files, dbg);
	}

private:
	IOStatus Failed(const std::string &path) const
	{
		return IOStatus::IOError(path, "segreg: " + error_);
	}

	/* The names in dir, relative to base, that were discarded before the horizon; and their ids. */
	bool FindOld(const std::string &dir, std::map<std::string, uint64_t> *names) const
	{
		const uint64_t oldest = oldest_;

		return registry_
			->list_retired([&](const segregxx::Info &info) {
				if (info.retired <= oldest && strncmp(info.path, dir.c_str(), dir.size()) == 0)
					(*names)[info.path + dir.size()] = info.id;
			})
			.has_value();
	}

	/* After a crash the writer gives the name of a discarded file to a new file. */
	bool IsNew(const std::string &path, uint64_t id) const
	{
		const auto found = registry_->find(path);
		struct stat st;

		return !(found && found->id == id) && lstat(path.c_str(), &st) == 0;
	}

	segregxx::Result<segregxx::Registry> registry_;
	segregxx::Result<segregxx::Horizon> horizon_{ SEGREG_E_INVAL };
	std::atomic<uint64_t> oldest_{ 0 }; /* the horizon's version, for other threads */
	std::string error_;
	std::mutex mutex_; /* of catching up */
};

} // namespace

std::shared_ptr<FileSystem> NewSegregReadFileSystem(const std::shared_ptr<FileSystem> &base,
						    const std::string &registry, Status *status)
{
	auto made = std::make_shared<SegregReadFileSystem>(base ? base : FileSystem::Default(), registry);

	if (status)
		*status = made->Error().empty() ? Status::OK() : Status::IOError(registry, made->Error());
	return made;
}

Status SegregCatchUp(const std::shared_ptr<FileSystem> &files, rocksdb::DB *db)
{
	auto *const mine = files->CheckedCast<SegregReadFileSystem>();

	return mine ? mine->CatchUp(db)
		    : Status::InvalidArgument("SegregCatchUp is for a file system of NewSegregReadFileSystem");
}
