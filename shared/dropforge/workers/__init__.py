"""The work: one file a function, each a function of an event and the ports it names."""
