// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/net/icmpx and /proc/net/icmpx6: ping sockets, in the columns of /proc/net/icmp and
 * /proc/net/icmp6.
 *
 * A file position is a socket's serial number plus one. So a reader that continues finds
 * its place with one lookup, and sees exactly once each socket that is in the table from
 * the first read to the last.
 */
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/seq_file_net.h>
#include <net/transp_v6.h>

#include "ping/internal.h"

#define ICMPX_PING_FILE "icmpx"
#define ICMPX_PING6_FILE "icmpx6"
/* Bytes of a line of IPv4, without the new line. */
#define ICMPX_PING_WIDTH 127

static struct sock *icmpx_ping_next(struct seq_file *seq, unsigned long serial, loff_t *pos)
{
	const int family = (long)pde_data(file_inode(seq->file));
	struct icmpx_ping_table *table = &icmpx_net(seq_file_net(seq))->ping;
	struct xarray *sockets = &icmpx_ping_sockets(table, family)->by_serial;
	struct sock *sk;

	sk = xa_find(sockets, &serial, U32_MAX, XA_PRESENT);
	*pos = sk ? (loff_t)serial + 1 : (loff_t)U32_MAX + 2;
	return sk;
}

static void *icmpx_ping_seq_start(struct seq_file *seq, loff_t *pos)
	__acquires(RCU)
{
	rcu_read_lock();
	if (!*pos)
		return SEQ_START_TOKEN;
	if (*pos > (loff_t)U32_MAX + 1)
		return NULL;
	return icmpx_ping_next(seq, *pos - 1, pos);
}

static void *icmpx_ping_seq_next(struct seq_file *seq, void *v, loff_t *pos)
{
	if (*pos > U32_MAX) {
		++*pos;
		return NULL;
	}
	return icmpx_ping_next(seq, *pos, pos);
}

static void icmpx_ping_seq_stop(struct seq_file *seq, void *v)
	__releases(RCU)
{
	rcu_read_unlock();
}

struct icmpx_ping_ends {
	__be32 local, remote;
	__be16 local_port, remote_port;
	u8 state;
};

static struct icmpx_ping_ends icmpx_ping_ends_of(const struct sock *sk)
{
	const struct inet_sock *inet = inet_sk(sk);

	return (struct icmpx_ping_ends){
		.local = inet->inet_rcv_saddr,
		.remote = inet->inet_daddr,
		.local_port = inet->inet_sport,
		.remote_port = inet->inet_dport,
		.state = sk->sk_state,
	};
}

/* The columns that are the same for both families. */
static void icmpx_ping_show_rest(struct seq_file *seq, struct sock *sk, u8 state)
{
	seq_printf(seq, " %02X %08X:%08X 00:00000000 00000000 %5u %8d %lu %d %pK %u", state,
		   sk_wmem_alloc_get(sk), sk_rmem_alloc_get(sk),
		   from_kuid_munged(seq_user_ns(seq), icmpx_sk_uid(sk)), 0,
		   (unsigned long)sock_i_ino(sk),
		   refcount_read(&sk->sk_refcnt), sk, icmpx_sk_drops(sk));
}

/*
 * What seq_file does with the line of a socket that had the identifier @id. One that is closed
 * meanwhile has lost its identifier before its owner, and is left out: it would seem to be root's.
 */
static int icmpx_ping_verdict(const struct sock *sk, __be16 id)
{
	return id && READ_ONCE(inet_sk(sk)->inet_sport) ? 0 : SEQ_SKIP;
}

static int icmpx_ping_show_socket(struct seq_file *seq, struct sock *sk)
{
	/* Linux may be writing these fields: the list shows an old or a new value of each. */
	const struct icmpx_ping_ends ends = data_race(icmpx_ping_ends_of(sk));

	seq_printf(seq, "%5u: %08X:%04X %08X:%04X", icmpx_ping_sk(sk)->serial,
		   (__force u32)ends.local, ntohs(ends.local_port),
		   (__force u32)ends.remote, ntohs(ends.remote_port));
	icmpx_ping_show_rest(seq, sk, ends.state);
	return icmpx_ping_verdict(sk, ends.local_port);
}

static int icmpx_ping_seq_show(struct seq_file *seq, void *v)
{
	int verdict = 0;

	seq_setwidth(seq, ICMPX_PING_WIDTH);
	if (v == SEQ_START_TOKEN)
		seq_puts(seq, "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops");
	else
		verdict = icmpx_ping_show_socket(seq, v);
	seq_pad(seq, '\n');
	return verdict;
}

static const struct seq_operations icmpx_ping_seq_ops = {
	.start = icmpx_ping_seq_start,
	.next = icmpx_ping_seq_next,
	.stop = icmpx_ping_seq_stop,
	.show = icmpx_ping_seq_show,
};

#if IS_ENABLED(CONFIG_IPV6)
struct icmpx_ping6_ends {
	struct in6_addr local, remote;
	__be16 local_port, remote_port;
	u8 state;
};

static struct icmpx_ping6_ends icmpx_ping6_ends_of(const struct sock *sk)
{
	return (struct icmpx_ping6_ends){
		.local = sk->sk_v6_rcv_saddr,
		.remote = sk->sk_v6_daddr,
		.local_port = inet_sk(sk)->inet_sport,
		.remote_port = inet_sk(sk)->inet_dport,
		.state = sk->sk_state,
	};
}

static void icmpx_ping6_show_end(struct seq_file *seq, const struct in6_addr *address, __be16 port)
{
	const __be32 *words = address->s6_addr32;

	seq_printf(seq, " %08X%08X%08X%08X:%04X", (__force u32)words[0], (__force u32)words[1],
		   (__force u32)words[2], (__force u32)words[3], ntohs(port));
}

static int icmpx_ping6_show_socket(struct seq_file *seq, struct sock *sk)
{
	/* As icmpx_ping_show_socket(). */
	const struct icmpx_ping6_ends ends = data_race(icmpx_ping6_ends_of(sk));

	seq_printf(seq, "%5u:", icmpx_ping_sk(sk)->serial);
	icmpx_ping6_show_end(seq, &ends.local, ends.local_port);
	icmpx_ping6_show_end(seq, &ends.remote, ends.remote_port);
	icmpx_ping_show_rest(seq, sk, ends.state);
	seq_putc(seq, '\n');
	return icmpx_ping_verdict(sk, ends.local_port);
}

static int icmpx_ping6_seq_show(struct seq_file *seq, void *v)
{
	if (v == SEQ_START_TOKEN) {
		seq_puts(seq, IPV6_SEQ_DGRAM_HEADER);
		return 0;
	}
	return icmpx_ping6_show_socket(seq, v);
}

static const struct seq_operations icmpx_ping6_seq_ops = {
	.start = icmpx_ping_seq_start,
	.next = icmpx_ping_seq_next,
	.stop = icmpx_ping_seq_stop,
	.show = icmpx_ping6_seq_show,
};

/**
 * icmpx_ping6_proc_init() - Give a namespace the list of its ping sockets of IPv6.
 * @net: the namespace
 *
 * Context: process.
 *
 * Return: as icmpx_ping_proc_init().
 */
int icmpx_ping6_proc_init(struct net *net)
{
	if (!proc_create_net_data(ICMPX_PING6_FILE, 0444, net->proc_net, &icmpx_ping6_seq_ops,
				  sizeof(struct seq_net_private), (void *)AF_INET6))
		return -ENOMEM;
	return 0;
}

/**
 * icmpx_ping6_proc_exit() - Remove the list.
 * @net: the namespace
 *
 * Context: process. Waits for readers.
 */
void icmpx_ping6_proc_exit(struct net *net)
{
	remove_proc_entry(ICMPX_PING6_FILE, net->proc_net);
}
#endif

/**
 * icmpx_ping_proc_init() - Give a namespace the list of its ping sockets.
 * @net: the namespace
 *
 * Context: process.
 *
 * Return: 0; -ENOMEM, also if another module has a file of that name.
 */
int icmpx_ping_proc_init(struct net *net)
{
	if (!proc_create_net_data(ICMPX_PING_FILE, 0444, net->proc_net, &icmpx_ping_seq_ops,
				  sizeof(struct seq_net_private), (void *)AF_INET))
		return -ENOMEM;
	return 0;
}

/**
 * icmpx_ping_proc_exit() - Remove the list.
 * @net: the namespace
 *
 * Context: process. Waits for readers.
 */
void icmpx_ping_proc_exit(struct net *net)
{
	remove_proc_entry(ICMPX_PING_FILE, net->proc_net);
}
