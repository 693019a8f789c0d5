/* SPDX-License-Identifier: MIT */
/*
 * guest_vault.h - the rig's subject that is ours: a room of kind LAB_ROOM_VAULT with required guarantees.
 *
 * What it promises is asked of the room itself (lab_room_guarantees()); it must be at least what was required.
 */
#ifndef GUEST_VAULT_H
#define GUEST_VAULT_H

#include <labyrinth/user.h>
#include <labyrinth/vault.h>

#define VAULT_USUAL (LAB_LOCKED | LAB_PINNED | LAB_NODUMP | LAB_NOFORK | LAB_GUARDED | LAB_SHREDDED)

static struct labyrinth *vault;
static uint32_t vault_promises;

static inline void vault_make(size_t pages, uint32_t required, enum lab_vault_memory memory)
{
	struct lab_user_room room = { .name = "secrets", .kind = LAB_ROOM_VAULT, .zone = LAB_ZONE_OWN, .size = pages * 4096,
				      .guarantees = required, .vault_memory = memory };
	struct lab_user_spec spec = { .birth = LAB_ARMED, .rooms = &room, .room_count = 1 };
	char error[LAB_ERROR_TEXT];

	if (lab_user_open(&spec, &vault, error))
		broken("%s", error);
	vault_promises = lab_room_guarantees(vault, 0);
	if ((vault_promises & required) != required)
		broken("the room says %#x and not %#x", vault_promises, required);
}

static inline void vault_open(size_t pages)
{
	vault_make(pages, VAULT_USUAL, LAB_VAULT_ANONYMOUS);
}

static inline void vault_open_secret(size_t pages)
{
	vault_make(pages, VAULT_USUAL | LAB_SHREDDED_KILLED, LAB_VAULT_SECRET);
}

static inline void *vault_take(void)
{
	struct lab_request request = LAB_REQUEST(LAB_GFP_ATOMIC | LAB_EXCLUSIVE, 0);
	struct lab_page *page;

	request.room = 0;
	page = lab_alloc_request(vault, &request, NULL);
	if (lab_is_err(page))
		broken("a page of the vault is refused: %d", lab_ptr_err(page));
	return lab_page_address(vault, page);
}

static inline void vault_give(void *address)
{
	int error = lab_free_as(vault, lab_address_page(vault, address), 0, LAB_OWNER_EXCLUSIVE, 0);

	if (error)
		broken("a free is refused: %d", error);
}

static inline size_t vault_panic(void)
{
	return (size_t)lab_panic_shred(vault);
}

#endif
