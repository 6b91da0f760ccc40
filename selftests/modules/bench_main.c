// SPDX-License-Identifier: GPL-2.0-only
/*
 * Injects messages into the IP stack and reads the clock around them.
 *
 * Writing "DEVICE SOURCE DESTINATION TYPE LEN COUNT" to /proc/icmpx_bench lets
 * COUNT messages of TYPE, with LEN bytes of data, come in by DEVICE, one of the
 * writer's network namespace; reading it then gives the nanoseconds that each
 * one took, in the input path and on its reply's way out, its making not
 * counted. Under QEMU's -icount a nanosecond is an instruction. A file that was
 * written to gives the result of that, whatever comes in by others at the same
 * time; else it is the last one. Addresses are of IPv4 or of IPv6, and TYPE one of
 * ICMP or of ICMPv6 then. TYPE 256 stands for a UDP datagram to the port discard, and
 * its reply for the error that says that no socket is there.
 *
 * With " IDENTIFIERS SEED" behind it, message i (0 to COUNT - 1) has i as its
 * sequence number and an identifier of 1 to IDENTIFIERS, drawn from a sequence
 * that SEED begins, so that it can be computed which socket gets which message.
 * With neither, the identifier is 42405.
 *
 * Of type 3, over IPv6 1, it is a port unreachable about a UDP datagram from
 * DESTINATION's port discard to that of SOURCE. A neighbour solicitation is about
 * DESTINATION, an MLD query about all groups.
 *
 * Behind those, " SOURCES FLAGS": the source is drawn from as many addresses
 * from SOURCE on, and FLAGS is a sum of 1 for messages with an IP option, a
 * record route with room for one address (over IPv6, a router alert), of 2 for
 * messages that come in by NAPI and GRO, as those of most drivers do, and not by
 * netif_receive_skb(), and of 4 for messages that DEVICE's driver is asked to send
 * and that no stack receives: what of all other figures is the driver's, which frees
 * the packet. With 8, and no other, messages are in fragments, each as large as
 * DEVICE's MTU lets it be (IPv4).
 *
 * A DEVICE with several queues receives one message after the other by the next of
 * them, and says so, as drivers do.
 *
 * With SOURCE 0.0.0.0 each message has another source, of 11.0.0.0 to
 * 106.255.255.255, as when sources are spoofed.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/inet.h>
#include <linux/ip.h>
#include <linux/module.h>
#include <linux/nsproxy.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>
#include <linux/udp.h>
#include <net/ndisc.h>

#include "bench.h"

#define BENCH_FILE "icmpx_bench"
/* Packets made ahead, so that the clock sees their way and not their making. */
#define BENCH_BATCH 64
#define BENCH_COUNT_MAX 10000000

/**
 * struct bench_batch - packets that come in at once
 * @napi: what they come in by, with GRO
 * @skb: the packets, of fragments the first of a list
 * @count: how many those are
 * @elapsed: nanoseconds that all of them have taken so far
 */
struct bench_batch {
	struct napi_struct napi;
	struct sk_buff *skb[BENCH_BATCH];
	unsigned int count;
	u64 elapsed;
};

/* Sources are drawn one after the other, also for several writers. */
static DEFINE_MUTEX(bench_lock);
static u64 bench_result;

static int bench_make_batch(struct bench_job *job, struct bench_batch *batch, u16 sequence)
{
	unsigned int i;

	mutex_lock(&bench_lock);
	for (i = 0; i < batch->count; i++) {
		batch->skb[i] = job->ipv6 ? bench_make6(job, sequence + i) :
					    bench_make(job, sequence + i);
		if (!batch->skb[i])
			break;
	}
	mutex_unlock(&bench_lock);
	if (i == batch->count)
		return 0;
	while (i--)
		kfree_skb_list(batch->skb[i]);
	return -ENOMEM;
}

static void bench_receive(struct bench_batch *batch)
{
	const u64 start = ktime_get_ns();
	struct sk_buff *skb, *next;
	unsigned int i;

	for (i = 0; i < batch->count; i++)
		skb_list_walk_safe(batch->skb[i], skb, next) {
			skb_mark_not_on_list(skb);
			netif_receive_skb(skb);
		}
	batch->elapsed += ktime_get_ns() - start;
}

static void bench_transmit(struct bench_job *job, struct bench_batch *batch)
{
	const u64 start = ktime_get_ns();
	unsigned int i;

	for (i = 0; i < batch->count; i++) {
		if (job->dev->netdev_ops->ndo_start_xmit(batch->skb[i], job->dev) == NETDEV_TX_BUSY)
			kfree_skb(batch->skb[i]);
	}
	batch->elapsed += ktime_get_ns() - start;
}

static int bench_poll(struct napi_struct *napi, int budget)
{
	struct bench_batch *batch = container_of(napi, struct bench_batch, napi);
	const u64 start = ktime_get_ns();
	unsigned int i;

	/* Netpoll comes without a budget, and with nothing to receive. */
	if (!budget)
		return 0;
	for (i = 0; i < batch->count; i++)
		napi_gro_receive(napi, batch->skb[i]);
	i = min_t(unsigned int, i, budget - 1);
	/* What GRO has kept comes in with this. */
	napi_complete_done(napi, i);
	batch->elapsed += ktime_get_ns() - start;
	/* After all else, since bench_batches() then goes on with it. */
	smp_store_release(&batch->count, 0);
	return i;
}

/* The packets of one batch after the other; @gro: NAPI is there. */
static int bench_batches(struct bench_job *job, struct bench_batch *batch, bool gro)
{
	unsigned int left;
	int err;

	for (left = job->count; left; left -= min_t(unsigned int, left, BENCH_BATCH)) {
		batch->count = min_t(unsigned int, left, BENCH_BATCH);
		err = bench_make_batch(job, batch, job->count - left);
		if (err)
			return err;
		local_bh_disable();
		if (gro)
			napi_schedule(&batch->napi);
		else if (job->flags & BENCH_FLAG_DRIVER)
			bench_transmit(job, batch);
		else
			bench_receive(batch);
		/* This is where NAPI's softirq is run, if not by a thread soon. */
		local_bh_enable();
		/* Pairs with the release of bench_poll(). */
		while (gro && smp_load_acquire(&batch->count))
			schedule_timeout_uninterruptible(1);
		cond_resched();
	}
	return 0;
}

static int bench_run(struct bench_job *job, u64 *result)
{
	const bool gro = job->flags & BENCH_FLAG_GRO;
	struct bench_batch *batch;
	int err;

	batch = kzalloc(sizeof(*batch), GFP_KERNEL);
	if (!batch)
		return -ENOMEM;
	if (gro) {
		netif_napi_add(job->dev, &batch->napi, bench_poll);
		napi_enable(&batch->napi);
	}
	err = bench_batches(job, batch, gro);
	if (gro) {
		napi_disable(&batch->napi);
		netif_napi_del(&batch->napi);
	}
	*result = div_u64(batch->elapsed, job->count);
	kfree(batch);
	return err;
}

static bool bench_parse_address(const struct bench_job *job, const char *text,
				union nf_inet_addr *address)
{
	memset(address, 0, sizeof(*address));
	if (job->ipv6)
		return in6_pton(text, -1, address->in6.s6_addr, -1, NULL);
	return in4_pton(text, -1, (u8 *)&address->ip, -1, NULL);
}

/* How many bytes of data a message has at least. */
static unsigned int bench_len_min(const struct bench_job *job)
{
	if (!job->ipv6)
		return job->type == ICMP_DEST_UNREACH ?
			sizeof(struct iphdr) + sizeof(struct udphdr) : 0;
	switch (job->type) {
	case ICMPV6_DEST_UNREACH:
		return sizeof(struct ipv6hdr) + sizeof(struct udphdr);
	case NDISC_NEIGHBOUR_SOLICITATION:
	case ICMPV6_MGM_QUERY:
		return sizeof(struct in6_addr);
	default:
		return 0;
	}
}

static bool bench_is_possible(const struct bench_job *job)
{
	if (job->flags & BENCH_FLAG_FRAGMENTS && (job->ipv6 || job->flags != BENCH_FLAG_FRAGMENTS))
		return false;
	if (job->type > BENCH_UDP)
		return false;
	return job->len >= bench_len_min(job) && job->len <= 65507 && job->count &&
	       job->count <= BENCH_COUNT_MAX && job->identifiers <= U16_MAX;
}

static int bench_parse(char *line, struct bench_job *job, struct net *net)
{
	char name[IFNAMSIZ], source[48], destination[48];
	int fields;

	job->identifiers = 0;
	job->sources = 0;
	job->flags = 0;
	fields = sscanf(line, "%15s %47s %47s %u %u %u %u %u %u %u", name, source, destination,
			&job->type, &job->len, &job->count, &job->identifiers, &job->seed,
			&job->sources, &job->flags);
	if (fields != 6 && fields != 8 && fields != 10)
		return -EINVAL;
	job->ipv6 = strchr(source, ':');
	if (!bench_parse_address(job, source, &job->source) ||
	    !bench_parse_address(job, destination, &job->destination) || !bench_is_possible(job))
		return -EINVAL;
	job->dev = dev_get_by_name(net, name);
	return job->dev ? 0 : -ENODEV;
}

static ssize_t bench_write(struct file *file, const char __user *buffer, size_t size, loff_t *pos)
{
	struct seq_file *seq = file->private_data;
	struct bench_job job;
	char line[192];
	u64 result;
	int err;

	if (size >= sizeof(line))
		return -EINVAL;
	if (copy_from_user(line, buffer, size))
		return -EFAULT;
	line[size] = '\0';

	err = bench_parse(line, &job, current->nsproxy->net_ns);
	if (err)
		return err;
	err = bench_run(&job, &result);
	dev_put(job.dev);
	if (err)
		return err;
	seq->private = (void *)(unsigned long)result;
	WRITE_ONCE(bench_result, result);
	return size;
}

static int bench_show(struct seq_file *seq, void *v)
{
	seq_printf(seq, "%llu\n", (unsigned long)seq->private ?: READ_ONCE(bench_result));
	return 0;
}

static int bench_open(struct inode *inode, struct file *file)
{
	return single_open(file, bench_show, NULL);
}

static const struct proc_ops bench_ops = {
	.proc_open = bench_open,
	.proc_read = seq_read,
	.proc_write = bench_write,
	.proc_lseek = seq_lseek,
	.proc_release = single_release,
};

static int __init bench_init(void)
{
	return proc_create(BENCH_FILE, 0600, NULL, &bench_ops) ? 0 : -ENOMEM;
}

static void __exit bench_exit(void)
{
	remove_proc_entry(BENCH_FILE, NULL);
}

module_init(bench_init);
module_exit(bench_exit);

MODULE_DESCRIPTION("Injects messages and reads the clock around them");
MODULE_LICENSE("GPL");
