/*
 * segreg-rocksdb.h - a RocksDB database that other processes read while this one compacts.
 *
 * A reader in another process opens a RocksDB database with DB::OpenForReadOnly or DB::OpenAsSecondary. Meanwhile the
 * writer's compaction deletes files, among them files that the reader is about to open. The reader then fails. With
 * this file system each file stays until no reader needs it that came before its deletion. The writer:
 *
 *      std::shared_ptr<rocksdb::FileSystem> files = NewSegregFileSystem(nullptr, "/var/lib/engine/registry");
 *      std::unique_ptr<rocksdb::Env> env = rocksdb::NewCompositeEnv(files);
 *      options.env = env.get();
 *      rocksdb::DB::Open(options, "/var/lib/engine/db", &db);
 *
 * A reader:
 *
 *      std::shared_ptr<rocksdb::FileSystem> files = NewSegregReadFileSystem(nullptr, "/var/lib/engine/registry");
 *      std::unique_ptr<rocksdb::Env> env = rocksdb::NewCompositeEnv(files);
 *      options.env = env.get();
 *      rocksdb::DB::OpenForReadOnly(options, "/var/lib/engine/db", &db);
 *
 * segregd, or any process that calls segreg_sweep, deletes what no reader needs. segreg-engines(7) has complete
 * programs and the traps.
 *
 * Link with -lsegreg-rocksdb -lrocksdb. Programs that are there already, such as ldb and db_bench, use it with
 * LD_PRELOAD=libsegreg-rocksdb.so.0 and the option --fs_uri=segreg:///var/lib/engine/registry.
 */
#ifndef SEGREG_ROCKSDB_H
#define SEGREG_ROCKSDB_H

#include <memory>
#include <string>

#include <rocksdb/file_system.h>
#include <rocksdb/status.h>

namespace rocksdb
{
class DB;
}

#pragma GCC visibility push(default)

/*
 * A file system for the process that writes the database. It does what base does, and base may be nullptr for RocksDB's
 * own. But a file below the registry's base that the engine deletes is discarded instead (segreg_discard(3)).
 *
 * registry is the registry's directory. If it does not exist, it is created, and its base is the directory above it.
 * So with the registry /var/lib/engine/registry, databases lie below /var/lib/engine.
 *
 * The registry is open as long as the file system exists. If it cannot be opened, *status (nullptr: not wanted) says
 * why. So does the Status of DB::Open then, because the file system does not lock the database. If a discard fails, the
 * file stays, and the Status of the deletion says why. RocksDB tries again when it next looks for obsolete files.
 *
 * The process does not see discarded files while it has the database locked. What it opens through this file system
 * without the lock, it sees as a reader does.
 */
std::shared_ptr<rocksdb::FileSystem> NewSegregFileSystem(const std::shared_ptr<rocksdb::FileSystem> &base,
							 const std::string &registry,
							 rocksdb::Status *status = nullptr);

/*
 * A file system for a process that reads the database. It takes a horizon of the registry, and keeps it as long as it
 * exists: each file that is discarded after that stays. So make it before you open the database, and destroy it soon
 * after the database is closed. base and status are as above. If the registry cannot be opened, or does not exist, each
 * file fails to open, and the Status says why.
 *
 * It does not list files that were discarded before its horizon, which may go at any moment. DB::OpenAsSecondary needs
 * that. It opens each log that is listed; if one has gone, it skips all logs, and reports success.
 */
std::shared_ptr<rocksdb::FileSystem> NewSegregReadFileSystem(const std::shared_ptr<rocksdb::FileSystem> &base,
							     const std::string &registry,
							     rocksdb::Status *status = nullptr);

/*
 * db->TryCatchUpWithPrimary() for a secondary that was opened with such a file system, alone. A newer horizon takes the
 * place of the older one. If it fails, the older horizon stays, and the secondary goes on as before. It can be called
 * again.
 */
rocksdb::Status SegregCatchUp(const std::shared_ptr<rocksdb::FileSystem> &files, rocksdb::DB *db);

#pragma GCC visibility pop

#endif /* SEGREG_ROCKSDB_H */
