"""The launcher's modules."""
