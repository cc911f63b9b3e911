"""The validator: reads a dataset once, in bounded memory, and tells every fault by file and line."""
