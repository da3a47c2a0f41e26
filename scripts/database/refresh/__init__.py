"""Refresh: a masked copy of one environment for another."""
