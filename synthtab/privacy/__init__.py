"""Differential privacy: one ledger, real rows behind it, mechanisms, an audit."""
