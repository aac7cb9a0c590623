/*
 * discards.cc - see discards.h.
 */
#include "discards.h"

#include <limits.h>
#include <segreg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

namespace segreg_engines
{

/* After this number of discards the registry is asked to show them all. */
static const size_t kMostRecent = 1024;

Discards::Discards(const std::string &registry)
{
	segreg_open_options options = {};

	options.size = sizeof(options);
	options.flags = SEGREG_CREATE;
	if (segreg_open(registry.c_str(), &options, &reg_) < 0)
		error_ = segreg_last_error();
	else
		base_ = segreg_base_path(reg_);
}

Discards::~Discards()
{
	segreg_close(reg_, nullptr);
}

static bool EndsWith(const std::string &text, const char *end)
{
	const size_t n = strlen(end);

	return text.size() >= n && text.compare(text.size() - n, n, end) == 0;
}

/*
 * Names that no reader opens, or that are exchanged by a rename while readers read them. Each other name counts as one
 * that a reader may open.
 */
static bool IsPrivate(const std::string &path)
{
	const size_t slash = path.rfind('/');
	const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);

	return name == "LOCK" || name == "CURRENT" || name == "IDENTITY" || name == "LOG" ||
	       name.compare(0, 8, "LOG.old.") == 0 || name == "LOG.old" || EndsWith(name, ".dbtmp") ||
	       EndsWith(name, ".tmp") || EndsWith(name, ".trash");
}

std::string ResolveBelow(const std::string &base, const std::string &path)
{
	const size_t slash = path.rfind('/');
	const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
	std::string dir = slash == std::string::npos ? "." : path.substr(0, slash + 1);
	char buf[PATH_MAX];

	if (name.empty() || name == "." || name == ".." || base.empty() || !realpath(dir.c_str(), buf))
		return "";
	dir = buf;
	if (dir != base && dir.compare(0, base.size() + 1, base == "/" ? base : base + "/") != 0)
		return "";
	return dir == "/" ? dir + name : dir + "/" + name;
}

bool Discards::IsHeld(const std::string &path) const
{
	return !IsPrivate(path) && (!error_.empty() || !Resolve(path).empty());
}

bool Discards::IsRecent(const std::string &path)
{
	const std::lock_guard<std::mutex> guard(mutex_);

	return recent_.count(path) > 0;
}

bool Discards::IsRetired(const std::string &path)
{
	enum segreg_state state;

	return IsRecent(path) || (segreg_find(reg_, path.c_str(), nullptr, &state) == 0 && state >= SEGREG_PENDING);
}

/*
 * A relaxed discard is shown by the registry only after the next commit. If that commit fails, the discards stay in
 * shared memory, and are remembered here.
 */
void Discards::Remember(const std::string &path)
{
	const std::lock_guard<std::mutex> guard(mutex_);

	recent_.insert(path);
	if (recent_.size() >= kMostRecent && segreg_discard(reg_, nullptr, 0, 0) == 0)
		recent_.clear();
}

Outcome Discards::Discard(const std::string &path, std::string *error)
{
	struct stat st;

	if (IsPrivate(path))
		return Outcome::kNotOurs;
	if (!error_.empty()) {
		*error = error_;
		return Outcome::kFailed;
	}
	const std::string file = Resolve(path);
	if (file.empty())
		return Outcome::kNotOurs;
	if (lstat(file.c_str(), &st) < 0)
		return IsRetired(file) ? Outcome::kDone : Outcome::kNotOurs; /* a sweep was faster */
	if (!S_ISREG(st.st_mode))
		return Outcome::kNotOurs;
	const char *name = file.c_str();
	if (segreg_discard(reg_, &name, 1, SEGREG_DISCARD_RELAXED) < 0) {
		*error = segreg_last_error();
		return Outcome::kFailed;
	}
	Remember(file);
	return Outcome::kDone;
}

Outcome Discards::Vacate(const std::string &path, std::string *error)
{
	if (IsPrivate(path))
		return Outcome::kNotOurs;
	if (!error_.empty()) {
		*error = error_;
		return Outcome::kFailed;
	}
	const std::string file = Resolve(path);
	if (file.empty())
		return Outcome::kNotOurs;
	/* The registry must know the discard before it can take it back. */
	const char *name = file.c_str();
	int rc = IsRecent(file) ? segreg_discard(reg_, nullptr, 0, 0) : 0;
	if (rc == 0)
		rc = segreg_vacate(reg_, name);
	/*
	 * A reader registered the file, and the engine has let go of it without a deletion: it crashed before the file
	 * was in a manifest. The engine would write over the file now.
	 */
	if (rc == SEGREG_E_EXISTS && (rc = segreg_discard(reg_, &name, 1, 0)) == 0)
		rc = segreg_vacate(reg_, name);
	if (rc < 0) {
		*error = segreg_last_error();
		return Outcome::kFailed;
	}
	const std::lock_guard<std::mutex> guard(mutex_);
	recent_.erase(file);
	return Outcome::kDone;
}

/* What a process that died discarded must be hidden too, so it is made durable first. */
Outcome Discards::Lock(std::string *error)
{
	if (!error_.empty()) {
		*error = error_;
		return Outcome::kFailed;
	}
	if (segreg_discard(reg_, nullptr, 0, 0) < 0) {
		*error = segreg_last_error();
		return Outcome::kFailed;
	}
	locks_++;
	return Outcome::kDone;
}

void Discards::Unlock()
{
	locks_--;
}

bool Discards::IsHidden(const std::string &path)
{
	if (locks_ <= 0 || IsPrivate(path))
		return false;
	const std::string file = Resolve(path);
	return !file.empty() && IsRetired(file);
}

namespace
{

/* A walk over what is retired, for names in one directory. */
struct Walk {
	std::string dir; /* relative to base, with a slash at its end; or "" */
	std::unordered_set<std::string> names;
};

int NoteRetired(void *arg, const struct segreg_info *info)
{
	Walk *walk = static_cast<Walk *>(arg);

	if (strncmp(info->path, walk->dir.c_str(), walk->dir.size()) == 0)
		walk->names.insert(info->path + walk->dir.size());
	return 0;
}

} // namespace

Outcome Discards::Discarded(const std::string &dir, std::unordered_set<std::string> *names, std::string *error)
{
	const std::string probe = Resolve(dir + "/x");
	Walk walk;

	if (probe.empty())
		return Outcome::kNotOurs;
	const std::string absolute = probe.substr(0, probe.size() - 1);
	walk.dir = absolute.substr(base_ == "/" ? 1 : base_.size() + 1);
	if (segreg_list_retired(reg_, NoteRetired, &walk) < 0) {
		*error = segreg_last_error();
		return Outcome::kFailed;
	}
	const std::lock_guard<std::mutex> guard(mutex_);
	for (const std::string &path : recent_)
		if (path.compare(0, absolute.size(), absolute) == 0)
			walk.names.insert(path.substr(absolute.size()));
	names->swap(walk.names);
	return Outcome::kDone;
}

Outcome Discards::VacateStage(const std::string &dir, std::string *error)
{
	std::unordered_set<std::string> names;
	const size_t end = dir.find_last_not_of('/');
	const std::string stage = end == std::string::npos ? dir : dir.substr(0, end + 1);

	if (!EndsWith(stage, ".tmp"))
		return Outcome::kNotOurs;
	Outcome outcome = Discarded(stage, &names, error);
	for (const std::string &name : names)
		if (outcome == Outcome::kDone)
			outcome = Vacate(stage + "/" + name, error);
	return outcome;
}

} // namespace segreg_engines
