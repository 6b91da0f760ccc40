// SPDX-License-Identifier: GPL-2.0-only
/*
 * Takes a name that icmpx wants, in the network namespace of whoever loads
 * this, so that a step of loading icmpx fails: what=sysctl, what=icmpx,
 * what=icmpx_stat.
 */
#include <linux/module.h>
#include <linux/nsproxy.h>
#include <linux/proc_fs.h>
#include <linux/sched.h>
#include <linux/sysctl.h>
#include <linux/version.h>
#include <net/net_namespace.h>

static char *what = "sysctl";
module_param(what, charp, 0444);
MODULE_PARM_DESC(what, "sysctl: net.icmpx.echo_ratelimit; else the name of a file in /proc/net");

static struct net *net;
static struct ctl_table_header *header;
static int value;

/* Before 6.11 a table ends with an empty row. */
static struct ctl_table table[] = {
	{
		.procname = "echo_ratelimit",
		.data = &value,
		.maxlen = sizeof(value),
		.mode = 0644,
		.proc_handler = proc_dointvec,
	},
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 11, 0)
	{ }
#endif
};

static const struct proc_ops empty = { };

static int __init test_name_init(void)
{
	bool taken;

	net = get_net(current->nsproxy->net_ns);
	if (!strcmp(what, "sysctl")) {
		header = register_net_sysctl(net, "net/icmpx", table);
		taken = header;
	} else {
		taken = proc_create(what, 0444, net->proc_net, &empty);
	}
	if (taken)
		return 0;
	put_net(net);
	return -EEXIST;
}

static void __exit test_name_exit(void)
{
	if (header)
		unregister_net_sysctl_table(header);
	else
		remove_proc_entry(what, net->proc_net);
	put_net(net);
}

module_init(test_name_init);
module_exit(test_name_exit);
MODULE_DESCRIPTION("Takes a name that icmpx wants, for icmpx's tests");
MODULE_LICENSE("GPL");
