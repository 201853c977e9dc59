"""What is read between windows: live bytes, counted resources; and how a process is brought to rest."""
