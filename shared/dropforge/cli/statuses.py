"""Exit statuses beyond 0 (well), 1 (done, and something is not well) and 2 (it could not be done)."""

TIMED_OUT = 3
INTERRUPTED = 130  # as a shell has it
NOT_READ = 141  # as a shell has it when nobody reads the output any more
