// SPDX-License-Identifier: GPL-2.0-only

#include "packet.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

#include <arpa/inet.h>

namespace packet {

Address ipv4(std::string_view text)
{
	in_addr address{};

	if (inet_pton(AF_INET, std::string(text).c_str(), &address) != 1)
		throw std::invalid_argument("not an IPv4 address: " + std::string(text));
	return ntohl(address.s_addr);
}

void put16(Bytes &bytes, std::uint16_t value)
{
	bytes.push_back(static_cast<std::uint8_t>(value >> 8));
	bytes.push_back(static_cast<std::uint8_t>(value));
}

void put32(Bytes &bytes, std::uint32_t value)
{
	put16(bytes, static_cast<std::uint16_t>(value >> 16));
	put16(bytes, static_cast<std::uint16_t>(value));
}

std::uint16_t get16(View bytes, std::size_t offset)
{
	if (offset + 2 > bytes.size())
		throw std::out_of_range("packet too short for a 16-bit field");
	return static_cast<std::uint16_t>(bytes[offset] << 8 | bytes[offset + 1]);
}

std::uint32_t get32(View bytes, std::size_t offset)
{
	return std::uint32_t{get16(bytes, offset)} << 16 | get16(bytes, offset + 2);
}

Bytes concat(std::initializer_list<View> parts)
{
	Bytes bytes;

	for (View part : parts)
		bytes.insert(bytes.end(), part.begin(), part.end());
	return bytes;
}

Bytes pattern(std::size_t size, std::uint8_t seed)
{
	Bytes bytes(size);

	// 251 is prime: no two places 2^n apart hold the same byte, so pieces that change places show.
	for (std::size_t i = 0; i < size; i++)
		bytes[i] = static_cast<std::uint8_t>(i % 251 + i / 251 * 7 + seed);
	return bytes;
}

std::uint16_t checksum(View bytes, std::uint32_t sum)
{
	for (std::size_t i = 0; i < bytes.size(); i++)
		sum += i % 2 ? bytes[i] : std::uint32_t{bytes[i]} << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return static_cast<std::uint16_t>(~sum);
}

namespace {

constexpr std::size_t header_size = 20;

void store16(Bytes &bytes, std::size_t offset, std::uint16_t value)
{
	bytes[offset] = static_cast<std::uint8_t>(value >> 8);
	bytes[offset + 1] = static_cast<std::uint8_t>(value);
}

/// The options that belong into every fragment: those with the copied flag (RFC 791, 3.1).
Bytes copied_options(const Bytes &options)
{
	Bytes copied;

	for (std::size_t at = 0; at < options.size();) {
		if (options[at] == 0)
			break;
		std::size_t size = options[at] == 1 ? 1 : options.at(at + 1);
		if (options[at] & 0x80)
			copied.insert(copied.end(),
				      options.begin() + static_cast<std::ptrdiff_t>(at),
				      options.begin() + static_cast<std::ptrdiff_t>(at + size));
		at += size;
	}
	return copied;
}

} // namespace

Bytes Ipv4::build() const
{
	Bytes padded = options;

	padded.resize((padded.size() + 3) / 4 * 4);
	std::size_t header = header_size + padded.size();
	Bytes bytes;
	bytes.reserve(header + payload.size());
	bytes.push_back(static_cast<std::uint8_t>(0x40 | header / 4));
	bytes.push_back(tos);
	put16(bytes, static_cast<std::uint16_t>(header + payload.size()));
	put16(bytes, id);
	put16(bytes, static_cast<std::uint16_t>((df ? 0x4000 : 0) | (mf ? 0x2000 : 0) |
						fragment_offset / 8));
	bytes.push_back(ttl);
	bytes.push_back(protocol);
	put16(bytes, 0);
	put32(bytes, source);
	put32(bytes, destination);
	bytes.insert(bytes.end(), padded.begin(), padded.end());
	store16(bytes, 10, checksum(bytes));
	bytes.insert(bytes.end(), payload.begin(), payload.end());
	return bytes;
}

std::optional<Ipv4> parse_ipv4(View bytes)
{
	if (bytes.size() < header_size || bytes[0] >> 4 != 4)
		return std::nullopt;
	std::size_t header = (bytes[0] & 15U) * 4;
	std::size_t total = get16(bytes, 2);
	if (header < header_size || total < header || bytes.size() < total)
		return std::nullopt;

	Ipv4 ip;
	std::uint16_t flags = get16(bytes, 6);
	ip.tos = bytes[1];
	ip.id = get16(bytes, 4);
	ip.df = flags & 0x4000;
	ip.mf = flags & 0x2000;
	ip.fragment_offset = static_cast<std::uint16_t>((flags & 0x1fff) * 8);
	ip.ttl = bytes[8];
	ip.protocol = bytes[9];
	ip.source = get32(bytes, 12);
	ip.destination = get32(bytes, 16);
	ip.checksum_right = checksum(bytes.first(header)) == 0;
	View options = bytes.subspan(header_size, header - header_size);
	ip.options.assign(options.begin(), options.end());
	View payload = bytes.subspan(header, total - header);
	ip.payload.assign(payload.begin(), payload.end());
	return ip;
}

std::vector<Ipv4> fragment(const Ipv4 &datagram, std::size_t mtu)
{
	std::vector<Ipv4> fragments;
	std::size_t done = 0;

	do {
		Ipv4 part = datagram;
		if (done)
			part.options = copied_options(datagram.options);
		std::size_t room = (mtu - header_size - (part.options.size() + 3) / 4 * 4) / 8 * 8;
		std::size_t size = std::min(room, datagram.payload.size() - done);
		View payload = View(datagram.payload).subspan(done, size);
		part.payload.assign(payload.begin(), payload.end());
		part.fragment_offset = static_cast<std::uint16_t>(done);
		done += size;
		part.mf = done < datagram.payload.size();
		fragments.push_back(std::move(part));
	} while (done < datagram.payload.size());
	return fragments;
}

std::optional<Ipv4> reassemble(std::vector<Ipv4> fragments)
{
	std::ranges::sort(fragments, {}, &Ipv4::fragment_offset);
	if (fragments.empty() || fragments.back().mf)
		return std::nullopt;
	Ipv4 whole = fragments.front();
	whole.payload.clear();
	for (const Ipv4 &part : fragments) {
		if (part.fragment_offset != whole.payload.size() || part.id != whole.id)
			return std::nullopt;
		whole.payload.insert(whole.payload.end(), part.payload.begin(), part.payload.end());
		whole.checksum_right &= part.checksum_right;
	}
	whole.mf = false;
	return whole;
}

Bytes Icmp::build(Checksum sum, std::uint32_t pseudo_header) const
{
	Bytes bytes{type, code, 0, 0};

	put32(bytes, rest);
	bytes.insert(bytes.end(), data.begin(), data.end());
	std::uint16_t right = checksum(bytes, pseudo_header);
	store16(bytes, 2,
		sum == Checksum::right ? right : static_cast<std::uint16_t>(right ^ 0x5555));
	return bytes;
}

std::optional<Icmp> parse_icmp(View bytes, std::uint32_t pseudo_header)
{
	if (bytes.size() < 8)
		return std::nullopt;

	Icmp message;
	message.type = bytes[0];
	message.code = bytes[1];
	message.rest = get32(bytes, 4);
	message.data.assign(bytes.begin() + 8, bytes.end());
	message.checksum_right = checksum(bytes, pseudo_header) == 0;
	return message;
}

Icmp echo_request(std::uint16_t id, std::uint16_t sequence, Bytes data)
{
	return {.type = Type::echo,
		.code = 0,
		.rest = id_sequence(id, sequence),
		.data = std::move(data)};
}

Ipv4 datagram(const Icmp &message, Checksum sum)
{
	Ipv4 ip;

	ip.payload = message.build(sum);
	return ip;
}

} // namespace packet
