"""The workers: a file for each deployed function, and its steps. A worker takes an event and the ports it names."""
