"""The demonstration: the whole chain on this machine, on real data, told as it happens."""
