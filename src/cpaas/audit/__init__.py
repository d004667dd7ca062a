"""The audit log: written by triggers, sealed by a hash chain, read by people."""
