"""Where it lives: disk, locks, environment and clock. Nothing above this package opens a path."""
