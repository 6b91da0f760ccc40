// SPDX-License-Identifier: GPL-2.0-only
/*
 * What errors tell of the host that sends them: which names are told, and the object, byte for
 * byte.
 */
#include <linux/unaligned.h>

#include "suites.h"

static size_t length(const char *name)
{
	return icmpx_node_name_length(name, strlen(name));
}

/* RFC 3629, 4, by what a character is: the first and the last of each length, and what is near. */
static u32 decode(const u8 *bytes, size_t len)
{
	static const u32 least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	u32 value = bytes[0];

	if (len > 1)
		value &= 0x7f >> len;
	for (size_t i = 1; i < len; i++) {
		if ((bytes[i] & 0xc0) != 0x80)
			return U32_MAX;
		value = value << 6 | (bytes[i] & 0x3f);
	}
	return value < least[len] ? U32_MAX : value;
}

static bool is_character(const u8 *bytes, size_t len)
{
	static const u8 leads[] = { 0, 0x00, 0xc0, 0xe0, 0xf0 };
	static const u8 masks[] = { 0, 0x80, 0xe0, 0xf0, 0xf8 };
	u32 value;

	if ((bytes[0] & masks[len]) != leads[len])
		return false;
	value = decode(bytes, len);
	return value >= 0x20 && !(value >= 0x7f && value < 0xa0) && value <= 0x10ffff &&
	       !(value >= 0xd800 && value < 0xe000);
}

/* Whether bytes are characters, one after the other. */
static bool is_text(const u8 *bytes, size_t len)
{
	for (size_t first = 1; first <= min_t(size_t, len, 4); first++)
		if (is_character(bytes, first) &&
		    (first == len || is_text(bytes + first, len - first)))
			return true;
	return false;
}

/* All that one and two bytes can be; and all second bytes of longer ones. */
static void name_every_character(struct kunit *test)
{
	for (u32 first = 0; first <= 255; first++) {
		for (u32 second = 0; second <= 255; second++) {
			const u8 bytes[] = { first, second, 0x80, 0xbf };
			const char *name = (const char *)bytes;

			for (size_t len = 1; len <= 4; len++)
				KUNIT_ASSERT_EQ_MSG(test, icmpx_node_name_length(name, len),
						    is_text(bytes, len) ? len : 0,
						    "%#x %#x, %zu bytes", first, second, len);
		}
	}
}

/* The third and the fourth byte. */
static void name_continued(struct kunit *test)
{
	for (u32 byte = 0; byte <= 255; byte++) {
		const bool continues = byte >= 0x80 && byte <= 0xbf;
		const char three[] = { 0xe2, 0x82, byte };
		const char third[] = { 0xf0, 0x9f, byte, 0x80 };
		const char fourth[] = { 0xf0, 0x9f, 0x90, byte };

		KUNIT_EXPECT_EQ(test, icmpx_node_name_length(three, 3), continues ? 3 : 0);
		KUNIT_EXPECT_EQ(test, icmpx_node_name_length(third, 4), continues ? 4 : 0);
		KUNIT_EXPECT_EQ(test, icmpx_node_name_length(fourth, 4), continues ? 4 : 0);
	}
}

/* A name that is too long ends with a whole character. */
static void name_is_cut(struct kunit *test)
{
	char name[80];

	KUNIT_EXPECT_EQ(test, length(""), 0);
	KUNIT_EXPECT_EQ(test, length("r1.example"), 10);
	memset(name, 'x', sizeof(name));
	for (size_t len = 1; len <= sizeof(name); len++)
		KUNIT_EXPECT_EQ(test, icmpx_node_name_length(name, len),
				min_t(size_t, len, ICMPX_NODE_NAME_MAX));
	for (size_t at = 58; at <= 62; at++) {
		memset(name, 'x', sizeof(name));
		memcpy(name + at, "\xf0\x9f\x90\xa7", 4);
		KUNIT_EXPECT_EQ(test, icmpx_node_name_length(name, at + 4),
				at + 4 <= ICMPX_NODE_NAME_MAX ? at + 4 : at);
	}
	/* What is cut off has to be right, too. */
	name[79] = 0x80;
	KUNIT_EXPECT_EQ(test, icmpx_node_name_length(name, sizeof(name)), 0);
}

static void name_reads_no_further(struct kunit *test)
{
	static const u8 leads[] = { 'x', 0xc3, 0xe2, 0xf0 };
	u8 *end = page_end(test);

	for (u32 i = 0; i < ARRAY_SIZE(leads); i++) {
		end[-1] = leads[i];
		KUNIT_EXPECT_EQ(test, icmpx_node_name_length((char *)end - 1, 1), leads[i] == 'x');
	}
}

static const struct icmpx_node both = {
	.address = { 0xfd, [15] = 1 },
	.name = "r1",
	.address_len = 16,
	.name_len = 2,
};

/* Class 5; the bits of the C-type are those of RFC 5837 for an address and a name. */
static const u8 both_object[] = {
	0x00, 0x1c, 0x05, 0x06,
	0x00, 0x02, 0x00, 0x00,
	0xfd, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01,
	0x04, 'r',  '1',  0x00,
};

static size_t build(const struct icmpx_node *node, u8 *extension)
{
	return icmpx_extension_build(NULL, 0, node, extension);
}

static void node_byte_for_byte(struct kunit *test)
{
	u8 extension[ICMPX_EXTENSION_MAX];
	struct icmpx_node node = both;

	KUNIT_ASSERT_EQ(test, build(&both, extension), 4 + sizeof(both_object));
	KUNIT_EXPECT_MEMEQ(test, extension + 4, both_object, sizeof(both_object));
	/* Alone. */
	node.address_len = 0;
	KUNIT_ASSERT_EQ(test, build(&node, extension), 12);
	KUNIT_EXPECT_EQ(test, get_unaligned_be32(extension + 4), 0x00080502);
	KUNIT_EXPECT_MEMEQ(test, extension + 8, both_object + 24, 4);
	node = both;
	node.name_len = 0;
	node.address_len = 4;
	KUNIT_ASSERT_EQ(test, build(&node, extension), 16);
	KUNIT_EXPECT_EQ(test, get_unaligned_be32(extension + 4), 0x000c0504);
	KUNIT_EXPECT_EQ(test, get_unaligned_be32(extension + 8), 0x00010000);
	KUNIT_EXPECT_EQ(test, get_unaligned_be32(extension + 12), 0xfd000000);
	/* Nothing at all, and no extension then. */
	node.address_len = 0;
	KUNIT_EXPECT_EQ(test, build(&node, extension), 0);
	KUNIT_EXPECT_EQ(test, build(NULL, extension), 0);
}

/* The field is a multiple of 4, counts itself, and is padded with zeros. */
static void node_names(struct kunit *test)
{
	struct icmpx_node node = {};
	u8 extension[ICMPX_EXTENSION_MAX];

	memset(node.name, 'x', sizeof(node.name));
	for (u32 len = 1; len <= 255; len++) {
		const u32 kept = min_t(u32, len, ICMPX_NODE_NAME_MAX);
		const u32 field = (1 + kept + 3) / 4 * 4;

		node.name_len = len;
		KUNIT_ASSERT_EQ(test, build(&node, extension), 8 + field);
		KUNIT_EXPECT_EQ(test, extension[8], field);
		KUNIT_EXPECT_NULL(test, memchr_inv(extension + 9, 'x', kept));
		KUNIT_EXPECT_NULL(test, memchr_inv(extension + 9 + kept, 0, field - 1 - kept));
	}
}

/* The longest that there is, behind as many interfaces as there may be. */
static void node_behind_interfaces(struct kunit *test)
{
	struct icmpx_interface interfaces[ICMPX_INTERFACES_MAX] = {};
	struct icmpx_node node = { .address_len = 16, .name_len = ICMPX_NODE_NAME_MAX };
	struct {
		struct guard before;
		u8 extension[ICMPX_EXTENSION_MAX];
		struct guard after;
	} buffer;

	for (u32 i = 0; i < ARRAY_SIZE(interfaces); i++) {
		interfaces[i].address_len = 16;
		interfaces[i].name[0] = 'x';
	}
	guard_set(&buffer.before);
	guard_set(&buffer.after);
	KUNIT_EXPECT_EQ(test,
			icmpx_extension_build(interfaces, ARRAY_SIZE(interfaces), &node,
					      buffer.extension),
			ICMPX_EXTENSION_MAX);
	KUNIT_EXPECT_EQ(test, buffer.extension[ICMPX6_EXTENSION_ROOM(3) + 2], 5);
	KUNIT_EXPECT_TRUE(test, guard_intact(&buffer.before));
	KUNIT_EXPECT_TRUE(test, guard_intact(&buffer.after));
}

static struct kunit_case cases[] = {
	KUNIT_CASE(name_every_character),
	KUNIT_CASE(name_continued),
	KUNIT_CASE(name_is_cut),
	KUNIT_CASE(name_reads_no_further),
	KUNIT_CASE(node_byte_for_byte),
	KUNIT_CASE(node_names),
	KUNIT_CASE(node_behind_interfaces),
	{}
};

struct kunit_suite icmpx_node_suite = {
	.name = "icmpx_node",
	.test_cases = cases,
};
