// SPDX-License-Identifier: GPL-2.0-only
/// @file
/// icmpxctl probe: asks a host for the state of an interface (PROBE, RFC 8335), as ping asks for an answer.
#include "probe_flight.hpp"
#include "probe_message.hpp"
#include "probe_report.hpp"
#include "probe_socket.hpp"

#include "command.hpp"
#include "signals.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <system_error>

namespace icmpxctl {

namespace {

using namespace std::chrono_literals;
using probe::Clock;
using probe::Endpoint;
using probe::Flight;
using probe::Report;
using probe::Request;
using probe::Socket;

using Seconds = std::chrono::duration<double>;

/// As ping's for users. 256 sequence numbers are enough for half a second then.
constexpr double kIntervalMin = 0.002;
constexpr double kSecondsMax = 86400;

/// The requests, and what comes back.
class Session {
public:
	Session(const Request &request, const Endpoint &to, const Socket &socket)
		: request_(request), to_(to), socket_(socket), report_(request, to.text())
	{
	}

	/// Returns kDone if a reply said yes, kMisused if nothing could be sent.
	Status run()
	{
		const Signals signals{SIGINT, SIGTERM, SIGHUP};
		const Clock::time_point begin = Clock::now();
		Clock::time_point next = begin;

		report_.begin();
		while (!ends(signals.read())) {
			const Clock::time_point now = Clock::now();
			const bool all_sent = request_.count && tried_ == request_.count;

			if (!all_sent && now >= next) {
				send();
				last_ = Clock::now();
				next = std::max(next + request_.interval, now);
				continue;
			}
			if (all_sent && (!flight_.waiting() || now >= last_ + request_.patience))
				break;
			wait(signals, (all_sent ? last_ + request_.patience : next) - now);
			take();
		}
		report_.end(flight_.statistics(), Clock::now() - begin);
		if (yes_)
			return kDone;
		return tried_ && unsent_ == tried_ ? kMisused : kRefused;
	}

private:
	/// Waits until something comes in, or a signal, for a time.
	void wait(const Signals &signals, Clock::duration time) const
	{
		const auto left = std::max(time, Clock::duration::zero());
		const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
		const timespec timeout{.tv_sec = seconds.count(),
				       .tv_nsec = std::chrono::nanoseconds(left - seconds).count()};
		std::array<pollfd, 2> descriptors = {
			{{.fd = signals.descriptor(), .events = POLLIN, .revents = 0},
			 {.fd = socket_.descriptor(), .events = POLLIN, .revents = 0}}};

		::ppoll(descriptors.data(), descriptors.size(), &timeout, nullptr);
	}

	/// An error about an earlier request may come in the way of this one: it is taken first.
	void send()
	{
		const probe::Bytes message =
			probe::request(to_.ip(), flight_.next(), request_.local, request_.target);
		const Clock::time_point now = Clock::now();
		int error = socket_.send(message, to_);

		if (error && take())
			error = socket_.send(message, to_);
		flight_.sent(now);
		tried_++;
		if (error) {
			const std::optional<Flight::Answer> answer =
				flight_.failed(probe::sequence_of(message), now);

			unsent_++;
			report_.unsent(error, answer ? answer->number : tried_);
		}
	}

	/// Takes what has come in, but not so much that a flood of it keeps requests from being sent. Returns whether there
	/// was an error.
	bool take()
	{
		constexpr int most = 64;
		bool error_came = false;

		for (int i = 0; i < most; i++) {
			const auto error = socket_.next_error();

			if (!error)
				break;
			error_came = true;
			take(*error);
		}
		for (int i = 0; i < most; i++) {
			const auto received = socket_.next_message();

			if (!received)
				break;
			take(*received);
		}
		return error_came;
	}

	void take(const probe::ErrorReport &error)
	{
		const auto sequence = probe::quoted_sequence(to_.ip(), error.quoted);

		if (!sequence)
			return;
		if (const auto answer = flight_.failed(*sequence, Clock::now()))
			report_.error(error, answer->number);
	}

	void take(const probe::Received &received)
	{
		const Clock::time_point now = Clock::now();
		const auto reply = probe::parse_reply(to_.ip(), received.message);

		if (!reply)
			return;
		report_.reply(*reply, received.from, flight_.replied(reply->sequence, now));
		yes_ |= says_yes(*reply, request_.local);
	}

	const Request &request_;
	const Endpoint &to_;
	const Socket &socket_;
	Report report_;
	Flight flight_;
	Clock::time_point last_;
	std::uint64_t tried_ = 0;
	std::uint64_t unsent_ = 0;
	bool yes_ = false;
};

template <typename Number> Number number(std::string_view text, const std::string &what)
{
	Number value{};
	const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);

	if (error != std::errc() || stop != text.data() + text.size())
		throw Misuse("'" + std::string(text) + "' is no " + what);
	return value;
}

Clock::duration seconds(std::string_view text, double min)
{
	const auto value = number<double>(text, "number of seconds");

	if (!(value >= min && value <= kSecondsMax))
		throw Misuse("'" + std::string(text) + "' seconds: it has to be " +
			     (min > 0 ? "0.002" : "0") + " to 86400");
	return std::chrono::duration_cast<Clock::duration>(Seconds(value));
}

void take_option(int option, Request &request)
{
	switch (option) {
	case 'c':
		request.count = number<std::uint64_t>(optarg, "count");
		if (!request.count)
			throw Misuse("a count is 1 or more");
		break;
	case 'i':
		request.interval = seconds(optarg, kIntervalMin);
		break;
	case 'W':
		request.patience = seconds(optarg, 0);
		break;
	case 'r':
		request.local = false;
		break;
	case 'j':
		request.json = true;
		break;
	case '4':
	case '6':
		request.family = option == '4' ? AF_INET : AF_INET6;
		break;
	case ':':
		throw Misuse(std::string("option -") + static_cast<char>(optopt) +
			     " takes an argument");
	default:
		throw Misuse(std::string("probe has no option -") + static_cast<char>(optopt));
	}
}

Request parse(const Options &options, Arguments arguments)
{
	Request request;
	std::string command = "probe";
	std::vector<char *> words{command.data()};
	int option;

	request.json = options.json;
	request.family = options.family.value_or(AF_UNSPEC);
	words.insert(words.end(), arguments.begin(), arguments.end());
	words.push_back(nullptr);
	const int count = static_cast<int>(words.size()) - 1;

	opterr = 0;
	optind = 0;
	while ((option = ::getopt(count, words.data(), ":c:i:W:rj46")) != -1)
		take_option(option, request);
	if (count - optind != 2)
		throw Misuse("probe takes a host, and a device, index or address");
	request.host = words[static_cast<std::size_t>(optind)];

	const auto target = probe::parse_target(words[static_cast<std::size_t>(optind) + 1]);

	if (!target)
		throw Misuse(std::string("'") + words[static_cast<std::size_t>(optind) + 1] +
			     "' is no device, index or address");
	request.target = *target;
	if (!request.local && !is_address(request.target))
		throw Misuse("-r takes the address of a neighbour");
	return request;
}

/// What net.ipv4.ping_group_range is: two numbers, or nothing if it cannot be read.
std::string groups()
{
	std::ifstream file("/proc/sys/net/ipv4/ping_group_range");
	std::string first, last;

	file >> first >> last;
	return first.empty() || last.empty() ? "" : " (" + first + " " + last + ")";
}

[[noreturn]] void cannot_open(const std::system_error &error)
{
	if (error.code().value() != EACCES)
		throw Error(std::string("cannot open a ping socket: ") + error.code().message(),
			    kMisused);
	throw Error(
		"cannot open a ping socket: no group of this process is in "
		"net.ipv4.ping_group_range" +
			groups() +
			"\nTo let everybody: sysctl -w net.ipv4.ping_group_range='0 2147483647'",
		kMisused);
}

int run_probe(const Options &options, Arguments arguments)
{
	const Request request = parse(options, arguments);
	const Endpoint to = [&request] {
		try {
			return probe::resolve(request.host, request.family);
		} catch (const std::runtime_error &error) {
			throw Error(error.what(), kMisused);
		}
	}();

	try {
		const Socket socket(to.ip());

		return Session(request, to, socket).run();
	} catch (const std::system_error &error) {
		cannot_open(error);
	}
}

} // namespace

const Command probe_command{
	.name = "probe",
	.summary = "ask a host for the state of an interface (RFC 8335)",
	.usage = "Usage: icmpxctl [-4 | -6] [-j] probe [OPTION]... HOST DEVICE|INDEX|ADDRESS\n"
		 "\n"
		 "Asks HOST, which need not run icmpx, for the state of one of its\n"
		 "interfaces: by name, by index, or by an address of it. A host answers if\n"
		 "PROBE is switched on there; on Linux: net.ipv4.icmp_echo_enable_probe=1.\n"
		 "It takes no privilege, but a group in net.ipv4.ping_group_range.\n"
		 "Linux sends no ICMP error about a request over IPv4, and tells of none over\n"
		 "IPv6: there is no reply then.\n"
		 "\n"
		 "Options:\n"
		 "  -c COUNT    send COUNT requests, not until it is interrupted\n"
		 "  -i SECONDS  between two requests (1; 0.002 or more)\n"
		 "  -W SECONDS  wait that long for the last replies (4)\n"
		 "  -r          ADDRESS is one of a neighbour of HOST: the state of the\n"
		 "              entry in the ARP table or neighbour cache; IPv4, IPv6, or\n"
		 "              aa:bb:cc:dd:ee:ff; Linux does not answer this\n"
		 "\n"
		 "With -j, an object in a line for each reply and error, and one with the\n"
		 "statistics.\n"
		 "\n"
		 "Exit status: 0 if a reply said that the interface is active (with -r:\n"
		 "that the neighbour's link-layer address is known), 1 if none did, 2 if\n"
		 "nothing could be sent or the command line is wrong.\n",
	.run = run_probe,
};

} // namespace icmpxctl
