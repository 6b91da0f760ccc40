/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * A host with two wires, for which way its replies over IPv6 go before something has changed and after it.
 */
#pragma once

#include "counters6.hpp"
#include "host.hpp"
#include "ktap.hpp"
#include "wire6.hpp"

#include <cstdint>
#include <string>

namespace routes6 {

using packet6::Address;
using packet6::Ipv6;
using wire6::Wire;

/// An address of the documentation prefix, which the default route leads to.
inline const Address remote = packet6::ipv6("2001:db8::5");

inline Ipv6 ping(const packet6::Ends &ends = {.source = remote}, std::size_t size = 16)
{
	return packet6::datagram(packet6::echo_request(0x77, 1, packet::pattern(size)), ends);
}

/// wire0, which has the default route, and wire1, where replies are not to be unless a test says so.
struct Net {
	Wire wire;
	Wire other;

	Net() : wire(wire6::new_server()), other(wire6::second_wire())
	{
		host::stay_on_one_processor();
	}

	/// Sends @p request on wire0 and expects its reply on @p where.
	void expect_on(const Wire &where, const Ipv6 &request, const std::string &what,
		       const ktap::Location &location = ktap::Location::current()) const
	{
		wire.send(request);
		auto answer = wire6::next_answer(where, wire::patience, location);
		if (ktap::expect(answer.has_value(), what, location))
			wire::expect_echo_reply(*answer, request, location);
		ktap::expect(wire.receive_all<Ipv6>(wire::milliseconds(0)).empty() &&
				     other.receive_all<Ipv6>(wire::milliseconds(0)).empty(),
			     what + ": nothing else on either wire", location);
	}

	/// So often that what may be kept of the first reply serves the next.
	void warm(const Ipv6 &request, const Wire &where,
		  const ktap::Location &location = ktap::Location::current()) const
	{
		constexpr int times = 6;

		for (int i = 0; i < times; i++)
			expect_on(where, request, "the reply before the change", location);
	}

	/// Replies to @p request are on the first wire; after @p command they are on the second.
	void expect_moved_by(const std::string &command, const Ipv6 &request = ping(),
			     const ktap::Location &location = ktap::Location::current()) const
	{
		warm(request, wire, location);
		host::run(command, location);
		expect_on(other, request, command, location);
	}

	/// The other way round.
	void expect_back_by(const std::string &command, const Ipv6 &request = ping(),
			    const ktap::Location &location = ktap::Location::current()) const
	{
		warm(request, other, location);
		host::run(command, location);
		expect_on(wire, request, command, location);
	}

	/// Replies to @p request are on the first wire; after @p command there are none.
	void expect_none_by(const std::string &command, const Ipv6 &request = ping(),
			    const ktap::Location &location = ktap::Location::current()) const
	{
		warm(request, wire, location);
		host::run(command, location);
		wire::expect_no_answer(wire, request, wire::Cast::unicast, location);
	}
};

} // namespace routes6
