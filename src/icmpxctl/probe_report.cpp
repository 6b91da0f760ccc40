// SPDX-License-Identifier: GPL-2.0-only
#include "probe_report.hpp"

#include <cmath>
#include <cstdio>
#include <cstring>

#include "output.hpp"
#include "printable.hpp"

namespace icmpxctl::probe {

namespace {

/// The longest name with which Linux reads a query: with the padding to a multiple of 4 that RFC 8335 wants, it has to be
/// shorter than IFNAMSIZ.
constexpr std::size_t kLinuxNameMax = 12;

/// To microseconds.
double rounded(Milliseconds time) { return std::round(time.count() * 1000) / 1000; }

} // namespace

void Report::begin() const
{
	if (request_.json)
		return;
	std::printf("PROBE %s (%s) %s %s\n", request_.host.c_str(), printable(address_).c_str(),
		    request_.local ? "interface" : "neighbour", text(request_.target).c_str());
	flush_output();
}

void Report::reply(const Reply &reply, const std::string &from, const Flight::Answer &answer) const
{
	if (request_.json) {
		print(as_json(reply, from, answer));
		return;
	}

	// The zone of a link-local address is the name of a device.
	const std::string sender = printable(from);
	const std::string said = words(reply, request_.local);
	const auto number = static_cast<unsigned long long>(answer.number);

	if (answer.time)
		std::printf("From %s: seq=%llu time=%.3f ms %s\n", sender.c_str(), number,
			    answer.time->count(), said.c_str());
	else
		std::printf("From %s: seq=%llu %s (DUP!)\n", sender.c_str(), number, said.c_str());
	hint(reply);
	flush_output();
}

Json Report::as_json(const Reply &reply, const std::string &from,
		     const Flight::Answer &answer) const
{
	Json line{{"event", "reply"},
		  {"from", from},
		  {"seq", answer.number},
		  {"duplicate", !answer.time}};

	if (answer.time)
		line["rtt_ms"] = rounded(*answer.time);
	line["code"] = name(reply.code);
	if (reply.code == Code::found && request_.local) {
		line["active"] = reply.active;
		line["ipv4"] = reply.ipv4;
		line["ipv6"] = reply.ipv6;
	} else if (reply.code == Code::found) {
		line["state"] = name(reply.state);
	}
	line["text"] = words(reply, request_.local);
	return line;
}

void Report::hint(const Reply &reply) const
{
	const auto *by = std::get_if<ByName>(&request_.target);

	if (by && by->name.size() > kLinuxNameMax && reply.code == Code::malformed_query)
		std::printf(
			"  Linux reads no name of more than 12 bytes: ask by index or address\n");
}

void Report::error(const ErrorReport &error, std::uint64_t number) const
{
	if (request_.json) {
		print({{"event", "error"},
		       {"from", error.from.empty() ? Json() : Json(error.from)},
		       {"seq", number},
		       {"type", error.type},
		       {"code", error.code},
		       {"text", error.words}});
		return;
	}
	std::printf("From %s: seq=%llu %s\n",
		    error.from.empty() ? "this host" : printable(error.from).c_str(),
		    static_cast<unsigned long long>(number), error.words.c_str());
	flush_output();
}

void Report::unsent(int code, std::uint64_t number) const
{
	ErrorReport report{};

	report.words = std::strerror(code);
	error(report, number);
}

void Report::end(const Statistics &statistics, Clock::duration elapsed) const
{
	if (!request_.json) {
		std::printf("\n--- %s probe statistics ---\n%s", request_.host.c_str(),
			    summary(statistics, elapsed).c_str());
		return;
	}

	Json line{{"event", "summary"},
		  {"host", request_.host},
		  {"address", address_},
		  {"target", text(request_.target)},
		  {"local", request_.local},
		  {"transmitted", statistics.transmitted},
		  {"received", statistics.received},
		  {"duplicates", statistics.duplicates},
		  {"errors", statistics.errors},
		  {"loss_percent", statistics.loss()},
		  {"time_ms", rounded(elapsed)}};

	if (statistics.received)
		line["rtt_ms"] = {{"min", rounded(Milliseconds(statistics.min))},
				  {"avg", rounded(Milliseconds(statistics.average()))},
				  {"max", rounded(Milliseconds(statistics.max))},
				  {"mdev", rounded(Milliseconds(statistics.deviation()))}};
	print(line);
}

} // namespace icmpxctl::probe
