// SPDX-License-Identifier: GPL-2.0-only
/*
 * Takes a name that icmpx wants, in the network namespace of the task that loads this
 * module, so that a step of loading icmpx fails: what=sysctl, what=sysctl6, what=icmpx,
 * what=icmpx_stat, what=icmpx6_stat.
 */
#include <linux/module.h>
#include <linux/nsproxy.h>
#include <linux/proc_fs.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/sysctl.h>
#include <linux/version.h>
#include <net/net_namespace.h>

static char *what = "sysctl";
module_param(what, charp, 0444);
MODULE_PARM_DESC(what, "sysctl, sysctl6: net.icmpx.echo_ratelimit, net.icmpx6.echo_ratelimit; else the name of a file in /proc/net");

static struct net *net;
static struct ctl_table_header *header;

/*
 * Before 6.11 a table ends with an empty row. What a namespace's setting shows may not be
 * a module's own data.
 */
static struct ctl_table table[] = {
	{
		.procname = "echo_ratelimit",
		.maxlen = sizeof(int),
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
	if (!strncmp(what, "sysctl", 6)) {
		const char *path = what[6] == '6' ? "net/icmpx6" : "net/icmpx";

		table[0].data = kzalloc(sizeof(int), GFP_KERNEL);
		header = table[0].data ? register_net_sysctl(net, path, table) : NULL;
		taken = header;
	} else {
		taken = proc_create(what, 0444, net->proc_net, &empty);
	}
	if (taken)
		return 0;
	kfree(table[0].data);
	put_net(net);
	return -EBUSY;
}

static void __exit test_name_exit(void)
{
	if (header)
		unregister_net_sysctl_table(header);
	else
		remove_proc_entry(what, net->proc_net);
	kfree(table[0].data);
	put_net(net);
}

module_init(test_name_init);
module_exit(test_name_exit);
MODULE_DESCRIPTION("Takes a name that icmpx wants, for icmpx's tests");
MODULE_LICENSE("GPL");
