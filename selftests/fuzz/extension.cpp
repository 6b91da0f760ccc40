// SPDX-License-Identifier: GPL-2.0-only
//
// Extensions of errors: what is made is right for whoever checks it, and any bytes can be checked.

#include "fuzz.hpp"

namespace {

struct Told {
	icmpx_interface interfaces[ICMPX_INTERFACES_MAX];
	icmpx_node node;
};

/// As a reader of RFC 4884 would: every object whole, and nothing left.
bool objects_fill(fuzz::Bytes extension)
{
	std::size_t at = 4;

	while (at + 4 <= extension.size()) {
		const std::size_t length = extension[at] * 256U + extension[at + 1];

		if (length < 4)
			return false;
		at += length;
	}
	return at == extension.size();
}

void build(const Told &told, u8 count, bool with_node, fuzz::Edge edge)
{
	static fuzz::Guarded input;
	static fuzz::Guarded output;
	const u8 blank[ICMPX_EXTENSION_MAX] = {};
	u8 *extension = output.writable(fuzz::Bytes(blank), edge);
	const Told *in = input.constant(told, edge);
	const std::size_t len = icmpx_extension_build(in->interfaces, count,
						      with_node ? &in->node : nullptr, extension);
	u8 message[ICMPX_ORIGINAL_LEN + ICMPX_EXTENSION_MAX] = {};

	fuzz::must(len <= ICMPX_EXTENSION_MAX && len % 4 == 0);
	if (len == 0) {
		fuzz::must(count == 0);
		return;
	}
	fuzz::must(objects_fill({extension, len}));
	std::memcpy(message + ICMPX_ORIGINAL_LEN, extension, len);
	const icmpx_extension_verdict verdict =
		icmpx_extension_check(ICMPX_ORIGINAL_LEN, 0, message, ICMPX_ORIGINAL_LEN + len);
	fuzz::must(verdict.at == ICMPX_ORIGINAL_LEN && verdict.invalid == 0);
}

/// How long the original datagram is, where an error of @p type says that it is so many @p words long.
u16 length_of(bool v6, u8 type, u8 words, fuzz::Edge edge)
{
	static fuzz::Guarded memory;
	fuzz::Header header{};

	header.bytes[0] = type;
	header.bytes[v6 ? 4 : 5] = words;
	const u8 *bytes = memory.constant(header, edge)->bytes;
	const u16 length = v6 ? icmpx6_extension_length(bytes) : icmpx_extension_length(bytes);
	const bool extensible = v6 ? icmpx6_extensible(type) : icmpx_extensible(type);

	fuzz::must(length == (extensible ? words * (v6 ? 8 : 4) : 0));
	return length;
}

void check(u16 length, u8 before, fuzz::Bytes payload, fuzz::Edge edge)
{
	static fuzz::Guarded memory;
	const icmpx_extension_verdict verdict = icmpx_extension_check(
		length, before, memory.constant(payload, edge), payload.size());

	if (verdict.at == 0 && verdict.invalid == 0)
		return;
	fuzz::must(length >= ICMPX_ORIGINAL_LEN && verdict.at + before == length);
	fuzz::must(verdict.at + std::size_t{4} <= payload.size());
	const fuzz::Bytes extension = payload.subspan(verdict.at);
	if (verdict.invalid == 0 && extension[0] >> 4 == 2)
		fuzz::must(objects_fill(extension));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8 *data, std::size_t size)
{
	fuzz::Input input(data, size);
	const auto kind = input.take<u8>();

	if (kind % 2 == 0) {
		auto told = input.take<Told>();
		const auto count = static_cast<u8>(kind / 2 % (ICMPX_INTERFACES_MAX + 1));
		const bool with_node = kind / 8 % 2 != 0;

		for (icmpx_interface &interface : told.interfaces) {
			interface.ifindex = fuzz::little(interface.ifindex);
			interface.mtu = fuzz::little(interface.mtu);
		}
		for (const fuzz::Edge edge : fuzz::both_edges)
			build(told, count, with_node, edge);
		return 0;
	}
	const auto type = input.take<u8>();
	const auto words = input.take<u8>();
	const auto before = input.take<u8>();
	for (const fuzz::Edge edge : fuzz::both_edges)
		check(length_of(kind / 2 % 2 != 0, type, words, edge), before, input.rest(), edge);
	return 0;
}
