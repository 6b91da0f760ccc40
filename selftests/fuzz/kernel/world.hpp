/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The machine that inputs work on: a network namespace with two devices and some sockets.
 */
#pragma once

#include "op.hpp"

#include "lib/packet.hpp"
#include "lib/packet6.hpp"
#include "lib/socket.hpp"
#include "lib/wire.hpp"

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

namespace kernel {

/// Carries out operations. What one leaves behind (routes, path MTUs) others meet until the world is made anew.
class World {
public:
	World();

	void carry_out(const Op &op);
	/// Closes the sockets and puts the settings back.
	void tidy_up();
	unsigned long packets() const { return packets_; }

private:
	void packet(const Op &op);
	void error(const Op &op);
	void answer(const Op &op);
	void other(const Op &op);
	void open(const Op &op);
	void message(const Op &op);
	void receive(const Op &op);
	void option(const Op &op);
	void address(const Op &op);
	void setting(const Op &op);
	void proc(const Op &op);
	void netlink(const Op &op);
	void packet6(const Op &op);
	void error6(const Op &op);
	void answer6(const Op &op);
	void other6(const Op &op);

	void send(packet::Ipv4 datagram, const Op &op);
	void send(packet6::Ipv6 datagram, const Op &op);
	/// The bytes of a datagram, or what the operation leaves of them; @p header is where a device is to sum up from.
	void send(packet::Bytes bytes, const Op &op, std::uint16_t header, wire::Cast cast);
	void send_in_parts(packet::View datagram, const Op &op);
	static void use_usual_settings();
	/// Takes what came out of the devices, and remembers some of it.
	void drain();
	/// A datagram that came out not long ago.
	packet::Ipv4 recent(const Op &op) const;
	packet6::Ipv6 recent6(const Op &op) const;
	sock::Socket &socket(const Op &op) { return sockets_[op.slot % sockets_.size()]; }
	sock::Socket &opened(const Op &op);

	wire::Wire wire_;
	host::Descriptor parts_;
	std::array<sock::Socket, 4> sockets_;
	std::deque<packet::Ipv4> recent_;
	std::deque<packet6::Ipv6> recent6_;
	std::vector<std::size_t> changed_;
	/// Where requests by netlink go, and the type of their messages.
	host::Descriptor netlink_;
	std::uint16_t family_;
	/// Whether one may have changed a setting.
	bool set_by_netlink_ = false;
	unsigned long packets_ = 0;
};

} // namespace kernel
