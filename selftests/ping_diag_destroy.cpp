// SPDX-License-Identifier: GPL-2.0-only
//
// SOCK_DESTROY (sock_diag(7)) of ping sockets: an administrator closes one in place of its program, and nobody else does.

#include "lib/child.hpp"
#include "lib/diag.hpp"
#include "lib/ping.hpp"

#include <cerrno>
#include <string>

namespace {

using diag::Client;
using diag::Entry;
using sock::Socket;

/// Skips the test where the kernel has none of it: then it says so of a TCP socket, too, which there is not.
void need_destroy(Client &client)
{
	inet_diag_req_v2 request = diag::request<family::V4>();

	request.sdiag_protocol = IPPROTO_TCP;
	if (client.destroy(request) == EOPNOTSUPP)
		ktap::skip("needs CONFIG_INET_DIAG_DESTROY");
}

template <typename F> void new_network()
{
	F::need_icmpx();
	host::enter_new_namespace();
	ping::allow();
}

/// What names @p socket, and no other one.
template <typename F> inet_diag_req_v2 name(Client &client, const Socket &socket)
{
	return diag::request_for<F>(ktap::require_value(
		diag::find(client.list(diag::request<F>()), socket), "an entry"));
}

template <typename F> void closed()
{
	diag::Loaded module;
	new_network<F>();
	Client client;
	need_destroy(client);
	// One that asked for its identifier, one for which it was chosen, and one that stays.
	Socket asked = diag::bound<F>(99), chosen = diag::bound<F>(), other = diag::bound<F>(99);

	for (const Socket *socket : {&asked, &chosen}) {
		const inet_diag_req_v2 request = name<F>(client, *socket);

		ktap::expect_equal(client.destroy(request), 0, "SOCK_DESTROY");
		ktap::expect(sock::wait_for(*socket, POLLIN) & POLLERR, "POLLERR");
		ktap::expect_equal(sock::take_error(*socket), ECONNABORTED, "error");
		ktap::expect_equal(diag::identifier<F>(*socket), 0, "identifier");
		ktap::expect(!diag::find(client.list(diag::request<F>()), *socket), "not listed");
		ktap::expect_equal(client.destroy(request), ENOENT, "once more");
	}
	ktap::expect_equal(sock::take_error(other), 0, "error of the other one");
	ktap::expect_equal(diag::identifier<F>(other), 99, "identifier of the other one");

	// As with UDP, the program may begin anew.
	bind(asked, diag::End<F>{.port = 77});
	ktap::expect_equal(diag::identifier<F>(asked), 77, "a new identifier");
}

template <typename F> void a_reader_wakes_up()
{
	diag::Loaded module;
	new_network<F>();
	Client client;
	need_destroy(client);
	Socket socket = diag::bound<F>(99);
	const inet_diag_req_v2 request = name<F>(client, socket);

	child::run([&] {
		// Both processes have the socket.
		const pid_t killer = host::check(fork(), "fork");
		char byte = 0;

		if (killer == 0) {
			usleep(200000);
			_exit(client.destroy(request));
		}
		ktap::expect_equal(recv(socket.get(), &byte, 1, 0), -1, "recv");
		ktap::expect_equal(errno, ECONNABORTED, "its error");
	});
}

/// Neither nobody, nor root of a user namespace that the socket's namespace does not belong to.
template <typename F> void not_by_others()
{
	diag::Loaded module;
	new_network<F>();
	Client client;
	need_destroy(client);
	Socket socket = diag::bound<F>(99);
	const inet_diag_req_v2 request = name<F>(client, socket);

	child::run([&] {
		child::become({});
		Client nobody;
		ktap::expect_equal(nobody.destroy(request), EPERM, "nobody");
		ktap::expect_equal(client.destroy(request), EPERM, "nobody, by a socket of root's");
	});
	child::UserNamespace users;
	users.as_root([&] {
		ktap::expect_equal(client.destroy(request), EPERM, "root of another namespace");
	});
	ktap::expect_equal(sock::take_error(socket), 0, "error");
	ktap::expect_equal(diag::identifier<F>(socket), 99, "identifier");
}

template <typename F> void by_root_of_its_user_namespace()
{
	diag::Loaded module;
	new_network<F>();
	Client outside;
	need_destroy(outside);
	child::UserNamespace users;

	users.as_root([] {
		host::set_sysctl(ping::group_range, "0 0");
		Client client;
		Socket socket = diag::bound<F>(99);
		const Entry entry = ktap::require_value(
			diag::find(client.list(diag::request<F>()), socket), "an entry");

		ktap::expect(entry.attribute(INET_DIAG_MARK).has_value(), "the mark");
		ktap::expect_equal(client.destroy(diag::request_for<F>(entry)), 0, "SOCK_DESTROY");
		ktap::expect_equal(sock::take_error(socket), ECONNABORTED, "error");
	});
}

template <typename F> void not_in_another_namespace()
{
	diag::Loaded module;
	new_network<F>();
	Client here;
	need_destroy(here);
	Socket socket = diag::bound<F>(99);
	const inet_diag_req_v2 request = name<F>(here, socket);
	const host::Namespace home = host::Namespace::current();

	new_network<F>();
	Client there;
	ktap::expect_equal(there.destroy(request), ENOENT, "there");
	home.enter();
	ktap::expect_equal(sock::take_error(socket), 0, "error");
	ktap::expect_equal(here.destroy(request), 0, "here");
}

template <typename F> std::vector<ktap::Test> tests()
{
	return {{"closed", closed<F>},
		{"a_reader_wakes_up", a_reader_wakes_up<F>},
		{"not_by_others", not_by_others<F>},
		{"by_root_of_its_user_namespace", by_root_of_its_user_namespace<F>},
		{"not_in_another_namespace", not_in_another_namespace<F>}};
}

} // namespace

int main(int argc, char **argv)
{
	return ktap::run(argc, argv, family::both(tests<family::V4>(), tests<family::V6>()));
}
