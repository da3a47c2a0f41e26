"""Setup: doctor, init, and the checks of the desk itself."""
