"""The laptop deployment: local servers that Google's own client libraries talk to, and the stack that runs them.

For rehearsal, demonstration and tests. No part of it is offered for production: it binds to 127.0.0.1 only,
checks no credentials, and scales to one machine.
"""
