"""Independent implementations against ours, in both directions: what we write they read, and what they write we read."""
