/*
 * hostile.c - a neighbour exchanges directories below base for symbolic links that lead out of it.
 * The exchanges go on while segments are registered, read, swept and measured. What lies outside is neither read nor
 * deleted.
 *
 * EXCHANGES=n: the number of exchanges; a million take some minutes.
 */
#include "harness.h"
#include "world.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SEGMENTS 8u
#define A_SAMPLE 20000u
#define SECRET "not yours\n"

struct stage {
	struct t_world w;
	struct segreg *reg;
	char outside[T_PATH_SIZE]; /* has what base/area has, by name */
	int area;                  /* the true one, wherever it is */
	unsigned *exchanges;       /* so far, by the neighbour */
	pid_t neighbour;
};

static void write_file(int dir, const char *path, const char *text)
{
	int fd = T_SYS(openat(dir, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));

	T_EQ(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static const char *name_of(unsigned i, const char *below)
{
	static char names[4][64];
	static unsigned next;
	char *name = names[next++ % 4];

	snprintf(name, 64, "s%u%s", i, below);
	return name;
}

static struct stage set(void)
{
	struct stage s = { .w = t_world(T_MEMORY) };
	struct t_world other = t_world(T_MEMORY);
	int outside;

	s.reg = t_open(&s.w);
	snprintf(s.outside, sizeof(s.outside), "%s", other.base);
	outside = T_SYS(open(s.outside, O_PATH | O_DIRECTORY | O_CLOEXEC));
	T_SYS(mkdir(t_path(&s.w, "area"), 0700));
	s.area = T_SYS(open(t_path(&s.w, "area"), O_PATH | O_DIRECTORY | O_CLOEXEC));
	T_SYS(symlink(s.outside, t_path(&s.w, "decoy")));
	for (unsigned i = 0; i < SEGMENTS; i++) {
		T_SYS(mkdirat(outside, name_of(i, ""), 0700));
		write_file(outside, name_of(i, "/data"), SECRET);
	}
	close(outside);
	s.exchanges = mmap(NULL, sizeof(*s.exchanges), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	T_CHECK(s.exchanges != MAP_FAILED);
	return s;
}

/* The directory and the link; or a segment's directory and one that is not it. */
static void exchange_for_ever(const struct stage *s)
{
	char area[T_PATH_SIZE + 32], decoy[T_PATH_SIZE + 32];

	snprintf(area, sizeof(area), "%s", t_path(&s->w, "area"));
	snprintf(decoy, sizeof(decoy), "%s", t_path(&s->w, "decoy"));
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		renameat2(AT_FDCWD, area, AT_FDCWD, decoy, RENAME_EXCHANGE);
		__atomic_add_fetch(s->exchanges, 1, __ATOMIC_RELAXED);
	}
}

static void check_outside(const struct stage *s)
{
	for (unsigned i = 0; i < SEGMENTS; i++) {
		char path[T_PATH_SIZE + 64], text[sizeof(SECRET)] = "";
		int fd;

		snprintf(path, sizeof(path), "%s/%s", s->outside, name_of(i, "/data"));
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd == -1 || read(fd, text, sizeof(text) - 1) == -1 || strcmp(text, SECRET))
			T_FAIL("%s is not what it was", path);
		close(fd);
	}
}

static void read_one(struct stage *s, uint64_t id)
{
	struct segreg_pin pin;
	char text[64] = "";
	int fd = -1;

	if (segreg_pin(s->reg, id, 0, &pin))
		return;
	if (segreg_pin_open(s->reg, &pin, "data", &fd) == 0) {
		T_CHECK(read(fd, text, sizeof(text) - 1) > 0);
		T_CHECK(strcmp(text, SECRET) != 0);
		close(fd);
	}
	T_OK(segreg_unpin(s->reg, &pin));
}

static int nothing_for(void *arg, const struct segreg_finding *finding)
{
	(void)arg;
	T_CHECK(strncmp(finding->path, "..", 2) != 0);
	return 0;
}

/* Much of this is refused or fails, as it must. What was retired and could not be deleted is forgotten for the next
 * turn. */
static void turn(struct stage *s)
{
	const struct segreg_sweep_options dry = { .size = sizeof(dry), .flags = SEGREG_SWEEP_DRY_RUN };

	for (unsigned i = 0; i < SEGMENTS; i++) {
		char path[64];

		if (mkdirat(s->area, name_of(i, ""), 0700) == -1)
			T_EQ(errno, EEXIST);
		write_file(s->area, name_of(i, "/data"), "ours");
		snprintf(path, sizeof(path), "area/%s", name_of(i, ""));
		segreg_register(s->reg, i, path);
		read_one(s, i);
		segreg_retire(s->reg, i);
	}
	segreg_sweep(s->reg, &dry, NULL);
	T_OK(segreg_sweep(s->reg, NULL, NULL));
	segreg_check(s->reg, 0, nothing_for, NULL);
	for (unsigned i = 0; i < SEGMENTS; i++)
		segreg_force_remove(s->reg, i, SEGREG_FORCE);
}

static void exchanged(void)
{
	const char *wanted = getenv("EXCHANGES");
	unsigned most = wanted ? (unsigned)strtoul(wanted, NULL, 10) : A_SAMPLE, turns = 0;
	struct stage s = set();

	t_allow_seconds(wanted ? 86400 : T_SECONDS);
	s.neighbour = T_SYS(fork());
	if (!s.neighbour)
		exchange_for_ever(&s);
	for (; __atomic_load_n(s.exchanges, __ATOMIC_RELAXED) < most || turns < 20; turns++) {
		turn(&s);
		check_outside(&s);
	}
	T_SYS(kill(s.neighbour, SIGKILL));
	T_EQ(waitpid(s.neighbour, NULL, 0), s.neighbour);
	check_outside(&s);
	T_CHECK(t_stats(s.reg).deleted > 0);
	printf("(%u exchanges, %u turns, %llu deleted) ", *s.exchanges, turns,
	       (unsigned long long)t_stats(s.reg).deleted);
	t_close(s.reg);
}

T_SUITE(hostile, { "directories are exchanged for links out of base all the time: nothing outside is read or deleted",
		   exchanged });
