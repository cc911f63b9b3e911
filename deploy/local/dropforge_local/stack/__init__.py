"""The laptop stack: every local server and every function as a process of its own, started, watched and stopped together."""
