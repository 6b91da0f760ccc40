// SPDX-License-Identifier: GPL-2.0-only
//
// Ping sockets: when a reply came in, as programs are told.

#include "lib/control.hpp"
#include "lib/host.hpp"
#include "lib/ktap.hpp"
#include "lib/pinger.hpp"

#include <array>
#include <cerrno>
#include <cstdint>
#include <ctime>
#include <string>

#include <linux/net_tstamp.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/time.h>

namespace {

using pinger::V4;
using pinger::V6;
using sock::Socket;

template <typename F> const wire::Wire &net()
{
	static const wire::Wire wire = pinger::new_network<F>();
	return wire;
}

template <typename F> Socket fresh()
{
	net<F>();
	return pinger::bound<F>();
}

template <typename F> void arrive(const Socket &socket, std::uint16_t sequence = 1)
{
	net<F>().send(pinger::reply<F>(pinger::identifier<F>(socket), sequence));
}

template <typename F>
typename F::Received take(const Socket &socket, const wire::Where &where = wire::Where::current())
{
	auto received = F::receive(socket);

	ktap::require_equal(received.error, 0, "recvmsg", where);
	return received;
}

/// A time of the kernel's clock, in nanoseconds.
using Time = std::int64_t;

Time from(const timespec &time) { return time.tv_sec * Time{1000000000} + time.tv_nsec; }
Time from(const timeval &time)
{
	return time.tv_sec * Time{1000000000} + time.tv_usec * Time{1000};
}

Time now()
{
	timespec time{};

	host::check(clock_gettime(CLOCK_REALTIME, &time), "clock_gettime");
	return from(time);
}

/// A time that no stamp of what happens before or after it is on the wrong side of, though cut to its microsecond.
Time border()
{
	const Time next = (now() / 1000 + 1) * 1000;

	while (now() < next)
		;
	return next;
}

/// What ioctl() says of the packet that was read last, in microseconds or nanoseconds.
Time last_stamp(const Socket &socket, bool nanoseconds)
{
	timespec nano{};
	timeval micro{};

	if (nanoseconds) {
		host::check(ioctl(socket.get(), SIOCGSTAMPNS, &nano), "SIOCGSTAMPNS");
		return from(nano);
	}
	host::check(ioctl(socket.get(), SIOCGSTAMP, &micro), "SIOCGSTAMP");
	return from(micro);
}

template <typename F> void control_messages()
{
	Socket socket = fresh<F>(), stamping = control::have_all_stamped();
	timeval last{};
	Time before = now() - 1000;

	ktap::expect_equal(ioctl(socket.get(), SIOCGSTAMP, &last) ? errno : 0, ENOENT,
			   "SIOCGSTAMP before the first");
	auto expect_now = [&](Time time, const std::string &what) {
		ktap::expect_between(time, before, now(), what);
	};
	auto arrived = [&](int option, int value) {
		sock::set(socket, SOL_SOCKET, option, value);
		arrive<F>(socket);
		auto received = take<F>(socket);
		ktap::expect_equal(received.messages.size(), 1U, "control messages");
		sock::set(socket, SOL_SOCKET, option, 0);
		return received;
	};

	auto micro = arrived(SO_TIMESTAMP, 1).template value<timeval>(SOL_SOCKET, SCM_TIMESTAMP);
	expect_now(from(ktap::require_value(micro, "SCM_TIMESTAMP")), "SCM_TIMESTAMP");
	auto nano =
		arrived(SO_TIMESTAMPNS, 1).template value<timespec>(SOL_SOCKET, SCM_TIMESTAMPNS);
	expect_now(from(ktap::require_value(nano, "SCM_TIMESTAMPNS")), "SCM_TIMESTAMPNS");
	auto times =
		arrived(SO_TIMESTAMPING, SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE)
			.template value<std::array<timespec, 3>>(SOL_SOCKET, SCM_TIMESTAMPING);
	expect_now(from(ktap::require_value(times, "SCM_TIMESTAMPING")[0]), "SCM_TIMESTAMPING");
	ktap::expect_equal((*times)[2].tv_sec, 0, "SCM_TIMESTAMPING, hardware");
	arrive<F>(socket);
	ktap::expect_equal(take<F>(socket).messages.size(), 0U, "switched off");
	expect_now(last_stamp(socket, false), "SIOCGSTAMP");
}

/// Asked for the first time, too, where the kernel had a reason to stamp the packet. A raw socket and one of UDP say then
/// when they were asked.
template <typename F> void each_reply_has_its_own()
{
	Socket stamping = control::have_all_stamped();

	for (bool nanoseconds : {false, true}) {
		const std::string unit = nanoseconds ? "SIOCGSTAMPNS, " : "SIOCGSTAMP, ";
		Socket socket = fresh<F>();
		const Time begin = border();

		arrive<F>(socket, 1);
		ktap::require(sock::wait_for(socket, POLLIN, 2000) & POLLIN, "a reply");
		const Time between = border();
		arrive<F>(socket, 2);
		take<F>(socket);
		ktap::expect_between(last_stamp(socket, nanoseconds), begin, between,
				     unit + "the first reply");
		take<F>(socket);
		ktap::expect_between(last_stamp(socket, nanoseconds), between, now(),
				     unit + "the second reply");
	}
}

template <typename F> std::vector<ktap::Test> tests()
{
	return {{"control_messages", control_messages<F>},
		{"each_reply_has_its_own", each_reply_has_its_own<F>}};
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv, family::both(tests<V4>(), tests<V6>()));
}
