/*
 * objects.cc - the objects of segreg.hpp hold what they say, once, wherever they are moved and in which order they end.
 */
#include "check.hpp"

#include <array>
#include <set>
#include <thread>
#include <type_traits>
#include <vector>

#include <fcntl.h>
#include <sys/wait.h>

using namespace segregxx;

template <typename Object> constexpr bool moves_only()
{
	return std::is_nothrow_move_constructible_v<Object> && std::is_nothrow_move_assignable_v<Object> &&
	       std::is_nothrow_default_constructible_v<Object> && !std::is_copy_constructible_v<Object> &&
	       !std::is_copy_assignable_v<Object>;
}
static_assert(moves_only<Registry>() && moves_only<Pin>() && moves_only<Pins>() && moves_only<Snapshot>() &&
	      moves_only<Horizon>() && moves_only<Map>() && moves_only<Watch>() && moves_only<Edit>() &&
	      moves_only<File>());
static_assert(sizeof(Registry) == sizeof(void *) && sizeof(Pin) == sizeof(void *) + sizeof(RawPin));

static void pins_are_held_once()
{
	World w("pin");
	Registry reg = w.open();

	add(w, reg, 1);
	add(w, reg, 2);
	{
		auto made = reg.pin(1);

		CHECK(made && made->id() == 1 && pins_of(reg, 1) == 1);
		Pin pin = std::move(*made);
		CHECK(pin && !*made && pins_of(reg, 1) == 1);
		Pin other = *reg.pin(2);
		CHECK(pins_of(reg, 2) == 1);
		other = std::move(pin);
		CHECK(!pin && other.id() == 1 && pins_of(reg, 1) == 1 && pins_of(reg, 2) == 0);
		Pin &same = other;
		other = std::move(same);
		CHECK(other && pins_of(reg, 1) == 1);
		other = Pin();
		CHECK(!other && pins_of(reg, 1) == 0);
	}
	{
		auto pin = reg.pin(1);

		OK(pin->release());
		CHECK(!*pin && pins_of(reg, 1) == 0);
		FAILS(Errc::inval, pin->release());
		FAILS(Errc::inval, pin->path());
		FAILS(Errc::inval, pin->open());
	}
	{
		auto pin = reg.pin(1);
		RawPin raw = pin->detach();

		CHECK(!*pin && pins_of(reg, 1) == 1);
		Pin again(reg.get(), raw);
		CHECK(again && pins_of(reg, 1) == 1);
	}
	CHECK(pins_of(reg, 1) == 0);
	OK(reg.retire(1));
	FAILS(Errc::noent, reg.pin(1, SEGREG_PIN_LIVE));
	FAILS(Errc::noent, reg.pin(3));
	Registry empty;
	FAILS(Errc::inval, empty.pin(1));
	CHECK(reg.close().code() == 0 && !reg);
	FAILS(Errc::inval, reg.pin(2));
}

static void files_of_pins()
{
	World w("files");
	Registry reg = w.open();
	char path[SEGREG_PATH_SIZE], text[16] = "";

	add(w, reg, 1);
	auto pin = reg.pin(1);
	CHECK(*pin->path() == w.base + "/seg-1");
	OK(pin->path(path));
	CHECK(path == w.base + "/seg-1");
	FAILS(Errc::inval, pin->path(Span<char>(path, 3)));
	FAILS(Errc::nofile, pin->open("none"));
	auto file = pin->open();
	OK(file);
	OK(pin->release());
	CHECK(::read(file->get(), text, sizeof(text)) == 9 && std::string(text) == "text of 1");
	int fd = file->get();
	{
		File other = std::move(*file);
		CHECK(!*file && file->get() == -1 && other.get() == fd);
	}
	CHECK(::fcntl(fd, F_GETFD) == -1);
}

static void several_pins()
{
	World w("pins");
	Registry reg = w.open();
	std::vector<std::uint64_t> ids{ 3, 1, 2 };
	const std::uint64_t none[] = { 1, 9 };

	for (std::uint64_t id : ids)
		add(w, reg, id);
	{
		auto pins = reg.pin(ids);

		OK(pins);
		CHECK(pins->size() == 3 && (*pins)[0].id == 3 && pins_of(reg, 2) == 1);
		CHECK(*pins->path(1) == w.base + "/seg-1");
		OK(pins->open(2));
		FAILS(Errc::notpinned, pins->path(3));
		Pins other = std::move(*pins);
		CHECK(!*pins && pins->empty() && other.size() == 3 && pins_of(reg, 3) == 1);
		other = *reg.pin(Span<const std::uint64_t>(none, 1));
		CHECK(pins_of(reg, 1) == 1 && pins_of(reg, 3) == 0);
		OK(other.release());
		FAILS(Errc::inval, other.release());
		CHECK(!other && pins_of(reg, 1) == 0);
	}
	FAILS(Errc::noent, reg.pin(none));
	CHECK(pins_of(reg, 1) == 0);
	OK(reg.pin(Span<const std::uint64_t>()));
}

/* Whether a file of the segment is mapped. */
static bool is_mapped(const char *name)
{
	std::FILE *maps = std::fopen("/proc/self/maps", "re");
	char line[4352];
	bool found = false;

	while (std::fgets(line, sizeof(line), maps))
		found |= std::string(line).find(name) != std::string::npos;
	std::fclose(maps);
	return found;
}

static void maps()
{
	World w("map");
	Registry reg = w.open();

	add(w, reg, 1);
	OK(reg.add(2, w.file("seg-2", "")));
	{
		auto map = reg.map(1);

		OK(map);
		CHECK(map->text() == "text of 1" && map->size() == 9 && map->id() == 1);
		CHECK(map->bytes()[0] == std::byte('t') && map->bytes().size() == 9 && pins_of(reg, 1) == 1);
		Map other = std::move(*map);
		CHECK(!*map && other.text() == "text of 1" && is_mapped("/map/seg-1"));
	}
	CHECK(pins_of(reg, 1) == 0 && !is_mapped("/map/seg-1"));
	auto empty = reg.map(2);
	CHECK(empty && !empty->data() && empty->text().empty());
	OK(empty->release());
	FAILS(Errc::noent, reg.map(3));
	auto left = reg.map(1);
	CHECK(*reg.close() == 1);
	FAILS(Errc::inval, left->release());
	CHECK(!is_mapped("/map/seg-1"));
}

static void snapshots()
{
	World w("snapshot");
	Registry reg = w.open();
	std::set<std::string> seen;

	add(w, reg, 1);
	add(w, reg, 2);
	auto snapshot = reg.snapshot();
	OK(snapshot);
	CHECK(snapshot->version() == *reg.version());
	OK(reg.retire(1));
	add(w, reg, 3);
	Walk walk = snapshot->walk();
	for (int round = 0; round < 2; round++) {
		seen.clear();
		for (const Entry &entry : walk)
			CHECK(seen.insert(entry.path).second);
		OK(walk.result());
		CHECK(seen == (std::set<std::string>{ "seg-1", "seg-2" }));
	}
	std::string in_order;
	OK(snapshot->list(SEGREG_BY_PATH, [&in_order](const Entry &entry) { in_order += entry.path; }));
	CHECK(in_order == "seg-1seg-2" && std::string(snapshot->find(2)->path) == "seg-2");
	FAILS(Errc::noent, snapshot->find(3));
	CHECK(reg.sweep()->held == 1);
	Snapshot other = std::move(*snapshot);
	CHECK(!*snapshot && other && reg.sweep()->held == 1);
	FAILS(Errc::inval, snapshot->renew());
	OK(other.renew());
	CHECK(other.version() == *reg.version() && reg.sweep()->deleted == 1);
	OK(other.release());
	Walk ended = other.walk();
	CHECK(!ended.next());
	FAILS(Errc::inval, ended.result());

	auto horizon = reg.horizon();
	OK(reg.retire(2));
	CHECK(horizon && reg.sweep()->held == 1);
	auto traded = horizon->trade();
	OK(traded);
	CHECK(!*horizon && *traded && reg.sweep()->deleted == 1 && !w.has("seg-2"));
	FAILS(Errc::inval, horizon->trade());
	auto again = reg.horizon();
	OK(again->renew());
	OK(again->release());
}

static void paths()
{
	World w("paths");
	Registry reg = w.open();
	const char *const names[] = { "seg-2", "seg-3" };
	const std::vector<std::string> strings{ "four", w.base + "/five" };

	for (std::uint64_t id = 1; id <= 3; id++)
		add(w, reg, id);
	auto found = reg.find("seg-2");
	CHECK(found && found->id == 2 && found->state == SEGREG_LIVE);
	FAILS(Errc::noent, reg.find("none"));
	OK(reg.retire_path(w.base + "/seg-1"));
	CHECK(*reg.state(1) == SEGREG_PENDING);
	OK(reg.discard_all(names));
	OK(reg.discard("seg-2"));
	for (const char *name : { "four", "five", "six", "seven" })
		w.file(name, "");
	OK(reg.discard_all(strings));
	OK(reg.discard(std::string("six")));
	CHECK(*reg.edit().discard("seven").commit() == *reg.version());
	CHECK(reg.sweep()->deleted == 7 && !w.has("five") && !w.has("seven"));
	add(w, reg, 8);
	OK(reg.edit().retire_path("seg-8").commit());
	CHECK(*reg.is_discarded("seg-8") && !*reg.is_discarded("seg-2"));
	OK(reg.vacate("seg-8"));
	CHECK(!w.has("seg-8"));
	w.file("next", "");
	OK(reg.add(SEGREG_ID_NEXT, "next"));
	CHECK(reg.find("next")->id >= std::uint64_t(1) << 63);
}

static void edits()
{
	World w("edit");
	Registry reg = w.open();
	const std::array<unsigned char, 16> token{ 1, 2, 3 };

	add(w, reg, 1);
	w.file("seg-2", "");
	auto version = reg.edit().add(2, "seg-2").retire(1).expect_live().sync().token(token).commit();
	OK(version);
	CHECK(*version == *reg.version() && *reg.is_live(2) && *reg.state(1) == SEGREG_PENDING);
	CHECK(*reg.edit().add(2, "seg-2").retire(1).token(token).commit() == *version);
	FAILS(Errc::conflict, reg.edit().retire(2).token(token).commit());
	FAILS(Errc::inval, reg.edit().set_user("x", 1).result());
	FAILS(Errc::conflict, reg.edit().retire(2).expect(*version + 1).commit());
	{
		Edit edit = reg.edit();

		CHECK(bool(edit));
		edit.add(3, "missing").retire(2);
		CHECK(!edit);
		FAILS(Errc::noent, edit.result());
		FAILS(Errc::noent, edit.commit());
		FAILS(Errc::inval, edit.commit());
		FAILS(Errc::inval, edit.retire(2).result());
	}
	{
		Edit edit = reg.edit(), other;

		other = std::move(edit.retire(2));
		FAILS(Errc::inval, edit.commit());
		other = reg.edit();
		other.retire(2).abort();
		FAILS(Errc::inval, other.commit());
		Edit dropped = reg.edit();
		dropped.retire(2);
	}
	CHECK(*reg.state(2) == SEGREG_LIVE);
	FAILS(Errc::inval, Registry().wait(0));
}

static void ends_in_any_order()
{
	World w("order");
	Registry reg = w.open();
	const std::uint64_t ids[] = { 1, 2 };

	add(w, reg, 1);
	add(w, reg, 2);
	auto pin = reg.pin(1);
	auto pins = reg.pin(ids);
	auto map = reg.map(2);
	auto snapshot = reg.snapshot();
	auto horizon = reg.horizon();
	Edit edit = reg.edit();
	edit.retire(1);
	Walk walk = snapshot->walk();
	reg = w.open(); /* which closes the handle that they are of */
	reg = Registry();
	reg = w.open();
	auto other = reg.pin(1);
	auto others = reg.snapshot();
	CHECK(other->raw().owner == pin->raw().owner && other->raw().slot == pin->raw().slot);
	FAILS(Errc::inval, pin->path());
	FAILS(Errc::inval, pin->release());
	FAILS(Errc::inval, pins->release());
	FAILS(Errc::inval, map->release());
	CHECK(!walk.next());
	FAILS(Errc::inval, walk.result());
	FAILS(Errc::inval, snapshot->release());
	FAILS(Errc::inval, horizon->trade());
	FAILS(Errc::inval, edit.commit());
	CHECK(pins_of(reg, 1) == 1 && *reg.state(1) == SEGREG_LIVE);
	OK(others->release());
	OK(other->release());
}

static void received()
{
	World w("receive");
	Registry from = w.open(), to = w.open();

	add(w, from, 1);
	auto pin = from.pin(1);
	auto ours = to.receive(pin->raw());
	OK(ours);
	OK(pin->release());
	CHECK(pins_of(from, 1) == 1);
	auto snapshot = from.snapshot();
	auto horizon = from.horizon();
	OK(to.receive_snapshot(snapshot->raw()));
	OK(to.receive_horizon(horizon->raw()));
	FAILS(Errc::inval, to.receive_snapshot(horizon->raw()));
	FAILS(Errc::inval, to.receive_horizon(snapshot->raw()));
	segreg *raw = to.detach();
	CHECK(!to && raw && pins_of(from, 1) == 1);
	Registry again(raw);
	CHECK(again.get() == raw && again.base_path() == w.base && !to.base_path());
	OK(ours->release());
}

static void threads()
{
	World w("threads");
	Registry reg = w.open();
	std::vector<std::thread> all;
	std::vector<Pin> kept(4);

	add(w, reg, 1);
	for (Pin &mine : kept)
		all.emplace_back([&reg, &mine] {
			for (int i = 0; i < 1000; i++) {
				auto pin = reg.pin(1);
				auto snapshot = reg.snapshot();

				mine = std::move(*pin);
				OK(snapshot);
			}
		});
	for (std::thread &thread : all)
		thread.join();
	CHECK(pins_of(reg, 1) == 4);
	kept.clear();
	CHECK(pins_of(reg, 1) == 0);
}

static void forks()
{
	World w("fork");
	Registry reg = w.open();
	int status = 0;

	add(w, reg, 1);
	auto pin = reg.pin(1);
	auto map = reg.map(1);
	pid_t child = ::fork();
	if (!child) {
		FAILS(Errc::notpinned, pin->release());
		FAILS(Errc::notpinned, map->release());
		auto own = reg.pin(1);
		CHECK(own && pins_of(reg, 1) == 3);
		reg = Registry();
		std::_Exit(0);
	}
	CHECK(child > 0 && ::waitpid(child, &status, 0) == child && status == 0);
	CHECK(pins_of(reg, 1) == 2);
	OK(pin->release());
	OK(map->release());
}

static void errors()
{
	World w("error");
	Registry reg = w.open();
	auto missing = reg.pin(7);

	CHECK(!missing && missing.code() == SEGREG_E_NOENT && missing.error() == Errc::noent);
	CHECK(missing.error() == std::errc::no_such_file_or_directory && missing.error() != Errc::busy);
	CHECK(missing.error().message() == segreg_strerror(SEGREG_E_NOENT));
	CHECK(missing.error().category() == category() && std::string(category().name()) == "segreg");
	CHECK(std::string(last_error()).find("segment 7") == 0);
	CHECK(!*missing && missing->id() == 0);
	FAILS(std::error_code(), reg.version());
	FAILS(Errc::noent, Registry::open(w.base + "/none"));
#define CASE(name, value, text)                                                                                        \
	case static_cast<Errc>(value):                                                                                 \
		break;
	/* -Wswitch finds an error that Errc has and segreg.h has not, or the reverse. */
	switch (Errc::inval) {
		SEGREG_ERRORS(CASE)
	}
#undef CASE
}

int main()
{
	errors();
	pins_are_held_once();
	files_of_pins();
	several_pins();
	maps();
	snapshots();
	paths();
	edits();
	ends_in_any_order();
	received();
	threads();
	forks();
}
