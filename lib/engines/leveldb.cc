/*
 * leveldb.cc - an environment for LevelDB whose deletions wait for the readers of other processes. discards.h has the
 * idea; leveldb_read.cc is the readers' side.
 *
 * LevelDB gives one number to files of several kinds, and gives it again after a crash: 000283.log, then
 * MANIFEST-000283. So the path is what is discarded, and each file is made only after its path is vacated.
 */
#include <segreg-leveldb.h>

#include "discards.h"

namespace
{

using leveldb::Env;
using leveldb::FileLock;
using leveldb::Status;
using leveldb::WritableFile;
using segreg_engines::Discards;
using segreg_engines::Outcome;

class SegregEnv : public leveldb::EnvWrapper
{
public:
	SegregEnv(Env *base, const std::string &registry) : EnvWrapper(base), discards_(registry)
	{
	}

	const std::string &Error() const
	{
		return discards_.Error();
	}

	Status NewWritableFile(const std::string &name, WritableFile **result) override
	{
		const Status s = Vacate(name);

		return s.ok() ? target()->NewWritableFile(name, result) : s;
	}

	/* This one appends, so a living file stays what it is. */
	Status NewAppendableFile(const std::string &name, WritableFile **result) override
	{
		const Status s = discards_.IsHidden(name) ? Vacate(name) : Status::OK();

		return s.ok() ? target()->NewAppendableFile(name, result) : s;
	}

	/* LevelDB renames only what no reader holds: CURRENT's next content, and its own LOG. */
	Status RenameFile(const std::string &src, const std::string &name) override
	{
		const Status s = Vacate(name);

		return s.ok() ? target()->RenameFile(src, name) : s;
	}

	Status RemoveFile(const std::string &name) override
	{
		std::string error;

		switch (discards_.Discard(name, &error)) {
		case Outcome::kDone:
			return Status::OK();
		case Outcome::kFailed:
			return Failed(name, error);
		default:
			return target()->RemoveFile(name);
		}
	}

	Status DeleteFile(const std::string &name) override
	{
		return RemoveFile(name);
	}

	bool FileExists(const std::string &name) override
	{
		return !discards_.IsHidden(name) && target()->FileExists(name);
	}

	Status GetChildren(const std::string &dir, std::vector<std::string> *names) override
	{
		std::string error;
		const Status s = target()->GetChildren(dir, names);

		if (s.ok() &&
		    discards_.Hide(
			    dir, names, [](const std::string &name) { return name; }, &error) == Outcome::kFailed)
			return Failed(dir, error);
		return s;
	}

	Status LockFile(const std::string &name, FileLock **lock) override
	{
		std::string error;
		const Status s = target()->LockFile(name, lock);

		if (!s.ok() || discards_.Lock(&error) == Outcome::kDone)
			return s;
		target()->UnlockFile(*lock);
		*lock = nullptr;
		return Failed(name, error);
	}

	Status UnlockFile(FileLock *lock) override
	{
		const Status s = target()->UnlockFile(lock);

		if (s.ok())
			discards_.Unlock();
		return s;
	}

private:
	static Status Failed(const std::string &path, const std::string &error)
	{
		return Status::IOError(path, "segreg: " + error);
	}

	Status Vacate(const std::string &name)
	{
		std::string error;

		return discards_.Vacate(name, &error) == Outcome::kFailed ? Failed(name, error) : Status::OK();
	}

	Discards discards_;
};

} // namespace

Env *NewSegregEnv(Env *base, const std::string &registry, Status *status)
{
	SegregEnv *made = new SegregEnv(base ? base : Env::Default(), registry);

	if (status)
		*status = made->Error().empty() ? Status::OK() : Status::IOError(registry, made->Error());
	return made;
}
