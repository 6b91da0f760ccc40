// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loading and unloading, and what each network namespace gets.
 *
 * Loading starts with what no packet sees: a control socket, namespaces, the probe for
 * readers of the kernel's counters. Then come the slot, through which icmpx gets packets,
 * the errors that the kernel sends, and last the family, whose sockets need all of these.
 * Unloading has the reverse order, with a grace period after the slot is given back, so
 * that no packet is in code or data that is freed. A task that opens a ping socket during
 * unloading is refused as long as the family is registered: so the family goes first.
 *
 * icmpx_send_give_back() and icmpx_mib_give_back() report when a callback of ftrace or
 * kprobes cannot be unregistered. The callback then does nothing, and all other steps are
 * done, but this module's text and data must stay: see icmpx_stay().
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/sched.h>

#include "express/express.h"
#include "icmpx.h"
#include "limit/limit.h"
#include "netlink/netlink.h"
#include "out/out.h"
#include "out/out6.h"
#include "ping/ping.h"
#include "reply/reply.h"
#include "send/send.h"

unsigned int icmpx_net_id __read_mostly;

#if IS_ENABLED(CONFIG_IPV6)
static int __init icmpx_routes_init(void)
{
	int err = icmpx_route_init();

	if (err || !icmpx_handles_ipv6())
		return err;
	err = icmpx6_route_init();
	if (err)
		icmpx_route_exit();
	return err;
}

static void icmpx_routes_exit(void)
{
	icmpx6_route_exit();
	icmpx_route_exit();
}

static int __net_init icmpx6_net_init(struct net *net, struct icmpx_net *ix)
{
	int err;

	if (!icmpx_handles_ipv6())
		return 0;
	icmpx_prefix_limit_init(&ix->v6.limit, net, AF_INET6);
	icmpx6_late_init(net, ix);
	err = icmpx6_stat_init(net, ix);
	if (err)
		return err;
	err = icmpx_host_limit_init(&ix->v6);
	if (err)
		goto err_stat;
	err = icmpx_control_init_net(&ix->v6, PF_INET6);
	if (err)
		goto err_host_limit;
	err = icmpx_ping6_proc_init(net);
	if (err)
		goto err_control;
	err = icmpx6_settings_init(net, ix);
	if (err)
		goto err_proc;
	return 0;

err_proc:
	icmpx_ping6_proc_exit(net);
err_control:
	icmpx_control_exit_net(&ix->v6);
err_host_limit:
	icmpx_host_limit_exit(&ix->v6);
err_stat:
	icmpx6_stat_exit(net, ix);
	return err;
}

static void __net_exit icmpx6_net_pre_exit(struct net *net, struct icmpx_net *ix)
{
	if (!icmpx_handles_ipv6())
		return;
	icmpx6_settings_exit(net, ix);
	icmpx6_late_exit(ix);
}

static void __net_exit icmpx6_net_exit(struct net *net, struct icmpx_net *ix)
{
	if (!icmpx_handles_ipv6())
		return;
	icmpx6_route_exit_net(net);
	icmpx_prefix_limit_exit(&ix->v6.limit);
	icmpx_ping6_proc_exit(net);
	icmpx_control_exit_net(&ix->v6);
	icmpx_host_limit_exit(&ix->v6);
	icmpx6_stat_exit(net, ix);
}
#else
static int __init icmpx_routes_init(void)
{
	return icmpx_route_init();
}

static void icmpx_routes_exit(void)
{
	icmpx_route_exit();
}

static int __net_init icmpx6_net_init(struct net *net, struct icmpx_net *ix)
{
	return 0;
}

static void __net_exit icmpx6_net_pre_exit(struct net *net, struct icmpx_net *ix)
{
}

static void __net_exit icmpx6_net_exit(struct net *net, struct icmpx_net *ix)
{
}
#endif

/*
 * The settings of IPv4 come last, those of IPv6 shortly before: users write them as soon as
 * they are there, and some, such as express, bring in hooks that use all the rest.
 */
static int __net_init icmpx_net_init(struct net *net)
{
	struct icmpx_net *ix = icmpx_net(net);
	int err;

	icmpx_prefix_limit_init(&ix->v4.limit, net, AF_INET);
	mutex_init(&ix->disclosure.lock);
	err = icmpx_stat_init(net, ix);
	if (err)
		return err;
	err = icmpx_host_limit_init(&ix->v4);
	if (err)
		goto err_stat;
	err = icmpx_control_init_net(&ix->v4, PF_INET);
	if (err)
		goto err_host_limit;
	err = icmpx_ping_table_init(&ix->ping);
	if (err)
		goto err_control;
	err = icmpx_ping_proc_init(net);
	if (err)
		goto err_table;
	err = icmpx6_net_init(net, ix);
	if (err)
		goto err_proc;
	err = icmpx_settings_init(net, ix);
	if (err)
		goto err_ipv6;
	return 0;

err_ipv6:
	icmpx6_net_pre_exit(net, ix);
	icmpx6_net_exit(net, ix);
err_proc:
	icmpx_ping_proc_exit(net);
err_table:
	icmpx_ping_table_exit(&ix->ping);
err_control:
	icmpx_control_exit_net(&ix->v4);
err_host_limit:
	icmpx_host_limit_exit(&ix->v4);
err_stat:
	icmpx_stat_exit(net, ix);
	return err;
}

/*
 * The setting express adds hooks, so the settings go first. A grace period passes before
 * icmpx_net_exit(): then no packet from a hook uses the data that is freed there.
 */
static void __net_exit icmpx_net_pre_exit(struct net *net)
{
	icmpx_settings_exit(net, icmpx_net(net));
	icmpx6_net_pre_exit(net, icmpx_net(net));
	icmpx_express_exit_net(net);
}

static void __net_exit icmpx_net_exit(struct net *net)
{
	struct icmpx_net *ix = icmpx_net(net);

	icmpx6_net_exit(net, ix);
	icmpx_disclosure_exit(ix);
	icmpx_route_exit_net(net);
	icmpx_prefix_limit_exit(&ix->v4.limit);
	icmpx_ping_proc_exit(net);
	icmpx_ping_table_exit(&ix->ping);
	icmpx_control_exit_net(&ix->v4);
	icmpx_host_limit_exit(&ix->v4);
	icmpx_stat_exit(net, ix);
}

static struct pernet_operations icmpx_net_ops = {
	.init = icmpx_net_init,
	.pre_exit = icmpx_net_pre_exit,
	.exit = icmpx_net_exit,
	.id = &icmpx_net_id,
	.size = sizeof(struct icmpx_net),
};

/*
 * The kernel frees a module once the module's last function has returned: this function
 * does not return. ftrace disables itself for good when it finds that the kernel's text is
 * not as ftrace left it. Then it releases no callback, and goes on calling those it has.
 *
 * This cannot be found out earlier. The kernel calls no function of a module before the
 * module's end is certain, and it ignores a reference that the module takes after that.
 * Nor can a callback of ftrace be outside a module's text: the kernel offers no other place.
 *
 * The task is idle and freezable, so that it does not count in the load average or as a
 * hung task, and does not prevent suspending. No lock is held: the kernel calls a module's
 * exit function without any. A module of the same name is refused while this one is going.
 */
static void icmpx_stay(void)
{
	pr_warn("ftrace has switched itself off, and cannot let go of this module: its memory stays in use, %s does not return, and icmpx cannot be loaded again until the machine is restarted; ICMP is not affected\n",
		current->comm);
	for (;;) {
		set_current_state(TASK_IDLE | TASK_FREEZABLE);
		schedule();
	}
}

static int __init icmpx_init(void)
{
	int stuck = 0;
	int err;

	err = icmpx_control_init();
	if (err) {
		pr_err("cannot create a control socket (error %d): free memory, then load again\n",
		       err);
		return err;
	}
	err = icmpx_routes_init();
	if (err) {
		pr_err("cannot create a table of routes for each CPU (error %d): free memory, then load again\n",
		       err);
		goto err_control;
	}
	err = icmpx_ping_init();
	if (err) {
		pr_err("cannot set up ping sockets (error %d): free memory, then load again\n",
		       err);
		goto err_route;
	}
	err = icmpx_express_init();
	if (err) {
		pr_err("cannot watch devices (error %d): free memory, then load again\n", err);
		goto err_ping;
	}
	err = register_pernet_subsys(&icmpx_net_ops);
	if (err) {
		pr_err("cannot set up a network namespace (error %d): free memory, look for another owner of icmpx, icmpx6, icmpx_stat or icmpx6_stat in /proc/sys/net or /proc/net, then load again\n",
		       err);
		goto err_express;
	}
	icmpx_mib_take_over();
	err = icmpx_take_over();
	if (err)
		goto err_mib;
	err = icmpx_netlink_init();
	if (err) {
		pr_err("cannot register the generic netlink family icmpx (error %d): free memory, look for another owner of that name (genl ctrl list), then load again\n",
		       err);
		goto err_slots;
	}
	icmpx_send_take_over();
	icmpx_ping_take_over();
	pr_info("took over from the built-in ICMP: received messages, new ping sockets%s; ICMPv6: %s%s\n",
		icmpx_sending() ? ", errors to send" : "",
		icmpx_handles_ipv6() ? "received messages, new ping sockets" :
				       "left to the built-in code",
		icmpx6_sending() ? ", errors to send" : "");
	return 0;

err_slots:
	icmpx_give_back();
err_mib:
	stuck = icmpx_mib_give_back();
	unregister_pernet_subsys(&icmpx_net_ops);
err_express:
	icmpx_express_exit();
err_ping:
	icmpx_ping_exit();
err_route:
	icmpx_routes_exit();
err_control:
	icmpx_control_exit();
	if (unlikely(stuck))
		icmpx_stay();
	return err;
}

static void __exit icmpx_exit(void)
{
	int stuck;

	icmpx_ping_give_back();
	stuck = icmpx_send_give_back();
	icmpx_netlink_exit();
	icmpx_give_back();
	stuck = icmpx_mib_give_back() ?: stuck;
	unregister_pernet_subsys(&icmpx_net_ops);
	icmpx_express_exit();
	icmpx_ping_exit();
	icmpx_routes_exit();
	icmpx_control_exit();
	pr_info("ICMP is the kernel's again\n");
	if (unlikely(stuck))
		icmpx_stay();
}

module_init(icmpx_init);
module_exit(icmpx_exit);

MODULE_DESCRIPTION("ICMP for Linux as a module");
MODULE_AUTHOR("The icmpx developers");
MODULE_LICENSE("GPL");
MODULE_VERSION("0.1");
