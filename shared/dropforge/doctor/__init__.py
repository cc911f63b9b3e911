"""What a project lacks before its first drop, and the command that mends it: one file a subject."""
