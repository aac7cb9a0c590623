/*
 * check_rocksdb.h - the parts of the tests of RocksDB's file systems. Each returns whether a test failed.
 */
#ifndef ENGINES_CHECK_ROCKSDB_H
#define ENGINES_CHECK_ROCKSDB_H

#include "check.h"

int RunReadTests();
int RunFeatureTests();

#endif
