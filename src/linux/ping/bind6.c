// SPDX-License-Identifier: GPL-2.0-only
/* Local addresses of ping sockets of IPv6, see bind.c. */
#include <net/addrconf.h>
#include <net/ipv6.h>

#include "ping/internal.h"

/* The device at which an address is looked for: that of the scope, else the socket's; or any. */
static struct net_device *icmpx6_bind_device(const struct sock *sk,
					     const struct sockaddr_in6 *name)
{
	const int index = name->sin6_scope_id ?: READ_ONCE(sk->sk_bound_dev_if);
	struct net_device *dev;

	if (!index)
		return NULL;
	dev = dev_get_by_index_rcu(sock_net(sk), index);
	return dev ?: ERR_PTR(-ENODEV);
}

/* The address of another host, too, if the socket may use one (IPV6_FREEBIND, ip_nonlocal_bind). */
static int icmpx6_check_local(struct sock *sk, const struct sockaddr_in6 *name, bool scoped)
{
	struct net *net = sock_net(sk);
	struct net_device *dev;
	int err = 0;

	rcu_read_lock();
	dev = icmpx6_bind_device(sk, name);
	if (IS_ERR(dev))
		err = PTR_ERR(dev);
	else if (!ipv6_addr_any(&name->sin6_addr) && !ipv6_can_nonlocal_bind(net, inet_sk(sk)) &&
		 !ipv6_chk_addr(net, &name->sin6_addr, dev, scoped))
		err = -EADDRNOTAVAIL;
	rcu_read_unlock();
	return err;
}

/**
 * icmpx6_check_bind_address() - Check the address of a bind().
 * @sk: the socket
 * @name: the address
 * @len: bytes at @name
 *
 * Context: process.
 *
 * Return: 0; -EINVAL for an address that is not unicast, and for a link-local one without its
 * interface (RFC 4007, 6); -EAFNOSUPPORT, -ENODEV, -EADDRNOTAVAIL.
 */
int icmpx6_check_bind_address(struct sock *sk, const struct sockaddr_in6 *name, int len)
{
	bool scoped;
	int type;

	if (len < sizeof(*name))
		return -EINVAL;
	if (name->sin6_family != AF_INET6)
		return -EAFNOSUPPORT;
	type = ipv6_addr_type(&name->sin6_addr);
	scoped = __ipv6_addr_needs_scope_id(type);
	if (type != IPV6_ADDR_ANY && !(type & IPV6_ADDR_UNICAST))
		return -EINVAL;
	if (scoped && !name->sin6_scope_id)
		return -EINVAL;
	return icmpx6_check_local(sk, name, scoped);
}

/**
 * icmpx6_set_address() - Give a socket its local address.
 * @sk: the socket, locked
 * @name: the address, which icmpx6_check_bind_address() accepts
 *
 * A link-local address means something on one interface only: the socket is bound to that.
 *
 * Context: process.
 */
void icmpx6_set_address(struct sock *sk, const struct sockaddr_in6 *name)
{
	inet6_sk(sk)->saddr = name->sin6_addr;
	sk->sk_v6_rcv_saddr = name->sin6_addr;
	if (!ipv6_addr_any(&name->sin6_addr))
		sk->sk_userlocks |= SOCK_BINDADDR_LOCK;
	memset(&sk->sk_v6_daddr, 0, sizeof(sk->sk_v6_daddr));
	if (__ipv6_addr_needs_scope_id(ipv6_addr_type(&name->sin6_addr)))
		WRITE_ONCE(sk->sk_bound_dev_if, name->sin6_scope_id);
}
