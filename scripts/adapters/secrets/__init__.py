"""Where values come from, what is published, and what hosts know of them."""
