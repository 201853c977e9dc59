from rich.console import Console
def print_record(d, console: Console): pass
