/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the KUnit suites of the core have of the kernel, in user space: they run
 * where an emulator runs programs and there is no kernel to boot. It is put in
 * front of every suite, and headers that user space has not are empty.
 *
 * Nothing here depends on the machine's byte order but through htons() and its
 * like, so that a suite gives the core the same bytes everywhere.
 */
#ifndef BIG_ENDIAN_KUNIT_H
#define BIG_ENDIAN_KUNIT_H

#include <assert.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/param.h>

#include <arpa/inet.h>
#include <asm/byteorder.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/types.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __s32 s32;
typedef __s64 s64;
typedef unsigned long long u64;

#define __force
#define __packed __attribute__((packed))

#define U32_MAX (~0U)
#define S32_MAX ((s32)(U32_MAX >> 1))
#define S32_MIN (-S32_MAX - 1)
#define KTIME_MAX ((s64)(~0ULL >> 1))
#define NSEC_PER_USEC 1000L
#define NSEC_PER_MSEC 1000000L
#define NSEC_PER_SEC 1000000000L
#define IP_DF 0x4000

/* Suites that would take long are compiled to see a sample, as with KASAN. */
#ifndef CONFIG_KASAN
#define CONFIG_KASAN false
#endif
#define IS_ENABLED(option) (option)

#define BIT(nr) (1UL << (nr))
#define GENMASK(high, low) ((~0UL >> (63 - (high))) & (~0UL << (low)))
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define offsetofend(type, member) (offsetof(type, member) + sizeof(((type *)0)->member))
#define round_up(value, step) roundup(value, step)

#define min(a, b) ({			\
	const __auto_type a_ = (a);	\
	const __auto_type b_ = (b);	\
					\
	a_ < b_ ? a_ : b_;		\
})
#define min_t(type, a, b) min((type)(a), (type)(b))

static inline u64 div_u64(u64 dividend, u32 divisor)
{
	return dividend / divisor;
}

#define cpu_to_be16 htons
#define be16_to_cpu ntohs
#define be32_to_cpu ntohl
/* Good for what is static, too, as htonl() is not. */
#define cpu_to_be32(value) __cpu_to_be32(value)

static inline u16 get_unaligned_be16(const u8 *from)
{
	return from[0] << 8 | from[1];
}

static inline u32 get_unaligned_be32(const u8 *from)
{
	return (u32)get_unaligned_be16(from) << 16 | get_unaligned_be16(from + 2);
}

static inline void put_unaligned_be16(u16 value, u8 *to)
{
	to[0] = value >> 8;
	to[1] = value;
}

static inline void put_unaligned_be32(u32 value, u8 *to)
{
	put_unaligned_be16(value >> 16, to);
	put_unaligned_be16(value, to + 2);
}

/* As RFC 1071 defines it, byte by byte: no code of the core's has a say in what is right. */
static inline u16 ip_compute_csum(const void *bytes, int len)
{
	const u8 *at = bytes;
	u32 sum = 0;

	for (; len > 1; len -= 2, at += 2)
		sum += get_unaligned_be16(at);
	if (len)
		sum += at[0] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons(~sum);
}

static inline void ether_addr_copy(u8 *to, const u8 *from)
{
	memcpy(to, from, ETH_ALEN);
}

static inline void eth_zero_addr(u8 *address)
{
	memset(address, 0, ETH_ALEN);
}

/* The first of @len bytes that is not @byte. */
static inline const void *memchr_inv(const void *bytes, u8 byte, size_t len)
{
	for (const u8 *at = bytes; len; at++, len--)
		if (*at != byte)
			return at;
	return NULL;
}

static inline void strscpy(char *to, const char *from, size_t room)
{
	snprintf(to, room, "%s", from);
}

/* Other numbers than the kernel's, and the same on every machine: splitmix64. */
struct rnd_state {
	u64 state;
};

static inline void prandom_seed_state(struct rnd_state *random, u64 seed)
{
	random->state = seed;
}

static inline u32 prandom_u32_state(struct rnd_state *random)
{
	u64 mixed = random->state += 0x9e3779b97f4a7c15;

	mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9;
	mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
	return mixed >> 32;
}

static inline void prandom_bytes_state(struct rnd_state *random, void *bytes, size_t len)
{
	u8 *at = bytes;

	while (len--)
		*at++ = prandom_u32_state(random);
}

/* KUnit itself. */

#define KUNIT_PARAM_DESC_SIZE 128

struct kunit {
	const void *param_value;
	bool failed;
	jmp_buf end;
};

struct kunit_case {
	void (*run_case)(struct kunit *test);
	const char *name;
	const void *(*generate_params)(const void *previous, char *description);
};

struct kunit_suite {
	const char *name;
	struct kunit_case *test_cases;
};

/* The case has failed, and is over if @fatal. Prints the format without its first character. */
__attribute__((format(printf, 7, 8)))
void kunit_fail(struct kunit *test, bool fatal, const char *where, const char *what, long long left,
		long long right, const char *format, ...);

#define STRING_OF(text) #text
#define HERE_AT(line) __FILE__ ":" STRING_OF(line)

#define CHECK_BINARY(test, fatal, left, compare, right, ...)					\
do {												\
	const __auto_type left_ = (left);							\
	const __auto_type right_ = (right);							\
												\
	if (!(left_ compare right_))								\
		kunit_fail(test, fatal, HERE_AT(__LINE__), #left " " #compare " " #right,	\
			   (long long)left_, (long long)right_, " " __VA_ARGS__);		\
} while (0)

#define CHECK_BYTES(test, fatal, left, right, len)						\
	CHECK_BINARY(test, fatal, memcmp(left, right, len), ==, 0)
#define CHECK_TRUE(test, fatal, condition, ...)							\
	CHECK_BINARY(test, fatal, !!(condition), ==, true, __VA_ARGS__)

#define KUNIT_EXPECT_EQ(test, left, right) CHECK_BINARY(test, false, left, ==, right)
#define KUNIT_EXPECT_EQ_MSG(test, left, right, ...)						\
	CHECK_BINARY(test, false, left, ==, right, __VA_ARGS__)
#define KUNIT_EXPECT_GE(test, left, right) CHECK_BINARY(test, false, left, >=, right)
#define KUNIT_EXPECT_GT(test, left, right) CHECK_BINARY(test, false, left, >, right)
#define KUNIT_EXPECT_LE(test, left, right) CHECK_BINARY(test, false, left, <=, right)
#define KUNIT_EXPECT_TRUE(test, condition) CHECK_TRUE(test, false, condition)
#define KUNIT_EXPECT_FALSE(test, condition) CHECK_TRUE(test, false, !(condition))
#define KUNIT_EXPECT_NULL(test, pointer) CHECK_TRUE(test, false, !(pointer))
#define KUNIT_EXPECT_MEMEQ(test, left, right, len) CHECK_BYTES(test, false, left, right, len)
#define KUNIT_ASSERT_EQ(test, left, right) CHECK_BINARY(test, true, left, ==, right)
#define KUNIT_ASSERT_EQ_MSG(test, left, right, ...)						\
	CHECK_BINARY(test, true, left, ==, right, __VA_ARGS__)
#define KUNIT_ASSERT_TRUE(test, condition) CHECK_TRUE(test, true, condition)
#define KUNIT_ASSERT_TRUE_MSG(test, condition, ...) CHECK_TRUE(test, true, condition, __VA_ARGS__)
#define KUNIT_ASSERT_FALSE(test, condition) CHECK_TRUE(test, true, !(condition))
#define KUNIT_ASSERT_FALSE_MSG(test, condition, ...)						\
	CHECK_TRUE(test, true, !(condition), __VA_ARGS__)
#define KUNIT_ASSERT_MEMEQ(test, left, right, len) CHECK_BYTES(test, true, left, right, len)

#define KUNIT_CASE(function) { .run_case = (function), .name = #function }
#define KUNIT_CASE_PARAM(function, generate)							\
	{ .run_case = (function), .name = #function, .generate_params = (generate) }

#define KUNIT_ARRAY_PARAM(name, array, describe)						\
static const void *name##_gen_params(const void *previous, char *description)			\
{												\
	typeof(&(array)[0]) next = previous ? (typeof(next))previous + 1 : (array);		\
												\
	if (next == (array) + ARRAY_SIZE(array))						\
		return NULL;									\
	describe(next, description);								\
	return next;										\
}

#define KUNIT_ARRAY_PARAM_DESC(name, array, member)						\
static void name##_describe(typeof(&(array)[0]) row, char *description)				\
{												\
	strscpy(description, row->member, KUNIT_PARAM_DESC_SIZE);				\
}												\
KUNIT_ARRAY_PARAM(name, array, name##_describe)

/* What the script that builds this has found. */
#define kunit_test_suites(...)									\
	struct kunit_suite *const kunit_suites[] = { __VA_ARGS__, NULL }

extern struct kunit_suite *const kunit_suites[];

#endif
