"""The databases: their migrations, the way there and the way back."""
