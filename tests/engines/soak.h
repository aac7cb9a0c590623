/*
 * soak.h - what the soak asks of an engine. A call that fails returns why; "" is success.
 */
#ifndef ENGINES_SOAK_H
#define ENGINES_SOAK_H

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

using Pairs = std::vector<std::pair<std::string, std::string>>;

/* The process that writes the database. */
class Writer
{
public:
	virtual ~Writer() = default;
	virtual std::string Put(const Pairs &pairs) = 0; /* all or none */
	virtual std::string Read(const std::function<void(const std::string &, const std::string &)> &fn) = 0;
	virtual std::string LiveFiles(std::set<std::string> *names) = 0; /* in the database's directory */
};

/* A process that reads the database beside it. */
class Reader
{
public:
	virtual ~Reader() = default;
	virtual std::string Read(const std::function<void(const std::string &, const std::string &)> &fn) = 0;
	virtual std::string Get(const std::string &key, std::string *value) = 0;
	virtual std::string CatchUp() = 0;
	virtual std::vector<std::string> Files() = 0; /* absolute paths of what it may open yet */
};

extern const char *const engine_name;

/* registry: "" for the engine as it is, without segreg. */
std::unique_ptr<Writer> OpenWriter(const std::string &dir, const std::string &registry, std::string *error);

/*
 * kScan and kPin open their files late, kFollow can catch up. With a registry, and readers_have_horizons, kScan and
 * kFollow have a horizon of their own. scratch is a directory of this reader.
 */
enum class Kind { kScan, kFollow, kPin };
extern const bool readers_have_horizons;

std::unique_ptr<Reader> OpenReader(const std::string &dir, const std::string &registry, const std::string &scratch,
				   Kind kind, std::string *error);

#endif
