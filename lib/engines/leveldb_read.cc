/*
 * leveldb_read.cc - an environment that opens a LevelDB database which another process is writing.
 *
 * LevelDB has no read-only mode. DB::Open makes a manifest and a log, replays the logs into a new table, and removes
 * what is then obsolete. Here all of this happens in memory: what LevelDB makes is there, and what it removes is only
 * noted. The disk is read and never written.
 *
 * A compaction would write much, so it may not: a file that LevelDB's background thread makes is refused. LevelDB then
 * keeps that error, starts no further compaction, refuses writes, and goes on reading.
 *
 * Why the database that it shows is right: the reader has a horizon. LevelDB reads CURRENT, then the manifest that
 * CURRENT names, then the list of files, then the logs. Each file that the manifest names was in use when the manifest
 * was read, so the horizon holds it. The same is true of the logs that the manifest does not count as replayed. A log
 * or a manifest whose last record is not whole ends before that record.
 */
#include <segreg-leveldb.h>

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include <string.h>

namespace
{

using leveldb::Env;
using leveldb::FileLock;
using leveldb::Slice;
using leveldb::Status;

/* A file in memory. Readers and the writer of one file may be different threads. */
struct Memory {
	std::mutex mutex;
	std::string bytes;
};
using MemoryPtr = std::shared_ptr<Memory>;

Status ReadAt(Memory *memory, uint64_t offset, size_t n, Slice *result, char *scratch)
{
	const std::lock_guard<std::mutex> guard(memory->mutex);

	if (offset > memory->bytes.size())
		return Status::IOError("read beyond the end of a file");
	n = std::min(n, memory->bytes.size() - static_cast<size_t>(offset));
	memcpy(scratch, memory->bytes.data() + offset, n);
	*result = Slice(scratch, n);
	return Status::OK();
}

class SequentialMemory : public leveldb::SequentialFile
{
public:
	explicit SequentialMemory(MemoryPtr memory) : memory_(std::move(memory))
	{
	}

	Status Read(size_t n, Slice *result, char *scratch) override
	{
		const Status s = ReadAt(memory_.get(), offset_, n, result, scratch);

		if (s.ok())
			offset_ += result->size();
		return s;
	}

	Status Skip(uint64_t n) override
	{
		const std::lock_guard<std::mutex> guard(memory_->mutex);

		offset_ = std::min<uint64_t>(offset_ + n, memory_->bytes.size());
		return Status::OK();
	}

private:
	const MemoryPtr memory_;
	uint64_t offset_ = 0;
};

class RandomAccessMemory : public leveldb::RandomAccessFile
{
public:
	explicit RandomAccessMemory(MemoryPtr memory) : memory_(std::move(memory))
	{
	}

	Status Read(uint64_t offset, size_t n, Slice *result, char *scratch) const override
	{
		return ReadAt(memory_.get(), offset, n, result, scratch);
	}

private:
	const MemoryPtr memory_;
};

class WritableMemory : public leveldb::WritableFile
{
public:
	explicit WritableMemory(MemoryPtr memory) : memory_(std::move(memory))
	{
	}

	Status Append(const Slice &data) override
	{
		const std::lock_guard<std::mutex> guard(memory_->mutex);

		memory_->bytes.append(data.data(), data.size());
		return Status::OK();
	}

	Status Close() override
	{
		return Status::OK();
	}
	Status Flush() override
	{
		return Status::OK();
	}
	Status Sync() override
	{
		return Status::OK();
	}

private:
	const MemoryPtr memory_;
};

class NoLock : public FileLock
{
};

/* Set in a thread while it runs LevelDB's background work. */
thread_local bool in_background;

struct Work {
	void (*run)(void *);
	void *arg;
};

void RunInBackground(void *arg)
{
	const std::unique_ptr<Work> work(static_cast<Work *>(arg));

	in_background = true;
	work->run(work->arg);
	in_background = false;
}

class ReadEnv : public leveldb::EnvWrapper
{
public:
	explicit ReadEnv(Env *base) : EnvWrapper(base)
	{
	}

	/* ---------------------------------------------------------- reading: memory first, then the disk */

	Status NewSequentialFile(const std::string &name, leveldb::SequentialFile **result) override
	{
		const MemoryPtr memory = Find(name);

		if (!memory)
			return IsRemoved(name) ? Gone(name) : target()->NewSequentialFile(name, result);
		*result = new SequentialMemory(memory);
		return Status::OK();
	}

	Status NewRandomAccessFile(const std::string &name, leveldb::RandomAccessFile **result) override
	{
		const MemoryPtr memory = Find(name);

		if (!memory)
			return IsRemoved(name) ? Gone(name) : target()->NewRandomAccessFile(name, result);
		*result = new RandomAccessMemory(memory);
		return Status::OK();
	}

	bool FileExists(const std::string &name) override
	{
		return Find(name) || (!IsRemoved(name) && target()->FileExists(name));
	}

	Status GetFileSize(const std::string &name, uint64_t *size) override
	{
		const MemoryPtr memory = Find(name);

		if (!memory)
			return IsRemoved(name) ? Gone(name) : target()->GetFileSize(name, size);
		const std::lock_guard<std::mutex> guard(memory->mutex);
		*size = memory->bytes.size();
		return Status::OK();
	}

	Status GetChildren(const std::string &dir, std::vector<std::string> *names) override
	{
		std::vector<std::string> there;
		const Status s = target()->GetChildren(dir, &there);
		const std::lock_guard<std::mutex> guard(mutex_);
		std::set<std::string> seen;

		for (const std::string &name : there)
			if (!removed_.count(dir + "/" + name))
				seen.insert(name);
		for (const auto &file : files_)
			if (file.first.compare(0, dir.size() + 1, dir + "/") == 0)
				seen.insert(file.first.substr(dir.size() + 1));
		names->assign(seen.begin(), seen.end());
		return s;
	}

	/* ---------------------------------------------------------- writing: in memory */

	Status NewWritableFile(const std::string &name, leveldb::WritableFile **result) override
	{
		const MemoryPtr memory = std::make_shared<Memory>();

		if (in_background)
			return Status::IOError(name, "this process only reads the database");
		const std::lock_guard<std::mutex> guard(mutex_);
		files_[name] = memory;
		*result = new WritableMemory(memory);
		return Status::OK();
	}

	Status NewAppendableFile(const std::string &name, leveldb::WritableFile **result) override
	{
		MemoryPtr memory = Find(name);

		if (in_background)
			return Status::IOError(name, "this process only reads the database");
		if (!memory) {
			memory = std::make_shared<Memory>();
			if (!IsRemoved(name) && target()->FileExists(name)) {
				const Status s = leveldb::ReadFileToString(target(), name, &memory->bytes);
				if (!s.ok())
					return s;
			}
		}
		const std::lock_guard<std::mutex> guard(mutex_);
		files_[name] = memory;
		*result = new WritableMemory(memory);
		return Status::OK();
	}

	Status RemoveFile(const std::string &name) override
	{
		const std::lock_guard<std::mutex> guard(mutex_);

		files_.erase(name);
		removed_.insert(name);
		return Status::OK();
	}

	Status DeleteFile(const std::string &name) override
	{
		return RemoveFile(name);
	}

	Status RenameFile(const std::string &src, const std::string &name) override
	{
		const std::lock_guard<std::mutex> guard(mutex_);
		const auto found = files_.find(src);

		if (found == files_.end())
			return Gone(src);
		files_[name] = found->second;
		files_.erase(src);
		removed_.insert(src);
		return Status::OK();
	}

	Status CreateDir(const std::string &) override
	{
		return Status::OK();
	}
	Status RemoveDir(const std::string &) override
	{
		return Status::OK();
	}
	Status DeleteDir(const std::string &) override
	{
		return Status::OK();
	}

	Status LockFile(const std::string &, FileLock **lock) override
	{
		*lock = new NoLock;
		return Status::OK();
	}

	Status UnlockFile(FileLock *lock) override
	{
		delete static_cast<NoLock *>(lock);
		return Status::OK();
	}

	Status NewLogger(const std::string &name, leveldb::Logger **) override
	{
		return Status::NotSupported(name, "this process only reads the database");
	}

	void Schedule(void (*run)(void *), void *arg) override
	{
		target()->Schedule(RunInBackground, new Work{ run, arg });
	}

private:
	static Status Gone(const std::string &name)
	{
		return Status::NotFound(name, "removed");
	}

	MemoryPtr Find(const std::string &name)
	{
		const std::lock_guard<std::mutex> guard(mutex_);
		const auto found = files_.find(name);

		return found == files_.end() ? nullptr : found->second;
	}

	bool IsRemoved(const std::string &name)
	{
		const std::lock_guard<std::mutex> guard(mutex_);

		return removed_.count(name) > 0;
	}

	std::mutex mutex_;
	std::map<std::string, MemoryPtr> files_;
	std::set<std::string> removed_;
};

} // namespace

Env *NewSegregReadEnv(Env *base)
{
	return new ReadEnv(base ? base : Env::Default());
}
