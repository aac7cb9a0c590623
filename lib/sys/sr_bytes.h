/*
 * sr_bytes.h - numbers as little-endian bytes, for the codecs.
 */
#ifndef SR_BYTES_H
#define SR_BYTES_H

#include <stdint.h>

/* Write the low bytes of value at `at`. Returns the position behind them. */
static inline unsigned char *sr_bytes_put(unsigned char *at, uint64_t value, int bytes)
{
	for (int i = 0; i < bytes; i++)
		*at++ = (unsigned char)(value >> (8 * i));
	return at;
}

/* Read a number of that size at *at, and move *at behind it. */
static inline uint64_t sr_bytes_take(const unsigned char **at, int bytes)
{
	uint64_t value = 0;

	for (int i = 0; i < bytes; i++)
		value |= (uint64_t)(*at)[i] << (8 * i);
	*at += bytes;
	return value;
}

#endif
