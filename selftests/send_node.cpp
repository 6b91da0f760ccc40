// SPDX-License-Identifier: GPL-2.0-only
//
// Errors that identify the host which sends them (draft-ietf-intarea-extended-icmp-nodeid), and to whom anything is told:
// net.icmpx.node_name, node_address and errors_extension_to, for both families.

#include "lib/extension.hpp"
#include "lib/family.hpp"
#include "lib/ktap.hpp"
#include "lib/sending.hpp"

#include <string>
#include <unistd.h>
#include <vector>

using extension::expect_extended;
using packet::Bytes;
using sending::expect_error;
using sending::RouterIn;
using sending::V4;
using sending::V6;

namespace {

enum Mask { incoming = 1, node = 8 };

const std::string directory = "net/icmpx/";

/// With a newline, as a shell writes it: nothing at all would be no write.
void set(const std::string &name, const std::string &value)
{
	host::set_sysctl(directory + name, value + "\n");
}

void expect_refused(const std::string &name, const std::string &value)
{
	const std::string before = host::sysctl(directory + name);

	ktap::expect(!host::write_file("/proc/sys/" + directory + name, value), name + "=" + value);
	ktap::expect_equal(host::sysctl(directory + name), before, name + " after " + value);
}

template <typename F> void set_mask(int mask)
{
	F::need_icmpx();
	if (!sending::ours<F>())
		ktap::skip("errors are the built-in code's");
	host::set_sysctl(std::string("net/") + (F::is_ipv6 ? "icmpx6" : "icmpx") +
				 "/errors_extension_mask",
			 mask);
}

template <typename F> typename F::Datagram expiring(const typename F::Address &from = F::client)
{
	auto about = sending::to_closed_port<F>(18, F::beyond, from);

	if constexpr (F::is_ipv6)
		about.hop_limit = 1;
	else
		about.ttl = 1;
	return about;
}

template <typename F> constexpr sending::ErrorIn<F> expired{.type = F::Type::time_exceeded};

const Bytes address4{192, 0, 2, 7};
const Bytes address6{0xfd, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7};

/// In a namespace that is not the machine's first one, a name is told when there is one.
template <typename F> void name_and_address()
{
	RouterIn<F> router;
	const auto about = expiring<F>();

	set_mask<F>(node);
	expect_error(router.near, about, expired<F>);
	set("node_name", "r7.example");
	expect_extended(router.near, about, expired<F>,
			extension::build({extension::node({}, "r7.example")}));
	set("node_address", "192.0.2.7");
	expect_extended(router.near, about, expired<F>,
			extension::build({extension::node(address4, "r7.example")}));
	set("node_address", "fd07::7");
	expect_extended(router.near, about, expired<F>,
			extension::build({extension::node(address6, "r7.example")}));
	set("node_name", "");
	expect_extended(router.near, about, expired<F>,
			extension::build({extension::node(address6, {})}));
	set("node_address", "");
	expect_error(router.near, about, expired<F>);
}

/// As long as names get, and what is behind an interface's object.
template <typename F> void longest()
{
	RouterIn<F> router;
	const std::string name(63, 'n');

	set_mask<F>(incoming | node);
	set("node_name", name);
	set("node_address", "fd07::7");
	expect_extended(router.near, expiring<F>(), expired<F>,
			extension::build({extension::object(0, "wire0", F::server, 1500),
					  extension::node(address6, name)}));
}

/// What is told is told to those whom a prefix has.
template <typename F> void to_whom()
{
	RouterIn<F> router;
	const auto about = expiring<F>();
	const Bytes told = extension::build({extension::node({}, "r7")});
	const std::string client = F::client_text;
	const std::string width = F::is_ipv6 ? "/64" : "/24";
	const std::string network = F::is_ipv6 ? "fd00::" : "10.0.0.0";

	set_mask<F>(node);
	set("node_name", "r7");
	for (const std::string &who :
	     {std::string(), client, network + width, "192.0.2.0/24 2001:db8::/32 " + client,
	      std::string(F::is_ipv6 ? "::/0" : "0.0.0.0/0")}) {
		set("errors_extension_to", who);
		ktap::expect_equal(host::sysctl(directory + "errors_extension_to"), who,
				   "the setting");
		expect_extended(router.near, about, expired<F>, told);
	}
	for (const char *who : {"192.0.2.0/24", "2001:db8::/32", F::is_ipv6 ? "0.0.0.0/0" : "::/0",
				F::is_ipv6 ? "fd00::2" : "10.0.0.2"}) {
		set("errors_extension_to", who);
		expect_error(router.near, about, expired<F>);
	}
}

/// Sixty-four prefixes fit, and each of them counts.
void prefixes_that_fit()
{
	host::need_icmpx();
	host::enter_new_namespace();
	std::string all;

	for (int i = 0; i < 64; i++)
		all += (i ? " " : "") + std::string(i % 2 ? "2001:db8:" : "10.1.") +
		       std::to_string(i) + (i % 2 ? "::/48" : ".0/24");
	set("errors_extension_to", all);
	ktap::expect_equal(host::sysctl(directory + "errors_extension_to"), all, "all of them");
	expect_refused("errors_extension_to", all + " 10.2.0.0/16");
}

void refused()
{
	host::need_icmpx();
	host::enter_new_namespace();
	set("node_name", "r7");
	for (const std::string &name :
	     {std::string(64, 'n'), std::string("\xff"), std::string("\xc3"), std::string("a\tb"),
	      std::string("\xed\xa0\x80"), std::string("\xc2\x9b"), std::string(5000, 'n')})
		expect_refused("node_name", name);
	set("node_address", "192.0.2.7");
	for (const std::string address :
	     {"192.0.2", "192.0.2.7/32", "0.0.0.0", "224.0.0.1", "::", "ff02::1", "fd07::7%eth0",
	      "localhost", "192.0.2.7 192.0.2.8"})
		expect_refused("node_address", address);
	set("errors_extension_to", "192.0.2.0/24 fd00::/8");
	for (const std::string prefixes :
	     {"192.0.2.1/24", "192.0.2.0/33", "192.0.2.0/", "192.0.2.0/-1",
	      "192.0.2.0/24,10.0.0.0/8", "fd00::/129", "fd00::1/8", "/8", "x", "192.0.2.0/24/24",
	      "192.0.2.0/0x18"})
		expect_refused("errors_extension_to", prefixes);
}

/// A name is what other machines print: any language, no control characters.
void names()
{
	host::need_icmpx();
	host::enter_new_namespace();
	for (const std::string name :
	     {"r7", "r\xc3\xb6uter", "\xe8\xb7\xaf\xe7\x94\xb1", "\xf0\x9f\x90\xa7"}) {
		set("node_name", name);
		ktap::expect_equal(host::sysctl(directory + "node_name"), name, "node_name");
	}
	host::enter_new_namespace();
	for (const std::string name : {"node_name", "node_address", "errors_extension_to"})
		ktap::expect_equal(host::sysctl(directory + name), "",
				   name + " of another namespace");
}

template <typename F> std::vector<ktap::Test> tests()
{
	return {
		{"name_and_address", name_and_address<F>},
		{"longest", longest<F>},
		{"to_whom", to_whom<F>},
	};
}

} // namespace

int main(int argc, char **argv)
{
	auto all = family::both(tests<V4>(), tests<V6>());

	all.push_back({"prefixes_that_fit", prefixes_that_fit});
	all.push_back({"refused", refused});
	all.push_back({"names", names});
	return ktap::run(argc, argv, all);
}
