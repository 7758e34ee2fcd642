"""The parts of the audit log: tree, notes, entries and verification read alone; the others write.

`merkle`, `note`, `entry`, `wal`, `reading` and `verification` are what an auditor needs, and nothing of them writes.

Spec: specs/profile-audit.md.
"""
