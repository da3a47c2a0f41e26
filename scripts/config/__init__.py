"""Typed settings, the parser of `pipeline.toml`, env files, and the desk that tasks work with."""
