"""The rules of the business: pure functions and frozen data. No network, no clock of its own, no Google library."""
