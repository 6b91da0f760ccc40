// SPDX-License-Identifier: GPL-2.0-only
/*
 * What /proc/net has of ours, and what is whose: counters, ping sockets, the
 * slot, addresses of modules.
 */
#include <linux/ctype.h>
#include <linux/fs.h>
#include <linux/net.h>
#include <linux/seq_file.h>
#include <net/protocol.h>

#include "ping/ping.h"
#include "shell.h"

#define TEXT_MAX (64 * 1024)

/* Has the file's own operations write @text: it is the kernel that reads here, and no program. */
static void show_all(struct seq_file *seq, char *text)
{
	loff_t pos = 0;
	void *v;

	seq->buf = text;
	seq->size = TEXT_MAX - 1;
	for (v = seq->op->start(seq, &pos); v; v = seq->op->next(seq, v, &pos))
		seq->op->show(seq, v);
	seq->op->stop(seq, v);
	text[seq->count] = 0;
	seq->buf = NULL;
	seq->count = 0;
	seq->size = 0;
}

static char *read_proc(struct kunit *test, const char *path)
{
	char *text = kunit_kzalloc(test, TEXT_MAX, GFP_KERNEL);
	struct file *file;

	KUNIT_ASSERT_NOT_NULL(test, text);
	file = filp_open(path, O_RDONLY, 0);
	KUNIT_ASSERT_FALSE_MSG(test, IS_ERR(file), "%s does not open", path);
	show_all(file->private_data, text);
	filp_close(file, NULL);
	return text;
}

static char *stat_text(struct kunit *test)
{
	return read_proc(test, "/proc/net/icmpx_stat");
}

static bool well_named(const char *line, size_t len)
{
	return strspn(line, "abcdefghijklmnopqrstuvwxyz_") == len && len > 2;
}

/* The counters that only IPv6 has. */
static const char *const of_ipv6[] = {
	"pass_nd ", "pass_mld ", "pass_ping ", "ignore_multicast ", "ignore_anycast ",
	"error_sent_packet_too_big ", "reply_node_info ", "reply_node_info_refused ",
	"reply_node_info_late ", "ignore_node_info ", "node_info_sent_late ",
	"node_info_lost_late ",
};

/* One line for each counter, one for the sockets, one for who sends errors; no name twice. */
static void stat_every_line_has_a_name(struct kunit *test)
{
	const char *text = stat_text(test);
	const char *line, *other;
	unsigned int lines = 0, i;

	for (line = text; *line; line = strchr(line, '\n') + 1) {
		const size_t len = strcspn(line, " ");

		KUNIT_EXPECT_TRUE_MSG(test, well_named(line, len), "%.20s", line);
		for (other = text; other != line; other = strchr(other, '\n') + 1)
			KUNIT_EXPECT_TRUE_MSG(test, strncmp(line, other, len + 1), "%.20s", line);
		lines++;
	}
	KUNIT_EXPECT_EQ(test, lines, ICMPX_STAT_COUNT - ARRAY_SIZE(of_ipv6) + 2);
	for (i = 0; i < ARRAY_SIZE(of_ipv6); i++)
		KUNIT_EXPECT_NULL_MSG(test, strstr(text, of_ipv6[i]), "%s", of_ipv6[i]);
}

/* The names that programs know, in places that are easily confused. */
static const struct {
	enum icmpx_stat stat;
	const char *name;
} names[] = {
	{ ICMPX_PACKETS_IN, "packets_in" },
	{ ICMPX_REPLY_IN_PLACE, "reply_in_place" },
	{ ICMPX_REPLY_COPIED, "reply_copied" },
	{ ICMPX_DELIVER_PING, "deliver_ping" },
	{ ICMPX_DELIVER_ERROR_ICMP, "deliver_error_icmp" },
	{ ICMPX_DELIVER_ERROR_TCP, "deliver_error_tcp" },
	{ ICMPX_DELIVER_ERROR_UDP, "deliver_error_udp" },
	{ ICMPX_LIMIT_GLOBAL, "limit_global" },
	{ ICMPX_LIMIT_HOST, "limit_host" },
	{ ICMPX_LIMIT_PREFIX, "limit_prefix" },
	{ ICMPX_IGNORE_ECHO, "ignore_echo" },
	{ ICMPX_IGNORE_TIMESTAMP, "ignore_timestamp" },
	{ ICMPX_IGNORE_PMTU, "ignore_pmtu" },
	{ ICMPX_DROP_CHECKSUM, "drop_checksum" },
	{ ICMPX_DROP_TRUNCATED, "drop_truncated" },
	{ ICMPX_DROP_BROADCAST, "drop_broadcast" },
	{ ICMPX_DROP_EMBEDDED, "drop_embedded" },
	{ ICMPX_DROP_NO_SOCKET, "drop_no_socket" },
	{ ICMPX_DROP_OUTPUT, "drop_output" },
	{ ICMPX_FRAGMENTED_REPLIES, "fragmented_replies" },
	{ ICMPX_ROUTE_LOOKUPS, "route_lookups" },
	{ ICMPX_ERRORS_TO_RAW_SOCKETS, "errors_to_raw_sockets" },
	{ ICMPX_PING_SENT, "ping_sent" },
	{ ICMPX_PING_ERRORS_UNMATCHED, "ping_errors_unmatched" },
};

static u64 value_of(struct kunit *test, const char *text, const char *name)
{
	const size_t len = strlen(name);
	u64 value = 0;

	while (*text && (strncmp(text, name, len) || text[len] != ' '))
		text = strchr(text, '\n') + 1;
	KUNIT_ASSERT_TRUE_MSG(test, *text, "no line %s", name);
	for (text += len + 1; isdigit(*text); text++)
		value = 10 * value + (*text - '0');
	return value;
}

static void stat_names_its_counter(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		const u64 before = value_of(test, stat_text(test), names[i].name);

		icmpx_count(&ours()->v4, names[i].stat);
		KUNIT_EXPECT_EQ(test, value_of(test, stat_text(test), names[i].name), before + 1);
		KUNIT_EXPECT_EQ(test, stat_of(names[i].stat), before + 1);
	}
}

/* Every CPU's share is in it. */
static void stat_sums_up(struct kunit *test)
{
	const u64 before = value_of(test, stat_text(test), "limit_host");
	int cpu;

	for_each_possible_cpu(cpu)
		per_cpu_ptr(ours()->v4.counters, cpu)->value[ICMPX_LIMIT_HOST] += 1ULL << 33;
	KUNIT_EXPECT_EQ(test, value_of(test, stat_text(test), "limit_host"),
			before + ((u64)num_possible_cpus() << 33));
	for_each_possible_cpu(cpu)
		per_cpu_ptr(ours()->v4.counters, cpu)->value[ICMPX_LIMIT_HOST] -= 1ULL << 33;
}

static struct socket *bound_socket(struct kunit *test, u16 id)
{
	struct socket *sock = ping_socket(test);
	struct sockaddr_in name = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons(id),
	};

	KUNIT_ASSERT_EQ(test, kernel_bind(sock, (struct sockaddr *)&name, sizeof(name)), 0);
	return sock;
}

static void stat_ping_sockets(struct kunit *test)
{
	const u64 before = value_of(test, stat_text(test), "ping_sockets");

	bound_socket(test, 0x1234);
	KUNIT_EXPECT_EQ(test, value_of(test, stat_text(test), "ping_sockets"), before + 1);
}

/* A line for each socket, as wide as those of /proc/net/icmp, in the order of their numbers. */
static void ping_sockets_are_listed(struct kunit *test)
{
	const char *text, *line;
	unsigned int lines = 0;

	bound_socket(test, 0x1234);
	bound_socket(test, 0x1235);
	text = read_proc(test, "/proc/net/icmpx");
	for (line = text; *line; line = strchr(line, '\n') + 1, lines++)
		KUNIT_EXPECT_EQ(test, strcspn(line, "\n"), 127);
	KUNIT_EXPECT_EQ(test, lines, 3);
	KUNIT_EXPECT_NOT_NULL(test, strstr(text, "  sl  local_address rem_address   st "));
	KUNIT_EXPECT_NOT_NULL(test, strstr(text, "0100007F:1234 00000000:0000 07 "));
	KUNIT_EXPECT_TRUE(test, strstr(text, "0100007F:1235 ") > strstr(text, "0100007F:1234 "));
}

static void nobody_is_listed(struct kunit *test)
{
	const char *text = read_proc(test, "/proc/net/icmpx");

	KUNIT_EXPECT_EQ(test, strcspn(text, "\n") + 1, strlen(text));
}

static void slot_is_ours(struct kunit *test)
{
	const struct net_protocol *protocol;

	rcu_read_lock();
	protocol = rcu_dereference(inet_protos[IPPROTO_ICMP]);
	KUNIT_EXPECT_PTR_EQ(test, protocol->handler, &icmpx_rcv);
	KUNIT_EXPECT_PTR_EQ(test, protocol->err_handler, &icmpx_err);
	rcu_read_unlock();
}

static void in_module(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, icmpx_in_module(icmpx_rcv));
	KUNIT_EXPECT_TRUE(test, icmpx_in_module(in_module));
	KUNIT_EXPECT_FALSE(test, icmpx_in_module(netif_receive_skb));
	KUNIT_EXPECT_FALSE(test, icmpx_in_module(&init_net));
	KUNIT_EXPECT_FALSE(test, icmpx_in_module(NULL));
}

static struct kunit_case stat_cases[] = {
	KUNIT_CASE(stat_every_line_has_a_name),
	KUNIT_CASE(stat_names_its_counter),
	KUNIT_CASE(stat_sums_up),
	KUNIT_CASE(stat_ping_sockets),
	KUNIT_CASE(ping_sockets_are_listed),
	KUNIT_CASE(nobody_is_listed),
	KUNIT_CASE(slot_is_ours),
	KUNIT_CASE(in_module),
	{}
};

struct kunit_suite icmpx_stat_suite = {
	.name = "icmpx_stat",
	.test_cases = stat_cases,
};
