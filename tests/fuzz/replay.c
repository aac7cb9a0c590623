/*
 * replay.c - the main program where there is no libFuzzer: "segreg-fuzz TARGET FILE..." tries each input once.
 *
 * An input that takes longer than LIMIT seconds ends the process by SIGALRM. The name of each input is printed before
 * it is tried.
 */
#include "fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIMIT 60

static unsigned tried;

static void try_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	uint8_t *data;

	FUZZ_CLAIM(fd >= 0 && fstat(fd, &st) == 0);
	data = malloc((size_t)st.st_size + !st.st_size); /* just so large, for those who look for reads beyond */
	FUZZ_CLAIM(data && read(fd, data, (size_t)st.st_size) == st.st_size);
	close(fd);
	if (getenv("V"))
		dprintf(STDERR_FILENO, "%s\n", path);
	alarm(LIMIT);
	LLVMFuzzerTestOneInput(data, (size_t)st.st_size);
	alarm(0);
	free(data);
	tried++;
}

static void try_path(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	if (!dir) {
		try_file(path);
		return;
	}
	while ((entry = readdir(dir))) {
		char below[PATH_MAX];

		snprintf(below, sizeof(below), "%s/%s", path, entry->d_name);
		if (entry->d_name[0] != '.')
			try_file(below);
	}
	closedir(dir);
}

int main(int argc, char **argv)
{
	LLVMFuzzerInitialize(&argc, &argv);
	for (int i = 1; i < argc; i++)
		try_path(argv[i]);
	dprintf(STDERR_FILENO, "Done %u runs\n", tried);
	return tried ? 0 : 1;
}
