"""`leakcheck schema`: the JSON Schema of the run document."""


def schema() -> None:
    """Print the JSON Schema of run.json.

    [bold]Example[/bold]

      leakcheck schema > leakcheck.run.schema.json
    """
    import json

    from leakcheck.storage import run_file

    print(json.dumps(run_file.run_schema(), indent=2))
