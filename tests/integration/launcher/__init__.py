"""The launcher as it runs in an app: real git, real node, real visitors."""
