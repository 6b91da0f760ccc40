/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * @file
 * Packets that wait between netfilter and the code behind it, while a test changes the machine (NFQUEUE).
 */
#pragma once

#include "host.hpp"
#include "ktap.hpp"
#include "netlink.hpp"

#include <chrono>
#include <cstdint>
#include <cstring>
#include <string>

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>

namespace nfqueue {

/// Loads what queues are made of, which root of a user namespace cannot; skips the test where the kernel has none.
inline void need()
{
	host::need("nfnetlink_queue", "test -e /proc/net/netfilter/nfnetlink_queue");
	host::need("nft_queue",
		   "nft 'add table ip probe; add chain ip probe c; add rule ip probe c queue num 7;"
		   "delete table ip probe'");
}

/// What deletes a device waits for: all that RCU has been asked to do so far, as setting routes free that were deleted.
inline void pass_grace_period()
{
	host::run("ip link add grace0 type veth peer name grace1 && ip link delete grace0");
}

/**
 * Holds packets of both families at a hook of this network namespace until a test lets them go on; at LOCAL_IN, if no other is named,
 * where routing is behind them.
 *
 * Rules in the chain "late" of the table "held" see them after that.
 */
class Queue {
public:
	/// Those that match the nft expression @p what.
	explicit Queue(const std::string &what, const std::string &hook = "input",
		       std::uint16_t number = 17)
		: number_(number), socket_(NETLINK_NETFILTER)
	{
		nfqnl_msg_config_cmd bind{};
		nfqnl_msg_config_params headers{};

		bind.command = NFQNL_CFG_CMD_BIND;
		bind.pf = htons(AF_INET);
		request(message(NFQNL_MSG_CONFIG).put(NFQA_CFG_CMD, bind));
		headers.copy_mode = NFQNL_COPY_META;
		request(message(NFQNL_MSG_CONFIG).put(NFQA_CFG_PARAMS, headers));
		host::run("nft -f - <<'END'\ntable inet held {\n"
			  "chain hold {\ntype filter hook " +
			  hook + " priority 0\n" + what + " queue num " + std::to_string(number) +
			  "\n}\nchain late {\ntype filter hook input priority 10\n}\n}\nEND");
	}

	Queue(const Queue &) = delete;
	Queue &operator=(const Queue &) = delete;
	~Queue() { host::try_run("nft delete table inet held"); }

	/// Waits for the next packet that is held; lets it go on with go_on().
	std::uint32_t next(const ktap::Location &where = ktap::Location::current())
	{
		auto payload = ktap::require_value(socket_.next(std::chrono::seconds(20)),
						   "a packet in the queue", where);
		auto header = ktap::require_value(
			netlink::attribute(payload, sizeof(nfgenmsg), NFQA_PACKET_HDR),
			"its number", where);
		std::uint32_t id = 0;

		std::memcpy(&id, header.data(), sizeof(id));
		return id;
	}

	/// Lets the packet @p id go on; it has been handled when this returns.
	void go_on(std::uint32_t id, const ktap::Location &where = ktap::Location::current())
	{
		decide(id, NF_ACCEPT, where);
	}

	/// Throws the packet @p id away. (Linux 6.1 warns of what is still held when the rule goes.)
	void drop(std::uint32_t id, const ktap::Location &where = ktap::Location::current())
	{
		decide(id, NF_DROP, where);
	}

private:
	void decide(std::uint32_t id, std::uint32_t what, const ktap::Location &where)
	{
		nfqnl_msg_verdict_hdr verdict{};

		verdict.verdict = htonl(what);
		verdict.id = id;
		request(message(NFQNL_MSG_VERDICT).put(NFQA_VERDICT_HDR, verdict), where);
	}

	netlink::Message message(std::uint16_t type) const
	{
		nfgenmsg header{};

		header.nfgen_family = AF_UNSPEC;
		header.version = NFNETLINK_V0;
		header.res_id = htons(number_);
		return {static_cast<std::uint16_t>(NFNL_SUBSYS_QUEUE << 8 | type), 0, header};
	}

	void request(const netlink::Message &message,
		     const ktap::Location &where = ktap::Location::current())
	{
		ktap::require_equal(socket_.request(message), 0, "nfnetlink_queue", where);
	}

	std::uint16_t number_;
	netlink::Socket socket_;
};

} // namespace nfqueue
