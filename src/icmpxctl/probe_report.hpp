// SPDX-License-Identifier: GPL-2.0-only
/// @file
/// What icmpxctl probe prints.
#pragma once

#include "json.hpp"
#include "probe_flight.hpp"
#include "probe_message.hpp"
#include "probe_socket.hpp"

namespace icmpxctl::probe {

using namespace std::chrono_literals;

/// The command line.
struct Request {
	std::string host;
	Target target;
	/// 0: until a signal comes.
	std::uint64_t count = 0;
	Clock::duration interval = 1s;
	/// As long as an address is searched at the link, 3 s, and a little more.
	Clock::duration patience = 4s;
	bool local = true;
	bool json = false;
	int family = AF_UNSPEC;
};

/// Says what happens, in words or as JSON: an object in a line for each reply and error, and one at the end.
class Report {
public:
	/// @param address the address that the host's name stands for
	Report(const Request &request, std::string address)
		: request_(request), address_(std::move(address))
	{
	}

	void begin() const;
	void reply(const Reply &reply, const std::string &from, const Flight::Answer &answer) const;
	void error(const ErrorReport &error, std::uint64_t number) const;
	/// A request that could not be sent. @param code an errno
	void unsent(int code, std::uint64_t number) const;
	void end(const Statistics &statistics, Clock::duration elapsed) const;

private:
	Json as_json(const Reply &reply, const std::string &from,
		     const Flight::Answer &answer) const;
	void hint(const Reply &reply) const;

	const Request &request_;
	std::string address_;
};

} // namespace icmpxctl::probe
