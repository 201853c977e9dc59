"""Run in a process of its own: executes Python blocks, one after the other, in one namespace.

A line of JSON comes in for each block (its page, line, text and folder) and one goes out: what it wrote, or
the traceback of what it raised, with the page's own line numbers.
"""

import contextlib
import io
import json
import os
import sys
import traceback


def _execute(block: dict[str, str], namespace: dict[str, object]) -> dict[str, object]:
    os.chdir(block["folder"])
    sys.path[0] = block["folder"]
    written = io.StringIO()
    raised = False
    with contextlib.redirect_stdout(written), contextlib.redirect_stderr(written):
        try:
            # empty lines before it, so that a traceback counts as the page does
            exec(compile("\n" * (int(block["line"]) - 1) + block["text"], block["page"], "exec"), namespace)
        except BaseException:
            raised = True
            traceback.print_exc()
    return {"raised": raised, "output": written.getvalue()}


def main() -> None:
    """Execute blocks until there are no more."""
    namespace: dict[str, object] = {"__name__": "__page__"}
    for line in sys.stdin:
        print(json.dumps(_execute(json.loads(line), namespace)), flush=True)


if __name__ == "__main__":
    main()
