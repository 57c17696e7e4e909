"""The face that people see: the command line."""
