/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * A wire whose other end is the test itself: raw frames in, raw frames out, no second IP stack in between.
 *
 * It carries both families. What is a template is there for packet::Ipv4 and packet6::Ipv6.
 */
#pragma once

#include "host.hpp"
#include "packet.hpp"
#include "packet6.hpp"

#include <array>
#include <chrono>
#include <optional>
#include <source_location>
#include <string>
#include <type_traits>
#include <vector>

#include <linux/if_ether.h>

namespace wire {

using std::chrono::milliseconds;

/// How long to wait for a packet that must come, on a slow emulated machine.
inline constexpr milliseconds patience{2000};
/// How long to wait for a packet that must not come. A frame written to a tap device has been handled, its answer
/// queued, when write() returns: there is nothing to wait for but ksoftirqd.
inline constexpr milliseconds silence{40};

/// To whom the frame that holds a packet is sent.
enum class Cast { unicast, broadcast, multicast };

using Mac = std::array<std::uint8_t, 6>;

/// The MAC address of @p device, and what `ip link` writes for one.
Mac hardware_address(const std::string &device);
std::string text(const Mac &mac);

/// A frame of Ethernet for @p destination; its type is IPv6 when @p datagram says that it is, else IPv4.
packet::Bytes ethernet(const Mac &destination, packet::View datagram);

/// What goes before a frame on a wire with virtio_header. Not the structure of <linux/virtio_net.h>, which is no C++.
struct VirtioHeader {
	enum Flags : std::uint8_t { needs_checksum = 1, data_valid = 2 };
	enum Gso : std::uint8_t { none = 0, tcp = 1, udp = 3, tcp6 = 4 };

	std::uint8_t flags = 0;
	std::uint8_t gso_type = Gso::none;
	/// How much of the frame is to be linear.
	std::uint16_t header_length = 0;
	std::uint16_t gso_size = 0;
	std::uint16_t checksum_start = 0;
	std::uint16_t checksum_offset = 0;
};
static_assert(sizeof(VirtioHeader) == 10);

/// One end of a wire.
class Wire {
public:
	struct Options {
		std::string name = "wire0";
		/// Ethernet frames, or bare IP datagrams.
		bool ethernet = true;
		/// A virtio_net_hdr before each frame.
		bool virtio_header = false;
		/// One queue of several: the device that has the first one gets another if there is one already.
		bool several_queues = false;
	};

	/// Makes a device in this namespace, down and without address; what is sent here arrives there.
	static Wire tap(const Options &options);
	static Wire tap() { return tap(Options{}); }
	/// Sends and receives on the existing device @p name, as a host at its other end would if it is a veth; only frames of
	/// @p type are received.
	static Wire device(const std::string &name, const Mac &peer, std::uint16_t type = ETH_P_IP);

	template <typename Datagram>
	void send(const Datagram &datagram, Cast cast = Cast::unicast) const
	{
		send_bytes(datagram.build(), cast);
	}
	void send_bytes(packet::View datagram, Cast cast = Cast::unicast) const;
	/// A whole frame behind @p header; only for a wire with virtio_header.
	void send_virtio(const VirtioHeader &header, packet::View frame) const;
	/// A frame of this wire's kind for the machine under test.
	packet::Bytes frame(packet::View datagram, Cast cast = Cast::unicast) const;
	/// Sends all @p frames as they are.
	void send_frame(packet::View frame) const;

	/// The next datagram (or fragment of one) of this family that comes out; nothing when none comes in time.
	template <typename Datagram = packet::Ipv4>
	std::optional<Datagram> receive(milliseconds timeout = patience) const;
	/// The next datagram, put together from its fragments.
	template <typename Datagram = packet::Ipv4>
	std::optional<Datagram> receive_whole(milliseconds timeout = patience) const;
	/// All that comes until there is @p timeout of silence.
	template <typename Datagram = packet::Ipv4>
	std::vector<Datagram> receive_all(milliseconds timeout = silence) const;

	int fd() const { return fd_.get(); }
	const Mac &mac() const { return mac_; }

private:
	Wire(Options options, host::Descriptor fd, const Mac &mac)
		: options_(std::move(options)), fd_(std::move(fd)), mac_(mac)
	{
	}
	bool wait(std::chrono::steady_clock::time_point until) const;

	Options options_;
	host::Descriptor fd_;
	Mac mac_;
};

/// Makes a wire in this namespace, with 10.0.0.2/24, and 10.0.0.1 (and everybody else) reachable over it without ARP.
Wire serve(const Wire::Options &options, unsigned mtu = 1500);

/// What a test program usually starts with: a new namespace, and in it what serve() makes, wire0.
Wire new_server(const Wire::Options &options, unsigned mtu = 1500);
inline Wire new_server() { return new_server(Wire::Options{}); }

/// An ICMP message that came out of a wire, and the datagram that it came in.
template <typename Datagram> struct AnswerIn {
	Datagram ip;
	packet::Icmp icmp;
};
using Answer = AnswerIn<packet::Ipv4>;

using Where = std::source_location;

/// The next whole ICMP message, with right checksums; nothing when none comes in time.
template <typename Datagram = packet::Ipv4>
std::optional<AnswerIn<Datagram>> next_answer(const Wire &wire, milliseconds timeout = patience,
					      const Where &where = Where::current());

/// Sends @p request and returns what comes back; the test ends when nothing does.
template <typename Datagram>
AnswerIn<Datagram> require_answer(const Wire &wire, const Datagram &request,
				  Cast cast = Cast::unicast, const Where &where = Where::current());

/// Sends @p request and expects silence.
template <typename Datagram>
bool expect_no_answer(const Wire &wire, const Datagram &request, Cast cast = Cast::unicast,
		      const Where &where = Where::current());

/// Expects @p answer to be the echo reply to @p request, byte for byte in what RFC 792 and RFC 4443 have returned unchanged.
template <typename Datagram>
void expect_echo_reply(const std::type_identity_t<AnswerIn<Datagram>> &answer,
		       const Datagram &request, const Where &where = Where::current());

} // namespace wire
