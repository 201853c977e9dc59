"""The records of test doubles are as they were before each replay."""

import gc
from unittest import mock

from leakcheck.pytest_plugin.mocks import MockCalls


def test_what_was_noted_before_stays_and_what_a_replay_adds_goes() -> None:
    # GIVEN a double that was called already
    double = mock.Mock()
    double.send("before")
    doubles = MockCalls()
    assert doubles
    # WHEN it is called in the first replay and in the next ones, and reset in between
    double.send("first")
    doubles.first_replay_ended()
    for replay in range(3):
        assert double.mock_calls == [mock.call.send("before")]
        assert double.send.call_count == 1
        double.send(replay)
        if replay == 1:
            double.reset_mock()
            double.send("anew")
        doubles.restore()
    # THEN it knows what it knew
    double.send.assert_called_once_with("before")
    assert double.send.call_args == mock.call("before")
    # AND what the first one left, where that was the test's run
    doubles.restore_first_replay()
    assert double.mock_calls == [mock.call.send("before"), mock.call.send("first")]
    assert double.send.call_count == 2


def test_what_a_later_replay_has_a_double_make_is_blank_for_the_next_one() -> None:
    double = mock.MagicMock()
    doubles = MockCalls()
    doubles.first_replay_ended()
    for _ in range(3):
        double.open("file").read()
        double.open.assert_called_once_with("file")
        double.open.return_value.read.assert_called_once_with()
        doubles.restore()
    assert double.mock_calls == []
    assert double.open.return_value.mock_calls == []


def test_of_ever_new_attributes_a_hundred_are_kept() -> None:
    double = mock.Mock()
    doubles = MockCalls()
    doubles.first_replay_ended()
    for number in range(200):
        getattr(double, f"call_{number}")
        doubles.restore()
    kept = [name for name in vars(double)["_mock_children"] if name.startswith("call_")]
    assert kept == [f"call_{number}" for number in range(100)]


def test_an_answer_that_each_replay_makes_anew_goes_with_the_next_one() -> None:
    class Answer(mock.MagicMock):
        """One that can be counted."""

    double = mock.Mock()
    doubles = MockCalls()
    double.return_value = Answer()
    doubles.first_replay_ended()
    for _ in range(20):
        double.return_value = Answer()
        double().read().close()
        double.return_value.read.assert_called_once_with()
        doubles.restore()
    gc.collect()
    # those of the first replay and of the last one
    assert sum(isinstance(one, Answer) and "read" in vars(one)["_mock_children"] for one in gc.get_objects()) == 1


def test_doubles_that_answer_each_other_are_gone_through_once() -> None:
    query = mock.MagicMock()
    doubles = MockCalls()
    doubles.first_replay_ended()
    for _ in range(3):
        late = mock.MagicMock()
        query.all.return_value, query.filter.return_value, late.all.return_value = query, late, query
        late.filter.return_value = late
        query.all().filter(1).filter(2).all()
        query.filter.assert_called_once_with(1)
        late.filter.assert_called_once_with(2)
        doubles.restore()
    assert query.mock_calls == []
