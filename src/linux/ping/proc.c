// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/net/icmpx: ping sockets, in the columns of /proc/net/icmp.
 *
 * A file position is a socket's serial number plus one. So a reader that continues finds
 * its place with one lookup, and sees exactly once each socket that is in the table from
 * the first read to the last.
 */
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/seq_file_net.h>

#include "ping/internal.h"

#define ICMPX_PING_FILE "icmpx"
/* Bytes of a line, without the new line. */
#define ICMPX_PING_WIDTH 127

static struct sock *icmpx_ping_next(struct seq_file *seq, unsigned long serial, loff_t *pos)
{
	struct icmpx_ping_table *table = &icmpx_net(seq_file_net(seq))->ping;
	struct sock *sk;

	sk = xa_find(&table->sockets, &serial, U32_MAX, XA_PRESENT);
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

static void icmpx_ping_show_socket(struct seq_file *seq, struct sock *sk)
{
	/* Linux may be writing these fields: the list shows an old or a new value of each. */
	const struct icmpx_ping_ends ends = data_race(icmpx_ping_ends_of(sk));

	seq_printf(seq, "%5u: %08X:%04X %08X:%04X %02X %08X:%08X 00:00000000 00000000 %5u %8d %lu %d %pK %u",
		   icmpx_ping_sk(sk)->serial, (__force u32)ends.local, ntohs(ends.local_port),
		   (__force u32)ends.remote, ntohs(ends.remote_port), ends.state,
		   sk_wmem_alloc_get(sk), sk_rmem_alloc_get(sk),
		   from_kuid_munged(seq_user_ns(seq), icmpx_sk_uid(sk)), 0,
		   (unsigned long)sock_i_ino(sk),
		   refcount_read(&sk->sk_refcnt), sk, icmpx_sk_drops(sk));
}

static int icmpx_ping_seq_show(struct seq_file *seq, void *v)
{
	seq_setwidth(seq, ICMPX_PING_WIDTH);
	if (v == SEQ_START_TOKEN)
		seq_puts(seq, "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops");
	else
		icmpx_ping_show_socket(seq, v);
	seq_pad(seq, '\n');
	return 0;
}

static const struct seq_operations icmpx_ping_seq_ops = {
	.start = icmpx_ping_seq_start,
	.next = icmpx_ping_seq_next,
	.stop = icmpx_ping_seq_stop,
	.show = icmpx_ping_seq_show,
};

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
	if (!proc_create_net(ICMPX_PING_FILE, 0444, net->proc_net, &icmpx_ping_seq_ops,
			     sizeof(struct seq_net_private)))
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
