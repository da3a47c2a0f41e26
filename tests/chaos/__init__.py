"""Death and bad weather, and what must hold afterwards."""
