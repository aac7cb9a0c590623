/*
 * callbacks.cc - functions of the caller: walks and sweeps call them, end when they say so, and carry what they throw.
 */
#include "check.hpp"

#include <functional>
#include <new>

using namespace segregxx;

/* Allocations of this program, to show that a walk makes none. */
static unsigned long allocations;

void *operator new(std::size_t size)
{
	void *memory = std::malloc(size);

	allocations++;
	if (!memory)
		std::abort();
	return memory;
}
void operator delete(void *memory) noexcept
{
	std::free(memory);
}
void operator delete(void *memory, std::size_t) noexcept
{
	std::free(memory);
}

/* A registry in which each walk has something to show: two live segments, a journal, a stranger, pinned and retired. */
struct Scene {
	explicit Scene(const char *name) : w(name), reg(w.open())
	{
		for (std::uint64_t id = 1; id <= 4; id++)
			add(w, reg, id);
		pin = *reg.pin(4);
		OK(reg.retire(3));
		CHECK(reg.sweep()->deleted == 1);
		OK(reg.retire(4));
		w.file("stranger", "");
		OK(reg.put_lease("backup"));
	}
	World w;
	Registry reg;
	Pin pin;
};

/* Each walk of the registry, with a function object that takes any item. */
template <typename Function> static void each_walk(const Scene &s, Function &&walk)
{
	const std::string dir = s.w.base + "/registry";
	const Snapshot snapshot = *s.reg.snapshot();

	walk([&](auto &&fn) { return s.reg.list(fn); });
	walk([&](auto &&fn) { return s.reg.list_retired(fn); });
	walk([&](auto &&fn) { return s.reg.list_one(1, fn); });
	walk([&](auto &&fn) { return s.reg.holders(4, fn); });
	walk([&](auto &&fn) { return s.reg.lanes(fn); });
	walk([&](auto &&fn) { return s.reg.leases(fn); });
	walk([&](auto &&fn) { return s.reg.check(0, fn); });
	walk([&](auto &&fn) { return s.reg.log(0, fn); });
	walk([&](auto &&fn) { return snapshot.list(SEGREG_BY_ID, fn); });
	walk([&](auto &&fn) { return segregxx::debug(dir, DebugOptions(), fn); });
}

static void walks_show_all()
{
	Scene s("all");

	each_walk(s, [](auto &&walk) {
		int seen = 0, first = 0;
		unsigned long before = allocations;

		OK(walk([&seen](const auto &) { seen++; }));
		OK(walk([&first](const auto &) -> bool { return first++, false; }));
		CHECK(seen > 0 && first == 1 && allocations == before);
	});
	int live = 0;
	std::function<void(const Info &)> count = [&live](const Info &info) { live += info.state == SEGREG_LIVE; };
	OK(s.reg.list(count));
	const auto constant = [&live](const Info &) { live++; };
	OK(s.reg.list_one(1, constant));
	CHECK(live == 3);
	FAILS(Errc::noent, s.reg.list_one(77, count));
}

static void sweeps_show_events()
{
	Scene s("sweep");
	int held = 0, asked = 0;

	auto swept = s.reg.sweep(SweepOptions(SEGREG_SWEEP_DRY_RUN),
				 [&held](const SweepEvent &event) { held += event.action == SEGREG_SWEEP_HELD; });
	CHECK(swept && swept->held == 1);
	OK(s.reg.drop_lease("backup"));
	OK(s.reg.retire(1));
	OK(s.reg.retire(2));
	swept = s.reg.sweep(SweepOptions(),
			    [](const SweepEvent &event) { return event.action != SEGREG_SWEEP_DELETED; });
	CHECK(swept && swept->deleted == 1 && swept->waiting == 1);
	SweepOptions slow;
	slow.pace_files = 1;
	add(s.w, s.reg, 5);
	OK(s.reg.retire(5));
	swept = s.reg.sweep(
		slow, [](const SweepEvent &) {}, [&asked] { return ++asked > 0; });
	CHECK(swept && asked > 0 && swept->deleted < 2);
	OK(s.pin.release());
	swept = s.reg.sweep(
		SweepOptions(), [](const SweepEvent &) {}, [] { return false; });
	CHECK(swept && swept->held == 0 && swept->waiting == 0 && !s.w.has("seg-5"));
}

#if SEGREGXX_EXCEPTIONS
/* Something that only its address tells from others. */
struct Thrown {
	const void *what;
};

static void exceptions_pass()
{
	Scene s("throw");

	each_walk(s, [](auto &&walk) {
		int calls = 0;
		bool caught = false;

		try {
			(void)walk([&calls](const auto &) {
				calls++;
				throw Thrown{ &calls };
			});
		} catch (const Thrown &thrown) {
			caught = thrown.what == &calls;
		}
		CHECK(caught && calls == 1);
	});
}

static void sweeps_end_by_exceptions()
{
	Scene s("throw-sweep");
	SweepOptions slow;
	int caught = 0;

	slow.pace_files = 1;
	OK(s.reg.drop_lease("backup"));
	for (int round = 0; round < 2; round++) {
		try {
			OK(s.reg.retire(1));
			OK(s.reg.retire(2));
			if (round == 0)
				(void)s.reg.sweep(SweepOptions(), [](const SweepEvent &) { throw Thrown{ nullptr }; });
			else
				(void)s.reg.sweep(
					slow, [](const SweepEvent &) {}, []() -> bool { throw Thrown{ nullptr }; });
		} catch (const Thrown &) {
			caught++;
		}
		/* The sweep has ended: another may begin, and finishes what the exception left. */
		OK(s.reg.sweep(SweepOptions(SEGREG_SWEEP_DRY_RUN)));
	}
	CHECK(caught == 2);
	OK(s.reg.sweep());
	CHECK(!s.w.has("seg-1") && !s.w.has("seg-2"));
}

static void values_throw()
{
	Scene s("value");
	std::string what;

	try {
		(void)s.reg.pin(77).value();
	} catch (const std::system_error &error) {
		CHECK(error.code() == Errc::noent && dynamic_cast<const Error *>(&error));
		what = error.what();
	}
	CHECK(what.find("segment 77 is not registered") == 0);
	what = "";
	try {
		Pin pin(s.reg, 77);
	} catch (const Error &error) {
		what = error.what();
	}
	CHECK(what.find("segment 77 is not registered") == 0);
	{
		Pin pin(s.reg, 1), other = s.reg.pin(1).value();

		CHECK(pin.id() == 1 && other.id() == 1 && pins_of(s.reg, 1) == 2);
	}
	CHECK(pins_of(s.reg, 1) == 0 && s.reg.version().value() > 0);
	what = "";
	for (const Entry &entry : s.reg.snapshot().value())
		what += entry.path;
	CHECK(what == "seg-1seg-2" || what == "seg-2seg-1");
	Snapshot snapshot = s.reg.snapshot().value();
	what = "";
	try {
		for (const Entry &entry : snapshot) {
			what += entry.path;
			s.reg.close().value();
		}
	} catch (const Error &error) {
		CHECK(error.code() == Errc::inval && what.size() == 5);
		what = "caught";
	}
	CHECK(what == "caught");
}
#endif

int main()
{
	walks_show_all();
	sweeps_show_events();
#if SEGREGXX_EXCEPTIONS
	exceptions_pass();
	sweeps_end_by_exceptions();
	values_throw();
#endif
}
