// SPDX-License-Identifier: GPL-2.0-only
/*
 * Settings by their names, for others than the files below /proc/sys: a value is text there
 * and here, and the same handler checks it.
 */
#include <linux/limits.h>
#include <linux/slab.h>
#include <linux/sysctl.h>

#include "sysctl.h"

/* What a setting is told to be by its file; for the functions below. */
static int icmpx_setting_call(struct ctl_table *entry, int write, char *text, size_t *len)
{
	loff_t pos = 0;

	return entry->proc_handler(entry, write, text, len, &pos);
}

/**
 * icmpx_setting_find() - Find a setting.
 * @family: icmpx's state of the address family
 * @name: the name, without the directory
 *
 * Context: process; @family's namespace is alive.
 *
 * Return: the setting; NULL if there is none, or if the built-in code has the family.
 */
struct ctl_table *icmpx_setting_find(const struct icmpx_family *family, const char *name)
{
	struct ctl_table *entry;

	for (entry = family->settings; entry && entry->procname; entry++)
		if (!strcmp(entry->procname, name))
			return entry;
	return NULL;
}

/**
 * icmpx_setting_read() - Read a setting.
 * @entry: the setting
 * @text: %ICMPX_SETTING_LEN bytes, set to the value
 *
 * Context: process; may take RTNL.
 *
 * Return: 0; -ENOMEM.
 */
int icmpx_setting_read(struct ctl_table *entry, char *text)
{
	size_t len = ICMPX_SETTING_LEN - 1;
	int err;

	err = icmpx_setting_call(entry, 0, text, &len);
	if (err)
		return err;
	if (len && text[len - 1] == '\n')
		len--;
	text[len] = '\0';
	return 0;
}

/**
 * icmpx_setting_write() - Change a setting.
 * @entry: the setting
 * @text: the value: a line, without the new line at its end
 *
 * Context: process; may take RTNL. The caller has checked that the task may do this.
 *
 * Return: 0; or with nothing changed, a negative errno, as writing to the file gives it.
 */
int icmpx_setting_write(struct ctl_table *entry, const char *text)
{
	size_t len;
	char *line;
	int err;

	/* Handlers of text stop there, and a line of text is all that a file can take. */
	if (strchr(text, '\n'))
		return -EINVAL;
	/* Handlers of numbers take no text for no change, and an empty line for an error. */
	line = kasprintf(GFP_KERNEL_ACCOUNT, "%s\n", text);
	if (!line)
		return -ENOMEM;
	len = strlen(line);
	err = icmpx_setting_call(entry, 1, line, &len);
	kfree(line);
	return err;
}

/**
 * icmpx_setting_is_number() - Tell whether a setting is one number.
 * @entry: the setting
 *
 * Context: any.
 *
 * Return: true if it is.
 */
bool icmpx_setting_is_number(const struct ctl_table *entry)
{
	return entry->maxlen == sizeof(u8) || entry->maxlen == sizeof(int);
}

/**
 * icmpx_setting_range() - Tell which values a setting may have.
 * @entry: the setting
 * @min: set to the least value
 * @max: set to the greatest one
 *
 * Context: any.
 *
 * Return: false if the setting is not one number with a range.
 */
bool icmpx_setting_range(const struct ctl_table *entry, s32 *min, s32 *max)
{
	const bool byte = entry->maxlen == sizeof(u8);

	if (!icmpx_setting_is_number(entry) || (!byte && !entry->extra1))
		return false;
	*min = entry->extra1 ? *(int *)entry->extra1 : 0;
	*max = entry->extra2 ? *(int *)entry->extra2 : byte ? U8_MAX : INT_MAX;
	return true;
}
