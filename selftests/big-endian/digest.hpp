/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * A digest of what the core was asked and what it answered; where it is wanted, also in words.
 */
#pragma once

#include "record.h"

#include <icmpx/core.h>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <span>
#include <type_traits>

namespace record {

using Bytes = std::span<const u8>;

inline recorded state;
inline bool shown;

inline void mix(u64 value)
{
	state.digest = (std::rotl(state.digest, 5) ^ value) * 0x9e3779b97f4a7c15;
}

template <typename T>
requires std::is_integral_v<T>
void put(T number)
{
	mix(static_cast<u64>(number));
	if (shown)
		std::printf(" %lld", static_cast<long long>(number));
}

/// Eight at a time, the first one highest.
inline void put(Bytes bytes)
{
	mix(bytes.size());
	for (std::size_t at = 0; at < bytes.size(); at += 8) {
		u64 word = 0;

		for (const u8 byte : bytes.subspan(at, std::min<std::size_t>(8, bytes.size() - at)))
			word = word << 8 | byte;
		mix(word);
	}
	if (!shown)
		return;
	std::printf(" [");
	for (const u8 byte : bytes)
		std::printf("%02x", byte);
	std::printf("]");
}

/// What is in network order is bytes.
inline void put(__be32 address)
{
	put(Bytes{reinterpret_cast<const u8 *>(&address), sizeof(address)});
}

/// All but the padding.
inline void put(const icmpx_options &options)
{
	put(options.first_hop);
	put(Bytes{&options.len, options.bytes + sizeof(options.bytes)});
}

inline void put(const icmpx_probe_query &query)
{
	put(query.by);
	put(query.ifindex);
	put(Bytes{reinterpret_cast<const u8 *>(query.name), sizeof(query.name)});
	put(Bytes{query.address});
}

inline void put(const icmpx_interface &interface)
{
	put(interface.ifindex);
	put(interface.mtu);
	put(Bytes{interface.address});
	put(interface.address_len);
	put(Bytes{reinterpret_cast<const u8 *>(interface.name), sizeof(interface.name)});
	put(interface.role);
}

inline void put(const icmpx_node &node)
{
	put(Bytes{node.address});
	put(Bytes{reinterpret_cast<const u8 *>(node.name), sizeof(node.name)});
	put(node.address_len);
	put(node.name_len);
}

inline void put(const icmpx_prefix &prefix)
{
	put(Bytes{prefix.address});
	put(prefix.address_len);
	put(prefix.length);
}

/// An entry's name, with a digest that takes no time.
struct Name {
	const char *text;
	u64 digest = 0;

	consteval Name(const char *name) : text(name)
	{
		for (; *name != 0; name++)
			digest = digest * 31 + static_cast<u8>(*name);
	}
};

template <typename... T> void asked(Name entry, const T &...in)
{
	state.calls++;
	if (shown)
		std::printf("%s:", entry.text);
	mix(entry.digest);
	(put(in), ...);
}

template <typename... T> void answered(const T &...out)
{
	if (shown)
		std::printf(" =>");
	(put(out), ...);
	if (shown)
		std::printf("\n");
}

} // namespace record
