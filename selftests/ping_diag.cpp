// SPDX-License-Identifier: GPL-2.0-only
//
// Socket diagnostics (sock_diag(7)) of ping sockets, by icmpx_diag.ko: what is told of a socket, of which sockets, and to
// whom. The built-in family has none. SOCK_DESTROY: ping_diag_destroy. Loading: load_diag.

#include "lib/child.hpp"
#include "lib/diag.hpp"
#include "lib/ping.hpp"
#include "lib/volume.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include <net/if.h>
#include <sys/resource.h>
#include <sys/stat.h>

namespace {

using diag::Client;
using diag::End;
using diag::Entry;
using netlink::Bytes;
using sock::Socket;

/// States of a socket, as TCP calls them.
enum State : std::uint8_t { established = 1, closed = 7 };

/// Two addresses of this host.
template <typename F> typename F::Address own(int number)
{
	const std::string prefix = F::own(number);

	return F::address(prefix.substr(0, prefix.find('/')));
}

/// A namespace with both of them, where everybody may have ping sockets.
template <typename F> void new_network()
{
	F::need_icmpx();
	host::enter_new_namespace();
	ping::allow();
	for (int number : {1, 2})
		F::add_address("lo", F::own(number));
}

template <typename F> Socket connected(int number)
{
	Socket socket = diag::open<F>();

	ktap::require_equal(connect(socket, End<F>{.address = own<F>(number)}), 0, "connect");
	return socket;
}

template <typename F> Entry listed(Client &client, const Socket &socket, std::uint8_t extension = 0)
{
	inet_diag_req_v2 request = diag::request<F>();

	request.idiag_ext = extension;
	return ktap::require_value(diag::find(client.list(request), socket), "an entry");
}

/// Whether a dump has @p in and has not @p out, and nothing else.
template <typename F>
void expect_only(Client &client, const inet_diag_req_v2 &request, const Socket &in,
		 const Socket &out, const std::string &what, const Bytes &code = {})
{
	const std::vector<Entry> list = client.list(request, code);

	ktap::expect(diag::find(list, in).has_value(), what + ": the one that passes");
	ktap::expect(!diag::find(list, out), what + ": the one that does not");
	ktap::expect_equal(list.size(), 1, what + ": entries");
}

/// An address as the kernel has it in inet_diag_sockid.
template <typename F> std::array<std::uint32_t, 4> words(const typename F::Address &address)
{
	std::array<std::uint32_t, 4> made{};

	if constexpr (F::is_ipv6)
		std::memcpy(made.data(), address.data(), address.size());
	else
		made[0] = htonl(address);
	return made;
}

template <typename F>
void expect_address(const std::uint32_t (&actual)[4], const typename F::Address &expected,
		    const std::string &what)
{
	const std::array<std::uint32_t, 4> wanted = words<F>(expected);

	ktap::expect(std::ranges::equal(actual, wanted), what);
}

template <typename F> void what_a_socket_is()
{
	diag::Loaded module;
	new_network<F>();
	Client client;
	struct stat file {};

	host::check(seteuid(1234), "seteuid");
	Socket socket = diag::open<F>();
	host::check(seteuid(0), "seteuid");
	ktap::expect_equal(client.list(diag::request<F>()).size(), 0, "without an identifier");
	bind(socket, End<F>{.address = own<F>(1), .port = 4711});
	host::check(fstat(socket.get(), &file), "fstat");
	Entry entry = listed<F>(client, socket);
	ktap::expect_equal(entry.message.idiag_family, F::is_ipv6 ? AF_INET6 : AF_INET, "family");
	ktap::expect_equal(entry.message.idiag_state, State::closed, "state");
	ktap::expect_equal(entry.message.id.idiag_sport, htons(4711), "identifier");
	ktap::expect_equal(entry.message.id.idiag_dport, 0, "port of the peer");
	expect_address<F>(entry.message.id.idiag_src, own<F>(1), "local address");
	expect_address<F>(entry.message.id.idiag_dst, {}, "no peer");
	ktap::expect_equal(entry.message.id.idiag_if, 0, "device");
	ktap::expect_equal(entry.message.idiag_uid, 1234, "user");
	ktap::expect_equal(entry.message.idiag_inode, file.st_ino, "inode");

	sock::set(socket, SOL_SOCKET, SO_BINDTOIFINDEX, 1);
	ktap::require_equal(connect(socket, End<F>{.address = own<F>(2)}), 0, "connect");
	entry = listed<F>(client, socket);
	ktap::expect_equal(entry.message.idiag_state, State::established, "state, connected");
	expect_address<F>(entry.message.id.idiag_dst, own<F>(2), "peer");
	ktap::expect_equal(entry.message.id.idiag_if, 1, "device, lo");
	socket = Socket();
	ktap::expect_equal(client.list(diag::request<F>()).size(), 0, "closed");
}

/// A reply to a request of its own, which nobody reads.
template <typename F> void fill_queue(const Socket &socket)
{
	ktap::require_equal(send(socket, ping::request(1, {}, F::is_ipv6 ? 128 : 8),
				 End<F>{.address = own<F>(2)}),
			    0, "send");
	ktap::require(sock::wait_for(socket, POLLIN, 20000) & POLLIN, "a reply");
}

template <typename F> void queues_and_memory()
{
	diag::Loaded module;
	new_network<F>();
	Client client;
	Socket socket = diag::bound<F>();
	const std::uint8_t memory = diag::with(INET_DIAG_MEMINFO) | diag::with(INET_DIAG_SKMEMINFO);
	using Numbers = std::array<std::uint32_t, SK_MEMINFO_VARS>;

	Entry entry = listed<F>(client, socket);
	ktap::expect_equal(entry.message.idiag_rqueue, 0, "nothing to read");
	ktap::expect(!entry.attribute(INET_DIAG_SKMEMINFO), "memory, which was not asked for");
	fill_queue<F>(socket);
	entry = listed<F>(client, socket, memory);
	ktap::expect(entry.message.idiag_rqueue > 0, "something to read");
	auto numbers = ktap::require_value(entry.value<Numbers>(INET_DIAG_SKMEMINFO), "memory");
	ktap::expect_equal(numbers[SK_MEMINFO_RMEM_ALLOC], entry.message.idiag_rqueue, "queue");
	ktap::expect_equal(numbers[SK_MEMINFO_RCVBUF], sock::get(socket, SOL_SOCKET, SO_RCVBUF),
			   "receive buffer");
	auto info =
		ktap::require_value(entry.value<inet_diag_meminfo>(INET_DIAG_MEMINFO), "memory");
	ktap::expect_equal(info.idiag_rmem, entry.message.idiag_rqueue, "queue, the older way");

	// One look-up has room for all of it.
	inet_diag_req_v2 request = diag::request_for<F>(entry);
	request.idiag_ext = 0xff;
	auto [error, one] = client.one(request);
	ktap::require_equal(error, 0, "one, with all that can be asked for");
	for (int type : {INET_DIAG_MEMINFO, INET_DIAG_SKMEMINFO, INET_DIAG_TOS, INET_DIAG_CLASS_ID,
			 INET_DIAG_SHUTDOWN, INET_DIAG_MARK, INET_DIAG_SOCKOPT})
		ktap::expect(one->attribute(static_cast<std::uint16_t>(type)).has_value(),
			     "attribute " + std::to_string(type));
}

template <typename F> void attributes()
{
	diag::Loaded module;
	new_network<F>();
	Client client;
	Socket socket = diag::bound<F>();
	struct stat group {};

	sock::set(socket, SOL_SOCKET, SO_MARK, 77);
	Entry entry = listed<F>(client, socket);
	ktap::expect_equal(entry.value<std::uint32_t>(INET_DIAG_MARK).value_or(0), 77, "SO_MARK");
	const std::string path = host::read_file("/proc/self/cgroup").value_or("");
	const std::size_t at = path.find("0::");
	if (at != std::string::npos && !volume::debug_kernel()) {
		host::check(stat(("/sys/fs/cgroup" + path.substr(at + 3)).c_str(), &group), "stat");
		ktap::expect_equal(entry.value<std::uint64_t>(INET_DIAG_CGROUP_ID).value_or(0),
				   group.st_ino, "cgroup");
	}

	// Others may see all but the mark, and may not filter by it either.
	child::run([&] {
		const inet_diag_markcond mark{77, ~0U};

		child::become({});
		Client nobody;
		Entry seen = listed<F>(nobody, socket);
		ktap::expect(!seen.attribute(INET_DIAG_MARK), "the mark, for nobody");
		ktap::expect_equal(seen.message.idiag_inode, entry.message.idiag_inode, "inode");
		auto [error, one] = nobody.one(diag::request_for<F>(entry));
		ktap::require_equal(error, 0, "one, for nobody");
		ktap::expect(!one->attribute(INET_DIAG_MARK), "the mark of one, for nobody");
		ktap::expect_equal(nobody.each(
					   diag::request<F>(), [](const Entry &) {},
					   diag::code(INET_DIAG_BC_MARK_COND, mark)),
				   EPERM, "a filter by mark, for nobody");
	});
}

template <typename F> void filters()
{
	diag::Loaded module;
	new_network<F>();
	Client client;
	Socket first = connected<F>(1), second = diag::bound<F>(99, own<F>(2));
	inet_diag_req_v2 request = diag::request<F>();

	ktap::expect_equal(client.list(request).size(), 2, "all");
	request.idiag_states = 1U << State::established;
	expect_only<F>(client, request, first, second, "connected");
	request.idiag_states = 1U << State::closed;
	expect_only<F>(client, request, second, first, "not connected");
	request = diag::request<F>();
	request.id.idiag_sport = htons(99);
	expect_only<F>(client, request, second, first, "identifier");
	request = diag::request<F>();
	std::ranges::copy(words<F>(own<F>(2)), request.id.idiag_src);
	expect_only<F>(client, request, second, first, "local address");
	request = diag::request<F>();
	std::ranges::copy(words<F>(own<F>(1)), request.id.idiag_dst);
	expect_only<F>(client, request, first, second, "peer");
	sock::set(second, SOL_SOCKET, SO_BINDTOIFINDEX, 1);
	request = diag::request<F>();
	request.id.idiag_if = 1;
	expect_only<F>(client, request, second, first, "device");
	request.id.idiag_if = 2;
	ktap::expect_equal(client.list(request).size(), 0, "another device");

	// Each protocol has one family of addresses.
	request = diag::request<F>();
	request.sdiag_family = F::is_ipv6 ? AF_INET : AF_INET6;
	ktap::expect_equal(client.list(request).size(), 0, "the other family");
}

/// What INET_DIAG_BC_S_COND and INET_DIAG_BC_D_COND compare to.
template <typename F> struct Host {
	std::uint8_t family = F::is_ipv6 ? AF_INET6 : AF_INET;
	std::uint8_t prefix = F::is_ipv6 ? 128 : 32;
	std::int32_t port = -1;
	std::array<std::uint32_t, F::is_ipv6 ? 4 : 1> address{};

	explicit Host(const typename F::Address &of)
	{
		std::copy_n(words<F>(of).begin(), address.size(), address.begin());
	}
};

template <typename F> void byte_code()
{
	diag::Loaded module;
	new_network<F>();
	Client client;
	Socket first = connected<F>(1), second = diag::bound<F>(99, own<F>(2));
	const inet_diag_req_v2 all = diag::request<F>();

	sock::set(second, SOL_SOCKET, SO_MARK, 77);
	sock::set(second, SOL_SOCKET, SO_BINDTOIFINDEX, 1);
	expect_only<F>(client, all, second, first, "identifier",
		       diag::code(INET_DIAG_BC_S_EQ, inet_diag_bc_op{0, 0, 99}));
	expect_only<F>(client, all, second, first, "local address",
		       diag::code(INET_DIAG_BC_S_COND, Host<F>(own<F>(2))));
	expect_only<F>(client, all, first, second, "peer",
		       diag::code(INET_DIAG_BC_D_COND, Host<F>(own<F>(1))));
	expect_only<F>(client, all, second, first, "device",
		       diag::code(INET_DIAG_BC_DEV_COND, std::uint32_t{1}));
	expect_only<F>(client, all, second, first, "mark",
		       diag::code(INET_DIAG_BC_MARK_COND, inet_diag_markcond{77, ~0U}));
	expect_only<F>(client, all, first, second, "chosen identifier",
		       diag::code(INET_DIAG_BC_AUTO));
}

template <typename F> void one_by_cookie()
{
	diag::Loaded module;
	new_network<F>();
	Client client;
	// Ping sockets may share an identifier, and an address with it.
	Socket first = diag::bound<F>(99), second = diag::bound<F>(99);

	for (const Socket *socket : {&first, &second}) {
		auto [error, one] = client.one(diag::request_for<F>(listed<F>(client, *socket)));

		ktap::require_equal(error, 0, "a socket of two");
		ktap::expect_equal(one->cookie(), diag::cookie(*socket), "which");
	}
	inet_diag_req_v2 gone = diag::request_for<F>(listed<F>(client, second));
	second = Socket();
	ktap::expect_equal(client.one(gone).first, ENOENT, "one that was closed");

	inet_diag_req_v2 request = diag::request_for<F>(listed<F>(client, first));
	request.id.idiag_cookie[0] = request.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	ktap::expect_equal(client.one(request).first, 0, "without a cookie");
	request.id.idiag_sport = htons(98);
	ktap::expect_equal(client.one(request).first, ENOENT, "another identifier");
	request.id.idiag_sport = htons(99);
	request.sdiag_family = F::is_ipv6 ? AF_INET : AF_INET6;
	ktap::expect_equal(client.one(request).first, ENOENT, "the other family");
}

/// Without a cookie, it is the one that a packet would be for.
template <typename F> void one_by_address()
{
	diag::Loaded module;
	new_network<F>();
	Client client;
	Socket socket = diag::bound<F>(99, own<F>(1));
	inet_diag_req_v2 request = diag::request_for<F>(listed<F>(client, socket));

	request.id.idiag_cookie[0] = request.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	std::ranges::copy(words<F>(own<F>(2)), request.id.idiag_dst);
	ktap::expect_equal(client.one(request).first, 0, "any peer");
	std::ranges::copy(words<F>(own<F>(2)), request.id.idiag_src);
	ktap::expect_equal(client.one(request).first, ENOENT, "another local address");
	std::ranges::copy(words<F>(own<F>(1)), request.id.idiag_src);
	ktap::require_equal(connect(socket, End<F>{.address = own<F>(1)}), 0, "connect");
	ktap::expect_equal(client.one(request).first, ENOENT, "another peer");
	std::ranges::copy(words<F>(own<F>(1)), request.id.idiag_dst);
	ktap::expect_equal(client.one(request).first, 0, "its peer");
	sock::set(socket, SOL_SOCKET, SO_BINDTOIFINDEX, 1);
	ktap::expect_equal(client.one(request).first, ENOENT, "no device");
	request.id.idiag_if = 1;
	ktap::expect_equal(client.one(request).first, 0, "its device");
}

template <typename F> void another_namespace()
{
	diag::Loaded module;
	new_network<F>();
	Client here;
	Socket socket = diag::bound<F>(99);
	const inet_diag_req_v2 request = diag::request_for<F>(listed<F>(here, socket));
	const host::Namespace home = host::Namespace::current();

	new_network<F>();
	Client there;
	ktap::expect_equal(there.list(diag::request<F>()).size(), 0, "sockets there");
	ktap::expect_equal(there.one(request).first, ENOENT, "one there");
	Socket other = diag::bound<F>(99);
	ktap::expect_equal(there.list(diag::request<F>()).size(), 1, "sockets there, one open");
	// A client is of the namespace that it was made in.
	ktap::expect(diag::find(here.list(diag::request<F>()), socket).has_value(), "here");
	ktap::expect(!diag::find(here.list(diag::request<F>()), other), "the one there, here");
	home.enter();
}

/// Those that are there all the time are listed once each, whatever comes and goes between them.
template <typename F> void a_dump_while_sockets_come_and_go()
{
	diag::Loaded module;
	new_network<F>();
	const int count = volume::count("DIAG_SOCKETS", 2000, 1000);
	const rlimit limit{static_cast<rlim_t>(5 * count), static_cast<rlim_t>(5 * count)};
	std::vector<Socket> staying, going;
	std::vector<Entry> seen;
	Client client;
	std::size_t parts = 0;

	host::check(setrlimit(RLIMIT_NOFILE, &limit), "RLIMIT_NOFILE");
	for (int i = 0; i < count; i++) {
		staying.push_back(diag::bound<F>());
		going.push_back(diag::bound<F>());
	}
	ktap::require_equal(client.each(diag::request<F>(),
					[&](const Entry &entry) {
						seen.push_back(entry);
						// Some go that were told of, some that were not, and some come.
						if (parts < going.size()) {
							going[parts] = Socket();
							going[going.size() - 1 - parts] =
								diag::bound<F>();
						}
						parts++;
					}),
			    0, "a dump");
	std::vector<std::uint64_t> cookies;

	cookies.reserve(seen.size());
	for (const Entry &entry : seen)
		cookies.push_back(entry.cookie());
	std::ranges::sort(cookies);
	ktap::expect(std::ranges::adjacent_find(cookies) == cookies.end(), "none is told of twice");
	int missing = 0;
	for (const Socket &socket : staying)
		missing += !std::ranges::binary_search(cookies, diag::cookie(socket));
	ktap::expect_equal(missing, 0, "sockets that were there all the time and are missing");
}

template <typename F> std::vector<ktap::Test> tests()
{
	return {{"what_a_socket_is", what_a_socket_is<F>},
		{"queues_and_memory", queues_and_memory<F>},
		{"attributes", attributes<F>},
		{"filters", filters<F>},
		{"byte_code", byte_code<F>},
		{"one_by_cookie", one_by_cookie<F>},
		{"one_by_address", one_by_address<F>},
		{"another_namespace", another_namespace<F>},
		{"a_dump_while_sockets_come_and_go", a_dump_while_sockets_come_and_go<F>}};
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv, family::both(tests<family::V4>(), tests<family::V6>()));
}
