"""What is written: the models of every line and document, and the table of where each one lives."""
