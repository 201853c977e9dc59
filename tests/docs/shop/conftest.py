"""With this file here, pytest finds the shop."""
