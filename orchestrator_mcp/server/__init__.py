"""The face that agents see: the MCP stdio server."""
