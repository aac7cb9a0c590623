/*
 * files.c - opening and mapping the files of pinned segments: what is reached, and what is not.
 */
#include "harness.h"
#include "world.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SIZE 5000u

struct stage {
	struct t_world w;
	struct segreg *reg;
	struct segreg_pin dir, file; /* segment 1, a directory; segment 2, a file */
};

static struct stage set(void)
{
	struct stage s = { .w = t_world(T_MEMORY) };

	s.reg = t_open(&s.w);
	t_make_dir(&s.w, "one", SIZE);
	T_SYS(mkdir(t_path(&s.w, "one/sub"), 0700));
	t_make_file(&s.w, "one/sub/deep", SIZE);
	t_make_file(&s.w, "one/empty", 0);
	T_SYS(symlink("data", t_path(&s.w, "one/link")));
	T_SYS(symlink("sub", t_path(&s.w, "one/way")));
	T_SYS(symlink("../two", t_path(&s.w, "one/out")));
	T_SYS(mkfifo(t_path(&s.w, "one/fifo"), 0600));
	t_make_file(&s.w, "two", SIZE);
	T_OK(segreg_register(s.reg, 1, "one"));
	T_OK(segreg_register(s.reg, 2, "two"));
	T_OK(segreg_pin(s.reg, 1, 0, &s.dir));
	T_OK(segreg_pin(s.reg, 2, 0, &s.file));
	return s;
}

static void strike(struct stage *s)
{
	t_close(s->reg);
}

static bool opens(struct stage *s, const struct segreg_pin *pin, const char *file)
{
	int fd = -1;
	bool same;

	T_OK(segreg_pin_open(s->reg, pin, file, &fd));
	T_EQ(write(fd, "x", 1), -1);
	same = t_fd_has_pattern(fd, SIZE);
	close(fd);
	return same;
}

static void opened(void)
{
	struct stage s = set();

	T_CHECK(opens(&s, &s.dir, "data"));
	T_CHECK(opens(&s, &s.dir, "sub/deep"));
	T_CHECK(opens(&s, &s.file, NULL));
	strike(&s);
}

/* By no symbolic link, not even one that stays inside, and by no "..". */
static void not_reached(void)
{
	static const char *const outside[] = { "link", "way/deep", "out", "../two", "/etc/passwd", "sub/../../two" };
	struct stage s = set();
	int fd = -1;

	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++)
		T_ERR(SEGREG_E_PATH, segreg_pin_open(s.reg, &s.dir, outside[i], &fd));
	T_ERR(SEGREG_E_NOFILE, segreg_pin_open(s.reg, &s.dir, "absent", &fd));
	T_HAS(segreg_last_error(), "\"absent\"");
	T_ERR(SEGREG_E_NOFILE, segreg_pin_open(s.reg, &s.dir, "sub/absent", &fd));
	T_ERR(SEGREG_E_NOFILE, segreg_pin_open(s.reg, &s.dir, "absent/data", &fd));
	T_ERR(SEGREG_E_NOFILE, segreg_pin_open(s.reg, &s.file, "data", &fd)); /* a file has none inside */
	T_SYS(rename(t_path(&s.w, "one"), t_path(&s.w, "away")));             /* behind the registry's back */
	T_SYS(rename(t_path(&s.w, "two"), t_path(&s.w, "away/two")));
	T_ERR(SEGREG_E_NOFILE, segreg_pin_open(s.reg, &s.dir, "data", &fd));
	T_ERR(SEGREG_E_NOFILE, segreg_pin_open(s.reg, &s.file, NULL, &fd));
	T_HAS(segreg_last_error(), "nothing is at two");
	T_EQ(fd, -1);
	strike(&s);
}

static void mapped(void)
{
	struct stage s = set();
	struct segreg_map map;

	T_OK(segreg_map(s.reg, 1, "sub/deep", 0, &map));
	T_EQ(map.length, SIZE);
	T_CHECK(t_is_pattern(map.data, SIZE));
	T_EQ(t_refcount(s.reg, 1), 2);
	T_OK(segreg_unmap(s.reg, &map));
	T_OK(segreg_map(s.reg, 2, NULL, SEGREG_PIN_LIVE, &map));
	T_EQ(map.length, SIZE);
	T_OK(segreg_unmap(s.reg, &map));
	T_OK(segreg_map(s.reg, 1, "empty", 0, &map));
	T_EQ(map.length, 0);
	T_CHECK(!map.data);
	T_OK(segreg_unmap(s.reg, &map));
	T_ERR(SEGREG_E_NOTPINNED, segreg_unmap(s.reg, &map));
	T_EQ(t_refcount(s.reg, 1), 1);
	strike(&s);
}

/* A FIFO neither blocks nor is mapped; what fails leaves no pin. */
static void not_mapped(void)
{
	struct stage s = set();
	struct segreg_map map;
	char name[257] = "";

	T_ERR(SEGREG_E_PATH, segreg_map(s.reg, 1, "fifo", 0, &map));
	T_ERR(SEGREG_E_PATH, segreg_map(s.reg, 1, "sub", 0, &map));
	T_ERR(SEGREG_E_PATH, segreg_map(s.reg, 1, NULL, 0, &map));
	T_ERR(SEGREG_E_PATH, segreg_map(s.reg, 1, "link", 0, &map));
	T_ERR(SEGREG_E_NOFILE, segreg_map(s.reg, 1, "absent", 0, &map));
	T_HAS(segreg_last_error(), "segment 1 is registered, but there is no");
	memset(name, 'x', sizeof(name) - 1);
	T_ERR(SEGREG_E_NOFILE, segreg_map(s.reg, 1, name, 0, &map));
	T_ERR(SEGREG_E_NOENT, segreg_map(s.reg, 3, NULL, 0, &map));
	T_OK(segreg_retire(s.reg, 1));
	T_ERR(SEGREG_E_NOENT, segreg_map(s.reg, 1, "data", SEGREG_PIN_LIVE, &map));
	T_EQ(t_refcount(s.reg, 1), 1);
	strike(&s);
}

T_SUITE(files, { "files of a segment are opened for reading", opened },
	{ "nothing outside is reached, and nothing by a symbolic link", not_reached },
	{ "files are mapped, empty ones too, and pinned as long as they are", mapped },
	{ "what is no file is not mapped, and leaves no pin", not_mapped });
