"""What the commands `inspect` and `verify` show: values and lines. Files, the clock and options are `__main__`'s."""
