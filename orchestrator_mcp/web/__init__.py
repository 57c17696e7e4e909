"""Web faces, which stand beside the server and the command line."""
