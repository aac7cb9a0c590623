/*
 * discards.h - what the file systems of the engines share: deletions that become discards, and names used again.
 *
 * An engine deletes a file as soon as its own process needs it no more. A reader in another process may be about to
 * open that file. So the engine's deletion becomes segreg_discard: the name stays until each horizon is gone that a
 * reader took before. Nothing is registered when a file is made.
 *
 * To the engine a discarded file is gone all the same. Otherwise a database that was destroyed and made anew would
 * find the write-ahead logs of the old one. So the process that has the engine's lock does not see discarded names.
 * Readers do, since they may need them. The engine may use such a name again, and would then write into the file that
 * a sweep deletes. So each file is made only after segreg_vacate.
 */
#ifndef SEGREG_ENGINES_DISCARDS_H
#define SEGREG_ENGINES_DISCARDS_H

#include <atomic>
#include <mutex>
#include <string>
#include <unordered_set>
#include <vector>

struct segreg;

namespace segreg_engines
{

/* The absolute path without symbolic links, "" if it is not below base. The file itself need not be there. */
std::string ResolveBelow(const std::string &base, const std::string &path);

/* What became of a request. */
enum class Outcome {
	kDone,
	kNotOurs, /* not below base, or no reader opens such a file: the caller does it without segreg */
	kFailed,
};

class Discards
{
public:
	/* Opens the registry, and creates it beside the database's directory if it does not exist. */
	explicit Discards(const std::string &registry);
	~Discards();
	Discards(const Discards &) = delete;
	Discards &operator=(const Discards &) = delete;

	/* "", or why the registry could not be opened. Each request fails with this text then. */
	const std::string &Error() const
	{
		return error_;
	}

	/* Deletes the file as soon as no reader needs it that came before. */
	Outcome Discard(const std::string &path, std::string *error);

	/* Takes a discarded file out of the way of a new file at path. */
	Outcome Vacate(const std::string &path, std::string *error);

	/* Is it Discard's matter how a file of this name goes? */
	bool IsHeld(const std::string &path) const;

	/* The process has the engine's lock from here on, or has it no more. */
	Outcome Lock(std::string *error);
	void Unlock();

	/* Only while the process has the engine's lock: was this file discarded? */
	bool IsHidden(const std::string &path);

	/* Only while the process has the engine's lock: takes discarded files out of a list of what is in dir. */
	template <typename Item, typename NameOf>
	Outcome Hide(const std::string &dir, std::vector<Item> *items, NameOf name_of, std::string *error)
	{
		std::unordered_set<std::string> hidden;
		std::vector<Item> seen;

		if (locks_ <= 0)
			return Outcome::kNotOurs;
		const Outcome outcome = Discarded(dir, &hidden, error);
		if (outcome != Outcome::kDone || hidden.empty())
			return outcome;
		for (Item &item : *items)
			if (!hidden.count(name_of(item)))
				seen.push_back(std::move(item));
		items->swap(seen);
		return outcome;
	}

	/*
	 * The engine removes dir. If its name ends with .tmp, it is a checkpoint or a backup that was not finished. No
	 * reader reads it, so what was discarded in it goes at once.
	 */
	Outcome VacateStage(const std::string &dir, std::string *error);

private:
	std::string Resolve(const std::string &path) const
	{
		return ResolveBelow(base_, path);
	}
	bool IsRecent(const std::string &path);
	bool IsRetired(const std::string &path);
	void Remember(const std::string &path);
	Outcome Discarded(const std::string &dir, std::unordered_set<std::string> *names, std::string *error);

	segreg *reg_ = nullptr;
	std::string base_;
	std::string error_;
	std::atomic<int> locks_{ 0 };
	std::mutex mutex_;
	std::unordered_set<std::string> recent_; /* discards that the registry may not show yet; under mutex_ */
};

} // namespace segreg_engines

#endif
