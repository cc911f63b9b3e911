"""Pages over the ledger, for people."""
