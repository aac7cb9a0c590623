/*
 * segreg-leveldb.h - a LevelDB database that other processes read while this one writes.
 *
 * LevelDB itself lets no second process open a database. With these two environments one process writes it, and any
 * number of processes read it. Each file that the writer deletes stays until no reader needs it that came before its
 * deletion. The writer:
 *
 *      options.env = NewSegregEnv(nullptr, "/var/lib/engine/registry");
 *      leveldb::DB::Open(options, "/var/lib/engine/db", &db);
 *
 * A reader takes a horizon (segreg_snapshot_take with SEGREG_HORIZON), and keeps it as long as it reads:
 *
 *      options.env = NewSegregReadEnv(nullptr);
 *      leveldb::DB::Open(options, "/var/lib/engine/db", &db);
 *
 * segregd, or any process that calls segreg_sweep, deletes what no reader needs. segreg-engines(7) has the traps. Link
 * with -lsegreg-leveldb -lleveldb.
 */
#ifndef SEGREG_LEVELDB_H
#define SEGREG_LEVELDB_H

#include <string>

#include <leveldb/env.h>
#include <leveldb/status.h>

#pragma GCC visibility push(default)

/*
 * An environment for the process that writes the database. It does what base does, and base may be nullptr for
 * leveldb::Env::Default(). But a file below the registry's base that LevelDB removes is discarded instead
 * (segreg_discard(3)).
 *
 * registry is the registry's directory. If it does not exist, it is created, and its base is the directory above it.
 * So with the registry /var/lib/engine/registry, databases lie below /var/lib/engine.
 *
 * The caller deletes the environment, after the databases that use it; this closes the registry. If the registry
 * cannot be opened, *status (nullptr: not wanted) says why. So does the Status of DB::Open then, because the
 * environment does not lock the database. If a discard fails, the file stays. LevelDB tries again after its next
 * compaction.
 *
 * The process does not see discarded files while it has the database locked.
 */
leveldb::Env *NewSegregEnv(leveldb::Env *base, const std::string &registry, leveldb::Status *status = nullptr);

/*
 * An environment that opens a database which another process is writing, and shows it as it was at that moment. It
 * writes nothing to the disk. LevelDB replays the write-ahead logs when it opens a database, and writes a table of
 * them: that table is in this process's memory. Compactions and writes fail. base may be nullptr.
 *
 * One environment serves one DB::Open: the next needs a new environment. The caller deletes it after the database.
 */
leveldb::Env *NewSegregReadEnv(leveldb::Env *base);

#pragma GCC visibility pop

#endif /* SEGREG_LEVELDB_H */
