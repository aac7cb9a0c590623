/*
 * commit.c - what does a durable change cost, beside LMDB alone with the same records and the same look at the path?
 */
#include "store.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ONES 16u /* commits in a round */
#define ROUNDS 31u

struct scene {
	struct segreg *reg;
	struct store store;
	int base;
	uint64_t next, next_bare, retired, retired_bare;
	uint64_t batch;
};

/* Is it there, below base, reached without a symlink, and what is it? */
static void check_path(int base, const char *path)
{
	struct open_how how = {
		.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS,
	};
	struct statx stx;
	int fd = (int)syscall(SYS_openat2, base, path, &how, sizeof(how));

	BENCH_OK(fd);
	BENCH_OK(statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &stx));
	bench_keep(stx.stx_ino);
	close(fd);
}

static double register_ones(void *arg)
{
	struct scene *s = arg;
	char path[BENCH_PATH_LENGTH + 1];
	double begin = bench_now();

	for (unsigned i = 0; i < ONES; i++) {
		bench_path(++s->next, path);
		BENCH_OK(segreg_register(s->reg, s->next, path));
	}
	return (bench_now() - begin) / ONES * 1e6;
}

static double put_ones(void *arg)
{
	struct scene *s = arg;
	char path[BENCH_PATH_LENGTH + 1];
	double begin = bench_now();

	for (unsigned i = 0; i < ONES; i++) {
		bench_path(++s->next_bare, path);
		check_path(s->base, path);
		store_begin(&s->store);
		store_put(&s->store, s->next_bare, path);
		store_commit(&s->store);
	}
	return (bench_now() - begin) / ONES * 1e6;
}

static double retire_ones(void *arg)
{
	struct scene *s = arg;
	double begin = bench_now();

	for (unsigned i = 0; i < ONES; i++)
		BENCH_OK(segreg_retire(s->reg, ++s->retired));
	return (bench_now() - begin) / ONES * 1e6;
}

static double update_ones(void *arg)
{
	struct scene *s = arg;
	char path[BENCH_PATH_LENGTH + 1];
	double begin = bench_now();

	for (unsigned i = 0; i < ONES; i++) {
		bench_path(++s->retired_bare, path);
		store_begin(&s->store);
		store_put(&s->store, s->retired_bare, path);
		store_commit(&s->store);
	}
	return (bench_now() - begin) / ONES * 1e6;
}

static double add_batch(void *arg)
{
	struct scene *s = arg;
	char path[BENCH_PATH_LENGTH + 1];
	struct segreg_edit *edit;
	double begin = bench_now();

	BENCH_OK(segreg_edit_begin(s->reg, &edit));
	for (uint64_t i = 0; i < s->batch; i++) {
		bench_path(++s->next, path);
		BENCH_OK(segreg_edit_add(edit, s->next, path));
	}
	BENCH_OK(segreg_edit_commit(edit, NULL));
	return (bench_now() - begin) * 1e3;
}

static double put_batch(void *arg)
{
	struct scene *s = arg;
	char path[BENCH_PATH_LENGTH + 1];
	double begin = bench_now();

	store_begin(&s->store);
	for (uint64_t i = 0; i < s->batch; i++) {
		bench_path(++s->next_bare, path);
		check_path(s->base, path);
		store_put(&s->store, s->next_bare, path);
	}
	store_commit(&s->store);
	return (bench_now() - begin) * 1e3;
}

void bench_commit(void)
{
	struct scene s = { .batch = bench_quick() ? 2000 : 10000 };
	struct bench_contender ones[] = { { .name = "segreg_register", .run = register_ones, .arg = &s },
					  { .name = "LMDB, and the path checked", .run = put_ones, .arg = &s } };
	struct bench_contender retired[] = { { .name = "segreg_retire", .run = retire_ones, .arg = &s },
					     { .name = "LMDB", .run = update_ones, .arg = &s } };
	struct bench_contender many[] = { { .name = "segreg, one edit", .run = add_batch, .arg = &s },
					  { .name = "LMDB, one transaction, and the paths checked", .run = put_batch, .arg = &s } };
	const unsigned batches = 7;
	char question[64];

	s.reg = bench_registry_light("commit", 0);
	bench_make_segments(s.reg, 1, (ROUNDS + 1) * ONES + (batches + 1) * s.batch, 0);
	s.base = open(segreg_base_path(s.reg), O_PATH | O_DIRECTORY | O_CLOEXEC);
	BENCH_OK(s.base);
	store_make(&s.store, "commit-bare");

	bench_contest("commit, one added", "us", ones, 2, ROUNDS);
	bench_bound("durable register of one", ones[1].ratio.median, 1.15, false, "x LMDB put + path check");
	bench_contest("commit, one retired", "us", retired, 2, ROUNDS);
	bench_bound("durable retire of one", retired[1].ratio.median, 1.15, false, "x LMDB put");
	snprintf(question, sizeof(question), "commit, %llu added", (unsigned long long)s.batch);
	bench_contest(question, "ms", many, 2, batches);
	bench_bound(bench_quick() ? "one edit of 2,000 adds" : "one edit of 10,000 adds", many[1].ratio.median, 1.3, false,
		    "x LMDB batch + path checks");
	store_close(&s.store);
	close(s.base);
	BENCH_OK(segreg_close(s.reg, NULL));
}
