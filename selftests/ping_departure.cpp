// SPDX-License-Identifier: GPL-2.0-only
//
// Ping sockets: when requests leave: timestamps, times of departure, and a send buffer that is full until then.

#include "lib/control.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/ping.hpp"

#include <array>
#include <cstring>
#include <ctime>
#include <string>

#include <linux/net_tstamp.h>

namespace {

using control::make;
using ping::Endpoint;
using ping::Socket;
using Messages = std::vector<control::Message>;

constexpr Endpoint peer{errors::remote(1), 0};

const wire::Wire &net()
{
	static const wire::Wire wire = ping::new_network();
	return wire;
}

Socket fresh()
{
	net().receive_all(wire::milliseconds(0));
	return sock::ping();
}

void expect_refused(const Messages &messages, const std::string &what,
		    const wire::Where &where = wire::Where::current())
{
	ktap::expect_equal(control::send(fresh(), ping::request(1), peer, messages), EINVAL, what,
			   where);
}

/// Expects the error queue to tell when request @p number passed the place that @p kind stands for.
void expect_timestamp(const Socket &socket, std::uint32_t kind, std::uint32_t number,
		      const std::string &what)
{
	ktap::expect_equal(sock::wait_for(socket, 0, 2000), POLLERR, what + ", POLLERR");
	control::Received received = control::receive(socket, MSG_ERRQUEUE | MSG_DONTWAIT);
	const control::Message *error = received.find(SOL_IP, IP_RECVERR);
	auto times = received.value<std::array<timespec, 3>>(SOL_SOCKET, SCM_TIMESTAMPING);
	sock_extended_err extended{};

	ktap::require(error && error->data.size() >= sizeof(extended), what + ", IP_RECVERR");
	std::memcpy(&extended, error->data.data(), sizeof(extended));
	ktap::expect_equal(extended.ee_origin, SO_EE_ORIGIN_TIMESTAMPING, what + ", ee_origin");
	ktap::expect_equal(extended.ee_errno, ENOMSG, what + ", ee_errno");
	ktap::expect_equal(extended.ee_info, kind, what + ", ee_info");
	ktap::expect_equal(extended.ee_data, number, what + ", ee_data");
	ktap::expect(times && (*times)[0].tv_sec > 0, what + ", SCM_TIMESTAMPING");
	ktap::expect_equal(received.data.size(), 0U, what + ", payload");
}

void timestamps_of_requests()
{
	Socket socket = fresh();
	constexpr int asked =
		SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_OPT_ID | SOF_TIMESTAMPING_OPT_TSONLY;
	auto stamp = [](int flags) {
		return Messages{make(SOL_SOCKET, SO_TIMESTAMPING, flags)};
	};

	sock::set(socket, SOL_SOCKET, SO_TIMESTAMPING, asked);
	ping::sent(net(), socket, peer);
	ktap::expect_equal(sock::wait_for(socket, 0), 0, "nobody asked for this one");
	ping::sent(net(), socket, peer, stamp(SOF_TIMESTAMPING_TX_SOFTWARE));
	expect_timestamp(socket, SCM_TSTAMP_SND, 0, "TX_SOFTWARE");
	ping::sent(net(), socket, peer, stamp(SOF_TIMESTAMPING_TX_SCHED));
	expect_timestamp(socket, SCM_TSTAMP_SCHED, 1, "TX_SCHED");
	ping::sent(net(), socket, peer,
		   stamp(SOF_TIMESTAMPING_TX_SCHED | SOF_TIMESTAMPING_TX_SOFTWARE));
	expect_timestamp(socket, SCM_TSTAMP_SCHED, 2, "both, TX_SCHED");
	expect_timestamp(socket, SCM_TSTAMP_SND, 2, "both, TX_SOFTWARE");
	ktap::expect_equal(sock::wait_for(socket, 0), 0, "no more");
	expect_refused(stamp(SOF_TIMESTAMPING_RX_SOFTWARE), "not about sending");
	expect_refused({make(SOL_SOCKET, SO_TIMESTAMPING, std::uint16_t{2})}, "length");
	sock::set(socket, SOL_SOCKET, SO_TIMESTAMPING, asked | SOF_TIMESTAMPING_TX_SOFTWARE);
	ping::sent(net(), socket, peer);
	expect_timestamp(socket, SCM_TSTAMP_SND, 3, "the socket's");
}

/// Nanoseconds of CLOCK_MONOTONIC.
std::uint64_t now()
{
	timespec time{};

	clock_gettime(CLOCK_MONOTONIC, &time);
	return static_cast<std::uint64_t>(time.tv_sec) * 1000000000 +
	       static_cast<std::uint64_t>(time.tv_nsec);
}

constexpr std::uint64_t second_of_time = 1000000000;

/// A socket that may say when its requests are to leave, on a device that waits until then.
Socket scheduled()
{
	struct {
		clockid_t clock;
		std::uint32_t flags;
	} const txtime{CLOCK_MONOTONIC, 0};
	Socket socket = fresh();

	host::need("sch_fq", "tc qdisc replace dev wire0 root fq");
	host::check(setsockopt(socket.get(), SOL_SOCKET, SO_TXTIME, &txtime, sizeof(txtime)),
		    "SO_TXTIME");
	return socket;
}

void time_of_departure()
{
	expect_refused({make(SOL_SOCKET, SCM_TXTIME, now())}, "without SO_TXTIME");
	Socket socket = scheduled();
	std::uint64_t departure = now() + second_of_time / 2;
	ping::sent(net(), socket, peer, {make(SOL_SOCKET, SCM_TXTIME, departure)});
	ktap::expect(now() >= departure, "not before its time");
	ktap::expect_equal(
		control::send(socket, ping::request(1), peer, {make(SOL_SOCKET, SCM_TXTIME, 5)}),
		EINVAL, "four bytes");
	host::run("tc qdisc delete dev wire0 root");
}

void a_full_send_buffer()
{
	Socket socket = scheduled();
	Messages late{make(SOL_SOCKET, SCM_TXTIME, now() + second_of_time)};
	int count = 0, error = 0;

	sock::set(socket, SOL_SOCKET, SO_SNDBUF, 0);
	ktap::expect_equal(sock::wait_for(socket, POLLOUT), POLLOUT, "POLLOUT at first");
	while (!error && ++count < 100)
		error = control::send(socket, ping::request(1, packet::pattern(500)), peer, late,
				      MSG_DONTWAIT);
	ktap::expect_equal(error, EAGAIN, "MSG_DONTWAIT");
	ktap::expect_equal(sock::wait_for(socket, POLLOUT), 0, "POLLOUT");
	timeval wait{0, 1000};
	host::check(setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)),
		    "SO_SNDTIMEO");
	ktap::expect_equal(sock::send(socket, ping::request(1), peer), EAGAIN, "SO_SNDTIMEO");
	wait = {10, 0};
	host::check(setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)),
		    "SO_SNDTIMEO");
	ktap::expect_equal(sock::send(socket, ping::request(2), peer), 0, "who waits is let in");
	ktap::expect_equal(net().receive_all(wire::milliseconds(200)).size(),
			   static_cast<std::size_t>(count), "requests, the refused ones left out");
	ktap::expect_equal(sock::wait_for(socket, POLLOUT, 2000), POLLOUT, "POLLOUT at last");
	host::run("tc qdisc delete dev wire0 root");
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv,
			 {{"timestamps_of_requests", timestamps_of_requests},
			  {"time_of_departure", time_of_departure},
			  {"a_full_send_buffer", a_full_send_buffer}});
}
