"""The rules of the rooms, held by machine."""
