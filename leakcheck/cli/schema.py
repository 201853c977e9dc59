"""`leakcheck schema`: the JSON Schema of the run document."""


def schema() -> None:
    """Print the JSON Schema of run.json, for whoever reads it with other tools.

    [bold]Example[/bold]

      leakcheck schema > leakcheck.run.schema.json
    """
    import json

    from leakcheck import store

    print(json.dumps(store.run_schema(), indent=2))
