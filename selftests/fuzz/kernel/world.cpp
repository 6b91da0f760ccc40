// SPDX-License-Identifier: GPL-2.0-only
//
// Packets in and out.

#include "world.hpp"

#include "lib/genetlink.hpp"

#include <algorithm>

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

namespace kernel {

using packet::Bytes;
using packet::Ipv4;
using packet::View;

namespace {

constexpr std::size_t remembered = 8;
constexpr wire::Mac parts_mac{0x02, 0, 0, 0, 0, 0x02};

constexpr std::uint8_t types[] = {
	packet::Type::echo_reply,
	packet::Type::unreachable,
	packet::Type::source_quench,
	packet::Type::redirect,
	packet::Type::echo,
	packet::Type::time_exceeded,
	packet::Type::parameter_problem,
	packet::Type::timestamp,
	packet::Type::extended_echo,
	packet::Type::extended_echo_reply,
};

const packet::Address addresses[] = {
	packet::client,
	packet::server,
	packet::ipv4("10.0.1.1"),
	packet::ipv4("10.0.1.2"),
	packet::ipv4("10.0.0.255"),
	packet::ipv4("255.255.255.255"),
	packet::ipv4("224.0.0.1"),
	packet::ipv4("127.0.0.1"),
	packet::ipv4("0.0.0.0"),
	packet::ipv4("198.51.100.1"),
	packet::ipv4("203.0.113.77"),
	packet::ipv4("192.0.2.1"),
};

/// @p index by one of the addresses that mean something; half of them are @p usual.
packet::Address address_of(std::uint8_t index, packet::Address usual)
{
	return index < 128 ? usual : addresses[index % std::size(addresses)];
}

std::uint8_t type_of(const Op &op)
{
	return op.has(as_it_is) ? op.type : types[op.type % std::size(types)];
}

wire::Cast cast_of(packet::Address destination)
{
	if (destination >> 28 == 0xe)
		return wire::Cast::multicast;
	return (destination & 0xff) == 0xff ? wire::Cast::broadcast : wire::Cast::unicast;
}

/// A device whose frames are made of the parts that they are written in.
host::Descriptor open_parts()
{
	host::Descriptor fd(host::check(::open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK),
					"/dev/net/tun"));
	ifreq request{};

	std::string_view("parts").copy(request.ifr_name, IFNAMSIZ - 1);
	request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_NAPI | IFF_NAPI_FRAGS;
	host::check(ioctl(fd.get(), TUNSETIFF, &request), "TUNSETIFF");
	host::set_sysctl("net/ipv6/conf/wire0/disable_ipv6", 0);
	host::run("ip -batch - <<'END'\n"
		  "link set dev parts address 02:00:00:00:00:02 arp off up\n"
		  "address add 10.0.1.2/24 broadcast + dev parts\n"
		  "address add fd01::2/64 dev parts nodad\n"
		  "address add fe80::3/64 dev parts nodad\n"
		  "address add fd00::2/64 dev wire0 nodad\n"
		  "address add fe80::2/64 dev wire0 nodad\n"
		  "route add 2001:db8::/64 via fd01::1\n"
		  "route add blackhole 2001:db8:1::/64\n"
		  "route add 2001:db8:2::/64 dev wire0 mtu lock 1280\n"
		  "route add 198.51.100.0/24 via 10.0.1.1\n"
		  "route add blackhole 203.0.113.0/24\n"
		  "route add 192.0.2.0/24 dev wire0 mtu lock 576\nEND");
	return fd;
}

host::Descriptor open_netlink()
{
	return host::Descriptor(host::check(
		socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_GENERIC),
		"netlink socket"));
}

} // namespace

World::World()
	: wire_(wire::new_server({.virtio_header = true})), parts_(open_parts()),
	  netlink_(open_netlink()), family_(genetlink::Client().type())
{
	for (const char *device : {"all", "wire0", "parts"})
		for (const char *setting : {"rp_filter", "accept_source_route", "route_localnet"})
			host::set_sysctl(std::string("net/ipv4/conf/") + device + "/" + setting,
					 setting[1] == 'p' ? 0 : 1);
	host::set_sysctl("net/ipv4/ip_forward", 1);
	host::set_sysctl("net/ipv6/conf/all/forwarding", 1);
	use_usual_settings();
}

void World::drain()
{
	Bytes frame(1 << 16);

	for (const int fd : {wire_.fd(), parts_.get()}) {
		const std::size_t skip = fd == parts_.get() ? 14 : 14 + sizeof(wire::VirtioHeader);
		ssize_t size;

		while ((size = read(fd, frame.data(), frame.size())) > 0) {
			const View view(frame.data(), static_cast<std::size_t>(size));

			if (view.size() <= skip)
				continue;
			if (auto datagram = packet::parse_ipv4(view.subspan(skip)))
				recent_.push_front(std::move(*datagram));
			else if (auto datagram6 = packet6::parse_ipv6(view.subspan(skip)))
				recent6_.push_front(std::move(*datagram6));
		}
	}
	recent_.resize(std::min(recent_.size(), remembered));
	recent6_.resize(std::min(recent6_.size(), remembered));
}

Ipv4 World::recent(const Op &op) const
{
	if (recent_.empty())
		return {.protocol = op.part, .source = packet::server, .payload = fill(op, 48)};
	return recent_[op.slot % recent_.size()];
}

void World::send_in_parts(View datagram, const Op &op)
{
	const Bytes frame = wire::ethernet(parts_mac, datagram);
	const std::size_t size = op.part % 64 + 1U;
	std::vector<iovec> parts;

	// A page is the most that the device takes in one part, and 17 are the most parts.
	for (std::size_t at = 0; at < frame.size() && parts.size() < 17;) {
		const std::size_t rest = frame.size() - at;
		const std::size_t part = at == 0	    ? std::min<std::size_t>(13 + size, rest)
					 : parts.size() > 8 ? std::min<std::size_t>(4096, rest)
							    : std::min(size, rest);

		parts.push_back({const_cast<std::uint8_t *>(frame.data() + at), part});
		at += part;
	}
	writev(parts_.get(), parts.data(), static_cast<int>(parts.size()));
}

void World::send(Ipv4 datagram, const Op &op)
{
	datagram.tos = op.tos;
	datagram.ttl = op.ttl ? op.ttl : 64;
	if (op.has(fragment)) {
		datagram.mf = (op.code & 1) != 0;
		datagram.fragment_offset = static_cast<std::uint16_t>((op.code >> 1) * 8);
	}
	send(datagram.build(), op, 34, cast_of(datagram.destination));
}

void World::send(Bytes bytes, const Op &op, std::uint16_t header_at, wire::Cast cast)
{
	// A header or a message that is not all there.
	if (op.has(patched))
		bytes.resize(std::max(bytes.size(), 20 + op.bytes[47] % 32UL) - op.bytes[47] % 32);
	packets_++;
	if (op.has(in_parts)) {
		send_in_parts(bytes, op);
		return;
	}
	wire::VirtioHeader header;
	if (op.has(offload)) {
		header.flags = op.part % 4;
		header.checksum_start = header_at;
		header.checksum_offset = 2;
	}
	const Bytes frame = wire_.frame(bytes, cast);
	Bytes whole(sizeof(header));
	std::memcpy(whole.data(), &header, sizeof(header));
	whole.insert(whole.end(), frame.begin(), frame.end());
	// What the device refuses does not come in.
	if (write(wire_.fd(), whole.data(), whole.size()) < 0)
		packets_--;
}

void World::packet(const Op &op)
{
	packet::Icmp icmp{.type = type_of(op), .code = op.code, .rest = op.rest};
	Ipv4 datagram{.source = address_of(op.source, packet::client),
		      .destination = address_of(op.destination, packet::server)};

	if (!op.has(as_it_is) && icmp.type != packet::Type::unreachable)
		icmp.code %= 3;
	if (op.has(with_options))
		datagram.options.assign(op.bytes, op.bytes + std::min<int>(op.part % 44, 40));
	icmp.data = fill(op, size_of(op));
	datagram.payload = icmp.build(op.has(wrong_checksum) ? packet::Checksum::wrong
							     : packet::Checksum::right);
	if (op.has(as_it_is) && op.size < 8)
		datagram.payload.resize(op.size);
	send(std::move(datagram), op);
}

/// An error about what came out not long ago, or about what looks like it.
void World::error(const Op &op)
{
	constexpr std::uint8_t error_types[] = {3, 4, 5, 11, 12};
	Ipv4 embedded = recent(op);
	packet::Icmp icmp{.type = error_types[op.type % std::size(error_types)],
			  .code = op.code,
			  .rest = op.rest};

	icmp.data = embedded.build();
	if (!op.has(large))
		icmp.data.resize(std::min<std::size_t>(icmp.data.size(), op.size % 600));
	if (op.has(as_it_is))
		for (std::size_t i = 0; i + 1 < 8 && !icmp.data.empty(); i += 2)
			icmp.data[op.bytes[i] % icmp.data.size()] ^= op.bytes[i + 1];
	if (icmp.type == 3 || icmp.type == 5)
		icmp.code %= 18;
	Ipv4 datagram{.source = address_of(op.source, embedded.destination),
		      .destination = address_of(op.destination, embedded.source)};
	datagram.payload = icmp.build(op.has(wrong_checksum) ? packet::Checksum::wrong
							     : packet::Checksum::right);
	send(std::move(datagram), op);
}

/// The reply to what came out not long ago, if that was a request.
void World::answer(const Op &op)
{
	Ipv4 datagram = recent(op);
	auto icmp = packet::parse_icmp(datagram.payload);

	if (!icmp)
		return;
	icmp->type = icmp->type == packet::Type::extended_echo ? packet::Type::extended_echo_reply
							       : packet::Type::echo_reply;
	icmp->rest ^= op.rest & 0xffff;
	const auto source = datagram.source;
	datagram.source = address_of(op.source, datagram.destination);
	datagram.destination = source;
	datagram.options.clear();
	if (op.has(with_options))
		datagram.options.assign(op.bytes, op.bytes + std::min<int>(op.part % 44, 40));
	datagram.payload = icmp->build(op.has(wrong_checksum) ? packet::Checksum::wrong
							      : packet::Checksum::right);
	send(std::move(datagram), op);
}

/// What this host has no use for, and may send an error about: closed ports, unknown protocols, what it is to forward.
void World::other(const Op &op)
{
	constexpr std::uint8_t protocols[] = {17, 17, 6, 99, 1, 2, 4, 47};
	Ipv4 datagram{.df = (op.code & 0x80) != 0,
		      .source = address_of(op.source, packet::client),
		      .destination = addresses[op.destination % std::size(addresses)]};

	datagram.protocol = op.has(as_it_is) ? op.type : protocols[op.type % std::size(protocols)];
	if (op.has(with_options))
		datagram.options.assign(op.bytes, op.bytes + std::min<int>(op.part % 44, 40));
	datagram.payload = fill(op, size_of(op));
	send(std::move(datagram), op);
}

void World::carry_out(const Op &op)
{
	switch (op.kind % kinds) {
	case send_packet:
		packet(op);
		break;
	case send_error:
		error(op);
		break;
	case send_answer:
		answer(op);
		break;
	case send_other:
		other(op);
		break;
	case open_socket:
		open(op);
		break;
	case close_socket:
		socket(op) = sock::Socket();
		break;
	case send_message:
		message(op);
		break;
	case receive_message:
		receive(op);
		break;
	case set_option:
		option(op);
		break;
	case bind_socket:
	case connect_socket:
		address(op);
		break;
	case set_setting:
		setting(op);
		break;
	case read_proc:
		proc(op);
		break;
	case send_packet6:
		packet6(op);
		break;
	case send_error6:
		error6(op);
		break;
	case send_answer6:
		answer6(op);
		break;
	case send_other6:
		other6(op);
		break;
	default:
		netlink(op);
		break;
	}
	drain();
}

} // namespace kernel
