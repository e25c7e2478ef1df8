"""The rooms' names."""

from typing import Final

INVENTORY_UPDATES: Final = "inventory:updates"
ADMIN_DASHBOARD: Final = "admin:dashboard"


def user_room(user_id: str) -> str:
    """Room of all of a user's sessions; each session is in it from the start."""
    return f"user:{user_id}"


def orders_room(user_id: str) -> str:
    """Room of those who follow a user's orders."""
    return f"orders:{user_id}"


def product_room(product_id: str) -> str:
    """Room of those who follow one product."""
    return f"product:{product_id}"
