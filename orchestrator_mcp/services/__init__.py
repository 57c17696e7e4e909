"""What one can do: one function per verb, `workspace` first — read, think, write."""
