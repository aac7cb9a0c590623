/*
 * waits.cc - waiting by segreg.hpp: calls that sleep and are called off, and descriptors for event loops.
 */
#include "check.hpp"

#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>

using namespace segregxx;

static void waits()
{
	World w("wait");
	Registry reg = w.open();
	std::uint32_t ticket = 0;

	add(w, reg, 1);
	CHECK(*reg.wait(*reg.version() - 1) == *reg.version());
	FAILS(Errc::timedout, reg.wait(*reg.version(), std::chrono::milliseconds(1)));
	OK(reg.wait_off(true));
	FAILS(Errc::called_off, reg.wait(*reg.version()));
	OK(reg.wait_off(false));
	std::thread waiter([&reg] { FAILS(Errc::called_off, reg.wait(*reg.version())); });
	OK(reg.wait_off(true));
	waiter.join();
	OK(reg.wait_off(false));
	OK(reg.sweep_wait(ticket));
	FAILS(std::errc::timed_out, reg.sweep_wait(ticket, std::chrono::milliseconds(0)));
	OK(reg.sweep_wake());
	OK(reg.sweep_wait(ticket, std::chrono::hours(1)));
	/* Longer than an int of milliseconds, and there is an event: it must not become a timeout of 0. */
	OK(reg.sweep_wake());
	OK(reg.sweep_wait(ticket, std::chrono::hours(24 * 365)));
	CHECK(detail::milliseconds(std::chrono::hours(24 * 365)) == INT_MAX && detail::milliseconds(forever) == -1);
}

static bool is_readable(int fd)
{
	struct pollfd poll = { fd, POLLIN, 0 };

	return ::poll(&poll, 1, 0) == 1 && poll.revents == POLLIN;
}

static bool is_open(int fd)
{
	return ::fcntl(fd, F_GETFD) != -1;
}

static void watches()
{
	World w("watch");
	Registry reg = w.open(), other = w.open();
	int fd, status = -1;

	FAILS(Errc::inval, reg.watch(0));
	CHECK(Watch().fd() == -1);
	FAILS(Errc::inval, Watch().clear());
	FAILS(Errc::inval, Watch().release());
	CHECK(is_open(0));
	{
		auto made = reg.watch(SEGREG_WATCH_VERSION);
		CHECK(made && !is_readable(made->fd()));
		Watch watch = std::move(*made);
		fd = watch.fd();
		CHECK(watch && !*made && made->fd() == -1 && is_open(fd));
		add(w, other, 1);
		CHECK(is_readable(fd));
		OK(watch.clear());
		CHECK(!is_readable(fd));
		pid_t child = ::fork();
		if (!child) {
			watch = Watch();
			std::_Exit(is_open(fd));
		}
		CHECK(child > 0 && ::waitpid(child, &status, 0) == child && status == 0);
		OK(reg.retire(1));
		OK(watch.clear());
		add(w, other, 2);
		CHECK(is_readable(fd));
	}
	CHECK(!is_open(fd));
	Watch late = *reg.watch(SEGREG_WATCH_SWEEP);
	fd = late.fd();
	reg = Registry();
	CHECK(is_open(fd));
	FAILS(Errc::inval, late.clear());
	FAILS(Errc::inval, late.release());
	CHECK(!is_open(fd) && late.fd() == -1);
	RawWatch raw = other.watch(SEGREG_WATCH_SWEEP)->detach();
	fd = raw.fd;
	CHECK(is_open(fd));
	Watch again(other.get(), raw);
	OK(again.release());
	CHECK(!is_open(fd));
}

int main()
{
	waits();
	watches();
}
