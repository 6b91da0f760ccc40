// SPDX-License-Identifier: GPL-2.0-only

#include "wire.hpp"

#include "ktap.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace wire {

using packet::Bytes;
using packet::Ipv4;
using packet::View;

namespace {

constexpr std::size_t largest_frame = 1 << 17;
constexpr Mac own_mac{0x02, 0, 0, 0, 0, 0x01};
constexpr Mac broadcast_mac{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
constexpr Mac all_hosts_mac{0x01, 0x00, 0x5e, 0, 0, 0x01};

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
	packet::put16(frame, ETH_P_IP);
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

Wire Wire::device(const std::string &name, const Mac &peer)
{
	host::Descriptor fd(host::check(
		socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "packet socket"));
	sockaddr_ll address{};

	address.sll_family = AF_PACKET;
	address.sll_protocol = htons(ETH_P_IP);
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
		return ethernet(all_hosts_mac, datagram);
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

void Wire::send(const Ipv4 &datagram, Cast cast) const { send_bytes(datagram.build(), cast); }

bool Wire::wait(std::chrono::steady_clock::time_point until) const
{
	auto left = std::chrono::ceil<milliseconds>(until - std::chrono::steady_clock::now());
	pollfd poll{.fd = fd_.get(), .events = POLLIN, .revents = 0};

	return ::poll(&poll, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0))) > 0;
}

std::optional<Ipv4> Wire::receive(milliseconds timeout) const
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
		if (options_.ethernet && packet::get16(frame, skip - 2) != ETH_P_IP)
			continue;
		if (auto ip = packet::parse_ipv4(frame.subspan(skip)))
			return ip;
	}
	return std::nullopt;
}

std::optional<Ipv4> Wire::receive_whole(milliseconds timeout) const
{
	auto until = std::chrono::steady_clock::now() + timeout;
	std::vector<Ipv4> fragments;

	while (std::chrono::steady_clock::now() < until) {
		auto part = receive(
			std::chrono::ceil<milliseconds>(until - std::chrono::steady_clock::now()));
		if (!part)
			break;
		fragments.push_back(std::move(*part));
		if (!fragments.back().mf) {
			if (auto whole = packet::reassemble(fragments))
				return whole;
		}
	}
	return std::nullopt;
}

std::vector<Ipv4> Wire::receive_all(milliseconds timeout) const
{
	std::vector<Ipv4> all;

	for (;;) {
		auto ip = receive(timeout);
		if (!ip)
			return all;
		all.push_back(std::move(*ip));
	}
}

std::optional<Answer> next_answer(const Wire &wire, milliseconds timeout, const Where &where)
{
	auto ip = wire.receive_whole(timeout);

	if (!ip)
		return std::nullopt;
	ktap::expect(ip->checksum_right, "the IPv4 header's checksum is right", where);
	ktap::require_equal(ip->protocol, IPPROTO_ICMP, "protocol", where);
	auto icmp =
		ktap::require_value(packet::parse_icmp(ip->payload), "a whole ICMP header", where);
	ktap::expect(icmp.checksum_right, "the ICMP checksum is right", where);
	return Answer{std::move(*ip), std::move(icmp)};
}

Answer require_answer(const Wire &wire, const Ipv4 &request, Cast cast, const Where &where)
{
	wire.send(request, cast);
	return ktap::require_value(next_answer(wire, patience, where), "an answer", where);
}

bool expect_no_answer(const Wire &wire, const Ipv4 &request, Cast cast, const Where &where)
{
	wire.send(request, cast);
	auto answer = next_answer(wire, silence, where);
	if (answer)
		ktap::failure("an answer of type " + std::to_string(answer->icmp.type), where);
	return !answer;
}

void expect_echo_reply(const Answer &answer, const Ipv4 &request, const Where &where)
{
	auto asked = ktap::require_value(packet::parse_icmp(request.payload), "a request", where);

	ktap::expect_equal(answer.ip.source, request.destination, "source of the reply", where);
	ktap::expect_equal(answer.ip.destination, request.source, "destination of the reply",
			   where);
	ktap::expect_equal(answer.icmp.type, packet::Type::echo_reply, "type", where);
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

} // namespace wire
