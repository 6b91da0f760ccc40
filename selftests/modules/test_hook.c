// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sits on __icmp_send() as a livepatch would, and changes nothing.
 */
#include <linux/ftrace.h>
#include <linux/module.h>
#include <net/icmp.h>

static void notrace test_hook_func(unsigned long ip, unsigned long parent_ip,
				   struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
}

static struct ftrace_ops test_hook_ops = {
	.func = test_hook_func,
	.flags = FTRACE_OPS_FL_IPMODIFY,
};

static int __init test_hook_init(void)
{
	int err = ftrace_set_filter_ip(&test_hook_ops, (unsigned long)__icmp_send, 0, 0);

	if (err)
		return err;
	err = register_ftrace_function(&test_hook_ops);
	if (err)
		ftrace_free_filter(&test_hook_ops);
	return err;
}

static void __exit test_hook_exit(void)
{
	unregister_ftrace_function(&test_hook_ops);
	ftrace_free_filter(&test_hook_ops);
}

module_init(test_hook_init);
module_exit(test_hook_exit);
MODULE_DESCRIPTION("Holds __icmp_send(), for icmpx's tests");
MODULE_LICENSE("GPL");
