/*
 * check.h - a small frame for the tests of the engines' file systems.
 */
#ifndef ENGINES_CHECK_H
#define ENGINES_CHECK_H

#include <algorithm>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include <fcntl.h>
#include <segreg.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(what)                                                                                                    \
	do {                                                                                                           \
		if (!(what)) {                                                                                         \
			printf("FAILED: %s:%d: %s; last error: %s\n", __FILE__, __LINE__, #what, segreg_last_error()); \
			fflush(stdout);                                                                                \
			_exit(1);                                                                                      \
		}                                                                                                      \
	} while (0)

#define CHECK_OK(call)                                                                                                 \
	do {                                                                                                           \
		const auto status_ = (call);                                                                           \
		if (!status_.ok()) {                                                                                   \
			printf("FAILED: %s:%d: %s: %s\n", __FILE__, __LINE__, #call, status_.ToString().c_str());      \
			fflush(stdout);                                                                                \
			_exit(1);                                                                                      \
		}                                                                                                      \
	} while (0)

/* A registry in a directory of its own, and a directory for a database. */
struct World {
	std::string base, db, registry, outside;
	struct segreg *reg;

	/* No segment may be left that a sweep tries to delete in vain. */
	void Sweep() const
	{
		struct segreg_stats stats = {};

		CHECK(segreg_sweep(reg, nullptr, nullptr) == 0);
		stats.size = sizeof(stats);
		CHECK(segreg_stats(reg, &stats) == 0);
		CHECK(stats.failed == 0);
	}
};

class Horizon
{
public:
	explicit Horizon(struct segreg *reg) : reg_(reg)
	{
		CHECK(segreg_snapshot_take(reg_, SEGREG_HORIZON, &horizon_) == 0);
	}
	~Horizon()
	{
		if (horizon_.owner)
			Release();
	}
	void Release() const
	{
		CHECK(segreg_snapshot_release(reg_, &horizon_) == 0);
	}

private:
	struct segreg *reg_;
	mutable struct segreg_snapshot horizon_;
};

inline bool Exists(const std::string &path)
{
	struct stat st;

	return lstat(path.c_str(), &st) == 0;
}

inline std::string ContentOf(int fd)
{
	char buf[100];
	const ssize_t n = fd < 0 ? -1 : pread(fd, buf, sizeof(buf), 0);

	if (fd >= 0)
		close(fd);
	return n < 0 ? "(no such file)" : std::string(buf, static_cast<size_t>(n));
}

inline std::string Content(const std::string &path)
{
	return ContentOf(open(path.c_str(), O_RDONLY));
}

/* Another process; it may end by SIGKILL. */
inline void InChild(const std::function<void()> &fn)
{
	const pid_t pid = fork();
	int status;

	if (pid == 0) {
		fn();
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
}

struct Test {
	const char *name;
	void (*fn)(const World &w);
};

/* Each test is a process with a world of its own. */
inline int RunTests(std::initializer_list<Test> tests)
{
	int failed = 0;

	for (const Test &test : tests) {
		char base[] = "/tmp/segreg-engine-XXXXXX", outside[] = "/tmp/segreg-outside-XXXXXX";
		int status;

		CHECK(mkdtemp(base) && mkdtemp(outside));
		fflush(stdout);
		const pid_t pid = fork();
		if (pid == 0) {
			struct segreg_open_options options = {};
			World w = { base, std::string(base) + "/db", std::string(base) + "/registry", outside,
				    nullptr };
			options.size = sizeof(options);
			options.flags = SEGREG_CREATE;
			CHECK(segreg_open(w.registry.c_str(), &options, &w.reg) == 0);
			CHECK(mkdir(w.db.c_str(), 0777) == 0);
			test.fn(w);
			CHECK(segreg_close(w.reg, nullptr) == 0);
			exit(0);
		}
		CHECK(waitpid(pid, &status, 0) == pid);
		printf("%s %s\n", status ? "FAILED:" : "ok", test.name);
		failed += status != 0;
		const std::string command = std::string("rm -rf --one-file-system ") + base + " " + outside;
		CHECK(system(command.c_str()) == 0);
	}
	return failed != 0;
}

#endif
