// SPDX-License-Identifier: GPL-2.0-only

#include "packet6.hpp"

#include <algorithm>
#include <stdexcept>

#include <arpa/inet.h>

namespace packet6 {

using packet::get16;
using packet::get32;
using packet::put16;
using packet::put32;

namespace {

constexpr std::size_t header_size = 40;
constexpr std::size_t fragment_header_size = 8;

void append(Bytes &bytes, View more) { bytes.insert(bytes.end(), more.begin(), more.end()); }

Bytes from(View bytes) { return {bytes.begin(), bytes.end()}; }

bool has_length(std::uint8_t kind)
{
	return kind == Header::hop_by_hop || kind == Header::routing_header ||
	       kind == Header::destination_options;
}

void put_extension(Bytes &bytes, const Extension &extension, std::uint8_t next)
{
	std::size_t units = (2 + extension.contents.size() + 7) / 8;
	std::size_t end = bytes.size() + units * 8;

	bytes.push_back(next);
	bytes.push_back(static_cast<std::uint8_t>(units - 1));
	append(bytes, extension.contents);
	bytes.resize(end);
}

/// Puts the headers from @p first on, the last of which leads to @p next; what leads to the first of them comes back.
std::uint8_t put_extensions(Bytes &bytes, const std::vector<Extension> &extensions,
			    std::size_t first, std::uint8_t next)
{
	for (std::size_t i = first; i < extensions.size(); i++)
		put_extension(bytes, extensions[i],
			      i + 1 < extensions.size() ? extensions[i + 1].kind : next);
	return first < extensions.size() ? extensions[first].kind : next;
}

} // namespace

Address ipv6(std::string_view text)
{
	Address address{};

	if (inet_pton(AF_INET6, std::string(text).c_str(), address.data()) != 1)
		throw std::invalid_argument("not an IPv6 address: " + std::string(text));
	return address;
}

std::string text(const Address &address)
{
	std::array<char, INET6_ADDRSTRLEN> text{};

	return inet_ntop(AF_INET6, address.data(), text.data(), text.size());
}

Bytes option(std::uint8_t type, const Bytes &data)
{
	Bytes bytes{type, static_cast<std::uint8_t>(data.size())};

	append(bytes, data);
	return bytes;
}

Extension home_address(const Address &home)
{
	constexpr std::uint8_t pad_n = 1, home_address = 201;

	// It begins 6 bytes behind a multiple of 8.
	return {Header::destination_options,
		packet::concat({option(pad_n, Bytes(2)), option(home_address, from(home))})};
}

Extension routing(std::uint8_t type, std::uint8_t segments_left,
		  const std::vector<Address> &addresses)
{
	constexpr std::uint8_t segment_routing = 4;
	Bytes contents{type, segments_left, 0, 0, 0, 0};

	// RFC 8754: the index of the last entry.
	if (type == segment_routing)
		contents[2] = static_cast<std::uint8_t>(addresses.size() - 1);
	for (const Address &address : addresses)
		append(contents, address);
	return {Header::routing_header, contents};
}

Bytes Ipv6::build() const
{
	Bytes behind;
	std::uint8_t next = put_extensions(
		behind, extensions, 0, fragment ? std::uint8_t{Header::fragment_header} : protocol);

	if (fragment) {
		behind.push_back(protocol);
		behind.push_back(0);
		put16(behind,
		      static_cast<std::uint16_t>(fragment->offset | (fragment->more ? 1 : 0)));
		put32(behind, fragment->id);
	}
	append(behind, payload);

	Bytes bytes;
	bytes.reserve(header_size + behind.size());
	put32(bytes, 6U << 28 | std::uint32_t{traffic_class} << 20 | flow_label);
	put16(bytes, static_cast<std::uint16_t>(behind.size()));
	bytes.push_back(next);
	bytes.push_back(hop_limit);
	append(bytes, source);
	append(bytes, destination);
	append(bytes, behind);
	return bytes;
}

std::optional<Ipv6> parse_ipv6(View bytes)
{
	if (bytes.size() < header_size || bytes[0] >> 4 != 6)
		return std::nullopt;
	std::size_t length = get16(bytes, 4);
	if (bytes.size() < header_size + length)
		return std::nullopt;

	Ipv6 ip;
	std::uint32_t first = get32(bytes, 0);
	ip.traffic_class = static_cast<std::uint8_t>(first >> 20);
	ip.flow_label = first & 0xfffff;
	ip.protocol = bytes[6];
	ip.hop_limit = bytes[7];
	std::copy_n(bytes.begin() + 8, ip.source.size(), ip.source.begin());
	std::copy_n(bytes.begin() + 24, ip.destination.size(), ip.destination.begin());

	View rest = bytes.subspan(header_size, length);
	while (has_length(ip.protocol)) {
		if (rest.size() < 8 || rest.size() < (rest[1] + 1U) * 8)
			return std::nullopt;
		std::size_t size = (rest[1] + 1U) * 8;
		ip.extensions.push_back({ip.protocol, from(rest.subspan(2, size - 2))});
		ip.protocol = rest[0];
		rest = rest.subspan(size);
	}
	if (ip.protocol == Header::fragment_header) {
		if (rest.size() < fragment_header_size)
			return std::nullopt;
		std::uint16_t offset = get16(rest, 2);
		ip.fragment = Fragment{static_cast<std::uint16_t>(offset & 0xfff8),
				       (offset & 1) != 0, get32(rest, 4)};
		ip.protocol = rest[0];
		rest = rest.subspan(fragment_header_size);
	}
	ip.payload = from(rest);
	return ip;
}

Ipv6 with_headers_in_payload(const Ipv6 &datagram, std::size_t kept)
{
	Ipv6 ip = datagram;

	ip.payload.clear();
	ip.protocol = put_extensions(ip.payload, datagram.extensions, kept, datagram.protocol);
	append(ip.payload, datagram.payload);
	ip.extensions.resize(kept);
	return ip;
}

std::vector<Ipv6> fragment(const Ipv6 &datagram, std::size_t mtu, std::uint32_t id,
			   std::size_t kept)
{
	if (datagram.build().size() <= mtu)
		return {datagram};

	std::vector<Ipv6> fragments;
	const Ipv6 whole = with_headers_in_payload(datagram, kept);
	std::size_t done = 0;

	do {
		Ipv6 part = whole;
		part.fragment = Fragment{static_cast<std::uint16_t>(done), true, id};
		part.payload.clear();
		std::size_t room = (mtu - part.build().size()) / 8 * 8;
		std::size_t size = std::min(room, whole.payload.size() - done);
		part.payload = from(View(whole.payload).subspan(done, size));
		done += size;
		part.fragment->more = done < whole.payload.size();
		fragments.push_back(std::move(part));
	} while (done < whole.payload.size());
	return fragments;
}

std::optional<Ipv6> reassemble(std::vector<Ipv6> fragments)
{
	const auto offset = [](const Ipv6 &part) {
		return part.fragment ? part.fragment->offset : 0;
	};

	std::ranges::sort(fragments, {}, offset);
	if (fragments.empty())
		return std::nullopt;
	if (fragments.size() == 1 && !fragments.front().fragment)
		return fragments.front();
	Ipv6 whole = fragments.front();
	whole.payload.clear();
	for (const Ipv6 &part : fragments) {
		if (!part.fragment || part.fragment->offset != whole.payload.size() ||
		    part.fragment->id != whole.fragment->id)
			return std::nullopt;
		append(whole.payload, part.payload);
	}
	if (fragments.back().fragment->more)
		return std::nullopt;
	whole.fragment.reset();
	return whole;
}

std::uint32_t pseudo_header(const Address &source, const Address &destination, std::size_t length,
			    std::uint8_t protocol)
{
	auto sum = static_cast<std::uint32_t>((length >> 16) + (length & 0xffff) + protocol);

	for (std::size_t i = 0; i < source.size(); i += 2)
		sum += std::uint32_t{get16(source, i)} + get16(destination, i);
	return sum;
}

std::optional<Icmp> parse_icmp(const Ipv6 &datagram)
{
	return packet::parse_icmp(
		datagram.payload,
		pseudo_header(datagram.source, datagram.destination, datagram.payload.size()));
}

Icmp echo_request(std::uint16_t id, std::uint16_t sequence, Bytes data)
{
	return {.type = Type::echo,
		.code = 0,
		.rest = packet::id_sequence(id, sequence),
		.data = std::move(data)};
}

Ipv6 datagram(const Icmp &message, const Ends &ends, Checksum sum)
{
	Ipv6 ip;

	ip.source = ends.source;
	ip.destination = ends.destination;
	ip.payload = message.build(
		sum, pseudo_header(ends.source, ends.destination, 8 + message.data.size()));
	return ip;
}

} // namespace packet6
