"""THE ONLY DOOR to the operating system: argv, own process group, time-out, clean environment."""
