// SPDX-License-Identifier: GPL-2.0-only
//
// net.icmpx.express and devices: which names it takes, and what becomes of it when addresses, devices, namespaces and the
// module come and go, or when a device is a part of something larger.

#include "lib/express.hpp"
#include "lib/module.hpp"

#include <cerrno>
#include <optional>
#include <string>

namespace {

using counters::Change;
using express::expect_way;
using express::express_server;
using express::ping;
using express::plain_server;
using express::setting;
using express::try_to_set;
using ktap::expect_equal;
using packet::Ipv4;
using wire::Wire;

void expect_setting(const std::string &value, std::string_view what,
		    const std::source_location &where = std::source_location::current())
{
	expect_equal(host::sysctl(setting), value, what, where);
}

/// One request, answered on the way that @p way says.
void expect_answer(const Wire &wire, std::string_view way, std::string_view what,
		   const std::source_location &where = std::source_location::current())
{
	Ipv4 request = ping();
	Change change;

	wire::expect_echo_reply(wire::require_answer(wire, request, wire::Cast::unicast, where),
				request, where);
	expect_way(change, way, what, where);
}

void values_that_it_takes()
{
	Wire wire = plain_server();

	host::run("ip link add va type veth peer name vb");
	for (const auto &[value, read] : {std::pair{"wire0", "wire0"},
					  {"wire0 va", "wire0 va"},
					  {"va", "va"},
					  {" vb\t va  vb", "va vb"},
					  {"", ""},
					  {"va", "va"},
					  {" ", ""}}) {
		expect_equal(try_to_set(value), 0, std::string("errno for '") + value + "'");
		expect_setting(read, std::string("after '") + value + "'");
	}
}

void values_that_it_refuses()
{
	Wire wire = express_server();
	std::string many;

	for (int i = 0; i < 65; i++)
		many += "wire0 ";
	host::run("ip link add va type veth peer name vb; ip tuntap add tun0 mode tun");
	for (const auto &[value, error] : {std::pair<std::string, int>{"absent", ENODEV},
					   {"va absent", ENODEV},
					   {"wire0,va", ENODEV},
					   {"wire", ENODEV},
					   {"1", ENODEV},
					   {std::string(200, 'x'), ENODEV},
					   {"lo", EOPNOTSUPP},
					   {"va lo", EOPNOTSUPP},
					   {"tun0", EOPNOTSUPP},
					   {many, E2BIG},
					   {std::string(1024, ' '), EINVAL},
					   {std::string(5000, 'a'), EINVAL}}) {
		expect_equal(try_to_set(value), error, "errno for " + value.substr(0, 20));
		expect_setting("wire0", "after " + value.substr(0, 20));
	}
	expect_answer(wire, "reply_express", "after all of them");
	expect_equal(try_to_set(""), 0, "errno for none");
	expect_answer(wire, "reply_in_place", "without any device");
}

void each_namespace_has_its_own()
{
	Wire first = express_server();
	const host::Namespace of_first = host::Namespace::current();
	Wire second = plain_server();
	const host::Namespace of_second = host::Namespace::current();

	expect_setting("", "the second namespace's");
	expect_answer(second, "reply_in_place", "in the second namespace");
	expect_equal(try_to_set("wire0"), 0, "errno in the second namespace");
	of_first.enter();
	expect_setting("wire0", "the first namespace's, as it was");
	expect_answer(first, "reply_express", "in the first namespace");
	expect_equal(try_to_set(""), 0, "errno in the first namespace");
	expect_answer(first, "reply_in_place", "in the first namespace");
	of_second.enter();
	expect_setting("wire0", "the second namespace's, as it was");
	expect_answer(second, "reply_express", "in the second namespace");
}

void addresses_come_and_go()
{
	Wire wire = express_server();

	host::run("ip address add 10.0.0.3/24 dev wire0");
	expect_answer(wire, "reply_express", "with two addresses");
	host::run("ip address del 10.0.0.2/24 dev wire0");
	Change change;
	wire::expect_no_answer(wire, ping());
	change.expect_outcomes({}, "to an address that is gone");
	host::run("ip address add 10.0.0.2/32 dev wire0");
	expect_answer(wire, "reply_express", "to one that has come back");
	host::run("ip address flush dev wire0; ip address add 10.0.0.2/32 dev lo;"
		  "ip address add 10.0.0.4/24 dev wire0; ip route replace default dev wire0");
	expect_answer(wire, "reply_in_place", "to another device's address");
}

void a_device_is_renamed()
{
	Wire wire = express_server();

	host::run("ip link set wire0 down; ip link set wire0 name other; ip link set other up;"
		  "ip route replace default dev other");
	expect_setting("other", "the new name");
	expect_answer(wire, "reply_express", "under a new name");
	expect_equal(try_to_set("wire0"), ENODEV, "errno for the old name");
}

void a_device_goes()
{
	std::optional<Wire> wire(express_server());

	host::run("ip link add va type veth peer name vb");
	expect_equal(try_to_set("wire0 va"), 0, "errno");
	host::run("ip link del va");
	expect_setting("wire0", "after one went");
	expect_answer(*wire, "reply_express", "after the other went");
	wire.reset();
	expect_setting("", "after both went");
	host::run("ip link add wire0 type veth peer name vb");
	expect_setting("", "after another one of the name came");
}

void a_device_moves_to_another_namespace()
{
	Wire wire = express_server();

	host::run("ip netns add express-away; ip link set wire0 netns express-away");
	expect_setting("", "after it left");
	host::run(
		"ip netns exec express-away ip link set wire0 netns $$; ip netns del express-away;"
		"ip link set wire0 arp off up; ip address add 10.0.0.2/24 dev wire0;"
		"ip route add default dev wire0");
	expect_setting("", "after it came back");
	expect_answer(wire, "reply_in_place", "after it came back");
}

void a_namespace_goes()
{
	host::need_icmpx();
	host::run(
		"ip netns add express-gone; ip -n express-gone link add va type veth peer name vb;"
		"ip netns exec express-gone sh -c 'echo va vb >/proc/sys/net/icmpx/express';"
		"ip netns del express-gone");
	Wire wire = express_server();
	expect_setting("wire0", "another namespace's");
	expect_answer(wire, "reply_express", "in another namespace");
}

void the_module_goes_while_it_is_on()
{
	module::Icmpx icmpx;
	ktap::require_equal(icmpx.load(), 0, "loading");
	Wire wire = express_server();

	expect_answer(wire, "reply_express", "before");
	ktap::require_equal(icmpx.unload_when_idle(), 0, "unloading");
	Ipv4 request = ping();
	wire::expect_echo_reply(wire::require_answer(wire, request), request);
	ktap::require_equal(icmpx.load(), 0, "loading again");
	expect_setting("", "after loading again");
	expect_answer(wire, "reply_in_place", "after loading again");
	expect_equal(try_to_set("wire0"), 0, "errno");
}

/// @p frame with the tag of VLAN 5.
packet::Bytes tagged(packet::Bytes frame)
{
	const packet::Bytes tag{0x81, 0x00, 0x00, 0x05};

	frame.insert(frame.begin() + 12, tag.begin(), tag.end());
	return frame;
}

/// The answer on VLAN 5, without its tag; empty without one.
packet::Bytes next_tagged(const Wire &wire)
{
	packet::Bytes frame(2000);
	pollfd ready{.fd = wire.fd(), .events = POLLIN, .revents = 0};

	while (poll(&ready, 1, static_cast<int>(wire::patience.count())) > 0) {
		ssize_t size = read(wire.fd(), frame.data(), frame.size());
		if (size <= 18 || packet::get32(frame, 12) != 0x81000005)
			continue;
		frame.resize(static_cast<std::size_t>(size));
		frame.erase(frame.begin() + 12, frame.begin() + 16);
		return frame;
	}
	return {};
}

void vlans()
{
	Wire wire = express_server();

	host::need("8021q",
		   "ip link add link wire0 name probe type vlan id 9 && ip link del probe");
	host::write_file("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
	host::run("ip link add link wire0 name v5 type vlan id 5; ip link set v5 arp off up;"
		  "ip address flush dev wire0; ip address add 10.0.0.2/24 dev v5");
	packet::Bytes frame = express::frame_of(wire, ping());
	for (const auto &[devices, way] :
	     {std::pair{"wire0", "reply_in_place"}, {"v5", "reply_express"}}) {
		expect_equal(try_to_set(devices), 0, std::string("errno for ") + devices);
		Change change;
		wire.send_frame(tagged(frame));
		packet::Bytes reply = next_tagged(wire);
		if (reply.size() == frame.size())
			std::copy_n(frame.begin() + 6, 6, reply.begin());
		// On the normal way, the identification is counted.
		packet::Bytes expected = express::reply_to(frame);
		if (reply.size() == expected.size() && std::string_view(way) == "reply_in_place") {
			std::copy_n(reply.begin() + express::ip_at + 4, 2,
				    expected.begin() + express::ip_at + 4);
			express::put_checksum(expected);
		}
		expect_equal(reply, expected, std::string(devices) + ": reply");
		expect_way(change, way, devices);
	}
	// The address is the VLAN's now: without a tag, it is another device's.
	expect_equal(try_to_set("wire0 v5"), 0, "errno for both");
	Change change;
	wire.send_frame(frame);
	expect_way(change, "reply_in_place", "without a tag");
}

void bridges()
{
	Wire wire = express_server();

	host::need("bridge", "ip link add probe type bridge && ip link del probe");
	host::write_file("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
	host::run("ip link add br0 type bridge mcast_snooping 0; ip link set br0 arp off address " +
		  host::output_of("cat /sys/class/net/wire0/address") +
		  "\nip link set br0 up; ip link set wire0 master br0;"
		  "ip address add 10.0.0.2/24 dev br0; ip route replace default dev br0");
	expect_setting("wire0", "of a device that became a port");
	expect_answer(wire, "reply_in_place", "by a port");
	expect_equal(try_to_set(""), 0, "errno for none");
	expect_equal(try_to_set("wire0"), EBUSY, "errno for a port");
	expect_equal(try_to_set("br0"), 0, "errno for the bridge");
	expect_answer(wire, "reply_express", "by the bridge");
}

void vrfs()
{
	Wire wire = express_server();

	host::need("vrf", "ip link add probe type vrf table 999 && ip link del probe");
	host::run("ip link add red type vrf table 10; ip link set red up; ip link set wire0 master "
		  "red;"
		  "ip route add default dev wire0 table 10");
	expect_answer(wire, "reply_in_place", "in a VRF");
	expect_equal(try_to_set("red"), EOPNOTSUPP, "errno for a VRF");
	expect_setting("wire0", "after that");
	expect_equal(try_to_set(""), 0, "errno for none");
	expect_equal(try_to_set("wire0"), EBUSY, "errno for a device in a VRF");
}

void need_nft()
{
	if (!host::try_run("nft 'add table netdev probe; delete table netdev probe'"))
		ktap::skip("the kernel has no nf_tables");
}

/// Adds a chain to which @p hook leads, and in it @p rule.
void nft(const std::string &family, const std::string &hook, const std::string &rule)
{
	host::run("nft -f - <<'END'\ntable " + family + " t {\nchain c {\ntype filter hook " +
		  hook + " priority 0\n" + rule + "\n}\n}\nEND");
}

/// What the administrator drops at the ingress is not answered, whichever of the two was there first.
void an_ingress_firewall_is_obeyed()
{
	need_nft();
	for (bool first : {false, true}) {
		Wire wire = first ? plain_server() : express_server();

		nft("netdev", "ingress device wire0", "icmp type echo-request drop");
		if (first)
			host::set_sysctl(setting, "wire0");
		Change change;
		wire::expect_no_answer(wire, ping());
		change.expect_outcomes({}, "dropped at the ingress");
		host::run("nft flush ruleset");
		expect_answer(wire, "reply_express", "without that rule");
	}
}

/// This is what the express path passes by, and what its documentation warns of.
void an_input_firewall_is_passed_by()
{
	need_nft();
	Wire wire = express_server();

	nft("ip", "input", "drop");
	expect_answer(wire, "reply_express", "INPUT drops everything");
	expect_equal(try_to_set(""), 0, "errno");
	wire::expect_no_answer(wire, ping());
}

void replies_wait_in_the_devices_queue()
{
	Wire wire = express_server();

	host::need("sch_tbf",
		   "tc qdisc replace dev wire0 root tbf rate 1kbit burst 1600 limit 4000");
	Change change;
	for (int i = 0; i < 100; i++)
		wire.send(ping());
	auto moved = ktap::require_value(change.icmpx(), "counters");
	ktap::expect_between(moved["reply_express"], 40, 70, "replies that had room");
	expect_equal(moved["reply_express"] + moved["drop_output"], 100, "and those that had not");
	expect_equal(change.snmp()["Ip.OutDiscards"], moved["drop_output"], "OutDiscards");
	host::run("ip link del wire0");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(
		argc, argv,
		{
			{"values_that_it_takes", values_that_it_takes},
			{"values_that_it_refuses", values_that_it_refuses},
			{"each_namespace_has_its_own", each_namespace_has_its_own},
			{"addresses_come_and_go", addresses_come_and_go},
			{"a_device_is_renamed", a_device_is_renamed},
			{"a_device_goes", a_device_goes},
			{"a_device_moves_to_another_namespace",
			 a_device_moves_to_another_namespace},
			{"a_namespace_goes", a_namespace_goes},
			{"the_module_goes_while_it_is_on", the_module_goes_while_it_is_on},
			{"vlans", vlans},
			{"bridges", bridges},
			{"vrfs", vrfs},
			{"an_ingress_firewall_is_obeyed", an_ingress_firewall_is_obeyed},
			{"an_input_firewall_is_passed_by", an_input_firewall_is_passed_by},
			{"replies_wait_in_the_devices_queue", replies_wait_in_the_devices_queue},
		});
}
