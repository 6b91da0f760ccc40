// SPDX-License-Identifier: GPL-2.0-only
/*
 * Extensions of errors: those that are made, byte for byte, and what is found in
 * those that others send.
 */
#include <linux/unaligned.h>

#include "suites.h"

static const struct icmpx_interface eth0 = {
	.ifindex = 0x01020304,
	.mtu = 1500,
	.address = { 10, 0, 0, 1 },
	.address_len = 4,
	.name = "eth0",
	.role = ICMPX_ROLE_INCOMING,
};

/* What RFC 4884 (7) and RFC 5837 (4) make of it, the checksum computed apart. */
static const u8 eth0_extension[] = {
	0x20, 0x00, 0x11, 0x17, /* version 2, checksum */
	0x00, 0x28, 0x02, 0x0f, /* 40 bytes, class 2; incoming, all sub-objects */
	0x01, 0x02, 0x03, 0x04, /* index */
	0x00, 0x01, 0x00, 0x00, /* IPv4 */
	0x0a, 0x00, 0x00, 0x01,
	0x14, 'e',  't',  'h',	/* twenty bytes of name */
	'0',  0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x05, 0xdc, /* MTU */
};

static u16 sum(const u8 *bytes, size_t len)
{
	u32 total = 0;

	for (size_t i = 0; i < len; i++)
		total += i & 1 ? bytes[i] : bytes[i] << 8;
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return total;
}

static void build_byte_for_byte(struct kunit *test)
{
	u8 extension[ICMPX_EXTENSION_MAX];

	KUNIT_ASSERT_EQ(test, icmpx_extension_build(&eth0, 1, NULL, extension),
			sizeof(eth0_extension));
	KUNIT_EXPECT_MEMEQ(test, extension, eth0_extension, sizeof(eth0_extension));
}

/* An address of IPv6: its family, and twelve bytes more. */
static void build_ipv6_address(struct kunit *test)
{
	static const u8 address[16] = { 0xfd, [7] = 7, [15] = 1 };
	struct icmpx_interface interface = eth0;
	u8 extension[ICMPX_EXTENSION_MAX];
	size_t len;

	memcpy(interface.address, address, sizeof(address));
	interface.address_len = sizeof(address);
	len = icmpx_extension_build(&interface, 1, NULL, extension);
	KUNIT_ASSERT_EQ(test, len, sizeof(eth0_extension) + 12);
	KUNIT_EXPECT_EQ(test, get_unaligned_be16(extension + 4), 52);
	KUNIT_EXPECT_EQ(test, extension[7], 0x0f);
	KUNIT_EXPECT_EQ(test, get_unaligned_be32(extension + 12), 0x00020000);
	KUNIT_EXPECT_MEMEQ(test, extension + 16, address, sizeof(address));
	KUNIT_EXPECT_MEMEQ(test, extension + 32, eth0_extension + 20, 24);
	KUNIT_EXPECT_EQ(test, sum(extension, len), 0xffff);
	/* No family has addresses of another length. */
	for (u32 other = 0; other <= 255; other++) {
		interface.address_len = other;
		len = icmpx_extension_build(&interface, 1, NULL, extension);
		KUNIT_EXPECT_EQ(test, extension[7] & 0x04, other == 4 || other == 16 ? 4 : 0);
		KUNIT_EXPECT_EQ(test, sum(extension, len), 0xffff);
	}
}

struct role {
	const char *name;
	u8 role;
	u8 ctype;
};

static const struct role roles[] = {
	{ "incoming", ICMPX_ROLE_INCOMING, 0x0f },
	{ "outgoing", ICMPX_ROLE_OUTGOING, 0x8f },
	{ "next_hop", ICMPX_ROLE_NEXT_HOP, 0xcf },
};

KUNIT_ARRAY_PARAM_DESC(roles, roles, name);

static void build_role(struct kunit *test)
{
	const struct role *row = test->param_value;
	struct icmpx_interface interface = eth0;
	u8 extension[ICMPX_EXTENSION_MAX];
	size_t len;

	interface.role = row->role;
	len = icmpx_extension_build(&interface, 1, NULL, extension);
	KUNIT_EXPECT_EQ(test, extension[7], row->ctype);
	KUNIT_EXPECT_EQ(test, sum(extension, len), 0xffff);
	/* RFC 5837, 4.1: without an address there is no sub-object for one. */
	interface.address_len = 0;
	KUNIT_EXPECT_EQ(test, icmpx_extension_build(&interface, 1, NULL, extension), len - 8);
	KUNIT_EXPECT_EQ(test, extension[7], row->ctype & ~0x04);
	KUNIT_EXPECT_EQ(test, sum(extension, len - 8), 0xffff);
	/* Nor is there one for a name that is not to be told; any other takes twenty bytes. */
	interface.name[0] = 0;
	KUNIT_EXPECT_EQ(test, icmpx_extension_build(&interface, 1, NULL, extension), len - 28);
	KUNIT_EXPECT_EQ(test, extension[7], row->ctype & ~0x06);
	KUNIT_EXPECT_EQ(test, get_unaligned_be32(extension + 12), interface.mtu);
	KUNIT_EXPECT_EQ(test, sum(extension, len - 28), 0xffff);
}

/* Names of every length, and one that has no end. */
static void build_names(struct kunit *test)
{
	for (size_t length = 1; length <= ICMPX_IFNAME_MAX; length++) {
		const size_t kept = min_t(size_t, length, ICMPX_IFNAME_MAX - 1);
		const size_t padded = 20;
		struct icmpx_interface interface = eth0;
		u8 extension[ICMPX_EXTENSION_MAX];
		const u8 *name = extension + 20;

		memset(interface.name, 0, sizeof(interface.name));
		memset(interface.name, 'x', length);
		KUNIT_ASSERT_EQ(test, icmpx_extension_build(&interface, 1, NULL, extension),
				24 + padded);
		KUNIT_EXPECT_EQ(test, get_unaligned_be16(extension + 4), 20 + padded);
		KUNIT_EXPECT_EQ(test, name[0], padded);
		KUNIT_EXPECT_NULL(test, memchr_inv(name + 1, 'x', kept));
		KUNIT_EXPECT_NULL(test, memchr_inv(name + 1 + kept, 0, padded - 1 - kept));
		KUNIT_EXPECT_EQ(test, get_unaligned_be32(name + padded), 1500);
	}
}

/* As many interfaces as there may be, and no more; none make no extension. */
static void build_the_longest(struct kunit *test)
{
	struct icmpx_interface interfaces[ICMPX_INTERFACES_MAX + 1];
	struct {
		struct guard before;
		u8 extension[ICMPX_EXTENSION_MAX];
		struct guard after;
	} buffer;

	for (u32 i = 0; i < ARRAY_SIZE(interfaces); i++) {
		interfaces[i] = eth0;
		interfaces[i].address_len = sizeof(interfaces[i].address);
		memset(interfaces[i].name, 'x', sizeof(interfaces[i].name));
	}
	for (u32 count = 0; count <= ARRAY_SIZE(interfaces); count++) {
		const u32 kept = min_t(u32, count, ICMPX_INTERFACES_MAX);
		size_t len;

		guard_set(&buffer.before);
		guard_set(&buffer.after);
		len = icmpx_extension_build(interfaces, count, NULL, buffer.extension);
		KUNIT_EXPECT_EQ(test, len, kept ? ICMPX6_EXTENSION_ROOM(kept) : 0);
		if (len)
			KUNIT_EXPECT_EQ(test, sum(buffer.extension, len), 0xffff);
		KUNIT_EXPECT_TRUE(test, guard_intact(&buffer.before));
		KUNIT_EXPECT_TRUE(test, guard_intact(&buffer.after));
	}
}

/* Where each family has the field for the original datagram's length, and what it counts. */
struct field {
	const char *name;
	u8 types[3];
	u8 at;
	u8 unit;
	u16 (*length)(const u8 *header);
};

static const struct field fields[] = {
	{ "ipv4", { 3, 11, 12 }, 5, 4, icmpx_extension_length },
	{ "ipv6", { 1, 3, 3 }, 4, 8, icmpx6_extension_length },
};

KUNIT_ARRAY_PARAM_DESC(fields, fields, name);

/* Every type and every value, whatever the other fields say. */
static void length_of_every_type(struct kunit *test)
{
	const struct field *field = test->param_value;

	for (u32 type = 0; type <= 255; type++) {
		const bool may = memchr(field->types, type, sizeof(field->types));

		for (u32 words = 0; words <= 255; words++) {
			u8 header[ICMPX_HEADER_LEN];

			memset(header, ~words, sizeof(header));
			header[0] = type;
			header[field->at] = words;
			KUNIT_ASSERT_EQ_MSG(test, field->length(header),
					    may ? words * field->unit : 0, "type %u, %u words",
					    type, words);
		}
	}
}

static void length_reads_the_header_only(struct kunit *test)
{
	const struct field *field = test->param_value;
	u8 *header = page_end(test) - ICMPX_HEADER_LEN;

	memset(header, field->types[0], ICMPX_HEADER_LEN);
	KUNIT_EXPECT_EQ(test, field->length(header), field->types[0] * field->unit);
}

static void extensible_which_types(struct kunit *test)
{
	for (u32 type = 0; type <= 255; type++) {
		KUNIT_EXPECT_EQ(test, icmpx_extensible(type),
				type == 3 || type == 11 || type == 12);
		KUNIT_EXPECT_EQ(test, icmpx6_extensible(type), type == 1 || type == 3);
	}
}

/* The longest that either family can say. */
#define ORIGINAL_MAX (255 * 8)

/*
 * An error whose original datagram is @length bytes long; the program gets all but
 * @before bytes of it.
 */
static struct icmpx_extension_verdict check(u16 length, size_t before, const u8 *extension,
					    size_t len)
{
	static u8 payload[ORIGINAL_MAX + 256];
	const size_t original = length - before;

	memset(payload, 0x45, sizeof(payload));
	memcpy(payload + original, extension, len);
	return icmpx_extension_check(length, before, payload, original + len);
}

/* RFC 4884, 4.1: of at least 128 bytes; and not shorter than the headers in front. */
static void check_every_length(struct kunit *test)
{
	static const size_t befores[] = { 0, 20, 28, 48, 60, 128, 200, 1020, ORIGINAL_MAX };

	for (u32 i = 0; i < ARRAY_SIZE(befores); i++) {
		for (u32 length = 0; length <= ORIGINAL_MAX; length += 4) {
			const bool there = length >= 128 && length >= befores[i];
			struct icmpx_extension_verdict verdict;

			if (length < befores[i])
				verdict = icmpx_extension_check(length, befores[i], eth0_extension,
								sizeof(eth0_extension));
			else
				verdict = check(length, befores[i], eth0_extension,
						sizeof(eth0_extension));
			KUNIT_EXPECT_EQ(test, verdict.at, there ? length - befores[i] : 0);
			KUNIT_EXPECT_EQ(test, verdict.invalid, 0);
		}
	}
}

/* Cut anywhere: a header's worth has to be there, and then only whole objects. */
static void check_truncated(struct kunit *test)
{
	u8 extension[sizeof(eth0_extension)];

	memcpy(extension, eth0_extension, sizeof(extension));
	/* Not computed: lengths alone decide. */
	put_unaligned_be16(0, extension + 2);
	for (size_t len = 0; len <= sizeof(extension); len++) {
		const struct icmpx_extension_verdict verdict = check(128, 28, extension, len);

		KUNIT_EXPECT_EQ_MSG(test, verdict.at, len < 4 ? 0 : 100, "%zu bytes", len);
		KUNIT_EXPECT_EQ_MSG(test, verdict.invalid,
				    len > 4 && len < sizeof(extension), "%zu bytes", len);
	}
}

/* Every bit counts, but where another version makes the rest unknown. */
static void check_every_bit(struct kunit *test)
{
	u8 extension[sizeof(eth0_extension)];

	for (u32 bit = 0; bit < sizeof(extension) * 8; bit++) {
		struct icmpx_extension_verdict verdict;

		memcpy(extension, eth0_extension, sizeof(extension));
		extension[bit / 8] ^= 0x80 >> bit % 8;
		verdict = check(128, 28, extension, sizeof(extension));
		KUNIT_EXPECT_EQ_MSG(test, verdict.at, 100, "bit %u", bit);
		KUNIT_EXPECT_EQ_MSG(test, verdict.invalid, bit >= 4, "bit %u", bit);
	}
}

/* Every length that an object can say, in front of a good one and alone. */
static void check_object_lengths(struct kunit *test)
{
	for (u32 length = 0; length <= 0xffff; length = sample_next(length, 0xffff)) {
		u8 extension[] = { 0x20, 0, 0, 0, 0, 0, 9, 9, 0, 4, 9, 9 };
		struct icmpx_extension_verdict verdict;

		put_unaligned_be16(length, extension + 4);
		verdict = check(128, 28, extension, sizeof(extension));
		KUNIT_ASSERT_EQ_MSG(test, verdict.invalid, length != 4 && length != 8,
				    "length %u", length);
		verdict = check(128, 28, extension, sizeof(extension) - 4);
		KUNIT_ASSERT_EQ_MSG(test, verdict.invalid, length != 4, "length %u", length);
	}
}

static void check_reads_no_further(struct kunit *test)
{
	u8 *end = page_end(test);

	for (size_t len = 0; len <= 100 + sizeof(eth0_extension); len++) {
		u8 *payload = end - len;

		memset(payload, 0x45, min_t(size_t, len, 100));
		if (len > 100)
			memcpy(payload + 100, eth0_extension, len - 100);
		icmpx_extension_check(128, 28, payload, len);
	}
}

static struct kunit_case cases[] = {
	KUNIT_CASE(build_byte_for_byte),
	KUNIT_CASE(build_ipv6_address),
	KUNIT_CASE_PARAM(build_role, roles_gen_params),
	KUNIT_CASE(build_names),
	KUNIT_CASE(build_the_longest),
	KUNIT_CASE_PARAM(length_of_every_type, fields_gen_params),
	KUNIT_CASE_PARAM(length_reads_the_header_only, fields_gen_params),
	KUNIT_CASE(extensible_which_types),
	KUNIT_CASE(check_every_length),
	KUNIT_CASE(check_truncated),
	KUNIT_CASE(check_every_bit),
	KUNIT_CASE(check_object_lengths),
	KUNIT_CASE(check_reads_no_further),
	{}
};

struct kunit_suite icmpx_extension_suite = {
	.name = "icmpx_extension",
	.test_cases = cases,
};
