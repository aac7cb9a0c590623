/*
 * base.c - the base directory and its marker.
 */
#include "harness.h"
#include "world.h"
#include "base/sr_base.h"
#include "base/sr_foreign.h"

#include <fcntl.h>
#include <unistd.h>

static bool is_foreign(const struct t_world *w, const char *path)
{
	int dir = T_SYS(open(t_path(w, "%s", path), O_PATH | O_DIRECTORY | O_CLOEXEC));
	int answer = sr_foreign_is_there(dir);

	T_CHECK(answer >= 0);
	close(dir);
	return answer;
}

static void write_text(const struct t_world *w, const char *path, const char *text, size_t size)
{
	int fd = T_SYS(open(t_path(w, "%s", path), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));

	T_EQ(write(fd, text, size), (ssize_t)size);
	close(fd);
}

static void tells_bases_and_registries(void)
{
	struct t_world w = t_world(T_MEMORY);

	t_close(t_open(&w));
	T_CHECK(is_foreign(&w, ".")); /* its marker */
	T_CHECK(is_foreign(&w, "registry"));
	t_make_dir(&w, "other", 10);
	T_CHECK(!is_foreign(&w, "other"));
	write_text(&w, "other/registry.lock", "mine", 4);
	write_text(&w, "other/.segreg", "", 0);
	T_CHECK(!is_foreign(&w, "other")); /* another program's */
	T_SYS(unlink(t_path(&w, "other/.segreg")));
	T_SYS(mkdir(t_path(&w, "other/.segreg"), 0700));
	T_CHECK(!is_foreign(&w, "other"));
	T_SYS(rmdir(t_path(&w, "other/.segreg")));
	T_SYS(mkfifo(t_path(&w, "other/.segreg"), 0600)); /* and nobody waits for a writer */
	T_CHECK(!is_foreign(&w, "other"));
}

T_SUITE(base,
	{ "a directory with a marker or a registry.lock is foreign, and one with other files of these names is not",
	  tells_bases_and_registries });
