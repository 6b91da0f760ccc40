// SPDX-License-Identifier: GPL-2.0-only
/*
 * A generic netlink family with the name of icmpx's, as another version of icmpx has it: with
 * version=N of the interface, and one command that icmpxctl does not use, and no groups.
 */
#include <linux/module.h>
#include <net/genetlink.h>

#include <icmpx/netlink.h>

static unsigned int version = ICMPX_FAMILY_VERSION;
module_param(version, uint, 0444);
MODULE_PARM_DESC(version, "the version of the interface");

static int test_family_doit(struct sk_buff *skb, struct genl_info *info)
{
	return 0;
}

static const struct genl_ops operations[] = {
	{
		.cmd = ICMPX_CMD_SETTING_NTF,
		.doit = test_family_doit,
	},
};

static struct genl_family family = {
	.name = ICMPX_FAMILY_NAME,
	.netnsok = true,
	.module = THIS_MODULE,
	.ops = operations,
	.n_ops = ARRAY_SIZE(operations),
};

static int __init test_family_init(void)
{
	family.version = version;
	return genl_register_family(&family);
}

static void __exit test_family_exit(void)
{
	genl_unregister_family(&family);
}

module_init(test_family_init);
module_exit(test_family_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Another version of icmpx's generic netlink family");
