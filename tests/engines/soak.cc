/*
 * soak.cc - an engine's database under one writer, readers of three kinds and a sweeper, each killed again and again.
 *
 * Every reader takes a horizon and opens the database. Then it waits until the writer has replaced all that the
 * database had, and reads it from one end to the other:
 *
 *   scan: keeps its horizon until it has read.
 *   follow: reads and catches up in turns. It takes a second horizon, catches up, and lets the first go.
 *   pin: registers and pins the files that a scan needs, and lets the horizon go before it reads.
 *
 * A scan must have each key once, with bytes that some write of that key had. The keys of a group must come from one
 * write. That write must not be older than what was acknowledged before the reader opened the database. At the end
 * the writer opens the database once more. After a sweep nothing may be left in its directory that is not live.
 *
 * With --control the same processes use the engine without segreg. Readers then fail; the soak ends at the first
 * failure, and fails itself if there is none.
 */
#include "soak_roles.h"

#include <random>

#include <dirent.h>
#include <segreg.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

Board *board;
std::string db_dir, registry_dir, scratch_dir;
bool control;

namespace
{

/* A child does as little as possible before it plays, and dies with the director. */
pid_t Start(Role role)
{
	const pid_t pid = fork();

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	Play(role);
}

double Now()
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

void Remove(const std::string &dir)
{
	const pid_t pid = fork();

	if (pid == 0) {
		execlp("rm", "rm", "-rf", "--one-file-system", dir.c_str(), nullptr);
		_exit(127);
	}
	waitpid(pid, nullptr, 0);
}

/* Each group once, by a process of its own: the director opens no database before it forks. */
void Load()
{
	const pid_t pid = fork();
	int status;

	if (pid == 0) {
		std::string error;
		const std::unique_ptr<Writer> writer = OpenWriter(db_dir, control ? "" : registry_dir, &error);

		if (!writer)
			Fail(kWriter, "the database does not open: %s", error.c_str());
		for (int group = 0; group < kGroups && error.empty(); group++)
			error = PutGroup(writer.get(), group);
		if (!error.empty())
			Fail(kWriter, "the first load ends: %s", error.c_str());
		_exit(0);
	}
	waitpid(pid, &status, 0);
}

bool AllHaveRead()
{
	return board->reads[kScanner] && board->reads[kFollower] && board->reads[kPinner];
}

/* Kills one process after the other until the time is over, and returns how many it killed. */
unsigned Direct(double seconds, unsigned seed)
{
	std::mt19937 random(seed);
	pid_t pids[kRoles];
	const int n = control ? kSweeper : kRoles;
	const double end = Now() + seconds;
	double next_kill = Now() + 0.5;
	unsigned kills = 0;
	int status;

	for (int i = 0; i < n; i++)
		pids[i] = Start(static_cast<Role>(i));
	/* On a slow machine it takes longer until each kind of reader has read. */
	while ((Now() < end || (!control && !AllHaveRead() && Now() < end + 120)) && board->failures == 0) {
		for (int i = 0; i < n; i++)
			if (waitpid(pids[i], &status, WNOHANG) == pids[i]) {
				if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
					board->failures++,
						fprintf(stderr, "%s: signal %d\n", role_names[i], WTERMSIG(status));
				pids[i] = Start(static_cast<Role>(i));
			}
		/* A reader lives long enough to read: in the control no process is killed. */
		if (Now() > next_kill && !control) {
			kill(pids[random() % n], SIGKILL);
			kills++;
			next_kill = Now() + 0.05 + static_cast<double>(random() % 500) / 1000;
		}
		Sleep(2);
	}
	board->stop = true;
	for (int i = 0; i < n; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], &status, 0);
	}
	return kills;
}

int NoteLive(void *arg, const struct segreg_info *info)
{
	if (info->state == SEGREG_LIVE)
		static_cast<std::vector<std::string> *>(arg)->push_back(info->path);
	return 0;
}

/* The writer opens the database once more, and all that is not live goes. What stays is a leak. */
void Audit()
{
	std::string error;
	std::set<std::string> live;
	std::vector<std::string> registered;
	struct segreg *reg = OpenRegistry(kSweeper);

	std::unique_ptr<Writer> writer = OpenWriter(db_dir, registry_dir, &error);
	if (!writer)
		Fail(kWriter, "the database does not open: %s", error.c_str());
	CheckWriter(writer.get());
	error = writer->LiveFiles(&live);
	if (!error.empty())
		Fail(kWriter, "which files are live: %s", error.c_str());
	if (segreg_discard(reg, nullptr, 0, 0) < 0 || segreg_sweep(reg, nullptr, nullptr) < 0 ||
	    segreg_list(reg, NoteLive, &registered) < 0)
		Fail(kSweeper, "%s", segreg_last_error());
	DIR *dir = opendir(db_dir.c_str());
	while (const struct dirent *entry = readdir(dir)) {
		const std::string name = entry->d_name;
		if (name != "." && name != ".." && !live.count(name))
			Fail(kWriter, "%s is left over", name.c_str());
	}
	closedir(dir);
	for (const std::string &path : registered)
		if (!live.count(path.substr(path.rfind('/') + 1)))
			Fail(kSweeper, "the segment %s is live, but the engine has let it go", path.c_str());
	struct segreg_stats stats = {};
	stats.size = sizeof(stats);
	segreg_stats(reg, &stats);
	if (stats.pending || stats.deleting || stats.failed)
		Fail(kSweeper, "%llu pending and %llu deleting are left",
		     static_cast<unsigned long long>(stats.pending), static_cast<unsigned long long>(stats.deleting));
	writer.reset();
	segreg_close(reg, nullptr);
}

} // namespace

int main(int argc, char **argv)
{
	double seconds = 60;
	unsigned seed = static_cast<unsigned>(getpid());

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--control"))
			control = true;
		else if (!strcmp(argv[i], "--seconds") && i + 1 < argc)
			seconds = atof(argv[++i]);
		else if (!strcmp(argv[i], "--seed") && i + 1 < argc)
			seed = static_cast<unsigned>(atoi(argv[++i]));
		else
			return fprintf(stderr, "usage: %s [--control] [--seconds N] [--seed N]\n", argv[0]), 2;
	}
	board = static_cast<Board *>(
		mmap(nullptr, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	char base[] = "/var/tmp/segreg-engine-XXXXXX";
	if (board == MAP_FAILED || !mkdtemp(base))
		return perror("segreg-engine"), 2;
	db_dir = std::string(base) + "/db";
	registry_dir = std::string(base) + "/registry";
	scratch_dir = std::string(base) + "/scratch";
	mkdir(db_dir.c_str(), 0777);
	mkdir(scratch_dir.c_str(), 0777);

	Load();
	const unsigned kills = board->failures ? 0 : Direct(seconds, seed);
	if (!control && board->failures == 0) {
		const pid_t pid = fork();
		int status = 0;
		if (pid == 0) {
			Audit();
			_exit(0);
		}
		waitpid(pid, &status, 0);
		if (status != 0 && board->failures == 0)
			board->failures++;
	}
	const unsigned long long failures = board->failures;
	printf("%s%s: %llu writes, %llu scans, %llu reads between catch-ups, %llu scans of pinned files, %u kills: "
	       "%llu failures (seed %u)\n",
	       engine_name, control ? " without segreg" : "", static_cast<unsigned long long>(board->puts),
	       static_cast<unsigned long long>(board->reads[kScanner]),
	       static_cast<unsigned long long>(board->reads[kFollower]),
	       static_cast<unsigned long long>(board->reads[kPinner]), kills, failures, seed);
	if (control) {
		Remove(base);
		return failures ? 0 : 1;
	}
	if (failures) {
		fprintf(stderr, "the files are kept in %s\n", base);
		return 1;
	}
	Remove(base);
	if (!AllHaveRead())
		fprintf(stderr, "a kind of reader never came to read: this run shows nothing\n");
	return !AllHaveRead();
}
