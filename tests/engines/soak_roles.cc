/*
 * soak_roles.cc - the processes of the soak.
 */
#include "soak_roles.h"

#include <random>

#include <segreg.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

const char *const role_names[kRoles] = { "writer", "scan", "follow", "pin", "sweeper" };

void Fail(Role role, const char *format, ...)
{
	va_list args;
	char text[2000];

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (!control || !board->failures)
		fprintf(stderr, "%s: %s\n", role_names[role], text);
	board->failures++;
	_exit(1);
}

/* ------------------------------------------------------------------ what the database has */

namespace
{

std::string KeyOf(int k)
{
	char key[16];

	snprintf(key, sizeof(key), "key%06d", k);
	return key;
}

std::string ValueOf(int k, uint64_t generation)
{
	std::minstd_rand filler(static_cast<unsigned>(k * 7919 + generation * 104729 + 1));
	char head[48];
	std::string value(120 + (k % 5) * 100, '\0');

	for (char &c : value)
		c = static_cast<char>('a' + filler() % 26);
	snprintf(head, sizeof(head), "%016llx %06d ", static_cast<unsigned long long>(generation), k);
	return head + value;
}

/* Reads all of it, and compares. floor: the generations that were acknowledged before. */
class Checker
{
public:
	Checker(Role role, const std::vector<uint64_t> &floor) : role_(role), floor_(floor)
	{
	}

	void Take(const std::string &key, const std::string &value)
	{
		const int k = next_++;
		const int group = k / kInGroup;

		if (key != KeyOf(k))
			Fail(role_, "found %s where %s belongs", key.c_str(), KeyOf(k).c_str());
		const uint64_t generation = strtoull(value.c_str(), nullptr, 16);
		if (value != ValueOf(k, generation))
			Fail(role_, "%s has wrong bytes: %.40s...", key.c_str(), value.c_str());
		if (k % kInGroup == 0)
			generation_ = generation;
		if (generation != generation_)
			Fail(role_, "%s is of write %llu, its group of %llu", key.c_str(),
			     static_cast<unsigned long long>(generation), static_cast<unsigned long long>(generation_));
		if (generation < floor_[group] || generation > board->begun[group])
			Fail(role_, "%s is of write %llu, but writes %llu to %llu were made", key.c_str(),
			     static_cast<unsigned long long>(generation),
			     static_cast<unsigned long long>(floor_[group]),
			     static_cast<unsigned long long>(board->begun[group].load()));
	}

	void End()
	{
		if (next_ != kKeys)
			Fail(role_, "a scan has %d of %d keys", next_, kKeys);
	}

private:
	Role role_;
	const std::vector<uint64_t> &floor_;
	int next_ = 0;
	uint64_t generation_ = 0;
};

} // namespace

std::vector<uint64_t> Acknowledged()
{
	return std::vector<uint64_t>(board->acked, board->acked + kGroups);
}

namespace
{

template <typename Source> void Check(Role role, Source *source, const std::vector<uint64_t> &floor)
{
	Checker checker(role, floor);
	const std::string error =
		source->Read([&](const std::string &key, const std::string &value) { checker.Take(key, value); });

	if (!error.empty())
		Fail(role, "a scan ends: %s", error.c_str());
	checker.End();
	board->reads[role]++;
}

} // namespace

/* ------------------------------------------------------------------ the processes */

void Sleep(int milliseconds)
{
	const struct timespec time = { milliseconds / 1000, milliseconds % 1000 * 1000000L };

	nanosleep(&time, nullptr);
}

namespace
{

/* Until the writer has put each group twice more, so that no file of before is live. False: the soak ends. */
bool AwaitChurn()
{
	const uint64_t until = board->puts + 3 * kGroups;

	while (board->puts < until && !board->stop)
		Sleep(1);
	return !board->stop;
}

} // namespace

struct segreg *OpenRegistry(Role role)
{
	struct segreg *reg;
	struct segreg_open_options options = {};

	options.size = sizeof(options);
	options.flags = SEGREG_CREATE;
	options.label = role_names[role];
	if (segreg_open(registry_dir.c_str(), &options, &reg) < 0)
		Fail(role, "%s", segreg_last_error());
	return reg;
}

namespace
{

/* A horizon; nothing in the control, or if the reader has a horizon of its own. */
class Held
{
public:
	Held(Role role, struct segreg *reg)
	    : role_(role), reg_(readers_have_horizons && role != kPinner ? nullptr : reg)
	{
		if (reg_ && segreg_snapshot_take(reg_, SEGREG_HORIZON, &horizon_) < 0)
			Fail(role_, "%s", segreg_last_error());
	}

	void Release()
	{
		if (reg_ && segreg_snapshot_release(reg_, &horizon_) < 0)
			Fail(role_, "%s", segreg_last_error());
		reg_ = nullptr;
	}

private:
	Role role_;
	struct segreg *reg_;
	struct segreg_snapshot horizon_ = {};
};

std::unique_ptr<Reader> OpenOrFail(Role role, Kind kind)
{
	std::string error;
	const std::string scratch = scratch_dir + "/" + role_names[role];

	mkdir(scratch.c_str(), 0777);
	std::unique_ptr<Reader> reader = OpenReader(db_dir, control ? "" : registry_dir, scratch, kind, &error);
	if (!reader)
		Fail(role, "the database does not open: %s", error.c_str());
	return reader;
}

void Scan(struct segreg *reg)
{
	while (!board->stop) {
		const std::vector<uint64_t> floor = Acknowledged();
		Held held(kScanner, reg);
		const std::unique_ptr<Reader> reader = OpenOrFail(kScanner, Kind::kScan);

		if (!AwaitChurn())
			return;
		Check(kScanner, reader.get(), floor);
		held.Release();
	}
}

void Follow(struct segreg *reg)
{
	std::vector<uint64_t> floor = Acknowledged();
	Held held(kFollower, reg);
	const std::unique_ptr<Reader> reader = OpenOrFail(kFollower, Kind::kFollow);

	while (AwaitChurn()) {
		Check(kFollower, reader.get(), floor);
		for (int k = 0; k < kKeys; k += 7) {
			std::string value;
			const std::string error = reader->Get(KeyOf(k), &value);
			if (!error.empty())
				Fail(kFollower, "%s: %s", KeyOf(k).c_str(), error.c_str());
			const uint64_t generation = strtoull(value.c_str(), nullptr, 16);
			if (value != ValueOf(k, generation) || generation < floor[k / kInGroup])
				Fail(kFollower, "%s is stale or wrong: %.40s", KeyOf(k).c_str(), value.c_str());
		}
		floor = Acknowledged();
		Held next(kFollower, reg);
		const std::string error = reader->CatchUp();
		if (!error.empty())
			Fail(kFollower, "it does not catch up: %s", error.c_str());
		held.Release();
		held = next;
	}
}

/* Registers the files that have no id yet, in one edit, and pins all. Another reader may do the same. */
std::vector<struct segreg_pin> PinFiles(struct segreg *reg, const std::vector<std::string> &files)
{
	std::vector<uint64_t> ids(files.size());
	std::vector<struct segreg_pin> pins(files.size());

	for (;;) {
		struct segreg_edit *edit;
		size_t unknown = 0;
		int rc = 0;

		if (segreg_edit_begin(reg, &edit) < 0)
			Fail(kPinner, "%s", segreg_last_error());
		for (size_t i = 0; i < files.size() && rc == 0; i++) {
			rc = segreg_find(reg, files[i].c_str(), &ids[i], nullptr);
			if (rc != SEGREG_E_NOENT)
				continue;
			unknown++;
			rc = segreg_edit_add(edit, SEGREG_ID_NEXT,
					     files[i].c_str() + strlen(segreg_base_path(reg)) + 1);
		}
		if (rc == 0 && unknown > 0)
			rc = segreg_edit_commit(edit, nullptr);
		else
			segreg_edit_abort(edit);
		if (rc == SEGREG_E_EXISTS || (rc == 0 && unknown > 0))
			continue;
		if (rc == 0)
			rc = segreg_pin_many(reg, ids.data(), ids.size(), 0, pins.data());
		if (rc < 0)
			Fail(kPinner, "%s", segreg_last_error());
		return pins;
	}
}

void Pin(struct segreg *reg)
{
	while (!board->stop) {
		const std::vector<uint64_t> floor = Acknowledged();
		Held held(kPinner, reg);
		const std::unique_ptr<Reader> reader = OpenOrFail(kPinner, Kind::kPin);
		std::vector<struct segreg_pin> pins;

		if (reg)
			pins = PinFiles(reg, reader->Files());
		held.Release();
		if (!AwaitChurn())
			return;
		Check(kPinner, reader.get(), floor);
		for (struct segreg_pin &pin : pins)
			if (segreg_unpin(reg, &pin) < 0)
				Fail(kPinner, "%s", segreg_last_error());
	}
}

void Sweep(struct segreg *reg)
{
	uint32_t ticket = 0;

	while (!board->stop) {
		const int rc = segreg_sweep(reg, nullptr, nullptr);

		if (rc < 0 && rc != SEGREG_E_BUSY)
			Fail(kSweeper, "%s", segreg_last_error());
		segreg_sweep_wait(reg, &ticket, 20);
	}
}

} // namespace

std::string PutGroup(Writer *writer, int group)
{
	const uint64_t generation = board->begun[group] + 1;
	Pairs pairs;

	board->begun[group] = generation;
	for (int k = group * kInGroup; k < (group + 1) * kInGroup; k++)
		pairs.emplace_back(KeyOf(k), ValueOf(k, generation));
	const std::string error = writer->Put(pairs);
	if (error.empty()) {
		board->acked[group] = generation;
		board->puts++;
	}
	return error;
}

namespace
{

void Write()
{
	std::string error;
	std::mt19937 random(static_cast<unsigned>(getpid()));
	const std::unique_ptr<Writer> writer = OpenWriter(db_dir, control ? "" : registry_dir, &error);

	if (!writer)
		Fail(kWriter, "the database does not open: %s", error.c_str());
	while (!board->stop && error.empty())
		error = PutGroup(writer.get(), static_cast<int>(random() % kGroups));
	if (!error.empty())
		Fail(kWriter, "a write ends: %s", error.c_str());
}

} // namespace

void Play(Role role)
{
	struct segreg *reg = control || role == kWriter ? nullptr : OpenRegistry(role);

	switch (role) {
	case kWriter:
		Write();
		break;
	case kScanner:
		Scan(reg);
		break;
	case kFollower:
		Follow(reg);
		break;
	case kPinner:
		Pin(reg);
		break;
	default:
		Sweep(reg);
	}
	_exit(0);
}

void CheckWriter(Writer *writer)
{
	Check(kWriter, writer, Acknowledged());
}
