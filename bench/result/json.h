/*
 * json.h - a run's results as JSON.
 */
#ifndef BENCH_JSON_H
#define BENCH_JSON_H

#include "result/machine.h"

#include <stdbool.h>

/* Write DIR/bench.json. is_whole: the run asked every question. */
void json_write(const char *dir, const struct machine_fact *facts, bool is_whole);

#endif
