"""What is read between windows, live bytes and counted resources, and how a process is settled before a reading."""
