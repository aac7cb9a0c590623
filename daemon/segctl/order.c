/*
 * order.c - segments in an order, and the first of them, in little memory.
 *
 * An item has a key and an id: 16 bytes for each segment, and its path if that is the key. With a limit the items are a
 * heap with the last of them on top, and a segment that comes before it takes its place. Heap sort needs no memory.
 */
#include <stdlib.h>
#include <string.h>

#include "common/measure.h"
#include "segctl/order.h"

const char *const ctl_order_names[CTL_ORDER_KEYS] = {
	[CTL_ORDER_ID] = "id",           [CTL_ORDER_PATH] = "path", [CTL_ORDER_AGE] = "age",
	[CTL_ORDER_RETIRED] = "retired", [CTL_ORDER_PINS] = "pins", [CTL_ORDER_ATTEMPTS] = "attempts",
	[CTL_ORDER_BYTES] = "bytes",     [CTL_ORDER_NONE] = "none",
};

bool ctl_order_parse(struct ctl_order *order, const char *text)
{
	order->is_reversed = *text == '-';
	for (order->by = CTL_ORDER_ID; order->by < CTL_ORDER_KEYS; order->by++)
		if (!strcmp(text + order->is_reversed, ctl_order_names[order->by]))
			return true;
	return false;
}

/* Does a come before b? */
static bool is_before(const struct ctl_order *order, const struct ctl_order_item *a, const struct ctl_order_item *b)
{
	int difference;

	if (order->by == CTL_ORDER_PATH)
		difference = strcmp(a->key.path, b->key.path);
	else
		difference = (a->key.number > b->key.number) - (a->key.number < b->key.number);
	if (order->is_reversed)
		difference = -difference;
	return difference ? difference < 0 : a->id < b->id;
}

static void sift_down(struct ctl_order *order, size_t at, size_t n)
{
	struct ctl_order_item *items = order->items, moved = items[at];

	for (;;) {
		size_t child = 2 * at + 1;

		if (child >= n)
			break;
		if (child + 1 < n && is_before(order, &items[child], &items[child + 1]))
			child++;
		if (!is_before(order, &moved, &items[child]))
			break;
		items[at] = items[child];
		at = child;
	}
	items[at] = moved;
}

static void make_heap(struct ctl_order *order)
{
	for (size_t i = order->n / 2; i--;)
		sift_down(order, i, order->n);
}

static uint64_t number_of(const struct ctl_order *order, const struct segreg_info *info)
{
	uint64_t bytes;

	switch (order->by) {
	case CTL_ORDER_AGE:
		return (uint64_t)info->registered_at;
	case CTL_ORDER_RETIRED:
		return info->retired_at ? (uint64_t)info->retired_at : UINT64_MAX;
	case CTL_ORDER_PINS:
		return ~info->pins;
	case CTL_ORDER_ATTEMPTS:
		return ~(uint64_t)info->attempts;
	case CTL_ORDER_BYTES:
		return tool_measure_segment(segreg_base_path(order->ctl->reg), info, &bytes) ? ~bytes : UINT64_MAX;
	default:
		return info->id;
	}
}

static bool append(struct ctl_order *order, const struct ctl_order_item *item)
{
	if (order->n == order->room) {
		size_t room = order->room ? 2 * order->room : 256;
		void *more = reallocarray(order->items, room, sizeof *order->items);

		if (!more)
			return false;
		order->items = more;
		order->room = room;
	}
	order->items[order->n++] = *item;
	if (order->n == order->limit)
		make_heap(order);
	return true;
}

/* Take the place of the last of the first, or be dropped. */
static void replace(struct ctl_order *order, struct ctl_order_item *item)
{
	struct ctl_order_item last = order->items[0];

	if (is_before(order, item, &last)) {
		order->items[0] = *item;
		sift_down(order, 0, order->n);
		*item = last;
	}
	if (order->by == CTL_ORDER_PATH)
		free(item->key.path);
}

bool ctl_order_add(struct ctl_order *order, const struct segreg_info *info)
{
	struct ctl_order_item item = { .id = info->id };

	if (order->by == CTL_ORDER_PATH) {
		item.key.path = strdup(info->path);
		if (!item.key.path)
			return false;
	} else {
		item.key.number = number_of(order, info);
	}
	if (order->limit && order->n == order->limit) {
		replace(order, &item);
		return true;
	}
	if (append(order, &item))
		return true;
	if (order->by == CTL_ORDER_PATH)
		free(item.key.path);
	return false;
}

void ctl_order_sort(struct ctl_order *order)
{
	make_heap(order);
	for (size_t n = order->n; n > 1; n--) {
		struct ctl_order_item last = order->items[0];

		order->items[0] = order->items[n - 1];
		order->items[n - 1] = last;
		sift_down(order, 0, n - 1);
	}
}

void ctl_order_free(struct ctl_order *order)
{
	for (size_t i = 0; order->by == CTL_ORDER_PATH && i < order->n; i++)
		free(order->items[i].key.path);
	free(order->items);
}
