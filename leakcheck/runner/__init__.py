"""The parent process: collect, schedule, measure, explain, save; it starts worker processes and survives them."""
