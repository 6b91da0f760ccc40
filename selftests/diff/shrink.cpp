// SPDX-License-Identifier: GPL-2.0-only

#include "shrink.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <span>

namespace diff {

namespace {

/// The first of @p candidates on which the answers differ. All are run together: loading the module takes longest.
std::optional<Sequence> first_failing(Runner &runner, const std::vector<Sequence> &candidates)
{
	if (candidates.empty())
		return std::nullopt;
	std::vector<Result> results = runner.run(candidates);
	auto found = std::ranges::find_if(results, &Result::failed);

	if (found == results.end())
		return std::nullopt;
	return candidates[static_cast<std::size_t>(found - results.begin())];
}

/// @p sequence in parts of @p size steps, and without such parts.
std::vector<Sequence> parts(const Sequence &sequence, std::size_t size)
{
	std::vector<Sequence> candidates;
	std::size_t count = sequence.steps.size();

	for (bool keep : {true, false}) {
		for (std::size_t at = 0; at < count; at += size) {
			Sequence part = sequence;
			auto first = part.steps.begin() + static_cast<std::ptrdiff_t>(at);
			auto last = part.steps.begin() +
				    static_cast<std::ptrdiff_t>(std::min(at + size, count));

			if (keep)
				part.steps = std::vector<Step>(first, last);
			else
				part.steps.erase(first, last);
			candidates.push_back(std::move(part));
		}
	}
	return candidates;
}

/// The step where they first differed, by itself or after those before it.
void guess(Runner &runner, Sequence &sequence, const Result &first)
{
	std::size_t place =
		first.comparison.unexplained.empty() ? 0 : first.comparison.unexplained.front();

	if (!place || place > sequence.steps.size())
		return;
	Sequence until = sequence;
	until.steps.resize(place);
	Sequence alone = until;
	alone.steps = {until.steps.back()};
	if (auto smaller = first_failing(runner, {alone, until}))
		sequence = std::move(*smaller);
}

/// Delta debugging: halves, quarters, … single steps.
void drop_steps(Runner &runner, Sequence &sequence)
{
	std::size_t size = (sequence.steps.size() + 1) / 2;

	while (size && sequence.steps.size() > 1) {
		if (auto smaller = first_failing(runner, parts(sequence, size))) {
			sequence = std::move(*smaller);
			size = std::min(size, (sequence.steps.size() + 1) / 2);
		} else {
			size /= 2;
		}
	}
}

/// How many steps are made simpler: each try costs two runs.
constexpr std::size_t steps_simplified = 4;

using Simplify = void (*)(Packet &packet);

constexpr std::array<Simplify, 17> simplifications{
	[](Packet &packet) { packet.ip.options.clear(); },
	[](Packet &packet) { packet.ip.tos = 0; },
	[](Packet &packet) { packet.ip.ttl = 64; },
	[](Packet &packet) { packet.ip.id = 0x1234; },
	[](Packet &packet) { packet.ip.df = false; },
	[](Packet &packet) { packet.ip.source = gateway_address; },
	[](Packet &packet) { packet.ip.destination = host_address; },
	[](Packet &packet) { packet.cast = wire::Cast::unicast; },
	[](Packet &packet) { packet.sum = Sum::right; },
	[](Packet &packet) { packet.padding = 0; },
	[](Packet &packet) { packet.version = 4; },
	[](Packet &packet) { packet.header_lie = 0; },
	[](Packet &packet) { packet.length_lie = 0; },
	[](Packet &packet) { packet.header_checksum_wrong = packet.reserved_flag = false; },
	[](Packet &packet) {
		packet.ip.payload.resize(std::min<std::size_t>(packet.ip.payload.size(), 8));
	},
	[](Packet &packet) { packet.ip.payload.resize((packet.ip.payload.size() + 1) / 2); },
	[](Packet &packet) {
		// The ICMP header, and the headers that an error quotes, may matter; data seldom does.
		for (std::size_t i = 36; i < packet.ip.payload.size(); i++)
			packet.ip.payload[i] = 0;
	},
};

using Change = std::function<void(Sequence &)>;

using Simplify6 = void (*)(Packet6 &packet);

constexpr std::array<Simplify6, 14> simplifications6{
	[](Packet6 &packet) { packet.ip.extensions.clear(), packet.from.reset(); },
	[](Packet6 &packet) { packet.ip.traffic_class = 0; },
	[](Packet6 &packet) { packet.ip.flow_label = 0; },
	[](Packet6 &packet) { packet.ip.hop_limit = 64; },
	[](Packet6 &packet) { packet.ip.source = packet6::client; },
	[](Packet6 &packet) { packet.ip.destination = six::host_address; },
	[](Packet6 &packet) { packet.cast = wire::Cast::unicast; },
	[](Packet6 &packet) { packet.sum = Sum::right; },
	[](Packet6 &packet) { packet.padding = 0; },
	[](Packet6 &packet) { packet.version = 6; },
	[](Packet6 &packet) { packet.length_lie = 0; },
	[](Packet6 &packet) {
		packet.ip.payload.resize(std::min<std::size_t>(packet.ip.payload.size(), 8));
	},
	[](Packet6 &packet) { packet.ip.payload.resize((packet.ip.payload.size() + 1) / 2); },
	[](Packet6 &packet) {
		for (std::size_t i = 56; i < packet.ip.payload.size(); i++)
			packet.ip.payload[i] = 0;
	},
};

/// Whether @p simplify makes another packet of it.
template <typename Any> bool changes(const Any &packet, void (*simplify)(Any &))
{
	Any other = packet;

	simplify(other);
	return datagram_of(other, {}) != datagram_of(packet, {}) || other.sum != packet.sum ||
	       other.cast != packet.cast;
}

/// All that could be simpler.
std::vector<Change> changes_of(const Sequence &sequence)
{
	std::vector<Change> all;

	for (std::uint32_t bit = 1; bit && bit <= sequence.sockets; bit <<= 1) {
		if (sequence.sockets & bit)
			all.emplace_back([bit](Sequence &other) { other.sockets &= ~bit; });
	}
	for (const Setting &setting : sequence.settings)
		all.emplace_back([name = setting.name](Sequence &other) {
			std::erase_if(other.settings,
				      [&](const Setting &one) { return one.name == name; });
		});
	if (sequence.mtu != 1500)
		all.emplace_back([](Sequence &other) { other.mtu = 1500; });
	if (sequence.marked)
		all.emplace_back([](Sequence &other) { other.marked = false; });
	if (sequence.trusted)
		all.emplace_back([](Sequence &other) { other.trusted = false; });
	if (sequence.router)
		all.emplace_back([](Sequence &other) { other.router = false; });
	if (sequence.vrf)
		all.emplace_back([](Sequence &other) { other.vrf = false; });
	for (std::size_t i = 0; i < sequence.steps.size() && i < steps_simplified; i++) {
		const auto &packet = sequence.steps[i].packet;
		for (Simplify simplify : simplifications) {
			if (packet && changes(*packet, simplify))
				all.emplace_back([i, simplify](Sequence &other) {
					simplify(*other.steps[i].packet);
				});
		}
		const auto &packet6 = sequence.steps[i].packet6;
		for (Simplify6 simplify : simplifications6) {
			if (packet6 && changes(*packet6, simplify))
				all.emplace_back([i, simplify](Sequence &other) {
					simplify(*other.steps[i].packet6);
				});
		}
	}
	return all;
}

/// @p sequence with all of @p changes.
Sequence changed(Sequence sequence, std::span<const Change> changes)
{
	for (const Change &change : changes)
		change(sequence);
	return sequence;
}

/// Makes as many changes at once as leave the difference. False if none does.
bool simplify(Runner &runner, Sequence &sequence)
{
	std::vector<Change> harmless;
	std::vector<Sequence> candidates;

	std::vector<Change> all = changes_of(sequence);
	candidates.reserve(all.size());
	for (const Change &change : all)
		candidates.push_back(changed(sequence, {&change, 1}));
	std::vector<Result> results = runner.run(candidates);
	for (std::size_t i = 0; i < all.size(); i++) {
		if (results[i].failed())
			harmless.push_back(all[i]);
	}
	// Each is harmless by itself; together they need not be. Half as many, a quarter, …, one.
	candidates.clear();
	for (std::size_t count = harmless.size(); count; count /= 2)
		candidates.push_back(changed(sequence, std::span(harmless).first(count)));
	auto next = first_failing(runner, candidates);
	if (!next)
		return false;
	sequence = std::move(*next);
	return true;
}

} // namespace

Sequence shrink(Runner &runner, Sequence sequence, const Result &first)
{
	constexpr int rounds = 8;

	guess(runner, sequence, first);
	drop_steps(runner, sequence);
	for (int i = 0; i < rounds && simplify(runner, sequence); i++)
		;
	return sequence;
}

} // namespace diff
