/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * The host of a sequence of IPv6.
 */
#pragma once

#include "canonical6.hpp"
#include "lib/socket6.hpp"
#include "world.hpp"

namespace diff {

class World6 final : public World {
public:
	explicit World6(const Sequence &sequence);

	std::string broken_ledger() const override;

private:
	void make_devices() const;
	void apply_settings() const;
	void open_sockets();
	/// Joins a group and an anycast address.
	void join() const;
	void await_report() const;
	int call(const Call6 &call) const;

	void carry_out(const Step &step, Events &events) override;
	bool is_stream(std::size_t index) const override;
	void observe_errors(std::size_t index, Events &events) override;
	void observe_data(std::size_t index, Events &events) override;
	Event state_of(std::size_t index) override;
	void mask(std::span<std::uint8_t> datagram) override
	{
		canonical_.outgoing(datagram, wire().mac());
	}
	void mask_patched(Event &event, const Patch &patch) override;
	Events learned() override;
	counters::Values count() const override;
	void settle() override;

	Canonical6 canonical_{};
	/// The one that joined.
	sock::Socket member_ = sock6::udp();
};

} // namespace diff
