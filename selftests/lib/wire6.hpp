/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Wires (wire.hpp) that lead to an IPv6 host.
 */
#pragma once

#include "packet6.hpp"
#include "wire.hpp"

#include <initializer_list>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <vector>

namespace wire6 {

using packet6::Address;
using packet6::Ipv6;
using wire::Cast;
using wire::milliseconds;
using wire::Where;
using wire::Wire;

/// An ICMPv6 message that came out of a wire, and the datagram that it came in.
using Answer = wire::AnswerIn<Ipv6>;

/// wire::next_answer() of IPv6.
inline std::optional<Answer> next_answer(const Wire &wire, milliseconds timeout = wire::patience,
					 const Where &where = Where::current())
{
	return wire::next_answer<Ipv6>(wire, timeout, where);
}

/// The next message of @p type, whatever comes before it: Linux's own reports and solicitations, say.
std::optional<Answer> next_of_type(const Wire &wire, packet6::Type type,
				   milliseconds timeout = wire::patience,
				   const Where &where = Where::current());

/// Sends @p request and returns to which of its neighbours the kernel hands what comes back; for a wire of Ethernet.
wire::Mac next_hop_of_answer(const Wire &wire, const Ipv6 &request,
			     const Where &where = Where::current());

/// Waits until the kernel has made the route by which it receives what is for an address: that is when the address is in use,
/// a moment after the command that adds it.
class LocalRoutes {
public:
	/// Of the addresses that this namespace gets from now on.
	LocalRoutes();
	~LocalRoutes();
	LocalRoutes(const LocalRoutes &) = delete;
	LocalRoutes &operator=(const LocalRoutes &) = delete;

	/// The test ends when @p address is not in use in time.
	void await(const Address &address, const Where &where = Where::current());

private:
	struct State;
	std::unique_ptr<State> state_;
};

/// Gives @p device each of @p addresses ("fd00::2/64"), without duplicate address detection, and returns when they are in use.
void add_addresses(const std::string &device, std::initializer_list<std::string> addresses,
		   const Where &where = Where::current());

/// What is to be known of a device before it is up: no address of its own making, no router is asked for or believed.
void quiet(const std::string &device);

/// Has the kernel ask whether anybody else has an address that is added to @p device from now on, and wait for an answer for an
/// hour: until the test is over the address is tentative (RFC 4862, 5.4). One solicitation is sent, soon.
void detect_duplicates(const std::string &device);

/**
 * Makes a wire in this namespace with fd00::2/64 and fe80::2/64; everybody is reachable over it.
 *
 * The device has no address resolution (NOARP): Linux joins no solicited-node groups on it then, and sends no report and no
 * solicitation that nobody asked for. So all that it sends, and counts, is there because of the test.
 */
Wire serve(const Wire::Options &options, unsigned mtu = 1500);

/// What a test program usually starts with: a new namespace, and in it what serve() makes, wire0, with a default route.
Wire new_server(const Wire::Options &options, unsigned mtu = 1500);
inline Wire new_server() { return wire6::new_server(Wire::Options{}); }

/// A second wire: wire1 with @p address and fe80::2/64; in the VRF @p master, unless that is "".
Wire second_wire(const std::string &address = "fd01::2/64", const std::string &master = "");

} // namespace wire6
