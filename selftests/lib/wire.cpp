// SPDX-License-Identifier: GPL-2.0-only

#include "wire.hpp"

#include "ktap.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace wire {

using packet::Bytes;
using packet::Icmp;
using packet::Ipv4;
using packet::View;
using packet6::Ipv6;

namespace {

constexpr std::size_t largest_frame = 1 << 17;
constexpr Mac own_mac{0x02, 0, 0, 0, 0, 0x01};
constexpr Mac broadcast_mac{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
constexpr Mac all_hosts_mac{0x01, 0x00, 0x5e, 0, 0, 0x01};

/// What differs between the families.
template <typename Datagram> struct Family;

template <> struct Family<Ipv4> {
	static constexpr std::uint16_t ethernet = ETH_P_IP;
	static constexpr std::uint8_t protocol = IPPROTO_ICMP;
	static constexpr std::uint8_t echo_reply = packet::Type::echo_reply;

	static std::optional<Ipv4> parse(View bytes) { return packet::parse_ipv4(bytes); }
	static bool header_right(const Ipv4 &ip) { return ip.checksum_right; }
	static bool more(const Ipv4 &ip) { return ip.mf; }
	static std::optional<Icmp> message(const Ipv4 &ip)
	{
		return packet::parse_icmp(ip.payload);
	}
};

template <> struct Family<Ipv6> {
	static constexpr std::uint16_t ethernet = ETH_P_IPV6;
	static constexpr std::uint8_t protocol = packet6::Header::icmp;
	static constexpr std::uint8_t echo_reply = packet6::Type::echo_reply;

	static std::optional<Ipv6> parse(View bytes) { return packet6::parse_ipv6(bytes); }
	static bool header_right(const Ipv6 & /*none has a checksum*/) { return true; }
	static bool more(const Ipv6 &ip) { return ip.fragment && ip.fragment->more; }
	static std::optional<Icmp> message(const Ipv6 &ip) { return packet6::parse_icmp(ip); }
};

bool is_ipv6(View datagram) { return !datagram.empty() && datagram[0] >> 4 == 6; }

/// Where a frame for the group that @p datagram is for goes (RFC 2464, 7).
Mac multicast_mac(View datagram)
{
	constexpr std::size_t last_word = 36;
	Mac mac{0x33, 0x33};

	if (!is_ipv6(datagram) || datagram.size() < last_word + 4)
		return all_hosts_mac;
	std::ranges::copy(datagram.subspan(last_word, 4), mac.begin() + 2);
	return mac;
}

} // namespace

Mac hardware_address(const std::string &device)
{
	host::Descriptor socket(
		host::check(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
	ifreq request{};
	Mac mac{};

	device.copy(request.ifr_name, IFNAMSIZ - 1);
	host::check(ioctl(socket.get(), SIOCGIFHWADDR, &request), "SIOCGIFHWADDR " + device);
	std::copy_n(request.ifr_hwaddr.sa_data, mac.size(), mac.begin());
	return mac;
}

std::string text(const Mac &mac)
{
	std::string text;

	for (std::uint8_t byte : mac) {
		std::array<char, 4> hex{};

		std::snprintf(hex.data(), hex.size(), "%s%02x", text.empty() ? "" : ":", byte);
		text += hex.data();
	}
	return text;
}

Bytes ethernet(const Mac &destination, View datagram)
{
	Bytes frame(destination.begin(), destination.end());

	frame.insert(frame.end(), own_mac.begin(), own_mac.end());
	packet::put16(frame, is_ipv6(datagram) ? ETH_P_IPV6 : ETH_P_IP);
	frame.insert(frame.end(), datagram.begin(), datagram.end());
	return frame;
}

Wire Wire::tap(const Options &options)
{
	if (access("/dev/net/tun", F_OK) != 0)
		host::need("tun", "test -c /dev/net/tun");
	host::Descriptor fd(
		host::check(open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK), "/dev/net/tun"));
	ifreq request{};

	options.name.copy(request.ifr_name, IFNAMSIZ - 1);
	request.ifr_flags = static_cast<short>((options.ethernet ? IFF_TAP : IFF_TUN) | IFF_NO_PI |
					       (options.virtio_header ? IFF_VNET_HDR : 0) |
					       (options.several_queues ? IFF_MULTI_QUEUE : 0));
	host::check(ioctl(fd.get(), TUNSETIFF, &request), "TUNSETIFF");
	Mac mac = options.ethernet ? hardware_address(options.name) : Mac{};
	return {options, std::move(fd), mac};
}

Wire Wire::device(const std::string &name, const Mac &peer, std::uint16_t type)
{
	host::Descriptor fd(host::check(
		socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "packet socket"));
	sockaddr_ll address{};

	address.sll_family = AF_PACKET;
	address.sll_protocol = htons(type);
	address.sll_ifindex = static_cast<int>(if_nametoindex(name.c_str()));
	host::check(bind(fd.get(), reinterpret_cast<sockaddr *>(&address), sizeof(address)),
		    "bind to " + name);
	// Without this the socket would see its own frames, too.
	int on = 1;
	host::check(setsockopt(fd.get(), SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)),
		    "PACKET_IGNORE_OUTGOING");
	int size = 4 << 20;
	setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	return Wire(Options{.name = name}, std::move(fd), peer);
}

Bytes Wire::frame(View datagram, Cast cast) const
{
	if (!options_.ethernet)
		return {datagram.begin(), datagram.end()};
	switch (cast) {
	case Cast::broadcast:
		return ethernet(broadcast_mac, datagram);
	case Cast::multicast:
		return ethernet(multicast_mac(datagram), datagram);
	case Cast::unicast:
		break;
	}
	return ethernet(mac_, datagram);
}

void Wire::send_frame(View frame) const
{
	ssize_t size = write(fd_.get(), frame.data(), frame.size());

	if (size != static_cast<ssize_t>(frame.size()))
		ktap::fatal("sending " + std::to_string(frame.size()) +
			    " bytes: " + std::strerror(errno));
}

void Wire::send_virtio(const VirtioHeader &header, View frame) const
{
	Bytes bytes(sizeof(header));

	std::memcpy(bytes.data(), &header, sizeof(header));
	bytes.insert(bytes.end(), frame.begin(), frame.end());
	send_frame(bytes);
}

void Wire::send_bytes(View datagram, Cast cast) const
{
	if (options_.virtio_header)
		send_virtio({}, frame(datagram, cast));
	else
		send_frame(frame(datagram, cast));
}

bool Wire::wait(std::chrono::steady_clock::time_point until) const
{
	auto left = std::chrono::ceil<milliseconds>(until - std::chrono::steady_clock::now());
	pollfd poll{.fd = fd_.get(), .events = POLLIN, .revents = 0};

	return ::poll(&poll, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0))) > 0;
}

template <typename Datagram> std::optional<Datagram> Wire::receive(milliseconds timeout) const
{
	auto until = std::chrono::steady_clock::now() + timeout;
	std::size_t skip = (options_.virtio_header ? sizeof(VirtioHeader) : 0) +
			   (options_.ethernet ? ETH_HLEN : 0);
	static Bytes buffer(largest_frame);

	while (wait(until)) {
		ssize_t size = read(fd_.get(), buffer.data(), buffer.size());
		if (size <= static_cast<ssize_t>(skip))
			continue;
		View frame = View(buffer).first(static_cast<std::size_t>(size));
		if (options_.ethernet &&
		    packet::get16(frame, skip - 2) != Family<Datagram>::ethernet)
			continue;
		if (auto ip = Family<Datagram>::parse(frame.subspan(skip)))
			return ip;
	}
	return std::nullopt;
}

template <typename Datagram> std::optional<Datagram> Wire::receive_whole(milliseconds timeout) const
{
	auto until = std::chrono::steady_clock::now() + timeout;
	std::vector<Datagram> fragments;

	for (;;) {
		auto part = receive<Datagram>(
			std::chrono::ceil<milliseconds>(until - std::chrono::steady_clock::now()));
		if (!part)
			return std::nullopt;
		fragments.push_back(std::move(*part));
		if (!Family<Datagram>::more(fragments.back())) {
			if (auto whole = reassemble(fragments))
				return whole;
		}
	}
}

template <typename Datagram> std::vector<Datagram> Wire::receive_all(milliseconds timeout) const
{
	std::vector<Datagram> all;

	for (;;) {
		auto ip = receive<Datagram>(timeout);
		if (!ip)
			return all;
		all.push_back(std::move(*ip));
	}
}

template <typename Datagram>
std::optional<AnswerIn<Datagram>> next_answer(const Wire &wire, milliseconds timeout,
					      const Where &where)
{
	auto ip = wire.receive_whole<Datagram>(timeout);

	if (!ip)
		return std::nullopt;
	ktap::expect(Family<Datagram>::header_right(*ip), "the IP header's checksum is right",
		     where);
	ktap::require_equal(ip->protocol, Family<Datagram>::protocol, "protocol", where);
	auto icmp =
		ktap::require_value(Family<Datagram>::message(*ip), "a whole ICMP header", where);
	ktap::expect(icmp.checksum_right, "the ICMP checksum is right", where);
	return AnswerIn<Datagram>{std::move(*ip), std::move(icmp)};
}

template <typename Datagram>
AnswerIn<Datagram> require_answer(const Wire &wire, const Datagram &request, Cast cast,
				  const Where &where)
{
	wire.send(request, cast);
	return ktap::require_value(next_answer<Datagram>(wire, patience, where), "an answer",
				   where);
}

template <typename Datagram>
bool expect_no_answer(const Wire &wire, const Datagram &request, Cast cast, const Where &where)
{
	wire.send(request, cast);
	auto answer = next_answer<Datagram>(wire, silence, where);
	if (answer)
		ktap::failure("an answer of type " + std::to_string(answer->icmp.type), where);
	return !answer;
}

template <typename Datagram>
void expect_echo_reply(const std::type_identity_t<AnswerIn<Datagram>> &answer,
		       const Datagram &request, const Where &where)
{
	auto asked = ktap::require_value(Family<Datagram>::message(request), "a request", where);

	ktap::expect_equal(answer.ip.source, request.destination, "source of the reply", where);
	ktap::expect_equal(answer.ip.destination, request.source, "destination of the reply",
			   where);
	ktap::expect_equal(answer.icmp.type, Family<Datagram>::echo_reply, "type", where);
	ktap::expect_equal(answer.icmp.code, asked.code, "code", where);
	ktap::expect_equal(answer.icmp.id(), asked.id(), "identifier", where);
	ktap::expect_equal(answer.icmp.sequence(), asked.sequence(), "sequence number", where);
	ktap::expect_equal(answer.icmp.data, asked.data, "data", where);
}

Wire serve(const Wire::Options &options, unsigned mtu)
{
	Wire wire = Wire::tap(options);

	// No address resolution, no IPv6: every frame on the wire is there because of the test.
	host::write_file("/proc/sys/net/ipv6/conf/" + options.name + "/disable_ipv6", "1");
	std::string device = "dev " + options.name;
	host::run("ip -batch - <<'END'\nlink set " + device + " arp off mtu " +
		  std::to_string(mtu) + " up\naddress add 10.0.0.2/24 broadcast + " + device +
		  "\nroute add default " + device + "\nEND");
	return wire;
}

Wire new_server(const Wire::Options &options, unsigned mtu)
{
	host::enter_new_namespace();
	return serve(options, mtu);
}

template std::optional<Ipv4> Wire::receive<Ipv4>(milliseconds) const;
template std::optional<Ipv6> Wire::receive<Ipv6>(milliseconds) const;
template std::optional<Ipv4> Wire::receive_whole<Ipv4>(milliseconds) const;
template std::optional<Ipv6> Wire::receive_whole<Ipv6>(milliseconds) const;
template std::vector<Ipv4> Wire::receive_all<Ipv4>(milliseconds) const;
template std::vector<Ipv6> Wire::receive_all<Ipv6>(milliseconds) const;
template std::optional<AnswerIn<Ipv4>> next_answer(const Wire &, milliseconds, const Where &);
template std::optional<AnswerIn<Ipv6>> next_answer(const Wire &, milliseconds, const Where &);
template AnswerIn<Ipv4> require_answer(const Wire &, const Ipv4 &, Cast, const Where &);
template AnswerIn<Ipv6> require_answer(const Wire &, const Ipv6 &, Cast, const Where &);
template bool expect_no_answer(const Wire &, const Ipv4 &, Cast, const Where &);
template bool expect_no_answer(const Wire &, const Ipv6 &, Cast, const Where &);
template void expect_echo_reply<Ipv4>(const AnswerIn<Ipv4> &, const Ipv4 &, const Where &);
template void expect_echo_reply<Ipv6>(const AnswerIn<Ipv6> &, const Ipv6 &, const Where &);

} // namespace wire
