/*
 * harness.h - suites and checks. Each test runs in a process of its own.
 *
 * A suite is one T_SUITE at the end of a file; nothing else has to know of it:
 *
 *      T_SUITE(pins,
 *              { "a pin of an unknown id is refused", refuses_unknown },
 *              { "a pin outlives the retirement of its segment", outlives_retirement });
 *
 * A check that fails ends the test there, from whatever thread or forked process it stands in. The runner reports it
 * with its file, line and values. A test fails if it crashes, leaks (sanitizer builds) or takes longer than T_SECONDS,
 * and the tests after it still run. T_PATIENCE in the environment multiplies T_SECONDS.
 */
#ifndef T_HARNESS_H
#define T_HARNESS_H

#include "segreg.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define T_SECONDS 600u /* after which a test hangs, even on a machine that has much else to do */

struct t_test {
	const char *name; /* a sentence about behaviour */
	void (*fn)(void);
};

struct t_suite {
	const char *name;
	const struct t_test *tests;
	size_t count;
	struct t_suite *next;
};

void t_suite_add(struct t_suite *suite);
struct t_suite *t_suites(void); /* in the order in which they were linked */

#define T_SUITE(ident, ...)                                                                                            \
	static const struct t_test ident##_tests[] = { __VA_ARGS__ };                                                  \
	static struct t_suite ident##_suite = {                                                                        \
		.name = #ident,                                                                                        \
		.tests = ident##_tests,                                                                                \
		.count = sizeof(ident##_tests) / sizeof(ident##_tests[0]),                                             \
	};                                                                                                             \
	static void __attribute__((constructor)) ident##_register(void)                                                \
	{                                                                                                              \
		t_suite_add(&ident##_suite);                                                                           \
	}                                                                                                              \
	struct t_suite /* takes the semicolon */

/* ---------------------------------------------------------------- checks */

#define T_HERE __FILE__, __LINE__

#define T_CHECK(claim) t_check(T_HERE, (claim), #claim)
#define T_EQ(actual, expected) t_equal(T_HERE, #actual, (intmax_t)(actual), (intmax_t)(expected))
#define T_STR(actual, expected) t_text(T_HERE, #actual, (actual), (expected))
#define T_HAS(text, part) t_text_has(T_HERE, #text, (text), (part))
#define T_SYS(call) t_system(T_HERE, #call, (call)) /* a system call; its value, which is not -1 */

/* A library call, here or in a peer: succeeds; fails with this very code, and with a text. */
#define T_OK(call) t_result(T_HERE, #call, 0, (t_forget_text(), (call)))
#define T_ERR(code, call) t_result(T_HERE, #call, (code), (t_forget_text(), (call)))

#define T_FAIL(...) t_fail(T_HERE, __VA_ARGS__)
#define T_SKIP(...) t_skip(__VA_ARGS__) /* ends the test; says why it cannot run here */

void t_check(const char *file, int line, bool holds, const char *claim);
void t_equal(const char *file, int line, const char *what, intmax_t actual, intmax_t expected);
void t_text(const char *file, int line, const char *what, const char *actual, const char *expected);
void t_text_has(const char *file, int line, const char *what, const char *text, const char *part);
int t_system(const char *file, int line, const char *what, int result);
void t_result(const char *file, int line, const char *what, int expected, int result);
void t_fail(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4), noreturn));
void t_skip(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* The text of the last failed library call: this thread's, or a peer's if that one failed since t_forget_text. */
const char *t_last_text(void);
void t_forget_text(void);
void t_peer_text(const char *text);

/* From now on the test hangs after that many seconds, if these are more than T_SECONDS. */
void t_allow_seconds(unsigned seconds);

/* Call fn when the test has passed, before its process ends; the last one first. */
void t_at_end(void (*fn)(void));

/* ---------------------------------------------------------------- stop points and failing calls */

/*
 * When the calling thread comes to the stop point for the nth time from now (1: the next), call fn there. NULL for
 * point: to any point. fn may command peers, but must not call the library itself where a lock is held. One at a time;
 * fn NULL: none.
 */
void t_at_point(const char *point, unsigned nth, void (*fn)(void *arg, const char *point), void *arg);

/* Let the calling thread's nth system call of that name from now fail with errnum; nth 0: each one. call NULL: none. */
void t_fail_call(const char *call, unsigned nth, int errnum);

/* How many times the named call was made to fail since. */
unsigned t_failed_calls(void);

/* ---------------------------------------------------------------- for the runner */

#define T_WORLDS 24
#define T_PATH_SIZE 256

/* What a test tells the runner; shared by all its processes. */
struct t_outcome {
	uint32_t checks;
	uint32_t claimed; /* by the first to fail or skip */
	bool skipped;
	int line;
	char file[128];
	char text[3072];
	uint32_t worlds;
	char world[T_WORLDS][T_PATH_SIZE]; /* directories to remove */
};

extern struct t_outcome *t_outcome;

/* Run fn in a process of its own and fill *t_outcome. */
void t_run_isolated(void (*fn)(void));

#endif
