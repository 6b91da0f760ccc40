// SPDX-License-Identifier: GPL-2.0-only
/*
 * Injects messages into the IP stack and reads the clock around them.
 *
 * Writing "DEVICE SOURCE DESTINATION TYPE LEN COUNT" to /proc/icmpx_bench lets
 * COUNT messages of TYPE, with LEN bytes of data, come in by DEVICE, one of the
 * writer's network namespace; reading it then gives the nanoseconds that each
 * one took, in the input path and on its reply's way out, its making not
 * counted. Under QEMU's -icount a nanosecond is an instruction. Who reads from
 * where he has written gets the result of that, whatever others let come in at
 * the same time; else it is the last one. TYPE 256 stands
 * for a UDP datagram to the port discard, and its reply for the error that says
 * that nobody is there.
 *
 * With " IDENTIFIERS SEED" behind it, message i (0 to COUNT - 1) has i as its
 * sequence number and an identifier of 1 to IDENTIFIERS, drawn from a sequence
 * that SEED begins: whoever knows both knows who gets which message. With
 * neither, the identifier is 42405.
 *
 * Of type 3, it is a port unreachable about a UDP datagram from DESTINATION's
 * port discard to that of SOURCE.
 *
 * Behind those, " SOURCES FLAGS": the source is drawn from as many addresses
 * from SOURCE on, and FLAGS is a sum of 1 for messages with an IP option, a
 * record route with room for one address, of 2 for messages that come in by NAPI
 * and GRO, as those of most drivers do, and not by netif_receive_skb(), and of 4
 * for messages that DEVICE's driver is asked to send, and nobody receives: what of
 * all other figures is the driver's, which frees the packet. With 8, and no other,
 * messages are in fragments, each as large as DEVICE's MTU lets it be.
 *
 * A DEVICE with several queues receives one message after the other by the next of
 * them, and says so, as drivers do.
 *
 * With SOURCE 0.0.0.0 each message has another source, of 11.0.0.0 to
 * 106.255.255.255: somebody who spoofs.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/etherdevice.h>
#include <linux/icmp.h>
#include <linux/inet.h>
#include <linux/module.h>
#include <linux/nsproxy.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>
#include <linux/udp.h>
#include <net/ip.h>

#define BENCH_FILE "icmpx_bench"
/* Packets made ahead, so that the clock sees their way and not their making. */
#define BENCH_BATCH 64
#define BENCH_COUNT_MAX 10000000
/* Not an ICMP type: what a UDP datagram is asked for by. */
#define BENCH_UDP 256
#define BENCH_PORT 9
/* Record route, seven bytes, with room for an address; then the end of the list. */
#define BENCH_OPTIONS_LEN 8

#define BENCH_FLAG_OPTIONS BIT(0)
#define BENCH_FLAG_GRO BIT(1)
#define BENCH_FLAG_DRIVER BIT(2)
#define BENCH_FLAG_FRAGMENTS BIT(3)

/* Who sends: an address that nobody has been given. */
static const u8 bench_station[ETH_ALEN] = { 0x02, 0, 0, 0, 0, 0x02 };

struct bench_job {
	struct net_device *dev;
	__be32 source;
	__be32 destination;
	unsigned int type;
	unsigned int len;
	unsigned int count;
	unsigned int identifiers;
	u32 seed;
	unsigned int sources;
	unsigned int flags;
};

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

/* Sources are drawn one after the other, whoever asks. */
static DEFINE_MUTEX(bench_lock);
static u64 bench_result;

/* The next identifier; selftests/bench/ping_sockets.cpp has the same sequence. */
static u16 bench_draw(struct bench_job *job)
{
	job->seed = job->seed * 1664525 + 1013904223;
	return 1 + (job->seed >> 16) % job->identifiers;
}

/* Both headers are of one length. */
static_assert(sizeof(struct icmphdr) == sizeof(struct udphdr));

static void bench_fill_icmp(struct bench_job *job, struct icmphdr *icmph, unsigned int len,
			    u16 sequence)
{
	icmph->type = job->type;
	icmph->code = job->type == ICMP_DEST_UNREACH ? ICMP_PORT_UNREACH : 0;
	if (job->identifiers)
		icmph->un.echo.id = htons(bench_draw(job));
	icmph->un.echo.sequence = htons(sequence);
	icmph->checksum = 0;
	icmph->checksum = ip_compute_csum(icmph, len);
}

static void bench_fill_udp(struct udphdr *udph, unsigned int len)
{
	udph->source = htons(BENCH_PORT);
	udph->dest = htons(BENCH_PORT);
	udph->len = htons(len);
	udph->check = 0;
}

/* The next source of somebody who spoofs; each one comes again after 2^29 at the earliest. */
static __be32 bench_spoof(void)
{
	static u32 state;

	state = state * 1664525 + 1013904223;
	return htonl(0x0b000000 + state % 0x60000000);
}

static __be32 bench_source(const struct bench_job *job)
{
	static u32 state;

	if (!job->source)
		return bench_spoof();
	if (job->sources <= 1)
		return job->source;
	state = state * 1664525 + 1013904223;
	return htonl(ntohl(job->source) + (u32)((u64)state * job->sources >> 32));
}

/* What the error quotes: a header and eight bytes. */
static void bench_fill_quotation(const struct bench_job *job, struct iphdr *iph)
{
	struct udphdr *udph = (struct udphdr *)(iph + 1);

	iph->version = IPVERSION;
	iph->ihl = sizeof(*iph) / 4;
	iph->tot_len = htons(sizeof(*iph) + sizeof(*udph));
	iph->ttl = IPDEFTTL;
	iph->protocol = IPPROTO_UDP;
	iph->saddr = job->destination;
	iph->daddr = job->source;
	ip_send_check(iph);
	bench_fill_udp(udph, sizeof(*udph));
}

/* What a driver tells of a packet that it has received. */
static void bench_record_queue(struct sk_buff *skb, unsigned int number)
{
	const unsigned int queues = skb->dev->real_num_rx_queues;

	if (queues > 1)
		skb_record_rx_queue(skb, number % queues);
}

/* Part of a datagram, from byte @offset behind its header on. */
static struct sk_buff *bench_make_fragment(const struct sk_buff *whole, unsigned int offset,
					   unsigned int len, bool last)
{
	struct iphdr *iph;
	struct sk_buff *skb;

	skb = netdev_alloc_skb_ip_align(whole->dev, ETH_HLEN + sizeof(*iph) + len);
	if (!skb)
		return NULL;
	skb_put_data(skb, skb_mac_header(whole), ETH_HLEN);
	iph = skb_put_data(skb, whole->data, sizeof(*iph));
	iph->tot_len = htons(sizeof(*iph) + len);
	iph->frag_off = htons(offset / 8 | (last ? 0 : IP_MF));
	ip_send_check(iph);
	skb_put_data(skb, whole->data + sizeof(*iph) + offset, len);
	skb->protocol = eth_type_trans(skb, whole->dev);
	skb_copy_queue_mapping(skb, whole);
	return skb;
}

/* The fragments of @whole, a datagram without options, which it consumes; or NULL. */
static struct sk_buff *bench_cut(struct sk_buff *whole)
{
	const unsigned int most = round_down(whole->dev->mtu - sizeof(struct iphdr), 8);
	const unsigned int end = whole->len - sizeof(struct iphdr);
	struct sk_buff *list = NULL, **next = &list;
	unsigned int offset, len;

	for (offset = 0; offset < end; offset += len, next = &(*next)->next) {
		len = min(most, end - offset);
		*next = bench_make_fragment(whole, offset, len, offset + len == end);
		if (!*next)
			break;
	}
	consume_skb(whole);
	if (offset < end)
		kfree_skb_list(list);
	return offset < end ? NULL : list;
}

static struct sk_buff *bench_make(struct bench_job *job, u16 sequence)
{
	const unsigned int len = sizeof(struct icmphdr) + job->len;
	const unsigned int options = job->flags & BENCH_FLAG_OPTIONS ? BENCH_OPTIONS_LEN : 0;
	static const u8 record_route[BENCH_OPTIONS_LEN] = { IPOPT_RR, 7, 4 };
	struct sk_buff *skb;
	struct ethhdr *eth;
	struct iphdr *iph;
	void *message;

	skb = netdev_alloc_skb_ip_align(job->dev, ETH_HLEN + sizeof(*iph) + options + len);
	if (!skb)
		return NULL;
	eth = skb_put_zero(skb, sizeof(*eth));
	ether_addr_copy(eth->h_dest, job->dev->dev_addr);
	ether_addr_copy(eth->h_source, bench_station);
	eth->h_proto = htons(ETH_P_IP);

	iph = skb_put_zero(skb, sizeof(*iph));
	iph->version = IPVERSION;
	iph->ihl = (sizeof(*iph) + options) / 4;
	iph->tot_len = htons(sizeof(*iph) + options + len);
	iph->id = htons(sequence);
	iph->ttl = IPDEFTTL;
	iph->protocol = job->type == BENCH_UDP ? IPPROTO_UDP : IPPROTO_ICMP;
	iph->saddr = bench_source(job);
	iph->daddr = job->destination;
	skb_put_data(skb, record_route, options);
	ip_send_check(iph);

	message = skb_put(skb, len);
	memset(message, 0xa5, len);
	if (job->type == ICMP_DEST_UNREACH)
		bench_fill_quotation(job, message + sizeof(struct icmphdr));
	if (job->type == BENCH_UDP)
		bench_fill_udp(message, len);
	else
		bench_fill_icmp(job, message, len, sequence);

	skb->protocol = eth_type_trans(skb, job->dev);
	if (job->flags & BENCH_FLAG_DRIVER)
		__skb_push(skb, ETH_HLEN);
	else
		bench_record_queue(skb, sequence);
	return job->flags & BENCH_FLAG_FRAGMENTS ? bench_cut(skb) : skb;
}

static int bench_make_batch(struct bench_job *job, struct bench_batch *batch, u16 sequence)
{
	unsigned int i;

	mutex_lock(&bench_lock);
	for (i = 0; i < batch->count; i++) {
		batch->skb[i] = bench_make(job, sequence + i);
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

static int bench_parse(char *line, struct bench_job *job, struct net *net)
{
	char name[IFNAMSIZ], source[16], destination[16];
	int fields;

	job->identifiers = 0;
	job->sources = 0;
	job->flags = 0;
	fields = sscanf(line, "%15s %15s %15s %u %u %u %u %u %u %u", name, source, destination,
			&job->type, &job->len, &job->count, &job->identifiers, &job->seed,
			&job->sources, &job->flags);
	if ((fields != 6 && fields != 8 && fields != 10) ||
	    (job->flags & BENCH_FLAG_FRAGMENTS && job->flags != BENCH_FLAG_FRAGMENTS))
		return -EINVAL;
	if (!in4_pton(source, -1, (u8 *)&job->source, -1, NULL) ||
	    !in4_pton(destination, -1, (u8 *)&job->destination, -1, NULL))
		return -EINVAL;
	if (job->type > BENCH_UDP || job->len > 65507 || !job->count ||
	    job->count > BENCH_COUNT_MAX || job->identifiers > U16_MAX)
		return -EINVAL;
	if (job->type == ICMP_DEST_UNREACH &&
	    job->len < sizeof(struct iphdr) + sizeof(struct udphdr))
		return -EINVAL;
	job->dev = dev_get_by_name(net, name);
	return job->dev ? 0 : -ENODEV;
}

static ssize_t bench_write(struct file *file, const char __user *buffer, size_t size, loff_t *pos)
{
	struct seq_file *seq = file->private_data;
	struct bench_job job;
	char line[128];
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
