"""A report in the forms that people read; the form that programs read is in `wire`."""
