// SPDX-License-Identifier: GPL-2.0-only
/*
 * Source routes, which a reply takes backwards.
 */
#include "options.h"

#define SOURCE 0xc0000263
#define DESTINATION 0xc6336401

/* As many addresses as fit. */
#define HOPS_MAX 9

/* What a request that visited the hosts of @hops leads back through. */
struct way_back {
	u32 first_hop;
	u8 slots;
	u32 through[HOPS_MAX];
};

/*
 * The host that the request visited last comes first, and not into the option;
 * the one that it visited first comes last, unless that is the source, which
 * does not belong there. The last slot is the destination's.
 */
static struct way_back turn_round(const u32 *hops, u32 count, u32 source)
{
	struct way_back way = {};

	if (count && hops[0] == source) {
		hops++;
		count--;
	}
	if (!count)
		return way;
	way.first_hop = hops[count - 1];
	while (--count)
		way.through[way.slots++] = hops[count - 1];
	way.through[way.slots++] = DESTINATION;
	return way;
}

static void check(struct kunit *test, const struct icmpx_options *request,
		  const struct way_back *way)
{
	const u8 *asked = request->bytes + request->srr - OPTIONS_AT;
	struct icmpx_options expected = {};
	struct icmpx_options reply;

	if (way->slots) {
		expected.first_hop = cpu_to_be32(way->first_hop);
		expected.srr = OPTIONS_AT;
		expected.strict_route = request->strict_route;
		expected.len = 4 + 4 * way->slots;
		expected.bytes[0] = asked[0];
		expected.bytes[1] = 3 + 4 * way->slots;
		expected.bytes[2] = 4;
	}
	for (u32 i = 0; i < way->slots; i++)
		put_unaligned_be32(way->through[i], expected.bytes + 3 + 4 * i);

	KUNIT_ASSERT_TRUE(test, options_echo(test, request, cpu_to_be32(SOURCE), false, &reply));
	options_fill(test, &reply, 1, DESTINATION, 2);
	KUNIT_ASSERT_TRUE_MSG(test, options_same(&reply, &expected),
			      "request %*ph, first hop %x, reply %*ph, first hop %x",
			      ICMPX_OPTIONS_MAX, request->bytes, way->first_hop,
			      ICMPX_OPTIONS_MAX, reply.bytes, be32_to_cpu(reply.first_hop));
}

/* Makes a request whose route has @count hosts, of which @visited were visited. */
static struct icmpx_options request_via(u8 type, const u32 *hops, u32 count, u32 visited)
{
	u8 route[ICMPX_OPTIONS_MAX] = { type, 3 + 4 * count, 4 + 4 * visited };
	struct icmpx_options request = { .strict_route = type == STRICT_ROUTE };

	for (u32 i = 0; i < count; i++)
		put_unaligned_be32(hops[i], route + 3 + 4 * i);
	request.srr = options_put(&request, route, 4 + 4 * count);
	return request;
}

static const u32 some_hops[HOPS_MAX] = {
	0x0a000001, 0x0a000102, 0x0a010203, 0x0b020304, 0xac100005,
	0xac100106, 0xc0a80007, 0xc0a80108, 0xcb007109,
};

static const u32 counts[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 };

static void describe_count(const u32 *count, char *description)
{
	snprintf(description, KUNIT_PARAM_DESC_SIZE, "%u_hosts", *count);
}

KUNIT_ARRAY_PARAM(counts, counts, describe_count);

static void route_reversed(struct kunit *test)
{
	const u32 count = *(const u32 *)test->param_value;

	for (u32 visited = 0; visited <= count; visited++) {
		const struct way_back way = turn_round(some_hops, visited, SOURCE);
		struct icmpx_options request;

		request = request_via(LOOSE_ROUTE, some_hops, count, visited);
		check(test, &request, &way);
		request = request_via(STRICT_ROUTE, some_hops, count, visited);
		check(test, &request, &way);
	}
}

/* RFC 1812, 5.2.4.1. In any other place the source is a host like others. */
static void route_lists_its_source(struct kunit *test)
{
	const u32 count = *(const u32 *)test->param_value;

	for (u32 place = 0; place < count; place++) {
		struct icmpx_options request;
		struct way_back way;
		u32 hops[HOPS_MAX];

		memcpy(hops, some_hops, sizeof(hops));
		hops[place] = SOURCE;
		request = request_via(STRICT_ROUTE, hops, count, count);
		way = turn_round(hops, count, SOURCE);
		KUNIT_ASSERT_EQ(test, way.slots, count - !place);
		check(test, &request, &way);
	}
}

/* Not only of two routes that differ: bytes as they are on the wire. */
static void route_known_bytes(struct kunit *test)
{
	static const struct icmpx_options request = {
		.len = 16,
		.srr = OPTIONS_AT + 1,
		.bytes = { 1, LOOSE_ROUTE, 15, 16, 10, 0, 0, 1, 10, 0, 0, 2, 10, 0, 0, 3 },
	};
	static const u8 expected[] = {
		LOOSE_ROUTE, 15, 4, 10, 0, 0, 2, 10, 0, 0, 1, 198, 51, 100, 1, 0,
	};
	struct icmpx_options reply;

	KUNIT_ASSERT_TRUE(test, options_echo(test, &request, cpu_to_be32(SOURCE), false, &reply));
	options_fill(test, &reply, 1, DESTINATION, 2);
	KUNIT_EXPECT_EQ(test, reply.len, sizeof(expected));
	KUNIT_EXPECT_EQ(test, reply.srr, OPTIONS_AT);
	KUNIT_EXPECT_EQ(test, be32_to_cpu(reply.first_hop), 0x0a000003);
	KUNIT_EXPECT_MEMEQ(test, reply.bytes, expected, sizeof(expected));
}

/*
 * A pointer that is no multiple of 4 shifts all addresses, and one beyond the
 * end stands for the end.
 */
static void check_pointer(struct kunit *test, u8 len, u8 pointer, u32 filling)
{
	const u8 end = min(pointer - 1, len);
	const u32 count = (end - 3) / 4;
	u8 route[ICMPX_OPTIONS_MAX];
	struct icmpx_options request = {};
	struct way_back way;
	u32 hops[HOPS_MAX];

	for (u32 i = 0; i < sizeof(route); i++)
		route[i] = filling + i;
	route[0] = LOOSE_ROUTE;
	route[1] = len;
	route[2] = pointer;
	for (u32 i = 0; i < count; i++)
		hops[i] = get_unaligned_be32(route + end - 4 * (count - i));
	request.srr = options_put(&request, route, sizeof(route));
	way = turn_round(hops, count, SOURCE);
	check(test, &request, &way);
}

static void route_every_pointer(struct kunit *test)
{
	for (u32 len = 3; len <= ICMPX_OPTIONS_MAX; len++)
		for (u32 pointer = 4; pointer <= 255; pointer++)
			check_pointer(test, len, pointer, 7 * pointer);
}

static void route_pointer_into_itself(struct kunit *test)
{
	for (u32 len = 3; len < ICMPX_OPTIONS_MAX; len++) {
		for (u32 pointer = 0; pointer < 4; pointer++) {
			const struct icmpx_options request = {
				.len = ICMPX_OPTIONS_MAX,
				.srr = OPTIONS_AT,
				.bytes = { LOOSE_ROUTE, len, pointer },
			};
			struct icmpx_options reply;

			KUNIT_ASSERT_FALSE_MSG(test, options_echo(test, &request, 0, false, &reply),
					       "length %u, pointer %u", len, pointer);
		}
	}
}

/* Where the option is in the request is of no consequence. */
static void route_anywhere(struct kunit *test)
{
	const struct way_back way = turn_round(some_hops, 3, SOURCE);

	for (u32 before = 0; before <= ICMPX_OPTIONS_MAX - 16; before++) {
		const struct icmpx_options route = request_via(STRICT_ROUTE, some_hops, 3, 3);
		struct icmpx_options request = { .len = before, .strict_route = 1 };

		memset(request.bytes, 1, before);
		request.srr = options_put(&request, route.bytes, 15);
		check(test, &request, &way);
	}
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(route_reversed, counts_gen_params),
	KUNIT_CASE_PARAM(route_lists_its_source, counts_gen_params),
	KUNIT_CASE(route_known_bytes),
	KUNIT_CASE(route_every_pointer),
	KUNIT_CASE(route_pointer_into_itself),
	KUNIT_CASE(route_anywhere),
	{}
};

struct kunit_suite icmpx_options_route_suite = {
	.name = "icmpx_options_route",
	.test_cases = cases,
};
