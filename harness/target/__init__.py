"""The lending service under test: its accounts, its ledger, its answers, its health."""
