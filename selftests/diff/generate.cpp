// SPDX-License-Identifier: GPL-2.0-only
//
// Sequences: which host, with which settings, and what comes to it.

#include "generate.hpp"
#include "generate6.hpp"
#include "sockets.hpp"

#include <algorithm>
#include <array>

namespace diff {

namespace {

/// Making a host takes as long as some two hundred packets.
constexpr unsigned usual_length = 240;
/// Three times what there is credit for on average.
constexpr unsigned global_burst = 64;
/// As many as there is time to wait for, see run().
constexpr unsigned impatient_length = 14;

/// What may be set, to what, in any sequence.
struct Choice {
	const char *name;
	std::vector<const char *> values;
};

const std::vector<Choice> choices{
	{"icmp_echo_ignore_all", {"1"}},
	{"icmp_echo_ignore_broadcasts", {"0"}},
	{"icmp_echo_enable_probe", {"1"}},
	{"icmp_ignore_bogus_error_responses", {"0"}},
	{"icmp_errors_use_inbound_ifaddr", {"1"}},
	{"ip_no_pmtu_disc", {"1", "2", "3"}},
	{"ip_forward", {"1"}},
	{"ip_forward_use_pmtu", {"1"}},
	{"ip_default_ttl", {"1", "128", "255"}},
	{"route/min_pmtu", {"1000"}},
	{"fwmark_reflect", {"1"}},
	{"conf/all/accept_redirects", {"0", "1"}},
	{"conf/wire0/accept_redirects", {"0"}},
	{"conf/all/secure_redirects", {"0"}},
	{"conf/wire0/shared_media", {"0"}},
	{"conf/all/shared_media", {"0"}},
	{"conf/wire0/send_redirects", {"0"}},
	{"conf/all/accept_source_route", {"1"}},
	{"conf/wire0/accept_source_route", {"1"}},
	{"conf/wire0/route_localnet", {"1"}},
	{"conf/all/rp_filter", {"1", "2"}},
	{"conf/wire0/accept_local", {"1"}},
	{"conf/wire0/src_valid_mark", {"1"}},
	{"tcp_mtu_probing", {"1"}},
	{"ping_group_range", {"1 0"}},
};

/// Of settings whose default is off most are there to be on now and then.
void choose_settings(Random &random, Sequence &sequence)
{
	if (random.percent(60))
		sequence.settings.push_back({"icmp_echo_enable_probe", "1"});
	if (random.percent(50))
		sequence.settings.push_back({"icmp_echo_ignore_broadcasts", "0"});
	if (random.percent(40))
		sequence.settings.push_back({"ip_forward", "1"});
	for (unsigned n = random.below(4); n; n--) {
		const Choice &choice = choices[random.below(choices.size())];
		sequence.settings.push_back({choice.name, random.pick(choice.values)});
	}
}

/// Without raw sockets of ICMP a request is nobody else's, and replies are made in place.
void choose_sockets(Random &random, Sequence &sequence)
{
	static constexpr std::uint32_t raw_icmp = sockets_that(is_raw_icmp);

	sequence.sockets = every_socket;
	if (random.percent(60))
		sequence.sockets &= static_cast<std::uint32_t>(random.next() | random.next());
	if (random.percent(60))
		sequence.sockets &= ~raw_icmp;
	for (const Setting &setting : sequence.settings) {
		if (setting.name == "ping_group_range")
			sequence.sockets &= ~sockets_that(is_ping);
	}
}

void add(Sequence &sequence, Packet packet)
{
	sequence.steps.push_back({.packet = std::move(packet)});
}

void add_packets(Random &random, Sequence &sequence)
{
	unsigned kind = random.below(100);
	Packet packet;

	if (kind < 8) {
		sequence.steps.push_back({.call = any_call(random)});
		return;
	}
	if (kind < 40)
		packet = any_message(random);
	else if (kind < 48)
		packet = any_probe(random);
	else if (sequence.router ? kind < 60 : kind < 85)
		packet = any_error(random);
	else if (sequence.router)
		packet = any_transit(random);
	else
		packet = any_cause(random);
	vary(random, packet);
	if (random.percent(8)) {
		for (Step &step : any_fragments(random, std::move(packet)))
			sequence.steps.push_back(std::move(step));
		return;
	}
	add(sequence, std::move(packet));
}

/// Bursts of what one host is sent a number of in a row, and no more: so many that time plays no part.
void add_host_limit(Random &random, Sequence &sequence)
{
	static constexpr std::array intervals{"11000", "13000", "16000", "23000", "40000"};
	static constexpr std::array masks{"2147483647", "6168", "257", "8193"};

	sequence.limit = Limit::host;
	sequence.settings.push_back({"icmp_ratelimit", random.pick(intervals)});
	sequence.settings.push_back({"icmp_ratemask", random.pick(masks)});
	sequence.settings.push_back({"icmp_msgs_per_sec", "100000"});
	sequence.settings.push_back({"icmp_msgs_burst", "100000"});
	while (sequence.steps.size() < usual_length) {
		Packet packet = random.percent(60) ? any_message(random) : any_cause(random);
		Address source = remote(static_cast<std::uint8_t>(random.below(4)));

		packet.ip.source = source;
		if (random.percent(50)) {
			packet = Packet{.ip = packet::datagram(packet::echo_request(1, 1))};
			packet.ip.source = source;
		}
		for (unsigned n = random.between(1, 9); n; n--)
			add(sequence, packet);
	}
}

/// More requests than there is credit for; each is answered or limited, and which is random.
void add_global_limit(Random &random, Sequence &sequence)
{
	sequence.limit = Limit::global;
	sequence.settings.push_back({"icmp_ratelimit", "0"});
	sequence.settings.push_back({"icmp_ratemask", "257"});
	sequence.settings.push_back({"icmp_msgs_per_sec", "1000"});
	sequence.settings.push_back({"icmp_msgs_burst", "20"});
	while (sequence.steps.size() < global_burst) {
		Packet packet{.ip = packet::datagram(packet::echo_request(
				      1, 1, any_data(random, random.below(60))))};
		packet.ip.source = remote(random.byte());
		add(sequence, packet);
	}
}

} // namespace

Sequence generate(std::uint64_t seed, std::uint64_t number)
{
	// Of every three sequences one.
	constexpr std::uint64_t families = 3;
	if (number % families == families - 1)
		return generate6(seed, number);
	static constexpr std::array<unsigned, 8> mtus{1500, 1500, 1500, 1500, 1280, 576, 9000, 300};
	Random random(seed, number);
	Sequence sequence{.seed = seed, .number = number};
	unsigned theme = random.below(100);

	if (theme < 4) {
		sequence.sockets = 0;
		add_global_limit(random, sequence);
		return sequence;
	}
	choose_settings(random, sequence);
	choose_sockets(random, sequence);
	sequence.mtu = random.pick(mtus);
	if (theme < 12) {
		add_host_limit(random, sequence);
		return sequence;
	}
	if (theme < 14) {
		sequence.counts_each_step = true;
		while (sequence.steps.size() < usual_length / 8)
			add(sequence, malformed_redirect(random));
		return sequence;
	}
	sequence.marked = theme < 17;
	if (sequence.marked && random.percent(60))
		sequence.settings.push_back({"fwmark_reflect", "1"});
	sequence.trusted = theme >= 17 && theme < 22;
	sequence.router = theme >= 22 && theme < 30;
	sequence.impatient = theme >= 30 && theme < 32;
	if (sequence.impatient) {
		while (sequence.steps.size() < impatient_length)
			add(sequence, lone_fragment(random));
		return sequence;
	}
	while (sequence.steps.size() < usual_length)
		add_packets(random, sequence);
	return sequence;
}

} // namespace diff
