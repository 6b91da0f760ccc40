// SPDX-License-Identifier: GPL-2.0-only
//
// Sequences of IPv6: which host, with which settings, and what comes to it.

#include "generate6.hpp"

#include "sockets6.hpp"

#include <algorithm>
#include <array>

namespace diff {

namespace {

/// Making a host takes as long as some two hundred packets.
constexpr unsigned usual_length = 240;
/// As many as there is time to wait for, see run().
constexpr unsigned impatient_length = 12;

/// What may be set, to what, before a sequence or within it.
struct Choice {
	const char *name;
	std::vector<const char *> values;
};

const std::vector<Choice> choices{
	{"ipv6/icmp/echo_ignore_all", {"1", "0", "0"}},
	{"ipv6/icmp/echo_ignore_multicast", {"1", "0"}},
	{"ipv6/icmp/echo_ignore_anycast", {"1", "0"}},
	{"ipv6/anycast_src_echo_reply", {"1", "0"}},
	{"ipv6/flowlabel_reflect", {"4", "7", "0", "3"}},
	{"ipv6/auto_flowlabels", {"0", "1", "2", "3"}},
	{"ipv6/fwmark_reflect", {"1", "0"}},
	{"ipv4/icmp_echo_enable_probe", {"0", "1", "1"}},
	{"ipv6/conf/wire0/hop_limit", {"1", "64", "255"}},
	{"ipv6/conf/wire0/accept_redirects", {"0", "1"}},
	{"ipv6/conf/wire0/mtu", {"1280"}},
	{"ipv6/conf/wire0/accept_source_route", {"0", "-1"}},
	{"ipv6/conf/wire0/seg6_enabled", {"0", "1"}},
	{"ipv6/conf/all/seg6_enabled", {"1"}},
	{"ipv6/idgen_retries", {"3"}},
	{"ipv6/route/min_adv_mss", {"1220"}},
	{"ipv6/ip_nonlocal_bind", {"1"}},
};

Setting any_setting(Random &random)
{
	const Choice &choice = choices[random.below(choices.size())];

	return {choice.name, random.pick(choice.values)};
}

/// Of settings whose default is off most are there to be on now and then. Those of wire0 are there once it is.
void choose_settings(Random &random, Sequence &sequence)
{
	if (random.percent(60))
		sequence.settings.push_back({"ipv4/icmp_echo_enable_probe", "1"});
	for (unsigned n = random.below(4); n; n--) {
		Setting setting = any_setting(random);

		if (!setting.name.ends_with("/mtu"))
			sequence.settings.push_back(std::move(setting));
	}
}

/// Without raw sockets of ICMPv6 a request is nobody else's, and replies are made in place.
void choose_sockets(Random &random, Sequence &sequence)
{
	std::uint32_t raw_icmp = 0;

	for (std::size_t i = 0; i < socket_kinds6.size(); i++)
		raw_icmp |= is_raw_icmp(socket_kinds6.at(i)) ? std::uint32_t{1} << i : 0;
	sequence.sockets = every_socket6;
	if (random.percent(60))
		sequence.sockets &= static_cast<std::uint32_t>(random.next() | random.next());
	if (random.percent(60))
		sequence.sockets &= ~raw_icmp;
}

void add(Sequence &sequence, Packet6 packet)
{
	sequence.steps.push_back({.packet6 = std::move(packet)});
}

void add_packets(Random &random, Sequence &sequence)
{
	unsigned kind = random.below(100);
	Packet6 packet;

	if (kind < 2) {
		sequence.steps.push_back({.setting = any_setting(random)});
		return;
	}
	if (kind < 9) {
		sequence.steps.push_back({.call6 = six::any_call(random)});
		return;
	}
	if (kind < 40)
		packet = six::any_message(random);
	else if (kind < 47)
		packet = six::any_probe(random);
	else if (kind < 52)
		packet = six::any_discovery(random);
	else if (sequence.router ? kind < 62 : kind < 88)
		packet = six::any_error(random);
	else if (sequence.router)
		packet = six::any_transit(random);
	else
		packet = six::any_cause(random);
	six::vary(random, packet);
	if (random.percent(8)) {
		for (Step &step : six::any_fragments(random, std::move(packet)))
			sequence.steps.push_back(std::move(step));
		return;
	}
	add(sequence, std::move(packet));
}

/// Bursts of what one host is sent a number of in a row, and no more: so many that time plays no part. The kernel's bucket
/// of a host is its own where it lets no module at it, so either replies or errors draw on it.
void add_host_limit(Random &random, Sequence &sequence)
{
	static constexpr std::array intervals{"176000", "208000", "256000", "368000", "640000"};
	static constexpr std::array masks{"129", "129", "128-255", "1,3-4", "0-127"};

	sequence.limit = Limit::host;
	sequence.settings.push_back({"ipv6/icmp/ratelimit", random.pick(intervals)});
	sequence.settings.push_back({"ipv6/icmp/ratemask", random.pick(masks)});
	sequence.settings.push_back({"ipv4/icmp_msgs_per_sec", "100000"});
	sequence.settings.push_back({"ipv4/icmp_msgs_burst", "100000"});
	while (sequence.steps.size() < usual_length) {
		Packet6 packet =
			random.percent(60) ? six::any_message(random) : six::any_cause(random);
		const six::Address source = six::remote(static_cast<std::uint8_t>(random.below(4)));

		if (random.percent(50))
			packet = Packet6{.ip = packet6::datagram(packet6::echo_request(1, 1))};
		packet.ip.source = source;
		for (unsigned n = random.between(1, 9); n; n--)
			add(sequence, packet);
	}
}

} // namespace

Sequence generate6(std::uint64_t seed, std::uint64_t number)
{
	static constexpr std::array<unsigned, 6> mtus{1500, 1500, 1500, 1280, 1400, 9000};
	Random random(seed, number);
	Sequence sequence{.seed = seed, .number = number, .family = Family::v6};
	const unsigned theme = random.below(100);

	choose_settings(random, sequence);
	choose_sockets(random, sequence);
	sequence.mtu = random.pick(mtus);
	if (theme < 7) {
		add_host_limit(random, sequence);
		return sequence;
	}
	sequence.marked = theme < 12;
	if (sequence.marked && random.percent(60))
		sequence.settings.push_back({"ipv6/fwmark_reflect", "1"});
	sequence.trusted = theme >= 12 && theme < 17;
	sequence.router = theme >= 17 && theme < 30;
	sequence.vrf = theme >= 25 && theme < 38;
	sequence.impatient = theme >= 38 && theme < 40;
	sequence.queried = theme >= 40 && theme < 43;
	while (sequence.impatient && sequence.steps.size() < impatient_length)
		add(sequence, six::lone_fragment(random));
	while (sequence.queried && sequence.steps.size() < impatient_length)
		add(sequence, six::any_query(random));
	while (!sequence.impatient && !sequence.queried && sequence.steps.size() < usual_length)
		add_packets(random, sequence);
	return sequence;
}

} // namespace diff
