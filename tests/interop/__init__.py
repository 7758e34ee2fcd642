"""Independent implementations against ours: what we write they read, and what they write we read."""
