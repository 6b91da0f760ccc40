/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the core was asked and what it answered. Programs are linked so that each
 * call of an entry goes through record.cpp.
 */
#ifndef BIG_ENDIAN_RECORD_H
#define BIG_ENDIAN_RECORD_H

#ifdef __cplusplus
extern "C" {
#else
#include <stdbool.h>
#endif

/* Its digest is of numbers as numbers, and of bytes as bytes: it is the same on all machines. */
struct recorded {
	unsigned long long calls;
	unsigned long long digest;
};

/* Returns what there is since the last call of it. */
struct recorded record_take(void);

/* Whether calls are also printed. */
void record_show(bool show);

#ifdef __cplusplus
}
#endif

#endif
