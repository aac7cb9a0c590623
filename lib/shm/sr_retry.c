/*
 * sr_retry.c - when a deletion that failed is tried again.
 */
#include "shm/sr_retry.h"

#define RETRY_FIRST ((int64_t)1000000000)
#define RETRY_LAST ((int64_t)300 * 1000000000)

int64_t sr_retry_pause(uint32_t attempts)
{
	int64_t pause = RETRY_FIRST;

	for (uint32_t i = 1; i < attempts && pause < RETRY_LAST; i++)
		pause *= 2;
	return pause < RETRY_LAST ? pause : RETRY_LAST;
}

int64_t sr_retry_at(uint32_t attempts, int64_t retry_at, int64_t now)
{
	return retry_at > now + sr_retry_pause(attempts) ? now : retry_at;
}
