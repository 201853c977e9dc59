"""`leakcheck django`: URLs of a project that knows nothing of leakcheck, replayed without a line of code."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import pytest

from leakcheck.model.errors import ExitCode
from leakcheck.model.verdict import Verdict
from leakcheck.storage import run_file
from leakcheck.worker.django.urls import TAKES_ARGUMENT
from tests.live.command import LONGEST_SECONDS, Leakcheck
from tests.live.sites import copy_of, replay


@pytest.fixture
def shop(leakcheck: Leakcheck) -> Leakcheck:
    """The command, in a copy of the shop."""
    copy_of("shop", leakcheck)
    return leakcheck


def test_all_urls_without_an_argument_are_replayed_and_ranked(shop: Leakcheck) -> None:
    ran = replay(shop, "django", "--all", "--calls=1600")

    by_id = {result.id: result for result in ran.document.results}
    leaks = {name for name, result in by_id.items() if result.verdict is Verdict.LEAK}
    failed = {name for name, result in by_id.items() if result.failure is not None}
    assert leaks == {"GET /visits/", "GET /remember/"}
    assert by_id["GET /cached/"].verdict is Verdict.BOUNDED
    assert failed == {"GET /broken/", "GET /tired/"}
    clean = {
        "GET /",
        "GET /stream/",
        "GET /old/",
        "GET /wait/",
        "GET /page/",
        "GET /en/help/",
        "GET /catalogue/chunks/",
    }
    assert {by_id[name].verdict for name in clean} == {Verdict.CLEAN}
    assert list(by_id)[2:4] == ["GET /remember/", "GET /visits/"], "after what failed, what grows most comes first"
    left_out = {one.request: one.reason for one in ran.document.skipped_requests}
    assert left_out == {
        "GET /account/": "requires a login: pass --user NAME or --superuser",
        "GET /order/": "does not accept GET, only POST: name it, as in POST:/path/",
        "GET /catalogue/<int:number>/": TAKES_ARGUMENT,
        "GET /^archive/(?P<year>[0-9]{4})/$": TAKES_ARGUMENT,
        "GET /logout/": "ends the session",
    }
    assert "Skipped (ends the session): GET /logout/" in ran.output
    assert ran.code == ExitCode.SCENARIO_FAILED


def test_samples_of_arguments_lead_to_the_urls_that_take_them(shop: Leakcheck) -> None:
    shop.write(
        "pyproject.toml",
        """
        [tool.leakcheck.django.arguments]
        number = 3
        slug = "green tea"

        [tool.leakcheck.django.arguments."shop:year"]
        year = 2024
        """,
    )
    shop.write(
        "shop/urls.py",
        """
        from django.http import HttpResponse
        from django.urls import include, path, re_path

        def view(request, **arguments):
            right = {"number": 3, "slug": "green tea", "year": "2024"}
            same = all(right[name] == value for name, value in arguments.items())
            return HttpResponse(status=200 if same and arguments else 418)

        def other(request, **arguments):
            return HttpResponse()

        inner = ([re_path(r"^(?P<year>[0-9]{4})/$", view, name="year"), path("<slug:slug>/", view)], "shop")
        urlpatterns = [
            path("100%/<int:number>/<str:slug>/", view),
            path("years/", include(inner)),
            path("<int:number>/", other),
            path("<uuid:number>/", view),
            path("<int:month>/none/", other),
        ]
        """,
    )
    ran = replay(shop, "django", "--all", "--calls=3", "--allow-inconclusive")

    names = {result.id: result.failure for result in ran.document.results}
    assert names == dict.fromkeys(["GET /100%25/3/green%20tea/", "GET /years/2024/", "GET /3/"])
    another = "takes another argument than the sample in [tool.leakcheck.django.arguments]"
    assert {one.request: one.reason for one in ran.document.skipped_requests} == {
        "GET /years/<slug:slug>/": another,  # a slug has no blank
        "GET /<uuid:number>/": another,
        "GET /<int:month>/none/": TAKES_ARGUMENT,
    }


def test_a_known_trap_is_told_with_its_remedy(shop: Leakcheck) -> None:
    ran = replay(shop, "django", "GET:/remember/", "GET:/", "--calls=1600", "--explain=auto")

    [advice] = ran["GET /remember/"].advice
    assert advice.trap == "a retained queryset retains all rows that it has loaded"
    assert "shop.views.PAGES" in advice.evidence
    assert ran["GET /"].advice == ()
    assert ": advice: a retained queryset retains all rows" in ran.output
    django = ran["GET /"].django
    assert django is not None
    assert (django.debug, django.vendors) == (False, frozenset({"sqlite"}))


def test_the_projects_own_database_is_never_touched(shop: Leakcheck) -> None:
    """GIVEN a database file that is none WHEN pages that read and write are replayed THEN it is as it was."""
    real = shop.folder / "shop.sqlite3"
    real.write_bytes(b"whoever opens this as a database fails")
    os.utime(real, (1, 1))

    ran = replay(shop, "django", "GET:/", "POST:/order/", "--data=product=Tea 1&amount=2", "--calls=60")

    assert [result.failure for result in ran.document.results] == [None, None]
    assert real.read_bytes() == b"whoever opens this as a database fails"
    assert real.stat().st_mtime == 1
    assert sorted(path.name for path in shop.folder.glob("*.sqlite3*")) == ["shop.sqlite3"]


def test_not_even_an_app_that_queries_when_it_is_ready_reaches_the_real_database(shop: Leakcheck) -> None:
    real = shop.folder / "shop.sqlite3"
    with sqlite3.connect(real) as connection:
        connection.execute("CREATE TABLE visits (number)")
    connection.close()
    before = real.read_bytes()
    shop.write(
        "shop/apps.py",
        """
        from django.apps import AppConfig

        class ShopConfig(AppConfig):
            name = "shop"

            def ready(self):
                from django.db import connection
                try:
                    connection.cursor().execute("INSERT INTO visits VALUES (1)")
                except Exception:
                    pass
        """,
    )

    ran = replay(shop, "django", "GET:/", "--calls=3")

    assert ran.result.failure is None
    assert real.read_bytes() == before


def test_what_calls_store_is_no_growth_of_memory(shop: Leakcheck) -> None:
    ran = replay(shop, "django", "POST:/order/", '--data={"product": "Tea 1", "amount": 2}', "--expect=201")

    assert ran.result.verdict is Verdict.CLEAN, ran.errors


@pytest.mark.parametrize("protocol", [(), ("--asgi",)])
def test_a_rolled_back_call_leaves_nothing_in_the_database(shop: Leakcheck, protocol: tuple[str, ...]) -> None:
    """WHEN each call is rolled back THEN no order of the call before is there."""
    shop.write(
        "shop/urls.py",
        """
        from django.http import HttpResponse
        from django.urls import path
        from shop.models import Order, Product

        def order(request):
            Order.objects.create(product=Product.objects.first(), amount=7)
            return HttpResponse(status=200 if Order.objects.filter(amount=7).count() == 1 else 418)

        urlpatterns = [path("order/", order)]
        """,
    )
    request = ("POST:/order/", *protocol, "--calls=20")

    kept = replay(shop, "django", *request)
    rolled_back = replay(shop, "django", *request, "--atomic")

    assert kept.result.failure is not None
    assert "418" in kept.result.failure.message
    assert kept.result.failure.call == 2
    assert rolled_back.result.failure is None


def test_asgi_replays_async_sync_and_streaming_views(shop: Leakcheck) -> None:
    ran = replay(shop, "django", "--asgi", "GET:/wait/", "GET:/stream/", "GET:/visits/", "--calls=1600")

    assert ran["GET /wait/"].verdict is Verdict.CLEAN, ran.output
    # threads of asgiref leave malloc's caches a little fuller for long: a stream that is not closed leaves 1000 bytes
    stream = ran["GET /stream/"]
    assert stream.verdict is not Verdict.LEAK, ran.output
    assert stream.growth is not None
    assert stream.growth.bytes_per_1000_calls < 100_000
    assert ran["GET /visits/"].verdict is Verdict.LEAK, ran.output


def test_a_chosen_user_is_logged_in(shop: Leakcheck) -> None:
    shop.write(
        "shop/urls.py",
        """
        from django.http import HttpResponse
        from django.urls import path

        def who(request, name):
            user = request.user
            right = {"ada": user.first_name == "Ada", "new": user.pk != 7, "chief": user.is_superuser}[name]
            return HttpResponse(status=200 if user.is_authenticated and right else 418)

        urlpatterns = [path("<str:name>/", who)]
        """,
    )
    loaded = replay(shop, "django", "GET:/ada/", "--user=ada", "--fixture=customers", "--calls=3")
    made = replay(shop, "django", "GET:/new/", "--user=grace", "--calls=3")
    superuser = replay(shop, "django", "GET:/chief/", "--superuser", "--no-migrate", "--calls=3")
    nobody = replay(shop, "django", "GET:/ada/", "--fixture=customers", "--calls=3")
    missing = replay(shop, "django", "GET:/ada/", "--fixture=nowhere", "--calls=3")

    assert [ran.result.failure for ran in (loaded, made, superuser)] == [None, None, None]
    assert nobody.result.failure is not None
    assert missing.result.failure is not None
    assert "--fixtures nowhere: " in missing.result.failure.message
    assert missing.code == ExitCode.USAGE


def test_mail_is_dropped_unless_it_is_wanted(shop: Leakcheck) -> None:
    dropped = replay(shop, "django", "GET:/tell/", "--calls=3")
    sent = replay(shop, "django", "GET:/tell/", "--calls=3", "--mail")

    assert dropped.result.failure is None
    assert sent.result.failure is not None
    assert "ConnectionRefusedError" in sent.result.failure.message


def test_a_failing_view_is_told_with_its_own_line(shop: Leakcheck) -> None:
    ran = replay(shop, "django", "GET:/broken/")

    assert ran.result.failure is not None
    assert ran.result.failure.message == "RuntimeError: the shelf fell down"
    assert "shop/views.py" in ran.result.failure.details


def test_an_expected_status_is_no_failure(shop: Leakcheck) -> None:
    ran = replay(shop, "django", "GET:/nowhere/", "--expect=404", "--calls=3")

    assert ran.result.failure is None


def test_a_url_that_leads_nowhere_names_close_ones(shop: Leakcheck) -> None:
    ran = replay(shop, "django", "GET:/catalog/chunk/")

    assert ran.result.failure is not None
    assert "no URL of shop.urls matches it; close to it are /catalogue/chunks/" in ran.result.failure.message
    assert ran.code == ExitCode.USAGE


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "pass either the requests to replay"),
        (("GET:/", "--all"), "pass either the requests to replay"),
        (("GET:/", "--settings=shop settings"), "not a module name"),
    ],
)
def test_a_command_that_cannot_be_understood_is_refused(shop: Leakcheck, arguments: tuple[str, ...], said: str) -> None:
    ran = replay(shop, "django", *arguments)

    assert said in ran.errors
    assert ran.code == ExitCode.USAGE


def test_settings_that_are_not_there_are_named(shop: Leakcheck) -> None:
    ran = replay(shop, "django", "GET:/", "--settings=shop.nowhere")

    assert ran.result.failure is not None
    assert "--settings shop.nowhere: there is no module 'shop.nowhere' here" in ran.result.failure.message


def test_manage_py_hands_everything_on(shop: Leakcheck, tmp_path_factory: pytest.TempPathFactory) -> None:
    """WHEN the command of the project is run from another folder THEN it is `leakcheck django` with its settings."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    said = ["GET:/old/", "--calls=3", "--no-peak", "--explain=never", f"--output={shop.output}"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("LEAKCHECK_", "DJANGO_"))}
    environment.pop("TZ", None)
    done = subprocess.run(
        [sys.executable, str(shop.folder / "manage.py"), "leakcheck", *said, "--allow-inconclusive"],
        cwd=elsewhere,
        env=environment,
        capture_output=True,
        text=True,
        timeout=LONGEST_SECONDS,
        check=False,
    )

    assert "GET /old/" in done.stdout, done.stderr
    assert done.returncode == ExitCode.WITHIN
    [document] = shop.output.glob("*/run.json")
    # Django sets the process's clock to its TIME_ZONE, which a run beside it does not have
    clock = subprocess.check_output(["date", "+%z"], env=environment, text=True).strip()
    assert f"{datetime.fromisoformat(run_file.load(document).started):%z}" == clock


def test_an_interrupted_run_leaves_no_database_behind(
    shop: Leakcheck, tmp_path_factory: pytest.TempPathFactory
) -> None:
    temporary = tmp_path_factory.mktemp("temporary")
    process = shop.start(
        "django", "GET:/", "--time=60", "--no-peak", f"--output={shop.output}", environment={"TMPDIR": str(temporary)}
    )
    end = time.monotonic() + LONGEST_SECONDS
    while not _databases(temporary) and time.monotonic() < end:
        time.sleep(0.02)
    assert _databases(temporary)

    process.send_signal(signal.SIGINT)
    ran = shop.finish(process)

    assert ran.code == ExitCode.INTERRUPTED
    assert list(temporary.iterdir()) == []


def test_an_interrupt_of_manage_py_ends_the_run_as_one_of_the_command_and_prints_no_traceback(shop: Leakcheck) -> None:
    environment = {**os.environ, "TMPDIR": str(shop.folder)}
    said = ["GET:/", "--time=60", "--no-peak", f"--output={shop.output}"]
    process = subprocess.Popen(
        [sys.executable, str(shop.folder / "manage.py"), "leakcheck", *said],
        cwd=shop.folder,
        env={name: value for name, value in environment.items() if not name.startswith(("LEAKCHECK_", "DJANGO_"))},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        end = time.monotonic() + LONGEST_SECONDS
        while not list(shop.output.glob("*/run.json")) and time.monotonic() < end:
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=LONGEST_SECONDS)
    finally:
        if process.poll() is None:
            process.kill()

    assert "Traceback" not in errors
    assert process.returncode == ExitCode.INTERRUPTED


def test_a_mistake_of_the_user_is_told_without_a_traceback(shop: Leakcheck) -> None:
    ran = replay(shop, "django", "GET:/", "--settings=shop.nowhere")

    assert ran.result.failure is not None
    assert ran.result.failure.details == ""
    assert "contextlib" not in ran.output


def _databases(folder: Path) -> list[Path]:
    return list(folder.glob("**/*.sqlite3"))
