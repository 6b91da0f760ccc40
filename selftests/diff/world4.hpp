/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The host of a sequence of IPv4.
 */
#pragma once

#include "canonical.hpp"
#include "world.hpp"

namespace diff {

class World4 final : public World {
public:
	explicit World4(const Sequence &sequence);

	std::string broken_ledger() const override;

private:
	void make_device();
	void apply_settings();
	void fill_global_bucket();
	void open_sockets();
	int call(const Call &call) const;

	void carry_out(const Step &step, Events &events) override;
	bool is_stream(std::size_t index) const override;
	void observe_errors(std::size_t index, Events &events) override;
	void observe_data(std::size_t index, Events &events) override;
	Event state_of(std::size_t index) override;
	void mask(std::span<std::uint8_t> datagram) override { canonical_.outgoing(datagram); }
	void mask_patched(Event &event, const Patch &patch) override;
	Events learned() override;
	counters::Values count() const override { return counters::snmp(); }
	void settle() override;

	Canonical canonical_{};
};

} // namespace diff
