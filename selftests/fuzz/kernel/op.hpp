/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * What an input is: some operations of a fixed size, so that whatever the fuzzer cuts, joins and changes is still some
 * operations.
 */
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace kernel {

/// What to do; a kind beyond the last counts from the first again.
enum Kind : std::uint8_t {
	send_packet,
	send_error,
	send_answer,
	send_other,
	open_socket,
	close_socket,
	send_message,
	receive_message,
	set_option,
	bind_socket,
	connect_socket,
	set_setting,
	read_proc,
	ask_by_netlink,
	send_packet6,
	send_error6,
	send_answer6,
	send_other6,
	kinds,
};

/// Bits of Op::flags.
enum Flag : std::uint8_t {
	wrong_checksum = 1 << 0,
	/// Through the device that makes a page of each part.
	in_parts = 1 << 1,
	with_options = 1 << 2,
	/// A type, a length or a value as it stands, and not one of those that mean something.
	as_it_is = 1 << 3,
	fragment = 1 << 4,
	offload = 1 << 5,
	patched = 1 << 6,
	large = 1 << 7,
};

/// One operation; each kind makes of the members what it needs.
struct Op {
	std::uint8_t kind;
	std::uint8_t slot;
	std::uint8_t flags;
	std::uint8_t part;
	std::uint8_t type;
	std::uint8_t code;
	std::uint8_t source;
	std::uint8_t destination;
	std::uint32_t rest;
	std::uint16_t size;
	std::uint8_t tos;
	std::uint8_t ttl;
	std::uint8_t bytes[48];

	bool has(Flag flag) const { return (flags & flag) != 0; }
};
static_assert(sizeof(Op) == 64);

inline constexpr std::size_t most_ops = 12;

/// How many bytes of a message an operation asks for.
inline std::size_t size_of(const Op &op) { return op.has(large) ? op.size : op.size % 256; }

/// The operation's bytes as often as @p size asks for.
inline std::vector<std::uint8_t> fill(const Op &op, std::size_t size)
{
	std::vector<std::uint8_t> data(size);

	for (std::size_t i = 0; i < size; i++)
		data[i] = op.bytes[i % sizeof(op.bytes)];
	return data;
}

/// The whole operations that @p bytes begin with.
inline std::vector<Op> operations(std::span<const std::uint8_t> bytes)
{
	const std::size_t whole = bytes.size() / sizeof(Op);
	std::vector<Op> ops(whole < most_ops ? whole : most_ops);

	if (!ops.empty())
		std::memcpy(ops.data(), bytes.data(), ops.size() * sizeof(Op));
	return ops;
}

} // namespace kernel
