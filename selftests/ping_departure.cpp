// SPDX-License-Identifier: GPL-2.0-only
//
// Ping sockets: when requests leave: timestamps, times of departure, and a send buffer that is full until then.

#include "lib/control.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/pinger.hpp"

#include <array>
#include <cstring>
#include <ctime>
#include <string>

#include <linux/net_tstamp.h>

namespace {

using control::make;
using pinger::V4;
using pinger::V6;
using sock::Socket;
using Messages = std::vector<control::Message>;

template <typename F> typename F::Endpoint peer() { return {F::remote(1), 0}; }

template <typename F> const wire::Wire &net()
{
	static const wire::Wire wire = pinger::new_network<F>();
	return wire;
}

template <typename F> Socket fresh()
{
	net<F>().template receive_all<typename F::Datagram>(wire::milliseconds(0));
	return F::open();
}

template <typename F>
void expect_refused(const Messages &messages, const std::string &what,
		    const wire::Where &where = wire::Where::current())
{
	ktap::expect_equal(pinger::send<F>(fresh<F>(), pinger::request<F>(1), peer<F>(), messages),
			   EINVAL, what, where);
}

/// Expects the error queue to tell when request @p number passed the place that @p kind stands for.
template <typename F>
void expect_timestamp(const Socket &socket, std::uint32_t kind, std::uint32_t number,
		      const std::string &what)
{
	ktap::expect_equal(sock::wait_for(socket, 0, 2000), POLLERR, what + ", POLLERR");
	auto received = F::receive(socket, MSG_ERRQUEUE | MSG_DONTWAIT);
	const control::Message *error = received.find(F::level, F::recverr);
	auto times = received.template value<std::array<timespec, 3>>(SOL_SOCKET, SCM_TIMESTAMPING);
	sock_extended_err extended{};

	ktap::require(error && error->data.size() >= sizeof(extended),
		      what + ", the extended error");
	std::memcpy(&extended, error->data.data(), sizeof(extended));
	ktap::expect_equal(extended.ee_origin, SO_EE_ORIGIN_TIMESTAMPING, what + ", ee_origin");
	ktap::expect_equal(extended.ee_errno, ENOMSG, what + ", ee_errno");
	ktap::expect_equal(extended.ee_info, kind, what + ", ee_info");
	ktap::expect_equal(extended.ee_data, number, what + ", ee_data");
	ktap::expect(times && (*times)[0].tv_sec > 0, what + ", SCM_TIMESTAMPING");
	ktap::expect_equal(received.data.size(), 0U, what + ", payload");
}

template <typename F> void timestamps_of_requests()
{
	Socket socket = fresh<F>();
	constexpr int asked =
		SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_OPT_ID | SOF_TIMESTAMPING_OPT_TSONLY;
	auto stamp = [](int flags) {
		return Messages{make(SOL_SOCKET, SO_TIMESTAMPING, flags)};
	};

	sock::set(socket, SOL_SOCKET, SO_TIMESTAMPING, asked);
	pinger::sent_on<F>(net<F>(), socket, peer<F>());
	ktap::expect_equal(sock::wait_for(socket, 0), 0, "nobody asked for this one");
	pinger::sent_on<F>(net<F>(), socket, peer<F>(), stamp(SOF_TIMESTAMPING_TX_SOFTWARE));
	expect_timestamp<F>(socket, SCM_TSTAMP_SND, 0, "TX_SOFTWARE");
	pinger::sent_on<F>(net<F>(), socket, peer<F>(), stamp(SOF_TIMESTAMPING_TX_SCHED));
	expect_timestamp<F>(socket, SCM_TSTAMP_SCHED, 1, "TX_SCHED");
	pinger::sent_on<F>(net<F>(), socket, peer<F>(),
			   stamp(SOF_TIMESTAMPING_TX_SCHED | SOF_TIMESTAMPING_TX_SOFTWARE));
	expect_timestamp<F>(socket, SCM_TSTAMP_SCHED, 2, "both, TX_SCHED");
	expect_timestamp<F>(socket, SCM_TSTAMP_SND, 2, "both, TX_SOFTWARE");
	ktap::expect_equal(sock::wait_for(socket, 0), 0, "no more");
	expect_refused<F>(stamp(SOF_TIMESTAMPING_RX_SOFTWARE), "not about sending");
	expect_refused<F>({make(SOL_SOCKET, SO_TIMESTAMPING, std::uint16_t{2})}, "length");
	sock::set(socket, SOL_SOCKET, SO_TIMESTAMPING, asked | SOF_TIMESTAMPING_TX_SOFTWARE);
	pinger::sent_on<F>(net<F>(), socket, peer<F>());
	expect_timestamp<F>(socket, SCM_TSTAMP_SND, 3, "the socket's");
	// That is for TCP, and takes no number.
	sock::set(socket, SOL_SOCKET, SO_TIMESTAMPING, asked | SOF_TIMESTAMPING_TX_ACK);
	pinger::sent_on<F>(net<F>(), socket, peer<F>());
	pinger::sent_on<F>(net<F>(), socket, peer<F>(), stamp(SOF_TIMESTAMPING_TX_SOFTWARE));
	expect_timestamp<F>(socket, SCM_TSTAMP_SND, 4, "after TX_ACK");
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
template <typename F> Socket scheduled()
{
	struct {
		clockid_t clock;
		std::uint32_t flags;
	} const txtime{CLOCK_MONOTONIC, 0};
	Socket socket = fresh<F>();

	host::need("sch_fq", "tc qdisc replace dev wire0 root fq");
	host::check(setsockopt(socket.get(), SOL_SOCKET, SO_TXTIME, &txtime, sizeof(txtime)),
		    "SO_TXTIME");
	return socket;
}

template <typename F> void time_of_departure()
{
	expect_refused<F>({make(SOL_SOCKET, SCM_TXTIME, now())}, "without SO_TXTIME");
	Socket socket = scheduled<F>();
	std::uint64_t departure = now() + second_of_time / 2;
	pinger::sent_on<F>(net<F>(), socket, peer<F>(), {make(SOL_SOCKET, SCM_TXTIME, departure)});
	ktap::expect(now() >= departure, "not before its time");
	ktap::expect_equal(pinger::send<F>(socket, pinger::request<F>(1), peer<F>(),
					   {make(SOL_SOCKET, SCM_TXTIME, 5)}),
			   EINVAL, "four bytes");
	host::run("tc qdisc delete dev wire0 root");
}

template <typename F> void a_full_send_buffer()
{
	Socket socket = scheduled<F>();
	Messages late{make(SOL_SOCKET, SCM_TXTIME, now() + second_of_time)};
	int count = 0, error = 0;

	sock::set(socket, SOL_SOCKET, SO_SNDBUF, 0);
	ktap::expect_equal(sock::wait_for(socket, POLLOUT), POLLOUT, "POLLOUT at first");
	while (!error && ++count < 100)
		error = pinger::send<F>(socket, pinger::request<F>(1, packet::pattern(500)),
					peer<F>(), late, MSG_DONTWAIT);
	ktap::expect_equal(error, EAGAIN, "MSG_DONTWAIT");
	ktap::expect_equal(sock::wait_for(socket, POLLOUT), 0, "POLLOUT");
	timeval wait{0, 1000};
	host::check(setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)),
		    "SO_SNDTIMEO");
	ktap::expect_equal(send(socket, pinger::request<F>(1), peer<F>()), EAGAIN, "SO_SNDTIMEO");
	wait = {10, 0};
	host::check(setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)),
		    "SO_SNDTIMEO");
	// Nobody waits with a socket of IPv6, which the program cannot change.
	ktap::expect_equal(send(socket, pinger::request<F>(2), peer<F>()), F::is_ipv6 ? EAGAIN : 0,
			   "who waits is let in");
	ktap::expect_equal(sock::wait_for(socket, POLLOUT, 2000), POLLOUT, "POLLOUT at last");
	ktap::expect_equal(
		net<F>().template receive_all<typename F::Datagram>(wire::milliseconds(200)).size(),
		static_cast<std::size_t>(F::is_ipv6 ? count - 1 : count),
		"requests, the refused ones left out");
	host::run("tc qdisc delete dev wire0 root");
}

template <typename F> std::vector<ktap::Test> tests()
{
	return {{"timestamps_of_requests", timestamps_of_requests<F>},
		{"time_of_departure", time_of_departure<F>},
		{"a_full_send_buffer", a_full_send_buffer<F>}};
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv, family::both(tests<V4>(), tests<V6>()));
}
