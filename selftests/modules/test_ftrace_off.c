// SPDX-License-Identifier: GPL-2.0-only
/*
 * Has ftrace switch itself off, as it does when it finds the kernel's text other than
 * it left it. That is for good, so the machine is of no use afterwards; nor does this
 * module go again. What does it is not for modules to call, hence the probe.
 */
#include <linux/kprobes.h>
#include <linux/module.h>

static struct kprobe test_probe = {
	.symbol_name = "ftrace_kill",
	.flags = KPROBE_FLAG_DISABLED,
};

static int __init test_ftrace_off_init(void)
{
	int err = register_kprobe(&test_probe);
	void (*kill)(void) = (void *)test_probe.addr;

	if (err)
		return err;
	unregister_kprobe(&test_probe);
	kill();
	return 0;
}

module_init(test_ftrace_off_init);
MODULE_DESCRIPTION("Has ftrace switch itself off, for icmpx's tests");
MODULE_LICENSE("GPL");
