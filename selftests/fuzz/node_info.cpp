// SPDX-License-Identifier: GPL-2.0-only
//
// Node information queries of any bytes, for a host of any name: what is decided, and what is written for it.

#include "fuzz.hpp"

namespace {

/// What is not of the message.
struct About {
	icmpx_node self;
	u8 source[16];
	u8 mask;
	u8 truncated;
};

void check_name(const icmpx_node &self, fuzz::Edge edge)
{
	static fuzz::Guarded read, written;
	const icmpx_node *node = read.constant(self, edge);
	u8 room[ICMPX6_NODE_NAME_ROOM];

	std::memset(room, 0xa5, sizeof(room));
	u8 *data = written.writable(fuzz::Bytes{room}, edge);
	const std::size_t size = icmpx6_node_name(node, data);

	fuzz::must(size >= 4 && size <= sizeof(room));
	fuzz::must(size == 4 || data[size - 1] == 0);

	// A host that is asked by what it calls itself is meant.
	static fuzz::Guarded asking, from;
	std::vector<u8> message(ICMPX6_NODE_INFO_LEN);
	const u8 link_local[16] = {0xfe, 0x80};

	message[0] = 139;
	message[1] = 1;
	message[5] = 2;
	message.insert(message.end(), data + 4, data + size);
	const auto query = icmpx6_node_decide(
		asking.constant(fuzz::Bytes{message}, edge), message.size(),
		from.constant(fuzz::Bytes{link_local}, edge), ICMPX6_NODE_TELL_NAME, node);
	fuzz::must((query.subject == ICMPX6_NODE_SUBJECT_SELF) == (size > 4));
	fuzz::must(query.tells == ICMPX6_NODE_TELLS_NAME);
}

void check_reply(fuzz::Bytes message, icmpx6_node_query query, bool truncated, fuzz::Edge edge)
{
	static fuzz::Guarded memory;
	u8 *header = memory.writable(message.first(ICMPX6_NODE_INFO_LEN), edge);

	icmpx6_node_reply(header, query, truncated);
	fuzz::must(header[0] == 140 && header[1] == query.code);
	fuzz::must((header[7] & 1) == truncated);
	// The question and the nonce.
	fuzz::must(std::memcmp(header + 4, message.data() + 4, 2) == 0);
	fuzz::must(std::memcmp(header + 8, message.data() + 8, 8) == 0);
}

void check(const About &about, fuzz::Bytes message, fuzz::Edge edge)
{
	static fuzz::Guarded read, source, self;
	const auto query = icmpx6_node_decide(read.constant(message, edge), message.size(),
					      source.constant(fuzz::Bytes{about.source}, edge),
					      about.mask, self.constant(about.self, edge));

	fuzz::must(query.subject <= ICMPX6_NODE_SUBJECT_IPV4);
	fuzz::must(query.code <= ICMPX6_NODE_CODE_UNKNOWN);
	fuzz::must(query.tells <= ICMPX6_NODE_TELLS_IPV4);
	fuzz::must(query.code == ICMPX6_NODE_CODE_TOLD || query.tells == ICMPX6_NODE_TELLS_NOTHING);
	if (query.tells != ICMPX6_NODE_TELLS_NOTHING)
		fuzz::must((about.mask & 1 << (query.tells - 1)) != 0);
	if (message.size() < ICMPX6_NODE_INFO_LEN)
		fuzz::must(query.subject == ICMPX6_NODE_SUBJECT_NONE);
	else
		check_reply(message, query, about.truncated & 1, edge);
	check_name(about.self, edge);
	fuzz::must(!icmpx6_node_wants(0, source.constant(fuzz::Bytes{about.source}, edge)));
	icmpx6_node_wants(about.mask, source.constant(fuzz::Bytes{about.source}, edge));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8 *data, std::size_t size)
{
	fuzz::Input input(data, size);
	const auto about = input.take<About>();
	const fuzz::Bytes rest = input.rest();
	const fuzz::Bytes message =
		rest.first(std::min<std::size_t>(rest.size(), ICMPX6_NODE_QUERY_MAX));

	for (const fuzz::Edge edge : fuzz::both_edges)
		check(about, message, edge);
	return 0;
}
