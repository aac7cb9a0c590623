/*
 * questions.h - the list of questions, in the order of a run. Question NAME is question_NAME() in NAME.c.
 */
#ifndef BENCH_QUESTIONS_H
#define BENCH_QUESTIONS_H

#define QUESTIONS(X)                                                                                                   \
	X(pin_hot, "pin and unpin of one segment, in one process, beside every peer")                                  \
	X(pin_two, "the same segment from two processes at once")                                                      \
	X(pin_growth, "pins against the number of segments and of processes")                                          \
	X(snapshot, "holding a whole version, of few and of many segments")                                            \
	X(pin_tail, "the slowest pins while a sweep deletes large files and edits commit")                             \
	X(commit, "durable changes beside LMDB alone")                                                                 \
	X(group, "durable commits of several processes or threads")                                                    \
	X(decide, "a sweep's decision on many retired segments, all of them held")                                     \
	X(sweep, "deleting trees beside rm -rf")                                                                       \
	X(backup, "a backup of many small files, and its restoration, beside cp -a and sync")                          \
	X(rebuild, "opening after a reboot beside a scan of the records")                                              \
	X(attach, "opening and closing beside others, few or 1,000")                                                   \
	X(death, "from the death of a holder to its segment gone")                                                     \
	X(engine, "RocksDB and LevelDB with segreg beside the same without; from a release to a file gone")            \
	X(memory, "shared memory of a segment and of a handle")                                                        \
	X(idle, "wake-ups of an idle segregd")

#define DECLARE(name, text) void question_##name(void);
QUESTIONS(DECLARE)
#undef DECLARE

/* Start the segregd of question_idle, which idles during the whole run. */
void question_idle_begin(void);

#endif
