// SPDX-License-Identifier: GPL-2.0-only
//
// icmpxctl probe: its requests, byte by byte, what it reads out of replies, and its statistics. Nothing is sent here.

#include "../src/icmpxctl/probe_flight.hpp"
#include "../src/icmpxctl/probe_message.hpp"
#include "lib/ktap.hpp"

using ktap::expect;
using ktap::expect_equal;
using ktap::require_value;

namespace {

using namespace icmpxctl::probe;
using namespace std::chrono_literals;

const Bytes loopback6{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

Target target(std::string_view text) { return require_value(parse_target(text), text); }

void targets()
{
	expect(target("eth0") == Target(ByName{"eth0"}), "a name");
	expect(target("7") == Target(ByIndex{7}), "an index");
	expect(target("4294967295") == Target(ByIndex{4294967295}), "the greatest index");
	expect(target("192.0.2.1") == Target(ByAddress{{192, 0, 2, 1}}), "an address of IPv4");
	expect(target("::1") == Target(ByAddress{loopback6}), "an address of IPv6");
	expect(target("02:00:00:00:aB:01") == Target(ByAddress{{2, 0, 0, 0, 0xab, 1}}),
	       "an address of Ethernet");
	expect(target("192.0.2") == Target(ByName{"192.0.2"}), "what looks like an address");
	expect(target("0x7") == Target(ByName{"0x7"}), "what looks like an index");
	expect(target("-7") == Target(ByName{"-7"}), "a negative number");
	for (const char *almost : {"02:00:00:00:ab:0g", "02:00:00:00:ab-01", "02:00:00:00:ab",
				   "02:00:00:00:ab:01:", "+2:00:00:00:ab:01", "2:0:0:0:0:1:2"})
		expect(target(almost) == Target(ByName{almost}), almost);
	for (const char *wrong : {"", "0", "4294967296", "99999999999999999999"})
		expect(!parse_target(wrong), wrong);
	expect(parse_target(std::string(kNameMax, 'x')).has_value(), "the longest name");
	expect(!parse_target(std::string(kNameMax + 1, 'x')), "a longer one");
}

void targets_in_words()
{
	for (const char *said : {"eth0", "7", "192.0.2.1", "2001:db8::1", "02:00:00:00:ab:01"})
		expect_equal(text(target(said)), said, "in words");
	expect_equal(text(target("2001:DB8:0::1")), "2001:db8::1", "in one spelling");
}

void request_by_name()
{
	// The sums are those of 0x2000 + 0x0008 + 0x0301 + "et" + "h0", and so on, by hand.
	expect_equal(request(Ip::v4, 0x5a, true, target("eth0")),
		     Bytes({42,	  0,	0, 0, 0, 0, 0x5a, 1,   0x20, 0,
			    0x0f, 0x52, 0, 8, 3, 1, 'e',  't', 'h',  '0'}),
		     "four bytes");
	expect_equal(request(Ip::v6, 0xff, true, target("lo")),
		     Bytes({160,  0,	0, 0, 0, 0, 0xff, 1,   0x20, 0,
			    0x70, 0x87, 0, 8, 3, 1, 'l',  'o', 0,    0}),
		     "padded");
	expect_equal(request(Ip::v4, 1, true, target("wlan0")).size(), 24U, "five bytes, padded");
	expect_equal(request(Ip::v4, 1, true, target(std::string(kNameMax, 'x'))).size(),
		     16U + 256U, "the longest name");
}

void request_by_index()
{
	expect_equal(request(Ip::v4, 0, true, ByIndex{0x01020304}),
		     Bytes({42, 0, 0, 0, 0, 0, 0, 1, 0x20, 0, 0xd8, 0xef, 0, 8, 3, 2, 1, 2, 3, 4}),
		     "index");
}

void request_by_address()
{
	expect_equal(request(Ip::v4, 0, true, target("192.0.2.1")),
		     Bytes({42, 0,  0, 0, 0, 0, 0, 1, 0x20, 0, 0x16, 0xee,
			    0,	12, 3, 3, 0, 1, 4, 0, 192,  0, 2,    1}),
		     "IPv4");

	const Bytes v6 = request(Ip::v4, 0, true, ByAddress{loopback6});

	expect_equal(v6.size(), 36U, "length with an address of IPv6");
	expect_equal(Bytes(v6.begin() + 12, v6.begin() + 20), Bytes({0, 24, 3, 3, 0, 2, 16, 0}),
		     "header of the object, family, length");
	expect_equal(Bytes(v6.begin() + 20, v6.end()), loopback6, "address of IPv6");
}

/// RFC 8335, 2.1: the address has its length, and the padding is not counted in it.
void request_about_a_neighbour()
{
	const Bytes mac = request(Ip::v4, 9, false, target("02:00:00:00:ab:01"));

	expect_equal(mac.size(), 28U, "length");
	expect_equal(mac[7], 0U, "the L bit is clear");
	expect_equal(Bytes(mac.begin() + 12, mac.end()),
		     Bytes({0, 16, 3, 3, 0x40, 0x05, 6, 0, 2, 0, 0, 0, 0xab, 1, 0, 0}),
		     "the object");
	expect_equal(sequence_of(mac), 9U, "sequence number");
}

/// RFC 1071: what has its checksum in it sums up to ones.
void checksums()
{
	for (const char *name :
	     {"a", "eth0", "wlan0", "7", "192.0.2.1", "2001:db8::1", "\xff\xff\xff\xff"}) {
		const Bytes message = request(Ip::v4, 1, true, target(name));
		std::uint32_t sum = 0;

		for (std::size_t at = kHeaderLen; at < message.size(); at += 2)
			sum += static_cast<std::uint32_t>(message[at] << 8 | message[at + 1]);
		while (sum >> 16)
			sum = (sum & 0xffff) + (sum >> 16);
		expect_equal(sum, 0xffffU, name);
	}
}

Reply reply(std::uint8_t code, std::uint8_t status, Ip ip = Ip::v4)
{
	const std::uint8_t type = ip == Ip::v4 ? 43 : 161;
	const Bytes message{type, code, 0, 0, 0, 0, 0x5a, status};

	return require_value(parse_reply(ip, message), "a reply");
}

void replies()
{
	expect(reply(0, 0x06) == Reply{.code = Code::found,
				       .sequence = 0x5a,
				       .state = State::reserved,
				       .active = true,
				       .ipv4 = true,
				       .ipv6 = false},
	       "active with IPv4");
	expect(reply(0, 0x01, Ip::v6).ipv6, "IPv6");
	expect(reply(0, 0xc0).state == State::failed, "the state is in the upper bits");
	expect_equal(static_cast<unsigned>(reply(0, 0xe0).state), 7U, "an unknown state");
}

void replies_in_words()
{
	expect_equal(words(reply(0, 0x07), true), "active, IPv4 IPv6", "both");
	expect_equal(words(reply(0, 0x06), true), "active, IPv4", "IPv4");
	expect_equal(words(reply(0, 0x05), true), "active, IPv6", "IPv6");
	expect_equal(words(reply(0, 0x04), true), "active, neither IPv4 nor IPv6", "neither");
	expect_equal(words(reply(0, 0x00), true), "not active", "down");
	expect_equal(words(reply(0, 0x03), true), "not active", "down, with addresses");
	expect_equal(words(reply(1, 0), true), "malformed query", "code 1");
	expect_equal(words(reply(2, 0), true), "no such interface", "code 2");
	expect_equal(words(reply(3, 0), false), "no such table entry", "code 3");
	expect_equal(words(reply(4, 0), true), "ambiguous: several interfaces", "code 4");
	expect_equal(words(reply(5, 0), true), "unknown code 5", "code 5");

	const char *const states[] = {"reserved", "incomplete", "reachable", "stale",
				      "delay",	  "probe",	"failed",    "7"};

	for (unsigned state = 0; state < 8; state++)
		expect_equal(words(reply(0, static_cast<std::uint8_t>(state << 5)), false),
			     std::string("neighbour: ") + states[state], "state of a neighbour");
}

void replies_that_say_yes()
{
	expect(says_yes(reply(0, 0x04), true), "active");
	expect(!says_yes(reply(0, 0x03), true), "not active");
	for (std::uint8_t code = 1; code < 6; code++)
		expect(!says_yes(reply(code, 0x07), true), "another code");
	for (std::uint8_t state = 0; state < 8; state++)
		expect_equal(says_yes(reply(0, static_cast<std::uint8_t>(state << 5 | 4)), false),
			     state >= 2 && state <= 5, "state of a neighbour");
}

/// Whatever is shorter, or of another type, is no reply; and no byte behind the end is read (ASan, valgrind).
void other_messages()
{
	const Bytes message{43, 0, 0, 0, 0, 0, 1, 4};

	for (std::size_t length = 0; length < kHeaderLen; length++)
		expect(!parse_reply(Ip::v4, View(message).first(length)), "too short");
	expect(!parse_reply(Ip::v6, message), "of the other family");
	expect(!parse_reply(Ip::v4, Bytes{0, 0, 0, 0, 0, 0, 1, 4}), "an echo reply");
	expect(!parse_reply(Ip::v4, Bytes{42, 0, 0, 0, 0, 0, 1, 4}), "a request");
}

void quoted_requests()
{
	const Bytes sent = request(Ip::v6, 0x33, true, target("eth0"));

	expect_equal(require_value(quoted_sequence(Ip::v6, sent), "whole"), 0x33U, "whole");
	expect_equal(
		require_value(quoted_sequence(Ip::v6, View(sent).first(kHeaderLen)), "the header"),
		0x33U, "the header");
	expect(!quoted_sequence(Ip::v6, View(sent).first(kHeaderLen - 1)), "less");
	expect(!quoted_sequence(Ip::v4, sent), "of the other family");
	expect(!quoted_sequence(Ip::v6, Bytes{}), "nothing");
}

void errors_in_words()
{
	expect_equal(error_words(Ip::v4, 3, 1, 0), "Destination unreachable: Host unreachable",
		     "host");
	expect_equal(error_words(Ip::v4, 3, 4, 1280),
		     "Destination unreachable: Fragmentation needed (mtu = 1280)", "MTU");
	expect_equal(error_words(Ip::v4, 3, 13, 0), "Destination unreachable: Packet filtered",
		     "filter");
	expect_equal(error_words(Ip::v4, 3, 200, 0), "Destination unreachable: code 200",
		     "no code");
	expect_equal(error_words(Ip::v4, 11, 0, 0), "Time exceeded: Time to live", "TTL");
	expect_equal(error_words(Ip::v4, 200, 9, 0), "ICMP error of type 200, code 9", "no type");
	expect_equal(error_words(Ip::v6, 1, 3, 0), "Destination unreachable: Address unreachable",
		     "v6");
	expect_equal(error_words(Ip::v6, 1, 7, 0), "Destination unreachable: code 7",
		     "v6, no code");
	expect_equal(error_words(Ip::v6, 2, 0, 1280), "Packet too big (mtu = 1280)", "v6, MTU");
	expect_equal(error_words(Ip::v6, 3, 0, 0), "Time exceeded: Hop limit", "v6, hop limit");
}

const Clock::time_point start{};

void flight_counts()
{
	Flight flight;

	expect_equal(flight.next(), 1U, "the first sequence number");
	flight.sent(start);
	flight.sent(start + 10ms);
	flight.sent(start + 20ms);
	expect_equal(flight.waiting(), 3U, "all wait");

	const Flight::Answer second = flight.replied(2, start + 14ms);

	expect_equal(second.number, 2U, "which request it is to");
	expect_equal(require_value(second.time, "a reply").count(), 4.0, "its time");
	expect(!flight.replied(2, start + 15ms).time, "a duplicate");
	expect(!flight.replied(77, start + 15ms).time, "a reply to nothing");
	expect(flight.failed(3, start + 22ms).has_value(), "an error");
	expect(!flight.failed(3, start + 23ms), "the same error again");
	expect(flight.replied(1, start + 8ms).time.has_value(), "a late reply");
	expect_equal(flight.waiting(), 0U, "none waits");

	const Statistics &all = flight.statistics();

	expect_equal(all.transmitted, 3U, "transmitted");
	expect_equal(all.received, 2U, "received");
	expect_equal(all.duplicates, 2U, "duplicates");
	expect_equal(all.errors, 1U, "errors");
	expect_equal(all.min, 4.0, "the least time");
	expect_equal(all.max, 8.0, "the greatest");
	expect_equal(all.average(), 6.0, "the mean");
	expect_equal(all.deviation(), 2.0, "the deviation");
	expect_equal(summary(all, 30ms),
		     "3 packets transmitted, 2 received, +2 duplicates, +1 errors, 33.3333% packet "
		     "loss, time 30ms\n"
		     "rtt min/avg/max/mdev = 4.000/6.000/8.000/2.000 ms\n",
		     "in words");
}

void flight_of_nothing()
{
	expect_equal(summary({}, 0ms),
		     "0 packets transmitted, 0 received, 0% packet loss, time 0ms\n", "nothing");

	Flight flight;

	flight.sent(start);
	expect_equal(summary(flight.statistics(), 1s),
		     "1 packets transmitted, 0 received, 100% packet loss, time 1000ms\n",
		     "no reply");
}

/// Sequence numbers have 8 bits, and go round; numbers of requests do not.
void flight_goes_round()
{
	Flight flight;

	for (int i = 0; i < 300; i++)
		flight.sent(start);
	expect_equal(flight.waiting(), 256U, "the first 44 were given up");
	for (const char *which : {"the last", "the last again"})
		expect_equal(flight.replied(44, start + 1ms).number, 300U, which);
	for (const char *which : {"the oldest", "the oldest again"})
		expect_equal(flight.replied(45, start + 1ms).number, 45U, which);
	expect_equal(Flight().replied(45, start).number, 45U, "to no request");
	expect_equal(flight.statistics().transmitted, 300U, "transmitted");
	expect_equal(flight.statistics().received, 2U, "received");
	expect_equal(flight.statistics().duplicates, 2U, "duplicates");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {
				 {"targets", targets},
				 {"targets_in_words", targets_in_words},
				 {"request_by_name", request_by_name},
				 {"request_by_index", request_by_index},
				 {"request_by_address", request_by_address},
				 {"request_about_a_neighbour", request_about_a_neighbour},
				 {"checksums", checksums},
				 {"replies", replies},
				 {"replies_in_words", replies_in_words},
				 {"replies_that_say_yes", replies_that_say_yes},
				 {"other_messages", other_messages},
				 {"quoted_requests", quoted_requests},
				 {"errors_in_words", errors_in_words},
				 {"flight_counts", flight_counts},
				 {"flight_of_nothing", flight_of_nothing},
				 {"flight_goes_round", flight_goes_round},
			 });
}
