"""Adopting a database that stands already: which files of the migrations it has, and its history."""
