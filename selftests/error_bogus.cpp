// SPDX-License-Identifier: GPL-2.0-only
//
// net.ipv4.icmp_ignore_bogus_error_responses: errors about datagrams to a broadcast address, which no host may send
// (RFC 1122, 3.2.2).

#include "lib/counters.hpp"
#include "lib/errors.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"

#include <array>
#include <fcntl.h>
#include <string>
#include <string_view>
#include <unistd.h>

namespace {

using counters::Change;
using packet::Bytes;
using packet::Type;
using sock::Socket;

constexpr const char *setting = "net/ipv4/icmp_ignore_bogus_error_responses";

const wire::Wire &net()
{
	static const wire::Wire wire = wire::new_server();
	return wire;
}

struct Client {
	Client()
	{
		net();
		socket = sock::udp();
		sock::bind(socket, {errors::host, 0});
		sock::set(socket, SOL_IP, IP_RECVERR, 1);
	}

	Bytes sent_to(const char *address) const
	{
		return errors::sent_udp(sock::local(socket), {packet::ipv4(address), 9999}).build();
	}

	Socket socket;
};

/// What the kernel logs from its construction on.
class Log {
public:
	Log()
		: file_(host::check(open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC),
				    "/dev/kmsg"))
	{
		lseek(file_.get(), 0, SEEK_END);
	}

	/// How many records warn of the error that came, from whom it came and about whom.
	int warnings() const
	{
		std::array<char, 8192> record{};
		int count = 0;
		ssize_t size;

		while ((size = read(file_.get(), record.data(), record.size())) > 0) {
			std::string_view text(record.data(), static_cast<std::size_t>(size));
			count += text.find("10.0.0.1 sent an ") != std::string_view::npos &&
				 text.find("broadcast") != std::string_view::npos &&
				 text.find("10.0.0.255") != std::string_view::npos;
		}
		return count;
	}

private:
	host::Descriptor file_;
};

void with_the_setting_on_they_are_errors_like_others()
{
	Client client;
	Log log;
	Change change;

	host::set_sysctl(setting, 1);
	net().send(
		errors::unreachable(errors::Code::port_unreachable, client.sent_to("10.0.0.255")));
	ktap::expect_equal(ktap::require_value(sock::next_error(client.socket), "error").number,
			   ECONNREFUSED, "errno");
	ktap::expect_equal(log.warnings(), 0, "warnings in the log");
	change.expect_outcomes({{"deliver_error_udp", 1}}, "outcome");
}

void with_the_setting_off_they_are_logged_and_dropped()
{
	Client client;

	host::set_sysctl(setting, 0);
	for (std::uint8_t type :
	     {Type::unreachable, Type::time_exceeded, Type::parameter_problem}) {
		std::string what = "type " + std::to_string(type);
		Log log;
		Change change;

		net().send(errors::report(type, 0, 0, client.sent_to("10.0.0.255")));
		ktap::expect_equal(sock::wait_for(client.socket, 0), 0, what);
		ktap::expect_equal(log.warnings(), 1, what + ", warnings in the log");
		ktap::expect_equal(change.icmp()["Icmp.InErrors"], 0, what + ", InErrors");
		change.expect_outcomes({{"ignore_bogus", 1}}, what);
	}
}

void with_the_setting_off_others_pass()
{
	Client client;

	host::set_sysctl(setting, 0);
	for (const char *address : {"10.0.0.9", "192.0.2.1", "224.0.0.9"}) {
		net().send(errors::unreachable(errors::Code::port_unreachable,
					       client.sent_to(address)));
		ktap::expect(sock::next_error(client.socket).has_value(), address);
	}
	ktap::expect_equal(sock::wait_for(client.socket, 0), 0, "POLLERR afterwards");
	net().send(errors::unreachable(errors::Code::port_unreachable,
				       client.sent_to("255.255.255.255")));
	ktap::expect(!sock::next_error(client.socket), "the limited broadcast address");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {{"with_the_setting_on_they_are_errors_like_others",
			   with_the_setting_on_they_are_errors_like_others},
			  {"with_the_setting_off_they_are_logged_and_dropped",
			   with_the_setting_off_they_are_logged_and_dropped},
			  {"with_the_setting_off_others_pass", with_the_setting_off_others_pass}});
}
