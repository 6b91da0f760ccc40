// SPDX-License-Identifier: GPL-2.0-only
/*
 * What errors tell of this host, and to whom: settings node_name, node_address and
 * errors_extension_to. Both families have them from here.
 *
 * Each value is replaced as a whole, and read under RCU.
 */
#include <icmpx/extension.h>
#include <icmpx/prefixes.h>
#include <linux/ctype.h>
#include <linux/inet.h>
#include <linux/slab.h>
#include <linux/utsname.h>
#include <net/ipv6.h>

#include "icmpx.h"
#include "send/send.h"

static_assert(ICMPX_NODE_NAME_LEN == ICMPX_NODE_NAME_MAX + 1);

/**
 * struct icmpx_told - the setting errors_extension_to
 * @rcu: for freeing
 * @prefixes: the destinations of errors that get an extension
 * @text: the setting, as it was written
 */
struct icmpx_told {
	struct rcu_head rcu;
	struct icmpx_prefixes prefixes;
	char text[];
};

/**
 * struct icmpx_self - the settings node_name and node_address
 * @rcu: for freeing
 * @node: both, as the core wants them
 */
struct icmpx_self {
	struct rcu_head rcu;
	struct icmpx_node node;
};

static struct icmpx_self *icmpx_self_of(const struct icmpx_net *ix)
{
	return rcu_dereference_protected(ix->disclosure.self,
					 lockdep_is_held(&ix->disclosure.lock));
}

static struct icmpx_told *icmpx_told_of(const struct icmpx_net *ix)
{
	return rcu_dereference_protected(ix->disclosure.told,
					 lockdep_is_held(&ix->disclosure.lock));
}

/**
 * icmpx_tells() - Tell whether an error to a destination gets an extension.
 * @ix: icmpx's state of the namespace
 * @destination: network order
 *
 * Context: rcu_read_lock().
 *
 * Return: true if it does.
 */
bool icmpx_tells(const struct icmpx_net *ix, __be32 destination)
{
	const struct icmpx_told *told = rcu_dereference(ix->disclosure.told);

	return !told || icmpx_prefixes_have(&told->prefixes, ntohl(destination));
}

/* The same of an ICMPv6 error. */
bool icmpx6_tells(const struct icmpx_net *ix, const struct in6_addr *destination)
{
	const struct icmpx_told *told = rcu_dereference(ix->disclosure.told);

	return !told || icmpx6_prefixes_have(&told->prefixes, destination->s6_addr);
}

/**
 * icmpx_describe_self() - Describe this host, for an error.
 * @net: the namespace
 * @ix: icmpx's state of @net
 * @node: all of it is written
 *
 * Without a name of its own, the first network namespace has the machine's. Others have none:
 * nothing says which of the machine's host names belongs to a network namespace, and the
 * machine's may be a secret there. The name may be changed meanwhile: then it may be a mixture
 * of both.
 *
 * Context: rcu_read_lock().
 */
void icmpx_describe_self(const struct net *net, const struct icmpx_net *ix,
			 struct icmpx_node *node)
{
	const struct icmpx_self *self = rcu_dereference(ix->disclosure.self);
	char name[__NEW_UTS_LEN + 1];

	if (self)
		*node = self->node;
	else
		memset(node, 0, sizeof(*node));
	if (node->name_len || !net_eq(net, &init_net))
		return;
	/* A name that is changed meanwhile is still one of at most so many bytes. */
	data_race(strscpy(name, init_utsname()->nodename, sizeof(name)));
	node->name_len = icmpx_node_name_length(name, strlen(name));
	memcpy(node->name, name, node->name_len);
}

/* Both settings, for a writer to change one. */
static struct icmpx_self *icmpx_self_copy(const struct icmpx_net *ix)
{
	const struct icmpx_self *old = icmpx_self_of(ix);
	struct icmpx_self *new = kzalloc(sizeof(*new), GFP_KERNEL_ACCOUNT);

	if (new && old)
		new->node = old->node;
	return new;
}

static void icmpx_self_replace(struct icmpx_net *ix, struct icmpx_self *new)
{
	struct icmpx_self *old = icmpx_self_of(ix);

	rcu_assign_pointer(ix->disclosure.self, new);
	kfree_rcu(old, rcu);
}

/**
 * icmpx_node_name_get() - Read the setting node_name.
 * @ix: icmpx's state of the namespace
 * @text: %ICMPX_NODE_NAME_LEN bytes
 *
 * Context: process; the lock of the disclosure is held.
 */
void icmpx_node_name_get(const struct icmpx_net *ix, char *text)
{
	const struct icmpx_self *self = icmpx_self_of(ix);
	const u8 len = self ? self->node.name_len : 0;

	if (len)
		memcpy(text, self->node.name, len);
	text[len] = '\0';
}

/**
 * icmpx_node_name_set() - Change the setting node_name.
 * @ix: icmpx's state of the namespace
 * @text: the name; empty for that of the machine
 *
 * Context: as icmpx_node_name_get().
 *
 * Return: 0; -EINVAL for a name that is not UTF-8 or has a control character; -ENOMEM.
 */
int icmpx_node_name_set(struct icmpx_net *ix, char *text)
{
	const size_t len = strlen(text);
	struct icmpx_self *self;

	if (icmpx_node_name_length(text, len) != len)
		return -EINVAL;
	self = icmpx_self_copy(ix);
	if (!self)
		return -ENOMEM;
	memcpy(self->node.name, text, len);
	self->node.name_len = len;
	icmpx_self_replace(ix, self);
	return 0;
}

/* Reads an address that ends at @end. Returns its bytes in @address; 0 if it is none. */
static u8 icmpx_address_parse(const char *text, size_t len, u8 *address)
{
	const char *end;

	if (in4_pton(text, len, address, -1, &end) && end == text + len)
		return sizeof(struct in_addr);
	if (in6_pton(text, len, address, -1, &end) && end == text + len)
		return sizeof(struct in6_addr);
	return 0;
}

/**
 * icmpx_node_address_get() - Read the setting node_address.
 * @ix: icmpx's state of the namespace
 * @text: %ICMPX_NODE_ADDRESS_LEN bytes
 *
 * Context: as icmpx_node_name_get().
 */
void icmpx_node_address_get(const struct icmpx_net *ix, char *text)
{
	const struct icmpx_self *self = icmpx_self_of(ix);

	const u8 len = self ? self->node.address_len : 0;

	if (len == sizeof(struct in_addr))
		snprintf(text, ICMPX_NODE_ADDRESS_LEN, "%pI4", self->node.address);
	else if (len)
		snprintf(text, ICMPX_NODE_ADDRESS_LEN, "%pI6c", self->node.address);
	else
		text[0] = '\0';
}

/**
 * icmpx_node_address_set() - Change the setting node_address.
 * @ix: icmpx's state of the namespace
 * @text: an address of either family; empty for none
 *
 * Context: as icmpx_node_name_get().
 *
 * Return: 0; -EINVAL for what is no address of one host; -ENOMEM.
 */
int icmpx_node_address_set(struct icmpx_net *ix, char *text)
{
	u8 address[sizeof(struct in6_addr)] = {};
	struct icmpx_self *self;
	u8 len = 0;

	if (*text) {
		len = icmpx_address_parse(text, strlen(text), address);
		/* Multicast addresses begin with 1110 in binary, or with eight ones. */
		if (!len || !memchr_inv(address, 0, len) ||
		    (len == sizeof(struct in_addr) ? address[0] >= 0xe0 : address[0] == 0xff))
			return -EINVAL;
	}
	self = icmpx_self_copy(ix);
	if (!self)
		return -ENOMEM;
	memcpy(self->node.address, address, sizeof(address));
	self->node.address_len = len;
	icmpx_self_replace(ix, self);
	return 0;
}

/* Reads a prefix; without a length it is one address. */
static int icmpx_prefix_parse(char *text, struct icmpx_prefix *prefix)
{
	char *length = strchrnul(text, '/');

	prefix->address_len = icmpx_address_parse(text, length - text, prefix->address);
	if (!prefix->address_len)
		return -EINVAL;
	prefix->length = 8 * prefix->address_len;
	if (*length && (!isdigit(length[1]) || kstrtou8(length + 1, 10, &prefix->length)))
		return -EINVAL;
	return icmpx_prefix_valid(prefix) ? 0 : -EINVAL;
}

/**
 * icmpx_told_get() - Read the setting errors_extension_to.
 * @ix: icmpx's state of the namespace
 * @text: %ICMPX_TOLD_LEN bytes
 *
 * Context: as icmpx_node_name_get().
 */
void icmpx_told_get(const struct icmpx_net *ix, char *text)
{
	const struct icmpx_told *told = icmpx_told_of(ix);

	strscpy(text, told ? told->text : "", ICMPX_TOLD_LEN);
}

/**
 * icmpx_told_set() - Change the setting errors_extension_to.
 * @ix: icmpx's state of the namespace
 * @text: prefixes of both families, with spaces between; empty for all destinations; is changed
 *
 * Context: as icmpx_node_name_get().
 *
 * Return: 0; -EINVAL for what is no prefix, and for more than %ICMPX_PREFIXES_MAX; -ENOMEM.
 */
int icmpx_told_set(struct icmpx_net *ix, char *text)
{
	struct icmpx_told *old = icmpx_told_of(ix);
	const size_t size = strlen(text) + 1;
	struct icmpx_prefix *prefixes;
	struct icmpx_told *told;
	size_t count = 0;
	int err = -ENOMEM;
	char *word;

	told = kmalloc(struct_size(told, text, size), GFP_KERNEL_ACCOUNT);
	prefixes = kcalloc(ICMPX_PREFIXES_MAX, sizeof(*prefixes), GFP_KERNEL);
	if (!told || !prefixes)
		goto out;
	memcpy(told->text, text, size);
	err = 0;
	while (!err && (word = strsep(&text, " ")) != NULL) {
		if (!*word)
			continue;
		err = count < ICMPX_PREFIXES_MAX ? icmpx_prefix_parse(word, &prefixes[count++]) :
						   -EINVAL;
	}
	if (err)
		goto out;
	icmpx_prefixes_build(prefixes, count, &told->prefixes);
	/* Without a prefix, the setting is as it was in the beginning. */
	if (!count) {
		kfree(told);
		told = NULL;
	}
	rcu_assign_pointer(ix->disclosure.told, told);
	told = NULL;
	kfree_rcu(old, rcu);
out:
	kfree(prefixes);
	kfree(told);
	return err;
}

/**
 * icmpx_disclosure_exit() - Free the settings of a namespace.
 * @ix: icmpx's state of the namespace, of which no error is sent any more
 *
 * Context: process.
 */
void icmpx_disclosure_exit(struct icmpx_net *ix)
{
	kfree(rcu_dereference_protected(ix->disclosure.self, true));
	kfree(rcu_dereference_protected(ix->disclosure.told, true));
}
