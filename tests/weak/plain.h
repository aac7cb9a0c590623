/*
 * plain.h - included before each file of the library: copies of what others may read or write meanwhile are the
 * machine's.
 */
#include "machine.h"

#include <string.h>

#define memcpy m_copy
#define memset m_fill
