// SPDX-License-Identifier: GPL-2.0-only
/*
 * Redirects every call of __icmp_send() in the kernel to icmpx_send(), and of icmp6_send() to
 * icmpx6_send(). As for livepatch, ftrace does this, with the room that compilers leave for it
 * at the start of every function.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/ftrace.h>
#include <linux/icmpv6.h>
#include <linux/moduleparam.h>
#include <net/icmp.h>

#include "send/send.h"

static bool icmpx_send_wanted = true;
module_param_named(send, icmpx_send_wanted, bool, 0444);
MODULE_PARM_DESC(send, "send ICMP errors in place of the built-in code, if the kernel has ftrace for it (default: 1)");

#ifdef ICMPX_FTRACE_REDIRECTS
/* ftrace changes only where a call goes on: the arguments are those of __icmp_send(). */
static void __maybe_unused icmpx_send_by_options(struct sk_buff *skb, int type, int code,
						 __be32 info, const struct ip_options *opt)
{
	icmpx_send(skb, type, code, info, opt, 0);
}

static void __maybe_unused icmpx_send_by_parm(struct sk_buff *skb, int type, int code, __be32 info,
					      const struct inet_skb_parm *parm)
{
	icmpx_send(skb, type, code, info, &parm->opt, parm->iif);
}

#define ICMPX_SEND __builtin_choose_expr(ICMPX_SEND_TAKES_PARM, icmpx_send_by_parm, \
					 icmpx_send_by_options)

static_assert(__same_type(__icmp_send, ICMPX_SEND),
	      "__icmp_send() of this kernel takes other arguments than icmpx knows of");

/**
 * struct icmpx_send_hook - a function of the kernel that one of icmpx runs in place of
 * @ops: how ftrace sees it
 * @instead: the function of icmpx
 * @builtin: the function of the kernel
 * @name: its name
 * @what: the errors that it sends, for messages
 * @taken: whether the function of icmpx runs; written only on loading and unloading
 */
struct icmpx_send_hook {
	struct ftrace_ops ops;
	void *instead;
	void *builtin;
	const char *name;
	const char *what;
	bool taken;
};

/*
 * Calls no traced function, so it needs no protection from recursion. While the hook is not
 * taken, the function of the kernel itself goes on: see icmpx_send_unhook().
 */
static void notrace icmpx_send_instead(unsigned long ip, unsigned long parent_ip,
				       struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	const struct icmpx_send_hook *hook = container_of(ops, struct icmpx_send_hook, ops);

	if (likely(READ_ONCE(hook->taken)))
		icmpx_ftrace_go_to(fregs, (unsigned long)hook->instead);
}

/*
 * Permanent: the kernel refuses kernel.ftrace_enabled=0 while the ops are registered.
 * Otherwise that setting would give errors back to the built-in code without notice.
 */
#define ICMPX_SEND_OPS { \
	.func = icmpx_send_instead, \
	.flags = FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT | ICMPX_FTRACE_FLAGS, \
}

static struct icmpx_send_hook icmpx_send_hook4 = {
	.ops = ICMPX_SEND_OPS,
	.instead = ICMPX_SEND,
	.builtin = __icmp_send,
	.name = "__icmp_send()",
	.what = "errors",
};

#if IS_ENABLED(CONFIG_IPV6)
static_assert(__same_type(icmp6_send, icmpx6_send),
	      "icmp6_send() of this kernel takes other arguments than icmpx knows of");

static struct icmpx_send_hook icmpx_send_hook6 = {
	.ops = ICMPX_SEND_OPS,
	.instead = icmpx6_send,
	.builtin = icmp6_send,
	.name = "icmp6_send()",
	.what = "ICMPv6 errors",
};
#endif

/* Says why, if the errors are still sent by the built-in code: all else of icmpx works. */
static void icmpx_send_hook(struct icmpx_send_hook *hook)
{
	int err;

	err = ftrace_set_filter_ip(&hook->ops, (unsigned long)hook->builtin, 0, 0);
	if (!err) {
		err = register_ftrace_function(&hook->ops);
		if (err)
			ftrace_free_filter(&hook->ops);
	}
	if (err == -EBUSY)
		pr_notice("%s are still sent by the built-in code: a livepatch is on %s, or kernel.ftrace_enabled is 0 (error %d)\n",
			  hook->what, hook->name, err);
	else if (err)
		pr_notice("%s are still sent by the built-in code: ftrace does not redirect %s here (error %d)\n",
			  hook->what, hook->name, err);
	else
		WRITE_ONCE(hook->taken, true);
}

/*
 * A successful unregister_ftrace_function() has waited when it returns: for every CPU to
 * schedule, and then for every running or preempted task to schedule voluntarily, which
 * no task does between the function of the kernel and the end of the one of icmpx.
 *
 * If it fails, ftrace's list still has the ops, and calls still reach
 * icmpx_send_instead(), which lets the function of the kernel go on. Callers that read
 * hook->taken as true may still be in icmpx: synchronize_rcu_tasks() waits for tasks,
 * preempted ones too, as ftrace does; synchronize_rcu() waits for softirqs, on idle CPUs too.
 */
static int icmpx_send_unhook(struct icmpx_send_hook *hook)
{
	int err;

	if (!hook->taken)
		return 0;
	WRITE_ONCE(hook->taken, false);
	err = unregister_ftrace_function(&hook->ops);
	if (err) {
		synchronize_rcu_tasks();
		synchronize_rcu();
		return err;
	}
	ftrace_free_filter(&hook->ops);
	return 0;
}

static void icmpx_send_hook_all(void)
{
	icmpx_send_hook(&icmpx_send_hook4);
#if IS_ENABLED(CONFIG_IPV6)
	if (icmpx_handles_ipv6())
		icmpx_send_hook(&icmpx_send_hook6);
#endif
}

static int icmpx_send_unhook_all(void)
{
	int stuck = 0;

#if IS_ENABLED(CONFIG_IPV6)
	stuck = icmpx_send_unhook(&icmpx_send_hook6);
#endif
	return icmpx_send_unhook(&icmpx_send_hook4) ?: stuck;
}

/**
 * icmpx_sending() - Tell whether icmpx sends the errors of this host.
 *
 * Context: any.
 *
 * Return: true if it does; false if the built-in code does.
 */
bool icmpx_sending(void)
{
	return READ_ONCE(icmpx_send_hook4.taken);
}

/**
 * icmpx6_sending() - The same of ICMPv6 errors.
 *
 * Context: any.
 *
 * Return: true if it does; false if the built-in code does.
 */
bool icmpx6_sending(void)
{
#if IS_ENABLED(CONFIG_IPV6)
	return READ_ONCE(icmpx_send_hook6.taken);
#else
	return false;
#endif
}
#else
static void icmpx_send_hook_all(void)
{
	pr_notice("errors are still sent by the built-in code: this kernel has no ftrace that redirects calls\n");
}

static int icmpx_send_unhook_all(void)
{
	return 0;
}

bool icmpx_sending(void)
{
	return false;
}

bool icmpx6_sending(void)
{
	return false;
}
#endif

/**
 * icmpx_send_take_over() - Have icmpx send the errors of this host, where that is possible.
 *
 * Where it is not, the built-in code goes on sending them, and all else of icmpx works.
 *
 * Context: process. An error sent meanwhile is sent by icmpx or by the built-in code.
 */
void icmpx_send_take_over(void)
{
	if (icmpx_send_wanted)
		icmpx_send_hook_all();
}

/**
 * icmpx_send_give_back() - Have the built-in code send the errors of this host again.
 *
 * Context: process. When it returns, no caller is in icmpx_send() or icmpx6_send() any more.
 *
 * Return: 0; a negative errno if calls of the kernel's functions still go through this
 * module's text, as they do once ftrace has switched itself off.
 */
int icmpx_send_give_back(void)
{
	return icmpx_send_unhook_all();
}
